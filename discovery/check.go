package discovery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/multiformats/go-multistream"
)

const (
	checkTimeout  = 5 * time.Second
	checkedAtOnce = 8 // connections of one peer; an honest one has two or three
)

// checkOlder checks a peer's other connections when a new one has come: the peer may have lost the old one without our having noticed,
// as after a change of its address, and libp2p would go on to use it until the keep-alive ends it, 20 s later. Of one peer there is only
// one such round at a time; a connection that comes during it is followed by another round.
func (d *Discovery) checkOlder(ctx context.Context, newest network.Conn) {
	p := newest.RemotePeer()
	if len(d.host.Network().ConnsToPeer(p)) < 2 {
		return
	}
	d.mu.Lock()
	_, running := d.checking[p]
	d.checking[p] = newest
	d.mu.Unlock()
	if !running {
		d.tasks.Go(func() { d.checkRounds(ctx, p) })
	}
}

func (d *Discovery) checkRounds(ctx context.Context, p peer.ID) {
	var newest network.Conn
	for d.nextRound(p, &newest) {
		var round sync.WaitGroup
		conns := d.host.Network().ConnsToPeer(p)
		for _, c := range conns[:min(len(conns), checkedAtOnce)] {
			if c != newest {
				round.Go(func() { d.check(ctx, c) })
			}
		}
		round.Wait()
	}
}

// nextRound says whether a connection has come that is newer than the one of the last round.
func (d *Discovery) nextRound(p peer.ID, newest *network.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.checking[p] == *newest {
		delete(d.checking, p)
		return false
	}
	*newest = d.checking[p]
	return true
}

// check closes a connection if the peer does not answer on it within 5 s. Without it a connection that lost its link is noticed only by
// the keep-alive, and taken up again only when TCP's own back-off lets it.
func (d *Discovery) check(ctx context.Context, c network.Conn) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if answers(ctx, c) || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	d.config.Log.Debug().Str("peer", c.RemotePeer().String()).Stringer("at", c.RemoteMultiaddr()).Msg("connection is dead")
	_ = c.Close() // dead or closed already
	poke(d.changed)
}

// answers asks whether identify is spoken, which is the cheapest question; any answer will do.
func answers(ctx context.Context, c network.Conn) bool {
	s, err := c.NewStream(ctx)
	if err != nil {
		return false
	}
	defer s.Reset()
	deadline, _ := ctx.Deadline()
	if err := errors.Join(s.SetDeadline(deadline), s.SetProtocol(identify.ID)); err != nil {
		return false
	}
	err = multistream.SelectProtoOrFail[protocol.ID](identify.ID, s)
	var no multistream.ErrNotSupported[protocol.ID]
	return err == nil || errors.As(err, &no)
}
