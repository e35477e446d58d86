package gossip

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"fbpeer/exchange"
)

const unfinishedMost = 8 // exchanges in a row that bring nothing new

// neighbours is what is remembered of each connected member that speaks the sync protocol. Safe for concurrent use.
type neighbours struct {
	mu    sync.Mutex
	peers map[peer.ID]*neighbour
	asked map[exchange.Entry]asking // records that a running exchange asked for: nobody else is asked in the first second
}

type neighbour struct {
	// What came from it, or was withheld, on this connection, and when it may be asked for again if the table does not hold it: the
	// loop may have had no room. Zero is never.
	fetched map[exchange.Entry]time.Time
	waits   time.Time // when something that waits for room may be asked for; zero: nothing waits
	running bool      // an exchange that we started
	again   bool      // another one was asked for meanwhile
	// The digests at the end of the last exchange that left nothing to ask for, and when that was.
	ours, theirs [32]byte
	settled      time.Time
}

func newNeighbours() *neighbours {
	return &neighbours{peers: map[peer.ID]*neighbour{}, asked: map[exchange.Entry]asking{}}
}

// add says whether p is new.
func (n *neighbours) add(p peer.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.peers[p]; ok {
		return false
	}
	n.peers[p] = &neighbour{fetched: map[exchange.Entry]time.Time{}}
	return true
}

func (n *neighbours) remove(p peer.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.peers, p)
}

// anew forgets what came from whom, as if all had just been connected.
func (n *neighbours) anew() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, nb := range n.peers {
		clear(nb.fetched)
		nb.waits, nb.settled = time.Time{}, time.Time{}
	}
}

func (n *neighbours) has(p peer.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, ok := n.peers[p]
	return ok
}

// some gives up to k random neighbours.
func (n *neighbours) some(k int) []peer.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []peer.ID
	for p := range n.peers {
		out = append(out, p)
	}
	slices.Sort(out)
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(len(out), k)]
}

// open gives a random neighbour, if there is one, with whom no exchange that we started runs and who may have what we lack: with our
// digest its table is not settled.
func (n *neighbours) open(ours [32]byte, room func(peer.ID) int, now time.Time, lasts time.Duration) (peer.ID, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []peer.ID
	for p, nb := range n.peers {
		if !nb.running && !nb.isSettled(ours, room(p), now, lasts) {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return "", false
	}
	return out[rand.IntN(len(out))], true
}

func (n *neighbours) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.peers)
}

// begin says whether an exchange with p may start now; one that runs is followed by another.
func (n *neighbours) begin(p peer.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	nb, ok := n.peers[p]
	if !ok {
		return false
	}
	if nb.running {
		nb.again = true
		return false
	}
	nb.running = true
	return true
}

// end says whether another exchange was asked for meanwhile.
func (n *neighbours) end(p peer.ID) (again bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	nb, ok := n.peers[p]
	if !ok {
		return false
	}
	again = nb.again
	nb.running, nb.again = false, false
	return again
}

// settle notes that the tables with these digests leave nothing to ask for either way.
func (n *neighbours) settle(p peer.ID, ours, theirs [32]byte, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if nb, ok := n.peers[p]; ok {
		nb.ours, nb.theirs, nb.settled = ours, theirs, now
	}
}

// settledFor gives p's digest if with ours nothing was left to ask for, not too long ago, and what waits for room has none.
func (n *neighbours) settledFor(p peer.ID, ours [32]byte, room int, now time.Time, lasts time.Duration) *[32]byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	nb, ok := n.peers[p]
	if !ok || !nb.isSettled(ours, room, now, lasts) {
		return nil
	}
	theirs := nb.theirs
	return &theirs
}

func (nb *neighbour) isSettled(ours [32]byte, room int, now time.Time, lasts time.Duration) bool {
	roomy := room > 0 && !nb.waits.IsZero() && !now.Before(nb.waits)
	return !nb.settled.IsZero() && nb.ours == ours && now.Sub(nb.settled) <= lasts && !roomy
}

func (x *Exchange) subscribe() (event.Subscription, error) {
	return x.c.Host.EventBus().Subscribe(
		[]any{new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerConnectednessChanged)},
		eventbus.BufSize(256), eventbus.Name("fbpeer gossip"))
}

