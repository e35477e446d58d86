package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// How long an asker waits for the answers to a roll call. Those who are connected answer within a round trip or two; of the others it
// is not known whether they run.
const (
	waitConnected = 3 * time.Second
	waitOthers    = time.Second
	waitAnswer    = 300 * time.Millisecond // then the connected ones who are silent are called alone
)

// bell wakes whoever waits for a new state.
type bell struct {
	mutex sync.Mutex
	next  chan struct{}
}

// wait gives a channel that is closed at the next ring.
func (b *bell) wait() <-chan struct{} {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *bell) ring() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// Call calls the roll, or reuses one that is younger than callEvery, and gives the state once all accepted components have answered, or have had
// their time to.
func (a *Agent) Call(ctx context.Context) (api.Snapshot, error) {
	if _, err := a.ask(ctx, func(k *core) []string { return slices.Collect(maps.Keys(k.sets())) }); err != nil {
		return api.Snapshot{}, err
	}
	return a.Snapshot(ctx)
}

// ask calls the roll, or reuses a call, and waits for the answers about the sets that are meant.
func (a *Agent) ask(ctx context.Context, about func(*core) []string) (asked, error) {
	q, err := inLoop(ctx, a, func(ctx context.Context, l *loop) (q asked, err error) {
		q.sets, q.new = about(l.core), l.core.isNew(l.options.Now())
		q.call, err = l.callRoll(ctx)
		return q, err
	})
	if err != nil {
		return q, err
	}
	return q, a.await(ctx, q)
}

// await waits until all accepted components have answered, or have had their time to: those who are not connected have less of
// it, unless they have answered a call of the last minute. Then they may well be there, and what they said then is not enough.
func (a *Agent) await(ctx context.Context, q asked) error {
	limited, cancel := context.WithTimeout(ctx, waitConnected) // of the waiting alone: a loop that is busy for longer is no failure
	defer cancel()
	patience := time.NewTimer(waitOthers)
	defer patience.Stop()
	impatient := false
	silent := time.NewTimer(waitAnswer)
	defer silent.Stop()
	for {
		rung := a.news.wait()
		likely, all := a.answers(q)
		if all || likely && impatient {
			return nil
		}
		select {
		case <-rung:
		case <-silent.C:
			if err := a.perform(ctx, func(ctx context.Context, l *loop) { l.remind(ctx, q) }); err != nil {
				return err
			}
		case <-patience.C:
			impatient = true
		case <-a.done:
			return ErrNotRunning
		case <-limited.Done():
			return ctx.Err()
		}
	}
}

// isNew says whether this agent started within the last minute: then nobody can have answered it before.
func (k *core) isNew(now time.Time) bool { return now.Sub(k.start).Abs() < answerLasts }

// answers says whether those accepted components that are likely to answer, and whether all of them, have answered and are
// understood. Likely are those that are connected, and those that answered a call of the last minute; all, while this agent is new.
func (a *Agent) answers(q asked) (likely, all bool) {
	seen, now := a.shown.Load(), a.options.Now()
	likely, all = true, true
	open := seen.sight.unknown(now)
	for _, p := range seen.snapshot.Peers {
		if !approvedState(p.State) || p.ByCard != nil { // who takes part by card cannot answer
			continue
		}
		if seen.sight.heardAll(p.Component, q, open, now) {
			continue
		}
		all = false
		_, _, lately := seen.sight.answered(p.Component, "", now)
		if q.new || lately || p.Connected != nil && *p.Connected {
			likely = false
		}
	}
	return likely, all
}

// callRoll makes a roll call if the last one is older than callEvery, and looks at what this site itself will answer. call is
// when the one that was made, or is reused, was heard here, less than callEvery ago: who does not answer that one says nothing.
func (l *loop) callRoll(ctx context.Context) (call time.Time, err error) {
	now := l.options.Now().Round(0) // the monotonic clock stands still while a machine is suspended
	l.asked = now
	l.core.views.mute = map[mpspdz.Hash]bool{} // what could not be had is asked for again
	l.lookAtOwn(now)
	v := &l.core.views
	reused := now.Add(-callEvery)
	if v.last.After(reused) {
		reused = v.last
	}
	if !l.core.someoneToCall() || !l.core.mayCall(now) {
		return reused, nil
	}
	made, err := l.core.sealCall(now)
	if err != nil {
		return time.Time{}, err
	}
	// One that comes too soon after another's is refused: that one is being answered, and may still be on its way to the loop.
	if err := l.exchange.Publish(ctx, made.Sealed); err != nil {
		l.options.Log.Debug().Err(err).Msg("publishing a roll call")
		return reused, nil
	}
	v.hearCall(made, true, now)
	return v.last, nil
}

