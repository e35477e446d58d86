package mpspdz_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/mpspdz"
)

func endpoint(t testing.TB, s string) mpspdz.Endpoint {
	t.Helper()
	e, err := mpspdz.ParseEndpoint(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// member is a party with a certificate of its own, as Fed-BioMed's: CN * and O = component.
func member(t testing.TB, component string, role mpspdz.Role, at string) mpspdz.Party {
	t.Helper()
	p, _ := memberAndKey(t, component, role, at)
	return p
}

func memberAndKey(t testing.TB, component string, role mpspdz.Role, at string) (mpspdz.Party, []byte) {
	t.Helper()
	subject := nameOf(set(value(commonName, asn1.UTF8String, "*")), set(value(organization, asn1.UTF8String, component)))
	key := ed25519Key()
	c := mustParse(t, spec{subject: subject, key: key}.build(t))
	return mpspdz.Party{Component: component, Role: role, Endpoint: endpoint(t, at), Certificate: c}, keyPEM(t, key)
}

// newSet is a Fed-BioMed set of n, and the keys in its order.
func newSet(t testing.TB, n int) (mpspdz.PartySet, [][]byte) {
	t.Helper()
	var parties []mpspdz.Party
	keys := map[string][]byte{}
	for i := range n {
		id, role := fmt.Sprintf("NODE_%03d", i), mpspdz.Node
		if i == 0 {
			id, role = "RESEARCHER_0", mpspdz.Researcher
		}
		p, key := memberAndKey(t, id, role, fmt.Sprintf("10.0.%d.%d:%d", i/200, 1+i%200, 14000+i))
		parties, keys[id] = append(parties, p), key
	}
	set, err := mpspdz.NewPartySet(parties)
	if err != nil {
		t.Fatal(err)
	}
	var ordered [][]byte
	for _, p := range set.Parties() {
		ordered = append(ordered, keys[p.Component])
	}
	return set, ordered
}

func TestPartySetOrder(t *testing.T) {
	parties := []mpspdz.Party{
		member(t, "NODE_b", mpspdz.Node, "10.0.0.1:14000"),
		member(t, "node_a", mpspdz.Node, "10.0.0.2:14000"),
		member(t, "RESEARCHER_z", mpspdz.Researcher, "10.0.0.3:14000"),
		member(t, "NODE_B2", mpspdz.Node, "10.0.0.4:14000"),
		member(t, "1", mpspdz.Node, "10.0.0.5:14000"),
	}
	want := []string{"RESEARCHER_z", "1", "NODE_B2", "NODE_b", "node_a"}
	first, err := mpspdz.NewPartySet(parties)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		shuffled := slices.Clone(parties)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		before := slices.Clone(shuffled)
		set, err := mpspdz.NewPartySet(shuffled)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(before, shuffled) {
			t.Fatal("the caller's slice was reordered")
		}
		for i, id := range want {
			if set.Parties()[i].Component != id || set.Number(id) != i {
				t.Fatalf("party %d is %s, want %s", i, set.Parties()[i].Component, id)
			}
		}
		if set.Digest() != first.Digest() || set.Len() != len(want) {
			t.Fatal("the digest depends on the order of arrival")
		}
	}
	if first.Number("nobody") != -1 {
		t.Error("a stranger has a number")
	}
}

func TestPartySetErrors(t *testing.T) {
	res := member(t, "RESEARCHER_1", mpspdz.Researcher, "10.0.0.1:14000")
	a := member(t, "NODE_a", mpspdz.Node, "10.0.0.2:14000")
	b := member(t, "NODE_b", mpspdz.Node, "10.0.0.3:14000")
	alice := member(t, "alice", mpspdz.PlainParty, "10.0.0.4:14000")
	bob := member(t, "bob", mpspdz.PlainParty, "10.0.0.5:14000")
	with := func(p mpspdz.Party, change func(*mpspdz.Party)) mpspdz.Party { change(&p); return p }
	at := func(p mpspdz.Party, s string) mpspdz.Party {
		return with(p, func(p *mpspdz.Party) { p.Endpoint = endpoint(t, s) })
	}
	holding := func(p mpspdz.Party, s spec) mpspdz.Party {
		return with(p, func(p *mpspdz.Party) { p.Certificate = mustParse(t, s.build(t)) })
	}
	key := ed25519Key()
	many := make([]mpspdz.Party, mpspdz.MaxParties+1)
	for i := range many {
		many[i] = with(alice, func(p *mpspdz.Party) { p.Component = fmt.Sprintf("p%d", i) })
	}
	tests := []struct {
		name       string
		parties    []mpspdz.Party
		code       string // empty: a set
		components string
	}{
		{"three of Fed-BioMed", []mpspdz.Party{a, res, b}, "", ""},
		{"two plain", []mpspdz.Party{bob, alice}, "", ""},
		{"all on localhost", []mpspdz.Party{at(res, "localhost:14000"), at(a, "127.0.0.1:14001"), at(b, "127.0.0.2:14002")}, "", ""},
		{"same host, other ports", []mpspdz.Party{at(alice, "h:1"), at(bob, "h:2")}, "", ""},
		{"same subject with key ids", []mpspdz.Party{
			holding(alice, spec{exts: [][]byte{ski("a"), aki("a")}}), holding(bob, spec{exts: [][]byte{ski("b"), aki("b")}})}, "", ""},

		{"none", nil, mpspdz.SetTooFew, ""},
		{"a researcher alone", []mpspdz.Party{res}, mpspdz.SetTooFew, "RESEARCHER_1"},
		{"a researcher and a node", []mpspdz.Party{res, a}, mpspdz.SetTooFew, "NODE_a RESEARCHER_1"},
		{"one plain", []mpspdz.Party{bob}, mpspdz.SetTooFew, "bob"},
		{"nodes without researcher", []mpspdz.Party{a, b, member(t, "c", mpspdz.Node, "h:1")}, mpspdz.SetNoResearcher, ""},
		{"two researchers", []mpspdz.Party{res, a, member(t, "R2", mpspdz.Researcher, "h:1")}, mpspdz.SetSeveralResearchers, "R2 RESEARCHER_1"},
		{"plain among Fed-BioMed's", []mpspdz.Party{res, a, b, alice}, mpspdz.SetMixedRoles, "alice"},
		{"256", many, mpspdz.SetTooMany, ""},
		{"an id twice", []mpspdz.Party{res, a, at(a, "h:1")}, mpspdz.SetDuplicateComponent, "NODE_a"},
		{"an endpoint twice", []mpspdz.Party{res, a, at(b, "10.0.0.2:14000")}, mpspdz.SetDuplicateEndpoint, "NODE_a NODE_b"},
		{"a port twice on this machine", []mpspdz.Party{at(alice, "localhost:1"), at(bob, "127.0.0.1:1")}, mpspdz.SetDuplicateEndpoint, "alice bob"},
		{"localhost among others", []mpspdz.Party{res, a, at(b, "localhost:14000")}, mpspdz.SetLoopbackMixed, "NODE_b"},
		{"a key twice", []mpspdz.Party{holding(alice, spec{key: key, subject: cn("a")}), holding(bob, spec{key: key, subject: cn("b")})},
			mpspdz.SetDuplicateKey, "alice bob"},
		{"a subject twice", []mpspdz.Party{holding(alice, spec{}), holding(bob, spec{})}, mpspdz.SetDuplicateSubject, "alice bob"},
		{"a subject twice, ids in one", []mpspdz.Party{holding(alice, spec{}), holding(bob, spec{exts: [][]byte{ski("b"), aki("b")}})},
			mpspdz.SetDuplicateSubject, "alice bob"},
		{"no certificate", []mpspdz.Party{alice, with(bob, func(p *mpspdz.Party) { p.Certificate = nil })}, mpspdz.SetIncomplete, "bob"},
		{"no endpoint", []mpspdz.Party{alice, with(bob, func(p *mpspdz.Party) { p.Endpoint = mpspdz.Endpoint{} })}, mpspdz.SetIncomplete, "bob"},
		{"no role", []mpspdz.Party{alice, with(bob, func(p *mpspdz.Party) { p.Role = "" })}, mpspdz.SetIncomplete, ""},
		{"an id that is a path", []mpspdz.Party{alice, with(bob, func(p *mpspdz.Party) { p.Component = "../bob\n" })}, mpspdz.SetIncomplete, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set, err := mpspdz.NewPartySet(test.parties)
			if test.code == "" {
				if err != nil || set.Len() != len(test.parties) {
					t.Errorf("%d parties, %v", set.Len(), err)
				}
				return
			}
			var bad *mpspdz.SetError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a SetError", err)
			}
			if got := strings.Join(bad.Components, " "); bad.Code != test.code || got != test.components {
				t.Errorf("got %s of %q, want %s of %q", bad.Code, got, test.code, test.components)
			}
			if bad.Text == "" || bad.Cure == "" || strings.Contains(bad.Error(), "\n") {
				t.Errorf("text %q, cure %q", bad.Text, bad.Cure)
			}
		})
	}
}

