package config

import (
	"errors"
	"path/filepath"
	"strings"
)

// readNotify reads the command that is told of events. A program that is named with a folder is relative to the file, or, from the
// environment, to the working folder; a bare name is looked up in PATH when it is run.
func (l *loader) readNotify() error {
	v := l.get("notify", "command")
	words, err := splitWords(v.text)
	if err != nil {
		return v.wrong("close it; no shell reads this line: quotes only keep a word together", "%w", err)
	}
	if len(words) > 0 && words[0] == "" {
		return v.wrong("name a program first", "the first word is empty")
	}
	if len(words) > 0 && strings.ContainsRune(words[0], '/') && !filepath.IsAbs(words[0]) {
		words[0] = filepath.Join(v.dir, words[0])
	}
	l.c.NotifyCommand = words
	return nil
}

// splitWords splits a command as a shell would, and expands nothing. Blanks separate words. Single quotes keep all between them as it is;
// double quotes do, but for \" and \\; outside of quotes a backslash keeps the next character as it is. The error says what is left open.
func splitWords(text string) (words []string, err error) {
	var word strings.Builder
	begun := false
	end := func() {
		if begun {
			words = append(words, word.String())
		}
		word.Reset()
		begun = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == ' ' || c == '\t':
			end()
			continue
		case c == '\'':
			close := strings.IndexByte(text[i+1:], '\'')
			if close < 0 {
				return nil, errors.New("a single quote is not closed")
			}
			word.WriteString(text[i+1 : i+1+close])
			i += close + 1
		case c == '"':
			n, err := quoted(text[i+1:], &word)
			if err != nil {
				return nil, err
			}
			i += n
		case c == '\\' && i+1 == len(text):
			return nil, errors.New("nothing follows the backslash at its end")
		case c == '\\':
			i++
			word.WriteByte(text[i])
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	end()
	return words, nil
}

// quoted reads up to the closing double quote, and says how many bytes that is, with it.
func quoted(text string, word *strings.Builder) (int, error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			word.WriteByte(text[i])
		default:
			word.WriteByte(c)
		}
	}
	return 0, errors.New("a double quote is not closed")
}
