package inidoc_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/ini.v1"

	"fbpeer/internal/inidoc"
)

func parse(t *testing.T, text string, d inidoc.Dialect) *inidoc.Document {
	t.Helper()
	doc, err := inidoc.Parse("f.ini", []byte(text), d)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// dump shows everything that a document says, one key a line.
func dump(d *inidoc.Document) string {
	var b strings.Builder
	for _, s := range d.Sections() {
		fmt.Fprintf(&b, "[%s]\n", s)
		for _, k := range d.Keys(s) {
			v, _ := d.Get(s, k)
			fmt.Fprintf(&b, "%s=%q\n", k, v)
		}
	}
	return b.String()
}

func TestOursValuesAreVerbatim(t *testing.T) {
	values := []string{
		``, `plain`, `"a"`, `'a'`, `"""a"""`, `"""a`, `a"""`, "`a`", "`a", `a ; b`, `a # b`, `; a`, `#`, `a\`, `\`, `a \; b`,
		`%(x)s`, `100%`, `a = b`, `: a`, `-`, `[a]`, `a  b`, `ä ß 漢`, `"`, `""`, `"""`, `""""""`, "\u00a0x\u00a0",
	}
	for _, v := range values {
		for _, form := range []string{"[s]\nk = %s\nnext = 1\n", "[s]\nk=%s  \t\nnext = 1\n", "[s]\r\nk\t=\t%s\r\nnext = 1\r\n"} {
			doc := parse(t, fmt.Sprintf(form, v), inidoc.Ours)
			if got, ok := doc.Get("s", "k"); !ok || got != v {
				t.Errorf("value %q in %q reads %q", v, form, got)
			}
			if got, _ := doc.Get("s", "next"); got != "1" {
				t.Errorf("after value %q the next line reads %q", v, got)
			}
		}
	}
}

func TestOursErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no section", "k = v\n", `f.ini:1: "k" stands above the first [section]`},
		{"duplicate section", "[a]\n\n[a]\n", "f.ini:3: section [a] stands twice, first in line 1"},
		{"duplicate key", "[a]\nk = 1\n; c\nk = 2\n", `f.ini:4: "k" stands twice in [a], first in line 2`},
		{"no separator", "[a]\nk\n", `f.ini:2: "k" is neither a comment, nor a [section], nor key = value`},
		{"colon", "[a]\nk: v\n", `f.ini:2: "k: v" is neither`},
		{"upper-case key", "[a]\nKey = v\n", `f.ini:2: "Key" is not a key`},
		{"auto-increment key", "[a]\n- = v\n", `f.ini:2: "-" is not a key`},
		{"quoted key", "[a]\n\"k\" = v\n", "is not a key"},
		{"empty key", "[a]\n= v\n", `f.ini:2: "" is not a key`},
		{"continuation", "[a]\nk = v\n  w\n", "f.ini:3: the line is indented"},
		{"indented key", "[a]\n k = v\n", "f.ini:2: the line is indented"},
		{"after the bracket", "[a] ; comment\n", `f.ini:1: "[a] ; comment" is not a section`},
		{"unclosed", "[a\n", `f.ini:1: "[a" is not a section`},
		{"empty section", "[]\n", "is not a section"},
		{"blank section", "[ a ]\n", "is not a section"},
		{"brackets", "[a]]\n", "is not a section"},
		{"NUL", "[a]\nk = v\x00\n", "f.ini:2: a NUL byte"},
		{"control", "[a]\nk = a\x1bb\n", "f.ini:2: control character U+001B"},
		{"control in comment", "; \x1b[31m\n", "f.ini:1: control character U+001B"},
		{"tab in value", "[a]\nk = a\tb\n", "f.ini:2: control character U+0009"},
		{"lone CR", "[a]\nk = a\rb\n", "f.ini:2: control character U+000D"},
		{"CR CR LF", "[a]\nk = a\r\r\n", "f.ini:2: a carriage return that ends no line"},
		{"CR at the end", "[a]\r", "f.ini:1: a carriage return that ends no line"},
		{"BOM", "\ufeff[a]\n", "f.ini:1: the file begins with a byte order mark"},
		{"not UTF-8", "[a]\nk = \xff\n", "f.ini:2: not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := inidoc.Parse("f.ini", []byte(tt.text), inidoc.Ours)
			var e *inidoc.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLookups(t *testing.T) {
	doc := parse(t, "; top\n[b.c]\nk = 1\n\n[b]\nl = 2\n[DEFAULT]\nm = 3\n", inidoc.Ours)
	if got := doc.Sections(); !slices.Equal(got, []string{"b.c", "b", "DEFAULT"}) {
		t.Errorf("sections %q", got)
	}
	// ini.v1 would find l of [b] in [b.c], and m of [DEFAULT] nowhere else
	if _, ok := doc.Get("b.c", "l"); ok {
		t.Error("[b.c] takes keys from [b]")
	}
	if _, ok := doc.Get("b", "m"); ok {
		t.Error("[b] takes keys from [DEFAULT]")
	}
	for _, tt := range []struct {
		section, key string
		want         int
	}{{"b.c", "", 2}, {"b.c", "k", 3}, {"b", "", 5}, {"b", "l", 6}, {"b", "k", 0}, {"x", "", 0}, {"x", "k", 0}, {"B", "", 0}} {
		if got := doc.Line(tt.section, tt.key); got != tt.want {
			t.Errorf("Line(%q, %q) = %d, want %d", tt.section, tt.key, got, tt.want)
		}
	}
	if err := doc.Errorf("b", "absent", "no %s", "key"); err.Error() != "f.ini:5: no key" {
		t.Errorf("Errorf: %v", err)
	}
	if doc.File() != "f.ini" || doc.Keys("absent") != nil {
		t.Errorf("file %q, keys of an absent section %q", doc.File(), doc.Keys("absent"))
	}
	if err := (&inidoc.Error{File: "f.ini", Text: "x"}); err.Error() != "f.ini: x" {
		t.Errorf("an error without a line: %v", err)
	}
	var zero inidoc.Document
	if zero.Has("a") || len(zero.Sections()) != 0 || len(zero.Bytes()) != 0 {
		t.Error("the zero document is not empty")
	}
}

const trustText = `; the operator's list
; second line

; nice is in the east
[nice]
status      = approved
note        = "quoted" ; kept

# a remark on its own

; about lyon
[lyon]
status = denied
; below the last key

; at the end
`

func TestEdits(t *testing.T) {
	start := parse(t, trustText, inidoc.Ours)
	set := func(section, key, value string) func() (*inidoc.Document, error) {
		return func() (*inidoc.Document, error) { return start.Set(section, key, value) }
	}
	deleted := func(section string) func() (*inidoc.Document, error) {
		return func() (*inidoc.Document, error) { return start.DeleteSection(section) }
	}
	tests := []struct {
		name     string
		edit     func() (*inidoc.Document, error)
		old, new string // the only piece that changes
	}{
		{"replace", set("nice", "status", "revoked"), "status      = approved", "status      = revoked"},
		{"replace same", set("nice", "status", "approved"), "", ""},
		{"empty value", set("nice", "status", ""), "status      = approved", "status      = "},
		{"add aligned", set("nice", "alias", "n"), "; kept\n", "; kept\nalias       = n\n"},
		{"add long", set("lyon", "certificate", "c"), "= denied\n", "= denied\ncertificate = c\n"},
		{"add section", set("paris", "status", "denied"), "; at the end\n", "; at the end\n\n[paris]\nstatus = denied\n"},
		{"delete first", deleted("nice"),
			"; nice is in the east\n[nice]\nstatus      = approved\nnote        = \"quoted\" ; kept\n\n", ""},
		{"delete last", deleted("lyon"), "; about lyon\n[lyon]\nstatus = denied\n; below the last key\n\n", ""},
		{"delete absent", deleted("nowhere"), "", ""},
		{"delete key", func() (*inidoc.Document, error) { return start.DeleteKey("nice", "status") }, "status      = approved\n", ""},
		{"delete absent key", func() (*inidoc.Document, error) { return start.DeleteKey("nice", "x") }, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.edit()
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(trustText, tt.old, tt.new, 1); string(got.Bytes()) != want {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
			}
			if string(start.Bytes()) != trustText {
				t.Error("the edit changed the document it was made from")
			}
		})
	}
}

func TestEditSmallTexts(t *testing.T) {
	tests := []struct{ name, text, section, key, value, want string }{
		{"empty", "", "a", "k", "v", "[a]\nk = v\n"},
		{"no final newline", "[a]\nk = v", "a", "l", "w", "[a]\nk = v\nl = w\n"},
		{"CRLF", "[a]\r\nk = v\r\n", "b", "l", "w", "[a]\r\nk = v\r\n\r\n[b]\r\nl = w\r\n"},
		{"CRLF value", "[a]\r\nk = v\r\n", "a", "k", "w", "[a]\r\nk = w\r\n"},
		{"dense", "[a]\nk=v\n", "a", "k", "w", "[a]\nk=w\n"},
		{"fill empty", "[a]\nk =\nl = 1\n", "a", "k", "w", "[a]\nk = w\nl = 1\n"},
		{"trailing blanks stay", "[a]\nk = v  \n", "a", "k", "w", "[a]\nk = w  \n"},
		{"section without keys", "[a]\n\n[b]\n", "a", "k", "v", "[a]\nk = v\n\n[b]\n"},
	}
	for _, tt := range tests {
		got, err := parse(t, tt.text, inidoc.Ours).Set(tt.section, tt.key, tt.value)
		if err != nil || string(got.Bytes()) != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got.Bytes(), err, tt.want)
		}
	}
	doc, err := new(inidoc.Document).SetAll("a", inidoc.Option{Key: "k", Value: "v"}, inidoc.Option{Key: "long_key", Value: ""})
	if want := "[a]\nk        = v\nlong_key =\n"; err != nil || string(doc.Bytes()) != want {
		t.Errorf("SetAll: got %q, %v, want %q", doc.Bytes(), err, want)
	}
	back, err := doc.DeleteSection("a")
	if err != nil || len(back.Bytes()) != 0 {
		t.Errorf("deleting the only section leaves %q, %v", back.Bytes(), err)
	}
}

func TestEditsRefuse(t *testing.T) {
	for _, d := range []inidoc.Dialect{inidoc.Ours, inidoc.Python} {
		for _, bad := range [][3]string{
			{"s", "k", "a\nb"}, {"s", "k", "a\r"}, {"s", "k", " a"}, {"s", "k", "a\t"}, {"s", "k", "\x00"}, {"s", "k", "\xff"},
			{"", "k", "v"}, {"s\n[t", "k", "v"}, {"s", "", "v"}, {"s", "a=b", "v"}, {"s", "k\nl", "v"}, {"s", "[k]", "v"}, {"s", ";k", "v"},
		} {
			doc := parse(t, "[s]\nx = 1\n", d)
			var e *inidoc.Error
			if got, err := doc.Set(bad[0], bad[1], bad[2]); !errors.As(err, &e) {
				t.Errorf("dialect %d: Set(%q) gave %v, %v", d, bad, got, err)
			}
		}
	}
}

// TestAgreesWithIni compares with ini.v1 reading the same text by itself, where it has no liberty to take.
func TestAgreesWithIni(t *testing.T) {
	doc := parse(t, trustText, inidoc.Ours)
	f, err := ini.LoadSources(ini.LoadOptions{IgnoreInlineComment: true, IgnoreContinuation: true}, []byte(trustText))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Sections() {
		if got, want := doc.Keys(s), f.Section(s).KeyStrings(); !slices.Equal(got, want) {
			t.Errorf("[%s] has %q, ini.v1 says %q", s, got, want)
		}
		for _, k := range doc.Keys(s) {
			if got, _ := doc.Get(s, k); got != f.Section(s).Key(k).Value() {
				t.Errorf("[%s] %s = %q, ini.v1 says %q", s, k, got, f.Section(s).Key(k).Value())
			}
		}
	}
}

// FuzzDocument: what parses keeps its bytes, and what is set reads back and changes nothing else.
func FuzzDocument(f *testing.F) {
	f.Add(trustText, 0, "nice", "alias", "v")
	f.Add("[a]\r\nk=\r\n", 0, "a", "k", `"""`)
	f.Add("[a]\nk: 1\n  2\n\n  3\n[DEFAULT]\nx = %(k)s\n", 1, "a", "k", "50%")
	f.Add("  [a]\n  k: 1\n [b]\n", 1, "b", "k", "=")
	f.Fuzz(func(t *testing.T, text string, dialect int, section, key, value string) {
		d := inidoc.Dialect(dialect & 1)
		doc, err := inidoc.Parse("f", []byte(text), d)
		if err != nil {
			var e *inidoc.Error
			if !errors.As(err, &e) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		if string(doc.Bytes()) != text {
			t.Fatalf("Bytes gives %q for %q", doc.Bytes(), text)
		}
		next, err := doc.Set(section, key, value)
		if err != nil {
			return
		}
		if got, ok := next.Get(section, key); !ok || got != value {
			t.Fatalf("set %q, read %q", value, got)
		}
		if d == inidoc.Python { // another option may interpolate the changed one
			return
		}
		for _, s := range doc.Sections() {
			for _, k := range doc.Keys(s) {
				want, _ := doc.Get(s, k)
				if got, _ := next.Get(s, k); got != want && (s != section || k != key) {
					t.Fatalf("[%s] %s was %q and is %q", s, k, want, got)
				}
			}
		}
	})
}
