package mpspdz

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"strings"
)

const (
	// MaxParties is how many parties a set may have: Fed-BioMed's limit.
	MaxParties = 255

	// MinPlain is how few parties a set of plain ones may have.
	MinPlain = 2

	minFedbiomed = 3 // secure aggregation needs three
)

// Party is one member of a set, with what everyone else knows of it.
type Party struct {
	Component   string
	Role        Role
	Endpoint    Endpoint // as advertised
	Certificate *Certificate
}

// PartySet is an ordered, checked set: the same value at every site that holds the same members. Its order is what MP-SPDZ
// computes by, and nothing downstream notices a wrong one; so one is made only by NewPartySet, whose order is a rule, by
// NewOrderedPartySet, whose order all members have confirmed, and by WithCertificates from one of those.
type PartySet struct{ parties []Party }

// The codes of SetError. They are stable.
const (
	SetIncomplete         = "incomplete"          // a member without valid id, role, endpoint or certificate
	SetDuplicateComponent = "duplicate-component" // one id twice
	SetMixedRoles         = "mixed-roles"         // plain parties and Fed-BioMed components
	SetSeveralResearchers = "several-researchers" // Fed-BioMed allows one
	SetNoResearcher       = "no-researcher"       // Fed-BioMed needs one
	SetTooFew             = "too-few"             // Fed-BioMed: three; plain: two
	SetTooMany            = "too-many"            // more than MaxParties
	SetLoopbackMixed      = "loopback-mixed"      // localhost is right on one machine only
	SetDuplicateEndpoint  = "duplicate-endpoint"  // one address and port twice
	SetDuplicateKey       = "duplicate-key"       // one key twice
	SetDuplicateSubject   = "duplicate-subject"   // SubjectClash
	SetUnknownAuthority   = "unknown-authority"   // a certificate of an authority that this site does not trust
	SetNotPlain           = "not-plain"           // a Fed-BioMed component where only plain parties may be
	SetWrongNumber        = "wrong-number"        // a certificate that names other party numbers than its party's
	SetWrongKey           = "wrong-key"           // a numbered certificate of another key than the approved one
)

// SetError says why members make no set.
type SetError struct {
	Code       string   // one of the Set constants
	Components []string // those concerned, sorted
	Text, Cure string
}

// Error gives Text; Cure is a hint, to be shown apart from it.
func (e *SetError) Error() string { return e.Text }

// NewPartySet orders (the researcher first, then by id in byte order) and checks. Fed-BioMed roles: exactly one researcher, at
// least three; plain: at least two, all plain; at most MaxParties. Loopback and other endpoints never together. No component,
// endpoint, key or subject twice. The order of parties does not matter. The error is a *SetError.
func NewPartySet(parties []Party) (PartySet, error) {
	ordered := slices.Clone(parties)
	slices.SortFunc(ordered, func(a, b Party) int {
		if first := cmp.Compare(rank(a.Role), rank(b.Role)); first != 0 {
			return first
		}
		return strings.Compare(a.Component, b.Component)
	})
	return checked(ordered, checkRoles)
}

// checked is the set of these parties in their order, if they can run together and their roles pass.
func checked(ordered []Party, roles func([]Party) *SetError) (PartySet, error) {
	for _, check := range []func([]Party) *SetError{
		checkComplete, checkComponents, roles, checkSize, checkLoopback, checkEndpoints, checkKeys, checkSubjects,
	} {
		if err := check(ordered); err != nil {
			slices.Sort(err.Components)
			return PartySet{}, err
		}
	}
	return PartySet{ordered}, nil
}

func rank(r Role) int {
	if r == Researcher {
		return 0
	}
	return 1
}

// Parties are the members, party i at index i; a copy.
func (s PartySet) Parties() []Party { return slices.Clone(s.parties) }

// Len is how many parties there are: 0 only in the zero value.
func (s PartySet) Len() int { return len(s.parties) }

// Number is the component's party number, -1 if it is no member.
func (s PartySet) Number(component string) int {
	return slices.IndexFunc(s.parties, func(p Party) bool { return p.Component == component })
}

// Digest is what two sites compare: order, ids, advertised endpoints and certificates, in the encoding of the package comment.
func (s PartySet) Digest() Hash {
	h := sha256.New()
	h.Write([]byte("fbpeer-party-set-v1\x00"))
	writeLength(h, len(s.parties))
	for _, p := range s.parties {
		writeField(h, []byte(p.Component))
		writeField(h, []byte(p.Endpoint.String()))
		writeField(h, p.Certificate.parsed.Raw)
	}
	return Hash(h.Sum(nil))
}

// writeField writes a length and the bytes, so that no two lists of fields hash alike.
func writeField(h hash.Hash, b []byte) {
	writeLength(h, len(b))
	h.Write(b)
}

func writeLength(h hash.Hash, n int) {
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(n)))
}

