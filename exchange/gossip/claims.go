package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

// asking is a record's reservation by a running exchange.
type asking struct {
	peer  peer.ID
	since time.Time
}

// share is how much may be asked of a neighbour.
type share struct {
	room      func() int                // so many of the records that need room in the table
	needsRoom func(exchange.Entry) bool // nil: none does
	patience  time.Duration             // how long nobody else is asked for what one was asked for
	now       time.Time
}

// needing says which of these entries need room. It is asked before room is: what is stored in between counts twice, not never.
func (s share) needing(table []exchange.Entry, indices []int) (needs map[int]bool, room int) {
	if s.needsRoom == nil {
		return nil, 0
	}
	needs = make(map[int]bool, len(indices))
	for _, i := range indices {
		needs[i] = s.needsRoom(table[i])
	}
	return needs, s.room()
}

// claim gives the first of these entries (indices into a table) that may be asked of p, and reserves them. running says that some are
// left only because an exchange asks for them. What waits for room is noted, for settledFor.
//
// What came from p and is not in the table may still be on its way there; it has its room until it may be asked for again.
func (n *neighbours) claim(p peer.ID, table []exchange.Entry, indices []int, s share) (out []int, running bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	nb, ok := n.peers[p]
	if !ok {
		return nil, false
	}
	needs, room := s.needing(table, indices)
	nb.forget(table)
	nb.waits = time.Time{}
	for _, i := range indices {
		again, came := nb.fetched[table[i]]
		by, asked := n.asked[table[i]]
		if came && again.IsZero() {
			continue
		}
		if asked && by.peer != p && s.now.Sub(by.since) < s.patience {
			running = true
			continue
		}
		if needs[i] {
			if room <= 0 {
				nb.wait(s.now)
				continue
			}
			room--
		}
		switch {
		case asked && by.peer == p:
			running = true
		case came && s.now.Before(again):
			nb.wait(again)
		case len(out) == maxWant:
			running = true
		default:
			n.asked[table[i]] = asking{p, s.now}
			out = append(out, i)
		}
	}
	return out, running
}

func (nb *neighbour) wait(until time.Time) {
	if nb.waits.IsZero() || until.Before(nb.waits) {
		nb.waits = until
	}
}

// forget drops what is remembered of records that the neighbour does not have any more, once that is more than a table's worth.
func (nb *neighbour) forget(table []exchange.Entry) {
	if len(nb.fetched) <= maxEntries {
		return
	}
	old := nb.fetched
	nb.fetched = make(map[exchange.Entry]time.Time, len(table))
	for _, e := range table {
		if again, ok := old[e]; ok {
			nb.fetched[e] = again
		}
	}
}

// release ends p's reservations; one that another neighbour took over stays.
func (n *neighbours) release(p peer.ID, table []exchange.Entry, indices []int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range indices {
		if n.asked[table[i]].peer == p {
			delete(n.asked, table[i])
		}
	}
}

// fetched notes that p need not be asked for a record before again; zero: not on this connection.
func (n *neighbours) fetched(p peer.ID, e exchange.Entry, again time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if nb, ok := n.peers[p]; ok {
		nb.fetched[e] = again
	}
}
