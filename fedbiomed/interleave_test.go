package fedbiomed

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var oneInterleaving = flag.Uint64("interleaving", 0, "play only the interleaving of this seed, and show it")

// TestInterleavings plays ten thousand random interleavings of TinyDB's system calls with ours (a tenth under -short and under the
// race detector, for which one goroutine has nothing), on real files. The component and Fed-BioMed's commands insert, update and
// remove rows; we bring rows up to date, and are killed in every fourth, also in the middle of our write and while recovering. Our last
// comparison and our write are one step, and so is reading and putting back in Recover; everything else may fall between everything
// else, and our reads may see half of a write. At the end no row of either is lost, and the file is what TinyDB itself would have
// written, but for blanks at its end.
//
// On a slow disk the component's truncation may come later than we look; then the file can be broken until our next look mends it.
// On the others it is whole as soon as both rest.
func TestInterleavings(t *testing.T) {
	dir := fastFolder(t)
	if seed := *oneInterleaving; seed != 0 {
		x := newInterleaving(t, dir, seed, true)
		x.play()
		x.show(t)
		return
	}
	n := uint64(10_000)
	if testing.Short() || raced {
		n /= 10
	}
	const parts = 4
	var sums [parts]outcome
	t.Run("parts", func(t *testing.T) {
		for part := range uint64(parts) {
			t.Run(strconv.FormatUint(part, 10), func(t *testing.T) {
				t.Parallel()
				for seed := part + 1; seed <= n; seed += parts {
					sums[part].add(playSeed(t, filepath.Join(dir, strconv.FormatUint(part, 10)), seed))
				}
			})
		}
	})
	var sum outcome
	for _, part := range sums {
		sum.add(part)
	}
	t.Logf("%+v", sum)
	if !t.Failed() && (sum.MetBroken == 0 || sum.IDs == 0 || sum.Restored == 0 || sum.GaveUp == 0 || sum.Overtaken == 0 || sum.Mended == 0) {
		t.Error("some kind of collision never came about: the test proves less than it says")
	}
}

// playSeed plays one, and once more to show it if it went wrong.
func playSeed(t *testing.T, dir string, seed uint64) outcome {
	x := newInterleaving(t, dir, seed, false)
	x.play()
	if len(x.wrong) > 0 {
		again := newInterleaving(t, dir, seed, true)
		again.play()
		again.show(t)
		t.Fatalf("seed %d (repeat with -interleaving=%d): %s", seed, seed, strings.Join(x.wrong, "; "))
	}
	return x.outcome
}

