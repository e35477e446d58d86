package agent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/trust"
)

// logRecords reads every record of a log, whatever its files.
func logRecords(t *testing.T, s store) (all []trust.LogRecord) {
	t.Helper()
	names, err := s.logFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(s.path(name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			if r, err := trust.ParseLogLine(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
				all = append(all, r)
			}
		}
	}
	return all
}

// events lists the events of a log from one of its records on.
func events(t *testing.T, s store, from int) (all []string) {
	t.Helper()
	for _, r := range logRecords(t, s)[from:] {
		all = append(all, r.Event)
	}
	return all
}

// verified demands that nothing is wrong with a log, and gives its report.
func verified(t *testing.T, s store) trust.LogReport {
	t.Helper()
	r, err := VerifyLog(s.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Defects) > 0 {
		t.Fatalf("defects: %+v", r.Defects)
	}
	return r
}

// logbook is a core that only writes a log, in files of a few lines.
func logbook(b *bench) *core {
	k := b.open()
	k.store.logLimit = 1000
	return k
}

func note(k *core, i int) {
	k.record(trust.LogRecord{Event: "test", Text: fmt.Sprintf("number %d %s", i, strings.Repeat("x", 300))}, k.options.Now())
}

func TestLogRotates(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	for i := range 20 {
		note(k, i)
	}
	k.sealLog()
	names, err := k.store.logFiles()
	if err != nil || len(names) < 5 || names[len(names)-1] != fileLog {
		t.Fatalf("files %v, %v", names, err)
	}
	for _, name := range names {
		if info, err := os.Stat(k.store.path(name)); err != nil || info.Mode() != 0o600 || info.Size() > 2000 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	before := verified(t, k.store)
	// A restart goes on, also where log.jsonl itself has just been rotated away.
	for _, remove := range []bool{false, true} {
		k = logbook(b)
		if remove {
			k.store.logLimit = 1
			if err := errors.Join(k.openLog(b.now), k.store.rotate(&k.chain)); err != nil {
				t.Fatal(err)
			}
			k = logbook(b)
		}
		note(k, 20)
		k.sealLog()
	}
	if after := verified(t, k.store); after.Lines != before.Lines+2 || after.Head.Number != before.Head.Number+2 {
		t.Errorf("%+v, then %+v", before, after)
	}
	// A file that was taken away is missed.
	if err := os.Remove(k.store.path(names[1])); err != nil {
		t.Fatal(err)
	}
	r, err := VerifyLog(k.store.dir, nil)
	if err != nil || len(r.Defects) != 1 || r.Defects[0].Kind != trust.LogRemoved || r.Defects[0].File != names[2] || r.Defects[0].Line != 1 {
		t.Errorf("%+v, %v", r.Defects, err)
	}
}

// TestLogKilledAtEveryStep ends appending, rotating and sealing before each of their steps: the log goes on, no line that was written is
// lost, and nothing of it looks like tampering.
func TestLogKilledAtEveryStep(t *testing.T) {
	b := newBench(t)
	logbook(b).sealLog()
	killed := 0
	for at := 0; ; at++ {
		k := logbook(b)
		steps, written := 0, len(logRecords(t, k.store))
		k.store.step = func(string) error {
			if steps == at {
				panic(errKilled)
			}
			steps++
			return nil
		}
		done := func() (done bool) {
			defer func() { _ = recover() }()
			for i := range 4 {
				note(k, i)
				k.sealLog()
			}
			return true
		}()
		if got := len(logRecords(t, k.store)); got < written {
			t.Fatalf("killed at step %d: %d records, and there were %d", at, got, written)
		}
		verified(t, k.store)
		if done {
			break
		}
		killed++
	}
	if killed < 9 {
		t.Errorf("only %d steps", killed)
	}
	for _, r := range logRecords(t, b.store()) {
		if r.Event == trust.EventLogDamaged || r.Event == trust.EventLogCut {
			t.Errorf("%+v", r)
		}
	}
}

// TestLogCutOffGoesOn cuts the last line at every byte, as a loss of power may: the agent says so, and the log verifies.
func TestLogCutOffGoesOn(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	note(k, 0)
	k.sealLog()
	path := k.store.path(fileLog)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(k.store.path(fileLogHead))
	if err != nil {
		t.Fatal(err)
	}
	note(k, 1) // not sealed
	longer, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole) + 1; cut < len(longer); cut++ {
		if err := errors.Join(os.WriteFile(path, longer[:cut], 0o600), os.WriteFile(k.store.path(fileLogHead), head, 0o600)); err != nil {
			t.Fatal(err)
		}
		before := len(logRecords(t, k.store))
		again, err := b.offline.load()
		if err != nil {
			t.Fatal(err)
		}
		note(again, 2)
		again.sealLog()
		want := []string{trust.EventLogCut, "test"}
		if cut == len(longer)-1 { // whole but for its newline
			want = []string{"test"}
		}
		if got := events(t, k.store, before); !slices.Equal(got, want) {
			t.Fatalf("cut after %d of %d bytes: %v", cut-len(whole), len(longer)-len(whole), got)
		}
		if r := verified(t, k.store); len(r.Cuts) != len(want)-1 {
			t.Fatalf("cut after %d: %+v", cut, r.Cuts)
		}
	}
}

