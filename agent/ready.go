package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// outlast is how long the certificates of a set must still be valid: a run should not end with them.
const outlast = 24 * time.Hour

// question is what readiness is asked about: a set as this site has it, and who has to agree on it.
type question struct {
	name     string              // of a named set; empty: the default one, or a choice of its members
	call     time.Time           // when the roll call that its members must have answered was heard here
	chosen   bool                // some of the accepted components: what else a site has in force is no obstacle
	set      mpspdz.PartySet     // zero: it cannot be formed here
	none     *api.Warning        // why
	wanted   []string            // components, ours among them, in party order where there is a set
	unheard  []string            // names that mean nobody who is known here
	proposal mpspdz.Hash         // of a named set: what was confirmed here
	proposed mpspdz.Hash         // of a named set: what is proposed now; zero: the same
	proposer string              // of a named set: the component
	typed    string              // of a named set: what to type for it
	fixed    bool                // [players] parties says who is in the default set
	changed  []string            // files of ours that somebody else had changed
	pair     *api.Obstacle       // why certificate and key of ours, as they stand, are not those in use
	signers  []*mpspdz.Authority // that stand among the set's files
}

// verdict collects the obstacles of one question.
type verdict struct {
	question
	snapshot api.Snapshot
	sight    *sight
	now      time.Time
	peers    map[string]api.Peer // by component: of several that claim it the approved one
	blamed   map[string]bool     // components that do not agree
	found    []api.Obstacle
	former   []holding
}

// judgeReady says whether all that a question is about say the same. It is a function of its arguments alone.
func judgeReady(q question, s api.Snapshot, seen *sight, now time.Time) api.Ready {
	v := &verdict{question: q, snapshot: s, sight: seen, now: now, peers: map[string]api.Peer{}, blamed: map[string]bool{}}
	for _, p := range s.Peers { // the strongest state first: an approved identity is what its component is
		if old, there := v.peers[p.Component]; !there || !approvedState(old.State) && approvedState(p.State) {
			v.peers[p.Component] = p
		}
	}
	v.here()
	for _, component := range q.wanted {
		if component != s.Self.Component {
			v.member(component)
		}
	}
	for _, component := range q.wanted {
		if p := v.peers[component]; component != s.Self.Component && approvedState(p.State) {
			v.answer(component)
		}
	}
	v.undecided()
	v.renumbered()
	v.policies()
	v.formed()
	v.lastOfAll()
	r := api.Ready{OK: len(v.found) == 0, Obstacles: append([]api.Obstacle{}, v.found...)}
	if q.set.Len() > 0 {
		r.Digest = q.set.Digest().String()
		for i, party := range q.set.Parties() {
			r.Parties = append(r.Parties, api.SetParty{Party: i, Component: party.Component, Alias: v.peers[party.Component].Alias, Endpoint: party.Endpoint.String()})
		}
	}
	for _, component := range q.wanted {
		if !v.blamed[component] {
			r.Agree++
		}
	}
	return r
}

// formed is the last check: whatever was not named, there is no yes without a set that holds everybody who was asked for.
func (v *verdict) formed() {
	if len(v.found) > 0 {
		return
	}
	for _, component := range v.wanted {
		if v.set.Number(component) < 0 {
			v.blame(api.Obstacle{Code: api.ObstacleNoSet, Component: v.snapshot.Self.Component, Of: component,
				Text: "there is no set here that holds " + v.name(component), Cure: "fbpeer status, and fbpeer trust list"})
		}
	}
	if v.set.Len() == 0 && len(v.found) == 0 {
		v.blame(api.Obstacle{Code: api.ObstacleNoSet, Component: v.snapshot.Self.Component, Text: "there is no such set here", Cure: "fbpeer status"})
	}
}

func approvedState(state string) bool { return state == api.StateAccepted || state == api.StateChanged }

// blame adds an obstacle that component's site can take away.
func (v *verdict) blame(o api.Obstacle) {
	v.blamed[o.Component] = true
	v.found = append(v.found, o)
}

// name is what a component is called here: its alias if it has one.
func (v *verdict) name(component string) string {
	if p := v.peers[component]; p.Alias != "" {
		return p.Alias
	}
	return component
}

