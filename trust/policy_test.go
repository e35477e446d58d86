package trust_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// TestTakeovers: what a policy takes over, and what it never does.
func TestTakeovers(t *testing.T) {
	certified := func(s *scene, f form, edits ...edit) {
		s.say("nice", append([]edit{withCertificate(certificate(s.t, f))}, edits...)...)
	}
	newKey := form{key: "nice2", subject: "NODE_nice"}
	vouched := func(s *scene) edit { return endorsedBy(certificate(s.t, form{key: "nice"}).SPKI()) }
	moved := func(s *scene) { s.say("nice", at("10.9.9.9:14001")) }
	tests := []struct {
		name   string
		policy string
		make   func(*scene)
		taken  bool
	}{
		{"nothing by default", "", moved, false},
		{"address", "address", moved, true},
		{"port", "port", func(s *scene) { s.say("nice", func(a *exchange.Announcement) { at(a.Endpoint.Host() + ":14901")(a) }) }, true},
		{"address is no port", "port", moved, false},
		{"address and port need both", "address", func(s *scene) { s.say("nice", at("10.9.9.9:14901")) }, false},
		{"address and port", "port address", func(s *scene) { s.say("nice", at("10.9.9.9:14901")) }, true},
		{"certificate for the same key", "certificate", func(s *scene) { certified(s, form{key: "nice", subject: "NODE_nice", serial: 5}) }, true},
		{"certificate is no key", "certificate", func(s *scene) { certified(s, newKey, vouched(s)) }, false},
		{"endorsed key, with its certificate", "key", func(s *scene) { certified(s, newKey, vouched(s)) }, true},
		{"key that nobody endorses", "key certificate", func(s *scene) { certified(s, newKey) }, false},
		{"key that another one endorses", "key", func(s *scene) { certified(s, newKey, endorsedBy(certificate(s.t, form{key: "evil"}).SPKI())) }, false},
		{"key that a revoked one endorses", "key", func(s *scene) {
			s.add("[key %s]\nstatus = revoked\n", certificate(s.t, form{key: "nice"}).KeySHA256())
			certified(s, newKey, vouched(s))
		}, false},
		{"never a role", "address port certificate key", func(s *scene) { s.say("nice", withRole(mpspdz.Researcher)) }, false},
		{"never an id", "address port certificate key", func(s *scene) { s.say("nice", as("NODE_other")) }, false},
		{"never another identity", "address port certificate key", func(s *scene) { s.say("thief", as("NODE_nice")) }, false},
		{"with a label beside it", "address", func(s *scene) { s.say("nice", at("10.9.9.9:14001"), labelled("new")) }, true},
		{"not what another approved one has", "address", func(s *scene) { s.say("nice", at(announcement(s.t, "lyon").Endpoint.String())) }, false},
		{"not what we have", "address", func(s *scene) { s.say("nice", at(s.held.Self.Endpoint.String())) }, false},
		{"not of who sealed two with one sequence", "address", func(s *scene) { moved(s); s.held.Equivocal[identity(s.t, "nice")] = true }, false},
		{"not what ran out", "address", func(s *scene) { s.say("nice", at("10.9.9.9:14001"), expiring(now)) }, false},
		{"not a certificate that ran out", "certificate", func(s *scene) {
			certified(s, form{key: "nice", subject: "NODE_nice", until: now.Add(-time.Second)})
		}, false},
		{"not a certificate of an authority that is not set", "certificate", func(s *scene) {
			certified(s, form{key: "nice", subject: "NODE_nice", serial: 5})
			s.held.Unsigned = map[peer.ID]bool{identity(s.t, "nice"): true}
		}, false},
		{"not in the place of pins that were never heard", "address", func(s *scene) {
			s.pins("nice", func(e *trust.Entry) { e.Endpoint = endpoint(s.t, "10.7.7.7:14001") })
			moved(s)
		}, false},
		{"not two that want the same", "address", func(s *scene) { moved(s); s.say("lyon", at("10.9.9.9:14001")) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			s.held.Policy = strings.Fields(tt.policy)
			tt.make(s)
			ev := trust.Evaluate(s.list, s.held, now)
			if (len(ev.Takeovers) == 1) != tt.taken || len(ev.Takeovers) > 1 {
				t.Fatalf("takes over %+v", ev.Takeovers)
			}
			if !tt.taken {
				return
			}
			// Written, it is in force, and nothing is left to take over.
			a := s.held.Newest[identity(t, "nice")]
			if ev.InForce["NODE_nice"] == a {
				t.Error("in force before it was taken over")
			}
			list := must(s.list.Approve(ev.Takeovers[0].TakenOver(now)))(t)
			after := trust.Evaluate(list, s.held, now)
			e, _ := list.ByAlias("nice")
			if after.InForce["NODE_nice"] != a || len(after.Takeovers) != 0 || after.Decisions[a.Peer].Verdict != trust.VerdictAccepted ||
				e.ApprovedBy != trust.ByPolicy || !e.ApprovedAt.Equal(now) || e.Peer != a.Peer {
				t.Errorf("afterwards %+v, entry %+v", after.Decisions[a.Peer], e)
			}
			if !strings.Contains(string(list.Bytes()), "approved_by = policy\n") {
				t.Errorf("the list does not say who approved it:\n%s", list.Bytes())
			}
		})
	}
}

