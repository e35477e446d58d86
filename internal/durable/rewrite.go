package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// leftSuffix is what the name of an intent that could not be applied gets.
const leftSuffix = ".left"

// page is the unit in which undo writes: the kernel copies at most a page between two looks at a pending kill, so that a write
// within one page is not torn by it.
const page = 4096

// InPlace rewrites an existing regular file in place: same inode, for another program holds it open. One goroutine uses it at a time.
type InPlace struct {
	Path string
	// Intent is where old and new stand from before a Write until Done (0600, in a folder that exists), so that a crash before the
	// caller has seen that what it wrote stands does not lose it. Empty: none is written.
	Intent string
	Kept   string // where Done puts the intent, in the same folder, instead of removing it; empty: nowhere
	Disk   Disk
	stands bool // the intent there is ours to replace and to remove
}

// Write replaces the content. The file must hold exactly old, which is proved by reading it directly before the one write;
// otherwise nothing is written and the error is ErrChanged. An intent of an earlier Write of this InPlace, or one that it adopted, is
// replaced; any other that stands there is recovered first. A write that fails half-way (a full disk) is undone; if even that fails
// the intent stays for Recover.
func (w *InPlace) Write(old, new []byte) (err error) {
	abs, err := filepath.Abs(w.Path)
	if err != nil {
		return err
	}
	if err := w.recoverFirst(); err != nil {
		return err
	}
	f, err := w.Disk.openRegular(abs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if w.Intent == "" {
		_, err := w.Disk.replaceContent(f, old, new)
		return err
	}
	if err := w.Disk.writeFile(w.Intent, intent{abs, old, new}.encode(), 0o600); err != nil {
		return about(w.Intent, err)
	}
	stood := w.stands
	settled, err := w.Disk.replaceContent(f, old, new)
	w.stands = settled && (stood || err == nil)
	if settled && !w.stands {
		return errors.Join(err, w.Disk.remove(w.Intent))
	}
	return err
}

func (w *InPlace) recoverFirst() error {
	if w.Intent == "" || w.stands {
		return nil
	}
	found, err := w.Recover()
	if err == nil && found.Left {
		err = fmt.Errorf("%s was changed by others after an earlier rewrite failed: look at it; what it held before is in %s",
			found.Path, found.Kept)
	}
	return err
}

// Redo is Write without a new intent, for a caller that completes what the intent that stands, or one that it keeps, is about: those
// must explain every state in which a crash can leave this write, as they explain present, which is what the file must hold; else ErrChanged.
func (w *InPlace) Redo(present, whole []byte) (err error) {
	f, err := w.Disk.openRegular(w.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = w.Disk.replaceContent(f, present, whole)
	return err
}

// Undo puts old back and removes the intent, as Recover does, if the file is torn. Else it touches nothing and is false.
func (w *InPlace) Undo() (undone bool, err error) {
	_, old, new, err := ReadIntent(w.Intent)
	if err != nil {
		return false, err
	}
	f, err := w.Disk.openRegular(w.Path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	present, err := io.ReadAll(f)
	if err != nil || !Torn(present, old, new) {
		return false, err
	}
	if err := w.Disk.undo(f, old); err != nil {
		return false, err
	}
	w.stands = false
	return true, w.Disk.remove(w.Intent)
}

// Recover finishes or undoes what a crash left of a Write with this Intent, and takes the intent away. The old bytes are put back
// only if the file is exactly a beginning of the new bytes followed by the rest of the old. A missing intent is (Recovery{}, nil);
// a file there that is no intent is an IntentError. Call it before the first Write of a run, under the lock that guards the file.
func (w *InPlace) Recover() (Recovery, error) {
	w.stands = false
	return w.Disk.recover(w.Intent)
}

// Adopt makes an intent of an earlier run ours, as if our last Write had left it.
func (w *InPlace) Adopt() { w.stands = w.Intent != "" }

// Done takes the intent away, if the last Write left the file whole. Else it does nothing: what stands is for Recover.
func (w *InPlace) Done() error {
	if !w.stands {
		return nil
	}
	w.stands = false
	if w.Kept == "" {
		return w.Disk.remove(w.Intent)
	}
	if err := w.Disk.do("rename intent", func() error { return os.Rename(w.Intent, w.Kept) }); err != nil {
		return err
	}
	return w.Disk.syncFolder(filepath.Dir(w.Kept))
}

// replaceContent is steps 3 to 6. settled says that the file is known to be whole (old, new, or somebody else's), so that the
// intent has done its work.
func (d Disk) replaceContent(f *os.File, old, new []byte) (settled bool, err error) {
	if err := d.compare(f, old); err != nil {
		return true, err
	}
	err = d.do("pwrite", func() error { _, err := f.WriteAt(new, 0); return err })
	if err == nil && len(new) < len(old) {
		err = d.do("ftruncate", func() error { return f.Truncate(int64(len(new))) })
	}
	if err != nil {
		undone := d.undo(f, old)
		return undone == nil, errors.Join(err, undone)
	}
	if err := d.do("fsync", f.Sync); err != nil {
		return false, err
	}
	return true, nil
}

// compare reads the whole file through f.
func (d Disk) compare(f *os.File, old []byte) error {
	present := make([]byte, len(old)+1) // one more, to see a file that grew
	return d.do("pread", func() error {
		n, err := f.ReadAt(present, 0)
		if err != nil && err != io.EOF {
			return err
		}
		if !bytes.Equal(present[:n], old) {
			return about(f.Name(), ErrChanged)
		}
		return nil
	})
}

// undo writes old over a torn mixture: first the length, then page by page from the end, so that the file stays new up to some
// byte and old after it until it is old.
func (d Disk) undo(f *os.File, old []byte) error {
	err := d.do("ftruncate back", func() error { return f.Truncate(int64(len(old))) })
	for end := len(old); err == nil && end > 0; {
		start := (end - 1) / page * page
		err = d.do("pwrite back", func() error { _, err := f.WriteAt(old[start:end], int64(start)); return err })
		end = start
	}
	if err != nil {
		return err
	}
	return d.do("fsync", f.Sync)
}

// openRegular opens an existing regular file for reading and writing.
func (d Disk) openRegular(path string) (*os.File, error) {
	var f *os.File
	err := d.do("open", func() (err error) { f, err = os.OpenFile(path, os.O_RDWR, 0); return err })
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "rewrite", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Recovery is what Recover found. The zero value: no intent stood.
type Recovery struct {
	Restored bool   // the old bytes were put back
	Left     bool   // the file was missing, or neither old, new nor a torn mixture of them: left alone
	Path     string // the file that the intent is about, absolute; not checked, for reporting
	Kept     string // where the intent was kept, if Left
}

func (d Disk) recover(intentPath string) (Recovery, error) {
	b, err := os.ReadFile(intentPath)
	if errors.Is(err, fs.ErrNotExist) {
		return Recovery{}, nil
	}
	if err != nil {
		return Recovery{}, err
	}
	i, reason := parseIntent(b)
	if reason != "" {
		return Recovery{}, &IntentError{Path: intentPath, Reason: reason}
	}
	found, err := d.settle(i)
	if err != nil {
		return found, err
	}
	if !found.Left {
		return found, d.remove(intentPath)
	}
	if found.Kept, err = freeName(intentPath + leftSuffix); err != nil {
		return found, err
	}
	err = d.do("rename", func() error { return os.Rename(intentPath, found.Kept) })
	if err != nil {
		return found, err
	}
	return found, d.syncFolder(filepath.Dir(intentPath))
}

// freeName is path, or path with the first number from 2 that nothing has: what an earlier crash left is kept as well.
func freeName(path string) (string, error) {
	name := path
	for i := 2; ; i++ {
		_, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
		name = fmt.Sprintf("%s%d", path, i)
	}
}

// settle brings the file of an intent to a whole state, if it is in one that Write can leave.
func (d Disk) settle(i intent) (found Recovery, err error) {
	found.Path = i.path
	f, err := d.openRegular(i.path)
	if errors.Is(err, fs.ErrNotExist) {
		found.Left = true
		return found, nil
	}
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	present, err := io.ReadAll(f)
	if err != nil {
		return found, err
	}
	switch {
	case bytes.Equal(present, i.old), bytes.Equal(present, i.new):
		return found, d.do("fsync", f.Sync)
	case Torn(present, i.old, i.new):
		found.Restored = true
		return found, d.undo(f, i.old)
	default:
		found.Left = true
		return found, nil
	}
}

// Torn says whether present is new[:k] followed by old[k:] for some k, as an unfinished write of new over old leaves it.
func Torn(present, old, new []byte) bool {
	if len(present) < len(old) {
		return false
	}
	begin := 0 // of the longest beginning that present shares with new
	for begin < len(present) && begin < len(new) && present[begin] == new[begin] {
		begin++
	}
	if len(present) > len(old) {
		return begin == len(present)
	}
	rest := len(present) // where the longest end that present shares with old starts
	for rest > 0 && present[rest-1] == old[rest-1] {
		rest--
	}
	return rest <= begin
}
