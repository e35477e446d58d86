package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"fbpeer/internal/testenv"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"fbpeer": main})
}

// TestScripts runs testdata/script/*.txtar. Beside testscript's own commands they have:
//
//	exits CODE fbpeer ARGS…             run it to its end and demand this exit code
//	ports NAME…                         set each variable to a TCP port that nobody uses
//	waitjson PATH VALUE fbpeer ARGS…    run it until PATH in its JSON output is VALUE (see find), for a while
//	json PATH VALUE                     demand it in the last stdout
//	jsonenv NAME PATH                   take a value from the last stdout
//	replace FILE OLD NEW                replace one piece of text, in which \n and \e stand for themselves
//	write FILE TEXT                     make a file, likewise
//	readenv NAME FILE                   set a variable to a file's text
//	fixture DIR                         a copy of testdata/fedbiomed-5.2.0-clone with keys and certificates of its own
//	onlyregistered DIR                  compare such a folder's databases with testdata/fedbiomed-5.2.0-clone-registered
//	identity NAME COMPONENT-FLAG FILE   set NAME to the fingerprint and NAME_WORDS to the words of a running component
//	approveall FLAG FILE FLAG FILE…     let running components approve each other, by fingerprint
//	sameplayers DIR…                    player files of all parties of one set, compared with each other and openssl rehash
//	handshake SIDE SIDE                 mutual TLS by openssl between two sides; ! handshake: it is refused by verification
//	snapshot DIR, unchanged DIR         note every file of a folder, and demand that it is as it was
//	orderparties FIRST ID A B           exchange the variables A and B unless ID is the first one's
//	terminate TEXT                      send SIGTERM to the background programs whose arguments hold TEXT
//	needs PROGRAM…                      skip the script where it is missing; under FBPEER_TEST_ALL=1 fail
//	tinydb register|delete DB ID …       what Fed-BioMed's own certificate commands do to a database (see scriptTinyDB)
//	release RELEASE ROLE ROOT           a component as that release of Fed-BioMed makes it (see scriptRelease)
//	netns NAME…                         network namespaces on one bridge, 10.77.0.1 and so on; needs root
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Values[testKey{}] = e.T()
			e.Values[notedKey{}] = map[string]string{}
			e.Setenv("FIXTURES", mustAbs("testdata"))
			// Under the race detector each program would sleep a second before it exits; hundreds run here.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":          scriptExits,
			"ports":          scriptPorts,
			"waitjson":       scriptWaitJSON,
			"json":           scriptJSON,
			"jsonenv":        scriptJSONEnv,
			"replace":        scriptReplace,
			"write":          scriptWrite,
			"readenv":        scriptReadEnv,
			"identity":       scriptIdentity,
			"snapshot":       scriptSnapshot,
			"unchanged":      scriptUnchanged,
			"fixture":        scriptFixture,
			"onlyregistered": scriptOnlyRegistered,
			"sameplayers":    scriptSamePlayers,
			"handshake":      scriptHandshake,
			"needs":          scriptNeeds,
			"netns":          scriptNetns,
			"approveall":     scriptApproveAll,
			"orderparties":   scriptOrderParties,
			"terminate":      scriptTerminate,
			"tinydb":         scriptTinyDB,
			"release":        scriptRelease,
		},
	})
}

func mustAbs(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		panic(err)
	}
	return abs
}

// scriptTB is a script for testenv.
type scriptTB struct{ *testscript.TestScript }

func (scriptTB) Helper() {}

func (s scriptTB) Skipf(format string, args ...any) {
	s.Value(testKey{}).(testscript.T).Skip(fmt.Sprintf(format, args...))
}

func scriptNeeds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: needs PROGRAM…")
	}
	for _, name := range args {
		testenv.NeedProgram(scriptTB{ts}, name)
	}
}

// The keys of a script's values: its test, and the folders that `snapshot` noted.
type (
	testKey  struct{}
	notedKey struct{}
)

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

