package mpspdz

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// Authorities gives those whose certificates must stand in the player files of this set, each once, in an order that depends on them
// alone: of every party whose certificate an authority signed, the whole chain. The error is a *SetError: SetUnknownAuthority where a chain
// is not among those that this site trusts, SetDuplicateSubject where OpenSSL could take another certificate for the one that signed.
func (s PartySet) Authorities(trusted Authorities) ([]*Authority, error) {
	var needed []*Authority
	var unknown []string
	var why error
	all := make([]standing, 0, len(s.parties))
	for _, p := range s.parties {
		chain, err := trusted.Chain(p.Certificate)
		if err != nil {
			unknown, why = append(unknown, p.Component), cmp.Or(why, err)
			continue
		}
		all = append(all, p.standing(chain))
		for i, a := range chain {
			if !slices.Contains(needed, a) {
				needed = append(needed, a)
				all = append(all, a.standing(chain[min(i+1, len(chain)-1)]))
			}
		}
	}
	if len(unknown) > 0 {
		return nil, unknownAuthority(unknown, why)
	}
	if len(needed) > 0 {
		if err := checkMistakable(all); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(needed, func(a, b *Authority) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	return needed, nil
}

func unknownAuthority(components []string, why error) *SetError {
	e := &SetError{Code: SetUnknownAuthority, Components: slices.Sorted(slices.Values(components)),
		Text: "the certificate of " + components[0] + " cannot be used: " + why.Error(), Cure: CureAuthority}
	if len(components) > 1 {
		e.Text += fmt.Sprintf("; and so for %d more", len(components)-1)
	}
	return e
}

// standing is a certificate among the player files of one set: how OpenSSL finds who signed it, and how it may be found itself.
type standing struct {
	component string // "" for an authority's
	subject   name
	by        issued
	signer    []byte // the key that did sign it, SubjectPublicKeyInfo
	canonical string
	raw       rawCertificate
	keyID     []byte
}

func (p Party) standing(chain []*Authority) standing {
	c := p.Certificate
	signer := c.raw.spki
	if len(chain) > 0 {
		signer = chain[0].raw.spki
	}
	return standing{p.Component, c.subject, c.issued(), signer, c.canonical, c.raw, c.facts.subjectKey}
}

func (a *Authority) standing(signer *Authority) standing {
	return standing{"", a.subject, a.issued(), signer.raw.spki, a.canonical, a.raw, a.facts.subjectKey}
}

// checkMistakable refuses what OpenSSL could confuse: it looks for who signed a certificate by its name, and by the key identifiers where
// both have them.
func checkMistakable(all []standing) *SetError {
	for _, child := range all {
		for _, other := range all {
			found := other.canonical == child.by.issuer && child.by.key.names(other.raw, other.keyID, other.by.issuer)
			if !found || bytes.Equal(other.raw.spki, child.signer) {
				continue
			}
			whose := func(s standing) string {
				if s.component == "" {
					return "the authority " + s.subject.String()
				}
				return s.component
			}
			e := &SetError{Code: SetDuplicateSubject, Text: fmt.Sprintf("OpenSSL could take the certificate of %s (%s) for the one that signed that of %s: "+
				"they have one subject, and no key identifiers that differ", whose(other), other.subject, whose(child)),
				Cure: "make a certificate with another subject for the party: " + cureNew}
			for _, s := range []standing{child, other} {
				if s.component != "" {
					e.Components = append(e.Components, s.component)
				}
			}
			slices.Sort(e.Components)
			return e
		}
	}
	return nil
}
