package exchange

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLabel is the most characters (Unicode code points) of a label.
const MaxLabel = 64

// ShowText escapes text that came from a peer, for a terminal, a log or a page: what a reader sees as it is (letters,
// marks, digits, punctuation, symbols, the plain space) stays. Everything else, among it control characters, line ends,
// bidirectional controls, zero-width and other invisible characters, becomes \x1b, \u202e or \U000e0041, and each byte
// that is not valid UTF-8 becomes \xff. A backslash stays, so what is escaped already is not escaped again. It does not
// quote for HTML.
func ShowText(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case visible(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func visible(r rune) bool { return unicode.IsPrint(r) && !forbidden(r) }

// checkLabel holds the wire's rule for labels, which must be the same in every release, so it does not ask the Unicode
// tables of the Go version at hand: what a later Unicode adds stays allowed.
func checkLabel(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("is not valid UTF-8")
	}
	if n := utf8.RuneCountInString(s); n > MaxLabel {
		return fmt.Errorf("has %d characters, at most %d are allowed", n, MaxLabel)
	}
	for _, r := range s {
		if forbidden(r) {
			return fmt.Errorf("holds U+%04X, which is not a visible character", r)
		}
	}
	if strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") {
		return errors.New("begins or ends with a space")
	}
	return nil
}

// forbidden says whether a code point may not stand in a label: controls, format characters (bidirectional controls and
// zero-width ones among them), spaces other than U+0020, line and paragraph separators, fillers and other characters
// that show nothing, variation selectors, surrogates, private use, non-characters, and everything from plane 4 on. The
// list is part of the format (docs/announcement.md) and frozen.
func forbidden(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	if r >= 0x40000 || r&0xfffe == 0xfffe {
		return true
	}
	for _, span := range forbiddenSpans {
		if r <= span[1] {
			return r >= span[0]
		}
	}
	return false
}

var forbiddenSpans = [...][2]rune{
	{0x7f, 0xa0}, {0xad, 0xad}, {0x34f, 0x34f}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd}, {0x70f, 0x70f},
	{0x890, 0x891}, {0x8e2, 0x8e2}, {0x115f, 0x1160}, {0x1680, 0x1680}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
	{0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
	{0xd800, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
	{0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
}
