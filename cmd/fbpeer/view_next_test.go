package main

import (
	"strings"
	"testing"

	"fbpeer/agent/api"
)

// toCome is what nice announces to follow.
func toCome() *api.NextKey {
	return &api.NextKey{KeySHA256: hash('t'), Fingerprint: hash('u'), Words: strings.Fields("rapid civil lunar stone wagon inner flame trust")}
}

// withNextKey: nice announces a key to come.
func withNextKey() api.Snapshot {
	s := cardio()
	s.Peers[0].Next = toCome()
	w := api.Warning{Code: api.WarnNextKey, Text: idNice + " announces the MP-SPDZ key that it will change to."}
	s.Peers[0].Reasons, s.Peers[0].Warnings = []api.Warning{w}, []api.Warning{w}
	return s
}

// withStaged: this site has staged one, which these have approved ahead, or not, or did not say.
func withStaged(ahead api.Ahead) api.Snapshot {
	s := four()
	s.Self.Next = toCome()
	s.Self.Next.Certificate = peerOf(idRes, "", "", 's').Certificate
	s.Self.Next.Ahead = &ahead
	return s
}

// withEnds: the own certificate and nice's are about to end.
func withEnds() api.Snapshot {
	s := cardio()
	ends := func(whose, cure string) []api.Warning {
		return []api.Warning{{Code: api.WarnCertificateExpires, Cure: cure,
			Text: "the MP-SPDZ certificate of " + whose + " ends in 29 days, on 2026-12-21: runs fail from then on"}}
	}
	s.Self.Warnings = ends("this site", "make one that the others can approve ahead: fbpeer cert generate --next")
	s.Peers[0].Warnings = ends("nice", "ask that site to prepare a new one: fbpeer cert generate --next")
	return s
}

// nextScreens are those of a key that will follow.
func nextScreens() map[string]string {
	late := api.Ahead{Approved: []string{idNice}, Waiting: []string{idLyon}, Unknown: []string{idParis}}
	staged := stagedJSON{Component: idRes, certificateJSON: shownCertificate(idRes, false), File: "/srv/fedbiomed/var/fbpeer/" + idRes + "/next.pem",
		Announced: true, running: true, Fingerprint: hash('u'), Words: toCome().Words}
	alone := staged
	alone.Announced, alone.running = false, false
	used := activatedJSON{OK: true, Component: idRes, certificateJSON: shownCertificate(idRes, false), Announced: true, running: true, Fingerprint: hash('u'), Words: toCome().Words,
		Files: []string{"MPSPDZ_certificate.key.old"}}
	forgotten := withNextKey()
	forgotten.Peers[0].Next.ApprovedKey = hash('v')
	approvedAhead := withNextKey()
	approvedAhead.Peers[0].Next.Approved, approvedAhead.Peers[0].Next.ApprovedBy, approvedAhead.Peers[0].Next.ApprovedAt = true, "bob@hospital-b", pointer(noon)
	approvedAhead.Peers[0].Reasons, approvedAhead.Peers[0].Warnings = nil, nil
	v := viewAs(withStaged(late))
	return map[string]string{
		"status-ends":         viewAs(withEnds()).statusScreen(unanswered(withEnds())),
		"status-next":         screens(withNextKey())["status"],
		"status-staged":       screens(answered(withStaged(late)))["status"],
		"status-staged-all":   screens(answered(withStaged(api.Ahead{Approved: []string{idNice, idLyon, idParis}})))["status"],
		"pending-next":        screens(withNextKey())["pending"],
		"show-next":           viewOf(withNextKey()).showScreen(withNextKey().Peers[0]),
		"show-next-approved":  viewOf(approvedAhead).showScreen(approvedAhead.Peers[0]),
		"question-next":       viewOf(withNextKey()).nextQuestion(withNextKey().Peers[0]),
		"question-next-other": viewOf(forgotten).nextQuestion(forgotten.Peers[0]),
		"id-staged":           screens(withStaged(late))["id"],
		"cert-staged":         v.stagedScreen(staged),
		"cert-staged-offline": v.stagedScreen(alone),
		"cert-not-activated":  v.notActivated(withStaged(late), late),
		"cert-forced":         v.forced(late),
		"cert-activated":      v.activatedScreen(used),
	}
}

