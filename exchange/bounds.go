package exchange

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// floor is the highest sequence seen of an ID. heard is when its last record came; zero for a restored one until Expire
// first sees it. kept ones are not subject to the bound on floors.
type floor struct {
	sequence uint64
	heard    time.Time
	kept     bool
}

// Floor is the highest sequence validly seen of an ID; 0: none.
func (t *Table) Floor(id ID) uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if f, ok := t.floors[id]; ok {
		return f.sequence
	}
	return 0
}

// SetFloor restores a floor at start. It never lowers one.
func (t *Table) SetFloor(id ID, sequence uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.floors[id]
	if !ok {
		f = new(floor)
		t.floors[id] = f
	}
	f.sequence = max(f.sequence, sequence)
	f.kept = true
}

// Expire drops what time has ended: unprotected records that have lapsed, and, FloorLifetime after their last record,
// the floors of identities that listed does not name (on the operator's list, whatever their status, and one's own). It
// returns the IDs of the dropped records.
func (t *Table) Expire(now time.Time, listed func(peer.ID) bool) []ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	var dropped []ID
	for id, held := range t.slots {
		if !held.protected && held.record.lapsed(now) {
			t.drop(id)
			dropped = append(dropped, id)
		}
	}
	for id, f := range t.floors {
		if f.heard.IsZero() {
			f.heard = now
		}
		if _, held := t.slots[id]; !held && !listed(id.Peer) && now.Sub(f.heard) >= FloorLifetime {
			delete(t.floors, id)
		}
	}
	t.trimFloors()
	return dropped
}

// makeRoom applies the bounds to a new ID. The newest of the largest forwarder goes, r counted in; that may be r
// itself, which is then CodeFull. So a flood pushes out only what the flood brought.
func (t *Table) makeRoom(r Record, from peer.ID) (evicted []ID, err error) {
	mine := t.counts[from] + 1
	if from != "" && mine > t.bounds.PerForwarder {
		return nil, late(r, CodeFull, "", "", fmt.Sprintf("the forwarding peer brought %d others that nobody approved", mine-1))
	}
	for t.pending >= t.bounds.Pending {
		victim, ok := t.newestOfLargest(mine)
		if !ok {
			return evicted, late(r, CodeFull, "", "", fmt.Sprintf("%d that nobody approved are held", t.pending))
		}
		t.drop(victim)
		evicted = append(evicted, victim)
	}
	return evicted, nil
}

// newestOfLargest is the newest record of the forwarder that brought most; of several such forwarders, the newest of
// all. There is none if nobody brought more than share.
func (t *Table) newestOfLargest(share int) (victim ID, ok bool) {
	largest := slot{}
	for id, held := range t.slots {
		count := t.counts[held.from]
		if held.protected || count <= share {
			continue
		}
		if most := t.counts[largest.from]; !ok || count > most || count == most && held.arrival > largest.arrival {
			victim, largest, ok = id, *held, true
		}
	}
	return victim, ok
}

// account adds a record to what counts against the bounds, or with -1 takes it away.
func (t *Table) account(held *slot, n int) {
	if held.protected {
		return
	}
	t.pending += n
	t.counts[held.from] += n
	if t.counts[held.from] == 0 {
		delete(t.counts, held.from)
	}
}

func (t *Table) setProtected(held *slot, protected bool) {
	t.account(held, -1)
	held.protected = protected
	t.account(held, 1)
}

// drop removes a record. Its floor stays, for ever if the record was protected.
func (t *Table) drop(id ID) {
	held, ok := t.slots[id]
	if !ok {
		return
	}
	t.account(held, -1)
	delete(t.slots, id)
	if held.protected {
		t.floors[id].kept = true
	}
}

func (t *Table) raise(id ID, sequence uint64, now time.Time) {
	f, ok := t.floors[id]
	if !ok {
		f = new(floor)
		t.floors[id] = f
	}
	f.sequence = max(f.sequence, sequence)
	f.heard = now
}

// trimFloors bounds the floors that stand for no record and that nobody asked to keep, to as many as there may be
// pending records: the one heard longest ago goes. What it guarded against is that a dropped, never approved record
// comes back.
func (t *Table) trimFloors() {
	for len(t.floors)-len(t.slots) > t.bounds.Pending { // each record has a floor
		bare := 0
		var oldest ID
		for id, f := range t.floors {
			if _, held := t.slots[id]; held || f.kept {
				continue
			}
			o, ok := t.floors[oldest]
			if !ok || f.heard.Before(o.heard) || f.heard.Equal(o.heard) && compareIDs(id, oldest) < 0 {
				oldest = id
			}
			bare++
		}
		if bare <= t.bounds.Pending {
			return
		}
		delete(t.floors, oldest)
	}
}
