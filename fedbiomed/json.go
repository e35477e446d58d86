package fedbiomed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// maxDepth is how deep values may nest; Python's own parser gives up at about a thousand.
const maxDepth = 500

// span is a part of a database's bytes: a value, or a key with its quotes.
type span struct{ start, end int }

// member is one key and its value in an object.
type member struct {
	name       string // decoded
	key, value span
}

// object is one object with its members in order. Between two members there is a comma and white space.
type object struct {
	span
	members []member
}

// scanner walks over JSON as Python's json.loads takes it (NaN and the infinities among numbers), without making values of it.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) fail(text string) error { return fmt.Errorf("not JSON: %s at byte %d", text, s.pos) }

func (s *scanner) space() {
	for s.pos < len(s.data) && strings.IndexByte(" \t\r\n", s.data[s.pos]) >= 0 {
		s.pos++
	}
}

// take moves over c if it stands here.
func (s *scanner) take(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// value moves over one value.
func (s *scanner) value(depth int) (span, error) {
	if depth > maxDepth {
		return span{}, s.fail("too deeply nested")
	}
	if s.pos == len(s.data) {
		return span{}, s.fail("unexpected end")
	}
	start := s.pos
	var err error
	switch c := s.data[s.pos]; {
	case c == '{':
		_, err = s.object(depth)
	case c == '[':
		err = s.array(depth)
	case c == '"':
		var at span
		if at, err = s.text(); err == nil {
			err = s.checkText(at)
		}
	default:
		err = s.word()
	}
	return span{start, s.pos}, err
}

// object moves over an object and lists its members.
func (s *scanner) object(depth int) (object, error) {
	o := object{span: span{start: s.pos}}
	if !s.take('{') {
		return o, s.fail("no object")
	}
	s.space()
	if s.take('}') {
		o.end = s.pos
		return o, nil
	}
	for {
		var m member
		var err error
		s.space()
		if m.key, err = s.text(); err != nil {
			return o, err
		}
		if m.name, err = s.decode(m.key); err != nil {
			return o, err
		}
		s.space()
		if !s.take(':') {
			return o, s.fail("no colon")
		}
		s.space()
		if m.value, err = s.value(depth + 1); err != nil {
			return o, err
		}
		o.members = append(o.members, m)
		s.space()
		if s.take('}') {
			o.end = s.pos
			return o, nil
		}
		if !s.take(',') {
			return o, s.fail("neither a comma nor the end of the object")
		}
	}
}

func (s *scanner) array(depth int) error {
	s.pos++
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		s.space()
		if _, err := s.value(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.fail("neither a comma nor the end of the array")
		}
	}
}

// text moves over a string.
func (s *scanner) text() (span, error) {
	start := s.pos
	if !s.take('"') {
		return span{}, s.fail("no string")
	}
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return span{start, s.pos}, nil
		case c == '\\':
			s.pos += 2 // what follows the backslash is looked at where the string is decoded
		case c < 0x20:
			return span{}, s.fail("a control character in a string")
		default:
			s.pos++
		}
	}
	s.pos = len(s.data)
	return span{}, s.fail("a string without an end")
}

// words are the values that are neither string, array nor object.
var words = regexp.MustCompile(`^(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity)$`)

func (s *scanner) word() error {
	start := s.pos
	for s.pos < len(s.data) && strings.IndexByte(" \t\r\n,:[]{}\"", s.data[s.pos]) < 0 {
		s.pos++
	}
	if !words.Match(s.data[start:s.pos]) {
		s.pos = start
		return s.fail("no value")
	}
	return nil
}

// checkText says whether the string at a place is one. What text moved over can only be wrong in its escapes.
func (s *scanner) checkText(at span) error {
	raw := s.data[at.start+1 : at.end-1]
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return nil
		}
		if raw = raw[i+1:]; raw[0] == 'u' || strings.IndexByte(`"\/bfnrt`, raw[0]) < 0 {
			_, err := s.decode(at) // which says what is wrong, if anything is
			return err
		}
		raw = raw[1:]
	}
}

// decode gives the text of the string at a place.
func (s *scanner) decode(at span) (text string, err error) {
	if text, err = decodeText(s.data[at.start:at.end]); err != nil {
		err = fmt.Errorf("not JSON: %w at byte %d", err, at.start)
	}
	return text, err
}

// decodeText gives the text of a JSON string. A database of 255 parties has thousands, hardly one with an escape.
func decodeText(quoted []byte) (text string, err error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	return text, json.Unmarshal(quoted, &text)
}

// quoteText writes a string as Python's json.dumps does: ASCII only.
func quoteText(text string) string {
	const controls = "\n\r\t\f\b"
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case strings.ContainsRune(controls, r):
			b.WriteByte('\\')
			b.WriteByte("nrtfb"[strings.IndexRune(controls, r)])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
