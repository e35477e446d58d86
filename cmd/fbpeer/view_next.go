package main

import (
	"fmt"
	"strings"

	"fbpeer/agent/api"
)

// keysTable is the present key and the one to come, each whole.
func keysTable(p api.Peer, indent string) *table {
	t := &table{indent: indent}
	t.add("present key", show(keyOf(p)))
	t.add("key to come", show(p.Next.KeySHA256))
	if p.Next.ApprovedKey != "" {
		t.add("", "not the one that you approved ahead, "+elide(show(p.Next.ApprovedKey), 30))
	}
	return t
}

// keyOf is the hash of the key in force.
func keyOf(p api.Peer) string {
	if p.Certificate == nil {
		return ""
	}
	return p.Certificate.KeySHA256
}

// nextQuestion shows what an approval ahead is about.
func (v view) nextQuestion(p api.Peer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n  announces which MP-SPDZ key it will change to. Nothing has changed yet.\n", show(v.named(p.Component)))
	t := keysTable(p, "    ")
	t.add("fingerprint", show(p.Next.Fingerprint)+"  (of the key to come)")
	t.add("NEW words", wordsText(p.Next.Words))
	t.add("endpoint", show(p.Endpoint)+"  (stays)")
	b.WriteString(t.String())
	b.WriteString(wrap("  ", "Approved ahead, exactly this key is taken over without a question once this site uses it; anything else that changes is held as ever. "+
		"Otherwise runs with it fail from then on, until you approve the change.", "  "))
	return b.String() + v.warnings(withoutNext(p, p.Warnings), "    ")
}

// withoutNext leaves out, of a peer's warnings or reasons, the one that a screen tells in its own words: that a key to come waits.
func withoutNext(p api.Peer, list []api.Warning) []api.Warning {
	barred := p.Next != nil && p.Next.Barred != ""
	var rest []api.Warning
	for _, w := range list {
		if w.Code != api.WarnNextKey || barred {
			rest = append(rest, w)
		}
	}
	return rest
}

// nextHeld is a key to come that waits for this operator, in `status`.
func (v view) nextHeld(p api.Peer) string {
	t := keysTable(p, "         ")
	t.add("NEW words", wordsText(p.Next.Words))
	t.add("", "let them read you these words: fbpeer id shows them there")
	t.add("decide", v.prog+" trust approve "+v.typed(p))
	t.add("", "or  do nothing: runs with it fail after the change, until you approve that")
	return fmt.Sprintf("NEXT KEY %s will change its MP-SPDZ key; nothing has changed yet\n", v.called(p.Component)) + t.String()
}

// ownNext says who has approved the own staged key ahead, in `status`.
func (v view) ownNext(s api.Snapshot) string {
	next := s.Self.Next
	if next == nil {
		return ""
	}
	text := "this site's next key: staged"
	if next.Ahead != nil {
		text = "this site's next key: " + v.aheadText(*next.Ahead)
	}
	b := wrap("NEXT KEY ", text, "         ")
	t := table{indent: "         "}
	if c := next.Certificate; c != nil {
		t.add("staged", "until "+date(c.NotAfter))
	}
	t.add("words", wordsText(next.Words))
	switch ahead := next.Ahead; {
	case ahead == nil:
	case len(ahead.Waiting)+len(ahead.Unknown) > 0:
		t.add("ask them", v.approvesUs(s)+", after you have read them these words")
	default:
		t.add("then", v.prog+" cert activate, between two experiments")
	}
	return b + t.String()
}

// approvesUs is what the others' operators type.
func (v view) approvesUs(s api.Snapshot) string {
	return "fbpeer trust approve " + shellWord(show(v.prefix(s.Self.Component)))
}

