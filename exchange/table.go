package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// Bounds that NewTable takes where none is given, and how long the floor of an identity that nobody listed outlives its
// last record: longer than any record of the topic can.
const (
	DefaultPending      = 1024
	DefaultPerForwarder = 32
	FloorLifetime       = MaxLifetime + 24*time.Hour
	MaxSetNames         = 16 // of one identity, for each kind but announcements
)

// ID names a slot of the table. Set is the set name of a view, a proposal or a numbered certificate; empty for the default set, and for
// announcements.
type ID struct {
	Kind Kind
	Peer peer.ID
	Set  string
}

// dependent says whether records of this ID stand and fall with their identity's announcement.
func (id ID) dependent() bool { return id.Kind != KindAnnouncement }

func (id ID) announcement() ID { return ID{Kind: KindAnnouncement, Peer: id.Peer} }

func compareIDs(a, b ID) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Set, b.Set))
}

// Entry is a row of the table as digests and differences see it.
type Entry struct {
	ID
	Sequence uint64
	Hash     mpspdz.Hash
}

// newer says whether e replaces o: a later sequence, or at the same one the smaller hash, so that all agents that saw
// both keep the same.
func (e Entry) newer(o Entry) bool {
	if e.Sequence != o.Sequence {
		return e.Sequence > o.Sequence
	}
	return slices.Compare(e.Hash[:], o.Hash[:]) < 0
}

// Record is what the table holds, the newest per ID.
type Record struct {
	Entry
	Issued, Expires     time.Time
	NotBefore, NotAfter time.Time // of the certificate, if there is one
	Sealed              []byte    // not to be written to
	Card                bool      // it came by card: held, but not told to others
}

// cardLived says whether the record is of a card: it came by one, or lives longer than the topic allows. Never gossiped nor synced.
func (r Record) cardLived() bool { return r.Card || r.Expires.Sub(r.Issued) > MaxLifetime }

// CheckCard says whether a record from a card is timely: a *Refusal, as Check gives, for what is ahead of the clock or has run out.
// How long it lives does not matter, and history is for who holds it to compare.
func (r Record) CheckCard(now time.Time) error {
	if err := checkAhead(r, now); err != nil {
		return err
	}
	return checkRunning(r, now)
}

// Travels says whether the record may be told to others.
func (r Record) Travels() bool { return !r.cardLived() }

// Lapse is when a record is no longer told to others: its own expiry, rounded up to the hour, so that clocks that differ by a little agree
// on the digest but for a moment each hour.
func Lapse(expires time.Time) time.Time {
	end := expires.Truncate(time.Hour)
	if end.Before(expires) {
		end = end.Add(time.Hour)
	}
	return end
}

func (r Record) lapsed(now time.Time) bool { return !now.Before(Lapse(r.Expires)) }

// Bounds of what is held for others, counted over IDs that are not protected. Zero means the default.
type Bounds struct {
	Pending      int // announcements in all, and as many dependents
	PerForwarder int // announcements that one peer forwarded first
}

// Table keeps the newest record per ID, and each ID's floor: the highest sequence that was validly seen. What it holds
// does not depend on the order or repetition in which records came, bounds apart. Safe for concurrent use; only the
// agent's loop writes.
//
// Records of other kinds than announcements are dependents: they are taken while the announcement of their identity is held, are
// protected as it is, and go with it. Each identity has MaxSetNames of each kind.
type Table struct {
	mu         sync.RWMutex
	bounds     Bounds
	slots      map[ID]*slot
	floors     map[ID]*floor
	arrivals   uint64
	announced  pool // by forwarder
	dependents pool // by identity
}

// slot holds a record. payer and arrival are those of the ID's first record: a later one does not move it to another
// account.
type slot struct {
	record     Record
	payer      peer.ID // an announcement's forwarder, a dependent's identity
	arrival    uint64
	protected  bool
	dependents map[ID]bool // of an announcement; nil: none
}

// NewTable makes an empty table.
func NewTable(b Bounds) *Table {
	if b.Pending <= 0 {
		b.Pending = DefaultPending
	}
	if b.PerForwarder <= 0 {
		b.PerForwarder = DefaultPerForwarder
	}
	return &Table{bounds: b, slots: make(map[ID]*slot), floors: make(map[ID]*floor), announced: newPool(), dependents: newPool()}
}

// Check says whether r, heard from the network, would be new and timely: nil or a *Refusal. It changes nothing, and
// does not look at the bounds, which need the forwarder.
func (t *Table) Check(r Record, now time.Time) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if held, ok := t.slots[r.ID]; ok && held.record.Entry == r.Entry {
		return late(r, CodeKnown, "", "", "is held already")
	}
	if err := checkAhead(r, now); err != nil {
		return err
	}
	if err := checkTimely(r, now); err != nil {
		return err
	}
	if err := t.checkAuthor(r); err != nil {
		return err
	}
	return t.checkHistory(r)
}

