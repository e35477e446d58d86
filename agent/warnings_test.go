package agent

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sourceOf parses the files of a folder that are not tests.
func sourceOf(t *testing.T, dirs ...string) (*token.FileSet, []*ast.File) {
	t.Helper()
	set := token.NewFileSet()
	var names []string
	for _, dir := range dirs {
		in, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, in...)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return set, files
}

// codesOf are the string constants of a folder whose names begin so, by name.
func codesOf(t *testing.T, dir, prefix string) map[string]string {
	t.Helper()
	_, files := sourceOf(t, dir)
	codes := map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				if code, err := strconv.Unquote(literal.Value); err == nil {
					codes[spec.Names[0].Name] = code
				}
			}
			return true
		})
	}
	return codes
}

// worded is a warning as the code words it.
type worded struct{ code, text string }

// wordings finds every place where a warning is made: a literal with a Code, or a call whose first argument is one.
func wordings(t *testing.T, codes map[string]string) []worded {
	t.Helper()
	set, files := sourceOf(t, ".", "notify")
	source := func(n ast.Node) string {
		var b bytes.Buffer
		if err := printer.Fprint(&b, set, n); err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`\s+`).ReplaceAllString(b.String(), " ")
	}
	codeIn := func(e ast.Expr) (string, bool) {
		selector, ok := e.(*ast.SelectorExpr)
		if !ok {
			return "", false
		}
		code, ok := codes[selector.Sel.Name]
		return code, ok && source(selector.X) == "api"
	}
	var all []worded
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				code, text := "", ""
				for _, element := range n.Elts {
					field, ok := element.(*ast.KeyValueExpr)
					if !ok {
						continue
					}
					switch name := source(field.Key); name {
					case "Code":
						code, _ = codeIn(field.Value)
					case "Text", "Cure":
						text += "\n  " + strings.ToLower(name) + " " + source(field.Value)
					}
				}
				if code != "" {
					all = append(all, worded{code, text})
				}
			case *ast.CallExpr:
				if len(n.Args) < 2 {
					return true
				}
				if code, ok := codeIn(n.Args[0]); ok {
					text := ""
					for _, argument := range n.Args[1:] {
						text += "\n  " + source(argument)
					}
					all = append(all, worded{code, text})
				}
			}
			return true
		})
	}
	slices.SortFunc(all, func(a, b worded) int { return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.text, b.text)) })
	return all
}

// TestEveryWarningHasAText: each code of package api is worded here or has its text in trust/testdata/decisions.golden, and what all
// of them say is as in testdata/warnings.golden (UPDATE_GOLDEN=1 writes it): a new code, or another text, is not added in passing.
func TestEveryWarningHasAText(t *testing.T) {
	codes := codesOf(t, "api", "Warn")
	if len(codes) < 30 {
		t.Fatalf("only %d codes were found", len(codes))
	}
	decided := map[string]bool{}
	for _, code := range codesOf(t, filepath.Join("..", "trust"), "Code") {
		decided[code] = true
	}
	all := wordings(t, codes)
	var b strings.Builder
	for _, w := range all {
		b.WriteString(w.code + w.text + "\n")
	}
	for name, code := range codes {
		if !decided[code] && !slices.ContainsFunc(all, func(w worded) bool { return w.code == code && w.text != "" }) {
			t.Errorf("%s (%s) is never worded: give it a text, or remove it", name, code)
		}
	}
	path := filepath.Join("testdata", "warnings.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the warnings differ from %s (UPDATE_GOLDEN=1 writes it):\n%s", path, b.String())
	}
}
