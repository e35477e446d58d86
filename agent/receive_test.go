package agent

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// An identity that contradicts itself is known for it after a restart too: otherwise what fits every pin would come into force.
func TestEquivocationSurvivesARestart(t *testing.T) {
	source := newBench(t)
	o := source.others[0]
	one := o.announce(t, source.now, nil)
	o.last = one.Sequence - 1
	other := o.announce(t, source.now, func(r *exchange.Registration) { r.Label = "another" })
	if one.Sequence != other.Sequence || one.Hash == other.Hash {
		t.Fatal("the two do not contradict each other")
	}
	smaller := slices.MinFunc([]*exchange.Announcement{one, other}, func(x, y *exchange.Announcement) int { return bytes.Compare(x.Hash[:], y.Hash[:]) })
	for _, order := range [][]*exchange.Announcement{{one, other}, {other, one}} {
		b := newBench(t)
		k := b.open()
		table := exchange.NewTable(exchange.Bounds{Pending: 8, PerForwarder: 8})
		for _, a := range order {
			if news, err := k.take(table, a, a.Peer, b.now); err != nil || !news {
				t.Fatalf("taking: %v, %v", news, err)
			}
		}
		if news, err := k.take(table, order[1], order[1].Peer, b.now); news && err == nil {
			t.Error("the same contradiction is news again")
		}
		again := b.open()
		if !again.equivocal[one.Peer] || again.newest[one.Peer] == nil || again.newest[one.Peer].Hash != smaller.Hash {
			t.Errorf("after a restart: equivocal %v, newest %v", again.equivocal, again.newest[one.Peer])
		}
	}
}

// Whoever holds the federation's secret can make identities without end; the log is for ever.
func TestStrangersDoNotFillTheLog(t *testing.T) {
	b := newBench(t)
	k := b.open()
	a := b.others[0].announce(t, b.now, nil)
	k.newest[a.Peer] = a
	lines := func() int {
		data, err := os.ReadFile(k.store.path(fileLog))
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(data, []byte("\n"))
	}
	before := lines()
	for range 10 * strangerLines {
		k.evaluate(b.now)
		k.recordVerdicts(b.now)
	}
	if got := lines() - before; got != strangerLines {
		t.Errorf("%d lines, want %d", got, strangerLines)
	}
	k.judged = k.evaluation
	k.recordVerdicts(b.now.Add(strangerEvery))
	data, err := os.ReadFile(k.store.path(fileLog))
	if err != nil || !strings.Contains(string(data), "2304 more lines about identities") {
		t.Errorf("what was left out is not told: %v", err)
	}
}

// After a restart who forwarded what is not known: what strangers left must not keep newcomers out.
func TestStoredStrangersMakeRoom(t *testing.T) {
	b := newBench(t)
	b.hear(b.others[0].announce(t, b.now, nil), b.others[1].announce(t, b.now, nil))
	k := b.open()
	table := exchange.NewTable(exchange.Bounds{Pending: 2, PerForwarder: 1})
	k.fillTable(table, b.now)
	a := b.others[2].announce(t, b.now.Add(time.Second), nil)
	if _, err := k.take(table, a, a.Peer, b.now.Add(time.Second)); err != nil {
		var refusal *exchange.Refusal
		t.Errorf("a newcomer is refused: %v (%v)", err, errors.As(err, &refusal))
	}
	k.settle(b.now.Add(time.Second))
	if got := state(b.snapshot(), b.others[2].config.Component.ID); got != api.StatePending {
		t.Errorf("the newcomer is %q", got)
	}
}
