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

const (
	// passAgain is how long after one live announcement in our name a second one means a clone.
	passAgain = 24 * time.Hour
	// maxLeftovers is how many announcements of the past one process goes past before it takes them for a live one's whose clock is
	// behind. One would do where clocks are right: what follows it is numbered by the clock.
	maxLeftovers = 3
)

// sequence is the file of that name. Its first line is the last sequence given out, in decimal. Then, each if it is known, a line
// with a word, a space and a time (RFC 3339, UTC): "passed", when we last went past a live announcement in our name; "since", when
// this identity was made; "clone", when an agent ended because another machine announced with this identity.
type sequence struct {
	last                 uint64
	passed, since, clone time.Time
}

func parseSequence(data []byte) (sequence, error) {
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	last, err := strconv.ParseUint(lines[0], 10, 64)
	if err != nil {
		return sequence{}, errors.New("not a sequence file")
	}
	s := sequence{last: last}
	for _, line := range lines[1:] {
		word, when, _ := strings.Cut(line, " ")
		at := map[string]*time.Time{"passed": &s.passed, "since": &s.since, "clone": &s.clone}[word]
		if at == nil || !at.IsZero() {
			return sequence{}, errors.New("not a sequence file")
		}
		if *at, err = time.Parse(time.RFC3339, when); err != nil {
			return sequence{}, err
		}
	}
	return s, nil
}

func (s sequence) bytes() []byte {
	b := fmt.Appendf(nil, "%d\n", s.last)
	for _, line := range []struct {
		word string
		at   time.Time
	}{{"passed", s.passed}, {"since", s.since}, {"clone", s.clone}} {
		if !line.at.IsZero() {
			b = fmt.Appendf(b, "%s %s\n", line.word, line.at.UTC().Format(time.RFC3339))
		}
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
	ownEcho     ownHeard = iota // our own, or an older one
	ownLeftover                 // made before this process started: our state is an older copy. Go past it
	ownLive                     // made since, and not by us: somebody else may announce with our identity. Go past it, once
	ownClone                    // somebody else announces with our identity
)

// past is what was met of announcements in our own name so far.
type past struct {
	start     time.Time // of this process
	leftovers int       // that this process went past
	passed    time.Time // when a live one was last gone past
}

// judgeOwn compares an announcement in our own name with ours. What its values are does not matter: a restored state folder may be
// from before a change of them.
func judgeOwn(ours, heard *exchange.Announcement, p past, now time.Time) ownHeard {
	switch {
	case ours != nil && (heard.Hash == ours.Hash || heard.Sequence < ours.Sequence):
		return ownEcho
	case heard.Issued.Before(p.start.Truncate(time.Second)) && p.leftovers < maxLeftovers:
		return ownLeftover
	case !p.passed.IsZero() && now.Sub(p.passed) < passAgain:
		return ownClone
	default:
		return ownLive
	}
}
