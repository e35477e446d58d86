package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"fbpeer/fedbiomed"
	"fbpeer/internal/durable"
)

// Join checks a federation file and puts it into the component's state as <name>.federation, mode 0600, making the state folder
// (0700) if it is missing; where [federation] file names a file that is not there yet, it is put there. source names the data in
// errors. The same federation again is fine, and takes the newer file's addresses. Another one than joined is an *Error.
func (c *Config) Join(data []byte, source string) (path string, err error) {
	f, _, err := ParseFederation(source, data)
	if err != nil {
		return "", err
	}
	path = c.Federation
	if path == "" {
		path = filepath.Join(c.State, f.Name()+federationSuffix) // a name is one path element (exchange.NewFederation)
	}
	present, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := c.makeState(filepath.Dir(path)); err != nil {
			return "", err
		}
		return path, own(c.short(path), durable.WriteFile(path, data, 0o600))
	case err != nil:
		return "", unreadable(c.short(path), err, "")
	}
	joined, _, err := ParseFederation(c.short(path), present)
	if err != nil {
		return "", err
	}
	if joined.ID() != f.ID() {
		return "", faultf("stop the agent and remove "+c.short(path)+" first", "%s has joined another federation, %s; that of %s is %s",
			c.Component.ID, joined, source, f)
	}
	if bytes.Equal(present, data) {
		return path, nil
	}
	return path, own(c.short(path), durable.WriteFile(path, data, 0o600))
}

// makeState makes the state folder, private to its owner, within folders as Fed-BioMed makes them.
func (c *Config) makeState(folder string) error {
	if c.Component.Fedbiomed != nil {
		if err := durable.MkdirAll(filepath.Join(c.Root, "var"), 0o755); err != nil {
			return own(c.short(folder), err)
		}
	}
	return own(c.short(folder), durable.MkdirAll(folder, 0o700))
}

func (c *Config) short(path string) string { return fedbiomed.ShortPath(c.Selector.WorkDir, path) }
