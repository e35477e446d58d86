package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/mpspdz"
	"fbpeer/probe"
	"fbpeer/trust"
)

// moveAway gives the parties of a scene ports that nobody uses.
func (s *scene) moveAway(n int) {
	s.t.Helper()
	for i, file := range s.files[:n] {
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			s.t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			s.t.Fatal(err)
		}
		edit(s.t, file, fmt.Sprintf("port = %d", 14200+i), fmt.Sprintf("port = %d", port))
	}
}

func results(p api.Probe) string {
	var all []string
	for _, c := range p.Cells {
		all = append(all, c.From+">"+c.To+" "+c.Result)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestProbeOfThree(t *testing.T) {
	s := newPlainScene(t)
	s.moveAway(3)
	sites := plainParties(s, 3)
	if p, err := s.start(s.files[3]).agent.Probe(t.Context(), api.ProbeRequest{}); err != nil || p.OK || p.Obstacles[0].Code != api.ObstacleNoSet {
		t.Errorf("without a set: %+v, %v", p, err)
	}
	for _, x := range sites {
		x.wait("a set of three", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 3 && s.Connected >= 2 })
	}
	sites[0].ready("all agree", api.SetSelector{}, isReady)
	// bob's MP-SPDZ runs.
	busy, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", sites[1].config.Component.BindPort))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := sites[0].agent.Probe(ctx, api.ProbeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := "alice>bob busy, alice>carol ok, bob>alice ok, bob>carol ok, carol>alice ok, carol>bob busy"
	if got := results(p); got != want || p.OK || len(p.Obstacles) != 2 || p.Obstacles[0].Component != "bob" || p.Obstacles[0].Cure == "" {
		t.Errorf("got  %s\nwant %s\n%+v", got, want, p.Obstacles)
	}
	// Within half a minute another asker gets the same, with its age; and only what was asked for.
	p, err = sites[2].agent.Probe(ctx, api.ProbeRequest{Set: api.SetSelector{Parties: []string{"alice", "carol"}}})
	if err != nil || results(p) != "alice>carol ok, carol>alice ok" || !p.OK || len(p.Parties) != 2 {
		t.Errorf("%s, %+v, %v", results(p), p.Obstacles, err)
	}
}

// TestProbeOfOthers: who was asked for and is in no set is not passed over in silence.
func TestProbeOfOthers(t *testing.T) {
	var members []mpspdz.Party
	for i, component := range []string{"alice", "bob"} {
		members = append(members, mpspdz.Party{Component: component, Role: mpspdz.PlainParty, Endpoint: endpoint(t, fmt.Sprintf("10.0.0.%d:14000", i+1)),
			Certificate: quickCertificate(t, component, "*", time.Now().AddDate(1, 0, 0), time.Now())})
	}
	set, err := mpspdz.NewPartySet(members)
	if err != nil {
		t.Fatal(err)
	}
	ok := []probe.Cell{{From: "alice", To: "bob", Code: probe.OK}, {From: "bob", To: "alice", Code: probe.OK}}
	for what, test := range map[string]struct {
		among, components []string
		cells, obstacles  int
	}{
		"all":                   {nil, nil, 2, 0},
		"both":                  {[]string{"alice", "bob"}, []string{"bob"}, 2, 0},
		"one who is in no set":  {[]string{"dave", "alice"}, nil, 0, 1},
		"and another one":       {[]string{"bob", "dave", "alice"}, nil, 2, 1},
		"one who was not named": {[]string{"alice"}, []string{"bob"}, 0, 1},
		"nobody else":           {[]string{"alice"}, nil, 0, 1},
	} {
		p := &probing{among: test.among, components: test.components, own: "alice"}
		got := p.answer(set, ok)
		if len(got.Cells) != test.cells || len(got.Obstacles) != test.obstacles || got.OK != (test.cells > 0 && test.obstacles == 0) {
			t.Errorf("%s: %v, %s, %+v", what, got.OK, results(got), got.Obstacles)
		}
		for _, o := range got.Obstacles {
			if o.Code != api.ObstacleNoSet || o.Component == "" || o.Cure == "" {
				t.Errorf("%s: %+v", what, o)
			}
		}
	}
}

// TestProbeStarved: neither a stranger's idle streams nor a member's keep an agent from answering other members.
func TestProbeStarved(t *testing.T) {
	s := newPlainScene(t)
	s.moveAway(3)
	sites := plainParties(s, 3)
	for _, x := range sites {
		x.wait("a set of three", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 3 && s.Connected >= 2 })
	}
	sites[0].ready("all agree", api.SetSelector{}, isReady)
	bob, dave := sites[1], s.start(s.files[3])
	dave.agent.Connect(bob.agent.AddrInfo())
	dave.wait("a connection", func(s api.Snapshot) bool { return s.Connected >= 1 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, from := range []*site{dave, sites[2]} {
		for range probesMost + 8 {
			stream, err := from.agent.host.NewStream(ctx, bob.agent.host.ID(), probe.Protocol)
			if err != nil {
				break // refused
			}
			defer stream.Reset()
			_, _ = stream.Write([]byte{0}) // half a length
		}
	}
	p, err := sites[0].agent.Probe(ctx, api.ProbeRequest{Components: []string{"bob"}})
	if err != nil || !p.OK {
		t.Errorf("%s, %+v, %v", results(p), p.Obstacles, err)
	}
}

func TestProbeRoom(t *testing.T) {
	r, now := newProbeRoom(), time.Now()
	var leave []func()
	fill := func(prefix string, peers int, member bool) (n int) {
		for i := range peers {
			for range probesEach + 1 {
				if f, ok := r.enter(peer.ID(fmt.Sprint(prefix, i)), member, now); ok {
					leave = append(leave, f)
					n++
				}
			}
		}
		return n
	}
	for range 2 {
		if n := fill("a stranger", 1, false); n != probesEach {
			t.Errorf("one stranger has %d", n)
		}
		if n := fill("stranger", 20, false); n != probesStranger-probesEach {
			t.Errorf("other strangers have %d", n)
		}
		if n := fill("a member", 1, true); n != probesEach {
			t.Errorf("one member has %d", n)
		}
		if n := fill("member", 20, true); n != probesMost-probesEach {
			t.Errorf("other members have %d", n)
		}
		for _, f := range leave {
			f()
		}
		leave = nil
		if r.members != 0 || r.strangers != 0 || len(r.each) != 0 {
			t.Errorf("not empty: %+v", r)
		}
	}
}

// TestProbeRate: who asks again and again gets so many answers and no more, whoever else asks: strangers together, members each.
func TestProbeRate(t *testing.T) {
	r, now := newProbeRoom(), time.Now()
	ask := func(prefix string, peers, times int, member bool) (n int) {
		for range times {
			for i := range peers {
				if leave, ok := r.enter(peer.ID(fmt.Sprint(prefix, i)), member, now); ok {
					leave()
					n++
				}
			}
		}
		return n
	}
	if n := ask("stranger", 50, 100, false); n != probesAtOnce {
		t.Errorf("strangers have %d", n)
	}
	if n := ask("member", 2, 100, true); n != 2*probesAtOnce {
		t.Errorf("two members have %d", n)
	}
	now = now.Add(3 * time.Second)
	if n := ask("stranger", 50, 100, false); n != 3*probesASecond {
		t.Errorf("strangers have %d more", n)
	}
	if n := ask("member", 1, 100, true); n != 3*probesASecond {
		t.Errorf("a member has %d more", n)
	}
	now = now.Add(time.Minute)
	if ask("another", 1, 1, true); len(r.rates) != 1 {
		t.Errorf("%d accounts are held", len(r.rates))
	}
}

// TestProbeSite: the loop judges by its own list whom it tells what is in force: who was revoked since the stream came is told nothing.
func TestProbeSite(t *testing.T) {
	list, friend := approvedIdentity(t)
	_, stranger := approvedIdentity(t)
	revoked, err := list.Revoke("friend", friend, mpspdz.Hash{1}, "an operator", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for what, test := range map[string]struct {
		list  trust.List
		asker peer.ID
		want  probe.Reason // 0: takes part
	}{
		"approved": {list, friend, 0},
		"pending":  {list, stranger, probe.ReasonNotAccepted},
		"revoked":  {revoked, friend, probe.ReasonNotAccepted},
	} {
		k := &core{list: test.list, config: &config.Config{}, players: players{name: "files"}}
		site, err := k.probeSite("", test.asker)
		var refusal *probe.Refusal
		if errors.As(err, &refusal); test.want == 0 && err != nil || test.want != 0 && (refusal == nil || refusal.Reason != test.want) {
			t.Errorf("%s: %+v, %v", what, site, err)
		}
	}
}

// Who is not approved here, or was revoked, is not answered with an open port, and where answering is off nobody is; each is told why.
func TestProbeIsForAcceptedPeers(t *testing.T) {
	s := newPlainScene(t)
	s.moveAway(4)
	sites := plainParties(s, 3)
	alice, bob, dave := sites[0], sites[1], s.start(s.files[3])
	for _, x := range sites {
		x.wait("a set of three", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 3 && s.Connected >= 2 })
	}
	dave.agent.Connect(bob.agent.AddrInfo())
	bob.wait("dave is pending", func(s api.Snapshot) bool { return state(s, "dave") == api.StatePending })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// ask gives what bob answers dave: its status (docs/probe.md).
	ask := func() (status byte, err error) {
		stream, err := dave.agent.host.NewStream(ctx, bob.agent.host.ID(), probe.Protocol)
		if err != nil {
			return 0, err
		}
		defer stream.Reset()
		request := [2 + 2 + 32]byte{1: 2 + 32, 2: 1} // the default set, as a frame
		if _, err := stream.Write(request[:]); err != nil {
			return 0, err
		}
		var head [3]byte
		_, err = io.ReadFull(stream, head[:])
		return head[2], err
	}
	closed := func() {
		t.Helper()
		if c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", bob.config.Component.BindPort)); err == nil {
			c.Close()
			t.Error("bob's port is open")
		}
	}
	// Who is pending is answered while the loop is held up: it has no part in it.
	held, let, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		over <- bob.agent.perform(ctx, func(context.Context, *loop) {
			close(held)
			<-let
		})
	}()
	<-held
	if status, err := ask(); err != nil || status != 6 {
		t.Errorf("one who is pending: status %d, %v", status, err)
	}
	close(let)
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	closed()
	bob.approve("dave")
	if _, err := bob.trust(api.TrustRequest{Action: api.ActionRevoke, Component: "dave", PeerID: dave.agent.host.ID().String()}); err != nil {
		t.Fatal(err)
	}
	if status, err := ask(); err == nil && status != 6 {
		t.Errorf("one who is revoked: status %d", status)
	}
	closed()

	edit(t, s.files[1], "answer = on", "answer = off")
	bob.wait("off", func(api.Snapshot) bool {
		off, err := inLoop(ctx, bob.agent, func(_ context.Context, l *loop) (bool, error) { return !l.core.config.ProbeAnswer, nil })
		return err == nil && off
	})
	p, err := alice.agent.Probe(ctx, api.ProbeRequest{Components: []string{"bob"}})
	if want := "alice>bob not-opened, bob>alice not-opened, bob>carol not-opened, carol>bob not-opened"; err != nil || p.OK || results(p) != want {
		t.Errorf("off: %s, %v\n%+v", results(p), err, p.Obstacles)
	}
}

// TestSpawnAfterTheEnd: a stream that comes while the agent ends has nothing begun, so that nothing outlives Run.
func TestSpawnAfterTheEnd(t *testing.T) {
	l := newLoop(&Agent{done: make(chan struct{})})
	ran := make(chan struct{})
	if !l.spawn(func() { close(ran) }) {
		t.Error("nothing is begun before the end")
	}
	<-ran
	close(l.done)
	if l.spawn(func() { t.Error("it ran after the end") }) {
		t.Error("something is begun after the end")
	}
	l.workers.Wait()
}
