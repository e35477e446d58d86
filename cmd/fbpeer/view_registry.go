package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent/api"
)

// rowStates are the states of a row as they are shown.
var rowStates = map[string]string{api.RowByHand: "by hand"}

// withRows lets the view shorten the ids of rows too, only as far as they stay unique.
func (v view) withRows(rows []api.RegistryRow) view {
	ids := slices.Clone(v.ids)
	for _, r := range rows {
		if r.Component != "" && !slices.Contains(ids, r.Component) {
			ids = append(ids, r.Component)
		}
	}
	slices.Sort(ids)
	v.ids = ids
	return v
}

// registryScreen is `registry list`. Ids and fingerprints are whole: they are what is compared with Fed-BioMed's own list and with a
// certificate.
func (v view) registryScreen(r api.Registry) string {
	if len(r.Rows) == 0 {
		return "The registry of " + show(r.Component) + " holds no parties.\n"
	}
	t := table{}
	t.add("COMPONENT", "ENDPOINT", "VALID UNTIL", "STATE")
	for _, row := range r.Rows {
		until := "-"
		if row.NotAfter != nil {
			until = date(*row.NotAfter)
		}
		t.add(elide(orDash(show(row.Component)), 48), elide(rowEndpoint(row), endpointWidth), until, rowState(row))
	}
	lines := strings.SplitAfter(t.String(), "\n")
	var b strings.Builder
	b.WriteString(lines[0])
	for i, row := range r.Rows {
		b.WriteString(lines[i+1] + v.rowDetails(row))
	}
	return b.String() + "\n" + rowsCounted(r.Rows) + "\n"
}

// endpointWidth is the widest endpoint in the table; a longer one has a line of its own.
const endpointWidth = 24

func rowEndpoint(r api.RegistryRow) string { return show(r.IP + ":" + r.Port) }

func rowState(r api.RegistryRow) string {
	if text := rowStates[r.State]; text != "" {
		return text
	}
	return show(r.State)
}

// rowDetails are the lines below a row: what it is called here, its fingerprint, and what differs from what is in force.
func (v view) rowDetails(r api.RegistryRow) string {
	var b strings.Builder
	var parts []string
	if r.Alias != "" {
		parts = append(parts, show(r.Alias))
	}
	if r.Certificate != "" {
		parts = append(parts, show(r.Certificate))
	} else {
		parts = append(parts, "no certificate that can be used: "+show(r.Unusable))
	}
	switch {
	case r.NotAfter != nil && v.now.After(*r.NotAfter):
		parts = append(parts, "EXPIRED")
	case r.NotBefore != nil && v.now.Before(*r.NotBefore):
		parts = append(parts, "NOT YET VALID")
	}
	b.WriteString(wrap("  ", strings.Join(parts, "  "), "  "))
	t := table{indent: "    "}
	if endpoint := rowEndpoint(r); displayWidth(endpoint) > endpointWidth {
		t.add("endpoint", endpoint)
	}
	for _, c := range r.Changes {
		old := elide(orDash(show(c.Old)), changeWidth)
		if text := old + "  ->  " + show(c.New) + " in force"; displayWidth(text) <= changeWidth {
			t.add(show(c.Field), text)
		} else {
			t.add(show(c.Field), "here      "+old)
			t.add("", "in force  "+show(c.New))
		}
	}
	return b.String() + t.String()
}

// rowsCounted is a sentence like "2 rows: 1 ours, 1 by hand."
func rowsCounted(rows []api.RegistryRow) string {
	n := map[string]int{}
	for _, r := range rows {
		n[r.State]++
	}
	var parts []string
	for _, state := range []string{api.RowOurs, api.RowOutdated, api.RowByHand, api.RowRevoked, api.RowOwn} {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[state], rowState(api.RegistryRow{State: state})))
		}
	}
	return count(len(rows), "row") + ": " + strings.Join(parts, ", ") + "."
}

// registryCheckScreen is `registry check`.
func (v view) registryCheckScreen(r api.Registry) string {
	v = v.withRows(r.Rows)
	var b strings.Builder
	if r.OK {
		fmt.Fprintf(&b, "The registry of %s is what the trust list makes of it: %s.\n", v.short(r.Component), count(len(r.Rows), "row"))
	} else {
		fmt.Fprintf(&b, "The registry of %s is not what the trust list makes of it.\n\n", v.short(r.Component))
		b.WriteString(v.findingTable(v.rowFindings(r.Obstacles)))
	}
	if len(r.Warnings) > 0 {
		b.WriteString("\nwarnings:\n")
		var list []api.Obstacle
		for _, w := range r.Warnings {
			list = append(list, api.Obstacle{Code: w.Code, Text: w.Text, Cure: w.Cure})
		}
		b.WriteString(v.findingTable(v.rowFindings(list)))
	}
	return b.String()
}

// rowFindings lists what is wrong as findings: the component in front, its name not said again.
func (v view) rowFindings(obstacles []api.Obstacle) []findingJSON {
	var list []findingJSON
	for _, o := range obstacles {
		f := findingJSON{Code: o.Code, Component: o.Component, Where: v.short(o.Component), Text: o.Text, Cure: addressed(v.prog, o.Cure)}
		if alias := v.aliases[o.Component]; alias != "" {
			f.Where = show(alias)
		}
		if rest, ok := strings.CutPrefix(o.Text, show(o.Component)+" "); ok && o.Component != "" {
			f.Text = rest
		}
		list = append(list, f)
	}
	return list
}

// registrySyncScreen is `registry sync`. before is how things stood.
func (v view) registrySyncScreen(before api.Snapshot, r api.Registry) string {
	v = v.withRows(r.Rows)
	t := table{}
	for _, component := range r.Written {
		t.add("written", v.called(component), writtenAt(r.Rows, component))
	}
	for _, component := range r.Removed {
		t.add("removed", v.called(component), "")
	}
	text := t.String()
	switch {
	case text != "" && !before.Running:
		text += "No agent is running: this command itself wrote it.\n"
	case text == "" && r.Fault == nil:
		text = "Nothing to do: the rows of those whom you approved stand there as approved.\n"
	}
	if n := len(r.Obstacles); n > 0 && r.Fault == nil {
		text += fmt.Sprintf("%s that a sync does not change: %s registry check\n", count(n, "thing remains", "things remain"), v.prog)
	}
	return text
}

func writtenAt(rows []api.RegistryRow, component string) string {
	for _, row := range rows {
		if row.Component == component {
			return rowEndpoint(row)
		}
	}
	return ""
}
