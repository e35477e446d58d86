package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/fedbiomed"
)

// three runs the researcher and two nodes, connected and heard.
func three(s *scene) []*site {
	sites := []*site{s.start(s.files[0]), s.start(s.files[1]), s.start(s.files[2])}
	introduce(sites...)
	return sites
}

func TestThreeAgree(t *testing.T) {
	s := newScene(t)
	sites := three(s)
	for _, x := range sites {
		if seen := x.snapshot(); seen.Set != nil || seen.Members != 3 || seen.Connected == 0 && len(seen.Peers) != 2 {
			t.Errorf("before any approval: %s", dump(seen))
		}
	}
	approveAll(sites...)
	digests := map[string]bool{}
	for i, x := range sites {
		seen := x.wait("a set of three", func(s api.Snapshot) bool { return s.Set != nil && s.Connected == 2 })
		digests[seen.Set.Digest] = true
		if seen.Rows != 2 || len(rows(t, x.config.Component.Database)) != 2 {
			t.Errorf("site %d has %d rows", i, seen.Rows)
		}
		if _, err := os.Stat(filepath.Join(seen.Set.Dir, "Player-Data", fmt.Sprintf("P%d.key", seen.Set.Party))); err != nil {
			t.Error(err)
		}
		if seen.Set.Parties[0].Component != s.config(s.files[0]).Component.ID {
			t.Errorf("party 0 is %s", seen.Set.Parties[0].Component)
		}
	}
	if len(digests) != 1 {
		t.Errorf("the sites hold different sets: %v", digests)
	}
}

func TestChangeTravelsAndIsHeldOverRestarts(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sites := three(s)
	approveAll(sites...)
	mover, other := sites[1], sites[0]
	id := mover.config.Component.ID
	before := ipFile(t, other.config.PlayersDir)
	old := mover.config.Component.Endpoint
	edit(t, s.files[1], fmt.Sprintf("mpspdz_port = %d", old.Port()), "mpspdz_port = 14901")
	isChanged := func(s api.Snapshot) bool { return state(s, id) == api.StateChanged }
	seen := other.wait("the change", isChanged)
	p := find(t, seen, id)
	if p.Endpoint != old.String() || p.Announced == nil || p.Announced.Endpoint != "localhost:14901" || ipFile(t, other.config.PlayersDir) != before {
		t.Fatalf("a held change: %+v", p)
	}
	other.end()
	mover.end()
	other = s.start(s.files[0])
	if seen := other.snapshot(); !isChanged(seen) || seen.Set == nil || ipFile(t, other.config.PlayersDir) != before {
		t.Fatalf("after a restart, alone: %s", dump(seen))
	}
	other.approve(id)
	if ips := ipFile(t, other.config.PlayersDir); !strings.Contains(ips, "localhost:14901\n") {
		t.Errorf("after the approval: %q", ips)
	}
}

func TestRevocationReachesTheConnection(t *testing.T) {
	s := newScene(t)
	sites := three(s)
	approveAll(sites...)
	x, id := sites[0], sites[1].config.Component.ID
	x.wait("a connection", func(s api.Snapshot) bool { return *find(t, s, id).Connected })
	if _, err := x.trust(api.TrustRequest{Action: api.ActionRevoke, Component: id, PeerID: sites[1].agent.AddrInfo().ID.String()}); err != nil {
		t.Fatal(err)
	}
	seen := x.wait("its end", func(s api.Snapshot) bool { return !*find(t, s, id).Connected })
	if state(seen, id) != api.StateRevoked || seen.Set != nil || seen.NoSet == nil {
		t.Errorf("revoked: %s", dump(seen))
	}
}

