package exchange

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/tyler-smith/go-bip39/wordlists"

	"fbpeer/mpspdz"
)

// fingerprintWords is how many words a fingerprint is read out in, at wordBits bits each: its first 88 bits.
const (
	fingerprintWords = 8
	wordBits         = 11
)

// Fingerprint is what an operator vouches for: an identity and its MP-SPDZ key, together. Equal fingerprints mean the
// same pair.
type Fingerprint [sha256.Size]byte

// NewFingerprint is SHA-256 over "fbpeer-fingerprint-v1" and a NUL, the peer id's length (two bytes, big-endian), the
// peer id's bytes, and the MP-SPDZ public key (SubjectPublicKeyInfo, DER).
func NewFingerprint(id peer.ID, spki []byte) Fingerprint {
	return fingerprint("fbpeer-fingerprint-v1\x00", id, spki)
}

// NewNextFingerprint is what operators compare of a key that will follow, of which only the announced hash is known: SHA-256 over
// "fbpeer-next-fingerprint-v1" and a NUL, the peer id's length and bytes, and the SHA-256 of the public key. Never the fingerprint of the
// same key in use.
func NewNextFingerprint(id peer.ID, next mpspdz.Hash) Fingerprint {
	return fingerprint("fbpeer-next-fingerprint-v1\x00", id, next[:])
}

func fingerprint(domain string, id peer.ID, key []byte) Fingerprint {
	message := append([]byte(nil), domain...)
	message = binary.BigEndian.AppendUint16(message, uint16(len(id)))
	message = append(message, id...)
	return sha256.Sum256(append(message, key...))
}

// String is "SHA256:" and 43 characters of unpadded standard base64.
func (f Fingerprint) String() string {
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(f[:])
}

// Words are the first 88 bits as eight words of the BIP 39 English list, for two people to read to each other.
func (f Fingerprint) Words() []string {
	words := make([]string, 0, fingerprintWords)
	for bit := 0; bit < fingerprintWords*wordBits; bit += wordBits {
		window := uint32(f[bit/8])<<16 | uint32(f[bit/8+1])<<8 | uint32(f[bit/8+2])
		words = append(words, wordlists.English[window>>(24-wordBits-bit%8)&(1<<wordBits-1)])
	}
	return words
}

// Matches compares with what a person typed: the whole fingerprint, with or without "SHA256:", or all eight words, in
// any case, with spaces, commas or hyphens between. A well-formed s that differs is (false, nil); one that is neither
// form is an error that says what is wrong with it, so that a slip of the hand does not look like an attack.
func (f Fingerprint) Matches(s string) (bool, error) {
	s = strings.TrimSpace(s)
	encoded, prefixed := strings.CutPrefix(s, "SHA256:")
	if sum, err := base64.RawStdEncoding.Strict().DecodeString(encoded); err == nil && len(sum) == len(f) {
		return Fingerprint(sum) == f, nil
	}
	if prefixed {
		return false, errors.New(`not a whole fingerprint: "SHA256:" and 43 characters of base64 are needed`)
	}
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" \t\r\n,-", r) })
	if len(words) != fingerprintWords {
		return false, errors.New(`not a fingerprint: give all of it ("SHA256:" and 43 characters) or all eight words`)
	}
	for _, word := range words {
		// The list is in alphabetical order (BIP 39).
		if _, listed := slices.BinarySearch(wordlists.English, word); !listed {
			return false, fmt.Errorf("\"%s\" is not a word of the list", ShowText(word))
		}
	}
	return slices.Equal(words, f.Words()), nil
}
