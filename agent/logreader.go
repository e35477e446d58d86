package agent

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"

	"fbpeer/trust"
)

// LogReader reads the records of a log as they come, over rotation, with an agent or without one. Lines that are no records are passed
// over: VerifyLog tells of them. Close it.
type LogReader struct {
	store  store
	done   uint64   // the last rotated file that was read
	file   *os.File // log.jsonl, or what was; nil: it was not there
	offset int64    // up to where it was read
}

// ReadLog begins at the first line of the log in a state folder. A log that is not there yet has no lines.
func ReadLog(state string) *LogReader { return &LogReader{store: store{dir: state}} }

// Close releases the file.
func (r *LogReader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Next gives what was written since the last call, in the order of the log.
func (r *LogReader) Next(yield func(trust.LogRecord) error) error {
	moved, number, err := r.moved() // before its end is read: nothing is added to it after that
	if err != nil {
		return err
	}
	if r.file != nil {
		if err := r.rest(yield); err != nil || !moved {
			return err
		}
		r.done = number
		if err := r.file.Close(); err != nil {
			return err
		}
	}
	// The new one is opened before the rotated ones are listed: what it is renamed to meanwhile is read as it is open.
	if r.file, err = r.store.openLogFile(fileLog); err != nil {
		return err
	}
	r.offset = 0
	names, err := r.store.logFiles()
	if err != nil {
		return err
	}
	for _, name := range names[:len(names)-1] {
		if err := r.rotated(name, yield); err != nil {
			return err
		}
	}
	if r.file == nil {
		return nil
	}
	return r.rest(yield)
}

// moved says whether the open file is no longer log.jsonl, and the number of the last rotated file that was read when it is read.
func (r *LogReader) moved() (moved bool, done uint64, err error) {
	if r.file == nil {
		return false, r.done, nil
	}
	open, err := r.file.Stat()
	if err != nil {
		return false, 0, err
	}
	for range 2 { // it may be rotated between the list and a look at it; then the second list has it
		names, err := r.store.logFiles()
		if err != nil {
			return false, 0, err
		}
		for _, name := range names {
			info, err := os.Stat(r.store.path(name))
			if err == nil && os.SameFile(info, open) {
				number, rotated := rotatedNumber(name)
				return rotated, number, nil
			}
		}
	}
	return true, r.done, nil // taken away: what is there now is read from its beginning
}

// rotated reads a rotated file that was not read yet.
func (r *LogReader) rotated(name string, yield func(trust.LogRecord) error) error {
	number, _ := rotatedNumber(name)
	if number <= r.done {
		return nil
	}
	f, err := r.store.openRotated(name, r.file)
	if f == nil || err != nil {
		return err
	}
	defer f.Close()
	r.done = number
	_, err = readRecords(f, yield)
	return err
}

// rest reads the open file from where it was read to.
func (r *LogReader) rest(yield func(trust.LogRecord) error) error {
	if _, err := r.file.Seek(r.offset, io.SeekStart); err != nil {
		return err
	}
	n, err := readRecords(r.file, yield)
	r.offset += n
	return err
}

// readRecords gives the records of a reader, and says how many bytes of whole lines it read. A line without a newline at the end counts if
// it is a record.
func readRecords(in io.Reader, yield func(trust.LogRecord) error) (n int64, err error) {
	lines := bufio.NewReaderSize(in, trust.MaxLogLine+1)
	for {
		line, err := lines.ReadSlice('\n')
		size := int64(len(line))
		for errors.Is(err, bufio.ErrBufferFull) { // too long for a record
			var more []byte
			more, err = lines.ReadSlice('\n')
			size += int64(len(more))
			line = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		record, notOne := trust.ParseLogLine(bytes.TrimSuffix(line, []byte("\n")))
		if err == nil || notOne == nil {
			n += size
		}
		if notOne == nil {
			if err := yield(record); err != nil {
				return n, err
			}
		}
		if err != nil {
			return n, nil
		}
	}
}
