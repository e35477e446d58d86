package gossip

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

func peerID(s string) peer.ID { return peer.ID(s) }

func TestTenMembersAndALateJoiner(t *testing.T) {
	var members []*member
	for range 10 {
		members = append(members, newMember(t, options{every: 500 * time.Millisecond}))
	}
	for i, m := range members { // a ring with chords, built while everybody talks
		m.connect(members[(i+1)%10], members[(i+3)%10])
	}
	var all []*exchange.Announcement
	for _, m := range members {
		all = append(all, m.announce())
	}
	for _, m := range members {
		for _, a := range all {
			eventually(t, "everybody knows everybody", m.holds(a))
		}
	}
	late := newMember(t, options{})
	late.connect(members[0])
	for _, a := range all {
		eventually(t, "the late joiner knows everybody", late.holds(a))
	}
	for _, r := range late.received() {
		if r.Via != "sync" {
			t.Errorf("the late joiner got a record of last minute by %s", r.Via)
		}
	}
	own := late.announce()
	for _, m := range members {
		eventually(t, "everybody knows the late joiner", m.holds(own))
	}
	changed := members[7].announce()
	eventually(t, "the late joiner hears a change", late.holds(changed))
}

func TestSyncPassesOnWhatTheTopicDidNotCarry(t *testing.T) {
	a, b, c, d := newMember(t, options{}), newMember(t, options{}), newMember(t, options{}), newMember(t, options{})
	line(t, a, b, c, d)
	stranger := newMember(t, options{}) // its card is imported at a; it is connected to nobody
	card := stranger.seal()
	a.put(card)
	a.x.Stored()
	eventually(t, "d has it", d.holds(card))
	for _, m := range []*member{b, c, d} {
		for _, r := range m.received() {
			if r.Via != "sync" || r.Record.Record().Peer != stranger.host.ID() {
				t.Errorf("got %s by %s", r.Record.Record().Peer, r.Via)
			}
		}
	}
}

func TestSyncRepairsSteadily(t *testing.T) {
	a, b := newMember(t, options{every: 50 * time.Millisecond}), newMember(t, options{})
	line(t, a, b)
	missed := b.seal()
	b.put(missed) // neither published nor passed on
	eventually(t, "a has it", a.holds(missed))
}

// TestAnotherNeighbourIsAsked: the table's bound lets one forwarder bring only so much. What it may not bring must not wait for the
// next steady sync.
func TestAnotherNeighbourIsAsked(t *testing.T) {
	var full atomic.Value
	a, b, c := newMember(t, options{}), newMember(t, options{}), newMember(t, options{full: &full})
	full.Store(a.host.ID())
	line(t, a, c, b)
	card := newMember(t, options{}).seal()
	b.put(card)
	a.put(card)
	if err := c.x.dial(context.Background(), a.host.ID(), false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "c has it from b", c.holds(card))
	if got := c.received(); got[0].From != a.host.ID() || got[len(got)-1].From != b.host.ID() {
		t.Errorf("%d deliveries, the first from %s", len(got), got[0].From)
	}
}

