package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/rs/zerolog"
)

var testPSK = bytes.Repeat([]byte{7}, 32)

func newKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	key, data, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseIdentity(data)
	if err != nil || !again.Equals(key) {
		t.Fatalf("an identity does not come back from its bytes: %v", err)
	}
	return key
}

// newHost makes a host on loopback, closed at the end of the test.
func newHost(t *testing.T, change func(*HostConfig)) host.Host {
	t.Helper()
	c := HostConfig{Identity: newKey(t), PSK: testPSK, Listen: ":0", Loopback: true, UserAgent: "fbpeer/test", Log: zerolog.Nop()}
	if change != nil {
		change(&c)
	}
	h, err := NewHost(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// run starts discovery; it ends before the host is closed.
func run(t *testing.T, h host.Host, change func(*Config)) *Discovery {
	t.Helper()
	c := Config{Host: h, Log: zerolog.Nop(), Poll: 100 * time.Millisecond}
	if change != nil {
		change(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d, err := Start(ctx, c)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); d.Wait() })
	return d
}

// eventually waits for a condition, asked often, within a generous deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func address(h host.Host) string { return fmt.Sprintf("127.0.0.1:%d", Port(h)) }

func has(d *Discovery, h host.Host) func() bool {
	return func() bool {
		return slices.ContainsFunc(d.Members(), func(m Member) bool { return m.Peer == h.ID() })
	}
}

func alone(d *Discovery) func() bool { return func() bool { return len(d.Members()) == 0 } }

func TestHostIsOnlyWhatItShouldBe(t *testing.T) {
	a, b := newHost(t, nil), newHost(t, nil)
	run(t, a, func(c *Config) { c.Bootstrap = []string{address(b)} })
	d := run(t, b, nil)
	eventually(t, "connected", has(d, a))
	conn := b.Network().ConnsToPeer(a.ID())[0]
	if s := conn.ConnState(); s.Security != "/noise" || s.StreamMultiplexer != "/yamux/1.0.0" || s.Transport != "tcp" {
		t.Errorf("connection uses %+v", s)
	}
	for _, p := range a.Mux().Protocols() {
		if !strings.HasPrefix(string(p), "/ipfs/id/") {
			t.Errorf("the host answers to %s", p)
		}
	}
	if agent, err := b.Peerstore().Get(a.ID(), "AgentVersion"); err != nil || agent != "fbpeer/test" {
		t.Errorf("user agent is %v, %v", agent, err)
	}
	for _, l := range a.Network().ListenAddresses() {
		if l.String() != fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", Port(a)) {
			t.Errorf("listens on %s", l)
		}
	}
}

func TestListen(t *testing.T) {
	first := newHost(t, func(c *HostConfig) { c.Listen = "" })
	second := newHost(t, func(c *HostConfig) { c.Listen = "" })
	if p, q := Port(first), Port(second); p < DefaultPort || q <= p || q >= DefaultPort+portsTried {
		t.Errorf("ports %d and %d, want the first free ones from %d on", p, q, DefaultPort)
	}
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	// Another program's, and another host's: with port sharing the second would bind without an error.
	for _, port := range []int{taken.Addr().(*net.TCPAddr).Port, Port(first)} {
		_, err = NewHost(HostConfig{Identity: newKey(t), PSK: testPSK, Loopback: true, Listen: fmt.Sprintf(":%d", port)})
		var busy *ListenError
		if !errors.As(err, &busy) || !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), fmt.Sprint(port)) {
			t.Errorf("the busy port %d gives %v", port, err)
		}
	}
	for _, s := range []string{"hub.example:4100", "nonsense address", "/ip4/127.0.0.1/udp/1", "10.9.9.9:4100"} {
		var bad *AddressError
		if _, err := NewHost(HostConfig{Identity: newKey(t), PSK: testPSK, Loopback: true, Listen: s}); !errors.As(err, &bad) || bad.Address != s {
			t.Errorf("listening on %q gives %v", s, err)
		}
	}
}

func TestAnnounce(t *testing.T) {
	h := newHost(t, func(c *HostConfig) { c.Announce = []string{"hub.example:4444", "/ip4/192.0.2.7/tcp/4100"} })
	if got := fmt.Sprint(h.Addrs()); got != "[/ip4/192.0.2.7/tcp/4100 /dns/hub.example/tcp/4444]" {
		t.Errorf("others are told %s", got)
	}
}

