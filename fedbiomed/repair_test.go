package fedbiomed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// tinyVar makes the test binary a component that writes the database named there.
const tinyVar = "FBPEER_TINYDB_CHILD"

// tinyWrites is how often that component writes at least, tinyUpdates how often we update beside it.
const (
	tinyWrites  = 300
	tinyUpdates = 50
)

const (
	tinySync  = 500 * time.Microsecond
	tinyPause = 2 * time.Millisecond
)

// tinyDocument is the document of a component's nth write; its length goes up and down.
func tinyDocument(n int) string { return strings.Repeat("x", n*37%997) }

// tinyComponent is a process with the model of TinyDB: it updates one row tinyWrites times, and on until its standard input ends. An
// operation that meets a broken file is tried again, for the time that our next look takes.
func tinyComponent(path string) error {
	db, err := openTinyDB(path)
	if err != nil {
		return err
	}
	defer db.file.Close()
	db.step = func(call string) {
		if call == "ftruncate" {
			<-time.After(tinySync) // a disk's fsync; that of a file system in memory takes no time
		}
	}
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended.Store(true)
	}()
	for n := 1; n <= tinyWrites || !ended.Load(); n++ {
		row := newDict("n", n, "text", tinyDocument(n))
		for deadline := time.Now().Add(20 * time.Second); ; {
			ids, err := db.update("Datasets", row, where("name", "d"))
			if err == nil && len(ids) != 1 {
				return fmt.Errorf("write %d: the row is gone", n)
			}
			if err == nil {
				break
			}
			if !errors.Is(err, errDecode) || time.Now().After(deadline) {
				return fmt.Errorf("write %d: %w", n, err)
			}
		}
		<-time.After(tinyPause)
	}
	return nil
}

// TestBesideTinyDB has a process write without rest beside our updates: the component never stays with a broken file, and at the
// end both have their say.
func TestBesideTinyDB(t *testing.T) {
	root := copyClone(t)
	n1, n2 := partyOf(t, root, "config-n1.ini"), partyOf(t, root, "config-n2.ini")
	path := filepath.Join(root, "db.json")
	write(t, path, `{"Datasets": {"1": {"name": "d", "n": 0}}}`)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), tinyVar+"="+path)
	var output strings.Builder
	child.Stdout, child.Stderr = &output, &output
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	registry := OpenRegistry(path, filepath.Join(root, "registry.intent"))
	registry.wait = func(d time.Duration) { <-time.After(d / 20) } // more collisions
	busy := 0
	for i := range tinyUpdates {
		remove := []string{[]string{n1.Component, n2.Component}[i%2]}
		_, err := registry.Update([]mpspdz.Party{[]mpspdz.Party{n2, n1}[i%2]}, remove)
		var e *DatabaseError
		if errors.As(err, &e) {
			busy++
		} else if err != nil {
			t.Error(err)
		}
	}
	// The component now waits for us, should its last truncation have fallen on our document: Update mends that.
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(stdin.Close(), child.Wait()) }()
	for running := true; running; {
		_, _ = registry.Rows()
		select {
		case err := <-ended:
			if running = false; err != nil {
				t.Errorf("the component: %v\n%s", err, output.String())
			}
		default:
		}
	}
	if _, err := registry.Update([]mpspdz.Party{n1, n2}, nil); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tables struct {
		Datasets map[string]struct {
			N    int
			Text string
		}
		Certificates map[string]any
	}
	if err := json.Unmarshal(data, &tables); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	last := tables.Datasets["1"]
	if last.N < 1 || last.Text != tinyDocument(last.N) || len(tables.Certificates) != 2 {
		t.Errorf("%s", data)
	}
	t.Logf("%d of %d updates gave up; the component's last document is its %dth", busy, tinyUpdates, last.N)
}

