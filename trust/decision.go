package trust

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

// Verdict on an announcement; the state of a peer is one of these (superseded never shows as a state).
type Verdict string

// The verdicts, see the package comment.
const (
	VerdictAccepted   Verdict = "accepted"
	VerdictPending    Verdict = "pending"
	VerdictChanged    Verdict = "changed"
	VerdictConflict   Verdict = "conflict"
	VerdictSuperseded Verdict = "superseded"
	VerdictDenied     Verdict = "denied"
	VerdictRevoked    Verdict = "revoked"
)

// Change is one field with its old and new value. In a Decision it differs from what is in force, or from what the list pins where nothing
// is, and Field is one of address, port, certificate, key, identity, component, role, label, policy, expiry; a LogRecord has others too:
// what else a section of the list holds (status, alias, next and so on), and what the agent changed. Old and New are display forms
// (escaped): certificates and keys as "SHA256:" and base64, times in RFC 3339.
//
// Label, policy and expiry do not reach player files: they are reported and do not hold anything back. Expiry is reported only where
// an announcement ends sooner than the one before; a later end is the ordinary course. An identity is reported where another one
// claims an approved component.
type Change struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// Reason says why. Code is one of the constants, Text sentences for a person (escaped), Cure what to do, if anything.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Cure string `json:"cure,omitempty"`
}

// Held is the whole snapshot that a decision needs. Decide and Evaluate only read it.
type Held struct {
	Self      *exchange.Announcement             // our own present one; nil before the first
	Newest    map[peer.ID]*exchange.Announcement // newest heard per identity, not our own
	InForce   map[peer.ID]*exchange.Announcement // approved cards
	Equivocal map[peer.ID]bool                   // identities that sealed two payloads with one sequence
	Former    map[peer.ID]bool                   // identities that can only be our own past: what they claim of ours is no news
	Unsigned  map[peer.ID]bool                   // identities whose newest certificate is of an authority that this site has not set
	Policy    Policy                             // what is taken over without asking
	Parties   map[string]int                     // party numbers of the set in force by component, for texts alone
}

// Decision on one announcement.
type Decision struct {
	Verdict Verdict
	Reasons []Reason // of the verdict first, then warnings
	Changes []Change
	Hold    bool    // nothing of this announcement reaches player files or rows
	Clashes []Clash // what it has in common with others that are approved, in the order of the reasons of CodeClash
}

// Clash is a value that two approved components, or one and this site itself, have in common, so that no set can hold both.
type Clash struct {
	With string // the other one, as a text calls it
	What string // "endpoint", "MP-SPDZ key" and so on
}

// Decide is pure: it says what l means for a, beside everything that is held. a need not be in h yet: it is looked at as if it were.
// Decide does not look at what l would say of other announcements, except that what they have in force, or pinned, or claim, can be
// contradicted by a. One call costs an index of the whole snapshot; for all of them use Evaluate.
func Decide(l List, h Held, a *exchange.Announcement, now time.Time) Decision {
	return newSnapshot(l, h, a, now).decide(a)
}

// decide gives the strongest verdict.
func (s *snapshot) decide(a *exchange.Announcement) Decision {
	if verdict, reasons := s.bars(a); verdict != "" {
		return Decision{Verdict: verdict, Reasons: reasons, Hold: true}
	}
	if newest := s.newest(a.Peer); newest != nil && newest.Sequence > a.Sequence {
		return Decision{Verdict: VerdictSuperseded, Reasons: []Reason{supersededReason(a, newest)}, Hold: true}
	}
	entry, approved := s.list.ByPeer(a.Peer)
	conflicts, clashes := s.collisions(a, entry)
	d := Decision{Verdict: VerdictPending, Hold: true}
	switch {
	case approved:
		s.decideApproved(&d, a, entry)
	case len(conflicts) == 0:
		d.Reasons = append(d.Reasons, notApprovedReason(a))
	default:
		d.Changes = s.claimChanges(a, conflicts)
	}
	if len(conflicts) > 0 {
		d.Verdict, d.Hold = VerdictConflict, true
		reasons := make([]Reason, 0, len(conflicts)+len(d.Reasons))
		for _, c := range conflicts {
			reasons = append(reasons, s.conflictReason(a, c))
		}
		if approved && entry.fits(a) { // it announces what is pinned, and something else besides
			d.Reasons = slices.DeleteFunc(d.Reasons, func(r Reason) bool { return r.Code == CodeApproved })
		}
		d.Reasons = append(reasons, d.Reasons...)
	}
	s.warn(&d, a, clashes)
	return d
}

