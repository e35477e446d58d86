package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestCreateFileKilled(t *testing.T) {
	killedAtEveryStep(t, "create", func(*testing.T, string, string) {}, func(t *testing.T, dir, diedAt string) {
		path := filepath.Join(dir, "file")
		if _, err := os.Lstat(path); err == nil {
			if got := mustRead(t, path); !bytes.Equal(got, newContent) {
				t.Errorf("died at %q: the file holds %d bytes of %d", diedAt, len(got), len(newContent))
			}
			wantMode(t, path, 0o640)
		} else if diedAt == "" {
			t.Error(err)
		}
		if diedAt == "" {
			wantNames(t, dir, "file")
		}
	})
}

func TestCreateFileFails(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		d, failed := failingAt(n)
		err := d.createFile(filepath.Join(dir, "file"), newContent, 0o640)
		if !*failed {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Errorf("step %d: %v", n, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Name() != "file" {
				t.Errorf("step %d: %s is left", n, entry.Name())
			} else if got := mustRead(t, filepath.Join(dir, "file")); !bytes.Equal(got, newContent) {
				t.Errorf("step %d: the file holds %d bytes", n, len(got))
			}
		}
	}
}

// Where links are refused, as on FAT, the name is claimed first.
func TestCreateFileWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	d := Disk{Step: func(call string) error {
		if call == "link" {
			return &os.LinkError{Op: "link", Old: "a", New: "b", Err: syscall.EPERM}
		}
		return nil
	}}
	if err := d.createFile(path, newContent, 0o640); err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "file")
	wantMode(t, path, 0o640)
	if err := d.createFile(path, shortContent, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	if got := mustRead(t, path); !bytes.Equal(got, newContent) {
		t.Errorf("the file holds %d bytes", len(got))
	}
	wantNames(t, dir, "file")
}

// What has the name stays as it is, and of several that make one name at once one wins.
func TestCreateFileTaken(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "folder"), 0o700), os.Symlink("nowhere", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "file"), shortContent, 0o600)
	for _, name := range []string{"folder", "link", "file"} {
		err := CreateFile(filepath.Join(dir, name), newContent, 0o644)
		if !errors.Is(err, fs.ErrExist) || !strings.HasPrefix(err.Error(), filepath.Join(dir, name)+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantNames(t, dir, "file", "folder", "link")
	if got := mustRead(t, filepath.Join(dir, "file")); !bytes.Equal(got, shortContent) {
		t.Error("the file was overwritten")
	}
	var made, taken int
	var count sync.Mutex
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			err := CreateFile(filepath.Join(dir, "new"), newContent, 0o600)
			count.Lock()
			defer count.Unlock()
			switch {
			case err == nil:
				made++
			case errors.Is(err, fs.ErrExist):
				taken++
			default:
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if made != 1 || taken != 7 {
		t.Errorf("%d made it, %d found it there", made, taken)
	}
	if err := CreateFile(filepath.Join(dir, "missing", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
