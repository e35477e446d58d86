package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// currentLink is the name in parent that leads to the folder in force.
	currentLink = "current"
	// leftoverPrefix begins every temporary name in parent; whatever has it and is not in force may be removed.
	leftoverPrefix = ".tmp-fbpeer-"
	// nameLength is that of a SHA-256 in hexadecimal. Only folders with such names are ever removed: parent is the operator's
	// choice and may hold things of theirs.
	nameLength = 64
)

// SwapFolder puts a folder with files in force: builds parent/name beside the present one (or takes the one that is there, if it is
// complete and equal), syncs everything, and points the symbolic link parent/current at it by one rename.
//
// name must be 64 lower-case hexadecimal digits, as a SHA-256 of the content is. Folders that are made, parent among them, get
// dirMode: permission bits, and set-group-id where a folder passes its group on. Of the folders with such names all but the last
// keep to have been in force are removed; the present one and the one before it count as the last two, and the present one always
// stays. The caller holds a lock: one SwapFolder at a time in a parent.
//
// matters says which paths may only be there if they are in files: one beside them that matters makes the folder a changed one, any
// other is somebody's own work (the output of a run) and stays where it is. nil: all matter.
//
// An error before the rename leaves current as it was. A File that is not acceptable is an error before anything is written.
func SwapFolder(parent, name string, files []File, matters func(path string) bool, dirMode fs.FileMode, keep int) error {
	return about(parent, Disk{}.swapFolder(parent, name, files, matters, dirMode, keep))
}

func (d Disk) swapFolder(parent, name string, files []File, matters func(path string) bool, dirMode fs.FileMode, keep int) error {
	if !isSetName(name) {
		return fmt.Errorf("folder name %q is not a SHA-256 in hexadecimal", name)
	}
	plan, err := newPlan(files, matters, dirMode)
	if err != nil {
		return err
	}
	if err := d.mkdirAll(filepath.Clean(parent), dirMode); err != nil {
		return err
	}
	before, err := readCurrent(parent)
	if err != nil {
		return err
	}
	if err := d.sweep(parent, before); err != nil {
		return err
	}
	if !plan.equals(filepath.Join(parent, name)) {
		if err := d.place(parent, name, plan, before); err != nil {
			return err
		}
	}
	if err := d.point(parent, name); err != nil {
		return err
	}
	// Recency is when a folder was last in force, not when it was built.
	now := time.Now()
	err = d.do("utimes", func() error { return os.Chtimes(filepath.Join(parent, name), now, now) })
	if err != nil {
		return err
	}
	if err := d.sweep(parent, name); err != nil {
		return err
	}
	return d.prune(parent, name, before, keep)
}

// UnlinkFolder takes parent/current away, durably: no set is in force. The folders stay. No link, or no parent, is no error.
func UnlinkFolder(parent string) error {
	if _, err := readCurrent(parent); err != nil {
		return about(parent, err)
	}
	return Remove(filepath.Join(parent, currentLink))
}

// isSetName says whether a name is one that SwapFolder gives.
func isSetName(name string) bool {
	return len(name) == nameLength && strings.Trim(name, "0123456789abcdef") == ""
}

// readCurrent gives the name that parent/current leads to, or nothing. A link that leads anywhere but to one of our folders is
// somebody else's.
func readCurrent(parent string) (string, error) {
	link := filepath.Join(parent, currentLink)
	target, err := os.Readlink(link)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		if info, statErr := os.Lstat(link); statErr == nil && info.Mode()&fs.ModeSymlink == 0 {
			return "", notOurs()
		}
		return "", err
	}
	if !isSetName(target) && !strings.HasPrefix(target, leftoverPrefix) {
		return "", notOurs()
	}
	return target, nil
}

func notOurs() error {
	return fmt.Errorf("%s is not a symbolic link of ours: move it away", currentLink)
}

// place brings the planned folder to parent/name, where there is none or one that differs.
func (d Disk) place(parent, name string, p plan, before string) error {
	path := filepath.Join(parent, name)
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		if before == name {
			// current must not lead nowhere while the changed folder goes: a copy holds the place.
			copied, err := d.build(parent, p)
			if err != nil {
				return err
			}
			if err := d.point(parent, copied); err != nil {
				return err
			}
		}
		if err := d.moveAway(parent, name); err != nil {
			return err
		}
	}
	built, err := d.build(parent, p)
	if err != nil {
		return err
	}
	err = d.do("rename "+name, func() error { return os.Rename(filepath.Join(parent, built), path) })
	if err != nil {
		return err
	}
	return d.syncFolder(parent)
}

// point makes parent/current lead to name by one rename.
func (d Disk) point(parent, name string) error {
	present, err := readCurrent(parent)
	if err != nil {
		return err
	}
	if present != name {
		temp := filepath.Join(parent, leftoverPrefix+currentLink)
		if err := d.do("symlink "+currentLink, func() error { return os.Symlink(name, temp) }); err != nil {
			return err
		}
		err := d.do("rename "+currentLink, func() error { return os.Rename(temp, filepath.Join(parent, currentLink)) })
		if err != nil {
			return err
		}
	}
	return d.syncFolder(parent) // also where the link stood: an earlier run may have been killed before its sync
}

// moveAway gives a folder a temporary name, so that nothing partly removed ever has a whole one's.
func (d Disk) moveAway(parent, name string) error {
	temp := filepath.Join(parent, leftoverPrefix+name)
	return d.do("rename away", func() error { return os.Rename(filepath.Join(parent, name), temp) })
}

// sweep removes temporary names, but for the one in force.
func (d Disk) sweep(parent, inForce string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), leftoverPrefix) || entry.Name() == inForce {
			continue
		}
		err := d.do("remove leftover", func() error { return os.RemoveAll(filepath.Join(parent, entry.Name())) })
		if err != nil {
			return err
		}
	}
	return nil
}

// prune removes superseded folders beyond keep.
func (d Disk) prune(parent, name, before string, keep int) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	type folder struct {
		name string
		used time.Time
	}
	var others []folder
	kept := 1
	for _, entry := range entries {
		switch {
		case !entry.IsDir() || !isSetName(entry.Name()) || entry.Name() == name:
		case entry.Name() == before && keep > 1:
			kept++
		default:
			info, err := entry.Info()
			if err != nil {
				return err
			}
			others = append(others, folder{entry.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(others, func(a, b folder) int {
		if c := b.used.Compare(a.used); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	for _, other := range others[min(max(keep-kept, 0), len(others)):] {
		if err := d.moveAway(parent, other.name); err != nil {
			return err
		}
	}
	return d.sweep(parent, name)
}
