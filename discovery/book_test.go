package discovery

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func TestBackoff(t *testing.T) {
	tests := []struct {
		failures int
		jitter   float64
		want     time.Duration
	}{
		{0, 0, 0},
		{-1, 0.5, 0},
		{1, 0, 500 * time.Millisecond},
		{1, 1, 250 * time.Millisecond},
		{2, 0, time.Second},
		{4, 0.5, 3 * time.Second},
		{6, 0, 16 * time.Second},
		{7, 0, 30 * time.Second},
		{7, 1, 15 * time.Second},
		{100, 0, 30 * time.Second},
		{1 << 40, 0, 30 * time.Second},
	}
	for _, tt := range tests {
		if got := backoff(tt.failures, tt.jitter); got != tt.want {
			t.Errorf("backoff(%d, %v) = %v, want %v", tt.failures, tt.jitter, got, tt.want)
		}
	}
}

// start is any moment: the book reads no clock.
var start = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

func newID(t *testing.T) peer.ID {
	t.Helper()
	id, err := throwawayID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func at(t *testing.T, id peer.ID, addrs ...string) peer.AddrInfo {
	t.Helper()
	info := peer.AddrInfo{ID: id}
	for _, s := range addrs {
		info.Addrs = append(info.Addrs, ma.StringCast(s))
	}
	return info
}

func TestBookRedialsWithBackoff(t *testing.T) {
	b := newBook(newID(t))
	p := newID(t)
	if !b.add(at(t, p, "/ip4/10.0.0.1/tcp/4100"), ViaKnown, start, start) {
		t.Fatal("a new peer is not new")
	}
	now := start
	for failures, want := range []time.Duration{0, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
		16 * time.Second, 30 * time.Second, 30 * time.Second} {
		if want > 0 {
			if dials, next := b.take(now.Add(want-1), 4); len(dials) != 0 || !next.Equal(now.Add(want)) {
				t.Fatalf("after %d failures: %d dials before the back-off ended, next after %v, want %v", failures, len(dials), next.Sub(now), want)
			}
		}
		now = now.Add(want)
		dials, _ := b.take(now, 4)
		if len(dials) != 1 || dials[0].info.ID != p || dials[0].via != ViaKnown {
			t.Fatalf("after %d failures: dials %v, want one to %s", failures, dials, p)
		}
		if again, _ := b.take(now, 4); len(again) != 0 {
			t.Fatal("a running dial is started twice")
		}
		b.ended(p, now, 0)
	}
	if got := b.reset(now); len(got) != 1 {
		t.Fatalf("reset gives %v", got)
	}
	if dials, _ := b.take(now, 4); len(dials) != 1 {
		t.Fatal("not dialled at once after the network changed")
	}
	b.up(p, now)
	b.ended(p, now, 0)
	if dials, next := b.take(now.Add(time.Hour), 4); len(dials) != 0 || !next.IsZero() {
		t.Fatal("a connected peer is dialled")
	}
}

func TestBookConnectionThatDoesNotLast(t *testing.T) {
	b := newBook(newID(t))
	p := newID(t)
	b.add(at(t, p, "/ip4/10.0.0.1/tcp/4100"), ViaBootstrap, start, start)
	now := start
	wait := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}
	for i := range wait { // accepted and let go again: must not become a loop without a pause
		b.take(now, 4)
		b.up(p, now)
		b.ended(p, now, 0)
		b.down(p, nil, now, 0)
		if _, next := b.take(now, 4); !next.Equal(now.Add(wait[i])) {
			t.Fatalf("round %d: next dial after %v, want %v", i, next.Sub(now), wait[i])
		}
		now = now.Add(wait[i])
	}
	b.take(now, 4)
	b.up(p, now)
	b.ended(p, now, 0)
	now = now.Add(time.Minute)
	b.down(p, nil, now, 0)
	if _, next := b.take(now, 4); !next.Equal(now.Add(500 * time.Millisecond)) {
		t.Fatalf("after a steady connection the next dial comes after %v, want 500ms", next.Sub(now))
	}
}

