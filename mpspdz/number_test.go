package mpspdz_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

func TestProvesNumber(t *testing.T) {
	exts := func(e ...[]byte) [][]byte { return e }
	some := []string{"P1", "P3", "P5", "P7", "P9", "P11"}
	for name, test := range map[string]struct {
		spec   spec
		number int
		detail string // empty: it proves the number
	}{
		"CN and SAN":        {spec{subject: cn("P3"), exts: exts(dnsNames("P3"))}, 3, ""},
		"CN alone":          {spec{subject: cn("P3")}, 3, ""},
		"SAN alone":         {spec{subject: nameOf(), exts: exts(dnsNames("p3"))}, 3, ""},
		"the last party":    {spec{subject: cn("P254")}, 254, ""},
		"another number":    {spec{subject: cn("P2"), exts: exts(dnsNames("P2"))}, 3, "the certificate names party 2 (SAN P2), and shall name party 3 alone"},
		"two numbers":       {spec{subject: cn("x"), exts: exts(dnsNames("P3", "P4"))}, 3, "the certificate names parties 3 and 4 (SAN P3 and 1 more)"},
		"every number by *": {spec{subject: cn("x"), exts: exts(dnsNames("P3", "*"))}, 3, "the certificate names parties 0 to 254 with MP-SPDZ up to 0.4.0 and party 3 with later ones (SAN P3 and 1 more), and shall name party 3 alone"},
		"one of six":        {spec{subject: cn("x"), exts: exts(dnsNames(some...))}, 3, "the certificate names 6 parties (1, 3, 5, 7, 9, …) (SAN P1 and 5 more)"},
		"one of three":      {spec{subject: cn("x"), exts: exts(dnsNames("P1", "P3", "P9"))}, 3, "the certificate names parties 1, 3 and 9 (SAN P1 and 2 more)"},
		"CN *":              {spec{subject: cn("*")}, 3, "the certificate names parties 0 to 254 with MP-SPDZ up to 0.4.0 and no party with later ones (CN *), and shall name party 3 alone"},
		"CN * beside a SAN": {spec{subject: cn("*"), exts: exts(dnsNames("P3"))}, 3, "the certificate names parties 0 to 254 with MP-SPDZ up to 0.4.0 and party 3 with later ones"},
		"CN of another, SAN its own: the old build takes both": {spec{subject: cn("P4"), exts: exts(dnsNames("P3"))}, 3,
			"the certificate names parties 3 and 4 with MP-SPDZ up to 0.4.0 and party 3 with later ones (SAN P3)"},
		"two CNs: the new build takes both": {spec{subject: nameOf(set(value(commonName, asn1.UTF8String, "P4")), set(value(commonName, asn1.UTF8String, "P3")))}, 3,
			"the certificate names party 3 with MP-SPDZ up to 0.4.0 and parties 3 and 4 with later ones (CN P3)"},
		"the new build takes none": {spec{subject: cn("P3"), exts: exts(dnsNames("example.org"))}, 3, "party 3 with MP-SPDZ up to 0.4.0 and no party with later ones"},
		"no number":                {spec{subject: cn("NODE_1")}, 3, "the certificate names no party (CN NODE_1), and shall name party 3 alone"},
		"a name to escape":         {spec{subject: cn("\x1b[2J")}, 3, `names no party (CN \1B[2J)`},
		"a keyUsage that fails":    {spec{subject: cn("P3"), exts: exts(kuEncipher)}, 3, "its keyUsage lacks digitalSignature"},
		"16 names":                 {spec{subject: commonNames(16, "P3"), exts: exts(dnsNames(others(15, "P3")...))}, 3, ""},
		"17 DNS names":             {spec{subject: cn("P3"), exts: exts(dnsNames(others(16, "P3")...))}, 3, "the certificate has 17 DNS names and 1 common name: one for a party number has at most 16 of each"},
		"17 common names":          {spec{subject: commonNames(17, "P3"), exts: exts(dnsNames("P3"))}, 3, "the certificate has 1 DNS name and 17 common names: one"},
		"17 names that fail":       {spec{subject: cn("P3"), exts: exts(dnsNames(others(16, "P3")...), kuEncipher)}, 3, "the certificate has 17 DNS names and 1 common name: one"},
		"every number":             {spec{subject: cn("x"), exts: exts(allNames())}, 3, "the certificate has 256 DNS names and 1 common name: one"},
		"less than any number":     {spec{}, -1, "-1 is not a party number (0 to 254)"},
		"more than any number":     {spec{subject: cn("P255")}, 255, "255 is not a party number (0 to 254)"},
	} {
		t.Run(name, func(t *testing.T) {
			err := mustParse(t, test.spec.build(t)).ProvesNumber(test.number)
			if test.detail == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRule(t, err, mpspdz.RuleNumber)
			if !strings.Contains(err.Error(), test.detail) {
				t.Errorf("got  %s\nwant %s", err, test.detail)
			}
		})
	}
}

