package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"fbpeer/exchange"
)

// passAgain is how long after a restored backup a second later announcement of ours means a clone.
const passAgain = 24 * time.Hour

// sequence is the file of that name: the last sequence given out in decimal, a newline, and, if the network ever knew a later
// one, the word "passed", a space, when we went past it (RFC 3339, UTC), and a newline.
type sequence struct {
	last   uint64
	passed time.Time
}

func parseSequence(data []byte) (sequence, error) {
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	last, err := strconv.ParseUint(lines[0], 10, 64)
	if err != nil || len(lines) > 2 {
		return sequence{}, errors.New("not a sequence file")
	}
	s := sequence{last: last}
	if len(lines) == 2 {
		when, ok := strings.CutPrefix(lines[1], "passed ")
		if !ok {
			return sequence{}, errors.New("not a sequence file")
		}
		if s.passed, err = time.Parse(time.RFC3339, when); err != nil {
			return sequence{}, err
		}
	}
	return s, nil
}

func (s sequence) bytes() []byte {
	b := fmt.Appendf(nil, "%d\n", s.last)
	if !s.passed.IsZero() {
		b = fmt.Appendf(b, "passed %s\n", s.passed.UTC().Format(time.RFC3339))
	}
	return b
}

// readSequence: a missing file is the zero sequence; a damaged one is an error with the cure in its text.
func (s store) readSequence() (sequence, error) {
	data, err := os.ReadFile(s.path(fileSequence))
	if errors.Is(err, fs.ErrNotExist) {
		return sequence{}, nil
	}
	if err != nil {
		return sequence{}, err
	}
	parsed, err := parseSequence(data)
	if err != nil {
		return sequence{}, fmt.Errorf("%s: %w: remove it; the next announcement starts from the clock", s.path(fileSequence), err)
	}
	return parsed, nil
}

// nextSequence is what a new announcement of ours gets. A stored one further ahead of the clock than peers allow was taken by
// nobody: then it counts on from seen, the highest that was validly seen.
func nextSequence(now time.Time, stored, seen uint64) uint64 {
	last := max(stored, seen)
	if beyond(now, last) {
		last = seen
	}
	if beyond(now, last) {
		last = 0
	}
	return exchange.NextSequence(now, last)
}

// beyond says whether every peer with the same clock would ignore the sequence.
func beyond(now time.Time, sequence uint64) bool {
	return sequence > uint64(now.Add(exchange.MaxAhead).UnixMilli())
}

// ownHeard is what to make of an announcement in our own name that came from the network.
type ownHeard int

const (
	ownEcho  ownHeard = iota // our own, or an older one
	ownPass                  // a later one with our values: our state is an older copy. Go past it, once
	ownClone                 // somebody else announces with our identity
)

// judgeOwn compares an announcement in our own name with ours. passed is when we last went past one.
func judgeOwn(ours, heard *exchange.Announcement, registration exchange.Registration, passed, now time.Time) ownHeard {
	switch {
	case ours != nil && (heard.Hash == ours.Hash || heard.Sequence < ours.Sequence):
		return ownEcho
	case ours != nil && heard.Sequence == ours.Sequence:
		return ownClone // two payloads under one sequence: we made only one of them
	case !heard.SameRegistration(registration):
		return ownClone
	case !passed.IsZero() && now.Sub(passed) < passAgain:
		return ownClone
	default:
		return ownPass
	}
}
