package main

import (
	"fmt"
	"io"
)

// terminalWidth is what a line that is redrawn may take: one that a narrow terminal breaks could not be redrawn.
const terminalWidth = 79

// waitLine is progress in one line: redrawn in place on a terminal, elsewhere a line for each change.
type waitLine struct {
	w      io.Writer
	redraw bool // w is a terminal
	open   bool // a line without its end stands there
	last   string
}

// show shows what is waited for, how much time is left, and why. The time alone is no change.
func (l *waitLine) show(what, left, why string) {
	text := what + "   " + left
	if why != "" {
		text += "   " + why
	}
	if l.redraw {
		fmt.Fprintf(l.w, "\r\x1b[K%s", elide(text, terminalWidth))
		l.open = true
		return
	}
	if l.last != what+why {
		l.last = what + why
		fmt.Fprintln(l.w, elide(text, columns))
	}
}

// close removes a line that was being redrawn.
func (l *waitLine) close() {
	if l.open {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.open = false
	}
}
