package exchange

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"fbpeer/mpspdz"
)

// Limits of members (docs/records.md).
const (
	MaxMembers     = 1024                                           // of a list: of player files, or of the rows of a registry
	MaxMembersSize = 2 * (2 + MaxMembers*(2+64+len(mpspdz.Hash{}))) // bytes of both lists
)

// Member is one component as somebody registered it: a row, or what stands in player files. Digest is of its endpoint and certificate.
type Member struct {
	Component string
	Digest    mpspdz.Hash
}

// NewMember makes a member from what was registered; certificate is SHA-256 of its DER. The digest is SHA-256 over "fbpeer-member-v1"
// and a NUL, component and endpoint (each behind its length, two bytes, big-endian) and the certificate's hash.
func NewMember(component, endpoint string, certificate mpspdz.Hash) Member {
	return Member{component, sha256.Sum256(memberMessage("fbpeer-member-v1\x00", component, endpoint, certificate))}
}

// NewMemberAhead makes a member that is registered, and whose announced key to come (SHA-256 of the public key) is approved
// ahead. The digest is as NewMember's, over "fbpeer-member-ahead-v1" and with that hash at the end.
func NewMemberAhead(component, endpoint string, certificate, next mpspdz.Hash) Member {
	message := memberMessage("fbpeer-member-ahead-v1\x00", component, endpoint, certificate)
	return Member{component, sha256.Sum256(append(message, next[:]...))}
}

func memberMessage(domain, component, endpoint string, certificate mpspdz.Hash) []byte {
	message := append([]byte(nil), domain...)
	message = appendSized(message, component)
	message = appendSized(message, endpoint)
	return append(message, certificate[:]...)
}

// MembersRoot is one hash of all members, in whatever order they are given: SHA-256 over "fbpeer-members-v1" and a NUL, their number (two
// bytes, big-endian), and, ascending by component, each component behind its length and each digest. It is zero for no members.
func MembersRoot(members []Member) mpspdz.Hash {
	if len(members) == 0 {
		return mpspdz.Hash{}
	}
	sorted := slices.SortedFunc(slices.Values(members), func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), slices.Compare(a.Digest[:], b.Digest[:]))
	})
	return sha256.Sum256(appendMembers([]byte("fbpeer-members-v1\x00"), sorted))
}

func appendMembers(b []byte, members []Member) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(members)))
	for _, m := range members {
		b = appendSized(b, m.Component)
		b = append(b, m.Digest[:]...)
	}
	return b
}

// Members is what a view is made of. Each list ascends strictly by component and has at most MaxMembers.
type Members struct{ Files, Rows []Member }

// Encode gives the bytes that DecodeMembers reads: for each list its number of members (two bytes, big-endian), and each component behind
// its length (two bytes) and its digest.
func (m Members) Encode() []byte { return appendMembers(appendMembers(nil, m.Files), m.Rows) }

// ErrMembers is the cause of all that DecodeMembers refuses.
var ErrMembers = errors.New("not members of a view")

// DecodeMembers reads what Encode gives for lists that are allowed, and nothing else. Component ids hold to mpspdz.CheckComponentID.
func DecodeMembers(b []byte) (m Members, err error) {
	if m.Files, b, err = cutMembers(b); err != nil {
		return Members{}, fmt.Errorf("%w: files: %w", ErrMembers, err)
	}
	if m.Rows, b, err = cutMembers(b); err != nil {
		return Members{}, fmt.Errorf("%w: rows: %w", ErrMembers, err)
	}
	if len(b) != 0 {
		return Members{}, fmt.Errorf("%w: %d bytes too many", ErrMembers, len(b))
	}
	return m, nil
}

func cutMembers(b []byte) (members []Member, rest []byte, err error) {
	count, b, ok := cutU16(b)
	if !ok || count > MaxMembers {
		return nil, nil, fmt.Errorf("their number is missing, or more than %d", MaxMembers)
	}
	for range count {
		size, after, ok := cutU16(b)
		if !ok || len(after) < size+len(mpspdz.Hash{}) {
			return nil, nil, errors.New("end within a member")
		}
		member := Member{Component: string(after[:size])}
		if err := mpspdz.CheckComponentID(member.Component); err != nil {
			return nil, nil, err
		}
		if n := len(members); n > 0 && members[n-1].Component >= member.Component {
			return nil, nil, errors.New("not in order, or one twice")
		}
		b = after[size+copy(member.Digest[:], after[size:]):]
		members = append(members, member)
	}
	return members, b, nil
}

func cutU16(b []byte) (n int, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, false
	}
	return int(binary.BigEndian.Uint16(b)), b[2:], true
}
