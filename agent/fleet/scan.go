package fleet

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/fedbiomed"
)

// rescanEvery is how often the root is looked at, whatever the watch says.
const rescanEvery = 5 * time.Second

func newFleet(c Config) (*fleet, error) {
	root, err := filepath.Abs(c.Root)
	if err != nil {
		return nil, err
	}
	if c.Getenv == nil {
		c.Getenv = os.Getenv
	}
	f := &fleet{
		config: c, root: root, now: c.Options.Now, log: c.Options.Log, changed: make(chan struct{}, 1),
		members: map[string]*member{}, refusals: map[approval]string{}, snapshots: map[string]api.Snapshot{},
		seen: map[string]time.Time{}, departed: map[string]bool{},
	}
	if f.now == nil {
		f.now = time.Now
	}
	f.started = f.now()
	if err := f.takeRoot(); err != nil {
		return nil, err
	}
	return f, nil
}

// ofOneComponent are the variables that can be right for only one component, so that they mean nothing to several.
var ofOneComponent = []string{
	"MPSPDZ_PORT", "MPSDPZ_PORT", "MPSPDZ_CERTIFICATE_KEY", "MPSPDZ_CERTIFICATE_PEM",
	"FBPEER_COMPONENT", "FBPEER_CONFIG", "FBPEER_STATE", "FBPEER_AGENT_STATE", "FBPEER_AGENT_LISTEN",
}

func (f *fleet) getenv(name string) string {
	if slices.Contains(ofOneComponent, name) {
		return ""
	}
	return f.config.Getenv(name)
}

// scan brings the running agents in line with the files of the root.
func (f *fleet) scan(ctx context.Context) {
	f.problems = nil
	files, skipped, err := fedbiomed.Find(f.root)
	if err != nil {
		f.problems = append(f.problems, err.Error())
		return
	}
	wanted := f.load(files)
	for _, file := range slices.Sorted(maps.Keys(skipped)) {
		why := f.whySkipped(file, skipped[file])
		if why == noComponent && f.members[file] != nil {
			why = unreadable // it was one, and is being written
		}
		switch why {
		case noComponent:
			f.log.Debug().Err(skipped[file]).Msg("not a component")
		case sharedID:
			f.problems = append(f.problems, skipped[file].Error())
		case unreadable:
			f.problems = append(f.problems, skipped[file].Error())
			wanted[file] = nil
		}
	}
	for _, m := range slices.Collect(maps.Values(f.members)) {
		// One whose file cannot be read just now goes on with what it has; its own agent says so.
		if c, ok := wanted[m.file]; !ok || c != nil && c.Component.ID != m.id {
			f.stop(m)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(wanted)) {
		c := wanted[file]
		if c == nil || f.members[file] != nil {
			continue
		}
		if err := f.start(ctx, file, c); err != nil && ctx.Err() == nil {
			f.problems = append(f.problems, err.Error())
		}
	}
}

// skip is why a file of etc is not among the components.
type skip int

const (
	noComponent skip = iota // it has no id
	sharedID                // another file has the same one: neither is run
	unreadable              // it may be one that is just being written
)

// whySkipped asks for what Find's reason does not tell apart: a file that shares its id is in order by itself.
func (f *fleet) whySkipped(file string, reason error) skip {
	var fault *fedbiomed.Error
	if !errors.As(reason, &fault) || fault.Key != "id" {
		return unreadable
	}
	if _, err := fedbiomed.Load(file, f.getenv); err != nil {
		return noComponent
	}
	return sharedID
}

// load reads the components. The value is nil for one whose files are wrong.
func (f *fleet) load(files []string) map[string]*config.Config {
	wanted := map[string]*config.Config{}
	for _, file := range files {
		c, err := f.loadOne(file)
		if err != nil {
			f.problems = append(f.problems, err.Error())
			c = nil
		}
		wanted[file] = c
	}
	return wanted
}

func (f *fleet) loadOne(file string) (*config.Config, error) {
	s := config.Selector{Component: file, Federation: f.federationFile(), Development: true, Getenv: f.getenv}
	if f.config.LAN {
		s.Overrides = map[string]string{"agent.mdns": "true"}
	}
	return config.Load(s)
}
