package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
)

func TestTarget(t *testing.T) {
	impostor := withImpostor()
	claim := impostor.Peers[0]
	refusedOne := withImpostor()
	refusedOne.Peers[0].State = api.StateDenied
	stranger := cardio()
	stranger.Peers = append(stranger.Peers, api.Peer{Component: "nice", Role: "party", PeerID: "12D3KooWstranger", State: api.StatePending})
	bare := cardio()
	bare.Peers = append(bare.Peers, api.Peer{PeerID: "12D3KooWbare", State: api.StateDenied})
	tests := []struct {
		name    string
		s       api.Snapshot
		arg     string
		replace bool
		vouched string
		want    string // peer id
		code    int
		says    string
	}{
		{name: "id", s: withPending(), arg: idParis, want: withPending().Peers[2].PeerID},
		{name: "alias", s: withPending(), arg: "nice", want: cardio().Peers[0].PeerID},
		{name: "a stranger whose id is an alias", s: stranger, arg: "nice", want: cardio().Peers[0].PeerID},
		{name: "unique prefix", s: withPending(), arg: "NODE_f", want: cardio().Peers[1].PeerID},
		{name: "ambiguous prefix", s: withPending(), arg: "NODE_98", code: exitUsage, says: idParis + ", " + idNice},
		{name: "unknown", s: withPending(), arg: "NODE_77", code: exitFailed, says: "NODE_77"},
		{name: "empty", s: withPending(), arg: "", code: exitFailed, says: "no component"},
		{name: "ourselves", s: withPending(), arg: "RESEARCHER", code: exitUsage, says: "this component itself"},
		{name: "with identity", s: impostor, arg: "nice@" + claim.PeerID, want: claim.PeerID},
		{name: "identity alone", s: bare, arg: "@12D3KooWbare", want: "12D3KooWbare"},
		{name: "with another identity", s: impostor, arg: "nice@12D3KooWnobody", code: exitFailed, says: "no such identity"},
		{name: "several identities", s: impostor, arg: "nice", code: exitUsage, says: idNice + "@" + claim.PeerID + " (conflict)"},
		{name: "replacement", s: impostor, arg: "nice", replace: true, want: claim.PeerID},
		{name: "the fingerprint says which", s: impostor, arg: "nice", vouched: offered(claim).Fingerprint, want: claim.PeerID},
		{name: "or the approved one's", s: impostor, arg: "nice", vouched: cardio().Peers[0].Fingerprint, want: cardio().Peers[0].PeerID},
		{name: "a fingerprint of nobody", s: impostor, arg: "nice", vouched: cardio().Peers[1].Fingerprint, code: exitUsage, says: "(conflict)"},
		{name: "a denied one is no other", s: refusedOne, arg: "nice", want: cardio().Peers[0].PeerID},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := target(tt.s, tt.arg, tt.replace, tt.vouched)
			if tt.code == 0 {
				if err != nil || p.PeerID != tt.want {
					t.Errorf("got %s, %v", p.PeerID, err)
				}
				return
			}
			if code, _ := outcome(err); code != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("exit %d: %v", code, err)
			}
		})
	}
}

// A beginning of a stranger's id that is also an alias here stays that stranger's: the agent is told that it is an id.
func TestSelectionIsOfIDs(t *testing.T) {
	s := cardio()
	s.Peers = append(s.Peers, api.Peer{Component: "nice", Role: "party", PeerID: "12D3KooWstranger", State: api.StatePending})
	for word, want := range map[string]string{"ni": "nice", "nice": s.Peers[0].Component} {
		selector, _, err := selection{words: []string{word}}.resolve(s)
		if err != nil || len(selector.Parties) != 1 || selector.Parties[0] != want || !selector.IDs {
			t.Errorf("%s: %+v, %v", word, selector, err)
		}
	}
	if selector, _, err := (selection{}).resolve(s); err != nil || selector.IDs {
		t.Errorf("%+v, %v", selector, err)
	}
}

func TestOutcome(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code int
		out  string
	}{
		{"done", nil, 0, ""},
		{"anything", errors.New("no space left"), 1, "fbpeer: error: no space left\n"},
		{"own file", fmt.Errorf("loading: %w", &config.Error{Err: errors.New("bad port"), Hint: "correct it"}), 2, "fbpeer: error: loading: bad port\nfbpeer: hint: correct it\n"},
		{"overtaken", &api.Error{Code: api.CodeOvertaken, Text: "overtaken", Hint: "look again"}, 3, "fbpeer: error: overtaken\nfbpeer: hint: look again\n"},
		{"refused", &api.Error{Code: api.CodeRefused, Text: "no"}, 1, "fbpeer: error: no\n"},
		{"clone", fmt.Errorf("stopped: %w", &agent.CloneError{}), 3, ""},
		{"not running", agent.ErrNotRunning, 4, ""},
		{"answer no", answerNo(), 3, "nothing"},
		{"hostile", errors.New("label \x1b[2J\nfbpeer: hint: run this"), 1, "fbpeer: error: label \\x1b[2J\\x0afbpeer: hint: run this\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := report(&out, false, "fbpeer", tt.err); code != tt.code {
				t.Errorf("exit %d, want %d", code, tt.code)
			}
			switch {
			case tt.out == "nothing" && out.Len() > 0:
				t.Errorf("printed %q", out.String())
			case tt.out != "nothing" && tt.out != "" && out.String() != tt.out:
				t.Errorf("printed %q", out.String())
			}
		})
	}
}

// TestErrorsOnATerminal: there no line of an error is broken in a word, and a command in its hint stays whole; elsewhere each is one line.
func TestErrorsOnATerminal(t *testing.T) {
	const command = "fbpeer --component /srv/fedbiomed/etc/config-n1.ini trust approve NODE_983ee25b-4c76-4550-9729-8008e522e39d --replace"
	long := refused("ask that site's operator by telephone what was done there, and if it was set up anew: "+command,
		"%s", strings.Repeat("somebody else claims to be nice ", 5)+"\x1b")
	for _, terminal := range []bool{false, true} {
		e := env{stderr: &strings.Builder{}, terminal: terminal}
		report(e.stderr, e.terminal, "fbpeer --component /srv/fedbiomed/etc/config-n1.ini", long)
		text := e.stderr.(*strings.Builder).String()
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if !terminal && len(lines) != 2 || terminal && len(lines) != 4 || !strings.Contains(text, command+"\n") || strings.Contains(text, "\x1b") {
			t.Errorf("terminal %v:\n%s", terminal, text)
		}
		for _, line := range lines {
			if terminal && displayWidth(line) > columns && strings.TrimSpace(line) != command {
				t.Errorf("%d columns: %s", displayWidth(line), line)
			}
		}
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{"etc/config-n1.ini": "etc/config-n1.ini", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "$x": "'$x'"} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%q) = %s", in, got)
		}
	}
}
