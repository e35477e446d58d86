package agent

import (
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/trust"
)

// renewAt is when a record of ours is made anew without a change: when less than half of its life remains.
func renewAt(issued, expires time.Time) time.Time {
	return issued.Add(expires.Sub(issued) / 2)
}

// mustAnnounce says whether a new announcement is due. A restart without a change is no reason; a clock that was set back is: nobody
// takes what is far ahead.
func mustAnnounce(a *exchange.Announcement, r exchange.Registration, now time.Time) bool {
	return a == nil || !a.SameRegistration(r) || !now.Before(renewAt(a.Issued, a.Expires)) || beyond(now, a.Sequence)
}

// announce makes the own announcement if one is due, and says so. The sequence is durable before anybody sees it. seen is the
// highest sequence of ours that was validly seen.
func (k *core) announce(seen uint64, now time.Time) (made bool, err error) {
	if !mustAnnounce(k.self.announcement, k.self.registration, now) {
		return false, nil
	}
	return true, k.seal(seen, now)
}

// nextText names the key to come of an announcement.
func nextText(a *exchange.Announcement) string {
	if a.Next.IsZero() {
		return ""
	}
	return ", and that the key " + a.Next.String() + " will follow"
}

func (k *core) seal(seen uint64, now time.Time) error {
	a, err := k.sealUntil(now.UTC().Truncate(time.Second).Add(exchange.DefaultLifetime), seen, now)
	if err != nil {
		return err
	}
	if err := k.store.writeCard(dirHeard, a, nil); err != nil {
		return err
	}
	before := k.self.announcement
	k.noteNext(before, a)
	k.self.announcement = a
	k.record(trust.LogRecord{Event: trust.EventOwn, Component: a.Component, Peer: a.Peer.String(), Fingerprint: a.Fingerprint().String(),
		Changes: ownChanges(before, a), Text: "announcing " + a.Endpoint.String() + ", certificate " + a.Certificate.SHA256().String() + nextText(a)}, now)
	return nil
}

// sealUntil makes an announcement of what the component is now, under the next sequence, which is durable first.
func (k *core) sealUntil(expires time.Time, seen uint64, now time.Time) (*exchange.Announcement, error) {
	next := k.self.sequence
	next.last = nextSequence(now, k.self.sequence.last, seen)
	if err := k.store.write(k.store.path(fileSequence), next.bytes()); err != nil {
		return nil, err
	}
	k.self.sequence = next
	keys := exchange.Keys{Identity: k.self.key, Certificate: k.self.pair.Key, Previous: k.self.former}
	return exchange.Seal(k.options.Random, k.federation, k.self.registration,
		exchange.Stamp{Sequence: next.last, Issued: now.UTC().Truncate(time.Second), Expires: expires}, keys)
}

// ownChanges are the values of ours that others pin, and that differ from those announced before.
func ownChanges(before, a *exchange.Announcement) (changes []trust.Change) {
	if before == nil {
		return nil
	}
	for _, c := range []trust.Change{
		{Field: "address", Old: before.Endpoint.Host(), New: a.Endpoint.Host()},
		{Field: "port", Old: portOf(before.Endpoint), New: portOf(a.Endpoint)},
		{Field: "certificate", Old: before.Certificate.SHA256().String(), New: a.Certificate.SHA256().String()},
		{Field: "key", Old: before.Certificate.KeySHA256().String(), New: a.Certificate.KeySHA256().String()},
		{Field: "label", Old: exchange.ShowText(before.Label), New: exchange.ShowText(a.Label)},
		{Field: "policy", Old: string(before.Secagg), New: string(a.Secagg)},
	} {
		if c.Old != c.New {
			changes = append(changes, c)
		}
	}
	return changes
}

// hearOwn takes an announcement in our own name from the network. publish: ours was made anew and must be told. The error is
// *CloneError.
func (k *core) hearOwn(a *exchange.Announcement, now time.Time) (publish bool, err error) {
	met := past{start: k.start, leftovers: k.leftovers, passed: k.self.sequence.passed}
	switch judgeOwn(k.self.announcement, a, met, now) {
	case ownLeftover:
		k.leftovers++
		k.problems.set(api.Warning{Code: api.WarnRestored,
			Text: "the network knew a later announcement of this component than its state folder does: the folder is an older copy",
			Cure: "make sure that no second machine runs with this state; if one does, stop it"})
	case ownLive:
		k.passLive(a.Issued, now)
	case ownClone:
		return false, k.clone(a.Registration, a.Issued, now)
	default:
		return false, nil
	}
	return true, k.seal(a.Sequence, now)
}

