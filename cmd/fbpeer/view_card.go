package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

// cardLetter is the text in front of a card, for a person who gets it by mail. It is not signed: what counts is what `card show` reads
// from the blocks. file is what the card is called, if that is known.
func cardLetter(card api.Card, file string) string {
	p := card.Peer
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		file = file[i+1:]
	}
	if file == "" || strings.Contains(file, "-----") {
		file = p.Component + ".card"
	}
	t := table{indent: "    "}
	t.add("component", show(p.Component))
	if p.Label != "" && !strings.Contains(p.Label, "-----") { // nothing here may look like the begin of a block
		t.add("of", show(p.Label))
	}
	t.add("endpoint", show(p.Endpoint))
	t.add("fingerprint", show(p.Fingerprint))
	t.add("words", wordsText(p.Words))
	t.add("federation", show(card.Federation))
	t.add("lives until", card.Expires.UTC().Format("2006-01-02 15:04 UTC"))
	name := shellWord(show(file))
	return "This is the card of a component that takes part in MP-SPDZ computations, made by fbpeer:\n\n" + t.String() +
		"\nTo register it at your site, save this whole text as " + name + ", and there, in the folder\n" +
		"of your own component (the one that has etc/ or fbpeer.ini), type:\n\n" +
		"    fbpeer card show " + name + "\n" +
		"    fbpeer card import " + name + "\n" +
		"    fbpeer trust approve " + show(p.Component) + "\n\n" +
		"The last one asks. Before you answer, call that site at a number that you know, and let its operator read\n" +
		"you the eight words. Compare them with what fbpeer shows, not with this text: mail can be changed on its way.\n\n" +
		"That site needs your card too: fbpeer card export\n\n"
}

// cardWarnings are what is wrong with a card for whoever gets it, at whatever time.
func cardWarnings(p api.Peer) (found []api.Warning) {
	if endpoint, err := mpspdz.ParseEndpoint(p.Endpoint); err == nil && endpoint.IsLoopback() {
		found = append(found, api.Warning{Code: api.WarnLoopbackElsewhere,
			Text: "the card says " + p.Endpoint + ", which means the machine of whoever uses it: its operator sets mpspdz_ip (a plain party: ip in its fbpeer.ini) and exports it again"})
	}
	return found
}

// cardScreen is `card show`.
func (v view) cardScreen(c cardJSON, file string) string {
	var b strings.Builder
	federation := "not known here: no component has joined one, so that it cannot be checked (id " + show(c.Federation) + ")"
	if c.Ours != nil && *c.Ours {
		federation = show(c.Name) + ", as this site"
	} else if c.Ours != nil {
		federation = "ANOTHER one than " + show(c.Name) + ": it cannot be imported here"
	}
	b.WriteString("federation: " + federation + "\n")
	for _, p := range c.Cards {
		b.WriteString("\n" + v.showScreen(p))
	}
	if c.Ours == nil || *c.Ours {
		b.WriteString("\nNothing was taken over. To do so: " + v.prog + " card import " + shellWord(show(file)) + "\n")
	}
	return b.String()
}

// addCardView adds what a peer's card says of others.
func addCardView(t *table, p api.Peer) {
	if p.ByCard == nil || p.ByCard.View == nil {
		return
	}
	said := p.ByCard.View
	set := "none in force"
	if said.Set != "" {
		set = shortDigest(said.Set)
	}
	t.add("its set", set+", on "+date(said.Issued)+" by its card")
	var registered []string
	for _, component := range said.Registered {
		registered = append(registered, show(component))
	}
	switch {
	case said.Registered == nil:
		t.add("", fmt.Sprintf("%s, whom the card does not name", count(said.Members, "member")))
	case len(registered) == 0:
		t.add("registered", "nobody yet")
	}
	for i, component := range registered {
		name := ""
		if i == 0 {
			name = "registered"
		}
		t.add(name, component)
	}
}

// importedScreen is `card import`: what became of each card, and what waits for a decision now.
func (v view) importedScreen(before, after api.Snapshot, r api.ImportResult) string {
	t := table{}
	waiting := after
	waiting.Peers = ofState(after.Peers, api.StateAccepted)
	undecided := false
	for _, c := range r.Cards {
		did := "imported"
		switch c.Outcome {
		case api.CardHeld:
			did = "held already"
		case api.CardOlder:
			did = "not needed: a later announcement with the same values is held"
		}
		t.add(v.called(c.Peer.Component), show(c.Peer.State), did, show(c.File))
		known := slices.ContainsFunc(waiting.Peers, func(p api.Peer) bool { return p.PeerID == c.Peer.PeerID })
		if open := len(ofState([]api.Peer{c.Peer}, api.StatePending, api.StateChanged, api.StateConflict)) > 0; open && !known {
			undecided = true
			waiting.Peers = append(waiting.Peers, c.Peer)
		}
	}
	text := t.String()
	if len(r.Rows) > 0 || len(r.Warnings) > 0 || setDigest(r.Set) != setDigest(before.Set) {
		text += v.consequences(before, api.ActionApprove, "", r.Outcome)
	}
	if undecided {
		text += "\n" + v.pendingScreen(waiting)
	}
	return text
}

func setDigest(s *api.Set) string {
	if s == nil {
		return ""
	}
	return s.Digest
}
