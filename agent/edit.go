package agent

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// Limits of what a request may carry, in bytes.
const (
	maxBy   = 256
	maxNote = 1024
)

func refused(hint, format string, args ...any) *api.Error {
	return &api.Error{Code: api.CodeRefused, Text: fmt.Sprintf(format, args...), Hint: hint}
}

func notJoined() *api.Error {
	return refused("fbpeer join FILE, with the federation file that you were given", "no federation joined yet")
}

// checkRequest refuses what no well-meant request holds, before it comes near a file.
func checkRequest(r api.TrustRequest) (peer.ID, *api.Error) {
	malformed := func(format string, args ...any) *api.Error {
		return &api.Error{Code: api.CodeRequest, Text: fmt.Sprintf(format, args...)}
	}
	if r.Component != "" || r.Key == "" && (r.Action == api.ActionApprove || r.Action == api.ActionRevoke) {
		if err := mpspdz.CheckComponentID(r.Component); err != nil {
			return "", malformed("component: %v", err)
		}
	}
	if r.Key != "" {
		return "", checkKeyRequest(r)
	}
	id, err := peer.Decode(r.PeerID)
	if err != nil || id.String() != r.PeerID {
		return "", malformed("peer_id: %q is no peer id", exchange.ShowText(cut(r.PeerID, 80)))
	}
	if fault := checkBy(r.By, r.Note); fault != nil {
		return "", fault
	}
	return id, checkText("alias", r.Alias, maxBy)
}

// checkBy refuses what no name of an operator and no note of his are.
func checkBy(by, note string) *api.Error {
	if fault := checkText("by", by, maxBy); fault != nil {
		return fault
	}
	return checkText("note", note, maxNote)
}

// CheckNote refuses what no note of an operator is: a *api.Error, or nil.
func CheckNote(note string) error {
	if fault := checkText("note", note, maxNote); fault != nil {
		return fault
	}
	return nil
}

func checkText(name, text string, most int) *api.Error {
	if len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
		return &api.Error{Code: api.CodeRequest, Text: fmt.Sprintf("%s: at most %d printable characters on one line", name, most)}
	}
	return nil
}

