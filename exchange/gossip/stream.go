package gossip

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"fbpeer/exchange"
)

// conversation is what one side does on a stream, until its context ends.
type conversation func(ctx context.Context, s network.Stream) error

// call opens a stream to a neighbour for a conversation of at most so long.
func (x *Exchange) call(ctx context.Context, p peer.ID, id protocol.ID, most time.Duration, talk conversation) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	s, err := x.c.Host.NewStream(network.WithNoDial(ctx, "exchange"), p, id)
	if err != nil {
		return err
	}
	return x.converse(ctx, s, most, talk)
}

// places are the streams that are answered at the same time: in all, and of one neighbour, so that who leaves theirs idle keeps nobody else
// out. Safe for concurrent use.
type places struct {
	most, ofOne int
	mu          sync.Mutex
	all         int
	of          map[peer.ID]int
}

func newPlaces(most, ofOne int) *places {
	return &places{most: most, ofOne: ofOne, of: map[peer.ID]int{}}
}

func (p *places) take(id peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == p.most || p.of[id] == p.ofOne {
		return false
	}
	p.all++
	p.of[id]++
	return true
}

func (p *places) leave(id peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.of[id]--; p.of[id] == 0 {
		delete(p.of, id)
	}
}

// handler answers streams: of who is not barred and within the meter's bound, while there is a place.
func (x *Exchange) handler(ctx context.Context, m *meter, room *places, most time.Duration,
	talk conversation) network.StreamHandler {
	return func(s network.Stream) {
		p := s.Conn().RemotePeer()
		if !m.allow(p, x.c.Trusted(p), 0, x.c.Now()) || x.c.Barred(p) || !room.take(p) {
			_ = s.Reset() // the other side tries again, or another
			return
		}
		if !x.spawn(func() {
			defer room.leave(p)
			ctx, cancel := context.WithTimeout(ctx, most)
			defer cancel()
			x.failed(p, x.converse(ctx, s, most, talk))
		}) {
			room.leave(p)
			_ = s.Reset() // we are about to end
		}
	}
}

// converse ends the stream with the conversation: by a reset if it did not end well, as after a clean end a reset could overtake the last
// bytes.
func (x *Exchange) converse(ctx context.Context, s network.Stream, most time.Duration, talk conversation) (err error) {
	defer func() {
		if err != nil {
			_ = s.Reset()
		}
	}()
	defer x.tally.recovered("talking to a member", func() { err = errors.New("the exchange failed") })
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	if err := s.SetDeadline(time.Now().Add(most)); err != nil {
		return err
	}
	if err := talk(ctx, s); err != nil {
		return err
	}
	return s.Close()
}

// failed logs the end of an exchange that did not go through. Who does not answer, or is gone, is nothing to talk about.
func (x *Exchange) failed(p peer.ID, err error) {
	if errors.Is(err, errWire) {
		x.c.Log.Info().Str("peer", p.String()).Str("why", exchange.ShowText(err.Error())).Msg("exchange ended")
	} else if err != nil {
		x.c.Log.Debug().Str("peer", p.String()).Str("why", exchange.ShowText(err.Error())).Msg("exchange ended")
	}
}
