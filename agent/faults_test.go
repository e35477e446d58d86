package agent

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// Each of these guards against a fault that was once there.

// A component that the list denies without an identity is no party of any set: ready is not yes because nothing else is wrong.
func TestReadyNeedsAWholeSet(t *testing.T) {
	s := newPlainScene(t)
	sites := plainParties(s, 2)
	alice := sites[0]
	alice.ready("both agree", api.SetSelector{}, isReady)
	list, err := os.ReadFile(alice.config.TrustList)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(alice.config.TrustList, append(list, "\n[zed]\nstatus = denied\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, parties := range [][]string{{"zed"}, {"bob", "zed"}} {
		r := alice.ready("zed is known", api.SetSelector{Parties: parties}, func(r api.Ready) bool {
			return !r.OK && !slices.ContainsFunc(r.Obstacles, func(o api.Obstacle) bool { return o.Component == "zed" && o.Of == "" })
		})
		if !slices.ContainsFunc(r.Obstacles, func(o api.Obstacle) bool { return o.Of == "zed" }) {
			t.Errorf("%v: %+v", parties, r.Obstacles)
		}
	}
}

// Numbers of records do not run away from the clock, however often an agent starts, or after the clock was wrong.
func TestRecordsStayNearTheClock(t *testing.T) {
	s := newScene(t)
	o := s.options()
	now := time.Now()
	o.Now = func() time.Time { return now }
	c := s.config(s.files[0])
	next := func() uint64 {
		t.Helper()
		k, err := loadCore(c, o, store{dir: c.State})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.store.make(); err != nil {
			t.Fatal(err)
		}
		n, err := k.nextRecord(now)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	last := uint64(0)
	for start := range 50 {
		n := next()
		if beyond(now, n) || n <= last {
			t.Fatalf("start %d: %d after %d, %d ms ahead", start, n, last, int64(n)-now.UnixMilli())
		}
		last = n
	}
	now = now.AddDate(1, 0, 0)
	next()
	now = now.AddDate(-1, 0, 0)
	if n := next(); beyond(now, n) {
		t.Errorf("after a clock that was a year ahead: %d", n)
	}
}

// What somebody else did to the registry is reported also where a roll call finds it, before the watch does.
func TestCallReportsMeddling(t *testing.T) {
	s := newScene(t)
	sites := []*site{s.start(s.files[0]), s.start(s.files[1])}
	introduce(sites...)
	sites[0].approve(sites[1].config.Component.ID)
	_, err := inLoop(t.Context(), sites[0].agent, func(ctx context.Context, l *loop) (none struct{}, err error) {
		registerByHand(t, sites[0].config.Component.Database) // in the loop: the watch does not come between
		_, err = l.callRoll(ctx)
		return none, err
	})
	if err != nil {
		t.Fatal(err)
	}
	sites[0].wait("the report", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnRegistryMended) && s.Rows == 1 })
}

// A revoked party leaves, also where no certificate of our own can be issued any more.
func TestRevokedLeavesWhateverElseFails(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	alice := sites[0]
	alice.ready("all agree", api.SetSelector{}, isReady)
	carol := find(t, alice.snapshot(), "carol")
	alice.end()
	now := time.Now()
	o := s.options()
	o.Now = func() time.Time { return now }
	k, err := loadCore(alice.config, o, store{dir: alice.config.State})
	if err != nil {
		t.Fatal(err)
	}
	ip := filepath.Join(alice.config.PlayersDir, "current", "ip_addresses")
	if _, err := os.Stat(ip); err != nil {
		t.Fatal(err)
	}
	now = k.self.registration.Certificate.NotAfter().Add(time.Hour) // it ends while the agent runs
	if _, fault := k.edit(api.TrustRequest{Action: api.ActionRevoke, Component: "carol", PeerID: carol.PeerID, By: "test"}, now); fault != nil {
		t.Fatal(fault)
	}
	if !k.problems.has(api.WarnPlayers) {
		t.Error("a certificate was issued")
	}
	if data, err := os.ReadFile(ip); err == nil {
		t.Errorf("still in force: %q", data)
	}
}

// While certificates are waited for, what somebody changed in the former set's files is mended all the same, and told once.
func TestFormerSetIsMendedToo(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	alice, dave := sites[0], s.start(s.files[3])
	introduce(append(sites, dave)...)
	alice.ready("all agree", api.SetSelector{}, isReady)
	alice.approve("dave")
	ip := filepath.Join(alice.config.PlayersDir, "current", "ip_addresses")
	before, err := os.ReadFile(ip)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ip, []byte("evil:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := alice.agent.Ready(t.Context(), api.SetSelector{}); err != nil {
			t.Fatal(err)
		}
	}
	if after, err := os.ReadFile(ip); err != nil || string(after) != string(before) {
		t.Errorf("%q, %v", after, err)
	}
	log, err := os.ReadFile(filepath.Join(alice.config.State, fileLog))
	if n := strings.Count(string(log), "players-mended"); err != nil || n != 1 {
		t.Errorf("told %d times, %v", n, err)
	}
}

