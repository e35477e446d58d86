package exchange

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// mangled runs every change of one place in a sealed record past OpenRecord. None may open: what opened would be a second
// record under the signer's name, made by somebody else.
func mangled(sealed []byte, values []byte, each func(name string, changed []byte)) {
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			each(fmt.Sprintf("byte %d, bit %d flipped", i, bit), changed)
		}
		for _, v := range values {
			if sealed[i] != v {
				changed := bytes.Clone(sealed)
				changed[i] = v
				each(fmt.Sprintf("byte %d set to %#x", i, v), changed)
			}
		}
		each(fmt.Sprintf("byte %d left out", i), slices.Delete(bytes.Clone(sealed), i, i+1))
		each(fmt.Sprintf("cut to %d bytes", i), bytes.Clone(sealed[:i]))
		each(fmt.Sprintf("first %d bytes cut", i+1), bytes.Clone(sealed[i+1:]))
		each(fmt.Sprintf("byte %d twice", i), slices.Insert(bytes.Clone(sealed), i, sealed[i]))
		if i > 0 && sealed[i] != sealed[i-1] {
			changed := bytes.Clone(sealed)
			changed[i], changed[i-1] = changed[i-1], changed[i]
			each(fmt.Sprintf("bytes %d and %d swapped", i-1, i), changed)
		}
	}
	for i := 0; i <= len(sealed); i++ {
		for _, v := range values {
			each(fmt.Sprintf("%#x inserted at %d", v, i), slices.Insert(bytes.Clone(sealed), i, v))
		}
	}
}

// mangleValues are bytes that mean something somewhere: in protobuf, in lines, in base64.
var mangleValues = []byte{0x00, '\n', '\r', ' ', '0', 'A', '=', 0x7a, 0x80, 0xff}

func refuseAll(t *testing.T) func(string, []byte) {
	return func(name string, changed []byte) {
		var r *Refusal
		if _, err := OpenRecord(changed, testFederation()); !errors.As(err, &r) {
			t.Errorf("%s: opens (%v)", name, err)
		}
	}
}

func TestMangledIsRefused(t *testing.T) {
	mangled(mustSeal(t, grammarSite(), weekFrom(testNow)).Sealed, mangleValues, refuseAll(t))
}

func TestMangledKindsAreRefused(t *testing.T) {
	for _, name := range []string{"view-named-set", "call", "set", "certificate"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mangled(sealedOf(t, goodRecords()[name]).Record().Sealed, []byte{'\n', '0', 0x80}, refuseAll(t))
		})
	}
}

// TestMangledRSAIsRefused goes over the ordinary record, and one with every optional field.
func TestMangledRSAIsRefused(t *testing.T) {
	s := *sharedNode()
	s.registration.Label = "Hôpital"
	s.registration.Next[0] = 1
	keys := s.keys()
	keys.Previous = grammarSite().key
	a, err := Seal(randomReader{}, testFederation(), s.registration, weekFrom(testNow), keys)
	if err != nil {
		t.Fatal(err)
	}
	each := refuseAll(t)
	for i := range a.Sealed {
		changed := bytes.Clone(a.Sealed)
		changed[i] ^= 1 << (i % 8)
		each(fmt.Sprintf("byte %d", i), changed)
		each(fmt.Sprintf("insertion at %d", i), slices.Insert(bytes.Clone(a.Sealed), i, byte('\n')))
		each(fmt.Sprintf("deletion at %d", i), slices.Delete(bytes.Clone(a.Sealed), i, i+1))
	}
}

// TestUnknownFieldsAreRefused: protobuf readers pass over unknown fields, and the signature does not cover them.
func TestUnknownFieldsAreRefused(t *testing.T) {
	sealed := mustSeal(t, grammarSite(), weekFrom(testNow)).Sealed
	each := refuseAll(t)
	for number := 1; number < 40; number++ {
		for wire, content := range map[int]string{0: "\x00", 1: "12345678", 2: "\x00", 5: "1234"} {
			field := varint(number<<3|wire) + content
			each(fmt.Sprintf("field %d of wire type %d appended", number, wire), append(bytes.Clone(sealed), field...))
			each(fmt.Sprintf("field %d of wire type %d in front", number, wire), append([]byte(field), sealed...))
		}
	}
	each("the record twice", append(bytes.Clone(sealed), sealed...))
	each("a group", append(bytes.Clone(sealed), "\x7b\x7c"...))
}

// TestOtherEncodingsAreRefused: every length and tag of the envelope written longer than it needs to be, all of which
// protobuf readers take.
func TestOtherEncodingsAreRefused(t *testing.T) {
	const payloadType = "/fbpeer/announcement"
	s := grammarSite()
	payload := payloadOf(t, mustSeal(t, s, weekFrom(testNow)).Sealed)
	sealed := s.sealPayload(payload)
	e, err := parseEnvelope(sealed)
	if err != nil {
		t.Fatal(err)
	}
	longer := func(n int) string {
		b := binary.AppendUvarint(nil, uint64(n))
		b[len(b)-1] |= 0x80
		return string(append(b, 0))
	}
	build := func(longPart int) []byte {
		part := 0
		n := func(v int) string {
			part++
			if part-1 == longPart {
				return longer(v)
			}
			return varint(v)
		}
		key := n(0x08) + n(1) + n(0x12) + n(32) + string(e.key)
		return []byte(n(0x0a) + n(len(key)) + key + n(0x12) + n(len(payloadType)) + payloadType +
			n(0x1a) + n(len(payload)) + payload + n(0x2a) + n(64) + string(e.signature))
	}
	if !bytes.Equal(build(-1), sealed) {
		t.Fatal("the test builds another envelope")
	}
	for part := range 12 {
		refuseAll(t)(fmt.Sprintf("number %d written longer", part), build(part))
	}
}

// TestResignedIsRefused: whoever takes another's payload and changes it needs the certificate's key, not only an
// identity of their own.
func TestResignedIsRefused(t *testing.T) {
	s := grammarSite()
	payload := payloadOf(t, mustSeal(t, s, weekFrom(testNow)).Sealed)
	thief := *s
	_, identity, err := ed25519.GenerateKey(randomReader{})
	if err != nil {
		t.Fatal(err)
	}
	thief.identity = identity
	_, err = Open(thief.sealPayload(payload), testFederation())
	wantRefusal(t, err, CodeProof)
	for i := range payload {
		for _, v := range []byte{payload[i] ^ 1, payload[i] ^ 0x20, '\n', '0'} {
			if v == payload[i] {
				continue
			}
			changed := []byte(payload)
			changed[i] = v
			if _, err := Open(s.sealPayload(string(changed)), testFederation()); err == nil {
				t.Fatalf("byte %d set to %#x, signed again by the identity alone: opens", i, v)
			}
		}
	}
	lines := strings.SplitAfter(payload, "\n")
	for i := range lines[:len(lines)-1] {
		without := strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "")
		if _, err := Open(s.sealPayload(without), testFederation()); err == nil {
			t.Errorf("line %d left out, signed again by the identity alone: opens", i)
		}
	}
}
