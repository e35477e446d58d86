package agent

import (
	"context"
	"errors"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// offline works on the stores of an agent that is not running.
type offline struct {
	config  *config.Config
	options Options
	step    func(name string) error // nil but in tests
}

func (o *offline) load() (*core, error) {
	return loadCore(o.config, o.options, store{dir: o.config.State, step: o.step})
}

// Snapshot replays the stores. It takes no lock and creates nothing.
func (o *offline) Snapshot(context.Context) (api.Snapshot, error) {
	k, err := o.load()
	if err != nil {
		return api.Snapshot{}, err
	}
	k.look()
	s := k.snapshot(network{}, o.options.Now())
	return (&published{snapshot: s, sight: k.sight(s)}).withMatrix(o.options), nil
}

// Call is Snapshot: without a network there is nobody to call.
func (o *offline) Call(ctx context.Context) (api.Snapshot, error) { return o.Snapshot(ctx) }

// Ready needs an agent, for nobody else can be asked what they have registered; but where all others take part by card, an agent could
// not ask them either.
func (o *offline) Ready(_ context.Context, sel api.SetSelector) (api.Ready, error) {
	k, err := o.load()
	if err != nil {
		return api.Ready{}, err
	}
	k.look()
	q, fault := k.question(sel)
	if fault != nil {
		return api.Ready{}, ErrNotRunning
	}
	s := k.snapshot(network{}, o.options.Now())
	seen := k.sight(s)
	for _, component := range q.wanted {
		if _, byCard := seen.cards[component]; !byCard && component != k.config.Component.ID {
			return api.Ready{}, ErrNotRunning
		}
	}
	if len(seen.cards) == 0 {
		return api.Ready{}, ErrNotRunning
	}
	return judgeReady(q, s, seen, o.options.Now()), nil
}

// Sets needs an agent, which tells the other members.
func (o *offline) Sets(context.Context, api.SetRequest) (api.SetResult, error) {
	return api.SetResult{}, ErrNotRunning
}

// Probe needs the agents of all members.
func (o *offline) Probe(context.Context, api.ProbeRequest) (api.Probe, error) {
	return api.Probe{}, ErrNotRunning
}

// Parties reads the stores.
func (o *offline) Parties(_ context.Context, sel api.SetSelector) (api.PartySet, error) {
	k, err := o.load()
	if err != nil {
		return api.PartySet{}, err
	}
	k.look()
	set, fault := k.partySet(sel)
	if fault != nil {
		return api.PartySet{}, fault
	}
	return set, nil
}

// look reads what stands on disk of what would follow, and reports it; it writes nothing.
func (k *core) look() {
	inForce := k.lookInForce()
	base, err := k.baseSet(inForce)
	err = k.compare("", &k.players, base, err, inForce)
	for name, set := range k.confirmed {
		base, baseErr := k.baseNamed(set, inForce)
		err = errors.Join(err, k.compare(name, &set.players, base, baseErr, inForce))
	}
	if err != nil {
		k.problems.set(api.Warning{Code: api.WarnPlayers, Text: err.Error()})
	}
	if err := k.registry.read(); err != nil {
		k.problems.set(k.registryProblem(err))
	}
}

// compare says what stands of a set. One that waits for certificates leaves a former one that still stands as approved.
func (k *core) compare(name string, p *players, base mpspdz.PartySet, err error, inForce map[string]*exchange.Announcement) error {
	w, err := k.wantedOf(name, base, err)
	if err != nil {
		return err
	}
	if w.wait && p.name != "" && k.stands(p.set, inForce) {
		p.waiting = w.none
		return nil
	}
	return p.compare(w, k.own())
}

// locking does something to the stores of a component that has joined a federation, under the agent's lock. If an agent was started
// meanwhile, it is asked.
func locking[Answer any](ctx context.Context, o *offline, ask func(Controller) (Answer, error), do func() (Answer, error)) (a Answer, err error) {
	if o.config.Federation == "" {
		return a, notJoined() // before the lock makes its folder
	}
	if owner, foreign := durable.ForeignOwner(o.config.State); foreign {
		return a, refused("sudo -u "+owner.Name+" fbpeer …", "the state folder %s belongs to %s: what root writes there its agent could not read", o.config.State, owner.Name)
	}
	lock, err := takeLock(ctx, store{dir: o.config.State}.path(fileLock), "the state folder "+o.config.State)
	if err != nil {
		if running, dialErr := Dial(ctx, o.config); dialErr == nil {
			return ask(running)
		}
		return a, err
	}
	a, err = do()
	return a, errors.Join(err, lock.Release())
}

// loadToWrite is load where a commit follows.
func (o *offline) loadToWrite() (*core, error) {
	k, err := o.load()
	if err != nil {
		return nil, err
	}
	if err := k.store.make(); err != nil {
		return nil, err
	}
	return k, k.openLog(o.options.Now())
}

// Registry reads the stores; a sync takes the lock.
func (o *offline) Registry(ctx context.Context, r api.RegistryRequest) (api.Registry, error) {
	if r.Sync {
		return locking(ctx, o, func(running Controller) (api.Registry, error) { return running.Registry(ctx, r) }, o.syncRegistry)
	}
	k, err := o.load()
	if err != nil {
		return api.Registry{}, err
	}
	return k.showRegistry(o.options.Now())
}

func (o *offline) syncRegistry() (api.Registry, error) {
	k, err := o.loadToWrite()
	if err != nil {
		return api.Registry{}, err
	}
	if err := k.finishRegistry(); err != nil {
		return api.Registry{}, err
	}
	t, _, err := k.syncRegistry(o.options.Now())
	return t, err
}
