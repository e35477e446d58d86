package gossip

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

func TestOutcome(t *testing.T) {
	tests := []struct {
		code exchange.Code
		want pubsub.ValidationResult
	}{
		{exchange.CodeTooLarge, pubsub.ValidationReject},
		{exchange.CodeMalformed, pubsub.ValidationReject},
		{exchange.CodeSignature, pubsub.ValidationReject},
		{exchange.CodeFederation, pubsub.ValidationReject},
		{exchange.CodeField, pubsub.ValidationReject},
		{exchange.CodeCertificate, pubsub.ValidationReject},
		{exchange.CodeProof, pubsub.ValidationReject},
		{exchange.CodeEndorsement, pubsub.ValidationReject},
		{CodeAuthor, pubsub.ValidationReject},
		{exchange.CodeNewerVersion, pubsub.ValidationIgnore},
		{exchange.CodeKnown, pubsub.ValidationIgnore},
		{exchange.CodeSuperseded, pubsub.ValidationIgnore},
		{exchange.CodeExpired, pubsub.ValidationIgnore},
		{exchange.CodeAhead, pubsub.ValidationIgnore},
		{exchange.CodeLifetime, pubsub.ValidationIgnore},
		{exchange.CodeCertificateTime, pubsub.ValidationIgnore},
		{exchange.CodeFull, pubsub.ValidationIgnore},
		{exchange.CodeUnknownAuthor, pubsub.ValidationIgnore},
		{CodeBarred, pubsub.ValidationIgnore},
		{CodeRate, pubsub.ValidationIgnore},
		{CodePanic, pubsub.ValidationIgnore},
		{"one of a later release", pubsub.ValidationIgnore},
		{exchange.CodeEquivocation, pubsub.ValidationAccept},
	}
	for _, tt := range tests {
		if got := Outcome(&exchange.Refusal{Code: tt.code}); got != tt.want {
			t.Errorf("Outcome(%s) = %d, want %d", tt.code, got, tt.want)
		}
	}
	if Outcome(nil) != pubsub.ValidationAccept || Outcome(errors.New("no refusal")) != pubsub.ValidationIgnore {
		t.Error("no error must be accepted, an unknown one ignored")
	}
}

// line connects members in a line and waits until each hears its neighbours on the topic.
func line(t *testing.T, members ...*member) {
	t.Helper()
	for i := 1; i < len(members); i++ {
		a, b := members[i-1], members[i]
		a.connect(b)
		eventually(t, "both are in the topic", func() bool { return a.inTopicWith(b)() && b.inTopicWith(a)() })
		eventually(t, "both speak sync", func() bool { return a.isNeighbourOf(b)() && b.isNeighbourOf(a)() })
	}
	for _, m := range members {
		m.idle()
	}
}

// relays waits until GossipSub has built its mesh, and carries what one says to the other although they are not connected.
func relays(t *testing.T, from, to *member) {
	t.Helper()
	var said time.Time
	eventually(t, "the topic carries further than to neighbours", func() bool {
		if time.Since(said) > 400*time.Millisecond { // GossipSub's heartbeat is a second
			from.announce()
			said = time.Now()
		}
		for _, r := range to.received() {
			if r.Via == "topic" && r.Record.Record().Peer == from.host.ID() {
				return true
			}
		}
		return false
	})
}

func TestTopicReachesWhoIsNotConnected(t *testing.T) {
	a, b, c := newMember(t, options{}), newMember(t, options{}), newMember(t, options{})
	line(t, a, b, c)
	relays(t, a, c)
	first := a.announce()
	eventually(t, "c has a's announcement", c.holds(first))
	second := a.announce()
	eventually(t, "c has a's change", c.holds(second))
	eventually(t, "b has a's change", b.holds(second))
	for _, r := range a.received() {
		t.Errorf("a got its own announcement back by %s", r.Via)
	}
	if s := b.x.Stats(); s.Accepted[""] < 2 || len(s.Rejected) != 0 {
		t.Errorf("b counts %+v", s)
	}
}

func TestPublishingAgainAfterARestart(t *testing.T) {
	a, b := newMember(t, options{}), newMember(t, options{})
	line(t, a, b)
	first := a.announce()
	eventually(t, "b has it", b.holds(first))
	if err := a.x.Publish(context.Background(), first.Sealed); err != nil {
		t.Fatalf("publishing the stored envelope again: %v", err)
	}
	eventually(t, "b ignores it as known", func() bool { return b.x.Stats().Ignored[exchange.CodeKnown] > 0 })
	if n := len(b.received()); n != 1 {
		t.Errorf("b got it %d times", n)
	}
}

