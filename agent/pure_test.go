package agent

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

func TestNextSequence(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	ms := uint64(now.UnixMilli())
	ahead := uint64(exchange.MaxAhead.Milliseconds())
	for _, c := range []struct {
		name               string
		stored, seen, want uint64
	}{
		{"the first", 0, 0, ms},
		{"the clock goes on", ms - 5, ms - 5, ms},
		{"the clock was set back a little", ms + 100, ms + 100, ms + 101},
		{"at the bound peers still take it", ms + ahead, 0, ms + ahead + 1},
		{"a stored one beyond the bound was taken by nobody", ms + ahead + 1, ms - 3, ms},
		{"it counts on from what was seen", ms + ahead + 1, ms + 7, ms + 8},
		{"a restored backup", ms - 50, ms - 1, ms},
		{"the whole range is used up by a broken clock", 1<<64 - 1, 0, ms},
		{"nothing valid was seen either", 1<<64 - 1, 1<<64 - 1, ms},
	} {
		if got := nextSequence(now, c.stored, c.seen); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestSequenceFile(t *testing.T) {
	passed := time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC)
	for _, s := range []sequence{{}, {last: 7}, {last: 1<<64 - 1, passed: passed}} {
		got, err := parseSequence(s.bytes())
		if err != nil || got != s {
			t.Errorf("%+v came back as %+v, %v", s, got, err)
		}
	}
	for _, damaged := range []string{"", "\n", "x\n", "-1\n", "1\npast 2026-11-22T10:15:00Z\n", "1\npassed never\n", "1\npassed 2026-11-22T10:15:00Z\nmore\n", "18446744073709551616\n"} {
		if got, err := parseSequence([]byte(damaged)); err == nil {
			t.Errorf("%q was read as %+v", damaged, got)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	before := time.Duration(0)
	for attempt := range 100 {
		d := retryDelay(attempt)
		if d < before || d > time.Minute || d < 250*time.Millisecond {
			t.Fatalf("attempt %d: %s after %s", attempt, d, before)
		}
		before = d
	}
	if before != time.Minute {
		t.Errorf("the ceiling is %s", before)
	}
}

func TestPlaceWarning(t *testing.T) {
	here, there := endpoint(t, "localhost:14000"), endpoint(t, "10.0.0.2:14000")
	for _, c := range []struct {
		name             string
		own, its         string
		connected, local bool
		code             string
		wrong            bool // status must say so
	}{
		{"both real", "there", "there", false, false, "", false},
		{"both loopback, one machine", "here", "here", true, true, "", false},
		{"its loopback, one machine", "there", "here", true, true, "", false},
		{"its loopback from elsewhere", "there", "here", true, false, api.WarnLoopbackElsewhere, true},
		{"both loopback from elsewhere", "here", "here", true, false, api.WarnLoopbackElsewhere, true},
		{"our loopback, it is elsewhere", "here", "there", true, false, api.WarnLoopbackElsewhere, true},
		{"its loopback, never met", "there", "here", false, false, api.WarnPlaceUnknown, false},
		{"our loopback, never met", "here", "there", false, false, api.WarnPlaceUnknown, false},
	} {
		own, its := there, there
		if c.own == "here" {
			own = here
		}
		if c.its == "here" {
			its = here
		}
		w, wrong := placeWarning(own, its, c.connected, c.local)
		if w.Code != c.code || w.Error != c.wrong || wrong != (c.code != "") {
			t.Errorf("%s: %+v, %v", c.name, w, wrong)
		}
	}
}

func TestClockWarnings(t *testing.T) {
	for _, c := range []struct {
		name string
		skew []time.Duration
		want int
		ours bool
	}{
		{"none", nil, 0, false},
		{"all near", []time.Duration{time.Second, -20 * time.Second}, 0, false},
		{"one off", []time.Duration{time.Hour, 0, 0}, 1, false},
		{"two of two may both be wrong", []time.Duration{time.Hour, time.Hour}, 2, false},
		{"most alike", []time.Duration{time.Hour, time.Hour, 0}, 1, true},
		{"off to both sides", []time.Duration{time.Hour, -time.Hour, 0}, 2, false},
	} {
		skew := map[peer.ID]time.Duration{}
		for i, d := range c.skew {
			skew[peer.ID(rune('a'+i))] = d
		}
		got := clockWarnings(skew, func(id peer.ID) string { return "node " + string(id) })
		if len(got) != c.want {
			t.Errorf("%s: %v", c.name, got)
		} else if c.ours != (len(got) == 1 && got[0].Cure == "set this machine's clock by NTP") {
			t.Errorf("%s: ours is not told: %v", c.name, got)
		}
	}
}
