package discovery

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Where a peer's address came from; Member.Via and the argument of Add.
const (
	ViaMDNS      = "mdns"
	ViaBootstrap = "bootstrap"
	ViaKnown     = "known"
	ViaExchange  = "exchange"
	ViaInbound   = "inbound"
)

const (
	maxTargets      = 2048 // peers held; mDNS and peer exchange cannot make it more
	dialsAtOnce     = 4
	meshLinks       = 8                // with so many members connected, nobody learned by exchange is dialled
	addressSpacing  = 30 * time.Second // between two dials of one address learned by exchange
	forgetAfter     = time.Hour        // without a connection, unless bootstrap or known
	steadyAfter     = 5 * time.Second  // a connection that ends sooner counts as a failed dial
	higherIDWaits   = 2 * time.Second  // the one with the higher peer id, for the lower one's dial after mDNS
	maxGatedAddress = 4096             // addresses whose last dial is remembered
)

// target is a peer to keep connected to.
type target struct {
	addrs     map[string][]ma.Multiaddr // by source, newest report only
	via       string                    // the first source
	failures  int                       // dials in a row that led to no steady connection
	due       time.Time                 // of the next dial
	dialing   bool
	connected bool
	since     time.Time // last added, connected or disconnected
}

// book is what is known of peers to dial and when each is due. It does no I/O and reads no clock. Not safe for concurrent use.
type book struct {
	self    peer.ID
	targets map[peer.ID]*target
	dialled map[string]time.Time // by address, of peers learned by exchange
}

func newBook(self peer.ID) *book {
	return &book{self: self, targets: map[peer.ID]*target{}, dialled: map[string]time.Time{}}
}

// dial is one that is due.
type dial struct {
	info peer.AddrInfo
	via  string
}

// add notes addresses of a peer; they replace those that the same source gave before. It says whether anything is new.
func (b *book) add(info peer.AddrInfo, via string, due, now time.Time) bool {
	addrs := worthKeeping(info.Addrs, true)
	if info.ID == b.self || info.ID.Validate() != nil || len(addrs) == 0 {
		return false
	}
	t, ok := b.targets[info.ID]
	if !ok {
		if len(b.targets) >= maxTargets {
			b.prune(now)
		}
		if len(b.targets) >= maxTargets && !(lasting(via) && b.makeRoom()) {
			return false
		}
		t = &target{addrs: map[string][]ma.Multiaddr{}, via: via, due: due}
		b.targets[info.ID] = t
	}
	t.since = now
	if sameAddresses(t.addrs[via], addrs) {
		return !ok
	}
	t.addrs[via] = addrs
	if !t.dialing && !t.connected { // a new address deserves a try before the old ones' back-off ends
		t.failures = 0
		t.due = earlier(t.due, due)
	}
	return true
}

func sameAddresses(a, b []ma.Multiaddr) bool {
	return slices.EqualFunc(a, b, ma.Multiaddr.Equal)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// lasting says whether a source was chosen by this machine's operator.
func lasting(via string) bool { return via == ViaBootstrap || via == ViaKnown }

func (t *target) lasting() bool { return len(t.addrs[ViaBootstrap]) > 0 || len(t.addrs[ViaKnown]) > 0 }

// keep says whether a target must not be forgotten now.
func (t *target) keep() bool { return t.connected || t.dialing || t.lasting() }

// makeRoom forgets one target that may be.
func (b *book) makeRoom() bool {
	for p, t := range b.targets {
		if !t.keep() {
			delete(b.targets, p)
			return true
		}
	}
	return false
}

// exchangeOnly says whether other members are the only ones who say where the peer is.
func (t *target) exchangeOnly() bool { return len(t.addrs) == 1 && len(t.addrs[ViaExchange]) > 0 }

// all gives the addresses of all sources, at most 3 × 8.
func (t *target) all() []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, via := range []string{ViaMDNS, ViaBootstrap, ViaKnown, ViaInbound, ViaExchange} {
		for _, a := range t.addrs[via] {
			if !ma.Contains(out, a) && len(out) < 3*maxAddresses {
				out = append(out, a)
			}
		}
	}
	return out
}

// prune forgets who was not seen for an hour.
func (b *book) prune(now time.Time) {
	for p, t := range b.targets {
		if !t.keep() && now.Sub(t.since) > forgetAfter {
			delete(b.targets, p)
		}
	}
	for a, at := range b.dialled {
		if now.Sub(at) > addressSpacing {
			delete(b.dialled, a)
		}
	}
}

