package notify

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"fbpeer/agent/api"
)

// patience is how long a condition is waited for.
const patience = 30 * time.Second

// script makes an executable shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tell me.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestCommandIsGiven: the words as they are, the message, and of the environment what is listed and nothing else.
func TestCommandIsGiven(t *testing.T) {
	t.Setenv("FBPEER_SECRET", "do not tell")
	t.Setenv("LANG", "C.UTF-8")
	dir := t.TempDir()
	path := script(t, `printf '%s|' "$@" >`+dir+`/args; cat >`+dir+`/message; env >`+dir+`/env; pwd; ps -o sid= -p $$ >`+dir+`/sid; echo $$ >`+dir+`/pid`)
	m := Test("cardio", "NODE_1", start)
	if r := Run(t.Context(), []string{path, "two words", "$HOME", ";id"}, m); r.Err != nil || r.Exit != 0 || r.Output != "/\n" {
		t.Fatalf("%+v", r)
	}
	if got := read(t, dir+"/args"); got != "two words|$HOME|;id|" {
		t.Errorf("arguments %q", got)
	}
	var given Message
	if err := json.Unmarshal([]byte(read(t, dir+"/message")), &given); err != nil || given.Component != "NODE_1" || len(given.Events) != 1 {
		t.Errorf("message %+v, %v", given, err)
	}
	var names []string
	for line := range strings.Lines(read(t, dir+"/env")) {
		name, _, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"PWD", "OLDPWD", "SHLVL", "_"}, name) { // the shell's own
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.Contains([]string{"PATH", "HOME", "USER", "LANG", "FBPEER_EVENT", "FBPEER_EVENT_COMPONENT", "FBPEER_FEDERATION", "FBPEER_COUNT", "FBPEER_SUMMARY"}, name) {
			t.Errorf("the environment has %s", name)
		}
	}
	if !slices.Contains(names, "LANG") || !slices.Contains(names, "FBPEER_SUMMARY") {
		t.Errorf("the environment has only %v", names)
	}
	if sid, pid := strings.TrimSpace(read(t, dir+"/sid")), strings.TrimSpace(read(t, dir+"/pid")); sid != "" && sid != pid {
		t.Errorf("session %s of process %s", sid, pid)
	}
}

func TestCommandEnds(t *testing.T) {
	m := Test("f", "c", start)
	for name, test := range map[string]struct {
		text, output, err string
		exit              int
	}{
		"well":               {"echo a; echo b >&2", "a\nb\n", "", 0},
		"not well":           {"echo 'no\033[31mroute'; exit 7", `no\x1b[31mroute` + "\n", "exit code 7", 7},
		"by a signal":        {"kill -KILL $$", "", "signal: killed", -1},
		"reads nothing":      {"exec <&-; exit 0", "", "", 0},
		"prints without end": {"i=0; while [ $i -lt 3000 ]; do echo 1234567; i=$((i+1)); done; echo last", "last\n", "", 0},
	} {
		r := Run(t.Context(), []string{script(t, test.text)}, m)
		text := ""
		if r.Err != nil {
			text = r.Err.Error()
		}
		if r.Exit != test.exit || text != test.err || !strings.HasSuffix(r.Output, test.output) || len(r.Output) > 4*maxOutput {
			t.Errorf("%s: %d %q %v", name, r.Exit, r.Output[max(0, len(r.Output)-100):], r.Err)
		}
	}
	dir := t.TempDir()
	plain, windows, bare := filepath.Join(dir, "plain"), filepath.Join(dir, "windows"), filepath.Join(dir, "bare")
	if err := errors.Join(os.WriteFile(plain, nil, 0o644), os.WriteFile(windows, []byte("#!/bin/sh\r\necho\r\n"), 0o755),
		os.WriteFile(bare, []byte("echo\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for program, want := range map[string]string{
		"/nowhere/at/all": "there is no program /nowhere/at/all", plain: "is not executable: chmod +x", dir: "is a folder, not a program",
		windows: "the line ends of Windows", bare: "a script begins with the line #!/bin/sh",
	} {
		if r := Run(t.Context(), []string{program}, m); r.Err == nil || !strings.Contains(r.Err.Error(), want) || r.Exit != -1 {
			t.Errorf("%+v", r)
		}
	}
}

// TestCommandIsEnded: after its time, it is ended with all that it has started.
func TestCommandIsEnded(t *testing.T) {
	dir := t.TempDir()
	path := script(t, "sleep 600 & echo $! >"+dir+"/new; mv "+dir+"/new "+dir+"/child; wait")
	for limit := 500 * time.Millisecond; ; limit *= 2 { // until it had the time to start something
		r := runFor(t.Context(), []string{path}, Test("f", "c", start), limit)
		if r.Err == nil || r.Err.Error() != "it was ended after "+limit.String() || r.Exit != -1 {
			t.Fatalf("%+v", r)
		}
		if _, err := os.Stat(dir + "/child"); err == nil {
			break
		}
	}
	waitGone(t, number(t, dir+"/child"))
}

// TestCommandLeavesBehind: what a command that fails has started is ended with it; what one that ends well has started stays.
func TestCommandLeavesBehind(t *testing.T) {
	dir := t.TempDir()
	path := script(t, "sleep 600 >/dev/null 2>&1 & echo $! >"+dir+"/child; exit $1")
	if r := Run(t.Context(), []string{path, "1"}, Test("f", "c", start)); r.Exit != 1 || r.Err == nil {
		t.Fatalf("%+v", r)
	}
	waitGone(t, number(t, dir+"/child"))
	if r := Run(t.Context(), []string{path, "0"}, Test("f", "c", start)); r.Exit != 0 || r.Err != nil {
		t.Fatalf("%+v", r)
	}
	child := number(t, dir+"/child")
	stays := !gone(t, child)
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil || !stays {
		t.Errorf("what was started on purpose is gone: %v", err)
	}
}

// number reads a file that holds one.
func number(t *testing.T, path string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// waitGone waits until a process has ended.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !gone(t, pid) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d runs on", pid)
		}
		// A process that is not ours to wait for tells nobody of its end: it is looked at again.
		time.Sleep(10 * time.Millisecond)
	}
}

