package fedbiomed

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

const (
	// reads is how often a database that is not whole is read again: the component may be writing it.
	reads = 5
	// rewrites is how often an edit begins anew because the component wrote meanwhile.
	rewrites = 10
	// writeTime is about what a component's write takes.
	writeTime = 3 * time.Millisecond
	// quiet is how long a database must have been left alone before it is written: between TinyDB's write and its truncation lies
	// an fsync. A component that never rests is not waited for longer than quietReads times quietWait.
	quiet      = 20 * time.Millisecond
	quietReads = 10
	quietWait  = 5 * time.Millisecond
	// settle is when a document of ours is looked at a second time: a truncation that was under way has happened by then.
	settle = 60 * time.Millisecond
)

// Row is a party of the registry, as stored.
type Row struct {
	DocID       string // decimal
	Component   string // party_id
	Kind        string // NODE or RESEARCHER; Fed-BioMed's own `certificate register` is not always right
	IP          string
	Port        string // number or string in the file
	Certificate string // PEM
}

// Registry edits the table Certificates of one component's database in place. Between calls, and on disk between runs, it keeps only
// the document that was written last, to know what the component's truncation left of it. One Registry at a time may write a database,
// and its methods are called one after another; the component's own writes are reckoned with.
type Registry struct {
	path    string
	file    durable.InPlace
	backup  string                            // "" if there is no intent
	written []byte                            // what we wrote last, as long as nobody has put a whole document in its place
	recall  bool                              // written has been looked for on disk
	wait    func(time.Duration)               // between two reads
	age     func(fs.FileInfo) time.Duration   // since the file was written
	load    func(path string) ([]byte, error) // reads the whole file
	rewrite func(old, new []byte) error       // file.Write
	redo    func(present, whole []byte) error // file.Redo
}

// OpenRegistry is about the database at an absolute path; intent is the path of <state>/registry.intent, whose folder exists before
// the first Update; "" is for reading only. Beside it stand, 0600, registry.backup, the last good content before a write, and
// registry.written, the last intent that was carried out. Nothing is opened yet.
func OpenRegistry(database, intent string) *Registry {
	path := filepath.Clean(database)
	r := &Registry{path: path, file: durable.InPlace{Path: path, Intent: intent}, wait: time.Sleep, load: os.ReadFile}
	r.age = func(info fs.FileInfo) time.Duration { return time.Since(info.ModTime()) }
	r.rewrite, r.redo = r.file.Write, r.file.Redo
	if intent != "" {
		state := strings.TrimSuffix(intent, ".intent")
		r.backup, r.file.Kept = state+".backup", state+".written"
	}
	return r
}

