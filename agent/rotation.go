package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// files are key and certificate in force, the certificate that is staged to follow, and the authorities that are set.
type files struct {
	pair        config.KeyPair
	next        *mpspdz.Certificate // nil: none
	staged      error               // why a staged one cannot be used
	authorities *mpspdz.Authorities // nil: they cannot be used
}

// pairFiles is where they are read: a *config.Config.
type pairFiles interface {
	LoadAuthorities(now time.Time) (mpspdz.Authorities, error)
	ReadNext() (*mpspdz.Certificate, error)
	LoadKeyPair(now time.Time) (config.KeyPair, error)
}

// loadFiles reads them. The staged one comes first: `cert activate` puts it in place and then removes it, so whoever finds none finds the
// pair that it became. The other way round an announcement could tell, for a moment, the former pair and no key to come: the others would
// take that for a withdrawal, and forget that they approved it.
func loadFiles(c pairFiles, now time.Time) (f files, err error) {
	f.next, f.staged = c.ReadNext()
	authorities, err := c.LoadAuthorities(now)
	if err != nil {
		return f, err
	}
	f.authorities = &authorities
	f.pair, err = c.LoadKeyPair(now)
	if err == nil && f.next != nil && f.next.KeySHA256() == f.pair.Certificate.KeySHA256() {
		f.next = nil // in use
	}
	return f, err
}

// comes is the hash of the key that is to be announced to follow. While what is staged cannot be read, what was announced stays: the
// others would forget that they approved it.
func (f files) comes(announced mpspdz.Hash) mpspdz.Hash {
	switch {
	case f.next != nil:
		return f.next.KeySHA256()
	case f.staged != nil && announced != f.pair.Certificate.KeySHA256():
		return announced
	}
	return mpspdz.Hash{}
}

// reportStaged says whether what is staged can be used.
func (k *core) reportStaged(f files) {
	k.problems.clear(api.WarnStaged)
	if f.staged != nil {
		k.problems.set(api.Warning{Code: api.WarnStaged, Text: "the staged key cannot be used: " + exchange.ShowText(f.staged.Error()), Cure: hintOf(f.staged)})
	}
}

// recallNext keeps what the last announcement told of a staged key that cannot be read at the start.
func (k *core) recallNext() {
	if a := k.self.announcement; a != nil && k.problems.has(api.WarnStaged) && a.Next != k.self.registration.Certificate.KeySHA256() {
		k.self.registration.Next = a.Next
	}
}

// follow writes into trust.ini what follows from keys that were approved ahead: pins that move to the key that is in use now, and
// approvals that a site has taken back. late: it could not be written, and is tried again.
func (k *core) follow(now time.Time) (late bool) {
	following, ending := k.evaluation.Following, k.evaluation.Lapsed
	if len(following)+len(ending) == 0 {
		return false
	}
	var events []trust.LogRecord
	for _, a := range following {
		events = append(events, k.followed(a))
	}
	for _, e := range ending {
		events = append(events, lapsed(k.list, e))
	}
	warning := api.Warning{Code: api.WarnTrustList, Text: "what follows from a key that was approved ahead could not be written",
		Cure: "make " + k.config.TrustList + " writable; until then the former key stays in force here"}
	return k.amend(warning, func(list trust.List) (_ trust.List, err error) {
		for _, a := range following {
			if list, err = list.Follow(a.Component, a.Certificate.SHA256()); err != nil {
				return list, err
			}
		}
		for _, e := range ending {
			if list, err = list.ApproveNext(e.Component, mpspdz.Hash{}, "", now); err != nil {
				return list, err
			}
		}
		return list, nil
	}, func() {
		for _, event := range events {
			k.record(event, now)
		}
	}, now)
}

