package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/exchange/gossip"
	"fbpeer/internal/testenv"
)

// telling lets a plain party's agent tell a script, which adds each message to the file that is returned.
func telling(t *testing.T, file string) (out string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "out")
	path := filepath.Join(t.TempDir(), "tell")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncat >>'"+out+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	edit(t, file, "command =", "command = "+path)
	return out
}

// An agent that ends because another machine runs with its identity tells that before.
func TestCloneIsTold(t *testing.T) {
	s := newPlainScene(t)
	out := telling(t, s.files[0])
	x := s.start(s.files[0])
	b := &bench{scene: s}
	for n := range uint64(2) {
		forged, err := inLoop(t.Context(), x.agent, func(_ context.Context, l *loop) (*exchange.Announcement, error) {
			k := l.core
			return b.forge(k, k.self.announcement.Sequence+10*(n+1), time.Now(), func(r *exchange.Registration) { r.Label = "elsewhere" }), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		x.agent.inbox <- gossip.Received{Record: forged, From: forged.Peer}
		if n == 0 {
			x.wait("the first one", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnRestored) })
		}
	}
	select {
	case err := <-x.ended:
		if !errors.Is(err, ErrClone) {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("the agent does not end")
	}
	data, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(data), `"code":"clone","severity":"critical"`) {
		t.Errorf("told: %s, %v", data, err)
	}
}

// A command that is set while the agent runs is told what holds; one that is not there is a warning, at a start too.
func TestNotifyCommandChanges(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := []*site{s.start(s.files[0]), s.start(s.files[1])}
	introduce(sites...)
	alice := sites[0]
	out := telling(t, s.files[0])
	deadline := time.After(patience)
	for {
		if data, err := os.ReadFile(out); err == nil && strings.Contains(string(data), `"code":"pending"`) {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("what holds is not told")
		}
	}
	edit(t, s.files[0], "command = ", "command = /nowhere/")
	if r, err := alice.agent.Notify(t.Context(), api.NotifyRequest{}); err != nil || !strings.Contains(r.Error, "there is no program /nowhere/") {
		t.Errorf("a test right after the edit ran the former command: %+v, %v", r, err)
	}
	alice.end()
	s.start(s.files[0]).wait("the warning of its program", func(s api.Snapshot) bool {
		return slices.ContainsFunc(s.Warnings, func(w api.Warning) bool {
			return w.Code == api.WarnNotify && strings.Contains(w.Text, "there is no program /nowhere/")
		})
	})
}

// Root does not run a command that stands in another user's file.
func TestNotifyIsNotRunAsRoot(t *testing.T) {
	testenv.NeedRoot(t, "to give a folder away")
	s := newPlainScene(t)
	out := telling(t, s.files[0])
	o := &offline{config: s.config(s.files[0]), options: s.options()}
	if r, err := o.Notify(t.Context(), api.NotifyRequest{}); err != nil || !r.OK {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := errors.Join(os.Remove(out), os.Chown(o.config.State, 54321, 54321)); err != nil {
		t.Fatal(err)
	}
	_, err := o.Notify(t.Context(), api.NotifyRequest{})
	if f := fault(t, err); f.Code != api.CodeRefused || f.Hint != "sudo -u #54321 fbpeer notify test" {
		t.Errorf("%+v", f)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("it was run all the same")
	}
}
