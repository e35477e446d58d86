package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
	"fbpeer/trust"
)

// view is what rendering needs beside a value from the agent: the time, and how the agent is addressed in commands to type.
type view struct {
	now  time.Time
	prog string
	names
	keys []api.BarredKey // that are barred here
}

func (a *app) view(s api.Snapshot) view {
	return view{now: a.now(), prog: a.prog(), names: namesOf(s), keys: s.Keys}
}

// vias say how a peer was found.
var vias = map[string]string{
	"mdns":      "by mDNS",
	"bootstrap": "by a bootstrap address",
	"known":     "at its known address",
	"exchange":  "through another member",
	"inbound":   "it connected to us",
}

func certificateText(c api.Certificate) string {
	text := show(c.KeyType) + ", until " + date(c.NotAfter)
	if c.WorksWith != "" {
		text += ", " + show(c.WorksWith)
	}
	if c.Issuer != "" {
		text += ", SIGNED BY AN AUTHORITY"
	}
	return strings.TrimPrefix(text, ", ")
}

func wordsText(words []string) string { return show(strings.Join(words, " ")) }

// heard says when and from where the newest announcement came.
func (v view) heard(p api.Peer) string {
	if p.LastHeard == nil {
		return "not heard yet"
	}
	if p.ByCard != nil && p.ByCard.Imported != nil {
		return "by card, imported on " + date(*p.ByCard.Imported) + lives(p.Expires)
	}
	text := ago(v.now, *p.LastHeard)
	if p.From != "" {
		text += " from " + show(p.From)
	}
	if via := vias[p.Via]; via != "" {
		text += ", " + via
	}
	return text
}

// lives says until when a card does.
func lives(expires *time.Time) string {
	if expires == nil {
		return ""
	}
	return ", valid until " + date(*expires)
}

// claimed is a label as it must be read: a claim.
func claimed(label string) string {
	if label == "" {
		return ""
	}
	return fmt.Sprintf("claims to be \"%s\"", show(label))
}

// offer is what an operator decides on: one identity, in full.
func (v view) offer(p api.Peer) string {
	a := offered(p)
	t := table{indent: "    "}
	if a.Role != "" {
		role := show(a.Role)
		if p.Secagg != "" {
			role += ", secure aggregation " + show(p.Secagg)
		}
		t.add("role", role)
	}
	t.add("endpoint", show(a.Endpoint))
	t.add("certificate", certificateText(a.Certificate))
	t.add("fingerprint", show(a.Fingerprint))
	t.add("words", wordsText(a.Words))
	t.add("peer id", show(p.PeerID))
	t.add("heard", v.heard(p))
	addByHand(&t, p)
	var b strings.Builder
	head := table{indent: "  "}
	head.add(show(p.Component), claimed(p.Label))
	b.WriteString(head.String() + t.String() + v.warnings(p.Warnings, "    "))
	return b.String()
}

// warnings, one a paragraph, each with its cure.
func (v view) warnings(list []api.Warning, indent string) string {
	var b strings.Builder
	for _, w := range list {
		b.WriteString(wrap(indent+"warning: ", v.sentence(w), indent+"  "))
	}
	return b.String()
}

// sentence is a warning's text and its cure.
func (v view) sentence(w api.Warning) string {
	text := show(w.Text)
	if w.Cure != "" {
		text += " (" + show(addressed(v.prog, w.Cure)) + ")"
	}
	return text
}

