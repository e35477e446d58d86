package discovery

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/rs/zerolog"
)

// defaultPoll is how often this machine's interfaces are looked at.
const defaultPoll = 2 * time.Second

// Config of finding members and keeping connected.
type Config struct {
	Host      host.Host
	MDNS      bool
	Service   string          // mDNS service name, such as "_name._udp"
	Bootstrap []string        // host, host:port or multiaddress, with or without /p2p/
	Known     []peer.AddrInfo // accepted peers' addresses from disk
	// Changed is called (not concurrently) when the set of connected members changes or a known address is learned. Optional.
	Changed func()
	// Poll is how often this machine's interfaces are looked at; 0 is 2 s.
	Poll time.Duration
	Log  zerolog.Logger
}

// Member is a connected peer.
type Member struct {
	Peer  peer.ID
	Addr  string     // the live connection's remote multiaddress
	Own   netip.Addr // this machine's address on that connection
	Local bool       // on this machine: the remote address is loopback or one of ours
	Via   string     // "mdns", "bootstrap", "known", "exchange", "inbound"
}

// Discovery runs until its context ends. Safe for concurrent use.
type Discovery struct {
	host   host.Host
	config Config
	events event.Subscription

	wake    chan struct{} // the dialling loop has something to look at
	changed chan struct{} // Changed is to be called
	tasks   sync.WaitGroup

	mu         sync.Mutex
	book       *book
	seeds      []*seed
	interfaces interfaces
	warnings   map[string]string
	checking   map[peer.ID]network.Conn // whose older connections are being checked: the newest connection then
}

// Start finds members and keeps connected to them until ctx ends; Wait returns then. It fails with an *AddressError on a bootstrap
// address that cannot be read; what fails later is in Warnings.
func Start(ctx context.Context, c Config) (*Discovery, error) {
	seeds, err := parseSeeds(c.Bootstrap)
	if err != nil {
		return nil, err
	}
	if c.Poll == 0 {
		c.Poll = defaultPoll
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	events, err := c.Host.EventBus().Subscribe(
		[]any{new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerConnectednessChanged)},
		eventbus.BufSize(256), eventbus.Name("fbpeer discovery"))
	if err != nil {
		return nil, fmt.Errorf("subscribing to the host's events: %w", err)
	}
	d := &Discovery{
		host: c.Host, config: c, events: events,
		wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		book: newBook(c.Host.ID()), seeds: seeds,
		interfaces: readInterfaces(), warnings: map[string]string{}, checking: map[peer.ID]network.Conn{},
	}
	now := time.Now()
	for _, info := range c.Known {
		d.book.add(info, ViaKnown, now, now)
	}
	for _, s := range seeds {
		if s.fixed != "" {
			d.book.add(peer.AddrInfo{ID: s.fixed, Addrs: []ma.Multiaddr{s.addr}}, ViaBootstrap, now, now)
		}
	}
	restart := make(chan struct{}, 1)
	d.tasks.Go(func() { d.follow(ctx) })
	d.tasks.Go(func() { d.keepDialling(ctx) })
	d.tasks.Go(func() { d.tell(ctx) })
	d.tasks.Go(func() {
		ticker := time.NewTicker(c.Poll)
		defer ticker.Stop()
		d.watchInterfaces(ctx, ticker.C, readInterfaces, restart)
	})
	if c.MDNS {
		d.tasks.Go(func() { d.runMDNS(ctx, restart) })
	}
	return d, nil
}

// Wait returns when the context has ended and all goroutines with it.
func (d *Discovery) Wait() { d.tasks.Wait() }

// follow turns the host's events into members. Connections made before Start are picked up first.
func (d *Discovery) follow(ctx context.Context) {
	defer d.events.Close()
	for _, p := range d.host.Network().Peers() {
		if protocols, err := d.host.Peerstore().GetProtocols(p); err == nil && len(protocols) > 0 {
			d.identified(p)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-d.events.Out():
			switch e := e.(type) {
			case event.EvtPeerIdentificationCompleted:
				d.identified(e.Peer)
				d.checkOlder(ctx, e.Conn)
			case event.EvtPeerConnectednessChanged:
				if e.Connectedness == network.NotConnected {
					d.gone(e.Peer)
				}
			}
		}
	}
}

// identified: the peer is really connected. The connection may have gone meanwhile; then its end has been told too, or will be.
func (d *Discovery) identified(p peer.ID) {
	if d.host.Network().Connectedness(p) != network.Connected {
		return
	}
	d.mu.Lock()
	d.book.up(p, time.Now())
	for _, s := range d.seeds {
		if s.belongs(p) {
			s.failures = 0
			delete(d.warnings, s.text)
		}
	}
	d.mu.Unlock()
	poke(d.changed) // also for a later identify: its addresses may be worth keeping
}

