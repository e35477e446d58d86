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

// The first line of every version's payload is this and a decimal number.
const (
	versionPrefix = "fbpeer announcement "
	version       = 1
)

// timeForm is how times are written: UTC, whole seconds.
const timeForm = "2006-01-02T15:04:05Z"

// field is a line of the payload after the version line; the constants' order is the lines' order.
type field int

const (
	fieldFederation field = iota
	fieldComponent
	fieldRole
	fieldLabel
	fieldEndpoint
	fieldSecagg
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
	"federation", "component", "role", "label", "endpoint", "secagg", "certificate", "next", "sequence", "issued", "expires",
	"endorsement-key", "endorsement", "proof",
}

func (f field) String() string { return fieldNames[f] }

func (f field) optional() bool {
	switch f {
	case fieldLabel, fieldSecagg, fieldNext, fieldEndorsementKey, fieldEndorsement:
		return true
	}
	return false
}

// values are a payload's lines, before any of them is understood; "" is an absent one.
type values [fieldCount]string

// encode writes the lines from the version to the one before end. It is the only writer of payloads.
func (v *values) encode(end field) []byte {
	b := append([]byte(versionPrefix), strconv.Itoa(version)...)
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
func payloadHead(payload string) (number int, federation string, err error) {
	first, rest, _ := strings.Cut(payload, "\n")
	digits, ok := strings.CutPrefix(first, versionPrefix)
	number, numberErr := strconv.Atoi(digits)
	if !ok || numberErr != nil || number < 1 || number > 999_999_999 || strconv.Itoa(number) != digits {
		return 0, "", refuse(CodeMalformed, "version", first, errors.New(`is not "`+versionPrefix+`" and a number`))
	}
	second, _, ended := strings.Cut(rest, "\n")
	federation, ok = strings.CutPrefix(second, fieldFederation.String()+": ")
	if !ok || !ended || federation == "" {
		return 0, "", refuse(CodeMalformed, fieldFederation.String(), second, errors.New("is not the second line"))
	}
	return number, federation, nil
}

// parseValues splits a version 1 payload, whose first two lines payloadHead has read, into its lines: every one of them
// known, in order, at most once, with a value. So encode gives the payload again.
func parseValues(payload string) (values, error) {
	var v values
	body, ok := strings.CutSuffix(payload, "\n")
	if !ok {
		return v, refuse(CodeMalformed, "payload", "", errors.New("does not end with a line feed"))
	}
	next := field(0)
	_, body, _ = strings.Cut(body, "\n")
	for line := range strings.SplitSeq(body, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || value == "" {
			return v, refuse(CodeMalformed, name, "", errors.New("the line is not a name, a colon, a space and a value"))
		}
		if hasControl(value) {
			return v, refuse(CodeMalformed, name, value, errors.New("holds a control character"))
		}
		for next < fieldCount && next.String() != name && next.optional() {
			next++
		}
		if next == fieldCount || next.String() != name {
			return v, refuse(CodeMalformed, name, value, errors.New("the line is unknown, twice or out of order"))
		}
		v[next] = value
		next++
	}
	for next < fieldCount && next.optional() {
		next++
	}
	if next != fieldCount {
		return v, refuse(CodeMalformed, next.String(), "", errors.New("is missing"))
	}
	if (v[fieldEndorsementKey] == "") != (v[fieldEndorsement] == "") {
		return v, refuse(CodeMalformed, fieldEndorsement.String(), "", errors.New("one of the endorsement's two lines is missing"))
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

// values writes an announcement's meaning; the proof's line is left to the caller.
func (a *Announcement) values(federation string) *values {
	v := &values{
		fieldFederation:  federation,
		fieldComponent:   a.Component,
		fieldRole:        string(a.Role),
		fieldLabel:       a.Label,
		fieldEndpoint:    a.Endpoint.String(),
		fieldSecagg:      string(a.Secagg),
		fieldCertificate: encodeBinary(a.Certificate.DER()),
		fieldSequence:    strconv.FormatUint(a.Sequence, 10),
		fieldIssued:      a.Issued.Format(timeForm),
		fieldExpires:     a.Expires.Format(timeForm),
	}
	if !a.Next.IsZero() {
		v[fieldNext] = a.Next.String()
	}
	if a.Endorsement != nil {
		v[fieldEndorsementKey] = encodeBinary(a.Endorsement.OldKey)
		v[fieldEndorsement] = encodeBinary(a.Endorsement.Signature)
	}
	return v
}

// announcement understands the lines, all but certificate and proof.
func (v *values) announcement() (*Announcement, error) {
	a := &Announcement{Registration: Registration{
		Component: v[fieldComponent],
		Label:     v[fieldLabel],
		Secagg:    Secagg(v[fieldSecagg]),
	}}
	var err error
	if a.Role, err = mpspdz.ParseRole(v[fieldRole]); err != nil {
		return nil, refuse(CodeField, fieldRole.String(), v[fieldRole], err)
	}
	if a.Endpoint, err = mpspdz.ParseEndpoint(v[fieldEndpoint]); err != nil {
		return nil, refuse(CodeField, fieldEndpoint.String(), v[fieldEndpoint], err)
	}
	if v[fieldNext] != "" {
		if a.Next, err = mpspdz.ParseHash(v[fieldNext]); err != nil {
			return nil, refuse(CodeMalformed, fieldNext.String(), v[fieldNext], err)
		}
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	if a.Sequence, err = strconv.ParseUint(v[fieldSequence], 10, 64); err != nil {
		return nil, refuse(CodeMalformed, fieldSequence.String(), v[fieldSequence], errors.New("is not a decimal number of 64 bits"))
	}
	if a.Issued, err = v.time(fieldIssued); err != nil {
		return nil, err
	}
	if a.Expires, err = v.time(fieldExpires); err != nil {
		return nil, err
	}
	if v[fieldEndorsement] != "" {
		a.Endorsement = new(Endorsement)
		if a.Endorsement.OldKey, err = v.binary(fieldEndorsementKey); err != nil {
			return nil, err
		}
		if a.Endorsement.Signature, err = v.binary(fieldEndorsement); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// checkStamp holds the rules on sequence and times that no clock is needed for.
func checkStamp(s Stamp, certificate *mpspdz.Certificate) error {
	switch {
	case s.Sequence == 0:
		return refuse(CodeField, "sequence", "0", errors.New("must be at least 1"))
	case s.Issued.Year() < 1970 || s.Issued.Year() > 9999:
		return refuseTime("issued", s.Issued, "must be of the years 1970 to 9999")
	case s.Expires.Year() > 9999:
		return refuseTime("expires", s.Expires, "must be of the years 1970 to 9999")
	case !s.Expires.After(s.Issued):
		return refuseTime("expires", s.Expires, "must be after issued, "+s.Issued.Format(timeForm))
	case s.Expires.Sub(s.Issued) > MaxLifetime && s.Expires.After(certificate.NotAfter()):
		return refuseTime("expires", s.Expires, "is more than 30 days after issued, and later than the certificate's end, "+
			certificate.NotAfter().Format(timeForm))
	}
	return nil
}

func refuseTime(field string, t time.Time, text string) error {
	return refuse(CodeField, field, t.Format(timeForm), errors.New(text))
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

func encodeBinary(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
