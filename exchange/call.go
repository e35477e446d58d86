package exchange

import (
	"errors"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// Limits of calls (docs/records.md).
const (
	MaxCall      = 512      // bytes of a sealed call
	CallLifetime = MaxAhead // from issue: as far as clocks may be apart. How long answers count is for each reader's own clock
)

// CallID names one roll call: 16 random bytes. The zero value is "none".
type CallID [16]byte

// String is 22 characters of unpadded standard base64.
func (id CallID) String() string { return encodeBinary(id[:]) }

// IsZero says whether the id is "none".
func (id CallID) IsZero() bool { return id == CallID{} }

func (id CallID) text() string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func (v *values) call() (CallID, error) {
	b, err := v.binary(fieldCall)
	if err != nil || len(b) != len(CallID{}) || hasControl(v[fieldCall]) {
		return CallID{}, refuse(CodeMalformed, fieldCall.String(), v[fieldCall], errors.New("is not 22 characters of base64"))
	}
	return CallID(b), nil
}

// Call is a roll call: who hears it seals its views anew, with the call's id in them. It is not held in a Table. Immutable.
type Call struct {
	Peer     peer.ID // the signer
	ID       CallID
	Sequence uint64
	Issued   time.Time
	Hash     mpspdz.Hash // SHA-256 of the payload: the record's name
	Sealed   []byte      // as received
}

// SealCall makes a call from c, of which Peer, Hash and Sealed are ignored and Issued is rounded down to a second. A call that is not
// allowed is a *Refusal.
func SealCall(f Federation, c Call, identity ic.PrivKey) (*Call, error) {
	c.Issued = c.stamp().whole().Issued
	return sealContent(f, &c, identity)
}

// Record gives the call's row, for Table.Check.
func (c *Call) Record() Record {
	return Record{
		Entry:   Entry{ID: ID{Kind: KindCall, Peer: c.Peer}, Sequence: c.Sequence, Hash: c.Hash},
		Issued:  c.Issued,
		Expires: c.Issued.Add(CallLifetime),
		Sealed:  c.Sealed,
	}
}

func (*Call) kind() Kind { return KindCall }

func (c *Call) stamp() Stamp { return Stamp{Sequence: c.Sequence, Issued: c.Issued} }

func (c *Call) check() error {
	if c.ID.IsZero() {
		return refuse(CodeField, "call", c.ID.String(), errors.New("must not be zero"))
	}
	return c.stamp().checkBegin()
}

func (c *Call) values(federation string) *values {
	v := &values{fieldFederation: federation, fieldCall: c.ID.String()}
	c.stamp().put(v, false)
	return v
}

func (c *Call) understand(v *values) (err error) {
	if c.ID, err = v.call(); err != nil {
		return err
	}
	s, err := v.stamp(CallLifetime)
	c.Sequence, c.Issued = s.Sequence, s.Issued
	return err
}

func (*Call) verify(Federation, string) error { return nil }

func (c *Call) seal(id peer.ID, hash mpspdz.Hash, sealed []byte) {
	c.Peer, c.Hash, c.Sealed = id, hash, sealed
}
