package exchange

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"

	"fbpeer/mpspdz"
)

// Keys sign: Identity the envelope, Certificate the proof, Previous the endorsement of a certificate whose key replaces it.
type Keys struct {
	Identity    ic.PrivKey    // Ed25519
	Certificate crypto.Signer // the registration's certificate's key
	Previous    crypto.Signer // nil: no endorsement
}

// Seal makes an announcement. Signatures of RSA and ECDSA keys are random: sealing twice with one sequence makes two records
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
	body := a.values(f.ID()).encode(KindAnnouncement, fieldProof)
	if a.proof, err = mpspdz.Sign(random, k.Certificate, proofMessage(f.ID(), a.Peer, string(body))); err != nil {
		return nil, fmt.Errorf("signing with the certificate's key: %w", err)
	}
	return sealContent(f, a, k.Identity)
}

// newAnnouncement is the record before its signatures, all values checked.
func newAnnouncement(f Federation, r Registration, s Stamp, k Keys) (*Announcement, error) {
	s = s.whole()
	a := &Announcement{Registration: r, Sequence: s.Sequence, Issued: s.Issued, Expires: s.Expires}
	if err := checkSealing(f, a, k.Identity); err != nil {
		return nil, err
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
	a.Peer = id
	return a, nil
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

// checkSealing says whether r may be sealed. Its values are checked as values: as lines, one could pass for two.
func checkSealing(f Federation, r content, identity ic.PrivKey) error {
	if f.ID() == "" {
		return errors.New("sealing needs a federation")
	}
	if err := r.check(); err != nil {
		return ofKind(r.kind(), err)
	}
	if identity == nil || identity.Type() != ic.Ed25519 {
		return errors.New("the identity's key must be Ed25519")
	}
	return nil
}

// sealContent writes and signs a record of any kind, and gives what OpenRecord makes of it.
func sealContent[T content](f Federation, r T, identity ic.PrivKey) (opened T, err error) {
	if err := checkSealing(f, r, identity); err != nil {
		return opened, err
	}
	payload := r.values(f.ID()).encode(r.kind(), fieldCount)
	envelope, err := record.Seal(payloadRecord{r.kind(), payload}, identity)
	if err != nil {
		return opened, fmt.Errorf("signing with the identity's key: %w", err)
	}
	sealed, err := envelope.Marshal()
	if err != nil {
		return opened, fmt.Errorf("writing the envelope: %w", err)
	}
	again, err := OpenRecord(sealed, f)
	if err != nil {
		return opened, err
	}
	return again.(T), nil // formatOf gives each kind its own type
}
