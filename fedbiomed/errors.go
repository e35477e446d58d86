package fedbiomed

import (
	"errors"
	"strings"
)

// ErrNoDatabase says that a component's database does not exist yet: the component was never started. Wait for it.
var ErrNoDatabase = errors.New("the component has no database yet")

// Error says what is wrong with a configuration, where, and how to mend it.
type Error struct {
	File     string // the configuration or file, relative to the working directory when below it; empty for the environment
	Section  string // without brackets; empty if the whole file is meant
	Key      string // empty if the whole section is meant
	Variable string // the environment variable, if the value came from there
	Value    string // the offending value as read; Problem shows it escaped where a person needs it
	Problem  string
	Hint     string // the cure
	Err      error  // the cause, or nil
}

// ErrSameID is the cause where two configurations of one folder have one id.
var ErrSameID = errors.New("two configurations have one id")

// Error is "etc/config-n1.ini: [mpspdz] mpspdz_port: …" or "environment MPSPDZ_PORT: …", without the hint.
func (e *Error) Error() string {
	if e.Variable != "" {
		return "environment " + e.Variable + ": " + e.Problem
	}
	var b strings.Builder
	b.WriteString(e.File + ": ")
	if e.Section != "" {
		b.WriteString("[" + e.Section + "]")
		if e.Key != "" {
			b.WriteString(" " + e.Key)
		}
		b.WriteString(": ")
	}
	return b.String() + e.Problem
}

func (e *Error) Unwrap() error { return e.Err }

// DatabaseError says why a database is not one that TinyDB wrote, or cannot be edited. The file was left as it is.
type DatabaseError struct {
	File    string
	Problem string
	Cure    string
	Err     error // the cause, or nil
}

// Error does not contain the cure.
func (e *DatabaseError) Error() string { return e.File + ": " + e.Problem }

func (e *DatabaseError) Unwrap() error { return e.Err }
