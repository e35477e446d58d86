package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestWriteFileKilled(t *testing.T) {
	setup := func(t *testing.T, dir, _ string) { mustWrite(t, filepath.Join(dir, "file"), shortContent, 0o600) }
	killedAtEveryStep(t, "write", setup, func(t *testing.T, dir, diedAt string) {
		got := mustRead(t, filepath.Join(dir, "file"))
		switch {
		case bytes.Equal(got, newContent):
			wantMode(t, filepath.Join(dir, "file"), 0o640)
		case bytes.Equal(got, shortContent) && diedAt != "":
			wantMode(t, filepath.Join(dir, "file"), 0o600)
		default:
			t.Errorf("died at %q: file holds %d bytes, neither old nor new", diedAt, len(got))
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Name() != "file" && (diedAt == "" || !strings.HasPrefix(entry.Name(), ".")) {
				t.Errorf("died at %q: %s is left", diedAt, entry.Name())
			}
		}
	})
}

func TestWriteFileFails(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		mustWrite(t, path, shortContent, 0o600)
		d, failed := failingAt(n)
		err := d.writeFile(path, newContent, 0o600)
		if !*failed {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Errorf("step %d: %v", n, err)
		}
		wantNames(t, dir, "file") // nothing temporary stays behind an error
		if got := mustRead(t, path); !bytes.Equal(got, shortContent) && !bytes.Equal(got, newContent) {
			t.Errorf("step %d: neither old nor new", n)
		}
	}
}

func TestWriteFileModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	for _, perm := range []fs.FileMode{0o600, 0o640, 0o644, 0o660, 0o666} {
		path := filepath.Join(t.TempDir(), "file")
		mustWrite(t, path, nil, 0o777) // the old file's permissions do not survive
		if err := WriteFile(path, []byte("x"), perm); err != nil {
			t.Fatal(err)
		}
		wantMode(t, path, perm)
	}
}

func TestWriteFileErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "file")
	err := WriteFile(path, nil, 0o600)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("no folder: %v", err)
	}
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(folder, nil, 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
}

// A reader that opens the file at any moment gets one whole content.
func TestWriteFileReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	content := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i%26)}, 10_000+i) }
	mustWrite(t, path, content(0), 0o600)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				got, err := os.ReadFile(path)
				if err != nil {
					t.Error(err)
					return
				}
				if !bytes.Equal(got, content(len(got)-10_000)) {
					t.Errorf("a reader saw a mixture of %d bytes", len(got))
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 100 {
		if err := WriteFile(path, content(i), 0o600); err != nil {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	mustWrite(t, path, nil, 0o600)
	for range 2 {
		if err := Remove(path); err != nil {
			t.Fatal(err)
		}
		wantNames(t, dir)
	}
	if err := Remove(filepath.Join(dir, "missing", "file")); err != nil {
		t.Errorf("in a missing folder: %v", err)
	}
	mustWrite(t, path, nil, 0o600)
	if err := Remove(dir); err == nil {
		t.Error("a folder with something in it was removed")
	}
}

func TestMkdirAll(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(filepath.Join(dir, "a", "b", "c")+"/", 0o755); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(dir, "a"), 0o700|fs.ModeDir)
	wantMode(t, filepath.Join(dir, "a", "b"), 0o755|fs.ModeDir)
	wantMode(t, filepath.Join(dir, "a", "b", "c"), 0o755|fs.ModeDir)
	if err := MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(dir, "a", "b"), 0o755|fs.ModeDir)

	mustWrite(t, filepath.Join(dir, "file"), nil, 0o600)
	if err := MkdirAll(filepath.Join(dir, "file"), 0o700); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("over a file: %v", err)
	}
	if err := MkdirAll(filepath.Join(dir, "file", "a"), 0o700); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("inside a file: %v", err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := MkdirAll(filepath.Join(dir, "link"), 0o700); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a link to nowhere: %v", err)
	}
}

func TestAppendLine(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	for _, test := range []struct {
		name, before, want string
	}{
		{"empty", "", "line\n"},
		{"after a whole line", "first\n", "first\nline\n"},
		{"after a torn line", "first\nsec", "first\nsec\nline\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			mustWrite(t, path, []byte(test.before), 0o600)
			if err := AppendLine(path, []byte("line"), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := mustRead(t, path); string(got) != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "log")
	if err := AppendLine(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantMode(t, path, 0o644)
	if err := AppendLine(path, []byte("two\nlines"), 0o644); err == nil {
		t.Error("a line with a newline was taken")
	}
	if got := mustRead(t, path); string(got) != "\n" {
		t.Errorf("holds %q", got)
	}
}

func TestAppendLineKilled(t *testing.T) {
	for _, before := range []string{"", "first\n", "first\nto"} {
		setup := func(t *testing.T, dir, _ string) {
			if before != "" {
				mustWrite(t, filepath.Join(dir, "log"), []byte(before), 0o600)
			}
		}
		check := func(t *testing.T, dir, diedAt string) {
			path := filepath.Join(dir, "log")
			got, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			ended := before
			if before != "" && !strings.HasSuffix(before, "\n") {
				ended += "\n"
			}
			if s := string(got); s != ended+"second\n" && (s != before || diedAt == "") {
				t.Errorf("died at %q: holds %q", diedAt, s)
			}
			// The next start goes on from whatever is there.
			if err := AppendLine(path, []byte("third"), 0o600); err != nil {
				t.Fatal(err)
			}
			wantMode(t, path, 0o600)
			if s := string(mustRead(t, path)); s != ended+"third\n" && s != ended+"second\nthird\n" {
				t.Errorf("died at %q: then holds %q", diedAt, s)
			}
		}
		t.Run(fmt.Sprintf("%q", before), func(t *testing.T) {
			killedAtEveryStep(t, "append", setup, check)
		})
	}
}