// TestNumberedCertificates makes one of each key type and lets the real openssl judge it: the name, as a root in a folder that Render
// made, and as an issuer.
func TestNumberedCertificates(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	for name, key := range map[string]crypto.Signer{
		"RSA-2048": rsaA(), "RSA-3072": rsa3072(), "ECDSA-P256": ecdsaKey(elliptic.P256()), "Ed25519": ed25519Key(),
	} {
		t.Run(name, func(t *testing.T) {
			notAfter := now.AddDate(0, 3, 0)
			c, err := mpspdz.NewNumberedCertificate(rand.Reader, key, "alice", 3, notAfter, now)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{c.ProvesNumber(3), c.CheckSelfSigned(), c.CheckTime(now), c.CheckTime(notAfter), mpspdz.CheckKeyPair(c, key)} {
				if err != nil {
					t.Error(err)
				}
			}
			wantRule(t, c.ProvesNumber(4), mpspdz.RuleNumber)
			wantRule(t, c.CheckTime(notAfter.Add(time.Second)), mpspdz.RuleExpired)
			wantRule(t, c.CheckTime(now.Add(-61*time.Minute)), mpspdz.RuleNotYetValid)
			if got := [...]string{c.Subject(), c.KeyType(), c.WorksWith()}; got != [...]string{"CN=P3,O=alice", name, "works with every MP-SPDZ as party 3 only (SAN P3)"} {
				t.Errorf("%q", got)
			}
			usage := x509.KeyUsageDigitalSignature
			if isRSA(key) {
				usage |= x509.KeyUsageKeyEncipherment
			}
			if x := c.X509(); !c.KeyIDs() || x.KeyUsage != usage || len(x.ExtKeyUsage) != 2 || x.IsCA || !x.BasicConstraintsValid || len(x.DNSNames) != 1 {
				t.Errorf("key ids %v, key usage %b, %v, CA %v, %v", c.KeyIDs(), x.KeyUsage, x.ExtKeyUsage, x.IsCA, x.DNSNames)
			}
			checkHost(t, c, 3)
			checkHost(t, c, 4)
			checkNumberedInFolder(t, c, key)
		})
	}
}

// checkNumberedInFolder puts the certificate, party 3's, into a folder of five and asks openssl whom it lets in.
func checkNumberedInFolder(t *testing.T, c *mpspdz.Certificate, key crypto.Signer) {
	t.Helper()
	set, certificates, private := numberedSet(t, 5, map[int]crypto.Signer{3: key})
	certificates[3] = c
	set, err := set.WithCertificates(certificates)
	if err != nil {
		t.Fatal(err)
	}
	files, err := mpspdz.Render(set, mpspdz.Own{Component: "p3", KeyPEM: private[3], BindPort: 14000})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	folder := filepath.Join(dir, mpspdz.PlayerData)
	for i, member := range certificates {
		if reason, ok := verifies(t, folder, member.DER()); !ok {
			t.Errorf("party %d: %s", i, reason)
		}
	}
	forged := spec{subject: cn("P0"), issuer: c.X509().RawSubject, issuerKey: key, exts: [][]byte{kuTLS, aki(string(c.X509().SubjectKeyId))}}
	if _, ok := verifies(t, folder, forged.build(t)); ok {
		t.Error("openssl takes a certificate that a numbered one issued")
	}
}