// TestNextScreensFit: but for paths and hashes every line fits.
func TestNextScreensFit(t *testing.T) {
	for name, text := range nextScreens() {
		for line := range strings.SplitSeq(text, "\n") {
			if displayWidth(line) > columns && !strings.Contains(line, "/srv/") && !strings.Contains(line, "certs/") {
				t.Errorf("%s: %d columns: %s", name, displayWidth(line), line)
			}
		}
	}
	const evil = "\x1b[2J\nforged"
	s := withNextKey()
	s.Peers[0].Next = &api.NextKey{KeySHA256: evil, Fingerprint: evil, Words: []string{evil}, ApprovedKey: evil}
	for _, text := range []string{viewOf(s).nextQuestion(s.Peers[0]), viewOf(s).nextHeld(s.Peers[0]), viewOf(s).showScreen(s.Peers[0])} {
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\nforged") {
			t.Errorf("%q", text)
		}
	}
}

// TestApproveNext: what is vouched for is the key to come, and nothing else is approved by it.
func TestApproveNext(t *testing.T) {
	nice := withNextKey().Peers[0]
	request := &api.TrustRequest{Component: idNice, PeerID: nice.PeerID, Announcement: nice.Announcement, Next: hash('t')}
	for _, test := range []struct {
		name  string
		ap    approval
		typed string
		tty   bool
		code  int
		says  string
		want  *api.TrustRequest
	}{
		{"fingerprint", approval{component: "nice", vouched: true, fingerprint: hash('u')}, "", false, exitDone, "approved the key to come of nice", request},
		{"yes", approval{component: "nice"}, "yes\n", true, exitDone, "NEW words    rapid civil lunar", request},
		{"no", approval{component: "nice"}, "no\n", true, exitFailed, "not approved", nil},
		{"another's fingerprint", approval{component: "nice", vouched: true, fingerprint: hash('Z')}, "", false, exitFailed, "does not match", nil},
		{"that of the key in force", approval{component: "nice", vouched: true, fingerprint: nice.Fingerprint}, "", false, exitDone, "is approved already", nil},
		{"nobody to ask", approval{component: "nice"}, "", false, exitUsage, "stdin is not a terminal", nil},
		{"replace", approval{component: "nice", vouched: true, fingerprint: hash('u'), replace: true}, "", false, exitUsage, "no other approved identity", nil},
	} {
		a, stdout, _ := testApp(test.typed, test.tty)
		control := &fakeAgent{answer: api.TrustResult{Peer: nice}}
		err := a.approveIn(t.Context(), control, withNextKey(), test.ap)
		text := stdout.String()
		if err != nil {
			text = err.Error()
		}
		if code, _ := outcome(err); code != test.code || !strings.Contains(text, test.says) {
			t.Errorf("%s: exit %d, said %q", test.name, code, text)
		}
		if test.want == nil {
			if len(control.asked) > 0 {
				t.Errorf("%s: asked for %+v", test.name, control.asked)
			}
			continue
		}
		want := *test.want
		want.Action, want.By = api.ActionApprove, "alice@hospital-a"
		if len(control.asked) != 1 || control.asked[0] != want {
			t.Errorf("%s: asked for %+v", test.name, control.asked)
		}
	}
}

func TestAheadText(t *testing.T) {
	v := viewOf(four())
	for _, test := range []struct {
		ahead api.Ahead
		want  string
	}{
		{api.Ahead{}, "nobody is approved here who could approve it ahead"},
		{api.Ahead{Approved: []string{idNice, idLyon, idParis}}, "approved ahead by 3 of 3"},
		{api.Ahead{Approved: []string{idNice, idParis}, Waiting: []string{idLyon}}, "approved ahead by 2 of 3; lyon has not"},
		{api.Ahead{Waiting: []string{idLyon, idNice}, Unknown: []string{idParis}}, "approved ahead by 0 of 3; lyon, nice have not; not heard from: paris"},
	} {
		if got := v.aheadText(test.ahead); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
