package agent

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/trust"
)

func isOwnFile(err error) bool {
	var own *config.Error
	return errors.As(err, &own) && own.Error() != ""
}

func TestRestartWithoutAChangeKeepsTheAnnouncement(t *testing.T) {
	b := newBench(t)
	first := b.open().self.announcement
	b.now = b.now.Add(time.Hour)
	if again := b.open().self.announcement; again.Hash != first.Hash {
		t.Errorf("a restart announced %d after %d", again.Sequence, first.Sequence)
	}
	b.now = b.now.Add(exchange.DefaultLifetime / 2)
	renewed := b.open().self.announcement
	if renewed.Sequence <= first.Sequence || !renewed.Expires.After(first.Expires) {
		t.Errorf("half of its life is over, but it is still %d until %s", renewed.Sequence, renewed.Expires)
	}
	edit(t, b.files[0], "mpspdz_port = 14000", "mpspdz_port = 14555")
	b.offline.config = b.config(b.files[0])
	if changed := b.open().self.announcement; changed.Sequence <= renewed.Sequence || changed.Endpoint.Port() != 14555 {
		t.Errorf("a changed port announced %d %s", changed.Sequence, changed.Endpoint)
	}
}

func TestClockThatWasAhead(t *testing.T) {
	b := newBench(t)
	right := b.now
	b.now = right.Add(48 * time.Hour)
	ahead := b.open().self.announcement
	b.now = right
	k := b.open()
	if now := k.self.announcement; now.Sequence >= ahead.Sequence || beyond(b.now, now.Sequence) {
		t.Errorf("nobody takes %d", now.Sequence)
	}
	table := exchange.NewTable(exchange.Bounds{})
	k.fillTable(table, b.now)
	if _, held := table.Get(k.self.announcement.Record().ID); !held {
		t.Error("the table does not take our own")
	}
}

func TestSequenceSurvivesALostCard(t *testing.T) {
	b := newBench(t)
	k := b.open()
	first := k.self.announcement
	if err := os.Remove(b.store().cardPath(dirHeard, k.self.id)); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(-time.Minute) // and the clock went back
	if again := b.open().self.announcement; again.Sequence <= first.Sequence {
		t.Errorf("%d after %d", again.Sequence, first.Sequence)
	}
	if err := os.WriteFile(b.store().path(fileSequence), []byte("many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.offline.load(); !isOwnFile(err) || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("a damaged sequence: %v", err)
	}
}

// forge seals an announcement with the identity of k, as a copy of its state folder elsewhere would.
func (b *bench) forge(k *core, sequence uint64, issued time.Time, change func(*exchange.Registration)) *exchange.Announcement {
	b.t.Helper()
	r := k.self.registration
	if change != nil {
		change(&r)
	}
	issued = issued.UTC().Truncate(time.Second)
	a, err := exchange.Seal(k.options.Random, k.federation, r, exchange.Stamp{Sequence: sequence, Issued: issued, Expires: issued.Add(time.Hour)},
		exchange.Keys{Identity: k.self.key, Certificate: k.self.pair.Key})
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

func TestLiveAnnouncementOfOurs(t *testing.T) {
	b := newBench(t)
	k := b.open()
	own := k.self.announcement
	for what, echo := range map[string]*exchange.Announcement{"an echo": own, "an older one": b.forge(k, own.Sequence-1, b.now, nil)} {
		if publish, err := k.hearOwn(echo, b.now); publish || err != nil {
			t.Errorf("%s: %v, %v", what, publish, err)
		}
	}
	later := b.forge(k, own.Sequence+10, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14555") })
	if publish, err := k.hearOwn(later, b.now); !publish || err != nil || k.self.announcement.Sequence <= later.Sequence {
		t.Fatalf("a first live one: %v, %v", publish, err)
	}
	if _, err := k.hearOwn(b.forge(k, k.self.announcement.Sequence, b.now, func(r *exchange.Registration) { r.Label = "x" }), b.now); !errors.Is(err, ErrClone) {
		t.Errorf("another one under the same sequence: %v", err)
	}
	b.now = b.now.Add(time.Hour)
	k = b.open() // it is remembered over a restart
	_, err := k.hearOwn(b.forge(k, k.self.announcement.Sequence+10, b.now, nil), b.now)
	var clone *CloneError
	if !errors.As(err, &clone) || !errors.Is(err, ErrClone) || !strings.Contains(clone.Hint(), b.store().path(fileIdentity)) {
		t.Errorf("a second time within a day: %v", err)
	}
	b.now = b.now.Add(24 * time.Hour)
	if publish, err := k.hearOwn(b.forge(k, k.self.announcement.Sequence+20, b.now, nil), b.now); !publish || err != nil {
		t.Errorf("a second time after a day: %v, %v", publish, err)
	}
}

// What others tell of our own past is gone past, whatever it says and however lately a live one was met; not for ever, for a live
// one's clock may be behind.
func TestLeftoversOfOurPast(t *testing.T) {
	b := newBench(t)
	k := b.open()
	before := b.now.Add(-time.Minute)
	k.self.sequence.passed = before
	moved := func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14555") }
	for n := range maxLeftovers {
		old := b.forge(k, k.self.announcement.Sequence+10, before, moved)
		if publish, err := k.hearOwn(old, b.now); !publish || err != nil || k.self.announcement.Sequence <= old.Sequence {
			t.Fatalf("leftover %d: %v, %v", n, publish, err)
		}
	}
	if !warned(b.shown(k).Warnings, api.WarnRestored) {
		t.Error("nothing is said")
	}
	if _, err := k.hearOwn(b.forge(k, k.self.announcement.Sequence+10, before, moved), b.now); !errors.Is(err, ErrClone) {
		t.Errorf("one more: %v", err)
	}
}

func (b *bench) shown(k *core) api.Snapshot { return k.snapshot(network{}, b.now) }

func TestMissingIdentityIsNotMadeAnew(t *testing.T) {
	b := newBench(t)
	k := b.open()
	card := b.store().cardPath(dirHeard, k.self.id)
	if err := os.Remove(b.store().path(fileIdentity)); err != nil {
		t.Fatal(err)
	}
	lost, err := b.offline.load()
	if err != nil {
		t.Fatal(err)
	}
	if said := LostIdentity(b.offline.config, b.offline.options); !isOwnFile(said) || !strings.Contains(said.Error(), "is missing") {
		t.Errorf("asked without making one: %v", said)
	}
	err = lost.makeIdentity()
	var own *config.Error
	if !errors.As(err, &own) || !strings.Contains(own.Hint, card) || !strings.Contains(own.Hint, b.store().path(fileSequence)) {
		t.Fatalf("a lost identity: %v", err)
	}
	if err := errors.Join(os.Remove(card), os.Remove(b.store().path(fileSequence))); err != nil {
		t.Fatal(err)
	}
	if again := b.open(); again.self.id == k.self.id {
		t.Error("the identity is the former one")
	}
}

// A site that was set up anew hears what it announced before from the others, until that lapses.
func TestFormerIdentityIsNoConflict(t *testing.T) {
	b := newBench(t)
	o := b.scene.outsider(b.files[0]) // the same component and key, another identity
	old := o.announce(t, b.now.Add(-time.Hour), nil)
	b.hear(old)
	s := b.snapshot()
	p := find(t, s, old.Component)
	if p.State != api.StateFormer || !warned(p.Warnings, api.WarnFormerIdentity) {
		t.Fatalf("our former identity is %s: %v", p.State, p.Warnings)
	}
	if s.Members != 1 {
		t.Errorf("%d members", s.Members)
	}
	if _, err := trustBy(b.offline, approvalOf(p)); fault(t, err).Code != api.CodeRefused {
		t.Errorf("approving it: %v", err)
	}
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionDeny, Component: p.Component, PeerID: p.PeerID}); err != nil {
		t.Fatal(err)
	}
	if got := state(b.snapshot(), p.Component); got != api.StateDenied {
		t.Errorf("denied, but %s", got)
	}
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionForget, Component: p.Component, PeerID: p.PeerID}); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Minute)
	b.hear(o.announce(t, b.now, nil)) // it is not of the past
	if got := state(b.snapshot(), p.Component); got != api.StateConflict {
		t.Errorf("somebody announces our component now, and is %s", got)
	}
}

