package agent

import (
	"math"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/trust"
)

// clockText is what a snapshot says of clocks, all of it.
func clockText(s api.Snapshot) string {
	var all []string
	for _, w := range s.Warnings {
		if w.Code == api.WarnClock {
			all = append(all, w.Text)
		}
	}
	return strings.Join(all, "; ")
}

// A clock that is off is named on both sides, by how much, and by the component where that is known; one that is off too far to be heard at all
// is named too.
func TestClocksAreNamed(t *testing.T) {
	s := newScene(t)
	a, b, c := s.start(s.files[0]), s.startAhead(s.files[1], 3*time.Minute), s.startAhead(s.files[2], time.Hour)
	introduce(a, b)
	a.wait("b's clock is named", func(s api.Snapshot) bool {
		text := clockText(s)
		return strings.Contains(text, b.config.Component.ID) && strings.Contains(text, "3m0s ahead of ours") || strings.Contains(text, "2m59s ahead of ours")
	})
	b.wait("a's clock is named", func(s api.Snapshot) bool {
		text := clockText(s)
		return strings.Contains(text, a.config.Component.ID) && strings.Contains(text, "behind ours")
	})
	a.agent.Connect(c.agent.AddrInfo())
	far := a.wait("c's clock is named", func(s api.Snapshot) bool { return strings.Contains(clockText(s), c.agent.AddrInfo().ID.String()) })
	if state(far, c.config.Component.ID) != "" {
		t.Errorf("what is an hour ahead was taken: %s", dump(far))
	}
}

// If most of the others differ alike, it is ours that is wrong.
func TestOwnClockIsNamed(t *testing.T) {
	s := newScene(t)
	sites := []*site{s.startAhead(s.files[0], 2*time.Minute), s.start(s.files[1]), s.start(s.files[2]), s.start(s.files[3])}
	introduce(sites...)
	sites[0].wait("ours is named", func(s api.Snapshot) bool {
		return strings.Contains(clockText(s), "this machine's clock is 2m0s ahead of that of the others (3 of 3 neighbours say so alike)") ||
			strings.Contains(clockText(s), "this machine's clock is 1m59s ahead of that of the others (3 of 3 neighbours say so alike)")
	})
	sites[1].wait("only the wrong one is named", func(s api.Snapshot) bool {
		text := clockText(s)
		return strings.HasPrefix(text, "the clock of "+sites[0].config.Component.ID) && !strings.Contains(text, ";")
	})
}

