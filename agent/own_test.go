package agent

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// A copy of a state folder that runs elsewhere with the same values announces nothing else. It is met where both issue something: one of the
// two ends.
func TestCloneWithEqualValues(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	sites[0].ready("all agree", api.SetSelector{}, isReady)
	sites[0].end()
	folder := filepath.Join(s.root, "copy")
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(s.root, "alice"))); err != nil {
		t.Fatal(err)
	}
	private := func(path string, entry fs.DirEntry, err error) error { // CopyFS gives its own
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	}
	if err := filepath.WalkDir(folder, private); err != nil {
		t.Fatal(err)
	}
	files := []string{s.files[0], filepath.Join(folder, "fbpeer.ini")}
	var copies []*site
	for _, file := range files {
		numbers := store{dir: s.config(file).State}.path(fileRecords)
		if err := os.WriteFile(numbers, []byte("1\n"), 0o600); err != nil { // as after some minutes: numbers go by the clock again
			t.Fatal(err)
		}
		copies = append(copies, s.start(file))
	}
	for _, x := range copies {
		for _, other := range sites[1:] {
			x.agent.Connect(other.agent.AddrInfo())
		}
	}
	edit(t, s.files[1], "14201", "14901")
	for _, x := range copies {
		x.wait("bob's new port", func(s api.Snapshot) bool { return state(s, "bob") == api.StateChanged })
	}
	for _, x := range copies {
		x.approve("bob") // each issues a certificate for its number in the set that follows
	}
	var err error
	select {
	case err = <-copies[0].ended:
	case err = <-copies[1].ended:
	case <-time.After(4 * patience): // two exchanges, and each may wait for the next sync
		t.Fatal("both go on")
	}
	if !errors.Is(err, ErrClone) {
		t.Error(err)
	}
}

// Records of ours that others kept are no clone's: what this state folder numbered, or what was issued before this start, as an older copy of
// the folder meets it.
func TestOwnRecordsOfThePast(t *testing.T) {
	b := newPlainScene(t).bench()
	k := b.open()
	record := func(sequence uint64, issued time.Time) exchange.Opened {
		p, err := exchange.SealProposal(k.federation, exchange.Proposal{SetName: "trial", Members: []string{"alice", "bob"}, Sequence: sequence,
			Issued: issued, Expires: issued.Add(time.Hour)}, k.self.key)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ours, err := k.nextRecord(b.now)
	if err != nil {
		t.Fatal(err)
	}
	hear := func(what string, r exchange.Opened) {
		t.Helper()
		if err := k.hearOwnRecord(r, b.now); err != nil || !k.self.sequence.passed.IsZero() {
			t.Errorf("%s: %v, passed %s", what, err, k.self.sequence.passed)
		}
	}
	echo := record(ours, b.now)
	if err := k.keepProposal(echo.(*exchange.Proposal)); err != nil {
		t.Fatal(err)
	}
	hear("an echo", echo)
	hear("an older one", record(ours-1, b.now))
	for n := range uint64(3) {
		hear("a later one of the past", record(ours+1+n, b.now.Add(-time.Minute)))
	}
	k = b.open()
	hear("what the process before numbered", record(ours, b.now))
	live := record(k.self.records.before+1, b.now)
	if err := k.hearOwnRecord(live, b.now); err != nil || k.self.sequence.passed.IsZero() || !warned(b.shown(k).Warnings, api.WarnRestored) {
		t.Errorf("a first live one: %v", err)
	}
	if err := k.hearOwnRecord(record(k.self.records.before+2, b.now), b.now); err != nil {
		t.Errorf("another one of that time: %v", err)
	}
	k = b.open() // it is remembered over a restart
	later := b.now.Add(time.Second)
	if err := k.hearOwnRecord(record(k.self.records.before+1, later), later); !errors.Is(err, ErrClone) {
		t.Errorf("one after it: %v", err)
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
