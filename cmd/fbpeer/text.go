package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"
)

// columns is the widest line that the commands print, other than values that must be whole.
const columns = 100

// displayWidth counts the terminal cells that s takes.
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// pad fills s with spaces up to n cells.
func pad(s string, n int) string {
	if missing := n - displayWidth(s); missing > 0 {
		return s + strings.Repeat(" ", missing)
	}
	return s
}

// elide shortens s to n cells, with an ellipsis in the last.
func elide(s string, n int) string {
	if displayWidth(s) <= n {
		return s
	}
	out, used := "", 0
	for _, r := range s {
		w := displayWidth(string(r))
		if used+w > n-1 {
			break
		}
		out, used = out+string(r), used+w
	}
	return out + "…"
}

// table aligns rows of cells, two spaces apart, without trailing space.
type table struct {
	indent string
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// given adds a row where there is a value.
func (t *table) given(name, value string) {
	if value != "" {
		t.add(name, value)
	}
}

func (t *table) String() string {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			// The last cell of a row needs no column of its own.
			if w := displayWidth(cell); w > widths[i] && i < len(row)-1 {
				widths[i] = w
			}
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		line := t.indent
		for i, cell := range row {
			if i < len(row)-1 {
				cell = pad(cell, widths[i]) + "  "
			}
			line += cell
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// wrap breaks text at spaces into lines of at most columns cells: the first starts with head, the others with indent.
func wrap(head, text, indent string) string {
	b := strings.Builder{}
	b.WriteString(head)
	used, fresh := displayWidth(head), true
	for word := range strings.FieldsSeq(text) {
		w := displayWidth(word)
		switch {
		case fresh:
		case used+1+w > columns:
			b.WriteString("\n" + indent)
			used = displayWidth(indent)
		default:
			b.WriteByte(' ')
			used++
		}
		fresh = false
		b.WriteString(word)
		used += w
	}
	b.WriteByte('\n')
	return b.String()
}

// wrapCure is wrap for what to do; a command (prog …) that does not fit beside it has a line of its own, whole, to be copied.
func wrapCure(head, text, indent, prog string) string {
	at := strings.Index(text, ": "+prog+" ")
	if at < 0 || displayWidth(head+text) <= columns {
		return wrap(head, text, indent)
	}
	return wrap(head, text[:at+1], indent) + indent + text[at+2:] + "\n"
}

// count is "1 row", "2 rows"; the plural is given where it is not an s.
func count(n int, noun string, plural ...string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case len(plural) > 0:
		return fmt.Sprintf("%d %s", n, plural[0])
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ago says how long before now t was.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < 0:
		return "just now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return "on " + date(t)
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// clock is the time of day where it is of now's day, else with the date, in now's time zone.
func clock(now, t time.Time) string {
	t = t.In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// seconds is a duration as progress shows it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
