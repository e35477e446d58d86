package agent

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"fbpeer/config"
)

var (
	// ErrNotRunning says that no agent answers for this component (exit 4).
	ErrNotRunning = errors.New("no agent is running")
	// ErrClone says that somebody announces with our identity (exit 3).
	ErrClone = errors.New("another machine runs with this component's identity")
)

// CloneError is ErrClone with what a person needs to find the other one.
type CloneError struct {
	Endpoint  string    // that the other one announces
	Issued    time.Time // when it did
	Identity  string    // the path of our identity.key
	Leftovers []string  // the files that go with it, where this machine is the copy
}

func (e *CloneError) Error() string {
	return fmt.Sprintf("%v: it announced %s at %s", ErrClone, e.Endpoint, e.Issued.UTC().Format(time.RFC3339))
}

// Unwrap is ErrClone.
func (e *CloneError) Unwrap() error { return ErrClone }

// Hint is the cure.
func (e *CloneError) Hint() string {
	return "stop the other one; if this machine is the copy, remove " + e.Identity + " and, with it, " + strings.Join(e.Leftovers, " and ") +
		", so that it becomes a new identity, which the others approve anew"
}

// ownFile is an error about one of the operator's own files: exit 2.
func ownFile(hint, format string, args ...any) error {
	return &config.Error{Err: fmt.Errorf(format, args...), Hint: hint}
}
