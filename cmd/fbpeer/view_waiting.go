package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent/api"
)

// waitingShown is how many sites `status` names that must decide; the matrix shows them all.
const waitingShown = 12

// undone is what another site has not registered of the components that are registered here.
type undone struct {
	component    string
	missing, old []string
}

// undoneOf reads the matrix: the rows of those that are approved here, as far as they are about this site and what it has registered.
func undoneOf(s api.Snapshot) []undone {
	m, self := registeredNow(s.Matrix), s.Self.Component
	var rows []string
	members := []string{self}
	for _, p := range ofState(s.Peers, api.StateAccepted, api.StateChanged) {
		rows = append(rows, p.Component)
		if own := m.cell(self, p.Component); own == api.CellOK || own == api.CellOld {
			members = append(members, p.Component)
		}
	}
	var all []undone
	for _, row := range matrixOrder(s) {
		if !slices.Contains(rows, row) {
			continue
		}
		u := undone{component: row}
		for _, of := range members {
			switch m.cell(row, of) {
			case api.CellNo, api.CellNew:
				u.missing = append(u.missing, of)
			case api.CellOld:
				u.old = append(u.old, of)
			}
		}
		if len(u.missing)+len(u.old) > 0 {
			all = append(all, u)
		}
	}
	return all
}

// undecided are the named sets that wait for this site's confirmation.
func undecided(s api.Snapshot) []api.NamedSet {
	var list []api.NamedSet
	for _, set := range s.Sets {
		if waitsForUs(s, set) {
			list = append(list, set)
		}
	}
	return list
}

// share is how many things wait for somebody.
type share struct {
	n   int
	who string
}

// decisions counts what waits for this operator, and for others'.
func (v view) decisions(s api.Snapshot) string {
	var ours []share
	if n := len(waiting(s.Peers)) + len(undecided(s)); n > 0 {
		ours = []share{{n, "you"}}
	}
	return shareOut(append(ours, v.othersShares(s)...), "decision waits for", "decisions wait for")
}

// othersShares are those of a few sites by name, of many in one.
func (v view) othersShares(s api.Snapshot) []share {
	const named = 3
	var list []share
	total := 0
	for _, u := range undoneOf(s) {
		n := len(u.missing) + len(u.old)
		total += n
		list = append(list, share{n, v.brief(u.component)})
	}
	if len(list) > named {
		return []share{{total, fmt.Sprintf("%d other sites", len(list))}}
	}
	return list
}

// shareOut is a sentence like " 1 decision waits for you, 2 for lyon.".
func shareOut(list []share, one, many string) string {
	text := ""
	for i, s := range list {
		switch {
		case i > 0:
			text += fmt.Sprintf(", %d for %s", s.n, s.who)
		case s.n == 1:
			text += fmt.Sprintf(" 1 %s %s", one, s.who)
		default:
			text += fmt.Sprintf(" %d %s %s", s.n, many, s.who)
		}
	}
	if text != "" {
		text += "."
	}
	return text
}

// waiting says whom we wait for: sites that have not decided, and those whose set is another one although they have.
func (v view) waiting(s api.Snapshot) []deed {
	var deeds []deed
	late := map[string]bool{}
	add := func(component, what string) {
		name := v.brief(component)
		deeds = append(deeds, deed{"WAITING", name + " " + what, "ask " + name + "'s operator"})
	}
	for _, u := range undoneOf(s) {
		late[u.component] = true
		var what []string
		if len(u.missing) > 0 {
			what = append(what, "has not approved "+v.several(s, u.missing))
		}
		if len(u.old) == 1 {
			what = append(what, "has "+v.several(s, u.old)+"'s old values")
		} else if len(u.old) > 1 {
			what = append(what, "has old values of "+v.several(s, u.old))
		}
		add(u.component, strings.Join(what, "; "))
	}
	for _, component := range otherSets(s) {
		switch in := setOf(s, component); {
		case late[component]:
		case in == "none":
			add(component, "has no set in force")
		default:
			add(component, "has another set in force, "+in)
		}
	}
	if more := len(deeds) - waitingShown; more > 0 {
		deeds = append(deeds[:waitingShown], deed{"WAITING", count(more, "other site"), "the matrix shows them"})
	}
	return deeds
}

// several names a few components, and counts the others.
func (v view) several(s api.Snapshot, components []string) string {
	const named = 2
	more := 0
	if len(components) > named+1 {
		components, more = components[:named], len(components)-named
	}
	var list []string
	for _, component := range components {
		list = append(list, v.object(s.Self.Component, component))
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("%d others", more))
	}
	if len(list) == 1 {
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
