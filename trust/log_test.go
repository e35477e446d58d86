package trust_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"fbpeer/trust"
)

func TestLogLine(t *testing.T) {
	record := trust.LogRecord{
		Time: now.In(time.FixedZone("", 3600)), Event: "changed", Component: "NODE_nice", By: "alice",
		Changes: []trust.Change{{Field: "port", Old: "14001", New: "14901"}}, Text: "two\nlines",
	}
	first := record.Line(trust.LogStart())
	want := `{"time":"2026-11-22T10:15:00Z","event":"changed","component":"NODE_nice","by":"alice",` +
		`"changes":[{"field":"port","old":"14001","new":"14901"}],"text":"two\nlines",` +
		`"previous":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`
	if string(first) != want {
		t.Errorf("got\n%s\nwant\n%s", first, want)
	}
	second := trust.LogRecord{Time: now, Event: "own", Number: 2}.Line(trust.HashLogLine(first))
	read, err := trust.ParseLogLine(second)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, trust.LogRecord{Time: now, Event: "own", Number: 2, Previous: trust.HashLogLine(first).String()}) {
		t.Errorf("read back %+v", read)
	}
	odd := trust.LogRecord{Time: now.AddDate(20000, 0, 0), Event: "\xff\x00\u2028"}.Line(trust.LogStart())
	if !json.Valid(odd) || bytes.ContainsAny(odd, "\n\x00") {
		t.Errorf("odd values give %q", odd)
	}
}

func TestParseLogLineRefuses(t *testing.T) {
	good := string(trust.LogRecord{Time: now, Event: "own", Number: 2}.Line(trust.LogStart()))
	if _, err := trust.ParseLogLine([]byte(good[:len(good)-1] + `,"later":[1]}`)); err != nil {
		t.Errorf("a field of a later release: %v", err)
	}
	for _, bad := range []string{
		"", "null", "[]", "{}", good + good, good + " ", " " + good, good[:len(good)-1], good[1:],
		`{"time":"2026-11-22T10:15:00Z","event":"own"}`,
		`{"time":"2026-11-22T10:15:00Z","event":"own","previous":"E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"}`,
		`{"time":"2026-11-22T10:15:00Z","event":"","previous":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
		`{"event":"own","previous":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
		`{"time":"2026-11-22T10:15:00Z","event":"own","number":9007199254740993,"previous":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`,
		string(trust.LogRecord{Time: now, Event: "own", Text: string(bytes.Repeat([]byte("x"), trust.MaxLogLine))}.Line(trust.LogStart())),
	} {
		if r, err := trust.ParseLogLine([]byte(bad)); err == nil {
			t.Errorf("%.200q gives %+v", bad, r)
		}
	}
}

func TestLogHead(t *testing.T) {
	head := trust.LogHead{Number: 17, Hash: trust.LogStart()}
	read, err := trust.ParseLogHead(head.Bytes())
	if err != nil || read != head {
		t.Errorf("%+v, %v", read, err)
	}
	text := string(head.Bytes())
	for _, bad := range []string{"", "17", text[:len(text)-1], text + "\n", "0" + text, "+" + text, "17  " + text[3:], text[:20] + "G" + text[21:]} {
		if _, err := trust.ParseLogHead([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
