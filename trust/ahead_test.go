package trust_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// TestNothingElseFollows goes through every combination of who announces what, and of what is approved ahead: taken over is exactly
// the key that was approved ahead, by the identity and in the place that were approved.
func TestNothingElseFollows(t *testing.T) {
	type kind struct {
		name string
		edit edit
	}
	same, endorsement := kind{"same", func(*exchange.Announcement) {}}, endorsedBy(certificate(t, form{key: "nice"}).SPKI())
	taken, endpoint := 0, announcement(t, "nice").Endpoint.String()
	for _, who := range []string{"nice", "thief", "lyon"} {
		for _, ahead := range []string{"", "nice2", "nice3"} {
			s := newScene(t)
			if ahead != "" {
				s.approvesAhead("nice", ahead)
			}
			for _, key := range []string{"nice", "nice2", "thief", "lyon"} {
				renewal := renewedWith(t, key)
				for _, component := range []kind{{"nice", as("NODE_nice")}, {"lyon", as("NODE_lyon")}, {"new", as("NODE_new")}} {
					for _, how := range []kind{same, {"moved", at("10.9.9.9:1")}, {"researcher", withRole(mpspdz.Researcher)}, {"endorsed", endorsement}} {
						a := s.say(who, at(endpoint), component.edit, renewal, how.edit)
						want := who == "nice" && ahead == "nice2" && key == "nice2" && component.name == "nice" && (how.name == "same" || how.name == "endorsed")
						ev := trust.Evaluate(s.list, s.held, now)
						if got := len(ev.Following) == 1 && ev.Following[0] == a; got != want || len(ev.Following) > 1 {
							t.Errorf("%s, ahead %s, key %s, component %s, %s: followed %v", who, ahead, key, component.name, how.name, got)
						}
						if key != "nice" && (ev.InForce["NODE_nice"] == a || ev.InForce["NODE_lyon"] == a) {
							t.Error("in force before the list pins it")
						}
						if want {
							taken++
						}
					}
				}
			}
		}
	}
	if taken == 0 {
		t.Error("nothing was taken over at all")
	}
}

// TestFollow: the pins move with the key, the announcement that brought it is in force then, and nothing is left to do.
func TestFollow(t *testing.T) {
	s := newScene(t)
	s.list = parse(t, strings.Replace(string(s.list.Bytes()), "[NODE_nice]\n", "[NODE_nice]\n; their machine room: 0044\n", 1))
	s.approvesAhead("nice", "nice2")
	s.say("nice", next(t, "nice2"))
	a := s.say("nice", numbered(300), renewedWith(t, "nice2"))
	ev := trust.Evaluate(s.list, s.held, now)
	if len(ev.Following) != 1 || ev.InForce["NODE_nice"] == a || ev.InForce["NODE_nice"] == nil {
		t.Fatalf("%v, in force %v", ev.Following, ev.InForce["NODE_nice"])
	}
	s.list = must(s.list.Follow("NODE_nice", a.Certificate.SHA256()))(t)
	e, _ := s.list.Entry("NODE_nice")
	if e.Key != keyOf(t, "nice2") || e.Certificate != a.Certificate.SHA256() || !e.Next.IsZero() || e.ApprovedBy != "bob@hospital-b" ||
		!e.ApprovedAt.Equal(now.AddDate(0, 0, -2)) || e.Endpoint != a.Endpoint || e.Alias != "nice" {
		t.Errorf("%+v", e)
	}
	if text := string(s.list.Bytes()); !strings.Contains(text, "[NODE_nice]\n; their machine room: 0044\nstatus ") || strings.Contains(text, "next") {
		t.Errorf("the list is now\n%s", text)
	}
	ev = trust.Evaluate(s.list, s.held, now)
	if len(ev.Following) != 0 || ev.InForce["NODE_nice"] != a || codes(ev.Decisions[a.Peer].Reasons) != "approved" {
		t.Errorf("%v, in force %v, %v", ev.Following, ev.InForce["NODE_nice"], ev.Decisions[a.Peer])
	}
	if _, err := s.list.Follow("NODE_nice", a.Certificate.SHA256()); err == nil {
		t.Error("followed twice")
	}
}

