package notify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func pending(i int) Event {
	return Event{key: fmt.Sprintf("pending %d", i), Code: CodePending, Severity: Decision, Component: fmt.Sprintf("NODE_%d", i), Text: "waits"}
}

func changed(component, value string) Event {
	return Event{key: changedKey(component) + value, Code: CodeChanged, Severity: Decision, Component: component, Text: "changed to " + value}
}

func nobody(string) (alias string, ok bool)    { return "", false }
func everybody(string) (alias string, ok bool) { return "", true }

// after is the time of a due call, from now on; -1: none.
func after(b *Box, now time.Time) time.Duration {
	due := b.Due(now)
	if due.IsZero() {
		return -1
	}
	return max(due.Sub(now), 0)
}

// codes lists what a batch tells.
func codes(batch Batch) string {
	var all []string
	for _, e := range batch.Events {
		all = append(all, e.Code)
	}
	return strings.Join(all, " ")
}

// TestGrouped: what comes within 3 s goes in one call, the most severe first, and is not told again while it holds.
func TestGrouped(t *testing.T) {
	var b Box
	if got := after(&b, start); got != -1 {
		t.Fatalf("nothing waits, and a call is due in %s", got)
	}
	holds := []Event{pending(1)}
	b.Update(holds, nobody, start)
	if got := after(&b, start); got != gather {
		t.Errorf("due in %s", got)
	}
	now := start.Add(2 * time.Second)
	holds = append(holds, Event{key: "warning x", Code: "x", Severity: Warning}, changed("nice", "1"), Event{key: "conflict 1", Code: CodeConflict, Severity: Critical})
	b.Update(holds, nobody, now)
	b.Happened(Event{Code: "clone", Severity: Info}, now)
	if got := after(&b, now); got != time.Second {
		t.Errorf("due in %s", got)
	}
	now = start.Add(gather)
	batch := b.Take(now)
	if got := codes(batch); got != "conflict pending changed x clone" || batch.Count != 5 {
		t.Errorf("%d: %s", batch.Count, got)
	}
	b.Delivered(batch, now)
	b.Update(holds, nobody, now)
	if got := after(&b, now); got != -1 {
		t.Errorf("told again in %s", got)
	}
	// Gone and back again, it is told again; another change of a told one is.
	b.Update(holds[1:], nobody, now)
	b.Update(append(slices.Clone(holds[:2]), changed("nice", "2"), holds[3]), nobody, now)
	if got := codes(b.Take(now)); got != "pending changed" {
		t.Errorf("then %s", got)
	}
}

// What is settled before the call is not told; a change that was told and is settled is.
func TestSettled(t *testing.T) {
	var b Box
	b.Update([]Event{pending(1), changed("nice", "1")}, nobody, start)
	b.Update([]Event{changed("nice", "1")}, nobody, start)
	batch := b.Take(start)
	if codes(batch) != CodeChanged {
		t.Fatalf("%s", codes(batch))
	}
	b.Update(nil, everybody, start)
	if got := codes(b.Take(start)); got != "" {
		t.Errorf("never told, and now %s", got)
	}
	b.Update([]Event{changed("nice", "1")}, nobody, start)
	b.Delivered(b.Take(start), start)
	b.Update(nil, nobody, start) // revoked
	if got := codes(b.Take(start)); got != "" {
		t.Errorf("revoked, and now %s", got)
	}
	b.Update([]Event{changed("nice", "1")}, nobody, start)
	b.Delivered(b.Take(start), start)
	b.Update(nil, everybody, start)
	batch = b.Take(start)
	if codes(batch) != CodeSettled || batch.Events[0].Component != "nice" || batch.Events[0].Text != "nice has no change that waits for you any more" {
		t.Errorf("%+v", batch.Events)
	}
	b.Delivered(batch, start)
	if len(b.waiting) != 0 || len(b.told) != 0 {
		t.Errorf("left: %+v", b)
	}
	b.Update([]Event{changed("NODE_1", "1")}, nobody, start)
	b.Delivered(b.Take(start), start)
	b.Update(nil, func(string) (string, bool) { return "nice", true }, start)
	if e := b.Take(start).Events[0]; e.Alias != "nice" || e.Component != "NODE_1" || e.Text != "nice (NODE_1) has no change that waits for you any more" {
		t.Errorf("with an alias: %+v", e)
	}
}

