package fedbiomed

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"unicode/utf8"
)

// certificates is the registry's table.
const certificates = "Certificates"

// database is the part of a TinyDB file that matters here: where its table lies in the bytes, and the rows of it.
type database struct {
	data  []byte
	root  object
	table *object // nil: there is none
	rows  []object
}

// docID is how TinyDB writes a document's id.
var docID = regexp.MustCompile(`^(?:0|[1-9][0-9]*)$`)

// parseDatabase checks that data is what TinyDB writes: an object of tables, each an object of documents with integer ids, each an
// object; no key twice in those. What lies within the documents of other tables is only JSON. 0 bytes are a new database.
func parseDatabase(data []byte) (*database, error) {
	db := &database{data: data}
	if len(data) == 0 {
		return db, nil
	}
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return nil, errors.New("it begins with a byte order mark")
	}
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	s := &scanner{data: data}
	s.space()
	var err error
	if s.pos < len(data) && data[s.pos] != '{' {
		return nil, errors.New("it does not hold one JSON object")
	}
	if db.root, err = s.object(0); err != nil {
		return nil, err
	}
	if s.space(); s.pos < len(data) {
		return nil, s.fail("something after the end")
	}
	if err := db.root.unique("the table"); err != nil {
		return nil, err
	}
	for _, m := range db.root.members {
		if err := db.readTable(m); err != nil {
			return nil, err
		}
	}
	return db, nil
}

func (db *database) readTable(m member) error {
	where := fmt.Sprintf("table %q", m.name)
	table, err := db.objectAt(m.value, where)
	if err != nil {
		return err
	}
	if err := table.unique(where + ": the document"); err != nil {
		return err
	}
	if m.name == certificates {
		db.table = &table
	}
	for _, doc := range table.members {
		if !docID.MatchString(doc.name) {
			return fmt.Errorf("%s: the document id %q is not an integer", where, doc.name)
		}
		where := fmt.Sprintf("%s: document %s", where, doc.name)
		if db.data[doc.value.start] != '{' {
			return errors.New(where + " is not an object")
		}
		if m.name != certificates {
			continue
		}
		row, err := db.objectAt(doc.value, where)
		if err == nil {
			err = row.unique(where + ": the field")
		}
		if err != nil {
			return err
		}
		db.rows = append(db.rows, row)
	}
	return nil
}

// objectAt lists the members of an object that was walked over before.
func (db *database) objectAt(at span, where string) (object, error) {
	if db.data[at.start] != '{' {
		return object{}, errors.New(where + " is not an object")
	}
	s := &scanner{data: db.data, pos: at.start}
	return s.object(0)
}

// unique says which key stands twice: Python would take the last one and drop the other at its next write.
func (o object) unique(what string) error {
	seen := make(map[string]bool, len(o.members))
	for _, m := range o.members {
		if seen[m.name] {
			return fmt.Errorf("%s %q stands there twice", what, m.name)
		}
		seen[m.name] = true
	}
	return nil
}

// field gives a field's value as text: of a string its text, of a number its digits. Anything else is not ok.
func (db *database) field(row object, name string) (text string, at span, ok bool) {
	for _, m := range row.members {
		if m.name != name {
			continue
		}
		raw := db.data[m.value.start:m.value.end]
		switch c := raw[0]; {
		case c == '"':
			text, err := decodeText(raw)
			return text, m.value, err == nil
		case c == '-' || c >= '0' && c <= '9':
			return string(raw), m.value, true
		}
		return "", m.value, false
	}
	return "", span{}, false
}

// nextID is one more than the highest id in the table, as TinyDB counts.
func (db *database) nextID() *big.Int {
	highest := new(big.Int)
	if db.table != nil {
		for _, m := range db.table.members {
			if id, ok := new(big.Int).SetString(m.name, 10); ok && id.Cmp(highest) > 0 {
				highest = id
			}
		}
	}
	return highest.Add(highest, big.NewInt(1))
}
