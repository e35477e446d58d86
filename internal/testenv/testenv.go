// Package testenv says what a test needs of the machine: a program, root, network namespaces. Where that is missing the test is
// skipped with the reason, so that a contributor without it can run the others; with FBPEER_TEST_ALL=1 in the environment, as CI has
// it, it fails instead, so that no test is silently left out.
package testenv

import (
	"os"
	"os/exec"
	"strings"
)

// TB is the part of testing.TB that is used here; testscript.TestScript wants a few lines to have it.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Need ends the test unless what it needs is present.
func Need(t TB, what string, present bool) {
	t.Helper()
	switch {
	case present:
	case os.Getenv("FBPEER_TEST_ALL") == "1":
		t.Fatalf("%s is needed", what)
	default:
		t.Skipf("%s is needed", what)
	}
}

// NeedProgram gives the path of a program that is found as a shell finds it.
func NeedProgram(t TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	Need(t, name, err == nil)
	return path
}

// NeedRoot is for what only root can do; why says what that is.
func NeedRoot(t TB, why string) {
	t.Helper()
	Need(t, "root, "+why+",", os.Geteuid() == 0)
}

// NeedNamespaces is for tests that make network namespaces.
func NeedNamespaces(t TB) {
	t.Helper()
	NeedRoot(t, "to make network namespaces")
	ip := NeedProgram(t, "ip")
	out, err := exec.Command(ip, "netns", "list").CombinedOutput()
	Need(t, "permission for network namespaces: "+strings.TrimSpace(string(out)), err == nil)
}
