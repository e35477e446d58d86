package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fbpeer/exchange"
)

// timeLimit is how long a command may take, and then how long its output is waited for.
const (
	timeLimit = 30 * time.Second
	waitLimit = 2 * time.Second
)

// maxOutput is how much of what a command printed is kept: the end of it.
const maxOutput = 4 << 10

// Find says where a command's program is: the error has its cure in what it says. Words are not empty.
func Find(words []string) (string, error) {
	path, err := exec.LookPath(words[0])
	if err == nil {
		return filepath.Abs(path)
	}
	switch {
	case errors.Is(err, syscall.EISDIR):
		return "", fmt.Errorf("%s is a folder, not a program", words[0])
	case errors.Is(err, os.ErrPermission):
		return "", fmt.Errorf("%s is not executable: chmod +x %s", words[0], words[0])
	}
	return "", fmt.Errorf("there is no program %s", words[0])
}

// Result is what came of a command.
type Result struct {
	Exit   int    // its exit code; -1: it was not started, or was ended
	Output string // the end of what it printed, on both outputs, escaped line by line
	Err    error  // nil: exit code 0 within the time
}

// LastLine is the last line of the output that is not empty.
func (r Result) LastLine() string {
	lines := strings.Split(strings.TrimSpace(r.Output), "\n")
	return lines[len(lines)-1]
}

// Run runs a command with a message. It ends with the context too. Where it fails, everything in the command's process group is killed; what
// a command that ends well left running stays.
func Run(ctx context.Context, words []string, m Message) Result {
	return runFor(ctx, words, m, timeLimit)
}

func runFor(ctx context.Context, words []string, m Message, limit time.Duration) Result {
	none := func(err error) Result { return Result{Exit: -1, Err: err} }
	program, err := Find(words)
	if err != nil {
		return none(err)
	}
	input, err := m.Bytes()
	if err != nil {
		return none(err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out tail
	cmd := exec.CommandContext(ctx, program, words[1:]...)
	cmd.Dir, cmd.Env = "/", append(inherited(), m.environment()...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitLimit
	err = cmd.Run()
	r := Result{Exit: -1, Output: out.text()}
	if cmd.ProcessState != nil {
		r.Exit = cmd.ProcessState.ExitCode()
	}
	r.Err = failure(ctx, limit, r.Exit, err)
	if r.Err != nil && cmd.Process != nil {
		// What a failed attempt has left behind would be there once more after each further one. As long as any of it lives, the system gives
		// the group's number to nobody else; if there is none (ESRCH), that is as it should be.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	return r
}

// failure is what went wrong with a command that has ended, nil: nothing.
func failure(ctx context.Context, limit time.Duration, exit int, err error) error {
	switch {
	case exit == 0: // also where a program that it left behind keeps the output open
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("it was ended after %s", limit)
	case exit > 0:
		return fmt.Errorf("exit code %d", exit)
	case errors.Is(err, syscall.ENOEXEC):
		return errors.New("the system cannot run it: a script begins with the line #!/bin/sh")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the program that its first line names is not there; with the line ends of Windows no name is right")
	}
	return err
}

// inherited is what a command gets of the agent's environment: nothing that could be a secret.
func inherited() (environment []string) {
	for _, name := range []string{"PATH", "HOME", "USER", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// tail keeps the end of what is written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - maxOutput; over > 0 {
		t.data = append([]byte{}, t.data[over:]...)
	}
	return len(p), nil
}

// text is what is kept, each line escaped.
func (t *tail) text() string {
	lines := strings.Split(string(t.data), "\n")
	for i, line := range lines {
		lines[i] = exchange.ShowText(line)
	}
	return strings.Join(lines, "\n")
}