// gone says whether a process has ended: it is not there, or only waits to be taken note of.
func gone(t *testing.T, pid int) bool {
	t.Helper()
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

// bell is a notifier that runs, with what it reported. It is rung in a bubble of testing/synctest, where its pauses take no time, and
// processes are real.
type bell struct {
	*Notifier
	reports chan *api.Warning
	stop    func()
}

func ring(t *testing.T, file string, command ...string) *bell {
	t.Helper()
	b := &bell{reports: make(chan *api.Warning, 100)}
	b.Notifier = New(Config{Command: command, Federation: "f", Component: "c", File: file, Now: time.Now, Log: zerolog.Nop(), Report: func(w *api.Warning) { b.reports <- w }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); b.Run(ctx) }()
	b.stop = func() { cancel(); <-ended }
	t.Cleanup(b.stop)
	return b
}

// messages waits until a file has that many lines, one message each, and gives them.
func messages(t *testing.T, path string, n int) (all []Message) {
	t.Helper()
	deadline := time.Now().Add(time.Hour)
	for {
		data, err := os.ReadFile(path)
		if lines := strings.Count(string(data), "\n"); err == nil && lines >= n {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %d messages in %s: %s", n, path, data)
		}
		// The bubble's clock: it moves on, and no time passes, once all in the bubble wait, for the process too.
		time.Sleep(10 * time.Millisecond)
	}
	for line := range strings.Lines(read(t, path)) {
		var m Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func snapshotOf(peers ...api.Peer) api.Snapshot { return api.Snapshot{Peers: peers} }

// TestNotifierTells: real processes; a command that fails is reported, tried again, and then tells all; a restart tells nothing twice.
func TestNotifierTells(t *testing.T) { synctest.Test(t, notifierTells) }

func notifierTells(t *testing.T) {
	dir := t.TempDir()
	path := script(t, "[ -e "+dir+"/works ] || { echo the pager is off; exit 3; }; cat >>"+dir+"/out")
	file := filepath.Join(dir, "notify.json")
	b := ring(t, file, path)
	first := api.Peer{State: api.StatePending, PeerID: "p1", Component: "NODE_1"}
	b.Offer(snapshotOf(first))
	w := <-b.reports
	if w == nil || w.Code != api.WarnNotify || !strings.Contains(w.Text, "exit code 3: the pager is off") {
		t.Fatalf("%+v", w)
	}
	b.Happened(Event{Code: CodePlayersMended, Severity: Warning, Text: "mended"})
	if err := os.WriteFile(dir+"/works", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if w := <-b.reports; w != nil {
		t.Fatalf("%+v", w)
	}
	got := messages(t, dir+"/out", 1)[0]
	if got.Count != 2 || got.Events[0].Code != CodePending || got.Events[1].Code != CodePlayersMended || got.Federation != "f" {
		t.Errorf("%+v", got)
	}
	b.stop()
	b = ring(t, file, path)
	second := api.Peer{State: api.StatePending, PeerID: "p2", Component: "NODE_2"}
	b.Offer(snapshotOf(first, second))
	all := messages(t, dir+"/out", 2)
	if len(all) != 2 || all[1].Count != 1 || all[1].Events[0].Component != "NODE_2" {
		t.Errorf("after a restart: %+v", all[1:])
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// Without a command nothing is told, and nothing counts as told; with one that comes later all that holds is.
func TestNotifierGetsACommand(t *testing.T) { synctest.Test(t, notifierGetsACommand) }

func notifierGetsACommand(t *testing.T) {
	dir := t.TempDir()
	b := ring(t, filepath.Join(dir, "notify.json"))
	b.Offer(snapshotOf(api.Peer{State: api.StatePending, PeerID: "p1", Component: "NODE_1"}))
	b.SetCommand([]string{script(t, "cat >>"+dir+"/out")})
	if got := messages(t, dir+"/out", 1)[0]; got.Count != 1 || got.Events[0].Component != "NODE_1" {
		t.Errorf("%+v", got)
	}
}

// What must be told before the agent ends is told then, whatever the limits.
func TestNotifierEndsWithTheWorst(t *testing.T) { synctest.Test(t, notifierEndsWithTheWorst) }

func notifierEndsWithTheWorst(t *testing.T) {
	dir := t.TempDir()
	b := ring(t, filepath.Join(dir, "notify.json"), script(t, "cat >>"+dir+"/out"))
	b.Happened(Event{Code: "clone", Severity: Critical, Text: "another machine"})
	b.stop()
	if got := messages(t, dir+"/out", 1); len(got) != 1 || got[0].Events[0].Code != "clone" {
		t.Errorf("%+v", got)
	}
}