// Rows lists the table in its order. It writes nothing, but for mending what the component's truncation left of the last Update.
// Fields that are missing, or neither text nor number, are empty. The error is ErrNoDatabase, a *DatabaseError, or the system's.
func (r *Registry) Rows() ([]Row, error) {
	db, err := r.read()
	if err != nil {
		return nil, err
	}
	var rows []Row
	for i, doc := range db.rows {
		row := Row{DocID: db.table.members[i].name}
		for name, field := range map[string]*string{
			"party_id": &row.Component, "component": &row.Kind, "ip": &row.IP, "port": &row.Port, "certificate": &row.Certificate,
		} {
			*field, _, _ = db.field(doc, name)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Update brings the rows of some parties up to date and removes those of some components; one that is in both stays. A party's
// existing row keeps its document id, unknown fields and place; of several for one party the first is kept; a new row gets the
// highest id plus one. The file is written only if something differs, once unless the component writes at the same time: then
// what it wrote is read and merged again, and what its truncation left of ours is mended. Where something was written it takes a
// tenth of a second. changed names the components whose rows were written or removed. Errors as of Rows; after an error the file
// is as it was, or Recover brings it back.
func (r *Registry) Update(upsert []mpspdz.Party, remove []string) (changed []string, err error) {
	want := make([]party, 0, len(upsert))
	for _, p := range upsert {
		if p.Role != mpspdz.Node && p.Role != mpspdz.Researcher {
			return nil, fmt.Errorf("%s is a %s: only Fed-BioMed's components belong in its registry", p.Component, p.Role)
		}
		want = append(want, newParty(p))
	}
	return r.update(want, remove)
}

func (r *Registry) update(want []party, remove []string) (changed []string, err error) {
	for range rewrites {
		db, err := r.readQuiet()
		if err != nil {
			return nil, err
		}
		data, names := db.splice(want, remove)
		if len(names) == 0 {
			return changed, r.file.Done()
		}
		data = padded(data, len(db.data))
		err = r.write(db.data, data)
		if errors.Is(err, durable.ErrChanged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if !slices.Contains(changed, name) {
				changed = append(changed, name)
			}
		}
		if r.stands(data) {
			return changed, r.file.Done()
		}
	}
	if err := r.file.Done(); err != nil {
		return nil, err
	}
	return nil, &DatabaseError{File: r.path, Problem: "the component keeps writing it", Cure: "try again when it is idle", Err: durable.ErrChanged}
}

// write replaces what the file holds, which is kept beside the intent first.
func (r *Registry) write(old, data []byte) error {
	if r.backup != "" && len(old) > 0 {
		if err := r.file.Disk.WriteFile(r.backup, old, 0o600); err != nil {
			return err
		}
	}
	if err := r.rewrite(old, data); err != nil {
		return r.failed(err)
	}
	r.written, r.recall = data, true
	return nil
}

// stands says whether the file holds what was just written, now and when the component's truncation has had time to happen.
func (r *Registry) stands(data []byte) bool {
	for _, pause := range []time.Duration{0, settle} {
		if pause > 0 {
			r.wait(pause)
		}
		if present, err := r.load(r.path); err != nil || !bytes.Equal(present, data) {
			return false
		}
	}
	return true
}

// readQuiet is read once nobody has written the file for a while, if that can be waited for.
func (r *Registry) readQuiet() (*database, error) {
	for attempt := 1; ; attempt++ {
		db, err := r.read()
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(r.path)
		if err != nil {
			return nil, r.failed(err)
		}
		age := r.age(info)
		recent := age >= 0 && age < quiet || info.Size() != int64(len(db.data))
		if !recent || attempt == quietReads {
			return db, nil
		}
		r.wait(quietWait)
	}
}

// read reads the whole file until it is whole. What stays broken is mended if our last write explains it.
func (r *Registry) read() (*database, error) {
	r.remember()
	var before []byte
	for attempt := 1; ; attempt++ {
		data, err := r.load(r.path)
		if err != nil {
			return nil, r.failed(err)
		}
		db, err := parseDatabase(data)
		if err == nil {
			if r.written != nil && !sameDocument(data, r.written) {
				r.forget()
			}
			return db, nil
		}
		if whole, ok := mend(data, r.written); ok && bytes.Equal(data, before) {
			err := r.redo(data, whole)
			if err == nil {
				return parseDatabase(whole)
			}
			if !errors.Is(err, durable.ErrChanged) {
				return nil, r.failed(err)
			}
		}
		if attempt == reads {
			return nil, r.broken(err)
		}
		before = data
		r.wait(writeTime << attempt)
	}
}

// broken is the error about a file that is no database, with the backup as a cure if there is one.
func (r *Registry) broken(cause error) error {
	cure := "nothing was written: restore the file from a backup, or move it away and let Fed-BioMed make a new one"
	if info, err := os.Stat(r.backup); r.backup != "" && err == nil {
		cure = fmt.Sprintf("nothing was written: stop the component and copy %s over it (its last good content before fbpeer wrote it, %s), "+
			"or move it away and let Fed-BioMed make a new one", r.backup, info.ModTime().UTC().Format(time.RFC3339))
	}
	return &DatabaseError{File: r.path, Problem: "not a database of TinyDB: " + cause.Error(), Cure: cure, Err: cause}
}

// failed makes of a system's error about the database one that names the file and the cure.
func (r *Registry) failed(err error) error {
	var at *fs.PathError
	switch {
	case !errors.As(err, &at) || at.Path != r.path:
		return err // about the intent
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", r.path, ErrNoDatabase)
	case errors.Is(err, fs.ErrPermission):
		return &DatabaseError{File: r.path, Problem: "permission denied", Cure: "run fbpeer as the user that runs the component", Err: err}
	}
	return &DatabaseError{File: r.path, Problem: at.Err.Error(), Cure: "nothing was written: see that [default] db names the component's database", Err: err}
}
