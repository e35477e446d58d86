package probe

import (
	"fmt"
	"slices"
	"time"
)

// cells gives every direction that was asked for, by number of From, then of To. What a member says counts for the directions from itself.
func (r Round) cells(members []member, began, now time.Time) []Cell {
	s := speaker{set: r.Site.Set, name: r.Name, own: r.Site.Set.Number(r.Site.Component), free: r.free(members)}
	var cells []Cell
	for from := range members {
		for to := range members {
			if r.wanted(from, to) {
				cells = append(cells, s.cell(members, from, to, began, now))
			}
		}
	}
	return cells
}

// free is after how long all members who took part may open their ports at once. Who asks earlier finds those of some barred, opens those of
// the others, and so bars these the next time.
func (r Round) free(members []member) (after time.Duration) {
	for _, m := range members {
		switch {
		case m.answer.over || m.answer.status == statusOften:
			after = max(after, m.answer.left)
		case m.answer.status == statusOpen:
			after = r.Opener.timing.every
		}
	}
	return min(after, r.Opener.timing.every)
}

// cell is one direction: what From found, or else why it did not dial, or else why To was not there to be dialled.
func (s speaker) cell(members []member, from, to int, began, now time.Time) Cell {
	parties := s.set.Parties()
	c := Cell{From: parties[from].Component, To: parties[to].Component, Endpoint: parties[to].Endpoint, At: now}
	f, t := members[from], members[to]
	if i := slices.IndexFunc(f.row, func(r result) bool { return r.to == to }); i >= 0 {
		return s.found(c, f.row[i], from, began, now)
	}
	switch {
	case !f.answer.status.takesPart() && !(f.answer.status == statusOff && from == s.own):
		c.Code, c.Text, c.Cure = s.absent(f.answer, from)
		c.Text = s.of(from) + " did not dial: " + c.Text
	case t.answer.over || t.answer.status != statusOpen:
		c.Code, c.Text, c.Cure = s.absent(t.answer, to)
		c.Age = t.answer.age
	case f.answer.over:
		c.Code, c.Text, c.Cure = s.again(f.answer, from)
		c.Age = f.answer.age
	case f.told: // its opening was another's too, and ended between the answer and the go
		c.Code = Failed
		c.Text, c.Cure = s.sayFailed(result{to: to, how: howLate}, from, c.Endpoint)
	default:
		c.Code, c.Text = NoAgent, fmt.Sprintf("%s did not say what it found", s.of(from))
		c.Cure = "ask again in 30 s; if it stays so, " + s.operator(from) + "fbpeer log"
	}
	return c
}

// found completes a cell by what From found. It has an age if it was there before this round.
func (s speaker) found(c Cell, r result, from int, began, now time.Time) Cell {
	c.Code, c.At = r.code, r.at
	if !r.endpoint.IsZero() {
		c.Endpoint = r.endpoint
	}
	if c.At.Before(began) {
		c.Age = now.Sub(c.At)
	}
	if r.code == OK {
		c.Took, c.Warnings = r.took, warnings(s.set, r.to, s.of(r.to))
		return c
	}
	c.Text, c.Cure = s.say(r, from, c.Endpoint)
	if r.detail != "" {
		c.Text += fmt.Sprintf(" (%s)", shown(r.detail))
	}
	return c
}
