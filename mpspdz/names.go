package mpspdz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PartyName is the host name that a party's certificate is checked for.
func PartyName(party int) string { return "P" + strconv.Itoa(party) }

// NameOld reports whether MP-SPDZ up to 0.4.0 accepts the certificate as that of P<party>: Boost's rfc2818_verification
// (boost/asio/ssl/impl/rfc2818_verification.ipp). Every DNS name, then the last common name alone; '*' matches.
func (c *Certificate) NameOld(party int) bool { return acceptsOld(c.patternsOld(), PartyName(party)) }

// patternsOld are the names that the old build matches. Each run of '*' is one, which matches the same: so what a pattern costs for a
// host does not depend on its length.
func (c *Certificate) patternsOld() []string {
	patterns := slices.Clone(c.facts.dnsNames)
	if names := c.subject.commonNames(); len(names) > 0 {
		patterns = append(patterns, string(names[len(names)-1].raw)) // as encoded: Boost does not convert it
	}
	for i, pattern := range patterns {
		if strings.Contains(pattern, "**") {
			patterns[i] = string(slices.CompactFunc([]byte(pattern), func(a, b byte) bool { return a == '*' && b == '*' }))
		}
	}
	return patterns
}

func acceptsOld(patterns []string, host string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return p != "" && matchOld(p, host) })
}

// matchOld is Boost's match_pattern for a host without dots, in time linear in the pattern, which a stranger chooses: Boost's
// own recursion takes exponential time for many '*'. A '*' matches any run of characters, the empty one too, but fails where
// the host has ended.
func matchOld(pattern, host string) bool {
	end := uint(1) << len(host)
	reached := uint(1) // bit i: the rest of pattern may start at host[i]; P and a number fit in a word
	for i := 0; i < len(pattern) && reached != 0; i++ {
		if pattern[i] == '*' {
			first := reached & -reached
			if first == end {
				return false
			}
			reached = (end<<1 - 1) &^ (first - 1)
			continue
		}
		next := uint(0)
		for at := range len(host) {
			if reached>>at&1 == 1 && lower(pattern[i]) == lower(host[at]) {
				next |= 2 << at
			}
		}
		reached = next
	}
	return reached&end != 0
}

// NameNew reports whether MP-SPDZ from 0.4.1 accepts the certificate as that of P<party>: Boost's host_name_verification,
// which is OpenSSL's X509_check_host without flags. The DNS names alone if there are any, otherwise every common name; a '*'
// never matches, since OpenSSL wants two dots after it.
func (c *Certificate) NameNew(party int) bool { return acceptsNew(c.namesNew(), PartyName(party)) }

// namesNew are the names that the new build compares.
func (c *Certificate) namesNew() []string {
	if len(c.facts.dnsNames) > 0 {
		return c.facts.dnsNames
	}
	return c.CommonNames()
}

func acceptsNew(names []string, host string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return equalFold(n, host) })
}

// numbers are the party numbers as which the two builds accept the certificate, ascending.
func (c *Certificate) numbers() (old, current []int) {
	patterns, names := c.patternsOld(), c.namesNew()
	for i := range MaxParties {
		host := PartyName(i)
		if acceptsOld(patterns, host) {
			old = append(old, i)
		}
		if acceptsNew(names, host) {
			current = append(current, i)
		}
	}
	return old, current
}

// equalFold compares bytes, ASCII letters without case. strings.EqualFold would also fold letters of other scripts.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// WorksWith is one phrase for people on which MP-SPDZ accepts the certificate, and as which party: "works with MP-SPDZ up to
// 0.4.0 (CN *)". It is safe to print.
func (c *Certificate) WorksWith() string {
	if c.facts.noTLSClient {
		return "works with no MP-SPDZ: its keyUsage lacks digitalSignature"
	}
	oldNumbers, newNumbers := c.numbers()
	old, current := partiesAmong(oldNumbers), partiesAmong(newNumbers)
	var with string
	switch {
	case old == noParty && current == noParty:
		return fmt.Sprintf("works with no MP-SPDZ: its name is not P and the party's number (%s)", c.nameShown())
	case old == current:
		with = "every MP-SPDZ" + old
	case current == noParty:
		with = "MP-SPDZ up to 0.4.0" + old
	default: // what a new one accepts, an old one does too
		with = "MP-SPDZ up to 0.4.0" + old + " and later ones" + current
	}
	return fmt.Sprintf("works with %s (%s)", with, c.nameShown())
}

const (
	anyParty = ""
	noParty  = " as no party"
)

// partiesAmong is what to add to "works with": " as party 3 only", " as parties 0 to 9 only"; anyParty and noParty at the ends.
func partiesAmong(accepted []int) string {
	switch n := len(accepted); {
	case n == 0:
		return noParty
	case n == MaxParties:
		return anyParty
	case n == 1:
		return fmt.Sprintf(" as party %d only", accepted[0])
	case accepted[n-1]-accepted[0] == n-1:
		return fmt.Sprintf(" as parties %d to %d only", accepted[0], accepted[n-1])
	default:
		return fmt.Sprintf(" as %d of %d party numbers only", n, MaxParties)
	}
}

// nameShown is the name that decides, escaped and shortened: "CN *", "SAN P0 and 255 more", "no name".
func (c *Certificate) nameShown() string {
	names := c.facts.dnsNames
	switch n := len(names); {
	case n == 1:
		return "SAN " + short(names[0])
	case n > 1:
		return fmt.Sprintf("SAN %s and %d more", short(names[0]), n-1)
	}
	if all := c.subject.commonNames(); len(all) > 0 {
		return "CN " + short(all[len(all)-1].text)
	}
	return "no name"
}

// short escapes a name and keeps at most its first 64 bytes.
func short(s string) string {
	if len(s) > maxComponentID {
		return escape(strings.ToValidUTF8(s[:maxComponentID], ""), "") + "…"
	}
	return escape(s, "")
}
