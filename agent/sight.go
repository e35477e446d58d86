package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// answerLasts is how long an answer to a roll call counts, from when the call was heard here.
const answerLasts = time.Minute

// sight is what one agent knows, at one moment, of who has registered whom. Immutable once made: readers make matrix and readiness
// from it, in their own time.
type sight struct {
	self    string
	newest  time.Time            // of the last call by an approved member or ourselves
	members []string             // components, ourselves first, then as in the snapshot
	current map[string]current   // what each of them announces now
	sites   map[siteID]heardView // who answered a roll call lately, and how
	lists   map[mpspdz.Hash]list
	told    map[siteID]bool          // named sets that an approved component said last to have confirmed, whenever that was
	said    map[string]mpspdz.Hash   // the default set that each approved component said last to have in force, whenever that was
	mute    map[mpspdz.Hash]bool     // views whose content could not be had
	own     map[string]string        // our own cells; those of whom we know nothing are absent
	ownSet  mpspdz.Hash              // the default set in force here; zero: none
	views   []*exchange.View         // our own, as they were sealed last
	cards   map[string]exchange.Card // of approved components that take part by card

	ownAhead map[string]bool // whose key to come we have approved ahead
}

// siteID names a view: whose, and of which set ("": the default one).
type siteID struct{ component, set string }

// heardView is a view whose author is accepted. It counts for answerLasts after the call that it answers was heard here.
type heardView struct {
	view   *exchange.View
	called time.Time
}

// list is what a site holds of its members, ascending: the content behind a view's root.
type list []exchange.Member

// find gives a member; nil: it is not held.
func (l list) find(component string) *exchange.Member {
	i, found := slices.BinarySearchFunc(l, component, func(m exchange.Member, c string) int { return cmp.Compare(m.Component, c) })
	if !found {
		return nil
	}
	return &l[i]
}

// answered gives the view of a site that answered a call lately, and how long ago that call was.
func (s *sight) answered(component, set string, now time.Time) (view *exchange.View, age time.Duration, ok bool) {
	answer, ok := s.sites[siteID{component, set}]
	if !ok {
		return nil, 0, false
	}
	age = max(0, now.Sub(answer.called))
	return answer.view, age, age <= answerLasts
}

// current is what a component announces now: its registration, and by set the certificate that it issued for its number there, if it has.
type current struct {
	rows     mpspdz.Hash            // with the announced certificate
	numbered map[string]mpspdz.Hash // with the one for its number; nil or without an entry: none is known

	ahead       mpspdz.Hash // as rows, with the announced key to come approved ahead; zero: none is announced
	formerAhead mpspdz.Hash // the same for the key to come that was announced before; zero: none was
}

// fits says whether player files of a set hold what is announced. With which of the two certificates is for the set's digest to tell.
func (c current) fits(set string, digest mpspdz.Hash) bool {
	return digest == c.rows || digest == c.numbered[set]
}

// registered says whether a row holds what is announced; ahead, whether the announced key to come is approved ahead besides.
func (c current) registered(row *exchange.Member) (registered, ahead bool) {
	if row == nil {
		return false, false
	}
	ahead = !c.ahead.IsZero() && row.Digest == c.ahead
	return ahead || row.Digest == c.rows || !c.formerAhead.IsZero() && row.Digest == c.formerAhead, ahead
}

// matrix is who has registered whom. It grows with the square of the members, so lists are walked beside each other, not searched.
func (s *sight) matrix(now time.Time) *api.Matrix {
	m := &api.Matrix{Rows: make([]api.MatrixRow, 0, len(s.members))}
	ascending := s.ascending()
	for i, component := range s.members {
		row := api.MatrixRow{Component: component, Cells: make([]api.Cell, len(s.members))}
		view, age, answered := s.answered(component, "", now)
		switch {
		case component == s.self:
			row.Set = hashText(s.ownSet)
		case answered:
			seconds := int64(age / time.Second)
			row.Set, row.Age = hashText(view.Set), &seconds
		default:
			view = nil
		}
		if card := s.cards[component].View; view == nil && card != nil {
			issued := card.Issued
			row.Set, row.Card = hashText(card.Set), &issued
			s.fillByCard(row.Cells, s.cards[component], ascending)
		} else {
			s.fill(row.Cells, component, view, ascending)
		}
		row.Cells = slices.Delete(row.Cells, i, i+1)
		m.Rows = append(m.Rows, row)
	}
	return m
}

