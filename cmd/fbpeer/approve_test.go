package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// testApp types what is given.
func testApp(typed string, interactive bool) (a *app, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{env: env{
		stdin: strings.NewReader(typed), stdout: stdout, stderr: stderr, getenv: noEnvironment, now: func() time.Time { return noon },
		interactive: interactive, operator: "alice@hospital-a",
	}}, stdout, stderr
}

// wordsOf are the words that belong to a fingerprint.
func wordsOf(t *testing.T, fingerprint string) string {
	h, err := mpspdz.ParseHash(fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(exchange.Fingerprint(h).Words(), " ")
}

func TestApprove(t *testing.T) {
	paris := withPending().Peers[2]
	lyon := cardio().Peers[1]
	impostor := withImpostor().Peers[0]
	tests := []struct {
		name    string
		s       api.Snapshot
		ap      approval
		typed   string
		tty     bool
		code    int
		says    string // in the error, else in stdout
		request *api.TrustRequest
	}{
		{name: "fingerprint", s: withPending(), ap: approval{component: idParis, vouched: true, fingerprint: paris.Fingerprint, alias: "paris"},
			says: "approved paris (NODE_9835…) at 10.221.0.4:14001", request: &api.TrustRequest{Alias: "paris", Component: idParis, PeerID: paris.PeerID, Announcement: paris.Announcement}},
		{name: "words", s: withPending(), ap: approval{component: idParis, vouched: true, fingerprint: wordsOf(t, paris.Fingerprint)},
			says: "approved NODE_9835…", request: &api.TrustRequest{Component: idParis, PeerID: paris.PeerID, Announcement: paris.Announcement}},
		{name: "another's words", s: withPending(), ap: approval{component: idParis, vouched: true, fingerprint: wordsOf(t, lyon.Fingerprint)},
			code: exitFailed, says: paris.Fingerprint},
		{name: "seven words", s: withPending(), ap: approval{component: idParis, vouched: true, fingerprint: "cargo velvet tiny orbit lemon glide prison"}, code: exitFailed},
		{name: "an empty fingerprint is no yes", s: withPending(), ap: approval{component: idParis, vouched: true}, code: exitFailed},
		{name: "an empty fingerprint with --yes", s: withPending(), ap: approval{component: idParis, vouched: true, yes: true}, code: exitFailed},
		{name: "nobody to ask", s: withPending(), ap: approval{component: idParis}, code: exitUsage, says: "stdin is not a terminal"},
		{name: "yes", s: withPending(), ap: approval{component: idParis}, typed: "yes\n", tty: true, says: "approved",
			request: &api.TrustRequest{Component: idParis, PeerID: paris.PeerID, Announcement: paris.Announcement}},
		{name: "y is no yes", s: withPending(), ap: approval{component: idParis}, typed: "y\n\nno\n", tty: true, code: exitFailed, says: "not approved"},
		{name: "end of input", s: withPending(), ap: approval{component: idParis}, typed: "", tty: true, code: exitFailed, says: "no answer"},
		{name: "typed fingerprint", s: withPending(), ap: approval{component: idParis}, typed: paris.Fingerprint + "\n", tty: true, says: "approved",
			request: &api.TrustRequest{Component: idParis, PeerID: paris.PeerID, Announcement: paris.Announcement}},
		{name: "another's typed", s: withPending(), ap: approval{component: idParis}, typed: lyon.Fingerprint + "\nyes\n", tty: true, code: exitFailed, says: "does not match"},
		{name: "changed: what is announced is approved", s: withChange(), ap: approval{component: "nice", vouched: true, fingerprint: cardio().Peers[0].Fingerprint},
			says: "approved nice (NODE_983e…) at 10.221.0.2:14901", request: &api.TrustRequest{Component: idNice, PeerID: cardio().Peers[0].PeerID, Announcement: hash('n')}},
		{name: "already", s: cardio(), ap: approval{component: "nice", vouched: true, fingerprint: cardio().Peers[0].Fingerprint}, says: "nothing to approve"},
		{name: "already, with another's fingerprint", s: cardio(), ap: approval{component: "nice", vouched: true, fingerprint: lyon.Fingerprint}, code: exitFailed},
		{name: "already, another alias", s: cardio(), ap: approval{component: idLyon, alias: "lyon"}, says: "called lyon",
			request: &api.TrustRequest{Component: idLyon, PeerID: lyon.PeerID, Alias: "lyon", Announcement: lyon.Announcement}},
		{name: "another identity", s: withImpostor(), ap: approval{component: idNice + "@" + impostor.PeerID, vouched: true, fingerprint: impostor.Fingerprint},
			code: exitFailed, says: "approved with another identity"},
		{name: "replacement", s: withImpostor(), ap: approval{component: "nice", vouched: true, fingerprint: impostor.Fingerprint, replace: true}, says: "SOMEBODY ELSE",
			request: &api.TrustRequest{Component: idNice, PeerID: impostor.PeerID, Announcement: impostor.Announcement, Replace: true}},
		{name: "a plain party is of another kind", s: withPlainParty(), ap: approval{component: idParis, vouched: true, fingerprint: paris.Fingerprint},
			code: exitFailed, says: "is a plain MP-SPDZ party and this site is a Fed-BioMed component"},
		{name: "nothing to replace", s: withPending(), ap: approval{component: idParis, vouched: true, fingerprint: paris.Fingerprint, replace: true}, code: exitUsage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, _ := testApp(tt.typed, tt.tty)
			control := &fakeAgent{}
			err := a.approveIn(t.Context(), control, tt.s, tt.ap)
			code, _ := outcome(err)
			if code != tt.code {
				t.Fatalf("exit %d: %v", code, err)
			}
			text := stdout.String()
			if err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, tt.says) {
				t.Errorf("said %q", text)
			}
			if tt.request == nil {
				if len(control.asked) > 0 {
					t.Errorf("asked for %+v", control.asked)
				}
				return
			}
			want := *tt.request
			want.Action, want.By = api.ActionApprove, "alice@hospital-a"
			if len(control.asked) != 1 || control.asked[0] != want {
				t.Errorf("asked for %+v, want %+v", control.asked, want)
			}
		})
	}
}

