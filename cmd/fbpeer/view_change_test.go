package main

import (
	"strings"
	"testing"

	"fbpeer/agent/api"
	"fbpeer/trust"
)

// withReasons lets nice be changed for these reasons.
func withReasons(changes []api.Change, codes ...string) api.Snapshot {
	s := withChange()
	p := &s.Peers[0]
	p.Changes = changes
	for _, code := range codes {
		w := api.Warning{Code: code, Text: "the sentence of " + code, Cure: "fbpeer trust approve nice, or fbpeer trust revoke nice"}
		p.Reasons, p.Warnings = append(p.Reasons, w), append(p.Warnings, w)
	}
	return s
}

// withNewKeyOf lets nice announce another key beside what it has in force.
func withNewKeyOf(code string) api.Snapshot {
	s := withReasons([]api.Change{{Field: "certificate", Old: hash('i'), New: hash('l')}, {Field: "key", Old: hash('j'), New: hash('k')}}, code)
	p := &s.Peers[0]
	p.Announced.Endpoint = p.Endpoint
	p.Announced.Fingerprint, p.Announced.Words = hash('m'), []string{"rapid", "civil", "lunar", "stone", "wagon", "inner", "flame", "trust"}
	p.Announced.Certificate.KeySHA256 = hash('k')
	return s
}

// withNewKeyAfterBar has another key of nice, whose former one was revoked here: nothing of it is in force.
func withNewKeyAfterBar() api.Snapshot {
	s := withNewKeyOf(trust.CodeKeyReplaced)
	registered := false
	s.Peers[0].Party, s.Peers[0].Registered = nil, &registered
	s.Keys = []api.BarredKey{{Key: hash('j'), State: api.StateRevoked, Component: idNice}}
	return s
}

// withNextID lets nice's identity announce another component, address, port and label at once, of which a policy covers a part.
func withNextID() api.Snapshot {
	s := withReasons([]api.Change{{Field: "component", Old: idNice, New: idParis}, {Field: "address", Old: "10.221.0.2", New: "10.221.0.9"},
		{Field: "port", Old: "14001", New: "14901"}, {Field: "label", Old: "Nice", New: "Paris"}},
		trust.CodeComponentChanged, trust.CodeAddressChanged, trust.CodePortChanged, trust.CodeBeyondPolicy, trust.CodeLabelChanged)
	s.Peers[0].Announced.Component = idParis
	return s
}

// withTakenOver has a change that a policy took over, one that is only reported, and a claim on an approved component's address.
func withTakenOver() api.Snapshot {
	s := cardio()
	nice, lyon := &s.Peers[0], &s.Peers[1]
	nice.ApprovedBy = trust.ByPolicy
	nice.Warnings = []api.Warning{{Code: api.WarnTakenOver, Text: "port 14901 -> 14001: taken over without asking on 2026-11-22T11:00:00Z by your policy ([trust] accept_changes), and in force",
		Cure: "if that was wrong, ask the site to announce the former value, which is then taken back, and take the field out of accept_changes; " +
			"only if it is not that site: fbpeer trust revoke nice, which is for good"}}
	lyon.Changes = []api.Change{{Field: "label", Old: "Lyon", New: "Hospital of Lyon"}}
	lyon.Warnings = []api.Warning{{Code: trust.CodeLabelChanged, Text: idLyon + " now calls itself \"Hospital of Lyon\", before \"Lyon\"."},
		{Code: trust.CodeEndpointClaimed, Text: "another announces its endpoint", Cure: "fbpeer trust pending"}}
	s.Keys = []api.BarredKey{{Key: hash('z'), State: "revoked", Component: idNice}, {Key: hash('y'), State: "denied"}}
	return s
}

// withRivals has many who wait and contradict each other.
func withRivals(n int) api.Snapshot {
	s := crowd(n + 1)
	for i := range s.Peers {
		s.Peers[i].State = api.StatePending
		s.Peers[i].Warnings = []api.Warning{{Code: trust.CodeEndpointShared, Text: s.Peers[i].Component + " and others announce one endpoint, localhost:14000"}}
	}
	return s
}

func changeScreens() map[string]string {
	return map[string]string{
		"status-key-endorsed": screens(withNewKeyOf(trust.CodeKeyEndorsed))["status"],
		"status-key-replaced": screens(withNewKeyOf(trust.CodeKeyReplaced))["status"],
		"pending-key-next":    screens(withNewKeyOf(trust.CodeKeyReplaced))["pending"],
		"status-key-barred":   screens(withNewKeyAfterBar())["status"],
		"pending-key-barred":  screens(withNewKeyAfterBar())["pending"],
		"status-next-id":      screens(withNextID())["status"],
		"pending-next-id":     screens(withNextID())["pending"],
		"show-next-id":        screens(withNextID())["show-changed"],
		"status-taken-over":   screens(withTakenOver())["status"],
		"show-reported":       screens(withTakenOver())["show-accepted"],
		"trust-list-keys":     screens(withTakenOver())["list"],
		"status-rivals":       screens(withRivals(9))["status"],
	}
}

