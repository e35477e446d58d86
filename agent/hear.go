package agent

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/exchange/gossip"
)

// How the content behind views is fetched.
const (
	fetchesMost = 16              // at the same time
	fetchLimit  = 6 * time.Second // of one
)

// fetched is what became of asking for the members behind a view.
type fetched struct {
	view    *exchange.View
	members exchange.Members
	err     error
}

// hearCall answers somebody's roll call, with what stands on the disk now. One that came too soon after another is only noted: answers to
// it count.
func (l *loop) hearCall(c *exchange.Call, r gossip.Received, now time.Time) {
	v, now := &l.core.views, now.Round(0)
	if r.Passed {
		v.note(c, true, now)
		return
	}
	if again := r.Via == viaCall && v.call == c.ID; again {
		clear(v.own) // who asks has missed the answer
	}
	v.hearCall(c, c.Peer == l.core.self.id || l.core.approves(c.Peer), now)
	l.lookAtOwn(now)
}

// viaCall is how a call to us alone comes.
const viaCall = "call"

// remind calls those alone who are connected and have not answered.
func (l *loop) remind(ctx context.Context, q asked) {
	seen, now := l.shown.Load(), l.options.Now()
	call := l.core.views.sealed
	for _, p := range seen.snapshot.Peers {
		if !approvedState(p.State) || p.Connected == nil || !*p.Connected {
			continue
		}
		if seen.sight.heardAll(p.Component, q, nil, now) {
			continue
		}
		id, err := peer.Decode(p.PeerID)
		if err != nil || call == nil {
			continue
		}
		l.spawn(func() {
			ctx, cancel := context.WithTimeout(ctx, fetchLimit)
			defer cancel()
			_ = l.exchange.Remind(ctx, id, call) // logged there; it is asked again with the next call
		})
	}
}

// publishAndTell makes the present state visible to readers, and then tells what the core made: certificates, proposals, and the own views
// where they are due. Whoever hears of a view asks for what is behind it at once, and is answered from what readers see.
func (l *loop) publishAndTell(ctx context.Context) {
	now := l.options.Now()
	views := l.dueViews(now)
	l.publish(l.network())
	for _, r := range l.core.outbox {
		l.send(ctx, r, now)
		l.exchange.Stored()
	}
	l.core.outbox = nil
	for _, view := range views {
		l.send(ctx, view, now)
	}
}

// dueViews seals the own views if they are due.
func (l *loop) dueViews(now time.Time) []*exchange.View {
	if due := l.core.viewsDue(now); due.IsZero() || now.Before(due) {
		return nil
	}
	v := &l.core.views
	v.unfit = len(faults(l.core.snapshot(l.network(), now))) > 0 || l.core.pairFault(now) != nil
	sealed, err := l.core.sealViews(now)
	if err != nil {
		l.core.failed(api.WarnStore, "what is registered here could not be told", err)
		v.stale, v.retryAt = true, now.Add(retryDelay(v.failures))
		v.failures++
		return nil
	}
	v.retryAt, v.failures = time.Time{}, 0
	if len(sealed) > 0 {
		v.told = now
	}
	return sealed
}

// send puts a record of ours into the table and publishes it on the topic.
func (l *loop) send(ctx context.Context, r exchange.Opened, now time.Time) {
	record := r.Record()
	_, err := l.table.Put(record, record.Peer, true, now)
	if err == nil {
		err = l.exchange.Publish(ctx, record.Sealed)
	}
	if err != nil {
		l.options.Log.Warn().Err(err).Str("kind", string(record.Kind)).Msg("a record of ours could not be told")
	}
}

// fetch asks for the members behind views that are not known here, while somebody here wants to know.
func (l *loop) fetch(ctx context.Context) {
	now := l.options.Now()
	if now.Sub(l.asked) > answerLasts {
		return
	}
	for _, v := range l.shown.Load().sight.unknown(now) {
		if l.fetching[v.Hash] || len(l.fetching) >= fetchesMost {
			continue
		}
		l.fetching[v.Hash] = true
		l.spawn(func() {
			ctx, cancel := context.WithTimeout(ctx, fetchLimit)
			defer cancel()
			members, err := l.exchange.Members(ctx, v)
			select {
			case l.fetched <- fetched{view: v, members: members, err: err}:
			case <-l.done:
			}
		})
	}
}

// learn takes what was fetched. One that could not be had is asked for again with the next answer of that site.
func (l *loop) learn(f fetched) {
	if f.err != nil {
		l.options.Log.Debug().Err(f.err).Str("peer", f.view.Peer.String()).Msg("what it has registered could not be fetched")
		l.core.views.failed(f.view)
	} else {
		l.core.views.addLists(f.members.Files, f.members.Rows)
	}
	delete(l.fetching, f.view.Hash)
}
