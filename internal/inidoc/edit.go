package inidoc

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Option is a key and its value, for SetAll.
type Option struct{ Key, Value string }

// Set writes one key, adding it and its section where missing. The error is an *Error: a name or value that the dialect cannot
// hold (CheckValue), or a Python document in which the result would read differently.
func (d *Document) Set(section, key, value string) (*Document, error) {
	return d.SetAll(section, Option{key, value})
}

// SetAll writes several keys of one section. A key that is there keeps its place, its spacing and its comments; new ones go below the
// section's last key, their = in one column with those that are there, a new section to the end of the text.
func (d *Document) SetAll(section string, options ...Option) (*Document, error) {
	if err := checkSectionName(section, d.dialect); err != nil {
		return nil, &Error{File: d.file, Text: err.Error()}
	}
	lines := slices.Clone(d.lines)
	s := d.byName[section]
	var added []Option
	for _, set := range options {
		if err := errors.Join(checkKey(d.fold(set.Key), d.dialect), CheckValue(d.dialect, set.Value)); err != nil {
			return nil, d.Errorf(section, set.Key, "[%s] %s: %v", show(section), show(set.Key), err)
		}
		if s == nil || !slices.ContainsFunc(s.own, func(o *option) bool { return o.name == d.fold(set.Key) }) {
			added = append(added, set)
			continue
		}
		d.replace(lines, s.byName[d.fold(set.Key)], d.escape(set.Value))
	}
	lines = d.insert(lines, s, section, added)
	next, err := Parse(d.file, []byte(strings.Join(lines, "")), d.dialect)
	if err == nil {
		err = d.checkEdit(next, section, options)
	}
	if err != nil {
		return nil, err
	}
	return next, nil
}

// checkEdit makes sure that a Python document, where indentation has a meaning, reads as it was meant to.
func (d *Document) checkEdit(next *Document, section string, options []Option) error {
	sections := len(d.sections)
	if !d.Has(section) {
		sections++
	}
	for _, set := range options {
		if got, _ := next.Get(section, set.Key); got != set.Value || len(next.sections) != sections {
			return next.Errorf(section, set.Key, "[%s] %s: the indentation around it does not let it be set: edit the file by hand",
				show(section), show(set.Key))
		}
	}
	return nil
}

// replace puts a value in the place of o's and drops the lines that continued the old one.
func (d *Document) replace(lines []string, o *option, value string) {
	line := lines[o.line]
	before := line[:o.start]
	if spaced := strings.HasSuffix(line[:o.eq], " "); spaced && o.start == o.eq+1 && o.start == o.end {
		before += " "
	}
	lines[o.line] = before + value + line[o.end:]
	for _, i := range o.more {
		lines[i] = ""
	}
}

// insert adds options below the last one of s, or in a new section at the end of the text.
func (d *Document) insert(lines []string, s *section, name string, added []Option) []string {
	if len(added) == 0 && s != nil {
		return lines
	}
	ending := d.ending()
	at, column, indent, text := len(lines), 0, "", []string(nil)
	if s == nil {
		if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != "" {
			text = append(text, ending)
		}
		text = append(text, "["+name+"]"+ending)
		column = widest(added)
	} else {
		at, indent = s.line+1, d.indentation(s.line)
		if n := len(s.own); n > 0 {
			o := s.own[n-1]
			at, indent = slices.Max(append([]int{o.line}, o.more...))+1, d.indentation(o.line)
			column = utf8.RuneCountInString(d.lines[o.line][len(indent):o.eq]) - 1
		} else {
			column = widest(added)
		}
	}
	if at > 0 && !strings.HasSuffix(lines[at-1], "\n") && !strings.HasSuffix(lines[at-1], "\r") && lines[at-1] != "" {
		lines[at-1] += ending
	}
	for _, o := range added {
		line := fmt.Sprintf("%s%-*s = %s", indent, column, o.Key, d.escape(o.Value))
		text = append(text, strings.TrimRight(line, blanks)+ending)
	}
	return slices.Insert(lines, at, text...)
}

// widest is the length of the longest key.
func widest(options []Option) int {
	n := 0
	for _, o := range options {
		n = max(n, utf8.RuneCountInString(o.Key))
	}
	return n
}

// indentation is what stands in front of a line's text.
func (d *Document) indentation(line int) string {
	text := d.lines[line]
	return text[:len(text)-len(strings.TrimLeftFunc(text, isPythonSpace))]
}

