package fedbiomed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fbpeer/internal/testenv"
)

// dict is Python's: keys keep the place of their first insertion.
type dict struct {
	keys   []string
	values map[string]any
}

func newDict(pairs ...any) *dict {
	d := &dict{values: map[string]any{}}
	for i := 0; i < len(pairs); i += 2 {
		d.set(pairs[i].(string), pairs[i+1])
	}
	return d
}

func (d *dict) set(key string, value any) {
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
}

func (d *dict) pop(key string) {
	delete(d.values, key)
	d.keys = slices.DeleteFunc(d.keys, func(k string) bool { return k == key })
}

// update is dict.update.
func (d *dict) update(other *dict) {
	for _, key := range other.keys {
		d.set(key, other.values[key])
	}
}

// object gives a value that must be a dict.
func (d *dict) object(key string) *dict { return d.values[key].(*dict) }

// pyLoads is Python's json.loads, but for NaN, the infinities and lone surrogates, which it does not take: integers of any size stay
// integers, objects keep their order, of a key that stands twice the last value counts.
func pyLoads(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	value, err := pyValue(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("extra data")
	}
	return value, nil
}

func pyValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return pyList(decoder)
		}
		return pyDict(decoder)
	case json.Number:
		if !strings.ContainsAny(string(token), ".eE") {
			n, _ := new(big.Int).SetString(string(token), 10)
			return n, nil
		}
		f, _ := token.Float64() // out of range: an infinity, as in Python
		return f, nil
	}
	return token, nil
}

func pyList(decoder *json.Decoder) (any, error) {
	list := []any{}
	for decoder.More() {
		value, err := pyValue(decoder)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := decoder.Token()
	return list, err
}

func pyDict(decoder *json.Decoder) (any, error) {
	d := newDict()
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		value, err := pyValue(decoder)
		if err != nil {
			return nil, err
		}
		d.set(key.(string), value)
	}
	_, err := decoder.Token()
	return d, err
}

// pyDumps is Python's json.dumps.
func pyDumps(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(value)
	case int:
		return strconv.Itoa(value)
	case *big.Int:
		return value.String()
	case float64:
		return pyFloat(value)
	case string:
		return quoteText(value) // TestPythonJSON holds it against Python
	case []any:
		var items []string
		for _, item := range value {
			items = append(items, pyDumps(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case *dict:
		var items []string
		for _, key := range value.keys {
			items = append(items, quoteText(key)+": "+pyDumps(value.values[key]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	}
	panic(fmt.Sprintf("%T is nothing that JSON holds", value))
}

// pyFloat is Python's repr.
func pyFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// TestPythonJSON holds the two against Python itself: the fixtures, and what could go wrong.
func TestPythonJSON(t *testing.T) {
	texts := []string{
		string(readFixture(t, "clone")), string(readFixture(t, "registered")),
		`{"b": 1, "a": 2, "b": {"x": [ ]}}`, "[ ]", " {\n} ", `[-0, 0, 12345678901234567890123456789, -7]`,
		`[-0.0, 0.0, 1.0, 1e0, 1E400, -1e400, 0.1, 1e15, 1e16, 123456789012345680.0, 1e-4, 1e-5, 1.5e-7, 5e-324, 1.7976931348623157e308, 1e23]`,
		`["\"\\\/\b\f\n\r\t\u0001\u007f~\u00e9\u20ac\u2028\ud83d\ude00<>&", "é€😀` + "\x7f" + `", true, false, null]`,
		"", " ", "{", `{"a": 1}}`, `{"a": 1} {`, `{"a": 1,}`, `{"a": 01}`, "{\"a\": \"\n\"}", `{'a': 1}`, "{\"a\": 1}\x00",
	}
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(testenv.NeedProgram(t, "python3"), "-c", `
import json, sys
def again(text):
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return "refused"
json.dump([again(text) for text in json.load(sys.stdin)], sys.stdout)`)
	command.Stdin = bytes.NewReader(input)
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	if err := json.Unmarshal(output, &want); err != nil || len(want) != len(texts) {
		t.Fatal(len(want), err)
	}
	for i, text := range texts {
		got := "refused"
		if value, err := pyLoads([]byte(text)); err == nil {
			got = pyDumps(value)
		}
		if got != want[i] {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want[i])
		}
	}
}
