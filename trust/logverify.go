package trust

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// Kinds of a LogDefect.
const (
	LogChanged   = "changed"       // the line is not as it was written
	LogRemoved   = "removed"       // lines are missing before it, or after it
	LogReordered = "reordered"     // the line belongs further up
	LogInserted  = "inserted"      // there was another line of this number
	LogNoRecord  = "not-a-record"  // no line that an agent writes
	LogDamaged   = "damaged"       // an agent found, at that time, that the end was not as the head said
	LogNoHead    = "head-missing"  // the head cannot be used
	LogLostHead  = "head-not-here" // no line has the hash that was noted
	LogCut       = "cut"           // a line that a crash cut off: no defect
)

// LogDefect is one thing that is wrong with a log, and where. File is empty and Line 0 for the log as a whole.
type LogDefect struct {
	Kind string
	File string
	Line int
	Text string

	file int
	torn bool
}

// Place is "log.jsonl:17", or "" for the log as a whole.
func (d LogDefect) Place() string {
	if d.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", d.File, d.Line)
}

// LogReport is what a verification found.
type LogReport struct {
	Lines    uint64      // records that stand in the log
	Head     LogHead     // its last line
	Numbered bool        // its lines have numbers: then it has a head
	Defects  []LogDefect // in the order of the log; at most MaxLogDefects
	More     int         // defects beyond those
	Cuts     []LogDefect // lines that a crash cut off
}

// MaxLogDefects is how many defects a report names.
const MaxLogDefects = 1000

// LogVerifier verifies a log: give it each file in the order of rotation, then ask for the report. It holds no more than a bounded
// number of places in memory.
type LogVerifier struct {
	head    *LogHead
	noted   *LogHash
	scanner LogScanner
	report  LogReport

	files    int
	numbered bool
	number   uint64    // of the last line in sequence
	before   LogDefect // the place of the line before that one
	last     LogDefect // its place
	lastHash LogHash
	odd      []LogDefect // lines since that are no records
	oddCount uint64
	oddMore  int  // of those that are not in odd, how many no crash can have left
	ended    bool // the last line of all has its newline
	gaps     []gap
	suspect  bool // the last line does not follow the one before: either may have been changed
	jump     *gap // the last line follows the one before, but skips these numbers
	atHead   *LogDefect
	headHash LogHash
	found    bool // the noted hash
}

// gap is a range of numbers that were missing where they should have stood, which is before at.
type gap struct {
	from, to uint64
	at       LogDefect
}

// NewLogVerifier begins. head is what log.head says, nil if there is none; noted is the hash of a line that somebody noted earlier,
// nil if none is to be looked for.
func NewLogVerifier(head *LogHead, noted *LogHash) *LogVerifier {
	return &LogVerifier{head: head, noted: noted, ended: true}
}

// File reads one file to its end. The error is the reader's.
func (v *LogVerifier) File(name string, r io.Reader) error {
	v.files++
	return v.scanner.Scan(r, func(l LogLine) bool {
		return v.line(l, LogDefect{File: name, Line: l.Line, file: v.files})
	})
}

// line takes one line, and says whether the next one follows it.
func (v *LogVerifier) line(l LogLine, at LogDefect) (accepted bool) {
	v.ended = l.Ended
	if l.Record == nil {
		v.oddCount++
		at.Text, at.torn = l.Reason.Error(), l.Torn
		switch {
		case len(v.odd) < MaxLogDefects:
			v.odd = append(v.odd, at)
		case !l.Torn:
			v.oddMore++
		}
		return false
	}
	v.report.Lines++
	if l.Record.Event == EventLogDamaged {
		v.defect(LogDamaged, at, "the agent noted: %s", l.Record.Text)
	}
	if v.noted != nil && l.Hash == *v.noted {
		v.found = true
	}
	previous, _ := ParseLogHash(l.Record.Previous)
	direct := previous == l.after
	v.land(direct)
	number := l.Record.Number
	bare := number == 0 && !v.numbered
	v.numbered = v.numbered || number > 0
	if bare {
		number = v.number + 1
	}
	through := l.between > 0 && (previous == l.since || bare && previous == l.fragment)
	next := v.number + 1
	switch {
	case through || direct:
		v.settleOdd(through)
		if number > next {
			v.jump = &gap{next, number - 1, at}
		} else if number < next {
			v.defect(LogChanged, at, "its number is %d, and it is line %d", number, next)
		}
		number = next
	case number == 0:
		v.defect(LogChanged, at, "it has no number, and does not follow the line before")
		number = next + v.oddCount
		v.settleOdd(false)
	case number < next:
		v.misplaced(number, at)
		return false
	case number > next+v.oddCount:
		v.missing(gap{next + v.oddCount, number - 1, at})
		v.settleOdd(false)
	case v.oddCount > 0:
		v.settleOdd(false) // they stand where the lines between were
	case !v.suspect:
		v.advance(l, at, number)
		v.suspect = true
		return true
	}
	if v.suspect {
		v.resolve(direct)
	}
	v.advance(l, at, number)
	return true
}

// advance makes a line the last one in sequence.
func (v *LogVerifier) advance(l LogLine, at LogDefect, number uint64) {
	v.before, v.last, v.lastHash, v.number = v.last, at, l.Hash, number
	if v.head != nil && number == v.head.Number {
		v.atHead, v.headHash = &at, l.Hash
	}
}

// land decides on a line that follows the one before and skips numbers. What comes after it tells whether it is as it was written
// (intact): then the agent itself had found that lines were missing, and went on after their numbers.
func (v *LogVerifier) land(intact bool) {
	switch {
	case v.jump == nil:
		return
	case intact:
		v.missing(*v.jump)
		v.number = v.jump.to + 1
	default:
		v.defect(LogChanged, v.jump.at, "its number is %d, and it is line %d", v.jump.to+1, v.jump.from)
	}
	v.jump = nil
}

