package gossip

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// certificate is the member's for party 1 of the default set, with the key that all have.
func (m *member) certificate() *exchange.NumberedCertificate {
	m.t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "P1"}, DNSNames: []string{"P1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, sharedPair().key.Public(), sharedPair().key)
	if err != nil {
		m.t.Fatal(err)
	}
	c, err := mpspdz.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	sealed, err := exchange.SealNumberedCertificate(m.federation, exchange.NumberedCertificate{Component: "NODE_1", Plan: mpspdz.Hash{1}, Number: 1,
		Certificate: c, Sequence: m.next(), Issued: time.Now(), Expires: time.Now().Add(exchange.DefaultLifetime)}, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return sealed
}

// known waits until everybody holds everybody's announcement, and the topic carries from each end to the other.
func known(t *testing.T, members ...*member) {
	t.Helper()
	line(t, members...)
	first, last := members[0], members[len(members)-1]
	relays(t, first, last)
	relays(t, last, first)
	for _, m := range members {
		a := m.announce()
		for _, o := range members {
			eventually(t, "everybody is known to everybody", o.holds(a))
		}
	}
}

func TestEveryKindTravelsOnTheTopic(t *testing.T) {
	a, b, c := newMember(t, options{}), newMember(t, options{}), newMember(t, options{})
	known(t, a, b, c)
	call := a.call()
	a.publish(call)
	eventually(t, "c hears a's call", c.heard(call))
	for _, r := range []exchange.Opened{c.view(exchange.Members{}, call.ID), c.proposal("trial"), c.certificate()} {
		c.put(r)
		c.publish(r)
		eventually(t, "a holds what c says", a.holds(r))
	}
	for _, r := range a.received() {
		if r.Via == "sync" && r.Record.Record().Kind == exchange.KindView {
			t.Error("a view came by sync")
		}
	}
	if a.heard(call)() {
		t.Error("a hears its own call")
	}
	for _, m := range []*member{a, b, c} {
		if s := m.x.Stats(); len(s.Rejected) != 0 {
			t.Errorf("rejected: %v", s.Rejected)
		}
	}
}

func TestOneCallAtATime(t *testing.T) {
	a, b, c := newMember(t, options{trusts: true}), newMember(t, options{trusts: true}), newMember(t, options{trusts: true})
	known(t, a, b, c)
	first := a.call()
	a.publish(first)
	for _, m := range []*member{b, c} {
		eventually(t, "the first call is heard", m.heard(first))
	}
	// Whoever has heard it sends no other one.
	for _, m := range []*member{a, c} {
		var refusal *exchange.Refusal
		if err := m.x.Publish(context.Background(), m.call().Sealed); !errors.As(err, &refusal) || refusal.Code != CodeRate {
			t.Errorf("a second call gives %v", err)
		}
	}
	second := c.call()
	if err := c.x.topic.Publish(context.Background(), second.Sealed); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b ignores it", func() bool { return b.x.Stats().Ignored[CodeRate] == 1 })
	// What comes after shows that nothing was passed on.
	after := c.view(exchange.Members{}, first.ID)
	c.put(after)
	c.publish(after)
	eventually(t, "a has what follows", a.holds(after))
	if a.heard(second)() || a.x.Stats().Ignored[CodeRate] != 0 {
		t.Error("it is passed on")
	}
	if !slices.ContainsFunc(b.received(), func(r Received) bool { return r.Passed && r.Record.Record().Hash == second.Hash }) {
		t.Error("b is not told that others may answer it")
	}
	b.x.tally.mu.Lock()
	defer b.x.tally.mu.Unlock()
	if len(b.x.tally.said) != 0 {
		t.Errorf("b logs %v", b.x.tally.said)
	}
}

// A neighbour that did not answer is called alone, with the call that the others answer; it takes it whoever's it is, and though it came too
// soon for everybody.
func TestRemind(t *testing.T) {
	a, b, c := newMember(t, options{trusts: true}), newMember(t, options{trusts: true}), newMember(t, options{trusts: true})
	known(t, a, b, c)
	by := func(m *member, call *exchange.Call) func() bool {
		return func() bool {
			return slices.ContainsFunc(m.received(), func(r Received) bool {
				return r.Via == "call" && !r.Passed && r.Record.Record().Hash == call.Hash
			})
		}
	}
	first := a.call()
	a.publish(first)
	eventually(t, "the call is heard", b.heard(first))
	remind := func(to *member, sealed []byte) {
		t.Helper()
		if err := b.x.Remind(context.Background(), to.host.ID(), sealed); err != nil {
			t.Fatal(err)
		}
	}
	remind(c, first.Sealed) // a's, by b
	eventually(t, "c is called alone", by(c, first))
	second := b.call()
	remind(c, second.Sealed)
	eventually(t, "c is called alone, too soon for all", by(c, second))
	// Nothing but calls, of whom is known and not barred.
	c.x.reminders.mu.Lock()
	c.x.reminders.bound.recordsAtOnce, c.x.reminders.peers = 100, map[peer.ID]*account{}
	c.x.reminders.mu.Unlock()
	stranger := newMember(t, options{})
	own := c.call()
	remind(c, own.Sealed)
	eventually(t, "its own call", by(c, own))
	for _, sealed := range [][]byte{stranger.call().Sealed, a.announce().Sealed[:100], b.proposal("trial").Sealed, nil} {
		_ = b.x.Remind(context.Background(), c.host.ID(), sealed) // the stream may be reset before all is sent
	}
	c.barred.Store(a.host.ID(), true)
	_ = b.x.Remind(context.Background(), c.host.ID(), a.call().Sealed)
	last := b.call()
	remind(c, last.Sealed)
	eventually(t, "the last call", by(c, last))
	calls := 0
	for _, r := range c.received() {
		if r.Via == "call" {
			calls++
		}
	}
	if calls != 4 {
		t.Errorf("%d calls are taken", calls)
	}
}

// TestStrangersCalls: who is not approved may call, but neither often, nor in the way of who is; and nobody alone.
func TestStrangersCalls(t *testing.T) {
	stranger, friend := newMember(t, options{trusts: true}), newMember(t, options{trusts: true})
	a := newMember(t, options{trusted: []peer.ID{friend.host.ID()}})
	known(t, stranger, a, friend)
	first := stranger.call()
	stranger.publish(first)
	eventually(t, "a stranger's call is heard", a.heard(first))
	for range 50 {
		if err := stranger.x.topic.Publish(context.Background(), stranger.call().Sealed); err != nil {
			t.Fatal(err)
		}
	}
	if err := stranger.x.Remind(context.Background(), a.host.ID(), stranger.call().Sealed); err == nil {
		t.Log("the stream was reset after all was sent")
	}
	second := friend.call()
	friend.x.calls = pause{least: callsApart} // it has heard the stranger's
	friend.publish(second)
	eventually(t, "a friend's call right after it", a.heard(second))
	for _, r := range a.received() {
		if r.Record.Record().Peer == stranger.host.ID() && r.Record.Record().Kind == exchange.KindCall && (r.Passed || r.Via == "call" || r.Record.Record().Hash != first.Hash) {
			t.Errorf("another call of the stranger's is delivered: %+v", r)
		}
	}
}

// TestStreamsOfOneNeighbour: idle streams of one keep nobody else out.
func TestStreamsOfOneNeighbour(t *testing.T) {
	p := newPlaces(5, 2)
	for i, step := range []struct {
		of   peer.ID
		want bool
	}{{"a", true}, {"a", true}, {"a", false}, {"b", true}, {"b", true}, {"c", true}, {"d", false}} {
		if got := p.take(step.of); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
	}
	p.leave("a")
	if !p.take("d") || p.take("e") || len(p.of) != 4 {
		t.Errorf("after one left: %v", p.of)
	}
}

func TestPause(t *testing.T) {
	p := pause{least: callsApart}
	start := time.Unix(1e9, 0)
	for i, s := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true}, {0, false}, {callsApart - time.Millisecond, false}, {callsApart, true}, {callsApart + time.Second, false},
		{-time.Hour, true}, {-time.Hour + callsApart/2, false}, {-time.Hour + callsApart, true},
	} {
		if got := p.allow(start.Add(s.after)); got != s.want {
			t.Errorf("step %d, %v: allowed %v", i, s.after, got)
		}
	}
}