// TestPartySetDigest: everything that all sites must agree on changes the digest, and nothing else does.
func TestPartySetDigest(t *testing.T) {
	base := []mpspdz.Party{
		member(t, "RESEARCHER_1", mpspdz.Researcher, "10.0.0.1:14000"),
		member(t, "NODE_a", mpspdz.Node, "10.0.0.2:14000"),
		member(t, "NODE_b", mpspdz.Node, "10.0.0.3:14000"),
	}
	digest := func(change func(p []mpspdz.Party)) mpspdz.Hash {
		parties := slices.Clone(base)
		change(parties)
		set, err := mpspdz.NewPartySet(parties)
		if err != nil {
			t.Fatal(err)
		}
		return set.Digest()
	}
	seen := map[mpspdz.Hash]string{digest(func([]mpspdz.Party) {}): "nothing"}
	for name, change := range map[string]func(p []mpspdz.Party){
		"id":           func(p []mpspdz.Party) { p[1].Component = "NODE_aa" },
		"order":        func(p []mpspdz.Party) { p[1].Component, p[2].Component = "NODE_b", "NODE_a" },
		"host":         func(p []mpspdz.Party) { p[1].Endpoint = endpoint(t, "10.0.0.22:14000") },
		"port":         func(p []mpspdz.Party) { p[1].Endpoint = endpoint(t, "10.0.0.2:14001") },
		"certificate":  func(p []mpspdz.Party) { p[1].Certificate = mustParse(t, spec{}.build(t)) },
		"certificates": func(p []mpspdz.Party) { p[1].Certificate, p[2].Certificate = p[2].Certificate, p[1].Certificate },
	} {
		h := digest(change)
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[h] = name
	}
}
