package agent

import (
	"testing"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// TestCardsKilledAtEveryStep ends an import, an export and several approvals before each of their steps: what stands then is whole, and the
// same done again arrives at the same end.
func TestCardsKilledAtEveryStep(t *testing.T) {
	for name, c := range map[string]struct {
		least int // steps
		// prepare gives what is killed, and check what must hold after it was done again.
		prepare func(b *bench) (do func(o *offline) error, check func(t *testing.T, at int))
	}{
		"import": {4, func(b *bench) (func(o *offline) error, func(t *testing.T, at int)) {
			b.hear(b.others[0].announce(b.t, b.now, nil)) // the card overtakes what was heard
			cards := []exchange.Card{b.others[0].yearCard(b.t, b.now), b.others[1].yearCard(b.t, b.now)}
			return func(o *offline) error { _, err := decideStored(o, importing(importOf(cards...))); return err }, func(t *testing.T, at int) {
				for i, o := range b.others[:2] {
					p := find(t, b.snapshot(), o.config.Component.ID)
					if p.State != api.StatePending || p.ByCard == nil || p.Announcement != cards[i].Announcement.Hash.String() {
						t.Errorf("step %d: %+v", at, p)
					}
				}
			}
		}},
		"export": {4, func(b *bench) (func(o *offline) error, func(t *testing.T, at int)) {
			var made api.Card
			return func(o *offline) (err error) { made, err = o.export(api.ExportRequest{}); return err }, func(t *testing.T, at int) {
				if own := b.snapshot().Self; own.Sequence <= made.Peer.Sequence || own.PeerID != made.Peer.PeerID {
					t.Errorf("step %d: the card has %d, what is told %d", at, made.Peer.Sequence, own.Sequence)
				}
			}
		}},
		"approvals": {8, func(b *bench) (func(o *offline) error, func(t *testing.T, at int)) {
			b.hearAll()
			r := api.ApproveRequest{By: "tester@test"}
			for _, p := range b.snapshot().Peers {
				r.Approvals = append(r.Approvals, api.Approval{Component: p.Component, PeerID: p.PeerID, Announcement: p.Announcement})
			}
			return func(o *offline) error { _, err := decideStored(o, approving(r)); return err }, func(t *testing.T, at int) {
				if s := b.snapshot(); s.Set == nil || len(s.Set.Parties) != 4 || len(rows(t, b.offline.config.Component.Database)) != 3 {
					t.Errorf("step %d: %s", at, dump(s))
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := 0
			for at := 0; ; at++ {
				b := newBench(t)
				do, check := c.prepare(b)
				_, killed := b.killing(at, do)
				if s := b.snapshot(); s.Set != nil && len(s.Set.Parties) != 4 {
					t.Fatalf("step %d: half a set: %s", at, dump(s))
				}
				if err := do(b.offline); err != nil {
					t.Fatalf("step %d: again: %v", at, err)
				}
				check(t, at)
				if !killed {
					break
				}
				reached++
			}
			if reached < c.least {
				t.Errorf("only %d steps", reached)
			}
		})
	}
}
