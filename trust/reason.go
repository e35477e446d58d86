package trust

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// The texts are for the administrator of a hospital's server: what happened, what follows from it, who signed it. Component ids, endpoints,
// hashes and peer ids are checked where they are parsed and so need no escaping here; labels never come in.

func approvedReason(e Entry) Reason {
	return Reason{"approved", fmt.Sprintf("%s announces what you approved%s.", e.name(), approvedOn(e))}
}

// approvedOn is " on 2026-11-22", or nothing if the list does not say when.
func approvedOn(e Entry) string {
	if e.ApprovedAt.IsZero() {
		return ""
	}
	return " on " + dayText(e.ApprovedAt)
}

func notApprovedReason(a *exchange.Announcement) Reason {
	return Reason{"not-approved", fmt.Sprintf("%s is not approved here. Nothing of it is used until you approve it.", a.Component)}
}

func supersededReason(a, newest *exchange.Announcement) Reason {
	return Reason{"superseded", fmt.Sprintf("%s has signed a newer announcement since (sequence %d after %d).", a.Component, newest.Sequence, a.Sequence)}
}

// barReason: what is identity, key or component.
func barReason(what string, status Status, a *exchange.Announcement) Reason {
	subject := map[string]string{
		"identity":  fmt.Sprintf("The identity %s", a.Peer),
		"key":       fmt.Sprintf("The MP-SPDZ key %s", a.Certificate.KeySHA256()),
		"component": fmt.Sprintf("The component %s, whatever identity claims it,", a.Component),
	}[what]
	return Reason{what + "-" + string(status), fmt.Sprintf("%s is %s in your trust list. Nothing that %s announces is used.", subject, status, a.Component)}
}

// changedReason tells what an approved identity announces instead of what is pinned, and whether the new key is endorsed.
func changedReason(e Entry, inForce, a *exchange.Announcement, changed []Change) Reason {
	has := map[string]bool{}
	for _, c := range changed {
		has[c.Field] = true
	}
	code := "values-changed"
	text := fmt.Sprintf("%s now announces %s.", e.name(), changedFields(has))
	if inForce != nil {
		text += keptText(inForce, has)
	}
	text += fmt.Sprintf(" It is signed by the identity that you approved%s, ", approvedOn(e))
	switch {
	case !has["key"]:
		text += "with the same MP-SPDZ key."
	case endorsed(e, a):
		code = "key-endorsed"
		text += "and the approved MP-SPDZ key endorses the new one: whoever holds the old key has replaced it."
	default:
		code = "key-replaced"
		text += "but the approved MP-SPDZ key does not endorse the new one: compare the fingerprint with the site by telephone before you approve."
	}
	return Reason{code, text}
}

