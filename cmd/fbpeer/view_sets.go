package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
)

// setQuestion is what an operator confirms: the members in party order, the own number, and what changed.
func (v view) setQuestion(s api.Snapshot, set api.NamedSet) string {
	members, self := proposedMembers(set), s.Self.Component
	var b strings.Builder
	if set.State == api.SetChanged {
		b.WriteString(wrap("", fmt.Sprintf("%s changed set %s %s. What you confirmed stays in force here until you confirm this:",
			v.called(set.Proposer), show(set.Name), ago(v.now, set.Issued)), ""))
	} else {
		b.WriteString(wrap("", fmt.Sprintf("%s proposed set %s %s:", v.called(set.Proposer), show(set.Name), ago(v.now, set.Issued)), ""))
	}
	b.WriteString("\n" + v.membersTable(s, set) + "\n")
	var gone []string
	for i, component := range set.Members {
		if !slices.Contains(members, component) {
			gone = append(gone, fmt.Sprintf("%s (party %d)", v.object(self, component), i))
		}
	}
	if len(gone) > 0 {
		b.WriteString(wrap("No longer in it: ", strings.Join(gone, ", ")+".", "  "))
	}
	own := "This site is not in it."
	if n := slices.Index(members, self); n >= 0 {
		own = fmt.Sprintf("You are party %d of %d.", n, len(members))
	}
	if n := slices.Index(set.Members, self); n >= 0 && set.State == api.SetChanged {
		own += fmt.Sprintf(" What you confirmed has you as party %d of %d.", n, len(set.Members))
	}
	return b.String() + own + "\n"
}

// membersTable lists the members as they are proposed now, and, of a changed set, what they were.
func (v view) membersTable(s api.Snapshot, set api.NamedSet) string {
	t := table{}
	head := []string{"PARTY", "COMPONENT", "ENDPOINT"}
	changed := set.State == api.SetChanged
	if changed {
		head = append(head, "CONFIRMED")
	}
	t.add(head...)
	for i, component := range proposedMembers(set) {
		name := v.called(component)
		if component == s.Self.Component {
			name += " (this site)"
		}
		row := []string{fmt.Sprint(i), elide(name, 44), elide(endpointOf(s, component), 30)}
		if was := slices.Index(set.Members, component); changed && was == i {
			row = append(row, "same")
		} else if changed && was >= 0 {
			row = append(row, fmt.Sprintf("party %d", was))
		} else if changed {
			row = append(row, "new")
		}
		t.add(row...)
	}
	return t.String()
}

// endpointOf is a member's address in force here.
func endpointOf(s api.Snapshot, component string) string {
	if component == s.Self.Component {
		return show(s.Self.Endpoint)
	}
	for _, p := range ofState(s.Peers, api.StateAccepted, api.StateChanged) {
		if p.Component == component {
			return show(p.Endpoint)
		}
	}
	return "not approved here"
}

// inForce says what is in force of a set at this site, or why nothing is.
func (v view) inForce(set api.NamedSet) string {
	switch {
	case set.Set != nil:
		t := table{indent: "  "}
		t.add("in force", fmt.Sprintf("party %d of %d, set %s", set.Set.Party, len(set.Set.Parties), shortDigest(set.Set.Digest)))
		t.add("player files", show(set.Set.Dir))
		t.add("to run", v.prog+" players show --set "+shellWord(show(set.Name)))
		return t.String() + v.stillFormer(set)
	case set.NoSet != nil:
		return wrap("  not in force yet: ", v.sentence(*set.NoSet), "    ")
	}
	return ""
}

// stillFormer says why the values in force are former ones.
func (v view) stillFormer(set api.NamedSet) string {
	if set.Waiting == nil {
		return ""
	}
	return wrap("  not yet     ", v.sentence(*set.Waiting), "              ")
}

// setNews is what happened to a set that waits.
func setNews(set api.NamedSet) string {
	if set.State == api.SetChanged {
		return " has changed"
	}
	return " is proposed"
}

