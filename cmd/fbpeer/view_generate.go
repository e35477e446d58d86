package main

import (
	"fmt"
	"strings"
)

// replacingPair is what `cert generate` says before it replaces a pair, or refuses to.
func (v view) replacingPair(component string, h holders) string {
	var b strings.Builder
	b.WriteString(wrap("", v.heldBy(component, h), ""))
	if h.Unknown == "" && len(h.Holding)+len(h.Silent) == 0 {
		return b.String()
	}
	b.WriteString(wrap("", "With a new one, runs of MP-SPDZ with each of them fail (certificate verify failed) until that site's operator "+
		"has approved the change; what they approved stays in force there. The fingerprint and its eight words change too.", ""))
	return b.String()
}

// heldBy says who holds the present values: a view says no more of them than whether they are the same.
func (v view) heldBy(component string, h holders) string {
	if h.Unknown != "" {
		return fmt.Sprintf("How many others hold the present values of %s is not known: %s.", v.short(component), h.Unknown)
	}
	if h.Others == 0 {
		return fmt.Sprintf("Nobody else holds the present values of %s: no other member is known.", v.short(component))
	}
	text := fmt.Sprintf("%d of %s have registered the present address and certificate of %s", len(h.Holding), count(h.Others, "other member"), v.short(component))
	if h.Others == 1 {
		text = fmt.Sprintf("%d of 1 other member has registered the present address and certificate of %s", len(h.Holding), v.short(component))
	}
	if len(h.Holding) > 0 {
		text += ": " + v.listed(h.Holding)
	}
	text += "."
	if len(h.Silent) > 0 {
		text += " Not heard from: " + v.listed(h.Silent) + "."
	}
	return text
}

// maxListed is how many components a sentence names.
const maxListed = 6

// listed is "nice, lyon and 4 more".
func (v view) listed(components []string) string {
	var names []string
	for _, c := range components[:min(maxListed, len(components))] {
		names = append(names, v.brief(c))
	}
	if more := len(components) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), more)
	}
	return strings.Join(names, ", ")
}

// generatedScreen is `cert generate`.
func (v view) generatedScreen(r generatedJSON) string {
	t := table{indent: "  "}
	t.add("certificate", show(r.Files.Certificate.Value))
	t.add("private key", show(r.Files.PrivateKey.Value))
	t.add("names", certNames(r.certificateJSON))
	t.add("until", date(r.NotAfter))
	t.add("sha256", show(r.SHA256))
	t.add("blake2b-128", show(r.BLAKE2b128)+"  (MP-SPDZ prints it as Signature)")
	old, current := acceptedBy(r.Accepted)
	t.add("accepted by", old)
	t.add("", current)
	if len(r.Files.Former) > 0 {
		t.add("former pair", "beside them, with .old at the end of the names")
	}
	text := "made key and certificate of " + v.short(r.Component) + "\n" + t.String() + "\n"
	switch {
	case r.Announced && len(r.Words) > 0:
		text += "The agent announces it now. Each other operator approves it after you have read them your NEW words:\n"
		n := table{indent: "  "}
		n.add("words", wordsText(r.Words))
		n.add("fingerprint", show(r.Fingerprint))
		return text + n.String()
	case r.Announced:
		return text + "The agent announces it now.\n"
	case r.running:
		return text + "The agent has not announced it yet: see its log, and\n    " + v.prog + " id\n"
	}
	return text + "Others hear of it when the agent runs:\n    " + v.prog + " run\n"
}
