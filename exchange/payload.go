package exchange

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fbpeer/mpspdz"
)

// The first line of every version's payload is versionWord, the kind, a space and a decimal number.
const (
	versionWord = "fbpeer "
	version     = 1 // of all kinds so far
)

// timeForm is how times are written: UTC, whole seconds.
const timeForm = "2006-01-02T15:04:05Z"

// field is a line of a payload after the version line. Whatever the kind has of them stands in the constants' order.
type field int

const (
	fieldFederation field = iota
	fieldComponent
	fieldRole
	fieldLabel
	fieldEndpoint
	fieldSecagg
	fieldSetName
	fieldProposal
	fieldSet
	fieldFiles
	fieldRows
	fieldMembers
	fieldCall
	fieldPlan
	fieldNumber
	fieldCertificate
	fieldNext
	fieldSequence
	fieldIssued
	fieldExpires
	fieldEndorsementKey
	fieldEndorsement
	fieldProof
	fieldCount
)

var fieldNames = [fieldCount]string{
	"federation", "component", "role", "label", "endpoint", "secagg", "set-name", "proposal", "set", "files", "rows", "members", "call",
	"plan", "number", "certificate", "next", "sequence", "issued", "expires", "endorsement-key", "endorsement", "proof",
}

func (f field) String() string { return fieldNames[f] }

// lineSet has a bit for each field.
type lineSet uint32

func fields(of ...field) lineSet {
	var s lineSet
	for _, f := range of {
		s |= 1 << f
	}
	return s
}

func (s lineSet) has(f field) bool { return s>>f&1 == 1 }

// values are a payload's lines, before any of them is understood; "" is an absent one.
type values [fieldCount]string

// encode writes the lines from the version to the one before end. It is the only writer of payloads.
func (v *values) encode(k Kind, end field) []byte {
	b := append([]byte(versionWord), k...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, version, 10)
	b = append(b, '\n')
	for f := range end {
		if v[f] != "" {
			b = append(b, f.String()...)
			b = append(b, ": "...)
			b = append(b, v[f]...)
			b = append(b, '\n')
		}
	}
	return b
}

// payloadHead reads the two lines that every version begins with.
func payloadHead(k Kind, payload string) (number int, federation string, err error) {
	prefix := versionWord + string(k) + " "
	first, rest, _ := strings.Cut(payload, "\n")
	digits, ok := strings.CutPrefix(first, prefix)
	number, numberErr := strconv.Atoi(digits)
	if !ok || numberErr != nil || number < 1 || number > 999_999_999 || strconv.Itoa(number) != digits {
		return 0, "", refuse(CodeMalformed, "version", first, errors.New(`is not "`+prefix+`" and a number`))
	}
	second, _, ended := strings.Cut(rest, "\n")
	federation, ok = strings.CutPrefix(second, fieldFederation.String()+": ")
	if !ok || !ended || federation == "" {
		return 0, "", refuse(CodeMalformed, fieldFederation.String(), second, errors.New("is not the second line"))
	}
	return number, federation, nil
}

// parseValues splits a version 1 payload, whose first two lines payloadHead has read, into its lines: every one of them the
// kind's, in order, at most once, with a value. So encode gives the payload again.
func parseValues(of format, payload string) (*values, error) {
	v := new(values)
	body, ok := strings.CutSuffix(payload, "\n")
	if !ok {
		return nil, refuse(CodeMalformed, "payload", "", errors.New("does not end with a line feed"))
	}
	next := field(0)
	_, body, _ = strings.Cut(body, "\n")
	for line := range strings.SplitSeq(body, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || value == "" {
			return nil, refuse(CodeMalformed, name, "", errors.New("the line is not a name, a colon, a space and a value"))
		}
		if hasControl(value) {
			return nil, refuse(CodeMalformed, name, value, errors.New("holds a control character"))
		}
		for next < fieldCount && !of.needs.has(next) && !(of.may.has(next) && next.String() == name) {
			next++
		}
		if next == fieldCount || next.String() != name {
			return nil, refuse(CodeMalformed, name, value, errors.New("the line is unknown, twice or out of order"))
		}
		v[next] = value
		next++
	}
	for next < fieldCount && !of.needs.has(next) {
		next++
	}
	if next != fieldCount {
		return nil, refuse(CodeMalformed, next.String(), "", errors.New("is missing"))
	}
	return v, nil
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// canonical refuses lines that are not what encode writes for the same meaning: upper case in a host name, fractions of
// a second, a sign before a number. again is what was understood, written anew.
func (v *values) canonical(again *values) error {
	for f := range fieldCount {
		switch {
		case v[f] == again[f]:
		case again[f] == "":
			return refuse(CodeMalformed, f.String(), v[f], errors.New("must be left out"))
		default:
			return refuse(CodeMalformed, f.String(), v[f], fmt.Errorf(`must be written "%s"`, shorten(again[f])))
		}
	}
	return nil
}

func (v *values) number(f field, bits int) (uint64, error) {
	n, err := strconv.ParseUint(v[f], 10, bits)
	if err != nil {
		return 0, refuse(CodeMalformed, f.String(), v[f], fmt.Errorf("is not a decimal number of %d bits", bits))
	}
	return n, nil
}

func (v *values) time(f field) (time.Time, error) {
	t, err := time.Parse(timeForm, v[f])
	if err != nil {
		return time.Time{}, refuse(CodeMalformed, f.String(), v[f], errors.New("is not a time like 2026-11-22T10:15:00Z"))
	}
	return t.UTC(), nil
}

func (v *values) binary(f field) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(v[f])
	if err != nil {
		return nil, refuse(CodeMalformed, f.String(), v[f], errors.New("is not unpadded standard base64"))
	}
	return b, nil
}

// hash reads a line that may be absent: then it is zero.
func (v *values) hash(f field) (mpspdz.Hash, error) {
	if v[f] == "" {
		return mpspdz.Hash{}, nil
	}
	h, err := mpspdz.ParseHash(v[f])
	if err != nil {
		return mpspdz.Hash{}, refuse(CodeMalformed, f.String(), v[f], err)
	}
	return h, nil
}

func hashText(h mpspdz.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

func encodeBinary(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
