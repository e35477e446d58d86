package trust_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
	first := record.Line(nil)
	want := `{"time":"2026-11-22T10:15:00Z","event":"changed","component":"NODE_nice","by":"alice",` +
		`"changes":[{"field":"port","old":"14001","new":"14901"}],"text":"two\nlines",` +
		`"previous":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}`
	if string(first) != want {
		t.Errorf("got\n%s\nwant\n%s", first, want)
	}
	second := trust.LogRecord{Time: now, Event: "own"}.Line(first)
	var read trust.LogRecord
	decoder := json.NewDecoder(bytes.NewReader(second))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(first)
	if !reflect.DeepEqual(read, trust.LogRecord{Time: now, Event: "own", Previous: hex.EncodeToString(sum[:])}) {
		t.Errorf("read back %+v", read)
	}
	odd := trust.LogRecord{Time: now.AddDate(20000, 0, 0), Event: "\xff\x00\u2028"}.Line(nil)
	if !json.Valid(odd) || bytes.ContainsAny(odd, "\n\x00") {
		t.Errorf("odd values give %q", odd)
	}
}
