package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestMoveFileKilled: at every step the file stands whole under one of its names, never under both or none.
func TestMoveFileKilled(t *testing.T) {
	setup := func(t *testing.T, dir, _ string) {
		t.Helper()
		mustWrite(t, filepath.Join(dir, "file"), newContent, 0o600)
	}
	killedAtEveryStep(t, "move", setup, func(t *testing.T, dir, diedAt string) {
		t.Helper()
		name := "file"
		if diedAt == "" || strings.Contains(diedAt, "fsync") {
			name = "moved"
		}
		wantNames(t, dir, name)
		if got := mustRead(t, filepath.Join(dir, name)); !bytes.Equal(got, newContent) {
			t.Errorf("killed at %s: %d bytes", diedAt, len(got))
		}
	})
}

func TestMoveFileNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "file"), newContent, 0o600)
	mustWrite(t, filepath.Join(dir, "taken"), shortContent, 0o600)
	if err := MoveFile(filepath.Join(dir, "file"), "taken"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the error is %v", err)
	}
	if got := mustRead(t, filepath.Join(dir, "taken")); !bytes.Equal(got, shortContent) {
		t.Error("a file was replaced")
	}
	wantNames(t, dir, "file", "taken")
}
