package mpspdz_test

import (
	"crypto"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/mpspdz"
)

// wantSetError checks an error's code, components and a part of its text.
func wantSetError(t *testing.T, err error, code, components, text string) {
	t.Helper()
	var bad *mpspdz.SetError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a SetError", err)
	}
	if got := strings.Join(bad.Components, " "); bad.Code != code || got != components || !strings.Contains(bad.Text, text) {
		t.Errorf("got  %s of %q: %s\nwant %s of %q: %s", bad.Code, got, bad.Text, code, components, text)
	}
	if bad.Cure == "" || strings.ContainsAny(bad.Text, "\n\x1b") {
		t.Errorf("text %q, cure %q", bad.Text, bad.Cure)
	}
}

func TestNewOrderedPartySet(t *testing.T) {
	alice := member(t, "alice", mpspdz.PlainParty, "10.0.0.1:14000")
	bob := member(t, "bob", mpspdz.PlainParty, "10.0.0.2:14000")
	carol := member(t, "carol", mpspdz.PlainParty, "10.0.0.3:14000")
	node := member(t, "NODE_1", mpspdz.Node, "10.0.0.4:14000")
	given := []mpspdz.Party{carol, alice, bob}
	set, err := mpspdz.NewOrderedPartySet(given)
	if err != nil {
		t.Fatal(err)
	}
	given[0] = bob
	if set.Number("carol") != 0 || set.Number("alice") != 1 || set.Number("bob") != 2 || set.Len() != 3 {
		t.Errorf("order %v", set.Parties())
	}
	sorted, err := mpspdz.NewPartySet([]mpspdz.Party{carol, alice, bob})
	if err != nil {
		t.Fatal(err)
	}
	if sorted.Digest() == set.Digest() || sorted.Plan() == set.Plan() {
		t.Error("digest or plan do not depend on the order")
	}
	_, err = mpspdz.NewOrderedPartySet([]mpspdz.Party{alice, node, bob})
	wantSetError(t, err, mpspdz.SetNotPlain, "NODE_1", "NODE_1")
	_, err = mpspdz.NewOrderedPartySet([]mpspdz.Party{alice})
	wantSetError(t, err, mpspdz.SetTooFew, "alice", "1 of at least 2")
	_, err = mpspdz.NewOrderedPartySet([]mpspdz.Party{alice, bob, alice})
	wantSetError(t, err, mpspdz.SetDuplicateComponent, "alice", "alice")
	_, err = mpspdz.NewOrderedPartySet([]mpspdz.Party{alice, {Component: "bob", Role: mpspdz.PlainParty}})
	wantSetError(t, err, mpspdz.SetIncomplete, "bob", "bob")
}

// TestPlan: what is agreed on before the numbered certificates exist stays the same with them, and changes with all else.
func TestPlan(t *testing.T) {
	set, certificates, _ := numberedSet(t, 3, nil)
	numbered, err := set.WithCertificates(certificates)
	if err != nil {
		t.Fatal(err)
	}
	if numbered.Plan() != set.Plan() || numbered.Digest() == set.Digest() {
		t.Error("the plan depends on the certificates, or the digest does not")
	}
	for i, p := range numbered.Parties() {
		if p.Certificate != certificates[i] || set.Parties()[i].Certificate == certificates[i] {
			t.Errorf("party %d has another certificate, or the set before was changed", i)
		}
	}
	seen := map[mpspdz.Hash]string{set.Plan(): "nothing", (mpspdz.PartySet{}).Plan(): "no parties"}
	for name, change := range map[string]func(p []mpspdz.Party) []mpspdz.Party{
		"id":       func(p []mpspdz.Party) []mpspdz.Party { p[1].Component = "p11"; return p },
		"order":    func(p []mpspdz.Party) []mpspdz.Party { p[0], p[1] = p[1], p[0]; return p },
		"ids only": func(p []mpspdz.Party) []mpspdz.Party { p[0].Component, p[1].Component = "p1", "p0"; return p },
		"endpoint": func(p []mpspdz.Party) []mpspdz.Party { p[1].Endpoint = endpoint(t, "10.0.0.2:14001"); return p },
		"key":      func(p []mpspdz.Party) []mpspdz.Party { p[1].Certificate = mustParse(t, spec{}.build(t)); return p },
		"fewer":    func(p []mpspdz.Party) []mpspdz.Party { return p[:2] },
	} {
		other, err := mpspdz.NewOrderedPartySet(change(set.Parties()))
		if err != nil {
			t.Fatal(err)
		}
		h := other.Plan()
		if same, twice := seen[h]; twice {
			t.Errorf("%s and %s have one plan", name, same)
		}
		seen[h] = name
	}
}

// TestPlanIsWhatItsCommentSays holds the encoding by a plan worked out by other means (printf and sha256sum).
func TestPlanIsWhatItsCommentSays(t *testing.T) {
	var parties []mpspdz.Party
	for i, id := range []string{"NODE_983ee25b-4c76-4550-9729-8008e522e39d", "RESEARCHER_d638de88-772c-4835-8b5c-4cd5c6fb3882"} {
		c, _ := fromTestdata(t, id)
		parties = append(parties, mpspdz.Party{Component: []string{"bob", "al"}[i], Role: mpspdz.PlainParty,
			Endpoint: endpoint(t, []string{"10.0.0.2:14001", "h:1"}[i]), Certificate: c})
	}
	set, err := mpspdz.NewOrderedPartySet(parties)
	if err != nil {
		t.Fatal(err)
	}
	plan := set.Plan()
	if got := hex.EncodeToString(plan[:]); got != "14d123e656d95f0e730a0f4572728194481fb1f7b50a18d8fa2f2b3ed6b67d3c" {
		t.Errorf("got %s", got)
	}
}

