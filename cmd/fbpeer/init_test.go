package main

import (
	"os"
	"strings"
	"testing"

	"fbpeer/config"
)

// TestInitAsks: on a terminal, what was not given, with a proposal where there is one; told everything, nothing.
func TestInitAsks(t *testing.T) {
	t.Chdir(t.TempDir())
	a, stdout, stderr := testApp("\n 10.0.0.2 \n\n\nkeys/alice.key\n", true)
	if err := a.initParty(newIni{id: "alice"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"address where the others dial its MP-SPDZ: ", "port that its MP-SPDZ binds [14000]: ",
		"file of its certificate [alice.pem]: ", "file of its private key [alice.key]: ", "Next: make key and certificate: fbpeer cert generate\n"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("no %q in %q", want, stderr)
		}
	}
	if strings.Contains(stderr.String(), "name of this party") || stdout.String() != "wrote fbpeer.ini for alice\n" {
		t.Errorf("%q, %q", stderr, stdout)
	}
	c, err := config.Load(config.Selector{Config: "fbpeer.ini", Getenv: noEnvironment})
	if err != nil {
		t.Fatal(err)
	}
	if c.Component.Endpoint.String() != "10.0.0.2:14000" || !strings.HasSuffix(c.Component.PrivateKey, "/keys/alice.key") {
		t.Errorf("%+v", c.Component)
	}

	if err := os.Remove("fbpeer.ini"); err != nil {
		t.Fatal(err)
	}
	full := newIni{id: "alice", ip: "10.0.0.2", port: "14000", certificate: "a.pem", key: "a.key"}
	a, _, stderr = testApp("", true)
	if err := a.initParty(full); err != nil || strings.Contains(stderr.String(), "[") {
		t.Errorf("%v, %q", err, stderr)
	}
	for _, test := range []struct {
		typed string
		tty   bool
		n     newIni
		code  int
		says  string
	}{
		{"", false, newIni{id: "bob"}, exitUsage, "a plain party needs --ip, --port, --certificate, --private-key too"},
		{"10.0.0.2\n", true, newIni{id: "bob"}, exitFailed, "no answer; nothing was written"},
		{"", false, newIni{id: "bob", ip: "x", port: "70000", certificate: "a", key: "b"}, exitUsage, `--port: "70000" is not a port (1 to 65535)`},
		{"", false, full, exitUsage, "fbpeer.ini is there already, and nothing is overwritten: file already exists"},
	} {
		a, stdout, _ := testApp(test.typed, test.tty)
		err := a.initParty(test.n)
		if code, _ := outcome(err); code != test.code || err == nil || err.Error() != test.says || stdout.Len() > 0 {
			t.Errorf("exit %d, %v, want %s", code, err, test.says)
		}
	}
}
