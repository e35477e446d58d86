package trust

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// ByPolicy is approved_by of an entry whose pins were taken over from an announcement without asking.
const ByPolicy = "policy"

// Policy says which changes of an approved identity are taken over without asking ([trust] accept_changes): a subset of PolicyFields.
// Key stands for a key that the pinned one endorses, with the certificate that it comes in. An identity, a component id and a role
// are never taken over.
type Policy []string

// PolicyFields are what a Policy may hold.
func PolicyFields() []string { return []string{fieldAddress, fieldPort, fieldCertificate, fieldKey} }

// covers says of a changed field whether it is taken over. endorsed: the pinned key vouches for the announced one.
func (p Policy) covers(field string, newKey, endorsed bool) bool {
	switch field {
	case fieldKey:
		return endorsed && slices.Contains(p, fieldKey)
	case fieldCertificate:
		if newKey { // no key comes without a certificate
			return p.covers(fieldKey, newKey, endorsed)
		}
	}
	return slices.Contains(p, field)
}

// heldFields are the fields of changes that are held back.
func heldFields(all []Change) []string {
	var fields []string
	for _, c := range all {
		if c.Held() {
			fields = append(fields, c.Field)
		}
	}
	return fields
}

// split parts what is held of an announcement into what the policy covers and what it does not.
func (s *snapshot) split(a *exchange.Announcement, e Entry, held []string) (covered, rest []string) {
	vouched, newKey := s.endorsed(e, a), slices.Contains(held, fieldKey)
	for _, field := range held {
		if s.held.Policy.covers(field, newKey, vouched) {
			covered = append(covered, field)
		} else {
			rest = append(rest, field)
		}
	}
	return covered, rest
}

// Takeover is a change that the policy covers as a whole.
type Takeover struct {
	Entry   Entry    // with what is announced in its pins; who approved it and when are those of before
	Changes []Change // from what was pinned
}

// takeovers finds the changes that the policy takes over. Each is of an approved identity that contradicts nobody, whose former values are
// in force, whose announcement and certificate are valid now, and whose authority this site has set. Two that would contradict each other
// both wait for a person.
func (s *snapshot) takeovers(decisions map[peer.ID]Decision) []Takeover {
	var all []Takeover
	if len(s.held.Policy) == 0 {
		return nil
	}
	for _, h := range s.holders {
		if h.own {
			continue
		}
		a, e := s.newest(h.peer), h.entry
		d := decisions[h.peer]
		if a == nil || d.Verdict != VerdictChanged || s.inForce[e.Component] == nil || s.held.Equivocal[h.peer] || s.held.Unsigned[h.peer] || s.wrongKind(a) ||
			!s.now.Before(a.Expires) || a.Certificate.CheckTime(s.now) != nil {
			continue
		}
		held := heldFields(d.Changes)
		if _, rest := s.split(a, e, held); len(held) == 0 || len(rest) > 0 {
			continue
		}
		e.Endpoint, e.Certificate, e.Key = a.Endpoint, a.Certificate.SHA256(), a.Certificate.KeySHA256()
		if e.Next == e.Key { // it has come
			e.Next, e.NextAt, e.NextBy = mpspdz.Hash{}, time.Time{}, ""
		}
		all = append(all, Takeover{Entry: e, Changes: d.Changes})
	}
	return s.withoutRivals(all)
}

// withoutRivals leaves out those that want one endpoint, key or subject.
func (s *snapshot) withoutRivals(all []Takeover) []Takeover {
	rivals := func(a, b Takeover) bool {
		return a.Entry.Endpoint.Place() == b.Entry.Endpoint.Place() || a.Entry.Key == b.Entry.Key ||
			mpspdz.SubjectClash(s.newest(a.Entry.Peer).Certificate, s.newest(b.Entry.Peer).Certificate)
	}
	var kept []Takeover
	for i, t := range all {
		if !slices.ContainsFunc(slices.Concat(all[:i], all[i+1:]), func(other Takeover) bool { return rivals(t, other) }) {
			kept = append(kept, t)
		}
	}
	return kept
}

// TakenOver is the entry as the list has it afterwards.
func (t Takeover) TakenOver(at time.Time) Entry {
	e := t.Entry
	e.ApprovedBy, e.ApprovedAt = ByPolicy, at.UTC().Truncate(time.Second)
	return e
}