func TestBarredIsNeitherRelayedNorHandedOut(t *testing.T) {
	x, a, b, c := newMember(t, options{}), newMember(t, options{}), newMember(t, options{}), newMember(t, options{})
	line(t, x, a, b, x)
	before := x.announce()
	eventually(t, "b has x's announcement", b.holds(before))
	b.barred.Store(x.host.ID(), true)

	after := x.announce()
	eventually(t, "b ignores x", func() bool { return b.x.Stats().Ignored[CodeBarred] > 0 })
	c.connect(b)
	eventually(t, "c and b are neighbours", func() bool { return c.isNeighbourOf(b)() && b.isNeighbourOf(c)() && c.inTopicWith(b)() })
	good := b.announce()
	eventually(t, "c has what b says", c.holds(good))
	for range 2 {
		if err := c.x.dial(context.Background(), b.host.ID(), false); err != nil {
			t.Fatal(err)
		}
		if err := b.x.dial(context.Background(), c.host.ID(), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := c.table.Get(before.Record().ID); ok {
		t.Error("b handed out a barred identity's record")
	}
	// b asks nobody for it either: a holds the newer one.
	view := &session{x: b.x, ctx: context.Background(), peer: a.host.ID(), ours: b.table.Entries(time.Now()), theirs: a.table.Entries(time.Now())}
	if want, _ := exchange.Difference(view.ours, view.theirs); len(want) != 1 || want[0].Hash != after.Hash {
		t.Fatalf("a should hold just the later announcement of x that b lacks, not %d", len(want))
	}
	if lacking := view.lacking(); len(lacking) != 0 {
		t.Errorf("b would ask for %d records of a barred identity", len(lacking))
	}
	if got := entriesOf(b); !got[before.Hash] {
		t.Error("the barred identity is not in b's table by its hash")
	}
}

// TestBarredKeyIsNeitherTakenNorHandedOut: an announcement of a key that the list bars, whoever makes it; its identity is listened to.
func TestBarredKeyIsNeitherTakenNorHandedOut(t *testing.T) {
	a, b, c := newMember(t, options{}), newMember(t, options{}), newMember(t, options{})
	line(t, a, b)
	before := a.announce()
	eventually(t, "b has a's announcement", b.holds(before))
	b.barredKeys.Store(before.Certificate.KeySHA256(), true)
	b.withheld.Store(a.host.ID(), true)
	after := a.announce()
	eventually(t, "b ignores that key", func() bool { return b.x.Stats().Ignored[CodeBarred] > 0 })
	line(t, b, c)
	good := c.announce() // of the same key, which c knows nothing against
	eventually(t, "b has heard c too", func() bool { return b.x.Stats().Ignored[CodeBarred] > 1 })
	if err := c.x.dial(context.Background(), b.host.ID(), false); err != nil {
		t.Fatal(err)
	}
	for _, unwanted := range []*exchange.Announcement{before, after} {
		if _, ok := c.table.Get(unwanted.Record().ID); ok {
			t.Error("b handed out a record of a barred key")
		}
	}
	if held, ok := b.table.Get(before.Record().ID); !ok || held.Hash != before.Hash {
		t.Error("b took another record of the barred key")
	}
	if _, ok := b.table.Get(good.Record().ID); ok {
		t.Error("b took a record of the barred key from another identity")
	}
	b.barredKeys.Delete(before.Certificate.KeySHA256())
	b.withheld.Delete(a.host.ID())
	b.x.Unbarred()
	eventually(t, "b has a's announcement that it had ignored", b.holds(after))
	next := a.announce()
	eventually(t, "c has a's next one through b, which listens to a", c.holds(next))
}

func entriesOf(m *member) map[[32]byte]bool {
	out := map[[32]byte]bool{}
	for _, e := range m.table.Entries(time.Now()) {
		out[e.Hash] = true
	}
	return out
}

func TestWhatWasDeclinedIsNotAskedForAgain(t *testing.T) {
	a, b := newMember(t, options{}), newMember(t, options{refuse: true})
	line(t, a, b)
	a.put(a.seal())
	for range 3 {
		if err := b.x.dial(context.Background(), a.host.ID(), false); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.received()); n != 1 {
		t.Fatalf("what the loop did not take was fetched %d times on one connection, want once", n)
	}
	digest := exchange.Digest(a.table.Entries(time.Now()))
	if got := b.x.neighbours.settledFor(a.host.ID(), exchange.Digest(nil), 1, time.Now(), time.Minute); got == nil || *got != digest {
		t.Error("tables that differ for good are not remembered as settled")
	}
	// A new connection starts anew.
	if err := b.host.Network().ClosePeer(a.host.ID()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "apart", func() bool { return !a.isNeighbourOf(b)() && !b.isNeighbourOf(a)() })
	b.connect(a)
	eventually(t, "fetched again", func() bool { return len(b.received()) == 2 })
}

func TestSkew(t *testing.T) {
	a, b := newMember(t, options{ahead: 3 * time.Minute}), newMember(t, options{})
	line(t, a, b)
	eventually(t, "both know the other's clock", func() bool {
		return len(a.x.Stats().Skew) == 1 && len(b.x.Stats().Skew) == 1
	})
	if s := b.x.Stats().Skew[a.host.ID()]; s < 170*time.Second || s > 190*time.Second {
		t.Errorf("b sees a's clock %v ahead, want 3 minutes", s)
	}
	if s := a.x.Stats().Skew[b.host.ID()]; s > -170*time.Second || s < -190*time.Second {
		t.Errorf("a sees b's clock %v ahead, want -3 minutes", s)
	}
}

func TestWhatIsAheadIsNotAskedFor(t *testing.T) {
	a, b := newMember(t, options{ahead: time.Hour}), newMember(t, options{})
	line(t, a, b)
	ahead := a.sealAs(uint64(time.Now().Add(time.Hour).UnixMilli()))
	if _, err := a.table.Put(ahead.Record(), a.host.ID(), true, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := b.x.dial(context.Background(), a.host.ID(), false); err != nil {
		t.Fatal(err)
	}
	if s := b.x.Stats(); s.Ignored[exchange.CodeAhead] != 0 || len(b.received()) != 0 {
		t.Errorf("it was fetched: %+v", s)
	}
}

func TestPeerExchange(t *testing.T) {
	hub := newMember(t, options{})
	a := newMember(t, options{addrs: []string{"/ip4/10.1.1.1/tcp/4100", "/ip4/127.0.0.1/tcp/4100", "/ip4/169.254.1.1/tcp/4100",
		"/ip4/10.1.1.1/udp/4100/quic-v1", "/dns/a.example/tcp/4100"}})
	lonely := newMember(t, options{addrs: []string{"/ip4/127.0.0.1/tcp/4100"}})
	denied := newMember(t, options{addrs: []string{"/ip4/10.1.1.3/tcp/4100"}})
	for _, m := range []*member{a, lonely, denied} {
		m.connect(hub)
		eventually(t, "neighbours", m.isNeighbourOf(hub))
	}
	hub.barred.Store(denied.host.ID(), true)
	c := newMember(t, options{addrs: []string{"/ip4/10.1.1.4/tcp/4100"}})
	c.connect(hub)
	eventually(t, "c learns of a", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.learned) > 0 })
	c.idle()
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := c.learned[a.host.ID()]; len(got) != 2 || got[0].String() != "/ip4/10.1.1.1/tcp/4100" || got[1].String() != "/dns/a.example/tcp/4100" {
		t.Errorf("a is to be found at %v", got)
	}
	if len(c.learned) != 1 {
		t.Errorf("c learned of %d peers, want only a: not itself, nobody barred, nobody who can be reached by loopback only", len(c.learned))
	}
}

// raw opens a sync stream as a peer that is no honest member.
func raw(t *testing.T, to *member) (network.Stream, host.Host) {
	t.Helper()
	h := newTestHost(t, newTestKey(t), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Connect(ctx, peer.AddrInfo{ID: to.host.ID(), Addrs: to.host.Network().ListenAddresses()}); err != nil {
		t.Fatal(err)
	}
	s, err := h.NewStream(ctx, to.host.ID(), SyncProtocol)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return s, h
}

func frame(body []byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...)
}

func TestEqualTablesCostOneByte(t *testing.T) {
	m := newMember(t, options{})
	m.put(m.seal())
	digest := exchange.Digest(m.table.Entries(time.Now()))
	other := [32]byte{1}
	for name, tt := range map[string]struct {
		hello hello
		want  byte
	}{
		"equal":   {hello{version: 1, clock: time.Now(), digest: digest}, answerEqual},
		"settled": {hello{version: 1, clock: time.Now(), digest: other, settled: (*[32]byte)(&digest)}, answerSettled},
		"later":   {hello{version: 9, clock: time.Now(), digest: digest}, answerEqual},
	} {
		s, _ := raw(t, m)
		body := tt.hello.encode()
		if tt.hello.version > 1 {
			body = append(body, "what a later version adds"...)
		}
		if _, err := s.Write(frame(body)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s)
		if err != nil || len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: answer %v, %v, want the byte %d and the end", name, got, err, tt.want)
		}
	}
}

