package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWriteLinkKilled: at every step the old link or the new one, and at most a temporary name beside it.
func TestWriteLinkKilled(t *testing.T) {
	for _, before := range []string{"", "old", "file"} {
		setup := func(t *testing.T, dir, _ string) {
			t.Helper()
			var err error
			switch before {
			case "old":
				err = os.Symlink("old", filepath.Join(dir, "link"))
			case "file": // a copy in place of a hash link
				err = os.WriteFile(filepath.Join(dir, "link"), shortContent, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		killedAtEveryStep(t, "link", setup, func(t *testing.T, dir, diedAt string) {
			t.Helper()
			target, err := os.Readlink(filepath.Join(dir, "link"))
			isNew := err == nil && target == "new"
			isOld := map[string]bool{"": errors.Is(err, fs.ErrNotExist), "old": target == "old", "file": err != nil && !errors.Is(err, fs.ErrNotExist)}[before]
			renamed := diedAt == "" || strings.Contains(diedAt, "fsync")
			if renamed && !isNew || !renamed && !isOld {
				t.Errorf("from %q, killed at %s: link to %q, %v", before, diedAt, target, err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Name() != "link" && (renamed || !strings.HasPrefix(e.Name(), ".link")) {
					t.Errorf("from %q, killed at %s: left %s", before, diedAt, e.Name())
				}
			}
			// A second run completes it, whatever the first left.
			if err := WriteLink(filepath.Join(dir, "link"), "new"); err != nil {
				t.Error(err)
			}
			if target, err := os.Readlink(filepath.Join(dir, "link")); err != nil || target != "new" {
				t.Errorf("after another run: link to %q, %v", target, err)
			}
		})
	}
}

// TestWriteLinkFails: where a call fails, the old link stands or the new one, and no temporary name.
func TestWriteLinkFails(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		link := filepath.Join(dir, "link")
		if err := os.Symlink("old", link); err != nil {
			t.Fatal(err)
		}
		d, failed := failingAt(n)
		err := d.writeLink(link, "new")
		if !*failed {
			if err != nil || n < 4 {
				t.Errorf("%d steps, %v", n-1, err)
			}
			return
		}
		target, readErr := os.Readlink(link)
		if err == nil || readErr != nil || target != "old" && target != "new" {
			t.Errorf("step %d: %v; link to %q, %v", n, err, target, readErr)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("step %d: %d entries, %v", n, len(entries), err)
		}
	}
}

func TestWriteLinkErrors(t *testing.T) {
	dir := t.TempDir()
	if err := WriteLink(filepath.Join(dir, "missing", "link"), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteLink(filepath.Join(dir, "folder"), "x"); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("over a folder: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
