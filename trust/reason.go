package trust

import (
	"fmt"
	"strings"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// The texts are for the administrator of a hospital's server: what happened, what follows from it, who signed it. Component ids, endpoints,
// hashes and peer ids are checked where they are parsed and so need no escaping here; labels only come in as a Change shows them.

func approvedReason(e Entry) Reason {
	return Reason{Code: CodeApproved, Text: fmt.Sprintf("%s announces what you approved%s.", e.name(), approvedOn(e))}
}

// approvedOn is " on 2026-11-22", or nothing if the list does not say when.
func approvedOn(e Entry) string {
	switch {
	case e.ApprovedAt.IsZero():
		return ""
	case e.ApprovedBy == ByPolicy:
		return ", last by your policy on " + dayText(e.ApprovedAt)
	}
	return " on " + dayText(e.ApprovedAt)
}

func notApprovedReason(a *exchange.Announcement) Reason {
	return Reason{Code: CodeNotApproved, Text: fmt.Sprintf("%s is not approved here. Nothing of it is used until you approve it.", a.Component),
		Cure: "fbpeer trust approve " + a.Component}
}

func supersededReason(a, newest *exchange.Announcement) Reason {
	return Reason{Code: CodeSuperseded, Text: fmt.Sprintf("%s has signed a newer announcement since (sequence %d after %d).", a.Component, newest.Sequence, a.Sequence)}
}

// barCodes are the codes by what is barred and how.
var barCodes = map[string]map[Status]string{
	"identity":  {Revoked: CodeIdentityRevoked, Denied: CodeIdentityDenied},
	"key":       {Revoked: CodeKeyRevoked, Denied: CodeKeyDenied},
	"component": {Revoked: CodeComponentRevoked, Denied: CodeComponentDenied},
}

// CureAnotherKey is what to do about a key that is barred.
const CureAnotherKey = "its site makes another key (`fbpeer cert generate --force`), and you approve that"

// barReason: what is identity, key or component.
func barReason(what string, status Status, a *exchange.Announcement) Reason {
	subject := map[string]string{
		"identity":  fmt.Sprintf("The identity %s", a.Peer),
		"key":       fmt.Sprintf("The MP-SPDZ key %s", a.Certificate.KeySHA256()),
		"component": fmt.Sprintf("The component %s, whatever identity claims it,", a.Component),
	}[what]
	cure := "if that was a mistake: fbpeer trust forget " + claim(a)
	if what == "key" {
		cure = CureAnotherKey
	}
	return Reason{Code: barCodes[what][status], Cure: cure,
		Text: fmt.Sprintf("%s is %s in your trust list. Nothing that %s announces is used.", subject, status, a.Component)}
}

// claim is what to type for one of several identities of a component.
func claim(a *exchange.Announcement) string { return a.Component + "@" + a.Peer.String() }

func neverAnnouncedReason(e Entry, changed []Change) Reason {
	var pins []string
	for _, c := range changed {
		pins = append(pins, c.Field+" "+c.Old)
	}
	return Reason{Code: CodeNeverAnnounced, Cure: decideCure(e), Text: fmt.Sprintf("Your trust list pins %s, but no announcement of %s with that is held, so it is in no set of parties. "+
		"Approve what it announces, or correct the list.", strings.Join(pins, ", "), e.name())}
}

// name is how a text calls an announcement's component: by its alias too, if its identity is approved.
func (s *snapshot) name(a *exchange.Announcement) string {
	if e, approved := s.list.ByPeer(a.Peer); approved && e.Component == a.Component {
		return e.name()
	}
	return a.Component
}

func (s *snapshot) equivocationReason(a *exchange.Announcement) Reason {
	return Reason{Code: CodeEquivocation, Text: fmt.Sprintf("The identity %s signed two different announcements with one sequence (%d): its key may be in use on two "+
		"machines. Nothing new of %s is put in force.", a.Peer, a.Sequence, s.name(a)),
		Cure: "ask its operator whether a copy of that machine runs; it ends with the next announcement that has a sequence of its own"}
}

func (s *snapshot) wrongKindReason(a *exchange.Announcement) Reason {
	text := "%s is a plain MP-SPDZ party and this site is a Fed-BioMed component"
	if s.held.Self.Role == mpspdz.PlainParty {
		text = "%s is a Fed-BioMed component and this site is a plain MP-SPDZ party"
	}
	return Reason{Code: CodeWrongKind, Text: fmt.Sprintf(text+": it is never in one set with us.", s.name(a))}
}

func contestedReason(a *exchange.Announcement, claims int) Reason {
	return Reason{Code: CodeContested, Text: fmt.Sprintf("%d identities claim to be %s, this one is %s. Approve only the one whose fingerprint the site reads to you.",
		claims, a.Component, a.Peer)}
}

func (s *snapshot) announcementExpiredReason(a *exchange.Announcement) Reason {
	return Reason{Code: CodeAnnouncementExpired, Text: fmt.Sprintf("The announcement of %s ran out on %s, and no newer one was heard: its agent may be down or cut off.",
		s.name(a), timeText(a.Expires))}
}

func (s *snapshot) certificateTimeReason(a *exchange.Announcement, c *mpspdz.Certificate) Reason {
	if s.now.Before(c.NotBefore()) {
		return Reason{Code: CodeCertificateNotYetValid, Text: fmt.Sprintf("The MP-SPDZ certificate of %s is valid only from %s: runs fail until then; one of the clocks may be wrong.",
			s.name(a), timeText(c.NotBefore()))}
	}
	return Reason{Code: CodeCertificateExpired, Text: fmt.Sprintf("The MP-SPDZ certificate of %s ran out on %s: runs with it fail until its site makes a new one "+
		"(`fbpeer cert generate --force`) and you approve that.", s.name(a), timeText(c.NotAfter()))}
}
