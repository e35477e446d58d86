package trust

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

// Evaluation is the state that follows from list, snapshot and time: the loop commits it, the commands show it.
type Evaluation struct {
	// Decisions has one for every identity in Held.Newest (on its newest) and else in Held.InForce (on its card).
	Decisions map[peer.ID]Decision
	// InForce is what player files and rows use: component to announcement. Only approved components, each matching every pin. Two that
	// clash are both in it; mpspdz.NewPartySet refuses them.
	InForce map[string]*exchange.Announcement
	// Pins are the entries whose empty pins are filled from what is in force, in the list's order: to be written with List.Pin.
	Pins []Entry
	// Following are announcements, in the list's order, with the key that was approved ahead: to be written with List.Follow. Until that
	// is done, what is in force is what the list still pins.
	Following []*exchange.Announcement
	// Lapsed are the entries, in the list's order, whose site has taken back the key that they approve ahead, while it is not used yet, or
	// where the list bars that key: to be written with List.ApproveNext and no key.
	Lapsed []Entry
	// Absent are the approved entries of which nothing in force could be made, in the list's order: nothing that fits their pins has
	// been heard. Those that are barred elsewhere in the list, of the wrong kind, or our own are not among them.
	Absent []Entry
	// Takeovers are the changes that the policy takes over, in the list's order: to be written with List.Approve, and then evaluated anew.
	Takeovers []Takeover
	// Warnings are those of Decisions' reasons that say more than the verdict.
	Warnings map[peer.ID][]Reason
	// Claimed tells approved identities, and us, that others claim what is theirs: the other side of a conflict. It depends on what
	// strangers announce, and nothing depends on it.
	Claimed map[peer.ID][]Reason
}

// Evaluate runs Decide over the whole snapshot. Pure; independent of the order of maps.
func Evaluate(l List, h Held, now time.Time) Evaluation {
	s := newSnapshot(l, h, nil, now)
	ev := Evaluation{
		Decisions: make(map[peer.ID]Decision, len(h.Newest)), InForce: s.inForce, Warnings: map[peer.ID][]Reason{},
	}
	for p, card := range h.InForce {
		if h.Newest[p] == nil {
			ev.decide(s, p, card)
		}
	}
	for p, newest := range h.Newest {
		ev.decide(s, p, newest)
	}
	for _, held := range s.holders {
		if held.own {
			continue
		}
		ev.follow(s, held.entry)
		a := s.inForce[held.component]
		if a == nil {
			if !held.keyBarred && !s.heardWrongKind(held.peer) {
				ev.Absent = append(ev.Absent, held.entry)
			}
			continue
		}
		if filled := pinned(held.entry, a); filled != held.entry {
			ev.Pins = append(ev.Pins, filled)
		}
	}
	ev.Takeovers = s.takeovers(ev.Decisions)
	ev.Claimed = s.claimedReasons(ev.Decisions)
	return ev
}

// decide adds the decision on one identity.
func (ev *Evaluation) decide(s *snapshot, p peer.ID, a *exchange.Announcement) {
	d := s.decide(a)
	ev.Decisions[p] = d
	for _, r := range d.Reasons {
		if !verdictOnly[r.Code] {
			ev.Warnings[p] = append(ev.Warnings[p], r)
		}
	}
}

// heardWrongKind says whether what is held of an identity is of the wrong kind.
func (s *snapshot) heardWrongKind(p peer.ID) bool {
	all := s.heard(p)
	return len(all) > 0 && s.wrongKind(all[len(all)-1])
}
