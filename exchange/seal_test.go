package exchange

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

func TestSealOpens(t *testing.T) {
	node, party := sharedNode(), sharedParty()
	full := *node
	full.registration.Label = "Hôpital de Nice"
	full.registration.Next = mpspdz.Hash{1, 2, 3}
	for name, s := range map[string]*site{"node": node, "party": party, "all optional fields": &full} {
		a := mustSeal(t, s, weekFrom(testNow))
		if !a.SameRegistration(s.registration) {
			t.Errorf("%s: another registration: %+v", name, a.Registration)
		}
		if a.Peer != s.peer() || a.Sequence != uint64(testNow.UnixMilli()) || !a.Issued.Equal(testNow) || !a.Expires.Equal(testNow.Add(DefaultLifetime)) {
			t.Errorf("%s: %+v", name, a)
		}
		if a.Endorsement != nil {
			t.Errorf("%s: an endorsement from nowhere", name)
		}
		if a.Hash != sha256.Sum256([]byte(payloadOf(t, a.Sealed))) {
			t.Errorf("%s: the hash is not the payload's", name)
		}
		if a.Fingerprint() != NewFingerprint(s.peer(), s.registration.Certificate.SPKI()) {
			t.Errorf("%s: fingerprint", name)
		}
		again, err := Open(a.Sealed, testFederation())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(again, a) {
			t.Errorf("%s: opened again it differs", name)
		}
		r := a.Record()
		if r.ID != (ID{Kind: KindAnnouncement, Peer: a.Peer}) || r.Sequence != a.Sequence || r.Hash != a.Hash || !bytes.Equal(r.Sealed, a.Sealed) ||
			!r.NotAfter.Equal(a.Certificate.NotAfter()) || !r.NotBefore.Equal(a.Certificate.NotBefore()) {
			t.Errorf("%s: row %+v", name, r)
		}
	}
}

// TestSealWritesWhatTheDocumentSays holds Seal against the writer that was made from the specification.
func TestSealWritesWhatTheDocumentSays(t *testing.T) {
	s := sharedNode()
	stamp := weekFrom(testNow)
	got := payloadOf(t, mustSeal(t, s, stamp).Sealed)
	body, proof, ok := strings.Cut(got, "proof: ")
	if want := goodLines(s, stamp).body(); !ok || body != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
	if !strings.HasSuffix(proof, "\n") || strings.Count(proof, "\n") != 1 {
		t.Errorf("proof line %q", proof)
	}
	if _, err := Open(s.sealLines(goodLines(s, stamp)), testFederation()); err != nil {
		t.Errorf("what the specification's writer seals does not open: %v", err)
	}
}

// TestLibp2pReadsTheEnvelope: what we seal is go-libp2p's envelope, and what go-libp2p marshals is the one form that we
// read.
func TestLibp2pReadsTheEnvelope(t *testing.T) {
	a := mustSeal(t, sharedNode(), weekFrom(testNow))
	e, err := record.ConsumeTypedEnvelope(a.Sealed, keepRecord{new([]byte)})
	if err != nil {
		t.Fatal(err)
	}
	if string(e.RawPayload) != payloadOf(t, a.Sealed) || string(e.PayloadType) != "/fbpeer/announcement" {
		t.Error("go-libp2p reads another payload")
	}
	again, err := e.Marshal()
	if err != nil || !bytes.Equal(again, a.Sealed) {
		t.Errorf("go-libp2p marshals it otherwise: %v", err)
	}
}

type keepRecord struct{ to *[]byte }

func (k keepRecord) Domain() string                 { return "fbpeer-announcement" }
func (k keepRecord) Codec() []byte                  { return []byte("/fbpeer/announcement") }
func (k keepRecord) MarshalRecord() ([]byte, error) { return *k.to, nil }
func (k keepRecord) UnmarshalRecord(b []byte) error { *k.to = b; return nil }