// fastFolder is in memory where that can be had: what is tested is the order of calls, not the disk.
func fastFolder(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "fbpeer-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// outcome counts what happened in interleavings.
type outcome struct {
	Operations, Updates int
	MetBroken           int // operations of the component that met a broken file and raised JSONDecodeError
	IDs                 int // those that raised ValueError because we had taken the id
	Killed, Restored    int // how often we were killed, and had to put something right after it
	GaveUp              int // updates that ended in an error about the database
	Overtaken           int // runs after which rows of ours were missing until the next update: read before, written after our look
	Mended              int // runs after which the file was broken until the next update
}

func (o *outcome) add(p outcome) {
	o.Operations += p.Operations
	o.Updates += p.Updates
	o.MetBroken += p.MetBroken
	o.IDs += p.IDs
	o.Killed += p.Killed
	o.Restored += p.Restored
	o.GaveUp += p.GaveUp
	o.Overtaken += p.Overtaken
	o.Mended += p.Mended
}

// interleaving is one of them. The component is a coroutine that rests before each of its system calls; we are the main line, and let
// it go on at each point where it could.
type interleaving struct {
	outcome
	*rand.Rand
	path, intent string
	slow         bool // the component's disk
	lazy         int  // how seldom the component goes on
	traced       bool
	trace        []string
	wrong        []string

	resume func() (call string, running bool)
	stop   func()
	at     string        // the call that the component makes next; "" when it has ended
	fresh  time.Duration // how long we must wait until the file's last change is no longer recent

	tables map[string]*dict // the component's own tables, as they must be
	hand   map[string]*dict // rows that were registered by hand, by party
	want   map[string]party // our rows, as they shall be
	dieIn  int              // steps of ours until we are killed; 0: never
	new    []byte           // what we are about to write
}

// ourParties are ours; "NODE_gone" is one that we remove.
var ourParties = []string{"NODE_a", "NODE_b", "RESEARCHER_c"}

// killed is what our code is left with where a process would end.
type killed struct{}

func newInterleaving(t *testing.T, dir string, seed uint64, traced bool) *interleaving {
	x := &interleaving{Rand: rand.New(rand.NewPCG(seed, 4)), path: filepath.Join(dir, "db.json"), intent: filepath.Join(dir, "registry.intent"),
		tables: map[string]*dict{}, hand: map[string]*dict{}, want: map[string]party{}, traced: traced}
	x.slow, x.lazy = x.IntN(2) == 0, 2+x.IntN(12)
	if x.IntN(4) == 0 {
		x.dieIn = 1 + x.IntN(25)
	}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(x.path, []byte(x.start()), 0o600); err != nil {
		t.Fatal(err)
	}
	x.resume, x.stop = iter.Pull(x.component)
	return x
}

// start is what the file holds at first.
func (x *interleaving) start() string {
	if x.IntN(8) == 0 {
		return "" // a new component
	}
	x.tables["SecaggBiprime"] = newDict("1", newDict("n", strings.Repeat("1", 40), "parties", nil))
	tables := newDict("SecaggBiprime", x.tables["SecaggBiprime"])
	if x.IntN(2) == 0 {
		x.hand["NODE_hand"] = x.row("NODE_hand")
		tables.set(certificates, newDict("2", x.hand["NODE_hand"], "7", x.row("NODE_gone")))
	}
	return pyDumps(tables) + strings.Repeat(" ", x.IntN(2)*x.IntN(300))
}

// row is one as Fed-BioMed's command writes it, with some values.
func (x *interleaving) row(id string) *dict {
	return newDict("certificate", "PEM of "+strings.Repeat("x", x.IntN(50))+"\n", "party_id", id, "component", "RESEARCHER",
		"ip", "10.0.0."+strconv.Itoa(x.IntN(255)), "port", 14000+x.IntN(10))
}

func (x *interleaving) note(format string, args ...any) {
	if x.traced {
		x.trace = append(x.trace, fmt.Sprintf(format, args...))
	}
}

func (x *interleaving) show(t *testing.T) {
	data, err := os.ReadFile(x.path)
	t.Logf("%s\nthe file at the end: %s %v\n%+v\n%s", strings.Join(x.trace, "\n"), data, err, x.outcome, strings.Join(x.wrong, "\n"))
}

// component is the life of one, with the commands that its operator runs beside it.
func (x *interleaving) component(yield func(string) bool) {
	db := x.open(yield)
	defer db.file.Close()
	for range 1 + x.IntN(5) {
		if x.IntN(2) == 0 {
			x.work(db)
		} else {
			command := x.open(yield)
			x.command(command)
			command.file.Close()
		}
	}
}

func (x *interleaving) open(yield func(string) bool) *tinyDB {
	db, err := openTinyDB(x.path)
	if err != nil {
		x.wrong = append(x.wrong, err.Error())
	}
	going := true
	db.step = func(call string) { going = going && yield(call) }
	db.cut = func(n int) int {
		if n > 1 && x.IntN(4) == 0 {
			return 1 + x.IntN(n-1)
		}
		return n
	}
	return db
}

// work is what the component does in its own tables. What it was told to have done must be there at the end.
func (x *interleaving) work(db *tinyDB) {
	name := []string{"Datasets", "NodeState"}[x.IntN(2)]
	shadow := x.tables[name]
	if shadow == nil {
		shadow = newDict()
	}
	document := newDict("name", string(rune('a'+x.IntN(3))), "text", strings.Repeat("é", x.IntN(50)), "n", x.IntN(1000))
	cond := where("name", string(rune('a'+x.IntN(3))))
	op := []string{"insert", "insert", "update", "remove"}[x.IntN(4)]
	x.note("component: %s in %s", op, name)
	var err error
	switch op {
	case "insert":
		var id int
		if id, err = db.insert(name, document); err == nil {
			shadow.set(strconv.Itoa(id), document)
		}
	case "update":
		if _, err = db.update(name, document, cond); err == nil {
			for _, id := range shadow.keys {
				if cond(shadow.object(id)) {
					shadow.object(id).update(document)
				}
			}
		}
	case "remove":
		if _, err = db.remove(name, cond); err == nil {
			for _, id := range slices.Clone(shadow.keys) {
				if cond(shadow.object(id)) {
					shadow.pop(id)
				}
			}
		}
	}
	if x.done(err) {
		x.tables[name] = shadow
	}
}

// command is one of the operator's, in a process of its own: certificate register --upsert or certificate delete, of a party by hand,
// of one of ours, of one that we remove.
func (x *interleaving) command(db *tinyDB) {
	id := slices.Concat(ourParties, []string{"NODE_gone", "NODE_hand", "NODE_hand", "NODE_hand2"})[x.IntN(7)]
	ofHand := strings.HasPrefix(id, "NODE_hand")
	if x.IntN(3) == 0 {
		x.note("command: delete %s", id)
		if _, err := db.remove(certificates, where("party_id", id)); x.done(err) {
			delete(x.hand, id)
		}
		return
	}
	row := x.row(id)
	x.note("command: register %s", id)
	if x.done(db.register(row)) && ofHand {
		x.hand[id] = row
	}
}

// done counts an operation; one that raised has done nothing, and whoever called it knows.
func (x *interleaving) done(err error) bool {
	x.Operations++
	switch {
	case err == nil:
		return true
	case errors.Is(err, errDecode):
		x.MetBroken++
	case errors.Is(err, errExists):
		x.IDs++
	default:
		x.wrong = append(x.wrong, err.Error())
	}
	x.note("  raised %v", err)
	return false
}

// advance lets the component make one call.
func (x *interleaving) advance() {
	if strings.HasPrefix(x.at, "write") || x.at == "ftruncate" {
		x.fresh = quiet
	}
	x.at, _ = x.resume()
	if x.at != "" {
		x.note("  component is before %s", x.at)
	}
}

// give lets the component go on for a while.
func (x *interleaving) give() {
	for x.IntN(x.lazy) == 0 {
		for x.IntN(3) > 0 {
			x.advance()
		}
	}
}

// registry is ours, with every point at which others may come between.
func (x *interleaving) registry() *Registry {
	r := OpenRegistry(x.path, x.intent)
	r.file.Disk.Step = x.step
	r.backup = "" // one file less that nobody looks at here
	r.rewrite = func(old, new []byte) error {
		x.new = new
		return r.file.Write(old, new)
	}
	r.redo = func(present, whole []byte) error {
		x.new = whole
		return r.file.Redo(present, whole)
	}
	r.load = x.load
	r.age = func(fs.FileInfo) time.Duration {
		age := quiet - x.fresh
		x.give()
		return age
	}
	r.wait = func(d time.Duration) {
		x.note("we wait %v", d)
		x.fresh = max(0, x.fresh-d)
		x.give()
		for !x.slow && d == settle && (x.at == "write on" || x.at == "fsync" || x.at == "ftruncate") {
			x.advance()
		}
	}
	return r
}

// step is before each of our system calls on disk. The component's write holds the file's lock, so ours comes before or after it.
// "open" is where Recover reads what it then puts back.
func (x *interleaving) step(call string) error {
	if call != "pwrite" && !strings.HasSuffix(call, "back") {
		x.give()
	}
	for (call == "pread" || call == "open") && x.at == "write on" {
		x.advance()
	}
	x.note("we: %s", call)
	if x.dieIn == 0 {
		return nil
	}
	if x.dieIn--; x.dieIn > 0 {
		return nil
	}
	if call == "pwrite" && x.IntN(2) == 0 {
		if err := x.tear(x.IntN(len(x.new))); err != nil {
			return err
		}
	}
	panic(killed{})
}

// tear writes the first bytes of what is about to be written. Where chance makes a database of the mixture, a component that reads it
// before Recover does takes it for one, and nothing can help: not that.
func (x *interleaving) tear(k int) error {
	present, err := os.ReadFile(x.path)
	if err != nil {
		return err
	}
	mixture := slices.Concat(x.new[:k], present[min(k, len(present)):])
	if _, err := parseDatabase(mixture); err == nil {
		return nil
	}
	x.note("  %d of %d bytes", k, len(x.new))
	return os.WriteFile(x.path, mixture, 0o600)
}

// load reads as os.ReadFile does, or sees the component between two parts.
func (x *interleaving) load(path string) ([]byte, error) {
	x.give()
	first := 1 << 30
	if x.IntN(4) == 0 {
		first = x.IntN(2000)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if first < len(data) {
		x.note("we read %d bytes", first)
		x.give()
		again, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		data = append(data[:first:first], again[min(first, len(again)):]...)
	}
	x.note("we read the rest, %d bytes in all", len(data))
	x.give()
	return data, nil
}

// play runs one to its end and looks at what is left.
func (x *interleaving) play() {
	defer x.stop()
	r := x.registry()
	for range 1 + x.IntN(2) {
		x.give()
		for !x.survives(func() { x.update(r) }) {
			for r = x.registry(); !x.survives(func() { x.recover(r) }); r = x.registry() {
			}
		}
	}
	x.dieIn = 0
	for x.advance(); x.at != ""; {
		x.advance()
	}
	x.rest(r)
}

// survives says whether we were not killed meanwhile. Whoever was is started anew, and may be killed again.
func (x *interleaving) survives(f func()) (alive bool) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case killed:
			x.note("killed")
			x.Killed++
			x.dieIn = x.IntN(2) * x.IntN(20)
			x.give()
		default:
			panic(p)
		}
	}()
	f()
	return true
}