// TestKindsAreCountedApart: who has answered many calls may still announce a change.
func TestKindsAreCountedApart(t *testing.T) {
	a, b := newMember(t, options{}), newMember(t, options{})
	b.put(a.seal())
	accepted := func(make func() exchange.Opened, tries int) (n int) {
		for range tries {
			r := make().Record()
			if _, err := b.x.examine(r.Sealed, a.host.ID(), func(id exchange.ID) bool { return id == r.ID }); err == nil {
				n++
			} else if codeOf(err) != CodeRate {
				t.Fatal(err)
			}
		}
		return n
	}
	for kind, c := range map[exchange.Kind]struct {
		make func() exchange.Opened
		most int
	}{
		exchange.KindView:         {func() exchange.Opened { return a.view(exchange.Members{}, exchange.CallID{}) }, viewBound().recordsAtOnce},
		exchange.KindSet:          {func() exchange.Opened { return a.proposal("trial") }, originBound().recordsAtOnce},
		exchange.KindCertificate:  {func() exchange.Opened { return a.certificate() }, originBound().recordsAtOnce},
		exchange.KindAnnouncement: {func() exchange.Opened { return a.seal() }, originBound().recordsAtOnce},
	} {
		// What is refilled meanwhile is at most a few.
		if got := accepted(c.make, c.most+10); got < c.most || got > c.most+5 {
			t.Errorf("%s: %d are accepted at once, want %d", kind, got, c.most)
		}
	}
}

