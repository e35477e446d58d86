package agent

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

func TestQuiet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	both := []string{filepath.Join(dir, "another"), path}
	start := time.Now()
	var q quiet
	if at := q.look(both, time.Second, start); !at.Equal(start.Add(time.Second)) {
		t.Errorf("never looked at: %v", at)
	}
	if at := q.look(both, time.Second, start.Add(time.Second)); !at.IsZero() {
		t.Errorf("missing for a second: %v", at)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if at := q.look(both, time.Second, start.Add(2*time.Second)); !at.Equal(start.Add(3 * time.Second)) {
		t.Errorf("it changed: %v", at)
	}
	if at := q.look(both, time.Second, start.Add(2900*time.Millisecond)); at.IsZero() {
		t.Error("taken too early")
	}
	if at := q.look(both, time.Second, start.Add(3*time.Second)); !at.IsZero() {
		t.Errorf("the same for a second: %v", at)
	}
}

// stepped is a loop whose files are read when the test says so, by a clock of the test's.
type stepped struct {
	*loop
	t   *testing.T
	now atomic.Pointer[time.Time] // other goroutines of the agent have the same clock
}

func (s *scene) step(file string) *stepped {
	s.t.Helper()
	x := &stepped{t: s.t}
	start := time.Now()
	x.now.Store(&start)
	o := s.options()
	o.Log, o.Now = zerolog.Nop(), func() time.Time { return *x.now.Load() }
	ctx, cancel := context.WithCancel(context.Background())
	a, err := New(ctx, s.config(file), o)
	if err != nil {
		s.t.Fatal(err)
	}
	x.loop = newLoop(a)
	s.t.Cleanup(func() {
		cancel()
		if err := x.close(); err != nil {
			s.t.Error(err)
		}
	})
	if err := x.start(ctx); err != nil {
		s.t.Fatal(err)
	}
	x.after(0)
	x.after(ownQuiet)
	return x
}

// pass lets time pass.
func (x *stepped) pass(d time.Duration) {
	now := x.now.Load().Add(d)
	x.now.Store(&now)
}

// after lets time pass and has the files read, as the watch does.
func (x *stepped) after(d time.Duration) {
	x.t.Helper()
	x.pass(d)
	if err := x.reread(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

func (x *stepped) announcement() *exchange.Announcement { return x.core.self.announcement }

// TestRefreshIsOneAnnouncement: Fed-BioMed's `configuration refresh` at a researcher writes key, certificate, and after another RSA key
// for its server the configuration, each file emptied first. Whenever the agent looks meanwhile, it announces nothing and complains
// of nothing; afterwards it announces once, endorsed by the former key.
func TestRefreshIsOneAnnouncement(t *testing.T) {
	s := newScene(t)
	x := s.step(s.files[0])
	before := x.announcement()
	other := s.config(s.files[1])
	own := x.core.config.Component
	configuration, err := os.ReadFile(s.files[0])
	if err != nil {
		t.Fatal(err)
	}
	empty := func(file string) func() {
		return func() {
			if err := os.Truncate(file, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, step := range []struct {
		pause time.Duration // before it
		name  string
		do    func()
	}{
		{0, "the key emptied", empty(own.PrivateKey)},
		{time.Millisecond, "the key", func() { copyFile(t, other.Component.PrivateKey, own.PrivateKey) }},
		{time.Millisecond, "the certificate emptied", empty(own.Certificate)},
		{time.Millisecond, "the certificate", func() { copyFile(t, other.Component.Certificate, own.Certificate) }},
		{1800 * time.Millisecond, "the configuration emptied", empty(s.files[0])},
		{time.Millisecond, "the configuration", func() {
			text := replaceOnce(t, string(configuration), "mpspdz_port = 14000", "mpspdz_port = 14555")
			if err := os.WriteFile(s.files[0], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{1700 * time.Millisecond, "nothing more", func() {}},
	} {
		x.pass(step.pause)
		step.do()
		x.after(0)
		x.after(100 * time.Millisecond) // the watch's moment
		if x.announcement().Sequence != before.Sequence || x.core.problems.has(api.WarnConfiguration) {
			t.Fatalf("%s: announced %v, warnings %v", step.name, x.announcement().Sequence != before.Sequence, x.core.problems)
		}
		if x.again.IsZero() {
			t.Fatalf("%s: nobody will look again", step.name)
		}
	}
	x.after(ownQuiet)
	now := x.announcement()
	if now.Sequence <= before.Sequence || now.Endpoint.Port() != 14555 || now.Certificate.KeySHA256() == before.Certificate.KeySHA256() {
		t.Fatalf("announces %s, key changed %v", now.Endpoint, now.Certificate.KeySHA256() != before.Certificate.KeySHA256())
	}
	if now.Endorsement == nil || !bytes.Equal(now.Endorsement.OldKey, before.Certificate.SPKI()) {
		t.Errorf("not endorsed by the former key: %+v", now.Endorsement)
	}
	if announced := logged(t, x.core, "own"); announced != 2 {
		t.Errorf("announced %d times, the first included", announced)
	}
}

// TestHalfAPair: a key whose certificate does not follow is a warning once it has lasted, and the former pair stays in force.
func TestHalfAPair(t *testing.T) {
	s := newScene(t)
	x := s.step(s.files[1])
	before, own := x.announcement(), x.core.config.Component
	other := s.config(s.files[2])
	copyFile(t, other.Component.PrivateKey, own.PrivateKey)
	x.after(0)
	if x.core.problems.has(api.WarnConfiguration) {
		t.Error("a key that was just written is an error at once")
	}
	x.after(ownQuiet)
	if !x.core.problems.has(api.WarnConfiguration) {
		t.Error("half a pair that lasts is no warning")
	}
	if x.announcement().Sequence != before.Sequence || x.core.self.pair.Certificate.SHA256() != before.Certificate.SHA256() {
		t.Error("the former pair is not in force any more")
	}
	copyFile(t, other.Component.Certificate, own.Certificate)
	x.after(0)
	x.after(ownQuiet)
	if a := x.announcement(); x.core.problems.has(api.WarnConfiguration) || a.Certificate.SHA256() == before.Certificate.SHA256() || a.Endorsement == nil {
		t.Errorf("the new pair: %v, endorsed %v, %v", a.Certificate.SHA256(), a.Endorsement != nil, x.core.problems)
	}
}

// logged counts an event in the log.
func logged(t *testing.T, k *core, event string) int {
	t.Helper()
	data, err := os.ReadFile(k.store.path(fileLog))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte(`"event":"`+event+`"`))
}
