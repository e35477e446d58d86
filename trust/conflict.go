package trust

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// claimCodes are the codes of a conflict by the field that is claimed: told of who claims what an approved component has, of who claims
// what is ours, and of whose it is.
var claimCodes = map[string]struct{ claims, claimsOwn, claimed string }{
	fieldComponent: {CodeClaimsComponent, CodeClaimsOwnComponent, CodeComponentClaimed},
	fieldKey:       {CodeClaimsKey, CodeClaimsOwnKey, CodeKeyClaimed},
	fieldEndpoint:  {CodeClaimsEndpoint, CodeClaimsOwnEndpoint, CodeEndpointClaimed},
	fieldSubject:   {CodeClaimsSubject, CodeClaimsOwnSubject, CodeSubjectClaimed},
}

// shared is how a sentence calls a field that only one component may have.
var shared = map[string]string{
	fieldComponent: "component id", fieldKey: "MP-SPDZ key", fieldEndpoint: "endpoint", fieldSubject: "certificate subject",
}

// conflictReason: a claims what c's holder has.
func (s *snapshot) conflictReason(a *exchange.Announcement, c collision) Reason {
	if c.holder.own {
		return s.ownConflictReason(a, c.field)
	}
	e := c.holder.entry
	r := Reason{Code: claimCodes[c.field].claims, Cure: "if it is not that site: fbpeer trust deny " + claim(a)}
	identity := a.Peer.String()
	if own, approved := s.list.ByPeer(a.Peer); approved {
		identity += ", approved as " + own.name()
		r.Cure = "ask its operator to take that back; else fbpeer trust revoke " + own.Called()
	}
	nothing := fmt.Sprintf("%s keeps its values; nothing of the other is used.", e.name())
	switch c.field {
	case fieldComponent:
		r.Text = fmt.Sprintf("Somebody else claims to be %s: identity %s; not %s, that you approved%s. It may be an attack, or the site was "+
			"set up anew. %s Ask the site by telephone.", e.name(), identity, e.Peer, approvedOn(e), nothing)
		if _, approved := s.list.ByPeer(a.Peer); !approved {
			r.Cure = fmt.Sprintf("if it was set up anew: fbpeer trust approve %s --replace --fingerprint …; else fbpeer trust deny %s", claim(a), claim(a))
		}
	case fieldKey:
		r.Text = fmt.Sprintf("%s announces the MP-SPDZ key of %s under the identity %s. %s Ask both sites.", a.Component, e.name(), identity, nothing)
	case fieldEndpoint:
		r.Text = fmt.Sprintf("%s (identity %s) announces %s, which is the endpoint of %s. %s Two parties cannot share an address and port.%s",
			a.Component, identity, a.Endpoint, e.name(), nothing, loopbackText(a))
		r.Cure = "ask both sites: one of them changes its MP-SPDZ address or port"
	default:
		r.Text = fmt.Sprintf("%s (identity %s) announces a certificate with the subject of that of %s (%s). MP-SPDZ could verify only one of them. %s",
			a.Component, identity, e.name(), a.Certificate.Subject(), nothing)
	}
	return r
}

// ownConflictReason: a claims what is ours.
func (s *snapshot) ownConflictReason(a *exchange.Announcement, field string) Reason {
	if field == fieldEndpoint {
		return Reason{Code: CodeClaimsOwnEndpoint, Cure: "agree with its operator on who changes it",
			Text: fmt.Sprintf("%s (identity %s) announces %s, which is also yours: one of the two must change its MP-SPDZ address or "+
				"port. Nothing of it is used until then.%s", a.Component, a.Peer, a.Endpoint, loopbackText(a))}
	}
	what := map[string]string{
		fieldComponent: "this site's own component id " + a.Component,
		fieldKey:       "this site's own MP-SPDZ key",
		fieldSubject:   "a certificate with the subject of this site's own (" + a.Certificate.Subject() + ")",
	}[field]
	cure := "if nobody here knows it: fbpeer trust deny " + claim(a)
	if own, approved := s.list.ByPeer(a.Peer); approved {
		cure = "ask its operator to take that back; else fbpeer trust revoke " + own.Called()
	}
	return Reason{Code: claimCodes[field].claimsOwn, Cure: cure,
		Text: fmt.Sprintf("%s (identity %s) announces %s. Nothing of it is used. If this site was copied, give the copy an identity, an id and a key of its own.",
			a.Component, a.Peer, what)}
}

