package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// system makes the calls undisturbed.
var system Disk

// rewrite is one Write of a file that nobody else writes.
func (d Disk) rewrite(path string, old, new []byte, intent string) error {
	f := InPlace{Path: path, Intent: intent, Disk: d}
	if err := f.Write(old, new); err != nil {
		return err
	}
	return f.Done()
}

func TestRewriteInPlace(t *testing.T) {
	for _, test := range []struct {
		name     string
		old, new string
	}{
		{"grow", "old", "longer"}, {"shrink", "longer", "new"}, {"same length", "old", "new"},
		{"from empty", "", "new"}, {"to empty", "old", ""}, {"no change", "old", "old"},
	} {
		for _, withIntent := range []string{"", "intent"} {
			t.Run(test.name+withIntent, func(t *testing.T) {
				dir := t.TempDir()
				path, intent := filepath.Join(dir, "file"), ""
				if withIntent != "" {
					intent = filepath.Join(dir, withIntent)
				}
				mustWrite(t, path, []byte(test.old), 0o644)
				open, err := os.Open(path) // as TinyDB does
				if err != nil {
					t.Fatal(err)
				}
				defer open.Close()
				if err := system.rewrite(path, []byte(test.old), []byte(test.new), intent); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, 100)
				n, _ := open.ReadAt(got, 0)
				if string(got[:n]) != test.new {
					t.Errorf("a program that had it open reads %q, want %q", got[:n], test.new)
				}
				wantMode(t, path, 0o644)
				wantNames(t, dir, "file")
			})
		}
	}
}

func TestRewriteChanged(t *testing.T) {
	for _, present := range []string{"", "ol", "olD", "old and more"} {
		dir := t.TempDir()
		path, intent := filepath.Join(dir, "file"), filepath.Join(dir, "intent")
		mustWrite(t, path, []byte(present), 0o600)
		if err := system.rewrite(path, []byte("old"), []byte("new"), intent); !errors.Is(err, ErrChanged) {
			t.Errorf("%q: %v", present, err)
		}
		if got := mustRead(t, path); string(got) != present {
			t.Errorf("%q became %q", present, got)
		}
		wantNames(t, dir, "file")
	}
}

func TestRewriteRefuses(t *testing.T) {
	dir := t.TempDir()
	intent := filepath.Join(dir, "intent")
	if err := system.rewrite(filepath.Join(dir, "missing"), nil, nil, intent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := system.rewrite(dir, nil, nil, intent); err == nil {
		t.Error("a folder was taken")
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := system.rewrite(fifo, nil, nil, intent); err == nil {
		t.Error("a pipe was taken")
	}
	wantNames(t, dir, "fifo")
}

func TestRewriteKilled(t *testing.T) {
	for _, test := range []struct {
		operation string
		old, new  []byte
	}{{"grow", shortContent, newContent}, {"shrink", newContent, shortContent}} {
		t.Run(test.operation, func(t *testing.T) {
			setup := func(t *testing.T, dir, _ string) { mustWrite(t, filepath.Join(dir, "file"), test.old, 0o600) }
			killedAtEveryStep(t, test.operation, setup, func(t *testing.T, dir, diedAt string) {
				intent := filepath.Join(dir, "intent")
				if _, err := os.Stat(intent); err == nil {
					wantMode(t, intent, 0o600)
				}
				found, err := (&InPlace{Intent: intent}).Recover()
				if err != nil || found.Left {
					t.Fatalf("died at %q: %+v, %v", diedAt, found, err)
				}
				got := mustRead(t, filepath.Join(dir, "file"))
				if !bytes.Equal(got, test.new) && (diedAt == "" || !bytes.Equal(got, test.old)) {
					t.Errorf("died at %q: after Recover neither old nor new", diedAt)
				}
				if _, err := os.Stat(intent); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("died at %q: the intent is still there (%v)", diedAt, err)
				}
			})
		})
	}
}

// Recover and Undo killed at every step: the next Recover ends what they began.
func TestRecoverKilled(t *testing.T) {
	for name, c := range map[string]struct{ old, new, present []byte }{
		"grow":   {shortContent, newContent, newContent[:len(newContent)-1]},
		"middle": {shortContent, newContent, append(bytes.Clone(newContent[:5000]), shortContent[5000:]...)},
		"shrink": {newContent, shortContent, append(bytes.Clone(shortContent), newContent[len(shortContent):]...)},
	} {
		t.Run(name, func(t *testing.T) {
			setup := func(t *testing.T, dir, _ string) {
				path := filepath.Join(dir, "file")
				mustWrite(t, path, c.present, 0o600)
				mustWrite(t, filepath.Join(dir, "intent"), intent{path, c.old, c.new}.encode(), 0o600)
			}
			check := func(t *testing.T, dir, diedAt string) {
				if found, err := (&InPlace{Intent: filepath.Join(dir, "intent")}).Recover(); err != nil || found.Left {
					t.Fatalf("died at %q: %+v, %v", diedAt, found, err)
				}
				if got := mustRead(t, filepath.Join(dir, "file")); !bytes.Equal(got, c.old) {
					t.Errorf("died at %q: the old bytes are not back", diedAt)
				}
				wantNames(t, dir, "file")
			}
			killedAtEveryStep(t, "recover", setup, check)
			killedAtEveryStep(t, "undo", setup, check)
		})
	}
}

// Putting old back goes from the end in writes of one page at most, and leaves what Recover knows after each.
func TestUndoByPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	mustWrite(t, path, append(bytes.Clone(shortContent), newContent[len(shortContent):]...), 0o600)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	writes := 0
	d := Disk{Step: func(call string) error {
		if call == "pwrite back" {
			writes++
		}
		if !Torn(mustRead(t, path), newContent, shortContent) {
			t.Errorf("before write %d (%s): no state that Recover knows", writes, call)
		}
		return nil
	}}
	if err := d.undo(f, newContent); err != nil {
		t.Fatal(err)
	}
	if want := (len(newContent) + page - 1) / page; writes != want {
		t.Errorf("%d writes, want %d", writes, want)
	}
	if !bytes.Equal(mustRead(t, path), newContent) {
		t.Error("the old bytes are not back")
	}
}

