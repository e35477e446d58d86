package main

import (
	"slices"
	"strings"
	"testing"

	"fbpeer/agent/api"
)

// withHand lets two new ones be registered by hand, one of them at another address, and a third with another certificate.
func withHand() api.Snapshot {
	s := withPending()
	s.Peers[2].ByHand = &api.HandRow{Endpoint: "10.221.0.4:14001", Certificate: hash('q'), Same: true}
	moved := peerOf("NODE_11112222-0b78-4f20-ab59-3d7db4765f05", api.StatePending, "10.221.0.9:14002", 'm')
	moved.ByHand = &api.HandRow{Endpoint: "10.221.0.8:14001", Certificate: hash('n'), Same: true}
	moved.Label = "Hospital of \x1b[31mRouen"
	other := peerOf("NODE_33332222-0b78-4f20-ab59-3d7db4765f05", api.StatePending, "10.221.0.7:14001", 'o')
	other.ByHand = &api.HandRow{Endpoint: "10.221.0.7:14001", Certificate: hash('z')}
	s.Peers = append(s.Peers, moved, other)
	s.Members, s.Connected = 6, 5
	return s
}

// withTwins: two identities announce the certificate that is registered.
func withTwins() api.Snapshot {
	s := withHand()
	twin := s.Peers[2]
	twin.PeerID = "12D3KooWtyv5yGh3oRf1Lq"
	s.Peers = append(s.Peers, twin)
	return s
}

// handScreens are the screens of those who were registered by hand.
func handScreens() map[string]string {
	hand := withHand()
	found, doubtful := registeredPeers(withTwins())
	return map[string]string{
		"peers-by-hand":         viewOf(hand).peersScreen(hand),
		"pending-by-hand":       viewOf(hand).pendingScreen(hand),
		"status-by-hand":        viewOf(hand).statusScreen(unanswered(hand)),
		"show-by-hand":          viewOf(hand).showScreen(hand.Peers[3]),
		"approve-registered":    viewOf(withTwins()).registeredScreen(found, doubtful),
		"approve-registered-no": viewOf(cardio()).registeredScreen(nil, nil),
	}
}

func TestApproveRegistered(t *testing.T) {
	hand := withHand()
	paris, moved := hand.Peers[2], hand.Peers[3]
	requests := []api.TrustRequest{
		{Action: api.ActionApprove, Component: idParis, PeerID: paris.PeerID, Announcement: paris.Announcement, By: "alice@hospital-a"},
		{Action: api.ActionApprove, Component: moved.Component, PeerID: moved.PeerID, Announcement: moved.Announcement, By: "alice@hospital-a"},
	}
	tests := []struct {
		name  string
		s     api.Snapshot
		yes   bool
		typed string
		tty   bool
		err   error
		code  int
		asked []api.TrustRequest
		says  string
	}{
		{name: "yes is typed", s: hand, typed: "yes\n", tty: true, asked: requests, says: "10.221.0.8:14001 by hand  ->  10.221.0.9:14002 announced"},
		{name: "--yes", s: hand, yes: true, asked: requests, says: "\napproved NODE_9835… at 10.221.0.4:14001\napproved NODE_1111… at 10.221.0.9:14002\n"},
		{name: "no", s: hand, typed: "no\n", tty: true, code: exitFailed},
		{name: "a fingerprint is no answer to several", s: hand, typed: paris.Fingerprint + "\n", tty: true, code: exitFailed},
		{name: "nobody to ask", s: hand, code: exitUsage},
		{name: "none", s: cardio(), says: "No component waits"},
		{name: "none, though some wait", s: withPending(), yes: true, says: "No component waits"},
		{name: "two identities with one certificate", s: withTwins(), yes: true, asked: requests[1:], says: "left out: NODE_9835…"},
		{name: "overtaken", s: hand, yes: true, asked: requests, code: exitAnswerNo, says: "not approved NODE_9835…: another announcement came",
			err: &api.Error{Code: api.CodeOvertaken, Text: "another announcement came meanwhile"}},
		{name: "refused", s: hand, yes: true, asked: requests, code: exitFailed, says: "not approved",
			err: &api.Error{Code: api.CodeRefused, Text: "it would be a conflict"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, _ := testApp(tt.typed, tt.tty)
			control := &fakeAgent{err: tt.err}
			err := a.approveRegisteredIn(t.Context(), control, tt.s, approval{registered: true, yes: tt.yes})
			if code, _ := outcome(err); code != tt.code {
				t.Fatalf("exit %d: %v", code, err)
			}
			if !slices.Equal(control.asked, tt.asked) {
				t.Errorf("asked for %+v", control.asked)
			}
			if !strings.Contains(stdout.String(), tt.says) {
				t.Errorf("said %s", stdout)
			}
			a, stdout, _ = testApp(tt.typed, tt.tty)
			a.json = true
			err = a.approveRegisteredIn(t.Context(), &fakeAgent{err: tt.err}, tt.s, approval{registered: true, yes: tt.yes})
			if code, _ := outcome(err); code != tt.code {
				t.Fatalf("--json: exit %d: %v", code, err)
			}
			if n, err := find(stdout.Bytes(), "approved.len"); stdout.Len() > 0 && (err != nil || n == "") {
				t.Errorf("--json: %s", stdout)
			}
		})
	}
}

// TestApproveRegisteredFlags: what answers for one component does not go with it.
func TestApproveRegisteredFlags(t *testing.T) {
	for _, args := range [][]string{{"nice"}, {"--alias", "x"}, {"--fingerprint", "x"}, {"--replace"}} {
		a, _, stderr := testApp("", false)
		if code := run(append([]string{"trust", "approve", "--registered"}, args...), a.env); code != exitUsage || !strings.Contains(stderr.String(), "--registered") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
	a, _, stderr := testApp("", false)
	if code := run([]string{"trust", "approve", "--registered=false"}, a.env); code != exitUsage || !strings.Contains(stderr.String(), "COMPONENT") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
