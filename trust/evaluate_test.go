package trust_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

func TestApprovedValuesStayInForce(t *testing.T) {
	nice := identity(t, "nice")
	tests := []struct {
		name    string
		make    func(*scene)
		want    string // endpoint in force, "" for nothing
		absent  bool
		verdict trust.Verdict
	}{
		{"as approved", func(s *scene) {}, "10.191.138.6:14001", false, trust.VerdictAccepted},
		{"it moves", func(s *scene) { s.say("nice", at("10.9.9.9:1")) }, "10.191.138.6:14001", false, trust.VerdictChanged},
		{"it moves and back", func(s *scene) { s.say("nice", at("10.9.9.9:1")); s.say("nice", numbered(300)) }, "10.191.138.6:14001", false,
			trust.VerdictAccepted},
		{"only the card is left", func(s *scene) { delete(s.held.Newest, nice) }, "10.191.138.6:14001", false, trust.VerdictAccepted},
		{"only the newest is there", func(s *scene) { delete(s.held.InForce, nice) }, "10.191.138.6:14001", false, trust.VerdictAccepted},
		{"all ran out", func(s *scene) {
			a := s.say("nice", expiring(now.AddDate(0, 0, -1)))
			s.held.InForce[a.Peer] = a
		}, "10.191.138.6:14001", false, trust.VerdictAccepted},
		{"a thief claims it", func(s *scene) { s.say("thief", as("NODE_nice"), at("10.9.9.9:1")) }, "10.191.138.6:14001", false, trust.VerdictAccepted},
		{"it collides with lyon by a move", func(s *scene) { s.say("nice", at(announcement(s.t, "lyon").Endpoint.String())) }, "10.191.138.6:14001",
			false, trust.VerdictConflict},
		{"its new announcement has a revoked key", func(s *scene) {
			s.add("[key %s]\nstatus = revoked\n", certificate(s.t, form{key: "stolen"}).KeySHA256())
			s.say("nice", withCertificate(certificate(s.t, form{key: "stolen", subject: "NODE_nice"})))
		}, "10.191.138.6:14001", false, trust.VerdictRevoked},
		{"the operator pins the announced move", func(s *scene) {
			s.say("nice", at("10.9.9.9:1"))
			s.pins("nice", func(e *trust.Entry) { e.Endpoint = endpoint(s.t, "10.9.9.9:1") })
		}, "10.9.9.9:1", false, trust.VerdictAccepted},
		{"the operator pins what nobody announced", func(s *scene) {
			s.pins("nice", func(e *trust.Entry) { e.Endpoint = endpoint(s.t, "10.7.7.7:1") })
		}, "", true, trust.VerdictChanged},
		{"nothing heard", func(s *scene) { delete(s.held.Newest, nice); delete(s.held.InForce, nice) }, "", true, ""},
		{"revoked", func(s *scene) { s.list = must(s.list.Revoke("NODE_nice", nice, mpspdz.Hash{}, "", now))(s.t) }, "", false, trust.VerdictRevoked},
		{"identity revoked beside the approval", func(s *scene) { s.add("[peer %s]\nstatus = revoked\n", nice) }, "", false, trust.VerdictRevoked},
		{"key denied beside the approval", func(s *scene) {
			s.add("[key %s]\nstatus = denied\n", certificate(s.t, form{key: "nice"}).KeySHA256())
		}, "", false, trust.VerdictDenied},
		{"forgotten", func(s *scene) { s.list = must(s.list.Forget("NODE_nice", ""))(s.t) }, "", false, trust.VerdictPending},
		{"we are a plain party", func(s *scene) { s.held.Self.Role = mpspdz.PlainParty }, "", false, trust.VerdictAccepted},
		{"equivocal: the card stays", func(s *scene) {
			s.held.Equivocal[nice] = true
			s.say("nice", labelled("new"))
		}, "10.191.138.6:14001", false, trust.VerdictAccepted},
		{"equivocal without a card", func(s *scene) {
			s.held.Equivocal[nice] = true
			delete(s.held.InForce, nice)
		}, "", true, trust.VerdictAccepted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			tt.make(s)
			ev := trust.Evaluate(s.list, s.held, now)
			got := ""
			if a := ev.InForce["NODE_nice"]; a != nil {
				got = a.Endpoint.String()
			}
			absent := len(ev.Absent) == 1 && ev.Absent[0].Component == "NODE_nice"
			if got != tt.want || absent != tt.absent || ev.Decisions[nice].Verdict != tt.verdict {
				t.Errorf("in force %q, absent %v, %s; want %q, %v, %s", got, absent, ev.Decisions[nice].Verdict, tt.want, tt.absent, tt.verdict)
			}
			checkInForce(t, s.list, s.held, ev)
		})
	}
}

