package trust

import (
	"time"

	"fbpeer/internal/inidoc"
)

// editor makes one change of a list out of several of its text. The first error stays.
type editor struct {
	before List
	doc    *inidoc.Document
	err    error
}

func (l List) edit() *editor { return &editor{before: l, doc: l.document()} }

// list parses the edited text. With an error it is the list before the edit.
func (ed *editor) list() (List, error) {
	if ed.err != nil {
		return ed.before, ed.err
	}
	l, err := newList(ed.doc)
	if err != nil {
		return ed.before, err
	}
	return l, nil
}

// set writes the options that have a value, and takes away those that have none.
func (ed *editor) set(section string, options ...inidoc.Option) {
	var present []inidoc.Option
	for _, o := range options {
		if o.Value != "" {
			present = append(present, o)
		} else if ed.err == nil {
			ed.keep(ed.doc.DeleteKey(section, o.Key))
		}
	}
	if ed.err == nil {
		ed.keep(ed.doc.SetAll(section, present...))
	}
}

// remove takes a section away.
func (ed *editor) remove(section string) {
	if ed.err == nil {
		ed.keep(ed.doc.DeleteSection(section))
	}
}

// keep takes over what an edit gave.
func (ed *editor) keep(doc *inidoc.Document, err error) {
	if err != nil {
		ed.err = err
		return
	}
	ed.doc = doc
}

// writeEntry writes a component's section in full.
func (ed *editor) writeEntry(e Entry) {
	options := []inidoc.Option{
		{Key: "status", Value: string(e.Status)}, {Key: "alias", Value: e.Alias}, {Key: "role", Value: string(e.Role)},
		{Key: "peer_id", Value: e.Peer.String()}, {Key: "key", Value: e.Key.String()}, {Key: "endpoint"}, {Key: "certificate"},
		{Key: "approved_at", Value: timeText(e.ApprovedAt)}, {Key: "approved_by", Value: e.ApprovedBy}, {Key: "note", Value: e.Note},
		{Key: "next", Value: hashText(e.Next)}, {Key: "next_approved_at", Value: timeText(e.NextAt)}, {Key: "next_approved_by", Value: e.NextBy},
	}
	if !e.Endpoint.IsZero() {
		options[5].Value = e.Endpoint.String()
	}
	if !e.Certificate.IsZero() {
		options[6].Value = e.Certificate.String()
	}
	ed.set(e.Component, options...)
}

// writeBar writes the section of an identity or a key. Who decided and when are written over only where they are known.
func (ed *editor) writeBar(b bar, by string, at time.Time) {
	options := []inidoc.Option{{Key: "status", Value: string(b.status)}, {Key: "component", Value: b.component}}
	if !b.key.IsZero() && b.peer != "" {
		options = append(options, inidoc.Option{Key: "peer_id", Value: b.peer.String()})
	}
	if !at.IsZero() {
		options = append(options, inidoc.Option{Key: "decided_at", Value: timeText(at)})
	}
	if by != "" {
		options = append(options, inidoc.Option{Key: "decided_by", Value: by})
	}
	ed.set(b.section, options...)
}

// keepBars moves what a component's denied or revoked section bars into sections of their own, but for what e approves.
func (ed *editor) keepBars(old, e Entry) {
	l := ed.before
	if old.Peer != "" && old.Peer != e.Peer {
		ed.writeBar(bar{
			section: peerSection + old.Peer.String(), status: stronger(old.Status, l.peers[old.Peer]), component: old.Component,
		}, "", time.Time{})
	}
	if !old.Key.IsZero() && old.Key != e.Key {
		ed.writeBar(bar{
			section: keySection + old.Key.String(), status: stronger(old.Status, l.keys[old.Key]), component: old.Component,
			peer: old.Peer, key: old.Key,
		}, "", time.Time{})
	}
}

// timeText is a time as the list writes it, empty for none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