// cardsOf are the approved cards of those whose site took back a key that was approved ahead; nil where the list bars the card's own key.
// That a key to come is barred the list tells itself.
func (k *core) cardsOf(ending []trust.Entry) map[string]*exchange.Announcement {
	cards := map[string]*exchange.Announcement{}
	for _, e := range ending {
		switch card := k.approved[e.Peer]; {
		case k.list.KeyStatus(e.Next) != "":
		case k.list.KeyStatus(card.Certificate.KeySHA256()) != "":
			cards[e.Component] = nil
		default:
			cards[e.Component] = card
		}
	}
	return cards
}

// followed is the event of a key that was approved ahead and is in use now.
func (k *core) followed(a *exchange.Announcement) trust.LogRecord {
	e, _ := k.list.ByPeer(a.Peer)
	r := recordOf(trust.EventFollowed, a, k.evaluation.Decisions[a.Peer])
	r.By = e.NextBy
	return r
}

// lapsed is the event of an approval ahead that ends.
func lapsed(l trust.List, e trust.Entry) trust.LogRecord {
	text := "its site does not announce the key " + e.Next.String() + " any more, which was approved ahead here"
	if status := l.KeyStatus(e.Next); status != "" {
		text = "the key " + e.Next.String() + ", which was approved ahead here, is " + string(status)
	}
	return trust.LogRecord{Event: trust.EventNextWithdrawn, Component: e.Component, Peer: e.Peer.String(), By: e.NextBy, Text: text}
}

// approveNext gives the present list with the key approved ahead that a component announces to follow, which is accepted by that list.
func (k *core) approveNext(present trust.List, r api.TrustRequest, a *exchange.Announcement, now time.Time) (trust.List, *api.Error) {
	none := func(e *api.Error) (trust.List, *api.Error) {
		return trust.List{}, e
	}
	next, err := mpspdz.ParseHash(r.Next)
	if err != nil || next.IsZero() {
		return none(&api.Error{Code: api.CodeRequest, Text: "next: no SHA-256 of a key"})
	}
	_, approved := present.ByPeer(a.Peer)
	if !approved || trust.Evaluate(present, k.held(), now).Decisions[a.Peer].Verdict != trust.VerdictAccepted {
		return none(refused("decide on that first: fbpeer show "+a.Component, "%s is not accepted as it announces itself: no key of it can be approved ahead", a.Component))
	}
	if a.Next != next {
		newer := k.peer(a.Peer, now)
		return none(&api.Error{Code: api.CodeOvertaken, Text: a.Component + " announces another key to come, or none, by now",
			Hint: "look at it: fbpeer show " + a.Component, Peer: &newer})
	}
	list, err := present.ApproveNext(a.Component, next, r.By, now.UTC().Truncate(time.Second))
	if err == nil && r.Alias+r.Note != "" {
		e, _ := list.Entry(a.Component)
		e.Alias, e.Note = cmp.Or(r.Alias, e.Alias), cmp.Or(r.Note, e.Note)
		list, err = list.Approve(e)
	}
	if err != nil {
		return none(refused("", "%v", err))
	}
	return list, nil
}

// stillAhead is the key of an identity that the present list approves ahead, where its announcement a, which is about to be approved, does
// not use it already. If a has taken it back, that follows from the commit.
func stillAhead(present trust.List, a *exchange.Announcement) (next mpspdz.Hash, at time.Time, by string) {
	e, approved := present.ByPeer(a.Peer)
	if !approved || e.Next == a.Certificate.KeySHA256() {
		return mpspdz.Hash{}, time.Time{}, ""
	}
	return e.Next, e.NextAt, e.NextBy
}

// noteNext remembers which key to come an identity told before it told another one, or none. Until a site has heard that, too, its rows
// still say that it has approved the former one ahead; they hold the same values all the same.
func (k *core) noteNext(before, a *exchange.Announcement) {
	if before != nil && before.Next != a.Next {
		k.formerNext[a.Peer] = before.Next
	}
}

