package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptTinyDB does what Fed-BioMed's own commands do to the table Certificates of a database: read, change, write from the beginning,
// truncate.
//
//	tinydb register DB ID PEM IP PORT    as `certificate register`, which takes every upper-case id for a researcher's
//	tinydb delete DB ID                  as `certificate delete`
func scriptTinyDB(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: tinydb register DB ID PEM IP PORT, or tinydb delete DB ID")
	}
	path, id := ts.MkAbs(args[1]), args[2]
	var tables map[string]json.RawMessage
	data, err := os.ReadFile(path)
	ts.Check(err)
	if len(data) == 0 {
		data = []byte("{}")
	}
	ts.Check(json.Unmarshal(data, &tables))
	rows := map[string]json.RawMessage{}
	if table := tables["Certificates"]; table != nil {
		ts.Check(json.Unmarshal(table, &rows))
	}
	highest := 0
	for document, raw := range rows {
		var row tinyRow
		ts.Check(json.Unmarshal(raw, &row))
		if row.PartyID == id {
			delete(rows, document)
		}
		n, err := strconv.Atoi(document)
		ts.Check(err)
		highest = max(highest, n)
	}
	switch {
	case args[0] == "register" && len(args) == 6:
		row, err := json.Marshal(tinyRow{Certificate: ts.ReadFile(args[3]), PartyID: id, Component: "RESEARCHER", IP: args[4], Port: json.RawMessage(args[5])})
		ts.Check(err)
		rows[strconv.Itoa(highest+1)] = row
	case args[0] == "delete" && len(args) == 3:
	default:
		ts.Fatalf("tinydb %v", args)
	}
	tables["Certificates"], err = json.Marshal(rows)
	ts.Check(err)
	data, err = json.Marshal(tables)
	ts.Check(err)
	ts.Check(writeInPlace(path, data))
}

func writeInPlace(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return fmt.Errorf("%w, %w", err, f.Close())
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return fmt.Errorf("%w, %w", err, f.Close())
	}
	return f.Close()
}

// releaseID is the id in the configurations of releases.
var releaseID = regexp.MustCompile(`(?m)^id = (.+)$`)

// scriptRelease makes the root of one component as a release of Fed-BioMed does, with package fedbiomed's record of what each writes.
//
//	release 4.2 node ROOT        ROOT/etc/config.ini, key and certificate, an empty database; RELEASE_ID is its id
func scriptRelease(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: release RELEASE ROLE ROOT")
	}
	root := ts.MkAbs(args[2])
	text, err := os.ReadFile(filepath.Join(ts.Getenv("FIXTURES"), "..", "..", "..", "fedbiomed", "testdata", "releases", args[0]+"-"+args[1]+".ini"))
	ts.Check(err)
	id := string(releaseID.FindSubmatch(text)[1])
	certificates := filepath.Join(root, "etc", "certs", "cert_"+id)
	for _, folder := range []string{certificates, filepath.Join(root, "var")} {
		ts.Check(os.MkdirAll(folder, 0o755))
	}
	ts.Check(fedbiomedPair(certificates))
	ts.Check(os.WriteFile(filepath.Join(root, "var", "db_"+id+".json"), nil, 0o644))
	ts.Check(os.WriteFile(filepath.Join(root, "etc", "config.ini"), text, 0o644))
	ts.Setenv("RELEASE_ID", id)
}