func TestEquivocalNewestIsNotInForce(t *testing.T) {
	s := newScene(t)
	card := s.held.InForce[identity(t, "nice")]
	s.held.Equivocal[identity(t, "nice")] = true
	s.say("nice", labelled("new"))
	if ev := trust.Evaluate(s.list, s.held, now); ev.InForce["NODE_nice"] != card {
		t.Error("an equivocal announcement replaced the approved card")
	}
}

func TestPins(t *testing.T) {
	s := newScene(t)
	s.pins("nice", func(e *trust.Entry) { e.Endpoint, e.Certificate = mpspdz.Endpoint{}, mpspdz.Hash{} })
	delete(s.held.InForce, identity(t, "nice"))
	a := s.say("nice", at("10.9.9.9:14001"))
	ev := trust.Evaluate(s.list, s.held, now)
	if len(ev.Pins) != 1 || ev.Pins[0].Endpoint != a.Endpoint || ev.Pins[0].Certificate != a.Certificate.SHA256() {
		t.Fatalf("pins %+v", ev.Pins)
	}
	l := must(s.list.Pin(ev.Pins[0].Component, ev.Pins[0].Endpoint, ev.Pins[0].Certificate))(t)
	s.held.InForce[a.Peer] = a
	s.say("nice", numbered(300), at("10.8.8.8:1"))
	if ev = trust.Evaluate(l, s.held, now); ev.InForce["NODE_nice"] != a || len(ev.Pins) != 0 || ev.Decisions[a.Peer].Verdict != trust.VerdictChanged {
		t.Errorf("after the pin, a move gives %+v", ev.Decisions[a.Peer])
	}
}

// TestOwnEntry: a list that all sites share names us too.
func TestOwnEntry(t *testing.T) {
	s := newScene(t)
	s.list = approve(t, s.list, s.held.Self)
	ev := trust.Evaluate(s.list, s.held, now)
	if len(ev.Absent) != 0 || len(ev.InForce) != 2 || len(ev.Pins) != 0 || len(ev.Warnings) != 0 {
		t.Errorf("our own entry gives %+v", ev)
	}
}

func TestWarningsAreOnBoth(t *testing.T) {
	tests := []struct {
		code string
		make func(*scene) (a, b string)
	}{
		{"contested", func(s *scene) (string, string) {
			s.say("paris")
			s.say("thief", as("NODE_paris"))
			return "paris", "thief"
		}},
		{"endpoint-shared", func(s *scene) (string, string) {
			s.say("paris", at("localhost:14009"))
			s.say("thief", at("127.0.0.1:14009"))
			return "paris", "thief"
		}},
		{"key-shared", func(s *scene) (string, string) {
			s.say("paris")
			s.say("thief", withCertificate(certificate(s.t, form{key: "paris", subject: "thief"})))
			return "paris", "thief"
		}},
		{"second-researcher", func(s *scene) (string, string) {
			s.held.Self = announcement(s.t, "own")
			s.say("paris", withRole(mpspdz.Researcher))
			s.say("thief", withRole(mpspdz.Researcher))
			return "paris", "thief"
		}},
		{"subject-shared", func(s *scene) (string, string) {
			s.say("paris")
			s.say("thief", withCertificate(certificate(s.t, form{key: "thief", subject: "NODE_paris"})))
			return "paris", "thief"
		}},
		{"clash", func(s *scene) (string, string) {
			same := announcement(s.t, "lyon").Endpoint
			s.pins("nice", func(e *trust.Entry) { e.Endpoint = same })
			s.say("nice", at(same.String()))
			return "nice", "lyon"
		}},
	}
	for _, tt := range tests {
		s := newScene(t)
		a, b := tt.make(s)
		ev := trust.Evaluate(s.list, s.held, now)
		if codes(ev.Warnings[identity(t, a)]) != tt.code || codes(ev.Warnings[identity(t, b)]) != tt.code {
			t.Errorf("%s: warnings %q and %q", tt.code, codes(ev.Warnings[identity(t, a)]), codes(ev.Warnings[identity(t, b)]))
		}
		if len(ev.InForce) != 2 {
			t.Errorf("%s: %d in force", tt.code, len(ev.InForce))
		}
	}
}

