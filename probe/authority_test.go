package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// TestJudgeAuthority: with an authority that the operator set in the folder, whatever it signed is trusted, as MP-SPDZ does; whoever is no
// member is told as such. One that nobody set makes the folder useless.
func TestJudgeAuthority(t *testing.T) {
	now := time.Now()
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	rootKey := newKey()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	sign := func(form *x509.Certificate, key crypto.PublicKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, form, root, key, rootKey)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	leaf := func(name string) *mpspdz.Certificate {
		c, err := mpspdz.ParseLeaf(sign(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"P1"},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}, newKey().Public()))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	all, err := mpspdz.ParseAuthorities(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sign(root, rootKey.Public())}), now)
	if err != nil {
		t.Fatal(err)
	}
	set, err := mpspdz.NewAuthorities(all)
	if err != nil {
		t.Fatal(err)
	}

	s := plainScene(t, numbered(0), numbered(1))
	parties := s.set.Parties()
	parties[1].Certificate = leaf("p1")
	if s.set, err = mpspdz.NewPartySet(parties); err != nil {
		t.Fatal(err)
	}
	rendered, err := mpspdz.Render(s.set, mpspdz.Own{Component: "p0", KeyPEM: s.pairs[0].keyPEM(t), BindPort: s.ports[0], Authorities: set})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range rendered {
		path := filepath.Join(dir, f.Path)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		switch {
		case err != nil:
		case f.Mode&fs.ModeSymlink != 0:
			err = os.Symlink(f.Target, path)
		default:
			err = os.WriteFile(path, f.Data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	site := Site{Set: s.set, Component: "p0", BindPort: s.ports[0], Authorities: set}
	f, err := readFiles(os.DirFS(dir), site)
	if err != nil {
		t.Fatal(err)
	}
	outsider := leaf("mallory").DER()
	for name, test := range map[string]struct {
		der  []byte
		code Code
	}{
		"the member":             {parties[1].Certificate.DER(), OK},
		"whom else it signed":    {outsider, WrongParty},
		"a stranger":             {makePair(t, "mallory", numbered(1)).certificate.DER(), UnknownCertificate},
		"the authority's itself": {sign(root, rootKey.Public()), UnknownCertificate},
	} {
		if v := f.judge(test.der, 1, now); v.code != test.code {
			t.Errorf("%s: %s, want %s", name, v.code, test.code)
		}
	}
	// OpenSSL looks for the authority under its subject's hash alone.
	link, wrong := filepath.Join(dir, mpspdz.PlayerData, all[0].SubjectHash()+".0"), filepath.Join(dir, mpspdz.PlayerData, "0a1b2c3d.0")
	if err := os.Rename(link, wrong); err != nil {
		t.Fatal(err)
	}
	if f, err = readFiles(os.DirFS(dir), site); err != nil {
		t.Fatal(err)
	}
	if v := f.judge(parties[1].Certificate.DER(), 1, now); v.code != UnknownCertificate {
		t.Errorf("with the authority under another hash: %s", v.code)
	}
	if err := os.Rename(wrong, link); err != nil {
		t.Fatal(err)
	}
	site.Authorities = mpspdz.Authorities{}
	if _, err := readFiles(os.DirFS(dir), site); err == nil || !strings.Contains(err.Error(), "is a CA's") {
		t.Errorf("a folder with an authority that nobody set: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, mpspdz.PlayerData, "authority-0.pem")); err != nil {
		t.Fatal(err)
	}
	if f, err = readFiles(os.DirFS(dir), site); err != nil {
		t.Fatal(err)
	}
	if v := f.judge(parties[1].Certificate.DER(), 1, now); v.code != UnknownCertificate {
		t.Errorf("without the authority's file: %s", v.code)
	}
}
