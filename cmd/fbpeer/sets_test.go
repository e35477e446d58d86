package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

func TestSetConfirm(t *testing.T) {
	s := withSets()
	erin := s.Peers[3].PeerID
	overtaken := &api.Error{Code: api.CodeOvertaken, Text: "another proposal came meanwhile"}
	tests := []struct {
		name    string
		arg     string
		typed   string
		tty     bool
		yes     bool
		err     error
		code    int
		says    string // in the error, else in stdout
		request *api.SetRequest
	}{
		{name: "yes", arg: "trial@" + erin, typed: "y\nyes\n", tty: true, says: "You are party 1 of 3.",
			request: &api.SetRequest{Name: "trial", PeerID: erin, Hash: hash('s')}},
		{name: "no", arg: "trial@" + erin, typed: "no\n", tty: true, code: exitFailed, says: "not confirmed; nothing was changed"},
		{name: "end of input", arg: "trial@" + erin, tty: true, code: exitFailed, says: "no answer"},
		{name: "nobody to ask", arg: "trial@" + erin, code: exitUsage, says: "stdin is not a terminal"},
		{name: "--yes", arg: "pilot", yes: true, says: "confirmed set pilot", request: &api.SetRequest{Name: "pilot", PeerID: s.Peers[0].PeerID, Hash: hash('s')}},
		{name: "several propose it", arg: "trial", yes: true, code: exitUsage, says: "trial@" + erin},
		{name: "confirmed already", arg: "trial@" + s.Self.PeerID, yes: true, says: "confirmed already"},
		{name: "withdrawn", arg: "zeta", yes: true, code: exitFailed, says: "was withdrawn"},
		{name: "not in it", arg: "others", yes: true, code: exitFailed, says: "this site is not in set others"},
		{name: "unknown", arg: "nothing", yes: true, code: exitFailed, says: "no set nothing has been proposed"},
		{name: "overtaken", arg: "pilot", yes: true, err: overtaken, code: exitAnswerNo, says: "another proposal",
			request: &api.SetRequest{Name: "pilot", PeerID: s.Peers[0].PeerID, Hash: hash('s')}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, _ := testApp(tt.typed, tt.tty)
			control := &fakeAgent{sets: api.SetResult{Set: s.Sets[1]}, err: tt.err, snapshots: []api.Snapshot{s}}
			err := a.confirmIn(t.Context(), control, s, tt.arg, tt.yes)
			text := stdout.String()
			if err != nil {
				text = err.Error()
			}
			if code, _ := outcome(err); code != tt.code || !strings.Contains(text, tt.says) {
				t.Errorf("exit %d, said %q", code, text)
			}
			if tt.err != nil && !strings.Contains(stdout.String(), "Its proposer has changed it meanwhile:") {
				t.Errorf("what is proposed now is not shown: %q", stdout)
			}
			checkRequest(t, control.requests, api.ActionConfirm, tt.request)
		})
	}
}

// checkRequest demands one request, or none where want is nil.
func checkRequest(t *testing.T, got []api.SetRequest, action string, want *api.SetRequest) {
	t.Helper()
	if want == nil {
		if len(got) > 0 {
			t.Errorf("asked for %+v", got)
		}
		return
	}
	if len(got) != 1 || got[0].Action != action || got[0].By != "alice@hospital-a" || got[0].Name != want.Name || got[0].PeerID != want.PeerID ||
		got[0].Hash != want.Hash || !slices.Equal(got[0].Parties, want.Parties) {
		t.Errorf("asked for %+v, want %+v", got, want)
	}
}

func TestSetPropose(t *testing.T) {
	s := withSets()
	self, bob, carol := s.Self.Component, s.Peers[0].Component, s.Peers[1].Component
	tests := []struct {
		name  string
		words []string
		code  int
		says  string
		want  []string
	}{
		{name: "in the order that was typed", words: []string{"carol", self, "bob"}, says: "proposed set pilot", want: []string{carol, self, bob}},
		{name: "without this site", words: []string{"carol", "bob"}, says: "it is the last one, party 2", want: []string{carol, bob, self}},
		{name: "twice", words: []string{"carol", "carol"}, code: exitUsage, says: "is named twice"},
		{name: "unknown", words: []string{"toulouse"}, code: exitFailed, says: "toulouse"},
		{name: "alone", words: []string{self}, code: exitUsage, says: "a set of 1 component: 2 to 255 are allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, _ := testApp("", false)
			control := &fakeAgent{sets: api.SetResult{Set: s.Sets[1]}}
			err := a.proposeIn(t.Context(), control, s, "pilot", selection{words: tt.words})
			text := stdout.String()
			if err != nil {
				text = err.Error()
			}
			if code, _ := outcome(err); code != tt.code || !strings.Contains(text, tt.says) {
				t.Errorf("exit %d, said %q", code, text)
			}
			if tt.want == nil {
				checkRequest(t, control.requests, "", nil)
			} else {
				checkRequest(t, control.requests, api.ActionPropose, &api.SetRequest{Name: "pilot", Parties: tt.want})
			}
		})
	}
}

