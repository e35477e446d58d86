package trust

import (
	"strconv"
	"time"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// Held says whether the change is held back until a person or a policy takes it over.
func (c Change) Held() bool {
	return c.Field != fieldLabel && c.Field != fieldPolicy && c.Field != fieldExpiry
}

// base is the announcement that a change of an approved component is compared with: one that fits the pins, the card before the newest.
// Nil if none is held.
func (s *snapshot) base(a *exchange.Announcement, e Entry) *exchange.Announcement {
	for _, other := range s.heard(e.Peer) {
		if other != a && e.fits(other) {
			return other
		}
	}
	if e.fits(a) {
		return a
	}
	return nil
}

// changes compares an announcement with what an entry pins, and where nothing is pinned with base. Without base, what is not pinned has
// not changed.
func changes(e Entry, base, a *exchange.Announcement) []Change {
	var all []Change
	add := func(field, old, now string) {
		if old != now && old != "" {
			all = append(all, Change{Field: field, Old: old, New: now})
		}
	}
	old := pinned(e, base)
	add(fieldComponent, old.Component, a.Component)
	add(fieldRole, string(old.Role), string(a.Role))
	if !old.Endpoint.IsZero() {
		add(fieldAddress, old.Endpoint.Host(), a.Endpoint.Host())
		add(fieldPort, portText(old.Endpoint), portText(a.Endpoint))
	}
	add(fieldCertificate, hashText(old.Certificate), a.Certificate.SHA256().String())
	add(fieldKey, hashText(old.Key), a.Certificate.KeySHA256().String())
	if base == nil {
		return all
	}
	if base.Label != a.Label {
		all = append(all, Change{fieldLabel, exchange.ShowText(base.Label), exchange.ShowText(a.Label)})
	}
	if base.Secagg != a.Secagg {
		all = append(all, Change{fieldPolicy, exchange.ShowText(string(base.Secagg)), exchange.ShowText(string(a.Secagg))})
	}
	if a.Expires.Before(base.Expires) && a.Sequence > base.Sequence {
		all = append(all, Change{fieldExpiry, timeText(base.Expires), timeText(a.Expires)})
	}
	return all
}

// pinned fills what an entry leaves open from base, if there is one.
func pinned(e Entry, base *exchange.Announcement) Entry {
	if base == nil {
		return e
	}
	if e.Component == "" {
		e.Component, e.Role, e.Key = base.Component, base.Role, base.Certificate.KeySHA256()
	}
	if e.Endpoint.IsZero() {
		e.Endpoint = base.Endpoint
	}
	if e.Certificate.IsZero() {
		e.Certificate = base.Certificate.SHA256()
	}
	return e
}

// claimChanges is what another identity than the approved one (or than ours) would change, where it claims the same component.
func (s *snapshot) claimChanges(a *exchange.Announcement, conflicts []collision) []Change {
	for _, c := range conflicts {
		if c.field != fieldComponent {
			continue
		}
		base := s.inForce[c.holder.component]
		if c.holder.own {
			base = s.held.Self
		}
		identity := Change{fieldIdentity, c.holder.peer.String(), a.Peer.String()}
		return append([]Change{identity}, changes(c.holder.entry, base, a)...)
	}
	return nil
}

func portText(e mpspdz.Endpoint) string { return strconv.Itoa(int(e.Port())) }

// hashText is empty for none.
func hashText(h mpspdz.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

// dayText is the day of a time.
func dayText(t time.Time) string { return t.UTC().Format(time.DateOnly) }
