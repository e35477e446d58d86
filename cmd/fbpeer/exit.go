package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/fedbiomed"
)

// The exit codes that scripts rely on.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitAnswerNo   = 3
	exitNotRunning = 4
)

// failure is an error that knows its exit code and its cure. Without err nothing is printed: the output has said it already.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

func usage(hint, format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint}
}

func refused(hint, format string, args ...any) error {
	return &failure{code: exitFailed, err: fmt.Errorf(format, args...), hint: hint}
}

// answerNo is the answer no, where the output has already said why.
func answerNo() error { return &failure{code: exitAnswerNo} }

// outcome is the one place where errors become exit codes and hints.
func outcome(err error) (code int, hint string) {
	var (
		own      *failure
		file     *config.Error
		request  *api.Error
		database *fedbiomed.DatabaseError
		layout   *fedbiomed.Error
		clone    *agent.CloneError
	)
	switch {
	case err == nil:
		return exitDone, ""
	case errors.As(err, &own):
		return own.code, own.hint
	case errors.As(err, &file):
		return exitUsage, file.Hint
	case errors.As(err, &database):
		return exitUsage, database.Cure
	case errors.As(err, &layout):
		return exitUsage, layout.Hint
	case errors.Is(err, agent.ErrNotRunning):
		return exitNotRunning, "start it: fbpeer run"
	case errors.As(err, &clone):
		return exitAnswerNo, clone.Hint()
	case errors.As(err, &request):
		switch request.Code {
		case api.CodeOvertaken:
			return exitAnswerNo, request.Hint
		case api.CodeUnset:
			return exitUsage, request.Hint
		}
		return exitFailed, request.Hint
	case errors.Is(err, fs.ErrPermission):
		return exitUsage, "run fbpeer as the component's user, or give that user the file or folder that is named"
	}
	return exitFailed, ""
}

// report prints an error and its cure, and returns the exit code. prog is what commands in the cure begin with. Each is one line, for scripts
// to find, or wrapped as all screens are.
func report(w io.Writer, wrapped bool, prog string, err error) int {
	code, hint := outcome(err)
	hint = addressedOwn(prog, hint)
	var own *failure
	if err == nil || (errors.As(err, &own) && own.err == nil) {
		return code
	}
	const errorHead, hintHead, indent = "fbpeer: error: ", "fbpeer: hint: ", "    "
	text, cure := errorHead+show(err.Error())+"\n", hintHead+show(hint)+"\n"
	if wrapped {
		text, cure = wrap(errorHead, show(err.Error()), indent), wrapCure(hintHead, show(hint), indent, prog)
	}
	if hint == "" {
		cure = ""
	}
	io.WriteString(w, text+cure)
	return code
}
