package exchange

import (
	"encoding/binary"

	"github.com/libp2p/go-libp2p/core/peer"
)

// The certificate's key also signs TLS handshakes, and its proofs must never be of use there, nor the other way round.
// In TLS 1.2 a server signs client_random (32 bytes, the client's choice), server_random (32 bytes) and its parameters:
// a constant of more than 64 bytes fixes the server's own randomness and its parameters' first bytes, which no server
// sends. A TLS 1.3 signature begins with 64 spaces, a TLS 1.2 client's with a handshake header, a certificate's with a
// DER sequence: none begins with 'f'.
const (
	proofDomain       = "fbpeer announcement proof v1: this key belongs to this peer and to all that stands here\x00"
	endorsementDomain = "fbpeer announcement endorsement v1: the old key hands this component over to the new key\x00"
)

// proofMessage is what the certificate's key signs: the domain, the federation id and the peer id, each behind its
// length (two bytes, big-endian), then the payload up to the proof's line. The envelope does not bind its signer to
// anything in the payload: this does.
func proofMessage(federation string, id peer.ID, body string) []byte {
	m := make([]byte, 0, len(proofDomain)+2+len(federation)+2+len(id)+len(body))
	m = append(m, proofDomain...)
	m = appendSized(m, federation)
	m = appendSized(m, string(id))
	return append(m, body...)
}

// endorsementMessage is what a previous key signs: the domain; federation id, component, peer id, old and new public key
// (SubjectPublicKeyInfo, DER), each behind its length; and the sequence as eight bytes, big-endian.
func endorsementMessage(federation, component string, id peer.ID, oldKey, newKey []byte, sequence uint64) []byte {
	m := append([]byte(nil), endorsementDomain...)
	for _, part := range []string{federation, component, string(id), string(oldKey), string(newKey)} {
		m = appendSized(m, part)
	}
	return binary.BigEndian.AppendUint64(m, sequence)
}

func appendSized(m []byte, part string) []byte {
	m = binary.BigEndian.AppendUint16(m, uint16(len(part)))
	return append(m, part...)
}
