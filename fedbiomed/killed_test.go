package fedbiomed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fbpeer/internal/durable"
)

// killVar makes the test binary a process that works on a registry until it is killed: "operation:call:folder".
const killVar = "FBPEER_REGISTRY_CHILD"

// oldDatabase is what the processes below meet; they bring NODE_a up to date, add NODE_b and remove NODE_gone.
const oldDatabase = `{"SecaggBiprime": {"1": {"n": 123456789012345678901234567890}}, "Certificates": {"4": {"certificate": "old\n", ` +
	`"party_id": "NODE_a", "component": "RESEARCHER", "ip": "10.0.0.9", "port": "14009"}, "6": {"party_id": "NODE_gone"}}, "Datasets": {"1": {}}}`

func updateOld(r *Registry) error {
	bob := alice()
	bob.id = "NODE_b"
	_, err := r.update([]party{alice(), bob}, []string{"NODE_gone"})
	return err
}

// registryIn does not wait: nobody else is there.
func registryIn(dir string) *Registry {
	r := OpenRegistry(filepath.Join(dir, "db.json"), filepath.Join(dir, "registry.intent"))
	r.wait = func(time.Duration) {}
	return r
}

// killedChild runs in the child process.
func killedChild(job string) error {
	parts := strings.SplitN(job, ":", 3)
	left, err := strconv.Atoi(parts[1])
	if err != nil {
		return err
	}
	r := registryIn(parts[2])
	r.file.Disk.Step = func(call string) error {
		if left--; left > 0 {
			return nil
		}
		fmt.Println(call)
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			return err
		}
		select {} // until the signal arrives
	}
	if parts[0] == "recover" {
		_, err := r.Recover()
		return err
	}
	return updateOld(r)
}

// killedAt runs an operation in a child that dies before its nth call; call is "" if it came to its end.
func killedAt(t *testing.T, operation string, n int, dir string) (call string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d:%s", killVar, operation, n, dir))
	var stderr strings.Builder
	child.Stderr = &stderr
	output, err := child.Output()
	var exit *exec.ExitError
	if err == nil {
		return ""
	}
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%s, call %d: %v: %s", operation, n, err, stderr.String())
	}
	return strings.TrimSpace(string(output))
}

// newDatabase is what the update makes of the old one.
func newDatabase(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "db.json"), oldDatabase)
	if err := updateOld(registryIn(dir)); err != nil {
		t.Fatal(err)
	}
	return readText(t, filepath.Join(dir, "db.json"))
}

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// recovers has a fresh process's Registry recover; then the file must be as wanted, the told text must end so, and an update must
// bring about what the one that was killed was for.
func recovers(t *testing.T, dir, where, want, told, updated string) {
	t.Helper()
	path := filepath.Join(dir, "db.json")
	r := registryIn(dir)
	text, err := r.Recover()
	if err != nil || !strings.HasSuffix(text, told) || (text == "") != (told == "") {
		t.Errorf("%s: told %q (%v), want %q", where, text, err, told)
	}
	if got := readText(t, path); got != want {
		t.Errorf("%s: after Recover the file holds\n%s\nwant\n%s", where, got, want)
	}
	if _, err := os.Stat(r.file.Intent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: the intent is still there (%v)", where, err)
	}
	if text, err := r.Recover(); err != nil || text != "" {
		t.Errorf("%s: a second Recover: %q, %v", where, text, err)
	}
	if err := updateOld(r); err != nil {
		t.Errorf("%s: %v", where, err)
	}
	if got := readText(t, path); strings.TrimRight(got, " ") != updated {
		t.Errorf("%s: after the next update the file holds\n%s", where, got)
	}
}

// TestUpdateKilled kills a process before each system call of a whole update. The file is the old or the new database, never less, and
// nothing need be told.
func TestUpdateKilled(t *testing.T) {
	after := newDatabase(t)
	died := ""
	for n := 1; ; n++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "db.json")
		write(t, path, oldDatabase)
		call := killedAt(t, "update", n, dir)
		got := readText(t, path)
		if got != oldDatabase && got != after {
			t.Errorf("before %s: the file holds %s", call, got)
		}
		backup := filepath.Join(dir, "registry.backup")
		if data, err := os.ReadFile(backup); got == after && string(data) != oldDatabase {
			t.Errorf("before %s: the backup holds %q (%v)", call, data, err)
		}
		if call == "" {
			break
		}
		died += call + ", "
		recovers(t, dir, "killed before "+call, got, "", after)
	}
	const want = "create, write, fsync and rename, fsync folder, " + // the backup
		"open, create, write, fsync and rename, fsync folder, " + // the intent
		"pread, pwrite, fsync, " + // the one write
		"rename intent, fsync folder, "
	if got := sansFolders(died); got != want {
		t.Errorf("the calls are %q", got)
	}
}