// here finds what is wrong at this site, whoever else is asked.
func (v *verdict) here() {
	self := v.snapshot.Self.Component
	for _, name := range v.unheard {
		v.found = append(v.found, api.Obstacle{Code: api.ObstacleNotHeard, Component: name, Text: "nothing has been heard of " + exchange.ShowText(name),
			Cure: "start its agent (fbpeer run), or correct the name: fbpeer peers lists who is known"})
	}
	if v.none != nil && !v.explained() {
		code := api.ObstacleNoSet
		switch v.none.Code {
		case api.WarnWaitingCertificates:
			code = api.ObstacleCertificates
		case api.WarnUnconfirmed:
			code = api.ObstacleUnconfirmed
		case mpspdz.SetUnknownAuthority:
			code = api.ObstacleAuthority
		}
		none := v.none
		switch few := none.Code == mpspdz.SetTooFew || none.Code == mpspdz.SetNoResearcher; {
		case v.chosen && few:
			named := *none
			named.Cure = "name who is missing in --parties too"
			none = &named
		case v.question.name == "":
			none = otherKey(none, v.snapshot.Peers)
		}
		v.blame(api.Obstacle{Code: code, Component: self, Text: none.Text, Cure: none.Cure})
	}
	v.changedHere()
	if len(v.changed) > 0 {
		became := "they have been written anew"
		if slices.ContainsFunc(v.snapshot.Warnings, func(w api.Warning) bool { return w.Code == api.WarnPlayers || w.Code == api.WarnStore }) {
			became = "they could not be written anew yet"
		}
		v.blame(api.Obstacle{Code: api.ObstacleFilesChanged, Component: self,
			Text: "somebody else had changed the player files here (" + strings.Join(v.changed, ", ") + "); " + became,
			Cure: fmt.Sprintf("start runs from players/current again; what ran from the changed files is not to be relied on. This is said for %.0f s", alteredTold.Seconds())})
	}
	for _, o := range faults(v.snapshot) {
		v.blame(o)
	}
	if v.pair != nil {
		v.blame(*v.pair)
	}
	v.certificates()
}

// faults are what is wrong at a snapshot's own site and keeps it from every run, whatever `ready` is asked about. Others are told
// of such a site that it has no set in force. That a certificate has run out they see themselves.
func faults(s api.Snapshot) []api.Obstacle {
	var found []api.Obstacle
	for _, w := range s.Warnings {
		code := api.ObstacleWarning
		switch {
		case w.Code == api.WarnPlayers || w.Code == api.WarnStore || w.Code == api.WarnRegistry || w.Code == api.WarnNoDatabase:
			code = api.ObstacleNotWritten
		case !w.Error:
			continue
		}
		found = append(found, api.Obstacle{Code: code, Component: s.Self.Component, Text: w.Text, Cure: w.Cure})
	}
	for _, w := range s.Self.Warnings {
		if w.Error && w.Code != api.WarnCertificateExpired {
			found = append(found, api.Obstacle{Code: api.ObstacleWarning, Component: s.Self.Component, Text: w.Text, Cure: w.Cure})
		}
	}
	return found
}

// explained says whether a set cannot be formed only because of members that are named as obstacles anyway.
func (v *verdict) explained() bool {
	if v.none.Code == api.WarnWaitingCertificates && !v.question.proposed.IsZero() {
		return true // it is of what was confirmed before a change that waits here
	}
	if v.none.Code != mpspdz.SetTooFew && v.none.Code != mpspdz.SetNoResearcher {
		return false
	}
	return len(v.unheard) > 0 || slices.ContainsFunc(v.wanted, func(component string) bool {
		return component != v.snapshot.Self.Component && !approvedState(v.peers[component].State)
	})
}

// certificates finds those of the set, and of authorities among its files, that do not outlast the day.
func (v *verdict) certificates() {
	for _, party := range v.set.Parties() {
		c := party.Certificate
		if c.CheckTime(v.now) == nil && c.NotAfter().Sub(v.now) > outlast {
			continue
		}
		text := fmt.Sprintf("the certificate of %s ends on %s", v.name(party.Component), c.NotAfter().Format(time.RFC3339))
		switch {
		case v.now.After(c.NotAfter()):
			text = fmt.Sprintf("the certificate of %s ended on %s", v.name(party.Component), c.NotAfter().Format(time.RFC3339))
		case v.now.Before(c.NotBefore()):
			text = fmt.Sprintf("the certificate of %s is valid only from %s; one of the clocks may be wrong", v.name(party.Component), c.NotBefore().Format(time.RFC3339))
		}
		v.blame(api.Obstacle{Code: api.ObstacleExpires, Component: party.Component, Text: text,
			Cure: "its site makes a new one, and the others approve it"})
	}
	for _, a := range v.signers {
		if a.NotAfter().Sub(v.now) <= outlast {
			v.blame(api.Obstacle{Code: api.ObstacleExpires, Component: v.snapshot.Self.Component,
				Text: fmt.Sprintf("the certificate of the authority %s ends on %s", a.Subject(), a.NotAfter().Format(time.RFC3339)),
				Cure: "put that authority's next certificate beside it in [trust] authorities, or use self-signed certificates"})
		}
	}
}