func (x *interleaving) recover(r *Registry) {
	text, err := r.Recover()
	if err != nil {
		x.wrong = append(x.wrong, err.Error())
	}
	if text != "" {
		x.Restored++
		x.note("recovered: %s", text)
	}
}

// update brings some of our rows up to date.
func (x *interleaving) update(r *Registry) {
	var want []party
	for _, id := range ourParties {
		p, ok := x.want[id]
		if !ok || x.IntN(3) == 0 {
			p = party{id: id, certificate: "PEM" + strings.Repeat("y", x.IntN(100)) + "\n", kind: "NODE", ip: "10.0.0.2", port: strconv.Itoa(14000 + x.IntN(10))}
			x.want[id] = p
		}
		want = append(want, p)
	}
	x.Updates++
	changed, err := r.update(want, []string{"NODE_gone"})
	x.note("we changed %v (%v)", changed, err)
	var e *DatabaseError
	if errors.As(err, &e) {
		x.GaveUp++
	} else if err != nil {
		x.wrong = append(x.wrong, err.Error())
	}
}

// rest looks at the file when the component rests: as it is, and after our next update.
func (x *interleaving) rest(r *Registry) {
	if data, err := os.ReadFile(x.path); err != nil {
		x.wrong = append(x.wrong, err.Error())
	} else if _, err := pyLoads(data); err != nil && len(data) > 0 {
		x.Mended++
		if !x.slow {
			x.wrong = append(x.wrong, fmt.Sprintf("the file is left torn: %v", err))
		}
	} else if !x.slow {
		r = x.registry() // nothing of what we remember is needed
		x.recover(r)
	}
	want := make([]party, 0, len(x.want))
	for _, id := range ourParties {
		want = append(want, x.want[id])
	}
	changed, err := r.update(want, []string{"NODE_gone"})
	if err != nil {
		x.wrong = append(x.wrong, err.Error())
		return
	}
	if len(changed) > 0 {
		x.Overtaken++
	}
	data, err := os.ReadFile(x.path)
	if err != nil {
		x.wrong = append(x.wrong, err.Error())
		return
	}
	value, err := pyLoads(data)
	if err != nil {
		x.wrong = append(x.wrong, err.Error())
		return
	}
	x.compare(value.(*dict), strings.TrimRight(string(data), " "))
}