func TestBookForgets(t *testing.T) {
	b := newBook(newID(t))
	vias := map[string]peer.ID{}
	for _, via := range []string{ViaMDNS, ViaBootstrap, ViaKnown, ViaExchange, ViaInbound} {
		vias[via] = newID(t)
		b.add(at(t, vias[via], "/ip4/10.0.0.1/tcp/4100"), via, start, start)
	}
	b.take(start.Add(time.Hour), 0)
	if len(b.targets) != 5 {
		t.Fatalf("%d peers after an hour, want 5", len(b.targets))
	}
	b.take(start.Add(time.Hour+time.Second), 0)
	for via, p := range vias {
		if _, ok := b.targets[p]; ok != lasting(via) {
			t.Errorf("after more than an hour the peer by %s is held: %v, want %v", via, ok, lasting(via))
		}
	}
}

func TestBookFloodDoesNotKeepOutTheOperatorsPeers(t *testing.T) {
	b := newBook(newID(t))
	for i := range maxTargets + 100 {
		b.add(at(t, newID(t), fmt.Sprintf("/ip4/10.0.%d.%d/tcp/4100", i/200, i%200+1)), ViaMDNS, start, start)
	}
	if len(b.targets) != maxTargets {
		t.Fatalf("%d peers held, bound is %d", len(b.targets), maxTargets)
	}
	p := newID(t)
	if !b.add(at(t, p, "/ip4/10.9.0.1/tcp/4100"), ViaKnown, start.Add(time.Second), start.Add(time.Second)) {
		t.Fatal("a known peer finds no room")
	}
	dials, _ := b.take(start.Add(time.Second), 1)
	if len(dials) != 1 || dials[0].info.ID != p {
		t.Fatal("the known peer waits behind made-up ones")
	}
	if b.add(at(t, newID(t), "/ip4/10.9.0.2/tcp/4100"), ViaExchange, start, start) {
		t.Fatal("the bound gives way to peer exchange")
	}
}

func TestBookExchange(t *testing.T) {
	b := newBook(newID(t))
	victim := "/ip4/10.0.0.9/tcp/22"
	for range 20 { // one address under many names
		b.add(at(t, newID(t), victim), ViaExchange, start, start)
	}
	dials, next := b.take(start, 4)
	if len(dials) != 1 || !next.Equal(start.Add(30*time.Second)) {
		t.Fatalf("one address is dialled %d times within 30 s, next %v", len(dials), next.Sub(start))
	}
	if dials, _ = b.take(start.Add(30*time.Second-1), 4); len(dials) != 0 {
		t.Fatal("dialled again before 30 s")
	}
	if dials, _ = b.take(start.Add(30*time.Second), 4); len(dials) != 1 {
		t.Fatalf("%d dials after 30 s, want 1", len(dials))
	}

	b = newBook(newID(t))
	for i := range meshLinks + 3 {
		b.add(at(t, newID(t), fmt.Sprintf("/ip4/10.0.0.%d/tcp/4100", i+1)), ViaExchange, start, start)
	}
	var all []peer.ID
	for range 5 {
		dials, _ := b.take(start, dialsAtOnce)
		for _, d := range dials {
			b.up(d.info.ID, start)
			b.ended(d.info.ID, start, 0)
			all = append(all, d.info.ID)
		}
	}
	if len(all) != meshLinks {
		t.Fatalf("%d members dialled on the word of others, want %d", len(all), meshLinks)
	}
	b.down(all[0], nil, start.Add(time.Minute), 0)
	if dials, _ := b.take(start.Add(2*time.Minute), 4); len(dials) != 1 {
		t.Fatalf("%d dials after one of 8 links is lost, want 1", len(dials))
	}
}