func TestSetWithdraw(t *testing.T) {
	for name, says := range map[string]string{"trial": "withdrew set trial: ", "pilot": "took the confirmation of set pilot back: "} {
		a, stdout, _ := testApp("", false)
		control := &fakeAgent{}
		if err := a.withdrawIn(t.Context(), control, withSets(), name); err != nil || !strings.HasPrefix(stdout.String(), says) {
			t.Errorf("%v, said %q", err, stdout)
		}
		checkRequest(t, control.requests, api.ActionWithdraw, &api.SetRequest{Name: name})
	}
	// Where several propose one name, whose is said as with confirm; a beginning of the identity is enough.
	s := withSets()
	a, stdout, _ := testApp("", false)
	control := &fakeAgent{}
	own := s.Self.PeerID
	if err := a.withdrawIn(t.Context(), control, s, "trial@"+own); err != nil || !strings.HasPrefix(stdout.String(), "withdrew set trial: ") {
		t.Errorf("%v, said %q", err, stdout)
	}
	checkRequest(t, control.requests, api.ActionWithdraw, &api.SetRequest{Name: "trial", PeerID: own})
	erin := s.Peers[3].PeerID
	begun := erin
	for n := range erin {
		if !strings.HasPrefix(own, erin[:n]) {
			begun = erin[:n]
			break
		}
	}
	if set, err := namedSet(s, "trial@"+begun, ""); err != nil || set.PeerID != erin {
		t.Errorf("%s: %+v, %v", begun, set, err)
	}
	_, err := namedSet(s, "trial@"+begun[:1], "fbpeer set withdraw")
	if _, hint := outcome(err); hint != "fbpeer set withdraw trial@"+own+", or fbpeer set withdraw trial@"+erin && hint != "fbpeer set withdraw trial@"+erin+", or fbpeer set withdraw trial@"+own {
		t.Errorf("hint %q", hint)
	}
}

// Who looks at a set that was changed since is told what waits.
func TestPlayersShowOfAChangedSet(t *testing.T) {
	a, _, stderr := testApp("", false)
	if err := a.playersShowIn(t.Context(), &fakeAgent{}, withSets(), selection{name: "pilot"}); err != nil || !strings.Contains(stderr.String(), "the change: fbpeer set confirm pilot\n") {
		t.Errorf("%v, %q", err, stderr)
	}
}

// A set that was withdrawn long ago is of use to nobody who reads.
func TestWithdrawnSetsAreShownForADay(t *testing.T) {
	s := withSets()
	shown := func() bool { return strings.Contains(viewOf(s).setsScreen(s), "zeta of ") }
	if !shown() {
		t.Error("not shown")
	}
	s.Sets[4].Issued = noon.Add(-25 * time.Hour)
	if shown() {
		t.Error("shown after a day")
	}
}

// TestSetJSON: the one object on stdout is the set, whatever was asked on the way.
func TestSetJSON(t *testing.T) {
	s := withSets()
	for name, act := range map[string]func(*app, context.Context, agent.Controller) error{
		"propose": func(a *app, ctx context.Context, c agent.Controller) error {
			return a.proposeIn(ctx, c, s, "pilot", selection{words: []string{"bob"}})
		},
		"confirm": func(a *app, ctx context.Context, c agent.Controller) error {
			return a.confirmIn(ctx, c, s, "pilot", true)
		},
		"withdraw": func(a *app, ctx context.Context, c agent.Controller) error { return a.withdrawIn(ctx, c, s, "pilot") },
	} {
		t.Run(name, func(t *testing.T) {
			a, stdout, _ := testApp("", false)
			a.json = true
			if err := act(a, t.Context(), &fakeAgent{sets: api.SetResult{Set: s.Sets[1]}}); err != nil {
				t.Fatal(err)
			}
			if got, err := find(stdout.Bytes(), "set.party"); err != nil || got != "0" {
				t.Errorf("got %q, %v in %s", got, err, stdout)
			}
		})
	}
}

