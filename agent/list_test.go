package agent

import (
	"os"
	"testing"

	"fbpeer/agent/api"
)

// An editor that empties the file first must not revoke anybody, and an entry that is put back is in force as before.
func TestListEmptiedAndPutBack(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	k := b.open()
	k.settle(b.now)
	list, id := b.offline.config.TrustList, b.others[0].config.Component.ID
	whole, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	before := b.outputs()
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(list, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(nil)
	if changed, err := k.reloadList(b.now); changed || err == nil {
		t.Errorf("an emptied list was taken over: %v", err)
	}
	k.settle(b.now)
	if got := b.outputs(); got != before {
		t.Errorf("an emptied list changed %s to %s", before, got)
	}
	only, err := k.list.Forget(id, b.others[0].id)
	if err != nil {
		if only, err = k.list.Revoke(id, b.others[0].id, [32]byte{}, "tester", b.now); err != nil {
			t.Fatal(err)
		}
	}
	write(only.Bytes())
	if changed, err := k.reloadList(b.now); !changed || err != nil {
		t.Fatalf("an edit by hand: %v", err)
	}
	k.settle(b.now)
	if _, left := rows(t, b.offline.config.Component.Database)[id]; left {
		t.Error("the row of a removed approval is left")
	}
	write(whole)
	delete(k.newest, b.others[0].id) // only the card knows it
	if _, err := k.reloadList(b.now); err != nil {
		t.Fatal(err)
	}
	k.settle(b.now)
	if got := b.outputs(); got != before {
		t.Errorf("put back: %s is now %s", before, got)
	}
	write(only.Bytes())
	if _, err := k.reloadList(b.now); err != nil {
		t.Fatal(err)
	}
	k.settle(b.now.Add(cardSpared))
	if k.approved[b.others[0].id] != nil {
		t.Error("the card is kept for ever")
	}
	if got := state(k.snapshot(network{}, b.now), b.others[1].config.Component.ID); got != api.StateAccepted {
		t.Errorf("the other is %s", got)
	}
}
