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

// pool counts the records that count against a bound, by who pays for them.
type pool struct {
	counts map[peer.ID]int
	total  int
}

func newPool() pool { return pool{counts: make(map[peer.ID]int)} }

func (p *pool) add(payer peer.ID, n int) {
	p.total += n
	p.counts[payer] += n
	if p.counts[payer] == 0 {
		delete(p.counts, payer)
	}
}

// pool gives the pool in which the record of an ID counts.
func (t *Table) pool(id ID) *pool {
	if id.dependent() {
		return &t.dependents
	}
	return &t.announced
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
// the floors of identities that listed does not name (on the operator's list, whatever their status, and one's own). Floors of dependents
// have no list: what is older has lapsed. It returns the IDs of the dropped records.
func (t *Table) Expire(now time.Time, listed func(peer.ID) bool) []ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	var dropped []ID
	for id, held := range t.slots {
		if !held.protected && held.record.lapsed(now) {
			dropped = append(dropped, t.drop(id)...)
		}
	}
	for id, f := range t.floors {
		if f.heard.IsZero() {
			f.heard = now
		}
		_, held := t.slots[id]
		kept := held || listed(id.Peer) && !id.dependent()
		if !kept && now.Sub(f.heard) >= FloorLifetime {
			delete(t.floors, id)
		}
	}
	t.trimFloors()
	return dropped
}

// makeRoom applies the bounds to a new ID. The newest of who pays for most goes, r counted in; that may be r
// itself, which is then CodeFull. So a flood pushes out only what the flood brought.
func (t *Table) makeRoom(r Record, payer peer.ID, protected bool, now time.Time) (evicted []ID, err error) {
	if r.dependent() {
		if evicted, err = t.makeSetRoom(r, now); err != nil {
			return nil, err
		}
	}
	if protected {
		return evicted, nil
	}
	p := t.pool(r.ID)
	mine := p.counts[payer] + 1
	if payer != "" && mine > t.bounds.PerForwarder && !r.dependent() {
		return evicted, late(r, CodeFull, "", "", fmt.Sprintf("the forwarding peer brought %d others that nobody approved", mine-1))
	}
	for p.total >= t.bounds.Pending {
		victim, ok := t.newestOfLargest(p, mine)
		if !ok {
			return evicted, late(r, CodeFull, "", "", fmt.Sprintf("%d that nobody approved are held", p.total))
		}
		evicted = append(evicted, t.drop(victim)...)
	}
	return evicted, nil
}

// makeSetRoom holds an identity to its number of set names. What has lapsed makes room.
func (t *Table) makeSetRoom(r Record, now time.Time) (evicted []ID, err error) {
	live, lapsed := t.setNames(t.slots[r.announcement()], r.Kind, now)
	if live+len(lapsed) < MaxSetNames {
		return nil, nil
	}
	if len(lapsed) == 0 {
		return nil, late(r, CodeFull, "set-name", r.Set, fmt.Sprintf("this identity has %d others of this kind", live))
	}
	for _, id := range lapsed {
		evicted = append(evicted, t.drop(id)...)
	}
	return evicted, nil
}

// setNames counts the set names of one kind that depend on an announcement and have not lapsed, and lists those that have.
func (t *Table) setNames(of *slot, kind Kind, now time.Time) (live int, lapsed []ID) {
	for id := range of.dependents {
		switch {
		case id.Kind != kind:
		case t.slots[id].record.lapsed(now):
			lapsed = append(lapsed, id)
		default:
			live++
		}
	}
	return live, lapsed
}

// newestOfLargest is the newest record of who pays for most; of several such ones, the newest of
// all. There is none if nobody has more than share.
func (t *Table) newestOfLargest(p *pool, share int) (victim ID, ok bool) {
	largest := slot{}
	for id, held := range t.slots {
		count := p.counts[held.payer]
		if held.protected || t.pool(id) != p || count <= share {
			continue
		}
		if most := p.counts[largest.payer]; !ok || count > most || count == most && held.arrival > largest.arrival {
			victim, largest, ok = id, *held, true
		}
	}
	return victim, ok
}

// account adds a record to what counts against the bounds, or with -1 takes it away.
func (t *Table) account(held *slot, n int) {
	if !held.protected {
		t.pool(held.record.ID).add(held.payer, n)
	}
}

func (t *Table) isProtected(id ID) bool {
	held, ok := t.slots[id]
	return ok && held.protected
}

// protect sets what an ID's record is, and, of an announcement, what depends on it.
func (t *Table) protect(held *slot, protected bool) {
	if held.protected == protected {
		return
	}
	t.setProtected(held, protected)
	for id := range held.dependents {
		t.setProtected(t.slots[id], protected)
	}
}

func (t *Table) setProtected(held *slot, protected bool) {
	t.account(held, -1)
	held.protected = protected
	t.account(held, 1)
}

// attach notes a new dependent with the announcement that it depends on.
func (t *Table) attach(id ID) {
	if !id.dependent() {
		return
	}
	author := t.slots[id.announcement()]
	if author.dependents == nil {
		author.dependents = make(map[ID]bool)
	}
	author.dependents[id] = true
}

// drop removes a record, and what depends on it. An announcement's floor stays, for ever if it was protected.
func (t *Table) drop(id ID) (dropped []ID) {
	held, ok := t.slots[id]
	if !ok {
		return nil
	}
	t.account(held, -1)
	delete(t.slots, id)
	if id.dependent() {
		delete(t.slots[id.announcement()].dependents, id)
		return []ID{id}
	}
	if held.protected {
		t.floors[id].kept = true
	}
	dropped = []ID{id}
	for other := range held.dependents {
		t.account(t.slots[other], -1)
		delete(t.slots, other)
		dropped = append(dropped, other)
	}
	return dropped
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
