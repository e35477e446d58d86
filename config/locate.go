package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"fbpeer/fedbiomed"
)

// Selector is what the person said. All empty: look in the environment (FBPEER_COMPONENT, FBPEER_CONFIG, FBPEER_STATE), then for the
// only component in $FEDBIOMED_DIR/etc and ./etc, and where there is none, for ./fbpeer.ini.
type Selector struct {
	Component   string              // --component: a component's configuration; a bare name is looked up in those two folders
	Config      string              // --config: an fbpeer.ini
	State       string              // --state: a state folder
	Federation  string              // --federation: the federation file
	Overrides   map[string]string   // "agent.listen" -> value, from flags
	Development bool                // state under var/fbpeer-dev, as `dev` keeps it
	ForRun      bool                // for run and join: never fall back on the state that dev keeps
	WithoutPair bool                // for `cert` and `init`: a Fed-BioMed component's key and certificate may be missing
	Getenv      func(string) string // nil: os.Getenv
	Environ     []string            // the environment's variables, to find misspelt ones that Getenv sees; nil: the process's
	WorkDir     string              // "": the process's
}

// target is what a selector stands for. Exactly one of component and ini is set, or state alone.
type target struct {
	component string // absolute path of a component's configuration
	ini       string // absolute path of an fbpeer.ini
	state     string // absolute path of the state folder; "" by the rules
	dev       bool   // the state folder is one of dev's
	source    string // who said it, as Setting.Source
}

// locate decides between flags, environment and the two folders.
func (l *loader) locate() (target, error) {
	s := l.selector
	from := [3]string{"flag --component", "flag --config", "flag --state"}
	said := [3]string{s.Component, s.Config, s.State}
	if said == [3]string{} {
		from = [3]string{"environment FBPEER_COMPONENT", "environment FBPEER_CONFIG", "environment FBPEER_STATE"}
		for i, name := range from {
			said[i] = l.getenv(strings.TrimPrefix(name, "environment "))
		}
	}
	var given []string
	for i, text := range said {
		if text != "" {
			given = append(given, from[i])
		}
	}
	if len(given) > 1 {
		return target{}, faultf("give only one of them", "%s each name a component", strings.Join(given, " and "))
	}
	var t target
	var err error
	switch {
	case said[0] != "":
		t, err = l.namedComponent(said[0])
	case said[1] != "":
		t.ini = l.abs(said[1])
	case said[2] != "":
		t, err = l.namedState(l.abs(said[2]))
	default:
		given = []string{"the only one there"}
		t, err = l.onlyComponent()
	}
	t.source = strings.Join(given, "")
	return t, err
}

func (l *loader) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.workDir, path)
}

// roots are the parents of the two folders.
func (l *loader) roots() []string {
	roots := []string{l.workDir}
	if dir := l.getenv("FEDBIOMED_DIR"); dir != "" && l.abs(dir) != l.workDir {
		roots = []string{l.abs(dir), l.workDir}
	}
	return roots
}

// namedComponent looks a bare name up; any other is a path.
func (l *loader) namedComponent(name string) (target, error) {
	path := l.abs(name)
	if filepath.Base(name) == name {
		places := []string{}
		for _, root := range l.roots() {
			places = append(places, filepath.Join(root, "etc", name))
		}
		places = append(places, path)
		i := slices.IndexFunc(places, func(place string) bool { _, err := os.Stat(place); return err == nil })
		if i < 0 {
			for j := range places {
				places[j] = l.short(places[j])
			}
			return target{}, &Error{Err: &notThereError{name, places}, Hint: "give the file's path, or set FEDBIOMED_DIR to the folder above its etc/"}
		}
		path = places[i]
	}
	if data, err := os.ReadFile(path); err == nil && isOurs(data) {
		return target{}, faultf("that is an fbpeer.ini: use --config", "%s: an fbpeer.ini is no Fed-BioMed component's configuration", l.short(path))
	}
	return target{component: path}, nil
}

