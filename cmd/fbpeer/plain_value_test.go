package main

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"fbpeer/agent/fleet"
)

func TestFlagValuesInPlainWords(t *testing.T) {
	for want, args := range map[string][]string{
		`--lines: "x" is no whole number`:                           {"log", "-n", "x"},
		`--wait: "foo" is no time to wait: write 30s, 5m or 2h`:     {"ready", "--wait", "foo"},
		`--timeout: "soon" is no time to wait: write 30s, 5m or 2h`: {"dev", "--once", "--timeout", "soon"},
		"--note: at most": {"trust", "deny", "nice", "--note", "two\nlines"},
	} {
		a, _, stderr := testApp("", false)
		if code := run(args, a.env); code != exitUsage || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: exit %d, %s", args, code, stderr.String())
		}
	}
}

// --log-level takes what its help lists, and nothing else that the logging library knows.
func TestLogLevels(t *testing.T) {
	for _, level := range []string{"trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled", "INFO", "1", "-1", "loud"} {
		a, _, stderr := testApp("", false)
		code := run([]string{"--log-level", level, "version"}, a.env)
		listed := strings.Contains(newRoot(a).PersistentFlags().Lookup("log-level").Usage+",", " "+level+",") || level == "warn" || level == "error"
		if listed != (code == exitDone) || !listed && !strings.Contains(stderr.String(), "hint: use trace, debug, info, warn or error\n") {
			t.Errorf("%s: exit %d, %s", level, code, stderr.String())
		}
	}
}

// Where every phase is complete, what keeps the components from agreeing is what was last said of it.
func TestMissingNamesTheCause(t *testing.T) {
	if text := missing(fleet.Progress{Components: 2, Connected: 2, Registered: 2, Written: 2, Waiting: "etc/zz.ini: broken\nanother"}); text != "etc/zz.ini: broken; another" {
		t.Error(text)
	}
}

func TestClosedFolderIsAnOwnFile(t *testing.T) {
	if code, hint := outcome(fmt.Errorf("status: %w", &fs.PathError{Op: "stat", Path: ".", Err: syscall.EACCES})); code != exitUsage || hint == "" {
		t.Errorf("exit %d, hint %q", code, hint)
	}
}
