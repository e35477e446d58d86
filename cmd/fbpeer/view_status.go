package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// obstacles says why `status` answers no: an approved component changed, contradicted or expired, no set in force, or a warning
// that is an error. Pending ones alone are none.
func obstacles(s api.Snapshot) []string {
	var found []string
	add := func(text string) {
		if !slices.Contains(found, text) {
			found = append(found, text)
		}
	}
	if s.Set == nil {
		text := "no set is in force"
		if s.NoSet != nil {
			text += ": " + show(s.NoSet.Text)
		}
		add(text)
	}
	for _, p := range s.Peers {
		switch p.State {
		case api.StateChanged, api.StateConflict:
			add(p.State)
		case api.StateAccepted:
		default:
			continue
		}
		for _, w := range p.Warnings {
			if w.Error || w.Code == api.WarnAnnouncementExpired || w.Code == api.WarnCertificateExpired {
				add(w.Code)
			}
		}
	}
	for _, w := range append(slices.Clone(s.Self.Warnings), s.Warnings...) {
		if w.Error {
			add(w.Code)
		}
	}
	return found
}

// statusScreen is `status`: headline, decisions and warnings first, the matrix, the last line.
func (v view) statusScreen(s api.Snapshot) string {
	var b strings.Builder
	b.WriteString(v.headline(s) + "\n")
	if blocks := v.blocks(s); blocks != "" {
		b.WriteString("\n" + blocks)
	}
	b.WriteString("\n" + v.matrixScreen(s))
	b.WriteString("\n" + v.lastLine(s))
	return b.String()
}

func (v view) headline(s api.Snapshot) string {
	federation := show(s.Federation)
	if federation == "" {
		federation = "(no federation)"
	}
	decisions := v.decisions(s)
	if len(obstacles(s)) > 0 {
		return federation + ": NOT READY." + decisions
	}
	digest := shortDigest(s.Set.Digest)
	if agreed(s) && s.Waiting == nil && len(undoneOf(s)) == 0 && !refusesSecagg(s) {
		return fmt.Sprintf("%s: ready, %s (set %s).%s", federation, agreement(len(s.Set.Parties)), digest, decisions)
	}
	return fmt.Sprintf("%s: %d parties in force here (set %s).%s", federation, len(s.Set.Parties), digest, decisions)
}

func agreement(n int) string {
	if n == 1 {
		return "1 party agrees"
	}
	return fmt.Sprintf("%d parties agree", n)
}

// agreed: every party of the set is known to have registered every other, and has the same set in force.
func agreed(s api.Snapshot) bool {
	if s.Matrix == nil || s.Set == nil || len(otherSets(s)) > 0 {
		return false
	}
	m := registeredNow(s.Matrix)
	for _, row := range s.Set.Parties {
		for _, of := range s.Set.Parties {
			if row.Component != of.Component && m.cell(row.Component, of.Component) != api.CellOK {
				return false
			}
		}
	}
	return true
}

// blocks are what an operator must read: no set, warnings, conflicts, changes, then the new ones, and whom we wait for.
func (v view) blocks(s api.Snapshot) string {
	var b strings.Builder
	if s.Set == nil && s.NoSet != nil {
		b.WriteString(wrap("NO SET   ", v.renamed(v.sentence(*s.NoSet)), "         "))
		if len(s.Peers) == 0 {
			b.WriteString("         nobody heard yet: is the agent running, here and there?\n")
		}
	}
	for _, w := range s.Warnings {
		b.WriteString(v.notice(w))
	}
	for _, w := range s.Self.Warnings {
		if !strings.HasSuffix(w.Code, "-claimed") { // the claim has its block
			w.Cure = addressedOwn(v.prog, w.Cure)
			b.WriteString(wrap("WARNING  ", "this site: "+v.sentence(w), "         "))
		}
	}
	for _, p := range ofState(s.Peers, api.StateAccepted, api.StateChanged) {
		b.WriteString(v.told(p))
	}
	for _, p := range s.Peers {
		if r, barred := agent.KeyBar(p); barred && agent.WasApproved(p) {
			b.WriteString(wrap("REVOKED  ", v.called(p.Component)+": "+v.renamed(v.sentence(r)), "         "))
		}
	}
	b.WriteString(v.rivals(s))
	for _, p := range ofState(s.Peers, api.StateConflict) {
		b.WriteString(v.contradiction(s, p))
	}
	for _, p := range ofState(s.Peers, api.StateChanged) {
		b.WriteString(v.held(p))
	}
	for _, p := range withNext(s.Peers) {
		b.WriteString(v.nextHeld(p))
	}
	b.WriteString(v.ownNext(s))
	return b.String() + deedLines(v.toDecide(s)) + deedLines(v.waiting(s))
}

