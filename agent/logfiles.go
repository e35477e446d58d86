package agent

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"fbpeer/internal/durable"
	"fbpeer/trust"
)

// maxLogFile is the size, in bytes, from which on log.jsonl is given its own name, and a new one is begun.
const maxLogFile = 8 << 20

// rotatedLog is the name of a full log.jsonl: last is the number of its last line.
func rotatedLog(last uint64) string { return fmt.Sprintf("log-%08d.jsonl", last) }

// rotatedNumber reads that name.
func rotatedNumber(name string) (last uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, "log-")
	digits, suffixed := strings.CutSuffix(digits, ".jsonl")
	last, err := strconv.ParseUint(digits, 10, 64)
	return last, ok && suffixed && err == nil && rotatedLog(last) == name
}

// logFiles lists the files of the log in a state folder, in the order of rotation; log.jsonl, the last, may be missing.
func (s store) logFiles() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if _, ok := rotatedNumber(entry.Name()); ok {
			names = append(names, entry.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		first, _ := rotatedNumber(a)
		second, _ := rotatedNumber(b)
		return cmp.Compare(first, second)
	})
	return append(names, fileLog), nil
}

// openLogFile opens one file of the log. A missing log.jsonl is (nil, nil): it is begun by the next line.
func (s store) openLogFile(name string) (*os.File, error) {
	info, err := os.Stat(s.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && name == fileLog:
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // opening a pipe would wait for ever
		return nil, fmt.Errorf("%s: not a regular file", s.path(name))
	}
	f, err := os.Open(s.path(name))
	if errors.Is(err, fs.ErrNotExist) && name == fileLog { // rotated since
		return nil, nil
	}
	return f, err
}

// chain is where log.jsonl has got to. It is read at the start, and again after a write that failed, under the agent's lock.
type chain struct {
	known    bool          // the rest was read
	previous trust.LogHash // what the next line carries
	number   uint64        // of the next line
	between  int           // lines that are no records, after the last one
	alien    bool          // one of them is nothing that an interrupted write can have left
	bare     bool          // the last record has no number: a log of before numbers
	recent   map[uint64]trust.LogHash
	unsealed bool            // lines that log.head does not know
	found    trust.LogRecord // the last one when it was read
	last     trust.LogRecord // the last one that this process wrote
	list     string          // of the last decision (trust.LogRecord.List)
	decided  []string        // whom the last decisions are on, as far as they are of that list
}

// decides keeps whom a decision is on.
func (c *chain) decides(r trust.LogRecord) {
	if r.List == "" {
		return
	}
	if r.List != c.list {
		c.list, c.decided = r.List, nil
	}
	c.decided = append(c.decided, subject(r))
}

// subject is whom or what a decision is on: a component's identity, or a key, which the text names.
func subject(r trust.LogRecord) string {
	if r.Peer == "" {
		return r.Component + " " + r.Text
	}
	return r.Component + "@" + r.Peer
}

// logWindow is how much of the end of a file is read to find its last record: more than two lines at their longest.
const logWindow = 2*trust.MaxLogLine + 1<<16

// readChain reads the end of the log: the newest file that holds a record, and those after it.
func (s store) readChain() (c chain, err error) {
	names, err := s.logFiles()
	if err != nil {
		return c, err
	}
	for i := len(names) - 1; i >= 0; i-- {
		for _, whole := range []bool{false, true} {
			found, err := s.scanFrom(names[i:], whole, &c)
			if err != nil || found && !c.bare {
				return c, err
			}
		}
	}
	// No record at all, or none with a number: then the lines are counted.
	_, err = s.scanFrom(names, true, &c)
	return c, err
}

// scanFrom scans files, the first from its beginning or only the end of it, and says whether that holds a record.
func (s store) scanFrom(names []string, whole bool, c *chain) (found bool, err error) {
	*c = chain{known: true, recent: map[uint64]trust.LogHash{}}
	var scanner trust.LogScanner
	for i, name := range names {
		inFile := false
		err := s.scanFile(name, whole || i > 0, func(r io.Reader) error {
			return scanner.Scan(r, func(l trust.LogLine) bool {
				if l.Record == nil {
					c.alien = c.alien || !l.Torn
					return false
				}
				c.alien = false
				inFile, c.bare, c.found = true, l.Record.Number == 0, *l.Record
				c.decides(*l.Record)
				_, number, _ := scanner.Next()
				c.recent[max(number, l.Record.Number)] = l.Hash
				return true
			})
		})
		if err != nil {
			return false, err
		}
		found = found || inFile && i == 0
	}
	c.previous, c.number, c.between = scanner.Next()
	return found, nil
}

