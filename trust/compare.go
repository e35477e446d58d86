package trust

import (
	"cmp"
	"slices"
	"strings"

	"fbpeer/mpspdz"
)

// Compare says what became of a list, one record for each decision: its event, component, identity, and every field with its old and
// new value. Comments and order are no decisions. Who, when and the fingerprint are the caller's to add.
func Compare(before, after List) []LogRecord {
	var all []LogRecord
	for _, now := range after.entries {
		old, _ := before.Entry(now.Component)
		if r, differs := compareEntries(old, now); differs {
			all = append(all, r)
		}
	}
	for _, old := range before.entries {
		if _, there := after.Entry(old.Component); !there {
			r, _ := compareEntries(old, Entry{Component: old.Component})
			all = append(all, r)
		}
	}
	for _, section := range barSections(before, after) {
		if r, differs := compareBars(before.barOf(section), after.barOf(section)); differs && !slices.ContainsFunc(all, r.saidBy) {
			all = append(all, r)
		}
	}
	return all
}

// compareEntries compares one component's sections; the zero status is none.
func compareEntries(old, now Entry) (r LogRecord, differs bool) {
	r = LogRecord{Component: now.Component, Peer: cmp.Or(now.Peer, old.Peer).String()}
	r.change("status", string(old.Status), string(now.Status))
	decided := len(r.Changes) > 0
	if now.Status == "" {
		r.Event = EventForgotten
		return r, true
	}
	r.change(fieldIdentity, old.Peer.String(), now.Peer.String())
	r.change(fieldRole, string(old.Role), string(now.Role))
	address, port := addressOf(old.Endpoint)
	newAddress, newPort := addressOf(now.Endpoint)
	r.change(fieldAddress, address, newAddress)
	r.change(fieldPort, port, newPort)
	r.change(fieldCertificate, hashText(old.Certificate), hashText(now.Certificate))
	r.change(fieldKey, hashText(old.Key), hashText(now.Key))
	decided = decided || len(r.Changes) > 0
	r.change("next", hashText(old.Next), hashText(now.Next))
	r.change("alias", old.Alias, now.Alias)
	r.change("note", old.Note, now.Note)
	r.change("approved_by", old.ApprovedBy, now.ApprovedBy)
	r.change("next_approved_by", old.NextBy, now.NextBy)
	if len(r.Changes) == 0 { // of a decision the line itself has the time
		r.change("approved_at", timeText(old.ApprovedAt), timeText(now.ApprovedAt))
		r.change("next_approved_at", timeText(old.NextAt), timeText(now.NextAt))
	}
	switch {
	case decided:
		r.Event = eventOf(now.Status)
	case now.Next != old.Next && !now.Next.IsZero():
		r.Event, r.Text = EventApprovedAhead, "the key to come "+now.Next.String()
	default:
		r.Event = EventEdited
	}
	return r, len(r.Changes) > 0
}

// Attribute adds to a record of Compare what the lists alone tell of who decided, where no agent or command is there to say it: an approval
// that the list notes anew was made by whom it names there, and a key that was approved ahead was by whoever did that. By stays empty where
// the lists do not tell.
func Attribute(r LogRecord, before, after List) LogRecord {
	old, _ := before.Entry(r.Component)
	now, _ := after.Entry(r.Component)
	if now.Status != Approved || now.Peer.String() != r.Peer {
		return r
	}
	switch {
	case r.Event == EventApproved && old.Peer == now.Peer && !old.Next.IsZero() && old.Next == now.Key && now.Next.IsZero() &&
		old.NextBy != "" && old.NextBy == now.ApprovedBy && (old.NextAt.IsZero() || old.NextAt.Equal(now.ApprovedAt)):
		r.Event, r.By = EventFollowed, old.NextBy
	case old.ApprovedBy != now.ApprovedBy || !old.ApprovedAt.Equal(now.ApprovedAt):
		r.By = now.ApprovedBy
		if r.By == ByPolicy && r.Event == EventApproved {
			r.Event = EventPolicy
		}
	case r.Event != EventApproved && (old.NextBy != now.NextBy || !old.NextAt.Equal(now.NextAt)):
		r.By = now.NextBy
	}
	if r.By != "" {
		r.Text = strings.TrimPrefix(r.Text+"; found at a start, by whom the trust list names", "; ")
	}
	return r
}

func addressOf(e mpspdz.Endpoint) (host, port string) {
	if e.IsZero() {
		return "", ""
	}
	return e.Host(), portText(e)
}

// change notes a field that differs. What a person wrote is one printable line (checkText).
func (r *LogRecord) change(field, old, now string) {
	if old != now {
		r.Changes = append(r.Changes, Change{Field: field, Old: old, New: now})
	}
}

func eventOf(s Status) string {
	switch s {
	case Approved:
		return EventApproved
	case Denied:
		return EventDenied
	case Revoked:
		return EventRevoked
	}
	return EventForgotten
}

// barSections lists the sections of identities and keys of both lists, identities first: a key's record may be said by its identity's.
func barSections(lists ...List) []string {
	var sections []string
	for _, keys := range []bool{false, true} {
		for _, l := range lists {
			for _, b := range l.bars {
				if !b.key.IsZero() == keys && !slices.Contains(sections, b.section) {
					sections = append(sections, b.section)
				}
			}
		}
	}
	return sections
}

// barOf finds a section of an identity or a key; the zero bar is none.
func (l List) barOf(section string) bar {
	for _, b := range l.bars {
		if b.section == section {
			return b
		}
	}
	return bar{}
}

// compareBars compares one section of an identity or a key.
func compareBars(old, now bar) (r LogRecord, differs bool) {
	what := now
	if now.status == "" {
		what = old
	}
	r = LogRecord{Event: eventOf(now.status), Component: what.component, Peer: what.peer.String()}
	r.change("status", string(old.status), string(now.status))
	if !what.key.IsZero() {
		r.Text = "the key " + what.key.String()
	}
	return r, len(r.Changes) > 0
}

// saidBy says whether another record tells the same of the same identity: a revocation stands in up to three sections.
func (r LogRecord) saidBy(other LogRecord) bool {
	return r.Peer != "" && r.Event == other.Event && r.Peer == other.Peer && (r.Component == "" || r.Component == other.Component)
}