// loopbackText is the cure where two sites left Fed-BioMed's default address as it was, which is by far the commonest way to share one.
func loopbackText(a *exchange.Announcement) string {
	if !a.Endpoint.IsLoopback() {
		return ""
	}
	return " A loopback address is right only between components of one machine, each with a port of its own: sites on different machines " +
		"set mpspdz_ip (a plain party: ip in its fbpeer.ini) to the address at which the others reach them."
}

// clashReason: two approved components, or one and ourselves, cannot be parties of one set.
func (s *snapshot) clashReason(a *exchange.Announcement, c collision) Reason {
	if c.holder.own {
		return Reason{Code: CodeClash, Text: fmt.Sprintf("%s is approved with the %s of this site itself: no set can hold both. Change one, or revoke it.",
			s.name(a), shared[c.field])}
	}
	return Reason{Code: CodeClash, Text: fmt.Sprintf("%s and %s are both approved, with the same %s: no set can hold both. Revoke one, or have its site change it.",
		s.name(a), c.holder.entry.name(), shared[c.field])}
}

// sharedReasons tell of values that others, whom nobody approved either, announce too: once one is approved, the others are conflicts. What
// contradicts something approved is told as that.
func (s *snapshot) sharedReasons(a *exchange.Announcement) []Reason {
	var reasons []Reason
	const cure = "ask both sites, and have one of them change it, before you approve either"
	if others := s.others(s.announcing.keys[a.Certificate.KeySHA256()], a, nil); others != "" && len(s.keys[a.Certificate.KeySHA256()]) == 0 {
		reasons = append(reasons, Reason{Code: CodeKeyShared, Cure: cure, Text: fmt.Sprintf("%s and %s announce the same MP-SPDZ key (%s): "+
			"one of them has the other's, or both are one. Once one is approved, the other is a conflict.", s.name(a), others, a.Certificate.KeySHA256())})
	}
	if others := s.others(s.announcing.endpoints[a.Endpoint.Place()], a, nil); others != "" && len(s.endpoints[a.Endpoint.Place()]) == 0 {
		reasons = append(reasons, Reason{Code: CodeEndpointShared, Cure: cure, Text: fmt.Sprintf("%s and %s announce one endpoint, %s, and two parties cannot "+
			"share an address and port. Once one is approved, the other is a conflict.%s", s.name(a), others, a.Endpoint, loopbackText(a))})
	}
	alike := func(other *exchange.Announcement) bool { return mpspdz.SubjectClash(other.Certificate, a.Certificate) }
	subject := a.Certificate.CanonicalSubject()
	_, approved := s.list.ByPeer(a.Peer)
	if others := s.others(s.announcing.subjects[subject], a, alike); others != "" && (!approved || len(s.subjects[subject]) == 0) {
		reasons = append(reasons, Reason{Code: CodeSubjectShared, Cure: cure, Text: fmt.Sprintf("%s and %s announce certificates with one subject (%s), and MP-SPDZ could verify "+
			"only one of them. Once one is approved, the other is a conflict.", s.name(a), others, a.Certificate.Subject())})
	}
	return reasons
}

// maxNamed is how many others a text names.
const maxNamed = 3

// maxCompared bounds what one announcement is compared with: whoever holds the federation's secret can make any number of them.
const maxCompared = 64

