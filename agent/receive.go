package agent

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

// maxShown is how many older announcements with the same held values an approval may still name.
const maxShown = 16

// sameHeld says whether two announcements agree in every value that an approval pins.
func sameHeld(a, b *exchange.Announcement) bool {
	return a.Peer == b.Peer && a.Component == b.Component && a.Role == b.Role && a.Endpoint == b.Endpoint &&
		a.Certificate.SHA256() == b.Certificate.SHA256()
}

// hear takes an announcement of somebody else that the table is about to take, and makes it durable first. One that cannot be stored is not
// taken: it comes again with the next sync. rival, if not nil, is another with the same sequence, which is kept beside it as the proof.
func (k *core) hear(a, rival *exchange.Announcement, from peer.ID, now time.Time) error {
	if err := k.store.writeCard(dirHeard, a, rival); err != nil {
		return err
	}
	if rival != nil {
		k.equivocal[a.Peer] = true
	}
	k.overtake(a)
	k.heard[a.Peer] = heard{at: now.UTC(), from: from}
	k.dropImported(a.Peer)
	k.changed = now
	return nil
}

// overtake makes an announcement the newest of its identity.
func (k *core) overtake(a *exchange.Announcement) {
	if before := k.newest[a.Peer]; before != nil && before.Hash != a.Hash {
		if !sameHeld(before, a) {
			delete(k.shown, a.Peer)
		} else {
			shown := append(slices.Clone(k.shown[a.Peer]), before.Hash)
			k.shown[a.Peer] = shown[max(0, len(shown)-maxShown):]
		}
		if before.Sequence != a.Sequence {
			delete(k.equivocal, a.Peer)
		}
	}
	k.noteNext(k.newest[a.Peer], a)
	k.newest[a.Peer] = a
}

// take puts a received announcement of somebody else into the stores and then the table. It says whether anything is new.
func (k *core) take(t *exchange.Table, a *exchange.Announcement, from peer.ID, now time.Time) (news bool, err error) {
	record := a.Record()
	err = t.Check(record, now)
	var refusal *exchange.Refusal
	var rival *exchange.Announcement
	if errors.As(err, &refusal) && refusal.Code == exchange.CodeEquivocation {
		if rival = k.newest[a.Peer]; rival != nil && bytes.Compare(rival.Hash[:], a.Hash[:]) <= 0 {
			return k.contradicted(rival, a)
		}
	} else if err != nil {
		return false, err
	}
	if err := k.hear(a, rival, from, now); err != nil {
		return false, err
	}
	evicted, err := t.Put(record, from, k.protected(a.Peer), now)
	k.gone(evicted)
	if errors.As(err, &refusal) && refusal.Code != exchange.CodeEquivocation {
		k.drop(a.Peer) // no room
		return false, err
	}
	return true, nil
}

// contradicted keeps the proof that an identity sealed two payloads with one sequence, once: newest stays what is held.
func (k *core) contradicted(newest, rival *exchange.Announcement) (news bool, err error) {
	if k.equivocal[newest.Peer] {
		return false, nil
	}
	if err := k.store.writeCard(dirHeard, newest, rival); err != nil {
		return false, err
	}
	k.equivocal[newest.Peer] = true
	return true, nil
}

// ofBarredKeys are the identities whose newest announcement is of a key that the list bars: it is not passed on. A new map.
func (k *core) ofBarredKeys() map[peer.ID]bool {
	all := map[peer.ID]bool{}
	if !k.list.BarsKeys() {
		return all
	}
	for id, a := range k.newest {
		if k.list.KeyStatus(a.Certificate.KeySHA256()) != "" {
			all[id] = true
		}
	}
	return all
}

// protected says whose announcements are never evicted and count against no bound: the approved ones', everybody's whom the
// list names, and what came by card.
func (k *core) protected(id peer.ID) bool {
	_, byCard := k.imported[id]
	return id == k.self.id || k.approved[id] != nil || k.keeps(id) || byCard
}

// fillTable gives a new table what the stores hold.
func (k *core) fillTable(t *exchange.Table, now time.Time) {
	put := func(a *exchange.Announcement) {
		record := k.row(a)
		// What ran out is refused here, as it must be: nobody is told of it, but its sequence stays the floor. Who forwarded it is not
		// stored: without a forwarder it makes room for newcomers.
		if _, err := t.Put(record, "", k.protected(a.Peer), now); err != nil && !beyond(now, a.Sequence) {
			t.SetFloor(record.ID, record.Sequence)
		}
	}
	if k.self.announcement != nil {
		put(k.self.announcement)
	}
	ids := make([]peer.ID, 0, len(k.newest))
	for id := range k.newest {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		put(k.newest[id])
	}
	for _, a := range k.approved {
		if !beyond(now, a.Sequence) {
			t.SetFloor(a.Record().ID, a.Sequence)
		}
	}
}

// ownFloor is the highest sequence of ours that was validly seen.
func (k *core) ownFloor(t *exchange.Table) uint64 {
	return t.Floor(exchange.ID{Kind: exchange.KindAnnouncement, Peer: k.self.id})
}
