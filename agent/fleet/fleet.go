// Package fleet runs the agents of all components of one Fed-BioMed root in one process, for `fbpeer dev`.
//
// It finds the components (etc/*.ini), gives them a development federation of their own (<root>/var/fbpeer-dev/dev.federation, made
// once and kept), runs an agent for each with its state in <root>/var/fbpeer-dev/<component id>/, on loopback and without mDNS,
// and connects them directly. Since it knows the identity and the present announcement of each of its agents from the inside, it
// approves them at each other without asking: the newest announcement of exactly that identity, first ones and changes alike, and
// a new identity in the place of one of a state folder that was removed. Nobody else is ever approved, and what an operator denied
// or revoked stays so. Approvals carry Approver as their author; those of components that left the root are forgotten again.
//
// The root is watched: components may come, go and change while it runs. Two files with one id are a mistake of which neither is
// run. A component whose files are wrong is left out, named in Progress.Waiting, and tried again after a change.
//
// All components agree when every one of at least three runs and has been connected with every other one since it was started, has
// the same set in force (digest), has written its player files and, where it keeps a Fed-BioMed registry, has a row for each other one.
//
// A root belongs to one fleet at a time (lock <root>/var/fbpeer-dev/lock), and to agents of its own: where another fleet, or another
// agent of a component, runs when it starts, Run fails with a *config.Error that names who holds the lock. So it does without etc.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// Approver is who approves in a fleet's trust lists.
const Approver = "fbpeer dev"

// minimum is how many parties secure aggregation needs.
const minimum = 3

// Config of `fbpeer dev`.
type Config struct {
	Root    string
	Getenv  func(string) string // nil: os.Getenv
	Options agent.Options       // Loopback, Changed and Matrix are the fleet's own
	// Progress, if not nil, is called by Run's goroutine whenever something in it but Elapsed changed.
	Progress func(p Progress)
	// Ready, if not nil, is called by Run's goroutine each time all components agree (again), with their snapshots in party order.
	// `--once` cancels the context there.
	Ready func(snapshots []api.Snapshot)
}

// Progress counts, of Components components: how many are connected with all others, how many of the N·(N-1) pairs are
// registered, and how many have written the player files of all.
type Progress struct {
	Components                     int
	Connected, Registered, Written int
	Elapsed                        time.Duration
	Waiting                        string // why they cannot agree yet; one line per reason
}

// Pairs is how many registrations N components need of each other.
func (p Progress) Pairs() int { return p.Components * max(0, p.Components-1) }

// fleet is owned by Run's goroutine, but for what the mutex guards.
type fleet struct {
	config     Config
	root       string
	federation string // path of the federation file
	now        func() time.Time
	log        zerolog.Logger
	started    time.Time
	changed    chan struct{} // a snapshot was published, or an agent ended

	lock     *durable.Lock      // the root's
	members  map[string]*member // by the component's file
	problems []string           // why components of the root do not run
	refusals map[approval]string

	reported  Progress
	agreement string // what was agreed when Ready was called last; empty: not agreed now

	mutex     sync.Mutex
	snapshots map[string]api.Snapshot // by component, of the running ones
}

// member is one component with its running agent.
type member struct {
	file     string
	id       string
	registry bool
	up       bool // it has been connected with all others
	agent    *agent.Agent
	cancel   context.CancelFunc
	done     chan struct{} // closed when Run has returned
	err      error         // of Run; valid after done
}

// Run keeps an agent for every component of the root until ctx ends; then the error is nil. All are closed when it returns.
func Run(ctx context.Context, c Config) error {
	f, err := newFleet(c)
	if err != nil {
		return err
	}
	defer f.release()
	if err := f.free(); err != nil {
		return err
	}
	defer f.stopAll()
	w, err := newWatch(f.root)
	if err != nil {
		return err
	}
	defer w.close()
	rescan := time.NewTicker(rescanEvery)
	defer rescan.Stop()
	f.scan(ctx)
	for ctx.Err() == nil {
		f.reap()
		f.approve(ctx)
		f.report()
		select {
		case <-ctx.Done():
		case <-f.changed:
		case <-w.changed():
			f.scan(ctx)
		case <-rescan.C:
			w.refresh()
			f.scan(ctx)
		}
	}
	return nil
}

// snapshotOf is the newest snapshot of a running component.
func (f *fleet) snapshotOf(id string) (api.Snapshot, bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	s, ok := f.snapshots[id]
	return s, ok
}

// published takes an agent's snapshot. It is called in the agent's loop, and only notes it.
func (f *fleet) published(s api.Snapshot) {
	f.mutex.Lock()
	f.snapshots[s.Self.Component] = s
	f.mutex.Unlock()
	f.wake()
}

func (f *fleet) wake() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// start runs the agent of one component, and introduces it to the others.
func (f *fleet) start(ctx context.Context, file string, c *config.Config) error {
	options := f.config.Options
	options.Loopback, options.Changed, options.Matrix = true, f.published, f.matrix
	options.Log = options.Log.With().Str("agent", c.Component.ID).Logger()
	a, err := agent.New(ctx, c, options)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &member{file: file, id: c.Component.ID, registry: c.Registry && c.Component.Database != "", agent: a, cancel: cancel, done: make(chan struct{})}
	for _, other := range f.members {
		a.Connect(other.agent.AddrInfo())
		other.agent.Connect(a.AddrInfo())
	}
	f.members[file] = m
	go func() {
		defer f.wake()
		defer close(m.done)
		// One that was told to stop while it started has not failed.
		if err := a.Run(ctx); ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
			m.err = err
		}
	}()
	return nil
}

// stop ends one agent and waits for it.
func (f *fleet) stop(m *member) {
	m.cancel()
	<-m.done
	f.gone(m)
}

// gone forgets an agent that has ended.
func (f *fleet) gone(m *member) {
	m.cancel()
	delete(f.members, m.file)
	f.mutex.Lock()
	delete(f.snapshots, m.id)
	f.mutex.Unlock()
	if m.err != nil {
		f.log.Error().Err(m.err).Str("component", m.id).Msg("its agent has ended")
	}
}

// reap notices the agents that ended by themselves.
func (f *fleet) reap() {
	for _, m := range f.members {
		select {
		case <-m.done:
			f.gone(m)
			if m.err != nil {
				f.problems = append(f.problems, fmt.Sprintf("%s: %v", m.id, m.err))
			}
		default:
		}
	}
}

func (f *fleet) stopAll() {
	for _, m := range f.members {
		m.cancel()
	}
	for _, m := range f.members {
		<-m.done
		f.gone(m)
	}
}

// running lists the members, the researcher first, then by id: the order of the set that they will make.
func (f *fleet) running() []*member {
	return slices.SortedFunc(maps.Values(f.members), func(a, b *member) int {
		first, _ := f.snapshotOf(a.id)
		second, _ := f.snapshotOf(b.id)
		return cmp.Or(compareOrder(first.Self, second.Self), cmp.Compare(a.id, b.id))
	})
}

// compareOrder orders components as their set does.
func compareOrder(a, b api.Peer) int {
	rank := func(p api.Peer) int {
		if p.Role == string(mpspdz.Researcher) {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Component, b.Component))
}

// notRunning says that an agent left between two looks.
func notRunning(err error) bool {
	return errors.Is(err, agent.ErrNotRunning) || errors.Is(err, context.Canceled)
}