// ending is how the document ends its lines.
func (d *Document) ending() string {
	if len(d.lines) > 0 && strings.HasSuffix(d.lines[0], "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// escape writes a value so that the dialect reads it back.
func (d *Document) escape(value string) string {
	if d.dialect == Python {
		return strings.ReplaceAll(value, "%", "%%")
	}
	return value
}

// DeleteKey removes a key's line (and those that continue it); an absent one is no change. The error is an *Error: in Python,
// another option interpolates it.
func (d *Document) DeleteKey(section, key string) (*Document, error) {
	o := d.option(section, key)
	if o == nil || !slices.Contains(d.byName[section].own, o) {
		return d, nil
	}
	lines := slices.Clone(d.lines)
	for _, i := range append([]int{o.line}, o.more...) {
		lines[i] = ""
	}
	return Parse(d.file, []byte(strings.Join(lines, "")), d.dialect)
}

// DeleteSection removes a section: the comment lines directly above its header, the header, everything to its last key with the comment lines
// directly below that, and the blank lines that follow. An absent one is no change. The error is an *Error: in Python, the
// indentation of what follows would give it another meaning.
func (d *Document) DeleteSection(section string) (*Document, error) {
	s := d.byName[section]
	if s == nil {
		return d, nil
	}
	start, end := d.above(s.line), s.line+1
	if n := len(s.own); n > 0 {
		o := s.own[n-1]
		end = slices.Max(append([]int{o.line}, o.more...)) + 1
	}
	next := len(d.lines)
	for _, other := range append(slices.Clone(d.sections), d.defaults) {
		if other != nil && other.line > s.line {
			next = min(next, d.above(other.line))
		}
	}
	for end < next && !d.blank(end) {
		end++
	}
	for end < next && d.blank(end) {
		end++
	}
	if end == len(d.lines) {
		for start > 0 && d.blank(start-1) {
			start--
		}
	}
	after, err := Parse(d.file, []byte(strings.Join(slices.Concat(d.lines[:start], d.lines[end:]), "")), d.dialect)
	if err == nil && len(after.sections) != len(d.sections)-1 {
		err = d.Errorf(section, "", "[%s]: the indentation around it does not let it be removed: edit the file by hand", show(section))
	}
	if err != nil {
		return nil, err
	}
	return after, nil
}

// above is the first of the comment lines directly above line, or line itself.
func (d *Document) above(line int) int {
	for line > 0 && !d.blank(line-1) && isComment(strings.TrimFunc(d.lines[line-1], isPythonSpace)) {
		line--
	}
	return line
}

func (d *Document) blank(line int) bool {
	return strings.TrimFunc(d.lines[line], isPythonSpace) == ""
}

var ourKey = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkKey says whether a dialect can hold a key of that name.
func checkKey(name string, dialect Dialect) error {
	if dialect == Ours {
		if !ourKey.MatchString(name) {
			return fmt.Errorf("%q is not a key: a letter a-z, then a-z, 0-9 and _", name)
		}
		return nil
	}
	bad := name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "=:\r\n\x00") || strings.ContainsAny(name[:1], "[;#") ||
		strings.TrimFunc(name, isPythonSpace) != name
	if bad {
		return fmt.Errorf("%q is not an option name", name)
	}
	return nil
}

// checkSectionName says whether a dialect can hold a section of that name.
func checkSectionName(name string, dialect Dialect) error {
	bad := name == "" || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n\x00")
	if dialect == Ours {
		bad = bad || strings.ContainsAny(name, "[]") || strings.Trim(name, blanks) != name || strings.ContainsFunc(name, unicode.IsControl)
	} else {
		bad = bad || name == "DEFAULT"
	}
	if bad {
		return fmt.Errorf("%q is not a section name", name)
	}
	return nil
}

// CheckValue says whether a dialect can hold a value: one line, UTF-8, no blank at either end, and in dialect Ours no control
// character.
func CheckValue(dialect Dialect, value string) error {
	ends := func(r rune) bool { return strings.ContainsRune(blanks, r) }
	control := unicode.IsControl
	if dialect == Python {
		ends = isPythonSpace
		control = func(r rune) bool { return r == '\r' || r == '\n' || r == 0 }
	}
	switch {
	case !utf8.ValidString(value):
		return fmt.Errorf("%q is not UTF-8", value)
	case strings.ContainsFunc(value, control):
		return fmt.Errorf("%q does not fit on one line of text", value)
	case strings.TrimFunc(value, ends) != value:
		return fmt.Errorf("%q begins or ends with a blank", value)
	case dialect == Python && len(value) > maxValue:
		return fmt.Errorf("the value is longer than %d bytes", maxValue)
	}
	return nil
}