// sansFolders leaves out which folder is synced: its name is of this run.
func sansFolders(calls string) string {
	var out strings.Builder
	for call := range strings.SplitSeq(strings.TrimSuffix(calls, ", "), ", ") {
		if strings.HasPrefix(call, "fsync folder") {
			call = "fsync folder"
		}
		out.WriteString(call + ", ")
	}
	return out.String()
}

// callNumber is which call of an update has a name.
func callNumber(t *testing.T, name string) int {
	t.Helper()
	for n := 1; n < 50; n++ {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "db.json"), oldDatabase)
		if killedAt(t, "update", n, dir) == name {
			return n
		}
	}
	t.Fatalf("no call is %q", name)
	return 0
}

// TestWriteKilled kills within the one write, after every 23rd byte: the old content is put back, and that is told. So it is when
// Recover itself is killed before any of its calls.
func TestWriteKilled(t *testing.T) {
	after := newDatabase(t)
	n := callNumber(t, "pwrite")
	const told = "db.json: an interrupted write was undone"
	for k := 1; k < len(after); k += 23 {
		torn := after[:k] + oldDatabase[min(k, len(oldDatabase)):]
		if torn == oldDatabase {
			continue // no more than the beginning that they share
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "db.json")
		write(t, path, oldDatabase)
		if call := killedAt(t, "update", n, dir); call != "pwrite" {
			t.Fatal(call)
		}
		write(t, path, torn)
		if k%5 == 0 {
			for i := 1; killedAt(t, "recover", i, dir) != ""; i++ {
				if _, err := os.Stat(filepath.Join(dir, "registry.intent")); err != nil {
					break // put back; only its folder's sync was missing
				}
			}
		}
		if readText(t, path) == oldDatabase {
			recovers(t, dir, fmt.Sprintf("byte %d", k), oldDatabase, "", after)
			continue
		}
		recovers(t, dir, fmt.Sprintf("byte %d", k), oldDatabase, told, after)
	}
}

// TestKilledAndCutOff: the component's truncation falls on our document after we were killed. It is written again, and that is told;
// the same in a process that only looks, once we had ended.
func TestKilledAndCutOff(t *testing.T) {
	after := newDatabase(t)
	for _, length := range []int{1, 60, len(oldDatabase) - 1} {
		dir := t.TempDir()
		path := filepath.Join(dir, "db.json")
		write(t, path, oldDatabase)
		if call := killedAt(t, "update", callNumber(t, "rename intent"), dir); call != "rename intent" {
			t.Fatal(call)
		}
		write(t, path, after[:length])
		recovers(t, dir, fmt.Sprintf("cut to %d", length), after, "db.json: an interrupted write was completed", after)

		write(t, path, readText(t, path)[:length])
		if rows, err := registryIn(dir).Rows(); err != nil || len(rows) != 2 {
			t.Errorf("cut to %d after the end: %v, %v", length, rows, err)
		}
	}
	// Another database's intents say nothing about this one.
	other := t.TempDir()
	write(t, filepath.Join(other, "db.json"), oldDatabase)
	if call := killedAt(t, "update", callNumber(t, "rename intent"), other); call != "rename intent" {
		t.Fatal(call)
	}
	for _, name := range []string{"registry.intent", "registry.written"} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, name), readText(t, filepath.Join(other, "registry.intent")))
		write(t, filepath.Join(dir, "db.json"), after[:60])
		r := registryIn(dir)
		if text, err := r.Recover(); err != nil || text != "" {
			t.Errorf("%s of another database: %q, %v", name, text, err)
		}
		if _, err := r.Rows(); err == nil || readText(t, filepath.Join(dir, "db.json")) != after[:60] {
			t.Errorf("%s of another database was applied to this one: %v", name, err)
		}
	}
	// What the component has written since is nobody's to take back.
	dir := t.TempDir()
	path := filepath.Join(dir, "db.json")
	write(t, path, oldDatabase)
	if err := updateOld(registryIn(dir)); err != nil {
		t.Fatal(err)
	}
	write(t, path, `{"Datasets": {"7": {}}}`)
	if _, err := registryIn(dir).Rows(); err != nil {
		t.Fatal(err)
	}
	write(t, path, after[:60])
	var e *DatabaseError
	if _, err := registryIn(dir).Rows(); !errors.As(err, &e) || readText(t, path) != after[:60] {
		t.Errorf("a document that was overtaken came back: %v", err)
	}
	if _, _, _, err := durable.ReadIntent(filepath.Join(dir, "registry.written")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still kept: %v", err)
	}
}
