package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fbpeer/internal/inidoc"
)

const fedbiomedHeader = `; fbpeer.ini of a Fed-BioMed component. Every value is the default: change what you need; what is left out stays the default.
; Id, address, port, certificate and key are the component's own configuration's.
`

// Init writes a Fed-BioMed component's fbpeer.ini into its state folder, which is made if it is missing: every setting at its default,
// with a comment on each. Nothing is ever overwritten. It returns the file's absolute path; refusals are *Error.
func (c *Config) Init() (string, error) {
	path := filepath.Join(c.State, fileName)
	if c.Component.Fedbiomed == nil {
		return "", inTheWay(c.short(filepath.Join(c.Root, fileName)))
	}
	if _, err := os.Lstat(path); err == nil {
		return "", inTheWay(c.short(path))
	}
	component := c.fromState(c.Component.Fedbiomed.File)
	if err := checkWritable(component); err != nil {
		return "", err
	}
	data := writeFile(fedbiomedOnly, fedbiomedHeader, map[string]string{"component.config": component})
	if err := c.makeState(c.State); err != nil {
		return "", err
	}
	return path, createFile(path, data, 0o644)
}

func inTheWay(shown string) error {
	return faultf("edit it, or move it away first", "%s is there already, and nothing is overwritten: %w", shown, fs.ErrExist)
}

// fromState is a path in the fbpeer.ini of a state folder: relative where both lie in one root, so that the root can be moved, or be
// mounted elsewhere in a container.
func (c *Config) fromState(path string) string {
	below := func(p string) bool { return strings.HasPrefix(p, c.Root+string(filepath.Separator)) }
	if rel, err := filepath.Rel(c.State, path); err == nil && below(c.State) && below(path) {
		return rel
	}
	return path
}

// NewParty is a plain party that has its key and certificate, or will make them where they are named.
type NewParty struct {
	ID, IP                  string
	Port                    uint16
	Certificate, PrivateKey string // paths relative to the working directory, or absolute
}

// InitParty writes a plain party's fbpeer.ini at a path whose folder exists, as CreateParty does, but for the key and certificate: they
// are not made, and may be missing. A path in the file is relative to it if it was given as relative. Nothing is ever overwritten.
// Refusals are *Error.
func InitParty(ini string, p NewParty) error {
	endpoint, err := checkParty(p.ID, p.IP, p.Port)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(ini); err == nil {
		return inTheWay(ini)
	}
	folder, err := filepath.Abs(filepath.Dir(ini))
	if err != nil {
		return err
	}
	paths := [2]string{p.Certificate, p.PrivateKey}
	for i, path := range paths {
		if paths[i], err = fromFolder(folder, path); err != nil {
			return err
		}
	}
	if paths[0] == paths[1] {
		return faultf("give each a file of its own", "%s is named for both the private key and the certificate", p.Certificate)
	}
	if err := checkWritable(paths[:]...); err != nil {
		return err
	}
	return createFile(ini, partyFile(p.ID, endpoint, paths[0], paths[1]), 0o644)
}

// fromFolder is a path that was relative to the working directory, relative to a folder.
func fromFolder(folder, path string) (string, error) {
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.Rel(folder, abs)
}

// checkWritable refuses the first value that an INI file cannot hold, which a path may be.
func checkWritable(values ...string) error {
	for _, value := range values {
		doc, err := inidoc.Parse(fileName, fmt.Appendf(nil, "[s]\nkey = %s\n", value), inidoc.Ours)
		if err == nil {
			if got, _ := doc.Get("s", "key"); got == value {
				continue
			}
		}
		return faultf("give it another name", "%q cannot be written into an fbpeer.ini", value)
	}
	return nil
}

// Exists reports whether the component's certificate, and its key, are there.
func (c *Config) Exists() (certificate, key bool) {
	there := func(path string) bool {
		_, err := os.Stat(path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	return there(c.Component.Certificate), there(c.Component.PrivateKey)
}
