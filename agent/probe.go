package agent

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	libp2p "github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/probe"
)

// Bounds of probes that are answered.
const (
	probesMost     = 32               // of members, at the same time
	probesStranger = 8                // of all others, who are only told that they are not accepted
	probesEach     = 4                // of one peer
	probesASecond  = 2                // of one member, and of all others together, in the long run
	probesAtOnce   = 16               // that many more after a pause
	streamLimit    = 20 * time.Second // of a stream: more than package probe takes
)

// probeRoom counts the streams of probes that are being answered, and how many come. It is safe for concurrent use.
type probeRoom struct {
	mu        sync.Mutex
	members   int
	strangers int
	each      map[peer.ID]int
	rates     map[peer.ID]*rate.Limiter // of members; with the empty id that of all others together
}

func newProbeRoom() *probeRoom {
	return &probeRoom{each: map[peer.ID]int{}, rates: map[peer.ID]*rate.Limiter{}}
}

// enter takes a place for a peer's stream, if there is one and not too many came; leave, which is called once, gives it back.
func (r *probeRoom) enter(id peer.ID, member bool, now time.Time) (leave func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken, most, payer := &r.strangers, probesStranger, peer.ID("")
	if member {
		taken, most, payer = &r.members, probesMost, id
	}
	if *taken >= most || r.each[id] >= probesEach || !r.rateOf(payer, now).AllowN(now, 1) {
		return nil, false
	}
	*taken++
	r.each[id]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		*taken--
		if r.each[id]--; r.each[id] == 0 {
			delete(r.each, id)
		}
	}, true
}

// rateOf is a payer's account. Those that are full again are forgotten: they are as new ones.
func (r *probeRoom) rateOf(payer peer.ID, now time.Time) *rate.Limiter {
	account := r.rates[payer]
	if account == nil {
		maps.DeleteFunc(r.rates, func(_ peer.ID, other *rate.Limiter) bool { return other.TokensAt(now) >= probesAtOnce })
		account = rate.NewLimiter(probesASecond, probesAtOnce)
		r.rates[payer] = account
	}
	return account
}

// startProbing answers other agents' probes.
func (l *loop) startProbing(ctx context.Context) {
	l.opener = probe.NewOpener(ctx, probe.Config{Now: l.options.Now, Players: l.core.config.PlayersDir, Log: l.options.Log})
	room := newProbeRoom()
	l.host.SetStreamHandler(probe.Protocol, func(s libp2p.Stream) {
		id := s.Conn().RemotePeer()
		leave, ok := room.enter(id, l.listed(id), l.options.Now())
		if !ok {
			_ = s.Reset() // the asker sees no answer
			return
		}
		answering := l.spawn(func() {
			defer leave()
			l.answerProbe(ctx, s)
		})
		if !answering {
			leave()
			_ = s.Reset() // we are about to end
		}
	})
}

func (l *loop) answerProbe(ctx context.Context, s libp2p.Stream) {
	id := s.Conn().RemotePeer()
	if err := s.SetDeadline(time.Now().Add(streamLimit)); err != nil {
		_ = s.Reset()
		return
	}
	err := probe.Serve(ctx, s, probe.Member{Opener: l.opener, Site: func(set string) (probe.Site, error) {
		if !l.listed(id) {
			return probe.Site{}, &probe.Refusal{Reason: probe.ReasonNotAccepted} // without troubling the loop: anybody may ask
		}
		return inLoop(ctx, l.Agent, func(_ context.Context, l *loop) (probe.Site, error) { return l.core.probeSite(set, id) })
	}})
	if err != nil && ctx.Err() == nil {
		l.options.Log.Debug().Str("peer", id.String()).Str("why", exchange.ShowText(err.Error())).Msg("a probe ended")
	}
}

// probeSite is what this site brings to a probe that a member asks for; ourselves too.
func (k *core) probeSite(set string, asker peer.ID) (probe.Site, error) {
	if asker != k.self.id && !k.approves(asker) {
		return probe.Site{}, &probe.Refusal{Reason: probe.ReasonNotAccepted}
	}
	p := k.sets()[set]
	if p == nil || !p.inForce() {
		return probe.Site{}, &probe.Refusal{Reason: probe.ReasonNoSet}
	}
	return probe.Site{SetName: set, Set: p.set, Component: k.config.Component.ID, BindPort: k.self.bindPort, Folder: p.link(),
		Authorities: k.authorities, Off: !k.config.ProbeAnswer}, nil
}

// Probe lets all members of a set that is in force here try each other's MP-SPDZ ports.
func (a *Agent) Probe(ctx context.Context, r api.ProbeRequest) (api.Probe, error) {
	type prepared struct {
		seen  *probing
		round probe.Round
		none  *api.Warning // why no set of that name is in force here
	}
	p, err := inLoop(ctx, a, func(_ context.Context, l *loop) (p prepared, err error) {
		if p.seen, err = l.core.probing(r); err != nil {
			return p, err
		}
		p.round = probe.Round{Opener: l.opener, Components: r.Components, Name: p.seen.name, Stream: l.probeStream(p.seen.identities)}
		if set := l.core.confirmed[r.Set.Name]; r.Set.Name != "" && set == nil {
			p.none = l.core.unconfirmed(r.Set.Name)
		} else if set != nil {
			p.none = set.lacks()
		}
		p.round.Site, err = l.core.probeSite(r.Set.Name, l.core.self.id)
		return p, err
	})
	var none *probe.Refusal
	switch {
	case errors.As(err, &none):
		o := api.Obstacle{Code: api.ObstacleNoSet, Component: p.seen.own, Text: "no set is in force here whose ports could be tried", Cure: "fbpeer status says what is missing"}
		if p.none != nil {
			o.Text, o.Cure = p.none.Text+", so that no port was tried", p.none.Cure
		}
		return api.Probe{Cells: []api.ProbeCell{}, Obstacles: []api.Obstacle{o}}, nil
	case err != nil:
		return api.Probe{}, err
	}
	cells, err := probe.Coordinate(ctx, p.round)
	if err != nil {
		return api.Probe{}, refused("fbpeer players show lists the members", "%v", err)
	}
	return p.seen.answer(p.round.Site.Set, cells), nil
}

