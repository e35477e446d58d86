package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/internal/durable"
)

// Records other than announcements that are kept over restarts: certificates for party numbers and proposals of sets, of ours and of
// approved identities, and the proposals that the operator confirmed.
const (
	dirNumbered  = "certificates"
	dirProposals = "proposals"
	dirConfirmed = "sets"
	fileRecords  = "records"
)

// records numbers the records of ours that are no announcements. durable is what the file says, which last does not pass; before what it
// said when this process started.
type records struct{ last, durable, before uint64 }

// loadRecords reads what is stored of them.
func (k *core) loadRecords() error {
	k.self.records = k.store.readRecordsFile()
	if !k.joined {
		return nil
	}
	for _, folder := range []string{dirNumbered, dirProposals, dirConfirmed} {
		stored, problems, err := k.store.readRecords(folder, k.federation)
		if err != nil {
			return ownFile("make the state folder readable for the component's user", "the stored records cannot be read: %w", err)
		}
		for _, r := range stored {
			k.replayRecord(folder, r)
		}
		if folder == dirConfirmed && len(problems) > 0 {
			k.reportConfirmed(problems)
			k.dropUnread()
		}
		for _, problem := range problems {
			k.options.Log.Warn().Err(problem).Msg("a stored record cannot be used")
		}
	}
	return nil
}

func (k *core) replayRecord(folder string, r exchange.Opened) {
	switch r := r.(type) {
	case *exchange.NumberedCertificate:
		k.numbered[r.Record().ID] = r
	case *exchange.Proposal:
		if held := k.proposal(r.Peer, r.SetName); held == nil || r.Sequence > held.Sequence {
			k.proposals[r.Record().ID] = r
		}
		if folder == dirConfirmed {
			set := &namedSet{proposal: r, players: players{dir: k.namedDir(r.SetName)}}
			set.players.look()
			k.confirmed[r.SetName] = set
		}
	}
}

// namedDir holds the renderings of a named set. Its name is one that the operator confirmed, and a path element (mpspdz.CheckSetName).
func (k *core) namedDir(name string) string {
	return filepath.Join(k.config.PlayersDir, "sets", name)
}

// takeRecord takes a certificate, a proposal or a view of somebody else into the table, and holds it. It says whether anything is new.
func (k *core) takeRecord(t *exchange.Table, r exchange.Opened, from peer.ID, now time.Time) (news bool, err error) {
	record := r.Record()
	evicted, err := t.Put(record, from, false, now) // as protected as its author is
	k.gone(evicted)
	var refusal *exchange.Refusal
	if errors.As(err, &refusal) && refusal.Code == exchange.CodeEquivocation {
		if held, ok := t.Get(record.ID); !ok || held.Hash != record.Hash {
			return false, nil // the other one is held
		}
	} else if err != nil {
		return false, err
	}
	switch r := r.(type) {
	case *exchange.View:
		k.hearView(r)
		return false, nil // no commit depends on it, and it is not synced
	case *exchange.NumberedCertificate:
		k.numbered[record.ID] = r
		k.unstored[record.ID] = r
	case *exchange.Proposal:
		k.proposals[record.ID] = r
		k.unstored[record.ID] = r
	}
	return true, nil
}

// passOwn goes past a record in our own name that is later than ours, as the state folder may be an older copy: the next one that is made
// is numbered above it. A proposal of ours that we do not know is taken as ours. later: it is later than the one that is held, or, where none
// is, than whatever was numbered here, for that may be one that was dropped.
func (k *core) passOwn(r exchange.Opened) (later bool) {
	record, held := r.Record(), k.self.records.last
	k.self.records.last = max(held, record.Sequence)
	switch r := r.(type) {
	case *exchange.View:
		if own := k.views.own[r.SetName]; own != nil {
			held = own.Sequence
		}
		if later = held < r.Sequence; later {
			delete(k.views.own, r.SetName)
			k.views.stale = true
		}
	case *exchange.NumberedCertificate:
		if own := k.numbered[record.ID]; own != nil {
			held = own.Sequence
		}
		if later = held < r.Sequence; later {
			delete(k.numbered, record.ID)
		}
	case *exchange.Proposal:
		own := k.proposals[record.ID]
		if own != nil {
			held = own.Sequence
		}
		if later = held < r.Sequence; later || own == nil {
			k.proposals[record.ID] = r
			k.unstored[record.ID] = r
		}
	}
	return later
}

