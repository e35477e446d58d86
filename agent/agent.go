package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/rs/zerolog"

	"fbpeer/agent/api"
	"fbpeer/agent/notify"
	"fbpeer/config"
	"fbpeer/discovery"
	"fbpeer/exchange"
	"fbpeer/exchange/gossip"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// Options are what comes in from the top: clock, randomness, log. The zero value works.
type Options struct {
	Now     func() time.Time // nil: time.Now
	Random  io.Reader        // nil: crypto/rand
	Log     zerolog.Logger
	Version string // for the user agent
	// Loopback: listen on loopback only, without mDNS and bootstrap addresses, and dial nobody elsewhere (dev).
	Loopback bool
	// Advertise is where Advertise begins (dev --lan).
	Advertise netip.Addr
	// Changed, if not nil, is called by the loop after each published snapshot. It must not block, nor call the agent.
	Changed func(api.Snapshot)
	// Matrix, if not nil, knows who has registered whom (fleet). Otherwise it is what the others answer to roll calls.
	Matrix func(api.Snapshot) *api.Matrix
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o
}

// Bounds of the channels into the loop, and of what is held for others (protocol.md).
const (
	inboxSize       = 256
	maxPending      = 1024
	maxPerForwarder = 32
)

// Agent is one running component's agent. Make it with New, and call Run or Close exactly once.
type Agent struct {
	options Options
	core    *core // the loop's alone
	locks   []*durable.Lock
	host    host.Host
	table   *exchange.Table
	socket  *controlSocket
	teller  *notify.Notifier

	inbox    chan gossip.Received
	requests chan request
	members  chan struct{}     // somebody came or went
	notices  chan *api.Warning // of the notification command
	fatal    chan error        // a goroutine of ours ended as it must not
	list     atomic.Pointer[trust.List]
	withheld atomic.Pointer[map[peer.ID]bool] // whose newest announcement is of a key that the list bars
	bound    netip.Addr                       // the one address that the host listens on; zero: all, or as [agent] listen says
	shown    atomic.Pointer[published]
	news     bell          // rung with each published state
	done     chan struct{} // closed when Run returns

	mutex     sync.Mutex
	discovery *discovery.Discovery // nil before Run
	waiting   []peer.AddrInfo      // given to Connect before Run
}

// published is what readers see: a snapshot, and what its matrix is made from for whoever asks.
type published struct {
	snapshot api.Snapshot
	sight    *sight
}

// request is something to be done in the loop. done is closed after it.
type request struct {
	do   func(ctx context.Context, l *loop)
	done chan struct{}
}

// Controller is what commands talk to: a running agent's socket, the stores, or an Agent in this process.
type Controller interface {
	Snapshot(ctx context.Context) (api.Snapshot, error)
	// Trust does one edit, and answers after files and rows are written. The error is *api.Error if the edit was refused.
	Trust(ctx context.Context, r api.TrustRequest) (api.TrustResult, error)
	// Call gives the present state after a roll call. The stores call nobody.
	Call(ctx context.Context) (api.Snapshot, error)
	// Ready says whether a set may run, after a roll call. Without a running agent it is ErrNotRunning, unless all others of the set take part
	// by card: these cannot be asked anyway.
	Ready(ctx context.Context, sel api.SetSelector) (api.Ready, error)
	// Parties gives a whole set. The error is *api.Error if it cannot be formed.
	Parties(ctx context.Context, sel api.SetSelector) (api.PartySet, error)
	// Sets proposes, confirms or withdraws a named set. Without a running agent it is ErrNotRunning.
	Sets(ctx context.Context, r api.SetRequest) (api.SetResult, error)
	// Probe lets the members of a set that is in force try each other's MP-SPDZ ports. Without a running agent it is ErrNotRunning.
	Probe(ctx context.Context, r api.ProbeRequest) (api.Probe, error)
	// Notify tries the notification command with a test event. The error is *api.Error if there is none.
	Notify(ctx context.Context, r api.NotifyRequest) (api.NotifyResult, error)
	// Registry reads Fed-BioMed's party registry now, and brings it up to date first if the request says so. The error is *api.Error
	// if that was refused; a table that cannot be read or written is a Fault of the answer.
	Registry(ctx context.Context, r api.RegistryRequest) (api.Registry, error)
	// Approve approves several announcements in one commit, or none of them. The error is *api.Error if that was refused.
	Approve(ctx context.Context, r api.ApproveRequest) (api.ApproveResult, error)
	// Export makes this component's card, for who is not connected. The error is *api.Error if that was refused.
	Export(ctx context.Context, r api.ExportRequest) (api.Card, error)
	// Import takes cards over as if they had been heard: all, or none. The error is *api.Error if that was refused.
	Import(ctx context.Context, r api.ImportRequest) (api.ImportResult, error)
}

