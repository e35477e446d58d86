package exchange

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
)

// OpenRecord checks all of a sealed record that never changes, cheap things first: size, frame, the two lines of every version,
// grammar, values, then the signatures: the envelope's and those of other keys. It knows no clock and no history: a record of last year
// still opens. Every refusal is a *Refusal.
//
// That a record is of a newer version, or of a kind that this release does not know, is said only of one whose envelope verifies, so
// nobody can say it of another.
func OpenRecord(sealed []byte, f Federation) (Opened, error) {
	if len(sealed) > MaxSealed {
		return nil, tooLarge(len(sealed), MaxSealed)
	}
	sealed = bytes.Clone(sealed)
	e, err := parseEnvelope(sealed)
	if err != nil {
		return nil, err
	}
	r, err := e.open(sealed, f)
	if err != nil {
		return nil, ofKind(e.kind, err)
	}
	return r, nil
}

// Open opens an announcement. A record of another kind is refused (CodeKind).
func Open(sealed []byte, f Federation) (*Announcement, error) {
	r, err := OpenRecord(sealed, f)
	if err != nil {
		return nil, err
	}
	a, ok := r.(*Announcement)
	if !ok {
		id := r.Record().ID
		return nil, &Refusal{Code: CodeKind, Kind: id.Kind, Field: "envelope", Peer: id.Peer, Err: errors.New("is not an announcement")}
	}
	return a, nil
}

func (e envelope) open(sealed []byte, f Federation) (Opened, error) {
	payload := string(e.payload)
	number, federation, err := payloadHead(e.kind, payload)
	if err != nil {
		return nil, err
	}
	if federation != f.ID() {
		return nil, refuse(CodeFederation, "federation", federation, errors.New("is another federation"))
	}
	of, known := formatOf(e.kind)
	if !known || number > version {
		return nil, e.refuseNewer(number)
	}
	if len(sealed) > of.most {
		return nil, tooLarge(len(sealed), of.most)
	}
	r, err := of.read(payload, federation)
	if err != nil {
		return nil, err
	}
	id, err := e.signer()
	if err != nil {
		return nil, refuse(CodeSignature, "envelope", "", err)
	}
	if err := e.verify(); err != nil {
		return nil, err
	}
	r.seal(id, sha256.Sum256(e.payload), sealed)
	if err := r.verify(f, payload); err != nil {
		return nil, err
	}
	return r, nil
}

// read understands a version 1 payload, all but signatures: grammar, values, one form.
func (of format) read(payload, federation string) (content, error) {
	v, err := parseValues(of, payload)
	if err != nil {
		return nil, err
	}
	r := of.empty()
	if err := r.understand(v); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := v.canonical(r.values(federation)); err != nil {
		return nil, err
	}
	return r, nil
}

func (e envelope) refuseNewer(number int) error {
	if err := e.verify(); err != nil {
		return err
	}
	id, err := e.signer()
	if err != nil {
		return refuse(CodeSignature, "envelope", "", err)
	}
	return &Refusal{Code: CodeNewerVersion, Field: "version", Value: fmt.Sprint(number), Peer: id, Err: errors.New("needs a newer fbpeer")}
}

func tooLarge(size, most int) error {
	return refuse(CodeTooLarge, "envelope", "", fmt.Errorf("has %d bytes, at most %d are allowed", size, most))
}
