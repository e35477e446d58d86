package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
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
			Err:  fmt.Errorf("another agent holds %s%s (lock %s)", what, durable.Holder(path), path),
			Hint: "stop that one first, or use its state: the commands reach a running agent by themselves",
		}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	default:
		return nil, &config.Error{Err: err, Hint: "make that file writable for the component's user"}
	}
	lock.Label()
	return lock, nil
}
