package exchange

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// HasRoom says whether Put would take a record of a kind that depends on an announcement, if it is newer than what is held: whether the
// identity has a set name left for it, and, where nobody approved the identity, whether there is room among others of that sort.
func (t *Table) HasRoom(id ID, now time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	author, known := t.slots[id.announcement()]
	if _, held := t.slots[id]; held || !known {
		return known
	}
	live, _ := t.setNames(author, id.Kind, now)
	return live < MaxSetNames && (author.protected || t.dependents.total < t.bounds.Pending)
}

// Room is how many announcements of identities that are not held and not protected Put would take now if this peer forwarded them: what is
// left of its share and of the whole, and at least 1 if the largest forwarder would have to make room for one.
func (t *Table) Room(from peer.ID) int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	mine := t.announced.counts[from]
	share := t.bounds.PerForwarder - mine
	if share <= 0 {
		return 0
	}
	if free := t.bounds.Pending - t.announced.total; free > 0 {
		return min(share, free)
	}
	for _, count := range t.announced.counts {
		if count > mine+1 {
			return 1
		}
	}
	return 0
}
