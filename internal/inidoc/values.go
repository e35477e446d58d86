package inidoc

import (
	"fmt"
	"strings"

	"gopkg.in/ini.v1"
)

// readValues has ini.v1 read every value, from a plain form of the document: sections and keys by number, each value on one line between
// triple quotes, which ini.v1 reads verbatim up to the last three quotes of the line. A value of several lines is written with NUL
// for the newline (the scan has refused NUL).
func (d *Document) readValues() error {
	sections := d.sections
	if d.defaults != nil {
		sections = append([]*section{d.defaults}, sections...)
	}
	var plain strings.Builder
	for i, s := range sections {
		fmt.Fprintf(&plain, "[%d]\n", i)
		for j, o := range s.own {
			// configparser drops the empty lines at the end of a value
			value := strings.TrimRightFunc(o.raw, isPythonSpace)
			if d.dialect == Ours {
				value = o.raw
			}
			fmt.Fprintf(&plain, "%d=\"\"\"%s\"\"\"\n", j, strings.ReplaceAll(value, "\n", "\x00"))
		}
	}
	f, err := ini.LoadSources(ini.LoadOptions{
		IgnoreContinuation:      true,
		IgnoreInlineComment:     true,
		PreserveSurroundedQuote: true,
		KeyValueDelimiters:      "=",
	}, []byte(plain.String()))
	if err != nil {
		return &Error{File: d.file, Text: err.Error()}
	}
	f.BlockMode = false
	for i, s := range sections {
		read := f.Section(fmt.Sprint(i))
		for j, o := range s.own {
			// Value, not String: the latter interpolates by ini.v1's own rules
			o.value = strings.ReplaceAll(read.Key(fmt.Sprint(j)).Value(), "\x00", "\n")
		}
	}
	return nil
}
