package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInit: every setting of a Fed-BioMed component, at the value that it has without the file.
func TestInit(t *testing.T) {
	root := oneComponent(t)
	load := func(s Selector) *Config {
		t.Helper()
		s.Getenv, s.ForRun = env(), true
		if s.WorkDir == "" {
			s.WorkDir = root
		}
		c, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := load(Selector{})
	path, err := before.Init()
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(root, "var", "fbpeer", nodeID)
	if path != filepath.Join(state, "fbpeer.ini") {
		t.Error(path)
	}
	if got, want := strings.ReplaceAll(read(t, path), nodeID, "ID"), read(t, filepath.Join("testdata", "fedbiomed.ini")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	after := load(Selector{})
	for i, s := range after.Settings {
		if s.Name != before.Settings[i].Name || s.Value != before.Settings[i].Value {
			t.Errorf("%v, not %v", s, before.Settings[i])
		}
	}
	if len(after.Warnings) != len(before.Warnings) || after.State != before.State || after.Lock != before.Lock {
		t.Errorf("%v, %s", after.Warnings, after.State)
	}
	if c := load(Selector{State: state}); c.Component.ID != nodeID || c.State != state {
		t.Errorf("--state: %s in %s", c.Component.ID, c.State)
	}
	_, err = after.Init()
	expect(t, err, root, "var/fbpeer/"+nodeID+"/fbpeer.ini is there already, and nothing is overwritten: file already exists",
		"edit it, or move it away first")

	// The root moves, as into a container.
	moved := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(root, moved); err != nil {
		t.Fatal(err)
	}
	if c := load(Selector{WorkDir: moved}); c.Component.ID != nodeID {
		t.Errorf("%v", c)
	}
}

func TestInitParty(t *testing.T) {
	root, complete := t.TempDir(), read(t, filepath.Join("testdata", "party.ini"))
	t.Chdir(root)
	p := NewParty{ID: "alice", IP: "10.0.0.2", Port: 14000, Certificate: "alice.pem", PrivateKey: "alice.key"}
	if err := InitParty("fbpeer.ini", p); err != nil {
		t.Fatal(err)
	}
	if got := read(t, "fbpeer.ini"); strings.Replace(got, "10.0.0.2", "localhost", 1) != complete {
		t.Errorf("not as CreateParty writes it:\n%s", got)
	}
	c := loadWithoutPair(t, root)
	if certificate, key := c.Exists(); certificate || key || c.Component.Endpoint.String() != "10.0.0.2:14000" {
		t.Errorf("%+v", c.Component)
	}
	expect(t, InitParty("fbpeer.ini", p), root, "fbpeer.ini is there already, and nothing is overwritten: file already exists",
		"edit it, or move it away first")

	// Elsewhere, with files in a folder beside.
	write(t, filepath.Join(root, "Player-Data", "P0.pem"), "")
	write(t, filepath.Join(root, "site", "keep"), "")
	p.Certificate, p.PrivateKey = filepath.Join("Player-Data", "P0.pem"), filepath.Join(root, "Player-Data", "P0.key")
	if err := InitParty(filepath.Join("site", "fbpeer.ini"), p); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Selector{Config: filepath.Join("site", "fbpeer.ini"), WorkDir: root, Getenv: env()})
	if err != nil {
		t.Fatal(err)
	}
	if certificate, key := c.Exists(); !certificate || key || c.Component.PrivateKey != filepath.Join(root, "Player-Data", "P0.key") {
		t.Errorf("%+v", c.Component)
	}
	if text := read(t, filepath.Join(root, "site", "fbpeer.ini")); !strings.Contains(text, "certificate = ../Player-Data/P0.pem\n") {
		t.Error(text)
	}

	for _, bad := range []struct {
		change  func(*NewParty)
		problem string
	}{
		{func(p *NewParty) { p.ID = "NODE_x" }, `"NODE_x" looks like the id of a Fed-BioMed component`},
		{func(p *NewParty) { p.IP = "::1" }, `"::1" is IPv6, which MP-SPDZ cannot use: give an IPv4 address or a host name`},
		{func(p *NewParty) { p.PrivateKey = p.Certificate }, "alice.pem is named for both the private key and the certificate"},
		{func(p *NewParty) { p.Certificate = "a\nlabel = x" }, `"a\nlabel = x" cannot be written into an fbpeer.ini`},
	} {
		p := NewParty{ID: "alice", IP: "10.0.0.2", Port: 14000, Certificate: "alice.pem", PrivateKey: "alice.key"}
		bad.change(&p)
		var refusal *Error
		if err := InitParty("new.ini", p); !errors.As(err, &refusal) || err.Error() != bad.problem || refusal.Hint == "" {
			t.Errorf("got %v, want %s", err, bad.problem)
		}
	}
	if _, err := os.Stat("new.ini"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refusal left a file")
	}
}
