package mpspdz

import (
	"encoding/base64"
	"errors"
	"strings"
)

// Hash is a SHA-256. It is comparable; the zero value is "none".
type Hash [32]byte

const hashPrefix = "SHA256:"

// ErrHash: the text is not "SHA256:" and 43 characters of unpadded base64.
var ErrHash = errors.New(`not "SHA256:" and 43 characters of base64`)

// String gives "SHA256:" and unpadded standard base64, as ssh does.
func (h Hash) String() string { return hashPrefix + base64.RawStdEncoding.EncodeToString(h[:]) }

// IsZero reports whether h is "none".
func (h Hash) IsZero() bool { return h == Hash{} }

// ParseHash accepts exactly what String gives. The error is ErrHash.
func ParseHash(s string) (Hash, error) {
	text, found := strings.CutPrefix(s, hashPrefix)
	// base64 would skip newlines; and Strict refuses bits after the last byte.
	if !found || len(text) != base64.RawStdEncoding.EncodedLen(len(Hash{})) || strings.ContainsAny(text, "\r\n") {
		return Hash{}, ErrHash
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		return Hash{}, ErrHash
	}
	return Hash(b), nil
}
