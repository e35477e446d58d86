package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
)

// bench is one component's core with the announcements of three others, and no network.
type bench struct {
	*scene
	offline *offline
	others  []*outsider
	now     time.Time
}

func newBench(t *testing.T) *bench { return newScene(t).bench() }

// bench is the scene's first component with all others outside.
func (s *scene) bench() *bench {
	t := s.t
	b := &bench{scene: s, now: time.Now()}
	o := s.options()
	o.Now = func() time.Time { return b.now }
	b.offline = &offline{config: s.config(s.files[0]), options: o}
	for _, file := range s.files[1:] {
		b.others = append(b.others, s.outsider(file))
	}
	if err := b.store().make(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) store() store { return store{dir: b.offline.config.State} }

// open loads the core as an agent's start does.
func (b *bench) open() *core {
	b.t.Helper()
	k, err := b.offline.load()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(k.openLog(b.now), k.makeIdentity()); err != nil { // as a start does
		b.t.Fatal(err)
	}
	if _, err := k.announce(0, b.now); err != nil {
		b.t.Fatal(err)
	}
	return k
}

// hear stores announcements, as the loop does before a commit.
func (b *bench) hear(announcements ...*exchange.Announcement) {
	b.t.Helper()
	k := b.open()
	for _, a := range announcements {
		if err := k.hear(a, nil, a.Peer, b.now); err != nil {
			b.t.Fatal(err)
		}
	}
	k.settle(b.now)
}

func (b *bench) hearAll() {
	for _, o := range b.others {
		b.hear(o.announce(b.t, b.now, nil))
	}
}

func (b *bench) snapshot() api.Snapshot {
	b.t.Helper()
	s, err := b.offline.Snapshot(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) approve(o *outsider) {
	b.t.Helper()
	if _, err := trustBy(b.offline, approvalOf(find(b.t, b.snapshot(), o.config.Component.ID))); err != nil {
		b.t.Fatal(err)
	}
}

// outputs is what MP-SPDZ and Fed-BioMed would meet: the ip file and the registry's rows.
func (b *bench) outputs() string {
	return fmt.Sprintf("%q %v", ipFile(b.t, b.offline.config.PlayersDir), rows(b.t, b.offline.config.Component.Database))
}

func TestApprovalsWriteFilesAndRows(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	if s := b.snapshot(); len(s.Peers) != 3 || state(s, b.others[0].config.Component.ID) != api.StatePending || s.Set != nil || s.NoSet == nil {
		t.Fatalf("before any approval: %s", dump(s))
	}
	b.approve(b.others[0])
	// Rows follow each approval one by one; player files wait for three parties.
	if got := rows(t, b.offline.config.Component.Database); len(got) != 1 || ipFile(t, b.offline.config.PlayersDir) != "" {
		t.Fatalf("after one approval: %s", b.outputs())
	}
	if s := b.snapshot(); s.NoSet == nil || s.NoSet.Code != "too-few" || s.Rows != 1 {
		t.Fatalf("after one approval: %s", dump(s))
	}
	b.approve(b.others[1])
	s := b.snapshot()
	if s.Set == nil || len(s.Set.Parties) != 3 || s.Set.Party != 0 || s.Set.Command != "-p 0 -N 3 -ip ip_addresses" || s.Rows != 2 {
		t.Fatalf("after two approvals: %s", dump(s))
	}
	if lines := strings.Split(strings.TrimSpace(ipFile(t, b.offline.config.PlayersDir)), "\n"); len(lines) != 3 {
		t.Errorf("ip file %q", lines)
	}
	key, err := os.Stat(filepath.Join(s.Set.Dir, "Player-Data", "P0.key"))
	if err != nil || key.Mode().Perm() != 0o600 {
		t.Errorf("own key: %v, %v", key, err)
	}
	if p := find(t, s, b.others[0].config.Component.ID); p.Party == nil || p.Registered == nil || !*p.Registered || p.ApprovedBy != "tester@test" {
		t.Errorf("an approved one: %+v", p)
	}
}

func TestChangedValuesAreHeld(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	before, o := b.outputs(), b.others[0]
	id := o.config.Component.ID
	shown := approvalOf(find(t, b.snapshot(), id))

	b.now = b.now.Add(time.Second)
	b.hear(o.announce(t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14901") }))
	s := b.snapshot()
	p := find(t, s, id)
	if p.State != api.StateChanged || len(p.Changes) != 1 || p.Changes[0] != (api.Change{Field: "port", Old: p.Changes[0].Old, New: "14901"}) {
		t.Fatalf("a changed port: %+v", p)
	}
	if p.Endpoint != o.config.Component.Endpoint.String() || p.Announced == nil || p.Announced.Endpoint != "localhost:14901" {
		t.Errorf("in force %s, announced %+v", p.Endpoint, p.Announced)
	}
	if after := b.outputs(); after != before {
		t.Errorf("outputs changed without an approval:\n%s\n%s", before, after)
	}
	// An approval of what was shown before is overtaken.
	_, err := trustBy(b.offline, shown)
	if f := fault(t, err); f.Code != api.CodeOvertaken || f.Peer == nil || f.Peer.Announced == nil || f.Peer.Announced.Endpoint != "localhost:14901" {
		t.Errorf("overtaken: %+v", f)
	}
	b.approve(o)
	if !strings.Contains(ipFile(t, b.offline.config.PlayersDir), "localhost:14901\n") || rows(t, b.offline.config.Component.Database)[id] != "localhost:14901" {
		t.Errorf("after the approval: %s", b.outputs())
	}
	if s := b.snapshot(); state(s, id) != api.StateAccepted {
		t.Errorf("after the approval: %s", dump(s))
	}
}

func TestMereReannouncementDoesNotOvertake(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	o := b.others[0]
	k := b.open()
	shown := approvalOf(k.peer(o.id, b.now))
	again := o.announce(t, b.now.Add(time.Second), func(r *exchange.Registration) { r.Label = "Hospital of Nice" })
	if err := k.hear(again, nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	shown.By = "tester@test"
	if _, fault := k.edit(shown, b.now); fault != nil {
		t.Fatalf("a new label is not held: %v", fault)
	}
}

func TestExpiryTakesNothingOutOfForce(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	before := b.outputs()
	b.now = b.now.Add(exchange.DefaultLifetime + 2*time.Hour)
	k := b.open()
	k.settle(b.now)
	s := b.snapshot()
	p := find(t, s, b.others[0].config.Component.ID)
	if p.State != api.StateAccepted || !warned(p.Warnings, api.WarnAnnouncementExpired) || s.Set == nil {
		t.Errorf("an accepted one that ran out: %+v, set %v", p, s.Set)
	}
	if after := b.outputs(); after != before {
		t.Errorf("outputs changed:\n%s\n%s", before, after)
	}
	if got := state(s, b.others[2].config.Component.ID); got != "" {
		t.Errorf("a pending one that ran out is still %s", got)
	}
}

func TestRevokeDenyForget(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	for _, o := range b.others {
		b.approve(o)
	}
	first, second := b.others[0], b.others[1]
	id := first.config.Component.ID
	request := api.TrustRequest{Action: api.ActionRevoke, Component: id, PeerID: first.id.String()}
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionDeny, Component: id, PeerID: first.id.String()}); fault(t, err).Code != api.CodeRefused {
		t.Errorf("an approved one is revoked, not denied: %v", err)
	}
	result, err := trustBy(b.offline, request)
	if err != nil || len(result.Rows) != 1 || result.Rows[0] != id || result.Peer.State != api.StateRevoked {
		t.Fatalf("revoked: %+v, %v", result, err)
	}
	if got := rows(t, b.offline.config.Component.Database); got[id] != "" || len(got) != 2 {
		t.Errorf("rows after a revocation: %v", got)
	}
	if ips := ipFile(t, b.offline.config.PlayersDir); strings.Count(ips, "\n") != 3 || strings.Contains(ips, first.config.Component.Endpoint.String()) {
		t.Errorf("ip file after a revocation: %q", ips)
	}
	if _, err := trustBy(b.offline, approvalOf(find(t, b.snapshot(), id))); fault(t, err).Code != api.CodeRefused || fault(t, err).Hint == "" {
		t.Errorf("a revoked one was approved: %v", err)
	}
	if _, err := os.Stat(b.store().cardPath(dirApproved, first.id)); !os.IsNotExist(err) {
		t.Errorf("the card of a revoked one is still there: %v", err)
	}
	// The set falls below three: it is taken out of force.
	request.Component, request.PeerID = second.config.Component.ID, second.id.String()
	result, err = trustBy(b.offline, request)
	if err != nil || result.Set != nil || result.NoSet == nil || ipFile(t, b.offline.config.PlayersDir) != "" {
		t.Errorf("two parties are left: %+v, %v", result, err)
	}
	request.Action = api.ActionForget
	if _, err := trustBy(b.offline, request); err != nil {
		t.Fatal(err)
	}
	if s := b.snapshot(); state(s, request.Component) != api.StatePending {
		t.Errorf("forgotten: %s", dump(s))
	}
	request.Action = api.ActionDeny
	if _, err := trustBy(b.offline, request); err != nil {
		t.Fatal(err)
	}
	if s := b.snapshot(); state(s, request.Component) != api.StateDenied {
		t.Errorf("denied: %s", dump(s))
	}
}

func TestReplace(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	old := b.others[0]
	id := old.config.Component.ID
	anew := b.outsider(b.files[1]) // the same component with a new identity
	b.hear(anew.announce(t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14777") }))
	var claim api.Peer
	for _, p := range b.snapshot().Peers {
		if p.PeerID == anew.id.String() {
			claim = p
		}
	}
	if claim.State != api.StateConflict || claim.Announced == nil {
		t.Fatalf("another identity of an approved component: %+v", claim)
	}
	before := b.outputs()
	request := approvalOf(claim)
	if _, err := trustBy(b.offline, request); fault(t, err).Code != api.CodeRefused || !strings.Contains(fault(t, err).Hint, "--replace") {
		t.Errorf("without being asked to replace: %v", err)
	}
	if after := b.outputs(); after != before {
		t.Errorf("outputs changed:\n%s\n%s", before, after)
	}
	request.Replace = true
	if _, err := trustBy(b.offline, request); err != nil {
		t.Fatal(err)
	}
	s := b.snapshot()
	for _, p := range s.Peers {
		if p.PeerID == old.id.String() && p.State != api.StateRevoked || p.PeerID == anew.id.String() && p.State != api.StateAccepted {
			t.Errorf("after the replacement: %+v", p)
		}
	}
	if rows(t, b.offline.config.Component.Database)[id] != "localhost:14777" || s.Set == nil || s.Rows != 2 {
		t.Errorf("after the replacement: %s", b.outputs())
	}
}

var errKilled = errors.New("killed")

// crash is an edit to be ended half-way.
type crash struct {
	name    string
	prepare func(b *bench) api.TrustRequest
}

func crashes() []crash {
	return []crash{
		{"the approval that completes a set", func(b *bench) api.TrustRequest {
			b.hearAll()
			b.approve(b.others[0])
			return approvalOf(find(b.t, b.snapshot(), b.others[1].config.Component.ID))
		}},
		{"the approval of a change", func(b *bench) api.TrustRequest {
			b.hearAll()
			b.approve(b.others[0])
			b.approve(b.others[1])
			b.now = b.now.Add(time.Second)
			b.hear(b.others[0].announce(b.t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(b.t, "localhost:14901") }))
			return approvalOf(find(b.t, b.snapshot(), b.others[0].config.Component.ID))
		}},
		{"the approval of one that is registered by hand, elsewhere", func(b *bench) api.TrustRequest {
			b.hearAll()
			b.approve(b.others[0])
			first, second := handRowOf(b.others[0]), handRowOf(b.others[1])
			first.Component, second.Port = "NODE", 14999
			registerByHand(b.t, b.offline.config.Component.Database, second, first)
			return approvalOf(find(b.t, b.snapshot(), b.others[1].config.Component.ID))
		}},
		{"the revocation of one whose row somebody else wrote", func(b *bench) api.TrustRequest {
			b.hearAll()
			b.approve(b.others[0])
			b.approve(b.others[1])
			first, second := handRowOf(b.others[0]), handRowOf(b.others[1])
			registerByHand(b.t, b.offline.config.Component.Database, second, first)
			return api.TrustRequest{Action: api.ActionRevoke, Component: b.others[0].config.Component.ID, PeerID: b.others[0].id.String()}
		}},
		{"a revocation", func(b *bench) api.TrustRequest {
			b.hearAll()
			b.approve(b.others[0])
			b.approve(b.others[1])
			return api.TrustRequest{Action: api.ActionRevoke, Component: b.others[0].config.Component.ID, PeerID: b.others[0].id.String()}
		}},
		{"forgetting", func(b *bench) api.TrustRequest {
			b.hearAll()
			b.approve(b.others[0])
			b.approve(b.others[1])
			return api.TrustRequest{Action: api.ActionForget, Component: b.others[0].config.Component.ID, PeerID: b.others[0].id.String()}
		}},
	}
}

// TestCrashAtEveryStep ends edits before each of their steps, and shows that a start converges: to the state before if the list was
// not written yet, to the state after otherwise; and that in between only whole outputs stand.
func TestCrashAtEveryStep(t *testing.T) {
	for _, c := range crashes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			reached := 0
			for at := 0; ; at++ {
				b := newBench(t)
				request := c.prepare(b)
				request.By = "tester@test"
				before := b.outputs()
				listed, killed := b.kill(request, at)
				between := b.outputs()
				k := b.open()
				if done := k.settle(b.now); done.retry {
					t.Fatalf("step %d: something is still to be written: %v", at, k.problems)
				}
				after := b.outputs()
				if !listed && (between != before || after != before) {
					t.Fatalf("killed at step %d before the list was written, but the outputs went from\n%s to\n%s and\n%s", at, before, between, after)
				}
				if again := b.open(); again.settle(b.now).rows != nil || b.outputs() != after {
					t.Fatalf("step %d: a second start changes something", at)
				}
				if s := b.snapshot(); s.NoSet != nil && s.NoSet.Code == api.WarnNotWritten {
					t.Fatalf("step %d: %s", at, dump(s))
				}
				b.expectListed(request, listed)
				if !killed {
					break
				}
				reached++
			}
			if reached < 4 {
				t.Errorf("the edit has only %d steps", reached)
			}
		})
	}
}

// kill does an edit that ends before its step number at, as a kill -9 would. listed says whether the list stood by then.
func (b *bench) kill(r api.TrustRequest, at int) (listed, killed bool) {
	steps, killed := b.killing(at, func(o *offline) error {
		_, err := decideStored(o, trusting(r))
		return err
	})
	return slices.Contains(steps, "trust list"), killed
}

// killing does something to the stores that ends before its step number at, as a kill -9 would, and gives the steps before.
func (b *bench) killing(at int, do func(o *offline) error) (steps []string, killed bool) {
	b.t.Helper()
	o := *b.offline
	o.step = func(name string) error {
		if len(steps) == at {
			panic(errKilled)
		}
		steps = append(steps, name)
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			if p != errKilled {
				panic(p)
			}
			killed = true
		}
	}()
	if err := do(&o); err != nil {
		b.t.Fatal(err)
	}
	return steps, false
}

