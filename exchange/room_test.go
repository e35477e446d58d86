package exchange

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

// TestRoomIsWhatPutTakes: after any history, Room says no exactly when Put says full, and as many as it says are taken.
func TestRoomIsWhatPutTakes(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	forwarders := []peer.ID{"", "f", "g", "h"}
	empty, full := 0, 0
	for i := range 2000 {
		table := NewTable(Bounds{Pending: 1 + rng.IntN(12), PerForwarder: 1 + rng.IntN(6)})
		for range rng.IntN(30) {
			r := row(peer.ID(fmt.Sprint("p", rng.IntN(20))), 1, 1)
			_, _ = table.Put(r, forwarders[rng.IntN(len(forwarders))], rng.IntN(4) == 0, testNow) // full and known are part of a history
			if rng.IntN(4) == 0 {
				table.Remove(r.ID)
			}
		}
		from := forwarders[1+rng.IntN(3)]
		room := table.Room(from)
		if room == 0 {
			full++
			if _, err := table.Put(row("new", 1, 1), from, false, testNow); codeOf(err) != CodeFull {
				t.Fatalf("history %d: no room, but Put gives %v", i, err)
			}
		}
		for n := range room {
			empty++
			put(t, table, row(peer.ID(fmt.Sprint("new", n)), 1, 1), from, false)
		}
	}
	if empty == 0 || full == 0 {
		t.Fatalf("the histories show only one side: %d taken, %d full", empty, full)
	}
}
