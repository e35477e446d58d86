package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// patience is how long a condition is waited for.
const patience = 40 * time.Second

// template has one researcher and three nodes, made once: RSA keys take their time.
var template = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "fbpeer-fleet-test-")
	if err != nil {
		return "", err
	}
	for i := range 4 {
		role := mpspdz.Node
		if i == 0 {
			role = mpspdz.Researcher
		}
		if _, err := fedbiomed.Create(rand.Reader, dir, role, "", "", 0, time.Now()); err != nil {
			return "", err
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := template(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// newRoot gives a root of its own, and its component files, the researcher's last (by name).
func newRoot(t *testing.T) (root string, files []string) {
	t.Helper()
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	if err := os.CopyFS(root, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if files, _, err = fedbiomed.Find(root); err != nil || len(files) != 4 {
		t.Fatalf("%v, %v", files, err)
	}
	return root, files
}

// hide takes a component out of etc, and gives what brings it back.
func hide(t *testing.T, file string) (back func()) {
	t.Helper()
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename(file, file+".off")
	return func() { rename(file+".off", file) }
}

// watched is a fleet under test.
type watched struct {
	t        *testing.T
	ready    chan []api.Snapshot
	progress chan Progress
	last     Progress // that waiting saw
	end      func()   // stops it and waits
}

func run(t *testing.T, root string) *watched {
	t.Helper()
	w := &watched{t: t, ready: make(chan []api.Snapshot, 100), progress: make(chan Progress, 10000)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	runtime := t.TempDir()
	go func() {
		ended <- Run(ctx, Config{
			Root: root, Options: agent.Options{Log: zerolog.Nop()},
			Getenv: func(name string) string {
				if name == "XDG_RUNTIME_DIR" {
					return runtime
				}
				return ""
			},
			Progress: func(p Progress) { w.progress <- p },
			Ready:    func(a Agreement) { w.ready <- a.Here },
		})
	}()
	var once sync.Once
	w.end = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the fleet ended with %v", err)
				}
			case <-time.After(patience):
				t.Error("the fleet does not end")
			}
		})
	}
	t.Cleanup(w.end)
	return w
}

// agree waits until so many components agree, with the condition (nil: any).
func (w *watched) agree(components int, condition func([]api.Snapshot) bool) []api.Snapshot {
	w.t.Helper()
	deadline := time.After(patience)
	var last Progress
	for {
		select {
		case s := <-w.ready:
			if len(s) == components && (condition == nil || condition(s)) {
				return s
			}
		case last = <-w.progress:
		case <-deadline:
			w.t.Fatalf("%d components do not agree: %+v", components, last)
		}
	}
}

// waiting waits for a reason why they cannot agree.
func (w *watched) waiting(text string) {
	w.t.Helper()
	deadline := time.After(patience)
	last := w.last
	for {
		if strings.Contains(last.Waiting, text) {
			w.last = last
			return
		}
		select {
		case last = <-w.progress:
		case <-deadline:
			w.t.Fatalf("waited in vain for %q: %+v", text, last)
		}
	}
}

// check asserts what Ready promises.
func check(t *testing.T, root string, all []api.Snapshot) {
	t.Helper()
	for i, s := range all {
		if s.Set == nil || s.Set.Party != i || s.Set.Digest != all[0].Set.Digest || len(s.Set.Parties) != len(all) || s.Rows != len(all)-1 {
			t.Fatalf("%s: set %+v, %d rows", s.Self.Component, s.Set, s.Rows)
		}
		if ips, err := os.ReadFile(filepath.Join(s.Set.Dir, "ip_addresses")); err != nil || strings.Count(string(ips), "\n") != len(all) {
			t.Errorf("%s: %q, %v", s.Self.Component, ips, err)
		}
		database := filepath.Join(root, "var", "db_"+s.Self.Component+".json")
		rows, err := fedbiomed.OpenRegistry(database, filepath.Join(t.TempDir(), "intent")).Rows()
		if err != nil || len(rows) != len(all)-1 {
			t.Errorf("%s: %d rows, %v", s.Self.Component, len(rows), err)
		}
		if len(s.Matrix.Rows) != len(all) {
			t.Errorf("%s: matrix %+v", s.Self.Component, s.Matrix)
		}
		for _, row := range s.Matrix.Rows {
			for _, cell := range row.Cells {
				if cell.State != api.CellOK {
					t.Errorf("%s: %s of %s is %s", s.Self.Component, row.Component, cell.Of, cell.State)
				}
			}
		}
	}
}

