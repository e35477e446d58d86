package mpspdz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// isPartyNumber reports whether a party of some set may have this number.
func isPartyNumber(n int) bool { return 0 <= n && n < MaxParties }

const cureNumber = `set "[players] certificates = per-party" at that party: its agent then issues a certificate for its number in the set`

// ProvesNumber checks that the certificate is party n's and nobody else's: accepted as P<n> by old and new MP-SPDZ, and as no other
// party by either. The error is a *CertificateError with RuleNumber; it tells which numbers the certificate does name.
func (c *Certificate) ProvesNumber(n int) error {
	if !isPartyNumber(n) {
		return errNoNumber(n)
	}
	if c.facts.noTLSClient {
		return &CertificateError{RuleNumber, fmt.Sprintf("the certificate shall prove party %d, but %s", n, c.WorksWith()), cureNumber}
	}
	only := []int{n}
	if slices.Equal(numbersWhere(c.NameOld), only) && slices.Equal(numbersWhere(c.NameNew), only) {
		return nil
	}
	return &CertificateError{RuleNumber, fmt.Sprintf("the certificate names %s, and shall name party %d alone", c.numbersNamed(), n), cureNumber}
}

func errNoNumber(n int) error {
	return &CertificateError{RuleNumber, fmt.Sprintf("%d is not a party number (0 to %d)", n, MaxParties-1), cureNumber}
}

// numbersNamed is for people, as which parties the certificate is accepted: "party 3 (SAN P3)", "no party (CN NODE_1)", and where the
// two builds differ, "parties 0 to 254 with MP-SPDZ up to 0.4.0 and no party with later ones (CN *)". It is safe to print.
func (c *Certificate) numbersNamed() string {
	old, current := numbersShown(numbersWhere(c.NameOld)), numbersShown(numbersWhere(c.NameNew))
	if old == current {
		return fmt.Sprintf("%s (%s)", old, c.nameShown())
	}
	return fmt.Sprintf("%s with MP-SPDZ up to 0.4.0 and %s with later ones (%s)", old, current, c.nameShown())
}

// numbersWhere are the party numbers as which a certificate is accepted, ascending.
func numbersWhere(accepts func(int) bool) []int {
	var accepted []int
	for i := range MaxParties {
		if accepts(i) {
			accepted = append(accepted, i)
		}
	}
	return accepted
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
