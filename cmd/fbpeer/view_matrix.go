package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
)

// cellMarks are the matrix's cells as they are shown.
var cellMarks = map[string]string{
	api.CellOK: "ok", api.CellOld: "old", api.CellNo: "NO", api.CellNew: "new", api.CellUnknown: "?",
}

const legend = "ok registered, same values  old other values  NO not registered  new waits for approval  ? not heard\n"

// headWidths are tried one after the other until a matrix fits: of a column's head, the party number and its row say enough.
var headWidths = []int{columns, 12, 10, 8, 6}

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

// registered are the cells of a matrix, by row and column.
type registered map[string]map[string]string

func registeredIn(m *api.Matrix) registered {
	return registeredOf(m, func(api.MatrixRow) bool { return true })
}

// registeredNow leaves out what cards say: nobody knows whether that is still so.
func registeredNow(m *api.Matrix) registered {
	return registeredOf(m, func(row api.MatrixRow) bool { return row.Card == nil })
}

func registeredOf(m *api.Matrix, counts func(api.MatrixRow) bool) registered {
	r := registered{}
	if m == nil {
		return r
	}
	for _, row := range m.Rows {
		if !counts(row) {
			continue
		}
		cells := map[string]string{}
		for _, c := range row.Cells {
			cells[c.Of] = c.State
		}
		r[row.Component] = cells
	}
	return r
}

// cell is what row has registered of another component.
func (r registered) cell(row, of string) string {
	if state, ok := r[row][of]; ok {
		return state
	}
	return api.CellUnknown
}

// matrixScreen shows who has registered whom; where the members are too many for a row, each one in a line of its own.
func (v view) matrixScreen(s api.Snapshot) string {
	m, order := registeredIn(s.Matrix), matrixOrder(s)
	if len(order) < 2 {
		return "No other component has been heard.\n"
	}
	label := v.memberLabels(s, order)
	legend := legend
	if slices.ContainsFunc(order, func(row string) bool { return cardOf(s.Matrix, row) != nil }) {
		legend += "in brackets: what a card said on its day; nobody can ask whether it is still so\n"
	}
	if text := v.matrixTable(s, m, order, label); text != "" {
		return text + "\n" + legend
	}
	t := table{}
	t.add("", "REGISTERED HERE", "HAS REGISTERED", "IS REGISTERED BY")
	for _, row := range order {
		here := cellMarks[m.cell(s.Self.Component, row)]
		if row == s.Self.Component {
			here = "(this site)"
		}
		has := tally(order, row, func(of string) string { return m.cell(row, of) })
		by := tally(order, row, func(of string) string { return m.cell(of, row) })
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

// matrixTable has a column for each member, and one for the sets in force where they are not the same; empty if there are too many.
func (v view) matrixTable(s api.Snapshot, m registered, order []string, label map[string]string) string {
	if len(order) > columns/headWidths[len(headWidths)-1] {
		return ""
	}
	differ := len(otherSets(s)) > 0
	for _, width := range headWidths {
		t := table{}
		head := []string{"", ""}
		for _, of := range order {
			head = append(head, elide(label[of], width))
		}
		if differ {
			head = append(head, "set")
		}
		t.add(head...)
		for _, row := range order {
			t.add(matrixLine(s, m, row, order, label[row], differ)...)
		}
		if text := t.String(); fits(text) {
			return text
		}
	}
	return ""
}

// matrixLine is what one member has registered, and the set in force there.
func matrixLine(s api.Snapshot, m registered, row string, order []string, label string, differ bool) []string {
	line := []string{label, ""}
	if row == s.Self.Component {
		line[1] = "(this site)"
	} else if issued := cardOf(s.Matrix, row); issued != nil {
		line[1] = "(card " + date(*issued) + ")"
	}
	for _, of := range order {
		if of == row {
			line = append(line, "-")
		} else {
			mark := cellMarks[m.cell(row, of)]
			if cardOf(s.Matrix, row) != nil {
				mark = "(" + mark + ")"
			}
			line = append(line, mark)
		}
	}
	if differ {
		line = append(line, setOf(s, row))
	}
	return line
}

// cardOf is when the card was made that a row is of; nil: it is of no card.
func cardOf(m *api.Matrix, component string) *time.Time {
	if m == nil {
		return nil
	}
	for _, row := range m.Rows {
		if row.Component == component {
			return row.Card
		}
	}
	return nil
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

// otherSets are the parties that answered and have another set in force than this site, or none.
func otherSets(s api.Snapshot) []string {
	var found []string
	if s.Set == nil || s.Matrix == nil {
		return nil
	}
	for _, row := range s.Matrix.Rows {
		member := slices.ContainsFunc(s.Set.Parties, func(p api.SetParty) bool { return p.Component == row.Component })
		if member && row.Component != s.Self.Component && row.Age != nil && row.Set != s.Set.Digest {
			found = append(found, row.Component)
		}
	}
	return found
}

// setOf is the set in force at a component, as far as is known.
func setOf(s api.Snapshot, component string) string {
	if component == s.Self.Component && s.Set != nil {
		return shortDigest(s.Set.Digest)
	}
	for _, row := range s.Matrix.Rows {
		switch {
		case row.Component != component:
		case row.Age == nil && row.Card == nil:
			return "?"
		case row.Set != "":
			return shortDigest(row.Set)
		}
	}
	return "none"
}

func fits(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if displayWidth(line) > columns {
			return false
		}
	}
	return true
}
