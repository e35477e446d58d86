package exchange

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Code is a stable name of why a record was not taken.
type Code string

// What never changes (Open): every honest agent, of any clock and list, refuses such bytes; only CodeNewerVersion is a
// matter of the agent's release.
const (
	CodeTooLarge     Code = "too-large"     // more than MaxSealed bytes, or than its kind may have
	CodeMalformed    Code = "malformed"     // envelope or payload is not the one accepted form
	CodeSignature    Code = "signature"     // the envelope's signature, or a signer that is not Ed25519
	CodeFederation   Code = "federation"    // another federation's
	CodeNewerVersion Code = "newer-version" // well signed, but only a newer fbpeer can read its version or kind
	CodeField        Code = "field"         // a field's value is not allowed
	CodeCertificate  Code = "certificate"   // a certificate's rules; Err is a *mpspdz.CertificateError
	CodeProof        Code = "proof"         // the certificate's key did not sign this
	CodeEndorsement  Code = "endorsement"   // not a signature by the key that it names; whether it counts is for package trust
)

// CodeKind is Open's, of a record that is well, but no announcement.
const CodeKind Code = "kind"

// What depends on time and history (Table.Check, Table.Put).
const (
	CodeKnown           Code = "known"            // held already
	CodeSuperseded      Code = "superseded"       // a later sequence of this identity was seen
	CodeEquivocation    Code = "equivocation"     // same identity and sequence, another payload
	CodeExpired         Code = "expired"          // its own expiry has passed
	CodeAhead           Code = "ahead"            // sequence or issue time more than MaxAhead ahead of the clock
	CodeLifetime        Code = "lifetime"         // longer than MaxLifetime: a card's, never gossiped nor synced
	CodeCertificateTime Code = "certificate-time" // the certificate is expired or not yet valid
	CodeFull            Code = "full"             // no room for one more that nobody approved, or of one identity
	CodeUnknownAuthor   Code = "unknown-author"   // not an announcement, and the announcement of its identity is not held
)

// Refusal is the one error type of OpenRecord, the Seal functions and Table: which rule (Code), of what (Kind, where it is known), where
// (Field, a field's name of docs/announcement.md or docs/records.md, or "envelope", "payload"), what was found (Value, raw as it came:
// escape it before showing), and what is wrong with it (Err). Peer is set where the signer is proven: for CodeNewerVersion, and for all
// that depends on time and history.
type Refusal struct {
	Code  Code
	Kind  Kind
	Field string
	Value string
	Peer  peer.ID
	Err   error
}

// Error is one line, escaped, with a long value shortened.
func (r *Refusal) Error() string {
	var b strings.Builder
	kind := r.Kind
	if kind == "" {
		kind = "record"
	}
	b.WriteString(ShowText(string(kind)) + " refused (" + string(r.Code) + ")")
	if r.Field != "" {
		b.WriteString(": " + ShowText(shorten(r.Field))) // the whole line, where no name stands apart
		if r.Value != "" {
			b.WriteString(` "` + ShowText(shorten(r.Value)) + `"`)
		}
	}
	if r.Err != nil {
		b.WriteString(": " + ShowText(r.Err.Error()))
	}
	return b.String()
}

// Unwrap gives the cause.
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(code Code, field, value string, err error) error {
	return &Refusal{Code: code, Field: field, Value: value, Err: err}
}

// ofKind says of which kind the record was that a refusal is about.
func ofKind(k Kind, err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		r.Kind = k
	}
	return err
}

// shorten keeps a value's first 80 bytes, cut at a character.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
