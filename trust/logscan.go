package trust

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"
)

// LogLine is one line of a log as it stands there.
type LogLine struct {
	Line   int        // in its file, from 1
	Record *LogRecord // nil: it is no record
	Reason error      // why not
	Hash   LogHash    // of its bytes without the newline
	Ended  bool       // by a newline
	Torn   bool       // no record, but what a write of one can leave that was interrupted

	after    LogHash // of the last accepted line
	since    LogHash // of that line and of all that stands between it and this one
	fragment LogHash // of what stands between them
	between  int     // how many lines that is
}

// LogScanner reads the lines of a log, file after file, in bounded memory. The zero value is at the beginning of a log.
type LogScanner struct {
	alone, since, fragment hash.Hash
	anchored               bool // since begins with an accepted line
	after                  LogHash
	between                int
	number                 uint64
}

// Scan reads one file to its end. yield is given each line, and says whether it is accepted: then the next one follows it. The error
// is the reader's.
func (s *LogScanner) Scan(r io.Reader, yield func(LogLine) bool) error {
	if s.alone == nil {
		s.alone, s.since, s.fragment, s.after = sha256.New(), sha256.New(), sha256.New(), LogStart()
	}
	in := bufio.NewReaderSize(r, 64<<10)
	for line := 1; ; line++ {
		l, err := s.next(in)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		l.Line = line
		if yield(l) {
			s.accept(l)
		} else {
			s.between++
		}
	}
}

// next reads one line. At the end of the file it is io.EOF.
func (s *LogScanner) next(in *bufio.Reader) (LogLine, error) {
	l := LogLine{after: s.after, since: sum(s.since), fragment: sum(s.fragment), between: s.between}
	s.alone.Reset()
	var text []byte
	for begun := false; ; {
		chunk, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return l, err
		}
		if len(chunk) == 0 && !begun {
			return l, io.EOF
		}
		if !begun {
			s.begin()
			begun = true
		}
		if l.Ended = err == nil; l.Ended {
			chunk = chunk[:len(chunk)-1]
		}
		for _, h := range []hash.Hash{s.alone, s.since, s.fragment} {
			h.Write(chunk)
		}
		if len(text) <= MaxLogLine {
			text = append(text, chunk...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	l.Hash = sum(s.alone)
	if r, err := ParseLogLine(text); err != nil {
		l.Reason, l.Torn = err, torn(text)
	} else {
		l.Record = &r
	}
	return l, nil
}

// logBegin is how every line of a log begins.
const logBegin = `{"time":"`

// torn says whether a line can be what an interrupted write left: the beginning of a record, be it empty, and zeroes where the machine
// lost what it had not written yet.
func torn(line []byte) bool {
	line = bytes.TrimRight(line, "\x00")
	begun := min(len(line), len(logBegin))
	return len(line) <= MaxLogLine && string(line[:begun]) == logBegin[:begun] && !json.Valid(line)
}

// begin separates a line from what stands before it.
func (s *LogScanner) begin() {
	if s.anchored || s.between > 0 {
		s.since.Write([]byte{'\n'})
	}
	if s.between > 0 {
		s.fragment.Write([]byte{'\n'})
	}
}

// accept lets the next line follow this one.
func (s *LogScanner) accept(l LogLine) {
	s.alone, s.since = s.since, s.alone
	s.fragment.Reset()
	s.anchored, s.after, s.between = true, l.Hash, 0
	if s.number++; l.Record != nil && l.Record.Number > 0 {
		s.number = l.Record.Number
	}
}

// Next is what the next line of the log carries: the hash of what stands before it, and its number. between says how many lines
// that are no records stand after the last record.
func (s *LogScanner) Next() (previous LogHash, number uint64, between int) {
	if s.alone == nil {
		return LogStart(), 1, 0
	}
	return sum(s.since), s.number + 1, s.between
}

func sum(h hash.Hash) (out LogHash) {
	h.Sum(out[:0])
	return out
}
