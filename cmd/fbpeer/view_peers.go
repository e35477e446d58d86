package main

import (
	"fmt"
	"strings"
	"time"

	"fbpeer/agent/api"
)

// stateTitles are the groups of `peers`, decisions first.
var stateTitles = []struct{ state, title string }{
	{api.StateConflict, "conflict: contradicts what you approved"},
	{api.StateChanged, "changed: approved, but announces something else"},
	{api.StatePending, "pending: waits for your decision"},
	{api.StateAccepted, "accepted"},
	{api.StateDenied, "denied"},
	{api.StateRevoked, "revoked"},
	{api.StateFormer, "former: this component's own identities from before it was set up anew; not used any more"},
}

// peersScreen is `peers`: everything heard, grouped by state, the columns of all groups aligned.
func (v view) peersScreen(s api.Snapshot) string {
	if text := v.peersTable(s, 30, 26); fits(text) {
		return text
	}
	return v.peersTable(s, 22, 21)
}

// peersTable shortens names and endpoints to these widths; `show` has them whole.
func (v view) peersTable(s api.Snapshot, nameWidth, endpointWidth int) string {
	t := table{indent: "  "}
	var titles []string
	var sizes []int
	for _, group := range stateTitles {
		peers := ofState(s.Peers, group.state)
		if len(peers) == 0 {
			continue
		}
		titles, sizes = append(titles, group.title), append(sizes, len(peers))
		for _, p := range peers {
			t.add(elide(v.name(p), nameWidth), roleText(p), elide(orDash(show(p.Endpoint)), endpointWidth), shortHash(p.Fingerprint), v.presence(p)+registeredToo(p))
		}
	}
	if len(titles) == 0 {
		return "No other component has been heard.\n"
	}
	lines := strings.SplitAfter(t.String(), "\n")
	var b strings.Builder
	for i, title := range titles {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s (%d)\n%s", title, sizes[i], strings.Join(lines[:sizes[i]], ""))
		lines = lines[sizes[i]:]
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// presence is whether the peer is connected now, else when it was heard.
func (v view) presence(p api.Peer) string {
	switch {
	case p.Connected != nil && *p.Connected:
		return "connected"
	case p.ByCard != nil:
		return "by card"
	case p.LastHeard != nil:
		return ago(v.now, *p.LastHeard)
	}
	return "not heard"
}

// showScreen is `show COMPONENT`: one peer in full.
func (v view) showScreen(p api.Peer) string {
	t := table{}
	t.given("component", show(p.Component))
	t.given("alias", show(p.Alias))
	t.given("label", claimed(p.Label))
	t.given("role", show(p.Role))
	t.given("state", show(p.State))
	if p.Party != nil {
		t.given("party", fmt.Sprint(*p.Party))
	}
	t.given("words", wordsText(p.Words))
	t.given("fingerprint", show(p.Fingerprint))
	t.given("peer id", show(p.PeerID))
	t.given("endpoint", show(p.Endpoint))
	t.given("secagg", secaggText(p.Secagg))
	if c := p.Certificate; c != nil {
		addCertificate(&t, *c)
	}
	t.given("announcement", show(p.Announcement))
	if p.Sequence != 0 {
		t.given("  sequence", fmt.Sprint(p.Sequence))
	}
	t.given("  issued", stamp(p.Issued))
	t.given("  expires", stamp(p.Expires))
	if p.LastHeard != nil || p.Connected != nil {
		t.given("heard", v.heard(p))
		t.given("connected", yesNo(p.Connected))
	}
	addCardView(&t, p)
	if p.ApprovedAt != nil {
		t.given("approved", stamp(p.ApprovedAt)+by(p.ApprovedBy))
	}
	if p.Next != nil {
		addNext(&t, *p.Next)
	}
	t.given("in registry", yesNo(p.Registered))
	addByHand(&t, p)
	return t.String() + v.details(p)
}

// addCertificate adds the certificate in force, with its hashes.
func addCertificate(t *table, c api.Certificate) {
	t.given("certificate", certificateText(c))
	t.given("  subject", show(c.Subject))
	t.given("  signed by", show(c.Issuer))
	t.given("  sha256", show(c.SHA256))
	t.given("  key sha256", show(c.KeySHA256))
	t.given("  blake2b-128", show(c.BLAKE2b128)+"  (MP-SPDZ prints it as Signature)")
	t.given("  valid", stamp(&c.NotBefore)+" to "+stamp(&c.NotAfter))
}

// addNext adds the key to come, and whether it is approved ahead.
func addNext(t *table, n api.NextKey) {
	t.given("next key", show(n.KeySHA256))
	t.given("  words", wordsText(n.Words))
	t.given("  fingerprint", show(n.Fingerprint))
	switch {
	case n.Approved:
		t.given("  approved", strings.TrimSpace("ahead "+stamp(n.ApprovedAt)+by(n.ApprovedBy)))
	case n.Barred != "":
		t.given("  approved", "not ahead, and cannot be: it is "+show(n.Barred)+" here")
	case n.ApprovedKey != "":
		t.given("  approved", "ahead is another one, "+show(n.ApprovedKey))
	default:
		t.given("  approved", "not ahead")
	}
}

// by is " by alice", or nothing if nobody is named.
func by(operator string) string {
	if operator == "" {
		return ""
	}
	return " by " + show(operator)
}

// details are the reasons of a peer's state, what changed and what would be approved, and its warnings.
func (v view) details(p api.Peer) string {
	var b strings.Builder
	for _, r := range withoutNext(p, p.Reasons) {
		b.WriteString(wrap("reason: ", v.sentence(r), "  "))
	}
	b.WriteString(v.warnings(besides(p), ""))
	held, reported := heldChanges(p)
	b.WriteString(changesList("announced, but not in force", held) + changesList("reported only, nothing waits for you", reported))
	if a := p.Announced; a != nil {
		b.WriteString("\nan approval would approve:\n")
		t := table{indent: "  "}
		t.add("endpoint", show(a.Endpoint))
		t.add("certificate", certificateText(a.Certificate))
		t.add("words", wordsText(a.Words))
		t.add("fingerprint", show(a.Fingerprint))
		t.add("announcement", show(a.Hash))
		t.add("issued", stamp(&a.Issued))
		b.WriteString(t.String())
	}
	switch p.State {
	case api.StateConflict:
		fmt.Fprintf(&b, "\ndecide: %s trust pending\n", v.prog)
	case api.StateAccepted:
		if nextToApprove(p) {
			fmt.Fprintf(&b, "\ndecide: %s trust approve %s\n", v.prog, v.typed(p))
		}
	case api.StatePending:
		fmt.Fprintf(&b, "\ndecide: %s trust approve %s\n", v.prog, v.typed(p))
	case api.StateChanged:
		settles := v.settles(p)
		fmt.Fprintf(&b, "\ndecide: %s\n", strings.Join(settles[:len(settles)-1], "\n        "))
	}
	return b.String()
}

// changesList has old and new of each change, whole.
func changesList(title string, changes []api.Change) string {
	if len(changes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n" + title + ":\n")
	for _, c := range changes {
		t := table{indent: "  "}
		t.add(pad(show(c.Field), 12), "old  "+orDash(show(c.Old)))
		t.add("", "new  "+orDash(show(c.New)))
		b.WriteString(t.String())
	}
	return b.String()
}

func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "yes"
	}
	return "no"
}

// idScreen is `id`: the own component, and each value with its source.
func (v view) idScreen(s api.Snapshot) string {
	p := s.Self
	t := table{}
	t.given("component", show(p.Component))
	t.given("role", show(p.Role))
	t.given("label", show(p.Label))
	t.given("federation", show(s.Federation))
	t.given("words", wordsText(p.Words))
	t.given("fingerprint", show(p.Fingerprint))
	t.given("peer id", show(p.PeerID))
	t.given("endpoint", show(p.Endpoint))
	t.given("secagg", secaggText(p.Secagg))
	if c := p.Certificate; c != nil {
		t.given("certificate", certificateText(*c))
		t.given("  subject", show(c.Subject))
		t.given("  signed by", show(c.Issuer))
		t.given("  sha256", show(c.SHA256))
		t.given("  blake2b-128", show(c.BLAKE2b128)+"  (MP-SPDZ prints it as Signature)")
	}
	if n := p.Next; n != nil {
		t.given("next key", show(n.KeySHA256))
		if n.Certificate != nil {
			t.given("  certificate", certificateText(*n.Certificate))
		}
		t.given("  words", wordsText(n.Words))
		t.given("  fingerprint", show(n.Fingerprint))
	}
	if p.Party != nil {
		t.given("party", fmt.Sprint(*p.Party))
	} else {
		t.given("party", "none yet: no set is in force")
	}
	t.given("state", show(s.State))
	for i, address := range s.Listen {
		name := ""
		if i == 0 {
			name = "bootstrap"
		}
		t.add(name, show(address))
	}
	var b strings.Builder
	b.WriteString(t.String() + v.warnings(p.Warnings, ""))
	b.WriteString(sources(p.Sources))
	return b.String()
}

// sources lists where the own values come from; defaults briefly, and only those that say something.
func sources(settings []api.Setting) string {
	var b strings.Builder
	t := table{indent: "  "}
	var defaults []string
	for _, s := range settings {
		name, value, source := show(s.Name), orDash(show(s.Value)), "from "+show(s.Source)
		switch {
		case s.Source == "default" && s.Value == "":
		case s.Source == "default":
			defaults = append(defaults, name+" = "+value)
		case displayWidth(value) <= 20:
			t.add(name, pad(value, 20)+"  "+source)
		default:
			t.add(name, value)
			t.add("", source)
		}
	}
	if len(t.rows) > 0 {
		b.WriteString("\nwhere each value comes from:\n" + t.String())
	}
	if len(defaults) > 0 {
		b.WriteString("  by default:\n")
		for _, d := range defaults {
			b.WriteString("    " + d + "\n")
		}
	}
	return b.String()
}
