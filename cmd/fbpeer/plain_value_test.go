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
