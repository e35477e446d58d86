package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

func loadPlain(t *testing.T, root string) *Config {
	t.Helper()
	c, err := Load(Selector{Config: "fbpeer.ini", WorkDir: root, Getenv: env()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadKeyPair(t *testing.T) {
	root := onePlain(t, "")
	pair, err := loadPlain(t, root).LoadKeyPair(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if string(pair.Certificate.PEM()) != twoPairs(t)[0].certificate || string(pair.KeyPEM) != twoPairs(t)[0].key {
		t.Error("not the files' bytes")
	}
	if err := mpspdz.CheckKeyPair(pair.Certificate, pair.Key); err != nil {
		t.Error(err)
	}
}

// certificateWith is a self-signed one that differs from a good one by what change does.
func certificateWith(t *testing.T, change func(*x509.Certificate)) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "*"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{encode("CERTIFICATE", der), encode("PRIVATE KEY", pkcs8)}
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// TestKeyPairRefused: what is wrong, in which file, and the rule's own cure.
func TestKeyPairRefused(t *testing.T) {
	good := twoPairs(t)[0]
	block, _ := pem.Decode([]byte(good.certificate))
	damaged := bytes.Clone(block.Bytes)
	damaged[len(damaged)-1] ^= 1
	netscape := pkix.Extension{Id: asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}, Value: []byte{3, 2, 0, 4}}
	tests := []struct {
		name string
		pair pair
		rule string // of mpspdz, which must be behind it
		file string
	}{
		{"expired", certificateWith(t, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}), mpspdz.RuleExpired, "alice.pem"},
		{"not yet valid", certificateWith(t, func(c *x509.Certificate) {
			c.NotBefore = time.Now().Add(time.Hour)
			c.NotAfter = time.Now().Add(2 * time.Hour)
		}), mpspdz.RuleNotYetValid, "alice.pem"},
		{"DER", pair{string(block.Bytes), good.key}, mpspdz.RuleDER, "alice.pem"},
		{"two in one file", pair{good.certificate + twoPairs(t)[1].certificate, good.key}, mpspdz.RuleSeveral, "alice.pem"},
		{"byte order mark", pair{"\xef\xbb\xbf" + good.certificate, good.key}, mpspdz.RuleBOM, "alice.pem"},
		{"empty", pair{"", good.key}, mpspdz.RuleNotPEM, "alice.pem"},
		{"RSA-1024", rsa1024(t), mpspdz.RuleRSATooSmall, "alice.pem"},
		{"CA:TRUE", certificateWith(t, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }), mpspdz.RuleCA, "alice.pem"},
		{"keyCertSign", certificateWith(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign }), mpspdz.RuleKeyUsage, "alice.pem"},
		{"cRLSign", certificateWith(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature }), mpspdz.RuleKeyUsage, "alice.pem"},
		{"Netscape CA", certificateWith(t, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{netscape} }), mpspdz.RuleNetscape, "alice.pem"},
		{"serverAuth only", certificateWith(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), mpspdz.RuleExtendedUse, "alice.pem"},
		{"a damaged signature", pair{encode("CERTIFICATE", damaged), good.key}, mpspdz.RuleSignature, "alice.pem"},
		{"key is none", pair{good.certificate, "nothing"}, mpspdz.RuleNotPEM, "alice.key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := onePlain(t, "")
			write(t, filepath.Join(root, "alice.pem"), test.pair.certificate)
			write(t, filepath.Join(root, "alice.key"), test.pair.key)
			_, err := loadPlain(t, root).LoadKeyPair(time.Now())
			var rule *mpspdz.CertificateError
			if !errors.As(err, &rule) || rule.Rule != test.rule {
				t.Fatalf("got %v, want rule %s", err, test.rule)
			}
			if rule.Cure == "" {
				t.Error("no cure")
			}
			expect(t, err, root, test.file+": "+rule.Detail, rule.Cure)
		})
	}
}

func rsa1024(t *testing.T) pair {
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{encode("CERTIFICATE", der), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))}
}