// storeRecords makes durable what was heard of approved identities. What others say stays in memory, bounded by the table, until they
// are approved.
func (k *core) storeRecords() error {
	for _, id := range slices.SortedFunc(maps.Keys(k.unstored), func(a, b exchange.ID) int { return strings.Compare(a.Set+string(a.Peer), b.Set+string(b.Peer)) }) {
		if id.Peer != k.self.id && !k.approves(id.Peer) {
			continue
		}
		if err := k.store.writeRecord(k.unstored[id]); err != nil {
			return err
		}
		delete(k.unstored, id)
	}
	return nil
}

// dropRecord forgets what was held of an identity and a set. An announcement takes everything of its identity with it, in the table
// too.
func (k *core) dropRecord(id exchange.ID) {
	switch id.Kind {
	case exchange.KindAnnouncement:
		k.drop(id.Peer)
	case exchange.KindView:
		delete(k.views.heard, id)
		delete(k.views.proven, id)
	case exchange.KindCertificate:
		delete(k.numbered, id)
	case exchange.KindSet:
		delete(k.proposals, id)
	}
	delete(k.unstored, id)
	if folder := folderOf(id.Kind); folder != "" {
		path := k.store.recordPath(folder, id)
		if err := k.store.do("remove "+folder, func() error { return durable.Remove(path) }); err != nil {
			k.options.Log.Warn().Err(err).Msg("a record that is no longer held could not be removed")
		}
	}
}

// dropRecordsOf forgets everything but the announcement of an identity.
func (k *core) dropRecordsOf(id peer.ID) {
	for _, held := range slices.Concat(slices.Collect(maps.Keys(k.views.heard)), slices.Collect(maps.Keys(k.numbered)), slices.Collect(maps.Keys(k.proposals))) {
		if held.Peer == id {
			k.dropRecord(held)
		}
	}
}

// fillRecords gives a new table what the stores hold beside announcements, whose authors must be in it already.
func (k *core) fillRecords(t *exchange.Table, now time.Time) {
	put := func(r exchange.Record) {
		if _, err := t.Put(r, "", false, now); err != nil && !beyond(now, r.Sequence) {
			t.SetFloor(r.ID, r.Sequence)
		}
	}
	for _, c := range k.numbered {
		put(k.row(c))
	}
	for _, p := range k.proposals {
		put(p.Record())
	}
}

func folderOf(kind exchange.Kind) string {
	switch kind {
	case exchange.KindCertificate:
		return dirNumbered
	case exchange.KindSet:
		return dirProposals
	}
	return ""
}

// recordPath is made from an identity as we encode it and the name of a set, which is one path element (mpspdz.CheckSetName).
func (s store) recordPath(folder string, id exchange.ID) string {
	name := id.Peer.String()
	if id.Set != "" {
		name += "." + id.Set
	}
	return s.path(folder, name+cardSuffix)
}

func (s store) confirmedPath(name string) string { return s.path(dirConfirmed, name+cardSuffix) }

// writeRecord stores a certificate or a proposal.
func (s store) writeRecord(r exchange.Opened) error {
	record := r.Record()
	folder := folderOf(record.Kind)
	path, card := s.recordPath(folder, record.ID), exchange.Armour(record.Sealed)
	return s.do("card "+folder, func() error { return durable.WriteFile(path, card, 0o600) })
}

// readRecords reads a folder of records. A missing folder is an empty one; problems holds what could not be used.
func (s store) readRecords(folder string, f exchange.Federation) (all []exchange.Opened, problems []error, err error) {
	entries, err := s.cards(folder)
	for _, entry := range entries {
		r, err := s.readRecord(folder, entry, f)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Join(folder, entry.Name()), err))
			continue
		}
		all = append(all, r)
	}
	return all, problems, err
}

func (s store) readRecord(folder string, entry fs.DirEntry, f exchange.Federation) (exchange.Opened, error) {
	path := s.path(folder, entry.Name())
	sealed, _, err := readSealed(path, entry)
	if err != nil {
		return nil, err
	}
	if len(sealed) != 1 {
		return nil, fmt.Errorf("%d records where one is expected", len(sealed))
	}
	r, err := exchange.OpenRecord(sealed[0], f)
	if err != nil {
		return nil, err
	}
	record, want := r.Record(), folder
	if folder == dirConfirmed {
		want = dirProposals
	}
	named := s.recordPath(folder, record.ID)
	if folder == dirConfirmed {
		named = s.confirmedPath(record.Set)
	}
	if folderOf(record.Kind) != want || named != path {
		return nil, errors.New("holds a record that belongs elsewhere")
	}
	return r, nil
}

// readRecordsFile: a missing or damaged file is no reason not to start, as the clock is nearly always further.
func (s store) readRecordsFile() records {
	data, err := os.ReadFile(s.path(fileRecords))
	if err != nil {
		return records{}
	}
	return parseRecords(data)
}
