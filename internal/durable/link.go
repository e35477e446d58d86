package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// linkTries is how many temporary names are tried: a folder that holds so many leftovers has another fault.
const linkTries = 100

// WriteLink makes path a symbolic link to target in one rename, durably, whatever stood there but a folder. Its folder must exist; the
// target need not.
func WriteLink(path, target string) error {
	return about(path, Disk{}.writeLink(path, target))
}

func (d Disk) writeLink(path, target string) error {
	folder := filepath.Dir(path)
	if present, err := os.Readlink(path); err == nil && present == target {
		return d.syncFolder(folder) // also where it stood: an earlier run may have been killed before its sync
	}
	temp, err := d.tempLink(path, target)
	if err != nil {
		return err
	}
	if err := d.do("rename", func() error { return os.Rename(temp, path) }); err != nil {
		return errors.Join(err, removeIfThere(temp))
	}
	return d.syncFolder(folder)
}

// tempLink makes the link under a name of its own beside path.
func (d Disk) tempLink(path, target string) (string, error) {
	folder, name := filepath.Split(path)
	for range linkTries {
		temp := filepath.Join(folder, fmt.Sprintf(".%s%d", name, rand.Uint64()))
		err := d.do("symlink", func() error { return os.Symlink(target, temp) })
		if !errors.Is(err, fs.ErrExist) {
			return temp, err
		}
	}
	return "", fs.ErrExist
}
