package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
	"fbpeer/trust"
)

// maxLogText is the longest text of a record, in bytes: escaped, with everything else in the line, it stays below what is read.
const maxLogText = 32 << 10

// maxOwed bounds the lines about decisions that are held while the log cannot be written: what others announce can make more of them, where a
// policy takes that over.
const maxOwed = 1024

// record adds a line. A log that cannot be written stops nothing; the agent's own log says so, and a decision's line is owed.
func (k *core) record(r trust.LogRecord, now time.Time) {
	k.changed = now
	err := k.openLog(now)
	if k.untold {
		r.List = k.listHash()
	}
	if err == nil && !k.chain.known {
		err = errors.New("a line before could not be written")
	}
	if err == nil {
		err = k.appendLog(r, now)
	}
	if err != nil {
		k.options.Log.Error().Err(err).Str("event", r.Event).Msg("the log cannot be written")
		switch {
		case r.List == "":
		case len(k.owed) < maxOwed:
			k.owed = append(k.owed, r)
		default:
			k.lost++
		}
		return
	}
	k.tell(r, now)
}

// tell passes a line on that was written: to the operator, and to the agent's own log.
func (k *core) tell(r trust.LogRecord, now time.Time) {
	if e, ok := noteworthy(r, now); ok {
		k.happened = append(k.happened, e)
	}
	message := k.options.Log.WithLevel(level(r.Event))
	field(message, "component", r.Component)
	field(message, "peer", r.Peer)
	field(message, "by", r.By)
	message.Msg(r.Event + textSuffix(r.Text))
}

// appendLog writes one line. After a write that failed the end of the log is read again: a part of the line may stand there.
func (k *core) appendLog(r trust.LogRecord, now time.Time) error {
	if err := k.store.rotate(&k.chain); err != nil { // then the present file grows on
		k.options.Log.Error().Err(err).Msg("the log cannot be rotated")
	}
	r.Time, r.Number, r.Text = now.UTC(), k.chain.number, cut(r.Text, maxLogText)
	line := r.Line(k.chain.previous)
	err := k.store.do("log", func() error { return durable.AppendLine(k.store.path(fileLog), line, 0o600) })
	if err != nil {
		k.chain.known = false
		return err
	}
	k.chain.previous, k.chain.number = trust.HashLogLine(line), k.chain.number+1
	k.chain.unsealed, k.chain.last = true, r
	k.chain.decides(r)
	return nil
}

// sealLog notes in log.head how far the log has got, and writes what is owed. The head comes after the lines: a crash in between leaves
// one that is behind, which is no defect.
func (k *core) sealLog() {
	if len(k.owed)+k.lost > 0 && k.openLog(k.options.Now()) != nil || !k.chain.known {
		return
	}
	if k.chain.unsealed {
		head := trust.LogHead{Number: k.chain.number - 1, Hash: k.chain.previous}
		if err := k.store.write(k.store.path(fileLogHead), head.Bytes()); err != nil {
			k.options.Log.Error().Err(err).Msg("the log's head cannot be written")
			return
		}
		k.chain.unsealed = false
	}
	k.noteSeen()
}

// openLog reads where the log has got to, once, and records what is wrong with its end: a line that a crash cut off, or lines that log.head
// knows and that are gone. Then the numbers go on after those, so that every verification shows the gap.
func (k *core) openLog(now time.Time) error {
	if k.chain.known {
		return nil
	}
	c, err := k.store.readChain()
	if err != nil {
		return ownFile("make it readable for the component's user", "the log cannot be read: %w", err)
	}
	unsealed := k.chain.unsealed // where a write of this process failed
	k.chain = c
	head, headErr := k.store.readHead()
	var r trust.LogRecord
	switch damage, err := k.logDamage(head, headErr); {
	case err != nil:
		k.chain.known, k.chain.unsealed = false, unsealed
		return err
	case damage != "":
		r = trust.LogRecord{Event: trust.EventLogDamaged, Text: damage}
		k.problems.set(api.Warning{Code: api.WarnLog, Text: damage, Cure: "fbpeer log --verify shows it; ask who can write to " + k.store.dir})
	case c.between > 0:
		r = trust.LogRecord{Event: trust.EventLogCut, Text: fmt.Sprintf("what follows line %d was cut off while it was written", c.number-1)}
	}
	if head != nil && head.Number >= k.chain.number {
		k.chain.number = head.Number + 1
	}
	k.chain.unsealed = unsealed || head == nil
	k.chain.recent = nil
	if r.Event != "" {
		if err := k.appendLog(r, now); err != nil {
			return err
		}
	}
	if err := k.payOwed(now); err != nil {
		return err
	}
	if k.seen == nil {
		k.catchUp(now)
	}
	k.tellAuthorities(now)
	k.sealLog()
	return nil
}

