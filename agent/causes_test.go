package agent

import (
	"slices"
	"strings"
	"testing"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// linesOf are a verdict's obstacles, a line each: code, component, of, text, cure.
func linesOf(r api.Ready) []string {
	var all []string
	for _, o := range r.Obstacles {
		all = append(all, strings.Join([]string{o.Code, o.Component, o.Of, o.Text, o.Cure}, " | "))
	}
	return all
}

// withRows lets a member answer with a registry of these parties, beside its player files.
func (p *panel) withRows(component string, rows []mpspdz.Party) {
	var members []exchange.Member
	for _, party := range rows {
		members = append(members, memberOf(party))
	}
	id := siteID{component: component}
	view := *p.sight.sites[id].view
	view.Rows = exchange.MembersRoot(members)
	p.sight.lists[view.Rows] = members
	p.sight.sites[id] = heardView{view: &view, called: p.sight.sites[id].called}
}

// Who has to act is told first, and not that the others' certificates come by themselves.
func TestReadyNamesTheCause(t *testing.T) {
	waiting := &api.Warning{Code: api.WarnWaitingCertificates, Text: "waiting for b, c", Cure: "it comes by itself once that site has approved the same parties"}
	last := "waiting-certificate | a |  | waiting for b, c | it comes by itself once that is settled"
	for _, test := range []struct {
		name   string
		change func(p *panel)
		want   []string
	}{
		{"a decision here", func(p *panel) {
			p.snapshot.Peers = append(p.snapshot.Peers, api.Peer{Component: "d", State: api.StatePending})
		}, []string{"pending | a | d | d waits for your decision, and others have approved it | fbpeer trust pending, then fbpeer trust approve d", last}},
		{"denied here alone", func(p *panel) {
			p.snapshot.Peers = append(p.snapshot.Peers, api.Peer{Component: "d", State: api.StateDenied})
		}, []string{"barred | a | d | d is denied here, and others have approved it | agree on it with the others; to decide anew: fbpeer trust forget d", last}},
		{"[players] parties leaves it out", func(p *panel) {
			p.question.fixed = true
			p.snapshot.Peers = append(p.snapshot.Peers, api.Peer{Component: "d", State: api.StatePending})
		}, []string{"waiting-certificate | a |  | waiting for b, c | it comes by itself once that site has approved the same parties"}},
		{"somebody whom nobody has approved", func(p *panel) {
			p.snapshot.Peers = append(p.snapshot.Peers, api.Peer{Component: "e", State: api.StatePending})
		}, []string{"waiting-certificate | a |  | waiting for b, c | it comes by itself once that site has approved the same parties"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := newPanel(t, 4)
			p := newPanel(t, 3)
			p.withRows("b", append(slices.Clone(p.members), all.members[3]))
			p.question.none = waiting
			test.change(p)
			if got := linesOf(judgeReady(p.question, p.snapshot, p.sight, p.now)); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Obstacles whose usual cause is not it.
func TestReadyOfUnusualCauses(t *testing.T) {
	few := &api.Warning{Code: mpspdz.SetTooFew, Text: "2 of at least 3 parties", Cure: "approve more components: fbpeer trust pending"}
	fourth := newPanel(t, 4).members[3]
	tests := []struct {
		name   string
		change func(p *panel)
		want   []string
	}{
		{"a choice of too few", func(p *panel) {
			p.question.chosen, p.question.wanted = true, []string{"a", "b"}
			p.question.set, p.question.none = mpspdz.PartySet{}, few
		}, []string{"no-set | a |  | 2 of at least 3 parties | name who is missing in --parties too"}},
		{"another set there, with one who waits here", func(p *panel) {
			p.snapshot.Peers = append(p.snapshot.Peers, api.Peer{Component: "d", State: api.StatePending})
			four := append(slices.Clone(p.members), fourth)
			p.says("b", four, mpspdz.Hash{1})
			p.withRows("b", four)
		}, []string{
			"other-set | b |  | b has another set in force, of 4 parties | let both run: fbpeer status; or ask for those that you mean: fbpeer ready --parties …",
			"pending | a | d | d waits for your decision, and others have approved it | fbpeer trust pending, then fbpeer trust approve d",
		}},
		{"among its parties, and not in its registry", func(p *panel) {
			p.withRows("b", p.members[:2])
		}, []string{"missing | b | c | b has no row of c in Fed-BioMed's registry | b's operator: fbpeer registry check"}},
		{"the approved one contradicts another", func(p *panel) {
			c := p.peer("c")
			c.State, c.Alias, c.Reasons = api.StateConflict, "nice", []api.Warning{{Code: "claims-endpoint", Text: "nice announces the endpoint of b"}}
		}, []string{"conflict | a | c | nice announces the endpoint of b | fbpeer show c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPanel(t, 3)
			test.change(p)
			if got := linesOf(judgeReady(p.question, p.snapshot, p.sight, p.now)); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// c has issued its numbered certificate anew, for other parties: b's player files still hold the former one, and nothing waits for b.
func TestReadyOfFormerNumberedCertificates(t *testing.T) {
	former := func(p *panel) {
		registered := slices.Clone(p.members)
		p.sight.current["c"] = current{rows: memberOf(p.members[2]).Digest, numbered: map[string]mpspdz.Hash{"": {7}}}
		files := slices.Clone(p.members)
		files[2].Certificate = quickCertificate(t, "c", "P2", p.now.AddDate(1, 0, 0), p.now)
		p.says("b", files, p.question.set.Digest())
		p.withRows("b", registered)
	}
	p := newPanel(t, 3)
	former(p)
	want := []string{"outdated | b | c | b has player files with a former numbered certificate of c | " +
		"it comes by itself once b and c have approved the same parties: fbpeer status, at both"}
	if got := linesOf(judgeReady(p.question, p.snapshot, p.sight, p.now)); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	// c has not approved b: that is why.
	p = newPanel(t, 3)
	former(p)
	p.says("c", []mpspdz.Party{p.members[0], p.members[2]}, mpspdz.Hash{})
	r := judgeReady(p.question, p.snapshot, p.sight, p.now)
	want = []string{"missing | c | b | c has not approved b | c's operator: fbpeer trust approve b (unless it was denied or revoked there)"}
	if got := linesOf(r); !slices.Equal(got, want) || r.Agree != 1 {
		t.Errorf("%d agree: %q", r.Agree, got)
	}
}

// A set that was proposed anew, as its members see it that have not confirmed the change.
func TestReadyOfAChangedSet(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	alice, bob, carol := sites[0], sites[1], sites[2]
	propose := func(x *site, parties ...string) {
		t.Helper()
		if _, err := x.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: parties}); err != nil {
			t.Fatal(err)
		}
	}
	confirm := func(x *site) {
		t.Helper()
		n := x.named("trial", "what is to be confirmed", func(n api.NamedSet) bool { return n.State != api.SetConfirmed })
		if _, err := x.sets(api.SetRequest{Action: api.ActionConfirm, Name: "trial", PeerID: n.PeerID, Hash: n.Hash}); err != nil {
			t.Fatal(err)
		}
	}
	trial := api.SetSelector{Name: "trial"}
	has := func(lines ...string) func(api.Ready) bool {
		return func(r api.Ready) bool { return slices.Equal(linesOf(r), lines) }
	}
	alice.ready("nobody proposes it", trial, has("unconfirmed | alice |  | no set trial is proposed or confirmed here | fbpeer set list"))
	propose(bob, "alice", "bob")
	alice.named("trial", "the proposal", func(api.NamedSet) bool { return true })
	alice.ready("proposed", trial, has("unconfirmed | alice |  | the set trial is not confirmed here | fbpeer set confirm trial"))
	carol.named("trial", "the proposal", func(api.NamedSet) bool { return true })
	carol.ready("not a member", trial, has("unconfirmed | carol |  | this site is not in the set trial | ask at a site that is in it: fbpeer set list"))
	confirm(alice)
	alice.ready("both agree", trial, isReady)
	propose(bob, "bob", "alice", "carol")
	alice.named("trial", "the change", func(n api.NamedSet) bool { return n.State == api.SetChanged })
	here := "unconfirmed | alice |  | the set trial was changed by its proposer, and this site has not confirmed the change | fbpeer set confirm trial"
	alice.ready("the change waits here", trial, has(here))
	for _, w := range alice.snapshot().Warnings {
		if w.Code == api.WarnWaitingCertificates {
			t.Errorf("beside the decision: %+v", w)
		}
	}
	confirm(alice)
	alice.ready("carol has not confirmed", trial, func(r api.Ready) bool {
		lines := linesOf(r)
		return len(lines) == 2 && strings.HasPrefix(lines[0], "unconfirmed | carol |  | carol has not confirmed the set trial as it is here | carol's operator: fbpeer set confirm trial") &&
			strings.HasPrefix(lines[1], "waiting-certificate | alice | ") && strings.HasSuffix(lines[1], " | it comes by itself once that is settled")
	})
	for _, w := range alice.snapshot().Warnings {
		if w.Code == api.WarnWaitingCertificates && !strings.HasPrefix(w.Text, "the set trial: ") {
			t.Errorf("of which set? %+v", w)
		}
	}
	// Another proposes one of that name: what is to be typed says whose is meant.
	propose(carol, "carol", "alice")
	whose := bob.snapshot().Self.PeerID
	alice.ready("two of one name", trial, func(r api.Ready) bool {
		return slices.ContainsFunc(r.Obstacles, func(o api.Obstacle) bool { return o.Cure == "carol's operator: fbpeer set confirm trial@"+whose })
	})
	if _, err := alice.sets(api.SetRequest{Action: api.ActionWithdraw, Name: "trial", PeerID: carol.snapshot().Self.PeerID}); fault(t, err).Code != api.CodeUnknown {
		t.Errorf("withdrew a set that is not confirmed: %v", err)
	}
	if _, err := alice.sets(api.SetRequest{Action: api.ActionWithdraw, Name: "trial", PeerID: whose}); err != nil {
		t.Error(err)
	}
}

// Beside a decision that waits here, status does not say that all comes by itself.
func TestWaitingBesideADecision(t *testing.T) {
	waits := &api.Warning{Code: api.WarnWaitingCertificates, Text: "waiting for b", Cure: "it comes by itself once that site has approved the same parties"}
	refused := &api.Warning{Code: api.WarnWaitingCertificates, Text: "refused", Cure: "fbpeer show b"}
	pending := []api.Peer{{Component: "b", State: api.StateAccepted}, {Component: "d", State: api.StatePending}}
	if got := decideFirst(waits, pending); got.Cure != "decide first what waits here: fbpeer trust pending; then "+waits.Cure {
		t.Errorf("%+v", got)
	}
	if decideFirst(waits, pending[:1]) != waits || decideFirst(refused, pending) != refused || decideFirst(nil, pending) != nil {
		t.Error("something else was changed")
	}
}
