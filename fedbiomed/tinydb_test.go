package fedbiomed

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tinyDB is a model of TinyDB 4.7 with its JSONStorage, byte for byte and system call for system call (seen with strace, CPython 3.11,
// documents of 100 to 40,000 bytes): one open handle for the life of the object; reading is the size, then one read of the whole;
// writing is one write from the beginning, one fsync, one truncation to the position after it. Each table has a counter of its own for
// document ids, which is set when it is first needed and never looked up again.
//
// Not modelled: the query cache, which Fed-BioMed switches off or goes past where parties are looked up.
type tinyDB struct {
	file *os.File
	next map[string]int
	// step is called before each system call that another process can notice; "write on" is the rest of a call that is half done.
	step func(call string)
	// cut says how many of n bytes are written before others may read: what one call writes need not be seen at once.
	cut func(n int) int
}

var (
	errExists = errors.New("ValueError: document with this id already exists")
	errDecode = errors.New("JSONDecodeError")
)

// openTinyDB is TinyDB(path) in a process of its own.
func openTinyDB(path string) (*tinyDB, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	return &tinyDB{file: f, next: map[string]int{}, step: func(string) {}, cut: func(n int) int { return n }}, err
}

// read is JSONStorage.read; nil is None, for an empty file.
func (db *tinyDB) read() (*dict, error) {
	db.step("size")
	size, err := db.file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return nil, err
	}
	db.step("read")
	data, err := io.ReadAll(io.NewSectionReader(db.file, 0, 1<<40))
	if err != nil {
		return nil, err
	}
	value, err := pyLoads(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDecode, err)
	}
	return value.(*dict), nil
}

// write is JSONStorage.write.
func (db *tinyDB) write(tables *dict) error {
	data := []byte(pyDumps(tables))
	db.step("write")
	for at := 0; at < len(data); {
		end := at + db.cut(len(data)-at)
		if _, err := db.file.WriteAt(data[at:end], int64(at)); err != nil {
			return err
		}
		if at = end; at < len(data) {
			db.step("write on")
		}
	}
	db.step("fsync")
	if err := db.file.Sync(); err != nil {
		return err
	}
	db.step("ftruncate")
	return db.file.Truncate(int64(len(data)))
}

// readTable is Table._read_table.
func (db *tinyDB) readTable(name string) (*dict, error) {
	tables, err := db.read()
	if err != nil || tables == nil || tables.values[name] == nil {
		return newDict(), err
	}
	return tables.object(name), nil
}

// updateTable is Table._update_table. Ids that int() and str() do not give back as they were are none of TinyDB's.
func (db *tinyDB) updateTable(name string, updater func(table *dict) error) error {
	tables, err := db.read()
	if err != nil {
		return err
	}
	if tables == nil {
		tables = newDict()
	}
	if tables.values[name] == nil {
		tables.set(name, newDict())
	}
	if err := updater(tables.object(name)); err != nil {
		return err
	}
	return db.write(tables)
}

// nextID is Table._get_next_id.
func (db *tinyDB) nextID(name string) (int, error) {
	if db.next[name] == 0 {
		table, err := db.readTable(name)
		if err != nil {
			return 0, err
		}
		highest := 0
		for _, id := range table.keys {
			n, err := strconv.Atoi(id)
			if err != nil {
				return 0, err
			}
			highest = max(highest, n)
		}
		db.next[name] = highest + 1
	}
	id := db.next[name]
	db.next[name]++
	return id, nil
}

// insert is Table.insert. Where the counter is behind, TinyDB refuses and the counter moves on.
func (db *tinyDB) insert(name string, document *dict) (id int, err error) {
	if id, err = db.nextID(name); err != nil {
		return 0, err
	}
	return id, db.updateTable(name, func(table *dict) error {
		if _, ok := table.values[strconv.Itoa(id)]; ok {
			return errExists
		}
		table.set(strconv.Itoa(id), document)
		return nil
	})
}

// update is Table.update(fields, cond): it writes even where nothing matches.
func (db *tinyDB) update(name string, fields *dict, cond func(document *dict) bool) (ids []string, err error) {
	err = db.updateTable(name, func(table *dict) error {
		for _, id := range table.keys {
			if document := table.object(id); cond(document) {
				ids = append(ids, id)
				document.update(fields)
			}
		}
		return nil
	})
	return ids, err
}

