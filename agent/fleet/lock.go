package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
			Err:  fmt.Errorf("another fbpeer dev%s runs in %s (lock %s)", holder(path), f.root, path),
			Hint: "stop that one first, or look at its agents: fbpeer --component FILE status",
		}
	}
	if err != nil {
		return &config.Error{Err: err, Hint: "make that file writable"}
	}
	f.lock = lock
	// The number only helps a person: a lock that could not be labelled is still held.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
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
		if err != nil || !locked(c.Lock) {
			continue
		}
		return &config.Error{
			Err:  fmt.Errorf("another agent%s runs for %s (lock %s)", holder(c.Lock), c.Component.ID, c.Lock),
			Hint: "stop that one first: dev runs the agents of all components itself",
		}
	}
	return nil
}

// locked says whether somebody holds the lock on path. It creates nothing.
func locked(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock, err := durable.TryLock(path)
	if err != nil {
		return errors.Is(err, durable.ErrLocked)
	}
	_ = lock.Release()
	return false
}

// holder names the process that holds a lock, if its file says so.
func holder(path string) string {
	data, err := os.ReadFile(path)
	if err != nil || len(data) > 32 {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
