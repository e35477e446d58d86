package gossip

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

const (
	membersHops = 2 // of our own questions: so many others pass them on before the last one
	askedMost   = 3 // neighbours that are asked where the view's author is not connected
)

// errNotHeld is an empty answer.
var errNotHeld = errors.New("the members of that view are not held")

// Members fetches what a view was made of: from its author if connected, otherwise through neighbours. It takes 5 seconds at most, once
// less than 32 others run. What comes has the view's roots. An error says that nobody gave it; who asks again at the next roll call loses
// nothing.
func (x *Exchange) Members(ctx context.Context, v *exchange.View) (exchange.Members, error) {
	if v.Members == 0 {
		return exchange.Members{}, nil
	}
	if x.c.Barred(v.Peer) {
		return exchange.Members{}, errors.New("the view's identity is denied or revoked here")
	}
	select {
	case x.asking <- struct{}{}:
		defer func() { <-x.asking }()
	case <-ctx.Done():
		return exchange.Members{}, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, x.timing.members)
	defer cancel()
	return x.inquire(ctx, question{hops: membersHops, author: v.Peer, view: v.Hash}, v.Holds, "")
}

// inquire asks who may know, but not the one who asked us.
func (x *Exchange) inquire(ctx context.Context, q question, good func(exchange.Members) bool, asker peer.ID) (exchange.Members, error) {
	who := []peer.ID{q.author}
	if !x.neighbours.has(q.author) {
		who = slices.DeleteFunc(x.neighbours.some(askedMost+1), func(p peer.ID) bool { return p == asker || x.c.Barred(p) })
		who = who[:min(len(who), askedMost)]
	}
	return x.askInTurn(ctx, who, q, good)
}

// askInTurn asks one after the other, the next one when the last one has no answer or is slow: who does not answer keeps nobody from it.
func (x *Exchange) askInTurn(ctx context.Context, who []peer.ID, q question, good func(exchange.Members) bool) (exchange.Members, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		members exchange.Members
		err     error
	}
	answers := make(chan answer, len(who))
	slow := time.NewTimer(x.timing.patience)
	defer slow.Stop()
	err := errors.New("no neighbour to ask for the members of a view")
	for open := 0; open > 0 || len(who) > 0; {
		if len(who) > 0 {
			p := who[0]
			who = who[1:]
			open++
			slow.Reset(x.timing.patience)
			if !x.spawn(func() {
				m, err := x.ask(ctx, p, q, good)
				answers <- answer{m, err}
			}) {
				return exchange.Members{}, context.Canceled
			}
		}
		select {
		case a := <-answers:
			if a.err == nil {
				return a.members, nil
			}
			open, err = open-1, a.err
		case <-slow.C:
		case <-ctx.Done():
			return exchange.Members{}, ctx.Err()
		}
	}
	return exchange.Members{}, err
}

// ask puts a question to one neighbour.
func (x *Exchange) ask(ctx context.Context, p peer.ID, q question, good func(exchange.Members) bool) (m exchange.Members, err error) {
	err = x.call(ctx, p, MembersProtocol, x.timing.members, func(_ context.Context, s network.Stream) error {
		out := bufio.NewWriter(s)
		if err := errors.Join(writeFrame(out, q.encode()), out.Flush()); err != nil {
			return err
		}
		body, err := readFrame(bufio.NewReader(s), exchange.MaxMembersSize)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			return errNotHeld
		}
		if m, err = exchange.DecodeMembers(body); err != nil {
			return broken("an answer to a question for members: %w", err)
		}
		if !good(m) {
			return broken("members that the view was not made of")
		}
		return nil
	})
	x.failed(p, err)
	return m, err
}

// reply answers one question.
func (x *Exchange) reply(ctx context.Context, s network.Stream) error {
	body, err := readFrame(bufio.NewReader(s), maxQuestion)
	if err != nil {
		return err
	}
	q, err := decodeQuestion(body)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s)
	return errors.Join(writeFrame(out, x.membersOf(ctx, q, s.Conn().RemotePeer())), out.Flush())
}

// membersOf is the answer to a question: what is held here, or what others say while the question has hops left; empty if nobody does.
func (x *Exchange) membersOf(ctx context.Context, q question, asker peer.ID) []byte {
	if x.c.Barred(q.author) {
		return nil
	}
	if _, known := x.c.Table.Get(exchange.ID{Kind: exchange.KindAnnouncement, Peer: q.author}); !known {
		return nil
	}
	if m, ok := x.c.Members(q.author, q.view); ok {
		return m.Encode()
	}
	if q.hops == 0 || q.author == x.c.Host.ID() {
		return nil
	}
	q.hops = min(q.hops, maxHops) - 1
	if !x.c.Trusted(asker) {
		q.hops = 0 // who is not trusted has one member ask others, no more
	}
	m, err := x.inquire(ctx, q, x.plausible(q), asker)
	if err != nil {
		return nil
	}
	return m.Encode()
}

// plausible keeps a lie from being passed on, where the view is known here too.
func (x *Exchange) plausible(q question) func(exchange.Members) bool {
	if r, ok := x.c.Table.View(q.author, q.view); ok {
		if opened, err := exchange.OpenRecord(r.Sealed, x.c.Federation); err == nil {
			return opened.(*exchange.View).Holds
		}
	}
	return func(exchange.Members) bool { return true }
}
