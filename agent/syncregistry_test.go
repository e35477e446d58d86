package agent

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
)

// A sync of a running agent takes nothing for known: what it would write otherwise is written, though nothing reads the difference.
func TestSyncWritesTheFormToo(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	k := b.open()
	k.settle(b.now)
	registerByHand(t, b.offline.config.Component.Database, handRowOf(b.others[0]))
	k.lookRegistry(b.now)
	if done := k.settle(b.now); len(done.rows) > 0 {
		t.Errorf("a kind that nothing reads is written at once: %v", done.rows)
	}
	r, _, err := k.syncRegistry(b.now)
	if err != nil || !slices.Equal(r.Written, []string{b.others[0].config.Component.ID}) || len(r.Warnings) > 0 || r.Rows[0].Kind != "NODE" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestSyncKilledAtEveryStep ends a sync before each of its steps: the database holds all of it or nothing, and a start finishes it.
func TestSyncKilledAtEveryStep(t *testing.T) {
	for at := 0; ; at++ {
		b := newBench(t)
		b.hearAll()
		b.approve(b.others[0])
		b.approve(b.others[1])
		whole := b.outputs()
		row := handRowOf(b.others[1])
		row.Port = 14999
		registerByHand(t, b.offline.config.Component.Database, row)
		before := b.outputs()
		killed := b.killSync(at)
		if got := b.outputs(); got != before && got != whole {
			t.Fatalf("step %d: in between %s", at, got)
		}
		if done := b.open().settle(b.now); done.retry || b.outputs() != whole {
			t.Fatalf("step %d: after a start %s, want %s", at, b.outputs(), whole)
		}
		if !killed {
			if at == 0 {
				t.Error("a sync has no step")
			}
			return
		}
	}
}

func (b *bench) killSync(at int) (killed bool) {
	steps := 0
	o := *b.offline
	o.step = func(string) error {
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
	if r, err := o.syncRegistry(); err != nil || r.Fault != nil || len(r.Written) != 2 {
		b.t.Fatalf("%+v, %v", r, err)
	}
	return false
}

// What could not be written is said, and is not said to be written.
func TestSyncThatCannotWrite(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	registerByHand(t, b.offline.config.Component.Database)
	b.offline.step = func(name string) error {
		if name == "registry" {
			return os.ErrPermission
		}
		return nil
	}
	if r := b.sync(); r.Fault == nil || !strings.Contains(r.Fault.Text, os.ErrPermission.Error()) || len(r.Written) > 0 || r.OK {
		t.Errorf("%+v", r)
	}
	// An edit by hand that does not parse is not gone past.
	b.offline.step = nil
	k := b.open()
	k.settle(b.now)
	if err := os.WriteFile(b.offline.config.TrustList, []byte("[x]\nstatus = aproved\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.syncRegistry(b.now); fault(t, err).Code != api.CodeRefused {
		t.Errorf("with a list that does not parse: %v", err)
	}
}

// Rows that somebody else removed or changed under a running agent are written again, and it is said once.
func TestMeddlingIsPutRightAndReported(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	k := b.open()
	var log bytes.Buffer
	k.settle(b.now)
	first, second := handRowOf(b.others[0]), handRowOf(b.others[1])
	second.Component = "NODE"
	database := b.offline.config.Component.Database
	look := func() []string {
		k.lookRegistry(b.now)
		k.settle(b.now)
		var texts []string
		for _, w := range b.shown(k).Warnings {
			if w.Code == api.WarnRegistryMended && !w.Error && w.Cure != "" {
				texts = append(texts, w.Text)
			}
		}
		data, err := os.ReadFile(b.store().path(fileLog))
		if err != nil {
			t.Fatal(err)
		}
		log.Reset()
		log.Write(data)
		return texts
	}
	if texts := look(); len(texts) != 0 {
		t.Fatalf("nobody did anything: %v", texts)
	}
	registerByHand(t, database, second)
	if texts := look(); len(texts) != 1 || !strings.Contains(texts[0], "removed: "+first.PartyID) || strings.Contains(texts[0], second.PartyID) {
		t.Errorf("removed: %v", texts)
	}
	if got := rows(t, database); len(got) != 2 {
		t.Errorf("not put back: %v", got)
	}
	if strings.Count(log.String(), `"registry-mended"`) != 1 || !strings.Contains(log.String(), "row written") {
		t.Errorf("in the log: %s", log.String())
	}
	first.Component, first.Port = "NODE", 14999
	registerByHand(t, database, first, second)
	if texts := look(); len(texts) != 1 || !strings.Contains(texts[0], "changed: "+first.PartyID) {
		t.Errorf("changed: %v", texts)
	}
	if _, fault := k.edit(api.TrustRequest{Action: api.ActionRevoke, Component: first.PartyID, PeerID: b.others[0].id.String(), By: "tester@test"}, b.now); fault != nil {
		t.Fatal(fault)
	}
	registerByHand(t, database, first, second)
	if texts := look(); len(texts) != 1 || !strings.Contains(texts[0], "put there again, though not approved: "+first.PartyID) {
		t.Errorf("put there again: %v", texts)
	}
	if got := rows(t, database); len(got) != 1 {
		t.Errorf("the revoked one's row: %v", got)
	}
	// An hour later it is no news.
	b.now = b.now.Add(mendedShown)
	if texts := look(); len(texts) != 0 || strings.Count(log.String(), `"registry-mended"`) != 3 {
		t.Errorf("an hour later: %v, %s", texts, log.String())
	}
	// Who was forgotten may be registered by hand.
	if _, fault := k.edit(api.TrustRequest{Action: api.ActionForget, Component: second.PartyID, PeerID: b.others[1].id.String(), By: "tester@test"}, b.now); fault != nil {
		t.Fatal(fault)
	}
	registerByHand(t, database, second)
	if texts := look(); len(texts) != 0 || len(rows(t, database)) != 1 {
		t.Errorf("registered after it was forgotten: %v, %v", texts, rows(t, database))
	}
}

// A running agent answers from its loop.
func TestRegistryOfARunningAgent(t *testing.T) {
	s := newScene(t)
	sites := []*site{s.start(s.files[0]), s.start(s.files[1])}
	introduce(sites...)
	sites[0].approve(sites[1].config.Component.ID)
	c, err := Dial(t.Context(), sites[0].config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Registry(t.Context(), api.RegistryRequest{})
	if err != nil || !r.OK || len(r.Rows) != 1 || r.Rows[0].State != api.RowOurs {
		t.Fatalf("%+v, %v", r, err)
	}
	// Deleted with Fed-BioMed's own command: the watch puts it back, or the sync that is asked for at once.
	registerByHand(t, sites[0].config.Component.Database)
	r, err = c.Registry(t.Context(), api.RegistryRequest{Sync: true})
	if err != nil || !r.OK || r.Fault != nil {
		t.Fatalf("synced: %+v, %v", r, err)
	}
	sites[0].wait("the report", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnRegistryMended) && s.Rows == 1 })
	registerByHand(t, sites[0].config.Component.Database)
	deadline := time.After(patience)
	for tick := time.NewTicker(20 * time.Millisecond); len(rows(t, sites[0].config.Component.Database)) != 1; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the row does not come back by itself")
		}
	}
}