// TestHostileDialer: what a dialer may do to a listener. Each must end, soon and without a delivery, and leave the listener well.
func TestHostileDialer(t *testing.T) {
	timing := quick()
	timing.exchange = 300 * time.Millisecond
	m := newMember(t, options{timing: timing})
	m.put(m.seal())
	good := frame(hello{version: 1, clock: time.Now()}.encode())
	empty := exchange.Digest(nil)
	views := someEntries(3) // of a kind that nobody asks for: but for the digest, all would be well
	for i := range views {
		views[i].Kind = "view"
	}
	ofEmpty := frame(hello{version: 1, clock: time.Now(), digest: empty}.encode())
	for name, sent := range map[string][]byte{
		"nothing (slow loris)":        {},
		"half a hello":                good[:10],
		"a hello that is too long":    frame(make([]byte, maxHello+1)),
		"a hello that is too short":   frame(make([]byte, 5)),
		"a length without end":        bytes.Repeat([]byte{0x80}, 20),
		"a hello and no table":        good,
		"a table that is too large":   append(bytes.Clone(good), binary.AppendUvarint(nil, maxTable+1)...),
		"a table never sent":          append(bytes.Clone(good), binary.AppendUvarint(nil, maxTable)...),
		"a table of garbage":          append(bytes.Clone(good), frame(bytes.Repeat([]byte{0xff}, 1000))...),
		"a table out of order":        append(bytes.Clone(good), frame(append(encodeTable(someEntries(1)), encodeTable(someEntries(1))...))...),
		"another table than promised": append(append(bytes.Clone(good), frame(encodeTable(views))...), frame(nil)...),
		"wants what is not there":     append(bytes.Clone(ofEmpty), append(frame(nil), frame([]byte{0, 1})...)...),
		"wants half an index":         append(bytes.Clone(ofEmpty), append(frame(nil), frame([]byte{0})...)...),
		"wants the same twice":        append(bytes.Clone(ofEmpty), append(frame(nil), frame([]byte{0, 0, 0, 0})...)...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := raw(t, m)
			if _, err := s.Write(sent); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			if _, err := io.Copy(io.Discard, s); err == nil {
				t.Error("the exchange ended as if all were well")
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v to end", took)
			}
		})
	}
	t.Cleanup(func() {
		if len(m.received()) != 0 {
			t.Error("something was delivered")
		}
	})
}