// TestClaimedIsToldToItsHolder: the other side of every conflict, of approved components and of ourselves; what it could claim of our own
// past is none.
func TestClaimedIsToldToItsHolder(t *testing.T) {
	s := newScene(t)
	nice := announcement(t, "nice")
	s.say("thief", as("NODE_nice"), at(nice.Endpoint.String()))
	s.say("rogue", withCertificate(nice.Certificate))
	s.say("clumsy", at(s.held.Self.Endpoint.String()))
	s.say("past", as("RESEARCHER_own"))
	s.held.Former = map[peer.ID]bool{identity(t, "past"): true}
	ev := trust.Evaluate(s.list, s.held, now)
	if got := codes(ev.Claimed[nice.Peer]); got != "component-claimed endpoint-claimed key-claimed subject-claimed" {
		t.Errorf("told of nice: %q", got)
	}
	if got := codes(ev.Claimed[s.held.Self.Peer]); got != "endpoint-claimed" {
		t.Errorf("told of ourselves: %q", got)
	}
	if len(ev.Claimed) != 2 || ev.Decisions[nice.Peer].Verdict != trust.VerdictAccepted || ev.Decisions[nice.Peer].Hold {
		t.Errorf("the approved one: %+v, claimed of %d", ev.Decisions[nice.Peer], len(ev.Claimed))
	}
}

// TestClashIsRefusedByTheSet: two that clash are both in force here; the set of them is what cannot be.
func TestClashIsRefusedByTheSet(t *testing.T) {
	s := newScene(t)
	same := announcement(t, "lyon").Endpoint
	s.pins("nice", func(e *trust.Entry) { e.Endpoint = same })
	s.say("nice", at(same.String()))
	ev := trust.Evaluate(s.list, s.held, now)
	parties := []mpspdz.Party{party(s.held.Self)}
	for _, a := range ev.InForce {
		parties = append(parties, party(a))
	}
	if _, err := mpspdz.NewPartySet(parties); err == nil {
		t.Error("a set with one endpoint twice was formed")
	}
}

func party(a *exchange.Announcement) mpspdz.Party {
	return mpspdz.Party{Component: a.Component, Role: a.Role, Endpoint: a.Endpoint, Certificate: a.Certificate}
}

// checkInForce: whatever was heard, nothing is in force that the list does not say.
func checkInForce(t *testing.T, l trust.List, h trust.Held, ev trust.Evaluation) {
	t.Helper()
	for component, a := range ev.InForce {
		e, found := l.Entry(component)
		switch {
		case !found || e.Status != trust.Approved:
			t.Errorf("%s is in force and not approved", component)
		case a.Component != component || e.Peer != a.Peer || e.Key != a.Certificate.KeySHA256() || e.Role != a.Role,
			!e.Endpoint.IsZero() && e.Endpoint != a.Endpoint, !e.Certificate.IsZero() && e.Certificate != a.Certificate.SHA256():
			t.Errorf("%s: %+v is in force, pinned is %+v", component, a, e)
		case l.Barred(a.Peer) || l.KeyStatus(a.Certificate.KeySHA256()) != "":
			t.Errorf("%s is in force and barred", component)
		case h.Self != nil && (h.Self.Role == mpspdz.PlainParty) != (a.Role == mpspdz.PlainParty):
			t.Errorf("%s is in force and of the wrong kind", component)
		}
	}
}