func TestSetsAndCertificatesReachALateJoiner(t *testing.T) {
	a, b := newMember(t, options{}), newMember(t, options{})
	line(t, a, b)
	records := []exchange.Opened{a.seal(), a.proposal("one"), a.proposal("two"), a.certificate(), a.view(exchange.Members{}, exchange.CallID{})}
	a.put(records...)
	a.x.Stored()
	for _, r := range records[:4] {
		eventually(t, "b has it", b.holds(r))
	}
	late := newMember(t, options{})
	late.connect(b)
	for _, r := range records[:4] {
		eventually(t, "the late joiner has it", late.holds(r))
	}
	changed := a.proposal("one")
	a.put(changed)
	a.x.Stored()
	eventually(t, "the late joiner has the change", late.holds(changed))
	late.idle()
	if b.heard(records[4])() || late.heard(records[4])() {
		t.Error("a view was synced")
	}
}

// TestNothingIsAskedForOfWhoIsNotKnown: it could not be held.
func TestNothingIsAskedForOfWhoIsNotKnown(t *testing.T) {
	a, b := newMember(t, options{}), newMember(t, options{refuse: true})
	line(t, a, b)
	a.put(a.seal(), a.proposal("one"))
	b.syncs(a, 3)
	if got := b.received(); len(got) != 1 || got[0].Record.Record().Kind != exchange.KindAnnouncement {
		t.Errorf("%d records were fetched, want the announcement alone", len(got))
	}
	if s := b.x.Stats(); len(s.Ignored) != 0 {
		t.Errorf("ignored: %v", s.Ignored)
	}
}

func TestOnlyOwnRecordsArePublished(t *testing.T) {
	a, b := newMember(t, options{}), newMember(t, options{})
	if err := a.x.Publish(context.Background(), b.seal().Sealed); codeOf(err) != CodeAuthor {
		t.Errorf("another's record: %v", err)
	}
	if err := a.x.Publish(context.Background(), []byte("garbage")); codeOf(err) != exchange.CodeMalformed {
		t.Errorf("garbage: %v", err)
	}
}
