package inidoc

import (
	"fmt"
	"strings"
)

// Bounds of an interpolation: configparser's depth, and a size, since ten levels of ten references each are ten thousand million.
const (
	maxDepth = 10
	maxValue = 64 << 10
)

// interpolate gives every section the options of [DEFAULT] and replaces %(name)s and %% in all values, as configparser's
// BasicInterpolation does.
func (d *Document) interpolate() error {
	for _, s := range d.sections {
		if d.defaults != nil {
			for _, o := range d.defaults.own {
				if s.byName[o.name] == nil {
					c := *o
					s.inherited = append(s.inherited, &c)
					s.byName[o.name] = &c
				}
			}
		}
		done := make(map[*option]string, len(s.byName))
		for _, options := range [][]*option{s.own, s.inherited} {
			for _, o := range options {
				var b strings.Builder
				if err := s.expand(&b, o.value, 1); err != nil {
					return d.Errorf(s.name, o.name, "[%s] %s: %v (write %%%% for a percent sign)", show(s.name), show(o.name), err)
				}
				done[o] = b.String()
			}
		}
		for o, value := range done {
			o.value = value
		}
	}
	return nil
}

// expand writes value to b with everything replaced.
func (s *section) expand(b *strings.Builder, value string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("interpolation is more than %d deep", maxDepth)
	}
	for {
		before, rest, found := strings.Cut(value, "%")
		if b.Len()+len(before) > maxValue {
			return fmt.Errorf("the value is longer than %d bytes", maxValue)
		}
		b.WriteString(before)
		if !found {
			return nil
		}
		if strings.HasPrefix(rest, "%") {
			b.WriteByte('%')
			value = rest[1:]
			continue
		}
		name, after, found := strings.Cut(rest, ")")
		if !strings.HasPrefix(rest, "(") || len(name) < 2 || !found || !strings.HasPrefix(after, "s") {
			return fmt.Errorf("%q is not an interpolation: %%%% or %%(name)s", "%"+rest)
		}
		o := s.byName[strings.ToLower(name[1:])]
		if o == nil {
			return fmt.Errorf("%%(%s)s names an option that neither this section nor [DEFAULT] has", show(name[1:]))
		}
		if err := s.expand(b, o.value, depth+1); err != nil {
			return err
		}
		value = after[1:]
	}
}
