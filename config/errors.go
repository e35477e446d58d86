package config

import (
	"errors"
	"fmt"
	"io/fs"

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

// unreadable is own for a file that could not be read; missing is the cure where it is not there.
func unreadable(shown string, err error, missing string) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	hint := missing
	if errors.Is(err, fs.ErrPermission) {
		hint = "run fbpeer as the user that owns the file"
	}
	return faultf(hint, "%s: %w", shown, err)
}
