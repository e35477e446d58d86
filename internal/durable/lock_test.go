package durable

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLockAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lock")
	holder, stdin := startLockHolder(t, dir)
	wantMode(t, path, 0o600)
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Fatalf("held by another process: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		lock, err := WaitLock(t.Context(), path)
		if err == nil {
			err = lock.Release()
		}
		got <- err
	}()
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := holder.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("waiting for the other to let go: %v", err)
	}
}

func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	holder, _ := startLockHolder(t, dir)
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	lock, err := TryLock(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatalf("after kill -9 of the holder: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockSameProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if Held(path) || Holder(path) != "" {
		t.Errorf("a lock that nobody made is held%s", Holder(path))
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a look made the file: %v", err)
	}
	first, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock in one process: %v", err)
	}
	if first.Label(); !Held(path) || Holder(path) != fmt.Sprintf(" (process %d)", os.Getpid()) {
		t.Errorf("held: %v%s", Held(path), Holder(path))
	}
	for range 2 {
		if err := first.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if Held(path) {
		t.Error("held after its release")
	}
	second, err := WaitLock(t.Context(), path)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	// Releasing the first once more must not take the lock from the second.
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := TryLock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("the second lock was lost: %v", err)
	}
	if err := second.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestWaitLockEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := TryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := WaitLock(ctx, path); !errors.Is(err, ErrLocked) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := WaitLock(ctx, path); !errors.Is(err, ErrLocked) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	free, err := WaitLock(ctx, path+"2")
	if err != nil {
		t.Fatalf("a free lock needs no waiting: %v", err)
	}
	if err := free.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestLockWithoutFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "missing", "lock")
	if _, err := TryLock(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("TryLock: %v", err)
	}
	if _, err := WaitLock(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WaitLock: %v", err)
	}
}
