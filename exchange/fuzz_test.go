package exchange

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
)

// randomReader is crypto/rand's, as a value.
type randomReader struct{}

func (randomReader) Read(p []byte) (int, error) { return rand.Read(p) }

// The random signatures below make coverage differ from run to run, so fuzz with -fuzzminimizetime 1x.

// FuzzOpenRecord: nothing that OpenRecord reads makes it panic, every error is a refusal of one line, and what opens, written again, is the
// bytes that came.
func FuzzOpenRecord(f *testing.F) {
	for _, path := range vectorPaths(f) {
		f.Add(readVector(f, path).sealed)
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		r, err := OpenRecord(sealed, testFederation())
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
				t.Fatalf("%q", err.Error())
			}
			return
		}
		if !bytes.Equal(r.Record().Sealed, sealed) || !bytes.Equal(written(t, r), sealed) {
			t.Fatal("what opened is not what came")
		}
	})
}

// written is an opened record written again: its values, under the signature that it came with.
func written(t testing.TB, r Opened) []byte {
	t.Helper()
	row := r.Record()
	e, err := parseEnvelope(row.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	payload := r.(content).values(testFederation().ID()).encode(row.Kind, fieldCount)
	payloadType := "/fbpeer/" + string(row.Kind)
	return []byte("\x0a\x24\x08\x01\x12\x20" + string(e.key) + "\x12" + varint(len(payloadType)) + payloadType +
		"\x1a" + varint(len(payload)) + string(payload) + "\x2a\x40" + string(e.signature))
}

// FuzzRecordPayload seals any payload of the kinds without a proof, so that the grammar alone decides: what parses must be what encode
// writes for it.
func FuzzRecordPayload(f *testing.F) {
	kinds := []Kind{KindView, KindCall, KindSet, KindCertificate}
	for i, k := range kinds {
		f.Add(uint8(i), goodKindLines()[k].body())
	}
	for _, r := range goodRecords() {
		row := sealedOf(f, r).Record()
		f.Add(uint8(slices.Index(kinds, row.Kind)), payloadOf(f, row.Sealed))
	}
	f.Fuzz(func(t *testing.T, kind uint8, payload string) {
		sealed := sealKind(kinds[int(kind)%len(kinds)], payload)
		r, err := OpenRecord(sealed, testFederation())
		if err == nil && !bytes.Equal(written(t, r), sealed) {
			t.Fatalf("two forms of one meaning: %q", payload)
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
