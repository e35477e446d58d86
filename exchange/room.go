package exchange

import "github.com/libp2p/go-libp2p/core/peer"

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