// lookAtOwn makes sure that what this site answers is what stands on its disk.
func (l *loop) lookAtOwn(now time.Time) {
	l.core.mendPlayers(now)
	l.core.lookRegistry(now)
	l.settle()
}

// sealCall makes a roll call.
func (k *core) sealCall(now time.Time) (*exchange.Call, error) {
	call := exchange.Call{Issued: now}
	if _, err := rand.Read(call.ID[:]); err != nil {
		return nil, err
	}
	var err error
	if call.Sequence, err = k.nextRecord(now); err != nil {
		return nil, err
	}
	return exchange.SealCall(k.federation, call, k.self.key)
}

// Ready says whether all that a set needs agree, after a roll call.
func (a *Agent) Ready(ctx context.Context, sel api.SetSelector) (api.Ready, error) {
	ask, err := a.ask(ctx, func(*core) []string { return slices.Compact([]string{"", sel.Name}) })
	if err != nil {
		return api.Ready{}, err
	}
	return inLoop(ctx, a, func(_ context.Context, l *loop) (api.Ready, error) {
		q, fault := l.core.question(sel)
		if fault != nil {
			return api.Ready{}, fault
		}
		seen := a.shown.Load()
		now := a.options.Now()
		q.call, q.pair, q.changed = ask.call, l.core.pairFault(now), l.core.tellAltered(q.name, now)
		return judgeReady(q, seen.snapshot, seen.sight, now), nil
	})
}

// Parties gives a whole set: what is in force of it, or what would be.
func (a *Agent) Parties(ctx context.Context, sel api.SetSelector) (api.PartySet, error) {
	return inLoop(ctx, a, func(_ context.Context, l *loop) (api.PartySet, error) {
		set, fault := l.core.partySet(sel)
		if fault != nil {
			return api.PartySet{}, fault
		}
		return set, nil
	})
}

// Sets changes a named set, and answers after its player files are written. A change that was stored, and whose player files could not be
// written, is an error that says so.
func (a *Agent) Sets(ctx context.Context, r api.SetRequest) (api.SetResult, error) {
	return inLoop(ctx, a, func(_ context.Context, l *loop) (api.SetResult, error) {
		made, fault := l.core.changeSet(r, l.options.Now())
		if made != nil {
			l.core.outbox = append(l.core.outbox, made)
		}
		if fault != nil {
			return api.SetResult{}, fault
		}
		l.settle()
		if fault := l.core.unwritten(r.Name); fault != nil {
			return api.SetResult{}, fault
		}
		return api.SetResult{Set: l.core.namedSet(r)}, nil
	})
}

// namedSet is what became of a request.
func (k *core) namedSet(r api.SetRequest) api.NamedSet {
	if r.Action == api.ActionPropose {
		r.PeerID = k.self.id.String()
	}
	for _, set := range k.namedSets(k.options.Now()) {
		if set.Name == r.Name && (r.PeerID == "" || set.PeerID == r.PeerID) {
			return set
		}
	}
	return api.NamedSet{Name: r.Name, PeerID: r.PeerID, State: api.SetWithdrawn}
}

// question makes of a selector what readiness is asked about.
func (k *core) question(sel api.SetSelector) (question, *api.Error) {
	if sel.Name != "" {
		return k.namedQuestion(sel.Name)
	}
	inForce := k.lookInForce()
	if len(sel.Parties) == 0 {
		q := question{set: k.players.set, signers: k.players.signers, none: k.players.noSet, wanted: k.defaultMembers(inForce), fixed: len(k.config.Parties) > 0}
		if k.players.waiting != nil {
			q.none = k.players.waiting
		}
		return q, nil
	}
	chosen, unheard := k.known(sel.Parties, sel.IDs)
	w, err := k.chosenSet(chosen, inForce)
	if err != nil {
		return question{}, &api.Error{Code: api.CodeFailed, Text: err.Error()}
	}
	return question{chosen: true, set: w.set, none: w.none, wanted: chosen, unheard: unheard}, nil
}