// New loads the state, takes the locks of state folder and component (waiting 5 s for an editor), makes what is missing (identity,
// folders, the first announcement), finishes what a crash left, and opens the host and the control socket. Errors about the
// operator's own files, and a lock that somebody holds, are *config.Error.
func New(ctx context.Context, c *config.Config, o Options) (*Agent, error) {
	a := &Agent{
		options: o.withDefaults(), inbox: make(chan gossip.Received, inboxSize), requests: make(chan request),
		members: make(chan struct{}, 1), notices: make(chan *api.Warning), fatal: make(chan error, 1), done: make(chan struct{}),
		table: exchange.NewTable(exchange.Bounds{Pending: maxPending, PerForwarder: maxPerForwarder}),
	}
	if err := a.open(ctx, c); err != nil {
		return nil, errors.Join(err, a.release())
	}
	return a, nil
}

func (a *Agent) open(ctx context.Context, c *config.Config) error {
	if c.Federation == "" {
		return ownFile("fbpeer join FILE, with the federation file that you were given; the first site makes one: fbpeer federation create NAME",
			"%s has joined no federation yet", c.Component.ID)
	}
	if err := a.lock(ctx, c); err != nil {
		return err
	}
	k, err := a.load(ctx, c)
	if err != nil {
		return err
	}
	a.core = k
	now := a.options.Now()
	if _, err := k.announce(k.self.sequence.last, now); err != nil {
		return fmt.Errorf("the own announcement: %w", err)
	}
	k.fillTable(a.table, now)
	k.fillRecords(a.table, now)
	k.settle(now)
	k.sealLog()
	a.teller = a.newTeller(k)
	list, withheld := k.list, k.ofBarredKeys()
	a.list.Store(&list)
	a.withheld.Store(&withheld)
	if err := a.openHost(c); err != nil {
		return err
	}
	if a.socket, err = listen(c, k.store); err != nil {
		return err
	}
	a.publish(network{running: true, listen: listenAddrs(a.host)})
	return nil
}

// lock keeps two agents off one state folder, and off one component.
func (a *Agent) lock(ctx context.Context, c *config.Config) error {
	for _, wanted := range []struct{ path, what string }{
		{store{dir: c.State}.path(fileLock), "the state folder " + c.State},
		{c.Lock, "the component " + c.Component.ID},
	} {
		lock, err := takeLock(ctx, wanted.path, wanted.what)
		if err != nil {
			return err
		}
		a.locks = append(a.locks, lock)
	}
	return nil
}

// load reads the state and makes what is missing. A certificate and key that differ are waited out: Fed-BioMed rewrites one after
// the other.
func (a *Agent) load(ctx context.Context, c *config.Config) (*core, error) {
	s := store{dir: c.State}
	if err := s.make(); err != nil {
		return nil, &config.Error{Err: err, Hint: "make the state folder writable for the component's user"}
	}
	k, err := loadCore(c, a.options, s)
	for wait := a.options.Now().Add(lockWait); errors.Is(err, config.ErrMismatch) && a.options.Now().Before(wait); {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(mismatchPause):
		}
		k, err = loadCore(c, a.options, s)
	}
	if err != nil {
		return nil, untrust(c, s, err)
	}
	if err := k.makeIdentity(); err != nil {
		return nil, err
	}
	if err := k.openLog(a.options.Now()); err != nil {
		return nil, err
	}
	if err := k.sweep(); err != nil {
		return nil, err
	}
	return k, k.recoverRegistry()
}

// openHost listens where the configuration says; without one, on the port of last time if it is free, else from 4100 on.
func (a *Agent) openHost(c *config.Config) (err error) {
	hostConfig := discovery.HostConfig{
		Identity: a.core.self.key, PSK: a.core.federation.PSK(), Listen: c.Listen, Loopback: a.options.Loopback, Announce: c.Announce,
		UserAgent: "fbpeer/" + a.options.Version, Barred: a.barred, Log: a.options.Log,
	}
	if address := BindAddress(c); discovery.IsLocal(address) {
		a.bound, hostConfig.Bind = address, address
	}
	portFile := a.core.store.path(filePort)
	if c.Listen == "" {
		if port, ok := rememberedPort(portFile); ok {
			hostConfig.Listen = ":" + strconv.Itoa(port)
			if a.host, err = discovery.NewHost(hostConfig); err == nil {
				return nil
			}
			a.options.Log.Warn().Err(err).Msg("the port of last time is taken, another one is used")
			hostConfig.Listen = ""
		}
	}
	if a.host, err = discovery.NewHost(hostConfig); err != nil {
		return &config.Error{Err: err, Hint: "set [agent] listen to an address of this machine and a free port"}
	}
	if c.Listen != "" {
		return nil
	}
	return a.core.store.write(portFile, []byte(strconv.Itoa(discovery.Port(a.host))+"\n"))
}

func rememberedPort(file string) (int, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(data)))
	return port, err == nil && port > 0 && port < 1<<16
}

// barred is the lower rooms' view of the list: safe for any goroutine.
func (a *Agent) barred(id peer.ID) bool {
	list := a.list.Load()
	return list != nil && barredBy(list, *a.withheld.Load(), id)
}

