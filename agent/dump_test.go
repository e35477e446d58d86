package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fbpeer/agent/api"
	"fbpeer/fedbiomed"
)

func dump(s api.Snapshot) string {
	short := struct {
		Peers    []string
		Set      *api.Set
		NoSet    *api.Warning
		Warnings []api.Warning
		Rows     int
	}{nil, s.Set, s.NoSet, s.Warnings, s.Rows}
	for _, p := range s.Peers {
		short.Peers = append(short.Peers, fmt.Sprintf("%s %s %s %v %v", p.Component, p.State, p.Endpoint, p.Changes, p.Warnings))
	}
	data, err := json.MarshalIndent(short, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func replaceOnce(t *testing.T, text, old, new string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q stands %d times in %q", old, strings.Count(text, old), text)
	}
	return strings.Replace(text, old, new, 1)
}

// ipFile reads the ip file in force; empty if none is.
func ipFile(t *testing.T, playersDir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(playersDir, "current", "ip_addresses"))
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rows reads the components in a registry, with their addresses.
func rows(t *testing.T, database string) map[string]string {
	t.Helper()
	list, err := fedbiomed.OpenRegistry(database, filepath.Join(t.TempDir(), "intent")).Rows()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, row := range list {
		found[row.Component] = row.IP + ":" + row.Port
	}
	return found
}

func warned(list []api.Warning, code string) bool {
	for _, w := range list {
		if w.Code == code {
			return true
		}
	}
	return false
}

// previousOf is the member that a line of the log carries after previous (nil: none).
func previousOf(previous []byte) string {
	sum := sha256.Sum256(previous)
	return `"previous":"` + hex.EncodeToString(sum[:]) + `"`
}
