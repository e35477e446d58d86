package fedbiomed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// Registry edits the table Certificates of one component's database in place. It keeps nothing between calls. One Registry at a
// time may write a database; the component's own writes are reckoned with.
type Registry struct {
	path, intent string
	wait         func(time.Duration) // between two reads
	rewrite      func(path string, old, new []byte, intent string) error
}

// OpenRegistry is about the database at an absolute path; intent is the path of <state>/registry.intent, whose folder exists before the first
// Update. Nothing is opened yet.
func OpenRegistry(database, intent string) *Registry {
	return &Registry{path: filepath.Clean(database), intent: intent, wait: time.Sleep, rewrite: durable.Rewrite}
}

// Recover puts right what a crash within Update left. text says what was done, "" if there was nothing to do. Call it before the
// first Update.
func (r *Registry) Recover() (text string, err error) {
	found, err := durable.Recover(r.intent)
	switch {
	case err != nil:
		return "", err
	case found.Restored:
		return fmt.Sprintf("%s: an interrupted write was undone", found.Path), nil
	case found.Left:
		return fmt.Sprintf("%s: others changed it after an interrupted write, so it was left alone; what it held before is in %s",
			found.Path, found.Kept), nil
	}
	return "", nil
}

// Rows lists the table in its order. Fields that are missing, or neither text nor number, are empty. The error is ErrNoDatabase, a
// *DatabaseError, or the system's.
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
// highest id plus one. The file is written once, and only if something differs. changed names the components whose rows were
// written or removed. Errors as of Rows; after an error the file is as it was, or Recover brings it back.
func (r *Registry) Update(upsert []mpspdz.Party, remove []string) (changed []string, err error) {
	want := make([]party, 0, len(upsert))
	for _, p := range upsert {
		if p.Role != mpspdz.Node && p.Role != mpspdz.Researcher {
			return nil, fmt.Errorf("%s is a %s: only Fed-BioMed's components belong in its registry", p.Component, p.Role)
		}
		want = append(want, newParty(p))
	}
	for range rewrites {
		db, err := r.read()
		if err != nil {
			return nil, err
		}
		data, changed := db.splice(want, remove)
		if len(changed) == 0 {
			return nil, nil
		}
		err = r.rewrite(r.path, db.data, data, r.intent)
		if err == nil {
			return changed, nil
		}
		if !errors.Is(err, durable.ErrChanged) {
			return nil, r.failed(err)
		}
	}
	return nil, &DatabaseError{File: r.path, Problem: "the component keeps writing it", Cure: "nothing was written: try again when it is idle",
		Err: durable.ErrChanged}
}

// read reads the whole file until it is whole.
func (r *Registry) read() (*database, error) {
	for attempt := 1; ; attempt++ {
		data, err := os.ReadFile(r.path)
		if err != nil {
			return nil, r.failed(err)
		}
		db, err := parseDatabase(data)
		if err == nil {
			return db, nil
		}
		if attempt == reads {
			return nil, &DatabaseError{File: r.path, Problem: "not a database of TinyDB: " + err.Error(),
				Cure: "nothing was written: restore the file from a backup, or move it away and let Fed-BioMed make a new one", Err: err}
		}
		r.wait(writeTime << attempt)
	}
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
