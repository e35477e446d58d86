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

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/trust"
)

// decisions are the log's lines about a component's place in the list: event and who.
func (b *bench) decisions(component string) (all []string) {
	b.t.Helper()
	for _, r := range logRecords(b.t, b.store()) {
		if r.Component == component && r.List != "" {
			all = append(all, r.Event+" by "+r.By)
		}
	}
	return all
}

// restart opens the stores as an agent's start does, and finishes what was begun.
func (b *bench) restart() {
	b.t.Helper()
	k, err := b.offline.loadToWrite()
	if err != nil {
		b.t.Fatal(err)
	}
	if done := k.settle(b.now); done.retry {
		b.t.Fatalf("something is still to be written: %v", k.problems)
	}
}

// TestLogKilledDecision ends an approval, an approval ahead, a key that follows and a policy's takeover before each of their steps: each is
// in the log once, with who decided it, and nothing is put on somebody else.
func TestLogKilledDecision(t *testing.T) {
	for name, c := range map[string]struct {
		want    string
		prepare func(b *bench) (do func(o *offline) error)
	}{
		"approved": {"approved by alice@site", func(b *bench) func(o *offline) error {
			b.hearAll()
			r := approvalOf(find(b.t, b.snapshot(), b.others[0].config.Component.ID))
			r.By = "alice@site"
			return func(o *offline) error { _, err := decideStored(o, trusting(r)); return err }
		}},
		"approved-ahead": {"approved-ahead by alice@site", func(b *bench) func(o *offline) error {
			b.prepares(b.others[0])
			p := find(b.t, b.snapshot(), b.others[0].config.Component.ID)
			r := approvalOf(p)
			r.By, r.Next = "alice@site", p.Next.KeySHA256
			return func(o *offline) error { _, err := decideStored(o, trusting(r)); return err }
		}},
		"followed": {"followed by tester@test", func(b *bench) func(o *offline) error {
			followsOn(b)
			return settling(b)
		}},
		"policy": {"policy by policy", func(b *bench) func(o *offline) error {
			b.hearAll()
			b.approve(b.others[0])
			c := *b.offline.config
			c.AcceptChanges = []string{"port"}
			b.offline.config = &c
			b.now = b.now.Add(time.Minute)
			k := b.open()
			o := b.others[0]
			a := o.announce(b.t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(b.t, "localhost:14901") })
			if err := k.hear(a, nil, o.id, b.now); err != nil {
				b.t.Fatal(err)
			}
			return settling(b)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				b := newBench(t)
				do := c.prepare(b)
				id := b.others[0].config.Component.ID
				before := len(b.decisions(id))
				steps, killed := b.killing(at, do)
				b.restart()
				b.restart()
				got := b.decisions(id)[before:]
				want := []string{c.want}
				if ofCommand := name == "approved" || name == "approved-ahead"; ofCommand && !slices.Contains(steps, "trust list") && killed {
					want = nil
				}
				if !slices.Equal(got, want) {
					t.Errorf("killed after %q: %q", steps, got)
				}
				verified(t, b.store())
				if !killed {
					break
				}
			}
		})
	}
}

// settling is a start and its commit.
func settling(b *bench) func(o *offline) error {
	return func(o *offline) error {
		k, err := o.loadToWrite()
		if err == nil {
			k.settle(b.now)
		}
		return err
	}
}

// TestLogOwesADecision: a line that could not be written, on a disk that is full for a moment, is written as soon as one can be, with who
// decided; by the same process or by the next one.
func TestLogOwesADecision(t *testing.T) {
	for _, failures := range []int{1, 2, 1000} {
		t.Run(fmt.Sprint(failures), func(t *testing.T) {
			b := newBench(t)
			b.hearAll()
			id := b.others[0].config.Component.ID
			r := approvalOf(find(t, b.snapshot(), id))
			r.By = "alice@site"
			o := *b.offline
			left := failures
			o.step = func(name string) error {
				if name != "log" || left == 0 {
					return nil
				}
				left--
				return errors.New("no space left on device")
			}
			if _, err := decideStored(&o, trusting(r)); err != nil {
				t.Fatal(err)
			}
			if got := b.decisions(id); failures < 1000 && !slices.Equal(got, []string{"approved by alice@site"}) {
				t.Errorf("the same process: %q", got)
			}
			b.restart()
			if got := b.decisions(id); !slices.Equal(got, []string{"approved by alice@site"}) {
				t.Errorf("after a restart: %q", got)
			}
			verified(t, b.store())
		})
	}
}