var (
	componentSection = regexp.MustCompile(`(?m)^\[mpspdz\]`)
	oursSection      = regexp.MustCompile(`(?m)^[ \t]*\[(federation|component|agent|advertise|trust|players)\]`)
	defaultSection   = regexp.MustCompile(`(?m)^\[default\]`)
)

// isComponent and isOurs tell the two kinds of file apart, even where one does not parse.
func isComponent(data []byte) bool { return componentSection.Match(data) }

func isOurs(data []byte) bool {
	return oursSection.Match(data) && !isComponent(data) && !defaultSection.Match(data)
}

// namedState takes a state folder: by its fbpeer.ini if that says which component, else by its place below a root.
func (l *loader) namedState(state string) (target, error) {
	t := target{state: state}
	ini := filepath.Join(state, fileName)
	kept := *l.settings
	if err := l.settings.readFile(ini, true); err != nil {
		return target{}, err
	}
	says := l.settings.get("component", "config").origin == fromFile || l.settings.get("component", "id").origin == fromFile
	*l.settings = kept
	if says {
		t.ini = ini
		return t, nil
	}
	parent := filepath.Dir(state)
	t.dev = filepath.Base(parent) == devFolder
	if !t.dev && filepath.Base(parent) != stateFolder || filepath.Base(filepath.Dir(parent)) != "var" {
		return target{}, faultf("a state folder is <root>/var/fbpeer/<component id>, or holds an fbpeer.ini with [component]",
			"%s: nothing there says which component it belongs to", l.short(state))
	}
	root := filepath.Dir(filepath.Dir(parent))
	var err error
	t.component, err = fedbiomed.FindID(root, filepath.Base(state))
	if errors.Is(err, fs.ErrNotExist) {
		return target{}, faultf("name the component with --component", "%s: no component in %s has this id",
			l.short(state), l.short(filepath.Join(root, "etc")))
	}
	return t, l.ownComponent(err)
}

// ownComponent is own for errors that name a configuration by its whole path.
func (l *loader) ownComponent(err error) error {
	var at *fedbiomed.Error
	if errors.As(err, &at) {
		shortened := *at
		shortened.File = l.short(at.File)
		err = &shortened
	}
	return own("", err)
}

// onlyComponent takes the one component of the two folders, else the plain party whose folder this is.
func (l *loader) onlyComponent() (target, error) {
	var all, reasons, folders []string
	sameID := false
	for _, root := range l.roots() {
		etc := filepath.Join(root, "etc")
		folders = append(folders, etc)
		components, skipped, err := fedbiomed.Find(root)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return target{}, own(l.short(etc), err)
		}
		all = append(all, components...)
		for _, err := range skipped {
			reasons = append(reasons, l.ownComponent(err).Error())
			sameID = sameID || errors.Is(err, fedbiomed.ErrSameID)
		}
	}
	ini := l.abs(fileName)
	_, noIni := os.Stat(ini)
	switch {
	case len(all) == 1:
		return target{component: all[0]}, nil
	case len(all) == 0 && len(reasons) == 0 && noIni == nil:
		return target{ini: ini}, nil
	case len(all) == 0:
		problem := fmt.Sprintf("no component in %s", strings.Join(folders, " or "))
		slices.Sort(reasons)
		if sameID {
			return target{}, faultf("remove one of the two files, or move it out of etc; or say which is meant: --component FILE",
				"two configurations have one id: %s", strings.Join(reasons, "; "))
		}
		if len(reasons) > 0 {
			problem += " (" + strings.Join(reasons, "; ") + ")"
		}
		return target{}, faultf("name one with --component FILE, --config fbpeer.ini or --state DIR, set FEDBIOMED_DIR, or make one: `fbpeer component create`", "%s", problem)
	}
	for i := range all {
		all[i] = l.short(all[i])
	}
	return target{}, faultf("name one with --component, or set FBPEER_COMPONENT", "several components: %s", strings.Join(all, ", "))
}
