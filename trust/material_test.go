package trust_test

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// now is the time of all tests.
var now = time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC)

// identity gives the peer id of a name, always the same.
func identity(t testing.TB, name string) peer.ID {
	t.Helper()
	seed := sha256.Sum256([]byte("identity " + name))
	_, public, err := ic.GenerateEd25519Key(bytes.NewReader(seed[:]))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// form is what a certificate is made from; equal forms give equal certificates.
type form struct {
	key     string // name of the key
	subject string // O; CN is *
	serial  int64
	keyIDs  bool
	ids     string    // name of the key whose key ids it carries; default: its own
	until   time.Time // default: five years from now
	from    time.Time // default: an hour before now
}

func certificate(t testing.TB, f form) *mpspdz.Certificate {
	t.Helper()
	seed := sha256.Sum256([]byte("key " + f.key))
	key := ed25519.NewKeyFromSeed(seed[:])
	if f.until.IsZero() {
		f.until = now.AddDate(5, 0, 0)
	}
	if f.from.IsZero() {
		f.from = now.Add(-time.Hour)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(f.serial + 1),
		Subject:      pkix.Name{CommonName: "*", Organization: []string{f.subject}},
		NotBefore:    f.from,
		NotAfter:     f.until,
	}
	if f.keyIDs {
		id := sha256.Sum256([]byte("ids " + cmp.Or(f.ids, f.key)))
		template.SubjectKeyId, template.AuthorityKeyId = id[:20], id[:20]
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := mpspdz.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if c.KeyIDs() != f.keyIDs {
		t.Fatalf("certificate of %+v has key ids: %v", f, c.KeyIDs())
	}
	return c
}

func endpoint(t testing.TB, s string) mpspdz.Endpoint {
	t.Helper()
	e, err := mpspdz.ParseEndpoint(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// announcement gives what a name announces: identity, key and subject of that name, at an address of its own.
func announcement(t testing.TB, name string, edits ...func(*exchange.Announcement)) *exchange.Announcement {
	t.Helper()
	octets := sha256.Sum256([]byte("address " + name))
	a := &exchange.Announcement{
		Registration: exchange.Registration{
			Component:   "NODE_" + name,
			Role:        mpspdz.Node,
			Label:       "Hospital of " + name,
			Endpoint:    endpoint(t, fmt.Sprintf("10.%d.%d.%d:14001", octets[0], octets[1], octets[2])),
			Secagg:      exchange.SecaggOptional,
			Certificate: certificate(t, form{key: name, subject: "NODE_" + name}),
		},
		Peer:     identity(t, name),
		Sequence: 100,
		Issued:   now.Add(-time.Minute),
		Expires:  now.Add(exchange.DefaultLifetime),
	}
	for _, edit := range edits {
		edit(a)
	}
	a.Hash = sha256.Sum256(fmt.Append(nil, a.Peer, a.Component, a.Role, a.Label, a.Endpoint, a.Secagg, a.Certificate.SHA256(), a.Sequence, a.Expires))
	return a
}

// Edits of an announcement.

type edit = func(*exchange.Announcement)

func at(s string) edit {
	return func(a *exchange.Announcement) {
		e, err := mpspdz.ParseEndpoint(s)
		if err != nil {
			panic(err)
		}
		a.Endpoint = e
	}
}
func withCertificate(c *mpspdz.Certificate) edit {
	return func(a *exchange.Announcement) { a.Certificate = c }
}
func as(component string) edit { return func(a *exchange.Announcement) { a.Component = component } }
func withRole(r mpspdz.Role) edit {
	return func(a *exchange.Announcement) { a.Role = r }
}
func labelled(s string) edit          { return func(a *exchange.Announcement) { a.Label = s } }
func numbered(sequence uint64) edit   { return func(a *exchange.Announcement) { a.Sequence = sequence } }
func expiring(expires time.Time) edit { return func(a *exchange.Announcement) { a.Expires = expires } }
func policed(p exchange.Secagg) edit  { return func(a *exchange.Announcement) { a.Secagg = p } }
func endorsedBy(spki []byte) edit {
	return func(a *exchange.Announcement) {
		a.Endorsement = &exchange.Endorsement{OldKey: spki, Signature: []byte("Open has verified it")}
	}
}

// entry pins everything that an announcement says.
func entry(a *exchange.Announcement, alias string) trust.Entry {
	return trust.Entry{
		Component: a.Component, Status: trust.Approved, Alias: alias, Role: a.Role, Peer: a.Peer, Key: a.Certificate.KeySHA256(),
		Endpoint: a.Endpoint, Certificate: a.Certificate.SHA256(), ApprovedAt: now.AddDate(0, 0, -20), ApprovedBy: "alice@hospital-a",
	}
}

// approve approves announcements, all pinned, without alias.
func approve(t testing.TB, l trust.List, all ...*exchange.Announcement) trust.List {
	t.Helper()
	for _, a := range all {
		l = must(l.Approve(entry(a, "")))(t)
	}
	return l
}

// must takes the result of an edit and gives the list, or fails the test.
func must(l trust.List, err error) func(testing.TB) trust.List {
	return func(t testing.TB) trust.List {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

// parse reads a list's text.
func parse(t testing.TB, text string) trust.List {
	t.Helper()
	return must(trust.Parse("trust.ini", []byte(text)))(t)
}

// heard holds announcements as newest.
func heard(all ...*exchange.Announcement) map[peer.ID]*exchange.Announcement {
	m := map[peer.ID]*exchange.Announcement{}
	for _, a := range all {
		m[a.Peer] = a
	}
	return m
}