// expectListed compares what stands with what the list says.
func (b *bench) expectListed(r api.TrustRequest, done bool) {
	b.t.Helper()
	if !done {
		return
	}
	_, hasRow := rows(b.t, b.offline.config.Component.Database)[r.Component]
	if want := r.Action == api.ActionApprove; hasRow != want {
		b.t.Fatalf("%s of %s: the row stands: %v", r.Action, r.Component, hasRow)
	}
}

func TestFailedWriteKeepsTheOldStateAndIsRetried(t *testing.T) {
	for _, step := range []string{"trust list", "card " + dirApproved, "swap players", "registry"} {
		t.Run(step, func(t *testing.T) {
			b := newBench(t)
			b.hearAll()
			b.approve(b.others[0])
			b.approve(b.others[1])
			b.now = b.now.Add(time.Second)
			o := b.others[0]
			b.hear(o.announce(t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14901") }))
			before := b.outputs()
			k := b.open()
			request := approvalOf(find(t, b.snapshot(), o.config.Component.ID))
			request.By = "tester@test"
			k.settle(b.now)
			full := errors.New("no space left on device")
			k.store.step = func(name string) error {
				if name == step {
					return full
				}
				return nil
			}
			done, refusal := k.edit(request, b.now)
			if step == "trust list" {
				if refusal == nil || refusal.Code != api.CodeFailed {
					t.Fatalf("the list could not be written: %v", refusal)
				}
				if b.outputs() != before {
					t.Fatalf("the outputs changed: %s", b.outputs())
				}
				return
			}
			if refusal != nil || !done.retry {
				t.Fatalf("%+v, %v", done, refusal)
			}
			if len(k.problems) == 0 || !strings.Contains(k.problems.sorted()[0].Text, full.Error()) {
				t.Errorf("nothing is reported: %v", k.problems)
			}
			if step == "card "+dirApproved && b.outputs() != before {
				t.Errorf("what is not durable is in force: %s", b.outputs())
			}
			k.store.step = nil
			if done := k.settle(b.now); done.retry || len(k.problems) != 0 {
				t.Errorf("the retry: %+v, %v", done, k.problems)
			}
			if got := rows(t, b.offline.config.Component.Database)[o.config.Component.ID]; got != "localhost:14901" || !strings.Contains(ipFile(t, b.offline.config.PlayersDir), got) {
				t.Errorf("after the retry: %s", b.outputs())
			}
		})
	}
}

func TestMissingListIsRefused(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	if err := os.Remove(b.offline.config.TrustList); err != nil {
		t.Fatal(err)
	}
	if _, err := b.offline.Snapshot(t.Context()); !isOwnFile(err) {
		t.Errorf("a missing list with approved cards: %v", err)
	}
	if err := durable.WriteFile(b.offline.config.TrustList, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.offline.Snapshot(t.Context()); !isOwnFile(err) {
		t.Errorf("an emptied list with approved cards: %v", err)
	}
	if err := durable.WriteFile(b.offline.config.TrustList, []byte("[x]\nstatus = aproved\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.offline.Snapshot(t.Context()); !isOwnFile(err) || !strings.Contains(err.Error(), "trust.ini:2") {
		t.Errorf("a list that does not parse: %v", err)
	}
}

func TestPinsAreFilledIn(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	o := b.others[0]
	id := o.config.Component.ID
	text := fmt.Sprintf("; by hand\n[%s]\nstatus = approved\nrole = node\npeer_id = %s\nkey = %s\n", id, o.id, o.pair.Certificate.KeySHA256())
	if err := os.WriteFile(b.offline.config.TrustList, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	b.open().settle(b.now)
	data, err := os.ReadFile(b.offline.config.TrustList)
	if err != nil || !strings.HasPrefix(string(data), "; by hand\n") || !strings.Contains(string(data), o.config.Component.Endpoint.String()) ||
		!strings.Contains(string(data), o.pair.Certificate.SHA256().String()) {
		t.Errorf("the list after the first announcement: %v\n%s", err, data)
	}
	if info, err := os.Stat(b.offline.config.TrustList); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("its permissions: %v, %v", info, err)
	}
	if rows(t, b.offline.config.Component.Database)[id] == "" {
		t.Error("no row")
	}
}

func TestDamagedCardsAreSkipped(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	s := b.store()
	swapped, err := os.ReadFile(s.cardPath(dirHeard, b.others[1].id))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		s.cardPath(dirHeard, b.others[2].id):    []byte("no card"),
		s.cardPath(dirApproved, b.others[0].id): swapped, // another identity's, under this one's name
		s.path(dirHeard, ".tmp.card"):           nil,
	} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shown := b.snapshot()
	if state(shown, b.others[1].config.Component.ID) != api.StatePending || state(shown, b.others[2].config.Component.ID) != "" {
		t.Errorf("with damaged cards: %s", dump(shown))
	}
	if !warned(shown.Warnings, api.WarnStore) {
		t.Error("an approved card that cannot be used is not reported")
	}
	if p := find(t, shown, b.others[0].config.Component.ID); p.State != api.StateAccepted {
		t.Errorf("the approved one's newest announcement still holds: %+v", p)
	}
}

// A row that could not be removed must go after a restart too: until then the card stays and tells of it.
func TestFailedRemovalIsRememberedOverARestart(t *testing.T) {
	for _, step := range []string{"swap players", "registry"} {
		b := newBench(t)
		b.hearAll()
		for _, o := range b.others {
			b.approve(o)
		}
		id := b.others[0].config.Component.ID
		k := b.open()
		k.store.step = func(name string) error {
			if name == step {
				return errors.New("no space left on device")
			}
			return nil
		}
		done, refusal := k.edit(api.TrustRequest{Action: api.ActionForget, Component: id, PeerID: b.others[0].id.String(), By: "tester@test"}, b.now)
		if refusal != nil || !done.retry {
			t.Fatalf("%s: %+v, %v", step, done, refusal)
		}
		if _, err := os.Stat(b.store().cardPath(dirApproved, b.others[0].id)); err != nil {
			t.Errorf("%s: nothing tells any more that something has to go: %v", step, err)
		}
		b.open().settle(b.now)
		if ips := ipFile(t, b.offline.config.PlayersDir); rows(t, b.offline.config.Component.Database)[id] != "" || strings.Count(ips, "\n") != 3 {
			t.Errorf("%s: after a restart: %s", step, b.outputs())
		}
	}
}
