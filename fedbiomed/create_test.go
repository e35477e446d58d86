package fedbiomed

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"fbpeer/mpspdz"
)

// TestCreate makes a researcher and two nodes in an empty folder and compares with what v5.2.0 leaves.
func TestCreate(t *testing.T) {
	root := filepath.Join(t.TempDir(), "deep", "root")
	now := time.Now()
	for i, made := range []struct {
		role      mpspdz.Role
		name, old string
	}{
		{mpspdz.Researcher, "config_researcher.ini", researcherID},
		{mpspdz.Node, "config-n1.ini", node1ID},
		{mpspdz.Node, "config-n2.ini", node2ID},
	} {
		path, err := Create(rand.Reader, root, made.role, "", "", 0, now)
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(root, "etc", made.name); path != want {
			t.Fatalf("made %s, want %s", path, want)
		}
		c, err := Load(path, env())
		if err != nil {
			t.Fatal(err)
		}
		got, want := read(t, path), read(t, filepath.Join("testdata", "clone", "etc", made.name))
		if got := strings.ReplaceAll(got, c.ID, made.old); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if got, want := read(t, filepath.Join(root, "etc", "port_increment")), []string{"14000", "14001", "14002"}[i]; got != want {
			t.Errorf("port_increment %q, want %q", got, want)
		}
		if got := read(t, c.Database); got != "" {
			t.Errorf("the database holds %q", got)
		}
		for file, want := range map[string]fs.FileMode{path: 0o644, c.PrivateKey: 0o600, c.Certificate: 0o644, c.Database: 0o644} {
			if info, err := os.Stat(file); err != nil || info.Mode() != want {
				t.Errorf("%s: %v, want %v (%v)", file, info.Mode(), want, err)
			}
		}
		checkPair(t, c.Certificate, c.PrivateKey, "*", c.ID)
		if made.role == mpspdz.Researcher {
			certs := filepath.Dir(c.Certificate)
			checkPair(t, filepath.Join(certs, "server_certificate.pem"), filepath.Join(certs, "server_certificate.key"), "localhost", c.ID)
		}
	}
	if components, skipped, err := Find(root); len(components) != 3 || len(skipped) != 0 || err != nil {
		t.Error(components, skipped, err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func checkPair(t *testing.T, certificate, key, name, organization string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	c := pair.Leaf
	if c.Subject.CommonName != name || len(c.Subject.Organization) != 1 || c.Subject.Organization[0] != organization ||
		c.Version != 3 || len(c.Extensions) != 0 || c.SignatureAlgorithm != x509.SHA256WithRSA {
		t.Errorf("%s: %v, version %d, extensions %v, %v", certificate, c.Subject, c.Version, c.Extensions, c.SignatureAlgorithm)
	}
}

func TestCreateChooses(t *testing.T) {
	root := copyClone(t)
	etc := filepath.Join(root, "etc")
	create := func(name, ip string, port uint16) *Component {
		t.Helper()
		path, err := Create(rand.Reader, root, mpspdz.Node, name, ip, port, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, env())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := create("", "", 0); filepath.Base(c.File) != "config-n3.ini" || c.Endpoint.String() != "localhost:14003" {
		t.Errorf("%s %s", c.File, c.Endpoint)
	}
	// A port set by hand is not given out again, and a port that was asked for leaves the counter alone.
	if c := create("mine.ini", "Hospital-A.example", 15000); c.Endpoint.String() != "hospital-a.example:15000" {
		t.Error(c.Endpoint)
	}
	if got := read(t, filepath.Join(etc, "port_increment")); got != "14003" {
		t.Errorf("port_increment %q", got)
	}
	if c := create("", "", 0); c.Endpoint.Port() != 15001 {
		t.Error(c.Endpoint)
	}
}

func TestCreateRefuses(t *testing.T) {
	tests := []struct {
		name          string
		prepare       func(etc string)
		role          mpspdz.Role
		file, ip      string
		port          uint16
		problem, hint string // with ROOT for the root
	}{
		{"there already", nil, mpspdz.Researcher, "", "", 0,
			"ROOT/etc/config_researcher.ini: it is there already, and nothing is overwritten", "choose another --name, or move the file away"},
		{"a path for a name", nil, mpspdz.Node, "../n1.ini", "", 0,
			`ROOT/etc: "../n1.ini" is not a name for a configuration`, "letters, digits, '.', '_' and '-', ending in .ini, as in config-n1.ini"},
		{"not an .ini", nil, mpspdz.Node, "n1", "", 0,
			`ROOT/etc: "n1" is not a name for a configuration`, "letters, digits, '.', '_' and '-', ending in .ini, as in config-n1.ini"},
		{"bad address", nil, mpspdz.Node, "", "::1", 0,
			`ROOT/etc/config-n3.ini: [mpspdz] mpspdz_ip: "::1" is IPv6, which MP-SPDZ cannot use: give an IPv4 address or a host name`, "give an IPv4 address or a host name"},
		{"no port left", func(etc string) { edit(t, filepath.Join(etc, "config-n2.ini"), "14002", "65535") }, mpspdz.Node, "", "", 0,
			"ROOT/etc: no port is left above 65535", "give --port"},
		{"counter is a folder", func(etc string) {
			remove(t, filepath.Join(etc, "port_increment"))
			write(t, filepath.Join(etc, "port_increment", "x"), "")
		}, mpspdz.Node, "", "", 0, "ROOT/etc/port_increment: is a directory", "give another --root, or mend this one"},
		{"no folder for databases", func(etc string) {
			remove(t, filepath.Join(etc, "..", "var"))
			write(t, filepath.Join(etc, "..", "var"), "")
		}, mpspdz.Node, "", "", 0, "ROOT/var: not a directory", "give another --root, or mend this one"},
		{"no folder for certificates", func(etc string) {
			write(t, filepath.Join(etc, "..", "var", "fbpeer", "create.lock"), "")
			remove(t, filepath.Join(etc, "certs"))
			write(t, filepath.Join(etc, "certs"), "")
		}, mpspdz.Node, "", "", 0, "ROOT/etc/certs/cert_NODE_ID: not a directory", "give another --root, or mend this one"},
		{"broken counter", func(etc string) { write(t, filepath.Join(etc, "port_increment"), "many") }, mpspdz.Node, "", "", 0,
			`ROOT/etc/port_increment: "many" is not a port (1 to 65535)`, "write the last port given out, as in 14002, or give --port"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := copyClone(t)
			if test.prepare != nil {
				test.prepare(filepath.Join(root, "etc"))
			}
			before := listing(t, root)
			_, err := Create(rand.Reader, root, test.role, test.file, test.ip, test.port, time.Now())
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			got := regexp.MustCompile("NODE_[0-9a-f-]{36}").ReplaceAllString(strings.ReplaceAll(e.Error(), root, "ROOT"), "NODE_ID")
			if got != test.problem || e.Hint != test.hint {
				t.Errorf("got  %s (%s)\nwant %s (%s)", got, e.Hint, test.problem, test.hint)
			}
			if after := listing(t, root); !reflect.DeepEqual(before, after) {
				t.Errorf("before %v\nafter  %v", before, after)
			}
		})
	}
	if _, err := Create(rand.Reader, t.TempDir(), mpspdz.PlainParty, "", "", 0, time.Now()); err == nil {
		t.Error("Fed-BioMed has no plain parties")
	}
}

// TestCreateConcurrently: no two components of a root get one name or port, and each of them is whole.
func TestCreateConcurrently(t *testing.T) {
	root := t.TempDir()
	var creates sync.WaitGroup
	for range 6 {
		creates.Go(func() {
			if _, err := Create(rand.Reader, root, mpspdz.Node, "", "", 0, time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	creates.Wait()
	for i := range 6 {
		c, err := Load(filepath.Join(root, "etc", fmt.Sprintf("config-n%d.ini", i+1)), env())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := c.Endpoint.String(), fmt.Sprintf("localhost:%d", 14000+i); got != want {
			t.Errorf("%s has %s, want %s", c.File, got, want)
		}
	}
	if got := read(t, filepath.Join(root, "etc", "port_increment")); got != "14005" {
		t.Errorf("port_increment %q", got)
	}
}

// TestCreateFails: what a failed Create had made is gone again.
func TestCreateFails(t *testing.T) {
	root := copyClone(t)
	// The name of the configuration is taken by a folder that cannot be seen by Lstat's first look: it appears with the id's bytes.
	taken := filepath.Join(root, "etc", "late.ini")
	random := iotest.OneByteReader(&appearing{path: taken, t: t})
	write(t, filepath.Join(root, "var", "fbpeer", "create.lock"), "") // which is all that may stay
	before := listing(t, root)
	_, err := Create(random, root, mpspdz.Node, "late.ini", "", 14010, time.Now())
	if !errors.Is(err, fs.ErrExist) {
		t.Fatalf("got %v", err)
	}
	if err := os.Remove(taken); err != nil {
		t.Fatal(err)
	}
	if after := listing(t, root); !reflect.DeepEqual(before, after) {
		t.Errorf("before %v\nafter  %v", before, after)
	}
}

// appearing is randomness during which another process makes a file.
type appearing struct {
	path string
	t    *testing.T
}

func (a *appearing) Read(p []byte) (int, error) {
	write(a.t, a.path, "")
	return rand.Read(p)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func listing(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		files = append(files, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