func TestCheckNames(t *testing.T) {
	plain := func(specs ...spec) mpspdz.PartySet {
		var parties []mpspdz.Party
		for i, s := range specs {
			id := string(rune('a' + i))
			s.exts = append(s.exts, ski(id), aki(id))
			parties = append(parties, mpspdz.Party{Component: id, Role: mpspdz.PlainParty, Endpoint: endpoint(t, id+":1"), Certificate: mustParse(t, s.build(t))})
		}
		set, err := mpspdz.NewPartySet(parties)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	fedbiomed := func(subjects ...string) mpspdz.PartySet {
		var parties []mpspdz.Party
		for i, s := range subjects {
			role := mpspdz.Node
			if i == 0 {
				role = mpspdz.Researcher
			}
			id := string(rune('a' + i))
			parties = append(parties, mpspdz.Party{Component: id, Role: role, Endpoint: endpoint(t, id+":1"),
				Certificate: mustParse(t, spec{subject: cn(s), exts: [][]byte{ski(id), aki(id)}}.build(t))})
		}
		set, err := mpspdz.NewPartySet(parties)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	bmp1 := spec{subject: nameOf(set(value(commonName, tagBMP, bmp("P1"))))} // only the new build reads it
	newSet3, _ := newSet(t, 3)
	for name, parties := range map[string]mpspdz.PartySet{
		"no party":                         {},
		"Fed-BioMed's own":                 newSet3,
		"numbers":                          plain(spec{subject: cn("P0")}, spec{subject: cn("P1")}),
		"the old build only":               plain(spec{subject: cn("*")}, spec{subject: cn("P*")}),
		"the new build only":               plain(spec{subject: cn("*")}, bmp1),
		"Fed-BioMed's, with numbers":       fedbiomed("P0", "p1", "*"),
		"every number in the alternatives": plain(spec{exts: [][]byte{allNames()}}, spec{exts: [][]byte{allNames()}}),
	} {
		if err := parties.CheckNames(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantSetError(t, plain(spec{subject: cn("P1")}, spec{subject: cn("P0")}).CheckNames(), mpspdz.SetWrongNumber, "a b",
		"a is party 0, and its certificate names party 1 (CN P1); and so for 1 more")
	wantSetError(t, plain(spec{subject: cn("P0")}, spec{subject: cn("alice")}).CheckNames(), mpspdz.SetWrongNumber, "b",
		"b is party 1, and its certificate names no party (CN alice)")
	wantSetError(t, plain(spec{subject: cn("P0"), exts: [][]byte{kuEncipher}}, spec{}).CheckNames(), mpspdz.SetWrongNumber, "a", "its keyUsage lacks")
	wantSetError(t, fedbiomed("*", "*", "P1").CheckNames(), mpspdz.SetWrongNumber, "c", "c is party 2, and its certificate names party 1 (CN P1)")
	node := []mpspdz.Party{fedbiomed("*", "*", "*").Parties()[0], fedbiomed("*", "*", "*").Parties()[1], fedbiomed("*", "*", "*").Parties()[2]}
	node[1].Certificate = mustParse(t, bmp1.build(t))
	onlyNew, err := mpspdz.NewPartySet(node)
	if err != nil {
		t.Fatal(err)
	}
	wantSetError(t, onlyNew.CheckNames(), mpspdz.SetWrongNumber, "b", "no party with MP-SPDZ up to 0.4.0 and party 1 with later ones")
}

func TestWithCertificatesErrors(t *testing.T) {
	key := ed25519Key()
	parties, good, _ := numberedSet(t, 3, map[int]crypto.Signer{1: key})
	with := func(i int, c *mpspdz.Certificate) error {
		certificates := slices.Clone(good)
		certificates[i] = c
		_, err := parties.WithCertificates(certificates)
		return err
	}
	_, err := parties.WithCertificates(good[:2])
	wantSetError(t, err, mpspdz.SetIncomplete, "", "2 certificates for 3 parties")
	wantSetError(t, with(1, nil), mpspdz.SetIncomplete, "p1", "p1 has no certificate for party 1")
	wantSetError(t, with(1, mustParse(t, spec{subject: cn("P1")}.build(t))), mpspdz.SetWrongKey, "p1", "p1 for party 1 is not of its approved key")
	wantSetError(t, with(1, mustParse(t, spec{key: key, subject: cn("P2")}.build(t))), mpspdz.SetWrongNumber, "p1",
		"p1 is party 1: the certificate names party 2 (CN P2), and shall name party 1 alone")
	// Two of one subject, without key identifiers: only one of them would verify.
	keys := map[int]crypto.Signer{0: ed25519Key(), 1: key}
	parties, good, _ = numberedSet(t, 3, keys)
	same := nameOf(set(value(organization, asn1.UTF8String, "same")))
	good[0] = mustParse(t, spec{key: keys[0], subject: same, exts: [][]byte{dnsNames("P0")}}.build(t))
	wantSetError(t, with(1, mustParse(t, spec{key: key, subject: same, exts: [][]byte{dnsNames("P1")}}.build(t))), mpspdz.SetDuplicateSubject, "p0 p1", "O=same")
	fedbiomed, _ := newSet(t, 3)
	_, err = fedbiomed.WithCertificates(make([]*mpspdz.Certificate, 3))
	wantSetError(t, err, mpspdz.SetNotPlain, "NODE_001 NODE_002 RESEARCHER_0", "Fed-BioMed")
}
