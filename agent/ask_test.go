package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
)

// ready asks until the condition holds of the answer.
func (x *site) ready(what string, sel api.SetSelector, condition func(api.Ready) bool) api.Ready {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		r, err := x.agent.Ready(ctx, sel)
		if err != nil {
			x.t.Fatal(err)
		}
		if condition(r) {
			return r
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			x.t.Fatalf("waited in vain for: %s: %+v", what, r)
		}
	}
}

func codes(r api.Ready) string {
	var all []string
	for _, o := range r.Obstacles {
		all = append(all, o.Code)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func isReady(r api.Ready) bool { return r.OK }

func TestReadyOfThree(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sites := three(s)
	res, n1, n2 := sites[0], sites[1], sites[2]
	id := func(x *site) string { return x.config.Component.ID }

	// Nobody has decided anything.
	if r, err := res.agent.Ready(t.Context(), api.SetSelector{}); err != nil || r.OK || codes(r) != api.ObstacleNoSet {
		t.Errorf("%+v, %v", r, err)
	}
	r, err := res.agent.Ready(t.Context(), api.SetSelector{Parties: []string{id(n1), id(n2), "nobody"}})
	if err != nil || codes(r) != "not-heard pending pending" {
		t.Errorf("%+v, %v", r, err)
	}

	// All but one pair: everybody says exactly that.
	for _, pair := range [][2]*site{{res, n1}, {res, n2}, {n1, res}, {n1, n2}, {n2, res}} {
		pair[0].approve(id(pair[1]))
	}
	lacks := func(r api.Ready) bool {
		return len(r.Obstacles) == 1 && r.Obstacles[0].Code == api.ObstacleMissing && r.Obstacles[0].Component == id(n2) && r.Obstacles[0].Of == id(n1)
	}
	res.ready("n2 lacks n1", api.SetSelector{}, lacks)
	n1.ready("n2 lacks n1", api.SetSelector{}, lacks)
	seen, err := res.agent.Call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := cellOfMatrix(seen.Matrix, id(n2), id(n1)); got != api.CellNo {
		t.Errorf("the matrix says %s", got)
	}
	if got := cellOfMatrix(seen.Matrix, id(n1), id(n2)); got != api.CellOK {
		t.Errorf("the matrix says %s of a pair that is registered", got)
	}
	// Those who are not asked about are no obstacle, but three are needed.
	if r := res.ready("too few", api.SetSelector{Parties: []string{id(n1)}}, func(r api.Ready) bool { return true }); r.OK {
		t.Error("two parties are enough")
	}

	n2.approve(id(n1))
	for _, x := range sites {
		if r := x.ready("all agree", api.SetSelector{}, isReady); r.Agree != 3 || r.Digest != x.snapshot().Set.Digest || len(r.Parties) != 3 {
			t.Errorf("%+v", r)
		}
	}
	seen, err = n1.agent.Call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range seen.Matrix.Rows {
		if row.Set != seen.Set.Digest {
			t.Errorf("%s is said to have %s in force", row.Component, row.Set)
		}
		for _, c := range row.Cells {
			if c.State != api.CellOK {
				t.Errorf("%s of %s: %s", row.Component, c.Of, c.State)
			}
		}
	}

	// n1 moves; the researcher takes it, n2 does not yet.
	edit(t, s.files[1], fmt.Sprintf("mpspdz_port = %d", n1.config.Component.Endpoint.Port()), "mpspdz_port = 14901")
	changed := func(s api.Snapshot) bool { return state(s, id(n1)) == api.StateChanged }
	res.wait("the change", changed)
	n2.wait("the change", changed)
	if r := res.ready("held", api.SetSelector{}, func(api.Ready) bool { return true }); !strings.Contains(codes(r), api.ObstacleChanged) {
		t.Errorf("%+v", r)
	}
	res.approve(id(n1))
	res.ready("n2 has old values", api.SetSelector{}, func(r api.Ready) bool {
		return len(r.Obstacles) == 1 && r.Obstacles[0].Code == api.ObstacleOutdated && r.Obstacles[0].Component == id(n2) && r.Obstacles[0].Of == id(n1)
	})
	n2.approve(id(n1))
	res.ready("all agree again", api.SetSelector{}, isReady)
}

// One that restarts has missed the call that the others answer, and the others pass its own over. It is called alone, and calls alone.
func TestReadyAfterARestart(t *testing.T) {
	s := newScene(t)
	began := time.Now()
	s.now = func() time.Time { return began.Add(time.Since(began) / 8) } // callEvery is longer than anything is waited for here
	sites := three(s)
	approveAll(sites...)
	sites[0].ready("all agree", api.SetSelector{}, isReady)
	sites[1].end()
	sites[1] = s.start(s.files[1])
	introduce(sites...)
	all := func(s api.Snapshot) bool { return s.Connected == 2 }
	sites[1].wait("connections", all)
	sites[1].ready("all agree, at the one that restarted", api.SetSelector{}, isReady)
	sites[0].ready("all agree, at another", api.SetSelector{}, isReady)
}

// Who looks while nobody is approved yet, or not everybody, calls the roll too early. What is asked after the approvals is answered right:
// at once, also by those who are connected through others alone, where nobody had approved anybody; else at the latest with the next
// call of all.
func TestReadyAfterEarlyCalls(t *testing.T) {
	for _, test := range []struct {
		name   string
		atOnce bool // no later call is needed
		early  func(alice, bob, carol *site)
	}{
		{"nobody is approved", true, func(alice, bob, carol *site) {
			for _, x := range []*site{alice, bob, carol} {
				x.call()
			}
		}},
		{"some are approved", false, func(alice, bob, carol *site) {
			bob.approve("alice")
			bob.call()
			carol.approve("alice")
			carol.call()
			alice.call()
		}},
		{"one is approved who has approved nobody", false, func(alice, bob, carol *site) {
			alice.approve("bob")
			bob.approve("carol")
			alice.call()
			bob.call()
			carol.call()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newPlainScene(t)
			if test.atOnce {
				began := time.Now()
				s.now = func() time.Time { return began.Add(time.Since(began) / 8) } // callEvery is longer than anything is waited for here
			}
			alice, bob, carol := s.start(s.files[0]), s.start(s.files[1]), s.start(s.files[2])
			introduce(alice, bob)
			introduce(alice, carol)
			bob.wait("carol", heardAll(alice, carol))
			carol.wait("bob", heardAll(alice, bob))
			test.early(alice, bob, carol)
			approveAll(alice, bob, carol)
			for _, x := range []*site{alice, carol, bob} {
				x.ready(x.config.Component.ID, api.SetSelector{}, isReady)
			}
		})
	}
}

func (x *site) call() {
	x.t.Helper()
	if _, err := x.agent.Call(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

func cellOfMatrix(m *api.Matrix, row, of string) string {
	for _, r := range m.Rows {
		for _, c := range r.Cells {
			if r.Component == row && c.Of == of {
				return c.State
			}
		}
	}
	return ""
}

// Somebody swaps two lines in a folder that is in force. `ready` says so for a minute, whoever asks first, and it is mended.
func TestReadyTellsOfSwappedLines(t *testing.T) {
	s := newScene(t)
	pass := s.passing()
	sites := three(s)
	approveAll(sites...)
	x := sites[0]
	x.ready("all agree", api.SetSelector{}, isReady)
	path := filepath.Join(x.config.PlayersDir, "current", "ip_addresses")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(before), "\n")
	lines[1], lines[2] = lines[2], lines[1]
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := x.agent.Ready(t.Context(), api.SetSelector{})
	if err != nil || codes(r) != api.ObstacleFilesChanged || !strings.Contains(r.Obstacles[0].Text, "ip_addresses") {
		t.Errorf("%+v, %v", r, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("not mended: %q, %v", after, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = x.agent.Ready(gone, api.SetSelector{}) // who hangs up
	pass(alteredTold - callEvery)
	if r := x.asks(api.SetSelector{}); codes(r) != api.ObstacleFilesChanged {
		t.Errorf("told the first one who asked, and nobody else: %+v", r)
	}
	pass(callEvery)
	x.ready("a minute later", api.SetSelector{}, isReady)
}

func TestReadyNeedsAnAgent(t *testing.T) {
	s := newScene(t)
	c := s.config(s.files[0])
	control, err := Open(t.Context(), c, s.options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.Ready(t.Context(), api.SetSelector{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("ready: %v", err)
	}
	if _, err := control.Sets(t.Context(), api.SetRequest{Action: api.ActionPropose, Name: "x"}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("sets: %v", err)
	}
	if seen, err := control.Call(t.Context()); err != nil || seen.Running || seen.Matrix == nil {
		t.Errorf("call: %+v, %v", seen, err)
	}
	if _, err := control.Parties(t.Context(), api.SetSelector{}); err == nil {
		t.Error("a set of nobody")
	}
}

func TestPartiesOfASet(t *testing.T) {
	s := newScene(t)
	sites := three(s)
	approveAll(sites...)
	x := sites[1]
	x.wait("a set", func(s api.Snapshot) bool { return s.Set != nil })
	set, err := x.agent.Parties(t.Context(), api.SetSelector{})
	if err != nil {
		t.Fatal(err)
	}
	seen := x.snapshot()
	if set.Digest != seen.Set.Digest || set.Party != seen.Set.Party || set.BindPort != int(x.config.Component.BindPort) || len(set.Parties) != 3 {
		t.Errorf("%+v", set)
	}
	for i, party := range set.Parties {
		file, err := os.ReadFile(filepath.Join(seen.Set.Dir, "Player-Data", fmt.Sprintf("P%d.pem", i)))
		if err != nil || party.Certificate != string(file) || party.Endpoint != seen.Set.Parties[i].Endpoint {
			t.Errorf("party %d: %+v, %v", i, party, err)
		}
	}
	if _, err := x.agent.Parties(t.Context(), api.SetSelector{Parties: []string{"nobody"}}); fault(t, err).Code != api.CodeUnknown {
		t.Errorf("an unknown component: %v", err)
	}
	if _, err := x.agent.Parties(t.Context(), api.SetSelector{Name: "trial"}); fault(t, err).Code != api.CodeRefused {
		t.Errorf("an unknown set: %v", err)
	}
	if r, err := x.agent.Ready(t.Context(), api.SetSelector{Name: "trial"}); err != nil || codes(r) != api.ObstacleUnconfirmed {
		t.Errorf("ready of an unknown set: %+v, %v", r, err)
	}
}

// An id that the asker has resolved means that component, even where it is another one's alias here: a stranger may call itself so.
func TestIDsAreNoAliases(t *testing.T) {
	s := newPlainScene(t)
	alice, bob, carol := s.start(s.files[0]), s.start(s.files[1]), s.start(s.files[2])
	introduce(alice, bob, carol)
	r := approvalOf(find(t, alice.snapshot(), "bob"))
	r.Alias = "carol"
	if _, err := alice.trust(r); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		ids  bool
		want string
	}{{true, "carol"}, {false, "bob"}} {
		sel := api.SetSelector{Parties: []string{"carol"}, IDs: test.ids}
		answer, err := alice.agent.Ready(t.Context(), sel)
		if err != nil {
			t.Fatal(err)
		}
		pending := slices.ContainsFunc(answer.Obstacles, func(o api.Obstacle) bool { return o.Code == api.ObstaclePending && o.Of == "carol" })
		if named := len(answer.Parties) == 2 && answer.Parties[1].Component == "bob"; pending != test.ids || named == test.ids {
			t.Errorf("ids %v: %+v", test.ids, answer)
		}
		set, err := alice.agent.Parties(t.Context(), sel)
		if test.ids {
			if f := fault(t, err); f.Code != api.CodeRefused {
				t.Errorf("%+v", f)
			}
		} else if err != nil || set.Parties[1].Component != "bob" {
			t.Errorf("%+v, %v", set.Parties, err)
		}
	}
	if _, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"carol"}}); fault(t, err).Text != "not approved here: carol" {
		t.Errorf("%v", err)
	}
}
