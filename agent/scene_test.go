package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/rs/zerolog"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/discovery"
	"fbpeer/exchange"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// patience is how long a condition is waited for. Nothing here takes it but on a machine that is very busy.
const patience = 30 * time.Second

// template is a root with one researcher and three nodes and a federation file, made once: RSA keys take their time.
var template = sync.OnceValues(func() (dir string, err error) {
	dir, err = os.MkdirTemp("", "fbpeer-agent-test-")
	if err != nil {
		return "", err
	}
	if _, err := fedbiomed.Create(rand.Reader, dir, mpspdz.Researcher, "", "", 0, time.Now()); err != nil {
		return "", err
	}
	for range 3 {
		if _, err := fedbiomed.Create(rand.Reader, dir, mpspdz.Node, "", "", 0, time.Now()); err != nil {
			return "", err
		}
	}
	return dir, config.CreateFederation(rand.Reader, filepath.Join(dir, "test.federation"), "test", nil, false)
})

func TestMain(m *testing.M) {
	code := m.Run()
	for _, made := range []func() (string, error){template, plainTemplate} {
		if dir, err := made(); err == nil {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// scene is a root of its own with four components: the researcher first, then the nodes. Or, of plain parties, a folder for each.
type scene struct {
	t     *testing.T
	root  string
	files []string
	plain bool
	now   func() time.Time // nil: time.Now
}

// plainTemplate is a folder with four plain parties, made once.
var plainTemplate = sync.OnceValues(func() (dir string, err error) {
	dir, err = os.MkdirTemp("", "fbpeer-agent-test-")
	if err != nil {
		return "", err
	}
	for i, name := range plainNames {
		if _, err := config.CreateParty(rand.Reader, filepath.Join(dir, name), name, "", uint16(14200+i), time.Now()); err != nil {
			return "", err
		}
	}
	return dir, config.CreateFederation(rand.Reader, filepath.Join(dir, "test.federation"), "test", nil, false)
})

var plainNames = []string{"alice", "bob", "carol", "dave"}

// newPlainScene has the parties alice, bob, carol and dave.
func newPlainScene(t *testing.T) *scene {
	t.Helper()
	from, err := plainTemplate()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, root: t.TempDir(), plain: true}
	if err := os.CopyFS(s.root, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	private := []string{"test.federation"}
	for _, name := range plainNames {
		s.files = append(s.files, filepath.Join(s.root, name, "fbpeer.ini"))
		private = append(private, filepath.Join(name, name+".key"))
	}
	for _, path := range private { // CopyFS gives its own
		if err := os.Chmod(filepath.Join(s.root, path), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func newScene(t *testing.T) *scene {
	t.Helper()
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(root, "test.federation"), 0o600); err != nil { // CopyFS gives its own
		t.Fatal(err)
	}
	files, _, err := fedbiomed.Find(root)
	if err != nil || len(files) != 4 {
		t.Fatalf("found %v, %v", files, err)
	}
	s := &scene{t: t, root: root, files: files}
	slices.SortStableFunc(s.files, func(a, b string) int {
		if s.config(a).Component.Role == mpspdz.Researcher {
			return -1
		}
		return 0
	})
	return s
}

func (s *scene) selector(file string) config.Selector {
	runtime := filepath.Join(s.root, "run")
	sel := config.Selector{Federation: filepath.Join(s.root, "test.federation"), ForRun: true, Getenv: func(name string) string {
		if name == "XDG_RUNTIME_DIR" {
			return runtime
		}
		return ""
	}}
	if s.plain {
		sel.Config = file
	} else {
		sel.Component = file
	}
	return sel
}

func (s *scene) config(file string) *config.Config {
	s.t.Helper()
	c, err := config.Load(s.selector(file))
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.root, "run"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// edit replaces text in one of the operator's files.
func edit(t *testing.T, file, old, new string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := slices.Concat([]byte(nil), data)
	changed = []byte(replaceOnce(t, string(changed), old, new))
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

// site is one running agent under test.
type site struct {
	t      *testing.T
	agent  *Agent
	config *config.Config
	stop   context.CancelFunc
	ended  chan error

	mutex   sync.Mutex
	changed chan struct{} // closed and replaced by each snapshot
}

func (s *scene) options() Options {
	return Options{Now: time.Now, Random: rand.Reader, Log: zerolog.New(zerolog.NewTestWriter(s.t)).Level(zerolog.WarnLevel), Version: "test", Loopback: true}
}

// start runs the agent of one component. It is stopped with the test, if not before.
func (s *scene) start(file string) *site {
	s.t.Helper()
	return s.startAhead(file, 0)
}

// startAhead is start where the clock is ahead by so much.
func (s *scene) startAhead(file string, ahead time.Duration) *site {
	s.t.Helper()
	x := &site{t: s.t, config: s.config(file), ended: make(chan error, 1), changed: make(chan struct{})}
	o := s.options()
	o.Log = zerolog.Nop()
	clock := time.Now
	if s.now != nil {
		clock = s.now
	}
	o.Now = func() time.Time { return clock().Add(ahead) }
	o.Changed = func(api.Snapshot) {
		x.mutex.Lock()
		defer x.mutex.Unlock()
		close(x.changed)
		x.changed = make(chan struct{})
	}
	var err error
	if x.agent, err = New(s.t.Context(), x.config, o); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.stop = cancel
	go func() { x.ended <- x.agent.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		<-x.agent.done
	})
	return x
}

// end stops the agent and waits for it.
func (x *site) end() {
	x.t.Helper()
	x.stop()
	select {
	case err := <-x.ended:
		if err != nil {
			x.t.Errorf("the agent ended with %v", err)
		}
	case <-time.After(patience):
		x.t.Fatal("the agent does not end")
	}
}

func (x *site) snapshot() api.Snapshot {
	s, err := x.agent.Snapshot(context.Background())
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

// wait waits until a snapshot satisfies the condition.
func (x *site) wait(what string, condition func(api.Snapshot) bool) api.Snapshot {
	x.t.Helper()
	deadline := time.After(patience)
	for {
		x.mutex.Lock()
		changed := x.changed
		x.mutex.Unlock()
		s := x.snapshot()
		if condition(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			x.t.Fatalf("waited in vain for: %s\nat %s: %s", what, s.Self.Component, dump(s))
		}
	}
}

func (x *site) trust(r api.TrustRequest) (api.TrustResult, error) {
	x.t.Helper()
	return trustBy(x.agent, r)
}

func trustBy(c Controller, r api.TrustRequest) (api.TrustResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if r.By == "" {
		r.By = "tester@test"
	}
	return c.Trust(ctx, r)
}

// approve approves what the newest snapshot shows of a component.
func (x *site) approve(component string) api.TrustResult {
	x.t.Helper()
	result, err := x.trust(approvalOf(find(x.t, x.snapshot(), component)))
	if err != nil {
		x.t.Fatalf("approving %s: %v", component, err)
	}
	return result
}

func approvalOf(p api.Peer) api.TrustRequest {
	return api.TrustRequest{Action: api.ActionApprove, Component: p.Component, PeerID: p.PeerID, Announcement: p.Announcement}
}

func find(t *testing.T, s api.Snapshot, component string) api.Peer {
	t.Helper()
	for _, p := range s.Peers {
		if p.Component == component {
			return p
		}
	}
	t.Fatalf("%s is not among the peers: %s", component, dump(s))
	return api.Peer{}
}

// state is the state of a component, empty if it was not heard.
func state(s api.Snapshot, component string) string {
	for _, p := range s.Peers {
		if p.Component == component {
			return p.State
		}
	}
	return ""
}

func heardAll(others ...*site) func(api.Snapshot) bool {
	return func(s api.Snapshot) bool {
		for _, other := range others {
			if other.config.Component.ID != s.Self.Component && state(s, other.config.Component.ID) == "" {
				return false
			}
		}
		return true
	}
}

// introduce connects all sites and waits until each has heard of the others.
func introduce(sites ...*site) {
	for i, a := range sites {
		for _, b := range sites[i+1:] {
			a.agent.Connect(b.agent.AddrInfo())
			b.agent.Connect(a.agent.AddrInfo())
		}
	}
	for _, x := range sites {
		x.wait("hearing of all others", heardAll(sites...))
	}
}

// approveAll lets every site approve every other one.
func approveAll(sites ...*site) {
	for _, x := range sites {
		for _, other := range sites {
			if other != x {
				x.approve(other.config.Component.ID)
			}
		}
	}
}

// outsider is somebody else's component as the core meets it: only its announcements.
type outsider struct {
	config   *config.Config
	pair     config.KeyPair
	identity ic.PrivKey
	id       peer.ID
	last     uint64
}

func (s *scene) outsider(file string) *outsider {
	s.t.Helper()
	o := &outsider{config: s.config(file)}
	var err error
	if o.pair, err = o.config.LoadKeyPair(time.Now()); err != nil {
		s.t.Fatal(err)
	}
	if o.identity, _, err = discovery.NewIdentity(); err != nil {
		s.t.Fatal(err)
	}
	if o.id, err = peer.IDFromPrivateKey(o.identity); err != nil {
		s.t.Fatal(err)
	}
	return o
}

func (o *outsider) registration() exchange.Registration {
	c := o.config.Component
	return exchange.Registration{Component: c.ID, Role: c.Role, Label: c.Label, Endpoint: c.Endpoint, Secagg: c.Secagg, Certificate: o.pair.Certificate}
}

// announce seals one; change, if not nil, changes the registration.
func (o *outsider) announce(t *testing.T, now time.Time, change func(*exchange.Registration)) *exchange.Announcement {
	t.Helper()
	return o.seal(t, now, now.UTC().Truncate(time.Second).Add(exchange.DefaultLifetime), change)
}

// seal is announce with an end of one's own choice.
func (o *outsider) seal(t *testing.T, now, expires time.Time, change func(*exchange.Registration)) *exchange.Announcement {
	t.Helper()
	f, err := o.config.LoadFederation()
	if err != nil {
		t.Fatal(err)
	}
	r := o.registration()
	if change != nil {
		change(&r)
	}
	o.last = exchange.NextSequence(now, o.last)
	a, err := exchange.Seal(rand.Reader, f, r,
		exchange.Stamp{Sequence: o.last, Issued: now.UTC().Truncate(time.Second), Expires: expires.UTC().Truncate(time.Second)},
		exchange.Keys{Identity: o.identity, Certificate: o.pair.Key})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func endpoint(t *testing.T, text string) mpspdz.Endpoint {
	t.Helper()
	e, err := mpspdz.ParseEndpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// fault is the api error in err, or the test fails.
func fault(t *testing.T, err error) *api.Error {
	t.Helper()
	var f *api.Error
	if !errors.As(err, &f) {
		t.Fatalf("%v is no *api.Error", err)
	}
	return f
}
