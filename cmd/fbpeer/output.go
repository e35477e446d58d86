package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"fbpeer/exchange"
)

// note prints a line on stderr that is neither data nor an error.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.stderr, "fbpeer: %s\n", exchange.ShowText(fmt.Sprintf(format, args...)))
}

// printJSON prints v as one indented object.
func (a *app) printJSON(v any) error {
	data, err := marshalJSON(v)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(data)
	return err
}

// verdict prints a yes or no in either form, v for --json and screen for a person, and gives the exit code of a no.
func (a *app) verdict(yes bool, v any, screen func() string) error {
	var err error
	if a.json {
		err = a.printJSON(v)
	} else {
		_, err = io.WriteString(a.stdout, screen())
	}
	if err == nil && !yes {
		err = answerNo()
	}
	return err
}

// present makes an absent list an empty one, for JSON.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// marshalJSON is indented JSON in which every character that a terminal might act on is a \u escape: encoding/json leaves
// C1 controls and bidirectional marks as they are.
func marshalJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	return escapeJSON(buf.Bytes()), nil
}

// escapeJSON is JSON in which every character that a terminal might act on, but for the end of a line, is a \u escape.
func escapeJSON(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for _, r := range string(data) {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// logger writes to stderr: for a person where format is "console", else one JSON object a line.
func (a *app) logger(level zerolog.Level, format string) zerolog.Logger {
	var w io.Writer = a.stderr
	if format != "json" {
		w = zerolog.ConsoleWriter{Out: a.stderr, NoColor: !a.terminal, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}
