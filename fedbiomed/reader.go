package fedbiomed

import (
	"fmt"

	"fbpeer/internal/inidoc"
)

// reader is one reading of one configuration.
type reader struct {
	workDir     string
	file        string // absolute
	getenv      func(string) string
	withoutPair bool // key and certificate may be missing
	doc         *inidoc.Document
	c           *Component
}

// found is a value with all that an error about it needs.
type found struct {
	Value
	section, key, variable string
}

// find looks in the environment (variable "" : nowhere), then in the file. An empty value is none: no key that is read may be.
func (r *reader) find(section, key, variable string) (found, bool) {
	v := found{section: section, key: key}
	if variable != "" {
		if text := r.getenv(variable); text != "" {
			v.Value, v.variable = Value{Text: text, Source: "environment " + variable}, variable
			return v, true
		}
	}
	text, ok := r.doc.Get(section, key)
	v.Value = Value{Text: text, Source: fmt.Sprintf("%s: [%s] %s", r.short(r.file), section, key)}
	return v, ok && text != ""
}

// required is find for what no component can do without.
func (r *reader) required(section, key, variable string) (found, error) {
	v, ok := r.find(section, key, variable)
	if ok {
		return v, nil
	}
	hint := "add the line, or run Fed-BioMed's `configuration refresh` (5.1 and later; it also makes a new key and port)"
	if variable != "" {
		hint += ", or set " + variable + " for this run"
	}
	return v, r.wrong(v, missing(section, key), hint)
}

// misspelt is required for the two variables that Fed-BioMed's documentation spells wrong.
func (r *reader) misspelt(key, variable, wrong string) (found, error) {
	text := r.getenv(wrong)
	if text == "" {
		return r.required("mpspdz", key, variable)
	}
	right := r.getenv(variable)
	if right != "" && right != text {
		return found{}, &Error{Variable: wrong, Value: text, Problem: fmt.Sprintf("%q contradicts %s, which is %q", text, variable, right),
			Hint: "unset " + wrong + ": Fed-BioMed itself reads only " + variable}
	}
	if right == "" {
		r.c.Warnings = append(r.c.Warnings, fmt.Sprintf(
			"%s is taken for %s, but Fed-BioMed itself ignores that spelling: set %s where the component runs", wrong, variable, variable))
		variable = wrong
	}
	return found{section: "mpspdz", key: key, variable: variable, Value: Value{Text: text, Source: "environment " + variable}}, nil
}

// wrong is an error about a value.
func (r *reader) wrong(v found, problem, hint string) *Error {
	return &Error{File: r.short(r.file), Section: v.section, Key: v.key, Variable: v.variable, Value: v.Text, Problem: problem, Hint: hint}
}

// wrap is wrong with the rule's own error as the problem.
func (r *reader) wrap(v found, err error, hint string) *Error {
	e := r.wrong(v, err.Error(), hint)
	e.Err = err
	return e
}

// correct is the cure for a value that the environment can replace.
func (r *reader) correct(v found, cure, variable string) string {
	if v.variable != "" {
		return cure + ", or unset " + v.variable
	}
	return cure + ", or set " + variable + " for this run"
}
