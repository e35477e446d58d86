package durable

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// childVar names what a child process of the test binary is to do: an operation, a folder, and the step before which it dies.
const childVar = "FBPEER_DURABLE_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childVar); job != "" {
		os.Exit(child(job))
	}
	os.Exit(m.Run())
}

// operations are what the crash tests run in a child; dir holds what their set-up put there.
func operations() map[string]func(d Disk, dir string) error {
	return map[string]func(d Disk, dir string) error{
		"write":  func(d Disk, dir string) error { return d.writeFile(filepath.Join(dir, "file"), newContent, 0o640) },
		"create": func(d Disk, dir string) error { return d.createFile(filepath.Join(dir, "file"), newContent, 0o640) },
		"link":   func(d Disk, dir string) error { return d.writeLink(filepath.Join(dir, "link"), "new") },
		"append": func(d Disk, dir string) error {
			return d.appendLine(filepath.Join(dir, "log"), []byte("second"), 0o600)
		},
		"move":    func(d Disk, dir string) error { return d.moveFile(filepath.Join(dir, "file"), "moved") },
		"grow":    func(d Disk, dir string) error { return d.rewrite(inDir(dir, shortContent, newContent)) },
		"limited": growBeyondLimit,
		"shrink":  func(d Disk, dir string) error { return d.rewrite(inDir(dir, newContent, shortContent)) },
		"recover": func(d Disk, dir string) error { _, err := d.recover(filepath.Join(dir, "intent")); return err },
		"undo": func(d Disk, dir string) error {
			w := InPlace{Path: filepath.Join(dir, "file"), Intent: filepath.Join(dir, "intent"), Disk: d}
			if undone, err := w.Undo(); err != nil || !undone {
				return fmt.Errorf("undone %v: %w", undone, err)
			}
			return nil
		},
		"swap": func(d Disk, dir string) error { return d.swapFolder(dir, nameB, filesB(), nil, 0o750, 2) },
		"lock": func(_ Disk, dir string) error {
			lock, err := TryLock(filepath.Join(dir, "lock"))
			if err != nil {
				return err
			}
			fmt.Println("locked")
			if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
				return err
			}
			return lock.Release()
		},
	}
}

var (
	shortContent = bytes.Repeat([]byte("short "), 1000)
	newContent   = bytes.Repeat([]byte("the new content\n"), 1000)
)

func inDir(dir string, old, new []byte) (string, []byte, []byte, string) {
	return filepath.Join(dir, "file"), old, new, filepath.Join(dir, "intent")
}

// child runs in the child process.
func child(job string) int {
	parts := strings.SplitN(job, ":", 3)
	dieAt, err := strconv.Atoi(parts[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	syscall.Umask(0o077) // what is made must have its exact permissions all the same
	steps := 0
	d := Disk{Step: func(call string) error {
		steps++
		if steps == dieAt {
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
		return nil
	}}
	if err := operations()[parts[0]](d, parts[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func childCommand(t *testing.T, operation, dir string, dieAt int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d:%s", childVar, operation, dieAt, dir))
	return cmd
}

// killedAtEveryStep runs an operation in child processes, the n-th killed before its n-th system call, until one ends by itself.
// Each has a folder of its own from setup; check looks at it afterwards and is told where the child died ("" for the last).
func killedAtEveryStep(t *testing.T, operation string, setup, check func(t *testing.T, dir string, diedAt string)) {
	t.Helper()
	for n := 1; ; n++ {
		dir := t.TempDir()
		setup(t, dir, "")
		cmd := childCommand(t, operation, dir, n)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		var exit *exec.ExitError
		switch {
		case err == nil:
			if n < 3 {
				t.Fatalf("%s: only %d steps", operation, n-1)
			}
			check(t, dir, "")
			return
		case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
			check(t, dir, fmt.Sprintf("%d (%s)", n, strings.TrimSpace(stdout.String())))
		default:
			t.Fatalf("%s, step %d: %v: %s", operation, n, err, stderr.String())
		}
	}
}

// failingAt gives a disk whose n-th call fails, and tells whether it came to that.
func failingAt(n int) (d Disk, failed *bool) {
	failed = new(bool)
	steps := 0
	return Disk{Step: func(string) error {
		steps++
		if steps == n {
			*failed = true
			return errInjected
		}
		return nil
	}}, failed
}

var errInjected = errors.New("injected")

func mustWrite(t testing.TB, path string, data []byte, perm fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, data, perm); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != want {
		t.Errorf("%s: mode %v, want %v", filepath.Base(path), info.Mode(), want)
	}
}

// wantNames says whether dir holds exactly these names, in any order.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	slices.Sort(want)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("names %q, want %q", names, want)
	}
}

func TestCannotSync(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{&fs.PathError{Op: "sync", Path: "x", Err: syscall.EINVAL}, true},
		{&fs.PathError{Op: "sync", Path: "x", Err: syscall.ENOTSUP}, true},
		{&fs.PathError{Op: "sync", Path: "x", Err: syscall.EIO}, false},
		{&fs.PathError{Op: "sync", Path: "x", Err: syscall.ENOSPC}, false},
	} {
		if got := cannotSync(test.err); got != test.want {
			t.Errorf("cannotSync(%v) = %v", test.err, got)
		}
	}
}

// startLockHolder starts a child that holds dir/lock, and returns once it does.
func startLockHolder(t *testing.T, dir string) (holder *exec.Cmd, stdin io.Closer) {
	t.Helper()
	holder = childCommand(t, "lock", dir, 0)
	stdin, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if holder.ProcessState == nil {
			_ = holder.Process.Kill()
			_ = holder.Wait()
		}
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the holder said %q (%v)", line, err)
	}
	return holder, stdin
}