// hearOwnRecord takes another record in our own name from the network. One that is later than ours, was issued since this process started and
// has no number of a process before was not made here: a second one that was issued after the first was met is a clone's, as with
// announcements. The error is *CloneError.
func (k *core) hearOwnRecord(r exchange.Opened, now time.Time) error {
	record, passed := r.Record(), k.self.sequence.passed
	later := k.passOwn(r)
	switch {
	case !later || record.Sequence <= k.self.records.before || record.Issued.Before(k.start.Truncate(time.Second)):
		return nil
	case passed.IsZero() || now.Sub(passed) >= passAgain:
		k.passLive(record.Issued, now)
		if err := k.store.write(k.store.path(fileSequence), k.self.sequence.bytes()); err != nil {
			k.options.Log.Error().Err(err).Msg("that somebody else may have this identity could not be noted")
		}
		return nil
	case !record.Issued.After(passed):
		return nil
	}
	return k.clone(k.self.registration, record.Issued, now)
}

// passLive notes that something was met in our own name that somebody else may have made just now.
func (k *core) passLive(issued, now time.Time) {
	k.self.sequence.passed = now
	k.problems.set(api.Warning{Code: api.WarnRestored,
		Text: "the network told something signed with this component's identity, of " + issued.UTC().Format(time.RFC3339) + ", that was not made here",
		Cure: "make sure that no second machine runs with this state; if one does, stop it: a second time within 24 h ends this agent"})
}

// clone notes that another machine has our identity, and is the error with which the agent ends. r is what that one announces.
func (k *core) clone(r exchange.Registration, issued, now time.Time) error {
	if err := k.noteClone(now); err != nil {
		k.options.Log.Error().Err(err).Msg("that another machine has this identity could not be noted")
	}
	k.record(trust.LogRecord{Event: trust.EventClone, Component: r.Component, Peer: k.self.id.String(),
		Fingerprint: exchange.NewFingerprint(k.self.id, r.Certificate.SPKI()).String(),
		Text:        "another machine announces " + r.Endpoint.String() + " with this component's identity"}, now)
	return &CloneError{Endpoint: r.Endpoint.String(), Issued: issued, Identity: k.store.path(fileIdentity),
		Leftovers: []string{k.store.path(fileSequence), k.store.cardPath(dirHeard, k.self.id)}}
}

// noteClone remembers why the agent ends, for whoever asks for its status afterwards.
func (k *core) noteClone(now time.Time) error {
	next := k.self.sequence
	next.clone = now
	if err := k.store.write(k.store.path(fileSequence), next.bytes()); err != nil {
		return err
	}
	k.self.sequence = next
	return nil
}

// cloneWarning tells for a day that another machine announced with this identity. Once an agent runs again, whoever started it knows; a
// second machine that still runs ends it again.
func (k *core) cloneWarning(running bool, now time.Time) (api.Warning, bool) {
	met := k.self.sequence.clone
	if since := now.Sub(met); met.IsZero() || since >= passAgain || since < 0 {
		return api.Warning{}, false
	}
	remove := []string{k.store.path(fileIdentity), k.store.path(fileSequence)}
	if k.self.id != "" {
		remove = append(remove, k.store.cardPath(dirHeard, k.self.id))
	}
	return api.Warning{Code: api.WarnClone, Error: !running,
		Text: "another machine announced with this component's identity on " + met.UTC().Format(time.RFC3339) + ", and this agent ended because of it; " +
			"this is shown until " + met.Add(passAgain).UTC().Format(time.RFC3339),
		Cure: "stop the other one, then start this one: fbpeer run; if this machine is the copy, remove " +
			strings.Join(remove[:len(remove)-1], ", ") + " and " + remove[len(remove)-1]}, true
}

// former says whether an identity can only be one that this component had before it was set up anew: it has our component or our key,
// the list does not approve it, and what it announces is older than our own identity.
func (k *core) former(id peer.ID) bool {
	a := k.newest[id]
	if a == nil || k.self.sequence.since.IsZero() {
		return false
	}
	_, approved := k.list.ByPeer(id)
	r := k.self.registration
	return !approved && a.Issued.Before(k.self.sequence.since.Truncate(time.Second)) &&
		(a.Component == r.Component || a.Certificate.KeySHA256() == r.Certificate.KeySHA256())
}

func (k *core) formerIdentity(a *exchange.Announcement) api.Warning {
	return api.Warning{Code: api.WarnFormerIdentity,
		Text: "an earlier identity of this component is still being told; nothing of it is used, and it lapses on " + exchange.Lapse(a.Expires).UTC().Format(time.DateOnly),
		Cure: "if it was never this component's: fbpeer trust deny " + a.Component + "@" + a.Peer.String()}
}