// others names the other components among those that announce one value; empty: there are none. Those that claim one id are told apart as
// contested, not here.
func (s *snapshot) others(all []*exchange.Announcement, a *exchange.Announcement, alike func(*exchange.Announcement) bool) string {
	var names []string
	for _, other := range all[:min(len(all), maxCompared)] {
		if other.Peer != a.Peer && other.Component != a.Component && (alike == nil || alike(other)) {
			names = append(names, s.name(other))
		}
	}
	slices.Sort(names)
	return listed(slices.Compact(names))
}

// listed is "a, b and 4 more".
func listed(names []string) string {
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n > maxNamed:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), n-maxNamed)
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// secondResearcherReason: Fed-BioMed has one researcher in a set.
func (s *snapshot) secondResearcherReason(a *exchange.Announcement, others string) Reason {
	return Reason{Code: CodeSecondResearcher, Text: fmt.Sprintf("%s is a researcher, and so is %s: Fed-BioMed allows one in a set, so with both approved none is in force.",
		s.name(a), others), Cure: "approve one, or choose with [players] parties"}
}

// researchers names the other researchers beside a: those that are approved and we ourselves, else, where nobody is, those that wait.
func (s *snapshot) researchers(a *exchange.Announcement) string {
	if a.Role != mpspdz.Researcher {
		return ""
	}
	var names []string
	for _, h := range s.holders {
		switch {
		case h.peer == a.Peer, h.component == a.Component, h.keyBarred:
		case h.own && s.held.Self.Role == mpspdz.Researcher:
			names = append(names, "this site itself")
		case !h.own && h.entry.Role == mpspdz.Researcher:
			names = append(names, h.entry.name())
		}
	}
	if _, approved := s.list.ByPeer(a.Peer); approved || len(names) > 0 {
		return listed(names)
	}
	return s.others(s.announcing.researchers, a, nil)
}

// claimedReasons tell of whose values others claim: the approved components, and ourselves. Who claims is told by its own conflict.
func (s *snapshot) claimedReasons(decisions map[peer.ID]Decision) map[peer.ID][]Reason {
	type claimed struct {
		holder peer.ID
		field  string
	}
	claims, holders := map[claimed][]*exchange.Announcement{}, map[claimed]holder{}
	for p, d := range decisions {
		a := s.newest(p)
		if a == nil || d.Verdict != VerdictConflict || s.held.Former[p] {
			continue
		}
		e, _ := s.list.ByPeer(p)
		conflicts, _ := s.collisions(a, e)
		for _, c := range conflicts {
			key := claimed{c.holder.peer, c.field}
			claims[key], holders[key] = append(claims[key], a), c.holder
		}
	}
	reasons := map[peer.ID][]Reason{}
	for key, all := range claims {
		slices.SortFunc(all, func(a, b *exchange.Announcement) int {
			return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Peer, b.Peer))
		})
		reasons[key.holder] = append(reasons[key.holder], claimedReason(holders[key], key.field, all))
	}
	for _, all := range reasons {
		slices.SortFunc(all, func(a, b Reason) int { return cmp.Compare(a.Code, b.Code) })
	}
	return reasons
}

// claimedReason tells of one value and of all who claim it.
func claimedReason(h holder, field string, by []*exchange.Announcement) Reason {
	who := claim(by[0])
	if more := len(by) - 1; more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	verb := "announces"
	if len(by) > 1 {
		verb = "announce"
	}
	text := fmt.Sprintf("%s %s the %s of %s. What you approved stays in force.", who, verb, shared[field], h.entry.name())
	switch {
	case h.keyBarred:
		text = fmt.Sprintf("%s %s the %s of %s, of which nothing is in force while its key is barred. Nothing of the other is used either.",
			who, verb, shared[field], h.entry.name())
	case h.own:
		text = fmt.Sprintf("%s %s this site's own %s. Nothing of it is used here; what the others make of it is theirs to decide.", who, verb, shared[field])
	}
	return Reason{Code: claimCodes[field].claimed, Text: text, Cure: "fbpeer trust pending"}
}
