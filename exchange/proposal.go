package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// maxProposal is how many bytes the line of members may have, without its name (docs/records.md).
const maxProposal = 12 << 10

// Proposal is a party set with a name, as its proposer would have it: a record of the kind "set". There is one for each proposer and
// name. Nothing comes of it at a site that does not confirm it. Immutable.
type Proposal struct {
	Peer     peer.ID  // the signer: its proposer
	SetName  string   // mpspdz.CheckSetName
	Members  []string // component ids in party order, mpspdz.MinPlain to mpspdz.MaxParties, none twice; none: withdrawn
	Sequence uint64
	Issued   time.Time
	Expires  time.Time   // after Issued by at most MaxLifetime
	Hash     mpspdz.Hash // SHA-256 of the payload: the record's name
	Sealed   []byte      // as received
}

// SealProposal makes a proposal from p, of which Peer, Hash and Sealed are ignored and times are rounded down to seconds. A proposal that
// is not allowed is a *Refusal.
func SealProposal(f Federation, p Proposal, identity ic.PrivKey) (*Proposal, error) {
	s := p.stamp().whole()
	p.Issued, p.Expires = s.Issued, s.Expires
	return sealContent(f, &p, identity)
}

// Withdrawn says whether the proposer has taken the set back.
func (p *Proposal) Withdrawn() bool { return len(p.Members) == 0 }

// Content is what a view that confirms the proposal names. It is the same for a record that only renews another: SHA-256 over
// "fbpeer-proposal-v1" and a NUL, the proposer's peer id and the set's name (each behind its length, two bytes, big-endian), the number of
// members (two bytes, big-endian) and each member behind its length.
func (p *Proposal) Content() mpspdz.Hash {
	message := append([]byte(nil), "fbpeer-proposal-v1\x00"...)
	message = appendSized(message, string(p.Peer))
	message = appendSized(message, p.SetName)
	message = binary.BigEndian.AppendUint16(message, uint16(len(p.Members)))
	for _, member := range p.Members {
		message = appendSized(message, member)
	}
	return sha256.Sum256(message)
}

// Record gives the proposal's row for a Table.
func (p *Proposal) Record() Record {
	return Record{
		Entry:   Entry{ID: ID{Kind: KindSet, Peer: p.Peer, Set: p.SetName}, Sequence: p.Sequence, Hash: p.Hash},
		Issued:  p.Issued,
		Expires: p.Expires,
		Sealed:  p.Sealed,
	}
}

func (*Proposal) kind() Kind { return KindSet }

func (p *Proposal) stamp() Stamp { return Stamp{p.Sequence, p.Issued, p.Expires} }

func (p *Proposal) check() error {
	if err := mpspdz.CheckSetName(p.SetName); err != nil {
		return refuse(CodeField, "set-name", p.SetName, err)
	}
	if err := p.checkMembers(); err != nil {
		return err
	}
	return p.stamp().check(nil)
}

func (p *Proposal) checkMembers() error {
	if p.Withdrawn() {
		return nil
	}
	if n := len(p.Members); n < mpspdz.MinPlain || n > mpspdz.MaxParties {
		return refuse(CodeField, "members", "", fmt.Errorf("names %d components, %d to %d are allowed", n, mpspdz.MinPlain, mpspdz.MaxParties))
	}
	size := len(p.Members) - 1
	named := make(map[string]bool, len(p.Members))
	for _, member := range p.Members {
		if err := mpspdz.CheckComponentID(member); err != nil {
			return refuse(CodeField, "members", member, err)
		}
		if named[member] {
			return refuse(CodeField, "members", member, errors.New("is named twice"))
		}
		named[member] = true
		size += len(member)
	}
	if size > maxProposal {
		return refuse(CodeField, "members", "", fmt.Errorf("has %d bytes, at most %d are allowed", size, maxProposal))
	}
	return nil
}

func (p *Proposal) values(federation string) *values {
	v := &values{fieldFederation: federation, fieldSetName: p.SetName, fieldMembers: strings.Join(p.Members, ",")}
	p.stamp().put(v, true)
	return v
}

func (p *Proposal) understand(v *values) error {
	p.SetName = v[fieldSetName]
	if v[fieldMembers] != "" {
		p.Members = strings.Split(v[fieldMembers], ",")
	}
	s, err := v.stamp(0)
	p.Sequence, p.Issued, p.Expires = s.Sequence, s.Issued, s.Expires
	return err
}

func (*Proposal) verify(Federation, string) error { return nil }

func (p *Proposal) seal(id peer.ID, hash mpspdz.Hash, sealed []byte) {
	p.Peer, p.Hash, p.Sealed = id, hash, sealed
}