// randomWorld makes a list and announcements of few identities that contradict each other in many ways.
func randomWorld(t *testing.T, random *rand.Rand) (trust.List, trust.Held, []*exchange.Announcement) {
	names := []string{"a", "b", "c", "d"}
	pick := func() string { return names[random.IntN(len(names))] }
	var all []*exchange.Announcement
	for range 4 + random.IntN(10) {
		edits := []edit{numbered(uint64(100 + random.IntN(5)))}
		for _, e := range []edit{
			as("NODE_" + pick()), at(announcement(t, pick()).Endpoint.String()), withRole(mpspdz.PlainParty), labelled(pick()),
			withCertificate(certificate(t, form{key: pick(), subject: "NODE_" + pick(), keyIDs: random.IntN(3) == 0, serial: random.Int64N(2)})),
			expiring(now.Add(time.Duration(random.IntN(3)-1) * time.Hour)),
		} {
			if random.IntN(4) == 0 {
				edits = append(edits, e)
			}
		}
		all = append(all, announcement(t, pick(), edits...))
	}
	var l trust.List
	for _, name := range names {
		e := entry(announcement(t, name), "")
		if random.IntN(3) == 0 {
			e.Endpoint = mpspdz.Endpoint{}
		}
		if random.IntN(3) == 0 {
			e.Certificate = mpspdz.Hash{}
		}
		switch random.IntN(5) {
		case 0:
		case 1:
			l = must(l.Revoke("NODE_"+name, e.Peer, e.Key, "", now))(t)
		default:
			if next, err := l.Approve(e); err == nil {
				l = next
			}
		}
	}
	h := trust.Held{Self: announcement(t, "own", as("RESEARCHER_own"), withRole(mpspdz.Researcher)), InForce: map[peer.ID]*exchange.Announcement{}}
	for _, a := range all[:2] {
		h.InForce[a.Peer] = a
	}
	return l, h, all
}

// hear folds announcements into what is held, as the table does: the newest counts, of two with one sequence the smaller hash.
func hear(h trust.Held, all []*exchange.Announcement) trust.Held {
	h.Newest = map[peer.ID]*exchange.Announcement{}
	torn := map[peer.ID]uint64{}
	for _, a := range all {
		held := h.Newest[a.Peer]
		switch {
		case held == nil || a.Sequence > held.Sequence:
			h.Newest[a.Peer] = a
		case a.Sequence == held.Sequence && a.Hash != held.Hash:
			torn[a.Peer] = a.Sequence
			if bytes.Compare(a.Hash[:], held.Hash[:]) < 0 {
				h.Newest[a.Peer] = a
			}
		}
	}
	h.Equivocal = map[peer.ID]bool{}
	for p, sequence := range torn {
		if h.Newest[p].Sequence == sequence {
			h.Equivocal[p] = true
		}
	}
	return h
}

// TestOrderDoesNotMatter: any order and repetition of announcements gives the same evaluation, nothing that the list does not say is in
// force, and to commit an evaluation changes nothing about it.
func TestOrderDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 60 {
		l, h, all := randomWorld(t, random)
		h = hear(h, all)
		first := trust.Evaluate(l, h, now)
		checkInForce(t, l, h, first)
		for range 4 {
			again := slices.Concat(all, []*exchange.Announcement{all[random.IntN(len(all))], all[random.IntN(len(all))]})
			random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
			if got := trust.Evaluate(l, hear(h, again), now); !reflect.DeepEqual(got, first) {
				t.Fatalf("round %d: another order gives\n%+v\nfirst was\n%+v", round, got, first)
			}
		}
		committed, cards := l, map[peer.ID]*exchange.Announcement{}
		for _, a := range first.InForce {
			cards[a.Peer] = a
		}
		for _, e := range first.Pins {
			committed = must(committed.Pin(e.Component, e.Endpoint, e.Certificate))(t)
		}
		h.InForce = cards
		after := trust.Evaluate(committed, h, now)
		if !reflect.DeepEqual(after.InForce, first.InForce) || len(after.Pins) != 0 {
			t.Fatalf("round %d: after the commit in force is\n%+v\nbefore\n%+v", round, after.InForce, first.InForce)
		}
	}
}

