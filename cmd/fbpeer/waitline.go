package main

import (
	"context"
	"fmt"
	"io"
	"time"
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

// askEvery is how often a question is put again. The agent itself calls the others at most every 11 s.
const askEvery = time.Second

// askAgain puts a question again until an answer will do, the time is over or ctx ends; the last answer counts. Meanwhile progress says what
// is waited for, and why. An error is one that was not of the time.
func askAgain[T any](ctx context.Context, a *app, wait time.Duration, last T, progress func(T) (what, why string), ask func(context.Context) (T, error),
	enough func(T) bool) (T, error) {
	ctx, release := context.WithTimeout(ctx, wait)
	defer release()
	end := a.now().Add(wait)
	poll := time.NewTicker(askEvery)
	defer poll.Stop()
	line := &waitLine{w: a.stderr, redraw: a.terminal}
	defer line.close()
	for {
		what, why := progress(last)
		line.show(what, fmt.Sprintf("%d s left", max(0, int(end.Sub(a.now()).Round(time.Second).Seconds()))), why)
		select {
		case <-ctx.Done():
			return last, nil
		case <-poll.C:
		}
		answer, err := ask(ctx)
		switch {
		case err == nil && enough(answer):
			return answer, nil
		case err == nil:
			last = answer
		case ctx.Err() != nil:
			return last, nil
		default:
			return answer, err
		}
	}
}
