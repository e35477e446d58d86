package discovery

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// cable carries TCP connections to an address until it is cut: then nothing comes through any more, not even an end.
type cable struct {
	t    *testing.T
	addr ma.Multiaddr
	to   string

	mu    sync.Mutex
	isCut bool
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, err := manet.FromNetAddr(l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{t: t, addr: addr, to: to}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.join(conn)
		}
	}()
	return c
}

func (c *cable) join(near net.Conn) {
	far, err := net.Dial("tcp4", c.to)
	if err != nil {
		_ = near.Close()
		return
	}
	c.t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	go c.carry(near, far)
	go c.carry(far, near)
}

func (c *cable) carry(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		cut := c.isCut
		c.mu.Unlock()
		if cut {
			_, _ = io.Copy(io.Discard, from)
			return
		}
		if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
			_ = to.Close()
			return
		}
	}
}

func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isCut = true
}

// newPatientHost is a host without keep-alive, so that nothing but a check ends a dead connection.
func newPatientHost(t *testing.T) host.Host {
	t.Helper()
	mux := *yamux.DefaultTransport
	mux.EnableKeepAlive = false
	h, err := libp2p.New(libp2p.Identity(newKey(t)), libp2p.PrivateNetwork(testPSK), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(noise.ID, noise.New), libp2p.Muxer(yamux.ID, &mux),
		libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func connect(t *testing.T, from, to host.Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := from.Connect(ctx, peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// TestANewConnectionShowsThatTheOldOneIsDead: a peer whose address changed comes back by itself, while we still hold the connection
// that we dialled to the old address.
func TestANewConnectionShowsThatTheOldOneIsDead(t *testing.T) {
	h, other := newPatientHost(t), newPatientHost(t)
	d := run(t, h, nil)
	wire := newCable(t, address(other))
	d.Add(peer.AddrInfo{ID: other.ID(), Addrs: []ma.Multiaddr{wire.addr}}, ViaKnown)
	eventually(t, "connected", has(d, other))
	old := h.Network().ConnsToPeer(other.ID())[0]
	wire.cut()
	if err := other.Network().ClosePeer(h.ID()); err != nil {
		t.Fatal(err)
	}
	connect(t, other, h)
	eventually(t, "only the new connection is left", func() bool {
		m := d.Members()
		return old.IsClosed() && len(m) == 1 && m[0].Via == ViaInbound && m[0].Addr != wire.addr.String()
	})
	eventually(t, "the round is over", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return len(d.checking) == 0 })
}

func TestACheckKeepsALivingConnection(t *testing.T) {
	h, other := newPatientHost(t), newPatientHost(t)
	d := run(t, h, nil)
	connect(t, other, h)
	eventually(t, "connected", has(d, other))
	conn := h.Network().ConnsToPeer(other.ID())[0]
	d.check(context.Background(), conn)
	if conn.IsClosed() {
		t.Error("it was closed")
	}
	other.RemoveStreamHandler(identify.ID)
	d.check(context.Background(), conn)
	if conn.IsClosed() {
		t.Error("it was closed because it does not speak identify, which is an answer too")
	}
}
