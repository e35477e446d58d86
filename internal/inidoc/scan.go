package inidoc

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner walks the lines and finds the structure.
type scanner struct {
	doc     *Document
	current *section
	last    *option // Python: whose value a deeper indented line continues
	indent  int     // Python: of the last header or option, in runes
}

// scan finds sections, options and their lines; values are as they stand, not yet interpolated.
func scan(file string, data []byte, dialect Dialect) (*Document, error) {
	s := &scanner{doc: &Document{file: file, dialect: dialect, byName: map[string]*section{}}}
	text := string(data)
	if strings.HasPrefix(text, "\ufeff") {
		return nil, s.errorf(0, "the file begins with a byte order mark: save it as UTF-8 without one")
	}
	s.doc.lines = splitLines(text, dialect)
	for i, line := range s.doc.lines {
		if !utf8.ValidString(line) {
			return nil, s.errorf(i, "not UTF-8: save the file as UTF-8")
		}
		if strings.ContainsRune(line, 0) {
			return nil, s.errorf(i, "a NUL byte: this is not a text file")
		}
		take := s.ours
		if dialect == Python {
			take = s.python
		}
		if err := take(i, strings.TrimRight(line, "\r\n")); err != nil {
			return nil, err
		}
	}
	return s.doc, nil
}

// splitLines cuts text after each line ending. A carriage return alone ends a line in Python's text files, and in ours is a control
// character.
func splitLines(text string, dialect Dialect) []string {
	var lines []string
	for text != "" {
		n := strings.IndexByte(text, '\n') + 1
		if n == 0 {
			n = len(text)
		}
		if dialect == Python {
			if cr := strings.IndexByte(text[:n], '\r'); cr >= 0 && cr+2 != n {
				n = cr + 1
			} else if cr >= 0 && text[n-1] != '\n' {
				n = cr + 1
			}
		}
		lines = append(lines, text[:n])
		text = text[n:]
	}
	return lines
}

const blanks = " \t"

// ours takes one line of dialect Ours.
func (s *scanner) ours(i int, text string) error {
	trimmed := strings.Trim(text, blanks)
	if line := s.doc.lines[i]; strings.HasSuffix(line, "\r\r\n") || strings.HasSuffix(line, "\r") {
		return s.errorf(i, "a carriage return that ends no line (control character U+000D)")
	}
	comment := trimmed == "" || isComment(trimmed)
	if r, found := controlIn(text, comment); found {
		return s.errorf(i, "control character %U", r)
	}
	switch {
	case comment:
		return nil
	case strings.IndexAny(text, blanks) == 0:
		return s.errorf(i, "the line is indented: there are no continuation lines, begin it at the margin")
	case text[0] == '[':
		if err := checkSectionName(strings.TrimSuffix(trimmed[1:], "]"), Ours); err != nil || !strings.HasSuffix(trimmed, "]") {
			return s.errorf(i, "%q is not a section: write [name], and nothing after it", trimmed)
		}
		return s.openSection(i, trimmed[1:len(trimmed)-1])
	}
	eq := strings.IndexByte(text, '=')
	if eq < 0 {
		return s.errorf(i, "%q is neither a comment, nor a [section], nor key = value", trimmed)
	}
	name := strings.TrimRight(text[:eq], blanks)
	if err := checkKey(name, Ours); err != nil {
		return s.errorf(i, "%v", err)
	}
	return s.addOption(i, name, eq, blanks)
}

// controlIn finds a control character in a line. Tabs are allowed in comments, at the ends, and around the first =.
func controlIn(text string, comment bool) (rune, bool) {
	key, value, _ := strings.Cut(text, "=")
	for _, part := range []string{strings.Trim(key, blanks), strings.Trim(value, blanks)} {
		for _, r := range part {
			if unicode.IsControl(r) && (r != '\t' || !comment) {
				return r, true
			}
		}
	}
	return 0, false
}

// isComment: s is without leading space.
func isComment(s string) bool { return s[0] == ';' || s[0] == '#' }

// python takes one line as configparser's _read does (CPython 3.11, Lib/configparser.py).
func (s *scanner) python(i int, text string) error {
	trimmed := strings.TrimFunc(text, isPythonSpace)
	if trimmed == "" {
		if s.last != nil {
			s.last.raw += "\n"
		}
		return nil
	}
	if isComment(trimmed) {
		return nil
	}
	indent := utf8.RuneCountInString(text) - utf8.RuneCountInString(strings.TrimLeftFunc(text, isPythonSpace))
	if s.last != nil && indent > s.indent {
		s.last.raw += "\n" + trimmed
		s.last.more = append(s.last.more, i)
		return nil
	}
	s.indent = indent
	if trimmed[0] == '[' {
		if end := strings.LastIndexByte(trimmed, ']'); end > 1 {
			return s.openSection(i, trimmed[1:end])
		}
	}
	eq := strings.IndexAny(text, "=:")
	switch {
	case s.current == nil:
		return s.errorf(i, "%q stands above the first [section]", trimmed)
	case eq < 0:
		return s.errorf(i, "%q has neither = nor :", trimmed)
	}
	name := strings.ToLower(strings.TrimFunc(text[:eq], isPythonSpace))
	if name == "" {
		return s.errorf(i, "%q has no option name", trimmed)
	}
	return s.addOption(i, name, eq, "")
}

// isPythonSpace is str.isspace.
func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// openSection begins a section. Python allows [DEFAULT] more than once.
func (s *scanner) openSection(i int, name string) error {
	s.last = nil
	if s.doc.dialect == Python && name == "DEFAULT" {
		if s.doc.defaults == nil {
			s.doc.defaults = newSection(name, i)
		}
		s.current = s.doc.defaults
		s.current.headers++
		return nil
	}
	if first := s.doc.byName[name]; first != nil {
		return s.errorf(i, "section [%s] stands twice, first in line %d: keep one", show(name), first.line+1)
	}
	s.current = newSection(name, i)
	s.current.headers++
	s.doc.sections = append(s.doc.sections, s.current)
	s.doc.byName[name] = s.current
	return nil
}

func newSection(name string, line int) *section {
	return &section{name: name, line: line, byName: map[string]*option{}}
}

// addOption notes a key and the place of its value. cutset are the blanks around a value; empty: Python's white space.
func (s *scanner) addOption(i int, name string, eq int, cutset string) error {
	if s.current == nil {
		return s.errorf(i, "%q stands above the first [section]", name)
	}
	if first := s.current.byName[name]; first != nil {
		return s.errorf(i, "%q stands twice in [%s], first in line %d: keep one", name, show(s.current.name), first.line+1)
	}
	text := strings.TrimRight(s.doc.lines[i], "\r\n")
	space := isPythonSpace
	if cutset != "" {
		space = func(r rune) bool { return strings.ContainsRune(cutset, r) }
	}
	rest := strings.TrimLeftFunc(text[eq+1:], space)
	value := strings.TrimRightFunc(rest, space)
	o := &option{name: name, line: i, eq: eq, start: len(text) - len(rest), raw: value}
	o.end = o.start + len(value)
	s.current.own = append(s.current.own, o)
	s.current.byName[name] = o
	s.last = o
	return nil
}

// errorf makes an error at a line, counted from 0.
func (s *scanner) errorf(i int, format string, args ...any) error {
	return &Error{File: s.doc.file, Line: i + 1, Text: fmt.Sprintf(format, args...)}
}

// show escapes a name for an error without putting quotes around it.
func show(s string) string {
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}