// TestOpenSSLVerifiesTheProof: another implementation needs nothing but the document and a common library.
func TestOpenSSLVerifiesTheProof(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	s := sharedNode()
	payload := payloadOf(t, mustSeal(t, s, weekFrom(testNow)).Sealed)
	body, rest, _ := strings.Cut(payload, "proof: ")
	proof, err := (&values{fieldProof: strings.TrimSpace(rest)}).binary(fieldProof)
	if err != nil {
		t.Fatal(err)
	}
	id, federation := string(s.peer()), testFederation().ID()
	message := "fbpeer announcement proof v1: this key belongs to this peer and to all that stands here\x00" +
		u16(len(federation)) + federation + u16(len(id)) + id + body
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: s.registration.Certificate.SPKI()}))
	signature := write("proof", proof)
	verify := func(file string) error {
		return exec.Command("openssl", "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32",
			"-verify", key, "-signature", signature, file).Run()
	}
	if err := verify(write("message", []byte(message))); err != nil {
		t.Errorf("openssl does not verify the proof: %v", err)
	}
	if err := verify(write("other", []byte(message+" "))); err == nil {
		t.Error("openssl verifies anything")
	}
}

func TestDomainsAreLongerThanTLSRandoms(t *testing.T) {
	for _, domain := range []string{proofDomain, endorsementDomain} {
		if len(domain) <= 64+1 || !strings.HasSuffix(domain, "\x00") || strings.Count(domain, "\x00") != 1 {
			t.Errorf("%q", domain)
		}
		if domain[64] < ' ' {
			t.Errorf("byte 64 of %q could begin the parameters of a TLS 1.2 key exchange", domain)
		}
	}
	if proofDomain[:64] == endorsementDomain[:64] {
		t.Error("the domains differ too late")
	}
}

