package exchange

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// testNow is the clock of all tests.
var testNow = time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC)

const nodeID = "NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05"

// site is a component with its keys.
type site struct {
	registration Registration
	identity     ed25519.PrivateKey
	key          crypto.Signer
}

func (s *site) keys() Keys {
	identity, err := ic.UnmarshalEd25519PrivateKey(s.identity)
	if err != nil {
		panic(err)
	}
	return Keys{Identity: identity, Certificate: s.key}
}

func (s *site) peer() peer.ID {
	id, err := peer.IDFromPrivateKey(s.keys().Identity)
	if err != nil {
		panic(err)
	}
	return id
}

// sharedNode is a Fed-BioMed node with an RSA-2048 certificate: the ordinary announcer.
var sharedNode = sync.OnceValue(func() *site {
	certPEM, keyPEM, err := mpspdz.NewFedbiomedCertificate(rand.Reader, nodeID, testNow)
	if err != nil {
		panic(err)
	}
	s := newSite(nodeID, mpspdz.Node, certPEM, keyPEM)
	s.registration.Secagg = SecaggOptional
	return s
})

// sharedParty is a plain MP-SPDZ party.
var sharedParty = sync.OnceValue(func() *site {
	certPEM, keyPEM, err := mpspdz.NewPartyCertificate(rand.Reader, "alice", testNow)
	if err != nil {
		panic(err)
	}
	return newSite("alice", mpspdz.PlainParty, certPEM, keyPEM)
})

func newSite(component string, role mpspdz.Role, certPEM, keyPEM []byte) *site {
	certificate, err := mpspdz.ParseCertificatePEM(certPEM)
	if err != nil {
		panic(err)
	}
	key, err := mpspdz.ParsePrivateKeyPEM(keyPEM)
	if err != nil {
		panic(err)
	}
	return siteWithCertificate(component, role, key, certificate.DER())
}

// siteWithCertificate has a new identity.
func siteWithCertificate(component string, role mpspdz.Role, key crypto.Signer, der []byte) *site {
	certificate, err := mpspdz.ParseLeaf(der)
	if err != nil {
		panic(err)
	}
	endpoint, err := mpspdz.NewEndpoint("10.0.0.2", 14001)
	if err != nil {
		panic(err)
	}
	_, identity, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return &site{
		registration: Registration{Component: component, Role: role, Endpoint: endpoint, Certificate: certificate},
		identity:     identity,
		key:          key,
	}
}

func testFederation() Federation {
	f, err := NewFederation("cardio", []byte(strings.Repeat("s", SecretSize)), false)
	if err != nil {
		panic(err)
	}
	return f
}

func weekFrom(t time.Time) Stamp {
	return Stamp{Sequence: NextSequence(t, 0), Issued: t, Expires: t.Add(DefaultLifetime)}
}

func mustSeal(t testing.TB, s *site, stamp Stamp) *Announcement {
	t.Helper()
	a, err := Seal(rand.Reader, testFederation(), s.registration, stamp, s.keys())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantRefusal(t testing.TB, err error, code Code) *Refusal {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal (%s)", err, code)
	}
	if r.Code != code {
		t.Fatalf("got %v, want code %s", err, code)
	}
	if strings.ContainsAny(err.Error(), "\n\r\x1b") {
		t.Fatalf("the message is not escaped: %q", err.Error())
	}
	return r
}

// The rest is a second writer of records, made from docs/announcement.md alone: it seals anything, so that tests can
// make what Seal refuses to.

// lines is a payload's lines, the version first, the proof's left out.
type lines []string

func goodLines(s *site, stamp Stamp) lines {
	r := s.registration
	l := lines{
		"fbpeer announcement 1",
		"federation: " + testFederation().ID(),
		"component: " + r.Component,
		"role: " + string(r.Role),
		"endpoint: " + r.Endpoint.String(),
	}
	if r.Secagg != "" {
		l = append(l, "secagg: "+string(r.Secagg))
	}
	return append(l,
		"certificate: "+base64.RawStdEncoding.EncodeToString(r.Certificate.DER()),
		"sequence: "+uintText(stamp.Sequence),
		"issued: "+stamp.Issued.Format(time.RFC3339),
		"expires: "+stamp.Expires.Format(time.RFC3339),
	)
}

func uintText(n uint64) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return uintText(n/10) + uintText(n%10)
}

// with replaces the line of that name, or removes it if line is empty.
func (l lines) with(name, line string) lines {
	var out lines
	for _, old := range l {
		if !strings.HasPrefix(old, name) {
			out = append(out, old)
		} else if line != "" {
			out = append(out, line)
		}
	}
	return out
}

// before puts a line before the one of that name.
func (l lines) before(name, line string) lines {
	var out lines
	for _, old := range l {
		if strings.HasPrefix(old, name) {
			out = append(out, line)
		}
		out = append(out, old)
	}
	return out
}

func (l lines) body() string { return strings.Join(l, "\n") + "\n" }

func u16(n int) string { return string([]byte{byte(n >> 8), byte(n)}) }

// proofOver signs as the proof of s over a body.
func (s *site) proofOver(federation, body string) string {
	id := string(s.peer())
	message := "fbpeer announcement proof v1: this key belongs to this peer and to all that stands here\x00" +
		u16(len(federation)) + federation + u16(len(id)) + id + body
	signature, err := mpspdz.Sign(rand.Reader, s.key, []byte(message))
	if err != nil {
		panic(err)
	}
	return base64.RawStdEncoding.EncodeToString(signature)
}

// sealLines proves and seals.
func (s *site) sealLines(l lines) []byte {
	body := l.body()
	return s.sealPayload(body + "proof: " + s.proofOver(testFederation().ID(), body) + "\n")
}

func varint(n int) string { return string(binary.AppendUvarint(nil, uint64(n))) }

// sealPayload puts any payload into an envelope that verifies.
func (s *site) sealPayload(payload string) []byte {
	return s.sealAs("fbpeer-announcement", "/fbpeer/announcement", payload)
}

func (s *site) sealAs(domain, payloadType, payload string) []byte {
	message := ""
	for _, part := range []string{domain, payloadType, payload} {
		message += varint(len(part)) + part
	}
	key := s.identity.Public().(ed25519.PublicKey)
	return []byte("\x0a\x24\x08\x01\x12\x20" + string(key) +
		"\x12" + varint(len(payloadType)) + payloadType +
		"\x1a" + varint(len(payload)) + payload +
		"\x2a\x40" + string(ed25519.Sign(s.identity, []byte(message))))
}

// payloadOf is the payload within sealed bytes.
func payloadOf(t testing.TB, sealed []byte) string {
	t.Helper()
	e, err := parseEnvelope(sealed)
	if err != nil {
		t.Fatal(err)
	}
	return string(e.payload)
}
