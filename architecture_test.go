// Package fbpeer_test holds what is true of the module as a whole.
package fbpeer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "fbpeer"
	page   = "docs/architecture.md"
)

// room is one row of the table in docs/architecture.md.
type room struct {
	path string   // relative to the module
	may  []string // rooms that it may import
}

// sourceFile is one Go file and what it imports of ours, as paths relative to the module.
type sourceFile struct {
	name    string // for messages
	pkg     string // relative to the module
	test    bool
	imports []string
}

// TestImportPicture holds every source file to the table: docs and check are one.
func TestImportPicture(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := parseRooms(string(text))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	files := listFiles(t)
	for _, f := range files {
		for _, wrong := range violations(rooms, f) {
			t.Error(wrong)
		}
	}
	for _, r := range rooms {
		if !slices.ContainsFunc(files, func(f sourceFile) bool { return f.pkg == r.path }) {
			t.Errorf("%s has a row for %s/, but there is no such package", page, r.path)
		}
	}
}

// violations names what a file imports that its row does not allow.
func violations(rooms []room, f sourceFile) []string {
	at := slices.IndexFunc(rooms, func(r room) bool { return r.path == f.pkg })
	if at < 0 {
		return []string{fmt.Sprintf("%s: package %s has no row in %s", f.name, f.pkg, page)}
	}
	var wrong []string
	may := slices.Clone(rooms[at].may)
	if f.test { // it makes real values to test with
		for _, r := range rooms[:at+1] {
			may = append(may, r.path)
		}
	}
	for _, path := range f.imports {
		if !slices.Contains(may, path) {
			wrong = append(wrong, fmt.Sprintf("%s: imports %s, which %s/ may not (%s)", f.name, path, f.pkg, page))
		}
	}
	return wrong
}

// parseRooms reads the first table of the page whose head begins with "room".
func parseRooms(text string) ([]room, error) {
	_, table, found := strings.Cut(text, "\n| room | owns | may import |")
	if !found {
		return nil, errors.New("no table of rooms")
	}
	var rooms []room
	for _, line := range strings.Split(table, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if len(cells) != 4 {
			return nil, fmt.Errorf("%q: not four cells", line)
		}
		path := strings.TrimSuffix(strings.Trim(cells[0], " `"), "/")
		r := room{path: path}
		switch may := strings.TrimSpace(cells[2]); may {
		case "nothing of ours":
		case "every room above":
			for _, above := range rooms {
				r.may = append(r.may, above.path)
			}
		default:
			for _, name := range strings.Split(may, ",") {
				name = strings.Trim(name, " `")
				if !slices.ContainsFunc(rooms, func(above room) bool { return above.path == name }) {
					return nil, fmt.Errorf("%s/ may import %q, which is no room above it", path, name)
				}
				r.may = append(r.may, name)
			}
		}
		rooms = append(rooms, r)
	}
	return rooms, nil
}

// listFiles asks the go command for the module's packages and reads the imports of each of their files, for any platform.
func listFiles(t *testing.T) []sourceFile {
	t.Helper()
	output, err := exec.Command("go", "list", "-e", "-json", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var files []sourceFile
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p struct {
			Dir, ImportPath                                    string
			GoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		err := decoder.Decode(&p)
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath == module {
			continue // this file
		}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.TestGoFiles, p.XTestGoFiles) {
			files = append(files, readImports(t, strings.TrimPrefix(p.ImportPath, module+"/"), filepath.Join(p.Dir, name)))
		}
	}
}

func readImports(t *testing.T, pkg, path string) sourceFile {
	t.Helper()
	f := sourceFile{name: pkg + "/" + filepath.Base(path), pkg: pkg, test: strings.HasSuffix(path, "_test.go")}
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if ours, isOurs := strings.CutPrefix(imported, module+"/"); isOurs {
			f.imports = append(f.imports, ours)
		}
	}
	return f
}

// The check itself: it sees what is wrong, and says file and import.
func TestViolations(t *testing.T) {
	rooms, err := parseRooms(`
| room | owns | may import | does I/O |
| --- | --- | --- | --- |
| ` + "`low/`" + ` | a | nothing of ours | no |
| ` + "`other/`" + ` | a | nothing of ours | no |
| ` + "`mid/inner/`" + ` | a | ` + "`low`" + ` | no |
| ` + "`top/`" + ` | a | every room above | no |

| ` + "`after/`" + ` | of another table | nothing of ours | no |
`)
	if err != nil || len(rooms) != 4 {
		t.Fatalf("%+v, %v", rooms, err)
	}
	for _, test := range []struct {
		file sourceFile
		want string // a part of the only message; empty for none
	}{
		{sourceFile{name: "low/a.go", pkg: "low"}, ""},
		{sourceFile{name: "low/a.go", pkg: "low", imports: []string{"other"}}, "low/a.go: imports other"},
		{sourceFile{name: "low/a_test.go", pkg: "low", test: true, imports: []string{"low"}}, ""},
		{sourceFile{name: "low/a_test.go", pkg: "low", test: true, imports: []string{"top"}}, "low/a_test.go: imports top"},
		{sourceFile{name: "mid/inner/a_test.go", pkg: "mid/inner", test: true, imports: []string{"other", "mid/inner"}}, ""},
		{sourceFile{name: "mid/inner/a.go", pkg: "mid/inner", imports: []string{"low"}}, ""},
		{sourceFile{name: "mid/inner/a.go", pkg: "mid/inner", imports: []string{"low", "top"}}, "imports top"},
		{sourceFile{name: "top/a.go", pkg: "top", imports: []string{"low", "other", "mid/inner"}}, ""},
		{sourceFile{name: "top/a.go", pkg: "top", imports: []string{"low/hidden"}}, "imports low/hidden"},
		{sourceFile{name: "new/a.go", pkg: "new"}, "package new has no row"},
	} {
		got := violations(rooms, test.file)
		switch {
		case test.want == "" && len(got) > 0, test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
			t.Errorf("%+v: %q, want %q", test.file, got, test.want)
		}
	}
	for _, bad := range []string{
		"no table",
		"\n| room | owns | may import | does I/O |\n| --- |\n| `a/` | x | `b` | no |\n| `b/` | x | nothing of ours | no |\n",
		"\n| room | owns | may import | does I/O |\n| --- |\n| `a/` | nothing of ours |\n",
	} {
		if rooms, err := parseRooms(bad); err == nil {
			t.Errorf("%q: read as %+v", bad, rooms)
		}
	}
}
