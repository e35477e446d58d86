package main

import (
	"fmt"
	"strings"
	"time"

	"fbpeer/mpspdz"
)

// namesShown is how many DNS names a screen lists.
const namesShown = 4

// certScreen is `cert show`.
func certScreen(c certShowJSON, now time.Time) string {
	t := table{}
	t.add("component", show(c.Component))
	t.add("subject", show(c.Subject))
	if c.Issuer != "" {
		t.add("signed by", show(c.Issuer)+", an authority")
		above := "its chain is NOT COMPLETE here: fbpeer cert check"
		if n := len(c.Chain); n > 0 {
			above = "complete, up to " + show(c.Chain[n-1])
		}
		t.add("", above)
	}
	t.add("names", certNames(c.certificateJSON))
	t.add("valid", fmt.Sprintf("%s to %s (%s)", stamp(&c.NotBefore), stamp(&c.NotAfter), daysLeft(now, c.NotBefore, c.NotAfter)))
	t.add("sha256", show(c.SHA256))
	t.add("blake2b-128", show(c.BLAKE2b128)+"  (MP-SPDZ prints it as Signature)")
	t.add("key", show(c.KeyType)+", "+show(c.Key))
	t.add("", show(c.KeySHA256))
	old, current := acceptedBy(c.Accepted)
	t.add("accepted by", old)
	t.add("", current)
	for _, file := range []struct {
		name, path, source string
	}{
		{"certificate", c.Files.Certificate.Value, c.Files.Certificate.Source},
		{"private key", c.Files.PrivateKey.Value, c.Files.PrivateKey.Source},
	} {
		t.add(file.name, show(file.path))
		t.add("", "from "+show(file.source))
	}
	if len(c.Files.Former) > 0 {
		t.add("former pair", "beside them, with .old at the end of the names")
	}
	if s := c.Next; s != nil {
		t.add("next key", show(s.KeySHA256))
		t.add("", "staged, until "+date(s.NotAfter)+", "+certNames(s.certificateJSON))
		if len(s.Words) > 0 {
			t.add("  words", wordsText(s.Words))
			t.add("  fingerprint", show(s.Fingerprint))
		}
		t.add("  file", show(s.File))
	}
	return t.String()
}

// daysLeft says how long a certificate is still valid.
func daysLeft(now, from, to time.Time) string {
	switch {
	case now.After(to):
		return "EXPIRED"
	case now.Before(from):
		return "NOT YET VALID"
	}
	return count(int(to.Sub(now).Hours()/24), "day") + " left"
}

// certNames are the names that a host name is compared with: the DNS names where there are any, and the common names.
func certNames(c *certificateJSON) string {
	var parts []string
	for _, name := range c.DNSNames[:min(namesShown, len(c.DNSNames))] {
		parts = append(parts, elide(show(name), 24))
	}
	if more := len(c.DNSNames) - namesShown; more > 0 {
		parts = append(parts, fmt.Sprintf("… and %d more, the last %s", more, elide(show(c.DNSNames[len(c.DNSNames)-1]), 24)))
	}
	text := strings.Join(parts, " ")
	if text != "" {
		text = "SAN " + text
	}
	for i, name := range c.CommonNames {
		switch {
		case i == namesShown:
			return text + ", …"
		case text != "":
			text += ", "
		}
		text += "CN " + elide(show(name), 24)
	}
	if text == "" {
		return "none"
	}
	return text
}

// acceptedBy says of old and new MP-SPDZ as which parties they accept a certificate.
func acceptedBy(a *acceptedJSON) (old, current string) {
	return "MP-SPDZ up to 0.4.0  as " + rangesText(a.Old), "MP-SPDZ from 0.4.1   as " + rangesText(a.New)
}

// rangesText is "any party", "no party", "party 3", "parties 0 to 9 and 12".
func rangesText(ranges []rangeJSON) string {
	numbers := []int{}
	for _, r := range ranges {
		for n := r.From; n <= r.To; n++ {
			numbers = append(numbers, n)
		}
	}
	return mpspdz.NumbersShown(numbers)
}

// certCheckScreen is `cert check`.
func (v view) certCheckScreen(r certCheckJSON) string {
	text := show(r.File) + ": " + findingTally(r.Obstacles, r.Warnings) + "\n"
	if c := r.Certificate; c != nil {
		old, current := acceptedBy(c.Accepted)
		t := table{indent: "  "}
		t.add("certificate", show(c.KeyType)+", until "+date(c.NotAfter)+", "+certNames(c))
		if c.Issuer != "" {
			t.add("signed by", show(c.Issuer)+", an authority")
		}
		t.add("sha256", show(c.SHA256))
		t.add("accepted by", old)
		t.add("", current)
		text += t.String()
	}
	return text + v.findingTables(r.Obstacles, r.Warnings)
}