// resolve says which of two lines was changed, of which the second does not follow the first: a line after it, or the head, tells
// whether the second is as it was (intact).
func (v *LogVerifier) resolve(intact bool) {
	v.suspect = false
	switch {
	case v.before.File == "":
		v.defect(LogChanged, v.last, "it is not the first line of a log, or not as it was written")
	case intact:
		v.defect(LogChanged, v.before, "it is not as it was written: the line after it has the hash of another")
	default:
		v.defect(LogChanged, v.last, "it is not as it was written, and the line before may not be either: it has the hash of another")
	}
}

// settleOdd says of the lines since the last one that are no records whether a crash cut them off: then the line after them knows them.
func (v *LogVerifier) settleOdd(cut bool) {
	how := ""
	if cut {
		how = "a crash cut it off while it was written; the line after it knows of it"
	}
	v.tellOdd(how)
}

// tellOdd reports the lines since the last one that are no records: as cut off, and how, or as what no agent writes. Empty: none was cut off.
func (v *LogVerifier) tellOdd(cutHow string) {
	for _, at := range v.odd {
		if cutHow != "" && at.torn {
			v.cut(at, cutHow)
			continue
		}
		v.defect(LogNoRecord, at, "no record of an agent, or no longer one: %s", at.Text)
	}
	if cutHow != "" {
		v.report.More += v.oddMore
	} else {
		v.report.More += int(v.oddCount) - len(v.odd)
	}
	v.odd, v.oddCount, v.oddMore = nil, 0, 0
}

func (v *LogVerifier) cut(at LogDefect, text string) {
	if len(v.report.Cuts) < MaxLogDefects {
		at.Kind, at.Text = LogCut, text
		v.report.Cuts = append(v.report.Cuts, at)
	}
}

// missing notes numbers that do not stand where they should. They may come later: then they were moved.
func (v *LogVerifier) missing(g gap) {
	if len(v.gaps) == MaxLogDefects {
		v.removed(v.gaps[0])
		v.gaps = v.gaps[1:]
	}
	v.gaps = append(v.gaps, g)
}

func (v *LogVerifier) removed(g gap) {
	v.defect(LogRemoved, g.at, "%s missing before it", lines(g.from, g.to))
}

// misplaced reports a line with a number that is past: one that was missing further up, or a second one.
func (v *LogVerifier) misplaced(number uint64, at LogDefect) {
	i := slices.IndexFunc(v.gaps, func(g gap) bool { return g.from <= number && number <= g.to })
	if i < 0 {
		v.defect(LogInserted, at, "it says to be line %d, which stands further up: one of the two was put in", number)
		return
	}
	g := v.gaps[i]
	v.defect(LogReordered, at, "it is line %d, which belongs before %s", number, g.at.Place())
	rest := slices.DeleteFunc([]gap{{g.from, number - 1, g.at}, {number + 1, g.to, g.at}}, func(g gap) bool { return g.from > g.to })
	v.gaps = slices.Replace(v.gaps, i, i+1, rest...)
}

// defect reports one, once.
func (v *LogVerifier) defect(kind string, at LogDefect, format string, args ...any) {
	at.Kind, at.Text = kind, fmt.Sprintf(format, args...)
	switch {
	case slices.ContainsFunc(v.report.Defects, func(d LogDefect) bool { return d.Kind == kind && d.file == at.file && d.Line == at.Line }):
	case len(v.report.Defects) == MaxLogDefects:
		v.report.More++
	default:
		v.report.Defects = append(v.report.Defects, at)
	}
}

// Report ends the verification.
func (v *LogVerifier) Report() LogReport {
	v.end()
	for _, g := range v.gaps {
		v.removed(g)
	}
	if v.noted != nil && !v.found {
		v.defect(LogLostHead, LogDefect{}, "no line of the log has the hash %s that was noted", v.noted)
	}
	slices.SortStableFunc(v.report.Defects, func(a, b LogDefect) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.Line, b.Line))
	})
	v.report.Head, v.report.Numbered = LogHead{Number: v.number, Hash: v.lastHash}, v.numbered
	return v.report
}

// end compares the log's end with its head.
func (v *LogVerifier) end() {
	if v.jump != nil {
		v.land(v.head == nil || *v.head == LogHead{v.jump.to + 1, v.lastHash})
	}
	var beyond uint64 // lines that the head knows and that do not stand here
	if v.head != nil && v.head.Number > v.number {
		beyond = v.head.Number - v.number
	}
	if v.suspect {
		v.resolve(v.atHead != nil && v.head.Number == v.number && v.headHash == v.head.Hash)
	}
	if v.atHead != nil && v.headHash != v.head.Hash {
		v.defect(LogChanged, *v.atHead, "it is not as it was written: log.head has the hash of another")
	}
	switch {
	case v.oddCount > 0 && beyond == 0:
		v.tellOdd("a crash cut it off while it was written")
	case v.oddCount > 0:
		beyond -= min(beyond, v.oddCount)
		v.settleOdd(false)
	case !v.ended:
		v.cut(v.last, "only its newline is missing")
	}
	if beyond > 0 {
		where := " after it"
		if v.last.File == "" { // nothing is left
			where = ""
		}
		v.defect(LogRemoved, v.last, "%s missing%s, which log.head knows", lines(v.head.Number-beyond+1, v.head.Number), where)
	}
}

func lines(from, to uint64) string {
	if from == to {
		return fmt.Sprintf("line %d is", from)
	}
	return fmt.Sprintf("lines %d to %d are", from, to)
}
