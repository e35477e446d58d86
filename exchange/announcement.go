package exchange

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// Limits of docs/announcement.md.
const (
	MaxSealed       = 16 << 10            // bytes of a sealed record
	MaxAhead        = 5 * time.Minute     // a sequence or issue time further ahead of the receiver's clock is ignored
	MaxLifetime     = 30 * 24 * time.Hour // from issue to expiry on the topic; a card may live as long as its certificate
	DefaultLifetime = 7 * 24 * time.Hour
)

// Endorsement is a previous key's signature over the new one (mpspdz.Sign). An opened one verifies by the key that it
// names; it counts only if that key is the one that is pinned, which is for package trust to say.
type Endorsement struct {
	OldKey    []byte // SubjectPublicKeyInfo, DER
	Signature []byte
}

// Announcement is a record that Open has opened. Immutable: its slices must not be written to.
type Announcement struct {
	Registration
	Peer        peer.ID // the signer, proven, and bound to the certificate's key by the proof
	Sequence    uint64  // strictly increasing per identity for ever, at least 1
	Issued      time.Time
	Expires     time.Time    // after Issued; both UTC, whole seconds
	Endorsement *Endorsement // nil: none
	Hash        mpspdz.Hash  // SHA-256 of the payload: the record's name
	Sealed      []byte       // the envelope's bytes, as received
	proof       []byte
}

// Fingerprint is what an operator vouches for: Peer and the certificate's key.
func (a *Announcement) Fingerprint() Fingerprint {
	return NewFingerprint(a.Peer, a.Certificate.SPKI())
}

// SameRegistration says whether nothing that its site decides differs from r; sequence, times and endorsement do not
// matter.
func (a *Announcement) SameRegistration(r Registration) bool { return a.same(r) }

// Record gives the announcement's row for a Table.
func (a *Announcement) Record() Record {
	return Record{
		Entry:     Entry{ID: ID{Kind: KindAnnouncement, Peer: a.Peer}, Sequence: a.Sequence, Hash: a.Hash},
		Issued:    a.Issued,
		Expires:   a.Expires,
		NotBefore: a.Certificate.NotBefore(),
		NotAfter:  a.Certificate.NotAfter(),
		Sealed:    a.Sealed,
	}
}

func (*Announcement) kind() Kind { return KindAnnouncement }

func (a *Announcement) stamp() Stamp { return Stamp{a.Sequence, a.Issued, a.Expires} }

func (a *Announcement) check() error {
	if err := a.Registration.check(); err != nil {
		return err
	}
	if a.Certificate == nil {
		return refuse(CodeField, "certificate", "", errors.New("is missing"))
	}
	if err := a.Certificate.CheckRole(a.Role); err != nil {
		return refuse(CodeCertificate, "certificate", "", err)
	}
	return a.stamp().check(a.Certificate)
}

// values leaves the proof out if there is none yet.
func (a *Announcement) values(federation string) *values {
	v := &values{
		fieldFederation:  federation,
		fieldComponent:   a.Component,
		fieldRole:        string(a.Role),
		fieldLabel:       a.Label,
		fieldEndpoint:    a.Endpoint.String(),
		fieldSecagg:      string(a.Secagg),
		fieldCertificate: encodeBinary(a.Certificate.DER()),
		fieldNext:        hashText(a.Next),
		fieldProof:       encodeBinary(a.proof),
	}
	a.stamp().put(v, true)
	if a.Endorsement != nil {
		v[fieldEndorsementKey] = encodeBinary(a.Endorsement.OldKey)
		v[fieldEndorsement] = encodeBinary(a.Endorsement.Signature)
	}
	return v
}

func (a *Announcement) understand(v *values) (err error) {
	a.Component, a.Label, a.Secagg = v[fieldComponent], v[fieldLabel], Secagg(v[fieldSecagg])
	if a.Role, err = mpspdz.ParseRole(v[fieldRole]); err != nil {
		return refuse(CodeField, fieldRole.String(), v[fieldRole], err)
	}
	if a.Endpoint, err = mpspdz.ParseEndpoint(v[fieldEndpoint]); err != nil {
		return refuse(CodeField, fieldEndpoint.String(), v[fieldEndpoint], err)
	}
	if a.Next, err = v.hash(fieldNext); err != nil {
		return err
	}
	s, err := v.stamp(0)
	if err != nil {
		return err
	}
	a.Sequence, a.Issued, a.Expires = s.Sequence, s.Issued, s.Expires
	if a.Endorsement, err = v.endorsement(); err != nil {
		return err
	}
	if a.proof, err = v.binary(fieldProof); err != nil {
		return err
	}
	a.Certificate, err = v.certificate(mpspdz.ParseLeaf) // who signed it is for check to judge, by the role
	return err
}

func (v *values) endorsement() (e *Endorsement, err error) {
	if (v[fieldEndorsementKey] == "") != (v[fieldEndorsement] == "") {
		return nil, refuse(CodeMalformed, fieldEndorsement.String(), "", errors.New("one of the endorsement's two lines is missing"))
	}
	if v[fieldEndorsement] == "" {
		return nil, nil
	}
	e = new(Endorsement)
	if e.OldKey, err = v.binary(fieldEndorsementKey); err != nil {
		return nil, err
	}
	if e.Signature, err = v.binary(fieldEndorsement); err != nil {
		return nil, err
	}
	return e, nil
}

func (v *values) certificate(parse func(der []byte) (*mpspdz.Certificate, error)) (*mpspdz.Certificate, error) {
	der, err := v.binary(fieldCertificate)
	if err != nil {
		return nil, err
	}
	c, err := parse(der)
	if err != nil {
		return nil, refuse(CodeCertificate, fieldCertificate.String(), "", err)
	}
	return c, nil
}

// verify checks what the certificate's key and a previous key signed.
func (a *Announcement) verify(f Federation, payload string) error {
	body := payload[:strings.LastIndexByte(payload[:len(payload)-1], '\n')+1]
	if err := a.Certificate.Verify(proofMessage(f.ID(), a.Peer, body), a.proof); err != nil {
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

func (a *Announcement) seal(id peer.ID, hash mpspdz.Hash, sealed []byte) {
	a.Peer, a.Hash, a.Sealed = id, hash, sealed
}
