package exchange

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"strings"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// What a libp2p envelope of ours is labelled and signed with, in every version, before the kind.
const (
	domainPrefix = "fbpeer-"
	typePrefix   = "/fbpeer/"
)

// The fixed bytes of an envelope, in protobuf: field 1 (public key, 36 bytes: type Ed25519, data of 32), field 2
// (payload type), field 3 (payload) and field 5 (signature, 64 bytes).
const (
	keyHeader       = "\x0a\x24" + keyPrefix
	keyPrefix       = "\x08\x01\x12\x20"
	typeHeader      = "\x12"
	payloadHeader   = "\x1a"
	signatureHeader = "\x2a\x40"
)

// envelope is a sealed record, taken apart. The slices are the sealed bytes' own.
type envelope struct {
	kind      Kind
	key       ed25519.PublicKey
	payload   []byte
	signature []byte
}

// parseEnvelope takes a libp2p record.Envelope apart. A protobuf reader would accept many encodings of one envelope
// (fields in another order, twice or unknown, lengths with leading zeros), all under one signature. Here is one: the
// one that go-libp2p writes.
func parseEnvelope(sealed []byte) (envelope, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(keyHeader))
	if !ok {
		if otherKeyType(sealed) {
			return envelope{}, refuse(CodeSignature, "envelope", "", errors.New("the signer's key is not Ed25519"))
		}
		return envelope{}, notOneForm("public key")
	}
	if len(rest) < ed25519.PublicKeySize {
		return envelope{}, notOneForm("public key")
	}
	e := envelope{key: ed25519.PublicKey(rest[:ed25519.PublicKeySize])}
	if e.kind, rest, ok = cutType(rest[ed25519.PublicKeySize:]); !ok {
		return envelope{}, notOneForm("payload type")
	}
	length, n := binary.Uvarint(rest)
	if n <= 0 || n != len(binary.AppendUvarint(nil, length)) || length > uint64(len(rest)-n) {
		return envelope{}, notOneForm("payload")
	}
	e.payload, rest = rest[n:n+int(length)], rest[n+int(length):]
	e.signature, ok = bytes.CutPrefix(rest, []byte(signatureHeader))
	if !ok || len(e.signature) != ed25519.SignatureSize {
		return envelope{}, notOneForm("signature")
	}
	return e, nil
}

// cutType reads the payload type, with the header of the payload behind it. Its length is a varint of one byte.
func cutType(b []byte) (k Kind, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(b, []byte(typeHeader))
	if !ok || len(rest) == 0 || int(rest[0]) >= len(rest) {
		return "", nil, false
	}
	end := 1 + int(rest[0])
	name, ok := strings.CutPrefix(string(rest[1:end]), typePrefix)
	if !ok || !isKind(name) {
		return "", nil, false
	}
	rest = rest[end:]
	rest, ok = bytes.CutPrefix(rest, []byte(payloadHeader))
	return Kind(name), rest, ok
}

// otherKeyType says whether the bytes begin with a public key of another libp2p type: RSA (0), Secp256k1 (2) or ECDSA (3).
func otherKeyType(sealed []byte) bool {
	if len(sealed) == 0 || sealed[0] != '\x0a' {
		return false
	}
	length, n := binary.Uvarint(sealed[1:])
	if n <= 0 || length < 2 || uint64(len(sealed)-1-n) < length {
		return false
	}
	key := sealed[1+n:]
	return key[0] == '\x08' && (key[1] == 0 || key[1] == 2 || key[1] == 3)
}

func notOneForm(part string) error {
	return refuse(CodeMalformed, "envelope", "", errors.New(part+": is not in the one accepted form"))
}

// signer is the peer id of the key that the envelope names.
func (e envelope) signer() (peer.ID, error) {
	key, err := ic.UnmarshalEd25519PublicKey(e.key)
	if err != nil {
		return "", err
	}
	return peer.IDFromPublicKey(key)
}

// verify checks the signature as go-libp2p does: over domain, payload type and payload, each behind its length as a varint.
func (e envelope) verify() error {
	domain, payloadType := domainPrefix+string(e.kind), typePrefix+string(e.kind)
	message := make([]byte, 0, len(domain)+len(payloadType)+len(e.payload)+3*binary.MaxVarintLen64)
	for _, part := range [][]byte{[]byte(domain), []byte(payloadType), e.payload} {
		message = binary.AppendUvarint(message, uint64(len(part)))
		message = append(message, part...)
	}
	if !ed25519.Verify(e.key, message, e.signature) {
		return refuse(CodeSignature, "envelope", "", errors.New("the signature does not verify"))
	}
	return nil
}

// payloadRecord is a payload in the form that go-libp2p's record.Seal takes.
type payloadRecord struct {
	kind    Kind
	payload []byte
}

func (p payloadRecord) Domain() string                 { return domainPrefix + string(p.kind) }
func (p payloadRecord) Codec() []byte                  { return []byte(typePrefix + string(p.kind)) }
func (p payloadRecord) MarshalRecord() ([]byte, error) { return p.payload, nil }

// UnmarshalRecord is the interface's; only OpenRecord reads payloads.
func (p payloadRecord) UnmarshalRecord([]byte) error {
	return errors.New("records are read with exchange.OpenRecord")
}
