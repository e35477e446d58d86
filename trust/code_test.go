package trust_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryCodeHasAText: each code of code.go stands in decisions.golden with its text, and no reason is made with another code.
func TestEveryCodeHasAText(t *testing.T) {
	texts, err := os.ReadFile(filepath.Join("testdata", "decisions.golden"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name, code := range constantsOf(t, "code.go") {
		names[name] = true
		if !regexp.MustCompile(`(?m)^  (\(the other side\) )?` + regexp.QuoteMeta(code) + `: .`).Match(texts) {
			t.Errorf("%s (%s) has no row in TestDecide", name, code)
		}
	}
	if len(names) < 30 {
		t.Fatalf("only %d codes were found", len(names))
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if name, is := typeName(literal); ok && is && name == "Reason" {
				for _, element := range literal.Elts {
					field, keyed := element.(*ast.KeyValueExpr)
					if !keyed {
						t.Errorf("%s: a Reason without field names", file)
					} else if value, text := field.Value.(*ast.BasicLit); text && fmt.Sprint(field.Key) == "Code" {
						t.Errorf("%s: code %s is no constant of code.go", file, value.Value)
					}
				}
			}
			return true
		})
	}
}

func typeName(literal *ast.CompositeLit) (string, bool) {
	if literal == nil {
		return "", false
	}
	name, ok := literal.Type.(*ast.Ident)
	if !ok {
		return "", false
	}
	return name.Name, true
}

// constantsOf reads the string constants of a file whose names begin with Code.
func constantsOf(t *testing.T, file string) map[string]string {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, declaration := range parsed.Decls {
		constants, ok := declaration.(*ast.GenDecl)
		if !ok || constants.Tok != token.CONST {
			continue
		}
		for _, spec := range constants.Specs {
			value := spec.(*ast.ValueSpec)
			if name := value.Names[0].Name; strings.HasPrefix(name, "Code") {
				if all[name], err = strconv.Unquote(value.Values[0].(*ast.BasicLit).Value); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return all
}