// TestTruncatedByComponent has the component's write (W) and truncation (T) fall at each place around our write.
func TestTruncatedByComponent(t *testing.T) {
	root := copyClone(t)
	n1 := partyOf(t, root, "config-n1.ini")
	path := filepath.Join(root, "db.json")
	const small, long = `{"D": {"1": {"n": 2}}}`, `{"D": {"1": {"n": 11111111}}}`
	huge := `{"D": {"1": {"n": "` + strings.Repeat("x", 5000) + `"}}}`
	overwrite := func(theirs string) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			_, err = f.WriteAt([]byte(theirs), 0)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	truncate := func(theirs string) {
		if err := os.Truncate(path, int64(len(theirs))); err != nil {
			t.Fatal(err)
		}
	}
	for _, theirs := range []string{small, long, huge} {
		// The points: 0 before our comparison, 1 after our write, 2 within the settling time, 3 after Update.
		for w := range 3 {
			for tr := w; tr < 4; tr++ {
				t.Run(fmt.Sprintf("%d bytes, W%d T%d", len(theirs), w, tr), func(t *testing.T) {
					write(t, path, long)
					registry := OpenRegistry(path, filepath.Join(root, "registry.intent"))
					registry.age = func(fs.FileInfo) time.Duration { return time.Hour }
					at := func(point int) {
						if point == w {
							overwrite(theirs)
						}
						if point == tr {
							truncate(theirs)
						}
					}
					point := 0
					rewrite := registry.rewrite
					registry.rewrite = func(old, new []byte) error {
						if point == 0 {
							at(0)
						}
						err := rewrite(old, new)
						if point == 0 {
							at(1)
							point = 2
						}
						return err
					}
					registry.wait = func(time.Duration) {
						if point == 2 {
							point = 3
							at(2)
						}
					}
					_, err := registry.Update([]mpspdz.Party{n1}, nil)
					if tr == 3 {
						at(3)
						_, err = registry.Update([]mpspdz.Party{n1}, nil)
					}
					if err != nil {
						t.Fatal(err)
					}
					data, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if !json.Valid(data) || !strings.HasPrefix(string(data), strings.TrimSuffix(theirs, "}")) ||
						strings.Count(string(data), n1.Component) != 1 {
						t.Errorf("%.200s", data)
					}
				})
			}
		}
	}
}

// TestMend: what our document can be left as is mended, and nothing else.
func TestMend(t *testing.T) {
	const ours = `{"A": {}, "B": {"1": {}}}`
	for present, want := range map[string]string{
		ours[:7]:                 ours,
		ours[:24]:                ours,
		ours[:7] + "\x00\x00":    ours,
		ours + "\x00\x00":        ours + "  ",
		ours + `{}}`:             ours + "   ",
		`{"C": {}}` + ours[9:]:   `{"C": {}}` + strings.Repeat(" ", len(ours)-9),
		"":                       "",
		"\x00\x00":               "",
		`{"C": {}}` + "}":        "",
		`{"A": {}, "C`:           "",
		`{"C": [}}` + ours[9:]:   "",
		`{"C": "1"}` + ours[10:]: "",
	} {
		whole, ok := mend([]byte(present), []byte(ours))
		if string(whole) != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", present, whole, ok)
		}
	}
}

// TestBackup: the content before the last write is kept, and named where the file is broken in a way that is not ours.
func TestBackup(t *testing.T) {
	root := copyClone(t)
	n1 := partyOf(t, root, "config-n1.ini")
	path, backup := filepath.Join(root, "db.json"), filepath.Join(root, "registry.backup")
	write(t, path, `{"D": {}}`)
	registry := OpenRegistry(path, filepath.Join(root, "registry.intent"))
	registry.wait = func(time.Duration) {}
	if _, err := registry.Update([]mpspdz.Party{n1}, nil); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(backup)
	info, statErr := os.Stat(backup)
	if err := errors.Join(err, statErr); err != nil || string(kept) != `{"D": {}}` || info.Mode() != 0o600 {
		t.Fatalf("%q, %v", kept, err)
	}
	write(t, path, `{"E": {}`)
	_, err = registry.Update([]mpspdz.Party{n1}, nil)
	var e *DatabaseError
	if !errors.As(err, &e) || !strings.Contains(e.Cure, "stop the component and copy "+backup+" over it") {
		t.Errorf("%v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != `{"E": {}` {
		t.Errorf("it was touched: %q, %v", data, err)
	}
}
