package exchange

import (
	"bytes"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// randomReader is crypto/rand's, as a value.
type randomReader struct{}

func (randomReader) Read(p []byte) (int, error) { return rand.Read(p) }

// The random signatures below make coverage differ from run to run, so fuzz with -fuzzminimizetime 1x.

// FuzzOpen: nothing that Open reads makes it panic, every error is a refusal of one line, and what opens is the bytes
// that came.
func FuzzOpen(f *testing.F) {
	paths, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		f.Add(readVector(f, path).sealed)
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		a, err := Open(sealed, testFederation())
		if err != nil {
			var r *Refusal
			if !errors.As(err, &r) || strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
				t.Fatalf("%q", err.Error())
			}
			return
		}
		if !bytes.Equal(a.Sealed, sealed) {
			t.Fatal("what opened is not what came")
		}
	})
}

// FuzzPayload seals any payload with a proof and an envelope that verify, so that the grammar alone decides: what
// parses must be what encode writes for it.
func FuzzPayload(f *testing.F) {
	s := grammarSite()
	good := goodLines(s, weekFrom(testNow))
	f.Add(good.body())
	f.Add(good.before("endpoint:", "label: Hôpital").body())
	f.Add(good.before("sequence:", "next: SHA256:AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").body())
	f.Add(good.with("component:", "component: "+nodeID).with("role:", "role: node").before("certificate:", "secagg: off").body())
	f.Fuzz(func(t *testing.T, body string) {
		sealed := s.sealPayload(body + "proof: " + s.proofOver(testFederation().ID(), body) + "\n")
		a, err := Open(sealed, testFederation())
		if err != nil {
			return
		}
		if got := a.values(testFederation().ID()).encode(KindAnnouncement, fieldProof); string(got) != body {
			t.Fatalf("two forms of one meaning:\n%q\n%q", body, got)
		}
	})
}

// FuzzShowText: nothing that is not visible comes through, and escaping twice changes nothing.
func FuzzShowText(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff\U000e0041")
	f.Fuzz(func(t *testing.T, s string) {
		shown := ShowText(s)
		for _, r := range shown {
			if !visible(r) {
				t.Fatalf("%q shows U+%04X", s, r)
			}
		}
		if ShowText(shown) != shown {
			t.Fatalf("%q is escaped twice", s)
		}
	})
}
