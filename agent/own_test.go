package agent

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"fbpeer/config"
	"fbpeer/exchange"
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

func TestLaterAnnouncementOfOurs(t *testing.T) {
	b := newBench(t)
	k := b.open()
	forge := func(sequence uint64, change func(*exchange.Registration)) *exchange.Announcement {
		r := k.self.registration
		if change != nil {
			change(&r)
		}
		a, err := exchange.Seal(k.options.Random, k.federation, r, exchange.Stamp{Sequence: sequence, Issued: b.now.UTC().Truncate(time.Second), Expires: b.now.UTC().Truncate(time.Second).Add(time.Hour)},
			exchange.Keys{Identity: k.self.key, Certificate: k.self.pair.Key})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	own := k.self.announcement
	if publish, err := k.hearOwn(own, b.now); publish || err != nil {
		t.Errorf("an echo: %v, %v", publish, err)
	}
	if publish, err := k.hearOwn(forge(own.Sequence-1, nil), b.now); publish || err != nil {
		t.Errorf("an older one: %v, %v", publish, err)
	}
	if _, err := k.hearOwn(forge(own.Sequence, nil), b.now); !errors.Is(err, ErrClone) {
		t.Errorf("another one under the same sequence: %v", err)
	}
	if _, err := k.hearOwn(forge(own.Sequence+10, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14555") }), b.now); !errors.Is(err, ErrClone) {
		t.Errorf("a later one with other values: %v", err)
	}
	later := forge(own.Sequence+10, nil)
	if publish, err := k.hearOwn(later, b.now); !publish || err != nil || k.self.announcement.Sequence <= later.Sequence {
		t.Fatalf("a restored backup: %v, %v", publish, err)
	}
	b.now = b.now.Add(time.Hour)
	k = b.open() // it is remembered over a restart
	if _, err := k.hearOwn(forge(k.self.announcement.Sequence+10, nil), b.now); !errors.Is(err, ErrClone) {
		t.Errorf("a second time within a day: %v", err)
	}
	b.now = b.now.Add(24 * time.Hour)
	if publish, err := k.hearOwn(forge(k.self.announcement.Sequence+20, nil), b.now); !publish || err != nil {
		t.Errorf("a second time after a day: %v, %v", publish, err)
	}
}

func TestFormerKeyEndorsesTheNewOne(t *testing.T) {
	b := newBench(t)
	k := b.open()
	former := k.self.pair.Certificate
	k.reconfigure(b.offline.config, b.others[0].pair)
	b.now = b.now.Add(time.Second)
	if made, err := k.announce(0, b.now); !made || err != nil {
		t.Fatalf("a new key: %v, %v", made, err)
	}
	a := k.self.announcement
	if a.Endorsement == nil || string(a.Endorsement.OldKey) != string(former.SPKI()) {
		t.Errorf("the endorsement: %+v", a.Endorsement)
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
	for _, event := range []string{"own", "heard", "approved", "registry"} {
		if !strings.Contains(string(data), `"event":"`+event+`"`) {
			t.Errorf("no %s in\n%s", event, data)
		}
	}
}
