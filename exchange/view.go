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

// Limits of views (docs/records.md).
const (
	MaxView      = 512            // bytes of a sealed view
	ViewLifetime = 24 * time.Hour // from issue
)

// View is what an agent has registered of others: of the default party set and the Fed-BioMed registry, or of one named set. There is one
// for each identity and set name. It says nothing by itself: who hashes what they would expect of it knows whether it is so. Immutable.
type View struct {
	Peer     peer.ID     // the signer
	SetName  string      // mpspdz.CheckSetName; empty: the default set
	Proposal mpspdz.Hash // of the named set's proposal that is confirmed; zero: none, or the default set
	Set      mpspdz.Hash // digest of the party set in force; zero: none is
	Files    mpspdz.Hash // MembersRoot of the player files in force; zero: none are
	Rows     mpspdz.Hash // MembersRoot of the Fed-BioMed registry, or, where there is none, of the components approved; zero: of a named set
	Members  int         // of the longer of the two lists, 0 to MaxMembers
	Call     CallID      // the roll call that it answers; zero: none
	Sequence uint64
	Issued   time.Time
	Hash     mpspdz.Hash // SHA-256 of the payload: the record's name
	Sealed   []byte      // as received
}

// SealView makes a view from v, of which Peer, Hash and Sealed are ignored and Issued is rounded down to a second. A view that is not
// allowed is a *Refusal.
func SealView(f Federation, v View, identity ic.PrivKey) (*View, error) {
	v.Issued = v.stamp().whole().Issued
	return sealContent(f, &v, identity)
}

// Holds says whether m are the members that the view was made of.
func (v *View) Holds(m Members) bool {
	return v.Members == max(len(m.Files), len(m.Rows)) && v.Files == MembersRoot(m.Files) && v.Rows == MembersRoot(m.Rows)
}

// Record gives the view's row for a Table.
func (v *View) Record() Record {
	return Record{
		Entry:   Entry{ID: ID{Kind: KindView, Peer: v.Peer, Set: v.SetName}, Sequence: v.Sequence, Hash: v.Hash},
		Issued:  v.Issued,
		Expires: v.Issued.Add(ViewLifetime),
		Sealed:  v.Sealed,
	}
}

func (*View) kind() Kind { return KindView }

func (v *View) stamp() Stamp { return Stamp{Sequence: v.Sequence, Issued: v.Issued} }

func (v *View) check() error {
	if err := checkSetName(v.SetName); err != nil {
		return err
	}
	listed := !v.Files.IsZero() || !v.Rows.IsZero()
	switch {
	case v.SetName == "" && !v.Proposal.IsZero():
		return refuse(CodeField, "proposal", v.Proposal.String(), errors.New("needs a set-name: the default set is not proposed"))
	case v.SetName != "" && !v.Rows.IsZero():
		return refuse(CodeField, "rows", v.Rows.String(), errors.New("must be left out with a set-name: the registry is of the default set"))
	case v.Members < 0 || v.Members > MaxMembers:
		return refuse(CodeField, "members", strconv.Itoa(v.Members), fmt.Errorf("must be 0 to %d", MaxMembers))
	case listed != (v.Members > 0):
		return refuse(CodeField, "members", strconv.Itoa(v.Members), errors.New("must be 0 if files and rows are left out, and else at least 1"))
	}
	return v.stamp().checkBegin()
}

func checkSetName(name string) error {
	if name == "" {
		return nil
	}
	if err := mpspdz.CheckSetName(name); err != nil {
		return refuse(CodeField, "set-name", name, err)
	}
	return nil
}

func (v *View) values(federation string) *values {
	out := &values{
		fieldFederation: federation,
		fieldSetName:    v.SetName,
		fieldProposal:   hashText(v.Proposal),
		fieldSet:        hashText(v.Set),
		fieldFiles:      hashText(v.Files),
		fieldRows:       hashText(v.Rows),
		fieldMembers:    strconv.Itoa(v.Members),
		fieldCall:       v.Call.text(),
	}
	v.stamp().put(out, false)
	return out
}

func (v *View) understand(in *values) (err error) {
	v.SetName = in[fieldSetName]
	fields := [...]field{fieldProposal, fieldSet, fieldFiles, fieldRows}
	for i, to := range [...]*mpspdz.Hash{&v.Proposal, &v.Set, &v.Files, &v.Rows} {
		if *to, err = in.hash(fields[i]); err != nil {
			return err
		}
	}
	members, err := in.number(fieldMembers, 31)
	if err != nil {
		return err
	}
	v.Members = int(members)
	if in[fieldCall] != "" {
		if v.Call, err = in.call(); err != nil {
			return err
		}
	}
	s, err := in.stamp(ViewLifetime)
	v.Sequence, v.Issued = s.Sequence, s.Issued
	return err
}

func (*View) verify(Federation, string) error { return nil }

func (v *View) seal(id peer.ID, hash mpspdz.Hash, sealed []byte) {
	v.Peer, v.Hash, v.Sealed = id, hash, sealed
}
