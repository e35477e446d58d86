package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/internal/durable"
)

// formerWait is how long the fleet before us may take to end: it may have been told to just now.
const formerWait = time.Second

// folder is where a root's fleet keeps its federation and the states of its agents.
func (f *fleet) folder() string { return filepath.Join(f.root, "var", "fbpeer-dev") }

// takeRoot refuses a folder that is no Fed-BioMed root, or that another fleet works in.
func (f *fleet) takeRoot() error {
	if info, err := os.Stat(filepath.Join(f.root, "etc")); err != nil || !info.IsDir() {
		return &config.Error{
			Err:  fmt.Errorf("%s: there is no etc/ with components", f.root),
			Hint: "--root DIR: the folder that holds etc/; or let one be made: fbpeer dev --demo 3",
		}
	}
	if err := durable.MkdirAll(f.folder(), 0o700); err != nil {
		return &config.Error{Err: err, Hint: "make that folder writable"}
	}
	path := filepath.Join(f.folder(), "lock")
	wait, cancel := context.WithTimeout(context.Background(), formerWait)
	defer cancel()
	lock, err := durable.WaitLock(wait, path)
	if errors.Is(err, durable.ErrLocked) {
		return &config.Error{
			Err:  fmt.Errorf("another fbpeer dev%s runs in %s (lock %s)", durable.Holder(path), f.root, path),
			Hint: "stop that one first, or look at its agents: fbpeer --component FILE status",
		}
	}
	if err != nil {
		return &config.Error{Err: err, Hint: "make that file writable"}
	}
	f.lock = lock
	lock.Label()
	return nil
}

func (f *fleet) release() {
	if err := f.lock.Release(); err != nil {
		f.log.Warn().Err(err).Msg("releasing the root's lock")
	}
}

// free refuses a root of which a component has an agent already: ours could not get its lock, and would only wait for it.
func (f *fleet) free() error {
	files, _, err := fedbiomed.Find(f.root)
	if err != nil {
		return nil // scan reports it, and tries again
	}
	for _, file := range files {
		c, err := f.loadOne(file)
		if err != nil || !durable.Held(c.Lock) {
			continue
		}
		return &config.Error{
			Err:  fmt.Errorf("another agent%s runs for %s (lock %s)", durable.Holder(c.Lock), c.Component.ID, c.Lock),
			Hint: "stop that one first: dev runs the agents of all components itself",
		}
	}
	return nil
}
