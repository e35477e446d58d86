package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"fbpeer/mpspdz"
)

// Round is a probe of a whole set, as the asking side needs it.
type Round struct {
	Opener *Opener
	Site   Site // the own one
	// Stream opens a stream of Protocol to a component's agent; an error means that it cannot be asked. It must end with its context, and
	// Close must end what is read and written on the stream.
	Stream     func(ctx context.Context, component string) (io.ReadWriteCloser, error)
	Components []string                      // only pairs with one of these (ids of members); empty: all
	Name       func(component string) string // what texts call a component; nil: its id
}

// Coordinate asks every member to open its port and to dial the others, does the same at this site, and gives every direction that was
// asked for, by party number of From, then of To. It takes 15 s at most. The error is mpspdz.ErrNotMember for Site.Component or one of
// Components; whatever fails otherwise is a result.
func Coordinate(ctx context.Context, r Round) ([]Cell, error) {
	for _, id := range append([]string{r.Site.Component}, r.Components...) {
		if r.Site.Set.Number(id) < 0 {
			return nil, fmt.Errorf("%q: %w", id, mpspdz.ErrNotMember)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.Opener.timing.whole)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel() // ends the streams, by which the others know that all is done
	began := r.Opener.c.Now()
	own := r.Site.Set.Number(r.Site.Component)
	at := time.Now()
	p, mine := r.Opener.answer(r.Site)
	if p != nil {
		defer p.leave()
	}
	asked := r.ask(ctx, &group)
	members := collect(ctx, asked, r.Opener.timing.ask)
	members[own] = member{answer: mine, at: at}
	if p != nil && mine.over {
		members[own].row, members[own].told = p.results(), true
	}
	now := time.Now()
	for _, a := range asked {
		if members[a.party].waits() {
			a.goes <- r.targets(members, a.party, now)
		}
	}
	if p != nil && !mine.over { // one that is off here still dials: it was this site that asked
		members[own].row, members[own].told = p.dial(ctx, r.targets(members, own, now)), true
	}
	for _, a := range asked {
		if members[a.party].waits() {
			members[a.party].row, members[a.party].told = a.row(ctx)
		}
	}
	return r.cells(members, began, r.Opener.c.Now()), nil
}

// member is what the coordinator knows of one party, by number.
type member struct {
	answer answer
	at     time.Time // before it was asked: what it says was true then or later
	row    []result
	told   bool // its row came
}

// waits says whether it waits for a go.
func (m member) waits() bool { return m.answer.status.takesPart() && !m.answer.over }

// open is how long its port is open yet, counted from an answer of no more than most; 0 if it is not.
func (m member) open(now time.Time, most time.Duration) time.Duration {
	if m.answer.status != statusOpen || m.answer.over {
		return 0
	}
	return min(m.answer.left, most) - now.Sub(m.at)
}

// wanted says whether a direction was asked for.
func (r Round) wanted(from, to int) bool {
	parties := r.Site.Set.Parties()
	return from != to && (len(r.Components) == 0 ||
		slices.Contains(r.Components, parties[from].Component) || slices.Contains(r.Components, parties[to].Component))
}

// targets are those whom a party shall dial: members who said that their port is open, nobody else. A port at which a real MP-SPDZ listens
// is never dialled: it would take our first bytes for a length, and end.
func (r Round) targets(members []member, from int, now time.Time) []target {
	var targets []target
	for to, m := range members {
		if left := m.open(now, r.Opener.timing.open); left > 0 && r.wanted(from, to) {
			targets = append(targets, target{to, left})
		}
	}
	return targets
}

// asking is the conversation with one member, which runs in a goroutine of its own.
type asking struct {
	party   int
	answers chan member   // one
	goes    chan []target // one
	rows    chan []result // one; closed if none comes
}

// ask begins the conversation with every other member.
func (r Round) ask(ctx context.Context, group *sync.WaitGroup) []*asking {
	var all []*asking
	for party, m := range r.Site.Set.Parties() {
		if m.Component == r.Site.Component {
			continue
		}
		a := &asking{party, make(chan member, 1), make(chan []target, 1), make(chan []result, 1)}
		all = append(all, a)
		group.Go(func() {
			defer close(a.rows)
			defer r.Opener.recovered("asking for")
			r.converse(ctx, m.Component, a)
		})
	}
	return all
}

// converse asks one member.
func (r Round) converse(ctx context.Context, component string, a *asking) {
	stream, err := r.Stream(ctx, component)
	if err != nil {
		a.answers <- member{answer: answer{status: statusNotConnected}}
		return
	}
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	defer stream.Close()
	err = r.talk(ctx, stream, a)
	if err != nil && !errors.Is(err, context.Canceled) {
		r.Opener.c.Log.Info().Str("component", component).Str("why", fmt.Sprintf("%q", err.Error())).Msg("a probe ended")
	}
	select {
	case a.answers <- member{answer: answer{status: statusNoAnswer}}: // in case none was given
	default:
	}
}

func (r Round) talk(ctx context.Context, stream io.ReadWriter, a *asking) error {
	at := time.Now() // the time that the question and the answer take is lost, so that nobody dials for longer than the port is open
	if err := writeFrame(stream, request{r.Site.SetName, r.Site.Set.Digest()}.encode()); err != nil {
		return err
	}
	body, err := readFrame(stream)
	if err != nil {
		return err
	}
	said, err := decodeAnswer(body)
	if err != nil {
		return err
	}
	m := member{answer: said, at: at}
	if said.over {
		if m.row, err = r.readRow(stream, a.party); err != nil {
			return err
		}
	}
	a.answers <- m
	if !m.waits() {
		return nil
	}
	select {
	case targets := <-a.goes:
		if err := writeFrame(stream, encodeGo(targets)); err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	row, err := r.readRow(stream, a.party)
	if err != nil {
		return err
	}
	a.rows <- row
	<-ctx.Done() // the member keeps its port open until the stream is closed, that is until all have their rows
	return nil
}

// readRow reads a party's row, and takes its times for our clock's.
func (r Round) readRow(stream io.Reader, party int) ([]result, error) {
	body, err := readFrame(stream)
	if err != nil {
		return nil, err
	}
	row, err := decodeRow(body, party, r.Site.Set.Len())
	now := r.Opener.c.Now()
	for i := range row {
		row[i].at = now.Add(-row[i].age)
	}
	return row, err
}

// collect waits for the members' answers, for so long, and gives what is known then by party number.
func collect(ctx context.Context, asked []*asking, patience time.Duration) []member {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	members := make([]member, len(asked)+1)
	expired := false
	for _, a := range asked {
		if !expired {
			select {
			case members[a.party] = <-a.answers:
				continue
			case <-timer.C:
			case <-ctx.Done():
			}
			expired = true
		}
		select {
		case members[a.party] = <-a.answers:
		default:
			members[a.party] = member{answer: answer{status: statusNoAnswer}}
		}
	}
	return members
}

// row waits for a member's row.
func (a *asking) row(ctx context.Context) (row []result, came bool) {
	select {
	case row, came = <-a.rows:
		return row, came
	case <-ctx.Done():
		return nil, false
	}
}