// A warning that comes and goes is told once, over a restart too; one that had been away for long is told again.
func TestWarningsThatComeAndGo(t *testing.T) {
	var b Box
	holds := []Event{{key: warningKey + "x", Code: "x", Severity: Warning}}
	b.Update(holds, nobody, start)
	b.Delivered(b.Take(start), start)
	for i := range 10 {
		b.Update(holds[:i%2], nobody, start.Add(time.Duration(i)*time.Minute))
	}
	data, err := b.bytes()
	if err != nil {
		t.Fatal(err)
	}
	var again Box
	if err := again.load(data); err != nil {
		t.Fatal(err)
	}
	again.Update(nil, nobody, start)
	again.Update(holds, nobody, start.Add(linger-time.Second))
	if after(&b, start) != -1 || after(&again, start) != -1 {
		t.Error("told again")
	}
	again.Update(nil, nobody, start)
	again.Update(nil, nobody, start.Add(linger))
	again.Update(holds, nobody, start.Add(linger))
	if got := codes(again.Take(start)); got != "x" {
		t.Errorf("after ten minutes: %q", got)
	}
}

// TestLimited: after a burst one call a minute; with nothing but strangers fewer; and strangers hold nobody else up for longer.
func TestLimited(t *testing.T) {
	calls := func(next func(int) Event, long time.Duration) (times []time.Duration) {
		var b Box
		var holds []Event
		for now := start; now.Before(start.Add(long)); now = now.Add(time.Second) {
			holds = append(holds, next(int(now.Sub(start)/time.Second)))
			b.Update(holds, nobody, now)
			if after(&b, now) == 0 {
				b.Delivered(b.Take(now), now)
				times = append(times, now.Sub(start))
			}
		}
		return times
	}
	seconds := func(times []time.Duration) string { return strings.Trim(fmt.Sprint(times), "[]") }
	if got := seconds(calls(func(i int) Event { return changed("nice", fmt.Sprint(i)) }, 4*time.Minute)); got != "3s 7s 11s 15s 19s 1m3s 2m3s 3m3s" {
		t.Errorf("changes: %s", got)
	}
	if got := seconds(calls(pending, 25*time.Minute)); got != "3s 7s 11s 10m3s 20m3s" {
		t.Errorf("strangers: %s", got)
	}
	var b Box
	for i := range 3 {
		b.Update([]Event{pending(i)}, nobody, start)
		b.Take(start)
	}
	b.Update([]Event{pending(9)}, nobody, start)
	if got := after(&b, start); got != strangeEvery {
		t.Errorf("a stranger more: %s", got)
	}
	b.Update([]Event{pending(9), changed("nice", "1")}, nobody, start)
	if got := after(&b, start); got != gather {
		t.Errorf("a change beside strangers: %s", got)
	}
}

// TestManyInOneCall: the most severe are named, all are counted, and all are told with it.
func TestManyInOneCall(t *testing.T) {
	var b Box
	var holds []Event
	for i := range 1024 {
		holds = append(holds, pending(i))
	}
	holds = append(holds, Event{key: "conflict", Code: CodeConflict, Severity: Critical})
	b.Update(holds, nobody, start)
	batch := b.Take(start)
	if len(batch.Events) != maxEvents || batch.Count != 1025 || batch.Events[0].Code != CodeConflict {
		t.Errorf("%d of %d, first %s", len(batch.Events), batch.Count, batch.Events[0].Code)
	}
	b.Delivered(batch, start)
	b.Update(holds, nobody, start)
	if after(&b, start) != -1 {
		t.Error("those that were only counted are told again")
	}
	for range 3 * maxHappened {
		b.Happened(Event{Code: "clone"}, start)
	}
	if batch := b.Take(start); len(b.waiting) != maxHappened || batch.Count != 3*maxHappened {
		t.Errorf("%d wait, %d counted", len(b.waiting), batch.Count)
	}
}

