package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent/api"
)

// probeWords are the results as a cell shows them.
var probeWords = map[string]string{
	api.ProbeOK:                 "ok",
	api.ProbeUnresolved:         "NO-ADDRESS",
	api.ProbeRefused:            "REFUSED",
	api.ProbeTimeout:            "TIMEOUT",
	api.ProbeBusy:               "BUSY",
	api.ProbeNotOpened:          "NOT-OPENED",
	api.ProbeUnknownCertificate: "UNKNOWN-CERT",
	api.ProbeNameRefused:        "NAME-REFUSED",
	api.ProbeExpired:            "EXPIRED",
	api.ProbeWrongParty:         "WRONG-PARTY",
	api.ProbeNoAgent:            "NO-AGENT",
	api.ProbeFailed:             "FAILED",
}

// probeScreen is the answer of `probe`: the matrix, or where it is too wide the pairs that are not ok; then each failing target's cause
// and cure, and what the other generation of MP-SPDZ would refuse.
func (v view) probeScreen(s api.Snapshot, p api.Probe) string {
	others := slices.DeleteFunc(slices.Clone(p.Obstacles), func(o api.Obstacle) bool {
		return slices.ContainsFunc(p.Cells, func(c api.ProbeCell) bool { return c.Result == o.Code })
	})
	var blocks []string
	add := func(block string) {
		if block != "" {
			blocks = append(blocks, block)
		}
	}
	if len(p.Cells) > 0 {
		matrix := v.probeMatrix(s.Self.Component, p)
		if !fits(matrix) {
			matrix = v.probePairs(s.Self.Component, p)
		}
		add(matrix)
	} else if len(others) == 0 {
		add("There was nothing to probe.\n")
	}
	add(v.probeFailures(s, p))
	add(v.probeWarnings(s.Self.Component, p))
	if len(others) > 0 {
		add("not ready:\n" + v.obstacleTable(s, others))
	}
	if len(p.Cells) > 0 {
		add(probeSummary(p))
	}
	return strings.Join(blocks, "\n")
}

// probeEnds lists, in party order, those that dialled and those that were dialled.
func probeEnds(p api.Probe) (from, to []string) {
	for _, c := range p.Cells {
		if !slices.Contains(from, c.From) {
			from = append(from, c.From)
		}
		if !slices.Contains(to, c.To) {
			to = append(to, c.To)
		}
	}
	number := map[string]int{}
	for _, party := range p.Parties {
		number[party.Component] = party.Party + 1
	}
	byNumber := func(a, b string) int { return number[a] - number[b] }
	slices.SortStableFunc(from, byNumber)
	slices.SortStableFunc(to, byNumber)
	return from, to
}

func (v view) probeMatrix(self string, p api.Probe) string {
	from, to := probeEnds(p)
	cells := map[[2]string]string{}
	for _, c := range p.Cells {
		cells[[2]string{c.From, c.To}] = probeCell(c)
	}
	t := table{}
	head := []string{""}
	for _, of := range to {
		head = append(head, "to "+v.object(self, of))
	}
	t.add(head...)
	for _, row := range from {
		line := []string{"from " + v.object(self, row)}
		for _, of := range to {
			line = append(line, orDash(cells[[2]string{row, of}]))
		}
		t.add(line...)
	}
	return t.String()
}

// probeCell is one word, and for ok the time that TCP and TLS took.
func probeCell(c api.ProbeCell) string {
	if c.Result == api.ProbeOK {
		return fmt.Sprintf("ok %d ms", c.Millis)
	}
	return wordOf(c.Result)
}

// wordOf knows the results of this version; a later one's is shown as it is.
func wordOf(result string) string {
	if word, ok := probeWords[result]; ok {
		return word
	}
	return strings.ToUpper(show(result))
}

