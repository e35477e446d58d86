package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// waitingApp is an app in whose bubble time passes only while nothing else happens.
func waitingApp() (a *app, stdout, stderr *strings.Builder) {
	stdout, stderr = &strings.Builder{}, &strings.Builder{}
	return &app{env: env{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, getenv: noEnvironment, now: time.Now}}, stdout, stderr
}

func agreeing() api.Ready {
	return api.Ready{OK: true, Parties: four().Set.Parties, Digest: four().Set.Digest, Agree: 4}
}

func TestReady(t *testing.T) {
	tests := []struct {
		name   string
		answer api.Ready
		err    error
		code   int
		stdout string
	}{
		{"yes", agreeing(), nil, exitDone, "ready: 4 parties agree (set 7be1c09a)\n"},
		{"no", waitsForTwo(), nil, exitAnswerNo, "not ready:\n"},
		{"no agent", api.Ready{}, agent.ErrNotRunning, exitNotRunning, ""},
		{"refused", api.Ready{}, &api.Error{Code: api.CodeRefused, Text: "no"}, exitFailed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, stderr := waitingApp()
			err := a.readyIn(t.Context(), &fakeAgent{readies: []api.Ready{tt.answer}, err: tt.err}, four(), selection{}, 0)
			if code, _ := outcome(err); code != tt.code {
				t.Errorf("exit %d: %v", code, err)
			}
			if !strings.HasPrefix(stdout.String(), tt.stdout) || tt.stdout == "" && stdout.Len() > 0 || stderr.Len() > 0 {
				t.Errorf("said %q, %q", stdout, stderr)
			}
		})
	}
}

func TestReadyJSON(t *testing.T) {
	for _, answer := range []api.Ready{agreeing(), waitsForTwo()} {
		a, stdout, _ := waitingApp()
		a.json = true
		err := a.readyIn(t.Context(), &fakeAgent{readies: []api.Ready{answer}}, four(), selection{}, 0)
		if code, _ := outcome(err); (code == exitDone) != answer.OK {
			t.Errorf("exit %d: %v", code, err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(stdout.String()), &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ok", "obstacles", "parties", "digest", "agree"} {
			if fields[name] == nil || string(fields[name]) == "null" {
				t.Errorf("ready --json lacks %s: %s", name, stdout)
			}
		}
	}
}

// TestReadyWaits: asked once a second, ended at once by a yes; nothing but the answer is on stdout.
func TestReadyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, stdout, stderr := waitingApp()
		one := waitsForTwo()
		one.Agree, one.Obstacles = 3, one.Obstacles[:1]
		control := &fakeAgent{readies: []api.Ready{waitsForTwo(), waitsForTwo(), one, agreeing()}}
		start := time.Now()
		if err := a.readyIn(t.Context(), control, four(), selection{}, time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		if stdout.String() != "ready: 4 parties agree (set 7be1c09a)\n" {
			t.Errorf("stdout %q", stdout)
		}
		want := "waiting for 4 parties   2 of 4 agree   60 s left   lyon has not approved nice (and 1 more)\n" +
			"waiting for 4 parties   3 of 4 agree   58 s left   lyon has not approved nice\n"
		if stderr.String() != want {
			t.Errorf("stderr:\n%s", stderr)
		}
	})
}

func TestReadyWaitsOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, stderr := waitingApp()
		a.terminal = true
		control := &fakeAgent{readies: []api.Ready{waitsForTwo(), waitsForTwo(), agreeing()}}
		if err := a.readyIn(t.Context(), control, four(), selection{}, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(stderr.String(), "\r\x1b[K")[1:] {
			if wanted := []string{"   5 s left", "   4 s left", ""}[i]; !strings.Contains(line, wanted) || displayWidth(line) > terminalWidth || strings.Contains(line, "\n") {
				t.Errorf("line %d is %q", i, line)
			}
		}
	})
}