// member finds why a component is not registered at this site with what it announces.
func (v *verdict) member(component string) {
	self := v.snapshot.Self.Component
	p := v.peers[component]
	add := func(code, text, cure string) {
		v.blame(api.Obstacle{Code: code, Component: self, Of: component, Text: text, Cure: cure})
	}
	switch p.State {
	case api.StatePending:
		add(api.ObstaclePending, v.name(component)+" waits for your decision", "fbpeer trust approve "+component)
	case api.StateChanged:
		add(api.ObstacleChanged, v.name(component)+" announces "+changedText(p)+", and you have not decided", "fbpeer trust approve "+v.name(component))
	case api.StateConflict, api.StateFormer:
		text := "another identity claims to be " + v.name(component)
		if WasApproved(p) && len(p.Reasons) > 0 { // it is the approved one that now contradicts something else
			text = p.Reasons[0].Text
		}
		add(api.ObstacleConflict, text, "fbpeer show "+component)
	case api.StateDenied, api.StateRevoked:
		add(api.ObstacleBarred, v.name(component)+" is "+p.State+" here", "leave it out, or forget that decision: fbpeer trust forget "+component)
	case api.StateAccepted:
		if inForce := v.question.name == "" && v.none == nil; inForce && v.sight.own[component] != api.CellOK {
			add(api.ObstacleNotWritten, v.name(component)+" is approved, but not written yet", "fbpeer status says why, and what to do")
		}
	default:
		add(api.ObstacleNotHeard, "nothing that could be used has been heard of "+v.name(component), "fbpeer trust list, and fbpeer peers")
	}
	for _, w := range p.Warnings {
		switch {
		case !approvedState(p.State):
		case w.Code == api.WarnAnnouncementExpired:
			cure := "start its agent: fbpeer run"
			if p.ByCard != nil {
				cure = "its site makes a new card: fbpeer card export"
			}
			v.blame(api.Obstacle{Code: api.ObstacleStale, Component: component, Text: w.Text, Cure: cure})
		case w.Error:
			v.blame(api.Obstacle{Code: api.ObstacleWarning, Component: component, Text: w.Text, Cure: w.Cure})
		}
	}
}

// changedText names what waits of what a component announces.
func changedText(p api.Peer) string {
	var fields []string
	for _, c := range p.Changes {
		if trust.Change(c).Held() {
			fields = append(fields, c.Field)
		}
	}
	if len(fields) == 0 {
		return "other values"
	}
	return "another " + strings.Join(fields, ", ")
}

// answer compares what an accepted component says of itself with this site.
func (v *verdict) answer(component string) {
	name := v.name(component)
	view, answered := v.sight.heardOf(component, "", v.question.call, v.now)
	if card, ok := v.sight.cards[component]; ok && !answered {
		v.byCard(component, card)
		return
	}
	if !answered {
		cure := "start its agent, or its connection: fbpeer run"
		if connected := v.peers[component].Connected; connected != nil && *connected {
			cure = "it is connected: ask again in 15 seconds; if that stays, look at its agent's log"
		}
		v.blame(api.Obstacle{Code: api.ObstacleNoAnswer, Component: component, Text: name + " has not answered the last roll call", Cure: cure})
		return
	}
	if v.question.name == "" && v.cells(component, view) {
		return
	}
	switch {
	case v.question.name != "":
		v.namedSet(component)
	case saysFault(view), !v.chosen && v.set.Len() > 0 && view.Set != v.set.Digest():
		v.otherSet(component, view)
	}
}

// saysFault says whether a site has player files of a set, and yet says that the set is not in force: something there keeps it
// from every run.
func saysFault(view *exchange.View) bool { return view.Set.IsZero() && !view.Files.IsZero() }

// byCard: who takes part by card cannot be asked. What its card says is of the day on which it was made, and no answer.
func (v *verdict) byCard(component string, card exchange.Card) {
	name := v.name(component)
	o := api.Obstacle{Code: api.ObstacleByCard, Component: component,
		Text: fmt.Sprintf("%s takes part by card, of %s: nobody can ask it what it has registered now", name, card.Announcement.Issued.Format(time.DateOnly)),
		Cure: "ask its operator by telephone what fbpeer players show says there"}
	switch view := card.View; {
	case v.set.Len() == 0:
	case view != nil && view.Set == v.set.Digest():
		o.Text += "; then it had this very set"
	case view != nil && view.Set.IsZero():
		o.Text += "; then it had no set in force"
	case view != nil:
		o.Text += "; then it had another set in force"
	}
	if v.set.Len() > 0 {
		o.Cure += "; it must say set words: " + strings.Join(digestWords(v.set.Digest()), " ")
	}
	v.blame(o)
}

