// Package inidoc reads INI text with line numbers, finds duplicates, and edits it without touching what is not meant.
//
// # Ours
//
// The dialect of fbpeer.ini, trust.ini and federation files. A line is one of
//
//	; comment       # comment       (may be indented)
//	[section]                       (nothing after the bracket but blanks)
//	key = value                     (keys: a-z, then a-z 0-9 _)
//	                                (blank)
//
// A value is the rest of the line without the blanks (space, tab) at its ends, and nothing else is done to it: quotes, backslashes,
// %, ; and # inside are part of it. There are no continuation lines; an indented key is an error, as other readers would take it
// for one. Section names are compared exactly, case included. Lines end with LF or CRLF. Errors: any other line, a section or a
// key that stands twice, a key above the first section, control characters (in comments a tab is allowed), a byte order mark,
// bytes that are not UTF-8.
//
// # Python
//
// The dialect of Python's configparser with its defaults, for Fed-BioMed's component configurations: `=` or `:` separates, option
// names are compared in lower case, section names exactly, lines indented deeper than their option continue its value (joined by a
// newline), full-line comments by ; and #, no inline comments, %(name)s takes name's value from the section or else from [DEFAULT],
// %% is a percent sign. The options of [DEFAULT] show in every section; [DEFAULT] itself is not a section. What configparser refuses
// is an error here: a section or option that stands twice, an option above the first section, a line without separator, a byte
// order mark, and an interpolation that fails (configparser refuses that when the option is read: here it is refused if any option of
// any section could not be read). Beyond configparser, NUL and values above 64 KiB are refused.
//
// # Who reads what
//
// The scan of this package finds lines, sections and options. gopkg.in/ini.v1 reads the values, in a plain form that the scan writes for it, in
// which none of its liberties (continuation by backslash, multi-line quotes, auto-increment, child sections, its own
// interpolation) can apply.
//
// # Edits
//
// A Document is immutable; an edit gives a new one. Bytes of a document that was not edited are the bytes that were parsed. An edit changes
// the lines it must and leaves every other byte as it was: comments, order, spacing, line endings.
package inidoc

import (
	"fmt"
	"slices"
	"strings"
)

// Dialect chooses the rules, see the package comment.
type Dialect int

// The two dialects.
const (
	Ours   Dialect = iota // fbpeer.ini, trust.ini, federation files
	Python                // configparser's defaults
)

// Error names file and line (1-based; 0 where no single line is at fault).
type Error struct {
	File string
	Line int
	Text string // what is wrong and, where a person can cure it, how
}

// Error gives "trust.ini:12: text".
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Document is parsed INI text. Immutable: edits return a new one. The zero Document is empty, in dialect Ours.
type Document struct {
	file     string
	dialect  Dialect
	lines    []string // with their line endings; joined they are the text
	sections []*section
	byName   map[string]*section
	defaults *section // Python's [DEFAULT]; not in sections
}

// section is one [name] with what stands below it.
type section struct {
	name      string
	line      int // index into lines of its header
	headers   int // how often the header stands there (more than once only for [DEFAULT])
	own       []*option
	inherited []*option // Python: from [DEFAULT], with this section's values
	byName    map[string]*option
}

// option is one key with its value.
type option struct {
	name  string // as it is looked up: lower case
	line  int    // index into lines
	eq    int    // where the separator stands in that line
	start int    // where the value begins in that line
	end   int    // and ends
	more  []int  // Python: indices of the lines that continue it
	raw   string // as it stands there, continuation joined by newlines
	value string // as ini.v1 read it, interpolated
}

// Parse reads data; file is the name for errors. Errors are *Error.
func Parse(file string, data []byte, dialect Dialect) (*Document, error) {
	d, err := scan(file, data, dialect)
	if err != nil {
		return nil, err
	}
	if err := d.readValues(); err != nil {
		return nil, err
	}
	if dialect == Python {
		if err := d.interpolate(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// File is the name given to Parse.
func (d *Document) File() string { return d.file }

// Sections lists the sections in order. Python's [DEFAULT] is not one.
func (d *Document) Sections() []string {
	names := make([]string, len(d.sections))
	for i, s := range d.sections {
		names[i] = s.name
	}
	return names
}

// Has says whether the section is there.
func (d *Document) Has(section string) bool { return d.byName[section] != nil }

// Keys lists a section's keys in order, in Python followed by those it takes from [DEFAULT]. Nil if the section is absent.
func (d *Document) Keys(section string) []string {
	s := d.byName[section]
	if s == nil {
		return nil
	}
	var names []string
	for _, o := range slices.Concat(s.own, s.inherited) {
		names = append(names, o.name)
	}
	return names
}

// Get gives a key's value, and whether the key is there.
func (d *Document) Get(section, key string) (string, bool) {
	if o := d.option(section, key); o != nil {
		return o.value, true
	}
	return "", false
}

// Line is where a key stands (1-based), or the section itself where key is empty; 0 if absent.
func (d *Document) Line(section, key string) int {
	if key == "" {
		if s := d.byName[section]; s != nil {
			return s.line + 1
		}
		return 0
	}
	if o := d.option(section, key); o != nil {
		return o.line + 1
	}
	return 0
}

// Errorf makes an *Error at a key (at the section's own line where key is empty or absent).
func (d *Document) Errorf(section, key, format string, args ...any) *Error {
	line := d.Line(section, key)
	if line == 0 {
		line = d.Line(section, "")
	}
	return &Error{File: d.file, Line: line, Text: fmt.Sprintf(format, args...)}
}

// Bytes is the text.
func (d *Document) Bytes() []byte { return []byte(strings.Join(d.lines, "")) }

// option finds a key, nil if absent.
func (d *Document) option(section, key string) *option {
	s := d.byName[section]
	if s == nil {
		return nil
	}
	return s.byName[d.fold(key)]
}

// fold is how the dialect compares key names.
func (d *Document) fold(key string) string {
	if d.dialect == Python {
		return strings.ToLower(key)
	}
	return key
}
