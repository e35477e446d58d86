package config

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

// childRoot is the variable that names the folder in which a child works.
const childRoot = "FBPEER_CONFIG_TEST_ROOT"

func killAt(what string) string { return "FBPEER_CONFIG_TEST_KILL_" + what + "_AT" }

// killedStep is the step function of a test that is a child of runKilled: it kills the process before the step that runKilled names. The
// test is skipped where nobody started it so: by itself it shows nothing.
func killedStep(t *testing.T, what string) func(string) error {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(killAt(what)))
	if err != nil {
		t.Skip("runs only as the process that another test starts and kills")
	}
	return func(string) error {
		if n--; n == 0 {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}
}

// runKilled runs a test of this package as a child, until its step n; survived: it has fewer steps.
func runKilled(t *testing.T, test, what string, n int, environment ...string) (survived bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(append(os.Environ(), killAt(what)+"="+strconv.Itoa(n)), environment...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return false
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return true
}