// follow keeps the neighbours, those connected before Start too.
func (x *Exchange) follow(ctx context.Context, events event.Subscription) {
	defer events.Close()
	for _, p := range x.c.Host.Network().Peers() {
		x.met(ctx, p)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events.Out():
			switch e := e.(type) {
			case event.EvtPeerIdentificationCompleted:
				x.keepRecord(e)
				x.met(ctx, e.Peer)
			case event.EvtPeerConnectednessChanged:
				if e.Connectedness == network.NotConnected && x.c.Host.Network().Connectedness(e.Peer) != network.Connected {
					x.left(e.Peer)
				}
			}
		}
	}
}

// met makes an identified peer a neighbour if it speaks the protocol, and syncs: the side that dialled at once, the other a little
// later, when there is usually nothing left to say.
func (x *Exchange) met(ctx context.Context, p peer.ID) {
	speaks, err := x.c.Host.Peerstore().SupportsProtocols(p, SyncProtocol)
	if err != nil || len(speaks) == 0 || x.c.Barred(p) || x.c.Host.Network().Connectedness(p) != network.Connected || !x.neighbours.add(p) {
		return
	}
	var wait time.Duration
	if !x.dialled(p) {
		wait = x.timing.listener + rand.N(x.timing.listenerBy)
	}
	x.spawn(func() {
		if sleep(ctx, wait) {
			x.sync(ctx, p, true)
		}
	})
}

func (x *Exchange) dialled(p peer.ID) bool {
	return slices.ContainsFunc(x.c.Host.Network().ConnsToPeer(p), func(c network.Conn) bool {
		return c.Stat().Direction == network.DirOutbound
	})
}

func (x *Exchange) left(p peer.ID) {
	x.neighbours.remove(p)
	x.tally.gone(p)
	if !x.c.Trusted(p) {
		x.peers.remove(p)
	}
}

// keepRecord holds the signed peer record that identify brought.
func (x *Exchange) keepRecord(e event.EvtPeerIdentificationCompleted) {
	defer x.tally.recovered("keeping a peer record", func() {})
	if e.SignedPeerRecord == nil || x.c.Barred(e.Peer) {
		return
	}
	sealed, err := e.SignedPeerRecord.Marshal()
	if err != nil {
		return
	}
	if rec, err := openPeerRecord(sealed); err == nil && rec.info.ID == e.Peer {
		x.peers.add(rec)
	}
}

// syncSteadily repairs what everything else missed.
func (x *Exchange) syncSteadily(ctx context.Context) {
	for sleep(ctx, x.c.SyncEvery*9/10+rand.N(x.c.SyncEvery/5)) {
		for _, p := range x.neighbours.some(1) {
			x.spawn(func() { x.sync(ctx, p, x.lonely()) })
		}
	}
}

// lonely says whether there are members in the table that more links could lead to.
func (x *Exchange) lonely() bool {
	if x.neighbours.count() >= neighboursEnough {
		return false
	}
	return slices.ContainsFunc(x.c.Table.Entries(x.c.Now()), func(e exchange.Entry) bool {
		return e.Peer != x.c.Host.ID() && !x.neighbours.has(e.Peer) && !x.c.Barred(e.Peer)
	})
}

// syncStored passes on what was stored: many in a short time at once.
func (x *Exchange) syncStored(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.stored:
		}
		if !sleep(ctx, x.timing.stored+rand.N(x.timing.storedBy)) {
			return
		}
		select {
		case <-x.stored: // came while we waited, and is passed on with the rest
		default:
		}
		for _, p := range x.neighbours.some(neighboursAtRandom) {
			x.spawn(func() { x.sync(ctx, p, false) })
		}
	}
}

// syncUnfinished asks another neighbour for what one had and we still lack: that one may not answer, or the loop may not have taken it
// from that one, whose share was used up. It gives up after some tries, until something is stored.
func (x *Exchange) syncUnfinished(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.unfinished:
		}
		if !sleep(ctx, x.timing.unfinished+rand.N(x.timing.unfinished)) {
			return
		}
		select {
		case <-x.unfinished: // came while we waited
		default:
		}
		now := x.c.Now()
		ours := exchange.Digest(x.c.Table.Entries(now))
		if p, ok := x.neighbours.open(ours, x.c.Table.Room, now, x.timing.settled); ok && x.tries.Add(1) <= unfinishedMost {
			x.spawn(func() { x.sync(ctx, p, false) })
		}
	}
}

// sleep says whether the context lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
