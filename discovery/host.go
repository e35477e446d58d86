package discovery

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/rs/zerolog"
)

// Bounds of the host. A federation has up to 255 members or so, and all of them may sit behind one address.
const (
	keepAlive         = 10 * time.Second
	connsLow          = 256 // the connection manager trims to this…
	connsHigh         = 384 // …above this
	connsPerAddress   = 512
	newConnsPerSecond = 32 // per address, in the long run
	newConnsBurst     = 512
	connsAtAll        = 1024 // each way
	handshakesAtAll   = 256  // each way
)

// HostConfig says what NewHost makes.
type HostConfig struct {
	Identity  crypto.PrivKey     // Ed25519, see NewIdentity
	PSK       []byte             // 32 bytes: the federation's private network key
	Listen    string             // "host:port", ":port" (on Bind) or a multiaddress; "" is 4100, else the next free port
	Bind      netip.Addr         // IPv4 address to listen on where Listen is "" or a port alone; the zero one is all addresses
	Loopback  bool               // listen on 127.0.0.1 only, for development
	Announce  []string           // host, host:port or multiaddresses told to others instead of one's own (containers, NAT)
	UserAgent string             // told to other members
	Barred    func(peer.ID) bool // refused at dial and after the handshake; nil bars nobody. Called from many goroutines
	Log       zerolog.Logger
}

// NewHost makes a listening host: TCP, Noise, yamux, private network; nothing else. A busy port given explicitly is a *ListenError that
// names it; addresses that cannot be read are an *AddressError. Closing the host is the caller's.
func NewHost(c HostConfig) (host.Host, error) {
	if len(c.PSK) != 32 {
		return nil, fmt.Errorf("the private network key has %d bytes instead of 32", len(c.PSK))
	}
	if c.Barred == nil {
		c.Barred = func(peer.ID) bool { return false }
	}
	listenOn, fixed, err := listenAddress(c.Listen, c.Bind, c.Loopback)
	if err != nil {
		return nil, err
	}
	announce, err := announceAddresses(c.Announce)
	if err != nil {
		return nil, err
	}
	options, err := hostOptions(c, announce)
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(options...)
	if err != nil {
		return nil, fmt.Errorf("making the libp2p host: %w", err)
	}
	if err := listen(h, listenOn, fixed); err != nil {
		_ = h.Close() // the reason why it is closed is worth more than how closing went
		return nil, err
	}
	c.Log.Debug().Str("peer", h.ID().String()).Int("port", Port(h)).Msg("host listens")
	return h, nil
}

func hostOptions(c HostConfig, announce []ma.Multiaddr) ([]libp2p.Option, error) {
	resources, err := resourceManager()
	if err != nil {
		return nil, fmt.Errorf("making the resource manager: %w", err)
	}
	conns, err := connmgr.NewConnManager(connsLow, connsHigh)
	if err != nil {
		return nil, fmt.Errorf("making the connection manager: %w", err)
	}
	mux := *yamux.DefaultTransport
	mux.KeepAliveInterval = keepAlive
	return []libp2p.Option{
		libp2p.Identity(c.Identity),
		libp2p.PrivateNetwork(c.PSK),
		libp2p.UserAgent(c.UserAgent),
		libp2p.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, &mux),
		libp2p.NoListenAddrs, // listening comes after, where its errors can be told apart
		libp2p.ResourceManager(resources),
		libp2p.ConnectionManager(conns),
		libp2p.ConnectionGater(gater{c.Barred}),
		libp2p.AddrsFactory(addressesTold(announce)),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
		libp2p.DisableIdentifyAddressDiscovery(), // what others believe our address to be is theirs to say, not ours to repeat
		libp2p.ForceReachabilityPublic(),         // ends libp2p's own attempts to find out
		libp2p.Ping(false),
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
	}, nil
}

// resourceManager is libp2p's default one with more room for connections: its 8 per IPv4 address, and 0.2 new ones a second with a
// burst of 16, would keep out all but a few of the components behind one address. Loopback is exempt from both as by default.
func resourceManager() (network.ResourceManager, error) {
	limits := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&limits)
	room := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{Conns: 2 * connsAtAll, ConnsInbound: connsAtAll, ConnsOutbound: connsAtAll, FD: 2 * connsAtAll},
		Transient: rcmgr.ResourceLimits{Conns: 2 * handshakesAtAll, ConnsInbound: handshakesAtAll, ConnsOutbound: handshakesAtAll,
			FD: 2 * handshakesAtAll},
	}
	perAddress := rate.Limit{RPS: newConnsPerSecond, Burst: newConnsBurst}
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(room.Build(limits.AutoScale())),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsPerAddress}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: connsPerAddress}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{
				{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
				{Prefix: netip.MustParsePrefix("::1/128")},
			},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: perAddress}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: perAddress}},
				GracePeriod:      time.Minute,
			},
		}),
	)
}

func announceAddresses(announce []string) ([]ma.Multiaddr, error) {
	var out []ma.Multiaddr
	for _, s := range announce {
		a, _, err := parseAddress(s)
		if err != nil {
			return nil, err
		}
		if portOf(a) == 0 {
			return nil, &AddressError{s, fmt.Errorf("port 0 cannot be dialled")}
		}
		out = append(out, a)
	}
	return out, nil
}

// addressesTold gives the addresses that other members are told: the announced ones if there are any, else the host's own without
// link-local ones, and without loopback unless there is nothing else.
func addressesTold(announce []ma.Multiaddr) func([]ma.Multiaddr) []ma.Multiaddr {
	return func(own []ma.Multiaddr) []ma.Multiaddr {
		if len(announce) > 0 {
			return announce
		}
		if others := ma.FilterAddrs(own, func(a ma.Multiaddr) bool {
			ip, err := manet.ToIP(a)
			return err == nil && reachable(ip, false)
		}); len(others) > 0 {
			return others
		}
		return own
	}
}
