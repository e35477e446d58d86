package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fbpeer/fedbiomed"
	"fbpeer/internal/inidoc"
)

// Setting is a value and where it came from, for `id`: "agent.listen", ":4100", "environment FBPEER_AGENT_LISTEN".
type Setting struct{ Name, Value, Source string }

// origin is where a value came from, weakest first.
type origin int

const (
	fromDefault origin = iota
	fromFile
	fromEnvironment
	fromFlag
)

// value is one setting as found.
type value struct {
	definition
	origin origin
	text   string
	source string // as Setting.Source
	where  string // as an error begins: "fbpeer.ini:7: [agent] listen"
	dir    string // what a relative path is relative to; "" for a default
}

// settings looks values up.
type settings struct {
	workDir   string
	getenv    func(string) string
	overrides map[string]string
	ini       string           // absolute path of fbpeer.ini; "" if none is read
	doc       *inidoc.Document // nil if none is read
}

// readFile reads fbpeer.ini. Where it is optional, a missing one is none.
func (s *settings) readFile(path string, optional bool) error {
	data, err := os.ReadFile(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	shown := s.short(path)
	if err != nil {
		return unreadable(shown, err, "name an fbpeer.ini; `fbpeer component create --role party` makes one")
	}
	if isComponent(data) {
		return faultf("that is a component: use --component", "%s: a Fed-BioMed component's configuration is no fbpeer.ini", shown)
	}
	doc, err := inidoc.Parse(shown, data, inidoc.Ours)
	if err != nil {
		return &Error{Err: err, Hint: "correct the line"}
	}
	if err := checkNames(doc); err != nil {
		return err
	}
	s.ini, s.doc = path, doc
	return nil
}

// checkNames refuses sections and keys that nobody reads.
func checkNames(doc *inidoc.Document) error {
	keys := map[string][]string{}
	var sections []string
	for _, d := range definitions() {
		if keys[d.section] == nil {
			sections = append(sections, d.section)
		}
		keys[d.section] = append(keys[d.section], d.key)
	}
	for _, section := range doc.Sections() {
		if keys[section] == nil {
			return faultf(didYouMean("[%s]", section, sections), "%s:%d: [%s]: no such section", doc.File(), doc.Line(section, ""), section)
		}
		for _, key := range doc.Keys(section) {
			if _, ok := define(section, key); !ok {
				return faultf(didYouMean("%s", key, keys[section]), "%s:%d: [%s] %s: no such key", doc.File(), doc.Line(section, key), section, key)
			}
		}
	}
	return nil
}

func didYouMean(form, word string, names []string) string {
	if near := nearest(word, names); near != "" {
		return fmt.Sprintf("did you mean "+form+"?", near)
	}
	for i, name := range names {
		names[i] = fmt.Sprintf(form, name)
	}
	return "remove it; there are " + strings.Join(names, ", ")
}

// get looks a value up.
func (s *settings) get(section, key string) value {
	d, _ := define(section, key)
	v := value{definition: d, dir: s.workDir}
	name := section + "." + key
	if text := s.overrides[name]; text != "" {
		v.origin, v.text, v.source = fromFlag, text, "flag"
		v.where = fmt.Sprintf("flag for [%s] %s", section, key)
		return v
	}
	if name := variable(section, key); s.getenv(name) != "" {
		v.origin, v.text, v.source = fromEnvironment, s.getenv(name), "environment "+name
		v.where = v.source
		return v
	}
	if s.doc != nil {
		if text, ok := s.doc.Get(section, key); ok && text != "" {
			v.origin, v.text, v.dir = fromFile, text, filepath.Dir(s.ini)
			v.source = fmt.Sprintf("%s: [%s] %s", s.doc.File(), section, key)
			v.where = fmt.Sprintf("%s:%d: [%s] %s", s.doc.File(), s.doc.Line(section, key), section, key)
			return v
		}
	}
	v.text, v.source, v.dir = d.value, "default", ""
	return v
}

// later refuses what this release would have to ignore.
func (s *settings) later() error {
	for _, d := range definitions() {
		if v := s.get(d.section, d.key); d.later && v.text != d.value {
			return faultf("leave it out; see the CHANGELOG for the release that has it", "%s: this release of fbpeer does not have this setting yet", v.where)
		}
	}
	return nil
}

// checkOverrides finds a flag that sets nothing: a fault of the program, never silent.
func (s *settings) checkOverrides() error {
	for name := range s.overrides {
		section, key, _ := strings.Cut(name, ".")
		if _, ok := define(section, key); !ok {
			return faultf("", "flag for [%s] %s: no such setting", section, key)
		}
	}
	return nil
}

// checkEnvironment finds a misspelt variable: one that begins as those of a section do, or is nearly one of ours. Others that begin
// with FBPEER_ may be somebody's own.
func (s *settings) checkEnvironment(environment []string) error {
	names := []string{"FBPEER_COMPONENT", "FBPEER_CONFIG", "FBPEER_STATE"}
	var sections []string
	for _, d := range definitions() {
		names = append(names, variable(d.section, d.key))
		sections = append(sections, variable(d.section, ""))
	}
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "FBPEER_") || s.getenv(name) == "" || slices.Contains(names, name) {
			continue
		}
		near := nearest(name, names)
		ofSection := slices.ContainsFunc(sections, func(section string) bool { return strings.HasPrefix(name, section) })
		if ofSection || near != "" && distance(name, near) <= 2 {
			return faultf(didYouMean("%s", name, names), "environment %s: no such setting", name)
		}
	}
	return nil
}

// variable is the environment's name for a setting.
func variable(section, key string) string { return "FBPEER_" + strings.ToUpper(section+"_"+key) }

// wrong is an error about a value.
func (v value) wrong(hint, format string, args ...any) error {
	return faultf(hint, "%s: %w", v.where, fmt.Errorf(format, args...))
}

// path makes a path of a value; base is for a default.
func (v value) path(base string) string {
	if filepath.IsAbs(v.text) {
		return filepath.Clean(v.text)
	}
	if v.dir != "" {
		base = v.dir
	}
	return filepath.Join(base, v.text)
}

// boolean takes what people write.
func (v value) boolean() (bool, error) {
	switch strings.ToLower(v.text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, v.wrong("write true or false", "%q is neither true nor false", v.text)
}

// oneOf takes exactly the words given.
func (v value) oneOf(words ...string) (string, error) {
	for _, word := range words {
		if v.text == word {
			return word, nil
		}
	}
	return "", v.wrong("write one of "+strings.Join(words, ", "), "%q is not known", v.text)
}

func (s *settings) short(path string) string { return fedbiomed.ShortPath(s.workDir, path) }
