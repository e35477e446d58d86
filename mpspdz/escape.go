package mpspdz

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuoted is how many bytes of a foreign value an error shows.
const maxQuoted = 80

// quote gives a foreign value as Go source would, shortened: it holds no control character, no newline and no quote.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// escape replaces what is not printable (control characters, directional marks, invalid UTF-8) by \XX for each byte, as
// RFC 4514 does, and puts a backslash before the bytes in special.
func escape(s, special string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size <= 1, !unicode.IsPrint(r):
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, `\%02X`, c)
			}
		case size == 1 && strings.IndexByte(special, s[i]) >= 0:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}