// scanFile lets a file be read, from its beginning or from a line in its last part.
func (s store) scanFile(name string, whole bool, read func(io.Reader) error) error {
	f, err := s.openLogFile(name)
	if f == nil || err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if whole || size <= logWindow {
		_, err = f.Seek(0, io.SeekStart)
		return errors.Join(err, read(f))
	}
	if _, err := f.Seek(size-logWindow, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReader(f)
	if _, err := in.ReadSlice('\n'); err != nil {
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a line of which the window holds no beginning
			_, err = in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return read(in)
}

// readHead reads log.head. Missing is (nil, nil).
func (s store) readHead() (*trust.LogHead, error) {
	data, err := os.ReadFile(s.path(fileLogHead))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	head, err := trust.ParseLogHead(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileLogHead, err)
	}
	return &head, nil
}

// rotate gives a full log.jsonl its own name. The next line begins a new one.
func (s store) rotate(c *chain) error {
	limit := s.logLimit
	if limit == 0 {
		limit = maxLogFile
	}
	info, err := os.Stat(s.path(fileLog))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Size() < limit {
		return err
	}
	return s.do("rotate log", func() error { return durable.MoveFile(s.path(fileLog), rotatedLog(c.number-1)) })
}

// logHolds says whether the log has a line of this number with this hash.
func (s store) logHolds(head trust.LogHead, c chain) (bool, error) {
	if hash, ok := c.recent[head.Number]; ok || head.Number == 0 {
		return hash == head.Hash || head.Number == 0 && head.Hash == trust.LogStart(), nil
	}
	names, err := s.logFiles()
	if err != nil {
		return false, err
	}
	var all chain
	_, err = s.scanFrom(names, true, &all)
	return all.recent[head.Number] == head.Hash, err
}

// VerifyLog verifies the log in a state folder, while an agent may go on writing it: what it writes meanwhile is not looked at. noted
// is the hash of a line that somebody noted earlier, nil if none is looked for.
func VerifyLog(state string, noted *trust.LogHash) (trust.LogReport, error) {
	s := store{dir: state}
	head, headErr := s.readHead() // first: the log has at least these lines from then on
	if errors.Is(headErr, fs.ErrPermission) {
		return trust.LogReport{}, headErr // who may not look at it cannot say that somebody changed something
	}
	current, err := s.openLogFile(fileLog)
	if err != nil {
		return trust.LogReport{}, err
	}
	if current != nil {
		defer current.Close()
	}
	names, err := s.logFiles()
	if err != nil {
		return trust.LogReport{}, err
	}
	v := trust.NewLogVerifier(head, noted)
	for _, name := range names[:len(names)-1] {
		if err := s.verifyFile(v, name, current); err != nil {
			return trust.LogReport{}, err
		}
	}
	if current != nil {
		if err := v.File(fileLog, current); err != nil {
			return trust.LogReport{}, err
		}
	}
	report := v.Report()
	sequence, _ := s.readSequence()
	switch {
	case report.Lines == 0 && head == nil && headErr == nil && sequence.last > 0:
		report.Defects = append(report.Defects, trust.LogDefect{Kind: trust.LogRemoved, Text: "the log is not there, but this component has announced itself"})
	case headErr != nil:
		report.Defects = append(report.Defects, trust.LogDefect{Kind: trust.LogNoHead, Text: headErr.Error()})
	case head == nil && report.Numbered:
		report.Defects = append(report.Defects, trust.LogDefect{Kind: trust.LogNoHead,
			Text: fileLogHead + " is not there: whether lines are missing at the end cannot be told"})
	}
	return report, nil
}

// verifyFile verifies a rotated file, unless it is the one that is open as log.jsonl and was rotated since.
func (s store) verifyFile(v *trust.LogVerifier, name string, current *os.File) error {
	f, err := s.openRotated(name, current)
	if f == nil || err != nil {
		return err
	}
	defer f.Close()
	return v.File(filepath.Base(name), f)
}

// openRotated opens a rotated file. The one that is open as log.jsonl and was rotated since is (nil, nil).
func (s store) openRotated(name string, current *os.File) (*os.File, error) {
	f, err := s.openLogFile(name)
	if err != nil || current == nil {
		return f, err
	}
	info, err := f.Stat()
	now, nowErr := current.Stat()
	if err := errors.Join(err, nowErr); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if os.SameFile(info, now) {
		return nil, f.Close()
	}
	return f, nil
}
