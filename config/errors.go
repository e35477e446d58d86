package config

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// ErrMismatch says that the key is not the certificate's. Fed-BioMed's `certificate generate -f` writes one after the other, so it
// can be true for a moment.
var ErrMismatch = errors.New("the private key is not the certificate's")

// Error is a person's own configuration or file that is wrong: exit 2.
type Error struct {
	Err  error  // what is wrong, with the file
	Hint string // the cure
}

// Error does not contain the hint.
func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// faultf is an *Error; format as of fmt.Errorf.
func faultf(hint, format string, args ...any) *Error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

// own makes an *Error of what the lower rooms say about one's own files, keeping their cure.
func own(where string, err error) error {
	var ours *Error
	var component *fedbiomed.Error
	var certificate *mpspdz.CertificateError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return err
	case errors.As(err, &component):
		return &Error{Err: err, Hint: component.Hint}
	case errors.As(err, &certificate):
		return faultf(certificate.Cure, "%s: %w", where, err)
	}
	return faultf("", "%s: %w", where, err)
}

// unreadable is own for a file that could not be read; missing is the cure where it is not there, "" where that cannot
// be the fault.
func unreadable(shown string, err error, missing string) error {
	hint := missing
	switch {
	case errors.Is(err, fs.ErrPermission):
		hint = "run fbpeer as the user that owns the file"
	case errors.Is(err, syscall.EISDIR) && hint != "":
		hint = "move that folder away; then " + hint // nothing that is made anew takes its place
	case hint == "":
		hint = "put a file that can be read in its place"
	}
	return faultf(hint, "%s: %w", shown, cause(err))
}

// cause is what the system said, without the path, which our errors name themselves.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// unwritable is for a file that may not be made here.
func unwritable(shown string, err error) error {
	return faultf("choose a folder in which you may write, or run fbpeer as the user that owns it", "%s: %w", shown, cause(err))
}