func (d *Discovery) gone(p peer.ID) {
	if d.host.Network().Connectedness(p) == network.Connected {
		return
	}
	addrs := d.host.Peerstore().Addrs(p)
	d.mu.Lock()
	d.book.down(p, addrs, time.Now(), rand.Float64())
	d.mu.Unlock()
	poke(d.changed)
	poke(d.wake)
}

// tell calls Changed, one call at a time.
func (d *Discovery) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.changed:
			d.config.Changed()
		}
	}
}

// poke leaves a token; one that is already there stands for this one too.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Members gives who is connected now, sorted by peer id.
func (d *Discovery) Members() []Member {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Member
	for p, t := range d.book.targets {
		if !t.connected {
			continue
		}
		conn := best(d.host.Network().ConnsToPeer(p))
		if conn == nil {
			continue
		}
		m := Member{Peer: p, Addr: conn.RemoteMultiaddr().String(), Via: t.via, Local: d.interfaces.isOurs(conn.RemoteMultiaddr())}
		if ip, err := manet.ToIP(conn.LocalMultiaddr()); err == nil {
			own, _ := netip.AddrFromSlice(ip)
			m.Own = own.Unmap()
		}
		if conn.Stat().Direction == network.DirInbound {
			m.Via = ViaInbound
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.Peer, b.Peer) })
	return out
}

// best prefers a connection that we dialled, whose remote port is one that the peer listens on; then the newest, since an older one may
// be dead without our having noticed yet.
func best(conns []network.Conn) network.Conn {
	var found network.Conn
	for _, c := range conns {
		switch {
		case c.IsClosed():
		case found == nil, found.Stat().Direction == network.DirInbound && c.Stat().Direction == network.DirOutbound:
			found = c
		case found.Stat().Direction == c.Stat().Direction && c.Stat().Opened.After(found.Stat().Opened):
			found = c
		}
	}
	return found
}

// Add gives addresses of a peer to keep connected to (dev's fleet, peer exchange, an approved peer's known ones). via is one of the
// Via constants; later addresses from the same source replace the earlier ones.
func (d *Discovery) Add(info peer.AddrInfo, via string) { d.add(info, via, time.Now()) }

func (d *Discovery) add(info peer.AddrInfo, via string, due time.Time) {
	d.mu.Lock()
	added := d.book.add(info, via, due, time.Now())
	d.mu.Unlock()
	if added {
		poke(d.wake)
		poke(d.changed)
	}
}

// Bar closes a barred peer's connections at once and forgets its addresses. The host's Barred function must say so already, else the
// peer may come back.
func (d *Discovery) Bar(p peer.ID) {
	d.mu.Lock()
	d.book.forget(p)
	d.mu.Unlock()
	if err := d.host.Network().ClosePeer(p); err != nil {
		d.config.Log.Debug().Str("peer", p.String()).Msg("closing a barred peer's connection failed")
	}
	forgetPeer(d.host, p)
	poke(d.changed)
}

// Known gives the addresses that are worth keeping on disk for these peers: where a connection was dialled to, where the peer says it
// listens, where it was to be found before. At most 8 each, the dialled one first, the others sorted; peers without any are left out.
func (d *Discovery) Known(peers []peer.ID) []peer.AddrInfo {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []peer.AddrInfo
	for _, p := range peers {
		var addrs []ma.Multiaddr
		loopback := false
		if conn := best(d.host.Network().ConnsToPeer(p)); conn != nil {
			loopback = d.interfaces.isOurs(conn.RemoteMultiaddr())
			if conn.Stat().Direction == network.DirOutbound {
				addrs = append(addrs, conn.RemoteMultiaddr())
			}
		}
		others := d.host.Peerstore().Addrs(p)
		if t, ok := d.book.targets[p]; ok {
			others = append(others, t.all()...)
			loopback = loopback || !t.connected
		}
		slices.SortFunc(others, ma.Multiaddr.Compare) // the peerstore's order is random, and what lies on disk should not be
		addrs = append(addrs, others...)
		if addrs = worthKeeping(addrs, loopback); len(addrs) > 0 {
			out = append(out, peer.AddrInfo{ID: p, Addrs: addrs})
		}
	}
	return out
}

// Warnings gives what a person can cure, one line each, sorted: mDNS could not start, a bootstrap address leads nowhere.
func (d *Discovery) Warnings() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Values(d.warnings))
}

// warn sets or (with "") clears the warning about one thing. It is logged when it is new.
func (d *Discovery) warn(about, text string) {
	d.mu.Lock()
	fresh := d.note(about, text)
	d.mu.Unlock()
	d.log(fresh)
}

// note is warn under the lock; fresh is what is to be logged after it.
func (d *Discovery) note(about, text string) (fresh string) {
	old := d.warnings[about]
	if text == "" {
		delete(d.warnings, about)
		return ""
	}
	d.warnings[about] = text
	if text == old {
		return ""
	}
	return text
}

func (d *Discovery) log(fresh string) {
	if fresh != "" {
		d.config.Log.Warn().Msg(fresh)
	}
}
