package mpspdz

import "slices"

// Acceptance are the party numbers as which MP-SPDZ accepts a certificate, ascending; empty: as no party.
type Acceptance struct {
	Old []int // MP-SPDZ up to 0.4.0, which Fed-BioMed 4.2 to 5.3 use
	New []int // from 0.4.1 on
}

// Acceptance says as which parties old and new MP-SPDZ accept the certificate: by NameOld and NameNew, unless its keyUsage keeps both
// from any handshake.
func (c *Certificate) Acceptance() Acceptance {
	if c.facts.noTLSClient {
		return Acceptance{}
	}
	old, current := c.numbers()
	return Acceptance{Old: old, New: current}
}

// Nobody reports that no MP-SPDZ accepts the certificate as any party.
func (a Acceptance) Nobody() bool { return len(a.Old) == 0 && len(a.New) == 0 }

// Everywhere reports that every MP-SPDZ accepts the certificate as whichever party its component is.
func (a Acceptance) Everywhere() bool { return len(a.Old) == MaxParties && len(a.New) == MaxParties }

// NumbersShown is for people: "no party", "party 3", "any party", "parties 0 to 9", "parties 1, 4 and 9".
func NumbersShown(numbers []int) string {
	if len(numbers) == MaxParties {
		return "any party"
	}
	return numbersShown(numbers)
}

// DNSNames are the DNS names of the certificate as they are encoded; escape them before they are shown. A copy.
func (c *Certificate) DNSNames() []string { return slices.Clone(c.facts.dnsNames) }

// CommonNames are the subject's, in the order of its encoding; escape them before they are shown.
func (c *Certificate) CommonNames() []string {
	var names []string
	for _, a := range c.subject.commonNames() {
		names = append(names, a.text)
	}
	return names
}
