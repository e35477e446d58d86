package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/discovery"
	"fbpeer/exchange"
	"fbpeer/exchange/gossip"
	"fbpeer/mpspdz"
	"fbpeer/probe"
	"fbpeer/trust"
)

const (
	mismatchPause = 200 * time.Millisecond // between two looks at a key and a certificate that differ, at the start
	slowCheck     = 15 * time.Second       // all files are looked at this often, whatever the watch says
)

// loop is what lives between the start and the end of Run. Its goroutine owns the core.
type loop struct {
	*Agent
	workers  sync.WaitGroup
	exchange *gossip.Exchange
	watcher  *watcher
	more     chan []string    // files to watch from now on
	failures int              // commits in a row that left something to write
	retryAt  time.Time        // zero: nothing to write
	again    time.Time        // when the configuration is read again, zero: on a change
	told     told             // of the core's problems
	listFile quiet            // trust.ini is taken over once it is left alone
	ownFiles quiet            // and so are configuration, key, certificate and the other files of config.Watch, together
	known    []byte           // addresses.json as last written
	protects map[peer.ID]bool // as the table was told last
	kept     map[peer.ID]bool // accepted peers that are dialled for ever
	asked    time.Time        // when somebody here last asked who has registered whom
	fetching map[mpspdz.Hash]bool
	fetched  chan fetched
	opener   *probe.Opener
}

// Run serves until ctx ends (then the error is nil) or something is final: ErrClone; a *config.Error if the configuration became another
// component's, or the state folder was removed or replaced; a fault in fbpeer itself. Everything is closed when it returns.
func (a *Agent) Run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	l := newLoop(a)
	defer func() {
		l.tellHappened()
		cancel()
		err = errors.Join(err, l.close())
	}()
	if err := l.start(ctx); err != nil {
		return err
	}
	return l.serve(ctx)
}

func newLoop(a *Agent) *loop {
	return &loop{Agent: a, more: make(chan []string, 16), told: told{}, kept: map[peer.ID]bool{}, protects: map[peer.ID]bool{},
		fetching: map[mpspdz.Hash]bool{}, fetched: make(chan fetched, inboxSize)}
}

// close gives everything back, once the context has ended.
func (l *loop) close() error {
	l.mutex.Lock() // nothing is begun any more
	close(l.done)
	l.mutex.Unlock()
	err := l.release()
	l.wait()
	return err
}

// start starts what serves the loop. All of it ends with the context.
func (l *loop) start(ctx context.Context) (err error) {
	if l.watcher, err = newWatcher(l.options.Log); err != nil {
		return err
	}
	l.watcher.add(l.files())
	l.spawn(func() { l.watcher.run(ctx, l.more) })
	l.exchange, err = gossip.Start(ctx, gossip.Config{
		Host: l.host, Federation: l.core.federation, Table: l.table, Now: l.options.Now, Log: l.options.Log,
		Barred: l.barred, BarredKey: l.barredKey, Withheld: func(id peer.ID) bool { return (*l.withheld.Load())[id] }, Trusted: l.listed, Deliver: l.deliver, Learned: l.learned,
		Members: func(author peer.ID, view mpspdz.Hash) (exchange.Members, bool) {
			return l.shown.Load().sight.content(author, view)
		},
	})
	if err != nil {
		return err
	}
	if err := l.startDiscovery(ctx); err != nil {
		return err
	}
	l.startProbing(ctx)
	l.spawn(func() { l.teller.Run(ctx) })
	server := newServer(l.Agent)
	l.spawn(func() {
		if err := server.Serve(l.socket); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
			l.end(fmt.Errorf("the control socket: %w", err))
		}
	})
	l.spawn(func() {
		<-ctx.Done()
		_ = server.Close() // the listener is closed with it
	})
	return nil
}

// wait waits for everything that start started, after its context has ended.
func (l *loop) wait() {
	l.workers.Wait()
	if l.exchange != nil {
		l.exchange.Wait()
	}
	if l.discovery != nil {
		l.discovery.Wait()
	}
	if l.opener != nil {
		l.opener.Wait()
	}
}