func TestBookAddresses(t *testing.T) {
	self := newID(t)
	b := newBook(self)
	if b.add(at(t, self, "/ip4/10.0.0.1/tcp/4100"), ViaMDNS, start, start) {
		t.Error("dials itself")
	}
	if b.add(at(t, newID(t)), ViaMDNS, start, start) {
		t.Error("a peer without addresses is held")
	}
	p := newID(t)
	b.add(at(t, p, "/ip4/10.0.0.1/tcp/4100"), ViaKnown, start, start)
	b.add(at(t, p, "/ip4/10.0.0.2/tcp/4100"), ViaMDNS, start, start)
	b.add(at(t, p, "/ip4/10.0.0.3/tcp/4100"), ViaMDNS, start, start) // replaces the one before, not the known one
	if b.add(at(t, p, "/ip4/10.0.0.3/tcp/4100"), ViaMDNS, start, start) {
		t.Error("the same again is new")
	}
	dials, _ := b.take(start, 4)
	if got := fmt.Sprint(dials[0].info.Addrs); got != "[/ip4/10.0.0.3/tcp/4100 /ip4/10.0.0.1/tcp/4100]" {
		t.Errorf("dialled at %s", got)
	}
	b.ended(p, start, 0)
	if b.add(at(t, p, "/ip4/10.0.0.4/tcp/4100"), ViaMDNS, start, start); b.targets[p].due.After(start) {
		t.Error("a new address waits for the old one's back-off")
	}
}

func TestParseAddress(t *testing.T) {
	const id = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
	tests := []struct{ in, addr, id string }{
		{"hub.example", "/dns/hub.example/tcp/4100", ""},
		{"hub_1:5000", "/dns/hub_1/tcp/5000", ""},
		{"10.1.2.3", "/ip4/10.1.2.3/tcp/4100", ""},
		{"10.1.2.3:4200", "/ip4/10.1.2.3/tcp/4200", ""},
		{"2001:db8::1", "/ip6/2001:db8::1/tcp/4100", ""},
		{"[2001:db8::1]:4200", "/ip6/2001:db8::1/tcp/4200", ""},
		{"/ip4/10.1.2.3/tcp/4100", "/ip4/10.1.2.3/tcp/4100", ""},
		{"/dns4/hub.example/tcp/1/p2p/" + id, "/dns4/hub.example/tcp/1", id},
		{"", "", ""},
		{"a b", "", ""},
		{"hub:", "", ""},
		{"hub:x", "", ""},
		{"hub:70000", "", ""},
		{"-hub", "", ""},
		{"hub/evil", "", ""},
		{"fe80::1%eth0", "", ""},
		{"/ip4/10.1.2.3/udp/4100/quic-v1", "", ""},
		{"/ip4/10.1.2.3/tcp/4100/ws", "", ""},
		{"/p2p/" + id, "", ""},
		{"/unix/tmp/x", "", ""},
		{"hub\x1b[31m", "", ""},
	}
	for _, tt := range tests {
		a, got, err := parseAddress(tt.in)
		if tt.addr == "" {
			if err == nil {
				t.Errorf("%q is taken as %s", tt.in, a)
			}
			continue
		}
		if err != nil || a.String() != tt.addr || (tt.id != "") != (got != "") || (tt.id != "" && got.String() != tt.id) {
			t.Errorf("parseAddress(%q) = %v, %v, %v", tt.in, a, got, err)
		}
	}
}

func TestWorthKeeping(t *testing.T) {
	var in []ma.Multiaddr
	for _, s := range []string{
		"/ip4/127.0.0.1/tcp/1", "/ip4/169.254.1.1/tcp/1", "/ip4/224.0.0.251/tcp/1", "/ip4/0.0.0.0/tcp/1", "/ip6/::1/tcp/1",
		"/ip6/fe80::1/tcp/1", "/ip6/ff02::fb/tcp/1", "/ip4/10.0.0.1/tcp/0", "/ip4/10.0.0.1/udp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1",
		"/dns/hub/tcp/1", "/ip6/2001:db8::1/tcp/1",
	} {
		in = append(in, ma.StringCast(s))
	}
	if got := fmt.Sprint(worthKeeping(in, false)); got != "[/ip4/10.0.0.1/tcp/1 /dns/hub/tcp/1 /ip6/2001:db8::1/tcp/1]" {
		t.Errorf("kept %s", got)
	}
	if got := len(worthKeeping(in, true)); got != 5 {
		t.Errorf("with loopback %d are kept, want 5", got)
	}
	in = nil
	for i := range 20 {
		in = append(in, ma.StringCast(fmt.Sprintf("/ip4/10.0.0.%d/tcp/1", i+1)))
	}
	if got := len(worthKeeping(in, false)); got != 8 {
		t.Errorf("%d addresses of one peer are kept, want 8", got)
	}
}