func TestEndorsement(t *testing.T) {
	s := sharedNode()
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	oldKey, err := x509.MarshalPKIXPublicKey(old.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys := s.keys()
	keys.Previous = old
	stamp := weekFrom(testNow)
	a, err := Seal(rand.Reader, testFederation(), s.registration, stamp, keys)
	if err != nil {
		t.Fatal(err)
	}
	if a.Endorsement == nil || !bytes.Equal(a.Endorsement.OldKey, oldKey) {
		t.Fatalf("endorsement %+v", a.Endorsement)
	}
	federation, id, newKey := testFederation().ID(), string(s.peer()), string(s.registration.Certificate.SPKI())
	message := "fbpeer announcement endorsement v1: the old key hands this component over to the new key\x00"
	for _, part := range []string{federation, nodeID, id, string(oldKey), newKey} {
		message += u16(len(part)) + part
	}
	for shift := 56; shift >= 0; shift -= 8 {
		message += string([]byte{byte(stamp.Sequence >> shift)})
	}
	if err := mpspdz.VerifyKey(oldKey, []byte(message), a.Endorsement.Signature); err != nil {
		t.Errorf("the endorsement is not over the message that the document gives: %v", err)
	}
	keys.Previous = s.key
	_, err = Seal(rand.Reader, testFederation(), s.registration, stamp, keys)
	wantRefusal(t, err, CodeEndorsement)
}

func TestSealRefuses(t *testing.T) {
	s := sharedNode()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	secp, _, err := ic.GenerateSecp256k1Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	type input struct {
		f Federation
		r Registration
		s Stamp
		k Keys
	}
	for name, c := range map[string]struct {
		change func(*input)
		code   Code // "": not a refusal, an error about keys
	}{
		"no federation":             {func(in *input) { in.f = Federation{} }, ""},
		"no certificate":            {func(in *input) { in.r.Certificate = nil }, CodeField},
		"a label that adds a line":  {func(in *input) { in.r.Label = "x\nendpoint: 6.6.6.6:1" }, CodeField},
		"no endpoint":               {func(in *input) { in.r.Endpoint = mpspdz.Endpoint{} }, CodeField},
		"no policy":                 {func(in *input) { in.r.Secagg = "" }, CodeField},
		"role of another id":        {func(in *input) { in.r.Role = mpspdz.PlainParty }, CodeField},
		"id":                        {func(in *input) { in.r.Component = "../x" }, CodeField},
		"sequence 0":                {func(in *input) { in.s.Sequence = 0 }, CodeField},
		"no life":                   {func(in *input) { in.s.Expires = in.s.Issued.Add(time.Second / 2) }, CodeField},
		"longer than a certificate": {func(in *input) { in.s.Expires = in.r.Certificate.NotAfter().Add(time.Second) }, CodeField},
		"before 1970":               {func(in *input) { in.s.Issued = time.Unix(-1, 0) }, CodeField},
		"after 9999":                {func(in *input) { in.s.Expires = in.s.Expires.AddDate(9000, 0, 0) }, CodeField},
		"no identity":               {func(in *input) { in.k.Identity = nil }, ""},
		"identity not Ed25519":      {func(in *input) { in.k.Identity = secp }, ""},
		"no key":                    {func(in *input) { in.k.Certificate = nil }, ""},
		"another key":               {func(in *input) { in.k.Certificate = other }, ""},
	} {
		in := input{testFederation(), s.registration, weekFrom(testNow), s.keys()}
		c.change(&in)
		a, err := Seal(rand.Reader, in.f, in.r, in.s, in.k)
		var r *Refusal
		switch {
		case err == nil:
			t.Errorf("%s: sealed %+v", name, a)
		case errors.As(err, &r) != (c.code != "") || r != nil && r.Code != c.code:
			t.Errorf("%s: %v, want code %q", name, err, c.code)
		}
	}
	long := weekFrom(testNow)
	long.Expires = s.registration.Certificate.NotAfter()
	if _, err := Seal(rand.Reader, testFederation(), s.registration, long, s.keys()); err != nil {
		t.Errorf("a card as long as its certificate: %v", err)
	}
}

func TestNextSequence(t *testing.T) {
	now := uint64(testNow.UnixMilli())
	for _, c := range []struct {
		now  time.Time
		last uint64
		want uint64
	}{
		{testNow, 0, now},
		{testNow, now - 1, now},
		{testNow, now, now + 1},
		{testNow, now + 1000, now + 1001},
		{testNow, math.MaxUint64, now},
		{time.Unix(-5, 0), 0, 1},
		{time.Unix(-5, 0), 7, 8},
	} {
		if got := NextSequence(c.now, c.last); got != c.want {
			t.Errorf("%v, %d: got %d, want %d", c.now, c.last, got, c.want)
		}
	}
}

func TestSameRegistration(t *testing.T) {
	s := sharedNode()
	a := mustSeal(t, s, weekFrom(testNow))
	endpoint, err := mpspdz.NewEndpoint("10.0.0.3", 14001)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Registration){
		"component":      func(r *Registration) { r.Component += "x" },
		"role":           func(r *Registration) { r.Role = mpspdz.Researcher },
		"label":          func(r *Registration) { r.Label = "x" },
		"endpoint":       func(r *Registration) { r.Endpoint = endpoint },
		"secagg":         func(r *Registration) { r.Secagg = SecaggForced },
		"certificate":    func(r *Registration) { r.Certificate = sharedParty().registration.Certificate },
		"no certificate": func(r *Registration) { r.Certificate = nil },
		"next":           func(r *Registration) { r.Next[0] = 1 },
	} {
		r := s.registration
		change(&r)
		if a.SameRegistration(r) {
			t.Errorf("%s changed, and it is said to be the same", name)
		}
	}
	if later := mustSeal(t, s, weekFrom(testNow.Add(time.Hour))); !a.SameRegistration(later.Registration) {
		t.Error("only the time changed, and it is said to differ")
	}
}

// TestOpenKeepsItsOwnBytes: a caller's buffer is the caller's.
func TestOpenKeepsItsOwnBytes(t *testing.T) {
	a := mustSeal(t, sharedNode(), weekFrom(testNow))
	buffer := bytes.Clone(a.Sealed)
	opened, err := Open(buffer, testFederation())
	if err != nil {
		t.Fatal(err)
	}
	clear(buffer)
	if !bytes.Equal(opened.Sealed, a.Sealed) || !bytes.Equal(opened.Certificate.DER(), a.Certificate.DER()) {
		t.Error("the announcement changed with the buffer")
	}
}

func TestEd25519AndECDSACertificatesSeal(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"Ed25519": private, "ECDSA": newECDSA()} {
		s := siteWithCertificate("alice", mpspdz.PlainParty, signer(key), selfSigned(signer(key), partyTemplate("alice")))
		a := mustSeal(t, s, weekFrom(testNow))
		if a.Certificate.KeyType() == "RSA-2048" {
			t.Errorf("%s: %s", name, a.Certificate.KeyType())
		}
	}
}