// TestNoNumberOfAFormerOrder: what was confirmed and is not in force is told without any party number; values that are former ones beside it.
func TestNoNumberOfAFormerOrder(t *testing.T) {
	s := withSets()
	waiting := api.Warning{Code: api.WarnWaitingCertificates, Text: "waiting for the numbered certificate of bob in this set"}
	set := s.Sets[1]
	set.State, set.Proposed = api.SetConfirmed, nil
	for name, test := range map[string]struct {
		change     func(set *api.NamedSet)
		says, hush string
	}{
		"waiting":       {func(set *api.NamedSet) { set.Set, set.NoSet = nil, &waiting }, "waiting for the numbered certificate of bob", "party 0 of"},
		"former values": {func(set *api.NamedSet) { set.Waiting = &waiting }, "waiting for the numbered certificate of bob", "no: "},
		"in force":      {func(set *api.NamedSet) {}, "party 0 of 4", "waiting"},
	} {
		changed := set
		test.change(&changed)
		a, stdout, _ := testApp("", false)
		listed := s
		listed.Sets = []api.NamedSet{changed}
		if err := a.confirmIn(t.Context(), &fakeAgent{}, listed, "pilot", true); err != nil {
			t.Fatal(err)
		}
		for screen, text := range map[string]string{"confirm": stdout.String(), "list": a.view(listed).setsScreen(listed)} {
			if !strings.Contains(text, test.says) || strings.Contains(text, test.hush) {
				t.Errorf("%s, set %s:\n%s", name, screen, text)
			}
		}
	}
}

// TestSetTypedIsResolved: what a screen says to type means the set that it is about.
func TestSetTypedIsResolved(t *testing.T) {
	s := withSets()
	for _, set := range s.Sets {
		found, err := namedSet(s, strings.Trim(setTyped(s, set), "'"), "")
		if err != nil || found.PeerID != set.PeerID || found.Name != set.Name {
			t.Errorf("%s: %+v, %v", setTyped(s, set), found, err)
		}
	}
}

func TestPlayersShow(t *testing.T) {
	plain, fedbiomed := withSets(), cardio()
	parties := api.PartySet{Digest: hash('d'), Party: 1, Parties: []api.Party{
		{SetParty: api.SetParty{Party: 0, Component: plain.Peers[0].Component, Endpoint: "10.0.0.2:14000"}},
		{SetParty: api.SetParty{Party: 1, Component: plain.Self.Component, Endpoint: "10.0.0.1:14000"}},
	}}
	tests := []struct {
		name   string
		s      api.Snapshot
		chosen selection
		code   int
		says   string
		path   string // in the JSON
		value  string
	}{
		{name: "default", s: fedbiomed, says: "party 0 of 3", path: "command", value: "-p 0 -N 3 -ip ip_addresses"},
		{name: "named", s: plain, chosen: selection{name: "pilot"}, says: "-p 0 -N 4 -ip ip_addresses PROGRAM", path: "dir", value: "/srv/crowd/players/pilot/current"},
		{name: "named, not in force", s: plain, chosen: selection{name: "trial"}, code: exitFailed, says: "set trial is not in force: not every member has confirmed it"},
		{name: "named, not confirmed", s: plain, chosen: selection{name: "others"}, code: exitFailed, says: "set others is not in force"},
		{name: "named, unknown", s: plain, chosen: selection{name: "nothing"}, code: exitFailed, says: "no set nothing"},
		{name: "named, of Fed-BioMed", s: fedbiomed, chosen: selection{name: "pilot"}, code: exitUsage, says: "for plain MP-SPDZ"},
		{name: "parties", s: plain, chosen: selection{words: []string{"bob"}}, says: "-p 1 -N 2 -ip ip_addresses PROGRAM", path: "command", value: "-p 1 -N 2 -ip ip_addresses"},
		{name: "parties, of Fed-BioMed", s: fedbiomed, chosen: selection{words: []string{"nice"}}, says: "Fed-BioMed writes the player files", path: "command", value: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, asJSON := range []bool{false, true} {
				a, stdout, _ := testApp("", false)
				a.json = asJSON
				err := a.playersShowIn(t.Context(), &fakeAgent{parties: parties}, tt.s, tt.chosen)
				text := stdout.String()
				if err != nil {
					text = err.Error()
				}
				if code, _ := outcome(err); code != tt.code || (!asJSON || err != nil) && !strings.Contains(text, tt.says) {
					t.Errorf("exit %d, said %q", code, text)
				}
				if asJSON && err == nil {
					if got, err := find(stdout.Bytes(), tt.path); err != nil || got != tt.value {
						t.Errorf("%s is %q, %v", tt.path, got, err)
					}
				}
			}
		})
	}
}
