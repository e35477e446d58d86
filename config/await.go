package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// notThereError is a component that was named, and whose configuration is in none of the places where it may be.
type notThereError struct {
	name   string
	places []string // as they are shown
}

func (e *notThereError) Error() string {
	return fmt.Sprintf("no component %q: none of %s is there", e.name, strings.Join(e.places, ", "))
}

// Awaited says whether the person named a configuration that does not exist, and where it may appear: Fed-BioMed makes it when the
// component is first set up, which may be after its agent was started. A component that nobody named is not awaited: it would be any.
func (s Selector) Awaited() (places []string) {
	l, err := newLoader(s)
	if err != nil {
		return nil
	}
	t, err := l.locate()
	var missing *notThereError
	switch {
	case errors.As(err, &missing):
		return missing.places
	case err != nil:
		return nil
	case t.component != "":
		return l.absent(t.component)
	case t.ini == "":
		return nil
	}
	if places := l.absent(t.ini); places != nil {
		return places
	}
	if err := l.readFile(t.ini, false); err != nil {
		return nil
	}
	if config := l.get("component", "config"); config.text != "" {
		return l.absent(config.path(""))
	}
	return nil
}

// absent is the file as it is shown, if it does not exist.
func (l *loader) absent(file string) []string {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return []string{l.short(file)}
	}
	return nil
}
