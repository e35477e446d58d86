package trust

import (
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// snapshot is list and held with the indices that decisions look things up in.
type snapshot struct {
	list List
	held Held
	now  time.Time

	incoming *exchange.Announcement // one that is looked at as if it were held, nil: none

	inForce map[string]*exchange.Announcement // component -> what is in force

	// what approved components, and we ourselves, hold: nobody else may claim it
	holders    []holder
	components map[string][]hold
	keys       map[mpspdz.Hash][]hold
	endpoints  map[mpspdz.Endpoint][]hold
	subjects   map[string][]hold // in OpenSSL's canonical form

	claims     map[string]int // component -> identities that claim it and are not barred
	announcing announcing
}

// announcing are what identities that are not barred announce without its being approved: of those that the list approves, only those whose
// announcement is held back. Each list is ascending by identity.
type announcing struct {
	keys        map[mpspdz.Hash][]*exchange.Announcement
	endpoints   map[mpspdz.Endpoint][]*exchange.Announcement // by place
	subjects    map[string][]*exchange.Announcement
	researchers []*exchange.Announcement
}

// holder is an approved component, or this site.
type holder struct {
	component string
	peer      peer.ID
	entry     Entry // zero for this site
	own       bool
	keyBarred bool // the list bars the key that it pins: nothing is in force, and what it holds stays its own
}

// hold is a value's holder. It is firm if the list pins it (or it is our own); a value that is only in force for want of a pin yields
// to a firm one.
type hold struct {
	holder      int
	firm        bool
	certificate *mpspdz.Certificate // of a subject
}

func newSnapshot(l List, h Held, incoming *exchange.Announcement, now time.Time) *snapshot {
	s := &snapshot{
		list: l, held: h, incoming: incoming, now: now, inForce: map[string]*exchange.Announcement{},
		components: map[string][]hold{}, keys: map[mpspdz.Hash][]hold{}, endpoints: map[mpspdz.Endpoint][]hold{}, subjects: map[string][]hold{},
		claims: map[string]int{},
		announcing: announcing{keys: map[mpspdz.Hash][]*exchange.Announcement{}, endpoints: map[mpspdz.Endpoint][]*exchange.Announcement{},
			subjects: map[string][]*exchange.Announcement{}},
	}
	s.addOwn()
	first := len(s.holders)
	for _, e := range l.entries {
		if e.Status == Approved && !l.Barred(e.Peer) && !s.isSelf(e.Peer) {
			s.addPinned(e)
		}
	}
	// Only now, when all that is pinned is known, can what is not pinned be looked at.
	for i := first; i < len(s.holders); i++ {
		if a := s.choose(s.holders[i].entry); a != nil {
			s.inForce[s.holders[i].component] = a
		}
	}
	for i := first; i < len(s.holders); i++ {
		s.addUnpinned(i)
	}
	s.count()
	return s
}

func (s *snapshot) isSelf(p peer.ID) bool { return s.held.Self != nil && s.held.Self.Peer == p }

// addOwn notes what this site holds.
func (s *snapshot) addOwn() {
	a := s.held.Self
	if a == nil {
		return
	}
	s.holders = append(s.holders, holder{component: a.Component, peer: a.Peer, own: true})
	s.components[a.Component] = []hold{{firm: true}}
	s.keys[a.Certificate.KeySHA256()] = []hold{{firm: true}}
	s.endpoints[a.Endpoint.Place()] = []hold{{firm: true}}
	s.subjects[a.Certificate.CanonicalSubject()] = []hold{{firm: true, certificate: a.Certificate}}
}

// addPinned notes what the list pins for an approved component. The subject is that of the pinned certificate, if it has been heard.
func (s *snapshot) addPinned(e Entry) {
	i := len(s.holders)
	s.holders = append(s.holders, holder{component: e.Component, peer: e.Peer, entry: e, keyBarred: s.list.KeyStatus(e.Key) != ""})
	s.components[e.Component] = append(s.components[e.Component], hold{holder: i, firm: true})
	s.keys[e.Key] = append(s.keys[e.Key], hold{holder: i, firm: true})
	if !e.Endpoint.IsZero() {
		s.endpoints[e.Endpoint.Place()] = append(s.endpoints[e.Endpoint.Place()], hold{holder: i, firm: true})
	}
	for _, a := range s.heard(e.Peer) {
		if !e.Certificate.IsZero() && a.Certificate.SHA256() == e.Certificate {
			s.addSubject(i, a.Certificate, true)
			return
		}
	}
}

// addUnpinned notes what a component has in force without a pin.
func (s *snapshot) addUnpinned(i int) {
	e := s.holders[i].entry
	a := s.inForce[e.Component]
	if a == nil {
		return
	}
	if e.Endpoint.IsZero() {
		s.endpoints[a.Endpoint.Place()] = append(s.endpoints[a.Endpoint.Place()], hold{holder: i})
	}
	if e.Certificate.IsZero() {
		s.addSubject(i, a.Certificate, false)
	}
}

func (s *snapshot) addSubject(i int, c *mpspdz.Certificate, firm bool) {
	subject := c.CanonicalSubject()
	s.subjects[subject] = append(s.subjects[subject], hold{holder: i, firm: firm, certificate: c})
}

// heard lists what is held of an identity: the approved card, then the newest announcement, each if there is one.
func (s *snapshot) heard(p peer.ID) []*exchange.Announcement {
	var all []*exchange.Announcement
	for _, a := range []*exchange.Announcement{s.held.InForce[p], s.newest(p)} {
		if a != nil {
			all = append(all, a)
		}
	}
	return all
}

// newest is an identity's newest announcement, nil if none is held.
func (s *snapshot) newest(p peer.ID) *exchange.Announcement {
	newest := s.held.Newest[p]
	if in := s.incoming; in != nil && in.Peer == p && (newest == nil || in.Sequence >= newest.Sequence) {
		return in
	}
	return newest
}

// choose gives what is in force for an approved component: the newest that fits all pins, nil if none does. Of two with one sequence
// the card stays.
func (s *snapshot) choose(e Entry) *exchange.Announcement {
	var chosen *exchange.Announcement
	for _, a := range s.heard(e.Peer) {
		if !e.fits(a) || s.keyStatus(a) != "" || s.wrongKind(a) || s.held.Equivocal[e.Peer] && a != s.held.InForce[e.Peer] {
			continue
		}
		if conflicts, _ := s.collisions(a, e); len(conflicts) > 0 {
			continue
		}
		if chosen == nil || a.Sequence > chosen.Sequence {
			chosen = a
		}
	}
	return chosen
}

// wrongKind says whether a is of a plain MP-SPDZ party and we are a Fed-BioMed component, or the other way round.
func (s *snapshot) wrongKind(a *exchange.Announcement) bool {
	return s.held.Self != nil && (a.Role == mpspdz.PlainParty) != (s.held.Self.Role == mpspdz.PlainParty)
}

// count counts who claims a component id, and indexes what is announced without an approval, once for each identity.
func (s *snapshot) count() {
	heard := make(map[peer.ID]*exchange.Announcement, len(s.held.Newest))
	for p := range s.held.Newest {
		heard[p] = s.newest(p)
	}
	for p, a := range s.held.InForce {
		if s.newest(p) == nil {
			heard[p] = a
		}
	}
	if in := s.incoming; in != nil {
		heard[in.Peer] = s.newest(in.Peer)
	}
	for _, p := range slices.Sorted(maps.Keys(heard)) {
		s.countOne(p, heard[p])
	}
}

func (s *snapshot) countOne(p peer.ID, a *exchange.Announcement) {
	if s.list.Barred(p) || s.keyStatus(a) != "" {
		return
	}
	s.claims[a.Component]++
	if e, approved := s.list.ByPeer(p); approved && e.fits(a) {
		return
	}
	key, place, subject := a.Certificate.KeySHA256(), a.Endpoint.Place(), a.Certificate.CanonicalSubject()
	s.announcing.keys[key] = append(s.announcing.keys[key], a)
	s.announcing.endpoints[place] = append(s.announcing.endpoints[place], a)
	s.announcing.subjects[subject] = append(s.announcing.subjects[subject], a)
	if a.Role == mpspdz.Researcher {
		s.announcing.researchers = append(s.announcing.researchers, a)
	}
}

// keyStatus is what the list says against an announcement's key.
func (s *snapshot) keyStatus(a *exchange.Announcement) Status {
	return s.list.KeyStatus(a.Certificate.KeySHA256())
}

// approvedComponent finds the approved section of a component.
func (l List) approvedComponent(component string) (Entry, bool) {
	e, there := l.Entry(component)
	return e, there && e.Status == Approved
}