func someEntries(n int) []exchange.Entry {
	var out []exchange.Entry
	for i := range n {
		e := exchange.Entry{Sequence: uint64(time.Now().UnixMilli())}
		e.Kind, e.Peer, e.Hash[0] = exchange.KindAnnouncement, peerID(string(binary.BigEndian.AppendUint16([]byte("peer"), uint16(i)))), byte(i)
		out = append(out, e)
	}
	return out
}

// TestHostileListener: what a listener may do to a dialer.
func TestHostileListener(t *testing.T) {
	timing := quick()
	timing.exchange = 300 * time.Millisecond
	stranger := newMember(t, options{})
	foreign := stranger.seal()
	table := frame(encodeTable([]exchange.Entry{foreign.Record().Entry}))
	other := someEntries(1)
	for name, tt := range map[string]struct {
		answer []byte
		wire   bool // the fault is in what was sent, not in when
	}{
		"nothing":                    {nil, false},
		"an unknown answer":          {[]byte{7}, true},
		"settled unasked":            {[]byte{answerSettled}, true},
		"a huge table":               {append([]byte{answerDiffer}, binary.AppendUvarint(nil, 2<<20-1)...), true},
		"an endless table":           {append([]byte{answerDiffer}, frame(encodeMany(maxEntries+1))...), true},
		"half a table":               {append([]byte{answerDiffer}, table[:40]...), false},
		"no records":                 {append([]byte{answerDiffer}, table...), false},
		"a garbage record":           {append([]byte{answerDiffer}, append(bytes.Clone(table), frame([]byte("garbage"))...)...), true},
		"a record that is too large": {append([]byte{answerDiffer}, append(bytes.Clone(table), frame(make([]byte, exchange.MaxSealed+1))...)...), true},
		"somebody else's record":     {append([]byte{answerDiffer}, append(frame(encodeTable(other)), frame(foreign.Sealed)...)...), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMember(t, options{timing: timing})
			h := newTestHost(t, newTestKey(t), nil)
			ended := make(chan struct{}, 16)
			h.SetStreamHandler(SyncProtocol, func(s network.Stream) {
				_, _ = s.Write(tt.answer)
				_, _ = io.Copy(io.Discard, s) // until the member ends it
				_ = s.Reset()
				ended <- struct{}{}
			})
			m.dialHost(h)
			select {
			case <-ended: // the sync on connecting
			case <-time.After(10 * time.Second):
				t.Fatal("the exchange does not end")
			}
			m.idle()
			err := m.x.dial(context.Background(), h.ID(), false)
			if err == nil || errors.Is(err, errWire) != tt.wire {
				t.Errorf("the exchange ends with %v", err)
			}
			if len(m.received()) != 0 {
				t.Error("something was delivered")
			}
		})
	}
}

func encodeMany(n int) []byte {
	var out []byte
	for _, e := range someEntries(n) {
		out = append(out, encodeTable([]exchange.Entry{e})...)
	}
	return out
}

func TestEndsWithItsContext(t *testing.T) {
	m := newMember(t, options{})
	s, _ := raw(t, m) // an exchange that is under way
	if _, err := s.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is under way", func() bool {
		m.x.inbound.mu.Lock()
		defer m.x.inbound.mu.Unlock()
		return m.x.inbound.all == 1
	})
	ctx, cancel := context.WithCancel(context.Background())
	other := newTestHost(t, newTestKey(t), nil)
	x, err := Start(ctx, Config{Host: other, Federation: m.federation, Table: m.table, Now: time.Now, Log: m.x.c.Log,
		Barred: m.x.c.Barred, Deliver: m.x.c.Deliver})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	x.Wait()
	eventually(t, "the protocol is gone", func() bool {
		for _, p := range other.Mux().Protocols() {
			if p == SyncProtocol {
				return false
			}
		}
		return true
	})
	if _, err := Start(context.Background(), Config{}); err == nil {
		t.Error("an empty Config is taken")
	}
}