func (l *loop) startDiscovery(ctx context.Context) error {
	c := l.core.config
	known, data := l.core.store.readAddresses()
	known = slices.DeleteFunc(known, func(info peer.AddrInfo) bool { return !l.listed(info.ID) })
	l.known = data
	bootstrap := c.Bootstrap
	if l.options.Loopback {
		known, bootstrap = onLoopback(known), nil
	}
	d, err := discovery.Start(ctx, discovery.Config{
		Host: l.host, MDNS: c.MDNS && !l.options.Loopback, Service: l.core.federation.MDNS(), Bootstrap: bootstrap, Known: known,
		Changed: func() { signal(l.members) }, Log: l.options.Log,
	})
	if err != nil {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.discovery = d
	for _, info := range l.waiting {
		d.Add(info, discovery.ViaKnown)
	}
	l.waiting = nil
	return nil
}

func (l *loop) learned(info peer.AddrInfo) {
	l.mutex.Lock()
	d := l.discovery
	l.mutex.Unlock()
	if d != nil && !l.barred(info.ID) {
		d.Add(info, discovery.ViaExchange)
	}
}

// deliver hands a record to the loop, and waits while the loop is behind: the bound of the channel is the brake.
func (l *loop) deliver(ctx context.Context, r gossip.Received) {
	select {
	case l.inbox <- r:
	case <-ctx.Done():
	case <-l.done:
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// spawn runs f in a goroutine of its own, unless the agent ends: a host that is closed may still call its handlers. A panic there ends the
// agent with an error, not the process.
func (l *loop) spawn(f func()) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	select {
	case <-l.done:
		return false
	default:
	}
	l.workers.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				l.end(panicked(p))
			}
		}()
		f()
	})
	return true
}

func (l *loop) end(err error) {
	select {
	case l.fatal <- err:
	default:
	}
}

func panicked(p any) error { return fmt.Errorf("a fault in fbpeer itself: %v\n%s", p, debug.Stack()) }

// serve is the loop. Whatever it takes in, it commits and publishes before it takes in more.
func (l *loop) serve(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	l.tell(ctx)
	l.publishAndTell(ctx)
	// What changed between New's reading and the first watch would otherwise wait for the slow check.
	if err := l.reread(ctx); err != nil {
		return err
	}
	slow := time.NewTicker(slowCheck)
	defer slow.Stop()
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		var done chan struct{} // of a request, which sees its consequences published
		select {
		case <-ctx.Done():
			return nil
		case err := <-l.fatal:
			return err
		case r := <-l.inbox:
			err = l.receive(ctx, r)
		case r := <-l.requests:
			r.do(ctx, l)
			done = r.done
		case f := <-l.fetched:
			l.learn(f)
		case w := <-l.notices:
			l.core.setNotice(w)
		case <-l.members:
			l.keepAddresses()
		case <-l.watcher.changed:
			err = l.reread(ctx)
		case <-slow.C:
			err = l.slow(ctx)
		case <-wake.C:
			err = l.due(ctx)
		}
		l.tellHappened()
		if err != nil {
			return err
		}
		l.core.sealLog()
		l.publishAndTell(ctx)
		if done != nil {
			close(done)
		}
		l.fetch(ctx)
		l.told.tell(l.options.Log, slices.Concat(l.core.problems.sorted(), l.core.otherwise))
		l.sleep(wake)
	}
}

// sleep sets the timer to whatever is due next.
func (l *loop) sleep(wake *time.Timer) {
	now := l.options.Now()
	next := l.core.nextExpiry(now)
	for _, t := range []time.Time{l.retryAt, l.again, l.core.viewsDue(now)} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if next.IsZero() {
		wake.Stop()
		return
	}
	// A millisecond more: what runs out at a time has run out only after it.
	wake.Reset(max(0, next.Sub(now)) + time.Millisecond)
}

// tell publishes the own announcement.
func (l *loop) tell(ctx context.Context) {
	own := l.core.self.announcement
	if own == nil {
		return
	}
	if err := l.exchange.Publish(ctx, own.Sealed); err != nil {
		l.options.Log.Debug().Err(err).Msg("publishing: the next sync carries it")
	}
	l.exchange.Stored()
}

// receive takes in what was heard, and everything else that waits, before one commit.
func (l *loop) receive(ctx context.Context, r gossip.Received) error {
	news := false
	for waiting := len(l.inbox); ; waiting-- {
		taken, err := l.receiveOne(ctx, r)
		if err != nil {
			return err
		}
		news = news || taken
		if waiting == 0 {
			break
		}
		r = <-l.inbox // the loop alone takes from it: what waited is there
	}
	if news {
		l.settle()
		l.exchange.Stored()
	}
	return nil
}

