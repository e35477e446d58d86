package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"fbpeer/agent/fleet"
)

// progress prints one line for each phase of `dev`, when it is complete; on a terminal also the present one, redrawn in place.
type progress struct {
	w       io.Writer
	redraw  bool
	open    bool   // a line without its end stands on the terminal
	shown   int    // phases whose line is complete
	waiting string // last shown
}

func progressLines(a *app) *progress { return &progress{w: a.stderr, redraw: a.terminal} }

// phase is one line of progress.
type phase struct {
	name       string
	have, want int
}

func phases(p fleet.Progress) []phase {
	n := p.Components
	return []phase{{"connecting", p.Connected, n}, {"registering", p.Registered, n * (n - 1)}, {"writing", p.Written, n}}
}

func (l phase) line(elapsed time.Duration) string {
	return fmt.Sprintf("%-16s  %d of %d   %s", l.name, l.have, l.want, seconds(elapsed))
}

func (s *progress) show(p fleet.Progress) {
	if p.Waiting != "" {
		if p.Waiting != s.waiting {
			s.end()
			fmt.Fprintf(s.w, "waiting: %s\n", show(p.Waiting))
			s.waiting, s.shown = p.Waiting, 0
		}
		return
	}
	s.waiting = ""
	list := phases(p)
	// What fell back is shown again when it is complete again.
	for i, l := range list[:s.shown] {
		if l.have < l.want {
			s.shown = i
			break
		}
	}
	for s.shown < len(list) {
		l := list[s.shown]
		if l.want == 0 || l.have < l.want {
			if s.redraw {
				fmt.Fprintf(s.w, "\r\x1b[K%s", l.line(p.Elapsed))
				s.open = true
			}
			return
		}
		if s.open {
			io.WriteString(s.w, "\r\x1b[K")
			s.open = false
		}
		fmt.Fprintln(s.w, l.line(p.Elapsed))
		s.shown++
	}
}

// end closes a line that was being redrawn.
func (s *progress) end() {
	if s.open {
		fmt.Fprintln(s.w)
		s.open = false
	}
}

// missing says which phases are not complete.
func missing(p fleet.Progress) string {
	if p.Waiting != "" {
		return p.Waiting
	}
	var list []string
	for _, l := range phases(p) {
		if l.want == 0 || l.have < l.want {
			list = append(list, fmt.Sprintf("%s %d of %d", l.name, l.have, l.want))
		}
	}
	if len(list) == 0 {
		return "the components do not agree yet"
	}
	return strings.Join(list, ", ")
}