// newer is a payload that only a later release understands.
type newer string

func (newer) Domain() string                   { return "fbpeer-announcement" }
func (newer) Codec() []byte                    { return []byte("/fbpeer/announcement") }
func (n newer) MarshalRecord() ([]byte, error) { return []byte(n), nil }
func (newer) UnmarshalRecord([]byte) error     { return nil }

func TestWhatIsNotAccepted(t *testing.T) {
	a, b, c := newMember(t, options{}), newMember(t, options{}), newMember(t, options{})
	line(t, a, b, c)
	relays(t, a, c)
	stranger := newMember(t, options{})

	envelope, err := record.Seal(newer("fbpeer announcement 2\nfederation: "+a.federation.ID()+"\nnovelty: yes\n"), a.key)
	if err != nil {
		t.Fatal(err)
	}
	later, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	mangled := a.seal().Sealed
	mangled[len(mangled)-1] ^= 1
	for _, m := range []struct {
		sealed []byte
		count  func(Stats) int
		what   string
	}{
		{later, func(s Stats) int { return min(s.Ignored[exchange.CodeNewerVersion], s.NewerVersion[a.host.ID()]) }, "newer version"},
		{[]byte("garbage"), func(s Stats) int { return s.Rejected[exchange.CodeMalformed] }, "garbage"},
		{mangled, func(s Stats) int { return s.Rejected[exchange.CodeSignature] }, "mangled signature"},
		{stranger.seal().Sealed, func(s Stats) int { return s.Rejected[CodeAuthor] }, "somebody else's record"},
		{make([]byte, exchange.MaxSealed+1), func(s Stats) int { return s.Rejected[exchange.CodeTooLarge] }, "too large"},
	} {
		if err := a.x.topic.Publish(context.Background(), m.sealed); err != nil {
			t.Fatal(err)
		}
		eventually(t, m.what+" is counted", func() bool { return m.count(b.x.Stats()) == 1 })
	}
	// What comes after shows that nothing of it was passed on: each was judged before the next was published.
	good := a.announce()
	eventually(t, "c has what follows", c.holds(good))
	if s := c.x.Stats(); len(s.Rejected) != 0 || len(s.NewerVersion) != 0 {
		t.Errorf("b passed on what it did not accept; c counts %+v", s)
	}
	var big *exchange.Refusal
	if err := a.x.Publish(context.Background(), make([]byte, exchange.MaxSealed+1)); !errors.As(err, &big) || big.Code != exchange.CodeTooLarge {
		t.Errorf("publishing too much gives %v", err)
	}
}

func TestRateOfAnOrigin(t *testing.T) {
	a, b := newMember(t, options{}), newMember(t, options{})
	line(t, a, b)
	limited := func() bool { return b.x.Stats().Ignored[CodeRate] > 0 }
	for range 2 * originBound().recordsAtOnce {
		r := a.announce() // one after the other: an older one that comes later is superseded, and costs nothing
		eventually(t, "it is taken, or the bound bites", func() bool { return b.holds(r)() || limited() })
	}
	if !limited() {
		t.Error("the bound does not bite")
	}
	// One is refilled in 5 s.
	if got, most := b.x.Stats().Accepted[""], originBound().recordsAtOnce+5; got > most {
		t.Errorf("%d changes of one identity were accepted at once, bound is %d", got, most)
	}
}

func TestEquivocationConverges(t *testing.T) {
	a, b, c := newMember(t, options{}), newMember(t, options{}), newMember(t, options{})
	line(t, a, b, c, a)
	sequence := exchange.NextSequence(time.Now(), 0)
	one, two := a.sealAs(sequence), a.sealAs(sequence)
	small := one
	if string(two.Hash[:]) < string(one.Hash[:]) {
		small = two
	}
	publish := func(r *exchange.Announcement) {
		t.Helper()
		if err := a.x.Publish(context.Background(), r.Sealed); err != nil {
			t.Fatal(err)
		}
	}
	publish(one)
	for _, m := range []*member{b, c} {
		eventually(t, "the first is held", m.holds(one))
	}
	publish(two)
	for _, m := range []*member{b, c} {
		eventually(t, "both were delivered, to warn", func() bool {
			seen := map[[32]byte]bool{}
			for _, r := range m.received() {
				seen[r.Record.Record().Hash] = true
			}
			return seen[one.Hash] && seen[two.Hash]
		})
		eventually(t, "the smaller hash is held", m.holds(small))
		if m.x.Stats().Accepted[exchange.CodeEquivocation] == 0 {
			t.Error("it is not counted")
		}
	}
}

