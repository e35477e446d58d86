package probe

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

func endpoint(t testing.TB, s string) mpspdz.Endpoint {
	t.Helper()
	e, err := mpspdz.ParseEndpoint(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestVectors holds the encodings of docs/probe.md.
func TestVectors(t *testing.T) {
	digest := mpspdz.Hash(bytes.Repeat([]byte{0xd1}, 32))
	row := []result{
		{to: 0, code: OK, party: nobody, took: 11 * time.Millisecond},
		{to: 2, code: WrongParty, party: 3, age: 12 * time.Second, endpoint: endpoint(t, "10.0.0.9:14001")},
		{to: 3, code: Failed, how: howThere, party: nobody, detail: "no luck"},
	}
	for name, test := range map[string]struct {
		got  []byte
		want string
	}{
		"request": {request{"trial", digest}.encode(), "01 05 747269616c " + strings.Repeat("d1", 32)},
		"default": {request{"", digest}.encode(), "01 00 " + strings.Repeat("d1", 32)},
		"opened":  {answer{status: statusOpen, left: 5 * time.Second}.encode(), "00 00 00001388 00000000 " + strings.Repeat("00", 32) + " 00"},
		"over":    {answer{status: statusInUse, over: true, left: 18 * time.Second, age: 12 * time.Second}.encode(), "01 01 00004650 00002ee0 " + strings.Repeat("00", 32) + " 00"},
		"other":   {answer{status: statusOtherSet, digest: digest}.encode(), "05 00 00000000 00000000 " + strings.Repeat("d1", 32) + " 00"},
		"failed":  {answer{status: statusFailed, detail: "no"}.encode(), "08 00 00000000 00000000 " + strings.Repeat("00", 32) + " 02 6e6f"},
		"go":      {encodeGo([]target{{0, 4 * time.Second}, {3, 5 * time.Second}}), "00 00000fa0 03 00001388"},
		"row": {encodeRow(row), "00 00 00 ff 0000000b 00000000 0000 00 " +
			"02 08 00 03 00000000 00002ee0 000e 31302e302e302e393a3134303031 00 " +
			"03 09 01 ff 00000000 00000000 0000 07 6e6f206c75636b"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(test.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(test.got, want) {
			t.Errorf("%s: %x, want %x", name, test.got, want)
		}
	}
	if got, err := decodeRow(encodeRow(row), 1, 4); err != nil || !reflect.DeepEqual(got, row) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestWireRefuses: whatever is not in the one form is refused.
func TestWireRefuses(t *testing.T) {
	long := strings.Repeat("x", maxDetail+1)
	ok := encodeRow([]result{{to: 2, code: OK, party: nobody}})
	spoil := func(at int, b byte) []byte {
		out := bytes.Clone(ok)
		out[at] = b
		return out
	}
	for name, b := range map[string][]byte{
		"own cell":             spoil(0, 1),
		"no such party":        spoil(0, 4),
		"no such code":         spoil(1, byte(len(rowCodes))),
		"no such how":          spoil(2, byte(hows)),
		"answered by no party": spoil(3, 4),
		"took too long":        spoil(4, 1),
		"too old":              spoil(8, 1),
		"endpoint cut off":     spoil(13, 1),
		"detail cut off":       spoil(14, 1),
		"twice":                append(bytes.Clone(ok), ok...),
		"cut off":              ok[:len(ok)-1],
		"a name in capitals":   append(append(ok[:12:12], 0, 6), "HOST:1\x00"...),
		"no endpoint":          append(append(ok[:12:12], 0, 6), "a b:10\x00"...),
		"no UTF-8":             append(append(ok[:14:14], 1), 0xff),
		"a long detail":        append(append(ok[:14:14], byte(len(long))), long...),
	} {
		if row, err := decodeRow(b, 1, 4); err == nil {
			t.Errorf("%s: %+v", name, row)
		}
	}
	good := answer{status: statusRan, left: time.Second}.encode()
	for name, change := range map[string]func(b []byte) []byte{
		"a status of the coordinator's own": func(b []byte) []byte { b[0] = byte(statusNoAnswer); return b },
		"over, but no opening":              func(b []byte) []byte { b[0], b[1] = byte(statusOff), 1; return b },
		"over is 0 or 1":                    func(b []byte) []byte { b[1] = 2; return b },
		"longer than a minute":              func(b []byte) []byte { b[2] = 1; return b },
		"older than a minute":               func(b []byte) []byte { b[6] = 1; return b },
		"more":                              func(b []byte) []byte { return append(b, 0) },
		"less":                              func(b []byte) []byte { return b[:len(b)-1] },
		"nothing":                           func([]byte) []byte { return nil },
	} {
		if a, err := decodeAnswer(change(bytes.Clone(good))); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	digest := strings.Repeat("d", 32)
	for name, text := range map[string]string{
		"version 0": "\x00\x00" + digest, "no digest": "\x01\x00", "short digest": "\x01\x00" + digest[1:], "nothing": "",
		"a name like a path": "\x01\x03../" + digest, "a long name": "\x01\x21" + strings.Repeat("a", 33) + digest, "a name that ends": "\x01\x20" + digest,
	} {
		if q, err := decodeRequest([]byte(text)); err == nil {
			t.Errorf("%s: %+v", name, q)
		}
	}
	if q, err := decodeRequest([]byte("\x02\x01a" + digest + "of version 2")); err != nil || q.setName != "a" {
		t.Errorf("a later version: %+v, %v", q, err)
	}
	for name, b := range map[string][]byte{
		"cut off": {0, 0, 0, 0}, "to itself": {1, 0, 0, 0, 1}, "no such party": {4, 0, 0, 0, 1}, "for ever": {0, 0xff, 0, 0, 0},
		"not in order": {2, 0, 0, 0, 1, 0, 0, 0, 0, 1}, "twice": {2, 0, 0, 0, 1, 2, 0, 0, 0, 1},
	} {
		if targets, err := decodeGo(b, 1, 4); err == nil {
			t.Errorf("%s: %+v", name, targets)
		}
	}
	if _, err := readFrame(strings.NewReader("\x00\x05four")); err == nil {
		t.Error("a frame that is cut off")
	}
}

// TestLargestRow: 254 results with all their texts do not fit; then some go without.
func TestLargestRow(t *testing.T) {
	far := endpoint(t, strings.Repeat(strings.Repeat("a", 63)+".", 3)+strings.Repeat("b", 61)+":65535")
	var row []result
	for to := range mpspdz.MaxParties - 1 {
		row = append(row, result{to: to + 1, code: Failed, party: nobody, endpoint: far, detail: strings.Repeat("é", 100)})
	}
	b := encodeRow(row)
	if len(b) > maxFrame {
		t.Fatalf("%d bytes", len(b))
	}
	got, err := decodeRow(b, 0, mpspdz.MaxParties)
	if err != nil || len(got) != len(row) {
		t.Fatalf("%d results, %v", len(got), err)
	}
	if first, last := got[0], got[len(got)-1]; first.detail != strings.Repeat("é", 60) || first.endpoint != far || last.detail != "" || last.code != Failed {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

func FuzzRow(f *testing.F) {
	f.Add(encodeRow([]result{{to: 0, code: OK, party: nobody, took: time.Second}, {to: 2, code: WrongParty, party: 1, age: time.Second, detail: "x"}}))
	f.Add(encodeRow([]result{{to: 3, code: Refused, party: nobody, endpoint: endpoint(f, "a.example:1")}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		row, err := decodeRow(b, 1, 100)
		if err == nil && len(b) < maxFrame/2 && !bytes.Equal(encodeRow(row), b) {
			t.Errorf("%x is read as %+v", b, row)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(answer{status: statusOpen, over: true, age: time.Second}.encode())
	f.Add(answer{status: statusFailed, detail: "no"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := decodeAnswer(b); err == nil && !bytes.Equal(a.encode(), b) {
			t.Errorf("%x is read as %+v", b, a)
		}
	})
}

func FuzzRequestAndGo(f *testing.F) {
	f.Add(request{setName: "a"}.encode())
	f.Add(encodeGo([]target{{0, time.Second}, {2, time.Second}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := decodeRequest(b); err == nil && !bytes.HasPrefix(b[1:], q.encode()[1:]) {
			t.Errorf("%x is read as %+v", b, q)
		}
		if targets, err := decodeGo(b, 1, 4); err == nil && !bytes.Equal(encodeGo(targets), b) {
			t.Errorf("%x is read as %+v", b, targets)
		}
	})
}

// FuzzTable and the command lines come from the kernel and from other programs.
func FuzzTable(f *testing.F) {
	f.Add("  sl  local_address rem_address\n   0: 0100007F:36B0 00000000:0000 0A\n", uint16(14000))
	f.Fuzz(func(t *testing.T, table string, port uint16) {
		tableHolds(table, port)
		process{arguments: strings.Split(table, "\x00")}.isParty(port, []string{"/nowhere"})
	})
}