// links counts connected members, and dialing those being dialled.
func (b *book) links() (connected, dialing int) {
	for _, t := range b.targets {
		if t.connected {
			connected++
		}
		if t.dialing {
			dialing++
		}
	}
	return connected, dialing
}

// take gives up to slots dials that are due, the longest overdue first, and marks them as running. next is when the next one is due
// (zero if none is to be expected without news).
func (b *book) take(now time.Time, slots int) (dials []dial, next time.Time) {
	b.prune(now)
	connected, dialing := b.links()
	for _, p := range b.waiting() {
		t := b.targets[p]
		if t.exchangeOnly() && connected+dialing >= meshLinks {
			continue
		}
		if t.due.After(now) {
			next = soonest(next, t.due)
			continue
		}
		if len(dials) == slots {
			continue // a running dial's end asks again
		}
		addrs, wait := b.allowed(t, now)
		if len(addrs) == 0 {
			t.due = wait
			next = soonest(next, wait)
			continue
		}
		t.dialing = true
		dialing++
		dials = append(dials, dial{peer.AddrInfo{ID: p, Addrs: addrs}, t.via})
	}
	return dials, next
}

func soonest(next, t time.Time) time.Time {
	if next.IsZero() {
		return t
	}
	return earlier(next, t)
}

// waiting gives the peers that are neither connected nor being dialled: first those that the operator named, so that a flood of
// made-up mDNS entries cannot keep them waiting, then by due time.
func (b *book) waiting() []peer.ID {
	var out []peer.ID
	for p, t := range b.targets {
		if !t.connected && !t.dialing && len(t.addrs) > 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(p, q peer.ID) int {
		t, u := b.targets[p], b.targets[q]
		return cmp.Or(rank(t)-rank(u), t.due.Compare(u.due), cmp.Compare(p, q))
	})
	return out
}

func rank(t *target) int {
	if t.lasting() {
		return 0
	}
	return 1
}

// allowed gives the addresses that may be dialled now, and otherwise when one may. Only what other members say is held back: they
// could name a victim's address under many peer ids.
func (b *book) allowed(t *target, now time.Time) (addrs []ma.Multiaddr, wait time.Time) {
	if !t.exchangeOnly() {
		return t.all(), time.Time{}
	}
	for _, a := range t.addrs[ViaExchange] {
		key := string(a.Bytes())
		at, ok := b.dialled[key]
		if ok && now.Sub(at) < addressSpacing {
			wait = soonest(wait, at.Add(addressSpacing))
			continue
		}
		if len(b.dialled) < maxGatedAddress {
			b.dialled[key] = now
			addrs = append(addrs, a)
		}
	}
	if wait.IsZero() {
		wait = now.Add(addressSpacing)
	}
	return addrs, wait
}

// ended notes the end of a dial. Whether it led anywhere is said by up.
func (b *book) ended(p peer.ID, now time.Time, jitter float64) {
	t, ok := b.targets[p]
	if !ok {
		return
	}
	t.dialing = false
	if !t.connected {
		t.failures++
		t.due = now.Add(backoff(t.failures, jitter))
	}
}

// up notes a peer that identify has succeeded with. One that is not known yet came by itself.
func (b *book) up(p peer.ID, now time.Time) {
	t, ok := b.targets[p]
	if !ok {
		t = &target{addrs: map[string][]ma.Multiaddr{}, via: ViaInbound}
		b.targets[p] = t
	}
	if !t.connected {
		t.connected, t.since = true, now
	}
}

// down notes that no connection to the peer is left. addrs are those that it said it listens on: the way back to one that came by
// itself.
func (b *book) down(p peer.ID, addrs []ma.Multiaddr, now time.Time, jitter float64) {
	t, ok := b.targets[p]
	if !ok || !t.connected {
		return
	}
	if now.Sub(t.since) >= steadyAfter {
		t.failures = 0
	} else {
		t.failures++
	}
	t.connected, t.since = false, now
	if len(b.targets) > maxTargets && !t.keep() {
		delete(b.targets, p)
		return
	}
	if addrs = worthKeeping(addrs, true); len(addrs) > 0 {
		t.addrs[ViaInbound] = addrs
	}
	t.due = now.Add(backoff(max(t.failures, 1), jitter))
}

// reset makes everybody due at once, as the network has changed; it gives the peers whose libp2p back-off is to be cleared.
func (b *book) reset(now time.Time) []peer.ID {
	var out []peer.ID
	for p, t := range b.targets {
		if t.connected {
			continue
		}
		t.failures = 0
		t.due = earlier(t.due, now)
		out = append(out, p)
	}
	return out
}

func (b *book) forget(p peer.ID) { delete(b.targets, p) }