// TestFollowsABarredKey: a stolen key is barred after its successor was approved ahead. The successor is followed; until it comes nothing is in
// force, and what was approved stays the component's own.
func TestFollowsABarredKey(t *testing.T) {
	s := newScene(t)
	s.approvesAhead("nice", "nice2")
	s.add("\n[key %s]\nstatus = revoked\n", keyOf(t, "nice"))
	nice := announcement(t, "nice")
	for code, claims := range map[string]edit{"component-claimed": as("NODE_nice"), "endpoint-claimed": at(nice.Endpoint.String())} {
		thief := s.say("thief", claims)
		ev := trust.Evaluate(s.list, s.held, now)
		if ev.InForce["NODE_nice"] != nil || len(ev.Absent) != 0 || ev.Decisions[nice.Peer].Verdict != trust.VerdictRevoked {
			t.Errorf("in force %v, absent %v, %v", ev.InForce["NODE_nice"], ev.Absent, ev.Decisions[nice.Peer])
		}
		if d := ev.Decisions[thief.Peer]; d.Verdict != trust.VerdictConflict || codes(ev.Claimed[nice.Peer]) != code ||
			strings.Contains(ev.Claimed[nice.Peer][0].Text, "stays in force") {
			t.Errorf("%s: %v, told of nice: %v", code, d, ev.Claimed[nice.Peer])
		}
	}
	delete(s.held.Newest, identity(t, "thief"))
	a := s.say("nice", renewedWith(t, "nice2"))
	ev := trust.Evaluate(s.list, s.held, now)
	if len(ev.Following) != 1 || ev.Following[0] != a || ev.InForce["NODE_nice"] != nil {
		t.Fatalf("following %v, in force %v", ev.Following, ev.InForce["NODE_nice"])
	}
	s.list = must(s.list.Follow("NODE_nice", a.Certificate.SHA256()))(t)
	if ev = trust.Evaluate(s.list, s.held, now); ev.InForce["NODE_nice"] != a || len(ev.Following) != 0 {
		t.Errorf("afterwards in force %v, following %v", ev.InForce["NODE_nice"], ev.Following)
	}
}

// TestResearcherWithABarredKey: nothing of it is in force, so that it is no second one.
func TestResearcherWithABarredKey(t *testing.T) {
	s := newScene(t)
	s.held.Self = nil
	s.list = approve(t, s.list, announcement(t, "paris", withRole(mpspdz.Researcher)))
	other := s.say("other", withRole(mpspdz.Researcher))
	if d := trust.Decide(s.list, s.held, other, now); codes(d.Reasons) != "not-approved second-researcher" {
		t.Errorf("%q", codes(d.Reasons))
	}
	s.add("\n[key %s]\nstatus = revoked\n", keyOf(t, "paris"))
	if d := trust.Decide(s.list, s.held, other, now); codes(d.Reasons) != "not-approved" {
		t.Errorf("with a barred key: %q", codes(d.Reasons))
	}
}

// TestLapsed: an approval ahead ends where the site announces another key to come, or none, and not before it has announced it.
func TestLapsed(t *testing.T) {
	for _, test := range []struct {
		name   string
		card   string // the key to come in the approved card
		newest string // and in the newer announcement
		at     string // that one's endpoint, if it is another
		barred string // a key that the list revokes
		want   bool
	}{
		{"still announced", "nice2", "nice2", "", "", false},
		{"taken back", "nice2", "", "", "", true},
		{"another one", "nice2", "nice3", "", "", true},
		{"not announced yet", "", "", "", "", false},
		{"announced now", "", "nice2", "", "", false},
		{"taken back by what is held as a change", "nice2", "", "10.9.9.9:1", "", false},
		{"revoked here", "nice2", "nice2", "", "nice2", true},
		{"its predecessor revoked here", "nice2", "nice2", "", "nice", false},
	} {
		s := newScene(t)
		s.approvesAhead("nice", "nice2")
		if test.barred != "" {
			s.add("\n[key %s]\nstatus = revoked\n", keyOf(t, test.barred))
		}
		edits := func(key, where string) []edit {
			var all []edit
			if key != "" {
				all = append(all, next(t, key))
			}
			if where != "" {
				all = append(all, at(where))
			}
			return all
		}
		card := announcement(t, "nice", edits(test.card, "")...)
		s.held.InForce = map[peer.ID]*exchange.Announcement{card.Peer: card}
		s.say("nice", edits(test.newest, test.at)...)
		ev := trust.Evaluate(s.list, s.held, now)
		if got := len(ev.Lapsed) == 1; got != test.want {
			t.Errorf("%s: lapsed %v", test.name, ev.Lapsed)
		}
	}
}

func TestApproveNextRefuses(t *testing.T) {
	s := newScene(t)
	s.add("\n[key %s]\nstatus = denied\n\n[NODE_gone]\nstatus = revoked\n", keyOf(t, "barred"))
	for _, test := range []struct{ component, key, by, want string }{
		{"NODE_paris", "x", "", "NODE_paris is not approved"},
		{"NODE_gone", "x", "", "NODE_gone is not approved"},
		{"NODE_nice", "nice", "", "is the present key of nice (NODE_nice)"},
		{"NODE_nice", "barred", "", "is denied: the site needs another one"},
		{"NODE_nice", "x", "a\nb", "not one line"},
	} {
		if l, err := s.list.ApproveNext(test.component, keyOf(t, test.key), test.by, now); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test, err)
		} else if fmt.Sprint(l.Entries()) != fmt.Sprint(s.list.Entries()) {
			t.Errorf("%+v: changed by a refusal", test)
		}
	}
}