// TestChangedIDIsNotApproved: an approval is of one id; what to type instead is said.
func TestChangedIDIsNotApproved(t *testing.T) {
	s := withNextID()
	a, _, _ := testApp("", false)
	control := &fakeAgent{}
	err := a.approveIn(t.Context(), control, s, approval{component: "nice", vouched: true, fingerprint: s.Peers[0].Fingerprint})
	code, hint := outcome(err)
	if code != exitFailed || len(control.asked) > 0 || !strings.Contains(hint, "trust forget nice, then fbpeer trust approve "+idParis) {
		t.Errorf("exit %d, hint %q: %v", code, hint, err)
	}
}

// TestListTellsIdentitiesApart: two of one component that only the list knows, whose announcements are gone, have different lines.
func TestListTellsIdentitiesApart(t *testing.T) {
	s := cardio()
	for _, id := range []string{"12D3KooWAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "12D3KooWBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"} {
		s.Peers = append(s.Peers, api.Peer{State: api.StateRevoked, Component: idParis, PeerID: id})
	}
	screen := viewOf(s).trustScreen(s, "trust.ini")
	if !strings.Contains(screen, " 12D3KooWAaaaaa…") || !strings.Contains(screen, " 12D3KooWBbbbbb…") || !fits(screen) {
		t.Error(screen)
	}
}

// TestDecideKey: a key alone is revoked, and only what can be one.
func TestDecideKey(t *testing.T) {
	root := func(args ...string) (int, string) {
		a, _, stderr := testApp("", false)
		command := a.trustCommand()
		command.SetArgs(args)
		command.SilenceErrors, command.SilenceUsage = true, true
		code := report(stderr, false, "fbpeer", command.ExecuteContext(t.Context()))
		return code, stderr.String()
	}
	for _, args := range [][]string{{"revoke"}, {"revoke", "--key", "stolen"}, {"revoke", "nice", "--key", hash('z')}, {"revoke", "--key", hash('z'), "--note", "x"}, {"forget", "nice", "--key", hash('z')}} {
		if code, text := root(args...); code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, code, text)
		}
	}
}

// TestLiftedIsSaid: that a revocation is lifted is said where it is, and not where another one still holds.
func TestLiftedIsSaid(t *testing.T) {
	s := cardio()
	d := decision{action: api.ActionForget, done: "forgot", means: "If it is heard again, it waits for your decision."}
	for _, x := range []struct {
		before, after string
		lifted        bool
	}{
		{api.StateRevoked, api.StatePending, true},
		{api.StateRevoked, api.StateRevoked, false},
		{api.StateAccepted, api.StatePending, false},
		{api.StateDenied, api.StatePending, false},
	} {
		before, after := s.Peers[0], s.Peers[0]
		before.State, after.State = x.before, x.after
		text := viewOf(s).decidedOn(d, before, after)
		if strings.Contains(text, "lifted") != x.lifted || !strings.HasPrefix(text, "forgot nice") || !fits(text) {
			t.Errorf("%s, then %s: %s", x.before, x.after, text)
		}
	}
}

// TestAliasStandsOnce: an agent's text says "alias (id)"; every screen says alias and short id, and not the alias twice.
func TestAliasStandsOnce(t *testing.T) {
	const text = "nice (" + idNice + ") now says something else, and so does " + idLyon + "."
	told := cardio()
	told.Peers[0].Warnings = []api.Warning{{Code: trust.CodeLabelChanged, Text: text}, {Code: trust.CodeEquivocation, Text: text}}
	conflict := withOwnEndpoint()
	conflict.Peers[0].Reasons[0].Text = text
	v := viewOf(told)
	screens := map[string]string{
		"status": v.statusScreen(told), "pending": viewOf(conflict).pendingScreen(conflict), "log": v.logEntry(trust.LogRecord{Text: text}),
	}
	for name, screen := range screens {
		flat := strings.Join(strings.Fields(screen), " ")
		if !strings.Contains(flat, "nice (NODE_983e…) now says something else, and so does NODE_f4dd…") || strings.Contains(flat, "nice (nice)") {
			t.Errorf("%s:\n%s", name, screen)
		}
	}
}

// TestReportedOnce: what is only reported stands once in the block of a change, and one that was nothing before is "-".
func TestReportedOnce(t *testing.T) {
	s := withReasons([]api.Change{{Field: "port", Old: "14001", New: "14901"}, {Field: "label", New: "Hospital of Nice"}}, trust.CodePortChanged, trust.CodeLabelChanged)
	v := viewOf(s)
	for name, screen := range map[string]string{"status": v.statusScreen(unanswered(s)), "question": v.question(s, s.Peers[0])} {
		flat := strings.Join(strings.Fields(strings.ReplaceAll(screen, "->", "")), " ")
		if strings.Contains(screen, "the sentence of") || strings.Count(screen, "Hospital of Nice") != 1 || !strings.Contains(flat, "label - Hospital of Nice") {
			t.Errorf("%s:\n%s", name, screen)
		}
	}
	next := withNextKey()
	if screen := v.showScreen(next.Peers[0]); strings.Contains(screen, "reason:") || !strings.Contains(screen, "next key") {
		t.Errorf("show tells the key to come twice:\n%s", screen)
	}
}
