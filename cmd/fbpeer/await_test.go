package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// TestAwait: what `run` waits for, in the order in which a container's parts come.
func TestAwait(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "etc", "config-n1.ini")
	local := false
	w := &await{
		selector: config.Selector{Component: "config-n1.ini", WorkDir: root, Getenv: noEnvironment, Environ: []string{}, ForRun: true},
		joins:    true, local: func(c *config.Config) (string, bool) { return c.Component.Endpoint.Host(), local },
	}
	expect := func(what string, now time.Time, want string) {
		t.Helper()
		if got := w.next(now); got != want && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: %q", what, got)
		}
	}
	const missing, rest, address = "a component's configuration: etc/config-n1.ini or ", "the rest of", "the address 10.221.0.2 of mpspdz_ip"
	expect("nothing is there", noon, missing)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect("the first moment of its writing", noon.Add(time.Minute), rest)
	expect("later", noon.Add(time.Minute+awaitWhole-time.Second), rest)
	expect("broken for good: who reads it next says why", noon.Add(time.Minute+awaitWhole), "")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	expect("gone again", noon.Add(2*time.Minute), missing)
	if _, err := fedbiomed.Create(rand.Reader, root, mpspdz.Node, "config-n1.ini", "10.221.0.2", 14001, noon); err != nil {
		t.Fatal(err)
	}
	expect("without the VPN", noon.Add(3*time.Minute), address)
	w.joins = false
	expect("no federation: an address would not help", noon.Add(3*time.Minute), "")
	w.joins, local = true, true
	expect("all is there", noon.Add(4*time.Minute), "")

	// What was there from the beginning and is broken is not waited for.
	if err := os.WriteFile(file, []byte("[default]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = &await{selector: w.selector, joins: true, local: w.local}
	expect("broken from the beginning", noon, "")
}
