package agent

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fbpeer/agent/api"
	"fbpeer/internal/testenv"
)

// A pipe in the place of a card must not hold the agent up.
func TestIrregularCardsAreNotRead(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	for _, folder := range []string{dirHeard, dirApproved} {
		if err := syscall.Mkfifo(b.store().path(folder, "12D3KooWpipe"+cardSuffix), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.snapshot(); len(s.Peers) != 3 || !warned(s.Warnings, api.WarnStore) {
		t.Errorf("%s", dump(s))
	}
}

// What edits the stores is refused before a federation is joined, and makes no state folder.
func TestNothingIsMadeBeforeJoining(t *testing.T) {
	s := newScene(t)
	c := s.config(s.files[0])
	c.Federation = ""
	o := &offline{config: c, options: s.options().withDefaults()}
	for what, do := range map[string]func() error{
		"revoke a key": func() error {
			_, err := trustBy(o, api.TrustRequest{Action: api.ActionRevoke, Key: "SHA256:" + strings.Repeat("A", 43)})
			return err
		},
		"approve several": func() error {
			_, err := o.Approve(t.Context(), api.ApproveRequest{Approvals: []api.Approval{{Component: "NODE_x"}}})
			return err
		},
		"export": func() error { _, err := o.Export(t.Context(), api.ExportRequest{}); return err },
		"import": func() error { _, err := o.Import(t.Context(), api.ImportRequest{}); return err },
		"sync":   func() error { _, err := o.Registry(t.Context(), api.RegistryRequest{Sync: true}); return err },
	} {
		f := fault(t, do())
		if _, err := os.Lstat(c.State); f.Text != notJoined().Text || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, and the state folder: %v", what, f, err)
		}
	}
}

// Root leaves no files in another user's state folder, but reaches that user's agent.
func TestRootAndAnothersState(t *testing.T) {
	testenv.NeedRoot(t, "to be somebody else in another user's folder")
	const other = 12345
	b := newBench(t)
	b.hearAll()
	p := b.snapshot().Peers[0]
	if err := os.Chown(b.store().dir, other, -1); err != nil {
		t.Fatal(err)
	}
	before := tree(t, b.store().dir)
	_, err := trustBy(b.offline, approvalOf(p))
	if f := fault(t, err); !strings.Contains(f.Hint, "sudo -u #12345 fbpeer") || tree(t, b.store().dir) != before {
		t.Errorf("root approved in another's folder: %v", f)
	}
	x := b.start(b.files[1])
	path, err := os.ReadFile(filepath.Join(x.config.State, fileSocket))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Dir(string(path)), other, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), x.config); err == nil {
		t.Error("a socket in a stranger's folder was used")
	}
	if err := os.Chown(x.config.State, other, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), x.config); err != nil {
		t.Errorf("root does not reach the agent: %v", err)
	}
	if err := os.Chown(filepath.Dir(string(path)), 0, -1); err != nil {
		t.Fatal(err)
	}
}
