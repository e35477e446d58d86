package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MoveFile gives a file another name in its folder, durably. A name that is taken, even by a link that leads nowhere, is fs.ErrExist, and
// nothing changes. The caller holds a lock under which nobody else makes that name.
func MoveFile(path, name string) error {
	return about(path, Disk{}.moveFile(path, name))
}

func (d Disk) moveFile(path, name string) error {
	folder := filepath.Dir(path)
	to := filepath.Join(folder, name)
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s: %w", to, fs.ErrExist)
		}
		return err
	}
	if err := d.do("rename", func() error { return os.Rename(path, to) }); err != nil {
		return err
	}
	return d.syncFolder(folder)
}