func checkComplete(parties []Party) *SetError {
	for _, p := range parties {
		_, err := ParseRole(string(p.Role))
		if err == nil {
			err = CheckComponentID(p.Component)
		}
		switch {
		case err != nil:
			return &SetError{SetIncomplete, nil, err.Error(), "correct the component's configuration"}
		case p.Endpoint.IsZero() || p.Certificate == nil:
			return &SetError{SetIncomplete, []string{p.Component}, p.Component + " has no endpoint or no certificate",
				"approve what it announces"}
		}
	}
	return nil
}

func checkComponents(parties []Party) *SetError {
	if a, b := twice(parties, func(a, b Party) bool { return a.Component == b.Component }); a != nil {
		return &SetError{SetDuplicateComponent, []string{b.Component}, b.Component + " is in the set twice",
			"revoke all but one of the identities that claim it"}
	}
	return nil
}

func checkRoles(parties []Party) *SetError {
	var plain, researchers, nodes []string
	for _, p := range parties {
		switch p.Role {
		case PlainParty:
			plain = append(plain, p.Component)
		case Researcher:
			researchers = append(researchers, p.Component)
		case Node:
			nodes = append(nodes, p.Component)
		}
	}
	switch {
	case len(plain) > 0 && len(researchers)+len(nodes) > 0:
		return &SetError{SetMixedRoles, plain, "plain MP-SPDZ parties and Fed-BioMed components are in one set: " +
			strings.Join(plain, ", ") + " are plain", "approve one kind only"}
	case len(researchers) > 1:
		return &SetError{SetSeveralResearchers, researchers, "there are several researchers, and Fed-BioMed allows one: " +
			strings.Join(researchers, ", "), "revoke all but one"}
	case len(nodes) > 0 && len(researchers) == 0:
		return &SetError{SetNoResearcher, nil, "there is no researcher, who is party 0", "approve the researcher"}
	}
	return nil
}

func checkSize(parties []Party) *SetError {
	least, kind := minFedbiomed, "secure aggregation"
	if len(parties) > 0 && parties[0].Role == PlainParty {
		least, kind = MinPlain, "MP-SPDZ"
	}
	switch n := len(parties); {
	case n < least:
		return &SetError{SetTooFew, components(parties),
			fmt.Sprintf("%d of at least %d parties: %s needs %d more", n, least, kind, least-n), "approve more components: fbpeer trust pending"}
	case n > MaxParties:
		return &SetError{SetTooMany, nil, fmt.Sprintf("%d parties: at most %d", n, MaxParties), "revoke some"}
	}
	return nil
}

func checkLoopback(parties []Party) *SetError {
	var loopback []string
	for _, p := range parties {
		if p.Endpoint.IsLoopback() {
			loopback = append(loopback, p.Component)
		}
	}
	if len(loopback) == 0 || len(loopback) == len(parties) {
		return nil
	}
	return &SetError{SetLoopbackMixed, loopback, "these announce localhost, where others cannot dial them: " +
		strings.Join(loopback, ", "), "set their mpspdz_ip to an address that the other sites reach"}
}

func checkEndpoints(parties []Party) *SetError {
	a, b := twice(parties, func(a, b Party) bool { return a.Endpoint.Place() == b.Endpoint.Place() })
	if a == nil {
		return nil
	}
	return &SetError{SetDuplicateEndpoint, []string{a.Component, b.Component},
		fmt.Sprintf("%s and %s have one endpoint, %s", a.Component, b.Component, b.Endpoint), "give one of them another port"}
}

func checkKeys(parties []Party) *SetError {
	a, b := twice(parties, func(a, b Party) bool { return string(a.Certificate.raw.spki) == string(b.Certificate.raw.spki) })
	if a == nil {
		return nil
	}
	return &SetError{SetDuplicateKey, []string{a.Component, b.Component},
		fmt.Sprintf("%s and %s have the same key", a.Component, b.Component), "make a new key for each: " + cureNew}
}

func checkSubjects(parties []Party) *SetError {
	a, b := twice(parties, func(a, b Party) bool { return SubjectClash(a.Certificate, b.Certificate) })
	if a == nil {
		return nil
	}
	return &SetError{SetDuplicateSubject, []string{a.Component, b.Component},
		fmt.Sprintf("the certificates of %s and %s have the same subject (%s), so that only one of them verifies",
			a.Component, b.Component, a.Certificate.Subject()),
		"make a certificate with another subject for one of them: " + cureNew}
}

// twice gives the first two that are alike; nil if there are none. At most 255 · 254 / 2 comparisons of short values.
func twice(parties []Party, alike func(a, b Party) bool) (a, b *Party) {
	for j := range parties {
		for i := range j {
			if alike(parties[i], parties[j]) {
				return &parties[i], &parties[j]
			}
		}
	}
	return nil, nil
}

// maxListed is how many ids a text lists.
const maxListed = 10

// listed is "a, b, c", cut after ten.
func listed(ids []string) string {
	if len(ids) <= maxListed {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:maxListed], ", "), len(ids)-maxListed)
}

func components(parties []Party) []string {
	ids := make([]string, len(parties))
	for i, p := range parties {
		ids[i] = p.Component
	}
	return ids
}