// portsGiven are the ports that some script has, so that no two get one.
var portsGiven = struct {
	sync.Mutex
	next int
}{next: 20000 + os.Getpid()%8000}

// freePort is a TCP port on loopback, outside of the ephemeral range, that nobody listens on.
func freePort() (int, error) {
	portsGiven.Lock()
	defer portsGiven.Unlock()
	for range 2000 {
		portsGiven.next++
		l, err := net.Listen("tcp4", fmt.Sprintf(":%d", portsGiven.next))
		if err != nil {
			continue
		}
		return portsGiven.next, l.Close()
	}
	return 0, errors.New("no free port")
}

func scriptPorts(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		port, err := freePort()
		ts.Check(err)
		ts.Setenv(name, strconv.Itoa(port))
	}
}

// find takes a value out of JSON by a path of names, numbers, "len" for the length of a list and "name=value" for those elements
// of a list whose field begins with the value: "peers.state=pending.len".
func find(data []byte, path string) (string, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return "", fmt.Errorf("no JSON: %w", err)
	}
	for step := range strings.SplitSeq(path, ".") {
		list, isList := v.([]any)
		object, isObject := v.(map[string]any)
		name, value, isFilter := strings.Cut(step, "=")
		n, err := strconv.Atoi(step)
		switch {
		case isObject:
			v = object[step]
		case isList && step == "len":
			v = float64(len(list))
		case isList && isFilter:
			kept := []any{}
			for _, element := range list {
				o, _ := element.(map[string]any)
				if strings.HasPrefix(fmt.Sprint(o[name]), value) {
					kept = append(kept, element)
				}
			}
			v = kept
		case isList && err == nil && n < len(list):
			v = list[n]
		default:
			v = nil
		}
	}
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH VALUE")
	}
	got, err := find([]byte(ts.ReadFile("stdout")), args[0])
	ts.Check(err)
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %q", args[0], got)
	}
}

func scriptJSONEnv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: jsonenv NAME PATH")
	}
	got, err := find([]byte(ts.ReadFile("stdout")), args[1])
	ts.Check(err)
	if got == "" {
		ts.Fatalf("%s is absent", args[1])
	}
	ts.Setenv(args[0], got)
}

// waitLimit is how long a condition is waited for; waitPoll is how often it is looked at.
const (
	waitLimit = 90 * time.Second
	waitPoll  = 100 * time.Millisecond
)

func scriptWaitJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: waitjson PATH VALUE program args…")
	}
	poll := time.NewTicker(waitPoll)
	defer poll.Stop()
	deadline := time.After(waitLimit)
	last := ""
	for {
		out, err := scriptOutput(ts, args[2], args[3:]...)
		if got, failed := find(out, args[0]); failed == nil {
			if (got == args[1]) != neg {
				return
			}
			last = fmt.Sprintf("%s is %q in\n%s", args[0], got, out)
		} else {
			last = fmt.Sprintf("%v, %v", failed, err)
		}
		select {
		case <-poll.C:
		case <-deadline:
			ts.Fatalf("after %s: %s", waitLimit, last)
		}
	}
}

// scriptOutput runs a program in the script's surroundings and gives its stdout, whatever its exit code.
func scriptOutput(ts *testscript.TestScript, program string, args ...string) ([]byte, error) {
	cmd := scriptCommand(ts, program, args...)
	return cmd.Output()
}

