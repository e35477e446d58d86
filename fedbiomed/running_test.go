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

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
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
	_, err := os.Stat("/proc/self/environ")
	testenv.Need(t, "/proc, in which other processes are seen,", err == nil)
	root, err := filepath.EvalSymlinks(copyClone(t))
	if err != nil {
		t.Fatal(err)
	}
	n1, err := Load(filepath.Join(root, "etc", "config-n1.ini"), env())
	if err != nil {
		t.Fatal(err)
	}
	python := []string{"python", "-m", "fedbiomed.node.cli", "--config", "config-n1.ini", "start"}
	script := filepath.Join(root, "scripts", "fedbiomed")
	start(t, root, []string{"MPSPDZ_IP=localhost", "MPSDPZ_PORT=15000"}, python...) // the same to Fed-BioMed
	start(t, root, []string{"MPSPDZ_PORT=15002"}, "python", "-m", "fedbiomed.node.cli", "--config=config-n2.ini", "start")
	start(t, "/", []string{"MPSPDZ_PORT=15003"}, python...) // another root's
	start(t, root, []string{"MPSPDZ_PORT=15004"}, "python", script, "node", "--config", "config-n1.ini", "certificate", "list")
	start(t, root, []string{"MPSPDZ_PORT=15005"}, "python", script, "researcher", "--config", "config-n1.ini", "start")
	start(t, root, []string{"MPSPDZ_PORT=15006", "PYTHONPATH=" + root, "CONFIG_FILE=config-n1.ini"}, "python", "-m", "ipykernel_launcher")
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

// TestRunningIsKnown: the command lines of Fed-BioMed's own scripts, release by release. Only those of 4.2 to 5.1 were known before.
func TestRunningIsKnown(t *testing.T) {
	root, err := filepath.EvalSymlinks(copyClone(t))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, other); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(root, "scripts", "fedbiomed")
	notebooks := filepath.Join(root, "notebooks")
	node, researcher := &Component{Role: mpspdz.Node, Root: root, File: filepath.Join(root, "etc", "config-n1.ini")},
		&Component{Role: mpspdz.Researcher, Root: root, File: filepath.Join(root, "etc", "config_researcher.ini")}
	standard := &Component{Role: mpspdz.Node, Root: root, File: filepath.Join(root, "etc", "config_node.ini")}
	for _, test := range []struct {
		name        string
		component   *Component
		folder      string
		environment []string
		args        []string
		want        bool
	}{
		{"4.4", node, root, []string{"PYTHONPATH=" + root, "CONFIG_FILE=config-n1.ini"}, []string{"python", "-m", "fedbiomed.node.cli", "--start"}, true},
		{"4.4, another one", node, root, []string{"CONFIG_FILE=config-n2.ini"}, []string{"python", "-m", "fedbiomed.node.cli", "--start"}, false},
		{"4.4, lists data", node, root, []string{"CONFIG_FILE=config-n1.ini"}, []string{"python", "-m", "fedbiomed.node.cli", "--list"}, false},
		{"5.2", node, root, nil, []string{"python", script, "node", "--config", "config-n1.ini", "start"}, true},
		{"5.2, from elsewhere", node, "/", nil, []string{"python", script, "node", "-cf", "config-n1.ini", "start"}, true},
		{"5.2, by a link", node, "/", nil, []string{"python", filepath.Join(other, "scripts", "fedbiomed"), "node", "--config", "config-n1.ini", "start"}, true},
		{"5.2, by a relative path", node, root, nil, []string{"python", "scripts/fedbiomed", "node", "--config", "config-n1.ini", "start"}, true},
		{"5.2, the default", standard, root, nil, []string{"python", script, "node", "start"}, true},
		{"5.2, not the default", node, root, nil, []string{"python", script, "node", "start"}, false},
		{"5.2, NODE_CONFIG_FILE", node, root, []string{"NODE_CONFIG_FILE=config-n1.ini"}, []string{"python", script, "node", "start"}, true},
		{"5.2, a certificate", node, root, nil, []string{"python", script, "node", "--config", "config-n1.ini", "certificate", "list"}, false},
		{"5.2, researcher", researcher, notebooks, nil, []string{"python", script, "researcher", "start"}, true},
		{"5.2, the node is no researcher", researcher, root, nil, []string{"python", script, "node", "start"}, false},
		{"its notebook", researcher, notebooks, []string{"PYTHONPATH=" + root}, []string{"python", "/opt/conda/bin/jupyter-notebook"}, true},
		{"its kernel", researcher, notebooks, []string{"PYTHONPATH=" + root}, []string{"python", "-m", "ipykernel_launcher", "-f", "k.json"}, true},
		{"another notebook", researcher, root, nil, []string{"python", "/opt/conda/bin/jupyter-notebook"}, false},
		{"an editor", node, root, nil, []string{"vi", "fedbiomed", "node", "config-n1.ini"}, false},
		{"nothing", node, root, nil, nil, false},
	} {
		p := process{args: test.args, environment: test.environment, folder: test.folder}
		if got := p.runs(test.component); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestRunningTwice: a node and the process that it forks are one warning.
func TestRunningTwice(t *testing.T) {
	root, err := filepath.EvalSymlinks(copyClone(t))
	if err != nil {
		t.Fatal(err)
	}
	proc := t.TempDir()
	for _, pid := range []string{"7", "8"} {
		folder := filepath.Join(proc, pid)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"environ": "MPSPDZ_PORT=15001\x00",
			"cmdline": "python\x00" + root + "/scripts/fedbiomed\x00node\x00--config\x00config-n1.ini\x00start\x00"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(root, filepath.Join(folder, "cwd")); err != nil {
			t.Fatal(err)
		}
	}
	n1, err := Load(filepath.Join(root, "etc", "config-n1.ini"), env())
	if err != nil {
		t.Fatal(err)
	}
	want := node1ID + " runs with another environment (processes 7, 8): its MP-SPDZ address is localhost:15001, here localhost:14001"
	if warnings := n1.Running(proc); len(warnings) != 1 || warnings[0] != want {
		t.Errorf("%q", warnings)
	}
}
