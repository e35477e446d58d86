package probe

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"fbpeer/mpspdz"
)

// dialsAtOnce is how many members one member dials at the same time.
const dialsAtOnce = 16

// opening is one time that the port is open, or could not be, with all that is found in it: what was dialled for whoever shares it. It
// ends after 5 s, or when the last of those who joined it has left.
type opening struct {
	o      *Opener
	files  *files
	digest mpspdz.Hash
	status status // statusOpen, or why the port is not open
	began  time.Time
	ctx    context.Context // until it ends
	cancel func()
	turns  chan struct{}

	mu     sync.Mutex
	served map[int]bool // members that had their handshake
	dials  map[int]*dialing

	users int // under the Opener's mutex
}

// dialing is one member that is dialled, or was.
type dialing struct {
	done   chan struct{} // closed when result is there
	result result
}

// leave ends the opening if nobody else is in it.
func (p *opening) leave() {
	p.o.mu.Lock()
	defer p.o.mu.Unlock()
	if p.users--; p.users == 0 {
		p.cancel()
	}
}

// over says whether it has ended.
func (p *opening) over() bool { return p.ctx.Err() != nil }

// mayFollow says whether the next one may begin.
func (p *opening) mayFollow(now time.Time) bool { return p.over() && p.again(now) <= 0 }

// again is how long it takes until the next one may begin.
func (p *opening) again(now time.Time) time.Duration { return p.o.again(p.began, now) }

// left is how long it lasts yet.
func (p *opening) left() time.Duration {
	deadline, ok := p.ctx.Deadline()
	if !ok || p.over() {
		return 0
	}
	return time.Until(deadline)
}

// dial dials the targets that nobody has dialled yet in this opening, waits for all of them, and gives all results that there are then, in
// order: also those of others, who may have asked for members that are no targets any more. It waits no longer than ctx.
func (p *opening) dial(ctx context.Context, targets []target) []result {
	var all []*dialing
	for _, t := range targets {
		if d := p.begin(t); d != nil {
			all = append(all, d)
		}
	}
	for _, d := range all {
		select {
		case <-d.done:
		case <-ctx.Done():
		}
	}
	return p.results()
}

// begin gives the dialing of a target. An opening that has ended begins none: then it is nil.
func (p *opening) begin(t target) *dialing {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.dials[t.to]
	if d != nil || p.over() {
		return d
	}
	d = &dialing{done: make(chan struct{}), result: result{to: t.to, code: Failed, party: nobody, detail: "the agent failed"}}
	closes := time.Now().Add(min(t.left, p.o.timing.open)) // no port is open for longer, whoever says so
	if !p.o.spawn(func() {
		defer close(d.done)
		defer p.o.recovered("dialling")
		r := p.turn(t.to, closes)
		r.at = p.o.c.Now()
		d.result = r
	}) {
		return nil
	}
	p.dials[t.to] = d
	return d
}

// least is the shortest time that says anything: the first repetition of a lost packet comes after a second.
const least = 1500 * time.Millisecond

// turn dials one member when there is room for it, unless its port is about to close then, or this opening to end: nobody watches over what
// the other's port is afterwards. It ends with the opening.
func (p *opening) turn(party int, closes time.Time) result {
	late := result{to: party, code: Failed, how: howLate, party: nobody}
	if ends, ok := p.ctx.Deadline(); ok && ends.Before(closes) {
		closes = ends
	}
	ctx, cancel := context.WithDeadline(p.ctx, closes)
	defer cancel()
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return late
	}
	if time.Until(closes) < min(least, p.o.timing.dial) {
		return late
	}
	ctx, cancel = context.WithTimeout(ctx, p.o.timing.dial)
	defer cancel()
	r := p.files.dialParty(ctx, p.o.c, party)
	if r.code == Failed && errors.Is(ctx.Err(), context.Canceled) {
		return late
	}
	return r
}

// results gives what is there, by party number.
func (p *opening) results() []result {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []result
	for _, d := range p.dials {
		select {
		case <-d.done:
			out = append(out, d.result)
		default:
		}
	}
	slices.SortFunc(out, func(a, b result) int { return a.to - b.to })
	return out
}

// recovered keeps a panic from ending the agent.
func (o *Opener) recovered(doing string) {
	if p := recover(); p != nil {
		o.c.Log.Error().Interface("panic", p).Msg(doing + " an MP-SPDZ port for a probe failed")
	}
}