func TestComponentsComeChangeAndGo(t *testing.T) {
	root, files := newRoot(t)
	back := hide(t, files[0])
	w := run(t, root)
	check(t, root, w.agree(3, nil))
	back()
	check(t, root, w.agree(4, nil))

	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(data), "mpspdz_port = 1400", "mpspdz_port = 1490", 1)
	if err := os.WriteFile(files[0], []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	moved := func(all []api.Snapshot) bool {
		return slices.ContainsFunc(all[0].Set.Parties, func(p api.SetParty) bool { return strings.HasPrefix(p.Endpoint, "localhost:1490") })
	}
	check(t, root, w.agree(4, moved))
	hide(t, files[0])
	check(t, root, w.agree(3, nil))
}

func TestSecondRunNeedsNoApproval(t *testing.T) {
	root, _ := newRoot(t)
	w := run(t, root)
	first := w.agree(4, nil)
	w.end()
	federation, err := os.ReadFile(filepath.Join(root, "var", "fbpeer-dev", "dev.federation"))
	if err != nil {
		t.Fatal(err)
	}
	w = run(t, root)
	second := w.agree(4, nil)
	check(t, root, second)
	for _, s := range second {
		if s.Connected != 3 {
			t.Errorf("%s is ready with %d connections", s.Self.Component, s.Connected)
		}
	}
	for i := range first {
		if first[i].Self.Announcement != second[i].Self.Announcement || first[i].Set.Digest != second[i].Set.Digest {
			t.Errorf("%s announces anew", first[i].Self.Component)
		}
		for j, p := range first[i].Peers {
			if q := second[i].Peers[j]; p.PeerID != q.PeerID || !p.ApprovedAt.Equal(*q.ApprovedAt) {
				t.Errorf("%s was approved again", p.Component)
			}
		}
	}
	if again, err := os.ReadFile(filepath.Join(root, "var", "fbpeer-dev", "dev.federation")); err != nil || string(again) != string(federation) {
		t.Errorf("the federation file was made anew: %v", err)
	}
}

func TestLostStateIsANewIdentity(t *testing.T) {
	root, _ := newRoot(t)
	w := run(t, root)
	first := w.agree(4, nil)
	w.end()
	lost := first[1]
	if err := os.RemoveAll(lost.State); err != nil {
		t.Fatal(err)
	}
	w = run(t, root)
	second := w.agree(4, nil)
	check(t, root, second)
	if second[1].Self.Component != lost.Self.Component || second[1].Self.PeerID == lost.Self.PeerID {
		t.Errorf("it is %s again", second[1].Self.PeerID)
	}
}

func TestFewerThanThreeWait(t *testing.T) {
	root, files := newRoot(t)
	hide(t, files[0])
	back := hide(t, files[1])
	w := run(t, root)
	w.waiting("2 components in etc/, at least 3 are needed")
	back()
	check(t, root, w.agree(3, nil))
}

