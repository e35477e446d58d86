package exchange

import (
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

// Kind of a record. Other kinds will have their own domain, grammar, size and rate.
type Kind string

// KindAnnouncement is the only kind so far.
const KindAnnouncement Kind = "announcement"

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