// TestRetried: after a failure everything waits, longer each time, and what came meanwhile goes along.
func TestRetried(t *testing.T) {
	var b Box
	b.Update([]Event{changed("nice", "1")}, nobody, start)
	now := start.Add(gather)
	var pauses []time.Duration
	for range 9 {
		b.Take(now)
		b.Failed(now)
		pause := after(&b, now)
		pauses = append(pauses, pause)
		now = now.Add(pause)
	}
	if got := fmt.Sprint(pauses); got != "[10s 20s 40s 1m20s 2m40s 5m20s 10m0s 10m0s 10m0s]" {
		t.Errorf("pauses %s", got)
	}
	b.Update([]Event{changed("nice", "1"), pending(1)}, nobody, now)
	batch := b.Take(now)
	if batch.Count != 2 {
		t.Errorf("%+v", batch)
	}
	b.Delivered(batch, now)
	if after(&b, now) != -1 || b.failures != 0 {
		t.Errorf("after a success: %+v", b)
	}
	b.Update([]Event{pending(2)}, nobody, now)
	b.Failed(now)
	b.retry()
	if got := after(&b, now); got > every {
		t.Errorf("another command is tried in %s", got)
	}
}

// What comes while a call runs is not taken for told with it.
func TestWhileACallRuns(t *testing.T) {
	var b Box
	b.Happened(Event{Code: "first"}, start)
	b.Update([]Event{pending(1)}, nobody, start)
	batch := b.Take(start)
	b.Happened(Event{Code: "second"}, start)
	b.Update([]Event{pending(1), pending(2)}, nobody, start)
	b.Delivered(batch, start)
	if got := codes(b.Take(start)); got != "pending second" && got != "second pending" {
		t.Errorf("left: %s", got)
	}
}

// A clock that is set back holds nothing up.
func TestClockSetBack(t *testing.T) {
	var b Box
	for range burst {
		b.Happened(Event{Code: "x"}, start)
		b.Delivered(b.Take(start), start)
	}
	b.Happened(Event{Code: "x"}, start)
	earlier := start.AddDate(-1, 0, 0)
	if got := after(&b, earlier); got > every {
		t.Errorf("due in %s", got)
	}
}

// TestOverRestart: what was told is not told again, what happened is not lost, and what holds is seen again.
func TestOverRestart(t *testing.T) {
	var b Box
	b.Update([]Event{changed("nice", "1")}, nobody, start)
	b.Delivered(b.Take(start), start)
	b.Happened(Event{Code: "clone", Severity: Critical, Text: "t"}, start)
	holds := []Event{changed("nice", "1"), pending(1)}
	b.Update(holds, nobody, start)
	data, err := b.bytes()
	if err != nil {
		t.Fatal(err)
	}
	var again Box
	if err := again.load(data); err != nil {
		t.Fatal(err)
	}
	if !again.Urgent() {
		t.Error("the clone is lost")
	}
	again.Update(holds, nobody, start)
	if got := codes(again.Take(start)); got != "clone pending" {
		t.Errorf("after a restart: %s", got)
	}
	again.Update([]Event{pending(1)}, everybody, start)
	if got := codes(again.Take(start)); got != "clone pending settled" {
		t.Errorf("settled after a restart: %s", got)
	}
	for _, bad := range []string{"", "x", "[]", `{"told":[1]}`} {
		var broken Box
		if err := broken.load([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestSummary(t *testing.T) {
	m := Message{Federation: "f", Component: "c", Count: 3, Events: []Event{{Code: "changed", Text: "nice moved\x1b[2J\nfar"}, {Code: "x"}}}
	if got := m.Summary(); got != `changed: nice moved\x1b[2J\x0afar (and 2 more)` {
		t.Errorf("%q", got)
	}
	m.Events[0].Text, m.Count = strings.Repeat("x", 5000), 1
	if got := m.Summary(); len(got) > maxSummary+len("…") {
		t.Errorf("%d bytes", len(got))
	}
	if got := strings.Join(m.environment()[:4], " "); got != "FBPEER_EVENT=changed FBPEER_EVENT_COMPONENT=c FBPEER_FEDERATION=f FBPEER_COUNT=1" {
		t.Errorf("%s", got)
	}
}