// place is a member of the matrix: where it stands in a row, and what it announces now.
type place struct {
	component string
	index     int
	current   current
}

// ascending are the members by id, as lists hold them.
func (s *sight) ascending() []place {
	places := make([]place, len(s.members))
	for i, component := range s.members {
		places[i] = place{component, i, s.current[component]}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.component, b.component) })
	return places
}

// fill gives a row its cells, one for each member, the row's own among them.
func (s *sight) fill(cells []api.Cell, component string, view *exchange.View, ascending []place) {
	if component == s.self || view == nil {
		for i, of := range s.members {
			cells[i] = api.Cell{Of: of, State: s.cell(component, view, of), Ahead: component == s.self && s.ownAhead[of]}
		}
		return
	}
	files, filesKnown := s.list(view.Files)
	rows, rowsKnown := s.list(view.Rows)
	fillFrom(cells, view, files, rows, filesKnown && rowsKnown, ascending)
}

// fillByCard gives a row its cells as they were when a card was made. It is no answer: nobody knows whether it is still so.
func (s *sight) fillByCard(cells []api.Cell, c exchange.Card, ascending []place) {
	var m exchange.Members
	if c.Members != nil {
		m = *c.Members
	}
	fillFrom(cells, c.View, m.Files, m.Rows, c.Members != nil, ascending)
}

// fillFrom gives a row its cells from a view and the lists behind it, where they are known.
func fillFrom(cells []api.Cell, view *exchange.View, files, rows list, known bool, ascending []place) {
	for _, p := range ascending {
		cell := api.Cell{Of: p.component, State: api.CellUnknown}
		if known {
			var inFiles, inRows *exchange.Member
			files, inFiles = files.next(p.component)
			rows, inRows = rows.next(p.component)
			cell.State = judge(view, p.current, inFiles, inRows)
			_, cell.Ahead = p.current.registered(inRows)
		}
		cells[p.index] = cell
	}
}

// next passes over what is before a component, and gives it if it is held.
func (l list) next(component string) (rest list, held *exchange.Member) {
	for len(l) > 0 && l[0].Component < component {
		l = l[1:]
	}
	if len(l) > 0 && l[0].Component == component {
		held = &l[0]
	}
	return l, held
}

// judge compares what a site holds of a component with what that one announces now. Rows follow each approval, player files only a whole
// set: so where there are rows they decide, and files must not contradict them. A named set has files alone.
func judge(v *exchange.View, now current, inFiles, inRows *exchange.Member) string {
	rows := !v.Rows.IsZero()
	registered, _ := now.registered(inRows)
	switch {
	case rows && inRows == nil, !rows && inFiles == nil:
		return api.CellNo
	case inRows != nil && !registered, inFiles != nil && !now.fits(v.SetName, inFiles.Digest):
		return api.CellOld
	}
	return api.CellOK
}

// ownView is what we ourselves tell of a set.
func (s *sight) ownView(name string) (view *exchange.View, told bool) {
	for _, v := range s.views {
		if v.SetName == name {
			return v, true
		}
	}
	return nil, false
}

// asked is what somebody here wants to know.
type asked struct {
	call time.Time // when the roll call that was made for it, or is reused, was heard here
	sets []string  // the sets that it is about, the default one ("") among them
	new  bool      // this agent has just started: who is heard through others has not been heard yet
}