func TestMeter(t *testing.T) {
	now := time.Unix(1e9, 0)
	m := newMeter(bound{records: 1, recordsAtOnce: 3, bytes: 10, bytesAtOnce: 100, rememberedMost: 2})
	steps := []struct {
		peer    string
		trusted bool
		bytes   int
		after   time.Duration
		want    bool
		why     string
	}{
		{"a", false, 10, 0, true, "first"},
		{"a", false, 10, 0, true, "second"},
		{"a", false, 200, 0, false, "more bytes than at once"},
		{"a", false, 10, 0, true, "what was refused is not charged"},
		{"a", false, 10, 0, false, "fourth at once"},
		{"b", false, 100, 0, true, "another peer has its own"},
		{"b", false, 1, 0, false, "its bytes are used up"},
		{"a", false, 10, time.Second, true, "one record a second comes back"},
		{"a", false, 10, 0, false, "and no more"},
		{"b", false, 10, 0, true, "10 bytes a second come back"},
		{"b", false, 10, 10 * time.Millisecond, false, "and no more"},
		{"c", false, 1, 0, true, "a third peer's account takes the place of the idlest"},
		{"b", false, 10, 0, false, "which was not this one"},
		{"t", true, 100, 0, true, "a trusted one makes room for itself too"},
		{"c", false, 1, time.Minute, true, "accounts that are full again make room first"},
	}
	for _, s := range steps {
		now = now.Add(s.after)
		if got := m.allow(peerID(s.peer), s.trusted, s.bytes, now); got != s.want {
			t.Errorf("%s: %d bytes of %s: allowed %v, want %v", s.why, s.bytes, s.peer, got, s.want)
		}
	}
}

// A record that comes several ways before it is stored costs its author one of its allowance, but not for ever.
func TestComingIsPaidOnce(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	c, hash := newComing(), mpspdz.Hash{1}
	if c.paid(hash, now) {
		t.Error("free the first time")
	}
	c.pay(hash, now)
	for range comingAgain {
		if !c.paid(hash, now.Add(time.Second)) {
			t.Error("charged twice")
		}
	}
	if c.paid(hash, now.Add(time.Second)) {
		t.Error("free however often it comes")
	}
	c.pay(hash, now)
	if c.paid(hash, now.Add(comingLasts)) || c.paid(mpspdz.Hash{2}, now) {
		t.Error("free long after, or another one")
	}
	for n := range comingMost + 10 {
		c.pay(mpspdz.Hash{2, byte(n), byte(n >> 8)}, now)
	}
	if len(c.held) > comingMost {
		t.Errorf("%d are remembered", len(c.held))
	}
	if c.pay(hash, now.Add(comingLasts)); !c.paid(hash, now.Add(comingLasts)) {
		t.Error("no room after those before it are over")
	}
}

func TestTrustedHaveAccountsOfTheirOwn(t *testing.T) {
	a := newMember(t, options{})
	b := newMember(t, options{trusted: []peer.ID{a.host.ID()}})
	line(t, a, b)
	a.announce()
	for name, m := range map[string]*meter{"forwarders": b.x.forwarders, "origins": b.x.origins[exchange.KindAnnouncement], "syncs": b.x.syncs} {
		eventually(t, name+" count it as trusted", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			account := m.peers[a.host.ID()]
			return account != nil && account.trusted
		})
	}
}

// TestStrangersCrowdOutNobody: three hostile neighbours bring more made-up identities than are counted, and go on.
func TestStrangersCrowdOutNobody(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := originBound()
	m := newMeter(b)
	made := 0
	flood := func(n int) {
		for range n {
			made++
			m.allow(peerID(fmt.Sprint("made up ", made)), false, b.bytesAtOnce, now)
		}
	}
	trusted := peerID("trusted")
	for range b.recordsAtOnce {
		if !m.allow(trusted, true, 1, now) {
			t.Fatal("a trusted one is held up")
		}
	}
	flood(3 * forwarderBound().recordsAtOnce)
	if m.allow(trusted, true, 1, now) {
		t.Error("a flood gives a trusted one more than its share: its account was evicted")
	}
	if !m.allow(peerID("newcomer"), false, 1, now) {
		t.Error("a newcomer is held up by others' accounts")
	}
	if len(m.peers) > b.rememberedMost+1 {
		t.Errorf("%d accounts", len(m.peers))
	}
	// As many trusted ones as there is room for strangers: all of them are served.
	for i := range b.rememberedMost + 1 {
		if !m.allow(peerID(fmt.Sprint("approved ", i)), true, 1, now) {
			t.Fatalf("trusted one %d is held up", i)
		}
	}
}
