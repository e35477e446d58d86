package mpspdz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// isPartyNumber reports whether a party of some set may have this number.
func isPartyNumber(n int) bool { return 0 <= n && n < MaxParties }

const cureNumber = `set "[players] certificates = per-party" at that party: its agent then issues a numbered certificate for the set`

// maxNumberedNames is how many DNS names, and how many common names, a certificate for one number may have. Others than its own prove
// nothing, and every one costs whoever judges it.
const maxNumberedNames = 16

// ProvesNumber checks that the certificate is party n's and nobody else's: accepted as P<n> by old and new MP-SPDZ, and as no other
// party by either, with few names. The error is a *CertificateError with RuleNumber; it tells which numbers the certificate does name.
func (c *Certificate) ProvesNumber(n int) error {
	if !isPartyNumber(n) {
		return errNoNumber(n)
	}
	dns, common := len(c.facts.dnsNames), len(c.subject.commonNames())
	switch {
	case dns > maxNumberedNames || common > maxNumberedNames:
		return &CertificateError{RuleNumber, fmt.Sprintf("the certificate has %s and %s: one for a party number has at most %d of each",
			counted(dns, "DNS name"), counted(common, "common name"), maxNumberedNames), cureNumber}
	case c.facts.noTLSClient:
		return &CertificateError{RuleNumber, fmt.Sprintf("the certificate shall prove party %d, but %s", n, c.WorksWith()), cureNumber}
	}
	old, current := c.numbers()
	if only := []int{n}; slices.Equal(old, only) && slices.Equal(current, only) {
		return nil
	}
	return &CertificateError{RuleNumber, fmt.Sprintf("the certificate names %s, and shall name party %d alone", c.numbersText(old, current), n), cureNumber}
}

// counted is "1 name", "2 names".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func errNoNumber(n int) error {
	return &CertificateError{RuleNumber, fmt.Sprintf("%d is not a party number (0 to %d)", n, MaxParties-1), cureNumber}
}

// numbersNamed is for people, as which parties the certificate is accepted: "party 3 (SAN P3)", "no party (CN NODE_1)", and where the
// two builds differ, "parties 0 to 254 with MP-SPDZ up to 0.4.0 and no party with later ones (CN *)". It is safe to print.
func (c *Certificate) numbersNamed() string { return c.numbersText(c.numbers()) }

// numbersText is numbersNamed, for numbers that are known.
func (c *Certificate) numbersText(oldNumbers, newNumbers []int) string {
	old, current := numbersShown(oldNumbers), numbersShown(newNumbers)
	if old == current {
		return fmt.Sprintf("%s (%s)", old, c.nameShown())
	}
	return fmt.Sprintf("%s with MP-SPDZ up to 0.4.0 and %s with later ones (%s)", old, current, c.nameShown())
}

// maxNumbersShown is how many numbers a text lists one by one.
const maxNumbersShown = 5

// numbersShown is "no party", "party 3", "parties 0 to 254", "parties 1, 4 and 9", or "17 parties (1, 4, 6, 8, 9, …)".
func numbersShown(numbers []int) string {
	n := len(numbers)
	shown := make([]string, 0, maxNumbersShown)
	for _, number := range numbers[:min(n, maxNumbersShown)] {
		shown = append(shown, strconv.Itoa(number))
	}
	switch {
	case n == 0:
		return "no party"
	case n == 1:
		return "party " + shown[0]
	case n > 2 && numbers[n-1]-numbers[0] == n-1:
		return fmt.Sprintf("parties %d to %d", numbers[0], numbers[n-1])
	case n > maxNumbersShown:
		return fmt.Sprintf("%d parties (%s, …)", n, strings.Join(shown, ", "))
	}
	return "parties " + strings.Join(shown[:n-1], ", ") + " and " + shown[n-1]
}
