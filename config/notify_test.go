package config

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              nil,
		" \t ":                          nil,
		"mail":                          {"mail"},
		"  mail  -s\tx  ":               {"mail", "-s", "x"},
		`mail "on call" 'a "b" c'`:      {"mail", "on call", `a "b" c`},
		`mail a" b "c'd e'f`:            {"mail", "a b cd ef"},
		`mail "" ''`:                    {"mail", "", ""},
		`mail a\ b \\ \"`:               {"mail", "a b", `\`, `"`},
		`mail "a \"b\" \\ \n" '\'`:      {"mail", `a "b" \ \n`, `\`},
		`mail $HOME * ; id | cat > ~/x`: {"mail", "$HOME", "*", ";", "id", "|", "cat", ">", "~/x"},
		"mail émile":                    {"mail", "émile"},
	} {
		got, err := splitWords(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q gives %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{`mail "x`: "a double quote is not closed", `mail 'x`: "a single quote is not closed", `mail x\`: "backslash"} {
		if got, err := splitWords(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %q, %v", text, got, err)
		}
	}
}

// FuzzSplitWords: words that are quoted come back as they were.
func FuzzSplitWords(f *testing.F) {
	for _, seed := range []string{"", "a b", `"a`, `'`, `\`, `a\"b "c" 'd'`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := splitWords(text)
		if err != nil {
			return
		}
		quoted := make([]string, len(words))
		for i, word := range words {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
		}
		again, err := splitWords(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Fatalf("%q became %q, %v", words, again, err)
		}
	})
}
