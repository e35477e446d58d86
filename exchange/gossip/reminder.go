package gossip

import (
	"bufio"
	"context"
	"errors"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

// Remind makes a roll call to one connected neighbour alone: to one that did not answer, because it was not there yet, or because the call
// came too soon for it after another one. call is the sealed call, ours or one that was heard.
func (x *Exchange) Remind(ctx context.Context, p peer.ID, call []byte) error {
	err := x.call(ctx, p, CallProtocol, x.timing.members, func(_ context.Context, s network.Stream) error {
		out := bufio.NewWriter(s)
		return errors.Join(writeFrame(out, call), out.Flush())
	})
	x.failed(p, err)
	return err
}

// reminded takes one such call, from a trusted member. It may be our own: who makes it has missed our answer.
func (x *Exchange) reminded(ctx context.Context, s network.Stream) error {
	from := s.Conn().RemotePeer()
	if !x.c.Trusted(from) || !x.reminding.AllowN(x.c.Now(), 1) {
		return errors.New("a call to us alone, from who is not trusted, or one too many")
	}
	body, err := readFrame(bufio.NewReader(s), exchange.MaxCall)
	if err != nil {
		return err
	}
	r, err := exchange.OpenRecord(body, x.c.Federation)
	if err != nil {
		return broken("a call that does not open: %w", err)
	}
	call, ok := r.(*exchange.Call)
	if !ok {
		return broken("a record of the kind %s as a call", r.Record().Kind)
	}
	if call.Peer != x.c.Host.ID() && !x.c.Trusted(call.Peer) {
		return nil
	}
	if err := x.c.Table.Check(call.Record(), x.c.Now()); err != nil {
		return err
	}
	x.c.Deliver(ctx, Received{Record: call, From: from, Via: "call"})
	return nil
}
