package fbpeer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"fbpeer/internal/testenv"
)

// composeFile is the part of a Compose file that the agent's safety hangs on.
type composeFile struct {
	Services map[string]composeService `yaml:"services"`
}

type composeService struct {
	Image       string            `yaml:"image"`
	Entrypoint  []string          `yaml:"entrypoint"`
	User        string            `yaml:"user"`
	NetworkMode string            `yaml:"network_mode"`
	ReadOnly    bool              `yaml:"read_only"`
	CapDrop     []string          `yaml:"cap_drop"`
	SecurityOpt []string          `yaml:"security_opt"`
	Privileged  bool              `yaml:"privileged"`
	CapAdd      []string          `yaml:"cap_add"`
	Devices     []string          `yaml:"devices"`
	Ports       []string          `yaml:"ports"`
	Profiles    []string          `yaml:"profiles"`
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
}

const composeOverride = "contrib/fedbiomed/docker-compose.override.yml"

// TestComposeOverride: each agent is in the network and the user of the component that it serves, reads its configuration and writes
// only below var.
func TestComposeOverride(t *testing.T) {
	data, err := os.ReadFile(composeOverride)
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for agent, serves := range map[string]struct{ network, folder, component string }{
		"fbpeer-node":       {"service:${FBPEER_NODE:-node}", "./node/run_mounts/", "config_node.ini"},
		"fbpeer-node2":      {"service:${FBPEER_NODE2:-node2}", "./node2/run_mounts/", "config_node.ini"},
		"fbpeer-researcher": {"service:researcher", "./researcher/run_mounts/", "config_researcher.ini"},
	} {
		s, there := file.Services[agent]
		if !there {
			t.Errorf("no service %s", agent)
			continue
		}
		if s.NetworkMode != serves.network || s.Environment["FBPEER_COMPONENT"] != serves.component || s.Environment["FEDBIOMED_DIR"] != "/fedbiomed" {
			t.Errorf("%s serves another component: %+v", agent, s)
		}
		want := []string{"./fbpeer:/usr/local/bin/fbpeer:ro", serves.folder + "etc:/fedbiomed/etc:ro", serves.folder + "var:/fedbiomed/var"}
		if !slices.Equal(s.Volumes, want) {
			t.Errorf("%s mounts %q", agent, s.Volumes)
		}
		if s.User != "${CONTAINER_UID:-1000}:${CONTAINER_GID:-1000}" || !s.ReadOnly || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) ||
			!slices.Contains(s.SecurityOpt, "no-new-privileges:true") || len(s.CapAdd)+len(s.Devices)+len(s.Ports) > 0 {
			t.Errorf("%s has more than it needs: %+v", agent, s)
		}
		if !slices.Equal(s.Entrypoint, []string{"/usr/local/bin/fbpeer"}) || !slices.Equal(s.Profiles, []string{"fbpeer"}) || s.Environment["FBPEER_AGENT_MDNS"] != "false" {
			t.Errorf("%s is started otherwise: %+v", agent, s)
		}
		delete(file.Services, agent)
	}
	for name := range file.Services {
		t.Errorf("the override changes Fed-BioMed's own service %s", name)
	}
}

// TestComposeAccepts lets Compose itself read the override beside services of Fed-BioMed's names; it needs no container engine for that.
func TestComposeAccepts(t *testing.T) {
	compose := testenv.NeedProgram(t, "docker-compose")
	base := filepath.Join("contrib", "fedbiomed", "testdata", "base.yml")
	for _, test := range []struct {
		name        string
		environment []string
		ok          bool
	}{
		{"as it is", nil, true},
		{"with a GPU and another user", []string{"FBPEER_NODE=node-gpu", "CONTAINER_UID=1234", "CONTAINER_GID=1234"}, true},
		{"a service that does not exist", []string{"FBPEER_NODE=node-tpu"}, false}, // else it would have looked at nothing
	} {
		t.Run(test.name, func(t *testing.T) {
			command := exec.Command(compose, "-f", base, "-f", composeOverride, "--profile", "fbpeer", "config", "--quiet")
			command.Env = append(os.Environ(), test.environment...)
			out, err := command.CombinedOutput()
			if (err == nil) != test.ok {
				t.Errorf("%v\n%s", err, out)
			}
			if strings.Contains(string(out), "not set") {
				t.Errorf("a variable has no default: %s", out)
			}
		})
	}
}

const (
	unit      = "contrib/systemd/fbpeer@.service"
	unitStart = "ExecStart=/usr/local/bin/fbpeer "
	// exposure is how much of the machine the unit may leave open to the agent, of 100, as `systemd-analyze security` counts it.
	exposure = "25"
)

// TestUnit lets systemd itself read the unit, as an instance of it: it has nothing to remark, and finds little that the agent could do
// beyond its work. No running systemd is needed for that.
func TestUnit(t *testing.T) {
	analyze := testenv.NeedProgram(t, "systemd-analyze")
	data, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "fbpeer") // verify demands that it is there
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), unitStart, "ExecStart="+program+" ", 1)
	if !strings.Contains(text, program) {
		t.Fatalf("%s does not hold %q", unit, unitStart)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(unit)), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	instance := filepath.Join(dir, "fbpeer@config-n1.service")
	if out, err := exec.Command(analyze, "verify", instance).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	if out, err := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold="+exposure, instance).CombinedOutput(); err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
}
