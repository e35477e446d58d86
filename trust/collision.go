package trust

import (
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// Fields that only one component may have.
const (
	fieldComponent = "component"
	fieldKey       = "key"
	fieldEndpoint  = "endpoint"
	fieldSubject   = "subject"
)

// Other fields that a change names.
const (
	fieldRole        = "role"
	fieldAddress     = "address"
	fieldPort        = "port"
	fieldCertificate = "certificate"
	fieldLabel       = "label"
	fieldPolicy      = "policy"
	fieldExpiry      = "expiry"
	fieldIdentity    = "identity"
)

// collision is a value of an announcement that another identity holds.
type collision struct {
	field  string
	holder holder
}

// collisions compares an announcement with what others hold. e is the approved entry of its identity, zero if there is none. Where e pins the
// very value, or neither side's is pinned, it is a clash between two approved components; otherwise it is a conflict.
func (s *snapshot) collisions(a *exchange.Announcement, e Entry) (conflicts, clashes []collision) {
	sort := func(field string, h hold, pinned, unpinned bool) {
		c := collision{field: field, holder: s.holders[h.holder]}
		switch {
		case c.holder.peer == a.Peer:
		case e.Status == Approved && (pinned || unpinned && !h.firm):
			clashes = append(clashes, c)
		default:
			conflicts = append(conflicts, c)
		}
	}
	for _, h := range s.components[a.Component] {
		sort(fieldComponent, h, a.Component == e.Component, false)
	}
	key := a.Certificate.KeySHA256()
	for _, h := range s.keys[key] {
		sort(fieldKey, h, key == e.Key, false)
	}
	for _, h := range s.endpoints[a.Endpoint.Place()] {
		sort(fieldEndpoint, h, a.Endpoint == e.Endpoint, e.Endpoint.IsZero())
	}
	for _, h := range s.subjects[a.Certificate.CanonicalSubject()] {
		if mpspdz.SubjectClash(h.certificate, a.Certificate) {
			sort(fieldSubject, h, a.Certificate.SHA256() == e.Certificate, e.Certificate.IsZero())
		}
	}
	return conflicts, clashes
}