// TestReadyEnds: when the time is over, or at a signal, the last answer is the answer.
func TestReadyEnds(t *testing.T) {
	for name, end := range map[string]func(context.CancelFunc){"time": func(context.CancelFunc) {}, "signal": func(stop context.CancelFunc) { stop() }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, stdout, _ := waitingApp()
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				time.AfterFunc(2500*time.Millisecond, func() { end(stop) })
				control := &fakeAgent{readies: []api.Ready{waitsForTwo()}}
				err := a.readyIn(ctx, control, four(), selection{}, 5*time.Second)
				if code, _ := outcome(err); code != exitAnswerNo || !strings.HasPrefix(stdout.String(), "not ready:\n") {
					t.Errorf("exit %d: %v, said %q", code, err, stdout)
				}
			})
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	a, _, _ := waitingApp()
	err := orInterrupted(ctx, a.readyIn(ctx, &fakeAgent{}, four(), selection{}, time.Minute))
	if code, _ := outcome(err); code != exitAnswerNo || !strings.Contains(err.Error(), "interrupted before there was an answer") {
		t.Errorf("exit %d: %v", code, err)
	}
}

// TestReadyHearsOfParties: a name that is not known yet is looked up again while we wait.
func TestReadyHearsOfParties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := waitingApp()
		unheard := api.Ready{Obstacles: []api.Obstacle{{Code: api.ObstacleNotHeard, Component: "NODE_9835", Text: "NODE_9835 is not known here"}}}
		control := &fakeAgent{readies: []api.Ready{unheard, unheard, agreeing()}, snapshots: []api.Snapshot{cardio(), withPending()}}
		if err := a.readyIn(t.Context(), control, cardio(), selection{words: []string{"nice", "NODE_9835"}}, time.Minute); err != nil {
			t.Fatal(err)
		}
		want := [][]string{{idNice, "NODE_9835"}, {idNice, "NODE_9835"}, {idNice, idParis}}
		for i, set := range control.readied {
			if i >= len(want) || !slices.Equal(set.Parties, want[i]) {
				t.Errorf("question %d was about %q", i, set.Parties)
			}
		}
	})
}

// TestReadyLosesItsAgent: an agent that ends while we wait is no answer.
func TestReadyLosesItsAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, stdout, _ := waitingApp()
		control := &leaving{fakeAgent: fakeAgent{readies: []api.Ready{waitsForTwo()}}}
		err := a.readyIn(t.Context(), control, four(), selection{}, time.Minute)
		if code, _ := outcome(err); code != exitNotRunning || stdout.Len() > 0 {
			t.Errorf("exit %d: %v, said %q", code, err, stdout)
		}
	})
}

// leaving answers once.
type leaving struct{ fakeAgent }

func (l *leaving) Ready(ctx context.Context, set api.SetSelector) (api.Ready, error) {
	if len(l.readied) > 0 {
		return api.Ready{}, agent.ErrNotRunning
	}
	return l.fakeAgent.Ready(ctx, set)
}

