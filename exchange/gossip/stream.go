package gossip

import (
	"context"
	"errors"
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

// handler answers streams: of who is not barred and within the meter's bound, while there is a token.
func (x *Exchange) handler(ctx context.Context, m *meter, tokens chan struct{}, most time.Duration,
	talk conversation) network.StreamHandler {
	return func(s network.Stream) {
		p := s.Conn().RemotePeer()
		ok := m.allow(p, x.c.Trusted(p), 0, x.c.Now()) && !x.c.Barred(p)
		if ok {
			select {
			case tokens <- struct{}{}:
			default:
				ok = false
			}
		}
		if !ok || !x.spawn(func() {
			defer func() { <-tokens }()
			ctx, cancel := context.WithTimeout(ctx, most)
			defer cancel()
			x.failed(p, x.converse(ctx, s, most, talk))
		}) {
			_ = s.Reset() // the other side tries again, or another
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
