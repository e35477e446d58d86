package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent/api"
)

// waitingShown is how many sites `status` names that must decide; the matrix shows them all.
const waitingShown = 12

// undone is what another site has not decided yet about components that are registered here.
type undone struct {
	component    string
	missing, old []string
}

// undoneOf reads the matrix: the rows of those that are registered here, as far as they are about such ones.
func undoneOf(s api.Snapshot) []undone {
	m, members := registeredIn(s.Matrix), []string{s.Self.Component}
	for _, p := range ofState(s.Peers, api.StateAccepted, api.StateChanged) {
		members = append(members, p.Component)
	}
	var all []undone
	for _, row := range matrixOrder(s) {
		if row == s.Self.Component || !slices.Contains(members, row) {
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

// decisions counts what waits for this operator, and for others'.
func (v view) decisions(s api.Snapshot) string {
	n := len(ofState(s.Peers, api.StatePending, api.StateChanged, api.StateConflict)) + len(undecided(s))
	var clauses []string
	add := func(n int, who string) {
		switch {
		case len(clauses) > 0:
			clauses = append(clauses, fmt.Sprintf("%d for %s", n, who))
		case n == 1:
			clauses = append(clauses, "1 decision waits for "+who)
		default:
			clauses = append(clauses, fmt.Sprintf("%d decisions wait for %s", n, who))
		}
	}
	if n > 0 {
		add(n, "you")
	}
	const named = 3
	others, total := undoneOf(s), 0
	for _, u := range others {
		total += len(u.missing) + len(u.old)
	}
	if len(others) > named {
		add(total, fmt.Sprintf("%d other sites", len(others)))
	} else {
		for _, u := range others {
			add(len(u.missing)+len(u.old), v.brief(u.component))
		}
	}
	if len(clauses) == 0 {
		return ""
	}
	return " " + strings.Join(clauses, ", ") + "."
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
