package agent

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
	"fbpeer/internal/durable"
)

// lockWait is how long an agent waits for an editor, an editor for another, and a command for a starting agent's socket.
const lockWait = 5 * time.Second

// takeLock takes the lock on path, waiting for at most lockWait. what is what it guards, for the error, which is a *config.Error.
// The lock file names the process that took it last.
func takeLock(ctx context.Context, path, what string) (*durable.Lock, error) {
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, &config.Error{Err: err, Hint: "make that folder writable for the component's user"}
	}
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock, err := durable.WaitLock(wait, path)
	switch {
	case err == nil:
	case errors.Is(err, durable.ErrLocked) && ctx.Err() == nil:
		return nil, &config.Error{
			Err:  fmt.Errorf("another agent holds %s%s (lock %s)", what, lockHolder(path), path),
			Hint: "stop that one first, or use its state: the commands reach a running agent by themselves",
		}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	default:
		return nil, &config.Error{Err: err, Hint: "make that file writable for the component's user"}
	}
	// The number only helps a person: a lock that could not be labelled is still held.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return lock, nil
}

// lockHolder names the process that holds a lock, if its file says so.
func lockHolder(path string) string {
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
