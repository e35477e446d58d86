package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// TestAwaitConfiguration: a container's parts in the order in which they come.
func TestAwaitConfiguration(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "etc", "config-n1.ini")
	s := config.Selector{Component: "config-n1.ini", WorkDir: root, Getenv: noEnvironment, Environ: []string{}, ForRun: true}
	w := &awaited{selector: s}
	expect := func(what string, now time.Time, want string) {
		t.Helper()
		if got := w.next(now); got != want && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: %q", what, got)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const missing, rest = "a component's configuration: etc/config-n1.ini or ", "the rest of the component's configuration: etc/config-n1.ini: "
	expect("nothing is there", noon, missing)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	write("")
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
	expect("all is there", noon.Add(3*time.Minute), "")
	write("[default]\n")
	w = &awaited{selector: s}
	expect("broken from the beginning", noon, "")
}

func TestMissingAddress(t *testing.T) {
	root := t.TempDir()
	for name, ip := range map[string]string{"config-n1.ini": "10.221.0.2", "config-n2.ini": "localhost"} {
		if _, err := fedbiomed.Create(rand.Reader, root, mpspdz.Node, name, ip, 0, noon); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, component, listen, has string
		ok                           bool
	}{
		{"not there yet", "config-n1.ini", "", "172.30.0.1", false},
		{"there", "config-n1.ini", "", "10.221.0.2", true},
		{"told where to listen", "config-n1.ini", ":4100", "172.30.0.1", true},
		{"localhost", "config-n2.ini", "", "172.30.0.1", true},
	} {
		c, err := config.Load(config.Selector{Component: test.component, WorkDir: root, Getenv: noEnvironment, Environ: []string{},
			Overrides: map[string]string{"agent.listen": test.listen}})
		if err != nil {
			t.Fatal(err)
		}
		what := missingAddress(c, func(addr netip.Addr) bool { return addr.String() == test.has })
		if (what == "") != test.ok || !test.ok && !strings.HasPrefix(what, "the address 10.221.0.2 of mpspdz_ip") {
			t.Errorf("%s: %q", test.name, what)
		}
	}
}

// TestAwaitSaysOnce: each thing once, and the context ends it.
func TestAwaitSaysOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, stderr := waitingApp()
		things := []string{"one", "one", "two", "one", ""}
		if err := a.await(t.Context(), func() string { what := things[0]; things = things[1:]; return what }); err != nil {
			t.Error(err)
		}
		if got := stderr.String(); got != "fbpeer: waiting for one\nfbpeer: waiting for two\n" {
			t.Errorf("said %q", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := a.await(ctx, func() string { return "for ever" }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