// payOwed writes the lines that could not be written, and how many are lost.
func (k *core) payOwed(now time.Time) error {
	for len(k.owed) > 0 {
		if err := k.appendLog(k.owed[0], now); err != nil {
			return err
		}
		k.tell(k.owed[0], now)
		k.owed = k.owed[1:]
	}
	if k.lost == 0 {
		return nil
	}
	r := trust.LogRecord{Event: trust.EventLeftOut, Text: fmt.Sprintf("%d more decisions, made while the log could not be written, are not in it", k.lost)}
	if err := k.appendLog(r, now); err != nil {
		return err
	}
	k.tell(r, now)
	k.lost = 0
	return nil
}

// logDamage says what is wrong with the end of the log as it was read, "" if nothing is.
func (k *core) logDamage(head *trust.LogHead, headErr error) (string, error) {
	c := k.chain
	last := c.number - 1
	switch {
	case headErr != nil:
		return "the head cannot be used: " + exchange.ShowText(headErr.Error()), nil
	case head == nil && last == 0 && k.announced:
		return "the log is missing, but this component has announced itself before", nil
	case head == nil && last > 0 && !c.bare:
		return fmt.Sprintf("%s is missing: whether lines are missing after line %d cannot be told", fileLogHead, last), nil
	case head == nil:
		return "", nil
	case head.Number > last:
		return fmt.Sprintf("it ends with line %d, but %s knows %d lines, the last with the hash %s", last, fileLogHead, head.Number, head.Hash), nil
	}
	holds, err := k.store.logHolds(*head, c)
	switch {
	case err != nil:
		return "", err
	case holds && c.alien:
		return fmt.Sprintf("what follows line %d is nothing that this program writes", last), nil
	case holds:
		return "", nil
	}
	return fmt.Sprintf("line %d is not the one that %s knows, with the hash %s", head.Number, fileLogHead, head.Hash), nil
}

// fingerprintOf is the fingerprint of what a decision is on, as far as that identity was heard.
func (k *core) fingerprintOf(r trust.LogRecord) string {
	id, err := peer.Decode(r.Peer)
	if err != nil {
		return ""
	}
	entry, _ := k.list.Entry(r.Component)
	if r.Event == trust.EventApprovedAhead {
		return exchange.NewNextFingerprint(id, entry.Next).String()
	}
	fingerprint := ""
	for _, a := range []*exchange.Announcement{k.newest[id], k.approved[id]} {
		if a != nil && (fingerprint == "" || a.Certificate.KeySHA256() == entry.Key) {
			fingerprint = a.Fingerprint().String()
		}
	}
	return fingerprint
}

// recordPin adds a line for what was pinned of an approved identity's first announcement.
func (k *core) recordPin(e trust.Entry, now time.Time) {
	r := trust.LogRecord{Event: trust.EventPinned, Component: e.Component, Peer: e.Peer.String(),
		Text: "the trust list left it open: taken from its first announcement"}
	if !e.Endpoint.IsZero() {
		r.Changes = append(r.Changes, trust.Change{Field: "address", New: e.Endpoint.Host()}, trust.Change{Field: "port", New: portOf(e.Endpoint)})
	}
	if !e.Certificate.IsZero() {
		r.Changes = append(r.Changes, trust.Change{Field: "certificate", New: e.Certificate.String()})
	}
	r.Fingerprint = k.fingerprintOf(r)
	k.record(r, now)
}

// recordRow adds a line for a row of the registry that was written, or, with no announcement in force, removed.
func (k *core) recordRow(component string, a *exchange.Announcement, old row, now time.Time) {
	r := trust.LogRecord{Event: trust.EventRowRemoved, Component: component, Text: "row removed"}
	var fresh row
	if a != nil {
		fresh = rowOf(partyOf(a.Registration))
		r = trust.LogRecord{Event: trust.EventRowWritten, Component: component, Peer: a.Peer.String(), Fingerprint: a.Fingerprint().String(), Text: "row written"}
	}
	if old.endpoint != fresh.endpoint { // the old one may be anybody's text
		r.Changes = append(r.Changes, trust.Change{Field: "endpoint", Old: exchange.ShowText(cut(old.endpoint, maxBy)), New: fresh.endpoint})
	}
	if was, is := hashText(old.certificate), hashText(fresh.certificate); was != is {
		r.Changes = append(r.Changes, trust.Change{Field: "certificate", Old: was, New: is})
	}
	k.record(r, now)
}

// level is how loud the agent's own log is about an event.
func level(event string) zerolog.Level {
	switch event {
	case trust.EventClone, trust.EventLogDamaged:
		return zerolog.ErrorLevel
	case trust.EventConflict, trust.EventPlayersMended, trust.EventRowsMended, trust.EventLogCut, trust.EventExpires:
		return zerolog.WarnLevel
	default:
		return zerolog.InfoLevel
	}
}

