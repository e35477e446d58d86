package fedbiomed

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fbpeer/mpspdz"
)

// Running compares with the processes in which this component runs now, as far as this user may see them: their environment need
// not be ours, and what they use counts for MP-SPDZ. proc is "/proc"; a system without it has no warnings. Processes that differ alike,
// as a server and its children do, are one warning.
//
// A component is known by the command line that Fed-BioMed's own scripts give it:
//
//	python -m fedbiomed.node.cli --start              4.2 to 5.1; the configuration's name is in CONFIG_FILE
//	python <root>/scripts/fedbiomed node --config config-n1.ini start                          5.2 and 5.3
//	python <root>/scripts/fedbiomed researcher start                                           5.2 and 5.3
//	jupyter-notebook, ipykernel_launcher              a researcher's, with PYTHONPATH=<root> from the scripts
//
// Commands that do something else than start it end by themselves and are not looked at.
func (c *Component) Running(proc string) (warnings []string) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var differences []string
	processes := map[string][]string{}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		p, ok := readProcess(filepath.Join(proc, entry.Name()))
		if !ok || !p.runs(c) {
			continue
		}
		if difference := c.difference(p); difference != "" {
			if processes[difference] == nil {
				differences = append(differences, difference)
			}
			processes[difference] = append(processes[difference], entry.Name())
		}
	}
	for _, difference := range differences {
		noun := "process"
		if len(processes[difference]) > 1 {
			noun = "processes"
		}
		warnings = append(warnings, fmt.Sprintf("%s runs with another environment (%s %s): %s", c.ID, noun,
			strings.Join(processes[difference], ", "), difference))
	}
	return warnings
}

// process is what the kernel tells of one: as it was started.
type process struct {
	args        []string
	environment []string
	folder      string // its working directory
}

// tells are the words of command lines that are worth a closer look.
var tells = []string{"fedbiomed", notebookServer, notebookKernel}

const (
	notebookServer = "jupyter-notebook"
	notebookKernel = "ipykernel_launcher"
)

// readProcess is not ok for one that is gone or another user's.
func readProcess(folder string) (p process, ok bool) {
	args, err := os.ReadFile(filepath.Join(folder, "cmdline"))
	if err != nil || !slices.ContainsFunc(tells, func(word string) bool { return strings.Contains(string(args), word) }) {
		return p, false
	}
	environment, err := os.ReadFile(filepath.Join(folder, "environ"))
	if err != nil {
		return p, false
	}
	p.args = strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00")
	p.environment = strings.Split(strings.TrimSuffix(string(environment), "\x00"), "\x00")
	p.folder, err = os.Readlink(filepath.Join(folder, "cwd"))
	return p, err == nil
}

// getenv gives what Fed-BioMed reads there, which never is the documentation's spelling.
func (p process) getenv(name string) string {
	if strings.HasPrefix(name, "MPSDPZ_") {
		return ""
	}
	for _, variable := range p.environment {
		if text, ok := strings.CutPrefix(variable, name+"="); ok {
			return text
		}
	}
	return ""
}

// overrides tells of variables with which Fed-BioMed runs otherwise than any configuration says: it takes an empty one as it is, where
// we take the file's value, and RESEARCHER_ID (until 5.3) and NODE_ID (4.x, whose ids are in lower case) for the id.
func (p process) overrides(c *Component) (found []string) {
	variables := []string{"MPSPDZ_IP", "MPSPDZ_PORT", "MPSPDZ_CERTIFICATE_KEY", "MPSPDZ_CERTIFICATE_PEM"}
	id := "RESEARCHER_ID"
	if c.Role == mpspdz.Node {
		variables = append(variables, "SECURE_AGGREGATION", "FORCE_SECURE_AGGREGATION")
		id = "NODE_ID"
	}
	for _, variable := range variables {
		if slices.Contains(p.environment, variable+"=") {
			found = append(found, fmt.Sprintf("its %s is set to nothing, which Fed-BioMed takes as it is", variable))
		}
	}
	if text := p.getenv(id); text != "" && text != c.ID && (id == "RESEARCHER_ID" || strings.HasPrefix(c.ID, "node_")) {
		found = append(found, fmt.Sprintf("its id is %s (%s), here %s", text, id, c.ID))
	}
	return found
}

// runs says whether the process is this component, in this root.
func (p process) runs(c *Component) bool {
	roots := append(filepath.SplitList(p.getenv("PYTHONPATH")), p.getenv("FEDBIOMED_DIR"))
	switch script, started := p.starts(c.Role); {
	case started:
		// The scripts change into a folder of the root, or say the root as the first folder of modules.
		roots = append(roots, p.folder, script)
	case c.Role != mpspdz.Researcher || !p.notebook():
		return false
	}
	return p.configuration(c.Role) == filepath.Base(c.File) && slices.ContainsFunc(roots, func(root string) bool { return sameFolder(root, c.Root) })
}

// starts says whether the command line starts a component of this role, and in which root its script lies, if it says so.
func (p process) starts(role mpspdz.Role) (root string, ok bool) {
	if !slices.ContainsFunc(p.args, func(arg string) bool { return arg == "start" || arg == "--start" || arg == "-s" }) {
		return "", false
	}
	if slices.Contains(p.args, "fedbiomed."+string(role)+".cli") {
		return "", true
	}
	for i, arg := range p.args[:max(0, len(p.args)-1)] {
		if filepath.Base(arg) == "fedbiomed" && p.args[i+1] == string(role) {
			if !filepath.IsAbs(arg) {
				arg = filepath.Join(p.folder, arg)
			}
			return filepath.Dir(filepath.Dir(arg)), true
		}
	}
	return "", false
}

// notebook says whether this is Jupyter or a kernel of it, in which a researcher's code runs.
func (p process) notebook() bool {
	return slices.ContainsFunc(p.args, func(arg string) bool {
		name := filepath.Base(arg)
		return name == notebookServer || name == notebookKernel
	})
}

// configuration is the name of the configuration that the process was told, by command line or environment, or Fed-BioMed's default.
func (p process) configuration(role mpspdz.Role) string {
	name := map[mpspdz.Role]string{mpspdz.Node: "config_node.ini", mpspdz.Researcher: "config_researcher.ini"}[role]
	for _, variable := range []string{"CONFIG_FILE", strings.ToUpper(string(role)) + "_CONFIG_FILE"} {
		if said := p.getenv(variable); said != "" {
			name = filepath.Base(said)
		}
	}
	for i, arg := range p.args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			name = value
		}
		if (arg == "--config" || arg == "-cf") && i+1 < len(p.args) {
			name = p.args[i+1]
		}
	}
	return name
}

// sameFolder compares folders, not names: a root may be reached by several.
func sameFolder(a, b string) bool {
	if a == b || a == "" {
		return a == b
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// difference reads the configuration with the process's environment and says what differs from ours, "" if nothing.
func (c *Component) difference(p process) string {
	theirs, err := LoadFrom(p.folder, c.File, p.getenv)
	if err != nil {
		return err.Error()
	}
	found := p.overrides(c)
	for _, value := range []struct{ name, theirs, ours string }{
		{"MP-SPDZ address", theirs.Endpoint.String(), c.Endpoint.String()},
		{"certificate", theirs.Certificate, c.Certificate},
		{"private key", theirs.PrivateKey, c.PrivateKey},
		{"secure aggregation", theirs.Secagg, c.Secagg},
	} {
		if value.theirs != value.ours {
			found = append(found, fmt.Sprintf("its %s is %s, here %s", value.name, value.theirs, value.ours))
		}
	}
	return strings.Join(found, "; ")
}