// remove is Table.remove(cond): it writes even where nothing matches.
func (db *tinyDB) remove(name string, cond func(document *dict) bool) (ids []string, err error) {
	err = db.updateTable(name, func(table *dict) error {
		for _, id := range slices.Clone(table.keys) {
			if cond(table.object(id)) {
				ids = append(ids, id)
				table.pop(id)
			}
		}
		return nil
	})
	return ids, err
}

// where is Query().field == text.
func where(field, text string) func(*dict) bool {
	return func(document *dict) bool { return document.values[field] == text }
}

// register is CertificateManager.insert(upsert=True) of Fed-BioMed v5.2.0: look, then insert or update.
func (db *tinyDB) register(row *dict) error {
	id := row.values["party_id"].(string)
	table, err := db.readTable(certificates)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(table.keys, func(key string) bool { return where("party_id", id)(table.object(key)) }) {
		_, err = db.update(certificates, row, where("party_id", id))
		return err
	}
	_, err = db.insert(certificates, row)
	return err
}

// TestModelMakesFixtures: the model makes of each database of the fixture what certificate-dev-setup of v5.2.0 made of it.
func TestModelMakesFixtures(t *testing.T) {
	for _, id := range []string{researcherID, node1ID, node2ID} {
		name := "db_" + id + ".json"
		want, err := os.ReadFile(filepath.Join("testdata", "registered", "var", name))
		if err != nil {
			t.Fatal(err)
		}
		value, err := pyLoads(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := pyDumps(value); got != string(want) {
			t.Errorf("%s: read and written:\ngot  %s\nwant %s", name, got, want)
		}
		path := filepath.Join(copyClone(t), "var", name)
		db, err := openTinyDB(path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.file.Close()
		rows := value.(*dict).object(certificates)
		for _, row := range rows.keys {
			if err := db.register(rows.object(row)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s: registered:\ngot  %s\nwant %s (%v)", name, got, want, err)
		}
	}
}

// recorded is one line of testdata/tinydb-4.7.1.jsonl: an operation, and what TinyDB itself had in its file after it.
type recorded struct {
	Op, Table, Field, Equals string
	Document                 json.RawMessage
	Result                   string // the ids, joined by blanks, or the exception's class
	File                     string
}

// TestModelAgainstTinyDB plays what TinyDB 4.7.1 was seen to do (CPython 3.11, one handle, one process; "outside" is a writer beside it
// that adds a row to a table) and compares the file after each operation.
func TestModelAgainstTinyDB(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "tinydb-4.7.1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := filepath.Join(t.TempDir(), "db.json")
	db, err := openTinyDB(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.file.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if got := db.play(t, r); got != r.Result {
			t.Errorf("line %d: %s gave %q, want %q", n+1, r.Op, got, r.Result)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != r.File {
			t.Fatalf("line %d, %s:\ngot  %s\nwant %s (%v)", n+1, r.Op, got, r.File, err)
		}
	}
	if err := lines.Err(); err != nil || n < 50 {
		t.Errorf("%d operations, %v", n, err)
	}
}

func (db *tinyDB) play(t *testing.T, r recorded) string {
	t.Helper()
	var document *dict
	if len(r.Document) > 0 {
		value, err := pyLoads(r.Document)
		if err != nil {
			t.Fatal(err)
		}
		document = value.(*dict)
	}
	var ids []string
	var err error
	switch r.Op {
	case "insert":
		var id int
		id, err = db.insert(r.Table, document)
		ids = []string{strconv.Itoa(id)}
	case "update":
		ids, err = db.update(r.Table, document, where(r.Field, r.Equals))
	case "remove":
		ids, err = db.remove(r.Table, where(r.Field, r.Equals))
	case "outside":
		err = os.WriteFile(db.file.Name(), []byte(r.File), 0o644)
	default:
		t.Fatalf("what is %q?", r.Op)
	}
	switch {
	case errors.Is(err, errExists):
		return "ValueError"
	case errors.Is(err, errDecode):
		return "JSONDecodeError"
	case err != nil:
		t.Fatal(err)
	}
	return strings.Join(ids, " ")
}