// TestLogOwesNoMoreThanItHolds: while the log cannot be written, a policy goes on taking over what others announce. What is owed is bounded,
// and the rest is counted, also where the line that says so fails at first.
func TestLogOwesNoMoreThanItHolds(t *testing.T) {
	b := newBench(t)
	k := b.open()
	k.store.step = func(name string) error {
		if name == "log" {
			return errors.New("no space left on device")
		}
		return nil
	}
	k.untold = true
	for i := range maxOwed + 3 {
		k.record(trust.LogRecord{Event: trust.EventPolicy, Component: fmt.Sprint("NODE_", i)}, b.now)
	}
	k.listTold()
	if len(k.owed) != maxOwed {
		t.Errorf("%d are held", len(k.owed))
	}
	written := 0
	k.store.step = func(name string) error {
		if name == "log" {
			if written++; written == maxOwed+1 {
				return errors.New("no space left on device")
			}
		}
		return nil
	}
	for range 3 {
		k.sealLog()
	}
	if lines := b.logged(trust.EventPolicy); len(lines) != maxOwed || !strings.Contains(lines[maxOwed-1], fmt.Sprintf(`"NODE_%d"`, maxOwed-1)) {
		t.Errorf("%d lines", len(lines))
	}
	if lines := b.logged(trust.EventLeftOut); len(lines) != 1 || !strings.Contains(lines[0], "3 more decisions") {
		t.Errorf("%q", lines)
	}
	verified(t, b.store())
}

// Two keys of one component are two decisions.
func TestSubject(t *testing.T) {
	one, other := trust.LogRecord{Component: "nice", Text: "the key SHA256:a"}, trust.LogRecord{Component: "nice", Text: "the key SHA256:b"}
	if subject(one) == subject(other) {
		t.Errorf("%q, %q", subject(one), subject(other))
	}
}

// TestLogAfterAPanic: what runs on the way out of a process that ends between list and line does not take the list for told.
func TestLogAfterAPanic(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	id := b.others[0].config.Component.ID
	r := approvalOf(find(t, b.snapshot(), id))
	r.By = "alice@site"
	k := b.killedBeforeLog(r)
	k.sealLog() // as release does
	b.restart()
	if got := b.decisions(id); !slices.Equal(got, []string{"approved by alice@site"}) {
		t.Errorf("%q", got)
	}
}

// TestLogLateFollow: while a key that was approved ahead cannot be taken over, because the list is being edited, nothing says that it was.
func TestLogLateFollow(t *testing.T) {
	b, o, next, _ := follows(t)
	k, err := b.offline.loadToWrite()
	if err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Second)
	if err := k.hear(o.announce(t, b.now, func(r *exchange.Registration) { r.Label = "Nice" }), nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	k.judged = trust.Evaluation{Decisions: map[peer.ID]trust.Decision{o.id: {Verdict: trust.VerdictAccepted}}} // as before it was announced
	f, err := os.OpenFile(b.offline.config.TrustList, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("# being edited\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if done := k.settle(b.now); !done.retry {
		t.Fatal("it was not late")
	}
	if lines := append(b.logged(trust.EventReported), b.logged(trust.EventFollowed)...); len(lines) > 0 {
		t.Errorf("told while nothing is taken over: %q", lines)
	}
	if _, err := k.reloadList(b.now); err != nil {
		t.Fatal(err)
	}
	k.settle(b.now)
	p := find(t, b.shown(k), o.config.Component.ID)
	if p.State != api.StateAccepted || p.Certificate.SHA256 != next.Certificate.SHA256().String() || len(p.Changes) > 0 || len(b.logged(trust.EventFollowed)) != 1 ||
		len(b.logged(trust.EventReported)) > 0 {
		t.Errorf("%+v", p)
	}
}

// TestLogApprovedAnew: who approves what stands anew, or dates an approval otherwise, is in the log.
func TestLogApprovedAnew(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	id := b.others[0].config.Component.ID
	b.approve(b.others[0])
	r := approvalOf(find(t, b.snapshot(), id))
	r.By = "mallory@site"
	if _, err := trustBy(b.offline, r); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Hour)
	if _, err := trustBy(b.offline, r); err != nil {
		t.Fatal(err)
	}
	if got := b.decisions(id); !slices.Equal(got, []string{"approved by tester@test", "edited by mallory@site", "edited by mallory@site"}) {
		t.Errorf("%q", got)
	}
	lines := b.logged(trust.EventEdited)
	if !strings.Contains(lines[0], `"changes":[{"field":"approved_by","old":"tester@test","new":"mallory@site"}]`) || !strings.Contains(lines[1], `"changes":[{"field":"approved_at",`) {
		t.Errorf("%q", lines)
	}
}