// checkKeyRequest refuses what no well-meant request about a key holds.
func checkKeyRequest(r api.TrustRequest) *api.Error {
	malformed := func(format string, args ...any) *api.Error {
		return &api.Error{Code: api.CodeRequest, Text: fmt.Sprintf(format, args...)}
	}
	_, err := mpspdz.ParseHash(r.Key)
	switch {
	case err != nil:
		return malformed("key: %q is %v", exchange.ShowText(cut(r.Key, 80)), err)
	case r.PeerID != "" || r.Component != "":
		return malformed("key: of a key alone, or of an identity, but not of both")
	case r.Action != api.ActionRevoke && r.Action != api.ActionForget:
		return malformed("key: only revoke and forget take one")
	}
	return checkText("by", r.By, maxBy)
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func cut(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}

// edit does one request: the list is changed and durable first, then everything that follows from it. The error is *api.Error.
func (k *core) edit(r api.TrustRequest, now time.Time) (outcome, *api.Error) {
	id, fault := checkRequest(r)
	if fault != nil {
		return outcome{}, fault
	}
	if fault := k.rereadList(now); fault != nil {
		return outcome{}, fault
	}
	k.evaluate(now)
	var list trust.List
	switch {
	case r.Key != "":
		list, fault = k.editKey(r, now)
	case r.Action == api.ActionApprove:
		list, fault = k.approve(k.list, r, id, now)
	case r.Action == api.ActionDeny:
		list, fault = k.deny(r, id, now)
	case r.Action == api.ActionRevoke:
		list, fault = k.revoke(r, id, now)
	case r.Action == api.ActionForget:
		list, fault = k.forget(r, id)
	default:
		fault = &api.Error{Code: api.CodeRequest, Text: fmt.Sprintf("action: %q is none of approve, deny, revoke, forget", exchange.ShowText(cut(r.Action, 40)))}
	}
	if fault != nil {
		return outcome{}, fault
	}
	return k.putList(list, r.By, now)
}

// putList makes an edited list durable and logs who edited it, then does everything that follows from it.
func (k *core) putList(list trust.List, by string, now time.Time) (outcome, *api.Error) {
	if !bytes.Equal(list.Bytes(), k.listFile) {
		before := k.list
		if err := k.writeList(list); err != nil {
			return outcome{}, &api.Error{Code: api.CodeFailed, Text: "the trust list could not be written, nothing was changed: " + err.Error()}
		}
		k.recordEdits(before, by, now)
	}
	return k.settle(now), nil
}

// rereadList takes over what the operator wrote by hand since, so that an edit of ours never undoes it.
func (k *core) rereadList(now time.Time) *api.Error {
	if _, err := k.reloadList(now); err != nil {
		return refused("correct it first: an edit of ours would otherwise lose yours", "%v", err)
	}
	return nil
}

// approve gives the list that is present, the one in force or one with earlier approvals of the same request, with one more approval.
func (k *core) approve(present trust.List, r api.TrustRequest, id peer.ID, now time.Time) (trust.List, *api.Error) {
	none := func(e *api.Error) (trust.List, *api.Error) {
		return trust.List{}, e
	}
	a := k.newest[id]
	if a == nil {
		return none(&api.Error{Code: api.CodeUnknown, Text: "nothing has been heard of " + r.Component + "@" + r.PeerID, Hint: "fbpeer peers lists what has"})
	}
	if a.Component != r.Component {
		return none(refused("fbpeer trust forget "+r.Component+", then fbpeer trust approve "+a.Component, "%s announces the component %s, not %s", r.PeerID, a.Component, r.Component))
	}
	if a.Component == k.config.Component.ID {
		return none(refused("fbpeer trust deny "+a.Component+"@"+r.PeerID, "%s is this component itself: no other identity of it can be approved", a.Component))
	}
	if r.Announcement == "" {
		return none(&api.Error{Code: api.CodeRequest, Text: "an approval carries the hash of the announcement that was shown"})
	}
	if !k.wasShown(a, r.Announcement) {
		newer := k.peer(id, now)
		return none(&api.Error{Code: api.CodeOvertaken, Text: "another announcement of " + a.Component + " came meanwhile", Hint: "look at it, and approve that one", Peer: &newer})
	}
	if r.Alias == k.config.Component.ID {
		return none(refused("choose another name", "%s is this component's own id: no alias of another", r.Alias))
	}
	if r.Next != "" {
		return k.approveNext(present, r, a, now)
	}
	if fault := k.unknownAuthority(a); fault != nil {
		return none(fault)
	}
	former, fault := replaced(present, r, a)
	if fault != nil {
		return none(fault)
	}
	next, nextAt, nextBy := stillAhead(present, a)
	list, err := present.Approve(trust.Entry{Component: a.Component, Status: trust.Approved, Alias: r.Alias, Role: a.Role, Peer: id,
		Key: a.Certificate.KeySHA256(), Endpoint: a.Endpoint, Certificate: a.Certificate.SHA256(),
		ApprovedAt: now.UTC().Truncate(time.Second), ApprovedBy: r.By, Note: r.Note, Next: next, NextAt: nextAt, NextBy: nextBy})
	if err == nil && former != nil {
		list, err = list.Revoke(a.Component, former.Peer, former.Key, r.By, now.UTC().Truncate(time.Second))
	}
	if err != nil {
		return none(refused("", "%v", err))
	}
	if fault := k.wouldHold(list, a, now); fault != nil {
		return none(fault)
	}
	return list, nil
}

// wasShown says whether hash is the newest announcement's, or an older one's that held the same values.
func (k *core) wasShown(a *exchange.Announcement, hash string) bool {
	shown, err := mpspdz.ParseHash(hash)
	return err == nil && (shown == a.Hash || slices.Contains(k.shown[a.Peer], shown))
}

// replaced finds the other identity that is approved for the component of a, if any: it is revoked with the approval, and only if
// that was asked for. Its Key is zero where a keeps it, for revoking it would bar a too.
func replaced(list trust.List, r api.TrustRequest, a *exchange.Announcement) (*trust.Entry, *api.Error) {
	if status := list.PeerStatus(a.Peer); status != "" {
		return nil, refused("fbpeer trust forget "+a.Component+"@"+a.Peer.String()+", if that was a mistake", "%s@%s is %s", a.Component, a.Peer, status)
	}
	former, ok := list.Entry(a.Component)
	if !ok || former.Status != trust.Approved || former.Peer == a.Peer {
		return nil, nil
	}
	if !r.Replace {
		return nil, refused("ask the site by telephone; if it was set up anew: fbpeer trust approve "+a.Component+"@"+a.Peer.String()+" --replace --fingerprint …",
			"%s is approved with another identity, %s", a.Component, former.Peer)
	}
	if former.Key == a.Certificate.KeySHA256() {
		former.Key = mpspdz.Hash{}
	}
	return &former, nil
}

// wouldHold asks what would follow from the list: an approval that does not put the announcement in force is refused with the reason, and so is
// one after which no set could hold it beside another that is approved, or beside ourselves.
func (k *core) wouldHold(list trust.List, a *exchange.Announcement, now time.Time) *api.Error {
	e := trust.Evaluate(list, k.held(), now)
	d := e.Decisions[a.Peer]
	if len(d.Clashes) > 0 && len(k.evaluation.Decisions[a.Peer].Clashes) == 0 {
		clash := d.Clashes[0]
		return refused("ask both sites, and have one of them change it; or revoke the other one first",
			"%s cannot be approved as it is: it would have the same %s as %s, and no set can hold both", a.Component, clash.What, clash.With)
	}
	if d.Verdict == trust.VerdictAccepted && !d.Hold && e.InForce[a.Component] != nil && e.InForce[a.Component].Peer == a.Peer {
		return nil
	}
	return refused("settle that first: fbpeer show "+a.Component, "%s cannot be approved: it would be %s. %s", a.Component, d.Verdict, sentences(d.Reasons))
}

func (k *core) deny(r api.TrustRequest, id peer.ID, now time.Time) (trust.List, *api.Error) {
	if entry, ok := k.list.ByPeer(id); ok {
		text := "%s is approved"
		if k.list.KeyStatus(entry.Key) != "" {
			text = "the identity of %s is approved, its key alone is barred"
		}
		return k.list, refused("fbpeer trust revoke "+entry.Component, text, entry.Component)
	}
	if k.list.PeerStatus(id) == trust.Revoked {
		return k.list, refused("fbpeer trust list", "%s@%s is revoked, which bars it already; nothing was changed", r.Component, r.PeerID)
	}
	list, err := k.list.Deny(r.Component, id, r.By, now.UTC().Truncate(time.Second))
	if err != nil {
		return k.list, refused("", "%v", err)
	}
	return list, nil
}

func (k *core) revoke(r api.TrustRequest, id peer.ID, now time.Time) (trust.List, *api.Error) {
	entry, ok := k.list.ByPeer(id)
	switch {
	case !ok && k.list.PeerStatus(id) == trust.Revoked:
		return k.list, nil // done already
	case !ok:
		return k.list, refused("fbpeer trust deny "+r.Component+"@"+r.PeerID, "%s@%s is not approved", r.Component, r.PeerID)
	case entry.Component != r.Component:
		return k.list, refused("", "%s is approved as %s, not as %s", r.PeerID, entry.Component, r.Component)
	}
	list, err := k.list.Revoke(entry.Component, id, entry.Key, r.By, now.UTC().Truncate(time.Second))
	if err != nil {
		return k.list, refused("", "%v", err)
	}
	return list, nil
}

// editKey bars an MP-SPDZ public key, or takes that back.
func (k *core) editKey(r api.TrustRequest, now time.Time) (list trust.List, fault *api.Error) {
	key, err := mpspdz.ParseHash(r.Key)
	if err != nil {
		return k.list, &api.Error{Code: api.CodeRequest, Text: "key: " + err.Error()}
	}
	if key == k.self.registration.Certificate.KeySHA256() {
		return k.list, refused("make another one: fbpeer cert generate --force", "that is this component's own key: the others are who must revoke it")
	}
	owner := k.keyOwner(key)
	if r.Action == api.ActionRevoke {
		list, err = k.list.RevokeKey(key, owner, r.By, now.UTC().Truncate(time.Second))
	} else {
		list, err = k.list.ForgetKey(key)
	}
	if err != nil {
		return k.list, refused("", "%v", err)
	}
	return list, nil
}

// keyOwner is the component whose key it is, as far as is known: the approved one that pins it, else one that announces it. Empty: nobody.
func (k *core) keyOwner(key mpspdz.Hash) string {
	for _, entry := range k.list.Entries() {
		if entry.Key == key {
			return entry.Component
		}
	}
	for _, id := range slices.Sorted(maps.Keys(k.newest)) {
		if a := k.newest[id]; a.Certificate.KeySHA256() == key {
			return a.Component
		}
	}
	return ""
}

func (k *core) forget(r api.TrustRequest, id peer.ID) (trust.List, *api.Error) {
	list, err := k.list.Forget(r.Component, id)
	if err != nil {
		return k.list, refused("", "%v", err)
	}
	return list, nil
}
