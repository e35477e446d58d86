package durable

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
)

func TestIntentMangled(t *testing.T) {
	whole := intent{"/srv/var/db.json", []byte(`{"old": 1}`), []byte(`{"new": 22}`)}.encode()
	got, reason := parseIntent(whole)
	if reason != "" || got.path != "/srv/var/db.json" || string(got.old) != `{"old": 1}` || string(got.new) != `{"new": 22}` {
		t.Fatalf("%+v, %q", got, reason)
	}
	for i := range whole {
		for bit := range 8 {
			mangled := bytes.Clone(whole)
			mangled[i] ^= 1 << bit
			if _, reason := parseIntent(mangled); reason == "" {
				t.Errorf("bit %d of byte %d flipped: taken", bit, i)
			}
		}
		if _, reason := parseIntent(whole[:i]); reason == "" {
			t.Errorf("cut to %d bytes: taken", i)
		}
	}
	if _, reason := parseIntent(append(bytes.Clone(whole), 0)); reason == "" {
		t.Error("with a byte appended: taken")
	}
}

// Headers that are wrong although the checksum is right.
func TestIntentStrict(t *testing.T) {
	for _, text := range []string{
		"fbpeer-intent-v2 2 1 1\n/aon",
		"fbpeer-intent-v1 2 1\n/aon",
		"fbpeer-intent-v1 2 1 1 0\n/aon",
		"fbpeer-intent-v1  2 1 1\n/aon",
		"fbpeer-intent-v1 02 1 1\n/aon",
		"fbpeer-intent-v1 +2 1 1\n/aon",
		"fbpeer-intent-v1 2 -1 3\n/aon",
		"fbpeer-intent-v1 2 1 2\n/aon",
		"fbpeer-intent-v1 2 1 0\n/aon",
		"fbpeer-intent-v1 2 1 99999999999999999999\n/aon",
		"fbpeer-intent-v1 2 1 1\r\n/aon",
		"fbpeer-intent-v1 2 1 1\naaon",
		"fbpeer-intent-v1 0 2 2\n/aon",
	} {
		sum := sha256.Sum256([]byte(text))
		if _, reason := parseIntent(append([]byte(text), sum[:]...)); reason == "" {
			t.Errorf("%q: taken", text)
		}
	}
}

func FuzzParseIntent(f *testing.F) {
	f.Add([]byte("/a"), []byte("old"), []byte("new"), []byte(nil))
	f.Add([]byte(strings.Repeat("/long", 50)), []byte(nil), []byte(nil), []byte("fbpeer-intent-v1 2 1 1\n/aon"))
	f.Fuzz(func(t *testing.T, path, old, new, raw []byte) {
		// What is written is read.
		written := intent{"/" + string(path), old, new}
		got, reason := parseIntent(written.encode())
		if reason != "" || got.path != written.path || !bytes.Equal(got.old, old) || !bytes.Equal(got.new, new) {
			t.Errorf("%+v came back as %+v (%s)", written, got, reason)
		}
		// What is read has one form.
		sum := sha256.Sum256(raw)
		for _, b := range [][]byte{raw, append(bytes.Clone(raw), sum[:]...)} {
			if got, reason := parseIntent(b); reason == "" && !bytes.Equal(got.encode(), b) {
				t.Errorf("%q is read, but written as %q", b, got.encode())
			}
		}
	})
}