func TestOneIdTwice(t *testing.T) {
	root, files := newRoot(t)
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(root, "etc", "backup.ini")
	if err := os.WriteFile(backup, data, 0o600); err != nil {
		t.Fatal(err)
	}
	w := run(t, root)
	w.waiting("the same id as in " + filepath.Base(files[0])) // the backup is named
	w.waiting("the same id as in backup.ini")                 // and the original
	if err := os.Remove(backup); err != nil {
		t.Fatal(err)
	}
	check(t, root, w.agree(4, nil))
	// What is no component is in nobody's way.
	if err := os.WriteFile(backup, []byte("[other]\nkey = value\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.end()
	check(t, root, run(t, root).agree(4, nil))
}

func TestNoResearcher(t *testing.T) {
	root, files := newRoot(t)
	for _, file := range files {
		if strings.Contains(file, "researcher") {
			hide(t, file)
		}
	}
	w := run(t, root)
	w.waiting("researcher")
}

func TestBrokenComponentIsNamed(t *testing.T) {
	root, files := newRoot(t)
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(string(data), "mpspdz_port = 1400", "mpspdz_port = 14O0", 1)
	if err := os.WriteFile(files[0], []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	w := run(t, root)
	w.waiting("14O0")
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, root, w.agree(4, nil))
}

func TestRevokedStaysRevoked(t *testing.T) {
	root, _ := newRoot(t)
	w := run(t, root)
	all := w.agree(4, nil)
	w.end()
	// An operator revokes the last node at the researcher's, while nothing runs; a later dev does not undo that.
	first, last := all[0], all[3]
	list := filepath.Join(first.State, "trust.ini")
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	revoked := fmt.Sprintf("%s\n[peer %s]\nstatus = revoked\n", data, last.Self.PeerID)
	if err := os.WriteFile(list, []byte(revoked), 0o600); err != nil {
		t.Fatal(err)
	}
	w = run(t, root)
	deadline := time.After(patience)
	for {
		select {
		case p := <-w.progress:
			// Three pairs of it are gone for good, or rather: the researcher's with it, and all of its own still stand.
			if p.Components == 4 && p.Registered == 11 && p.Written == 3 {
				return
			}
		case <-w.ready:
			t.Fatal("all agree, though one is revoked")
		case <-deadline:
			t.Fatal("never settles")
		}
	}
}

func TestOneFleetForARoot(t *testing.T) {
	root, _ := newRoot(t)
	w := run(t, root)
	w.agree(4, nil)
	err := Run(t.Context(), Config{Root: root})
	var fault *config.Error
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), fmt.Sprintf("another fbpeer dev (process %d) runs in %s", os.Getpid(), root)) {
		t.Errorf("a second fleet: %v", err)
	}
	w.end()
	if err := Run(t.Context(), Config{Root: t.TempDir()}); !errors.As(err, &fault) || !strings.Contains(err.Error(), "there is no etc/") {
		t.Errorf("a folder without components: %v", err)
	}
}

// TestStagedKeyIsApprovedAhead: dev approves a key that a component stages, and all take it over when it is activated.
func TestStagedKeyIsApprovedAhead(t *testing.T) {
	root, files := newRoot(t)
	w := run(t, root)
	first := w.agree(4, nil)[0]
	c, err := config.Load(config.Selector{Component: files[0], Development: true, WorkDir: root, Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	staged, err := c.StagePair(rand.Reader, config.NamesFedbiomed, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	next := "next = " + staged.KeySHA256().String()
	poll, deadline := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer poll.Stop()
	for approved := false; !approved; {
		select {
		case <-poll.C:
			list, err := os.ReadFile(filepath.Join(first.State, "trust.ini"))
			approved = err == nil && strings.Contains(strings.Join(strings.Fields(string(list)), " "), next)
		case <-deadline:
			t.Fatal("it is not approved ahead")
		}
	}
	if _, err := c.ActivatePair(time.Now()); err != nil {
		t.Fatal(err)
	}
	used := func(all []api.Snapshot) bool {
		return slices.ContainsFunc(all, func(s api.Snapshot) bool { return s.Self.Certificate.SHA256 == staged.SHA256().String() })
	}
	check(t, root, w.agree(4, used))
	if log, err := os.ReadFile(filepath.Join(first.State, "log.jsonl")); err != nil || strings.Count(string(log), `"event":"followed"`) != 1 {
		t.Errorf("it was not taken over as approved ahead: %v", err)
	}
}
