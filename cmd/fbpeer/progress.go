package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"fbpeer/agent/fleet"
)

// quiet is how long nothing must move before `dev` says why: most reasons pass by themselves.
const quiet = 2 * time.Second

// progress prints one line for each phase of `dev`, when it is complete; on a terminal also the present one, redrawn in place.
// When nothing moves any more, it says why.
type progress struct {
	w      io.Writer
	redraw bool // w is a terminal

	mutex  sync.Mutex
	last   fleet.Progress
	open   bool     // a line without its end stands on the terminal
	shown  int      // phases whose line is complete
	told   []string // reasons that were said
	stuck  *time.Timer
	closed bool
}

func newProgress(w io.Writer, redraw bool) *progress { return &progress{w: w, redraw: redraw} }

// phase is one line of progress.
type phase struct {
	name       string
	have, want int
}

func (l phase) complete() bool { return l.want > 0 && l.have >= l.want }

func phases(p fleet.Progress) []phase {
	return []phase{{"connecting", p.Connected, p.Components}, {"registering", p.Registered, p.Pairs()}, {"writing", p.Written, p.Components}}
}

func (l phase) line(elapsed time.Duration) string {
	return fmt.Sprintf("%-16s  %d of %d   %s", l.name, l.have, l.want, seconds(elapsed))
}

// show takes over what the fleet tells.
func (s *progress) show(p fleet.Progress) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.last = p
	if s.stuck != nil {
		s.stuck.Stop()
		s.stuck = nil
	}
	if p.Waiting != "" && !s.closed {
		s.stuck = time.AfterFunc(quiet, s.explain)
	}
	list := phases(p)
	// What fell back is shown again when it is complete again.
	if i := slices.IndexFunc(list[:s.shown], func(l phase) bool { return !l.complete() }); i >= 0 {
		s.shown = i
	}
	for s.shown < len(list) {
		l := list[s.shown]
		if !l.complete() {
			if s.redraw {
				fmt.Fprintf(s.w, "\r\x1b[K%s", l.line(p.Elapsed))
				s.open = true
			}
			return
		}
		if s.open {
			fmt.Fprint(s.w, "\r\x1b[K")
			s.open = false
		}
		fmt.Fprintln(s.w, l.line(p.Elapsed))
		s.shown++
	}
}

// explain says, each once, the reasons why the components cannot agree yet.
func (s *progress) explain() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.last.Waiting == "" {
		s.told = nil
		return
	}
	for reason := range strings.SplitSeq(s.last.Waiting, "\n") {
		if slices.Contains(s.told, reason) {
			continue
		}
		s.told = append(s.told, reason)
		s.endLine()
		fmt.Fprint(s.w, wrap("waiting: ", show(reason), "  "))
	}
}

// end closes a line that was being redrawn; nothing is explained later.
func (s *progress) end() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	if s.stuck != nil {
		s.stuck.Stop()
	}
	s.endLine()
}

func (s *progress) endLine() {
	if s.open {
		fmt.Fprintln(s.w)
		s.open = false
	}
}

// missing says which phases are not complete.
func missing(p fleet.Progress) string {
	var list []string
	for _, l := range phases(p) {
		if !l.complete() {
			list = append(list, fmt.Sprintf("%s %d of %d", l.name, l.have, l.want))
		}
	}
	if len(list) == 0 && p.Waiting != "" {
		return show(strings.ReplaceAll(p.Waiting, "\n", "; "))
	}
	if len(list) == 0 {
		return "the components do not agree yet"
	}
	return strings.Join(list, ", ")
}
