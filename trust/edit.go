package trust

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/internal/inidoc"
	"fbpeer/mpspdz"
)

// Approve writes the entry with all its pins, in the place of the component's section if there is one. Its Status is set to approved. An
// empty alias keeps the one that is there; an empty note does if the identity is the same. What the replaced section barred stays
// barred, in sections of its own; a denial of the approved identity or key itself is taken back.
//
// Errors: Peer, Key or Role is missing; the identity or key is revoked (Forget comes first); the identity is another component's; the
// alias is one that another component has or that looks like a component's id; a text is not one printable line.
func (l List) Approve(e Entry) (List, error) {
	e.Status = Approved
	if err := l.checkApproval(e); err != nil {
		return l, fmt.Errorf("%s is not approved: %w", quoted(e.Component), err)
	}
	old, replaced := l.Entry(e.Component)
	if e.Alias == "" {
		e.Alias = old.Alias
	}
	if e.Note == "" && old.Peer == e.Peer {
		e.Note = old.Note
	}
	edit := l.edit()
	if replaced && old.Status != Approved {
		edit.keepBars(old, e)
	}
	for _, b := range l.bars { // denials: revocations were refused above
		if b.key.IsZero() && b.peer == e.Peer || b.key == e.Key {
			edit.remove(b.section)
		}
	}
	edit.writeEntry(e)
	return edit.list()
}

// checkApproval finds what forbids an approval.
func (l List) checkApproval(e Entry) error {
	if err := errors.Join(mpspdz.CheckComponentID(e.Component), e.complete()); err != nil {
		return err
	}
	if e.Alias != "" {
		if err := l.checkFreeAlias(e.Component, e.Alias); err != nil {
			return err
		}
	}
	if l.PeerStatus(e.Peer) == Revoked {
		return fmt.Errorf("its identity %s is revoked: `fbpeer trust forget %s` first, if that was a mistake", e.Peer, e.Component)
	}
	if l.KeyStatus(e.Key) == Revoked {
		return fmt.Errorf("its MP-SPDZ key %s is revoked: the site needs a new one (`fbpeer cert generate --force`)", e.Key)
	}
	if old, there := l.Entry(e.Component); there && old.Status == Revoked && old.barsAll() {
		return fmt.Errorf("the component is revoked whatever identity claims it: `fbpeer trust forget %s` first, if that was a mistake", e.Component)
	}
	for _, other := range l.entries {
		if other.Component != e.Component && other.Peer == e.Peer {
			return fmt.Errorf("its identity %s stands in [%s] (%s): `fbpeer trust forget %s` first", e.Peer, other.Component, other.Status, other.Component)
		}
		if other.Component != e.Component && other.Status == Denied && other.Key == e.Key {
			return fmt.Errorf("its MP-SPDZ key is denied in [%s]: `fbpeer trust forget %s` first", other.Component, other.Component)
		}
	}
	return errors.Join(checkText(e.ApprovedBy), checkText(e.Note))
}

// checkFreeAlias says whether a component can have an alias.
func (l List) checkFreeAlias(component, alias string) error {
	if err := CheckAlias(alias); err != nil {
		return err
	}
	if other, taken := l.ByAlias(alias); taken && other.Component != component {
		return fmt.Errorf("the alias %q is that of %s: choose another", alias, other.Component)
	}
	if _, taken := l.Entry(alias); taken && alias != component {
		return fmt.Errorf("the alias %q is the id of another component: choose another", alias)
	}
	if other, taken := l.ByAlias(component); taken && other.Component != component {
		return fmt.Errorf("%s has its id as alias: change that first", other.Component)
	}
	return nil
}

// barsAll says whether a denied or revoked section bars every identity that claims its component: it names none.
func (e Entry) barsAll() bool { return e.Status != Approved && e.Peer == "" && e.Key.IsZero() }

// Pin fills in an endpoint or certificate that the operator left out; a zero one leaves its pin as it is. The error: the component is not
// approved, or another value is pinned.
func (l List) Pin(component string, endpoint mpspdz.Endpoint, certificate mpspdz.Hash) (List, error) {
	e, approved := l.approvedComponent(component)
	if !approved {
		return l, fmt.Errorf("%s is not approved: nothing can be pinned", quoted(component))
	}
	if !endpoint.IsZero() {
		if !e.Endpoint.IsZero() && e.Endpoint != endpoint {
			return l, fmt.Errorf("%s: the endpoint %s is pinned, not %s", component, e.Endpoint, endpoint)
		}
		e.Endpoint = endpoint
	}
	if !certificate.IsZero() {
		if !e.Certificate.IsZero() && e.Certificate != certificate {
			return l, fmt.Errorf("%s: the certificate %s is pinned, not %s", component, e.Certificate, certificate)
		}
		e.Certificate = certificate
	}
	edit := l.edit()
	edit.writeEntry(e)
	return edit.list()
}

