package main

import (
	"strings"
	"testing"

	"fbpeer/agent/api"
)

// A command that prints without end does not push away who ran it and how it ended.
func TestNotifyShowsTheLastLines(t *testing.T) {
	for _, x := range []struct {
		printed, first string
		lines          int
	}{
		{"", "NOT TOLD: exit code 4", 2},
		{"a\nb\n", "    a", 4},
		{"a\nb", "    a", 4},
		{strings.Repeat("\x1b[2J\n", notifyLines), `    \x1b[2J`, notifyLines + 2},
		{strings.Repeat("y\n", notifyLines+1), "    … 1 line before", notifyLines + 3},
		{strings.Repeat("y\n", 2048), "    … 2028 lines before", notifyLines + 3},
	} {
		text := notifyScreen(api.NotifyResult{Command: []string{"tell"}, Output: x.printed, Error: "exit code 4"}, true)
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) != x.lines || lines[0] != "ran by the running agent: tell" || lines[1] != x.first || lines[len(lines)-1] != "NOT TOLD: exit code 4" {
			t.Errorf("%d lines:\n%s", len(lines), text)
		}
	}
}
