package discovery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

const (
	dialTimeout = 15 * time.Second

	// Failed dials in a row until a bootstrap address is worth a warning; and if somebody answers there but lets us go, dials.
	warnAfter        = 2
	warnRefusedAfter = 5
)

// keepDialling starts the dials that are due, until ctx ends and the last of them has ended.
func (d *Discovery) keepDialling(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
		dials, asks, next := d.take()
		for _, s := range asks {
			d.tasks.Go(func() { d.askSeed(ctx, s) })
		}
		for _, to := range dials {
			d.tasks.Go(func() { d.dial(ctx, to) })
		}
		if !next.IsZero() {
			timer.Reset(max(time.Until(next), 0))
		}
	}
}

// take gives the dials and questions that are due; both share the slots, the questions first, as they come from the operator.
func (d *Discovery) take() (dials []dial, asks []*seed, next time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	_, dialing := d.book.links()
	slots := dialsAtOnce - dialing
	for _, s := range d.seeds {
		if s.asking {
			slots--
		}
	}
	for _, s := range d.seeds {
		switch {
		case s.fixed != "" || s.asking || d.reached(s):
		case s.due.After(now):
			next = soonest(next, s.due)
		case slots > 0:
			s.asking = true
			slots--
			asks = append(asks, s)
		}
	}
	dials, later := d.book.take(now, max(slots, 0))
	if !later.IsZero() {
		next = soonest(next, later)
	}
	return dials, asks, next
}

// reached says whether somebody whom the seed led to is connected.
func (d *Discovery) reached(s *seed) bool {
	return slices.ContainsFunc(s.learned, d.connected)
}

func (d *Discovery) connected(p peer.ID) bool {
	t, ok := d.book.targets[p]
	return ok && t.connected
}

// askSeed learns who is behind a bootstrap address and has them dialled. It is asked again, with a back-off, until one of them is
// connected: the peer may have a new identity.
func (d *Discovery) askSeed(ctx context.Context, s *seed) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	got := ask(ctx, d.host, s.addr)
	d.mu.Lock()
	now := time.Now()
	s.asking = false
	if len(got.peers) > 0 { // else it still leads to whom it led to: that peer may come by itself meanwhile, and then it is reached
		s.learned = s.learned[:0]
	}
	for p, addrs := range got.peers {
		s.learned = append(s.learned, p)
		d.book.add(peer.AddrInfo{ID: p, Addrs: addrs}, ViaBootstrap, now, now)
	}
	s.count(got)
	s.due = now.Add(backoff(s.failures, rand.Float64()))
	if got.self && len(got.peers) == 0 {
		s.due = now.Add(backoffCeiling)
	}
	fresh := ""
	switch text := s.trouble(got); {
	case errors.Is(ctx.Err(), context.Canceled):
	case text != "" && !d.reached(s):
		fresh = d.note(s.text, text)
	case got.self, len(got.peers) > 0: // an earlier warning is of a time when nobody answered
		d.note(s.text, "")
	}
	d.mu.Unlock()
	poke(d.wake)
	d.log(fresh)
}

// count notes how an address answered. Failures in a row are of one kind: that somebody answers there again begins anew.
func (s *seed) count(got answer) {
	if met := len(got.peers) > 0; met != s.met {
		s.met, s.failures = met, 0
	}
	s.failures++
}

// trouble is the warning about a bootstrap address that was asked and did not lead to a member yet.
func (s *seed) trouble(got answer) string {
	switch {
	case got.self || s.failures < warnAfter:
		return ""
	case len(got.peers) == 0:
		return fmt.Sprintf("bootstrap %s cannot be reached: %s", s.text, why(got.err))
	case s.failures < warnRefusedAfter:
		return ""
	}
	return fmt.Sprintf("bootstrap %s answers as %s but keeps no connection: this component may be denied or revoked there", s.text, s.learned[0])
}

// dial tries one peer. Success is not what Connect says (the other side may refuse us right after) but identify's event.
func (d *Discovery) dial(ctx context.Context, to dial) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	clearBackoff(d.host, to.info.ID) // our own back-off decides
	err := d.host.Connect(ctx, to.info)
	d.mu.Lock()
	d.book.ended(to.info.ID, time.Now(), rand.Float64())
	if errors.Is(err, swarm.ErrGaterDisallowedConnection) {
		d.book.forget(to.info.ID)
	}
	d.mu.Unlock()
	poke(d.wake)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		for _, fresh := range d.failed(to.info.ID, err) {
			d.log(fresh)
		}
		d.config.Log.Debug().Str("peer", to.info.ID.String()).Str("via", to.via).Str("why", why(err)).Msg("dial failed")
	}
}

// failed counts a failed dial for the bootstrap addresses that name this peer, and gives the warnings that are new. One that came by itself
// meanwhile is reached.
func (d *Discovery) failed(p peer.ID, err error) (fresh []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.seeds {
		if s.fixed != p || d.connected(p) {
			continue
		}
		if s.failures++; s.failures >= warnAfter {
			fresh = append(fresh, d.note(s.text, fmt.Sprintf("bootstrap %s cannot be reached: %s", s.text, why(err))))
		}
	}
	return fresh
}

// watchInterfaces looks at this machine's interfaces at every tick and acts when they have changed: mDNS starts again, everybody lost
// is dialled at once, and the connections that are left are checked.
func (d *Discovery) watchInterfaces(ctx context.Context, ticks <-chan time.Time, read func() interfaces, restartMDNS chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		now := read()
		d.mu.Lock()
		same := now.state == d.interfaces.state
		d.interfaces = now
		d.mu.Unlock()
		if same {
			continue
		}
		d.config.Log.Debug().Msg("local interfaces changed")
		poke(restartMDNS)
		d.redialAll()
		for _, c := range d.host.Network().Conns() {
			d.tasks.Go(func() { d.check(ctx, c) })
		}
	}
}

func (d *Discovery) redialAll() {
	d.mu.Lock()
	now := time.Now()
	for _, p := range d.book.reset(now) {
		clearBackoff(d.host, p)
	}
	for _, s := range d.seeds {
		s.failures, s.due = 0, earlier(s.due, now)
	}
	d.mu.Unlock()
	poke(d.wake)
}