// changed shows old and new side by side: what is in force, and what is announced.
func (v view) changed(p api.Peer) string {
	a := offered(p)
	var b strings.Builder
	former, than := "in force", "what is in force"
	if v.formerKeyBarred(p) != "" {
		former, than = "approved", "what you approved"
	}
	fmt.Fprintf(&b, "  %s announces something else than %s\n", show(v.named(p.Component)), than)
	const cell = 40
	t := table{indent: "    "}
	t.add("", former, "announced")
	listed := map[string]bool{}
	for _, c := range p.Changes {
		listed[c.Field] = true
		t.add(show(c.Field), elide(orDash(show(c.Old)), cell), elide(orDash(show(c.New)), cell))
	}
	if !listed["address"] && !listed["port"] {
		t.add("endpoint", elide(show(p.Endpoint), cell), "same")
	}
	if !listed["certificate"] {
		t.add("certificate", elide(show(a.Certificate.SHA256), cell), "same")
	}
	same := a.Fingerprint == p.Fingerprint
	if same {
		t.add("fingerprint", elide(show(p.Fingerprint), cell), "same")
	} else {
		t.add("fingerprint", elide(show(p.Fingerprint), cell), elide(show(a.Fingerprint), cell))
	}
	b.WriteString(t.String())
	if said := v.endorsement(p); said != "" {
		b.WriteString(wrap("    ", said, "    "))
	}
	b.WriteString("  If you approve, this is in force:\n")
	n := table{indent: "    "}
	n.add("endpoint", show(a.Endpoint))
	n.add("certificate", certificateText(a.Certificate))
	n.add("fingerprint", show(a.Fingerprint))
	if same {
		n.add("words", wordsText(a.Words))
	} else {
		n.add("NEW words", wordsText(a.Words))
		n.add("old words", wordsText(p.Words))
	}
	n.add("signed by", signedBy(p))
	label := "meanwhile"
	for _, line := range v.keepsLines(p) {
		n.add(label, line)
		label = ""
	}
	b.WriteString(n.String())
	if line := v.policyLine(p); line != "" {
		b.WriteString(wrap("    ", line, "    "))
	}
	var rest []api.Warning
	for _, w := range p.Warnings {
		if !inBlock(w.Code) {
			rest = append(rest, w)
		}
	}
	b.WriteString(v.warnings(rest, "    "))
	return b.String()
}

// endorsement says of a changed key whether the approved one signed it too (package trust lists the codes); "" if the key is the same.
func (v view) endorsement(p api.Peer) string {
	if how := v.formerKeyBarred(p); how != "" {
		return "the approved key is " + how + " here and vouches for nothing: hear their NEW words"
	}
	for _, r := range p.Reasons {
		switch r.Code {
		case trust.CodeKeyEndorsed:
			return "the approved key signed the new one: who has the old key replaced it"
		case trust.CodeKeyReplaced:
			return "the approved key did NOT sign the new one: let them read you their NEW words"
		}
	}
	return ""
}

// formerKeyBarred says how the key is barred that a changed peer had, empty: it is not. Then nothing of it is in force.
func (v view) formerKeyBarred(p api.Peer) string {
	for _, c := range p.Changes {
		i := slices.IndexFunc(v.keys, func(k api.BarredKey) bool { return c.Field == "key" && k.Key == c.Old })
		if i >= 0 {
			return v.keys[i].State
		}
	}
	return ""
}

// nothingDone is what follows if a change is left as it is.
func (v view) nothingDone(p api.Peer) string {
	if v.formerKeyBarred(p) != "" {
		return "do nothing: it stays out of player files and registry"
	}
	return "do nothing: the old values stay in force"
}

// named is the alias with the whole id.
func (v view) named(component string) string {
	if alias := v.aliases[component]; alias != "" {
		return alias + " (" + component + ")"
	}
	return component
}

// replaced is the banner for another identity that claims an approved component.
func (v view) replaced(p, approved api.Peer) string {
	head := "WARNING: SOMEBODY ELSE NOW CLAIMS TO BE " + v.called(p.Component)
	rule := strings.Repeat("@", displayWidth(head)+6)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n@  %s  @\n%s\n", rule, head, rule)
	b.WriteString("It may be an attack, or the site was set up anew.\n")
	a := offered(p)
	t := table{indent: "         "}
	t.add("approved", wordsText(approved.Words))
	t.add("", show(approved.Fingerprint))
	t.add("now", wordsText(a.Words))
	t.add("", show(a.Fingerprint))
	t.add("endpoint", show(a.Endpoint))
	t.add("from", v.heard(p))
	b.WriteString(t.String())
	b.WriteString("Nothing was changed. Ask the site by telephone. If it was set up anew:\n")
	fmt.Fprintf(&b, "    %s trust approve %s --replace --fingerprint …\n", v.prog, v.replacing(p))
	fmt.Fprintf(&b, "If it was not:\n    %s trust deny %s\n", v.prog, v.typed(p))
	return b.String()
}

// replacing is what to type for a replacement: the component's name, unless several others claim it.
func (v view) replacing(p api.Peer) string {
	if v.claims[p.Component] > 2 {
		return v.typed(p)
	}
	if alias := v.aliases[p.Component]; alias != "" {
		return shellWord(show(alias))
	}
	return shellWord(show(v.prefix(p.Component)))
}

// changeWidth is what fits on one line beside a field's name in a block.
const changeWidth = 75

