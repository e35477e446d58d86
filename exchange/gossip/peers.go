package gossip

import (
	"math/rand/v2"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	maxAddresses       = 8
	peerRecordsHeld    = 1024
	neighboursEnough   = 8 // with so many, nobody is asked for more
	neighboursAtRandom = 3 // that hear of something new
)

// peerRecords holds the newest signed peer record of each peer that identify or a sync brought. libp2p throws away those that identify
// brings, so they are kept here. Safe for concurrent use.
type peerRecords struct {
	self peer.ID
	mu   sync.Mutex
	held map[peer.ID]peerRecord
}

type peerRecord struct {
	sealed []byte
	seq    uint64
	info   peer.AddrInfo // what others could dial
}

func newPeerRecords(self peer.ID) *peerRecords {
	return &peerRecords{self: self, held: map[peer.ID]peerRecord{}}
}

// openPeerRecord verifies a signed peer record and filters its addresses.
func openPeerRecord(sealed []byte) (peerRecord, error) {
	if len(sealed) > maxPeerRec {
		return peerRecord{}, broken("a peer record of %d bytes", len(sealed))
	}
	var rec peer.PeerRecord
	envelope, err := record.ConsumeTypedEnvelope(sealed, &rec)
	if err != nil {
		return peerRecord{}, broken("a peer record that does not verify")
	}
	if !rec.PeerID.MatchesPublicKey(envelope.PublicKey) {
		return peerRecord{}, broken("a peer record that another peer signed")
	}
	return peerRecord{sealed, rec.Seq, peer.AddrInfo{ID: rec.PeerID, Addrs: dialable(rec.Addrs)}}, nil
}

// dialable gives the addresses that other members could dial: IP or host name with a TCP port, neither loopback, link-local,
// multicast nor unspecified; at most 8.
func dialable(addrs []ma.Multiaddr) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, a := range addrs {
		if len(out) < maxAddresses && isTCP(a) && !ma.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

func isTCP(a ma.Multiaddr) bool {
	if len(a) != 2 || a[1].Protocol().Code != ma.P_TCP || a[1].Value() == "0" {
		return false
	}
	switch a[0].Protocol().Code {
	case ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
		return true
	case ma.P_IP4, ma.P_IP6:
		ip, err := manet.ToIP(a)
		return err == nil && isUnicast(ip)
	}
	return false
}

func isUnicast(ip net.IP) bool {
	return !ip.IsLoopback() && !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLinkLocalUnicast() && !ip.IsInterfaceLocalMulticast()
}

// add holds a record if it is newer than the one held. At the bound the new one is not held.
func (r *peerRecords) add(rec peerRecord) {
	if rec.info.ID == r.self || len(rec.info.Addrs) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.held[rec.info.ID]
	if ok && old.seq >= rec.seq || !ok && len(r.held) >= peerRecordsHeld {
		return
	}
	r.held[rec.info.ID] = rec
}

func (r *peerRecords) remove(p peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, p)
}

// some gives a random choice of the records that may be handed on.
func (r *peerRecords) some(may func(peer.ID) bool) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out [][]byte
	for p, rec := range r.held {
		if may(p) {
			out = append(out, rec.sealed)
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(len(out), maxPeers)]
}
