package fedbiomed

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"fbpeer/internal/durable"
)

// lockWait is how long a Create waits for another one in its root: making a component takes seconds on a slow machine.
const lockWait = 30 * time.Second

// lockRoot takes the lock that keeps two Creates from one name or port.
func lockRoot(root string) (*durable.Lock, error) {
	vars := filepath.Join(root, "var")
	state := filepath.Join(vars, "fbpeer")
	if err := makeFolder(vars, 0o755); err != nil {
		return nil, err
	}
	if err := makeFolder(state, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(state, "create.lock")
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	lock, err := durable.WaitLock(ctx, path)
	if errors.Is(err, durable.ErrLocked) {
		return nil, &Error{File: path, Problem: "another `component create` is at work in this root", Hint: "try again when it is done", Err: err}
	}
	return lock, unwritable(path, err)
}

func makeFolder(path string, perm fs.FileMode) error {
	return unwritable(path, durable.MkdirAll(path, perm))
}

// unwritable is a system's error about something that Create needs; nil for nil.
func unwritable(path string, err error) error {
	if err == nil {
		return nil
	}
	hint := "give another --root, or mend this one"
	if errors.Is(err, fs.ErrPermission) {
		hint = "run fbpeer as the user that owns the root, or give another --root"
	}
	return &Error{File: path, Problem: cause(err).Error(), Hint: hint, Err: err}
}
