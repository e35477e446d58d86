package exchange

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// Kind of a record. Each has its own domain, grammar, size and rate.
type Kind string

// The kinds that this release knows.
const (
	KindAnnouncement Kind = "announcement" // *Announcement
	KindView         Kind = "view"         // *View
	KindCall         Kind = "call"         // *Call
	KindSet          Kind = "set"          // *Proposal
	KindCertificate  Kind = "certificate"  // *NumberedCertificate
)

// Synced says whether records of this kind are handed to those who missed them. The others travel on the topic alone: they are of no use
// a little later.
func (k Kind) Synced() bool { return k == KindAnnouncement || k == KindSet || k == KindCertificate }

// maxKind is the longest name of a kind, in this and later releases.
const maxKind = 32

// isKind says whether a later release may have a kind of this name.
func isKind(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= maxKind
}

// Opened is a record that OpenRecord has opened: *Announcement, *View, *Call, *Proposal or *NumberedCertificate. Immutable.
type Opened interface {
	// Record gives its row for a Table.
	Record() Record
}

// content is what the kinds have of their own; the one mechanism of OpenRecord and the Seal functions is made of it.
type content interface {
	Opened
	kind() Kind
	// understand reads the lines, of which values must then make the same again.
	understand(v *values) error
	// check holds every rule on values, whoever sets them. Text that passes cannot add a line.
	check() error
	// values writes the meaning as lines.
	values(federation string) *values
	// verify checks what other keys than the identity's signed, after the envelope.
	verify(f Federation, payload string) error
	// seal adds what the envelope says.
	seal(id peer.ID, hash mpspdz.Hash, sealed []byte)
}

// format is a kind's grammar in version 1: which lines it has, and how large it may be.
type format struct {
	needs, may lineSet
	most       int // bytes of a sealed record
	empty      func() content
}

// stamped are the lines of every record that says its own expiry.
const stamped = lineSet(1<<fieldSequence | 1<<fieldIssued | 1<<fieldExpires)

func formatOf(k Kind) (format, bool) {
	switch k {
	case KindAnnouncement:
		return format{
			needs: stamped | fields(fieldFederation, fieldComponent, fieldRole, fieldEndpoint, fieldCertificate, fieldProof),
			may:   fields(fieldLabel, fieldSecagg, fieldNext, fieldEndorsementKey, fieldEndorsement),
			most:  MaxSealed, empty: func() content { return new(Announcement) },
		}, true
	case KindView:
		return format{
			needs: fields(fieldFederation, fieldMembers, fieldSequence, fieldIssued),
			may:   fields(fieldSetName, fieldProposal, fieldSet, fieldFiles, fieldRows, fieldCall),
			most:  MaxView, empty: func() content { return new(View) },
		}, true
	case KindCall:
		return format{
			needs: fields(fieldFederation, fieldCall, fieldSequence, fieldIssued),
			most:  MaxCall, empty: func() content { return new(Call) },
		}, true
	case KindSet:
		return format{
			needs: stamped | fields(fieldFederation, fieldSetName),
			may:   fields(fieldMembers),
			most:  MaxSealed, empty: func() content { return new(Proposal) },
		}, true
	case KindCertificate:
		return format{
			needs: stamped | fields(fieldFederation, fieldComponent, fieldPlan, fieldNumber, fieldCertificate),
			may:   fields(fieldSetName),
			most:  MaxSealed, empty: func() content { return new(NumberedCertificate) },
		}, true
	}
	return format{}, false
}
