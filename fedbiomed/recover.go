package fedbiomed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"fbpeer/internal/durable"
)

// Recover puts right what a crash within Update, or within Recover, left. Where our write was broken off, the old content is put back;
// where the component's truncation fell on ours afterwards, ours is written again. Anything else is left alone and reported, and the
// old content kept. text says what was done, "" if there was nothing to do. Call it before the first Update.
//
// The intent stands until all is done, and explains each state on the way.
func (r *Registry) Recover() (text string, err error) {
	for attempt := 1; attempt < reads; attempt++ {
		file, old, new, err := durable.ReadIntent(r.file.Intent)
		if errors.Is(err, fs.ErrNotExist) {
			return text, nil
		}
		if err != nil {
			return "", err
		}
		present, err := r.load(r.path)
		if err != nil || file != r.path {
			break // durable tells
		}
		_, broken := parseDatabase(present)
		whole, ours := mend(present, new)
		switch {
		case sameDocument(present, new):
			whole = new
		case durable.Torn(present, old, new) && !bytes.Equal(present, old):
			undone, err := r.file.Undo()
			if err != nil {
				return "", err
			}
			if undone {
				return r.path + ": an interrupted write was undone", nil
			}
			continue
		case broken == nil:
			return r.leave()
		case durable.Torn(blanked(present, len(old)), old, new):
			whole = new // the component cut off the blanks that old ended with, and what was new among them
		case !ours:
			r.wait(writeTime << attempt) // the component may be writing it
			continue
		}
		if broken != nil {
			text = r.path + ": an interrupted write was completed"
		}
		if done, err := r.finish(present, whole); done || err != nil {
			return text, err
		}
	}
	return r.leave()
}

// finish writes a whole document over what is left of it, and ends the intent once that stands.
func (r *Registry) finish(present, whole []byte) (done bool, err error) {
	err = r.redo(present, whole)
	if errors.Is(err, durable.ErrChanged) || err == nil && !r.stands(whole) {
		return false, nil
	}
	if err == nil {
		r.file.Adopt()
		err = r.file.Done()
	}
	return true, err
}

// leave ends an intent about a file that holds something else: what it held before is kept, unless it is that.
func (r *Registry) leave() (text string, err error) {
	found, err := r.file.Recover()
	switch {
	case err != nil:
		return "", err
	case found.Restored:
		return found.Path + ": an interrupted write was undone", nil
	case found.Left:
		return fmt.Sprintf("%s: others changed it after an interrupted write, so it was left alone; what it held before is in %s",
			found.Path, found.Kept), nil
	}
	return "", nil
}