func (k *core) namedQuestion(name string) (question, *api.Error) {
	if err := mpspdz.CheckSetName(name); err != nil {
		return question{}, &api.Error{Code: api.CodeRequest, Text: err.Error()}
	}
	set := k.confirmed[name]
	if set == nil {
		return question{name: name, none: k.unconfirmed(name)}, nil
	}
	q := question{name: name, none: set.lacks(), wanted: set.proposal.Members, proposal: set.proposal.Content(),
		typed: k.typed(set.proposal), proposer: k.componentOf(set.proposal.Peer), proposed: k.proposedSince(set)}
	if q.none == nil {
		q.set, q.signers, q.none = set.players.set, set.players.signers, cmp.Or(set.players.failed, set.players.waiting)
	}
	return q, nil
}

// defaultMembers are the components of the default set, in its order where it is in force.
func (k *core) defaultMembers(inForce map[string]*exchange.Announcement) []string {
	var members []string
	if k.players.noSet == nil && k.players.waiting == nil {
		for _, party := range k.players.set.Parties() {
			members = append(members, party.Component)
		}
		return members
	}
	members = append(members, k.config.Component.ID)
	if len(k.config.Parties) > 0 {
		chosen, _ := k.components(k.config.Parties, false)
		return append(members, chosen...)
	}
	for _, party := range parties(inForce) {
		members = append(members, party.Component)
	}
	return members
}

// meant is the component that an alias stands for; what is no alias, or said to be an id, stands for itself.
func (k *core) meant(name string, isID bool) string {
	if entry, ok := k.list.ByAlias(name); ok && !isID {
		return entry.Component
	}
	return name
}

// known resolves names, or ids alone, to components of which anything has been heard, our own added where it was left out.
func (k *core) known(names []string, ids bool) (components, unheard []string) {
	for _, name := range names {
		component := k.meant(name, ids)
		_, listed := k.list.Entry(component)
		heard := listed || component == k.config.Component.ID
		for _, a := range k.newest {
			heard = heard || a.Component == component
		}
		switch {
		case !heard:
			unheard = append(unheard, name)
		case !slices.Contains(components, component):
			components = append(components, component)
		}
	}
	if own := k.config.Component.ID; !slices.Contains(components, own) {
		components = append(components, own)
	}
	return components, unheard
}

// chosenSet is a set of some of the components, in the order that the rule gives.
func (k *core) chosenSet(chosen []string, inForce map[string]*exchange.Announcement) (wanted, error) {
	members := []mpspdz.Party{partyOf(k.self.registration)}
	for _, component := range chosen {
		if a := inForce[component]; a != nil {
			members = append(members, partyOf(a.Registration))
		}
	}
	return formed(k.signedSet(mpspdz.NewPartySet(members)))
}

// partySet is a whole set for who writes player files of it.
func (k *core) partySet(sel api.SetSelector) (api.PartySet, *api.Error) {
	q, fault := k.question(sel)
	switch {
	case fault != nil:
		return api.PartySet{}, fault
	case len(q.unheard) > 0:
		return api.PartySet{}, &api.Error{Code: api.CodeUnknown, Text: "nothing has been heard of " + exchange.ShowText(q.unheard[0]), Hint: "fbpeer peers lists who is known"}
	case q.none != nil && q.set.Len() == 0:
		return api.PartySet{}, refused(q.none.Cure, "there is no such set: %s", q.none.Text)
	}
	for _, component := range q.wanted {
		if q.set.Number(component) < 0 {
			return api.PartySet{}, refused("fbpeer trust approve "+component, "%s is not approved here", component)
		}
	}
	set := api.PartySet{Digest: q.set.Digest().String(), Party: q.set.Number(k.config.Component.ID), BindPort: int(k.self.bindPort)}
	for i, party := range q.set.Parties() {
		set.Parties = append(set.Parties, api.Party{Role: string(party.Role), Certificate: string(party.Certificate.PEM()),
			SetParty: api.SetParty{Party: i, Component: party.Component, Alias: k.alias(party.Component), Endpoint: party.Endpoint.String()}})
	}
	return set, nil
}