func TestBootstrapWithoutPeerID(t *testing.T) {
	hub := newHost(t, nil)
	atHub := run(t, hub, nil)
	var changed atomic.Int32
	h := newHost(t, nil)
	d := run(t, h, func(c *Config) {
		c.Bootstrap = []string{address(hub)}
		c.Changed = func() { changed.Add(1) }
	})
	eventually(t, "the hub is found by its address alone", has(d, hub))
	eventually(t, "the hub sees us", has(atHub, h))
	if m := d.Members()[0]; m.Via != ViaBootstrap || !m.Local || m.Addr != fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", Port(hub)) {
		t.Errorf("the hub is %+v", m)
	}
	if m := atHub.Members()[0]; m.Via != ViaInbound || !m.Local {
		t.Errorf("the hub sees us as %+v", m)
	}
	eventually(t, "Changed is called", func() bool { return changed.Load() > 0 })
	known := d.Known([]peer.ID{hub.ID(), newID(t)})
	if len(known) != 1 || known[0].ID != hub.ID() || len(known[0].Addrs) == 0 || known[0].Addrs[0].String() != d.Members()[0].Addr {
		t.Errorf("worth keeping: %v", known)
	}
	if w := d.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

func TestBootstrapWarnings(t *testing.T) {
	t.Parallel() // a handshake's deadline is 5 s
	stranger := newHost(t, func(c *HostConfig) { c.PSK = bytes.Repeat([]byte{8}, 32) })
	member := newHost(t, nil)
	silent, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := silent.Addr().String()
	silent.Close()
	mute, err := net.Listen("tcp4", "127.0.0.1:0") // takes connections, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	h := newHost(t, nil)
	d := run(t, h, func(c *Config) {
		c.Bootstrap = []string{
			address(stranger), nobody, mute.Addr().String(),
			fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", Port(member), newID(t)),
			address(h), // a federation file that names ourselves too
		}
	})
	eventually(t, "four warnings", func() bool { return len(d.Warnings()) == 4 })
	all := strings.Join(d.Warnings(), "\n")
	for _, want := range []string{
		address(stranger) + " cannot be reached: what answers there is no member of this federation",
		mute.Addr().String() + " cannot be reached: what answers there is no member of this federation",
		nobody + " cannot be reached: nothing listens there",
		"another peer answers there, " + member.ID().String(),
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning says %q; they are:\n%s", want, all)
		}
	}
	if len(d.Members()) != 0 {
		t.Errorf("members %v", d.Members())
	}
}

func TestRedialAfterRestart(t *testing.T) {
	key := newKey(t)
	hub := newHost(t, func(c *HostConfig) { c.Identity = key })
	port := Port(hub)
	h := newHost(t, nil)
	d := run(t, h, func(c *Config) { c.Bootstrap = []string{address(hub)} })
	eventually(t, "connected", has(d, hub))
	if err := hub.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end is noticed", alone(d))
	listen := func(c *HostConfig) { c.Identity, c.Listen = key, fmt.Sprintf(":%d", port) }
	hub = newHost(t, listen)
	eventually(t, "connected again", has(d, hub))
	if err := hub.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end is noticed again", alone(d))
	key = newKey(t)
	hub = newHost(t, listen)
	eventually(t, "found again with a new identity", has(d, hub))
}

// A bootstrap address that leads to a peer with whom a connection stands is reached, whoever dialled.
func TestBootstrapThatComesByItself(t *testing.T) {
	t.Parallel() // back-off, until it is worth a warning
	for _, elsewhere := range []bool{false, true} {
		t.Run(fmt.Sprintf("at another port %t", elsewhere), func(t *testing.T) {
			key := newKey(t)
			hub := newHost(t, func(c *HostConfig) { c.Identity = key })
			port := Port(hub)
			h := newHost(t, nil)
			d := run(t, h, func(c *Config) { c.Bootstrap = []string{address(hub)} })
			eventually(t, "connected", has(d, hub))
			if err := hub.Close(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the warning", func() bool { return strings.Contains(strings.Join(d.Warnings(), ""), "nothing listens there") })
			hub = newHost(t, func(c *HostConfig) {
				if c.Identity = key; !elsewhere {
					c.Listen = fmt.Sprintf(":%d", port)
				}
			})
			run(t, hub, func(c *Config) { c.Bootstrap = []string{address(h)} })
			eventually(t, "connected again", has(d, hub))
			eventually(t, "no warning is left", func() bool { return len(d.Warnings()) == 0 })
		})
	}
}

// Of an address that was asked in vain for long, and answers now, nobody knows yet whether it keeps connections.
func TestBootstrapCounts(t *testing.T) {
	p := newID(t)
	s := &seed{text: "hub"}
	for range 2 * warnRefusedAfter {
		s.count(answer{err: errors.New("refused")})
	}
	if got := s.trouble(answer{err: errors.New("refused")}); !strings.Contains(got, "cannot be reached") {
		t.Errorf("in vain: %q", got)
	}
	there := answer{peers: map[peer.ID][]ma.Multiaddr{p: nil}}
	s.learned = []peer.ID{p}
	for i := range warnRefusedAfter {
		s.count(there)
		if got := s.trouble(there); (got == "") != (i < warnRefusedAfter-1) {
			t.Errorf("answered %d times: %q", i+1, got)
		}
	}
}

func TestBarred(t *testing.T) {
	t.Parallel() // back-off, until it is worth a warning
	var bars atomic.Bool
	var other peer.ID
	keeper := newHost(t, func(c *HostConfig) {
		c.Barred = func(p peer.ID) bool { return bars.Load() && p == other }
	})
	h := newHost(t, nil)
	other = h.ID()
	atKeeper := run(t, keeper, nil)
	d := run(t, h, func(c *Config) { c.Bootstrap = []string{address(keeper)} })
	eventually(t, "connected", has(atKeeper, h))
	eventually(t, "connected", has(d, keeper))

	bars.Store(true)
	atKeeper.Bar(h.ID())
	eventually(t, "closed at once", alone(atKeeper))
	eventually(t, "and noticed", alone(d))
	// The refused one dials again and again, each time gets a connection, and never says connected.
	eventually(t, "a warning", func() bool { return len(d.Warnings()) == 1 })
	if w := d.Warnings()[0]; !strings.Contains(w, "may be denied or revoked there") {
		t.Errorf("warning %q", w)
	}
	atKeeper.Add(peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}, ViaKnown)
	eventually(t, "the barred one is not dialled but forgotten", func() bool { return len(atKeeper.Known([]peer.ID{h.ID()})) == 0 })
	if len(d.Members())+len(atKeeper.Members()) != 0 {
		t.Error("a barred peer is connected")
	}
	bars.Store(false)
	eventually(t, "let in again", has(atKeeper, h))
}

