package gossip

import (
	"bufio"
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

// strangers puts so many announcements of members who are connected to nobody into the table.
func (m *member) strangers(n int) {
	m.t.Helper()
	for range n {
		stranger := &member{t: m.t, key: newTestKey(m.t), federation: m.federation, port: 14000}
		m.put(stranger.seal())
	}
}

// syncs runs exchanges with a neighbour one after the other.
func (m *member) syncs(with *member, times int) {
	m.t.Helper()
	for range times {
		if err := m.x.dial(context.Background(), with.host.ID(), false); err != nil {
			m.t.Fatal(err)
		}
	}
}

// TestRoomIsFilledWhenItAppears: a site whose only neighbour is a hub hears no more than its share of pending records, and the rest as
// it approves them. While there is no room, nothing is fetched.
func TestRoomIsFilledWhenItAppears(t *testing.T) {
	const all, share = 30, 8
	timing := quick()
	timing.unfinished = time.Hour // else it is exchanges by themselves that fill the room
	hub, site := newMember(t, options{}), newMember(t, options{bounds: exchange.Bounds{PerForwarder: share}, timing: timing})
	line(t, hub, site)
	hub.strangers(all)
	for held := share; ; held = min(held+share, all) {
		// What the site stores starts exchanges of its own, which may take some of it, and use up what the hub answers in a second.
		synced := func() bool { return site.x.dial(context.Background(), hub.host.ID(), false) == nil }
		eventually(t, "the room is filled", func() bool { return synced() && len(site.table.Entries(time.Now())) >= held })
		eventually(t, "another exchange", synced)
		got := site.table.Entries(time.Now())
		if len(got) != held {
			t.Fatalf("the site holds %d records, want %d", len(got), held)
		}
		if n := len(site.received()); n != held {
			t.Fatalf("%d records were fetched to hold %d", n, held)
		}
		if held == all {
			return
		}
		for _, e := range got {
			site.table.Protect(e.Peer, true)
		}
	}
}

// TestRefusedIsAskedForAgain: what the loop had no room for after all, because others came first, is asked for again on the same
// connection if there is room some time later.
func TestRefusedIsAskedForAgain(t *testing.T) {
	timing := quick()
	timing.again = 50 * time.Millisecond
	var full atomic.Value
	hub, site := newMember(t, options{}), newMember(t, options{full: &full, timing: timing, every: 20 * time.Millisecond})
	full.Store(hub.host.ID())
	line(t, hub, site)
	card := hub.seal()
	hub.put(card)
	eventually(t, "the loop has refused it", func() bool { return len(site.received()) > 0 })
	full.Store(peer.ID(""))
	eventually(t, "the site has it", site.holds(card))
}

func TestApprovedNeedsNoRoom(t *testing.T) {
	hub := newMember(t, options{})
	approved := newMember(t, options{})
	site := newMember(t, options{bounds: exchange.Bounds{PerForwarder: 2}, trusted: []peer.ID{approved.host.ID()}})
	line(t, hub, site)
	hub.strangers(2)
	site.syncs(hub, 1)
	hub.strangers(5)
	card := approved.seal()
	hub.put(card)
	site.syncs(hub, 1)
	if got := site.received(); len(got) != 3 || got[2].Record.Record().Hash != card.Hash {
		t.Errorf("%d records were fetched, want the 2 that there is room for and then the approved one", len(got))
	}
}

func TestClaim(t *testing.T) {
	start := time.Now()
	table := someEntries(5)
	each := []int{0, 1, 2, 3, 4}
	full := func(exchange.Entry) bool { return true }
	type step struct {
		peer    peer.ID
		room    int
		after   time.Duration
		want    []int
		running bool
		waits   time.Duration // -1: nothing waits
	}
	for name, tt := range map[string]struct {
		fetched map[int]time.Duration // by p, and when it may be asked again; 0: never
		steps   []step
	}{
		"room for all":               {nil, []step{{"p", 9, 0, each, false, -1}}},
		"room for two":               {nil, []step{{"p", 2, 0, []int{0, 1}, false, 0}}},
		"no room":                    {nil, []step{{"p", 0, 0, nil, false, 0}}},
		"running with the same":      {nil, []step{{"p", 2, 0, []int{0, 1}, false, 0}, {"p", 2, time.Hour, nil, true, time.Hour}}},
		"running with another":       {nil, []step{{"p", 9, 0, each, false, -1}, {"q", 9, 999 * time.Millisecond, nil, true, -1}}},
		"running too long":           {nil, []step{{"p", 9, 0, each, false, -1}, {"q", 9, time.Second, each, false, -1}, {"r", 9, time.Second, nil, true, -1}}},
		"another takes what is left": {nil, []step{{"p", 2, 0, []int{0, 1}, false, 0}, {"q", 2, 0, []int{2, 3}, true, 0}}},
		"withheld":                   {map[int]time.Duration{0: 0, 4: 0}, []step{{"p", 9, time.Hour, []int{1, 2, 3}, false, -1}}},
		"on its way or refused":      {map[int]time.Duration{1: time.Minute}, []step{{"p", 2, 0, []int{0}, false, 0}}},
		"refused, room, too early":   {map[int]time.Duration{1: time.Minute}, []step{{"p", 9, 0, []int{0, 2, 3, 4}, false, time.Minute}}},
		"refused, room":              {map[int]time.Duration{1: time.Minute}, []step{{"p", 9, time.Minute, each, false, -1}}},
	} {
		n := newNeighbours()
		for _, p := range []peer.ID{"p", "q", "r"} {
			n.add(p)
		}
		for i, again := range tt.fetched {
			at := time.Time{}
			if again != 0 {
				at = start.Add(again)
			}
			n.fetched("p", table[i], at)
		}
		for i, s := range tt.steps {
			got, running := n.claim(s.peer, table, each, share{room: func() int { return s.room }, needsRoom: full, patience: time.Second, now: start.Add(s.after)})
			waits := time.Duration(-1)
			if w := n.peers[s.peer].waits; !w.IsZero() {
				waits = w.Sub(start)
			}
			if !slices.Equal(got, s.want) || running != s.running || waits != s.waits {
				t.Errorf("%s, step %d: claims %v, running %v, waits %v", name, i, got, running, waits)
			}
		}
	}
}

// noRoom is a share of which everything needs some.
func noRoom(now time.Time) share {
	return share{room: func() int { return 0 }, needsRoom: func(exchange.Entry) bool { return true }, now: now}
}

func TestReleaseLeavesWhatAnotherTookOver(t *testing.T) {
	n, table, now := newNeighbours(), someEntries(2), time.Now()
	n.add("p")
	n.add("q")
	n.claim("p", table, []int{0, 1}, share{now: now})
	n.claim("q", table, []int{0}, share{now: now.Add(time.Second), patience: time.Second})
	n.release("p", table, []int{0, 1})
	if len(n.asked) != 1 || n.asked[table[0]].peer != "q" {
		t.Errorf("reserved: %v", n.asked)
	}
}

func TestSettledEndsWithRoom(t *testing.T) {
	n, now := newNeighbours(), time.Now()
	n.add("p")
	n.claim("p", someEntries(1), []int{0}, noRoom(now))
	n.settle("p", [32]byte{1}, [32]byte{2}, now)
	if n.settledFor("p", [32]byte{1}, 0, now, time.Minute) == nil {
		t.Error("not settled although there is no room for what waits")
	}
	if n.settledFor("p", [32]byte{1}, 1, now, time.Minute) != nil {
		t.Error("settled although there is room for what waits")
	}
}

// TestOpenIsWhoMayHaveWhatWeLack: whom asking would lead nowhere is not asked for what another could not give.
func TestOpenIsWhoMayHaveWhatWeLack(t *testing.T) {
	now, ours := time.Now(), [32]byte{1}
	n := newNeighbours()
	for _, p := range []peer.ID{"settled", "full", "running", "open"} {
		n.add(p)
	}
	n.claim("full", someEntries(1), []int{0}, noRoom(now))
	n.settle("full", ours, [32]byte{2}, now)
	n.settle("settled", ours, [32]byte{2}, now)
	n.begin("running")
	room := 0
	roomOf := func(peer.ID) int { return room }
	for range 20 {
		if p, ok := n.open(ours, roomOf, now, time.Minute); !ok || p != "open" {
			t.Fatalf("%s is asked", p)
		}
	}
	n.settle("open", ours, [32]byte{2}, now)
	if p, ok := n.open(ours, roomOf, now, time.Minute); ok {
		t.Errorf("%s is asked", p)
	}
	room = 1
	if p, _ := n.open(ours, roomOf, now, time.Minute); p != "full" {
		t.Errorf("%q is asked, want the one for whom there is room now", p)
	}
}

// TestFetchedIsBounded: on a connection that lasts for months records come and go.
func TestFetchedIsBounded(t *testing.T) {
	n := newNeighbours()
	n.add("p")
	for i := range maxEntries + 100 {
		n.fetched("p", exchange.Entry{Sequence: uint64(i)}, time.Time{})
	}
	table := someEntries(3)
	n.fetched("p", table[1], time.Time{})
	got, _ := n.claim("p", table, []int{0, 1, 2}, share{now: time.Now()})
	if !slices.Equal(got, []int{0, 2}) || len(n.peers["p"].fetched) != 1 {
		t.Errorf("asks for %v, remembers %d", got, len(n.peers["p"].fetched))
	}
}

// TestAStallingNeighbourHoldsNothingBack: it says that it has a record, and sends nothing when it is asked.
func TestAStallingNeighbourHoldsNothingBack(t *testing.T) {
	timing := quick()
	timing.exchange = time.Minute
	timing.patience = 100 * time.Millisecond
	timing.unfinished = 100 * time.Millisecond
	timing.listener = time.Hour // the sync on connecting must not be what brings it
	honest, site := newMember(t, options{}), newMember(t, options{timing: timing})
	line(t, honest, site)
	card := honest.seal()
	stalling := newTestHost(t, newTestKey(t), nil)
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	stalling.SetStreamHandler(SyncProtocol, func(s network.Stream) {
		defer s.Reset()
		body, err := readFrame(bufio.NewReader(s), maxHello)
		if err != nil {
			return
		}
		answer := []byte{answerDiffer}
		if h, err := decodeHello(body); err == nil && h.peers {
			answer = append(answer, frame(nil)...)
		}
		_, _ = s.Write(append(answer, frame(encodeTable([]exchange.Entry{card.Record().Entry}))...))
		<-end
	})
	site.dialHost(stalling)
	eventually(t, "the record is asked of the one who stalls", func() bool {
		site.x.neighbours.mu.Lock()
		defer site.x.neighbours.mu.Unlock()
		return site.x.neighbours.asked[card.Record().Entry].peer == stalling.ID()
	})
	honest.put(card) // neither published nor passed on: the site has to ask
	eventually(t, "the site has it from another", site.holds(card))
}
