// Package discovery makes the agent's libp2p host, finds the other members of a federation and keeps connected to them. It knows no
// announcements and no trust: who is refused comes in as a function, what is learned goes out through Members, Known and Changed.
//
// # Host
//
// TCP without port sharing (with it two hosts bind one port without an error), Noise, yamux, and the federation's private network
// key: whoever lacks the key does not get as far as a handshake. There is no QUIC, relay, NAT port mapping, hole punching, DHT or
// public bootstrap: nothing is sent to anybody outside of the federation. The resource manager's bounds of connections and of new
// connections per address are raised, because several components sit behind one hospital address. Barred peers are refused when
// dialling and after the handshake; the one who is refused sees a connection that closes at once, so "connected" is said here only
// after identify has succeeded.
//
// Keep-alives go out every 10 s, so a dead connection is noticed within 20 s. When a local interface changes, connections are
// checked at once, and so are a peer's older connections when it makes a new one: its address may have changed. A connection on which
// nothing comes within 5 s is closed.
//
// # Finding members
//
//   - mDNS, in libp2p's format (github.com/libp2p/specs, discovery/mdns.md) under the federation's own service name. The lower peer
//     id dials at once and the higher after 2 s, so that both do not dial at the same time. The service is started again when local
//     interfaces change, and again with a back-off when it cannot start; that is a warning with its cure, not a failure.
//   - Bootstrap addresses: "host", "host:port" (port 4100 if it is left out) or a multiaddress. Without /p2p/ the peer id is learned
//     from a first handshake that expects an id nobody has. That proves nothing about trust. An address is reached as long as somebody
//     whom it led to last is connected, whoever dialled; until then it is asked again.
//   - Known addresses of accepted peers, kept on disk by the caller.
//   - Peer exchange, through Add with via "exchange": dialled only while fewer than 8 members are connected, no address more than
//     once in 30 s.
//
// # Keeping connected
//
// Neither libp2p's host nor GossipSub dials an ordinary peer again after a cut, and mDNS reports an entry once in 3,200 s. So every
// peer that was ever found is dialled again with an exponential, jittered back-off between 0.5 s and 30 s. The back-off, and libp2p's
// own, start again when a local interface changes. Peers found by mDNS, peer exchange or an inbound connection are forgotten after an hour
// without a connection; bootstrap and known ones never are. At most 4 dials run at once.
//
// # Errors and warnings
//
// NewHost returns a *ListenError or an *AddressError. What goes wrong later and a person can cure is in Warnings. Everything ends
// with the context given to Start; closing the host is the caller's.
package discovery
