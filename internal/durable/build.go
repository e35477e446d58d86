package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// File is one entry of a folder that SwapFolder builds: a regular file, or with Target a symbolic link.
type File struct {
	Path   string      // slash-separated, clean, relative, not leaving the folder
	Data   []byte      // content of a regular file
	Mode   fs.FileMode // its permissions, exact; only permission bits
	Target string      // where a symbolic link leads: slash-separated, relative to the link's folder, not leaving the tree
}

// plan is a checked set of files with the folders that they need.
type plan struct {
	files   map[string]File // by path
	order   []string        // of files, sorted
	folders []string        // "." and every folder below it, each after its parent
	matters func(path string) bool
	dirMode fs.FileMode
}

// newPlan checks what a caller wants built.
func newPlan(files []File, matters func(path string) bool, dirMode fs.FileMode) (plan, error) {
	if dirMode&^(fs.ModePerm|fs.ModeSetgid) != 0 || dirMode&0o700 != 0o700 {
		return plan{}, fmt.Errorf("folder mode %v: the owner must have all permissions, and set-group-id is the only other bit taken", dirMode)
	}
	if matters == nil {
		matters = func(string) bool { return true }
	}
	p := plan{files: make(map[string]File, len(files)), matters: matters, dirMode: dirMode}
	for _, file := range files {
		if err := file.check(); err != nil {
			return plan{}, err
		}
		if _, double := p.files[file.Path]; double {
			return plan{}, fmt.Errorf("%q: twice in one folder", file.Path)
		}
		p.files[file.Path] = file
		p.order = append(p.order, file.Path)
	}
	for _, name := range p.order {
		for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
			if _, isFile := p.files[folder]; isFile {
				return plan{}, fmt.Errorf("%q: both a file and a folder", folder)
			}
			p.folders = append(p.folders, folder)
		}
	}
	slices.Sort(p.order)
	slices.Sort(p.folders)
	p.folders = append([]string{"."}, slices.Compact(p.folders)...)
	return p, nil
}

// check refuses what would leave the folder or have no exact meaning.
func (f File) check() error {
	if !isLocal(f.Path) || f.Path == "." || path.Clean(f.Path) != f.Path {
		return fmt.Errorf("%q: not a path inside the folder", f.Path)
	}
	if f.Target != "" {
		if path.IsAbs(f.Target) || !isLocal(path.Join(path.Dir(f.Path), f.Target)) {
			return fmt.Errorf("%q: links to %q, outside the folder", f.Path, f.Target)
		}
		if len(f.Data) > 0 {
			return fmt.Errorf("%q: both a link and a file", f.Path)
		}
	}
	if f.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("%q: mode %v has more than permission bits", f.Path, f.Mode)
	}
	return nil
}

func isLocal(slashed string) bool {
	return filepath.IsLocal(filepath.FromSlash(slashed))
}

// build makes the planned folder under a temporary name in parent, synced but for its own name, and gives that name.
func (d Disk) build(parent string, p plan) (name string, err error) {
	var root string
	err = d.do("mkdtemp", func() (err error) { root, err = os.MkdirTemp(parent, leftoverPrefix); return err })
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(root))
		}
	}()
	for _, folder := range p.folders[1:] {
		err := d.do("mkdir "+folder, func() error { return os.Mkdir(filepath.Join(root, filepath.FromSlash(folder)), 0o700) })
		if err != nil {
			return "", err
		}
	}
	for _, name := range p.order {
		if err := d.buildFile(root, p.files[name]); err != nil {
			return "", err
		}
	}
	for _, folder := range slices.Backward(p.folders) {
		at := filepath.Join(root, filepath.FromSlash(folder))
		if err := d.do("chmod "+folder, func() error { return os.Chmod(at, p.dirMode) }); err != nil {
			return "", err
		}
		if err := d.syncFolder(at); err != nil {
			return "", err
		}
	}
	return filepath.Base(root), nil
}

// buildFile makes one entry of a folder that nobody else sees yet.
func (d Disk) buildFile(root string, file File) (err error) {
	at := filepath.Join(root, filepath.FromSlash(file.Path))
	if file.Target != "" {
		return d.do("symlink "+file.Path, func() error { return os.Symlink(filepath.FromSlash(file.Target), at) })
	}
	var f *os.File
	err = d.do("create "+file.Path, func() (err error) {
		f, err = os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := d.do("chmod "+file.Path, func() error { return f.Chmod(file.Mode) }); err != nil {
		return err
	}
	if err := d.do("write "+file.Path, func() error { _, err := f.Write(file.Data); return err }); err != nil {
		return err
	}
	return d.do("fsync "+file.Path, f.Sync)
}

// equals says whether root is the planned folder and holds nothing beside it that matters. Whatever cannot be read is not.
func (p plan) equals(root string) bool {
	missing := len(p.files) + len(p.folders)
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, at)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if !p.has(relative) {
			if p.matters(relative) {
				return ErrChanged
			}
			return nil
		}
		missing--
		if !p.holds(relative, at, entry) {
			return ErrChanged
		}
		return nil
	})
	return err == nil && missing == 0
}

// has says whether the relative name is planned.
func (p plan) has(relative string) bool {
	_, file := p.files[relative]
	return file || slices.Contains(p.folders, relative)
}

// holds says whether the entry at a path is the planned one of that relative name.
func (p plan) holds(relative, at string, entry fs.DirEntry) bool {
	info, err := entry.Info()
	if err != nil {
		return false
	}
	if entry.IsDir() {
		return info.Mode() == p.dirMode|fs.ModeDir
	}
	want, planned := p.files[relative]
	if !planned {
		return false
	}
	if want.Target != "" {
		target, err := os.Readlink(at)
		return err == nil && target == filepath.FromSlash(want.Target)
	}
	if info.Mode() != want.Mode || info.Size() != int64(len(want.Data)) {
		return false
	}
	data, err := os.ReadFile(at)
	return err == nil && bytes.Equal(data, want.Data)
}