// TestLogJunkIsDamage: what no write of ours can have left is no crash's; it is told, and never whole again.
func TestLogJunkIsDamage(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	note(k, 0)
	k.sealLog()
	f, err := os.OpenFile(k.store.path(fileLog), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("garbage\n{\"ti"); errors.Join(err, f.Close()) != nil {
		t.Fatal(err)
	}
	before := len(logRecords(t, k.store))
	again, err := b.offline.load()
	if err != nil {
		t.Fatal(err)
	}
	note(again, 1)
	again.sealLog()
	if got := events(t, k.store, before); !slices.Equal(got, []string{trust.EventLogDamaged, "test"}) {
		t.Errorf("%v", got)
	}
	if !slices.ContainsFunc(again.problems.sorted(), func(w api.Warning) bool { return w.Code == api.WarnLog }) {
		t.Errorf("no warning: %+v", again.problems.sorted())
	}
	r, err := VerifyLog(k.store.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, d := range r.Defects {
		kinds[d.Kind]++
	}
	if kinds[trust.LogNoRecord] != 1 || kinds[trust.LogDamaged] != 1 || len(kinds) != 2 {
		t.Errorf("%v", kinds)
	}
}

// TestLogGoesOnAfterAFailedWrite: a full disk leaves a part of a line, and the same process goes on.
func TestLogGoesOnAfterAFailedWrite(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	note(k, 0)
	f, err := os.OpenFile(k.store.path(fileLog), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	k.store.step = func(name string) error {
		if name != "log" {
			return nil
		}
		_, err := f.WriteString(`{"time":"20`)
		return errors.Join(errors.New("no space left"), err)
	}
	note(k, 1)
	k.store.step = nil
	note(k, 2)
	k.sealLog()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verified(t, k.store); len(r.Cuts) == 0 {
		t.Error("the part of a line is not told")
	}
}

// TestLogEndTakenAway: lines that were taken from the end are missed at the next start, and by every verification from then on.
func TestLogEndTakenAway(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	k.store.logLimit = 0
	for i := range 4 {
		note(k, i)
	}
	k.sealLog()
	path := k.store.path(fileLog)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	lines = lines[:len(lines)-1]
	for name, damage := range map[string]func() error{
		"two lines":   func() error { return os.WriteFile(path, bytes.Join(lines[:len(lines)-2], nil), 0o600) },
		"half a line": func() error { return os.WriteFile(path, data[:len(data)-20], 0o600) },
		"another last one": func() error {
			return os.WriteFile(path, bytes.Replace(data, []byte("number 3"), []byte("number 8"), 1), 0o600)
		},
		"all":            func() error { return os.Remove(path) },
		"the head":       func() error { return os.Remove(b.store().path(fileLogHead)) },
		"a mangled head": func() error { return os.WriteFile(b.store().path(fileLogHead), []byte("5 x\n"), 0o600) },
		"log and head":   func() error { return errors.Join(os.Remove(path), os.Remove(b.store().path(fileLogHead))) },
	} {
		t.Run(name, func(t *testing.T) {
			head := trust.LogHead{Number: uint64(len(lines)), Hash: trust.HashLogLine(bytes.TrimSuffix(lines[len(lines)-1], []byte("\n")))}
			if err := errors.Join(os.WriteFile(path, data, 0o600), os.WriteFile(b.store().path(fileLogHead), head.Bytes(), 0o600), damage()); err != nil {
				t.Fatal(err)
			}
			before := len(logRecords(t, b.store()))
			again, err := b.offline.loadToWrite()
			if err != nil {
				t.Fatal(err)
			}
			if got := events(t, b.store(), before); !slices.Equal(got, []string{trust.EventLogDamaged}) {
				t.Fatalf("events %v", got)
			}
			if !again.problems.has(api.WarnLog) {
				t.Error("no warning")
			}
			note(again, 9)
			again.sealLog()
			r, err := VerifyLog(b.offline.config.State, nil)
			if err != nil || len(r.Defects) == 0 {
				t.Errorf("after the start: %+v, %v", r, err)
			}
			gap := slices.ContainsFunc(r.Defects, func(d trust.LogDefect) bool { return d.Kind == trust.LogRemoved })
			if want := slices.Contains([]string{"two lines", "half a line", "all"}, name); gap != want {
				t.Errorf("the gap shows: %v: %+v", gap, r.Defects)
			}
		})
	}
}

// TestLogOfBeforeGoesOn: a log that has neither numbers nor a head is taken over as it is.
func TestLogOfBeforeGoesOn(t *testing.T) {
	b := newBench(t)
	previous := trust.LogStart()
	var data []byte
	for range 3 {
		line := trust.LogRecord{Time: b.now, Event: "own"}.Line(previous)
		data, previous = append(append(data, line...), '\n'), trust.HashLogLine(line)
	}
	if err := os.WriteFile(b.store().path(fileLog), data, 0o600); err != nil {
		t.Fatal(err)
	}
	k := logbook(b)
	note(k, 0)
	k.sealLog()
	all := logRecords(t, k.store)
	if got := verified(t, k.store); got.Lines != 5 || all[3].Event != trust.EventOwn || all[3].Number != 4 {
		t.Errorf("%+v %+v", got, all[3:])
	}
}

// TestLogVerifiesWhileItIsWritten: rotation and appending under a reader's eyes are no defects.
func TestLogVerifiesWhileItIsWritten(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	k.sealLog()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 100 {
			note(k, i)
			k.sealLog()
		}
	}()
	for looking := true; looking; {
		select {
		case <-ended:
			looking = false
		default:
		}
		if r, err := VerifyLog(b.offline.config.State, nil); err != nil || len(r.Defects) > 0 {
			t.Fatalf("%+v, %v", r.Defects, err)
		}
	}
}

// A file that was rotated after it was opened is read once.
func TestLogRotatedUnderAReader(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	k.store.logLimit = 1
	note(k, 0)
	current, err := k.store.openLogFile(fileLog)
	if err != nil {
		t.Fatal(err)
	}
	defer current.Close()
	if err := k.store.rotate(&k.chain); err != nil {
		t.Fatal(err)
	}
	v := trust.NewLogVerifier(nil, nil)
	if err := k.store.verifyFile(v, rotatedLog(k.chain.number-1), current); err != nil {
		t.Fatal(err)
	}
	if r := v.Report(); r.Lines != 0 {
		t.Errorf("%d lines would be read twice", r.Lines)
	}
}

// TestLogSaysWho: a decision over the socket is noted as the kernel knows who asked, whatever he says; an edit by hand with the
// file's owner, and with old and new values; each with the fingerprint.
func TestLogSaysWho(t *testing.T) {
	s := newScene(t)
	sites := three(s)
	x, other := sites[0], sites[1]
	id := other.config.Component.ID
	r := approvalOf(find(t, x.snapshot(), id))
	r.By, r.Note = "somebody@else", "by telephone"
	controller, err := Dial(t.Context(), x.config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trustBy(controller, r); err != nil {
		t.Fatal(err)
	}
	if p := find(t, x.snapshot(), id); p.ApprovedBy != Operator() {
		t.Errorf("approved by %q, and not %q", p.ApprovedBy, Operator())
	}
	edit(t, x.config.TrustList, "endpoint    = "+other.config.Component.Endpoint.String(), "endpoint    = 10.1.2.3:14777")
	x.wait("the edit by hand", func(s api.Snapshot) bool { return state(s, id) == api.StateChanged })
	x.end()
	edit(t, x.config.TrustList, "status      = approved", "status      = denied")
	if _, err := (&offline{config: x.config, options: s.options()}).loadToWrite(); err != nil {
		t.Fatal(err)
	}
	fingerprint := find(t, x.snapshot(), id).Fingerprint
	var got []string
	for _, r := range logRecords(t, store{dir: x.config.State}) {
		if r.Component != id || !slices.Contains([]string{trust.EventApproved, trust.EventDenied}, r.Event) {
			continue
		}
		if r.Fingerprint != fingerprint || r.Peer == "" {
			t.Errorf("%s: fingerprint %q of %q", r.Event, r.Fingerprint, r.Peer)
		}
		text := r.Event + " by " + r.By
		for _, c := range r.Changes {
			if slices.Contains([]string{"status", "address", "port"}, c.Field) {
				text += fmt.Sprintf(", %s %s>%s", c.Field, c.Old, c.New)
			}
		}
		got = append(got, text)
	}
	owner, _, _ := strings.Cut(Operator(), "@")
	hand, old := "edited by hand (file of "+owner+")", other.config.Component.Endpoint
	want := []string{
		fmt.Sprintf("approved by %s, status >approved, address >%s, port >%d", Operator(), old.Host(), old.Port()),
		fmt.Sprintf("approved by %s, address %s>10.1.2.3, port %d>14777", hand, old.Host(), old.Port()),
		"denied by " + hand + ", or by a command or agent that was interrupted, status approved>denied",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	verified(t, store{dir: x.config.State})
}

// killedBeforeLog does an edit that ends between the list and its line in the log, and gives what is left of the process.
func (b *bench) killedBeforeLog(r api.TrustRequest) (k *core) {
	b.t.Helper()
	k, err := b.offline.loadToWrite()
	if err != nil {
		b.t.Fatal(err)
	}
	k.store.step = func(name string) error {
		if name == "log" {
			panic(errKilled)
		}
		return nil
	}
	defer func() { _ = recover() }()
	k.edit(r, b.now)
	return k
}

// A crash between an edit and its line in the log: the next start makes up for it.
func TestLogCatchesUpWithTheList(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	logbook(b).sealLog()
	id := b.others[0].config.Component.ID
	r := approvalOf(find(t, b.snapshot(), id))
	r.By = "tester@test"
	b.killedBeforeLog(r)
	before := len(logRecords(t, b.store()))
	if _, err := b.offline.loadToWrite(); err != nil {
		t.Fatal(err)
	}
	all := logRecords(t, b.store())[before:]
	if len(all) != 1 || all[0].Event != trust.EventApproved || all[0].Component != id {
		t.Errorf("%+v", all)
	}
	if _, err := b.offline.loadToWrite(); err != nil {
		t.Fatal(err)
	}
	if again := len(logRecords(t, b.store())); again != before+1 {
		t.Errorf("told again: %d records more", again-before)
	}
}

// A log that cannot be read is the operator's to mend, at the start.
func TestLogUnreadable(t *testing.T) {
	b := newBench(t)
	if err := os.Mkdir(b.store().path(fileLog), 0o700); err != nil {
		t.Fatal(err)
	}
	var own *config.Error
	if _, err := b.offline.loadToWrite(); !errors.As(err, &own) || own.Hint == "" || !strings.Contains(err.Error(), fileLog) {
		t.Errorf("%v", err)
	}
}

func TestRotatedNames(t *testing.T) {
	for name, want := range map[string]bool{"log-00000017.jsonl": true, "log-123456789.jsonl": true, "log-17.jsonl": false, "log-0000001x.jsonl": false,
		"log.jsonl": false, "log-00000017.jsonl.gz": false, "xlog-00000017.jsonl": false} {
		if n, ok := rotatedNumber(filepath.Base(name)); ok != want || ok && rotatedLog(n) != name {
			t.Errorf("%s: %d, %v", name, n, ok)
		}
	}
}

// A reader that follows gets every record once and in order, however often the log is rotated meanwhile.
func TestLogReaderFollows(t *testing.T) {
	b := newBench(t)
	k := logbook(b)
	r := ReadLog(b.offline.config.State)
	defer r.Close()
	last := uint64(0)
	next := func() (n int) {
		t.Helper()
		err := r.Next(func(record trust.LogRecord) error {
			if record.Number != last+1 {
				t.Fatalf("line %d after line %d", record.Number, last)
			}
			last = record.Number
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	next()
	for step := range 12 {
		for i := range step { // also several files at once, and none
			note(k, i)
		}
		if n := next(); n != step {
			t.Fatalf("%d records of %d", n, step)
		}
	}
	all := len(logRecords(t, k.store))
	if last != uint64(all) {
		t.Errorf("%d records of %d", last, all)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 100 {
			note(k, i)
		}
	}()
	for looking := true; looking; {
		select {
		case <-ended:
			looking = false
		default:
		}
		next()
	}
	if last != uint64(all+100) {
		t.Errorf("%d records of %d", last, all+100)
	}
}

// TestReasonsAreSentences: several reasons of one record read as sentences, one after the other.
func TestReasonsAreSentences(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	a := b.open().newest[b.others[0].id]
	r := recordOf(trust.EventChanged, a, trust.Decision{Reasons: []trust.Reason{{Text: "The port is another one."}, {Text: "The label too."}}})
	if r.Text != "The port is another one. The label too." {
		t.Errorf("%q", r.Text)
	}
}
