package fedbiomed

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fbpeer/internal/inidoc"
)

// Find lists the components of a root: the configurations etc/*.ini that have [default] id, as absolute paths in byte order. Others
// are in skipped, with the reason: files without an id, files that do not parse, and files that share an id (a backup beside its
// original: nobody can tell from outside which one Fed-BioMed runs). It does not check the rest: Load does. The error is that of
// reading etc/, fs.ErrNotExist if there is none.
func Find(root string) (components []string, skipped map[string]error, err error) {
	root, err = filepath.Abs(root)
	if err != nil {
		return nil, nil, err
	}
	files, err := configurations(root)
	if err != nil {
		return nil, nil, err
	}
	skipped = map[string]error{}
	ids := map[string]string{}
	sharing := map[string][]string{}
	for _, file := range files {
		id, err := idOf(file)
		if err != nil {
			skipped[file] = err
			continue
		}
		ids[file] = id
		sharing[id] = append(sharing[id], file)
	}
	for _, file := range files {
		switch same := sharing[ids[file]]; {
		case skipped[file] != nil:
		case len(same) > 1:
			skipped[file] = sharedID(file, same)
		default:
			components = append(components, file)
		}
	}
	return components, skipped, nil
}

// configurations lists etc/*.ini in byte order; hidden files (a WriteFile that crashed) are none.
func configurations(root string) ([]string, error) {
	folder := filepath.Join(root, "etc")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".ini") && !strings.HasPrefix(name, ".") && entry.Type()&fs.ModeDir == 0 {
			files = append(files, filepath.Join(folder, name))
		}
	}
	return files, nil
}

// parse reads one configuration for what Find and Create need of it.
func parse(file string) (*inidoc.Document, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, &Error{File: file, Problem: cause(err).Error(), Hint: "run fbpeer as the user that runs the components", Err: err}
	}
	doc, err := inidoc.Parse(file, data, inidoc.Python)
	if err != nil {
		return nil, asError(file, err)
	}
	return doc, nil
}

func idOf(file string) (string, error) {
	doc, err := parse(file)
	if err != nil {
		return "", err
	}
	id, ok := doc.Get("default", "id")
	if !ok || id == "" {
		return "", &Error{File: file, Section: "default", Key: "id", Problem: "the key is missing", Hint: "not a component; nothing to do"}
	}
	return id, nil
}

func sharedID(file string, same []string) error {
	var others []string
	for _, other := range same {
		if other != file {
			others = append(others, filepath.Base(other))
		}
	}
	return &Error{File: file, Section: "default", Key: "id", Problem: "the same id as in " + strings.Join(others, ", "), Err: ErrSameID,
		Hint: fmt.Sprintf("move the backup out of %s, or name one with --component", filepath.Dir(file))}
}

// FindID is Find for the one component with an id. The error is fs.ErrNotExist if there is none, and that of Find's skipped if
// several files have the id.
func FindID(root, id string) (string, error) {
	components, skipped, err := Find(root)
	if err != nil {
		return "", err
	}
	for _, file := range components {
		if found, err := idOf(file); err == nil && found == id {
			return file, nil
		}
	}
	for _, file := range slices.Sorted(maps.Keys(skipped)) {
		if found, err := idOf(file); err == nil && found == id {
			return "", skipped[file]
		}
	}
	return "", fmt.Errorf("%s: no component %q: %w", filepath.Join(root, "etc"), id, fs.ErrNotExist)
}
