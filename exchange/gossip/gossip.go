package gossip

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// The protocol ids of syncs, of questions for the members of a view, and of roll calls for one member.
const (
	SyncProtocol    protocol.ID = "/fbpeer/1/sync"
	MembersProtocol protocol.ID = "/fbpeer/1/members"
	CallProtocol    protocol.ID = "/fbpeer/1/call"
)

// Topic is the name of a federation's topic.
func Topic(f exchange.Federation) string { return "/fbpeer/1/" + f.ID() }

// Received is one record that the one switch accepted, for the agent's loop.
type Received struct {
	Record exchange.Opened
	From   peer.ID // the forwarding peer
	Via    string  // "topic" or "sync"; "call" for a roll call that was made to us alone
	// Passed is a trusted member's roll call that came too soon after another one: not answered here and not passed on, but others may
	// answer it.
	Passed bool
}

// Config of taking part. All fields are needed unless said. The functions are called from many goroutines.
type Config struct {
	Host       host.Host
	Federation exchange.Federation
	Table      *exchange.Table // read only here
	Now        func() time.Time
	Log        zerolog.Logger
	// Barred says who is denied or revoked here: their records are ignored, never relayed, withheld in a sync.
	Barred func(peer.ID) bool
	// BarredKey says which MP-SPDZ public keys (SHA-256) are: an announcement of one is ignored and not relayed, whoever makes it, while its
	// identity is listened to, for it may make another. nil: none.
	BarredKey func(mpspdz.Hash) bool
	// Withheld says whose announcement is held, and not handed on in a sync for such a key. nil: nobody's.
	Withheld func(peer.ID) bool
	// Deliver takes accepted records (see Outcome; that includes an equivocation, which Table.Put tells again). It must not block for
	// long: the agent's loop's channel. Own records come back only if they differ from what the table holds.
	Deliver func(ctx context.Context, r Received)
	// Members gives the members of a view that this agent holds: of its own, and of others' that it fetched. Optional.
	Members func(author peer.ID, view mpspdz.Hash) (exchange.Members, bool)
	// Learned takes checked addresses of members that a neighbour is connected to or trusts. Optional.
	Learned func(peer.AddrInfo)
	// Trusted says who is accepted: their signed peer records may be handed on while they are not connected, their records need no
	// room in the table, and strangers' accounts do not crowd out theirs. Optional.
	Trusted func(peer.ID) bool
	// SyncEvery is how often to sync with a random neighbour; 0 is 30 s.
	SyncEvery time.Duration
}

// Exchange is a running membership of the topic and the sync protocol. Safe for concurrent use.
type Exchange struct {
	c          Config
	timing     timing
	topic      *pubsub.Topic
	tally      *tally
	forwarders *meter
	origins    origins
	coming     *coming
	calls      pause         // of trusted members, and our own
	strangers  pause         // calls of others
	passed     chan Received // calls that came too soon
	reminding  *rate.Limiter // calls to us alone, of all members together
	syncs      *meter
	questions  *meter // for members
	reminders  *meter // calls to us alone
	peers      *peerRecords
	neighbours *neighbours
	stored     chan struct{}
	unfinished chan struct{} // an exchange left something to ask for
	tries      atomic.Int32  // exchanges because of unfinished since Stored
	inbound    *places       // of syncs that are answered
	outbound   chan struct{} // one token for each sync that we started
	answering  *places       // of questions and calls to us alone that are answered
	asking     chan struct{} // one token for each question of our own

	mu     sync.Mutex
	closed bool
	tasks  sync.WaitGroup
}

// timing is what tests shorten.
type timing struct {
	exchange             time.Duration // a whole sync
	listener, listenerBy time.Duration // the listening side's first sync, from and by at most this much later
	stored, storedBy     time.Duration // syncs after Stored
	patience             time.Duration // how long nobody else is asked for a record that one neighbour was asked for
	again                time.Duration // until the same neighbour is asked again for what it gave and the table does not hold
	unfinished           time.Duration // until another neighbour is asked for what one had and we still lack, and at most twice that
	settled              time.Duration // how long a table that differs for good is taken for unchanged
	members              time.Duration // a whole question for members
}

