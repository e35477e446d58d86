package exchange

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"fbpeer/mpspdz"
)

// Open checks all of a sealed record that never changes, cheap things first: size, frame, the two lines of every version,
// grammar, values, certificate, then the signatures: the envelope's, the proof, and an endorsement's if there is one. It
// knows no clock and no history: a record of last year still opens. Every refusal is a *Refusal.
//
// That a payload is of a newer version is said only of one whose envelope verifies, so nobody can say it of another.
func Open(sealed []byte, f Federation) (*Announcement, error) {
	if len(sealed) > MaxSealed {
		return nil, refuse(CodeTooLarge, "envelope", "", fmt.Errorf("has %d bytes, at most %d are allowed", len(sealed), MaxSealed))
	}
	sealed = bytes.Clone(sealed)
	e, err := parseEnvelope(sealed)
	if err != nil {
		return nil, err
	}
	payload := string(e.payload)
	number, federation, err := payloadHead(payload)
	if err != nil {
		return nil, err
	}
	if federation != f.ID() {
		return nil, refuse(CodeFederation, "federation", federation, errors.New("is another federation"))
	}
	if number > version {
		return nil, refuseNewer(e, number)
	}
	a, proof, err := readPayload(payload, federation)
	if err != nil {
		return nil, err
	}
	if a.Peer, err = e.signer(); err != nil {
		return nil, refuse(CodeSignature, "envelope", "", err)
	}
	if err := e.verify(); err != nil {
		return nil, err
	}
	if err := verifyKeys(a, f, payload, proof); err != nil {
		return nil, err
	}
	a.Hash = sha256.Sum256(e.payload)
	a.Sealed = sealed
	return a, nil
}

func refuseNewer(e envelope, number int) error {
	if err := e.verify(); err != nil {
		return err
	}
	id, err := e.signer()
	if err != nil {
		return refuse(CodeSignature, "envelope", "", err)
	}
	return &Refusal{Code: CodeNewerVersion, Field: "version", Value: fmt.Sprint(number), Peer: id, Err: errors.New("needs a newer fbpeer")}
}

// readPayload understands a version 1 payload, all but its signatures: grammar, values, certificate, one form.
func readPayload(payload, federation string) (*Announcement, []byte, error) {
	v, err := parseValues(payload)
	if err != nil {
		return nil, nil, err
	}
	a, err := v.announcement()
	if err != nil {
		return nil, nil, err
	}
	certificate, err := v.binary(fieldCertificate)
	if err != nil {
		return nil, nil, err
	}
	proof, err := v.binary(fieldProof)
	if err != nil {
		return nil, nil, err
	}
	if a.Certificate, err = mpspdz.ParseCertificate(certificate); err != nil {
		return nil, nil, refuse(CodeCertificate, "certificate", "", err)
	}
	if err := checkStamp(Stamp{a.Sequence, a.Issued, a.Expires}, a.Certificate); err != nil {
		return nil, nil, err
	}
	again := a.values(federation)
	again[fieldProof] = encodeBinary(proof)
	return a, proof, v.canonical(again)
}

// verifyKeys checks what the certificate's key and a previous key signed.
func verifyKeys(a *Announcement, f Federation, payload string, proof []byte) error {
	body := payload[:strings.LastIndexByte(payload[:len(payload)-1], '\n')+1]
	if err := a.Certificate.Verify(proofMessage(f.ID(), a.Peer, body), proof); err != nil {
		return refuse(CodeProof, "proof", "", err)
	}
	if a.Endorsement == nil {
		return nil
	}
	newKey := a.Certificate.SPKI()
	if bytes.Equal(a.Endorsement.OldKey, newKey) {
		return refuse(CodeEndorsement, "endorsement-key", "", errors.New("is the certificate's own key"))
	}
	message := endorsementMessage(f.ID(), a.Component, a.Peer, a.Endorsement.OldKey, newKey, a.Sequence)
	if err := mpspdz.VerifyKey(a.Endorsement.OldKey, message, a.Endorsement.Signature); err != nil {
		return refuse(CodeEndorsement, "endorsement", "", err)
	}
	return nil
}
