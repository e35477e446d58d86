package gossip

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/rs/zerolog"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// pair is an MP-SPDZ certificate and its key. One serves all components of the tests: RSA keys take long to make, and gossip does not
// compare components.
type pair struct {
	certificate *mpspdz.Certificate
	key         crypto.Signer
}

var sharedPair = sync.OnceValue(func() pair {
	certPEM, keyPEM, err := mpspdz.NewFedbiomedCertificate(rand.Reader, "NODE_1", time.Now())
	if err != nil {
		panic(err)
	}
	certificate, err := mpspdz.ParseCertificatePEM(certPEM)
	if err != nil {
		panic(err)
	}
	key, err := mpspdz.ParsePrivateKeyPEM(keyPEM)
	if err != nil {
		panic(err)
	}
	return pair{certificate, key}
})

func testFederation(t *testing.T) exchange.Federation {
	t.Helper()
	f, err := exchange.NewFederation("tests", bytes.Repeat([]byte{3}, 32), true)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// member is an agent reduced to what gossip needs: a host, a table, and a loop that stores and passes on.
type member struct {
	t          *testing.T
	host       host.Host
	key        ic.PrivKey
	federation exchange.Federation
	table      *exchange.Table
	x          *Exchange
	port       uint16
	last       atomic.Uint64 // sequence
	barred     sync.Map      // peer.ID
	barredKeys sync.Map      // mpspdz.Hash
	withheld   sync.Map      // peer.ID

	mu      sync.Mutex
	got     []Received
	learned map[peer.ID][]ma.Multiaddr
}

type options struct {
	ahead   time.Duration // of this member's clock
	refuse  bool          // its loop stores nothing
	full    *atomic.Value // its loop stores nothing from this peer.ID
	addrs   []string      // told to others
	trusted []peer.ID
	trusts  bool // everybody
	bounds  exchange.Bounds
	timing  timing
	every   time.Duration
	members exchange.Members // held of every view of its own
}

// quick are the timings of tests: syncs that repair come soon, the deadline is short.
func quick() timing {
	t := defaultTiming()
	t.exchange = 5 * time.Second
	t.listener, t.listenerBy = 50*time.Millisecond, 50*time.Millisecond
	t.stored, t.storedBy = 10*time.Millisecond, 20*time.Millisecond
	t.unfinished = 20 * time.Millisecond
	return t
}

func newTestHost(t *testing.T, key ic.PrivKey, addrs []string) host.Host {
	t.Helper()
	opts := []libp2p.Option{
		libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New), libp2p.DisableRelay(), libp2p.DisableMetrics(),
	}
	if addrs != nil {
		var told []ma.Multiaddr
		for _, a := range addrs {
			told = append(told, ma.StringCast(a))
		}
		opts = append(opts, libp2p.AddrsFactory(func([]ma.Multiaddr) []ma.Multiaddr { return told }))
	}
	h, err := libp2p.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func newTestKey(t *testing.T) ic.PrivKey {
	t.Helper()
	key, _, err := ic.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newMember(t *testing.T, o options) *member {
	t.Helper()
	m := &member{t: t, key: newTestKey(t), federation: testFederation(t), table: exchange.NewTable(o.bounds), port: 14000,
		learned: map[peer.ID][]ma.Multiaddr{}}
	m.host = newTestHost(t, m.key, o.addrs)
	if o.timing == (timing{}) {
		o.timing = quick()
	}
	if o.every == 0 {
		o.every = time.Hour // what a test needs must not come from the repair by accident
	}
	now := func() time.Time { return time.Now().Add(o.ahead) }
	ctx, cancel := context.WithCancel(context.Background())
	x, err := start(ctx, Config{
		Host: m.host, Federation: m.federation, Table: m.table, Now: now, Log: zerolog.Nop(), SyncEvery: o.every,
		Barred:    func(p peer.ID) bool { _, ok := m.barred.Load(p); return ok },
		BarredKey: func(k mpspdz.Hash) bool { _, ok := m.barredKeys.Load(k); return ok },
		Withheld:  func(p peer.ID) bool { _, ok := m.withheld.Load(p); return ok },
		Deliver: func(_ context.Context, r Received) {
			m.mu.Lock()
			m.got = append(m.got, r)
			m.mu.Unlock()
			if o.refuse || (o.full != nil && o.full.Load() == r.From) {
				return
			}
			if _, err := m.table.Put(r.Record.Record(), r.From, false, now()); err == nil {
				m.x.Stored()
			}
		},
		Members: func(author peer.ID, _ mpspdz.Hash) (exchange.Members, bool) {
			return o.members, author == m.host.ID()
		},
		Learned: func(info peer.AddrInfo) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.learned[info.ID] = info.Addrs
		},
		Trusted: func(p peer.ID) bool {
			if o.trusts {
				return true
			}
			for _, q := range o.trusted {
				if p == q {
					return true
				}
			}
			return false
		},
	}, o.timing)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	m.x = x
	t.Cleanup(func() { cancel(); x.Wait() })
	return m
}

// seal makes a new announcement of the member's, at its next sequence.
func (m *member) seal() *exchange.Announcement {
	m.t.Helper()
	return m.sealAs(m.next())
}

func (m *member) sealAs(sequence uint64) *exchange.Announcement {
	m.t.Helper()
	m.port++
	endpoint, err := mpspdz.NewEndpoint("10.0.0.2", m.port)
	if err != nil {
		m.t.Fatal(err)
	}
	now := time.Now()
	a, err := exchange.Seal(rand.Reader, m.federation,
		exchange.Registration{Component: "NODE_1", Role: mpspdz.Node, Endpoint: endpoint, Secagg: exchange.SecaggOff, Certificate: sharedPair().certificate},
		exchange.Stamp{Sequence: sequence, Issued: now, Expires: now.Add(exchange.DefaultLifetime)},
		exchange.Keys{Identity: m.key, Certificate: sharedPair().key})
	if err != nil {
		m.t.Fatal(err)
	}
	return a
}

// next is the member's next sequence.
func (m *member) next() uint64 {
	m.last.Store(exchange.NextSequence(time.Now(), m.last.Load()))
	return m.last.Load()
}

func (m *member) view(of exchange.Members, call exchange.CallID) *exchange.View {
	m.t.Helper()
	v, err := exchange.SealView(m.federation, exchange.View{Files: exchange.MembersRoot(of.Files), Rows: exchange.MembersRoot(of.Rows),
		Members: max(len(of.Files), len(of.Rows)), Call: call, Sequence: m.next(), Issued: time.Now()}, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return v
}

func (m *member) call() *exchange.Call {
	m.t.Helper()
	c := exchange.Call{Sequence: m.next(), Issued: time.Now()}
	_, _ = rand.Read(c.ID[:])
	sealed, err := exchange.SealCall(m.federation, c, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return sealed
}

func (m *member) proposal(name string) *exchange.Proposal {
	m.t.Helper()
	p, err := exchange.SealProposal(m.federation, exchange.Proposal{SetName: name, Members: []string{"a", "b"}, Sequence: m.next(),
		Issued: time.Now(), Expires: time.Now().Add(exchange.DefaultLifetime)}, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

// announce does what the loop does with an own record: store, then publish.
func (m *member) announce() *exchange.Announcement {
	m.t.Helper()
	a := m.seal()
	m.put(a)
	m.publish(a)
	return a
}

func (m *member) publish(r exchange.Opened) {
	m.t.Helper()
	if err := m.x.Publish(context.Background(), r.Record().Sealed); err != nil {
		m.t.Fatal(err)
	}
}

func (m *member) put(records ...exchange.Opened) {
	m.t.Helper()
	for _, r := range records {
		if _, err := m.table.Put(r.Record(), m.host.ID(), true, time.Now()); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *member) connect(others ...*member) {
	m.t.Helper()
	for _, o := range others {
		m.dialHost(o.host)
	}
}

func (m *member) dialHost(h host.Host) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// Not h.Addrs(): some tests tell others addresses that lead nowhere.
	if err := m.host.Connect(ctx, peer.AddrInfo{ID: h.ID(), Addrs: h.Network().ListenAddresses()}); err != nil {
		m.t.Fatal(err)
	}
}

// holds says whether the table has exactly this record.
func (m *member) holds(a exchange.Opened) func() bool {
	return func() bool {
		r, ok := m.table.Get(a.Record().ID)
		return ok && r.Hash == a.Record().Hash
	}
}

// heard says whether exactly this record was delivered.
func (m *member) heard(a exchange.Opened) func() bool {
	return func() bool {
		return slices.ContainsFunc(m.received(), func(r Received) bool { return r.Record.Record().Hash == a.Record().Hash })
	}
}

func (m *member) received() []Received {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Received(nil), m.got...)
}

func (m *member) isNeighbourOf(o *member) func() bool {
	return func() bool { return o.x.neighbours.has(m.host.ID()) }
}

// inTopicWith says whether GossipSub has seen the other's subscription.
func (m *member) inTopicWith(o *member) func() bool {
	return func() bool {
		for _, p := range m.x.topic.ListPeers() {
			if p == o.host.ID() {
				return true
			}
		}
		return false
	}
}

// eventually waits for a condition, asked often, within a generous deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// idle waits until no exchange that the member started runs.
func (m *member) idle() {
	m.t.Helper()
	eventually(m.t, "idle", func() bool {
		m.x.neighbours.mu.Lock()
		defer m.x.neighbours.mu.Unlock()
		for _, n := range m.x.neighbours.peers {
			if n.running {
				return false
			}
		}
		return true
	})
}