// Every state in which an unfinished write can leave the file is recovered; the neighbours that are none are left alone.
func TestRecoverEveryTear(t *testing.T) {
	for _, c := range []struct{ old, new string }{
		{"abcdef", "ABCDEFGHI"}, {"abcdefghi", "ABCDEF"}, {"abcdef", "ABCDEF"}, {"", "ABC"}, {"abc", ""},
		{"aaaa", "aaaaaa"}, {"aaaaaa", "aaaa"}, {"abcabc", "abcabcabc"}, {"xaaay", "xbaay"},
	} {
		for k := 0; k <= len(c.new); k++ {
			torn := c.new[:k] + c.old[min(k, len(c.old)):]
			want, restored := c.old, true
			if torn == c.new || torn == c.old {
				want, restored = torn, false
			}
			recoverCase(t, c.old, c.new, torn, want, Recovery{Restored: restored})
		}
	}
	for _, present := range []string{
		"", "abcde", "abcdefg", "ABCDEFGHIJ", "ABcdeX", "abCdef", "abcdeF", "ABCDEFghi", "zbcdef", "ABCDEFG ",
	} {
		recoverCase(t, "abcdef", "ABCDEFGHI", present, present, Recovery{Left: true})
	}
	for _, present := range []string{"abcde", "ABCDE", "ABCDEFg", "ABCDEFghij", "abcdeFghi"} {
		recoverCase(t, "abcdefghi", "ABCDEF", present, present, Recovery{Left: true})
	}
}

func recoverCase(t *testing.T, old, new, present, want string, wantFound Recovery) {
	t.Helper()
	dir := t.TempDir()
	path, at := filepath.Join(dir, "file"), filepath.Join(dir, "intent")
	mustWrite(t, path, []byte(present), 0o600)
	written := intent{path, []byte(old), []byte(new)}.encode()
	mustWrite(t, at, written, 0o600)
	wantFound.Path = path
	if wantFound.Left {
		wantFound.Kept = at + ".left"
	}
	found, err := (&InPlace{Intent: at}).Recover()
	if err != nil || found != wantFound {
		t.Errorf("old %q, new %q, present %q: %+v, %v", old, new, present, found, err)
	}
	if got := string(mustRead(t, path)); got != want {
		t.Errorf("old %q, new %q, present %q became %q, want %q", old, new, present, got, want)
	}
	if wantFound.Left {
		wantNames(t, dir, "file", "intent.left")
		if !bytes.Equal(mustRead(t, found.Kept), written) {
			t.Error("the intent that was kept is not the one that stood")
		}
	} else {
		wantNames(t, dir, "file")
	}
	if found, err := (&InPlace{Intent: at}).Recover(); err != nil || found != (Recovery{}) {
		t.Errorf("a second Recover: %+v, %v", found, err)
	}
}

