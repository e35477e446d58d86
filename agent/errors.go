package agent

import (
	"errors"
	"fmt"

	"fbpeer/config"
)

var (
	// ErrNotRunning says that no agent answers for this component (exit 4).
	ErrNotRunning = errors.New("no agent is running")
	// ErrClone says that somebody announces with our identity (exit 3).
	ErrClone = errors.New("another machine runs with this component's identity")
)

// ownFile is an error about one of the operator's own files: exit 2.
func ownFile(hint, format string, args ...any) error {
	return &config.Error{Err: fmt.Errorf(format, args...), Hint: hint}
}