// A confirmed set whose card was damaged is out of force after a restart, and said so; one whose proposer was revoked is still shown.
func TestConfirmedSetsDoNotHide(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	alice, bob := sites[0], sites[1]
	alice.ready("all agree", api.SetSelector{}, isReady)
	carol := sites[2]
	if _, err := carol.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"alice", "bob"}}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*site{alice, bob} {
		n := x.named("trial", "the proposal", func(api.NamedSet) bool { return true })
		if _, err := x.sets(api.SetRequest{Action: api.ActionConfirm, Name: "trial", PeerID: n.PeerID, Hash: n.Hash}); err != nil {
			t.Fatal(err)
		}
	}
	alice.named("trial", "the set in force", func(n api.NamedSet) bool { return n.Set != nil })
	if _, err := alice.trust(api.TrustRequest{Action: api.ActionRevoke, Component: "carol", PeerID: find(t, alice.snapshot(), "carol").PeerID}); err != nil {
		t.Fatal(err)
	}
	if n := alice.named("trial", "the set of a revoked proposer", func(n api.NamedSet) bool { return true }); n.Set != nil || n.NoSet == nil {
		t.Errorf("%+v", n)
	}
	bob.named("trial", "the set in force", func(n api.NamedSet) bool { return n.Set != nil })
	bob.end()
	if err := os.WriteFile(filepath.Join(bob.config.State, dirConfirmed, "trial.card"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	bob = s.start(s.files[1])
	if _, err := os.Lstat(filepath.Join(bob.config.PlayersDir, "sets", "trial", "current")); err == nil {
		t.Error("a set without a readable confirmation is in force")
	}
	if !slices.ContainsFunc(bob.snapshot().Warnings, func(w api.Warning) bool { return w.Code == api.WarnConfirmedSet && w.Error }) {
		t.Errorf("warnings: %+v", bob.snapshot().Warnings)
	}
}

// What waits for a restart is named, and no more once it is as it was.
func TestSettingsThatWaitAreNamed(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	x := s.start(s.files[0])
	waits := func(s api.Snapshot) int {
		return slices.IndexFunc(s.Warnings, func(w api.Warning) bool { return w.Code == api.WarnRestartNeeded })
	}
	changes := [][2]string{{"mdns = true", "mdns = false"}, {"level = info", "level = debug"}, {"format = console", "format = json"}}
	for _, setting := range changes {
		edit(t, s.files[0], setting[0], setting[1])
	}
	x.wait("the warning of all three", func(s api.Snapshot) bool {
		i := waits(s)
		return i >= 0 && strings.HasSuffix(s.Warnings[i].Text, ": [agent] mdns, [log] level, [log] format")
	})
	for _, setting := range changes {
		edit(t, s.files[0], setting[1], setting[0])
	}
	x.wait("no warning", func(s api.Snapshot) bool { return waits(s) < 0 })
}

// Settings of sets and probes take effect while the agent runs.
func TestSetSettingsTakeEffect(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	alice := sites[0]
	alice.ready("all agree", api.SetSelector{}, isReady)
	for _, file := range s.files[:2] {
		edit(t, file, "parties =", "parties = alice, bob")
	}
	for _, x := range sites[:2] {
		x.wait("a set of two", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 2 })
	}
	edit(t, s.files[0], "answer = on", "answer = off")
	alice.wait("no answer to probes", func(api.Snapshot) bool {
		off := false
		_ = alice.agent.perform(t.Context(), func(_ context.Context, l *loop) { off = !l.core.config.ProbeAnswer })
		return off
	})
}

// More names than others would hold of us are refused with the cure, not confirmed and never heard of.
func TestNamesOfSetsAreBounded(t *testing.T) {
	s := newPlainScene(t)
	sites := plainParties(s, 2)
	alice, bob := sites[0], sites[1]
	alice.ready("both agree", api.SetSelector{}, isReady)
	propose := func(i int) error {
		_, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "set" + string(rune('a'+i)), Parties: []string{"bob"}})
		return err
	}
	for i := range maxNamedSets {
		if err := propose(i); err != nil {
			t.Fatalf("set %d: %v", i, err)
		}
	}
	if f := fault(t, propose(maxNamedSets)); f.Code != api.CodeRefused || f.Hint == "" {
		t.Errorf("%+v", f)
	}
	if err := propose(3); err != nil {
		t.Errorf("a name that is there: %v", err)
	}
	last := "set" + string(rune('a'+maxNamedSets-1))
	bob.named(last, "the last one", func(api.NamedSet) bool { return true })
	if _, err := alice.sets(api.SetRequest{Action: api.ActionWithdraw, Name: last}); err != nil {
		t.Fatal(err)
	}
	if f := fault(t, propose(maxNamedSets)); !strings.Contains(f.Hint, "again") {
		t.Errorf("a withdrawn name is still told: %+v", f)
	}
}

// Who asks waits for answers to the newest call, so that who has gone since the last one is noticed.
func TestAskersWaitForTheNewestCall(t *testing.T) {
	p := newPanel(t, 2)
	if _, ok := p.sight.heardOf("b", "", p.now.Add(-10*time.Second), p.now); !ok {
		t.Error("an answer to the newest call")
	}
	if _, ok := p.sight.heardOf("b", "", p.now, p.now); ok {
		t.Error("an answer to the call before it")
	}
	if _, _, ok := p.sight.answered("b", "", p.now); !ok {
		t.Error("it counts for a while all the same")
	}
	p.answerNow()
	of := asked{call: p.now, sets: []string{"", "trial"}}
	if !p.sight.heardAll("b", of, nil, p.now) {
		t.Error("nothing more is to come of one who has told of no such set")
	}
	p.sight.told = map[siteID]bool{{"b", "trial"}: true}
	if p.sight.heardAll("b", of, nil, p.now) {
		t.Error("its view of the set is still to come")
	}
	if !p.sight.heardAll("b", asked{call: p.now, sets: []string{""}}, nil, p.now) {
		t.Error("a set that nobody asks about")
	}
	if p.sight.heardAll("b", asked{call: p.now, sets: []string{""}}, []*exchange.View{p.sight.sites[siteID{component: "b"}].view}, p.now) {
		t.Error("an answer whose content is not known")
	}
}