// receiveOne takes one record. news: something that the commit depends on, and that is passed on.
func (l *loop) receiveOne(ctx context.Context, r gossip.Received) (news bool, err error) {
	now := l.options.Now()
	own := r.Record.Record().Peer == l.core.self.id
	switch record := r.Record.(type) {
	case *exchange.Announcement:
		if own {
			return false, l.receiveOwn(ctx, record, now)
		}
		news, err = l.core.take(l.table, record, r.From, now)
	case *exchange.Call:
		l.hearCall(record, r, now)
	default:
		if own {
			if err := l.core.hearOwnRecord(record, now); err != nil {
				return false, err
			}
			if proposal, ok := record.(*exchange.Proposal); ok {
				_, err := l.table.Put(proposal.Record(), l.core.self.id, true, now)
				return true, err
			}
			return true, nil
		}
		news, err = l.core.takeRecord(l.table, record, r.From, now)
	}
	var refusal *exchange.Refusal
	if errors.As(err, &refusal) {
		return false, nil // known, or overtaken while it waited
	}
	if err != nil {
		l.core.failed(api.WarnStore, "an announcement could not be stored", err)
	}
	return news, nil
}

func (l *loop) receiveOwn(ctx context.Context, a *exchange.Announcement, now time.Time) error {
	publish, err := l.core.hearOwn(a, now)
	if err != nil || !publish {
		return err
	}
	l.putOwn(now)
	l.tell(ctx)
	return nil
}

func (l *loop) putOwn(now time.Time) {
	own := l.core.self.announcement
	if _, err := l.table.Put(own.Record(), own.Peer, true, now); err != nil {
		l.options.Log.Debug().Err(err).Msg("the own announcement in the table")
	}
}

// settle commits, and plans the next attempt if something is left to write.
func (l *loop) settle() outcome {
	done := l.core.settle(l.options.Now())
	l.plan(done)
	return done
}

func (l *loop) plan(done outcome) {
	if done.retry {
		l.retryAt = l.options.Now().Add(retryDelay(l.failures))
		l.failures++
	} else {
		l.retryAt, l.failures = time.Time{}, 0
	}
	l.applyList()
}

// applyList gives the lower rooms their view of the list in force.
func (l *loop) applyList() {
	list := l.core.list // a copy: readers keep theirs
	before := l.list.Swap(&list)
	l.core.callsByRight()
	room := false
	for id := range l.core.newest {
		if protected := l.core.protected(id); protected != l.protects[id] {
			l.table.Protect(id, protected)
			l.protects[id] = protected
			room = true
		}
	}
	switch {
	case before != nil && slices.ContainsFunc(before.BarredKeys(), func(b trust.KeyBar) bool { return list.KeyStatus(b.Key) == "" }):
		l.exchange.Unbarred()
	case room:
		l.exchange.Stored() // what the table had no room for is asked of them again
	}
	former, present := l.withheld.Load(), l.core.ofBarredKeys()
	l.withheld.Store(&present)
	for _, id := range slices.Concat(l.core.list.Listed(), slices.Collect(maps.Keys(present))) {
		if l.barred(id) && (before == nil || !barredBy(before, *former, id)) {
			l.discovery.Bar(id)
			delete(l.kept, id)
		}
	}
	l.keepAddresses()
}

// due does what the timer was set for.
func (l *loop) due(ctx context.Context) error {
	now := l.options.Now()
	if !l.again.IsZero() && !now.Before(l.again) {
		if err := l.reread(ctx); err != nil {
			return err
		}
	}
	l.core.expire(l.table, now)
	if err := l.announce(ctx); err != nil {
		return err
	}
	l.settle()
	return nil
}

// announce makes and tells a new own announcement if one is due.
func (l *loop) announce(ctx context.Context) error {
	now := l.options.Now()
	made, err := l.core.announce(l.core.ownFloor(l.table), now)
	if err != nil {
		l.core.failed(api.WarnStore, "the own announcement could not be made", err)
		l.again = now.Add(retryDelay(l.failures))
		l.failures++
		return nil
	}
	if made {
		l.putOwn(now)
		l.tell(ctx)
	}
	return nil
}

// publish makes the present state visible to readers.
func (a *Agent) publish(n network) api.Snapshot {
	s := a.core.snapshot(n, a.options.Now())
	a.shown.Store(&published{snapshot: s, sight: a.core.sight(s)})
	a.news.ring()
	a.teller.Offer(s)
	if a.options.Changed != nil {
		a.options.Changed(s)
	}
	return s
}