// compare holds what is there against what must be.
func (x *interleaving) compare(tables *dict, text string) {
	if pyDumps(tables) != text {
		x.wrong = append(x.wrong, "TinyDB would write it otherwise")
	}
	for name, table := range x.tables {
		if got := tables.values[name]; got == nil || pyDumps(got) != pyDumps(table) {
			x.wrong = append(x.wrong, fmt.Sprintf("the component's table %s must be %s", name, pyDumps(table)))
		}
	}
	rows := tables.object(certificates)
	if len(rows.keys) != len(ourParties)+len(x.hand) {
		x.wrong = append(x.wrong, fmt.Sprintf("%d rows of %d", len(rows.keys), len(ourParties)+len(x.hand)))
	}
	for _, id := range rows.keys {
		row := rows.object(id)
		name, _ := row.values["party_id"].(string)
		if p, ours := x.want[name]; ours {
			port := strings.Trim(pyDumps(row.values["port"]), `"`)
			if row.values["certificate"] != p.certificate || row.values["ip"] != p.ip || port != p.port || row.values["component"] != p.kind {
				x.wrong = append(x.wrong, fmt.Sprintf("our row of %s is %s", name, pyDumps(row)))
			}
		} else if x.hand[name] == nil || pyDumps(x.hand[name]) != pyDumps(row) {
			x.wrong = append(x.wrong, fmt.Sprintf("a row of %s is %s", name, pyDumps(row)))
		}
	}
}