// toDecide are the short decisions of this site's operator: who is new, and which sets wait.
func (v view) toDecide(s api.Snapshot) []deed {
	var deeds []deed
	for _, p := range ofState(s.Peers, api.StatePending) {
		deeds = append(deeds, v.newcomer(p))
	}
	for _, set := range undecided(s) {
		what := "set " + show(set.Name) + " of " + v.brief(set.Proposer) + setNews(set)
		deeds = append(deeds, deed{"DECIDE", what, v.prog + " set confirm " + setTyped(s, set)})
	}
	return deeds
}

// deedLines are aligned where all of them fit, else each is broken where it must be.
func deedLines(deeds []deed) string {
	t, broken := table{}, ""
	for _, d := range deeds {
		t.add(pad(d.who, 7), d.what, "    "+d.cure)
		broken += wrap(pad(d.who, 7)+"  ", d.what+": "+d.cure, "         ")
	}
	if text := t.String(); fits(text) {
		return text
	}
	return broken
}

// held is a change that waits for an approval, with the exact command to type.
func (v view) held(p api.Peer) string {
	held, reported := heldChanges(p)
	var names []string
	for _, c := range held {
		names = append(names, show(c.Field))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CHANGED  %s now announces another %s\n", v.called(p.Component), orDash(strings.Join(names, ", ")))
	t := table{indent: "         "}
	for _, c := range slices.Concat(held, reported) {
		t.add(show(c.Field), elide(orDash(show(c.Old)), 33)+"  ->  "+elide(orDash(show(c.New)), 33))
	}
	label := "in force"
	for _, line := range v.keepsLines(p) {
		t.add(label, line)
		label = ""
	}
	t.add("signed by", signedBy(p))
	if said := v.endorsement(p); said != "" {
		t.add("", said)
	}
	if a := offered(p); a.Fingerprint != p.Fingerprint {
		t.add("old words", wordsText(p.Words))
		t.add("NEW words", wordsText(a.Words))
		t.add("", "let them read you their NEW words")
	}
	label = "decide"
	for _, command := range v.settles(p) {
		t.add(label, command)
		label = ""
	}
	t.add("", "or  "+v.nothingDone(p))
	b.WriteString(t.String())
	if line := v.policyLine(p); line != "" {
		b.WriteString(wrap("         ", line, "         "))
	}
	return b.String()
}

func (v view) lastLine(s api.Snapshot) string {
	parts := []string{fmt.Sprintf("%s, %d connected", count(s.Members, "member"), s.Connected)}
	if !s.LastChange.IsZero() {
		parts[0] += ", last change " + clock(v.now, s.LastChange)
	}
	if s.Set != nil {
		parts = append(parts, fmt.Sprintf("Player files: %s, written %s", count(len(s.Set.Parties), "party", "parties"), clock(v.now, s.Set.Written)))
	} else {
		parts = append(parts, "Player files: none")
	}
	text := strings.Join(parts, ". ") + ".\n"
	if !s.Running {
		text += wrapCure("", "No agent is running, this is what its files say: "+v.prog+" run", "    ", v.prog)
	}
	return text
}
