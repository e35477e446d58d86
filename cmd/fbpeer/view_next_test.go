package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

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

// TestApproveFromNext: a line of a list may have the fingerprint of a key to come, which is approved ahead, and of nothing else.
func TestApproveFromNext(t *testing.T) {
	waits := func() api.Snapshot {
		s := withPending()
		s.Peers[0].Next = toCome()
		return s
	}
	ahead := waits()
	ahead.Peers[0].Next.Approved = true
	changed := waits()
	changed.Peers[0].State, changed.Peers[0].Announced = api.StateChanged, &api.Announced{Component: idNice, Endpoint: "10.221.0.2:14002", Fingerprint: hash('w'), Hash: hash('x')}
	own := waits()
	own.Self.Next = &api.NextKey{KeySHA256: hash('y'), Fingerprint: hash('z')}
	nice, paris := waits().Peers[0], waits().Peers[2]
	next := api.Approval{Component: idNice, PeerID: nice.PeerID, Announcement: nice.Announcement, Next: hash('t')}
	waiting := api.Approval{Component: idParis, PeerID: paris.PeerID, Announcement: paris.Announcement}
	const comes = "approved the key to come of nice (NODE_983e…): nothing changes now"
	for _, test := range []struct {
		name string
		s    api.Snapshot
		file string
		code int
		says string
		want []api.Approval
	}{
		{"the key to come, beside one that waits", waits(), "nice " + hash('u') + "\n" + idParis + " " + paris.Fingerprint, exitDone, comes, []api.Approval{waiting, next}},
		{"words", waits(), "nice " + wordsOf(t, hash('u')), exitDone, comes, []api.Approval{next}},
		{"the key in use", waits(), "nice " + nice.Fingerprint, exitDone, "nice (NODE_983e…) is approved already", nil},
		{"again", ahead, "nice " + hash('u'), exitDone, "nice (NODE_983e…) is approved already", nil},
		{"neither of them", waits(), "nice " + hash('v'), exitFailed, "list.txt:1: the fingerprint does not match", nil},
		{"a change", changed, "nice " + hash('w'), exitDone, "approved nice",
			[]api.Approval{{Component: idNice, PeerID: nice.PeerID, Announcement: hash('x')}}},
		{"a change besides", changed, "nice " + hash('u'), exitFailed, "that is the key to come of nice (NODE_983e…), which announces a change besides", nil},
		{"a change, the former key", changed, "nice " + nice.Fingerprint, exitFailed, "does not match", nil},
		{"our own key to come", own, idRes + " " + hash('z'), exitDone, "is this component itself, and its line is right", nil},
		{"our own, wrong", own, idRes + " " + hash('u'), exitFailed, "does not match", nil},
	} {
		a, stdout, stderr := testApp("", false)
		f := &fakeAgent{approved: api.ApproveResult{Outcome: api.Outcome{Set: test.s.Set}}}
		lines, _ := parseVouched("list.txt", []byte(test.file))
		err := a.approveFromIn(t.Context(), f, test.s, approval{from: "list.txt"}, lines)
		code, hint := outcome(err)
		if text := stdout.String() + stderr.String(); code != test.code || !strings.Contains(text, test.says) || strings.Contains(text, "a change besides") && hint != "decide on that first: fbpeer show nice" {
			t.Errorf("%s: exit %d, %v, hint %q\n%s", test.name, code, err, hint, text)
		}
		var asked []api.Approval
		for _, r := range f.approvals {
			asked = append(asked, r.Approvals...)
		}
		if !slices.Equal(asked, test.want) {
			t.Errorf("%s: asked for %+v", test.name, asked)
		}
	}
	found := chosen{approve: []api.Peer{paris}, ahead: []api.Peer{nice}}
	if r := approvedNow(found, []api.Peer{nice, paris}); len(r.Approved) != 1 || r.Approved[0].Component != idParis || len(r.Ahead) != 1 || r.Ahead[0].Component != idNice || r.Already == nil {
		t.Errorf("%+v", r)
	}
}