// scriptCommand is a program in the script's folder and with its variables.
func scriptCommand(ts *testscript.TestScript, program string, args ...string) *exec.Cmd {
	if path, err := exec.LookPath(program); err == nil {
		program = path
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "FBPEER_AGENT_MDNS", "FBPEER_AGENT_LISTEN", "FEDBIOMED_DIR", "GOCOVERDIR", "GORACE"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	return cmd
}

// unescape gives scripts the two characters that they cannot write.
func unescape(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\e`, "\x1b").Replace(s)
}

func scriptReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text, from := ts.ReadFile(args[0]), unescape(args[1])
	if !strings.Contains(text, from) {
		ts.Fatalf("%s does not hold %q", args[0], from)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, from, unescape(args[2]), 1)), 0o644))
}

func scriptWrite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: write FILE TEXT")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(unescape(args[1])), 0o644))
}

func scriptReadEnv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readenv NAME FILE")
	}
	ts.Setenv(args[0], ts.ReadFile(args[1]))
}

// identityOf asks a component who it is.
func identityOf(ts *testscript.TestScript, flags ...string) (self struct {
	Component   string   `json:"component"`
	Fingerprint string   `json:"fingerprint"`
	PeerID      string   `json:"peer_id"`
	Words       []string `json:"words"`
}) {
	out, err := scriptOutput(ts, "fbpeer", slices.Concat(flags, []string{"id", "--json"})...)
	ts.Check(err)
	ts.Check(json.Unmarshal(out, &self))
	if self.Fingerprint == "" || len(self.Words) != 8 {
		ts.Fatalf("no identity in %s", out)
	}
	return self
}

func scriptIdentity(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: identity NAME FLAG FILE")
	}
	self := identityOf(ts, args[1:]...)
	ts.Setenv(args[0], self.Fingerprint)
	ts.Setenv(args[0]+"_ID", self.Component)
	ts.Setenv(args[0]+"_PEER", self.PeerID)
	ts.Setenv(args[0]+"_WORDS", strings.Join(self.Words, " "))
}

func scriptApproveAll(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args)%2 != 0 {
		ts.Fatalf("usage: approveall FLAG FILE FLAG FILE…")
	}
	for i := 0; i < len(args); i += 2 { // before it runs, a component has no identity
		scriptWaitJSON(ts, false, []string{"running", "true", "fbpeer", args[i], args[i+1], "status", "--json"})
	}
	for i := 0; i < len(args); i += 2 {
		for j := 0; j < len(args); j += 2 {
			if i == j {
				continue
			}
			scriptWaitJSON(ts, false, []string{"words.len", "8", "fbpeer", args[j], args[j+1], "id", "--json"}) // it may be just starting
			other := identityOf(ts, args[j:j+2]...)
			heard := "peers.component=" + other.Component + ".0.state"
			scriptWaitJSON(ts, false, []string{heard, "pending", "fbpeer", args[i], args[i+1], "peers", "--json"})
			ts.Check(ts.Exec("fbpeer", args[i], args[i+1], "trust", "approve", other.Component, "--fingerprint", other.Fingerprint))
		}
	}
}

// contents describes every file of a folder: path, mode and bytes. Locks are no content.
func contents(dir string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, ".lock") {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s", path, info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", data)
		}
		b.WriteByte('\n')
		return nil
	})
	return b.String(), err
}

func scriptSnapshot(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		text, err := contents(ts.MkAbs(dir))
		ts.Check(err)
		ts.Value(notedKey{}).(map[string]string)[dir] = text
	}
}

func scriptUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		text, err := contents(ts.MkAbs(dir))
		ts.Check(err)
		if before := ts.Value(notedKey{}).(map[string]string)[dir]; text != before {
			ts.Fatalf("%s has changed. Before:\n%s\nnow:\n%s", dir, before, text)
		}
	}
}

// scriptOrderParties puts two folders into party order, which random ids decide.
func scriptOrderParties(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: orderparties FIRST-ID ID-OF-A A B")
	}
	if args[0] != args[1] {
		a, b := ts.Getenv(args[2]), ts.Getenv(args[3])
		ts.Setenv(args[2], b)
		ts.Setenv(args[3], a)
	}
}

// scriptTerminate is what kill lacks: SIGTERM, to the background program whose arguments hold a text.
func scriptTerminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate TEXT")
	}
	found := false
	for _, cmd := range ts.BackgroundCmds() {
		if strings.Contains(strings.Join(cmd.Args, " "), args[0]) {
			found = true
			ts.Check(cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	if !found {
		ts.Fatalf("no background program runs with %q", args[0])
	}
}
