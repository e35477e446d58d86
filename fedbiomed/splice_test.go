package fedbiomed

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fbpeer/internal/testenv"
)

func alice() party {
	return party{id: "NODE_a", certificate: "PEM\n", kind: "NODE", ip: "10.0.0.2", port: "14001"}
}

const aliceRow = `{"certificate": "PEM\n", "party_id": "NODE_a", "component": "NODE", "ip": "10.0.0.2", "port": 14001}`

// TestSplice shows every edit with the bytes around it. The big integers and the odd white space must come through.
func TestSplice(t *testing.T) {
	const big = `{"B": {"1": {"n": 158820908809271716671659880613366104677813341255487834154303909761107215283569995523817, "f": 1E400, "x": NaN, "y": -Infinity, "d": 1.10}}`
	tests := []struct {
		name, before, after string
		want                []party
		remove              []string
		changed             string
	}{
		{"new database", "", `{"Certificates": {"1": ` + aliceRow + `}}`, []party{alice()}, nil, "NODE_a"},
		{"new database, nothing to say", "", "", nil, []string{"NODE_a"}, ""},
		{"empty object", "{ }", `{"Certificates": {"1": ` + aliceRow + `} }`, []party{alice()}, nil, "NODE_a"},
		{"new table at the end", big + " }\n", big + `, "Certificates": {"1": ` + aliceRow + `} }` + "\n", []party{alice()}, nil, "NODE_a"},
		{"into an empty table", big + `, "Certificates": {}}`, big + `, "Certificates": {"1": ` + aliceRow + `}}`, []party{alice()}, nil, "NODE_a"},
		{"table in the middle", `{"Certificates": {}, "Z": {"9": {}}}`, `{"Certificates": {"1": ` + aliceRow + `}, "Z": {"9": {}}}`, []party{alice()}, nil, "NODE_a"},
		{"one more than the highest id", `{"Certificates": {"7": {"party_id": "x"}, "3": {}}}`,
			`{"Certificates": {"7": {"party_id": "x"}, "3": {}, "8": ` + aliceRow + `}}`, []party{alice()}, nil, "NODE_a"},
		{"ids beyond 64 bits", `{"Certificates": {"99999999999999999999": {}}}`,
			`{"Certificates": {"99999999999999999999": {}, "100000000000000000000": ` + aliceRow + `}}`, []party{alice()}, nil, "NODE_a"},
		{"the same already", `{"Certificates": {"4": ` + aliceRow + `}}`, `{"Certificates": {"4": ` + aliceRow + `}}`, []party{alice()}, []string{"gone"}, ""},
		{"the same, port as a string", `{"Certificates": {"4": ` + strings.Replace(aliceRow, "14001", `"14001"`, 1) + `}}`,
			`{"Certificates": {"4": ` + strings.Replace(aliceRow, "14001", `"14001"`, 1) + `}}`, []party{alice()}, nil, ""},
		{"only the values that differ", big + `, "Certificates" : { "4" :{"note":"caf\u00e9", "port":"1", "party_id":"NODE_a","ip":"10.0.0.2" , "component":"RESEARCHER","certificate":"PEM\u000a"} } }`,
			big + `, "Certificates" : { "4" :{"note":"caf\u00e9", "port":14001, "party_id":"NODE_a","ip":"10.0.0.2" , "component":"NODE","certificate":"PEM\u000a"} } }`,
			[]party{alice()}, nil, "NODE_a"},
		{"a value of another kind", `{"Certificates": {"4": ` + strings.Replace(aliceRow, `"10.0.0.2"`, `[{"a": 1}]`, 1) + `}}`,
			`{"Certificates": {"4": ` + aliceRow + `}}`, []party{alice()}, nil, "NODE_a"},
		{"missing fields at the row's end", `{"Certificates": {"4": {"party_id": "NODE_a", "x": 1}}}`,
			`{"Certificates": {"4": {"party_id": "NODE_a", "x": 1, "certificate": "PEM\n", "component": "NODE", "ip": "10.0.0.2", "port": 14001}}}`,
			[]party{alice()}, nil, "NODE_a"},
		{"remove the first", `{"Certificates": {"1": {"party_id": "a"}, "2": {"party_id": "b"}, "3": {"party_id": "c"}}}`,
			`{"Certificates": {"2": {"party_id": "b"}, "3": {"party_id": "c"}}}`, nil, []string{"a"}, "a"},
		{"remove the middle", `{"Certificates": {"1": {"party_id": "a"}, "2": {"party_id": "b"}, "3": {"party_id": "c"}}}`,
			`{"Certificates": {"1": {"party_id": "a"}, "3": {"party_id": "c"}}}`, nil, []string{"b"}, "b"},
		{"remove the last", `{"Certificates": {"1": {"party_id": "a"}, "2": {"party_id": "b"}}}`,
			`{"Certificates": {"1": {"party_id": "a"}}}`, nil, []string{"b"}, "b"},
		{"remove all: TinyDB leaves the table", `{"Certificates": {"1": {"party_id": "a"}, "2": {"party_id": "b"}}, "T": {}}`,
			`{"Certificates": {}, "T": {}}`, nil, []string{"b", "a"}, "b a"},
		{"remove all, add one", `{"Certificates": {"6": {"party_id": "b"}}}`, `{"Certificates": {"7": ` + aliceRow + `}}`, []party{alice()}, []string{"b"}, "NODE_a b"},
		{"a wanted one is not removed", `{"Certificates": {"4": ` + aliceRow + `}}`, `{"Certificates": {"4": ` + aliceRow + `}}`, []party{alice()}, []string{"NODE_a"}, ""},
		{"several rows for one party: the first stays", `{"Certificates": {"1": {"party_id": "NODE_a", "ip": "old"}, "2": {"party_id": "b"}, "3": ` + aliceRow + `}}`,
			`{"Certificates": {"1": {"party_id": "NODE_a", "ip": "10.0.0.2", "certificate": "PEM\n", "component": "NODE", "port": 14001}, "2": {"party_id": "b"}}}`,
			[]party{alice()}, nil, "NODE_a"},
		{"an id written with an escape", `{"Certificates": {"1": {"party_id": "NODE\u005fa"}}}`, `{"Certificates": {}}`, nil, []string{"NODE_a"}, "NODE_a"},
		{"two new ones", `{"Certificates": {}}`, `{"Certificates": {"1": ` + aliceRow + `, "2": ` + strings.Replace(aliceRow, "NODE_a", "NODE_b", 1) + `}}`,
			[]party{alice(), {id: "NODE_b", certificate: "PEM\n", kind: "NODE", ip: "10.0.0.2", port: "14001"}}, nil, "NODE_a NODE_b"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db, err := parseDatabase([]byte(test.before))
			if err != nil {
				t.Fatal(err)
			}
			data, changed := db.splice(test.want, test.remove)
			if string(data) != test.after {
				t.Errorf("got  %s\nwant %s", data, test.after)
			}
			if got := strings.Join(changed, " "); got != test.changed {
				t.Errorf("changed %q, want %q", got, test.changed)
			}
			again, err := parseDatabase(data)
			if err != nil {
				t.Fatalf("the result does not parse: %v", err)
			}
			if _, changed := again.splice(test.want, test.remove); len(changed) != 0 {
				t.Errorf("a second edit changes %v", changed)
			}
		})
	}
}