// TestApproveFlags: each hint about flags that do not go together names a command whose flags do.
func TestApproveFlags(t *testing.T) {
	values := strings.NewReplacer("COMPONENT", "nice", "FINGERPRINT", hash('u'), "NAME", "nice", "FILE", "list.txt")
	parse := func(args []string) error {
		a, _, _ := testApp("", false)
		c := a.approveCommand()
		if err := c.ParseFlags(args); err != nil {
			return err
		}
		return c.Args(c, c.Flags().Args())
	}
	for _, typed := range []string{"--from f --registered", "--from f --fingerprint x", "--from f --alias x", "--from f --replace", "--from f nice",
		"--registered --fingerprint x", "--registered --alias x", "--registered --replace", "--registered nice", "--from f --registered --alias x"} {
		err := parse(strings.Fields(typed))
		code, hint := outcome(err)
		if code != exitUsage {
			t.Errorf("%s: exit %d, %v", typed, code, err)
			continue
		}
		cure, _, _ := strings.Cut(hint[strings.LastIndex(hint, "approve ")+len("approve "):], " finds")
		if err := parse(strings.Fields(values.Replace(cure))); cure == "" || err != nil {
			t.Errorf("%s: the hint %q: %v", typed, hint, err)
		}
	}
}

// TestGreetCountsKeysToCome: a key to come waits for the operator as a new component does.
func TestGreetCountsKeysToCome(t *testing.T) {
	for want, s := range map[string]api.Snapshot{`"waiting":1,`: withNextKey(), "": cardio()} {
		var log strings.Builder
		greet(zerolog.New(&log), "fbpeer", s)
		if told := strings.Contains(log.String(), "wait for your decision"); told != (want != "") || !strings.Contains(log.String(), want) {
			t.Errorf("want %q: %s", want, log.String())
		}
	}
}

// TestAskAhead: a no that was given before the command was typed is asked about again, and one of now is believed.
func TestAskAhead(t *testing.T) { synctest.Test(t, testAskAhead) } // time stands still but for its waiting

func testAskAhead(t *testing.T) {
	said := func(after time.Duration, ahead api.Ahead) api.Snapshot {
		ahead.Asked = pointer(noon.Add(after))
		return withStaged(ahead)
	}
	late, all := api.Ahead{Approved: []string{idNice}, Waiting: []string{idLyon}}, api.Ahead{Approved: []string{idNice, idLyon}}
	silent := api.Ahead{Approved: []string{idNice}, Unknown: []string{idLyon}}
	byFile := withStaged(silent) // no roll call was ever made
	for i := range byFile.Peers {
		if byFile.Peers[i].Component == idLyon {
			byFile.Peers[i].ByCard = &api.ByCard{}
		}
	}
	if text := viewOf(byFile).notActivated(byFile, silent); !strings.Contains(text, "By card, so that nobody can ask: lyon") || strings.Contains(text, "ask again") {
		t.Errorf("%s", text)
	}
	for _, test := range []struct {
		name    string
		answers []api.Snapshot
		want    int // waiting and unknown ones
		again   bool
	}{
		{"all have", []api.Snapshot{said(-5*time.Second, all)}, 0, false},
		{"a no of now", []api.Snapshot{said(time.Second, late), said(2*time.Second, all)}, 1, false},
		{"a former no, and by now all have", []api.Snapshot{said(-time.Second, late), said(-time.Second, all)}, 0, true},
		{"a former no, and one of now", []api.Snapshot{said(-time.Second, late), said(time.Second, late)}, 1, true},
		{"no answer to a former call", []api.Snapshot{said(-time.Second, silent), said(time.Second, all)}, 0, true},
		{"who takes part by card is not asked", []api.Snapshot{byFile}, 1, false},
		{"none is staged any more", []api.Snapshot{said(-time.Second, late), four()}, 0, true},
	} {
		a, _, stderr := testApp("", false)
		s, err := a.askAhead(t.Context(), &fakeAgent{snapshots: test.answers}, noon)
		got := 0
		if next := s.Self.Next; next != nil {
			got = len(next.Ahead.Waiting) + len(next.Ahead.Unknown)
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %d have not, %v", test.name, got, err)
		}
		if again := strings.Contains(stderr.String(), "asking again   15 s left   approved ahead by 1 of 2; "); again != test.again {
			t.Errorf("%s: %q", test.name, stderr)
		}
	}
	a, _, stderr := testApp("", false)
	former := &fakeAgent{snapshots: []api.Snapshot{said(-time.Second, late)}}
	if s, err := a.askAhead(t.Context(), former, noon); err != nil || len(s.Self.Next.Ahead.Waiting) != 1 ||
		!strings.Contains(stderr.String(), "these answers may be 11 seconds old: ask again") {
		t.Errorf("without an answer of now: %v, %q", err, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.askAhead(ctx, former, noon); err == nil {
		t.Error("ended from outside, it gives an answer")
	}
}