func TestFormerKeyEndorsesTheNewOne(t *testing.T) {
	b := newBench(t)
	k := b.open()
	former := k.self.pair.Certificate
	k.reconfigure(b.offline.config, files{pair: b.others[0].pair})
	b.now = b.now.Add(time.Second)
	if made, err := k.announce(0, b.now); !made || err != nil {
		t.Fatalf("a new key: %v, %v", made, err)
	}
	a := k.self.announcement
	if a.Endorsement == nil || string(a.Endorsement.OldKey) != string(former.SPKI()) {
		t.Errorf("the endorsement: %+v", a.Endorsement)
	}
}

// TestKeptKeyEndorsesTheNewOne: a change made while no agent ran is endorsed by the key that `cert generate` kept, in a renewed
// announcement too; a kept key that we never announced endorses nothing.
func TestKeptKeyEndorsesTheNewOne(t *testing.T) {
	b := newBench(t)
	generate := func() {
		t.Helper()
		if _, err := b.offline.config.MakePair(rand.Reader, config.NamesFedbiomed, true, b.now); err != nil {
			t.Fatal(err)
		}
	}
	endorsedBy := func(a *exchange.Announcement, former []byte) bool {
		return a.Endorsement != nil && string(a.Endorsement.OldKey) == string(former)
	}
	former := b.open().self.announcement.Certificate.SPKI()
	generate()
	b.now = b.now.Add(time.Second)
	first := b.open().self.announcement
	if string(first.Certificate.SPKI()) == string(former) || !endorsedBy(first, former) {
		t.Errorf("the endorsement: %+v", first.Endorsement)
	}
	b.now = b.now.Add(exchange.DefaultLifetime / 2)
	if renewed := b.open().self.announcement; renewed.Sequence <= first.Sequence || !endorsedBy(renewed, former) {
		t.Errorf("renewed, sequence %d after %d: %+v", renewed.Sequence, first.Sequence, renewed.Endorsement)
	}
	generate()
	generate() // the one in between was never announced
	if again := b.open().self.announcement; again.Endorsement != nil || string(again.Certificate.SPKI()) == string(first.Certificate.SPKI()) {
		t.Errorf("endorsed by a key that nobody knows: %+v", again.Endorsement)
	}
}

func TestLogIsAChain(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	data, err := os.ReadFile(b.store().path(fileLog))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(lines) < 5 {
		t.Fatalf("only %d lines: %s", len(lines), data)
	}
	previous := []byte(nil)
	for i, line := range lines {
		if want := previousOf(previous); !strings.Contains(line, want) {
			t.Errorf("line %d does not carry %s: %s", i+1, want, line)
		}
		previous = []byte(line)
	}
	for _, event := range []string{trust.EventOwn, trust.EventHeard, trust.EventApproved, trust.EventRowWritten} {
		if !strings.Contains(string(data), `"event":"`+event+`"`) {
			t.Errorf("no %s in\n%s", event, data)
		}
	}
}