// heardOf gives what a component says of a set in answer to a roll call that was heard here at that time, or to a later one. What
// it answered to an earlier one is shown for a while, but nobody goes by it: it may have gone since.
func (s *sight) heardOf(component, set string, call, now time.Time) (view *exchange.View, ok bool) {
	view, _, ok = s.answered(component, set, now)
	return view, ok && !s.sites[siteID{component, set}].called.Before(call)
}

// heardAll says whether a component has answered with all of its views that are of use to who asks, and all of them are
// understood. unknown are those that are not.
func (s *sight) heardAll(component string, q asked, unknown []*exchange.View, now time.Time) bool {
	for _, set := range q.sets {
		view, ok := s.heardOf(component, set, q.call, now)
		if !ok && (set == "" || s.told[siteID{component, set}]) || ok && slices.Contains(unknown, view) {
			return false
		}
	}
	return true
}

// allSay says whether all other members of a set that can be asked have said that they hold it.
func (s *sight) allSay(set api.Set) bool {
	for _, party := range set.Parties {
		if _, byCard := s.cards[party.Component]; byCard {
			continue
		}
		if party.Component != s.self && hashText(s.said[party.Component]) != set.Digest {
			return false
		}
	}
	return true
}

// confirmedBy lists the members of a named set that have confirmed it as it is proposed now: as of the last call that each has
// answered, as in the matrix. One that answered it with its default view alone has not.
func (s *sight) confirmedBy(set api.NamedSet, now time.Time) []string {
	members := set.Members
	if set.Proposed != nil {
		members = set.Proposed
	}
	var confirmed []string
	for _, component := range members {
		view, answered := s.heardOf(component, set.Name, s.sites[siteID{component: component}].called, now)
		if component == s.self {
			view, answered = s.ownView(set.Name)
		}
		if answered && view.Proposal.String() == set.Hash {
			confirmed = append(confirmed, component)
		}
	}
	return confirmed
}

// cell is what one component, whose view this is, has registered of another. A nil view is that of one who did not answer.
func (s *sight) cell(component string, view *exchange.View, of string) string {
	switch {
	case component == s.self && s.own[of] == "":
		return api.CellNo
	case component == s.self:
		return s.own[of]
	case view == nil:
		return api.CellUnknown
	}
	files, filesKnown := s.list(view.Files)
	rows, rowsKnown := s.list(view.Rows)
	if !filesKnown || !rowsKnown {
		return api.CellUnknown
	}
	return judge(view, s.current[of], files.find(of), rows.find(of))
}

// list gives the content of a root; that of no root is empty.
func (s *sight) list(root mpspdz.Hash) (list, bool) {
	if root.IsZero() {
		return nil, true
	}
	l, known := s.lists[root]
	return l, known
}

// unknown lists the answers whose content is not known here, and may still be had.
func (s *sight) unknown(now time.Time) []*exchange.View {
	var views []*exchange.View
	for id, answer := range s.sites {
		if _, _, answered := s.answered(id.component, id.set, now); !answered {
			continue
		}
		_, files := s.list(answer.view.Files)
		_, rows := s.list(answer.view.Rows)
		if (!files || !rows) && !s.mute[answer.view.Hash] {
			views = append(views, answer.view)
		}
	}
	slices.SortFunc(views, func(a, b *exchange.View) int { return slices.Compare(a.Hash[:], b.Hash[:]) })
	return views
}

// content gives the members behind a view that was heard here, or our own, for others that ask.
func (s *sight) content(author peer.ID, hash mpspdz.Hash) (exchange.Members, bool) {
	held := func(v *exchange.View) (exchange.Members, bool) {
		files, filesKnown := s.list(v.Files)
		rows, rowsKnown := s.list(v.Rows)
		return exchange.Members{Files: files, Rows: rows}, filesKnown && rowsKnown
	}
	for _, v := range s.views {
		if v.Peer == author && v.Hash == hash {
			return held(v)
		}
	}
	for _, answer := range s.sites {
		if answer.view.Peer == author && answer.view.Hash == hash {
			return held(answer.view)
		}
	}
	return exchange.Members{}, false
}

// hashText is empty for none.
func hashText(h mpspdz.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}
