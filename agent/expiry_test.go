package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/agent/notify"
	"fbpeer/mpspdz"
)

func TestExpiryDue(t *testing.T) {
	end := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	before := func(d time.Duration) time.Time { return end.Add(-d) }
	const day = 24 * time.Hour
	for _, test := range []struct {
		name string
		now  time.Time
		told []int
		days int
		due  bool
	}{
		{"long before", before(61 * day), nil, 0, false},
		{"a moment before the first", before(60*day + time.Second), nil, 0, false},
		{"the first", before(60 * day), nil, 60, true},
		{"the first, told", before(60 * day), []int{60}, 60, false},
		{"between", before(45 * day), []int{60}, 60, false},
		{"the second", before(30 * day), []int{60}, 30, true},
		{"the third", before(7 * day), []int{60, 30}, 7, true},
		{"the last", before(day), []int{60, 30, 7}, 1, true},
		{"all told", before(time.Hour), []int{60, 30, 7, 1}, 1, false},
		{"off for two of them: the nearest", before(5 * day), []int{60}, 7, true},
		{"off until after the end", before(-5 * day), []int{60}, 1, true},
		{"after the end, told", before(-5 * day), []int{60, 1}, 1, false},
		{"a clock that was set back to before", before(40 * day), []int{60, 30}, 60, false},
		{"a clock that was ahead and is right again", before(30 * day), []int{60, 1}, 30, true},
		{"and set back far", before(900 * day), []int{60, 30, 7, 1}, 0, false},
	} {
		if days, due := expiryDue(end, test.now, test.told); days != test.days || due != test.due {
			t.Errorf("%s: %d, %v", test.name, days, due)
		}
	}
}

// expiryLog are the notices in the log: whose certificate, and the days.
func (b *bench) expiryLog() string {
	var all []string
	for _, line := range b.logged("expires") {
		component, rest, _ := strings.Cut(strings.SplitN(line, `"component":"`, 2)[1], `"`)
		_, notice, _ := strings.Cut(rest, "notice of ")
		days, _, _ := strings.Cut(notice, " ")
		all = append(all, component[:4]+" "+days)
	}
	return strings.Join(all, ", ")
}

// TestExpiryIsToldOnce goes through the last months of all certificates, with restarts and a clock that jumps.
func TestExpiryIsToldOnce(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	end := b.open().self.registration.Certificate.NotAfter()
	for _, certificate := range []*mpspdz.Certificate{b.others[0].pair.Certificate} {
		if d := certificate.NotAfter().Sub(end).Abs(); d > time.Minute {
			t.Fatalf("the certificates end %s apart", d)
		}
	}
	own, other := "RESE", "NODE"
	both := func(days int) string { return fmt.Sprintf("%s %d, %s %d", own, days, other, days) }
	want := ""
	for _, step := range []struct {
		left time.Duration
		told int
	}{
		{61 * 24 * time.Hour, 0}, {59 * 24 * time.Hour, 60}, {58 * 24 * time.Hour, 0}, {300 * 24 * time.Hour, 0}, {45 * 24 * time.Hour, 0},
		{6 * 24 * time.Hour, 7}, {40 * 24 * time.Hour, 0}, {20 * 24 * time.Hour, 30}, {5 * 24 * time.Hour, 0}, {12 * time.Hour, 1}, {time.Hour, 0},
	} {
		b.now = end.Add(-step.left)
		for range 2 { // the second time after a restart
			k := b.open()
			k.settle(b.now)
			k.settle(b.now)
		}
		if step.told != 0 {
			want += ", " + both(step.told)
		}
		if got := b.expiryLog(); got != strings.TrimPrefix(want, ", ") {
			t.Fatalf("%s before the end:\n%s\nwant\n%s", step.left, got, strings.TrimPrefix(want, ", "))
		}
		s := b.snapshot()
		told := notify.Look(s, b.now)
		for _, p := range []api.Peer{s.Self, find(t, s, b.others[0].config.Component.ID)} {
			stands, warnings := false, p.Warnings
			for _, w := range warnings {
				same := func(e notify.Event) bool { return e.Component == p.Component && e.Text == w.Text && e.Cure == w.Cure }
				if w.Code == api.WarnCertificateExpires && (w.Certificate != p.Certificate.SHA256 || !slices.ContainsFunc(told, same)) {
					t.Errorf("%s before the end: %+v is told otherwise: %+v", step.left, w, told)
				}
				stands = stands || w.Code == api.WarnCertificateExpires && !w.Error && strings.Contains(w.Cure, "cert generate --next")
			}
			if stands != (step.left < 60*24*time.Hour) {
				t.Errorf("%s before the end: %+v", step.left, warnings)
			}
		}
	}
}

// TestExpiryKilled: a death between the line of the log and what is remembered of it neither repeats nor loses the notice.
func TestExpiryKilled(t *testing.T) {
	for _, step := range []string{"log", "write " + fileExpiry} {
		b := newBench(t)
		k := b.open()
		b.now = k.self.registration.Certificate.NotAfter().AddDate(0, 0, -10)
		k = b.open()
		k.store.step = func(name string) error {
			if name == step {
				panic(errKilled)
			}
			return nil
		}
		func() {
			defer func() {
				if p := recover(); p != errKilled {
					t.Errorf("%s: not killed: %v", step, p)
				}
			}()
			k.settle(b.now)
		}()
		for range 2 {
			b.open().settle(b.now)
		}
		if got := b.expiryLog(); got != "RESE 30" {
			t.Errorf("killed before %s: %q", step, got)
		}
	}
	// A disk that is full is tried again, and said.
	b := newBench(t)
	k := b.open()
	b.now = k.self.registration.Certificate.NotAfter().AddDate(0, 0, -10)
	k.store.step = func(name string) error {
		if name == "write "+fileExpiry {
			return errors.New("no space left on device")
		}
		return nil
	}
	if done := k.settle(b.now); !done.retry || !k.problems.has(api.WarnStore) {
		t.Errorf("%+v, %v", done, k.problems)
	}
	k.store.step = nil
	if done := k.settle(b.now); done.retry || b.expiryLog() != "RESE 30" {
		t.Errorf("%+v, %s", done, b.expiryLog())
	}
}

func TestExpiryFile(t *testing.T) {
	told := map[mpspdz.Hash][]int{{1}: {60, 30}, {2}: {7}}
	s := store{dir: t.TempDir()}
	if err := s.write(s.path(fileExpiry), append([]byte("damaged\n\n"), expiryFile(told)...)); err != nil {
		t.Fatal(err)
	}
	got, err := s.readExpiry()
	if err != nil || fmt.Sprint(got) != fmt.Sprint(told) {
		t.Errorf("%v, %v", got, err)
	}
}
