package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CreateFile makes a file that must not be there yet, durably; perm is exact, whatever the umask. Its folder must exist. Where
// anything has the name already, even a link that leads nowhere, the error is fs.ErrExist and nothing changes; of two that make one
// name at once, one gets that error.
func CreateFile(path string, data []byte, perm fs.FileMode) error {
	return about(path, Disk{}.createFile(path, data, perm))
}

func (d Disk) createFile(path string, data []byte, perm fs.FileMode) error {
	folder := filepath.Dir(path)
	temp, err := d.writeTemp(folder, "."+filepath.Base(path), data, perm)
	if err != nil {
		return err
	}
	err = d.do("link", func() error { return os.Link(temp, path) })
	if cannotLink(err) {
		return errors.Join(d.claim(path, data, perm), os.Remove(temp))
	}
	if removeErr := d.do("unlink", func() error { return os.Remove(temp) }); err == nil {
		err = removeErr
	}
	if err != nil {
		return errors.Join(err, removeIfThere(temp))
	}
	return d.syncFolder(folder)
}

// writeTemp makes a synced file with a name of its own that begins with prefix.
func (d Disk) writeTemp(folder, prefix string, data []byte, perm fs.FileMode) (path string, err error) {
	var f *os.File
	err = d.do("create", func() (err error) { f, err = os.CreateTemp(folder, prefix); return err })
	if err != nil {
		return "", err
	}
	err = d.do("chmod", func() error { return f.Chmod(perm) })
	if err == nil {
		err = d.do("write", func() error { _, err := f.Write(data); return err })
	}
	if err == nil {
		err = d.do("fsync", f.Sync)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// claim is createFile without links: it takes the name with an empty file and replaces that. A crash in between leaves it empty.
func (d Disk) claim(path string, data []byte, perm fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), d.writeFile(path, data, perm)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// cannotLink tells a file system without hard links (FAT, some network and FUSE ones) from a name that is taken.
func cannotLink(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EMLINK)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("a temporary file stays: %w", err)
	}
	return nil
}