// TestStrangersDisturbNobody: whatever identities that the list does not approve announce, what is in force, what is to be pinned and what
// is said of approved identities stays, but for the warnings that others announce the same.
func TestStrangersDisturbNobody(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for round := range 60 {
		l, h, all := randomWorld(t, random)
		before := trust.Evaluate(l, hear(h, all), now)
		_, _, more := randomWorld(t, random)
		for i, a := range more {
			claim := all[random.IntN(len(all))]
			more[i] = announcement(t, fmt.Sprint("stranger", random.IntN(3)), as(claim.Component), withRole(claim.Role), at(claim.Endpoint.String()),
				withCertificate(a.Certificate), numbered(a.Sequence))
		}
		after := trust.Evaluate(l, hear(h, slices.Concat(all, more)), now)
		if !reflect.DeepEqual(after.InForce, before.InForce) || !reflect.DeepEqual(after.Pins, before.Pins) || !reflect.DeepEqual(after.Absent, before.Absent) {
			t.Fatalf("round %d: strangers change\n%+v\nto\n%+v", round, before, after)
		}
		for p, was := range before.Decisions {
			is := after.Decisions[p]
			contested := func(r trust.Reason) bool {
				return slices.Contains([]string{"contested", "key-shared", "endpoint-shared", "subject-shared"}, r.Code)
			}
			was.Reasons, is.Reasons = slices.DeleteFunc(was.Reasons, contested), slices.DeleteFunc(is.Reasons, contested)
			if _, approved := l.ByPeer(p); approved && !reflect.DeepEqual(is, was) {
				t.Fatalf("round %d: strangers change the decision on %s from\n%+v\nto\n%+v", round, p, was, is)
			}
		}
	}
}

func TestEvaluateNothing(t *testing.T) {
	ev := trust.Evaluate(trust.List{}, trust.Held{}, now)
	if len(ev.Decisions)+len(ev.InForce)+len(ev.Pins)+len(ev.Absent)+len(ev.Warnings) != 0 {
		t.Errorf("nothing held gives %+v", ev)
	}
}

// benchmarkHeld is 255 approved and 1,024 pending components.
func benchmarkHeld(b *testing.B) (trust.List, trust.Held, *exchange.Announcement) {
	h := trust.Held{
		Self:   announcement(b, "own", as("RESEARCHER_own"), withRole(mpspdz.Researcher)),
		Newest: map[peer.ID]*exchange.Announcement{}, InForce: map[peer.ID]*exchange.Announcement{},
	}
	var text bytes.Buffer
	var last *exchange.Announcement
	for i := range 255 + 1024 {
		last = announcement(b, fmt.Sprint(i), at(fmt.Sprintf("10.1.%d.%d:14000", i/256, i%256)))
		h.Newest[last.Peer] = last
		if i < 255 {
			h.InForce[last.Peer] = last
			e := entry(last, "")
			fmt.Fprintf(&text, "[%s]\nstatus = approved\nrole = %s\npeer_id = %s\nkey = %s\nendpoint = %s\ncertificate = %s\n\n",
				e.Component, e.Role, e.Peer, e.Key, e.Endpoint, e.Certificate)
		}
	}
	return parse(b, text.String()), h, last
}

func BenchmarkDecide(b *testing.B) {
	l, h, a := benchmarkHeld(b)
	for b.Loop() {
		trust.Decide(l, h, a, now)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	l, h, _ := benchmarkHeld(b)
	for b.Loop() {
		trust.Evaluate(l, h, now)
	}
}

func BenchmarkApprove(b *testing.B) {
	l, _, a := benchmarkHeld(b)
	e := entry(a, "")
	for b.Loop() {
		if _, err := l.Approve(e); err != nil {
			b.Fatal(err)
		}
	}
}
