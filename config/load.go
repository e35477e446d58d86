package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"fbpeer/fedbiomed"
)

// Names in a root and in a state folder.
const (
	// IdentityFile is the agent's private key, in the state folder.
	IdentityFile = "identity.key"

	fileName    = "fbpeer.ini"
	stateFolder = "fbpeer"
	devFolder   = "fbpeer-dev"
)

// Config is everything that a command or an agent needs to know. Immutable; Load again after a change.
type Config struct {
	Selector            Selector
	Component           Component
	State               string    // absolute; may not exist yet
	Lock                string    // the component's lock, absolute; its folder may not exist yet
	Root                string    // Fed-BioMed's root, or the folder of a plain party's fbpeer.ini
	Federation          string    // absolute path of the federation file, which may be missing; "" if none joined yet
	Listen              string    // "host:port", ":port" or a multiaddress; "": 4100, else the next free, remembered
	Announce            []string  // host, host:port or multiaddress each
	Bootstrap           []string  // the federation file's and one's own, without repetition
	MDNS                bool      // find agents on the local network
	TrustList           string    // absolute path of trust.ini
	AcceptChanges       []string  // fields that are taken over without asking: address, port, certificate, key
	PlayersDir          string    // absolute
	Authorities         []string  // absolute paths of the files of authorities' certificates; plain parties only
	PlayersGroup        string    // a group of this machine, by name or number; "" for none
	Parties             []string  // ids or aliases of who is in the default set beside the component itself; empty: all accepted
	PerParty            bool      // player files hold certificates that are issued for the parties' numbers; plain parties only
	ProbeAnswer         bool      // open the MP-SPDZ port for other agents' handshake checks
	Registry            bool      // keep Fed-BioMed's registry; false for a plain party
	NotifyCommand       []string  // the words of the command that is told of events, its program first; empty: none
	LogLevel, LogFormat string    // trace, debug, info, warn, error; console, json
	Settings            []Setting // every value with its source
	Warnings            []string  // what works, but not as the person may think
	Watch               []string  // files whose change means Load again; they may not exist yet
}

// loader is one Load.
type loader struct {
	*settings
	selector Selector
	c        *Config
}

// Load finds and reads it all, and creates nothing. Every error about one's own files is an *Error. The certificate and the key are
// read by LoadKeyPair. A federation file that is missing is an error of LoadFederation only; a broken one is one here.
func Load(s Selector) (*Config, error) {
	l, err := newLoader(s)
	if err != nil {
		return nil, err
	}
	if err := l.checkEnvironment(l.selector.Environ); err != nil {
		return nil, err
	}
	t, err := l.locate()
	if err != nil {
		return nil, err
	}
	if err := l.readComponent(t); err != nil {
		return nil, err
	}
	l.watch(l.c.NextFile())
	for _, read := range []func() error{l.later, l.authorities, l.checkOverrides, l.advertise, l.readAgent, l.readPlaces, l.readFederation} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	l.list(t)
	return l.c, nil
}

func newLoader(s Selector) (*loader, error) {
	if s.Getenv == nil {
		s.Getenv = os.Getenv
	}
	if s.Environ == nil {
		s.Environ = os.Environ()
	}
	if s.WorkDir == "" {
		var err error
		if s.WorkDir, err = os.Getwd(); err != nil {
			return nil, err
		}
	}
	overrides := map[string]string{"federation.file": s.Federation}
	for name, text := range s.Overrides {
		overrides[name] = text
	}
	return &loader{
		settings: &settings{workDir: s.WorkDir, getenv: s.Getenv, overrides: overrides},
		selector: s,
		c:        &Config{Selector: s},
	}, nil
}

// readComponent reads fbpeer.ini and the component, in the order in which they name each other, and finds the state.
func (l *loader) readComponent(t target) error {
	if t.ini != "" {
		return l.fromFile(t)
	}
	component, err := l.loadFedbiomed(t.component)
	if err != nil {
		return own(l.short(t.component), err)
	}
	l.takeFedbiomed(component)
	if err := l.findState(t); err != nil {
		return err
	}
	// The state may be named by flag or environment before the file is read, and by the file itself.
	if err := l.readFile(filepath.Join(l.c.State, fileName), true); err != nil {
		return err
	}
	l.watch(filepath.Join(l.c.State, fileName))
	if said := l.get("component", "config"); said.origin == fromFile && said.path("") != component.File {
		return said.wrong("remove the line: the file lies in the state folder of another component",
			"this is the state of %s", l.short(component.File))
	}
	if err := l.noPlainKeys(); err != nil {
		return err
	}
	if state := l.get("agent", "state"); t.state == "" && state.origin == fromFile {
		l.c.State = state.path("")
	}
	return nil
}

// loadFedbiomed reads a Fed-BioMed component's configuration.
func (l *loader) loadFedbiomed(file string) (*fedbiomed.Component, error) {
	if l.selector.WithoutPair {
		return fedbiomed.LoadWithoutPair(l.workDir, file, l.getenv)
	}
	return fedbiomed.LoadFrom(l.workDir, file, l.getenv)
}

// fromFile is for a component that an fbpeer.ini names or describes.
func (l *loader) fromFile(t target) error {
	if err := l.readFile(t.ini, false); err != nil {
		return err
	}
	l.watch(t.ini)
	config := l.get("component", "config")
	switch {
	case config.text != "":
		if err := l.noPlainKeys(); err != nil {
			return err
		}
		component, err := l.loadFedbiomed(config.path(""))
		if err != nil {
			return own(l.short(config.path("")), err)
		}
		l.takeFedbiomed(component)
	default:
		if err := l.takePlain(); err != nil {
			return err
		}
	}
	l.c.State = filepath.Dir(t.ini)
	if state := l.get("agent", "state"); state.text != "" {
		l.c.State = state.path("")
	}
	if t.state != "" {
		l.c.State = t.state
	}
	return nil
}

// findState applies the rule for a Fed-BioMed component.
func (l *loader) findState(t target) error {
	if t.state != "" {
		l.c.State = t.state
		l.c.Selector.Development = l.c.Selector.Development || t.dev
		return nil
	}
	if state := l.get("agent", "state"); state.text != "" {
		l.c.State = state.path("")
		return nil
	}
	folder := filepath.Join(l.c.Root, "var", stateFolder)
	dev := filepath.Join(l.c.Root, "var", devFolder)
	id := l.c.Component.ID
	if l.selector.Development {
		l.c.State = filepath.Join(dev, id)
		return nil
	}
	l.c.State = filepath.Join(folder, id)
	if l.selector.ForRun {
		return nil
	}
	here, err := isFolder(l.c.State)
	if err != nil || here {
		return own(l.short(l.c.State), err)
	}
	there, err := isFolder(filepath.Join(dev, id))
	if err != nil || !there {
		return own(l.short(dev), err)
	}
	l.c.State = filepath.Join(dev, id)
	l.c.Selector.Development = true
	l.warn("this component has only the state that `fbpeer dev` keeps: %s", l.short(l.c.State))
	return nil
}

func isFolder(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.IsDir(), err
}

func (l *loader) warn(format string, args ...any) {
	l.c.Warnings = append(l.c.Warnings, fmt.Sprintf(format, args...))
}

func (l *loader) watch(path string) {
	if !slices.Contains(l.c.Watch, path) {
		l.c.Watch = append(l.c.Watch, path)
	}
}