// aheadOf is the key to come of a component that it announces and that is approved ahead here; of our own the one that we announce.
func (k *core) aheadOf(component string) mpspdz.Hash {
	if component == k.config.Component.ID {
		return k.self.registration.Next
	}
	e, approved := k.list.Entry(component)
	a := cmp.Or(k.newest[e.Peer], k.approved[e.Peer])
	if !approved || e.Status != trust.Approved || a == nil || a.Next != e.Next || k.list.KeyStatus(e.Next) != "" {
		return mpspdz.Hash{}
	}
	return e.Next
}

// rowOf is what others are told of a row of ours.
func (k *core) rowOf(component, endpoint string, certificate mpspdz.Hash) exchange.Member {
	if next := k.aheadOf(component); !next.IsZero() {
		return exchange.NewMemberAhead(component, endpoint, certificate, next)
	}
	return exchange.NewMember(component, endpoint, certificate)
}

// nextOf describes the key to come of an approved identity; nil: none is announced, nor approved ahead.
func (k *core) nextOf(id peer.ID, entry trust.Entry) *api.NextKey {
	next := entry.Next
	if a := cmp.Or(k.newest[id], k.approved[id]); a != nil && !a.Next.IsZero() && a.Next != a.Certificate.KeySHA256() {
		next = a.Next
	}
	if next.IsZero() {
		return nil
	}
	n := describeNext(id, next)
	switch {
	case k.list.KeyStatus(entry.Next) != "": // the approval is about to go
	case entry.Next == next:
		n.Approved, n.ApprovedBy, n.ApprovedAt = true, entry.NextBy, timePointer(entry.NextAt)
	case !entry.Next.IsZero():
		n.ApprovedKey = entry.Next.String()
	}
	n.Barred = string(k.list.KeyStatus(next))
	return n
}

func describeNext(id peer.ID, next mpspdz.Hash) *api.NextKey {
	f := exchange.NewNextFingerprint(id, next)
	return &api.NextKey{KeySHA256: next.String(), Fingerprint: f.String(), Words: f.Words()}
}

// ownNext describes the staged pair; nil: none is.
func (k *core) ownNext() *api.NextKey {
	next := k.self.registration.Next
	if next.IsZero() {
		return nil
	}
	n := &api.NextKey{KeySHA256: next.String()}
	if k.self.id != "" {
		n = describeNext(k.self.id, next)
	}
	if k.self.next != nil {
		c := k.certificate(k.self.next)
		n.Certificate = &c
	}
	return n
}

// approvedAhead says which of the members that are approved here have approved our key to come ahead, as far as the matrix tells. live: its
// rows need no answer to a roll call.
func approvedAhead(s api.Snapshot, live bool) *api.Ahead {
	ahead := &api.Ahead{Approved: []string{}, Waiting: []string{}, Unknown: []string{}}
	for _, p := range s.Peers {
		if !approvedState(p.State) {
			continue
		}
		switch cell, answered := cellAbout(s.Matrix, p.Component, s.Self.Component); {
		case !answered && !live, cell.State == "", cell.State == api.CellUnknown:
			ahead.Unknown = append(ahead.Unknown, p.Component)
		case cell.Ahead:
			ahead.Approved = append(ahead.Approved, p.Component)
		default:
			ahead.Waiting = append(ahead.Waiting, p.Component)
		}
	}
	for _, list := range [][]string{ahead.Approved, ahead.Waiting, ahead.Unknown} {
		slices.Sort(list)
	}
	return ahead
}

// cellAbout is what one component has registered of another.
func cellAbout(m *api.Matrix, component, of string) (cell api.Cell, answered bool) {
	if m == nil {
		return api.Cell{}, false
	}
	for _, row := range m.Rows {
		if row.Component != component {
			continue
		}
		for _, cell := range row.Cells {
			if cell.Of == of {
				return cell, row.Age != nil
			}
		}
	}
	return api.Cell{}, false
}