func field(message *zerolog.Event, name, value string) {
	if value != "" {
		message.Str(name, value)
	}
}

func textSuffix(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// recordVerdicts writes what changed since the last evaluation that it told of: who was heard for the first time, who announces something
// else.
func (k *core) recordVerdicts(now time.Time) {
	ids := make([]peer.ID, 0, len(k.evaluation.Decisions))
	for id := range k.evaluation.Decisions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		decision, old := k.evaluation.Decisions[id], k.judged.Decisions[id]
		a := k.newest[id]
		k.recordNext(a, decision, old, now)
		if a == nil || (decision.Verdict == old.Verdict && slices.Equal(decision.Changes, old.Changes)) {
			continue
		}
		event := ""
		switch decision.Verdict {
		case trust.VerdictPending:
			event = trust.EventHeard
		case trust.VerdictChanged:
			event = trust.EventChanged
		case trust.VerdictConflict:
			event = trust.EventConflict
			if k.former(id) {
				event = trust.EventFormer
			}
		case trust.VerdictAccepted:
			if old.Verdict == trust.VerdictChanged {
				event = trust.EventSettled
			} else if decision.Changes = k.reported(id, decision); old.Verdict == trust.VerdictAccepted && len(decision.Changes) > 0 {
				event = trust.EventReported
				k.note(id, decision.Changes, k.evaluation.Warnings[id], now)
			}
		}
		if event == "" {
			continue
		}
		if !k.keeps(id) && !k.strangers.AllowN(now, 1) {
			k.unlogged++
			continue
		}
		k.record(recordOf(event, a, decision), now)
	}
	if k.unlogged > 0 && k.strangers.AllowN(now, 1) {
		k.record(trust.LogRecord{Event: trust.EventLeftOut, Text: fmt.Sprintf("%d more lines about identities that the list does not name were left out", k.unlogged)}, now)
		k.unlogged = 0
	}
}

// reported are the changes of an accepted identity that are told and hold nothing back: label, policy, expiry. Of one whose key was approved
// ahead and is not taken over yet there are none: the line about that has them all.
func (k *core) reported(id peer.ID, d trust.Decision) (told []trust.Change) {
	if slices.ContainsFunc(k.evaluation.Following, func(a *exchange.Announcement) bool { return a.Peer == id }) {
		return nil
	}
	for _, c := range d.Changes {
		if !c.Held() {
			told = append(told, c)
		}
	}
	return told
}

// recordNext writes that an approved component announces a key to come that is not approved ahead.
func (k *core) recordNext(a *exchange.Announcement, d, old trust.Decision, now time.Time) {
	if text := reasonOf(d, api.WarnNextKey); a != nil && text != "" && text != reasonOf(old, api.WarnNextKey) {
		k.record(trust.LogRecord{Event: trust.EventNextKey, Component: a.Component, Peer: a.Peer.String(),
			Fingerprint: exchange.NewNextFingerprint(a.Peer, a.Next).String(), Text: text}, now)
	}
}

// reasonOf is the text of a decision's reason, empty if it has none of that code.
func reasonOf(d trust.Decision, code string) string {
	for _, r := range d.Reasons {
		if r.Code == code {
			return r.Text
		}
	}
	return ""
}

// logEndsWith says whether this event is the last that was written, by this process or by the one before, whenever that was.
func (k *core) logEndsWith(r trust.LogRecord, now time.Time) bool {
	is := func(last trust.LogRecord) bool {
		return last.Event == r.Event && last.Component == r.Component && last.Text == r.Text
	}
	return k.openLog(now) == nil && (is(k.chain.last) || is(k.chain.found))
}

// Lines about identities that the list does not name: whoever holds the federation's secret can make any number of them, and the
// log is for ever.
const (
	strangerLines = 256
	strangerEvery = time.Minute
)

func newStrangerLines() *rate.Limiter {
	return rate.NewLimiter(rate.Every(strangerEvery), strangerLines)
}

// sentences are the texts of reasons, each of which ends with its own full stop.
func sentences(reasons []trust.Reason) string {
	texts := make([]string, 0, len(reasons))
	for _, reason := range reasons {
		texts = append(texts, reason.Text)
	}
	return strings.Join(texts, " ")
}

func recordOf(event string, a *exchange.Announcement, d trust.Decision) trust.LogRecord {
	r := trust.LogRecord{Event: event, Component: a.Component, Peer: a.Peer.String(), Fingerprint: a.Fingerprint().String(), Changes: d.Changes}
	r.Text = sentences(d.Reasons)
	if event == trust.EventReported { // else the reason says that nothing has changed
		for _, c := range d.Changes {
			r.Text += fmt.Sprintf(" Its %s was %s and is %s.", c.Field, c.Old, c.New)
		}
	}
	return r
}
