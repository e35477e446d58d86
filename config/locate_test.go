package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLocate: every way to say which component, and where its state and lock are then.
func TestLocate(t *testing.T) {
	elsewhere := t.TempDir()
	tests := []struct {
		name     string
		files    map[string]string // more files in the root
		selector Selector          // ROOT in its strings is the root
		env      []string
		state    string // relative to the root
		lock     string
	}{
		{"by its path", nil, Selector{Component: "etc/config-n1.ini"}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"by its name in ./etc", nil, Selector{Component: "config-n1.ini"}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"by its name in $FEDBIOMED_DIR", nil, Selector{Component: "config-n1.ini", WorkDir: elsewhere}, []string{"FEDBIOMED_DIR", "ROOT"},
			"var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"by its name from within etc", nil, Selector{Component: "config-n1.ini", WorkDir: "ROOT/etc"}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"the only one in ./etc", nil, Selector{}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"the only one, both folders being one", nil, Selector{}, []string{"FEDBIOMED_DIR", "ROOT"}, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"FBPEER_COMPONENT", nil, Selector{WorkDir: elsewhere}, []string{"FBPEER_COMPONENT", "ROOT/etc/config-n1.ini"}, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"a flag beats the environment", nil, Selector{Component: "config-n1.ini"}, []string{"FBPEER_CONFIG", "/nowhere"}, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"dev", nil, Selector{Development: true}, nil, "var/fbpeer-dev/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"--config naming the component", map[string]string{"site/fbpeer.ini": "[component]\nconfig = ../etc/config-n1.ini\n"},
			Selector{Config: "site/fbpeer.ini"}, nil, "site", "var/fbpeer/" + nodeID + ".lock"},
		{"--config with [agent] state", map[string]string{"site/fbpeer.ini": "[component]\nconfig = ../etc/config-n1.ini\n[agent]\nstate = s\n"},
			Selector{Config: "site/fbpeer.ini"}, nil, "site/s", "var/fbpeer/" + nodeID + ".lock"},
		{"FBPEER_CONFIG", map[string]string{"site/fbpeer.ini": "[component]\nconfig = ../etc/config-n1.ini\n"},
			Selector{}, []string{"FBPEER_CONFIG", "site/fbpeer.ini"}, "site", "var/fbpeer/" + nodeID + ".lock"},
		{"--state by its fbpeer.ini", map[string]string{"site/fbpeer.ini": "[component]\nconfig = ../etc/config-n1.ini\n[agent]\nstate = s\n"},
			Selector{State: "site"}, nil, "site", "var/fbpeer/" + nodeID + ".lock"},
		{"--state by its place", nil, Selector{State: "var/fbpeer/" + nodeID}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"--state by its place, with settings", map[string]string{"var/fbpeer/" + nodeID + "/fbpeer.ini": "[log]\nlevel = debug\n"},
			Selector{State: "var/fbpeer/" + nodeID}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"--state of dev", nil, Selector{State: "var/fbpeer-dev/" + nodeID}, nil, "var/fbpeer-dev/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"FBPEER_STATE", nil, Selector{WorkDir: elsewhere}, []string{"FBPEER_STATE", "ROOT/var/fbpeer/" + nodeID}, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"[agent] state in the state's own file", map[string]string{"var/fbpeer/" + nodeID + "/fbpeer.ini": "[agent]\nstate = ../moved\n"},
			Selector{}, nil, "var/fbpeer/moved", "var/fbpeer/" + nodeID + ".lock"},
		{"FBPEER_AGENT_STATE", nil, Selector{}, []string{"FBPEER_AGENT_STATE", "mine"}, "mine", "var/fbpeer/" + nodeID + ".lock"},
		{"the state's file names its own component", map[string]string{"var/fbpeer/" + nodeID + "/fbpeer.ini": "[component]\nconfig = ../../../etc/config-n1.ini\n"},
			Selector{}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"only dev has run", map[string]string{"var/fbpeer-dev/" + nodeID + "/sequence": "1"}, Selector{}, nil, "var/fbpeer-dev/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"only dev has run, but this is for run", map[string]string{"var/fbpeer-dev/" + nodeID + "/sequence": "1"}, Selector{ForRun: true}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
		{"both have run", map[string]string{"var/fbpeer-dev/" + nodeID + "/sequence": "1", "var/fbpeer/" + nodeID + "/sequence": "1"},
			Selector{}, nil, "var/fbpeer/" + nodeID, "var/fbpeer/" + nodeID + ".lock"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := oneComponent(t)
			for name, text := range test.files {
				write(t, filepath.Join(root, name), text)
			}
			for i := range test.env {
				test.env[i] = strings.ReplaceAll(test.env[i], "ROOT", root)
			}
			s := test.selector
			s.Getenv = env(test.env...)
			s.WorkDir = strings.ReplaceAll(s.WorkDir, "ROOT", root)
			if s.WorkDir == "" {
				s.WorkDir = root
			}
			before := listing(t, root)
			c, err := Load(s)
			if err != nil {
				t.Fatal(err)
			}
			if c.Component.ID != nodeID || c.Root != root || c.Component.Fedbiomed == nil {
				t.Errorf("%s in %s", c.Component.ID, c.Root)
			}
			if c.State != filepath.Join(root, test.state) {
				t.Errorf("state %s, want %s", c.State, test.state)
			}
			if c.Lock != filepath.Join(root, test.lock) {
				t.Errorf("lock %s, want %s", c.Lock, test.lock)
			}
			warned := false
			for _, w := range c.Warnings {
				warned = warned || w == "this component has only the state that `fbpeer dev` keeps: var/fbpeer-dev/"+nodeID
			}
			if warned != (test.name == "only dev has run") {
				t.Errorf("warnings %q", c.Warnings)
			}
			if after := listing(t, root); after != before {
				t.Errorf("Load made something: before\n%s\nafter\n%s", before, after)
			}
		})
	}
}