func TestRecoverMissingFile(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "intent")
	mustWrite(t, at, intent{filepath.Join(dir, "gone"), []byte("old"), []byte("new")}.encode(), 0o600)
	found, err := (&InPlace{Intent: at}).Recover()
	if err != nil || !found.Left || found.Kept != at+".left" {
		t.Errorf("%+v, %v", found, err)
	}
	// A second one does not take the place of the first: each may hold the only copy of something.
	mustWrite(t, at, intent{filepath.Join(dir, "gone"), []byte("older"), []byte("new")}.encode(), 0o600)
	found, err = (&InPlace{Intent: at}).Recover()
	if err != nil || !found.Left || found.Kept != at+".left2" {
		t.Errorf("%+v, %v", found, err)
	}
	wantNames(t, dir, "intent.left", "intent.left2")
	if kept := mustRead(t, at+".left"); !bytes.Contains(kept, []byte("goneold")) {
		t.Errorf("the first one is now %q", kept)
	}
}

func TestRecoverNotAnIntent(t *testing.T) {
	at := filepath.Join(t.TempDir(), "intent")
	mustWrite(t, at, []byte("something else\n"), 0o600)
	_, err := (&InPlace{Intent: at}).Recover()
	var bad *IntentError
	if !errors.As(err, &bad) || bad.Path != at {
		t.Errorf("%v", err)
	}
	if got := mustRead(t, at); string(got) != "something else\n" {
		t.Errorf("it was touched: %q", got)
	}
}

// Every call that fails leaves the file whole, now or after Recover, and a later Write works.
func TestRewriteFails(t *testing.T) {
	for n := 1; ; n++ {
		dir := t.TempDir()
		path, at := filepath.Join(dir, "file"), filepath.Join(dir, "intent")
		mustWrite(t, path, newContent, 0o600)
		d, failed := failingAt(n)
		err := d.rewrite(path, newContent, shortContent, at)
		if !*failed {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Errorf("step %d: %v", n, err)
		}
		present := mustRead(t, path)
		if !bytes.Equal(present, newContent) && !bytes.Equal(present, shortContent) {
			t.Errorf("step %d: neither old nor new", n)
		}
		if err := system.rewrite(path, present, []byte("next"), at); err != nil {
			t.Errorf("step %d: the next rewrite: %v", n, err)
		}
		wantNames(t, dir, "file")
	}
}

// A write that the system breaks off (as a full disk does) is taken back. The limit is a child's: go test writes files of its own.
func TestRewriteBrokenOff(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "file"), shortContent, 0o600)
	output, err := childCommand(t, "limited", dir, 0).CombinedOutput()
	if err == nil || !strings.Contains(string(output), syscall.EFBIG.Error()) {
		t.Errorf("a write beyond the limit: %v, %s", err, output)
	}
	if !bytes.Equal(mustRead(t, filepath.Join(dir, "file")), shortContent) {
		t.Error("the old content is not back")
	}
	wantNames(t, dir, "file")
}

// growBeyondLimit rewrites with a file size limit that breaks off the write itself, not what comes before it.
func growBeyondLimit(_ Disk, dir string) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = uint64(len(shortContent)) + 100
	d := Disk{Step: func(call string) error {
		if call == "pwrite" {
			return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		}
		return nil
	}}
	return d.rewrite(inDir(dir, shortContent, newContent))
}

// TestIntentUntilDone: the intent stands after a Write, the next Write of the same InPlace replaces it unseen, whatever others have
// made of the file meanwhile, and Done takes it away. A first one that says ErrChanged leaves none.
func TestIntentUntilDone(t *testing.T) {
	dir := t.TempDir()
	w := InPlace{Path: filepath.Join(dir, "file"), Intent: filepath.Join(dir, "intent")}
	mustWrite(t, w.Path, []byte("first"), 0o600)
	if err := w.Done(); err != nil {
		t.Errorf("Done before any Write: %v", err)
	}
	if err := w.Write([]byte("first"), []byte("second")); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, w.Path, []byte("others"), 0o600)
	if err := w.Write([]byte("others"), []byte("third")); err != nil {
		t.Fatal(err)
	}
	file, old, new, err := ReadIntent(w.Intent)
	if err != nil || file != w.Path || string(old) != "others" || string(new) != "third" {
		t.Errorf("%s, %q, %q, %v", file, old, new, err)
	}
	if err := errors.Join(w.Done(), w.Done()); err != nil {
		t.Error(err)
	}
	wantNames(t, dir, "file")
	kept := InPlace{Path: w.Path, Intent: w.Intent, Kept: filepath.Join(dir, "kept")}
	if err := errors.Join(kept.Write([]byte("third"), []byte("third")), kept.Done(), kept.Done()); err != nil {
		t.Error(err)
	}
	wantNames(t, dir, "file", "kept")
	if _, _, new, err := ReadIntent(kept.Kept); err != nil || string(new) != "third" {
		t.Errorf("%q, %v", new, err)
	}
	if err := os.Remove(kept.Kept); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := ReadIntent(w.Intent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no intent: %v", err)
	}
	if err := w.Write([]byte("second"), []byte("fourth")); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	wantNames(t, dir, "file")
	if err := w.Write([]byte("third"), []byte("fourth")); err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]byte("third"), []byte("fifth")); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	wantNames(t, dir, "file", "intent")

	// One that another run left is recovered first, which here refuses; an adopted one is ours.
	again := InPlace{Path: w.Path, Intent: w.Intent}
	mustWrite(t, w.Path, []byte("others"), 0o600)
	again.Adopt()
	if err := again.Write([]byte("others"), []byte("sixth")); err != nil {
		t.Error(err)
	}
	if err := again.Done(); err != nil {
		t.Error(err)
	}
	wantNames(t, dir, "file")
	mustWrite(t, w.Intent, []byte("something else"), 0o600)
	var bad *IntentError
	if _, _, _, err := ReadIntent(w.Intent); !errors.As(err, &bad) {
		t.Errorf("no intent of ours: %v", err)
	}
}