// aheadText is "approved ahead by 3 of 4; lyon has not".
func (v view) aheadText(a api.Ahead) string {
	all := len(a.Approved) + len(a.Waiting) + len(a.Unknown)
	if all == 0 {
		return "nobody is approved here who could approve it ahead"
	}
	text := fmt.Sprintf("approved ahead by %d of %d", len(a.Approved), all)
	switch len(a.Waiting) {
	case 0:
	case 1:
		text += "; " + v.listed(a.Waiting) + " has not"
	default:
		text += "; " + v.listed(a.Waiting) + " have not"
	}
	if len(a.Unknown) > 0 {
		text += "; not heard from: " + v.listed(a.Unknown)
	}
	return text
}

// stagedScreen is `cert generate --next`.
func (v view) stagedScreen(r stagedJSON) string {
	t := table{indent: "  "}
	t.add("staged in", show(r.File))
	t.add("names", certNames(r.certificateJSON))
	t.add("until", date(r.NotAfter))
	t.add("key to come", show(r.KeySHA256))
	text := "staged a key and certificate for " + v.short(r.Component) + ": nothing uses them yet\n" + t.String() + "\n"
	n := table{indent: "  "}
	if len(r.Words) > 0 {
		n.add("words", wordsText(r.Words))
		n.add("fingerprint", show(r.Fingerprint))
	}
	after := "Once " + v.prog + " status shows that all have: " + v.prog + " cert activate\n"
	switch {
	case r.Announced:
		return text + "The agent announces which key will follow. Each other operator approves it ahead after you have read\nthem these words, of the key to come:\n" +
			n.String() + after
	case r.running:
		return text + "The agent has not announced it yet: see its log, and\n    " + v.prog + " status\n"
	}
	return text + n.String() + "Others hear of it when the agent runs:\n    " + v.prog + " run\n"
}

// notActivated is `cert activate` as long as not all have approved ahead.
func (v view) notActivated(s api.Snapshot, a api.Ahead) string {
	text := wrap("not activated: ", "the staged key is "+v.aheadText(a)+".", "  ")
	if len(a.Waiting) > 0 {
		text += fmt.Sprintf("Their operators: %s\n", v.approvesUs(s))
	}
	cards, silent := byCard(s, a.Unknown)
	if len(cards) > 0 {
		text += wrap("", "By card, so that nobody can ask: "+v.listed(cards)+". Hand over a new card (fbpeer card export), and hear by telephone that the key is "+
			"approved ahead there.", "")
	}
	if len(silent) > 0 {
		text += "Who was not heard from may have no agent running, or no connection; ask again in 15 seconds.\n"
	}
	return text + wrap("", "With --force it is done all the same: these keep the former key until they approve the change, and runs with them fail until then.", "")
}

// forced is what `cert activate --force` says first.
func (v view) forced(a api.Ahead) string {
	late := append(append([]string{}, a.Waiting...), a.Unknown...)
	return wrap("", fmt.Sprintf("The staged key is %s. Runs with %s fail (certificate verify failed) until they have approved the change; what they approved stays in force there.",
		v.aheadText(a), v.listed(late)), "")
}

// activatedScreen is `cert activate`.
func (v view) activatedScreen(r activatedJSON) string {
	head := "the staged key of " + v.short(r.Component) + " is in use now\n"
	if r.Finished {
		head = "finished: " + head
	}
	t := table{indent: "  "}
	t.add("sha256", show(r.SHA256))
	t.add("until", date(r.NotAfter))
	if len(r.Words) > 0 {
		t.add("words", wordsText(r.Words)+"  (of the key in use)")
		t.add("fingerprint", show(r.Fingerprint))
	}
	if len(r.Files) > 0 {
		t.add("former pair", "beside them, with .old at the end of the names")
	}
	text := head + t.String() + "\n"
	switch {
	case r.Announced:
		return text + "The agent announces it; who approved it ahead takes it over within seconds. Start no run before\nthis says yes:\n    " + v.prog + " ready --wait 60s\n"
	case r.running:
		return text + "The agent has not announced it yet: see its log, and\n    " + v.prog + " id\n"
	}
	return text + "Others hear of it when the agent runs:\n    " + v.prog + " run\n"
}
