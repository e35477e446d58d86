package agent

import (
	"syscall"
	"testing"

	"fbpeer/agent/api"
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
