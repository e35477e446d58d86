package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// signer is an authority, or a party that one signed.
type signer struct {
	template *x509.Certificate
	key      crypto.Signer
	der      []byte
}

// signedBy makes one that another signed, or itself.
func signedBy(t *testing.T, name string, by *signer, ca bool) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{key: key, template: &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: ca, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}}
	if !ca {
		s.template.DNSNames = []string{"P0"}
	}
	if by == nil {
		by = s
	}
	if s.der, err = x509.CreateCertificate(rand.Reader, s.template, by.template, key.Public(), by.key); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *signer) certificate() string { return encode("CERTIFICATE", s.der) }

func (s *signer) keyPEM(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return encode("PRIVATE KEY", der)
}

// signedPlain is a plain party with a CA-signed certificate, and what its setting says; the authority's files lie beside.
func signedPlain(t *testing.T, setting string) string {
	t.Helper()
	root := onePlain(t, "[trust]\nauthorities = "+setting+"\n")
	authority := signedBy(t, "Root", nil, true)
	issuing := signedBy(t, "Issuing", authority, true)
	leaf := signedBy(t, "alice", issuing, false)
	write(t, filepath.Join(root, "root.pem"), authority.certificate())
	write(t, filepath.Join(root, "ca", "issuing.pem"), issuing.certificate())
	write(t, filepath.Join(root, "key.pem"), authority.certificate()+authority.keyPEM(t))
	write(t, filepath.Join(root, "leaf.pem"), issuing.certificate()+leaf.certificate())
	write(t, filepath.Join(root, "alice.pem"), leaf.certificate())
	write(t, filepath.Join(root, "alice.key"), leaf.keyPEM(t))
	return root
}

func TestAuthorities(t *testing.T) {
	root := signedPlain(t, "root.pem, ca/issuing.pem")
	c := loadPlain(t, root)
	want := []string{filepath.Join(root, "root.pem"), filepath.Join(root, "ca", "issuing.pem")}
	if !slices.Equal(c.Authorities, want) {
		t.Errorf("authorities %v", c.Authorities)
	}
	for _, path := range want {
		if !slices.Contains(c.Watch, path) {
			t.Errorf("%s is not watched", path)
		}
	}
	if !slices.Contains(c.Settings, Setting{"trust.authorities", "root.pem, ca/issuing.pem", "fbpeer.ini: [trust] authorities"}) {
		t.Errorf("settings %v", c.Settings)
	}
	trusted, err := c.LoadAuthorities(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.LoadKeyPair(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if chain, err := trusted.Chain(pair.Certificate); err != nil || len(chain) != 2 {
		t.Error(chain, err)
	}
	checked := c.CheckPair(time.Now())
	if len(checked.Chain) != 2 || !checked.Fits || slices.ContainsFunc(checked.Findings, func(f mpspdz.Finding) bool { return f.Error }) {
		t.Errorf("%+v", checked.Findings)
	}
}

func TestAuthoritiesRefused(t *testing.T) {
	for setting, want := range map[string][2]string{ // what LoadKeyPair says
		"":                         {"alice.pem: it was issued by CN=Issuing, and [trust] authorities does not name that authority", "[trust] authorities"},
		"root.pem":                 {"alice.pem: it was issued by CN=Issuing, and [trust] authorities does not name that authority", "fbpeer cert generate"},
		"ca/issuing.pem":           {"alice.pem: it was issued by CN=Issuing, and [trust] authorities does not name all who signed", "root and intermediates"},
		"root.pem, ca":             {"[trust] authorities: ca is no regular file", "take it out of [trust] authorities"},
		"root.pem, gone.pem":       {"[trust] authorities: gone.pem: no such file", "take it out of [trust] authorities"},
		"key.pem, ca/issuing.pem":  {"[trust] authorities: key.pem: the file holds a private key", "move the key"},
		"root.pem, leaf.pem":       {"[trust] authorities: leaf.pem: certificate 2 (CN=alice) is no authority's", "name the PEM file"},
		"alice.key,ca/issuing.pem": {"[trust] authorities: alice.key: the file holds a private key", "move the key"},
	} {
		t.Run(setting, func(t *testing.T) {
			root := signedPlain(t, setting)
			c := loadPlain(t, root)
			_, err := c.LoadKeyPair(time.Now())
			var fault *Error
			if !errors.As(err, &fault) || !strings.HasPrefix(err.Error(), want[0]) || !strings.Contains(fault.Hint, want[1]) {
				t.Errorf("%v, hint %q", err, fault.Hint)
			}
			if findings := c.CheckPair(time.Now()).Findings; len(findings) == 0 || !findings[0].Error || findings[0].Cure == "" {
				t.Errorf("%+v", findings)
			}
		})
	}
}

// TestSignedFedbiomed: a Fed-BioMed component never has an authority's certificate.
func TestSignedFedbiomed(t *testing.T) {
	root := oneComponent(t)
	c, err := Load(Selector{WorkDir: root, Getenv: env()})
	if err != nil {
		t.Fatal(err)
	}
	leaf := signedBy(t, "*", signedBy(t, "Root", nil, true), false)
	write(t, c.Component.Certificate, leaf.certificate())
	if err := os.WriteFile(c.Component.PrivateKey, []byte(leaf.keyPEM(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = c.LoadKeyPair(time.Now())
	var fault *Error
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), "it was issued by CN=Root. Fed-BioMed's registry has no place for that authority's certificate") ||
		!strings.Contains(fault.Hint, "fbpeer cert generate") {
		t.Errorf("%v", err)
	}
}