func TestSelection(t *testing.T) {
	plain := withSets()
	bob, carol := plain.Peers[0].Component, plain.Peers[1].Component
	tests := []struct {
		name    string
		args    []string
		s       api.Snapshot
		code    int
		says    string
		parties []string
		set     string
	}{
		{name: "default", s: cardio()},
		{name: "commas", args: []string{"--parties", "nice,NODE_f4"}, s: cardio(), parties: []string{idNice, idLyon}},
		{name: "spaces", args: []string{"--parties", " nice  NODE_f4 "}, s: cardio(), parties: []string{idNice, idLyon}},
		{name: "repeated, and named twice", args: []string{"--parties", "nice", "--parties", "NODE_f4, nice"}, s: cardio(), parties: []string{idNice, idLyon}},
		{name: "nobody", args: []string{"--parties", " , "}, s: cardio(), code: exitUsage, says: "names nobody"},
		{name: "empty", args: []string{"--parties", ""}, s: cardio(), code: exitUsage, says: "names nobody"},
		{name: "a party missing", args: []string{"--parties", "nice,,NODE_f4"}, s: cardio(), code: exitUsage, says: "a comma too many"},
		{name: "a comma at the end", args: []string{"--parties", "nice,"}, s: cardio(), code: exitUsage, says: "a comma too many"},
		{name: "no set", args: []string{"--set", ""}, s: plain, code: exitUsage, says: "names no set"},
		{name: "no name", args: []string{"--set", "../trial"}, s: plain, code: exitUsage, says: "is not a name of a party set"},
		{name: "both", args: []string{"--set", "trial", "--parties", "bob"}, s: plain, code: exitUsage, says: "each name a whole set"},
		{name: "ambiguous", args: []string{"--parties", "NODE_98"}, s: withPending(), code: exitUsage, says: "beginning of several"},
		{name: "unquoted", args: []string{"--parties", "nice", "lyon"}, s: cardio(), code: exitUsage, says: `"lyon" stands outside of --parties`},
		{name: "arguments", args: []string{"nice"}, s: cardio(), code: exitUsage, says: "takes no arguments"},
		{name: "not heard", args: []string{"--parties", "toulouse"}, s: cardio(), parties: []string{"toulouse"}},
		{name: "named", args: []string{"--set", "trial"}, s: plain, set: "trial"},
		{name: "named, of Fed-BioMed", args: []string{"--set", "trial"}, s: cardio(), code: exitUsage, says: "named sets are for plain MP-SPDZ"},
		{name: "plain", args: []string{"--parties", "bob carol"}, s: plain, parties: []string{bob, carol}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var flags setFlags
			c := (&app{}).readyCommand()
			c.ResetFlags()
			flags.register(c)
			selector, err := parsed(c, &flags, tt.args, tt.s)
			if code, _ := outcome(err); code != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("exit %d: %v", code, err)
			}
			if !slices.Equal(selector.Parties, tt.parties) || selector.Name != tt.set {
				t.Errorf("got %+v", selector)
			}
		})
	}
}

func TestAnswersAreClean(t *testing.T) {
	const evil = "Nice\x1b[2J\x07\r\nforged line\u202egnp.exe"
	r := waitsForMany()
	for i := range r.Obstacles {
		o := &r.Obstacles[i]
		o.Text, o.Cure, o.Of = evil, evil, evil
	}
	p := probed()
	for i := range p.Cells {
		c := &p.Cells[i]
		c.Endpoint, c.Text, c.Cure, c.Warnings = evil, evil, evil, []api.Warning{{Code: evil, Text: evil, Cure: evil}}
	}
	p.Cells[0].Result, p.Obstacles = evil, r.Obstacles
	v := viewOf(hostile())
	what, why := v.waitingFor(hostile(), r)
	texts := []string{v.readyScreen(hostile(), r), v.probeScreen(hostile(), p), what, why}
	for _, text := range texts {
		if strings.ContainsAny(text, "\x1b\x07\r\u202e") || strings.Contains(text, "\nforged") {
			t.Errorf("reached the terminal: %q", text)
		}
	}
}

func TestOrInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	if err := errors.New("x"); orInterrupted(ctx, err) != err || orInterrupted(ctx, nil) != nil {
		t.Error("changed without a signal")
	}
	stop()
	if code, _ := outcome(orInterrupted(ctx, answerNo())); code != exitAnswerNo {
		t.Error("the answer was overridden")
	}
}

// parsed is what a command makes of its flags.
func parsed(c *cobra.Command, flags *setFlags, args []string, s api.Snapshot) (api.SetSelector, error) {
	if err := c.ParseFlags(args); err != nil {
		return api.SetSelector{}, err
	}
	if err := c.Args(c, c.Flags().Args()); err != nil {
		return api.SetSelector{}, err
	}
	chosen, err := flags.selection(c)
	if err != nil {
		return api.SetSelector{}, err
	}
	selector, _, err := chosen.resolve(s)
	return selector, err
}