// TestLogAuthoritiesAtAStart: a setting that was edited while no agent ran is in the log, once, also where its line failed at first.
func TestLogAuthoritiesAtAStart(t *testing.T) {
	b := newBench(t)
	b.restart()
	office := newOffice(t, b.now, b.now.AddDate(9, 0, 0))
	path := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(path, office.certificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	without := b.offline.config
	with := *without
	with.Authorities = []string{path}
	b.offline.config = &with
	o := *b.offline
	o.step = func(name string) error {
		if name == "log" {
			return errors.New("no space left on device")
		}
		return nil
	}
	if _, err := o.loadToWrite(); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.restart()
	b.offline.config = without
	b.restart()
	b.restart()
	lines := b.logged(trust.EventAuthorities)
	if len(lines) != 2 || !strings.Contains(lines[0], "authorities set: CN=Root") || !strings.Contains(lines[1], "no authorities are set any more") {
		t.Errorf("%q", lines)
	}
}

// TestLogHandEditThatACommandTakesOver: what follows from an edit by hand is in the log also where a command takes it over, whether that is
// done, refused, or stored only at the second attempt.
func TestLogHandEditThatACommandTakesOver(t *testing.T) {
	approval := func(b *bench, k *core) api.TrustRequest {
		r := approvalOf(k.peer(b.others[2].id, b.now))
		r.By = "tester@test"
		return r
	}
	for name, command := range map[string]func(b *bench, k *core) *api.Error{
		"done": func(b *bench, k *core) *api.Error {
			_, fault := k.edit(approval(b, k), b.now)
			return fault
		},
		"several": func(b *bench, k *core) *api.Error {
			r := approval(b, k)
			_, fault := k.approveSeveral(api.ApproveRequest{By: r.By,
				Approvals: []api.Approval{{Component: r.Component, PeerID: r.PeerID, Announcement: r.Announcement}}}, b.now)
			return fault
		},
		"refused": func(b *bench, k *core) *api.Error {
			r := approval(b, k)
			r.Action = api.ActionRevoke
			if _, fault := k.edit(r, b.now); fault == nil {
				b.t.Error("who is not approved was revoked")
			}
			k.settle(b.now) // as the loop's next
			return nil
		},
		"second attempt": func(b *bench, k *core) *api.Error {
			k.store.step = func(name string) error {
				if name == "card "+dirApproved {
					return errors.New("no space left on device")
				}
				return nil
			}
			done, fault := k.edit(approval(b, k), b.now)
			if !done.retry {
				b.t.Error("it was stored at once")
			}
			k.store.step = nil
			k.settle(b.now)
			return fault
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.hearAll()
			b.approve(b.others[0])
			b.approve(b.others[1])
			k := b.open()
			k.settle(b.now)
			id := b.others[0].config.Component.ID
			without, err := k.list.Forget(id, b.others[0].id)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(b.offline.config.TrustList, without.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if fault := command(b, k); fault != nil {
				t.Fatal(fault)
			}
			heard := slices.DeleteFunc(b.logged(trust.EventHeard), func(line string) bool { return !strings.Contains(line, id) })
			if len(heard) != 2 {
				t.Errorf("who waits for a decision again: %q", heard)
			}
		})
	}
}
