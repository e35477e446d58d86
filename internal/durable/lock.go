package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often WaitLock looks: flock(2) cannot wait with a deadline.
const lockPoll = 20 * time.Millisecond

// Lock is an advisory lock on a file, held until Release or the death of the process.
type Lock struct {
	file *flock.Flock
}

// TryLock takes the lock on path, creating the file (0600, in a folder that exists) if it is missing. The error is ErrLocked if it
// is held, by another process or by this one.
func TryLock(path string) (*Lock, error) {
	file := flock.New(path)
	ok, err := file.TryLock()
	if err != nil {
		return nil, about(path, err)
	}
	if !ok {
		return nil, about(path, ErrLocked)
	}
	return &Lock{file: file}, nil
}

// WaitLock is TryLock that waits until ctx ends for the holder to let go. The error is then ErrLocked and ctx's own.
func WaitLock(ctx context.Context, path string) (*Lock, error) {
	lock, err := TryLock(path)
	if !errors.Is(err, ErrLocked) {
		return lock, err
	}
	file := flock.New(path)
	ok, err := file.TryLockContext(ctx, lockPoll)
	switch {
	case ok:
		return &Lock{file: file}, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: %w (%w)", path, ErrLocked, ctx.Err())
	default:
		return nil, about(path, err)
	}
}

// Label writes this process's number into the lock's file, for Holder: it only helps a person, and a lock that could not be labelled is still
// held.
func (l *Lock) Label() {
	_ = os.WriteFile(l.file.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}

// Holder names the process that labelled the lock on path last, as " (process 4711)" for the middle of a sentence; "" if its file does not say.
func Holder(path string) string {
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

// Held says whether somebody holds the lock on path. It creates nothing.
func Held(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock, err := TryLock(path)
	if err != nil {
		return errors.Is(err, ErrLocked)
	}
	_ = lock.Release()
	return false
}

// InPlace says whether the path still leads to the file that is held: once that was removed, whoever locks the path anew holds another file,
// and this lock keeps nobody away any more.
func (l *Lock) InPlace() bool {
	held, err := l.file.Stat()
	if err != nil || !l.file.Locked() {
		return false
	}
	there, err := os.Lstat(l.file.Path())
	return err == nil && os.SameFile(held, there)
}

// Release gives the lock back; the file stays. A second Release does nothing.
func (l *Lock) Release() error {
	return l.file.Unlock()
}
