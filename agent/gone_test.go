package agent

import (
	"context"
	"os"
	"strings"
	"testing"
)

func TestRemovedStateFolder(t *testing.T) {
	s := newScene(t)
	first := s.start(s.files[0])
	look := func(x *site) error {
		t.Helper()
		found, err := inLoop(t.Context(), x.agent, func(ctx context.Context, l *loop) (error, error) { return l.slow(ctx), nil })
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if err := look(first); err != nil {
		t.Fatalf("in its own state folder: %v", err)
	}
	for _, path := range []string{first.config.State, first.config.Lock} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := look(first); !isOwnFile(err) || !strings.Contains(err.Error(), first.config.State) {
		t.Errorf("without the state folder: %v", err)
	}
	second := s.start(s.files[0])
	if err := look(first); !isOwnFile(err) {
		t.Errorf("with another agent's state folder: %v", err)
	}
	first.end()
	control, err := Dial(t.Context(), second.config)
	if err != nil {
		t.Fatalf("the second agent after the first one's end: %v", err)
	}
	if seen, err := control.Snapshot(t.Context()); err != nil || seen.Self.PeerID != second.agent.AddrInfo().ID.String() {
		t.Errorf("the second agent answers %s, %v", seen.Self.PeerID, err)
	}
}