func defaultTiming() timing {
	return timing{exchange: 10 * time.Second, listener: time.Second, listenerBy: time.Second,
		stored: 100 * time.Millisecond, storedBy: 200 * time.Millisecond, patience: time.Second, again: 30 * time.Second,
		unfinished: time.Second, settled: 2 * time.Minute, members: 5 * time.Second}
}

const (
	inboundMost, inboundOfOne     = 32, 4   // syncs that are answered
	answeringMost, answeringOfOne = 128, 16 // questions and calls to us alone
	askingMost                    = 32      // questions of our own
	outboundMost                  = 8
)

// Start joins the topic, answers its three protocols, and syncs on every new connection, every SyncEvery with one random neighbour, and
// after Stored with 3. It ends with ctx; Wait returns when all its goroutines have ended.
func Start(ctx context.Context, c Config) (*Exchange, error) { return start(ctx, c, defaultTiming()) }

func start(ctx context.Context, c Config, t timing) (*Exchange, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	x := &Exchange{
		c: c, timing: t, tally: newTally(c.Log),
		forwarders: newMeter(forwarderBound()), origins: newOrigins(), coming: newComing(), calls: pause{least: callsApart}, strangers: pause{least: callsApart},
		passed: make(chan Received, passedQueue), reminding: rate.NewLimiter(remindersASecond, remindersAtOnce),
		syncs: newMeter(syncBound()), questions: newMeter(questionBound()), reminders: newMeter(reminderBound()),
		peers: newPeerRecords(c.Host.ID()), neighbours: newNeighbours(),
		stored: make(chan struct{}, 1), unfinished: make(chan struct{}, 1),
		inbound: newPlaces(inboundMost, inboundOfOne), outbound: make(chan struct{}, outboundMost),
		answering: newPlaces(answeringMost, answeringOfOne), asking: make(chan struct{}, askingMost),
	}
	ctx, cancel := context.WithCancel(ctx)
	ok := false
	defer func() {
		if !ok {
			cancel()
		}
	}()
	subscription, err := x.join(ctx)
	if err != nil {
		return nil, fmt.Errorf("joining the topic: %w", err)
	}
	events, err := x.subscribe()
	if err != nil {
		return nil, fmt.Errorf("subscribing to the host's events: %w", err)
	}
	ok = true
	c.Host.SetStreamHandler(SyncProtocol, x.handler(ctx, x.syncs, x.inbound, t.exchange, x.listen))
	c.Host.SetStreamHandler(MembersProtocol, x.handler(ctx, x.questions, x.answering, t.members, x.reply))
	c.Host.SetStreamHandler(CallProtocol, x.handler(ctx, x.reminders, x.answering, t.members, x.reminded))
	x.tasks.Go(func() {
		<-ctx.Done()
		cancel()
		x.close()
	})
	x.tasks.Go(func() { x.receive(ctx, subscription) })
	x.tasks.Go(func() { x.passOver(ctx) })
	x.tasks.Go(func() { x.follow(ctx, events) })
	x.tasks.Go(func() { x.syncSteadily(ctx) })
	x.tasks.Go(func() { x.syncStored(ctx) })
	x.tasks.Go(func() { x.syncUnfinished(ctx) })
	return x, nil
}

// complete fills in what is optional.
func (c *Config) complete() error {
	if c.Host == nil || c.Table == nil || c.Now == nil || c.Barred == nil || c.Deliver == nil || c.Federation.ID() == "" {
		return errors.New("gossip.Config needs Host, Federation, Table, Now, Barred and Deliver")
	}
	if c.Members == nil {
		c.Members = func(peer.ID, mpspdz.Hash) (exchange.Members, bool) { return exchange.Members{}, false }
	}
	if c.Learned == nil {
		c.Learned = func(peer.AddrInfo) {}
	}
	if c.BarredKey == nil {
		c.BarredKey = func(mpspdz.Hash) bool { return false }
	}
	if c.Withheld == nil {
		c.Withheld = func(peer.ID) bool { return false }
	}
	if c.Trusted == nil {
		c.Trusted = func(peer.ID) bool { return false }
	}
	if c.SyncEvery == 0 {
		c.SyncEvery = 30 * time.Second
	}
	return nil
}