// Deny bars an identity that claimed a component, in a section [peer …]. One that is denied or revoked already stays as it is. The error:
// the identity is approved (Revoke is for that).
func (l List) Deny(component string, p peer.ID, by string, at time.Time) (List, error) {
	if err := errors.Join(mpspdz.CheckComponentID(component), checkText(by)); err != nil {
		return l, err
	}
	if e, approved := l.ByPeer(p); approved {
		return l, fmt.Errorf("%s is approved: `fbpeer trust revoke %s` takes that back", e.name(), e.Component)
	}
	if l.Barred(p) {
		return l, nil
	}
	edit := l.edit()
	edit.writeBar(bar{section: peerSection + p.String(), status: Denied, component: component}, by, at)
	return edit.list()
}

// Revoke takes an identity out for good: the component section that pins it is set to revoked, and a section [peer …] says so too. If key is not
// zero, a section [key …] bars it, whoever announces it; one that was revoked by itself stays so. Another identity that is approved for the component stays approved. The
// error: the key is that of another approved component.
func (l List) Revoke(component string, p peer.ID, key mpspdz.Hash, by string, at time.Time) (List, error) {
	if err := errors.Join(mpspdz.CheckComponentID(component), checkText(by)); err != nil {
		return l, err
	}
	edit := l.edit()
	for _, e := range l.entries {
		if e.Status == Approved && e.Peer != p && e.Key == key && !key.IsZero() {
			return l, fmt.Errorf("the key %s is that of %s, which is approved: revoke the identity without the key, or %s itself", key, e.name(), e.name())
		}
		if e.Peer == p {
			edit.set(e.Component, inidoc.Option{Key: "status", Value: string(Revoked)}, inidoc.Option{Key: "next"},
				inidoc.Option{Key: "next_approved_at"}, inidoc.Option{Key: "next_approved_by"})
		}
	}
	edit.writeBar(bar{section: peerSection + p.String(), status: Revoked, component: component}, by, at)
	alone := slices.ContainsFunc(l.bars, func(b bar) bool { return b.key == key && b.peer == "" && b.status == Revoked })
	if !key.IsZero() && !alone {
		edit.writeBar(bar{section: keySection + key.String(), status: Revoked, component: component, peer: p, key: key}, by, at)
	}
	return edit.list()
}

// RevokeKey bars an MP-SPDZ public key for good, whoever announces it: one that was stolen. An approved component that pins it stays approved
// as an identity, but nothing of it is in force until another key of it is approved. component says whose key it was, if that is known.
func (l List) RevokeKey(key mpspdz.Hash, component, by string, at time.Time) (List, error) {
	if key.IsZero() {
		return l, errors.New("the hash of nothing is no key")
	}
	if err := checkText(by); err != nil {
		return l, err
	}
	edit := l.edit()
	edit.writeBar(bar{section: keySection + key.String(), status: Revoked, component: component, key: key}, by, at)
	return edit.list()
}

// ForgetKey removes the section of a key. The error: there is none, or a component's section bars it too.
func (l List) ForgetKey(key mpspdz.Hash) (List, error) {
	edit, forgot := l.edit(), false
	for _, b := range l.bars {
		if b.key == key && !key.IsZero() {
			edit.remove(b.section)
			forgot = true
		}
	}
	for _, e := range l.entries {
		if e.Status != Approved && e.Key == key {
			return l, fmt.Errorf("the key belongs to %s, which is %s: `fbpeer trust forget %s`", e.Component, e.Status, e.Component)
		}
	}
	if !forgot {
		return l, fmt.Errorf("the list says nothing of the key %s", key)
	}
	return edit.list()
}

// Forget removes what the list says of an identity as this component: the component's section if it names that identity or none, the section
// [peer …], and the sections [key …] of keys that were barred with the identity. An empty p stands for the identity that the
// component's section names. Another identity's approval or bar under the same component stays, and so does a key that was barred by
// itself, which ForgetKey is for. The error: there is nothing to forget.
func (l List) Forget(component string, p peer.ID) (List, error) {
	e, there := l.Entry(component)
	if p == "" {
		p = e.Peer
	}
	edit, forgot := l.edit(), false
	if there && (e.Peer == p || e.Peer == "") {
		edit.remove(component)
		forgot = true
	}
	for _, b := range l.bars {
		if p != "" && b.peer == p {
			edit.remove(b.section)
			forgot = true
		}
	}
	if !forgot {
		return l, fmt.Errorf("the list says nothing of %s", quoted(component))
	}
	return edit.list()
}