// TestPolicyFieldsAreChanges: a policy has no word for what is never taken over.
func TestPolicyFieldsAreChanges(t *testing.T) {
	for _, never := range []string{"identity", "component", "role"} {
		if slices.Contains(trust.PolicyFields(), never) {
			t.Errorf("%s can be taken over", never)
		}
	}
}

func TestKeysAloneAreBarred(t *testing.T) {
	a, b := announcement(t, "a"), announcement(t, "b")
	l := approve(t, trust.List{}, a, b)
	key := a.Certificate.KeySHA256()
	barred := must(l.RevokeKey(key, "NODE_a", "bob", now))(t)
	if barred.KeyStatus(key) != trust.Revoked || barred.Barred(a.Peer) || len(barred.BarredKeys()) != 1 || barred.BarredKeys()[0].Component != "NODE_a" {
		t.Fatalf("revoked:\n%s", barred.Bytes())
	}
	ev := trust.Evaluate(barred, trust.Held{Newest: heard(a, b), InForce: heard(a, b)}, now)
	if ev.InForce["NODE_a"] != nil || ev.InForce["NODE_b"] != b || ev.Decisions[a.Peer].Verdict != trust.VerdictRevoked {
		t.Errorf("in force %+v, %s", ev.InForce, ev.Decisions[a.Peer].Verdict)
	}
	// The identity stays approved: forgetting it does not free the stolen key once it has another one.
	renewed := announcement(t, "a", numbered(200), withCertificate(certificate(t, form{key: "a2", subject: "NODE_a"})))
	if d := trust.Decide(barred, trust.Held{Newest: heard(b), InForce: heard(a, b)}, renewed, now); d.Verdict != trust.VerdictChanged {
		t.Errorf("another key is %s", d.Verdict)
	}
	barred = must(must(barred.Approve(entry(renewed, "")))(t).Forget("NODE_a", a.Peer))(t)
	if barred.KeyStatus(key) != trust.Revoked {
		t.Errorf("forgetting the component freed the key:\n%s", barred.Bytes())
	}
	if freed := must(barred.ForgetKey(key))(t); freed.KeyStatus(key) != "" {
		t.Errorf("not forgotten:\n%s", freed.Bytes())
	}
	if _, err := l.ForgetKey(key); err == nil {
		t.Error("a key of which the list says nothing was forgotten")
	}
	if _, err := l.RevokeKey(mpspdz.Hash{}, "", "", now); err == nil {
		t.Error("the hash of nothing was revoked")
	}
}