// close takes no more syncs and questions.
func (x *Exchange) close() {
	x.c.Host.RemoveStreamHandler(SyncProtocol)
	x.c.Host.RemoveStreamHandler(MembersProtocol)
	x.c.Host.RemoveStreamHandler(CallProtocol)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
}

// spawn runs f in a goroutine that Wait waits for; not after the end.
func (x *Exchange) spawn(f func()) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return false
	}
	x.tasks.Go(f)
	return true
}

// Wait returns when the context has ended and all goroutines with it.
func (x *Exchange) Wait() { x.tasks.Wait() }

// Stored tells that the loop has put a record of somebody into the table: it is passed on (epidemic sync).
func (x *Exchange) Stored() {
	x.tries.Store(0)
	poke(x.stored)
}

// Unbarred tells that an identity or a key is not refused here any more: what was refused is asked of the neighbours again.
func (x *Exchange) Unbarred() {
	x.neighbours.anew()
	x.Stored()
}

// poke leaves a token; one that is already there stands for this one too.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stats gives the counters as they are now.
func (x *Exchange) Stats() Stats { return x.tally.stats() }

// judge applies everything to a record that a neighbour brought: bounds, Open, whether it is what it came as, list, table. The result and
// what Outcome makes of it is counted. The record comes with an error too if it could be opened.
func (x *Exchange) judge(sealed []byte, from peer.ID, as func(exchange.ID) bool) (exchange.Opened, error) {
	r, err := x.examine(sealed, from, as)
	x.tally.count(err, from)
	return r, err
}

func (x *Exchange) examine(sealed []byte, from peer.ID, as func(exchange.ID) bool) (r exchange.Opened, err error) {
	defer x.tally.recovered("checking a record", func() { r, err = nil, refuse(CodePanic, exchange.ID{}, "checking it failed") })
	now := x.c.Now()
	if !x.forwarders.allow(from, x.c.Trusted(from), len(sealed), now) {
		return nil, refuse(CodeRate, exchange.ID{Peer: from}, "the neighbour brings too much")
	}
	r, err = exchange.OpenRecord(sealed, x.c.Federation)
	if err != nil {
		return nil, err
	}
	row := r.Record()
	if !as(row.ID) {
		return r, refuse(CodeAuthor, row.ID, "it came as a record of another")
	}
	if x.c.Barred(row.Peer) {
		return r, refuse(CodeBarred, row.ID, "the identity is denied or revoked here")
	}
	if a, ok := r.(*exchange.Announcement); ok && x.c.BarredKey(a.Certificate.KeySHA256()) {
		return r, refuse(CodeBarred, row.ID, "the MP-SPDZ key is denied or revoked here")
	}
	err = x.c.Table.Check(row, now)
	if Outcome(err) != pubsub.ValidationAccept {
		return r, err
	}
	if row.Kind.Synced() && x.coming.paid(row.Hash, now) {
		return r, err
	}
	if !x.timely(row, now) {
		return r, refuse(CodeRate, row.ID, "too many of this kind")
	}
	if row.Kind.Synced() {
		x.coming.pay(row.Hash, now)
	}
	return r, err
}

// timely charges who made a record for it, of its kind alone; a call is also charged to all trusted callers together, or to all others.
// Those of members that nobody here approved never use up what trusted ones may.
func (x *Exchange) timely(r exchange.Record, now time.Time) bool {
	trusted := x.c.Trusted(r.Peer)
	if !x.origins[r.Kind].allow(r.Peer, trusted, len(r.Sealed), now) {
		return false
	}
	switch {
	case r.Kind != exchange.KindCall:
		return true
	case trusted:
		return x.calls.allow(now)
	}
	return x.strangers.allow(now)
}