// TestInterfaceChangeEndsTheBackOff: who was given up for a while is dialled at once when the network is another one.
func TestInterfaceChangeEndsTheBackOff(t *testing.T) {
	h, other := newHost(t, nil), newHost(t, nil)
	d := run(t, h, func(c *Config) { c.Poll = time.Hour })
	later := time.Now().Add(time.Hour)
	d.add(peer.AddrInfo{ID: other.ID(), Addrs: other.Addrs()}, ViaKnown, later)

	ctx, cancel := context.WithCancel(context.Background())
	ticks, restart, done := make(chan time.Time), make(chan struct{}, 1), make(chan struct{})
	pictures := []interfaces{d.interfaces, d.interfaces, {state: "another"}}
	go func() {
		defer close(done)
		d.watchInterfaces(ctx, ticks, func() interfaces { p := pictures[0]; pictures = pictures[1:]; return p }, restart)
	}()
	t.Cleanup(func() { cancel(); <-done })
	ticks <- time.Now()
	ticks <- time.Now()
	if len(restart) != 0 || len(d.Members()) != 0 {
		t.Error("something was done although nothing changed")
	}
	ticks <- time.Now()
	eventually(t, "dialled at once", has(d, other))
	eventually(t, "mDNS starts again", func() bool { return len(restart) == 1 })
}

func TestStartRefusesBadBootstrap(t *testing.T) {
	var bad *AddressError
	_, err := Start(context.Background(), Config{Host: newHost(t, nil), Bootstrap: []string{"hub.example", "hub:port"}})
	if !errors.As(err, &bad) || bad.Address != "hub:port" {
		t.Errorf("got %v", err)
	}
}

func TestParseIdentityRefuses(t *testing.T) {
	rsa, _, err := crypto.GenerateKeyPair(crypto.RSA, 2048)
	if err != nil {
		t.Fatal(err)
	}
	data, err := crypto.MarshalPrivateKey(rsa)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseIdentity(data); !errors.Is(err, ErrNotEd25519) {
		t.Errorf("an RSA identity gives %v", err)
	}
	if _, err := ParseIdentity([]byte("garbage")); err == nil {
		t.Error("garbage is an identity")
	}
}

// TestGaterAtEachStage: each stage refuses by itself, since a peer may be barred between any two.
func TestGaterAtEachStage(t *testing.T) {
	a, b := newHost(t, nil), newHost(t, nil)
	run(t, a, func(c *Config) { c.Bootstrap = []string{address(b)} })
	eventually(t, "connected", func() bool { return len(b.Network().ConnsToPeer(a.ID())) > 0 })
	conn := b.Network().ConnsToPeer(a.ID())[0]
	for _, barred := range []bool{false, true} {
		g := gater{func(p peer.ID) bool { return barred && p == a.ID() }}
		upgraded, _ := g.InterceptUpgraded(conn)
		for stage, got := range map[string]bool{
			"dial": g.InterceptPeerDial(a.ID()), "handshake": g.InterceptSecured(0, a.ID(), nil), "upgrade": upgraded,
		} {
			if got == barred {
				t.Errorf("%s of a peer that is barred=%v: let through=%v", stage, barred, got)
			}
		}
		if !g.InterceptPeerDial(b.ID()) || !g.InterceptAccept(nil) || !g.InterceptAddrDial(a.ID(), nil) {
			t.Error("somebody else is refused, or somebody yet unknown")
		}
	}
}
