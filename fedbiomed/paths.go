package fedbiomed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ShortPath is how a person sees a path: relative to the working directory where it lies below it, else unchanged.
func ShortPath(workDir, path string) string {
	rel, err := filepath.Rel(workDir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return rel
}

// resolve finds a file that a configuration names: relative to its own folder, else to the root, as the documentation has it. A
// path from the environment is relative to the working directory, as it is to Fed-BioMed.
func (r *reader) resolve(v found) (string, error) {
	if filepath.IsAbs(v.Text) {
		return filepath.Clean(v.Text), r.exists(v, v.Text)
	}
	if v.variable != "" {
		path := filepath.Join(r.workDir, v.Text)
		return path, r.exists(v, path)
	}
	places := []string{filepath.Join(filepath.Dir(r.file), v.Text), filepath.Join(r.root(), v.Text)}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if r.withoutPair {
		return placeFor(places), nil
	}
	return "", r.wrong(v, fmt.Sprintf("%q is neither %s nor %s", v.Text, r.short(places[0]), r.short(places[1])), missingFileHint)
}

// placeFor is where a file that is in none of the places is made: where its folder is, else in the first place.
func placeFor(places []string) string {
	for _, path := range places {
		if info, err := os.Stat(filepath.Dir(path)); err == nil && info.IsDir() {
			return path
		}
	}
	return places[0]
}

// missingFileHint is the cure where a key or certificate is not there.
const missingFileHint = "put the file back, or make a new pair with `fbpeer cert generate`, which every other party must then approve"

func (r *reader) exists(v found, path string) error {
	_, err := os.Stat(path)
	if err == nil || r.withoutPair && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	e := r.wrong(v, fmt.Sprintf("%s: %v", r.short(path), cause(err)), missingFileHint)
	e.Err = err
	return e
}

func (r *reader) root() string { return filepath.Dir(filepath.Dir(r.file)) }

func (r *reader) short(path string) string { return ShortPath(r.workDir, path) }
