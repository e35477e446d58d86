package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// WriteFile replaces path by data in one rename, durably; perm is exact, whatever the umask. Its folder must exist.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return Disk{}.WriteFile(path, data, perm)
}

// WriteFile is the function of that name.
func (d Disk) WriteFile(path string, data []byte, perm fs.FileMode) error {
	return about(path, d.writeFile(path, data, perm))
}

func (d Disk) writeFile(path string, data []byte, perm fs.FileMode) error {
	folder := filepath.Dir(path)
	var temp *renameio.PendingFile
	err := d.do("create", func() (err error) {
		temp, err = renameio.NewPendingFile(path, renameio.WithTempDir(folder), renameio.WithStaticPermissions(perm))
		return err
	})
	if err != nil {
		return err
	}
	defer temp.Cleanup() // does nothing after the rename; otherwise the error below is the one to report
	err = d.do("write", func() error { _, err := temp.Write(data); return err })
	if err != nil {
		return err
	}
	if err := d.do("fsync and rename", temp.CloseAtomicallyReplace); err != nil {
		return err
	}
	return d.syncFolder(folder)
}

// Remove removes a file or an empty folder, durably. A missing path is no error.
func Remove(path string) error {
	return Disk{}.remove(path)
}

func (d Disk) remove(path string) error {
	err := d.do("unlink", func() error { return os.Remove(path) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Also where it was gone: the run that removed it may have been killed before its sync.
	err = d.syncFolder(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return about(path, err)
}

// MkdirAll makes the missing folders of path with exactly perm and makes each durable in its parent. Folders that are there keep
// their permissions. A crash can leave the last folder made with what the umask left of perm: less, never more.
func MkdirAll(path string, perm fs.FileMode) error {
	return Disk{}.mkdirAll(filepath.Clean(path), perm)
}

func (d Disk) mkdirAll(path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if err := d.mkdirAll(parent, perm); err != nil {
		return err
	}
	err = d.do("mkdir", func() error { return os.Mkdir(path, perm) })
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil // somebody was faster
		}
	}
	if err != nil {
		return err
	}
	if err := d.do("chmod", func() error { return os.Chmod(path, perm) }); err != nil {
		return err
	}
	return about(path, d.syncFolder(parent))
}

// AppendLine adds line and a newline to path in one write and syncs it, creating path with exactly perm if it is missing. A torn
// line that a crash left at the end is ended first. A line that holds a newline is refused: it would be two.
func AppendLine(path string, line []byte, perm fs.FileMode) error {
	return Disk{}.appendLine(path, line, perm)
}

func (d Disk) appendLine(path string, line []byte, perm fs.FileMode) (err error) {
	if bytes.IndexByte(line, '\n') >= 0 {
		return fmt.Errorf("%s: a line to append holds a newline", path)
	}
	var f *os.File
	err = d.do("open", func() (err error) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, perm)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	whole := append(make([]byte, 0, len(line)+2), line...)
	whole = append(whole, '\n')
	if info.Size() == 0 {
		if err := d.do("chmod", func() error { return f.Chmod(perm) }); err != nil {
			return err
		}
		if err := d.syncFolder(filepath.Dir(path)); err != nil {
			return about(path, err)
		}
	} else {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			whole = append([]byte{'\n'}, whole...)
		}
	}
	if err := d.do("write", func() error { _, err := f.Write(whole); return err }); err != nil {
		return err
	}
	return d.do("fsync", f.Sync)
}