// barredBy says whether nobody wants to hear of an identity: the list bars it, or the key that it announces while nobody approved it. An
// approved one is listened to, for it is to make another key.
func barredBy(list *trust.List, ofBarredKeys map[peer.ID]bool, id peer.ID) bool {
	_, approved := list.ByPeer(id)
	return list.Barred(id) || ofBarredKeys[id] && !approved
}

// barredKey is the same view of keys.
func (a *Agent) barredKey(key mpspdz.Hash) bool {
	list := a.list.Load()
	return list != nil && list.KeyStatus(key) != ""
}

// listed says whether an identity is an accepted member, whose addresses may be handed on.
func (a *Agent) listed(id peer.ID) bool {
	list := a.list.Load()
	if list == nil {
		return false
	}
	_, ok := list.ByPeer(id)
	return ok && !list.Barred(id)
}

func listenAddrs(h host.Host) []string {
	var all []string
	for _, addr := range h.Addrs() {
		all = append(all, addr.String()+"/p2p/"+h.ID().String())
	}
	return all
}

// AddrInfo is the own identity with the addresses that the host listens on, for agents on this machine: loopback, which no change of
// network takes away, among them.
func (a *Agent) AddrInfo() peer.AddrInfo {
	info := peer.AddrInfo{ID: a.host.ID(), Addrs: a.host.Addrs()}
	if listening, err := a.host.Network().InterfaceListenAddresses(); err == nil {
		info.Addrs = listening
	}
	return info
}

// Members gives who is connected now, sorted by peer id; nobody before Run.
func (a *Agent) Members() []discovery.Member {
	a.mutex.Lock()
	d := a.discovery
	a.mutex.Unlock()
	if d == nil {
		return nil
	}
	return d.Members()
}

// Connect tells the agent of another's addresses, to be kept connected to. It may be called before Run.
func (a *Agent) Connect(info peer.AddrInfo) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.discovery == nil {
		a.waiting = append(a.waiting, info)
		return
	}
	a.discovery.Add(info, discovery.ViaKnown)
}

// Snapshot is the present state. It never waits for the loop.
func (a *Agent) Snapshot(context.Context) (api.Snapshot, error) {
	return a.shown.Load().withMatrix(a.options), nil
}

// othersLimit is how long an approval that completes a set waits for the other members to have it too.
const othersLimit = 2 * time.Second

// awaitOthers waits until all members of a set have told that they hold it, or their time is over.
func (a *Agent) awaitOthers(ctx context.Context, set api.Set) {
	ctx, cancel := context.WithTimeout(ctx, othersLimit)
	defer cancel()
	for {
		rung := a.news.wait()
		if a.shown.Load().sight.allSay(set) {
			return
		}
		select {
		case <-rung:
		case <-a.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// inLoop has something done in the loop, and gives what came of it. If the context ends first, nobody waits for that any more.
func inLoop[T any](ctx context.Context, a *Agent, do func(ctx context.Context, l *loop) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	err := a.perform(ctx, func(ctx context.Context, l *loop) {
		value, err := do(ctx, l)
		answers <- answer{value, err}
	})
	if err != nil {
		var none T
		return none, err
	}
	given := <-answers
	return given.value, given.err
}

// perform has something done in the loop, and waits for it. The error is ErrNotRunning, or the context's: it may be done all the same then.
func (a *Agent) perform(ctx context.Context, do func(ctx context.Context, l *loop)) error {
	r := request{do: do, done: make(chan struct{})}
	select {
	case a.requests <- r:
	case <-a.done:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return nil
	case <-a.done:
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close releases an agent whose Run is not called.
func (a *Agent) Close() error {
	close(a.done)
	return a.release()
}

// stateGone says that the state folder, or the lock file in it, is not the one that this agent took any more: somebody removed or replaced it
// while the agent ran. Nothing keeps another agent off that path then, and nothing there is this one's to write.
func (a *Agent) stateGone() error {
	if len(a.locks) == 0 || a.locks[0].InPlace() {
		return nil
	}
	return ownFile("start it again: fbpeer run; remove or restore a state folder only while its agent is stopped",
		"the state folder %s, or agent.lock in it, was removed or replaced while the agent ran", a.core.config.State)
}

// release gives back everything that open took, in the opposite order. What is another agent's by now is left alone.
func (a *Agent) release() error {
	var problems []error
	ours := len(a.locks) > 0 && a.locks[0].InPlace()
	if a.socket != nil {
		problems = append(problems, a.socket.remove())
		if err := a.socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			problems = append(problems, err)
		}
		if ours {
			problems = append(problems, a.core.store.unlisten())
		}
	}
	if a.host != nil {
		problems = append(problems, a.host.Close())
	}
	if a.core != nil && ours {
		a.core.sealLog()
	}
	for i := len(a.locks) - 1; i >= 0; i-- {
		problems = append(problems, a.locks[i].Release())
	}
	return errors.Join(problems...)
}
