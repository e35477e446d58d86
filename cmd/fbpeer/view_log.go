package main

import (
	"fmt"
	"strings"
	"time"

	"fbpeer/trust"
)

// logEntry is one record: when, what, about whom and by whom in a line, and below it what changed and the text.
func (v view) logEntry(r trust.LogRecord) string {
	line := r.Time.In(v.now.Location()).Format(time.DateTime) + "  " + pad(show(r.Event), 15)
	about := ""
	if r.Component != "" {
		about = v.called(r.Component)
	}
	if r.By != "" {
		about = pad(elide(about, 28), 28) + "  by " + show(r.By)
	}
	text := strings.TrimRight(line+"  "+about, " ") + "\n"
	const indent = "    "
	width := 0
	for _, c := range r.Changes {
		width = max(width, displayWidth(show(c.Field)))
	}
	for _, c := range r.Changes {
		head := indent + pad(show(c.Field), width) + "  "
		text += wrap(head, changeText(c), strings.Repeat(" ", displayWidth(head)))
	}
	if r.Text != "" {
		text += wrap(indent, v.renamed(r.Text), indent)
	}
	return text
}

// changeText is the old value and the new one; one of both may be none.
func changeText(c trust.Change) string {
	switch {
	case c.Old == "":
		return show(c.New)
	case c.New == "":
		return show(c.Old) + " -> none"
	}
	return show(c.Old) + " -> " + show(c.New)
}

// logCheckScreen is `log --verify`.
func logCheckScreen(r logCheckJSON, state, prog string) string {
	var b strings.Builder
	findings := func(list []findingJSON) {
		t := table{indent: "  "}
		for _, f := range list {
			t.add(orDash(show(f.Where)), show(f.Code), show(f.Text))
		}
		if text := t.String(); fits(text) {
			b.WriteString(text)
			return
		}
		for _, f := range list {
			b.WriteString("  " + orDash(show(f.Where)) + "  " + show(f.Code) + "\n" + wrap("    ", show(f.Text), "    "))
		}
	}
	lines := count(int(r.Lines), "line")
	switch {
	case r.OK && r.Lines == 0:
		return "There is no log yet in " + show(state) + ".\n"
	case r.OK:
		fmt.Fprintf(&b, "The log is whole: %s, each with the hash of the one before.\n", lines)
	default:
		fmt.Fprintf(&b, "THE LOG IS NOT AS IT WAS WRITTEN: %s, and\n", lines)
		findings(r.Obstacles)
		if r.More > 0 {
			fmt.Fprintf(&b, "  and %d more\n", r.More)
		}
		fmt.Fprintf(&b, "Who can write to %s has done it, or the disk has. Keep the files as they are, and ask.\n", show(state))
	}
	if len(r.Warnings) > 0 {
		b.WriteString("Cut off by a crash, which is no defect:\n")
		findings(r.Warnings)
	}
	if r.Head != nil {
		fmt.Fprintf(&b, "\nlast line  %d\nits hash   %s\n", r.Head.Number, r.Head.SHA256)
		if r.OK {
			b.WriteString("Note both elsewhere. To see later that the log still holds that line:\n    " + prog + " log --verify --head " + r.Head.SHA256 + "\n")
		}
	}
	return b.String()
}
