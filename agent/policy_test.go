package agent

import (
	"fmt"
	"strings"
	"testing"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

func TestPolicies(t *testing.T) {
	node := func(name, secagg string) api.Peer {
		return api.Peer{Component: name, State: api.StateAccepted, Secagg: secagg}
	}
	with := func(p api.Peer, state string) api.Peer { p.State = state; return p }
	const (
		aForces  = "secagg-forced: a forces it: an experiment without secagg=True fails"
		bOff     = "secagg-off: b has it off: one with secagg=True fails"
		neither  = "secagg-contradiction: no experiment can satisfy both: with nodes of both kinds every one fails"
		operator = " (its operator sets secure_aggregation = True in that node's configuration, or leave it out of the experiment)"
	)
	for _, test := range []struct {
		name  string
		role  mpspdz.Role
		self  string
		peers []api.Peer
		want  []string
	}{
		{"all optional", mpspdz.Researcher, "", []api.Peer{node("a", "optional"), node("b", "optional")}, nil},
		{"nothing announced", mpspdz.Researcher, "", []api.Peer{node("a", "")}, nil},
		{"one forces it", mpspdz.Researcher, "", []api.Peer{node("a", "forced"), node("b", "optional")}, []string{aForces}},
		{"one has it off", mpspdz.Researcher, "", []api.Peer{node("a", "optional"), node("b", "off")}, []string{bOff + operator}},
		{"both kinds", mpspdz.Researcher, "", []api.Peer{node("b", "off"), node("a", "forced")}, []string{aForces, bOff + operator, neither}},
		{"two of each", mpspdz.Researcher, "", []api.Peer{node("d", "off"), node("c", "forced"), node("b", "off"), node("a", "forced")},
			[]string{"secagg-forced: a and c force it:", "secagg-off: b and d have it off: one with secagg=True fails (their operators set", neither}},
		{"a change that is held back is no policy of another time", mpspdz.Researcher, "", []api.Peer{with(node("a", "forced"), api.StateChanged)}, []string{aForces}},
		{"who waits for a decision is in no experiment", mpspdz.Researcher, "", []api.Peer{with(node("a", "off"), api.StatePending)}, nil},
		{"nor is who was revoked", mpspdz.Researcher, "", []api.Peer{with(node("a", "off"), api.StateRevoked)}, nil},
		{"nor is who claims to be another", mpspdz.Researcher, "", []api.Peer{with(node("a", "off"), api.StateConflict)}, nil},
		{"a node sees what keeps a run from being ready", mpspdz.Node, "forced", []api.Peer{node("a", "forced"), node("b", "off")}, []string{bOff}},
		{"a node's own policy", mpspdz.Node, "off", nil, []string{"secagg-off: self has it off"}},
		{"a plain party", mpspdz.PlainParty, "", []api.Peer{node("a", "off")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := policiesOf(api.Peer{Component: "self", Secagg: test.self}, test.peers).warnings(test.role)
			if len(all) != len(test.want) {
				t.Errorf("%+v", all)
			}
			for i, w := range all {
				if text := fmt.Sprintf("%s: %s (%s)", w.Code, w.Text, w.Cure); w.Error || i < len(test.want) && !strings.HasPrefix(text, test.want[i]) {
					t.Errorf("got  %s\nwant %s", text, test.want[i])
				}
			}
		})
	}
}

func TestListed(t *testing.T) {
	var many []string
	for i := range 255 {
		many = append(many, partyLetter(i))
	}
	for n, want := range map[int]string{1: "a", 2: "a and b", 3: "a, b and c", 6: "a, b, c, d, e and f", 7: "a, b, c, d, e, f and g",
		8: "a, b, c, d, e, f and 2 others", 255: "a, b, c, d, e, f and 249 others"} {
		if got := listed(many[:n], asIs); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
