package exchange

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// NumberedCertificate is a party's certificate for its number in a set: a record of the kind "certificate". There is one for each
// identity and set name. That its key is the component's own is for who has the announcement to check. Immutable.
type NumberedCertificate struct {
	Peer        peer.ID // the signer
	Component   string
	SetName     string              // mpspdz.CheckSetName; empty: the default set
	Plan        mpspdz.Hash         // of the set: its order, endpoints and keys
	Number      int                 // the party's, 0 to mpspdz.MaxParties-1
	Certificate *mpspdz.Certificate // self-signed; it proves Number and no other
	Sequence    uint64
	Issued      time.Time
	Expires     time.Time   // as an announcement's
	Hash        mpspdz.Hash // SHA-256 of the payload: the record's name
	Sealed      []byte      // as received
}

// SealNumberedCertificate makes a record from c, of which Peer, Hash and Sealed are ignored and times are rounded down to seconds. One
// that is not allowed is a *Refusal.
func SealNumberedCertificate(f Federation, c NumberedCertificate, identity ic.PrivKey) (*NumberedCertificate, error) {
	s := c.stamp().whole()
	c.Issued, c.Expires = s.Issued, s.Expires
	return sealContent(f, &c, identity)
}

// Record gives the certificate's row for a Table.
func (c *NumberedCertificate) Record() Record {
	return Record{
		Entry:     Entry{ID: ID{Kind: KindCertificate, Peer: c.Peer, Set: c.SetName}, Sequence: c.Sequence, Hash: c.Hash},
		Issued:    c.Issued,
		Expires:   c.Expires,
		NotBefore: c.Certificate.NotBefore(),
		NotAfter:  c.Certificate.NotAfter(),
		Sealed:    c.Sealed,
	}
}

func (*NumberedCertificate) kind() Kind { return KindCertificate }

func (c *NumberedCertificate) stamp() Stamp { return Stamp{c.Sequence, c.Issued, c.Expires} }

func (c *NumberedCertificate) check() error {
	if err := mpspdz.CheckComponentID(c.Component); err != nil {
		return refuse(CodeField, "component", c.Component, err)
	}
	if err := checkSetName(c.SetName); err != nil {
		return err
	}
	switch {
	case c.Plan.IsZero():
		return refuse(CodeField, "plan", c.Plan.String(), errors.New("must not be zero"))
	case c.Number < 0 || c.Number >= mpspdz.MaxParties:
		return refuse(CodeField, "number", strconv.Itoa(c.Number), fmt.Errorf("must be 0 to %d", mpspdz.MaxParties-1))
	case c.Certificate == nil:
		return refuse(CodeField, "certificate", "", errors.New("is missing"))
	}
	return c.stamp().check(c.Certificate)
}

func (c *NumberedCertificate) values(federation string) *values {
	v := &values{
		fieldFederation:  federation,
		fieldComponent:   c.Component,
		fieldSetName:     c.SetName,
		fieldPlan:        c.Plan.String(),
		fieldNumber:      strconv.Itoa(c.Number),
		fieldCertificate: encodeBinary(c.Certificate.DER()),
	}
	c.stamp().put(v, true)
	return v
}

func (c *NumberedCertificate) understand(v *values) (err error) {
	c.Component, c.SetName = v[fieldComponent], v[fieldSetName]
	if c.Plan, err = v.hash(fieldPlan); err != nil {
		return err
	}
	number, err := v.number(fieldNumber, 31)
	if err != nil {
		return err
	}
	c.Number = int(number)
	s, err := v.stamp(0)
	if err != nil {
		return err
	}
	c.Sequence, c.Issued, c.Expires = s.Sequence, s.Issued, s.Expires
	c.Certificate, err = v.certificate(mpspdz.ParseCertificate)
	return err
}

// verify keeps anybody from announcing a certificate that is another number's too, or whose key its maker does not hold.
func (c *NumberedCertificate) verify(Federation, string) error {
	if err := c.Certificate.ProvesNumber(c.Number); err != nil {
		return refuse(CodeCertificate, "certificate", "", err)
	}
	if err := c.Certificate.CheckSelfSigned(); err != nil {
		return refuse(CodeCertificate, "certificate", "", err)
	}
	return nil
}

func (c *NumberedCertificate) seal(id peer.ID, hash mpspdz.Hash, sealed []byte) {
	c.Peer, c.Hash, c.Sealed = id, hash, sealed
}
