package exchange

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"

	"fbpeer/mpspdz"
)

// Stamp is what time and history give a new record. Times are rounded down to whole seconds, and written in UTC.
type Stamp struct {
	Sequence        uint64
	Issued, Expires time.Time
}

// NextSequence is max(now in milliseconds, last+1), where last is the highest sequence used or validly seen. Persist it
// before the record is published.
func NextSequence(now time.Time, last uint64) uint64 {
	return max(uint64(max(now.UnixMilli(), 1)), last+1)
}

// Keys sign: Identity the envelope, Certificate the proof, Previous the endorsement of a certificate whose key replaces it.
type Keys struct {
	Identity    ic.PrivKey    // Ed25519
	Certificate crypto.Signer // the registration's certificate's key
	Previous    crypto.Signer // nil: no endorsement
}

// Seal makes a record. Signatures of RSA and ECDSA keys are random: sealing twice with one sequence makes two records
// that contradict each other. The result is what Open gives for its bytes, so it opens everywhere. A registration or
// stamp that is not allowed is a *Refusal; other errors are about the keys.
func Seal(random io.Reader, f Federation, r Registration, s Stamp, k Keys) (*Announcement, error) {
	a, err := newAnnouncement(f, r, s, k)
	if err != nil {
		return nil, err
	}
	if k.Previous != nil {
		if a.Endorsement, err = endorse(random, f, a, k.Previous); err != nil {
			return nil, err
		}
	}
	v := a.values(f.ID())
	proof, err := mpspdz.Sign(random, k.Certificate, proofMessage(f.ID(), a.Peer, string(v.encode(fieldProof))))
	if err != nil {
		return nil, fmt.Errorf("signing with the certificate's key: %w", err)
	}
	v[fieldProof] = encodeBinary(proof)
	envelope, err := record.Seal(payloadRecord(v.encode(fieldCount)), k.Identity)
	if err != nil {
		return nil, fmt.Errorf("signing with the identity's key: %w", err)
	}
	sealed, err := envelope.Marshal()
	if err != nil {
		return nil, fmt.Errorf("writing the envelope: %w", err)
	}
	return Open(sealed, f)
}

// newAnnouncement is the record before its signatures, all values checked.
func newAnnouncement(f Federation, r Registration, s Stamp, k Keys) (*Announcement, error) {
	if f.ID() == "" {
		return nil, errors.New("sealing needs a federation")
	}
	if r.Certificate == nil {
		return nil, refuse(CodeField, "certificate", "", errors.New("is missing"))
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	s.Issued, s.Expires = s.Issued.UTC().Truncate(time.Second), s.Expires.UTC().Truncate(time.Second)
	if err := checkStamp(s, r.Certificate); err != nil {
		return nil, err
	}
	if k.Identity == nil || k.Identity.Type() != ic.Ed25519 {
		return nil, errors.New("the identity's key must be Ed25519")
	}
	if k.Certificate == nil {
		return nil, errors.New("sealing needs the certificate's key")
	}
	if err := mpspdz.CheckKeyPair(r.Certificate, k.Certificate); err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(k.Identity)
	if err != nil {
		return nil, fmt.Errorf("identity's key: %w", err)
	}
	return &Announcement{Registration: r, Peer: id, Sequence: s.Sequence, Issued: s.Issued, Expires: s.Expires}, nil
}

func endorse(random io.Reader, f Federation, a *Announcement, previous crypto.Signer) (*Endorsement, error) {
	oldKey, err := x509.MarshalPKIXPublicKey(previous.Public())
	if err != nil {
		return nil, fmt.Errorf("previous key: %w", err)
	}
	message := endorsementMessage(f.ID(), a.Component, a.Peer, oldKey, a.Certificate.SPKI(), a.Sequence)
	signature, err := mpspdz.Sign(random, previous, message)
	if err != nil {
		return nil, fmt.Errorf("signing with the previous key: %w", err)
	}
	return &Endorsement{OldKey: oldKey, Signature: signature}, nil
}