func listing(t testing.TB, root string) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		files = append(files, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(files, "\n")
}

// TestStateAndEnvironment: a state folder is known by its own fbpeer.ini or its place, whatever the environment says of components.
func TestStateAndEnvironment(t *testing.T) {
	root := oneComponent(t)
	other := addComponent(t, root, "config-n2.ini", otherID, 14002)
	state := filepath.Join(root, "var", "fbpeer", nodeID)
	c, err := Load(Selector{State: state, WorkDir: root, Getenv: env("FBPEER_COMPONENT_CONFIG", other)})
	if err != nil || c.Component.ID != nodeID {
		t.Errorf("%v", err)
	}
}

func TestLocateRefuses(t *testing.T) {
	const cure = "name one with --component FILE, --config fbpeer.ini or --state DIR, set FEDBIOMED_DIR, or make one: `fbpeer component create`"
	tests := []struct {
		name          string
		prepare       func(root string)
		selector      Selector
		env           []string
		problem, hint string
	}{
		{"two flags", nil, Selector{Component: "a", State: "b"}, nil, "flag --component and flag --state each name a component", "give only one of them"},
		{"two variables", nil, Selector{}, []string{"FBPEER_CONFIG", "a", "FBPEER_STATE", "b"}, "environment FBPEER_CONFIG and environment FBPEER_STATE each name a component", "give only one of them"},
		{"nobody there", func(root string) { rename(t, root, "etc", "etc.old") }, Selector{}, nil, "no component in ROOT/etc", cure},
		{"nobody in either folder", func(root string) { rename(t, root, "etc", "etc.old") }, Selector{}, []string{"FEDBIOMED_DIR", "/nowhere"},
			"no component in /nowhere/etc or ROOT/etc", cure},
		{"only copies", func(root string) { addComponent(t, root, "copy.ini", nodeID, 14001) }, Selector{}, nil,
			"two configurations have one id: etc/config-n1.ini: [default] id: the same id as in copy.ini; etc/copy.ini: [default] id: the same id as in config-n1.ini",
			"remove one of the two files, or move it out of etc; or say which is meant: --component FILE"},
		{"several", func(root string) { addComponent(t, root, "config_researcher.ini", researcherID, 14000) }, Selector{}, nil,
			"several components: etc/config-n1.ini, etc/config_researcher.ini", "name one with --component, or set FBPEER_COMPONENT"},
		{"a name that is nowhere", nil, Selector{Component: "config-n9.ini"}, []string{"FEDBIOMED_DIR", "/fb"},
			`no component "config-n9.ini": none of /fb/etc/config-n9.ini, etc/config-n9.ini, config-n9.ini is there`,
			"give the file's path, or set FEDBIOMED_DIR to the folder above its etc/"},
		{"a component for --config", nil, Selector{Config: "etc/config-n1.ini"}, nil,
			"etc/config-n1.ini: a Fed-BioMed component's configuration is no fbpeer.ini", "that is a component: use --component"},
		{"an fbpeer.ini for --component", func(root string) { write(t, filepath.Join(root, "x", "fbpeer.ini"), plainFile) }, Selector{Component: "x/fbpeer.ini"}, nil,
			"x/fbpeer.ini: an fbpeer.ini is no Fed-BioMed component's configuration", "that is an fbpeer.ini: use --config"},
		{"--config missing", nil, Selector{Config: "fbpeer.ini"}, nil, "fbpeer.ini: no such file or directory",
			"name an fbpeer.ini; `fbpeer component create --role party` makes one"},
		{"--component missing", nil, Selector{Component: "etc/none.ini"}, nil, "etc/none.ini: no such file or directory",
			"name the component's configuration, as in --component etc/config-n1.ini"},
		{"--state anywhere", nil, Selector{State: "somewhere"}, nil, "somewhere: nothing there says which component it belongs to",
			"a state folder is <root>/var/fbpeer/<component id>, or holds an fbpeer.ini with [component]"},
		{"--state of nobody", nil, Selector{State: "var/fbpeer/NODE_x"}, nil, "var/fbpeer/NODE_x: no component in etc has this id", "name the component with --component"},
		{"--state of two", func(root string) { addComponent(t, root, "copy.ini", nodeID, 14001) }, Selector{State: "var/fbpeer/" + nodeID}, nil,
			"etc/config-n1.ini: [default] id: the same id as in copy.ini", "move the backup out of ROOT/etc, or name one with --component"},
		{"state of another component", func(root string) {
			addComponent(t, root, "config-n2.ini", otherID, 14002)
			write(t, filepath.Join(root, "var", "fbpeer", nodeID, "fbpeer.ini"), "\n[component]\nconfig = ../../../etc/config-n2.ini\n")
		}, Selector{Component: "config-n1.ini"}, nil, "var/fbpeer/" + nodeID + "/fbpeer.ini:3: [component] config: this is the state of etc/config-n1.ini",
			"remove the line: the file lies in the state folder of another component"},
		{"wrong in the component", func(root string) {
			path := filepath.Join(root, "etc", "config-n1.ini")
			write(t, path, strings.Replace(read(t, path), "14001", "14O00", 1))
		}, Selector{}, nil, `etc/config-n1.ini: [mpspdz] mpspdz_port: "14O00" is not a port (1 to 65535)`, "correct it, or set MPSPDZ_PORT for this run"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := oneComponent(t)
			if test.prepare != nil {
				test.prepare(root)
			}
			s := test.selector
			s.Getenv, s.WorkDir = env(test.env...), root
			_, err := Load(s)
			expect(t, err, root, test.problem, test.hint)
		})
	}
}

func rename(t testing.TB, root, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(root, from), filepath.Join(root, to)); err != nil {
		t.Fatal(err)
	}
}

// TestLocatePartyByItsFolder: within a plain party's folder nothing needs to be named, unless a Fed-BioMed component is there too.
func TestLocatePartyByItsFolder(t *testing.T) {
	dir := onePlain(t, "")
	c, err := Load(Selector{WorkDir: dir, Getenv: env()})
	if err != nil || c.Component.ID != "alice" || c.State != dir {
		t.Fatalf("%+v, %v", c, err)
	}
	root := oneComponent(t)
	write(t, filepath.Join(root, "fbpeer.ini"), plainFile)
	if c, err = Load(Selector{WorkDir: root, Getenv: env()}); err != nil || c.Component.ID != nodeID {
		t.Errorf("%+v, %v", c, err)
	}
}
