package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// A deposit puts a set's player files into a folder of the operator's own, which holds other things too, so that it cannot be swapped in
// as a whole. A run that starts while it goes on must fail, and must not trust some of an earlier set and some of this one. So
//
//  1. ip_addresses is removed: a run says at once that it cannot open it
//  2. the hash links are removed, ours and those to be pruned: nobody is trusted, whatever ip file a run uses
//  3. certificates and keys to be pruned are removed
//  4. the certificates that differ are written, then the own key
//  5. the hash links are made: from here on this set is trusted, and no other
//  6. ip_addresses is written
//
// Each is one durable call. A crash in 1 to 3 leaves less than there was, one in 4 certificates that nothing leads to, one in 5 a part of
// this set's links and no ip file; in no case a whole folder of anything but the old set or the new. The same command again finishes it,
// wherever it stopped: what is planned depends on what stands there. A folder that is as it should be is not touched.
type deposit []depositStep

// depositStep removes a path or, with a file, writes it.
type depositStep struct {
	path string // slash-separated, relative
	file *mpspdz.File
}

// planDeposit says what is to be done in a folder, in order. prune are paths that do not belong to files.
func planDeposit(fsys fs.FS, files []mpspdz.File, prune []string) deposit {
	var removed, links, certificates, keys, last deposit
	same := len(prune) == 0
	for i := range files {
		file := &files[i]
		step := depositStep{file.Path, file}
		as := standsAs(fsys, *file)
		same = same && as
		switch {
		case file.Path == mpspdz.IPFile:
			last = append(last, step)
			if isThere(fsys, file.Path) {
				removed = append(deposit{{path: file.Path}}, removed...)
			}
		case file.Target != "":
			links = append(links, step)
			if isThere(fsys, file.Path) {
				removed = append(removed, depositStep{path: file.Path})
			}
		case as:
		case path.Ext(file.Path) == ".key":
			keys = append(keys, step)
		default:
			certificates = append(certificates, step)
		}
	}
	if same {
		return nil
	}
	for _, wantLink := range []bool{true, false} {
		for _, name := range prune {
			if isLink(name) == wantLink {
				removed = append(removed, depositStep{path: name})
			}
		}
	}
	return append(append(append(append(removed, certificates...), keys...), links...), last...)
}

// isLink reports whether a path that mpspdz.Trusts has the name of a hash link.
func isLink(name string) bool { return path.Ext(name) != ".pem" && path.Ext(name) != ".key" }

func isThere(fsys fs.FS, name string) bool {
	_, err := fs.Lstat(fsys, name)
	return err == nil
}

// standsAs reports whether the file or link is there as it is planned, with its permissions.
func standsAs(fsys fs.FS, want mpspdz.File) bool {
	if want.Target != "" {
		target, err := fs.ReadLink(fsys, want.Path)
		return err == nil && target == want.Target
	}
	info, err := fs.Lstat(fsys, want.Path)
	if err != nil || info.Mode() != want.Mode || info.Size() != int64(len(want.Data)) {
		return false
	}
	data, err := fs.ReadFile(fsys, want.Path)
	return err == nil && bytes.Equal(data, want.Data)
}

// do carries it out in a folder that is there.
func (d deposit) do(dir string) error {
	if err := noLink(dir, mpspdz.PlayerData); err != nil {
		return err
	}
	if err := durable.MkdirAll(filepath.Join(dir, mpspdz.PlayerData), 0o700); err != nil {
		return err
	}
	for _, step := range d {
		if err := step.do(dir); err != nil {
			return err
		}
	}
	return nil
}

func (s depositStep) do(dir string) error {
	if err := noLink(dir, path.Dir(s.path)); err != nil {
		return err
	}
	at := filepath.Join(dir, filepath.FromSlash(s.path))
	switch {
	case s.file == nil:
		return durable.Remove(at)
	case s.file.Target != "":
		return durable.WriteLink(at, filepath.FromSlash(s.file.Target))
	}
	return durable.WriteFile(at, s.file.Data, s.file.Mode.Perm())
}

// noLink refuses a folder in dir that is a symbolic link, or behind one. mpspdz.Foreign has found none: somebody puts it there meanwhile.
func noLink(dir, folder string) error {
	for ; folder != "."; folder = path.Dir(folder) {
		at := filepath.Join(dir, filepath.FromSlash(folder))
		if info, err := os.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a symbolic link, and what it leads to is not to be written into", at)
		}
	}
	return nil
}

// guard refuses to remove or replace a file that the component itself is configured with: it may be the only copy.
func (d deposit) guard(dir string, own map[string]string) error {
	for file, name := range own {
		theirs, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, step := range d {
			at := filepath.Join(dir, filepath.FromSlash(step.path))
			if info, err := os.Stat(at); err == nil && os.SameFile(info, theirs) {
				return refused("move it out of the folder, and say so in the configuration; or give another --dir",
					"%s is the component's own %s: it is not replaced", at, name)
			}
		}
	}
	return nil
}

// written are the paths that are there anew or another than before.
func (d deposit) written() []string {
	var paths []string
	for _, step := range d {
		if step.file != nil {
			paths = append(paths, step.path)
		}
	}
	return paths
}

// inside reports whether a folder is the outer one or lies in it, through links too.
func inside(dir, outer string) bool {
	var real [2]string
	for i, name := range []string{dir, outer} {
		whole, err := filepath.Abs(name)
		if err != nil {
			return false
		}
		if real[i], err = filepath.EvalSymlinks(whole); err != nil {
			return false // what is not there holds nothing
		}
	}
	rel, err := filepath.Rel(real[1], real[0])
	return err == nil && filepath.IsLocal(rel)
}
