package agent

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// office is an authority for tests.
type office struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newOffice(t *testing.T, now, notAfter time.Time) *office {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &office{t, key, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: notAfter}}
}

// sign gives a certificate in PEM.
func (o *office) sign(form *x509.Certificate, key crypto.PublicKey) []byte {
	o.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, form, o.root, key, o.key)
	if err != nil {
		o.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (o *office) certificate() []byte { return o.sign(o.root, o.key.Public()) }

// signAlice gives alice a certificate that an authority signed, whose own stands in root.pem. She and bob use their own certificates.
func signAlice(s *scene) {
	s.t.Helper()
	now := time.Now()
	o := newOffice(s.t, now, now.AddDate(9, 0, 0))
	pair, err := s.config(s.files[0]).LoadKeyPair(now)
	if err != nil {
		s.t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "alice"}, DNSNames: []string{"P0", "P1", "P2"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0)}
	for path, data := range map[string][]byte{"root.pem": o.certificate(), "alice/alice.pem": o.sign(leaf, pair.Key.Public())} {
		if err := os.WriteFile(filepath.Join(s.root, path), data, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, file := range s.files[:2] {
		edit(s.t, file, "certificates =", "certificates = own")
	}
	edit(s.t, s.files[0], "authorities =", "authorities = ../root.pem")
}

func noSetOf(code string) func(api.Snapshot) bool {
	return func(s api.Snapshot) bool { return s.NoSet != nil && s.NoSet.Code == code }
}

func inForce(x *site) bool {
	_, err := os.Lstat(filepath.Join(x.config.PlayersDir, "current", mpspdz.PlayerData, "authority-0.pem"))
	return err == nil
}

// TestAuthorityMustBeSet: what the operator approved by hand stands in no set either before the authority is set; an authority that cannot be
// read stays, and one that is taken away goes at once, also where another change would let the former set stay.
func TestAuthorityMustBeSet(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	signAlice(s)
	alice, bob := s.start(s.files[0]), s.start(s.files[1])
	introduce(alice, bob)
	alice.approve("bob")
	p := find(t, bob.snapshot(), "alice")
	if _, err := bob.trust(approvalOf(p)); err == nil || !strings.Contains(err.Error(), "it was issued by CN=Root") {
		t.Errorf("approved without its authority: %v", err)
	}
	list := "[alice]\nstatus = approved\nrole = party\npeer_id = " + p.PeerID + "\nkey = " + p.Certificate.KeySHA256 + "\n"
	if err := os.WriteFile(bob.config.TrustList, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := bob.wait("no set with an unknown authority's", func(s api.Snapshot) bool {
		return state(s, "alice") == api.StateAccepted && noSetOf(mpspdz.SetUnknownAuthority)(s)
	})
	if w := find(t, seen, "alice").Warnings; !slices.ContainsFunc(w, func(w api.Warning) bool { return w.Code == api.WarnUnknownAuthority }) {
		t.Errorf("warnings %v", w)
	}
	if inForce(bob) {
		t.Error("player files are in force")
	}
	edit(t, s.files[1], "authorities =", "authorities = ../root.pem")
	bob.wait("a set", func(s api.Snapshot) bool {
		return s.Set != nil && slices.ContainsFunc(s.Warnings, func(w api.Warning) bool { return w.Code == api.WarnAuthorityInForce })
	})

	root := filepath.Join(s.root, "root.pem")
	good, err := os.ReadFile(root)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, root, "BEGIN CERTIFICATE", "BEGIN NOTHING")
	bob.wait("word of the file", func(s api.Snapshot) bool {
		return slices.ContainsFunc(s.Warnings, func(w api.Warning) bool {
			return w.Code == api.WarnConfiguration && w.Error && strings.Contains(w.Text, "root.pem") && w.Cure != ""
		})
	})
	if !inForce(bob) {
		t.Error("a file that cannot be read for a moment took the set out of force")
	}
	if err := os.WriteFile(root, good, 0o600); err != nil {
		t.Fatal(err)
	}
	bob.wait("no more word of it", func(s api.Snapshot) bool { return len(s.Warnings) > 0 && s.Warnings[0].Code != api.WarnConfiguration })

	// Both at once: the former set may not stay while certificates for numbers are waited for.
	data, err := os.ReadFile(s.files[1])
	if err != nil {
		t.Fatal(err)
	}
	text := replaceOnce(t, string(data), "authorities = ../root.pem", "authorities =")
	if err := os.WriteFile(s.files[1], []byte(replaceOnce(t, text, "certificates = own", "certificates = per-party")), 0o600); err != nil {
		t.Fatal(err)
	}
	bob.wait("no set", noSetOf(mpspdz.SetUnknownAuthority))
	if inForce(bob) {
		t.Error("the authority that was taken away is in force")
	}
}

// TestFormerSetOfAnAuthority: a former set that trusts an authority stands, while certificates for numbers are waited for, only as long as
// that authority is set, though its members have the endpoints and keys that are approved.
func TestFormerSetOfAnAuthority(t *testing.T) {
	s := newPlainScene(t)
	signAlice(s)
	alice := s.config(s.files[0])
	pair, err := alice.LoadKeyPair(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	k := &core{config: alice}
	if k.authorities, err = alice.LoadAuthorities(time.Now()); err != nil {
		t.Fatal(err)
	}
	k.self.configure(alice, files{pair: pair})
	other := newPanel(t, 2).members[1]
	other.Endpoint = s.config(s.files[1]).Component.Endpoint
	set, err := mpspdz.NewPartySet([]mpspdz.Party{partyOf(k.self.registration), other})
	if err != nil {
		t.Fatal(err)
	}
	approved := &exchange.Announcement{}
	approved.Component, approved.Role, approved.Endpoint, approved.Certificate = other.Component, other.Role, other.Endpoint, other.Certificate
	inForce := map[string]*exchange.Announcement{other.Component: approved}
	if !k.stands(set, inForce) {
		t.Error("it does not stand with its authority")
	}
	k.authorities = mpspdz.Authorities{}
	if k.stands(set, inForce) {
		t.Error("it stands without its authority")
	}
}

// TestReadyOfAuthorities: an authority that ends within a day, and one that is not set, are obstacles.
func TestReadyOfAuthorities(t *testing.T) {
	p := newPanel(t, 3)
	all, err := mpspdz.ParseAuthorities(newOffice(t, p.now, p.now.Add(12*time.Hour)).certificate(), p.now)
	if err != nil {
		t.Fatal(err)
	}
	p.question.signers = all
	r := judgeReady(p.question, p.snapshot, p.sight, p.now)
	if len(r.Obstacles) != 1 || r.Obstacles[0].Code != api.ObstacleExpires || !strings.Contains(r.Obstacles[0].Text, "authority CN=Root ends on") {
		t.Errorf("%+v", r.Obstacles)
	}
	p.question = question{wanted: p.question.wanted, none: &api.Warning{Code: mpspdz.SetUnknownAuthority, Text: "why", Cure: "what"}}
	r = judgeReady(p.question, p.snapshot, p.sight, p.now)
	if r.OK || len(r.Obstacles) == 0 || r.Obstacles[0].Code != api.ObstacleAuthority || r.Obstacles[0].Component != "a" {
		t.Errorf("%+v", r.Obstacles)
	}
}
