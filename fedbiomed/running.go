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
// not be ours, and what they use counts for MP-SPDZ. proc is "/proc"; a system without it has no warnings. A component is known by
// the command line that Fed-BioMed's own script gives it, fedbiomed.node.cli or fedbiomed.researcher.cli with --config; a notebook
// that imports Fed-BioMed is not.
func (c *Component) Running(proc string) (warnings []string) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		folder := filepath.Join(proc, entry.Name())
		p, ok := readProcess(folder)
		if !ok || !p.runs(c) {
			continue
		}
		if difference := c.difference(p); difference != "" {
			warnings = append(warnings, fmt.Sprintf("%s runs with another environment (process %s): %s", c.ID, entry.Name(), difference))
		}
	}
	return warnings
}

// process is what the kernel tells of one: as it was started.
type process struct {
	args        []string
	environment []string
	folder      string // its working directory
}

// readProcess is not ok for one that is gone or another user's.
func readProcess(folder string) (p process, ok bool) {
	args, err := os.ReadFile(filepath.Join(folder, "cmdline"))
	if err != nil || !strings.Contains(string(args), "fedbiomed") {
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
	role := string(c.Role)
	if !slices.Contains(p.args, "fedbiomed."+role+".cli") {
		return false
	}
	name := map[mpspdz.Role]string{mpspdz.Node: "config_node.ini", mpspdz.Researcher: "config_researcher.ini"}[c.Role]
	for i, arg := range p.args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			name = value
		}
		if (arg == "--config" || arg == "-cf") && i+1 < len(p.args) {
			name = p.args[i+1]
		}
	}
	roots := append(filepath.SplitList(p.getenv("PYTHONPATH")), p.folder, p.getenv("FEDBIOMED_DIR"))
	return name == filepath.Base(c.File) && slices.Contains(roots, c.Root)
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
