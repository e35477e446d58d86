package config

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

const (
	nodeID       = "NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05"
	otherID      = "NODE_983ee25b-4c76-4550-9729-8008e522e39d"
	researcherID = "RESEARCHER_d638de88-772c-4835-8b5c-4cd5c6fb3882"
)

// pair is a key and certificate in PEM; making one takes a while, so the tests share two.
type pair struct{ certificate, key string }

var pairs = sync.OnceValues(func() ([2]pair, error) {
	var made [2]pair
	for i := range made {
		certificate, key, err := mpspdz.NewFedbiomedCertificate(rand.Reader, nodeID, time.Now())
		if err != nil {
			return made, err
		}
		made[i] = pair{string(certificate), string(key)}
	}
	return made, nil
})

func twoPairs(t testing.TB) [2]pair {
	t.Helper()
	made, err := pairs()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// addComponent writes a component as Fed-BioMed lays it out.
func addComponent(t testing.TB, root, name, id string, port int) string {
	t.Helper()
	pair := twoPairs(t)[0]
	kind, _, _ := strings.Cut(id, "_")
	certs := filepath.Join(root, "etc", "certs", "cert_"+id)
	write(t, filepath.Join(certs, "MPSPDZ_certificate.pem"), pair.certificate)
	write(t, filepath.Join(certs, "MPSPDZ_certificate.key"), pair.key)
	write(t, filepath.Join(root, "var", "db_"+id+".json"), "")
	path := filepath.Join(root, "etc", name)
	write(t, path, fmt.Sprintf(`[default]
id = %[1]s
component = %[2]s
version = 2
db = ../var/db_%[1]s.json

[mpspdz]
private_key = certs/cert_%[1]s/MPSPDZ_certificate.key
public_key = certs/cert_%[1]s/MPSPDZ_certificate.pem
mpspdz_ip = localhost
mpspdz_port = %[3]d

[security]
secure_aggregation = True
force_secure_aggregation = False
`, id, kind, port))
	return path
}

// oneComponent is a root with one node.
func oneComponent(t testing.TB) string {
	root := t.TempDir()
	addComponent(t, root, "config-n1.ini", nodeID, 14001)
	return root
}

const plainFile = "[component]\nid = alice\nip = 10.0.0.2\nport = 14000\ncertificate = alice.pem\nprivate_key = alice.key\n"

// onePlain is a folder with a plain party; more is appended to its fbpeer.ini.
func onePlain(t testing.TB, more string) string {
	root := t.TempDir()
	pair := twoPairs(t)[0]
	write(t, filepath.Join(root, "alice.pem"), pair.certificate)
	write(t, filepath.Join(root, "alice.key"), pair.key)
	write(t, filepath.Join(root, "fbpeer.ini"), plainFile+more)
	return root
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
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

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// expect compares an *Error's text and hint; root is shown as ROOT.
func expect(t *testing.T, err error, root, problem, hint string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if root == "" {
		root = "\x00" // nothing to show as ROOT
	}
	if got := strings.ReplaceAll(e.Error(), root, "ROOT"); got != problem {
		t.Errorf("got  %s\nwant %s", got, problem)
	}
	if got := strings.ReplaceAll(e.Hint, root, "ROOT"); got != hint {
		t.Errorf("hint %s\nwant %s", got, hint)
	}
}