// setStates say how a set stands here.
var setStates = map[string]string{
	api.SetProposed:  "waits for your confirmation",
	api.SetConfirmed: "confirmed here",
	api.SetChanged:   "confirmed here, and changed since",
	api.SetWithdrawn: "withdrawn",
}

// withdrawnShown is for how long a person is told that a set was withdrawn: who was to run with it has read it by then.
const withdrawnShown = 24 * time.Hour

// setsScreen is `set list`.
func (v view) setsScreen(s api.Snapshot) string {
	var blocks []string
	for _, set := range s.Sets {
		if set.State == api.SetWithdrawn && v.now.Sub(set.Issued) > withdrawnShown {
			continue
		}
		blocks = append(blocks, v.setBlock(s, set))
	}
	if len(blocks) == 0 {
		return "No party set has been proposed.\n"
	}
	return strings.Join(blocks, "\n")
}

func (v view) setBlock(s api.Snapshot, set api.NamedSet) string {
	const indent = "              "
	self := s.Self.Component
	state := setStates[set.State]
	switch {
	case set.State == api.SetProposed && !set.Member:
		state = "this site is not in it"
	case set.State == api.SetChanged && !waitsForUs(s, set):
		state += ": this site is no longer in it"
	}
	var b strings.Builder
	proposer := "this site"
	if set.Proposer != self {
		proposer = v.called(set.Proposer)
		if set.Proposer == "" { // forgotten since
			proposer = "@" + show(set.PeerID)
		}
	}
	b.WriteString(wrap("", fmt.Sprintf("%s of %s, %s: %s", show(set.Name), proposer, ago(v.now, set.Issued), state), "  "))
	parties := func(head string, list []string) {
		var numbered []string
		for i, component := range list {
			numbered = append(numbered, fmt.Sprintf("%d %s", i, v.object(self, component)))
		}
		b.WriteString(wrap(head, strings.Join(numbered, ", "), indent))
	}
	if set.State == api.SetWithdrawn {
		return b.String() // it has no members any more
	}
	parties("  parties     ", set.Members)
	if set.State == api.SetChanged {
		parties("  proposed    ", set.Proposed)
	}
	b.WriteString(wrap("  confirmed   ", v.confirmations(s, set), indent))
	if waitsForUs(s, set) {
		fmt.Fprintf(&b, "  decide      %s set confirm %s\n", v.prog, setTyped(s, set))
	}
	switch {
	case set.Set != nil:
		fmt.Fprintf(&b, "  in force    party %d of %d, set %s\n", set.Set.Party, len(set.Set.Parties), shortDigest(set.Set.Digest))
		b.WriteString(indent + show(set.Set.Dir) + "\n" + v.stillFormer(set))
	case set.NoSet != nil && set.Member:
		b.WriteString(wrap("  in force    ", "no: "+v.sentence(*set.NoSet), indent))
	}
	return b.String()
}

// confirmations say who has confirmed a set as it is proposed now, and who has not; of those that did not answer nothing is known.
func (v view) confirmations(s api.Snapshot, set api.NamedSet) string {
	heard := map[string]bool{s.Self.Component: true}
	if s.Matrix != nil {
		for _, row := range s.Matrix.Rows {
			heard[row.Component] = heard[row.Component] || row.Age != nil
		}
	}
	var yes, no, unknown []string
	for _, component := range proposedMembers(set) {
		name := v.object(s.Self.Component, component)
		switch {
		case slices.Contains(set.Confirmed, component):
			yes = append(yes, name)
		case heard[component]:
			no = append(no, name)
		default:
			unknown = append(unknown, name)
		}
	}
	if len(no)+len(unknown) == 0 {
		return "by all"
	}
	var parts []string
	for _, part := range []struct {
		head string
		list []string
	}{{"by ", yes}, {"not yet by ", no}, {"not heard: ", unknown}} {
		if len(part.list) > 0 {
			parts = append(parts, part.head+strings.Join(part.list, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