// TestNotTinyDB lists what is refused, with the reason that a person sees.
func TestNotTinyDB(t *testing.T) {
	tests := []struct{ name, data, problem string }{
		{"array", `[{"a": 1}]`, "it does not hold one JSON object"},
		{"null", `null`, "it does not hold one JSON object"},
		{"white space only", " \n", "not JSON: no object at byte 2"},
		{"byte order mark", "\xef\xbb\xbf{}", "it begins with a byte order mark"},
		{"not UTF-8", "{\"a\xff\": {}}", "it is not UTF-8"},
		{"list for a table", `{"Certificates": [{"party_id": "a"}]}`, `table "Certificates" is not an object`},
		{"list for another table", `{"T": []}`, `table "T" is not an object`},
		{"id that is a word", `{"Certificates": {"one": {}}}`, `table "Certificates": the document id "one" is not an integer`},
		{"id with a leading zero", `{"Certificates": {"01": {}}}`, `table "Certificates": the document id "01" is not an integer`},
		{"id in another table", `{"T": {"1.5": {}}}`, `table "T": the document id "1.5" is not an integer`},
		{"document that is a list", `{"Certificates": {"1": []}}`, `table "Certificates": document 1 is not an object`},
		{"table twice", `{"Certificates": {}, "Certificates": {}}`, `the table "Certificates" stands there twice`},
		{"table twice, escaped", `{"Certificates": {}, "\u0043ertificates": {}}`, `the table "Certificates" stands there twice`},
		{"document twice", `{"T": {"1": {}, "1": {}}}`, `table "T": the document "1" stands there twice`},
		{"field twice", `{"Certificates": {"1": {"ip": "a", "ip": "b"}}}`, `table "Certificates": document 1: the field "ip" stands there twice`},
		{"torn", `{"Certificates": {"1": {"ip": "a`, "not JSON: a string without an end at byte 32"},
		{"trailing", `{"Certificates": {}}}`, "not JSON: something after the end at byte 20"},
		{"comma at the end", `{"T": {},}`, "not JSON: no string at byte 9"},
		{"single quotes", `{'T': {}}`, "not JSON: no string at byte 1"},
		{"control character", "{\"T\n\": {}}", "not JSON: a control character in a string at byte 3"},
		{"escape", `{"T\q": {}}`, `not JSON: invalid character 'q' in string escape code at byte 1`},
		{"escape in a value of another table", `{"T": {"1": {"n": "\q"}}}`, `not JSON: invalid character 'q' in string escape code at byte 18`},
		{"half an escape in a value", `{"T": {"1": {"n": ["\u00"]}}}`, `not JSON: invalid character '"' in \u hexadecimal character escape at byte 19`},
		{"leading zero", `{"T": {"1": {"n": 01}}}`, "not JSON: no value at byte 18"},
		{"too deep", `{"T": {"1": {"n": ` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}}}`, "not JSON: too deeply nested at byte 516"},
		{"backslash at the end", `{"\`, "not JSON: a string without an end at byte 3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parseDatabase([]byte(test.data)); err == nil || err.Error() != test.problem {
				t.Errorf("got %v, want %s", err, test.problem)
			}
		})
	}
}

