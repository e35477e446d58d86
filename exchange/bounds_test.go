package exchange

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func put(t *testing.T, table *Table, r Record, from peer.ID, protected bool) []ID {
	t.Helper()
	evicted, err := table.Put(r, from, protected, testNow)
	if err != nil {
		t.Fatalf("%s from %s: %v", r.Peer, from, err)
	}
	return evicted
}

func TestPerForwarderBound(t *testing.T) {
	table := NewTable(Bounds{Pending: 10, PerForwarder: 2})
	put(t, table, row("a", 1, 1), "f", false)
	put(t, table, row("b", 1, 1), "f", false)
	if _, err := table.Put(row("c", 1, 1), "f", false, testNow); codeOf(err) != CodeFull {
		t.Errorf("a third of one forwarder: %v", err)
	}
	if _, ok := table.Get(row("c", 1, 1).ID); ok || table.Floor(row("c", 1, 1).ID) != 0 {
		t.Error("what was refused left a trace")
	}
	put(t, table, row("c", 1, 1), "g", false)
	put(t, table, row("a", 2, 1), "f", false) // a later one needs no room
	put(t, table, row("d", 1, 1), "f", true)  // an approved one counts nowhere
	if got := len(table.Entries(testNow)); got != 4 {
		t.Errorf("%d entries", got)
	}
}

// TestFloodEvictsOnlyTheFlood: honest records that came first stay, whoever floods after.
func TestFloodEvictsOnlyTheFlood(t *testing.T) {
	table := NewTable(Bounds{Pending: 8, PerForwarder: 6})
	for _, p := range []peer.ID{"a", "b"} {
		put(t, table, row(p, 1, 1), p, false)
	}
	for i := range 6 {
		put(t, table, row(peer.ID(fmt.Sprint("flood", i)), 1, 1), "flooder", false)
	}
	// Full. Another honest one makes the flooder's newest go.
	evicted := put(t, table, row("c", 1, 1), "c", false)
	if !slices.Equal(evicted, []ID{{Kind: KindAnnouncement, Peer: "flood5"}}) {
		t.Errorf("evicted %v", evicted)
	}
	if _, err := table.Put(row("flood6", 1, 1), "flooder", false, testNow); codeOf(err) != CodeFull {
		t.Errorf("the flooder gets its place back: %v", err)
	}
	for _, p := range []peer.ID{"a", "b", "c"} {
		if _, ok := table.Get(row(p, 1, 1).ID); !ok {
			t.Errorf("%s was pushed out", p)
		}
	}
	if got := len(table.Entries(testNow)); got != 8 {
		t.Errorf("%d entries", got)
	}
}

// TestFloodOverARestart: a flood that was stored must not close the table to newcomers for as long as it lasts.
func TestFloodOverARestart(t *testing.T) {
	table := NewTable(Bounds{Pending: 8, PerForwarder: 2})
	for i := range 8 {
		put(t, table, row(peer.ID(fmt.Sprint("stored", i)), 1, 1), "", false)
	}
	for i, p := range []peer.ID{"a", "b"} {
		want := []ID{{Kind: KindAnnouncement, Peer: peer.ID(fmt.Sprint("stored", 7-i))}}
		if evicted := put(t, table, row(p, 1, 1), p, false); !slices.Equal(evicted, want) {
			t.Errorf("%s evicts %v, want %v", p, evicted, want)
		}
	}
}

func TestLargestForwardersNewestGoes(t *testing.T) {
	table := NewTable(Bounds{Pending: 6, PerForwarder: 10})
	for i, from := range []peer.ID{"f", "g", "f", "g", "f", "g"} {
		put(t, table, row(peer.ID(fmt.Sprint("p", i)), 1, 1), from, false)
	}
	evicted := put(t, table, row("new", 1, 1), "h", false)
	if !slices.Equal(evicted, []ID{row("p5", 1, 1).ID}) {
		t.Errorf("of two that brought three each, the newest is p5: evicted %v", evicted)
	}
	// A later record of p4 does not make p4 the newest.
	put(t, table, row("p4", 2, 1), "f", false)
	put(t, table, row("p4", 3, 1), "g", false)
	put(t, table, row("p0", 2, 1), "f", false)
	if evicted = put(t, table, row("newer", 1, 1), "i", false); !slices.Equal(evicted, []ID{row("p4", 1, 1).ID}) {
		t.Errorf("evicted %v", evicted)
	}
	// Two of f (p0, p2) and two of g (p1, p3) are left, and one each of h and i: a second of h is as many as f and g have.
	if _, err := table.Put(row("newest", 1, 1), "h", false, testNow); codeOf(err) != CodeFull {
		t.Errorf("equal shares: %v", err)
	}
}

func TestProtect(t *testing.T) {
	table := NewTable(Bounds{Pending: 2, PerForwarder: 2})
	put(t, table, row("a", 1, 1), "f", false)
	put(t, table, row("b", 1, 1), "f", false)
	table.Protect("a", true)
	put(t, table, row("c", 1, 1), "f", false) // a no longer counts
	if _, err := table.Put(row("d", 1, 1), "f", false, testNow); codeOf(err) != CodeFull {
		t.Errorf("full: %v", err)
	}
	table.Protect("a", false)
	if got := len(table.Entries(testNow)); got != 3 {
		t.Errorf("%d entries: nothing is evicted before there is need", got)
	}
	evicted := put(t, table, row("d", 1, 1), "g", false)
	if !slices.Equal(evicted, []ID{row("c", 1, 1).ID, row("b", 1, 1).ID}) {
		t.Errorf("evicted %v", evicted)
	}
	// By Put, too.
	put(t, table, row("a", 2, 1), "f", true)
	put(t, table, row("e", 1, 1), "h", false)
	if _, ok := table.Get(row("a", 1, 1).ID); !ok {
		t.Error("an approved one was evicted")
	}
}