// TestUndoAndRedo: both touch nothing but what they are about, and the intent stands until it has done its work.
func TestUndoAndRedo(t *testing.T) {
	dir := t.TempDir()
	w := InPlace{Path: filepath.Join(dir, "file"), Intent: filepath.Join(dir, "intent")}
	mustWrite(t, w.Intent, intent{w.Path, []byte("old content"), []byte("NEW CONTENT")}.encode(), 0o600)
	for _, present := range []string{"NEW CONT", "others", "NEW content of others"} {
		mustWrite(t, w.Path, []byte(present), 0o600)
		if undone, err := w.Undo(); undone || err != nil {
			t.Errorf("%q: undone %v, %v", present, undone, err)
		}
		if err := w.Redo([]byte("something"), []byte("NEW CONTENT")); !errors.Is(err, ErrChanged) {
			t.Errorf("%q: %v", present, err)
		}
		if got := string(mustRead(t, w.Path)); got != present {
			t.Errorf("%q became %q", present, got)
		}
		wantNames(t, dir, "file", "intent")
	}
	mustWrite(t, w.Path, []byte("NEW CONT"), 0o600)
	if err := w.Redo([]byte("NEW CONT"), []byte("NEW CONTENT")); err != nil || string(mustRead(t, w.Path)) != "NEW CONTENT" {
		t.Errorf("redone: %v", err)
	}
	wantNames(t, dir, "file", "intent")
	mustWrite(t, w.Path, []byte("NEW content"), 0o600)
	if undone, err := w.Undo(); !undone || err != nil || string(mustRead(t, w.Path)) != "old content" {
		t.Errorf("undone %v, %v", undone, err)
	}
	wantNames(t, dir, "file")
	if undone, err := w.Undo(); undone || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without an intent: %v, %v", undone, err)
	}
}

// An intent whose file others changed stops the next Write once, with its bytes kept.
func TestRewriteAfterLeftIntent(t *testing.T) {
	dir := t.TempDir()
	path, at := filepath.Join(dir, "file"), filepath.Join(dir, "intent")
	mustWrite(t, path, []byte("third"), 0o600)
	mustWrite(t, at, intent{path, []byte("old"), []byte("new")}.encode(), 0o600)
	if err := system.rewrite(path, []byte("third"), []byte("fourth"), at); err == nil {
		t.Error("written over an unsettled intent")
	}
	wantNames(t, dir, "file", "intent.left")
	if err := system.rewrite(path, []byte("third"), []byte("fourth"), at); err != nil {
		t.Error(err)
	}
}

// µs-window is from the beginning of the last comparison to the beginning of the write: another program's write in it is lost.
// µs-write is the write itself: who reads in it may meet a mixture. 4,000 bytes are a database with 3 parties, 400,000 with 255.
func BenchmarkRewrite(b *testing.B) {
	for _, size := range []int{4_000, 400_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dir := b.TempDir()
			path, at := filepath.Join(dir, "file"), filepath.Join(dir, "intent")
			contents := [2][]byte{bytes.Repeat([]byte("a"), size), bytes.Repeat([]byte("b"), size)}
			mustWrite(b, path, contents[0], 0o600)
			spent := map[string]time.Duration{}
			call, since := "", time.Now()
			d := Disk{Step: func(next string) error {
				now := time.Now()
				spent[call] += now.Sub(since)
				call, since = next, now
				return nil
			}}
			i := 0
			for ; b.Loop(); i++ {
				if err := d.rewrite(path, contents[i%2], contents[(i+1)%2], at); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(spent["pread"].Nanoseconds())/1000/float64(i), "µs-window/op")
			b.ReportMetric(float64(spent["pwrite"].Nanoseconds())/1000/float64(i), "µs-write/op")
		})
	}
}