func TestListEditedByHand(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	sites := three(s)
	approveAll(sites...)
	x, id := sites[0], sites[1].config.Component.ID
	list := x.config.TrustList
	whole, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, append([]byte("nonsense\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := x.wait("the warning", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnTrustList) })
	if seen.Set == nil || state(seen, id) != api.StateAccepted {
		t.Errorf("a bad edit changed what is in force: %s", dump(seen))
	}
	for _, w := range seen.Warnings {
		if w.Code == api.WarnTrustList && !strings.Contains(w.Text, "trust.ini:1") {
			t.Errorf("the warning names no line: %q", w.Text)
		}
	}
	if _, err := x.trust(api.TrustRequest{Action: api.ActionRevoke, Component: id, PeerID: find(t, seen, id).PeerID}); fault(t, err).Code != api.CodeRefused {
		t.Errorf("an edit beside a list that does not parse: %v", err)
	}
	edited := strings.Replace(string(whole), "= approved", "= revoked", 1)
	if edited == string(whole) {
		t.Fatalf("the list is\n%s", whole)
	}
	// As editors write: a new file renamed into place.
	if err := os.WriteFile(list+"~", []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(list+"~", list); err != nil {
		t.Fatal(err)
	}
	x.wait("the revocation", func(s api.Snapshot) bool { return s.Set == nil && !warned(s.Warnings, api.WarnTrustList) })
	if got := rows(t, x.config.Component.Database); len(got) != 1 {
		t.Errorf("rows: %v", got)
	}
}

func TestMissingDatabaseIsWaitedFor(t *testing.T) {
	s := newScene(t)
	c := s.config(s.files[0])
	if err := os.Remove(c.Component.Database); err != nil {
		t.Fatal(err)
	}
	sites := three(s)
	approveAll(sites...)
	x := sites[0]
	seen := x.wait("the warning", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnNoDatabase) })
	if seen.Set == nil || seen.Rows != 0 {
		t.Errorf("player files do not wait for a database: %s", dump(seen))
	}
	if err := os.WriteFile(c.Component.Database, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x.wait("the rows", func(s api.Snapshot) bool { return s.Rows == 2 && !warned(s.Warnings, api.WarnNoDatabase) })
}

func TestBadConfigurationKeepsTheRegistration(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	x := s.start(s.files[1])
	edit(t, s.files[1], "mpspdz_port = 1400", "mpspdz_port = 14OO")
	seen := x.wait("the warning", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnConfiguration) })
	if seen.Self.Endpoint != x.config.Component.Endpoint.String() {
		t.Errorf("announces %s", seen.Self.Endpoint)
	}
	edit(t, s.files[1], "mpspdz_port = 14OO", "mpspdz_port = 1400")
	x.wait("its end", func(s api.Snapshot) bool { return !warned(s.Warnings, api.WarnConfiguration) })

	// Fed-BioMed writes the key, then the certificate.
	other := s.config(s.files[2])
	copyFile(t, other.Component.PrivateKey, x.config.Component.PrivateKey)
	x.wait("the mismatch", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnConfiguration) })
	copyFile(t, other.Component.Certificate, x.config.Component.Certificate)
	x.wait("the new certificate", func(s api.Snapshot) bool {
		return !warned(s.Warnings, api.WarnConfiguration) && s.Self.Certificate.SHA256 != seen.Self.Certificate.SHA256 && s.Self.Sequence > seen.Self.Sequence
	})

	edit(t, s.files[1], "id = "+x.config.Component.ID, "id = NODE_another")
	select {
	case err := <-x.ended:
		if !isOwnFile(err) || !strings.Contains(err.Error(), "NODE_another") {
			t.Errorf("another component's configuration: %v", err)
		}
	case <-time.After(patience):
		t.Error("the agent goes on with another component's configuration")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoresShowWhatTheAgentShowed(t *testing.T) {
	s := newScene(t)
	sites := three(s)
	approveAll(sites...)
	x := sites[0]
	running := x.wait("a set", func(s api.Snapshot) bool { return s.Set != nil && s.Connected == 2 })
	for _, y := range sites {
		y.end()
	}
	c, err := Open(t.Context(), x.config, s.options())
	if err != nil {
		t.Fatal(err)
	}
	stored, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lasting(t, stored), lasting(t, running); got != want {
		t.Errorf("the stores show\n%s\nthe agent showed\n%s", got, want)
	}
	// What is in force is the same when it runs again, without anybody else.
	again := s.start(s.files[0])
	if got, want := lasting(t, again.snapshot()), lasting(t, running); got != want {
		t.Errorf("after a restart\n%s\nbefore\n%s", got, want)
	}
}

// lasting is a snapshot without what only a running agent knows.
func lasting(t *testing.T, s api.Snapshot) string {
	t.Helper()
	s.Running, s.Connected, s.Listen, s.LastChange = false, 0, nil, time.Time{}
	s.Peers = append([]api.Peer(nil), s.Peers...)
	for i := range s.Peers {
		p := &s.Peers[i]
		p.Connected, p.LastHeard, p.From, p.Via = nil, nil, "", ""
	}
	data, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReadingTheStoresCreatesNothing(t *testing.T) {
	s := newScene(t)
	c := s.config(s.files[0])
	before := tree(t, s.root)
	control, err := Open(t.Context(), c, s.options())
	if err != nil {
		t.Fatal(err)
	}
	seen, err := control.Snapshot(t.Context())
	if err != nil || seen.Self.Component != c.Component.ID || seen.Running || seen.Self.Certificate == nil {
		t.Fatalf("%s, %v", dump(seen), err)
	}
	if after := tree(t, s.root); after != before {
		t.Errorf("reading made of\n%s\n%s", before, after)
	}
	if _, err := Dial(t.Context(), c); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial: %v", err)
	}
}

func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		fmt.Fprintln(&b, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTwoAgentsExcludeEachOther(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	x := s.start(s.files[0])
	elsewhere := *x.config
	elsewhere.State = filepath.Join(s.root, "elsewhere")
	second := make(chan error, 1)
	go func() {
		_, err := New(t.Context(), &elsewhere, s.options())
		second <- err
	}()
	_, err := New(t.Context(), x.config, s.options())
	if !isOwnFile(err) || !strings.Contains(err.Error(), "another agent holds") || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("the same state folder: %v", err)
	}
	if err := <-second; !isOwnFile(err) || !strings.Contains(err.Error(), x.config.Component.ID) {
		t.Errorf("the same component: %v", err)
	}
}

func TestSocketIsPrivate(t *testing.T) {
	s := newScene(t)
	x := s.start(s.files[0])
	named, err := os.ReadFile(filepath.Join(x.config.State, fileSocket))
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimSpace(string(named))
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700, x.config.State: 0o700, filepath.Join(x.config.State, fileIdentity): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	control, err := Dial(t.Context(), x.config)
	if err != nil {
		t.Fatal(err)
	}
	if seen, err := control.Snapshot(t.Context()); err != nil || !seen.Running || seen.Self.PeerID != x.agent.AddrInfo().ID.String() {
		t.Errorf("over the socket: %s, %v", dump(seen), err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(t.Context(), x.config); err == nil || errors.Is(err, ErrNotRunning) {
		t.Errorf("a folder that others can enter: %v", err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	x.end()
	for _, gone := range []string{path, filepath.Join(x.config.State, fileSocket)} {
		if _, err := os.Stat(gone); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", gone, err)
		}
	}
}

func TestHostileRequests(t *testing.T) {
	s := newScene(t)
	sites := []*site{s.start(s.files[0]), s.start(s.files[1])}
	introduce(sites...)
	x := sites[0]
	good := approvalOf(find(t, x.snapshot(), sites[1].config.Component.ID))
	list := func() string {
		data, err := os.ReadFile(x.config.TrustList)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(data)
	}
	with := func(change func(*api.TrustRequest)) []byte {
		r := good
		r.By = "tester@test"
		change(&r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, body := range map[string][]byte{
		"nothing":            nil,
		"no object":          []byte(`[]`),
		"two objects":        append(with(func(*api.TrustRequest) {}), "{}"...),
		"an unknown field":   []byte(`{"action":"approve","sudo":true}`),
		"an unknown action":  with(func(r *api.TrustRequest) { r.Action = "approve\n" }),
		"no hash":            with(func(r *api.TrustRequest) { r.Announcement = "" }),
		"another hash":       with(func(r *api.TrustRequest) { r.Announcement = "SHA256:" + strings.Repeat("A", 43) }),
		"a section in note":  with(func(r *api.TrustRequest) { r.Note = "x\n[y]" }),
		"a section in alias": with(func(r *api.TrustRequest) { r.Alias = "x\n[y]" }),
		"a path":             with(func(r *api.TrustRequest) { r.Component = "../../etc/passwd" }),
		"another component":  with(func(r *api.TrustRequest) { r.Component = "NODE_x" }),
		"no peer":            with(func(r *api.TrustRequest) { r.PeerID = "../x" }),
		"the own identity":   with(func(r *api.TrustRequest) { r.PeerID = x.agent.AddrInfo().ID.String() }),
		"too long":           with(func(r *api.TrustRequest) { r.Note = strings.Repeat("x", api.MaxRequest) }),
		"deep nesting":       []byte(strings.Repeat(`{"a":`, 9000)),
	} {
		before := list()
		code, answer := x.post(body)
		var f api.Error
		if err := json.Unmarshal(answer, &f); code == http.StatusOK || err != nil || f.Code == "" {
			t.Errorf("%s: %d %s", name, code, answer)
		}
		if list() != before {
			t.Errorf("%s changed the list:\n%s", name, list())
		}
	}
	if code, answer := x.post(with(func(*api.TrustRequest) {})); code != http.StatusOK {
		t.Errorf("a good one: %d %s", code, answer)
	}
}

// post sends a body to the control socket as it is.
func (x *site) post(body []byte) (int, []byte) {
	x.t.Helper()
	path, err := os.ReadFile(filepath.Join(x.config.State, fileSocket))
	if err != nil {
		x.t.Fatal(err)
	}
	c := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", strings.TrimSpace(string(path)))
	}}}
	response, err := c.Post("http://fbpeer"+api.PathTrust, "application/json", bytes.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return response.StatusCode, answer
}

func TestStartErrors(t *testing.T) {
	s := newScene(t)
	c := *s.config(s.files[0])
	c.Federation = ""
	if _, err := New(t.Context(), &c, s.options()); !isOwnFile(err) || !strings.Contains(err.Error(), "federation") {
		t.Errorf("without a federation: %v", err)
	}
	c = *s.config(s.files[0])
	if err := os.WriteFile(c.Component.Database, []byte("not TinyDB's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(t.Context(), &c, s.options()); !isOwnFile(err) || !strings.Contains(err.Error(), filepath.Base(c.Component.Database)) {
		t.Errorf("a database that is not TinyDB's: %v", err)
	}
	if data, err := os.ReadFile(c.Component.Database); err != nil || string(data) != "not TinyDB's" {
		t.Errorf("the database is now %q, %v", data, err)
	}
	if err := os.WriteFile(c.Component.Database, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x := s.start(s.files[0]) // nothing is left locked
	if _, err := fedbiomed.OpenRegistry(x.config.Component.Database, filepath.Join(t.TempDir(), "i")).Rows(); err != nil {
		t.Error(err)
	}
}

func TestAgentWaitsForAnEditor(t *testing.T) {
	s := newScene(t)
	c := s.config(s.files[0])
	lock, err := takeLock(t.Context(), filepath.Join(c.State, fileLock), "the state folder")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() {
		a, err := New(t.Context(), c, s.options())
		if err == nil {
			err = a.Close()
		}
		started <- err
	}()
	select {
	case err := <-started:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(100 * time.Millisecond): // nothing to observe but that nothing happens
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if err := <-started; err != nil {
		t.Errorf("after the editor: %v", err)
	}
}

func TestRestoredBackupGoesPastItselfOnce(t *testing.T) {
	s := newScene(t)
	sites := []*site{s.start(s.files[0]), s.start(s.files[1])}
	introduce(sites...)
	old := sites[1].snapshot().Self.Sequence
	sites[1].end()
	backup := filepath.Join(s.root, "backup")
	state := sites[1].config.State
	if err := os.CopyFS(backup, os.DirFS(state)); err != nil {
		t.Fatal(err)
	}
	// The component moves and back: the network knows a later announcement with the same values.
	port := fmt.Sprintf("mpspdz_port = %d", sites[1].config.Component.Endpoint.Port())
	edit(t, s.files[1], port, "mpspdz_port = 14777")
	moved := s.start(s.files[1])
	edit(t, s.files[1], "mpspdz_port = 14777", port)
	later := moved.wait("the port of before", func(s api.Snapshot) bool {
		return s.Self.Endpoint == sites[1].config.Component.Endpoint.String() && s.Self.Sequence > old
	}).Self.Sequence
	introduce(sites[0], moved)
	sites[0].wait("the later announcement", func(s api.Snapshot) bool { return find(t, s, moved.config.Component.ID).Sequence == later })
	moved.end()
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(backup, state); err != nil {
		t.Fatal(err)
	}
	restored := s.start(s.files[1])
	if got := restored.snapshot().Self.Sequence; got != old {
		t.Fatalf("the backup announces %d, not %d", got, old)
	}
	restored.agent.Connect(sites[0].agent.AddrInfo())
	seen := restored.wait("going past it", func(s api.Snapshot) bool { return s.Self.Sequence > later })
	if !warned(seen.Warnings, api.WarnRestored) {
		t.Errorf("nothing is said: %v", seen.Warnings)
	}
	sites[0].wait("the newest", func(s api.Snapshot) bool {
		return find(t, s, moved.config.Component.ID).Sequence == seen.Self.Sequence
	})
}

func TestKnownAddressesAreDialledAgain(t *testing.T) {
	s := newScene(t)
	for _, file := range s.files[:2] {
		remember(t, s.config(file)) // a port of its own: 4100 is what every other agent on this machine tries first
	}
	sites := []*site{s.start(s.files[0]), s.start(s.files[1])}
	introduce(sites...)
	approveAll(sites...)
	before := sites[0].agent.AddrInfo().String()
	for i, x := range sites {
		x.knows(sites[1-i])
	}
	for _, x := range sites {
		x.end()
		if data, err := os.ReadFile(filepath.Join(x.config.State, fileAddresses)); err != nil || !strings.Contains(string(data), "/ip4/127.0.0.1/tcp/") {
			t.Fatalf("%s: %s, %v", fileAddresses, data, err)
		}
	}
	// Nobody introduces them this time.
	again := []*site{s.start(s.files[0]), s.start(s.files[1])}
	for _, x := range again {
		x.wait("the connection of before", func(s api.Snapshot) bool { return s.Connected == 1 })
	}
	// The port of last time is kept, so that the others find us.
	if after := again[0].agent.AddrInfo().String(); after != before {
		t.Errorf("%s was at %s", after, before)
	}
}

// knows waits until a site can tell where another one is to be found. Who was connected to learns that a moment after the connection.
func (x *site) knows(other *site) {
	x.t.Helper()
	id := other.agent.AddrInfo().ID
	poll, deadline := time.NewTicker(10*time.Millisecond), time.After(patience)
	defer poll.Stop()
	for known := false; !known; {
		select {
		case <-poll.C:
			err := x.agent.perform(x.t.Context(), func(_ context.Context, l *loop) { known = len(l.discovery.Known([]peer.ID{id})) > 0 })
			if err != nil {
				x.t.Fatal(err)
			}
		case <-deadline:
			x.t.Fatal("it never learns where the other one is")
		}
	}
}

// remember gives a component a free port as that of last time.
func remember(t *testing.T, c *config.Config) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close(), os.MkdirAll(c.State, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.State, filePort), []byte(port+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