// Put checks and stores. from is the forwarding peer; empty for a record that was stored before a restart, whose forwarder
// is not known any more: such ones have no bound of their own but one account, so that they make room for what is heard.
// A protected record (approved, own, an imported card) is never evicted, counts against no bound, and is taken whatever
// its expiry, its lifetime or its certificate's time: Check has refused such ones from the network before. A dependent is protected if
// its identity's announcement is, whatever from and protected say here. evicted lists what had to go: the newest of the largest
// forwarder, what depended on it, and of the same identity and kind what has lapsed. A *Refusal with CodeEquivocation means that two
// payloads with one sequence were seen: the one with the smaller hash is held now. Any other error: r is not held. A call is never held.
func (t *Table) Put(r Record, from peer.ID, protected bool, now time.Time) (evicted []ID, err error) {
	if r.Kind == KindCall {
		return nil, errors.New("a call is not held in a table")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.dependent() {
		from, protected = r.Peer, t.isProtected(r.announcement())
	}
	held, exists := t.slots[r.ID]
	if exists && held.record.Entry == r.Entry {
		return nil, late(r, CodeKnown, "", "", "is held already")
	}
	if err := t.checkPut(r, protected, now); err != nil {
		return nil, err
	}
	err = t.checkHistory(r)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Code != CodeEquivocation {
		return nil, err
	}
	if exists {
		t.protect(held, protected)
		if r.newer(held.record.Entry) {
			held.record = r
			t.raise(r.ID, r.Sequence, now)
		}
		return nil, err
	}
	if evicted, err = t.makeRoom(r, from, protected, now); err != nil {
		return evicted, err
	}
	t.arrivals++
	held = &slot{record: r, payer: from, arrival: t.arrivals, protected: protected}
	t.slots[r.ID] = held
	t.attach(r.ID)
	t.account(held, 1)
	t.raise(r.ID, r.Sequence, now)
	t.trimFloors()
	return evicted, nil
}

func (t *Table) checkPut(r Record, protected bool, now time.Time) error {
	if err := checkAhead(r, now); err != nil {
		return err
	}
	if !protected {
		if err := checkTimely(r, now); err != nil {
			return err
		}
	}
	return t.checkAuthor(r)
}

// checkAuthor keeps out what nobody could make anything of: it would be held for identities that nobody knows.
func (t *Table) checkAuthor(r Record) error {
	if _, ok := t.slots[r.announcement()]; !ok && r.dependent() {
		return late(r, CodeUnknownAuthor, "", "", "the announcement of its identity is not held")
	}
	return nil
}

// checkAhead keeps an identity's sequence from being used up, and a forger with a fast clock from outliving the honest.
func checkAhead(r Record, now time.Time) error {
	bound := now.Add(MaxAhead)
	if r.Sequence > uint64(max(bound.UnixMilli(), 0)) {
		return late(r, CodeAhead, "sequence", fmt.Sprint(r.Sequence), "is more than 5 minutes ahead of this machine's clock")
	}
	if r.Issued.After(bound) {
		return late(r, CodeAhead, "issued", r.Issued.Format(timeForm), "is more than 5 minutes ahead of this machine's clock")
	}
	return nil
}

func checkTimely(r Record, now time.Time) error {
	if r.cardLived() {
		return late(r, CodeLifetime, "expires", r.Expires.Format(timeForm), "is more than 30 days after issued: only a card may be")
	}
	return checkRunning(r, now)
}

// checkRunning holds what time ends.
func checkRunning(r Record, now time.Time) error {
	switch {
	case !now.Before(r.Expires):
		return late(r, CodeExpired, "expires", r.Expires.Format(timeForm), "has passed")
	case !r.NotAfter.IsZero() && now.After(r.NotAfter):
		return late(r, CodeCertificateTime, "certificate", r.NotAfter.UTC().Format(timeForm), "the certificate has expired")
	case now.Add(MaxAhead).Before(r.NotBefore):
		return late(r, CodeCertificateTime, "certificate", r.NotBefore.UTC().Format(timeForm), "the certificate is not yet valid")
	}
	return nil
}

// checkHistory compares with what was seen of the identity. At the floor itself a record that is no longer held is welcome.
func (t *Table) checkHistory(r Record) error {
	if f, ok := t.floors[r.ID]; ok && r.Sequence < f.sequence {
		return late(r, CodeSuperseded, "sequence", fmt.Sprint(r.Sequence), fmt.Sprintf("is before %d, which was seen", f.sequence))
	}
	if held, ok := t.slots[r.ID]; ok && held.record.Sequence == r.Sequence && held.record.Hash != r.Hash {
		return late(r, CodeEquivocation, "sequence", fmt.Sprint(r.Sequence), "was used for another "+string(r.Kind))
	}
	return nil
}

func late(r Record, code Code, field, value, text string) error {
	return &Refusal{Code: code, Kind: r.Kind, Field: field, Value: value, Peer: r.Peer, Err: errors.New(text)}
}

// Get gives the record that is held.
func (t *Table) Get(id ID) (Record, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if held, ok := t.slots[id]; ok {
		return held.record, true
	}
	return Record{}, false
}

// View gives the view of an identity that has this hash, if it is held.
func (t *Table) View(p peer.ID, hash mpspdz.Hash) (Record, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	author, ok := t.slots[ID{Kind: KindAnnouncement, Peer: p}]
	if !ok {
		return Record{}, false
	}
	for id := range author.dependents {
		if r := t.slots[id].record; id.Kind == KindView && r.Hash == hash {
			return r, true
		}
	}
	return Record{}, false
}

// Remove drops the record, and with an announcement what depends on it, and keeps the floors: the same or later ones may come again.
func (t *Table) Remove(id ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(id)
	t.trimFloors()
}

// Protect changes whether an identity's records count against the bounds (approval, revocation). Records that count
// again are not evicted at once, only when the next one needs room.
func (t *Table) Protect(p peer.ID, protected bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, held := range t.slots {
		if id.Peer == p {
			t.setProtected(held, protected)
		}
	}
}

// Entries is what may be told to others: what is held of the kinds that are synced, and not lapsed by its own expiry, rounded up to the
// hour. What came by card, or lives longer than MaxLifetime, is left out. Sorted by kind, peer and set.
func (t *Table) Entries(now time.Time) []Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	entries := make([]Entry, 0, len(t.slots))
	for id, held := range t.slots {
		if id.Kind.Synced() && !held.record.cardLived() && !held.record.lapsed(now) {
			entries = append(entries, held.record.Entry)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return compareIDs(a.ID, b.ID) })
	return entries
}