// numberedSet is a set of n plain parties p0, p1, … with base certificates, their numbered ones, and their keys. Keys that are not given
// are made.
func numberedSet(t testing.TB, n int, keys map[int]crypto.Signer) (mpspdz.PartySet, []*mpspdz.Certificate, [][]byte) {
	t.Helper()
	var parties []mpspdz.Party
	var certificates []*mpspdz.Certificate
	var private [][]byte
	for i := range n {
		key := keys[i]
		if key == nil {
			key = ed25519Key()
		}
		id := fmt.Sprintf("p%d", i)
		base := mustParse(t, spec{key: key, subject: cn(id), exts: [][]byte{allNames()}}.build(t))
		parties = append(parties, mpspdz.Party{Component: id, Role: mpspdz.PlainParty,
			Endpoint: endpoint(t, fmt.Sprintf("10.0.0.%d:14000", 1+i)), Certificate: base})
		c, err := mpspdz.NewNumberedCertificate(rand.Reader, key, id, i, now.AddDate(1, 0, 0), now)
		if err != nil {
			t.Fatal(err)
		}
		certificates, private = append(certificates, c), append(private, keyPEM(t, key))
	}
	set, err := mpspdz.NewOrderedPartySet(parties)
	if err != nil {
		t.Fatal(err)
	}
	return set, certificates, private
}

func TestNumberedCertificateErrors(t *testing.T) {
	issue := func(key crypto.Signer, component string, number int, notAfter time.Time) error {
		_, err := mpspdz.NewNumberedCertificate(rand.Reader, key, component, number, notAfter, now)
		return err
	}
	later := now.Add(time.Hour)
	wantRule(t, issue(ed25519Key(), "alice", -1, later), mpspdz.RuleNumber)
	wantRule(t, issue(ed25519Key(), "alice", 255, later), mpspdz.RuleNumber)
	wantRule(t, issue(ed25519Key(), "alice", 0, now), mpspdz.RuleExpired)
	wantRule(t, issue(rsa1024(), "alice", 0, later), mpspdz.RuleRSATooSmall)
	wantRule(t, issue(ecdsaKey(elliptic.P384()), "alice", 0, later), mpspdz.RuleKeyType)
	var bad *mpspdz.ComponentError
	if err := issue(ed25519Key(), "../alice", 0, later); !errors.As(err, &bad) {
		t.Errorf("a component id that is a path: %v", err)
	}
	if err := issue(ed25519Key(), strings.Repeat("a", 64), 254, time.Date(2055, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Errorf("the longest id, past 2049: %v", err)
	}
}

// others are n names of nobody and one more.
func others(n int, last string) (names []string) {
	for range n {
		names = append(names, "x")
	}
	return append(names, last)
}

// commonNames are n of them, the last one given.
func commonNames(n int, last string) []byte {
	var sets [][]byte
	for _, name := range others(n-1, last) {
		sets = append(sets, set(value(commonName, asn1.UTF8String, name)))
	}
	return nameOf(sets...)
}

// hostileNumbered are certificates with the names that take longest, which a stranger may choose.
func hostileNumbered(t testing.TB) map[string]*mpspdz.Certificate {
	t.Helper()
	stars := strings.Repeat("*", 460)
	wild := make([]string, 0, 512)
	for range 511 {
		wild = append(wild, "*2*5*4")
	}
	return map[string]*mpspdz.Certificate{
		"512 DNS names":    mustParse(t, spec{subject: cn("x"), exts: [][]byte{dnsNames(append(wild, "P3")...)}}.build(t)),
		"250 common names": mustParse(t, spec{subject: commonNames(250, "x")}.build(t)),
		"16 long names":    mustParse(t, spec{subject: cn("x"), exts: [][]byte{dnsNames(stars, stars, stars, stars, stars, stars, stars, stars, stars, stars, stars, stars, stars, stars, stars, "P3")}}.build(t)),
		"one long name":    mustParse(t, spec{subject: cn("x"), exts: [][]byte{dnsNames(strings.Repeat("*", 7500))}}.build(t)),
		"16 wild names":    mustParse(t, spec{subject: cn("x"), exts: [][]byte{dnsNames(append(wild[:15:15], "P3")...)}}.build(t)),
	}
}

// TestProvesNumberIsCheap: a neighbour may bring 2,048 records at once. The limit is twenty times what was measured.
func TestProvesNumberIsCheap(t *testing.T) {
	for name, c := range hostileNumbered(t) {
		t.Run(name, func(t *testing.T) {
			best := time.Hour
			for range 10 {
				start := time.Now()
				wantRule(t, c.ProvesNumber(3), mpspdz.RuleNumber)
				best = min(best, time.Since(start))
			}
			if best > 2*time.Millisecond {
				t.Errorf("it takes %v", best)
			}
		})
	}
}