func TestKeyPairFiles(t *testing.T) {
	root := onePlain(t, "")
	c := loadPlain(t, root)
	const anew = "make a new pair: `fbpeer cert generate --force`"
	const again = "put it back, or " + anew

	write(t, filepath.Join(root, "alice.key"), twoPairs(t)[1].key)
	_, err := c.LoadKeyPair(time.Now())
	expect(t, err, root, "alice.key and alice.pem: the private key is not the certificate's", "restore the pair, or "+anew)
	if !errors.Is(err, ErrMismatch) {
		t.Error("not ErrMismatch")
	}

	// Fed-BioMed writes the new key while we read the certificate.
	reads := 0
	_, err = c.readKeyPair(func(path string) ([]byte, error) {
		if reads++; reads == 3 {
			return []byte(twoPairs(t)[0].key), nil
		}
		return os.ReadFile(path)
	}, time.Now())
	expect(t, err, root, "alice.key is being rewritten (the private key is not the certificate's)", "wait until it is written")
	if !errors.Is(err, ErrMismatch) {
		t.Error("not ErrMismatch")
	}

	_, err = c.readKeyPair(func(path string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	}, time.Now())
	expect(t, err, root, "alice.key: permission denied", "run fbpeer as the user that owns the file")

	if err := os.Remove(filepath.Join(root, "alice.pem")); err != nil {
		t.Fatal(err)
	}
	_, err = c.LoadKeyPair(time.Now())
	expect(t, err, root, "alice.pem: no such file or directory", again)

	fb := oneComponent(t)
	c, err = Load(Selector{WorkDir: fb, Getenv: env()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(c.Component.Certificate); err != nil {
		t.Fatal(err)
	}
	_, err = c.LoadKeyPair(time.Now())
	expect(t, err, fb, "etc/certs/cert_"+nodeID+"/MPSPDZ_certificate.pem: no such file or directory",
		again)
}

func TestCreateParty(t *testing.T) {
	root := filepath.Join(t.TempDir(), "alice")
	now := time.Now()
	ini, err := CreateParty(rand.Reader, root, "alice", "", 0, now)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, "fbpeer.ini"); ini != want {
		t.Errorf("made %s, want %s", ini, want)
	}
	if got, want := read(t, ini), read(t, filepath.Join("testdata", "party.ini")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	c, err := Load(Selector{Config: ini, WorkDir: root, Getenv: env()})
	if err != nil {
		t.Fatal(err)
	}
	if c.Component.Endpoint.String() != "localhost:14000" || c.State != root || len(c.Warnings) != 0 || !c.PerParty || !c.ProbeAnswer {
		t.Errorf("%v", c)
	}
	pair, err := c.LoadKeyPair(now)
	if err != nil {
		t.Fatal(err)
	}
	if !pair.Certificate.NameNew(255) || !pair.Certificate.NameOld(0) {
		t.Error("a certificate for no number yet must do for each")
	}
	if info, err := os.Stat(c.Component.PrivateKey); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v (%v)", info.Mode(), err)
	}

	_, err = CreateParty(rand.Reader, root, "bob", "", 0, now)
	expect(t, err, root, "ROOT/fbpeer.ini: it is there already, and nothing is overwritten: file already exists", "give another --root, one folder for each party")
	if err := os.Remove(ini); err != nil {
		t.Fatal(err)
	}
	_, err = CreateParty(rand.Reader, root, "alice", "", 0, now)
	expect(t, err, root, "ROOT/alice.key: it is there already, and nothing is overwritten: file already exists", "choose another name, or move the file away")
	if got := listing(t, root); strings.Contains(got, "fbpeer.ini") || !strings.Contains(got, "alice.key") || !bytes.Equal([]byte(read(t, c.Component.PrivateKey)), pair.KeyPEM) {
		t.Errorf("left over or lost: %s", got)
	}
	for _, bad := range []struct{ id, ip, problem, hint string }{
		{"NODE_x", "", `"NODE_x" looks like the id of a Fed-BioMed component`, "choose a plain name, as in alice"},
		{"a/b", "", `"a/b" is not a component id (letters, digits, ".", "_" and "-", at most 64, the first a letter or digit)`, "choose a plain name, as in alice"},
		{"bob", "::1", `"::1" is IPv6, which MP-SPDZ cannot use: give an IPv4 address or a host name`, "give --ip an IPv4 address or a host name"},
	} {
		_, err := CreateParty(rand.Reader, filepath.Join(root, "new"), bad.id, bad.ip, 0, now)
		expect(t, err, root, bad.problem, bad.hint)
	}
	if _, err := os.Stat(filepath.Join(root, "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused party left a folder")
	}
}