// An older sequence never wins: after a restart, with a clock that steps back or ahead, and after everything ran out. One from the far future is
// not taken at all, so that the next honest one is.
func TestOlderNeverWins(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	o, right := b.others[0], b.now
	older := o.stamped(t, uint64(right.UnixMilli())+1, right, nil, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14901") })
	newest := o.stamped(t, uint64(right.UnixMilli())+2, right, nil, nil)
	load := func() (*core, *exchange.Table) {
		k, table := b.open(), exchange.NewTable(exchange.Bounds{})
		k.fillTable(table, b.now)
		return k, table
	}
	k, table := load()
	if _, err := k.take(table, newest, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	k.settle(b.now)
	for _, step := range []time.Duration{0, -time.Minute, -4 * time.Minute, time.Hour, 6 * 24 * time.Hour, 40 * 24 * time.Hour, 0} {
		b.now = right.Add(step)
		k, table = load()
		k.expire(table, b.now)
		for _, forged := range []*exchange.Announcement{older, o.stamped(t, newest.Sequence-1, b.now, nil, func(r *exchange.Registration) { r.Label = "again" }),
			o.stamped(t, math.MaxUint64, b.now, nil, nil), o.stamped(t, uint64(b.now.Add(6*time.Minute).UnixMilli()), b.now, nil, nil)} {
			if _, err := k.take(table, forged, o.id, b.now); err == nil {
				t.Fatalf("clock %s: sequence %d was taken after %d", step, forged.Sequence, newest.Sequence)
			}
		}
		k.settle(b.now)
		if k.newest[o.id].Hash != newest.Hash || k.evaluation.Decisions[o.id].Verdict != trust.VerdictAccepted {
			t.Fatalf("clock %s: held is %d, %s", step, k.newest[o.id].Sequence, k.evaluation.Decisions[o.id].Verdict)
		}
	}
	// Set back so far that what is held would be ahead, the agent cannot tell a wrong clock from a sequence of the far future, and hears what it
	// is told. Nothing of it comes into force, and with the right clock the newest counts again.
	before := b.outputs()
	b.now = right.Add(-50 * time.Minute)
	k, table = load()
	past := o.stamped(t, uint64(b.now.UnixMilli()), b.now, nil, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14902") })
	if _, err := k.take(table, past, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	k.settle(b.now)
	if after := b.outputs(); after != before {
		t.Errorf("a clock that was set back changed what is in force:\n%s\n%s", before, after)
	}
	b.now = right.Add(time.Second)
	k, table = load()
	if _, err := k.take(table, newest, o.id, b.now); err != nil {
		t.Errorf("the newest, heard again: %v", err)
	}
	if _, err := k.take(table, past, o.id, b.now); err == nil {
		t.Error("the older one was taken again")
	}
	if _, err := k.take(table, o.stamped(t, uint64(b.now.UnixMilli()), b.now, nil, nil), o.id, b.now); err != nil {
		t.Errorf("the next honest one: %v", err)
	}
}

// The card of an older announcement that was put back beside a newer one in force is not what was heard last.
func TestOlderCardDoesNotCount(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	older := o.announce(t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14901") })
	b.now = b.now.Add(time.Second)
	b.hear(o.announce(t, b.now, nil))
	b.approve(o)
	if err := b.store().writeCard(dirHeard, older, nil); err != nil {
		t.Fatal(err)
	}
	k := b.open()
	k.settle(b.now)
	if p := k.peer(o.id, b.now); p.State != api.StateAccepted || len(p.Changes) > 0 {
		t.Errorf("an older card was put back: %+v", p)
	}
}

// What a policy may name is the same where it is read and where it is decided.
func TestPolicyWords(t *testing.T) {
	b := newBench(t)
	for _, field := range trust.PolicyFields() {
		sel := b.selector(b.files[0])
		sel.Overrides = map[string]string{"trust.accept_changes": field}
		if c, err := config.Load(sel); err != nil || len(c.AcceptChanges) != 1 || c.AcceptChanges[0] != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// While somebody edits the list by hand, a policy writes nothing over it.
func TestPolicyWaitsForAnEditByHand(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	k := b.open()
	c := *k.config
	c.AcceptChanges = []string{"port"}
	k.config = &c
	edit(t, b.offline.config.TrustList, "status      = approved", "; mine\nstatus      = approved")
	b.now = b.now.Add(time.Second)
	o := b.others[0]
	if err := k.hear(o.announce(t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14901") }), nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	if done := k.settle(b.now); !done.retry || k.evaluation.Decisions[o.id].Verdict != trust.VerdictChanged {
		t.Fatalf("taken over while the list was edited: %+v, %s", done, k.evaluation.Decisions[o.id].Verdict)
	}
	if changed, err := k.reloadList(b.now); !changed || err != nil {
		t.Fatalf("the edit was lost: %v, %v", changed, err)
	}
	if done := k.settle(b.now); done.retry || k.evaluation.Decisions[o.id].Verdict != trust.VerdictAccepted {
		t.Errorf("not taken over afterwards: %+v, %s", done, k.evaluation.Decisions[o.id].Verdict)
	}
	if !strings.Contains(string(k.listFile), "; mine\n") || !strings.Contains(string(k.listFile), "approved_by = policy\n") {
		t.Errorf("the list is\n%s", k.listFile)
	}
}