// probePairs is for federations that are too wide for a matrix: a line for each pair that is not ok.
func (v view) probePairs(self string, p api.Probe) string {
	t, more := table{}, 0
	for _, c := range p.Cells {
		switch {
		case c.Result == api.ProbeOK:
		case len(t.rows) == obstaclesShown:
			more++
		default:
			t.add("from "+elide(v.object(self, c.From), 24), "to "+elide(v.object(self, c.To), 24), wordOf(c.Result), elide(show(c.Endpoint), 24))
		}
	}
	if len(t.rows) == 0 {
		return ""
	}
	if more > 0 {
		t.add(fmt.Sprintf("and %d more: --json lists all", more))
	}
	return t.String()
}

// targetsExplained is how many failing targets get paragraphs, reasonsExplained how many each.
const (
	targetsExplained = 12
	reasonsExplained = 3
)

// probeFailures has a paragraph for each target that failed: from where, why, and what to do.
func (v view) probeFailures(s api.Snapshot, p api.Probe) string {
	_, targets := probeEnds(p)
	var b strings.Builder
	explained, more := 0, 0
	for _, to := range targets {
		kinds := failedAlike(p, to)
		switch {
		case len(kinds) == 0:
			continue
		case explained == targetsExplained:
			more++
			continue
		}
		explained++
		for _, kind := range kinds[:min(reasonsExplained, len(kinds))] {
			b.WriteString(v.probeFailure(s, kind))
		}
		if n := len(kinds) - reasonsExplained; n > 0 {
			fmt.Fprintf(&b, "  and %s\n", count(n, "other reason"))
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %s\n", count(more, "other target"))
	}
	return b.String()
}

// failedAlike groups the failures of a target by what is said of them.
func failedAlike(p api.Probe, to string) [][]api.ProbeCell {
	var kinds [][]api.ProbeCell
	for _, c := range p.Cells {
		if c.To != to || c.Result == api.ProbeOK {
			continue
		}
		i := slices.IndexFunc(kinds, func(k []api.ProbeCell) bool {
			return k[0].Result == c.Result && k[0].Text == c.Text && k[0].Cure == c.Cure
		})
		if i < 0 {
			i, kinds = len(kinds), append(kinds, nil)
		}
		kinds[i] = append(kinds[i], c)
	}
	return kinds
}

// probeFailure is about cells of one target that failed alike: from where, why, and below it the cure.
func (v view) probeFailure(s api.Snapshot, cells []api.ProbeCell) string {
	var from []string
	for _, c := range cells {
		from = append(from, c.From)
	}
	first := cells[0]
	text := wordOf(first.Result) + " from " + v.several(s, from)
	if first.Text != "" {
		text += ": " + v.renamed(first.Text)
	}
	text = wrap(v.object(s.Self.Component, first.To)+": ", text, "  ")
	if first.Cure != "" {
		text += wrap("  ", v.typeable(addressedHere(v.prog, first.Cure)), "    ")
	}
	return text
}

// probeWarnings tell what the other generation of MP-SPDZ would refuse, each thing once for all pairs that it is about.
func (v view) probeWarnings(self string, p api.Probe) string {
	var texts []string
	about := map[string][]string{}
	for _, c := range p.Cells {
		for _, w := range c.Warnings {
			text := v.renamed(v.sentence(w))
			if about[text] == nil {
				texts = append(texts, text)
			}
			if to := v.object(self, c.To); !slices.Contains(about[text], to) {
				about[text] = append(about[text], to)
			}
		}
	}
	var b strings.Builder
	for _, text := range texts {
		who := about[text]
		if len(who) > 4 {
			who = append(who[:3:3], fmt.Sprintf("%d others", len(who)-3))
		}
		b.WriteString(wrap("warning: ", strings.Join(who, ", ")+": "+text, "  "))
	}
	return b.String()
}

// probeSummary counts, and says how old the oldest result is.
func probeSummary(p api.Probe) string {
	good, oldest := 0, int64(0)
	for _, c := range p.Cells {
		if c.Result == api.ProbeOK {
			good++
		}
		oldest = max(oldest, c.Age)
	}
	text := fmt.Sprintf("%d of %d directions are ok.", good, len(p.Cells))
	if oldest > 0 {
		text += fmt.Sprintf(" A port is opened once per 30 s at most: the oldest result is from %d s ago.", oldest)
	}
	return text + "\n"
}
