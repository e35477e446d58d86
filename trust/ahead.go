package trust

import (
	"errors"
	"fmt"
	"time"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// A key that is approved ahead. A component announces, beside its present certificate, the hash of the key that will follow (the
// announcement's field next); an operator may approve that key before it is used (Entry.Next). Once the approved identity announces a
// certificate with exactly this key, and nothing else that is pinned has changed, it is accepted without a question, and the pins move.

// brings says whether an announcement is what the entry pins, but for a certificate with the key that was approved ahead. endpoint is
// the one in force where the entry pins none.
func (e Entry) brings(a *exchange.Announcement, endpoint mpspdz.Endpoint) bool {
	if e.Next.IsZero() {
		return false
	}
	if e.Endpoint.IsZero() {
		e.Endpoint = endpoint
	}
	e.Key, e.Certificate = e.Next, mpspdz.Hash{}
	return e.fits(a)
}

// ahead is brings for what is held. A certificate of an authority that is not set here could stand in no set: it waits for a person.
func (s *snapshot) ahead(a *exchange.Announcement, e Entry) bool {
	var endpoint mpspdz.Endpoint
	if base := s.base(a, e); base != nil {
		endpoint = base.Endpoint
	}
	return !s.held.Unsigned[a.Peer] && e.brings(a, endpoint)
}

// newNext says whether an announcement that fits its entry tells of a key to come that is not approved ahead, or barred since.
func (s *snapshot) newNext(a *exchange.Announcement, e Entry) bool {
	return !a.Next.IsZero() && (a.Next != e.Next || s.list.KeyStatus(a.Next) != "") && a.Next != a.Certificate.KeySHA256() && e.fits(a)
}

// lapsed says whether the approval of a key ahead ends: the list bars that key, or the site itself has taken it back. Then the approved
// card announced it, and the newer one that is to replace it does not, with the same key as before.
func (s *snapshot) lapsed(e Entry) bool {
	if !e.Next.IsZero() && s.list.KeyStatus(e.Next) != "" {
		return true
	}
	card, a := s.held.InForce[e.Peer], s.inForce[e.Component]
	return !e.Next.IsZero() && card != nil && a != nil && card.Next == e.Next && a.Sequence > card.Sequence && a.Next != e.Next
}

// follow fills in what follows from keys that were approved ahead.
func (ev *Evaluation) follow(s *snapshot, e Entry) {
	a := s.newest(e.Peer)
	switch d := ev.Decisions[e.Peer]; {
	case a != nil && d.Verdict == VerdictAccepted && !d.Hold && !e.fits(a):
		ev.Following = append(ev.Following, a)
	case s.lapsed(e):
		ev.Lapsed = append(ev.Lapsed, e)
	}
}

// ApproveNext approves ahead the key that an approved component will change to; a zero key takes that back. The error: the component is
// not approved, the key is its present one, or the list bars the key.
func (l List) ApproveNext(component string, key mpspdz.Hash, by string, at time.Time) (List, error) {
	e, approved := l.approvedComponent(component)
	switch {
	case !approved:
		return l, fmt.Errorf("%s is not approved: no key of it can be approved ahead", quoted(component))
	case key == e.Key:
		return l, fmt.Errorf("%s is the present key of %s", key, e.name())
	case l.KeyStatus(key) != "":
		return l, fmt.Errorf("the MP-SPDZ key %s is %s: the site needs another one (`fbpeer cert generate --next --force`)", key, l.KeyStatus(key))
	}
	if err := checkText(by); err != nil {
		return l, err
	}
	e.Next, e.NextAt, e.NextBy = key, at, by
	if key.IsZero() {
		e.NextAt, e.NextBy = time.Time{}, ""
	}
	edit := l.edit()
	edit.writeEntry(e)
	return edit.list()
}

// Follow moves the pins of a component to the key that was approved ahead and the certificate that it is announced with. Who approved it
// ahead, and when, is from then on who approved it.
func (l List) Follow(component string, certificate mpspdz.Hash) (List, error) {
	e, approved := l.approvedComponent(component)
	if !approved || e.Next.IsZero() {
		return l, fmt.Errorf("no key of %s is approved ahead", quoted(component))
	}
	if certificate.IsZero() {
		return l, errors.New("a certificate is needed")
	}
	if !e.NextAt.IsZero() {
		e.ApprovedAt = e.NextAt
	}
	if e.NextBy != "" {
		e.ApprovedBy = e.NextBy
	}
	e.Key, e.Certificate = e.Next, certificate
	e.Next, e.NextAt, e.NextBy = mpspdz.Hash{}, time.Time{}, ""
	edit := l.edit()
	edit.writeEntry(e)
	return edit.list()
}

// approvedAheadReason: the key that was approved ahead is in use now.
func approvedAheadReason(e Entry) Reason {
	text := fmt.Sprintf("%s uses the MP-SPDZ key that was approved ahead", e.name())
	if !e.NextAt.IsZero() {
		text += " on " + dayText(e.NextAt)
	}
	if e.NextBy != "" {
		text += " by " + e.NextBy
	}
	return Reason{Code: CodeApprovedAhead, Text: text + ". It is signed by the identity that you approved, and nothing else that you approved has changed, so it is taken over."}
}

// nextKeyReason: a key to come, which is the operator's to decide on.
func (s *snapshot) nextKeyReason(a *exchange.Announcement, e Entry) Reason {
	text := fmt.Sprintf("%s announces the MP-SPDZ key that it will change to: %s, after the present %s. Nothing has changed yet.",
		e.name(), a.Next, a.Certificate.KeySHA256())
	switch status := s.list.KeyStatus(a.Next); {
	case status != "":
		return Reason{Code: CodeNextKey, Text: text + fmt.Sprintf(" That key is %s in your trust list: what is announced with it is not listened to, "+
			"so that runs with this party fail once the site uses it.", status), Cure: "ask the site to make another one (`fbpeer cert generate --next --force`)"}
	case !e.Next.IsZero():
		text += fmt.Sprintf(" It is another one than %s, which you approved ahead.", e.Next)
	}
	return Reason{Code: CodeNextKey, Cure: "fbpeer trust approve " + a.Component,
		Text: text + " Approved ahead, it is taken over without a question once the site uses it; otherwise runs with this party " +
			"fail from then on until you approve the change."}
}
