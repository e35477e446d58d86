package gossip

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// bound is how many records and bytes one peer may bring: so many at once, and so many a second in the long run.
type bound struct {
	records        float64 // a second
	recordsAtOnce  int
	bytes          float64 // a second
	bytesAtOnce    int
	rememberedMost int // peers counted at the same time
}

// forwarderBound lets a neighbour hand over a whole federation's records at once; originBound lets an identity change its mind a few
// times a minute.
func forwarderBound() bound {
	return bound{records: 50, recordsAtOnce: 2048, bytes: 256 << 10, bytesAtOnce: 8 << 20, rememberedMost: 4096}
}

func originBound() bound {
	return bound{records: 0.2, recordsAtOnce: 16, bytes: 4 << 10, bytesAtOnce: 64 << 10, rememberedMost: 4096}
}

// viewBound lets an agent answer a roll call for each of its sets.
func viewBound() bound {
	return bound{records: 1, recordsAtOnce: 32, bytes: exchange.MaxView, bytesAtOnce: 32 * exchange.MaxView, rememberedMost: 4096}
}

// callBound is how often an identity may call at all.
func callBound() bound {
	return bound{records: 0.2, recordsAtOnce: 3, bytes: exchange.MaxCall, bytesAtOnce: 3 * exchange.MaxCall, rememberedMost: 4096}
}

// How many calls to us alone are taken of all members together, and how many calls that came too soon may wait to be delivered.
const (
	remindersASecond = 2
	remindersAtOnce  = 16
	passedQueue      = 16
)

// reminderBound is how often a neighbour may call us alone.
func reminderBound() bound {
	return bound{records: 0.1, recordsAtOnce: 3, bytes: 1, bytesAtOnce: 1, rememberedMost: 4096}
}

// questionBound lets a neighbour ask for the members of a whole federation at once.
func questionBound() bound {
	return bound{records: 16, recordsAtOnce: 512, bytes: 1, bytesAtOnce: 1, rememberedMost: 4096}
}

// origins hold identities to a bound, for each kind apart: nobody's announcement has to wait because of a view.
type origins map[exchange.Kind]*meter

func newOrigins() origins {
	return origins{
		exchange.KindAnnouncement: newMeter(originBound()),
		exchange.KindSet:          newMeter(originBound()),
		exchange.KindCertificate:  newMeter(originBound()),
		exchange.KindView:         newMeter(viewBound()),
		exchange.KindCall:         newMeter(callBound()),
	}
}

// coming are the records that were accepted a moment ago, and may not be in the table yet: their author has paid for them, also if they
// come another way meanwhile. Safe for concurrent use.
type coming struct {
	mu   sync.Mutex
	held map[mpspdz.Hash]arrival
}

// arrival is when a record was paid for, and how often it came since.
type arrival struct {
	at    time.Time
	again int
}

const (
	comingLasts = 10 * time.Second // after that it was not stored
	comingAgain = 4                // so often it is free: a neighbour that repeats what is not stored gains nothing by it
	comingMost  = 4096             // remembered at the same time; what is beyond is charged each time
)

func newComing() *coming { return &coming{held: map[mpspdz.Hash]arrival{}} }

func (a arrival) over(now time.Time) bool {
	return a.again >= comingAgain || now.Before(a.at) || now.Sub(a.at) >= comingLasts
}

// paid says whether a record need not be charged again.
func (c *coming) paid(hash mpspdz.Hash, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, held := c.held[hash]
	if !held || a.over(now) {
		return false
	}
	a.again++
	c.held[hash] = a
	return true
}

// pay notes a record that was charged.
func (c *coming) pay(hash mpspdz.Hash, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) >= comingMost {
		maps.DeleteFunc(c.held, func(_ mpspdz.Hash, a arrival) bool { return a.over(now) })
	}
	if len(c.held) < comingMost {
		c.held[hash] = arrival{at: now}
	}
}

// callsApart is how long after a roll call no other is taken, whoever calls: everybody answers each of them.
const callsApart = 10 * time.Second

// pause lets something happen now and then. Safe for concurrent use.
type pause struct {
	least time.Duration
	mu    sync.Mutex
	last  time.Time
}

// allow says whether it may happen now, and if so takes it as done. A clock that was set back holds up nothing.
func (p *pause) allow(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := now.Sub(p.last); !p.last.IsZero() && 0 <= since && since < p.least {
		return false
	}
	p.last = now
	return true
}

// syncBound is how often a neighbour's sync is answered.
func syncBound() bound {
	return bound{records: 4, recordsAtOnce: 16, bytes: 1, bytesAtOnce: 1, rememberedMost: 4096}
}

// meter holds each peer to a bound. Strangers have a bounded number of accounts, and those used longest ago make room for new ones: who
// makes up many identities gains nothing by it that they would not give, and cannot keep others out. Trusted peers, whose number is the
// operator's choice, always have an account of their own. Safe for concurrent use.
type meter struct {
	bound bound
	mu    sync.Mutex
	peers map[peer.ID]*account
}

type account struct {
	records, bytes *rate.Limiter
	used           time.Time
	trusted        bool
}

func newMeter(b bound) *meter { return &meter{bound: b, peers: map[peer.ID]*account{}} }

// allow charges a peer for one record of so many bytes, and says whether it may bring it. Nothing is charged for what is refused.
func (m *meter) allow(p peer.ID, trusted bool, size int, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.peers[p]
	if !ok {
		if len(m.peers) >= m.bound.rememberedMost {
			m.evict(now)
		}
		if len(m.peers) >= m.bound.rememberedMost && !trusted {
			return false
		}
		a = &account{
			records: rate.NewLimiter(rate.Limit(m.bound.records), m.bound.recordsAtOnce),
			bytes:   rate.NewLimiter(rate.Limit(m.bound.bytes), m.bound.bytesAtOnce),
		}
		m.peers[p] = a
	}
	a.used, a.trusted = now, trusted
	if a.records.TokensAt(now) < 1 || a.bytes.TokensAt(now) < float64(size) {
		return false
	}
	return a.records.AllowN(now, 1) && a.bytes.AllowN(now, size)
}

// evict forgets those who have all of their allowance back, as a new account is the same, and if that is not enough, the strangers
// that were idle longest: an eighth of the room at once, so that a flood does not cost a look at all accounts for each record.
func (m *meter) evict(now time.Time) {
	var strangers []peer.ID
	for p, a := range m.peers {
		switch {
		case a.records.TokensAt(now) >= float64(m.bound.recordsAtOnce) && a.bytes.TokensAt(now) >= float64(m.bound.bytesAtOnce):
			delete(m.peers, p)
		case !a.trusted:
			strangers = append(strangers, p)
		}
	}
	surplus := len(m.peers) - m.bound.rememberedMost + max(m.bound.rememberedMost/8, 1)
	if surplus <= 0 {
		return
	}
	slices.SortFunc(strangers, func(p, q peer.ID) int { return m.peers[p].used.Compare(m.peers[q].used) })
	for _, p := range strangers[:min(surplus, len(strangers))] {
		delete(m.peers, p)
	}
}