// decideApproved says whether an approved identity announces what is pinned.
func (s *snapshot) decideApproved(d *Decision, a *exchange.Announcement, e Entry) {
	base := s.base(a, e)
	d.Changes = changes(e, base, a)
	if e.fits(a) {
		d.Verdict, d.Hold = VerdictAccepted, false
		d.Reasons = append(d.Reasons, approvedReason(e))
	} else if s.ahead(a, e) {
		d.Verdict, d.Hold = VerdictAccepted, false
		d.Reasons = append(d.Reasons, approvedAheadReason(e))
	} else {
		d.Verdict = VerdictChanged
		d.Reasons = append(d.Reasons, s.changedReasons(e, a, d.Changes)...)
		if base == nil {
			d.Reasons = append(d.Reasons, neverAnnouncedReason(e, d.Changes))
		}
	}
	d.Reasons = append(d.Reasons, reportedReasons(e, d.Changes)...)
}

// bars finds what the list says against an announcement's identity, key and component. The empty verdict: nothing.
func (s *snapshot) bars(a *exchange.Announcement) (Verdict, []Reason) {
	component, _ := s.list.Entry(a.Component)
	found := []struct {
		what   string
		status Status
	}{{"identity", s.list.PeerStatus(a.Peer)}, {"key", s.keyStatus(a)}, {"component", ""}}
	if component.barsAll() {
		found[2].status = component.Status
	}
	var worst Status
	for _, f := range found {
		worst = stronger(worst, f.status)
	}
	var reasons []Reason
	for _, f := range found {
		if f.status == worst && worst != "" {
			reason := barReason(f.what, f.status, a)
			if f.what == "key" && (found[0].status == worst || found[2].status == worst) {
				reason.Cure = "" // another key is no way out
			}
			reasons = append(reasons, reason)
		}
	}
	switch worst {
	case Revoked:
		return VerdictRevoked, reasons
	case Denied:
		return VerdictDenied, reasons
	}
	return "", nil
}

// warn adds what a person should know whatever the verdict is.
func (s *snapshot) warn(d *Decision, a *exchange.Announcement, clashes []collision) {
	for _, c := range clashes {
		d.Reasons = append(d.Reasons, s.clashReason(a, c))
		clash := Clash{With: "this site itself", What: shared[c.field]}
		if !c.holder.own {
			clash.With = c.holder.entry.name()
		}
		d.Clashes = append(d.Clashes, clash)
	}
	if s.held.Equivocal[a.Peer] {
		d.Hold = true
		d.Reasons = append(d.Reasons, s.equivocationReason(a))
	}
	if s.wrongKind(a) {
		d.Hold = true
		d.Reasons = append(d.Reasons, s.wrongKindReason(a))
	}
	if _, approved := s.list.approvedComponent(a.Component); !approved && s.claims[a.Component] > 1 {
		d.Reasons = append(d.Reasons, contestedReason(a, s.claims[a.Component]))
	}
	if e, approved := s.list.ByPeer(a.Peer); approved && d.Verdict == VerdictAccepted && s.newNext(a, e) {
		d.Reasons = append(d.Reasons, s.nextKeyReason(a, e))
	}
	if d.Verdict == VerdictPending || d.Verdict == VerdictChanged {
		d.Reasons = append(d.Reasons, s.sharedReasons(a)...)
	}
	if others := s.researchers(a); others != "" {
		d.Reasons = append(d.Reasons, s.secondResearcherReason(a, others))
	}
	if !s.now.Before(a.Expires) {
		d.Reasons = append(d.Reasons, s.announcementExpiredReason(a))
	}
	certificate := a.Certificate
	if e, approved := s.list.ByPeer(a.Peer); approved && s.inForce[e.Component] != nil {
		certificate = s.inForce[e.Component].Certificate
	}
	if err := certificate.CheckTime(s.now); err != nil {
		d.Reasons = append(d.Reasons, s.certificateTimeReason(a, certificate))
	}
}
