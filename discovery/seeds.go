package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
)

// seed is a bootstrap address. Its peers' ids are known from /p2p/ or learned.
type seed struct {
	text     string // as written
	addr     ma.Multiaddr
	fixed    peer.ID   // from /p2p/; "": learned
	learned  []peer.ID // who answered there last
	met      bool      // somebody answered there when it was asked last
	failures int       // of one kind, in a row
	due      time.Time
	asking   bool
}

func parseSeeds(bootstrap []string) ([]*seed, error) {
	var out []*seed
	for _, s := range bootstrap {
		addr, id, err := parseAddress(s)
		if err != nil {
			return nil, err
		}
		if portOf(addr) == 0 {
			return nil, &AddressError{s, errors.New("port 0 cannot be dialled")}
		}
		out = append(out, &seed{text: s, addr: addr, fixed: id})
	}
	return out, nil
}

// belongs says whether p is whom the seed leads to.
func (s *seed) belongs(p peer.ID) bool { return s.fixed == p || slices.Contains(s.learned, p) }

// answer is who is behind an address.
type answer struct {
	peers map[peer.ID][]ma.Multiaddr
	self  bool  // this host itself
	err   error // why nobody is, if so
}

// ask learns who is behind an address: a dial that expects a peer id nobody has fails after the other has proved its own. A name may
// lead to several addresses, and so to several peers.
func ask(ctx context.Context, h host.Host, addr ma.Multiaddr) answer {
	nobody, err := throwawayID()
	if err != nil {
		return answer{err: err}
	}
	defer forgetPeer(h, nobody)
	err = h.Connect(ctx, peer.AddrInfo{ID: nobody, Addrs: []ma.Multiaddr{addr}})
	found := answer{peers: map[peer.ID][]ma.Multiaddr{}, err: err}
	var failed *swarm.DialError
	if !errors.As(err, &failed) {
		return found
	}
	for _, f := range failed.DialErrors {
		var other sec.ErrPeerIDMismatch
		switch {
		case errors.Is(f.Cause, swarm.ErrDialToSelf):
			found.self = true
		case !errors.As(f.Cause, &other):
		case other.Actual == h.ID():
			found.self = true
		default:
			found.peers[other.Actual] = append(found.peers[other.Actual], addr)
		}
	}
	return found
}

func throwawayID() (peer.ID, error) {
	key, _, err := NewIdentity()
	if err != nil {
		return "", err
	}
	return peer.IDFromPrivateKey(key)
}

// forgetPeer drops what libp2p holds about a peer: its addresses, keys and dial back-off.
func forgetPeer(h host.Host, p peer.ID) {
	clearBackoff(h, p)
	h.Peerstore().ClearAddrs(p)
	h.Peerstore().RemovePeer(p)
}

func clearBackoff(h host.Host, p peer.ID) {
	if s, ok := h.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(p)
	}
}

// why says in fixed words why a dial failed: what the other side sent is in the error's own text, and has no place in a terminal.
func why(err error) string {
	var other sec.ErrPeerIDMismatch
	switch {
	case errors.As(err, &other):
		return fmt.Sprintf("another peer answers there, %s", other.Actual)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused): is the agent there running, and is this its port?"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "this machine has no route to it"
	case errors.Is(err, swarm.ErrNoGoodAddresses), errors.Is(err, swarm.ErrNoAddresses):
		return "its name has no address"
	case errors.Is(err, swarm.ErrGaterDisallowedConnection):
		return "that peer is denied or revoked here"
	case !answered(err):
		return "no answer: does a firewall let this port through?"
	}
	return "what answers there is no member of this federation (another federation file, or another service)"
}

// answered says whether the other side at least took the TCP connection: a failure that is neither a timeout, nor one of dialling
// itself. With another network key a handshake may end in an error or in silence, by chance.
func answered(err error) bool {
	var failed *swarm.DialError
	var timeout net.Error
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return false
	}
	late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
	return !late || errors.As(err, &failed) && len(failed.DialErrors) > 0
}