// conflict is a claim on an approved component's subject, key or endpoint by another component.
func (v view) conflict(p api.Peer) string {
	var b strings.Builder
	ours := slices.ContainsFunc(p.Reasons, func(r api.Warning) bool { return strings.HasPrefix(r.Code, "claims-own-") })
	contradicted := "what you approved"
	if ours {
		contradicted = "this component itself"
	}
	fmt.Fprintf(&b, "CONFLICT %s contradicts %s\n", v.called(p.Component), contradicted)
	for _, r := range p.Reasons {
		b.WriteString(wrap("         ", v.renamed(show(r.Text)), "         "))
	}
	t := table{indent: "         "}
	for _, c := range p.Changes {
		if line := show(c.Old) + "  ->  " + show(c.New); displayWidth(line) <= changeWidth {
			t.add(show(c.Field), line)
		} else {
			t.add(show(c.Field), "old  "+orDash(show(c.Old)))
			t.add("", "new  "+orDash(show(c.New)))
		}
	}
	t.add("peer id", show(p.PeerID))
	t.add("heard", v.heard(p))
	t.add("decide")
	b.WriteString(t.String())
	for _, cure := range v.conflictCures(p) {
		b.WriteString(wrap("    ", cure, "      "))
	}
	return b.String()
}

// conflictCures are what settles the conflicts of one identity, each once.
func (v view) conflictCures(p api.Peer) []string {
	var cures []string
	for _, r := range p.Reasons {
		if cure := v.typeable(show(addressed(v.prog, r.Cure))); strings.HasPrefix(r.Code, "claims-") && r.Cure != "" && !slices.Contains(cures, cure) {
			cures = append(cures, cure)
		}
	}
	if len(cures) == 0 {
		return []string{v.prog + " trust deny " + v.typed(p)}
	}
	return cures
}

// pendingScreen is `trust pending`: everything that waits for this operator.
func (v view) pendingScreen(s api.Snapshot) string {
	conflicts, changed, fresh := ofState(s.Peers, api.StateConflict), ofState(s.Peers, api.StateChanged), ofState(s.Peers, api.StatePending)
	var b strings.Builder
	ahead := withNext(s.Peers)
	n := len(conflicts) + len(changed) + len(fresh) + len(ahead)
	if n == 0 {
		return "Nothing is waiting for your decision.\n"
	}
	verb := "is"
	if n > 1 {
		verb = "are"
	}
	fmt.Fprintf(&b, "%s %s waiting for your decision.\n", count(n, "component"), verb)
	for _, p := range conflicts {
		b.WriteString("\n" + v.contradiction(s, p))
	}
	for _, p := range changed {
		b.WriteString("\n" + v.changed(p))
		ask := "Ask that site's operator."
		if offered(p).Fingerprint != p.Fingerprint {
			ask = "Ask that site's operator by telephone, and let them read you their NEW words."
		}
		fmt.Fprintf(&b, "  %s If it is right:\n", ask)
		settles := v.settles(p)
		for _, command := range settles[:len(settles)-1] {
			b.WriteString("    " + command + "\n")
		}
		fmt.Fprintf(&b, "  If it is not:\n    %s trust revoke %s\n  Or %s.\n", v.prog, v.typed(p), v.nothingDone(p))
	}
	for _, p := range ahead {
		b.WriteString("\n" + v.nextQuestion(p))
		fmt.Fprintf(&b, "  Let that site's operator read you the NEW words by telephone. If they match:\n    %s trust approve %s\n", v.prog, v.typed(p))
	}
	for _, p := range fresh {
		b.WriteString("\n" + v.offer(p))
	}
	if len(fresh) > 0 {
		b.WriteString("\nRead the words to that site's operator by telephone. If they match:\n")
		for _, p := range fresh {
			fmt.Fprintf(&b, "    %s trust approve %s --alias NAME\n", v.prog, v.typed(p))
		}
	}
	if found, _ := registeredPeers(s); len(found) > 0 {
		fmt.Fprintf(&b, "\nWhat you registered by hand you have compared already:\n    %s trust approve --registered\n", v.prog)
	}
	return b.String()
}

// contradiction is a conflict as it is shown: the banner where an approved component is claimed.
func (v view) contradiction(s api.Snapshot, p api.Peer) string {
	if approved := approvedOf(s, p); approved != nil {
		return v.replaced(p, *approved)
	}
	return v.conflict(p)
}
