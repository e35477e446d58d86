package main

import (
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/trust"
)

// Whatever a log holds, and somebody may have written it by hand, reaches the terminal as visible text within 100 columns.
func TestLogEntryIsSafe(t *testing.T) {
	evil := "x\x1b[2J\r\n\u202e"
	r := trust.LogRecord{
		Time: time.Date(2026, 11, 22, 10, 15, 0, 0, time.UTC), Event: evil, Component: evil, By: evil, Peer: evil, Fingerprint: evil,
		Changes: []trust.Change{{Field: evil, Old: evil, New: evil}, {Field: "port", New: "14001"}, {Field: "key", Old: "SHA256:x"}}, Text: evil,
	}
	v := view{now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.FixedZone("", 3600)), names: namesOf(api.Snapshot{})}
	text := v.logEntry(r)
	if strings.ContainsAny(text, "\x1b\r\u202e") || strings.Count(text, "\n") != 5 {
		t.Errorf("%q", text)
	}
	for _, want := range []string{"2026-11-22 11:15:00  ", "  14001\n", "SHA256:x -> none\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	long := v.logEntry(trust.LogRecord{Event: trust.EventOwn, Text: strings.Repeat("words and more ", 40), By: "alice@hospital-a",
		Changes: []trust.Change{{Field: "certificate", Old: "SHA256:" + strings.Repeat("A", 43), New: "SHA256:" + strings.Repeat("B", 43)}}})
	if !fits(long) {
		t.Errorf("wider than %d columns:\n%s", columns, long)
	}
	screen := logCheckScreen(logCheckJSON{Lines: 1, Obstacles: []findingJSON{{Code: "changed", Where: "log.jsonl:1", Text: evil}}}, "/state", "fbpeer")
	if strings.ContainsAny(screen, "\x1b\r\u202e") || !strings.Contains(screen, "log.jsonl:1") {
		t.Errorf("%q", screen)
	}
}

func TestSinceTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 15, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "2026-11-20": "2026-11-19T23:00:00Z", "2026-11-20 08:30": "2026-11-20T07:30:00Z",
		"2026-11-20T08:30:00Z": "2026-11-20T08:30:00Z", "90m": "2026-11-22T07:45:00Z", "7d": "2026-11-15T09:15:00Z", "0d": "2026-11-22T09:15:00Z",
	} {
		got, err := sinceTime(text, now)
		if err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %s, %v", text, got.UTC().Format(time.RFC3339), err)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "-3d", "1.5d", "99999999d", "2026-13-01"} {
		if got, err := sinceTime(text, now); err == nil {
			t.Errorf("%q gives %s", text, got)
		}
	}
}
