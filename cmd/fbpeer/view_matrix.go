package main

import (
	"fmt"
	"strings"

	"fbpeer/agent/api"
)

// cellMarks are the matrix's cells as they are shown.
var cellMarks = map[string]string{
	api.CellOK: "ok", api.CellOld: "old", api.CellNo: "NO", api.CellNew: "new", api.CellUnknown: "?",
}

const legend = "ok registered, same values   old other values   NO not registered   new undecided   ? not known\n"

// matrixMembers is the widest matrix that fits into a screen's columns.
const matrixMembers = 12

// matrixOrder lists the members: the set in force in its order, then ourselves and the others that are neither denied nor revoked.
func matrixOrder(s api.Snapshot) []string {
	var order []string
	seen := map[string]bool{}
	add := func(component string) {
		if component != "" && !seen[component] {
			seen[component] = true
			order = append(order, component)
		}
	}
	if s.Set != nil {
		for _, p := range s.Set.Parties {
			add(p.Component)
		}
	}
	add(s.Self.Component)
	for _, p := range ofState(s.Peers, api.StateAccepted, api.StateChanged, api.StatePending) {
		add(p.Component)
	}
	return order
}

func cell(m *api.Matrix, row, of string) string {
	for _, r := range m.Rows {
		if r.Component != row {
			continue
		}
		for _, c := range r.Cells {
			if c.Of == of {
				return c.State
			}
		}
	}
	return api.CellUnknown
}

// matrixScreen shows who has registered whom; where the members are too many for a row, each one in a line of its own.
func (v view) matrixScreen(s api.Snapshot) string {
	m, order := s.Matrix, matrixOrder(s)
	if len(order) < 2 {
		return "No other component has been heard.\n"
	}
	label := v.memberLabels(s, order)
	if len(order) <= matrixMembers {
		if text := v.matrixTable(s, m, order, label); fits(text) {
			return text + "\n" + legend
		}
	}
	t := table{}
	t.add("", "REGISTERED HERE", "HAS REGISTERED", "IS REGISTERED BY")
	for _, row := range order {
		here := cellMarks[cell(m, s.Self.Component, row)]
		if row == s.Self.Component {
			here = "(this site)"
		}
		has := tally(order, row, func(of string) string { return cell(m, row, of) })
		by := tally(order, row, func(of string) string { return cell(m, of, row) })
		t.add(elide(label[row], 40), here, has, by)
	}
	return t.String() + "\n" + legend
}

// tally counts the members other than self whose cell is ok, and says how many are not known.
func tally(members []string, self string, state func(string) string) string {
	var good, unknown int
	for _, of := range members {
		switch {
		case of == self:
		case state(of) == api.CellOK:
			good++
		case state(of) == api.CellUnknown:
			unknown++
		}
	}
	switch others := len(members) - 1; unknown {
	case 0:
		return fmt.Sprintf("%d of %d", good, others)
	case others:
		return "?"
	default:
		return fmt.Sprintf("%d of %d, %d ?", good, others, unknown)
	}
}

func (v view) matrixTable(s api.Snapshot, m *api.Matrix, order []string, label map[string]string) string {
	t := table{}
	head := []string{"", ""}
	for _, of := range order {
		head = append(head, label[of])
	}
	t.add(head...)
	for _, row := range order {
		line := []string{label[row], ""}
		if row == s.Self.Component {
			line[1] = "(this site)"
		}
		for _, of := range order {
			if of == row {
				line = append(line, "-")
			} else {
				line = append(line, cellMarks[cell(m, row, of)])
			}
		}
		t.add(line...)
	}
	return t.String()
}

// memberLabels gives each member its party number and its shortest name.
func (v view) memberLabels(s api.Snapshot, order []string) map[string]string {
	number := map[string]int{}
	if s.Set != nil {
		for _, p := range s.Set.Parties {
			number[p.Component] = p.Party
		}
	}
	labels := map[string]string{}
	for _, component := range order {
		labels[component] = v.brief(component)
		if n, ok := number[component]; ok {
			labels[component] = fmt.Sprintf("%d %s", n, labels[component])
		}
	}
	return labels
}

func fits(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if displayWidth(line) > columns {
			return false
		}
	}
	return true
}
