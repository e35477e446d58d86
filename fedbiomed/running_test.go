package fedbiomed

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets this program stand in for a running component: its command line and environment are what is looked at, or its writing;
// or for one of ours that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(tinyVar); path != "" {
		if err := tinyComponent(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if job := os.Getenv(killVar); job != "" {
		if err := killedChild(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv("FBPEER_TEST_RUN_COMPONENT") == "1" {
		fmt.Println("running")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
		return
	}
	os.Exit(m.Run())
}

// start starts such a process; the result is its number.
func start(t *testing.T, dir string, environment []string, args ...string) int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Cmd{Path: self, Args: args, Dir: dir, Env: append(environment, "FBPEER_TEST_RUN_COMPONENT=1")}
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "running\n" {
		t.Fatal(line, err)
	}
	return command.Process.Pid
}

func TestRunning(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		if os.Getenv("FBPEER_TEST_ALL") == "1" {
			t.Fatal("this system has no /proc")
		}
		t.Skip("this system has no /proc")
	}
	root, err := filepath.EvalSymlinks(copyClone(t))
	if err != nil {
		t.Fatal(err)
	}
	n1, err := Load(filepath.Join(root, "etc", "config-n1.ini"), env())
	if err != nil {
		t.Fatal(err)
	}
	python := []string{"python", "-m", "fedbiomed.node.cli", "--config", "config-n1.ini", "start"}
	start(t, root, []string{"MPSPDZ_IP=localhost", "MPSDPZ_PORT=15000"}, python...) // the same to Fed-BioMed
	start(t, root, []string{"MPSPDZ_PORT=15002"}, "python", "-m", "fedbiomed.node.cli", "--config=config-n2.ini", "start")
	start(t, "/", []string{"MPSPDZ_PORT=15003"}, python...) // another root's
	if warnings := n1.Running("/proc"); len(warnings) != 0 {
		t.Errorf("warnings without a difference: %q", warnings)
	}

	pid := start(t, "/", []string{"PYTHONPATH=/x:" + root, "MPSPDZ_IP=10.0.0.2", "FORCE_SECURE_AGGREGATION=1"}, python...)
	warnings := n1.Running("/proc")
	want := fmt.Sprintf("%s runs with another environment (process %d): its MP-SPDZ address is 10.0.0.2:14001, here localhost:14001; "+
		"its secure aggregation is forced, here optional", node1ID, pid)
	if len(warnings) != 1 || warnings[0] != want {
		t.Errorf("got  %q\nwant %q", warnings, want)
	}

	researcher, err := Load(filepath.Join(root, "etc", "config_researcher.ini"), env())
	if err != nil {
		t.Fatal(err)
	}
	pid = start(t, root, []string{"MPSPDZ_IP=", "RESEARCHER_ID=RESEARCHER_x", "SECURE_AGGREGATION="}, "python", "-m", "fedbiomed.researcher.cli", "start")
	want = fmt.Sprintf("%s runs with another environment (process %d): its MPSPDZ_IP is set to nothing, which Fed-BioMed takes as it is; "+
		"its id is RESEARCHER_x (RESEARCHER_ID), here %s", researcherID, pid, researcherID)
	if warnings := researcher.Running("/proc"); len(warnings) != 1 || warnings[0] != want {
		t.Errorf("got  %q\nwant %q", warnings, want)
	}
	start(t, root, []string{"NODE_ID=node_x"}, "python", "-m", "fedbiomed.node.cli", "--config=config-n2.ini", "start")
	n2, err := Load(filepath.Join(root, "etc", "config-n2.ini"), env("MPSPDZ_PORT", "15002"))
	if err != nil {
		t.Fatal(err)
	}
	if warnings := n2.Running("/proc"); len(warnings) != 1 || strings.Contains(warnings[0], "node_x") {
		t.Errorf("5.x does not read NODE_ID: %q", warnings) // the one is about the port
	}

	broken := start(t, root, []string{"MPSPDZ_PORT=x"}, python...)
	if warnings := strings.Join(n1.Running("/proc"), "\n"); !strings.Contains(warnings,
		fmt.Sprintf(`(process %d): environment MPSPDZ_PORT: "x" is not a port (1 to 65535)`, broken)) {
		t.Errorf("got %q", warnings)
	}
	if warnings := n1.Running("/nowhere"); warnings != nil {
		t.Errorf("without /proc: %q", warnings)
	}
}
