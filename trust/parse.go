package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/internal/inidoc"
	"fbpeer/mpspdz"
)

// Beginnings of the sections that are not a component's; a component id has no blank in it.
const (
	peerSection = "peer "
	keySection  = "key "
)

// Parse reads trust.ini strictly; file is its name for errors. Errors are *inidoc.Error, with the line and the cure.
func Parse(file string, data []byte) (List, error) {
	doc, err := inidoc.Parse(file, data, inidoc.Ours)
	if err != nil {
		return List{}, err
	}
	return newList(doc)
}

// sectionReader reads one section's keys. The first fault stays.
type sectionReader struct {
	doc     *inidoc.Document
	section string
	known   []string
	err     error
}

// read hands a key's value to take; an absent or empty value is not there.
func (r *sectionReader) read(key string, take func(value string) error) {
	r.known = append(r.known, key)
	value, _ := r.doc.Get(r.section, key)
	if value == "" || r.err != nil {
		return
	}
	if err := take(value); err != nil {
		r.fail(key, "%v", err)
	}
}

// fail notes a fault at a key, or at the section where key is empty.
func (r *sectionReader) fail(key, format string, args ...any) {
	where := fmt.Sprintf("[%s] ", r.section)
	if key != "" {
		where += key + ": "
	}
	r.err = r.doc.Errorf(r.section, key, "%s%s", where, fmt.Sprintf(format, args...))
}

// finish gives the first fault; keys that nobody read are one.
func (r *sectionReader) finish() error {
	for _, key := range r.doc.Keys(r.section) {
		if r.err == nil && !slices.Contains(r.known, key) {
			r.fail(key, "no such key here; known are %s", strings.Join(r.known, ", "))
		}
	}
	return r.err
}

// status reads the status, which is one of allowed.
func (r *sectionReader) status(allowed ...Status) (status Status) {
	r.read("status", func(value string) error {
		status = Status(value)
		if !slices.Contains(allowed, status) {
			return fmt.Errorf("%q is none of %v", value, allowed)
		}
		return nil
	})
	if status == "" && r.err == nil {
		r.fail("status", "is missing: write one of %v, or remove the section", allowed)
	}
	return status
}

// text reads a line of a person's.
func (r *sectionReader) text(key string) (text string) {
	r.read(key, func(value string) error {
		text = value
		return checkText(value)
	})
	return text
}

// time reads a time.
func (r *sectionReader) time(key string) (at time.Time) {
	r.read(key, func(value string) (err error) {
		if at, err = time.Parse(time.RFC3339, value); err != nil {
			return fmt.Errorf("%q is not a time such as 2026-11-22T10:15:00Z", value)
		}
		at = at.UTC()
		return nil
	})
	return at
}

// hash reads a SHA-256.
func (r *sectionReader) hash(key string) (h mpspdz.Hash) {
	r.read(key, func(value string) (err error) {
		if h, err = mpspdz.ParseHash(value); err != nil {
			return fmt.Errorf("%q is %w", value, err)
		}
		return nil
	})
	return h
}

// peer reads an identity.
func (r *sectionReader) peer(key string) (p peer.ID) {
	r.read(key, func(value string) (err error) {
		p, err = parsePeer(value)
		return err
	})
	return p
}

// parsePeer takes an identity in its one usual form, base58; a CID of the same identity would defeat the search for duplicates by eye.
func parsePeer(s string) (peer.ID, error) {
	p, err := peer.Decode(s)
	if err == nil && p.String() == s {
		if _, err = p.ExtractPublicKey(); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%q is not a peer id (12D3KooW…, as fbpeer id shows it)", s)
}

// parseEntry reads a component's section.
func parseEntry(doc *inidoc.Document, section string) (Entry, error) {
	if err := mpspdz.CheckComponentID(section); err != nil {
		return Entry{}, doc.Errorf(section, "", "section [%s] is neither a component, nor [peer …], nor [key …]: %v", quoted(section), err)
	}
	r := &sectionReader{doc: doc, section: section}
	e := Entry{Component: section, Line: doc.Line(section, "")}
	e.Status = r.status(Approved, Denied, Revoked)
	r.read("alias", func(value string) error {
		e.Alias = value
		return CheckAlias(value)
	})
	r.read("role", func(value string) (err error) {
		e.Role, err = mpspdz.ParseRole(value)
		return err
	})
	e.Peer = r.peer("peer_id")
	e.Key = r.hash("key")
	r.read("endpoint", func(value string) (err error) {
		e.Endpoint, err = mpspdz.ParseEndpoint(value)
		return err
	})
	e.Certificate = r.hash("certificate")
	e.ApprovedAt = r.time("approved_at")
	e.ApprovedBy = r.text("approved_by")
	e.Note = r.text("note")
	r.next(&e)
	if err := e.complete(); err != nil && r.err == nil {
		r.fail("", "%v", err)
	}
	return e, r.finish()
}

// next reads what is said of a key that is approved ahead.
func (r *sectionReader) next(e *Entry) {
	e.Next = r.hash("next")
	e.NextAt = r.time("next_approved_at")
	e.NextBy = r.text("next_approved_by")
	switch stated := e.NextBy != "" || !e.NextAt.IsZero(); {
	case r.err != nil:
	case e.Next.IsZero() && stated:
		r.fail("next", "is missing, but next_approved_at or next_approved_by says that a key was approved ahead: give it, or remove these")
	case !e.Next.IsZero() && e.Next == e.Key:
		r.fail("next", "is the present key: remove the line")
	}
}

// complete says what an approved entry lacks.
func (e Entry) complete() error {
	if e.Status != Approved {
		return nil
	}
	var missing []string
	if e.Peer == "" {
		missing = append(missing, "peer_id")
	}
	if e.Key.IsZero() {
		missing = append(missing, "key")
	}
	if e.Role == "" {
		missing = append(missing, "role")
	}
	if missing == nil {
		return nil
	}
	return errors.New("is approved without " + strings.Join(missing, ", ") + ": it would approve the first comer that claims this component; " +
		"remove the section and run `fbpeer trust approve " + e.Component + "`, which writes them")
}

// parseBar reads the section of an identity or a key.
func parseBar(doc *inidoc.Document, section string) (bar, error) {
	r := &sectionReader{doc: doc, section: section}
	b := bar{section: section}
	var err error
	if id, ok := strings.CutPrefix(section, peerSection); ok {
		b.peer, err = parsePeer(id)
	} else {
		b.key, err = mpspdz.ParseHash(strings.TrimPrefix(section, keySection))
		if err == nil && b.key.IsZero() {
			err = errors.New("the hash of nothing")
		}
	}
	if err != nil {
		return bar{}, doc.Errorf(section, "", "section [%s]: %v", quoted(section), err)
	}
	b.status = r.status(Denied, Revoked)
	r.read("component", func(value string) error {
		b.component = value
		return mpspdz.CheckComponentID(value)
	})
	if !b.key.IsZero() {
		b.peer = r.peer("peer_id")
	}
	r.time("decided_at")
	r.text("decided_by")
	r.text("note")
	return b, r.finish()
}

// quoted escapes a section's name without putting quotes around it.
func quoted(s string) string {
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}