// TestApproveOvertaken: an announcement that comes between showing and approving is shown, and not approved.
func TestApproveOvertaken(t *testing.T) {
	newer := withChange().Peers[0]
	newer.Announced.Endpoint = "10.221.0.2:14999"
	control := &fakeAgent{err: &api.Error{Code: api.CodeOvertaken, Text: "another announcement came meanwhile", Peer: &newer}}
	ap := approval{component: "nice", vouched: true, fingerprint: newer.Fingerprint}
	a, stdout, stderr := testApp("", false)
	err := a.approveIn(t.Context(), control, withChange(), ap)
	if code := report(stderr, false, "fbpeer", err); code != exitAnswerNo {
		t.Errorf("exit %d: %v", code, err)
	}
	_, after, found := strings.Cut(stdout.String(), "It announces something else by now:")
	if !found || !strings.Contains(after, "10.221.0.2:14999") {
		t.Errorf("the new value is not shown: %s", stdout)
	}

	// With --json the new peer is the one object on stdout.
	a, stdout, _ = testApp("", false)
	a.json = true
	_ = a.approveIn(t.Context(), control, withChange(), ap)
	if got, err := find(stdout.Bytes(), "announced.endpoint"); err != nil || got != "10.221.0.2:14999" {
		t.Errorf("got %q, %v in %s", got, err, stdout)
	}
}

// TestWritten: a decision of which not all could be written fails, whether it is printed as a table or as JSON.
func TestWritten(t *testing.T) {
	answer := api.TrustResult{Peer: withPending().Peers[2], Outcome: api.Outcome{Warnings: []api.Warning{{Code: api.WarnPlayers, Text: "no space left"}}}}
	for _, asJSON := range []bool{false, true} {
		a, stdout, _ := testApp("", false)
		a.json = asJSON
		err := a.approveIn(t.Context(), &fakeAgent{answer: answer}, withPending(), approval{component: idParis, vouched: true, fingerprint: answer.Peer.Fingerprint})
		if code, _ := outcome(err); code != exitFailed || stdout.Len() == 0 {
			t.Errorf("json %v: exit %d, %v, said %q", asJSON, code, err, stdout)
		}
	}
}

// TestTypedIsResolved: what a screen says to type means the peer that it is about, though another one's alias is like it.
func TestTypedIsResolved(t *testing.T) {
	for _, s := range []api.Snapshot{cardio(), withPending(), withChange(), withImpostor(), withConflict(), namesake()} {
		for _, p := range s.Peers {
			found, err := resolve(s, strings.Trim(viewOf(s).typed(p), "'"))
			if err != nil || len(found) != 1 || found[0].PeerID != p.PeerID {
				t.Errorf("%s: %v, %v", viewOf(s).typed(p), found, err)
			}
		}
	}
}

// namesake has a plain party that is called like the alias of another.
func namesake() api.Snapshot {
	s := cardio()
	return api.Snapshot{Self: s.Self, Peers: []api.Peer{
		approved(peerOf("carol", api.StateAccepted, "10.0.0.1:14000", 'c'), "bob", 1),
		peerOf("bob", api.StatePending, "10.0.0.2:14000", 'b'),
	}}
}
