// Package fleet runs the agents of all components of one Fed-BioMed root in one process, for `fbpeer dev`.
//
// It finds the components (etc/*.ini), gives them a development federation (<root>/var/fbpeer-dev/dev.federation, made once and kept,
// or the one of Config.Federation), runs an agent for each with its state in <root>/var/fbpeer-dev/<component id>/, on loopback and
// without mDNS, and connects them directly. Since it knows the identity and the present announcement of each of its agents from the
// inside, it approves them at each other without asking: the newest announcement of exactly that identity, first ones and changes
// alike, and a new identity in the place of one of a state folder that was removed. What an operator denied or revoked stays so.
// Approvals carry Approver as their author; those of components that left the root are forgotten again.
//
// The root is watched: components may come, go and change while it runs. Two files with one id are a mistake of which neither is
// run. A component whose files are wrong is left out, named in Progress.Waiting, and tried again after a change.
//
// All components agree when every one of at least three runs and has been connected with every other one since it was started, has
// the same set in force (digest), has written its player files and, where it keeps a Fed-BioMed registry, has a row for each other one.
//
// # Several machines
//
// With Config.LAN the agents listen on all addresses and use mDNS, whatever [agent] mdns says, and whoever is found in the same
// development federation is approved as well: to hold its secret is the whole trust. A component takes part if one of our agents is
// connected with its agent, or was 20 s ago; after that it is forgotten, and approved again when it is back. Its approval waits until it
// announces more than a loopback address. A new identity takes the place of an approved one only when that one is gone; where
// both are there, or another machine announces a component of ours, a folder was copied: Progress.Waiting names the component, and
// they do not agree.
//
// Components whose configuration has a loopback address are announced at this machine's address on the live connections with other
// machines (chooseAddress), by agent.Advertise: nothing of it is written but the announcement. At the start it is the address that was
// announced last, if this machine still has it, so that a restart changes nothing. Without components of other machines it is what is
// configured.
//
// With a file given in Config.Federation there is another machine to join: none agree until one of its components took part, however
// many are here, for those of this machine alone may be ready before it is found.
//
// At least three in all are needed, and all agree when moreover the agents of the other machines have answered to one of ours that
// they hold the same (agent.Ready, but for nodes that refuse secure aggregation).
//
// # Files
//
// A federation file that is given replaces the root's own by one rename, after the other one was written to dev.federation.old, and
// before that whoever a fleet approved in the former federation is forgotten in every component's stores, rows and player files. A
// crash on the way leaves the former federation, in which all of the root approve each other again. One that is not marked as
// development is refused with a *config.Error, wherever it lies.
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
	"net/netip"
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
	Options agent.Options       // Loopback, Advertise, Changed and Matrix are the fleet's own
	// Federation is a development federation file to take in the place of the root's own, which stays beside it; "": the root's own.
	Federation string
	// LAN: find the dev agents of other machines in this federation by mDNS, and approve them too. Otherwise loopback only.
	LAN bool
	// Starting, if not nil, is called once, before the first agent starts: with the path of the root's federation file, and its name.
	Starting func(file, name string)
	// Progress, if not nil, is called by Run's goroutine whenever something in it but Elapsed changed.
	Progress func(p Progress)
	// Ready, if not nil, is called by Run's goroutine each time all components agree (again). `--once` cancels the context there.
	Ready func(a Agreement)
}

// Agreement is who agrees, both in party order: the components of the root, and those of other machines (--lan).
type Agreement struct {
	Here      []api.Snapshot
	Elsewhere []api.Peer
}

// Parties is how many agree.
func (a Agreement) Parties() int { return len(a.Here) + len(a.Elsewhere) }

// Progress counts, of the Components components of the root: how many are connected with all others, how many of their
// registrations of others are done, and how many have written the player files of all. Elsewhere is how many components of other
// machines take part (--lan).
type Progress struct {
	Components, Elsewhere          int
	Connected, Registered, Written int
	Elapsed                        time.Duration
	Waiting                        string // why they cannot agree yet; one line per reason
}

// Pairs is how many registrations the components of the root need, of each other and of those elsewhere.
func (p Progress) Pairs() int { return p.Components * max(0, p.Components+p.Elsewhere-1) }

// fleet is owned by Run's goroutine, but for what the mutex guards.
type fleet struct {
	config  Config
	root    string
	now     func() time.Time
	log     zerolog.Logger
	started time.Time
	changed chan struct{} // a snapshot was published, or an agent ended

	lock     *durable.Lock      // the root's
	members  map[string]*member // by the component's file
	problems []string           // why components of the root do not run
	refusals map[approval]string

	address  netip.Addr           // of this machine, announced in place of localhost; zero: none
	seen     map[string]time.Time // agents of other machines, by peer id: when one of ours was connected with it last
	met      bool                 // a component of another machine took part
	departed map[string]bool      // identities of components that left the root while we run

	asking    sync.WaitGroup
	reported  Progress
	agreement string // what was agreed when Ready was called last; empty: not agreed now

	mutex        sync.Mutex
	snapshots    map[string]api.Snapshot // by component, of the running ones
	verification verification
}

// member is one component with its running agent.
type member struct {
	file   string
	id     string
	up     bool       // it has been connected with all others
	told   netip.Addr // to announce in place of localhost
	agent  *agent.Agent
	cancel context.CancelFunc
	done   chan struct{} // closed when Run has returned
	err    error         // of Run; valid after done
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
	if err := f.takeFederation(ctx); err != nil {
		return err
	}
	f.address = f.lastAddress()
	defer f.asking.Wait()
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
		f.lookAround()
		f.advertise(ctx)
		f.approve(ctx)
		f.report(ctx)
		select {
		case <-ctx.Done():
		case <-f.changed:
		case <-w.changed():
			f.scan(ctx)
		case <-rescan.C:
			w.refresh()
			clear(f.refusals) // what stood against an approval may be gone
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
	options.Changed, options.Advertise = f.published, f.address
	if !f.config.LAN {
		options.Loopback, options.Matrix = true, f.matrix // what the others hold is known here
	}
	options.Log = options.Log.With().Str("agent", c.Component.ID).Logger()
	a, err := agent.New(ctx, c, options)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	m := &member{file: file, id: c.Component.ID, told: f.address, agent: a, cancel: cancel, done: make(chan struct{})}
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
	f.departed[m.agent.AddrInfo().ID.String()] = true
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
