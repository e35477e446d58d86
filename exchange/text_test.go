package exchange

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestShowText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Hospital of Nice", "Hospital of Nice"},
		{"CHU de Liège – 東京 ☤", "CHU de Liège – 東京 ☤"},
		{"e\u0301", "e\u0301"},
		{"a\nb\r\tc", `a\x0ab\x0d\x09c`},
		{"\x1b[31mred", `\x1b[31mred`},
		{"\x7f\u0085\u00a0", `\x7f\x85\xa0`},
		{"abc\u202edef", `abc\u202edef`},
		{"\u2066x\u2069", `\u2066x\u2069`},
		{"a\u200bb\u200d\ufeff", `a\u200bb\u200d\ufeff`},
		{"\u2028", `\u2028`},
		{"\u3164\u2800\ufe0f", `\u3164\u2800\ufe0f`},
		{"\U000e0041", `\U000e0041`},
		{"\U0010ffff", `\U0010ffff`},
		{"a\xffb\xc3", `a\xffb\xc3`},
		{"\xed\xa0\x80", `\xed\xa0\x80`},
		{"\ufffd", "\ufffd"},
		{`C:\x`, `C:\x`},
	} {
		got := ShowText(c.in)
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.in, got, c.want)
		}
		if again := ShowText(got); again != got {
			t.Errorf("%q: escaped twice it is %q", got, again)
		}
	}
}

// A refusal is a line to read, whatever a peer wrote: also where no name stands apart in it.
func TestRefusalIsShort(t *testing.T) {
	long := strings.Repeat("\x00é", 4096)
	for _, r := range []*Refusal{{Code: CodeMalformed, Field: long}, {Code: CodeMalformed, Field: "label", Value: long}} {
		if text := r.Error(); len(text) > 400 || strings.ContainsRune(text, 0) {
			t.Errorf("%d bytes: %.100q", len(text), text)
		}
	}
}

func TestLabel(t *testing.T) {
	for label, want := range map[string]string{
		"":                              "",
		"Hospital of Nice":              "",
		"Hôpital, Nice (06) — n° 1":     "",
		strings.Repeat("é", MaxLabel):   "",
		strings.Repeat("a", MaxLabel+1): "at most 64",
		" a":                            "space",
		"a ":                            "space",
		"a\u00a0b":                      "U+00A0",
		"a\nb":                          "U+000A",
		"a\x00":                         "U+0000",
		"\u202eevil":                    "U+202E",
		"a\u200bb":                      "U+200B",
		"\ue000":                        "U+E000",
		"\U000e0020":                    "U+E0020",
		"a\xff":                         "UTF-8",
	} {
		err := checkLabel(label)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", label, err, want)
		}
	}
}

// TestForbiddenIsWhatUnicodeSays holds the frozen list against the tables of this Go's Unicode version: every assigned
// code point that shows nothing is forbidden, and nothing else is, but variation selectors and U+2800.
func TestForbiddenIsWhatUnicodeSays(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		switch {
		case !utf8.ValidRune(r):
		case r >= 0x40000:
			if !forbidden(r) {
				t.Fatalf("U+%04X is allowed", r)
			}
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Z, unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point) && r != ' ':
			if !forbidden(r) {
				t.Errorf("U+%04X is allowed", r)
			}
		case forbidden(r):
			invisible := unicode.Is(unicode.Variation_Selector, r) || r == 0x2800
			if unicode.IsPrint(r) && !invisible {
				t.Errorf("U+%04X is forbidden", r)
			}
		}
	}
	for i := 1; i < len(forbiddenSpans); i++ {
		if forbiddenSpans[i][0] <= forbiddenSpans[i-1][1] {
			t.Errorf("span %d is out of order", i)
		}
	}
}