// probing is what a probe needs of the core, as it was when it began.
type probing struct {
	identities map[string]peer.ID // by component
	aliases    map[string]string
	byCard     map[string]bool // who takes part by card, and has no agent that could be asked
	among      []string        // only pairs of these are told of; nil: all
	components []string        // only pairs with one of these; nil: all
	own        string          // the own component
}

// probing prepares a probe. A choice of parties is tried within the default set: its files are those that stand on the disk.
func (k *core) probing(r api.ProbeRequest) (*probing, error) {
	p := &probing{identities: map[string]peer.ID{}, aliases: map[string]string{}, byCard: map[string]bool{}, components: r.Components, own: k.config.Component.ID}
	for _, entry := range k.list.Entries() {
		_, p.byCard[entry.Component] = k.imported[entry.Peer]
		p.identities[entry.Component], p.aliases[entry.Component] = entry.Peer, entry.Alias
	}
	if len(r.Set.Parties) > 0 && r.Set.Name == "" {
		chosen, unheard := k.known(r.Set.Parties, r.Set.IDs)
		if len(unheard) > 0 {
			return nil, &api.Error{Code: api.CodeUnknown, Text: "nothing has been heard of " + exchange.ShowText(unheard[0]), Hint: "fbpeer peers lists who is known"}
		}
		p.among = chosen
	}
	return p, nil
}

func (p *probing) name(component string) string {
	if alias := p.aliases[component]; alias != "" {
		return alias
	}
	return component
}

// probeStream opens streams to the agents of components.
func (l *loop) probeStream(identities map[string]peer.ID) func(ctx context.Context, component string) (io.ReadWriteCloser, error) {
	return func(ctx context.Context, component string) (io.ReadWriteCloser, error) {
		s, err := l.host.NewStream(ctx, identities[component], probe.Protocol)
		if err != nil {
			return nil, err
		}
		return s, s.SetDeadline(time.Now().Add(streamLimit))
	}
}

// cardOnly is which end of a cell without an agent takes part by card; "": neither.
func (p *probing) cardOnly(c probe.Cell) string {
	if c.Code != probe.NoAgent {
		return ""
	}
	for _, component := range []string{c.To, c.From} {
		if p.byCard[component] {
			return component
		}
	}
	return ""
}

// left are obstacles for those who were asked for and were not tried: a probe is a yes only of what was tried.
func (p *probing) left(set mpspdz.PartySet) (all []api.Obstacle) {
	isNot := func(component, text, cure string) {
		all = append(all, api.Obstacle{Code: api.ObstacleNoSet, Component: component, Text: p.name(component) + text, Cure: cure})
	}
	for _, component := range p.among {
		if set.Number(component) < 0 {
			isNot(component, " is not in the set in force here, so its port was not tried", "fbpeer status says what is missing; fbpeer probe without --parties tries the set")
		}
	}
	for _, component := range p.components {
		if p.among != nil && !slices.Contains(p.among, component) {
			isNot(component, " is not among the parties that were named, so its port was not tried", "name it in --parties too")
		}
	}
	return all
}

// answer tells what was found.
func (p *probing) answer(set mpspdz.PartySet, cells []probe.Cell) api.Probe {
	result := api.Probe{Obstacles: append([]api.Obstacle{}, p.left(set)...), Cells: []api.ProbeCell{}}
	for i, party := range set.Parties() {
		if p.among == nil || slices.Contains(p.among, party.Component) {
			result.Parties = append(result.Parties, api.SetParty{Party: i, Component: party.Component, Alias: p.aliases[party.Component], Endpoint: party.Endpoint.String()})
		}
	}
	for _, c := range cells {
		if p.among != nil && (!slices.Contains(p.among, c.From) || !slices.Contains(p.among, c.To)) {
			continue
		}
		cell := api.ProbeCell{From: c.From, To: c.To, Result: string(c.Code), Millis: c.Took.Milliseconds(), At: c.At.UTC(), Age: int64(c.Age / time.Second),
			Text: c.Text, Cure: c.Cure}
		if card := p.cardOnly(c); card != "" {
			cell.Text = p.name(card) + " takes part by card, and cannot be probed"
			cell.Cure = "try its port from here with MP-SPDZ itself, or probe the others: fbpeer probe --parties …"
		}
		if !c.Endpoint.IsZero() {
			cell.Endpoint = c.Endpoint.String()
		}
		for _, w := range c.Warnings {
			cell.Warnings = append(cell.Warnings, api.Warning{Code: w.Code, Text: w.Text, Cure: w.Cure})
		}
		result.Cells = append(result.Cells, cell)
		if c.Code != probe.OK {
			result.Obstacles = append(result.Obstacles, api.Obstacle{Code: cell.Result, Component: c.To, Of: c.From, Text: cell.Text, Cure: cell.Cure})
		}
	}
	if result.OK = len(result.Obstacles) == 0; result.OK && len(result.Cells) == 0 {
		result.OK, result.Obstacles = false, []api.Obstacle{{Code: api.ObstacleNoSet, Component: p.own, Text: "no two parties were named, so nothing was tried",
			Cure: "fbpeer probe without --parties tries the set in force here"}}
	}
	return result
}