// cells finds whom a component has not registered, or with other values. It says whether there is anybody.
func (v *verdict) cells(component string, view *exchange.View) (found bool) {
	name := v.name(component)
	for _, of := range v.wanted {
		if of == component {
			continue
		}
		o := api.Obstacle{Component: component, Of: of}
		switch v.sight.cell(component, view, of) {
		case api.CellNo:
			o.Code, o.Text = api.ObstacleMissing, name+" has not approved "+v.of(of)
			o.Cure = name + "'s operator: fbpeer trust approve " + of + " (unless it was denied or revoked there)"
			if files, known := v.sight.list(view.Files); known && files.find(of) != nil { // and yet it is among its parties
				o.Text = name + " has no row of " + v.of(of) + " in Fed-BioMed's registry"
				o.Cure = name + "'s operator: fbpeer registry check"
			}
		case api.CellOld:
			found = true
			if v.formerFiles(component, of) {
				v.former = append(v.former, holding{component, of})
				continue
			}
			o.Code, o.Text = api.ObstacleOutdated, name+" has old values of "+v.of(of)
			o.Cure = "settles when " + name + "'s operator approves the change: fbpeer trust approve " + of
		case api.CellUnknown:
			o.Code, o.Of, o.Text = api.ObstacleNoAnswer, "", name+" did not say whom it has registered"
			o.Cure = "ask again; if that stays, look at its agent's log"
		default:
			continue
		}
		v.blame(o)
		if found = true; o.Code == api.ObstacleNoAnswer {
			return found
		}
	}
	return found
}

// of names whom an obstacle is about.
func (v *verdict) of(component string) string {
	if component == v.snapshot.Self.Component {
		return "this site (" + component + ")"
	}
	return v.name(component)
}

// otherSet: every single registration is right, and yet the sets differ.
func (v *verdict) otherSet(component string, view *exchange.View) {
	name := v.name(component)
	o := api.Obstacle{Code: api.ObstacleOtherSet, Component: component,
		Text: fmt.Sprintf("%s has another set in force, of %d parties", name, view.Members),
		Cure: "let both run: fbpeer status; or ask for those that you mean: fbpeer ready --parties …"}
	switch {
	case saysFault(view):
		o.Text, o.Cure = name+" has no set in force, because something is wrong at its site", name+"'s operator: fbpeer ready says there what it is"
	case view.Set.IsZero():
		o.Text, o.Cure = name+" has no set in force", name+"'s operator: fbpeer status and fbpeer ready say there why"
	case view.Members == v.set.Len() && v.peers[component].State == api.StateChanged:
		return // it is its own new value, which this site has yet to decide on: member says so
	case view.Members == v.set.Len():
		o.Text = name + " has the same parties and values in force, but in another order or with other certificates"
		o.Cure = "[players] certificates must say the same at all sites: compare fbpeer id there and here"
	}
	v.blame(o)
}

// namedSet compares a component's view of a named set with ours.
func (v *verdict) namedSet(component string) {
	name := v.name(component)
	view, answered := v.sight.heardOf(component, v.question.name, v.question.call, v.now)
	switch {
	case !answered || view.Proposal != v.proposedNow():
		v.notConfirmed(component)
	case v.proposedNow() != v.proposal:
		// It has confirmed what is not confirmed here yet: nothing can be compared.
	case view.Set.IsZero():
		v.blame(api.Obstacle{Code: api.ObstacleOtherSet, Component: component, Text: name + " has confirmed the set " + v.question.name + ", but has it not in force",
			Cure: name + "'s operator: fbpeer set list and fbpeer ready --set " + v.question.name + " say there why"})
	case v.set.Len() > 0 && view.Set != v.set.Digest():
		if !v.cells(component, view) {
			v.blame(api.Obstacle{Code: api.ObstacleOtherSet, Component: component, Text: name + " has other certificates, or an older order, of the set " + v.question.name,
				Cure: "[players] certificates must say the same at all sites: compare fbpeer id there and here, and fbpeer set list"})
		}
	}
}

// notConfirmed: a member does not say that it has confirmed a named set as it is proposed. The proposer has, by proposing it: then it
// proposes something else by now.
func (v *verdict) notConfirmed(component string) {
	name, set := v.name(component), v.question.name
	o := api.Obstacle{Code: api.ObstacleUnconfirmed, Component: component, Text: name + " has not confirmed the set " + set + " as it is here",
		Cure: name + "'s operator: fbpeer set confirm " + v.question.typed}
	switch {
	case component == v.question.proposer:
		o.Text, o.Cure = name+" does not propose the set "+set+" any more as it is here", "ask again in 15 seconds: what it proposes now comes by itself; then fbpeer set list"
	case !v.proposed.IsZero():
		o.Text = name + " has not confirmed the change of the set " + set
	}
	v.blame(o)
}
