package trust_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/internal/inidoc"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// sample is the list of cli.md with real values: %[1]s and %[2]s are identities, %[3]s, %[4]s hashes.
const sample = `; the operator's list

; by telephone with nice
[NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05]
status      = approved
alias       = nice
role        = node
peer_id     = %[1]s
key         = %[3]s
endpoint    = 10.221.0.2:14001
certificate = %[4]s
approved_at = 2026-11-22T10:15:00Z
approved_by = alice@hospital-a
note        = verified by telephone

; a thief's
[peer %[2]s]
status = revoked

[key %[4]s]
status = revoked
`

func sampleText(t testing.TB) string {
	return fmt.Sprintf(sample, identity(t, "nice"), identity(t, "thief"), mpspdz.Hash{1}, mpspdz.Hash{2})
}

func TestParse(t *testing.T) {
	l := parse(t, sampleText(t))
	want := trust.Entry{
		Component: "NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05", Status: trust.Approved, Alias: "nice", Role: mpspdz.Node,
		Peer: identity(t, "nice"), Key: mpspdz.Hash{1}, Endpoint: endpoint(t, "10.221.0.2:14001"), Certificate: mpspdz.Hash{2},
		ApprovedAt: now, ApprovedBy: "alice@hospital-a", Note: "verified by telephone", Line: 4,
	}
	if got := l.Entries(); len(got) != 1 || got[0] != want {
		t.Errorf("entries %+v", got)
	}
	byID, ok1 := l.Entry(want.Component)
	byAlias, ok2 := l.ByAlias("nice")
	byPeer, ok3 := l.ByPeer(want.Peer)
	if byID != want || byAlias != want || byPeer != want || !ok1 || !ok2 || !ok3 {
		t.Errorf("look-ups give %+v, %+v, %+v", byID, byAlias, byPeer)
	}
	if _, found := l.Entry(strings.ToLower(want.Component)); found {
		t.Error("component ids are compared without case")
	}
	if l.PeerStatus(identity(t, "thief")) != trust.Revoked || !l.Barred(identity(t, "thief")) || l.KeyStatus(mpspdz.Hash{2}) != trust.Revoked {
		t.Error("the thief or the key is not revoked")
	}
	if l.PeerStatus(want.Peer) != "" || l.Barred(want.Peer) || l.KeyStatus(want.Key) != "" {
		t.Error("the approved one is barred")
	}
	listed := []peer.ID{identity(t, "nice"), identity(t, "thief")}
	slices.Sort(listed)
	if got := l.Listed(); !slices.Equal(got, listed) {
		t.Errorf("listed %v", got)
	}
	if string(l.Bytes()) != sampleText(t) {
		t.Error("Bytes are not those that were parsed")
	}
}

func TestComponentSectionsBar(t *testing.T) {
	for _, status := range []trust.Status{trust.Denied, trust.Revoked} {
		l := parse(t, fmt.Sprintf("[NODE_a]\nstatus = %s\npeer_id = %s\nkey = %s\n", status, identity(t, "a"), mpspdz.Hash{1}))
		if l.PeerStatus(identity(t, "a")) != status || l.KeyStatus(mpspdz.Hash{1}) != status {
			t.Errorf("%s: identity %q, key %q", status, l.PeerStatus(identity(t, "a")), l.KeyStatus(mpspdz.Hash{1}))
		}
		if _, found := l.ByPeer(identity(t, "a")); found {
			t.Errorf("%s: ByPeer finds it", status)
		}
	}
	l := parse(t, fmt.Sprintf("[NODE_a]\nstatus = denied\npeer_id = %s\n[peer %[1]s]\nstatus = revoked\n", identity(t, "a")))
	if l.PeerStatus(identity(t, "a")) != trust.Revoked {
		t.Error("the stronger of two sections does not count")
	}
}