// changedFields names what is held back, as in "another address and port".
func changedFields(has map[string]bool) string {
	var names []string
	for _, f := range []struct{ field, name string }{
		{"component", "component id"}, {"role", "role"}, {"address", "address"}, {"port", "port"},
		{"certificate", "certificate"}, {"key", "MP-SPDZ key"},
	} {
		if has[f.field] {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 { // the pins differ in a form that shows no old value
		return "other values"
	}
	last := len(names) - 1
	if last == 0 {
		return "another " + names[0]
	}
	return "another " + strings.Join(names[:last], ", ") + " and " + names[last]
}

// keptText says what stays in force meanwhile, and what it costs.
func keptText(inForce *exchange.Announcement, has map[string]bool) string {
	switch endpoint := has["address"] || has["port"]; {
	case endpoint:
		return fmt.Sprintf(" The party keeps %s until you approve; if the site has really moved, it cannot be reached there.", inForce.Endpoint)
	case has["certificate"]:
		return fmt.Sprintf(" The party keeps certificate %s until you approve; runs fail if the site already uses the new one.",
			inForce.Certificate.SHA256())
	}
	return fmt.Sprintf(" The party stays as it was approved, at %s, until you decide.", inForce.Endpoint)
}

// endorsed says whether the key that the list pins endorses the announced one. Open has verified the signature.
func endorsed(e Entry, a *exchange.Announcement) bool {
	return a.Endorsement != nil && mpspdz.Hash(sha256.Sum256(a.Endorsement.OldKey)) == e.Key &&
		!bytes.Equal(a.Endorsement.OldKey, a.Certificate.SPKI())
}

func neverAnnouncedReason(e Entry, changed []Change) Reason {
	var pins []string
	for _, c := range changed {
		pins = append(pins, c.Field+" "+c.Old)
	}
	return Reason{"never-announced", fmt.Sprintf("Your trust list pins %s, but no announcement of %s with that is held, so it is in no set of parties. "+
		"Approve what it announces, or correct the list.", strings.Join(pins, ", "), e.name())}
}

// conflictReason: a claims what c's holder has.
func (s *snapshot) conflictReason(a *exchange.Announcement, c collision) Reason {
	if c.holder.own {
		return s.ownConflictReason(a, c.field)
	}
	e := c.holder.entry
	code := "claims-" + c.field
	identity := a.Peer.String()
	if own, approved := s.list.ByPeer(a.Peer); approved {
		identity += ", approved as " + own.name()
	}
	nothing := fmt.Sprintf("%s keeps its values; nothing of the other is used.", e.name())
	switch c.field {
	case fieldComponent:
		return Reason{code, fmt.Sprintf("Somebody else claims to be %s: identity %s; not %s, that you approved%s. It may be an attack, or the site was "+
			"set up anew. %s Ask the site by telephone.", e.name(), identity, e.Peer, approvedOn(e), nothing)}
	case fieldKey:
		return Reason{code, fmt.Sprintf("%s announces the MP-SPDZ key of %s under the identity %s. %s Ask both sites.", a.Component, e.name(), identity, nothing)}
	case fieldEndpoint:
		return Reason{code, fmt.Sprintf("%s (identity %s) announces %s, which is the endpoint of %s. %s Two parties cannot share an address and port.%s",
			a.Component, identity, a.Endpoint, e.name(), nothing, loopbackText(a))}
	}
	return Reason{code, fmt.Sprintf("%s (identity %s) announces a certificate with the subject of that of %s (%s). MP-SPDZ could verify only one of them. %s",
		a.Component, identity, e.name(), a.Certificate.Subject(), nothing)}
}

// ownConflictReason: a claims what is ours.
func (s *snapshot) ownConflictReason(a *exchange.Announcement, field string) Reason {
	what := map[string]string{
		fieldComponent: "this site's own component id " + a.Component,
		fieldKey:       "this site's own MP-SPDZ key",
		fieldSubject:   "a certificate with the subject of this site's own (" + a.Certificate.Subject() + ")",
	}[field]
	cure := " If this site was copied, give the copy an identity, an id and a key of its own."
	if field == fieldEndpoint {
		return Reason{"claims-own-endpoint", fmt.Sprintf("%s (identity %s) announces %s, which is also yours: one of the two must change mpspdz_ip or "+
			"mpspdz_port. Nothing of it is used until then.%s", a.Component, a.Peer, a.Endpoint, loopbackText(a))}
	}
	return Reason{"claims-own-" + field, fmt.Sprintf("%s (identity %s) announces %s. Nothing of it is used.%s", a.Component, a.Peer, what, cure)}
}

// loopbackText is the cure where two sites left Fed-BioMed's default address as it was, which is by far the commonest way to share one.
func loopbackText(a *exchange.Announcement) string {
	if !a.Endpoint.IsLoopback() {
		return ""
	}
	return " A loopback address is right only between components of one machine, each with a port of its own: sites on different machines " +
		"set mpspdz_ip to the address at which the others reach them."
}

// clashReason: two approved components, or one and ourselves, cannot be parties of one set.
func (s *snapshot) clashReason(a *exchange.Announcement, c collision) Reason {
	shared := map[string]string{
		fieldComponent: "component id", fieldKey: "MP-SPDZ key", fieldEndpoint: "endpoint", fieldSubject: "certificate subject",
	}[c.field]
	if c.holder.own {
		return Reason{"clash", fmt.Sprintf("%s is approved with the %s of this site itself: no set can hold both. Change one, or revoke it.",
			s.name(a), shared)}
	}
	return Reason{"clash", fmt.Sprintf("%s and %s are both approved, with the same %s: no set can hold both. Revoke one, or have its site change it.",
		s.name(a), c.holder.entry.name(), shared)}
}

// name is how a text calls an announcement's component: by its alias too, if its identity is approved.
func (s *snapshot) name(a *exchange.Announcement) string {
	if e, approved := s.list.ByPeer(a.Peer); approved && e.Component == a.Component {
		return e.name()
	}
	return a.Component
}

func (s *snapshot) equivocationReason(a *exchange.Announcement) Reason {
	return Reason{"equivocation", fmt.Sprintf("The identity %s signed two different announcements with one sequence (%d): its key may be in use on two "+
		"machines. Nothing new of %s is put in force.", a.Peer, a.Sequence, s.name(a))}
}

func (s *snapshot) wrongKindReason(a *exchange.Announcement) Reason {
	text := "%s is a plain MP-SPDZ party and this site is a Fed-BioMed component"
	if s.held.Self.Role == mpspdz.PlainParty {
		text = "%s is a Fed-BioMed component and this site is a plain MP-SPDZ party"
	}
	return Reason{"wrong-kind", fmt.Sprintf(text+": it is never in one set with us.", s.name(a))}
}

func contestedReason(a *exchange.Announcement, claims int) Reason {
	return Reason{"contested", fmt.Sprintf("%d identities claim to be %s, this one is %s. Approve only the one whose fingerprint the site reads to you.",
		claims, a.Component, a.Peer)}
}

func subjectSharedReason(a *exchange.Announcement) Reason {
	return Reason{"subject-shared", fmt.Sprintf("Another component that waits for approval announces a certificate with the same subject as %s (%s): "+
		"once one of them is approved, the other is a conflict.", a.Component, a.Certificate.Subject())}
}

func (s *snapshot) announcementExpiredReason(a *exchange.Announcement) Reason {
	return Reason{"announcement-expired", fmt.Sprintf("The announcement of %s ran out on %s, and no newer one was heard: its agent may be down or cut off.",
		s.name(a), timeText(a.Expires))}
}

func (s *snapshot) certificateTimeReason(a *exchange.Announcement, c *mpspdz.Certificate) Reason {
	if s.now.Before(c.NotBefore()) {
		return Reason{"certificate-not-yet-valid", fmt.Sprintf("The MP-SPDZ certificate of %s is valid only from %s: runs fail until then; one of the clocks may be wrong.",
			s.name(a), timeText(c.NotBefore()))}
	}
	return Reason{"certificate-expired", fmt.Sprintf("The MP-SPDZ certificate of %s ran out on %s: runs with it fail until its site makes a new one "+
		"(`fbpeer cert generate`) and you approve that.", s.name(a), timeText(c.NotAfter()))}
}
