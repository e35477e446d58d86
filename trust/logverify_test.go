package trust_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/trust"
)

// logLines is a log of n lines. Without numbers it is as logs were before lines had them.
func logLines(n int, numbers bool) (lines [][]byte, head trust.LogHead) {
	previous := trust.LogStart()
	for i := range n {
		r := trust.LogRecord{Time: now.Add(time.Duration(i) * time.Minute), Event: "heard", Component: fmt.Sprintf("NODE_%d", i), By: "alice@a"}
		if numbers {
			r.Number = uint64(i + 1)
		}
		line := r.Line(previous)
		lines, previous = append(lines, line), trust.HashLogLine(line)
	}
	return lines, trust.LogHead{Number: uint64(n), Hash: previous}
}

func joined(lines [][]byte) []byte {
	return append(bytes.Join(lines, []byte("\n")), '\n')
}

// verify verifies files that are called a, b and so on.
func verify(t testing.TB, head *trust.LogHead, files ...[]byte) trust.LogReport {
	t.Helper()
	v := trust.NewLogVerifier(head, nil)
	for i, file := range files {
		if err := v.File(string(rune('a'+i)), bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
	}
	return v.Report()
}

// found lists the defects as "changed a:3".
func found(r trust.LogReport) []string {
	var all []string
	for _, d := range r.Defects {
		all = append(all, strings.TrimSpace(d.Kind+" "+d.Place()))
	}
	return all
}

// both gives the log in one file and in two.
func both(data []byte) [][][]byte {
	middle := bytes.IndexByte(data[len(data)/2:], '\n') + len(data)/2 + 1
	return [][][]byte{{data}, {data[:middle], data[middle:]}}
}

func TestLogVerifies(t *testing.T) {
	for _, numbers := range []bool{true, false} {
		lines, head := logLines(7, numbers)
		for _, files := range both(joined(lines)) {
			for _, h := range []*trust.LogHead{&head, nil} {
				r := verify(t, h, files...)
				if len(r.Defects) > 0 || len(r.Cuts) > 0 || r.Lines != 7 || r.Head != head {
					t.Errorf("numbers %v, %d files: %+v", numbers, len(files), r)
				}
			}
		}
	}
	if r := verify(t, nil); len(r.Defects) > 0 || r.Lines != 0 {
		t.Errorf("no log at all: %+v", r)
	}
}

// A log whose first part is of before numbers goes on with them.
func TestLogOfBothForms(t *testing.T) {
	lines, head := logLines(3, false)
	for i := range uint64(3) {
		line := trust.LogRecord{Time: now, Event: "own", Number: head.Number + 1}.Line(head.Hash)
		lines = append(lines, line)
		head = trust.LogHead{Number: 4 + i, Hash: trust.HashLogLine(line)}
	}
	if r := verify(t, &head, joined(lines)); len(r.Defects) > 0 {
		t.Errorf("%+v", r.Defects)
	}
	for at := range lines {
		if r := verify(t, &head, joined(slices.Delete(slices.Clone(lines), at, at+1))); len(r.Defects) == 0 {
			t.Errorf("line %d is gone and nothing was found", at+1)
		}
	}
}

// Every byte changed to another, to a line's end, and to nothing: always found, and the line named.
func TestLogEveryByteChanged(t *testing.T) {
	lines, head := logLines(5, true)
	data := joined(lines)
	for at := range data {
		line := 1 + bytes.Count(data[:at], []byte("\n"))
		for _, b := range []byte{data[at] ^ 1, data[at] ^ 0x20, '\n', ' ', '0'} {
			if b == data[at] || at == len(data)-1 {
				continue // the last newline alone is looked at below
			}
			changed := slices.Clone(data)
			changed[at] = b
			wantNamed(t, fmt.Sprintf("byte %d becomes %q", at, b), verify(t, &head, changed), line, line+1)
		}
		if at < len(data)-1 {
			wantNamed(t, fmt.Sprintf("byte %d is gone", at), verify(t, &head, slices.Delete(slices.Clone(data), at, at+1)), line, line+1)
		}
	}
}

// wantNamed demands a defect in one of two lines: a changed newline concerns both of its lines.
func wantNamed(t *testing.T, what string, r trust.LogReport, line, other int) {
	t.Helper()
	if len(r.Defects) == 0 {
		t.Fatalf("%s: nothing was found", what)
	}
	if !slices.ContainsFunc(r.Defects, func(d trust.LogDefect) bool { return d.Line == line || d.Line == other }) {
		t.Fatalf("%s in line %d: %q", what, line, found(r))
	}
}

// What is done to whole lines is told by its kind and place.
func TestLogLinesTampered(t *testing.T) {
	lines, head := logLines(6, true)
	want := func(what string, tampered [][]byte, wanted ...string) {
		t.Helper()
		for i, files := range both(joined(tampered)) {
			r := verify(t, &head, files...)
			if i == 0 && !slices.Equal(found(r), wanted) {
				t.Errorf("%s: %q, want %q", what, found(r), wanted)
			}
			if len(found(r)) != len(wanted) {
				t.Errorf("%s, in two files: %q", what, found(r))
			}
		}
	}
	for i := range lines {
		without := slices.Delete(slices.Clone(lines), i, i+1)
		at := fmt.Sprintf("removed a:%d", i+1)
		if i == len(lines)-1 {
			at = fmt.Sprintf("removed a:%d", i)
		}
		want(fmt.Sprintf("line %d removed", i+1), without, at)
		for j := i + 1; j < len(lines); j++ {
			swapped := slices.Clone(lines)
			swapped[i], swapped[j] = lines[j], lines[i]
			var moved []string
			for at := i + 2; at <= j+1; at++ {
				moved = append(moved, fmt.Sprintf("reordered a:%d", at))
			}
			want(fmt.Sprintf("lines %d and %d swapped", i+1, j+1), swapped, moved...)
			r := verify(t, &head, joined(slices.Delete(slices.Clone(lines), i, j+1)))
			if len(r.Defects) == 0 {
				t.Errorf("lines %d to %d removed, and nothing found", i+1, j+1)
			}
		}
		doubled := slices.Insert(slices.Clone(lines), i, lines[i])
		want(fmt.Sprintf("line %d doubled", i+1), doubled, fmt.Sprintf("inserted a:%d", i+2))
		foreign := slices.Insert(slices.Clone(lines), i, []byte("no record"))
		kind := fmt.Sprintf("not-a-record a:%d", i+1)
		want(fmt.Sprintf("text before line %d", i+1), foreign, kind)
		edited := slices.Clone(lines)
		edited[i] = bytes.Replace(lines[i], []byte("alice"), []byte("mallo"), 1)
		want(fmt.Sprintf("line %d edited", i+1), edited, fmt.Sprintf("changed a:%d", i+1))
		relinked := slices.Clone(lines)
		relinked[i] = bytes.Replace(lines[i], []byte(`"previous":"`), []byte(`"previous":"00`), 1)
		relinked[i] = slices.Delete(relinked[i], len(relinked[i])-4, len(relinked[i])-2)
		want(fmt.Sprintf("line %d with another hash", i+1), relinked, fmt.Sprintf("changed a:%d", i+1))
	}
}

// Cut at every byte: what a crash can leave is told apart from what was taken away.
func TestLogCutAtEveryByte(t *testing.T) {
	lines, head := logLines(4, true)
	data := joined(lines)
	for at := range data {
		cut := data[:at]
		whole := bytes.Count(cut, []byte("\n"))
		torn := at > 0 && cut[at-1] != '\n'
		if at == len(data)-1 { // only the newline
			r := verify(t, &head, cut)
			if len(r.Defects) > 0 || len(r.Cuts) != 1 {
				t.Errorf("without the last newline: %+v", r)
			}
			continue
		}
		// The head knows all lines: something was taken away.
		if r := verify(t, &head, cut); len(r.Defects) == 0 {
			t.Errorf("cut at %d, the head knows more: nothing found", at)
		}
		// The head knows the whole lines: a crash while the next was appended.
		h := trust.LogHead{Number: uint64(whole), Hash: trust.LogStart()}
		if whole > 0 {
			h.Hash = trust.HashLogLine(lines[whole-1])
		}
		if r := verify(t, &h, cut); len(r.Defects) > 0 || (len(r.Cuts) == 1) != torn {
			t.Errorf("cut at %d, the head knows the rest: %+v", at, r)
		}
		if !torn {
			continue
		}
		// The log goes on: the next line knows the torn one, with the newline that AppendLine puts between.
		previous := trust.HashLogLine(cut[bytes.LastIndexByte(cut[:at-len(cut[bytes.LastIndexByte(cut, '\n')+1:])], '\n')+1:])
		if whole > 0 {
			previous = trust.HashLogLine(cut[bytes.LastIndexByte(cut[:bytes.LastIndexByte(cut, '\n')], '\n')+1:])
		}
		number := uint64(whole + 1)
		if bytes.HasSuffix(cut, []byte("}")) && trustParses(cut[bytes.LastIndexByte(cut, '\n')+1:]) {
			number++ // whole but for its newline
			previous = trust.HashLogLine(cut[bytes.LastIndexByte(cut, '\n')+1:])
		}
		next := trust.LogRecord{Time: now, Event: trust.EventLogCut, Number: number}.Line(previous)
		goes := slices.Concat(cut, []byte("\n"), next, []byte("\n"))
		for _, files := range [][][]byte{{goes}, {cut, append(slices.Clone(next), '\n')}} {
			r := verify(t, &trust.LogHead{Number: number, Hash: trust.HashLogLine(next)}, files...)
			if len(r.Defects) > 0 || number == uint64(whole+1) && len(r.Cuts) != 1 {
				t.Errorf("cut at %d and gone on, in %d files: %+v", at, len(files), r)
			}
		}
		// The torn line changed afterwards, or the one before it.
		for _, other := range []int{at - 1, len(cut) - len(cut[bytes.LastIndexByte(cut, '\n')+1:]) - 2} {
			if other < 0 {
				continue
			}
			changed := slices.Clone(goes)
			changed[other] ^= 1
			if r := verify(t, nil, changed); len(r.Defects) == 0 {
				t.Errorf("cut at %d and gone on, byte %d changed: nothing found", at, other)
			}
		}
	}
}

// What no interrupted write can leave is no cut line, wherever it stands, and stays a defect when the log goes on after it.
func TestLogJunkIsNoCut(t *testing.T) {
	lines, head := logLines(3, true)
	for junk, want := range map[string][2]int{ // defects, cuts
		"":                            {0, 0},
		`{"ti`:                        {0, 1},
		`{"time":"2026-11-0`:          {0, 1},
		`{"time":"2026` + "\x00\x00":  {0, 1},
		"\x00\x00\x00":                {0, 1},
		`{"ti` + "\n" + `{"time":"20`: {0, 2}, // the next write was interrupted too
		`{"ti` + "\n":                 {0, 1}, // all but its newline
		"garbage":                     {1, 0},
		"garbage\n" + `{"ti`:          {1, 1},
		`{"ti` + "\ngarbage":          {1, 1},
		`{"time":"2026"}`:             {1, 0},
		`{"time":"` + strings.Repeat("x", trust.MaxLogLine): {1, 0},
		strings.Repeat("\xff\n", 1500):                      {trust.MaxLogDefects, 0},
	} {
		data := slices.Concat(joined(lines), []byte(junk))
		r := verify(t, &head, data)
		if len(r.Defects) != want[0] || len(r.Cuts) != want[1] {
			t.Errorf("%.40q at the end: %d defects, %d cuts", junk, len(r.Defects), len(r.Cuts))
		}
		var scanner trust.LogScanner
		if err := scanner.Scan(bytes.NewReader(data), func(l trust.LogLine) bool { return l.Record != nil }); err != nil {
			t.Fatal(err)
		}
		previous, number, between := scanner.Next()
		if between > 0 && !strings.HasSuffix(junk, "\n") {
			data = append(data, '\n')
		}
		data = append(data, trust.LogRecord{Time: now, Event: trust.EventOwn, Number: number}.Line(previous)...)
		r = verify(t, nil, append(data, '\n'))
		if len(r.Defects) != want[0] || len(r.Cuts) != want[1] {
			t.Errorf("%.40q, and gone on: %d defects, %d cuts", junk, len(r.Defects), len(r.Cuts))
		}
	}
}

func trustParses(line []byte) bool {
	_, err := trust.ParseLogLine(line)
	return err == nil
}

// A log of before numbers in which a crash cut a line off goes on after the torn line alone.
func TestLogTornLineOfBefore(t *testing.T) {
	lines, head := logLines(2, false)
	torn := []byte(`{"time":"2026-11-22T10:1`)
	next := trust.LogRecord{Time: now, Event: "own"}.Line(trust.HashLogLine(torn))
	r := verify(t, nil, joined([][]byte{lines[0], lines[1], torn, next}))
	if len(r.Defects) > 0 || len(r.Cuts) != 1 {
		t.Errorf("%+v", r)
	}
	// A line with a number must know the line before the torn one too.
	next = trust.LogRecord{Time: now, Event: "own", Number: head.Number + 1}.Line(trust.HashLogLine(torn))
	if r := verify(t, nil, joined([][]byte{lines[0], lines[1], torn, next})); len(r.Defects) == 0 {
		t.Error("a torn line that the next does not follow")
	}
}

// Once the end of a log was found missing, the numbers go on where the head was: the gap stays visible.
func TestLogGapStaysVisible(t *testing.T) {
	lines, head := logLines(5, true)
	next := trust.LogRecord{Time: now, Event: trust.EventLogDamaged, Number: head.Number + 1}.Line(trust.HashLogLine(lines[2]))
	r := verify(t, &trust.LogHead{Number: 6, Hash: trust.HashLogLine(next)}, joined([][]byte{lines[0], lines[1], lines[2], next}))
	if got := found(r); !slices.Equal(got, []string{"damaged a:4", "removed a:4"}) || !strings.Contains(r.Defects[1].Text, "lines 4 to 5") {
		t.Errorf("%+v", r.Defects)
	}
}

func TestLogNotedHead(t *testing.T) {
	lines, head := logLines(4, true)
	for _, test := range []struct {
		noted trust.LogHash
		there bool
	}{{trust.HashLogLine(lines[1]), true}, {head.Hash, true}, {trust.LogStart(), false}} {
		v := trust.NewLogVerifier(&head, &test.noted)
		if err := v.File("a", bytes.NewReader(joined(lines))); err != nil {
			t.Fatal(err)
		}
		if r := v.Report(); (len(r.Defects) == 0) != test.there {
			t.Errorf("%s: %+v", test.noted, r.Defects)
		}
	}
}

// However much is wrong, and however long a line is, the report is bounded.
func TestLogReportIsBounded(t *testing.T) {
	data := bytes.Repeat([]byte("nothing\n"), 3*trust.MaxLogDefects)
	data = append(data, bytes.Repeat([]byte("x"), 4*trust.MaxLogLine)...)
	r := verify(t, &trust.LogHead{Number: 1}, data)
	if len(r.Defects) > trust.MaxLogDefects || len(r.Defects)+r.More != 3*trust.MaxLogDefects+1 {
		t.Errorf("%d defects and %d more", len(r.Defects), r.More)
	}
}

// FuzzLog: verification ends, whatever a log holds; a log that it finds whole is what its lines make when they are written again.
func FuzzLog(f *testing.F) {
	lines, head := logLines(4, true)
	whole := joined(lines)
	old, _ := logLines(3, false)
	for _, seed := range [][]byte{whole, joined(old), whole[:len(whole)-20], whole[40:], slices.Concat(whole, []byte("torn")), nil, []byte("\n\n"),
		joined([][]byte{lines[1], lines[0], lines[3]}), slices.Concat(whole[:len(whole)-30], []byte("\n"), whole), bytes.ToUpper(whole)} {
		f.Add(seed, head.Bytes())
	}
	f.Add(whole, []byte("3 x"))
	f.Fuzz(func(t *testing.T, data, headText []byte) {
		var known *trust.LogHead
		if h, err := trust.ParseLogHead(headText); err == nil {
			if !bytes.Equal(h.Bytes(), headText) {
				t.Fatalf("a head in two forms: %q", headText)
			}
			known = &h
		}
		r := verify(t, known, data)
		if len(r.Defects) > trust.MaxLogDefects || len(r.Cuts) > trust.MaxLogDefects {
			t.Fatal("not bounded")
		}
		if len(r.Defects) > 0 || len(r.Cuts) > 0 {
			return
		}
		previous := trust.LogStart()
		for line := range bytes.Lines(data) {
			line = bytes.TrimSuffix(line, []byte("\n"))
			record, err := trust.ParseLogLine(line)
			if err != nil || record.Previous != previous.String() {
				t.Fatalf("found whole: %q, %v", line, err)
			}
			previous = trust.HashLogLine(line)
		}
		if r.Head.Number != r.Lines || r.Lines > 0 && r.Head.Hash != previous {
			t.Fatalf("head %+v of %d lines", r.Head, r.Lines)
		}
	})
}