func TestZeroListIsEmpty(t *testing.T) {
	var l trust.List
	if len(l.Entries()) != 0 || len(l.Bytes()) != 0 || len(l.Listed()) != 0 || l.Barred("x") || l.KeyStatus(mpspdz.Hash{}) != "" {
		t.Error("the zero list is not empty")
	}
	if _, found := l.ByPeer(""); found {
		t.Error("the zero list approves the empty identity")
	}
	if l = approve(t, l, announcement(t, "a")); len(l.Entries()) != 1 {
		t.Error("nothing was added")
	}
}

func TestParseErrors(t *testing.T) {
	good := fmt.Sprintf("status = approved\npeer_id = %s\nkey = %s\nrole = node\n", identity(t, "a"), mpspdz.Hash{1})
	other := fmt.Sprintf("status = approved\npeer_id = %s\nkey = %s\nrole = node\n", identity(t, "b"), mpspdz.Hash{1})
	tests := []struct{ name, text, want string }{
		{"unknown key", "[NODE_a]\n" + good + "colour = red\n", "trust.ini:6: [NODE_a] colour: no such key here; known are status, alias, role,"},
		{"unknown key of a peer", "[peer " + identity(t, "a").String() + "]\nstatus = denied\nalias = x\n", "trust.ini:3: [peer 12D3"},
		{"duplicate section", "[NODE_a]\n" + good + "[NODE_a]\n", "trust.ini:6: section [NODE_a] stands twice, first in line 1"},
		{"duplicate key", "[NODE_a]\nstatus = denied\nstatus = denied\n", `trust.ini:3: "status" stands twice`},
		{"approved alone", "\n[NODE_a]\nstatus = approved\n", "trust.ini:2: [NODE_a] is approved without peer_id, key, role: it would approve the first comer " +
			"that claims this component; remove the section and run `fbpeer trust approve NODE_a`, which writes them"},
		{"approved without role", "[NODE_a]\n" + strings.ReplaceAll(good, "role = node\n", ""), "trust.ini:1: [NODE_a] is approved without role:"},
		{"approved with an empty key", "[NODE_a]\nstatus = approved\nkey =\nrole = node\n", "is approved without peer_id, key:"},
		{"no status", "[NODE_a]\nrole = node\n", "trust.ini:1: [NODE_a] status: is missing: write one of [approved denied revoked], or remove"},
		{"status", "[NODE_a]\nstatus = Approved\n", `trust.ini:2: [NODE_a] status: "Approved" is none of [approved denied revoked]`},
		{"status of a peer", "[peer " + identity(t, "a").String() + "]\nstatus = approved\n", `"approved" is none of [denied revoked]`},
		{"role", "[NODE_a]\nstatus = denied\nrole = Node\n", "trust.ini:3: [NODE_a] role: "},
		{"peer id", "[NODE_a]\nstatus = denied\npeer_id = 12D3KooW\n", `trust.ini:3: [NODE_a] peer_id: "12D3KooW" is not a peer id`},
		{"peer id as CID", "[NODE_a]\nstatus = denied\npeer_id = " + peer.ToCid(identity(t, "a")).String() + "\n", "is not a peer id"},
		{"key", "[NODE_a]\nstatus = denied\nkey = SHA256:abc\n", `trust.ini:3: [NODE_a] key: "SHA256:abc" is not "SHA256:" and 43`},
		{"certificate", "[NODE_a]\nstatus = denied\ncertificate = x\n", "trust.ini:3: [NODE_a] certificate: "},
		{"endpoint", "[NODE_a]\nstatus = denied\nendpoint = 10.0.0.2:70000\n", "trust.ini:3: [NODE_a] endpoint: "},
		{"IPv6", "[NODE_a]\nstatus = denied\nendpoint = ::1:14000\n", "trust.ini:3: [NODE_a] endpoint: "},
		{"time", "[NODE_a]\nstatus = denied\napproved_at = yesterday\n", `trust.ini:3: [NODE_a] approved_at: "yesterday" is not a time such as`},
		{"next is the present key", "[NODE_a]\n" + good + "next = " + mpspdz.Hash{1}.String() + "\n", "trust.ini:6: [NODE_a] next: is the present key: remove the line"},
		{"next of no form", "[NODE_a]\n" + good + "next = abc\n", "trust.ini:6: [NODE_a] next: \"abc\" is not"},
		{"who approved no next", "[NODE_a]\n" + good + "next_approved_by = bob\n", "[NODE_a] next: is missing, but next_approved_at or next_approved_by"},
		{"note", "[NODE_a]\nstatus = denied\nnote = a\u202eb\n", "trust.ini:3: [NODE_a] note: "},
		{"alias", "[NODE_a]\nstatus = denied\nalias = a b\n", `trust.ini:3: [NODE_a] alias: "a b" is not an alias`},
		{"alias like an id", "[NODE_a]\nstatus = denied\nalias = node_b\n", "it looks like a component's id"},
		{"component", "[../a]\nstatus = denied\n", "trust.ini:1: section [../a] is neither a component, nor [peer …], nor [key …]: "},
		{"section of a peer", "[peer x]\nstatus = denied\n", `trust.ini:1: section [peer x]: "x" is not a peer id`},
		{"section of a key", "[key x]\nstatus = denied\n", "trust.ini:1: section [key x]: "},
		{"zero key", "[key " + mpspdz.Hash{}.String() + "]\nstatus = denied\n", "the hash of nothing"},
		{"two with one identity", "[NODE_a]\n" + good + "[NODE_b]\n" + good,
			"trust.ini:8: [NODE_b] peer_id: [NODE_a] has the same one in line 3; an identity is one component: remove one section"},
		{"two with one alias", "[NODE_a]\n" + good + "alias = x\n[NODE_b]\n" + other + "alias = x\n",
			`trust.ini:12: [NODE_b] alias: "x" is already the alias of [NODE_a] in line 1: choose another`},
		{"alias is an id", "[NODE_a]\n" + good + "alias = bob\n[bob]\n" + other, `[NODE_a] alias: "bob" is the id of the component in line 7`},
		{"BOM", "\ufeff[NODE_a]\n", "trust.ini:1: the file begins with a byte order mark"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trust.Parse("trust.ini", []byte(tt.text))
			var e *inidoc.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestEditsGolden runs a list through every kind of edit. What it had before stays byte for byte; what follows is as in
// testdata/edits.golden.
func TestEditsGolden(t *testing.T) {
	var all strings.Builder
	l := parse(t, sampleText(t))
	step := func(name string, next trust.List, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if l = next; !slices.EqualFunc(l.Entries(), parse(t, string(l.Bytes())).Entries(), func(a, b trust.Entry) bool { return a == b }) {
			t.Errorf("%s: the list differs from its own text", name)
		}
		rest, untouched := strings.CutPrefix(string(l.Bytes()), sampleText(t))
		if !untouched {
			t.Errorf("%s: the sections above were touched:\n%s", name, l.Bytes())
		}
		fmt.Fprintf(&all, "==== %s%s", name, cmp.Or(rest, "\n"))
	}
	lyon := entry(announcement(t, "lyon"), "lyon")
	open := lyon
	open.Endpoint, open.Certificate = mpspdz.Endpoint{}, mpspdz.Hash{}
	next, err := l.Approve(open)
	step("approve lyon without endpoint and certificate", next, err)
	next, err = l.Pin(lyon.Component, lyon.Endpoint, lyon.Certificate)
	step("pin them", next, err)
	moved := lyon
	moved.Alias, moved.Note, moved.Endpoint = "", "moved", endpoint(t, "10.9.9.9:14001")
	next, err = l.Approve(moved)
	step("approve lyon's move, the alias stays", next, err)
	next, err = l.ApproveNext(lyon.Component, keyOf(t, "lyon2"), "carol@hospital-a", now.Add(time.Hour))
	step("approve lyon's next key ahead", next, err)
	next, err = l.ApproveNext(lyon.Component, mpspdz.Hash{}, "carol@hospital-a", now)
	step("which lyon takes back", next, err)
	next, err = l.ApproveNext(lyon.Component, keyOf(t, "lyon3"), "carol@hospital-a", now.Add(2*time.Hour))
	step("approve another one ahead", next, err)
	next, err = l.Follow(lyon.Component, mpspdz.Hash{9})
	step("lyon uses it", next, err)
	next, err = l.ApproveNext(lyon.Component, keyOf(t, "lyon4"), "carol@hospital-a", now)
	step("and announces the one after that", next, err)
	next, err = l.Revoke(lyon.Component, lyon.Peer, keyOf(t, "lyon3"), "bob", now)
	step("revoke lyon with all that", next, err)
	next, err = l.Forget(lyon.Component, "")
	step("forget lyon", next, err)
	next, err = l.Approve(moved)
	step("approve lyon again", next, err)
	next, err = l.Deny("NODE_paris", identity(t, "paris"), "bob", now)
	step("deny paris", next, err)
	next, err = l.Approve(entry(announcement(t, "paris"), "paris"))
	step("approve paris after all", next, err)
	next, err = l.Revoke("NODE_paris", identity(t, "paris"), announcement(t, "paris").Certificate.KeySHA256(), "bob", now)
	step("revoke paris and its key", next, err)
	next, err = l.Approve(entry(announcement(t, "paris2", as("NODE_paris")), ""))
	step("approve a new identity for paris", next, err)
	next, err = l.Forget("NODE_paris", identity(t, "paris"))
	step("forget the old identity", next, err)
	next, err = l.Forget("NODE_paris", "")
	step("forget paris", next, err)
	golden(t, "edits.golden", all.String())
}

// golden compares with a file of testdata, or writes it where UPDATE_GOLDEN is set.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (UPDATE_GOLDEN=1 writes it):\n%s", path, got)
	}
}

func TestApproveRefuses(t *testing.T) {
	a, b := announcement(t, "a"), announcement(t, "b")
	with := func(change func(*trust.Entry)) trust.Entry {
		e := entry(b, "bob")
		change(&e)
		return e
	}
	start := must(trust.List{}.Approve(entry(a, "alice")))(t)
	revoked := must(start.Revoke("NODE_b", b.Peer, b.Certificate.KeySHA256(), "", now))(t)
	otherName := must(start.Deny("NODE_b", b.Peer, "", now))(t)
	tests := []struct {
		name string
		l    trust.List
		e    trust.Entry
		want string
	}{
		{"no identity", start, with(func(e *trust.Entry) { e.Peer = "" }), "is approved without peer_id: it would approve the first comer"},
		{"no key", start, with(func(e *trust.Entry) { e.Key = mpspdz.Hash{} }), "without key"},
		{"no role", start, with(func(e *trust.Entry) { e.Role = "" }), "without role"},
		{"bad role", start, with(func(e *trust.Entry) { e.Role = "Node" }), "role"},
		{"bad id", start, with(func(e *trust.Entry) { e.Component = "../b" }), "../b"},
		{"alias taken", start, with(func(e *trust.Entry) { e.Alias = "alice" }), `the alias "alice" is that of NODE_a`},
		{"alias is an id", start, with(func(e *trust.Entry) { e.Alias = "NODE_a" }), "looks like a component's id"},
		{"alias with a blank", start, with(func(e *trust.Entry) { e.Alias = "a b" }), "is not an alias"},
		{"id is an alias", start, with(func(e *trust.Entry) { e.Component = "alice" }), "NODE_a has its id as alias"},
		{"identity taken", start, with(func(e *trust.Entry) { e.Peer = a.Peer }), "stands in [NODE_a] (approved)"},
		{"note of two lines", start, with(func(e *trust.Entry) { e.Note = "a\nstatus = approved" }), "is not one line of printable text (U+000A)"},
		{"by with an escape", start, with(func(e *trust.Entry) { e.ApprovedBy = "\x1b[31m" }), "is not one line of printable text (U+001B)"},
		{"note begins with a blank", start, with(func(e *trust.Entry) { e.Note = " x" }), "begins or ends with a blank"},
		{"identity revoked", revoked, with(func(e *trust.Entry) { e.Key = mpspdz.Hash{9} }), "is revoked: `fbpeer trust forget NODE_b` first"},
		{"key revoked", revoked, with(func(e *trust.Entry) { e.Peer = identity(t, "c") }), "needs a new one (`fbpeer cert generate --force`)"},
		{"component revoked", parse(t, "[NODE_b]\nstatus = revoked\n"), entry(b, ""), "is revoked whatever identity claims it"},
		{"key denied elsewhere", parse(t, fmt.Sprintf("[NODE_x]\nstatus = denied\nkey = %s\n", b.Certificate.KeySHA256())), entry(b, ""), "is denied in [NODE_x]"},
	}
	for _, tt := range tests {
		got, err := tt.l.Approve(tt.e)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if string(got.Bytes()) != string(tt.l.Bytes()) {
			t.Errorf("%s: the list that comes with the error is not the old one", tt.name)
		}
	}
	if _, err := otherName.Approve(entry(b, "bob")); err != nil {
		t.Errorf("a denied one cannot be approved: %v", err)
	}
}

func TestApproveKeepsOtherBars(t *testing.T) {
	a := announcement(t, "a")
	old := fmt.Sprintf("[NODE_a]\nstatus = revoked\npeer_id = %s\nkey = %s\nrole = node\n", identity(t, "old"), mpspdz.Hash{7})
	l := must(parse(t, old).Approve(entry(a, "")))(t)
	if l.PeerStatus(identity(t, "old")) != trust.Revoked || l.KeyStatus(mpspdz.Hash{7}) != trust.Revoked {
		t.Errorf("approving a new identity freed the revoked one:\n%s", l.Bytes())
	}
	if e, ok := l.ByPeer(a.Peer); !ok || e.Component != "NODE_a" {
		t.Errorf("it is not approved:\n%s", l.Bytes())
	}
}

func TestReplaceInOneCommit(t *testing.T) {
	old, now2 := announcement(t, "a"), announcement(t, "a2", as("NODE_a"))
	for name, order := range map[string]func(trust.List) trust.List{
		"approve, revoke": func(l trust.List) trust.List {
			return must(must(l.Approve(entry(now2, "")))(t).Revoke("NODE_a", old.Peer, mpspdz.Hash{}, "", now))(t)
		},
		"revoke, approve": func(l trust.List) trust.List {
			return must(must(l.Revoke("NODE_a", old.Peer, mpspdz.Hash{}, "", now))(t).Approve(entry(now2, "")))(t)
		},
	} {
		l := order(must(trust.List{}.Approve(entry(old, "alice")))(t))
		e, ok := l.ByAlias("alice")
		if !ok || e.Status != trust.Approved || e.Peer != now2.Peer || l.PeerStatus(old.Peer) != trust.Revoked {
			t.Errorf("%s gives\n%s", name, l.Bytes())
		}
	}
}

func TestRevoke(t *testing.T) {
	a, b := announcement(t, "a"), announcement(t, "b")
	l := approve(t, trust.List{}, a, b)
	l2 := must(l.Revoke("NODE_a", a.Peer, mpspdz.Hash{}, "bob", now))(t)
	if e, _ := l2.Entry("NODE_a"); e.Status != trust.Revoked || !l2.Barred(a.Peer) || l2.Barred(b.Peer) {
		t.Errorf("revoked:\n%s", l2.Bytes())
	}
	// A thief that claims NODE_a is revoked: the honest one stays approved.
	l3 := must(l.Revoke("NODE_a", identity(t, "thief"), mpspdz.Hash{}, "bob", now))(t)
	if e, _ := l3.Entry("NODE_a"); e.Status != trust.Approved || l3.PeerStatus(identity(t, "thief")) != trust.Revoked {
		t.Errorf("thief revoked:\n%s", l3.Bytes())
	}
	if _, err := l.Revoke("NODE_a", identity(t, "thief"), b.Certificate.KeySHA256(), "", now); err == nil || !strings.Contains(err.Error(), "NODE_b, which is approved") {
		t.Errorf("revoking the key of an approved component: %v", err)
	}
	if _, err := l.Revoke("NODE_a", a.Peer, mpspdz.Hash{}, "bob\n[x]", now); err == nil {
		t.Error("a name of two lines was written")
	}
}

func TestDeny(t *testing.T) {
	a := announcement(t, "a")
	l := approve(t, trust.List{}, a)
	if _, err := l.Deny("NODE_a", a.Peer, "", now); err == nil || !strings.Contains(err.Error(), "`fbpeer trust revoke NODE_a`") {
		t.Errorf("denying an approved one: %v", err)
	}
	denied := must(l.Deny("NODE_a", identity(t, "thief"), "", now))(t)
	if denied.PeerStatus(identity(t, "thief")) != trust.Denied || denied.PeerStatus(a.Peer) != "" {
		t.Errorf("denied:\n%s", denied.Bytes())
	}
	again := must(denied.Deny("NODE_a", identity(t, "thief"), "other", now.Add(time.Hour)))(t)
	if string(again.Bytes()) != string(denied.Bytes()) {
		t.Error("denying twice changes the list")
	}
	revoked := must(denied.Revoke("NODE_a", identity(t, "thief"), mpspdz.Hash{}, "", now))(t)
	if got := must(revoked.Deny("NODE_a", identity(t, "thief"), "", now))(t); got.PeerStatus(identity(t, "thief")) != trust.Revoked {
		t.Error("a denial weakened a revocation")
	}
	if _, err := l.Deny("../x", identity(t, "thief"), "", now); err == nil {
		t.Error("a bad component id was written")
	}
}

func TestForget(t *testing.T) {
	a := announcement(t, "a")
	thief := identity(t, "thief")
	start := approve(t, trust.List{}, a)
	l := must(start.Deny("NODE_a", thief, "", now))(t)
	// Forgetting the thief leaves the honest one, and the other way round.
	if got := must(l.Forget("NODE_a", thief))(t); string(got.Bytes()) != string(start.Bytes()) {
		t.Errorf("forgot the thief:\n%s", got.Bytes())
	}
	if got := must(l.Forget("NODE_a", a.Peer))(t); len(got.Entries()) != 0 || !got.Barred(thief) {
		t.Errorf("forgot the honest one:\n%s", got.Bytes())
	}
	revoked := must(l.Revoke("NODE_a", a.Peer, a.Certificate.KeySHA256(), "", now))(t)
	if got := must(revoked.Forget("NODE_a", ""))(t); got.KeyStatus(a.Certificate.KeySHA256()) != "" || got.Barred(a.Peer) || !got.Barred(thief) {
		t.Errorf("forgot a revoked one:\n%s", got.Bytes())
	}
	// A key that was revoked by itself stays revoked, whatever is done with who had it.
	key := a.Certificate.KeySHA256()
	stolen := must(start.RevokeKey(key, "NODE_a", "", now))(t)
	for name, list := range map[string]trust.List{"approved": stolen, "revoked after that": must(stolen.Revoke("NODE_a", a.Peer, key, "", now))(t)} {
		if got := must(list.Forget("NODE_a", ""))(t); got.KeyStatus(key) != trust.Revoked || got.Barred(a.Peer) || len(got.Entries()) != 0 {
			t.Errorf("forgot one whose key is revoked by itself, %s:\n%s", name, got.Bytes())
		}
	}
	if _, err := start.Forget("NODE_b", ""); err == nil || !strings.Contains(err.Error(), "says nothing of NODE_b") {
		t.Errorf("forgetting an unknown one: %v", err)
	}
	keyOnly := parse(t, "[key "+mpspdz.Hash{3}.String()+"]\nstatus = revoked\n")
	if _, err := keyOnly.Forget("NODE_b", ""); err == nil {
		t.Error("forgetting an unknown one took a key section away")
	}
}

func TestPinRefuses(t *testing.T) {
	a := announcement(t, "a")
	l := approve(t, trust.List{}, a)
	if _, err := l.Pin("NODE_a", endpoint(t, "10.9.9.9:1"), mpspdz.Hash{}); err == nil {
		t.Error("another endpoint was pinned over the approved one")
	}
	if _, err := l.Pin("NODE_a", mpspdz.Endpoint{}, mpspdz.Hash{5}); err == nil {
		t.Error("another certificate was pinned over the approved one")
	}
	if _, err := l.Pin("NODE_b", a.Endpoint, mpspdz.Hash{}); err == nil {
		t.Error("an unknown component was pinned")
	}
	if got := must(l.Pin("NODE_a", a.Endpoint, mpspdz.Hash{}))(t); string(got.Bytes()) != string(l.Bytes()) {
		t.Error("pinning what is pinned changed the list")
	}
}

// FuzzParse: no panic, what parses keeps its bytes, and what an edit of it writes reads back as the edit made it.
func FuzzParse(f *testing.F) {
	f.Add(sampleText(f))
	f.Add("[NODE_a]\nstatus = denied\n; c\n\n[peer x]\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := trust.Parse("trust.ini", []byte(text))
		if err != nil {
			var e *inidoc.Error
			if !errors.As(err, &e) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		if string(l.Bytes()) != text {
			t.Fatalf("Bytes gives %q for %q", l.Bytes(), text)
		}
		reparsed := func(l trust.List) {
			again, err := trust.Parse("trust.ini", l.Bytes())
			if err != nil {
				t.Fatalf("what was written does not parse: %v in %q", err, l.Bytes())
			}
			if !slices.Equal(again.Entries(), l.Entries()) || !slices.Equal(again.Listed(), l.Listed()) || !bytes.Equal(again.Bytes(), l.Bytes()) {
				t.Fatalf("%q reads back as %+v, it is %+v", l.Bytes(), again.Entries(), l.Entries())
			}
			for _, id := range l.Listed() {
				if again.PeerStatus(id) != l.PeerStatus(id) {
					t.Fatalf("%s is %q after reading back, it is %q", id, again.PeerStatus(id), l.PeerStatus(id))
				}
			}
		}
		reparsed(l)
		for _, e := range l.Entries() {
			if e.Status == trust.Approved { // rewritten as it is, and with other pins
				if next, err := l.Approve(e); err == nil {
					reparsed(next)
				}
				e.Endpoint, e.Certificate, e.Note = endpoint(t, "10.9.9.9:14009"), mpspdz.Hash{9}, "a note"
				if next, err := l.Approve(e); err == nil {
					reparsed(next)
				}
			}
			if next, err := l.Forget(e.Component, e.Peer); err == nil {
				reparsed(next)
			}
			if next, err := l.Revoke(e.Component, e.Peer, mpspdz.Hash{}, "by", now); err == nil && e.Peer != "" {
				reparsed(next)
			}
		}
		if next, err := l.RevokeKey(mpspdz.Hash{7}, "", "by", now); err == nil {
			reparsed(next)
		}
		next, err := l.Deny("NODE_fuzz", identity(t, "fuzz"), "by", now)
		if err == nil {
			reparsed(next)
		}
		if err == nil && (!next.Barred(identity(t, "fuzz")) || len(next.Entries()) != len(l.Entries())) {
			t.Fatalf("after Deny: %q", next.Bytes())
		}
	})
}
