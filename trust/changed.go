package trust

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// changedReasons tell of each change that is held back, what it means and what settles it. A new key and the certificate that it comes in
// are one of them, and the first.
func (s *snapshot) changedReasons(e Entry, a *exchange.Announcement, all []Change) []Reason {
	held := heldFields(all)
	newKey := slices.Contains(held, fieldKey)
	var reasons []Reason
	for _, c := range all {
		switch {
		case !c.Held(), c.Field == fieldCertificate && newKey:
		case c.Field == fieldKey:
			reasons = slices.Insert(reasons, 0, s.changedReason(e, a, c, newKey))
		default:
			reasons = append(reasons, s.changedReason(e, a, c, newKey))
		}
	}
	if covered, rest := s.split(a, e, held); len(covered) > 0 && len(rest) > 0 {
		reasons = append(reasons, beyondPolicyReason(e, covered, rest))
	}
	return reasons
}

// changedReason tells of one change.
func (s *snapshot) changedReason(e Entry, a *exchange.Announcement, c Change, newKey bool) Reason {
	signed := fmt.Sprintf(" It is signed by the identity that you approved%s", approvedOn(e))
	if newKey {
		signed += ", with another MP-SPDZ key."
	} else {
		signed += ", with the same MP-SPDZ key."
	}
	r := Reason{Cure: decideCure(e)}
	switch c.Field {
	case fieldComponent:
		r.Code, r.Cure = CodeComponentChanged, fmt.Sprintf("if that is right: fbpeer trust forget %s, then fbpeer trust approve %s; else fbpeer trust revoke %s",
			e.Called(), c.New, e.Called())
		r.Text = fmt.Sprintf("%s now announces the component id %s.%s%s", e.name(), c.New, s.keeps(e, "its id and values"), signed)
	case fieldRole:
		r.Code = CodeRoleChanged
		r.Text = fmt.Sprintf("%s now announces the role %s, not %s.%s%s", e.name(), c.New, c.Old, s.keeps(e, "its role"), signed)
	case fieldAddress:
		r.Code = CodeAddressChanged
		r.Text = fmt.Sprintf("%s now announces the address %s, not %s.%s%s", e.name(), c.New, c.Old, s.keepsEndpoint(e), signed)
	case fieldPort:
		r.Code = CodePortChanged
		r.Text = fmt.Sprintf("%s now announces port %s, not %s.%s%s", e.name(), c.New, c.Old, s.keepsEndpoint(e), signed)
	case fieldCertificate:
		r.Code = CodeCertificateReissued
		r.Text = fmt.Sprintf("%s now announces another certificate for the same MP-SPDZ key, until %s.%s It is signed by the identity that you approved%s.",
			e.name(), dayText(a.Certificate.NotAfter()), s.keepsCertificate(e), approvedOn(e))
	default:
		r = s.keyReason(e, a, r)
	}
	return r
}

// keyReason tells of a new key.
func (s *snapshot) keyReason(e Entry, a *exchange.Announcement, r Reason) Reason {
	text := fmt.Sprintf("%s now announces another MP-SPDZ key.%s It is signed by the identity that you approved%s, ", e.name(), s.keepsCertificate(e), approvedOn(e))
	if s.endorsed(e, a) {
		r.Code, r.Text = CodeKeyEndorsed, text+"and the approved key endorses the new one: whoever holds the old key has replaced it."
		return r
	}
	r.Code = CodeKeyReplaced
	if status := s.list.KeyStatus(e.Key); status != "" {
		r.Text = text + fmt.Sprintf("and the key that you approved is %s here, so that it vouches for nothing: compare the fingerprint with the site by telephone before you approve.", status)
		return r
	}
	r.Text = text + "but the approved key does not endorse the new one: compare the fingerprint with the site by telephone before you approve."
	return r
}

// decideCure is the command that settles a change.
func decideCure(e Entry) string {
	return fmt.Sprintf("fbpeer trust approve %s, or fbpeer trust revoke %s", e.Called(), e.Called())
}

// Called is what to type for the component: its alias, else its id.
func (e Entry) Called() string {
	if e.Alias != "" {
		return e.Alias
	}
	return e.Component
}

// keeps says what stays in force meanwhile.
func (s *snapshot) keeps(e Entry, what string) string {
	if s.inForce[e.Component] == nil {
		return nothingInForce
	}
	return fmt.Sprintf(" %s keeps %s until you approve.", s.party(e), what)
}

// nothingInForce is told where a change has nothing to keep: the pinned values were never heard, or their key is barred.
const nothingInForce = " It is in no set of parties until you approve."

// keepsEndpoint says it of an address, and what it costs.
func (s *snapshot) keepsEndpoint(e Entry) string {
	inForce := s.inForce[e.Component]
	if inForce == nil {
		return nothingInForce
	}
	return fmt.Sprintf(" %s keeps %s until you approve; if the site has really moved, it cannot be reached there.", s.party(e), inForce.Endpoint)
}

// keepsCertificate says it of a certificate.
func (s *snapshot) keepsCertificate(e Entry) string {
	inForce := s.inForce[e.Component]
	if inForce == nil {
		return nothingInForce
	}
	return fmt.Sprintf(" %s keeps certificate %s until you approve; runs fail if the site already uses the new one.", s.party(e), inForce.Certificate.SHA256())
}

// party is how a sentence begins that tells what a component keeps.
func (s *snapshot) party(e Entry) string {
	if number, member := s.held.Parties[e.Component]; member {
		return fmt.Sprintf("Party %d", number)
	}
	return "It"
}

// endorsed says whether the key that the list pins endorses the announced one. Open has verified the signature. A key that the list bars
// vouches for nobody: a thief has it too.
func (s *snapshot) endorsed(e Entry, a *exchange.Announcement) bool {
	return a.Endorsement != nil && mpspdz.Hash(sha256.Sum256(a.Endorsement.OldKey)) == e.Key && s.list.KeyStatus(e.Key) == "" &&
		!bytes.Equal(a.Endorsement.OldKey, a.Certificate.SPKI())
}

func beyondPolicyReason(e Entry, covered, rest []string) Reason {
	return Reason{Code: CodeBeyondPolicy, Cure: decideCure(e), Text: fmt.Sprintf("Your policy ([trust] accept_changes) takes over %s, but not %s: all of what %s announces waits for you.",
		strings.Join(covered, ", "), strings.Join(rest, ", "), e.name())}
}

// reportedReasons tell of the changes that hold nothing back.
func reportedReasons(e Entry, all []Change) []Reason {
	var reasons []Reason
	for _, c := range all {
		switch c.Field {
		case fieldLabel:
			reasons = append(reasons, Reason{Code: CodeLabelChanged,
				Text: fmt.Sprintf("%s now calls itself \"%s\", before \"%s\". Nothing follows from it: a label is only a claim.", e.name(), c.New, c.Old)})
		case fieldPolicy:
			reasons = append(reasons, Reason{Code: CodePolicyChanged,
				Text: fmt.Sprintf("The secure-aggregation policy of %s is now \"%s\", before \"%s\". That is for whoever starts experiments; player files do not change.",
					e.name(), c.New, c.Old)})
		case fieldExpiry:
			reasons = append(reasons, Reason{Code: CodeEndsSooner, Text: fmt.Sprintf("The announcement of %s now ends at %s, before at %s. What is in force stays.",
				e.name(), c.New, c.Old)})
		}
	}
	return reasons
}
