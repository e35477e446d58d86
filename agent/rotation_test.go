package agent

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// prepares lets a component that is approved, with another one, announce a key that will follow. It gives the present pair and the next.
func (b *bench) prepares(o *outsider) (present, next config.KeyPair) {
	b.t.Helper()
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	present = o.pair
	if _, err := o.config.MakePair(rand.Reader, config.NamesFedbiomed, true, b.now); err != nil {
		b.t.Fatal(err)
	}
	next, err := o.config.LoadKeyPair(b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	b.announces(o, func(r *exchange.Registration) { r.Next = next.Certificate.KeySHA256() })
	return present, next
}

// announces hears a change of somebody else, a second later.
func (b *bench) announces(o *outsider, change func(*exchange.Registration)) {
	b.t.Helper()
	b.now = b.now.Add(time.Second)
	b.hear(o.announce(b.t, b.now, change))
}

// aheadOf approves ahead what is announced to follow.
func (b *bench) approveAhead(o *outsider) error {
	p := find(b.t, b.snapshot(), o.config.Component.ID)
	r := approvalOf(p)
	r.Next = p.Next.KeySHA256
	_, err := trustBy(b.offline, r)
	return err
}

// logged are the log's lines of an event.
func (b *bench) logged(event string) (lines []string) {
	b.t.Helper()
	data, err := os.ReadFile(b.store().path(fileLog))
	if err != nil {
		b.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, `"event":"`+event+`"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestKeyToCome(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	id := o.config.Component.ID
	_, next := b.prepares(o)
	before := b.outputs()
	p := find(t, b.snapshot(), id)
	if p.State != api.StateAccepted || p.Next == nil || p.Next.Approved || p.Next.KeySHA256 != next.Certificate.KeySHA256().String() || len(p.Next.Words) != 8 ||
		len(p.Changes) != 0 || len(p.Warnings) != 1 || p.Warnings[0].Code != api.WarnNextKey {
		t.Fatalf("%+v, %+v", p, p.Next)
	}
	if len(b.logged("next-key")) != 1 {
		t.Error("nothing, or more than one line, in the log")
	}
	// An approval of something else never approves the key to come, and one of another key to come is overtaken.
	plain := approvalOf(p)
	plain.Alias = "nice"
	if _, err := trustBy(b.offline, plain); err != nil {
		t.Fatal(err)
	}
	if p := find(t, b.snapshot(), id); p.Next.Approved || p.Alias != "nice" {
		t.Errorf("%+v", p)
	}
	other := approvalOf(p)
	other.Next = mpspdz.Hash{7}.String()
	if _, err := trustBy(b.offline, other); fault(t, err).Code != api.CodeOvertaken {
		t.Error(err)
	}
	if err := b.approveAhead(o); err != nil {
		t.Fatal(err)
	}
	if p := find(t, b.snapshot(), id); p.State != api.StateAccepted || !p.Next.Approved || p.Next.ApprovedBy != "tester@test" || len(p.Warnings) != 0 || p.Alias != "nice" {
		t.Errorf("%+v, %+v", p, p.Next)
	}
	if b.outputs() != before {
		t.Error("something in force has changed")
	}
	// A changed port is held, and its approval leaves what was approved ahead.
	b.announces(o, func(r *exchange.Registration) {
		r.Endpoint, r.Next = endpoint(t, "localhost:14901"), next.Certificate.KeySHA256()
	})
	b.approve(o)
	if p := find(t, b.snapshot(), id); p.State != api.StateAccepted || p.Next == nil || !p.Next.Approved {
		t.Errorf("after another approval: %+v", p)
	}
	b.announces(o, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14901") })
	if p := find(t, b.snapshot(), id); p.State != api.StateAccepted || p.Next != nil || len(b.logged("next-withdrawn")) != 1 {
		t.Errorf("after the site took it back: %+v", p)
	}
}

// TestApproveSeveralAhead: keys to come are approved in one commit with each other and with announcements, or nothing is.
func TestApproveSeveralAhead(t *testing.T) {
	b := newBench(t)
	o, second, third := b.others[0], b.others[1], b.others[2]
	_, next := b.prepares(o)
	follow := func(r *exchange.Registration) { r.Next = next.Certificate.KeySHA256() }
	b.announces(second, follow)
	approval := func(o *outsider, ahead bool) api.Approval {
		p := find(t, b.snapshot(), o.config.Component.ID)
		a := api.Approval{Component: p.Component, PeerID: p.PeerID, Announcement: p.Announcement}
		if ahead {
			a.Next = p.Next.KeySHA256
		}
		return a
	}
	r := api.ApproveRequest{By: "tester@test", Approvals: []api.Approval{approval(o, true), approval(third, false), approval(second, true), approval(o, false)}}
	other := r
	other.Approvals = append(r.Approvals[:2:2], r.Approvals[2])
	other.Approvals[2].Next = mpspdz.Hash{7}.String()
	if _, err := b.offline.Approve(t.Context(), other); err == nil || fault(t, err).Code != api.CodeOvertaken {
		t.Errorf("another key to come: %v", err)
	}
	if len(b.logged("approved-ahead")) != 0 || find(t, b.snapshot(), o.config.Component.ID).Next.Approved {
		t.Fatal("a refused one changed something")
	}
	steps := map[string]int{}
	b.offline.step = func(name string) error { steps[name]++; return nil }
	done, err := b.offline.Approve(t.Context(), r)
	if err != nil || steps["trust list"] != 1 {
		t.Fatalf("%+v, %v, not one commit: %v", done, err, steps)
	}
	for _, o := range []*outsider{o, second} {
		if p := find(t, b.snapshot(), o.config.Component.ID); p.State != api.StateAccepted || !p.Next.Approved || p.Next.ApprovedBy != "tester@test" {
			t.Errorf("%+v, %+v", p, p.Next)
		}
	}
	if p := find(t, b.snapshot(), third.config.Component.ID); p.State != api.StateAccepted || p.Next != nil {
		t.Errorf("%+v", p)
	}
	if got := b.logged("approved-ahead"); len(got) != 2 {
		t.Errorf("logged %q", got)
	}
	// What announces a change besides must be decided on first; in the same request that is soon enough.
	b.announces(o, func(r *exchange.Registration) { r.Endpoint, r.Next = endpoint(t, "localhost:14901"), mpspdz.Hash{8} })
	r.Approvals = []api.Approval{approval(o, true)}
	if _, err := b.offline.Approve(t.Context(), r); err == nil || fault(t, err).Code != api.CodeRefused {
		t.Errorf("a changed one: %v", err)
	}
	r.Approvals = []api.Approval{approval(o, false), approval(o, true)}
	if _, err := b.offline.Approve(t.Context(), r); err != nil {
		t.Error(err)
	}
	if p := find(t, b.snapshot(), o.config.Component.ID); p.State != api.StateAccepted || !p.Next.Approved || p.Next.KeySHA256 != (mpspdz.Hash{8}).String() {
		t.Errorf("%+v, %+v", p, p.Next)
	}
}

// TestFormerKeyToCome: whoever has not heard yet that a key to come was taken back still has the same values registered.
func TestFormerKeyToCome(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	_, next := b.prepares(o)
	k := b.open()
	b.now = b.now.Add(time.Second)
	a := o.announce(t, b.now, nil)
	if err := k.hear(a, nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	row := exchange.NewMemberAhead(a.Component, a.Endpoint.String(), a.Certificate.SHA256(), next.Certificate.KeySHA256())
	if registered, ahead := k.currentOf(o.id, a.Registration).registered(&row); !registered || ahead {
		t.Errorf("registered %v, ahead %v", registered, ahead)
	}
	c := b.offline.config
	if _, err := c.StagePair(rand.Reader, config.NamesFedbiomed, false, b.now); err != nil {
		t.Fatal(err)
	}
	own := b.open()
	was := own.self.registration
	if _, err := c.DiscardNext(); err != nil {
		t.Fatal(err)
	}
	f, err := loadFiles(c, b.now)
	if err != nil {
		t.Fatal(err)
	}
	own.reconfigure(c, f)
	if _, err := own.announce(0, b.now.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	row = exchange.NewMemberAhead(was.Component, was.Endpoint.String(), was.Certificate.SHA256(), was.Next)
	if registered, ahead := own.currentOf(own.self.id, own.self.registration).registered(&row); !registered || ahead {
		t.Errorf("our own: registered %v, ahead %v", registered, ahead)
	}
}

// follows is the bench at the moment at which the key that was approved ahead is announced, and not yet taken over.
func follows(t *testing.T) (b *bench, o *outsider, next config.KeyPair, before string) {
	t.Helper()
	b = newBench(t)
	o, next, before = followsOn(b)
	return b, o, next, before
}

func followsOn(b *bench) (o *outsider, next config.KeyPair, before string) {
	t := b.t
	t.Helper()
	o = b.others[0]
	_, next = b.prepares(o)
	if err := b.approveAhead(o); err != nil {
		t.Fatal(err)
	}
	before = b.certificates()
	o.pair = next
	b.now = b.now.Add(time.Second)
	k := b.open()
	if err := k.hear(o.announce(t, b.now, nil), nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	return o, next, before
}

// certificates are what a run would use: the registry's rows and the player files' certificates.
func (b *bench) certificates() string {
	b.t.Helper()
	text := ""
	for i := range 3 {
		data, err := os.ReadFile(filepath.Join(b.offline.config.PlayersDir, "current", mpspdz.PlayerData, fmt.Sprintf("P%d.pem", i)))
		if err != nil {
			b.t.Fatal(err)
		}
		c, err := mpspdz.ParseCertificatePEM(data)
		if err != nil {
			b.t.Fatal(err)
		}
		text += c.SHA256().String() + " "
	}
	k := b.open()
	if err := k.registry.read(); err != nil {
		b.t.Fatal(err)
	}
	for _, o := range b.others[:2] {
		text += k.registry.rows[o.config.Component.ID].certificate.String() + " "
	}
	return text
}

// TestTakeoverKilled ends the commit that takes a key over before each of its steps: what stands is whole, and the next start arrives
// at the same end, with one line in the log.
func TestTakeoverKilled(t *testing.T) {
	reached := 0
	for at := 0; ; at++ {
		b, o, next, before := follows(t)
		killed := func() (killed bool) {
			k := b.open()
			if err := k.openLog(b.now); err != nil { // as a start does
				t.Fatal(err)
			}
			steps := 0
			k.store.step = func(string) error {
				if steps == at {
					panic(errKilled)
				}
				steps++
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
			k.settle(b.now)
			return false
		}()
		if at == 0 && b.certificates() != before {
			t.Fatal("changed before anything was written")
		}
		b.restart()
		p := find(t, b.snapshot(), o.config.Component.ID)
		if p.State != api.StateAccepted || p.Certificate.SHA256 != next.Certificate.SHA256().String() || p.Next != nil || p.Registered == nil || !*p.Registered {
			t.Fatalf("step %d: %+v", at, p)
		}
		if got := b.certificates(); strings.Count(got, p.Certificate.SHA256) != 2 {
			t.Fatalf("step %d: %s", at, got)
		}
		if lines := b.logged("followed"); len(lines) != 1 || !strings.Contains(lines[0], `"by":"tester@test"`) {
			t.Errorf("step %d: %q", at, lines)
		}
		if !killed {
			break
		}
		reached++
	}
	if reached < 4 {
		t.Errorf("the commit has only %d steps", reached)
	}
}

// TestTakeoverWithoutAList: while trust.ini cannot be written the former key stays in force, and so does an approval that its site has
// taken back; both are tried again.
func TestTakeoverWithoutAList(t *testing.T) {
	full := errors.New("no space left on device")
	failing := func(k *core) {
		k.store.step = func(name string) error {
			if name == "trust list" {
				return full
			}
			return nil
		}
	}
	b, o, next, before := follows(t)
	k := b.open()
	failing(k)
	if done := k.settle(b.now); !done.retry || !k.problems.has(api.WarnTrustList) || b.certificates() != before {
		t.Errorf("%+v, %v, %s", done, k.problems, b.certificates())
	}
	if p := find(t, b.shown(k), o.config.Component.ID); p.Certificate.SHA256 == next.Certificate.SHA256().String() {
		t.Errorf("%+v", p)
	}
	k.store.step = nil
	if done := k.settle(b.now); done.retry || k.problems.has(api.WarnTrustList) || b.certificates() == before {
		t.Errorf("%+v, %v", done, k.problems)
	}

	b = newBench(t)
	o = b.others[0]
	b.prepares(o)
	if err := b.approveAhead(o); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Second)
	k = b.open()
	if err := k.hear(o.announce(t, b.now, nil), nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	failing(k)
	if done := k.settle(b.now); !done.retry {
		t.Error("what was taken back is forgotten")
	}
	k = b.open() // a restart: the approved card still tells
	if done := k.settle(b.now); done.retry || find(t, b.shown(k), o.config.Component.ID).Next != nil || len(b.logged("next-withdrawn")) != 1 {
		t.Errorf("%+v", find(t, b.shown(k), o.config.Component.ID).Next)
	}
}

// TestOwnStagedKey: it is announced, shown, and gone when it is in use; one that cannot be read stays announced.
func TestOwnStagedKey(t *testing.T) {
	b := newBench(t)
	b.open()
	c := b.offline.config
	staged, err := c.StagePair(rand.Reader, config.NamesFedbiomed, false, b.now)
	if err != nil {
		t.Fatal(err)
	}
	k := b.open()
	if a := k.self.announcement; a.Next != staged.KeySHA256() || a.Certificate.SHA256() == staged.SHA256() {
		t.Errorf("announced: %s", a.Next)
	}
	if self := b.snapshot().Self; self.Next == nil || self.Next.Certificate.SHA256 != staged.SHA256().String() ||
		self.Next.Fingerprint != exchange.NewNextFingerprint(k.self.id, staged.KeySHA256()).String() {
		t.Errorf("%+v", self.Next)
	}
	good, err := os.ReadFile(c.NextFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.NextFile(), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := loadFiles(c, b.now)
	if err != nil {
		t.Fatal(err)
	}
	k.reportStaged(f)
	k.reconfigure(c, f)
	if made, err := k.announce(0, b.now.Add(time.Second)); made || err != nil || !k.problems.has(api.WarnStaged) {
		t.Errorf("one that cannot be read: announced anew %v, %v, %v", made, err, k.problems)
	}
	if again := b.open(); again.self.announcement.Hash != k.self.announcement.Hash || !again.problems.has(api.WarnStaged) {
		t.Errorf("announced anew at the start: %v", again.problems)
	}
	if err := os.WriteFile(c.NextFile(), good, 0o600); err != nil {
		t.Fatal(err)
	}
	former := k.self.pair.Certificate
	if _, err := c.ActivatePair(b.now); err != nil {
		t.Fatal(err)
	}
	if f, err = loadFiles(c, b.now); err != nil {
		t.Fatal(err)
	}
	k.reportStaged(f)
	k.reconfigure(c, f)
	if made, err := k.announce(0, b.now.Add(time.Minute)); !made || err != nil || k.problems.has(api.WarnStaged) {
		t.Errorf("%v, %v, %v", made, err, k.problems)
	}
	if a := k.self.announcement; a.Certificate.SHA256() != staged.SHA256() || !a.Next.IsZero() || a.Endorsement == nil || string(a.Endorsement.OldKey) != string(former.SPKI()) {
		t.Errorf("%+v", a)
	}
}

// activated is where key and certificate are read while a `cert activate` comes between the two reads.
type activated struct {
	*config.Config
	t   *testing.T
	now time.Time
}

func (a *activated) activate() {
	if next, _ := a.Config.ReadNext(); next == nil {
		return
	}
	if _, err := a.ActivatePair(a.now); err != nil {
		a.t.Error(err)
	}
}

func (a *activated) ReadNext() (*mpspdz.Certificate, error) {
	defer a.activate()
	return a.Config.ReadNext()
}

func (a *activated) LoadKeyPair(now time.Time) (config.KeyPair, error) {
	defer a.activate()
	return a.Config.LoadKeyPair(now)
}

// TestActivationIsNeverAWithdrawal: whoever reads the files while a pair is activated never finds the former pair and no key to come, for
// the others would forget then that they approved it.
func TestActivationIsNeverAWithdrawal(t *testing.T) {
	b := newBench(t)
	staged, err := b.offline.config.StagePair(rand.Reader, config.NamesFedbiomed, false, b.now)
	if err != nil {
		t.Fatal(err)
	}
	f, err := loadFiles(&activated{b.offline.config, t, b.now}, b.now)
	if err != nil || f.next != nil || f.pair.Certificate.SHA256() != staged.SHA256() {
		t.Errorf("certificate %s, to come %v, %v", f.pair.Certificate.SHA256(), f.next, err)
	}
}

// TestMatrixOfKeysToCome: who has approved a key ahead has registered the same values as who has not.
func TestMatrixOfKeysToCome(t *testing.T) {
	p := newPanel(t, 4)
	a, next := p.members[0], mpspdz.Hash{5}
	ahead := func(next mpspdz.Hash) exchange.Member {
		return exchange.NewMemberAhead("a", a.Endpoint.String(), a.Certificate.SHA256(), next)
	}
	now := p.sight.current["a"]
	now.ahead, now.formerAhead = ahead(next).Digest, ahead(mpspdz.Hash{7}).Digest
	p.sight.current["a"] = now
	rows := func(component string, own exchange.Member) {
		view := p.sight.sites[siteID{component: component}].view
		members := []exchange.Member{own}
		for _, party := range p.members[1:] {
			members = append(members, memberOf(party))
		}
		view.Rows = exchange.MembersRoot(members)
		p.sight.lists[view.Rows] = list(members)
	}
	rows("b", ahead(next))
	rows("c", memberOf(a))
	rows("d", ahead(mpspdz.Hash{6})) // of a key that is not announced any more
	m := p.sight.matrix(p.now)
	if got := cells(m); got != "ok ok ok / ok ok ok / ok ok ok / old ok ok / " {
		t.Error(got)
	}
	rows("d", ahead(mpspdz.Hash{7})) // of the one before, as it has not heard of the other one yet
	m = p.sight.matrix(p.now)
	if got := cells(m); got != "ok ok ok / ok ok ok / ok ok ok / ok ok ok / " || m.Rows[3].Cells[0].Ahead || !m.Rows[1].Cells[0].Ahead {
		t.Error(got)
	}
	p.snapshot.Matrix = m
	for _, test := range []struct {
		change func()
		want   string
	}{
		{func() {}, "approved [b], waiting [c d], unknown []"},
		{func() { m.Rows[1].Age = nil }, "approved [], waiting [c d], unknown [b]"},
		{func() { p.peer("d").State = api.StatePending }, "approved [], waiting [c], unknown [b]"},
	} {
		test.change()
		got := approvedAhead(p.snapshot, false)
		if text := "approved " + sprint(got.Approved) + ", waiting " + sprint(got.Waiting) + ", unknown " + sprint(got.Unknown); text != test.want {
			t.Errorf("%s, want %s", text, test.want)
		}
	}
	// ready does not mind who has approved it ahead.
	p.peer("d").State = api.StateAccepted
	rows("d", memberOf(a))
	if r := judgeReady(p.question, p.snapshot, p.sight, p.now); !r.OK {
		t.Errorf("%+v", r.Obstacles)
	}
}

func sprint(list []string) string { return "[" + strings.Join(list, " ") + "]" }