// TestEveryTornFixture: no beginning of a real database passes for a whole one.
func TestEveryTornFixture(t *testing.T) {
	whole := readFixture(t, "registered")
	for n := 1; n < len(whole); n++ {
		if _, err := parseDatabase(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a database", n, len(whole))
		}
	}
}

func readFixture(t testing.TB, which string) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", which, "var", "db_RESEARCHER_*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPythonWritesTheSame edits databases here and in Python, as TinyDB does it (json.loads, change, json.dumps), and compares bytes.
func TestPythonWritesTheSame(t *testing.T) {
	python := testenv.NeedProgram(t, "python3")
	const edit = `
import json, sys
def twice(o):
    db = json.loads(o) if o else {}
    rows = db.setdefault("Certificates", {})
    new = dict(certificate=sys.argv[1], party_id=sys.argv[2], component="NODE", ip="10.0.0.2", port=14001)
    for row in rows.values():
        if row.get("party_id") == sys.argv[2]:
            row.update(new)
            break
    else:
        rows[str(max([0] + [int(k) for k in rows]) + 1)] = new
    return json.dumps(db)
sys.stdout.write(twice(sys.stdin.read()))`
	for _, before := range [][]byte{nil, readFixture(t, "clone"), readFixture(t, "registered")} {
		for _, p := range []party{
			alice(),
			{id: "NODE_b", certificate: "\"\\\b\f\n\r\t\x01\x1f \x7f~é€\u2028😀/<>&", kind: "NODE", ip: "10.0.0.2", port: "14001"},
		} {
			command := exec.Command(python, "-c", edit, p.certificate, p.id)
			command.Stdin = bytes.NewReader(before)
			want, err := command.Output()
			if err != nil {
				t.Fatal(err)
			}
			db, err := parseDatabase(before)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := db.splice([]party{p}, nil); !bytes.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			before = want
		}
	}
}

// FuzzSplice: what Go's own JSON reader takes for a database of TinyDB's shape goes through an edit with everything else kept to the
// byte, and comes out as JSON with that row in it.
func FuzzSplice(f *testing.F) {
	f.Add([]byte(`{"T": {"1": {"n": 123456789012345678901234567890, "e": 1e5}}, "Certificates": {"2": {"party_id": "NODE_a"}, "9": {}}}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(" {\"a\" :{ \"5\":{\"x\":[1,2,{\"y\":null}]}}\n} "))
	f.Add(readFixture(f, "clone"))
	f.Add(readFixture(f, "registered"))
	f.Fuzz(func(t *testing.T, data []byte) {
		db, err := parseDatabase(data)
		if err != nil || len(data) == 0 {
			return
		}
		edited, _ := db.splice([]party{alice()}, []string{"NODE_z"})
		again, err := parseDatabase(edited)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, edited, err)
		}
		found := 0
		for _, row := range again.rows {
			if id, _, _ := again.field(row, "party_id"); id == "NODE_a" {
				found++
			}
		}
		if found != 1 {
			t.Fatalf("%q became %q: %d rows of NODE_a", data, edited, found)
		}
		for _, m := range db.root.members {
			if m.name != certificates && !bytes.Contains(edited, data[m.key.start:m.value.end]) {
				t.Fatalf("%q became %q: table %s changed", data, edited, m.name)
			}
		}
		removed, _ := again.splice(nil, []string{"NODE_a"})
		if _, err := parseDatabase(removed); err != nil {
			t.Fatalf("%q became %q: %v", edited, removed, err)
		}
		if json.Valid(data) && !json.Valid(edited) {
			t.Fatalf("%q became %q", data, edited)
		}
	})
}