func TestDefaultBounds(t *testing.T) {
	table := NewTable(Bounds{})
	for i := range DefaultPending {
		put(t, table, row(peer.ID(fmt.Sprint(i)), 1, 1), peer.ID(fmt.Sprint("f", i/DefaultPerForwarder)), false)
	}
	if _, err := table.Put(row("x", 1, 1), "f0", false, testNow); codeOf(err) != CodeFull {
		t.Errorf("33 of one forwarder: %v", err)
	}
	if evicted := put(t, table, row("x", 1, 1), "another", false); len(evicted) != 1 {
		t.Errorf("1,025: evicted %v", evicted)
	}
}

func TestFloors(t *testing.T) {
	table := NewTable(Bounds{})
	id := row("a", 0, 0).ID
	if table.Floor(id) != 0 {
		t.Error("a floor from nowhere")
	}
	table.SetFloor(id, 7)
	table.SetFloor(id, 5)
	if table.Floor(id) != 7 {
		t.Errorf("floor %d", table.Floor(id))
	}
	if _, err := table.Put(row("a", 6, 1), "f", false, testNow); codeOf(err) != CodeSuperseded {
		t.Errorf("below the floor: %v", err)
	}
	put(t, table, row("a", 7, 1), "f", false) // the stored one, at the floor, after a restart
	put(t, table, row("a", 9, 1), "f", false)
	if table.Floor(id) != 9 {
		t.Errorf("floor %d", table.Floor(id))
	}
	table.Remove(id)
	table.Remove(id)
	if _, ok := table.Get(id); ok || table.Floor(id) != 9 {
		t.Error("Remove drops the record and keeps the floor")
	}
	if _, err := table.Put(row("a", 8, 1), "f", false, testNow); codeOf(err) != CodeSuperseded {
		t.Errorf("a replay after Remove: %v", err)
	}
}

func TestExpire(t *testing.T) {
	table := NewTable(Bounds{})
	put(t, table, row("pending", 1, 1), "f", false)
	put(t, table, row("approved", 1, 1), "f", true)
	put(t, table, row("denied", 1, 1), "f", false)
	table.SetFloor(row("restored", 0, 0).ID, 4)
	listed := func(p peer.ID) bool { return p == "approved" || p == "denied" }
	if dropped := table.Expire(testNow, listed); len(dropped) != 0 {
		t.Errorf("dropped %v at once", dropped)
	}
	dropped := table.Expire(testNow.Add(DefaultLifetime+time.Hour), listed)
	slices.SortFunc(dropped, compareIDs)
	if !slices.Equal(dropped, []ID{row("denied", 0, 0).ID, row("pending", 0, 0).ID}) {
		t.Errorf("dropped %v", dropped)
	}
	floors := func() string {
		var s []string
		for _, p := range []peer.ID{"pending", "approved", "denied", "restored"} {
			if table.Floor(row(p, 0, 0).ID) != 0 {
				s = append(s, string(p))
			}
		}
		return fmt.Sprint(s)
	}
	table.Expire(testNow.Add(FloorLifetime-time.Second), listed)
	if got := floors(); got != "[pending approved denied restored]" {
		t.Errorf("within 31 days: floors of %s", got)
	}
	table.Expire(testNow.Add(FloorLifetime), listed)
	if got := floors(); got != "[approved denied]" {
		t.Errorf("after 31 days: floors of %s", got)
	}
	table.Expire(testNow.AddDate(50, 0, 0), listed)
	if got := floors(); got != "[approved denied]" {
		t.Errorf("for ever: floors of %s", got)
	}
}

// TestFloorsAreBounded: identities cost nothing to make, so what is remembered of those that went is bounded as well.
func TestFloorsAreBounded(t *testing.T) {
	table := NewTable(Bounds{Pending: 4, PerForwarder: 4})
	kept, approved := row("kept", 0, 0).ID, row("approved", 1, 1).ID
	table.SetFloor(kept, 3)
	put(t, table, row("approved", 1, 1), "f", true)
	table.Remove(approved)
	for i := range 100 {
		r := row(peer.ID(fmt.Sprint("p", i)), 1, 1)
		now := testNow.Add(time.Duration(i) * time.Second)
		if _, err := table.Put(r, "f", false, now); err != nil {
			t.Fatal(err)
		}
		table.Remove(r.ID)
	}
	if len(table.floors) != 4+2 {
		t.Errorf("%d floors", len(table.floors))
	}
	if table.Floor(kept) != 3 || table.Floor(approved) != 1 {
		t.Error("a floor that is to be kept went")
	}
	if table.Floor(row("p99", 0, 0).ID) != 1 || table.Floor(row("p0", 0, 0).ID) != 0 {
		t.Error("the oldest goes, not the newest")
	}
}
