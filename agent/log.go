package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
	"fbpeer/trust"
)

// chain is log.jsonl: each line carries the hash of the one before.
type chain struct {
	last []byte // nil: nothing written yet
}

// maxLogLine is more than a record of ours can be.
const maxLogLine = 256 << 10

// loadChain finds the last line.
func (k *core) loadChain() error {
	f, err := os.Open(k.store.path(fileLog))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return ownFile("make it readable for the component's user", "the log cannot be read: %w", err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(size, maxLogLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return err
	}
	tail = bytes.TrimSuffix(tail, []byte{'\n'})
	if len(tail) > 0 {
		k.chain.last = tail[bytes.LastIndexByte(tail, '\n')+1:]
	}
	return nil
}

// record adds a line. A log that cannot be written stops nothing; the agent's own log says so.
func (k *core) record(r trust.LogRecord, now time.Time) {
	r.Time = now.UTC()
	k.changed = now
	line := r.Line(k.chain.last)
	err := k.store.do("log", func() error { return durable.AppendLine(k.store.path(fileLog), line, 0o600) })
	if err != nil {
		k.options.Log.Error().Err(err).Str("event", r.Event).Msg("the log cannot be written")
		return
	}
	k.chain.last = line
	message := k.options.Log.WithLevel(level(r.Event))
	field(message, "component", r.Component)
	field(message, "peer", r.Peer)
	field(message, "by", r.By)
	message.Msg(r.Event + textSuffix(r.Text))
}

// level is how loud the agent's own log is about an event.
func level(event string) zerolog.Level {
	switch event {
	case "clone":
		return zerolog.ErrorLevel
	case "conflict", "players-mended", "expires":
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

// recordVerdicts writes what changed between two evaluations: who was heard for the first time, who announces something else.
func (k *core) recordVerdicts(before trust.Evaluation, now time.Time) {
	ids := make([]peer.ID, 0, len(k.evaluation.Decisions))
	for id := range k.evaluation.Decisions {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		decision, old := k.evaluation.Decisions[id], before.Decisions[id]
		a := k.newest[id]
		k.recordNext(a, decision, old, now)
		if a == nil || (decision.Verdict == old.Verdict && slices.Equal(decision.Changes, old.Changes)) {
			continue
		}
		event := ""
		switch decision.Verdict {
		case trust.VerdictPending:
			event = "heard"
		case trust.VerdictChanged:
			event = "changed"
		case trust.VerdictConflict:
			event = "conflict"
			if k.former(id) {
				event = "former"
			}
		case trust.VerdictAccepted:
			if old.Verdict == trust.VerdictChanged {
				event = "settled"
			} else if old.Verdict == trust.VerdictAccepted && len(decision.Changes) > 0 {
				event = "reported" // label, policy or expiry: told, not held
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
		k.record(trust.LogRecord{Event: "heard", Text: fmt.Sprintf("%d more lines about identities that the list does not name were left out", k.unlogged)}, now)
		k.unlogged = 0
	}
}

// recordNext writes that an approved component announces a key to come that is not approved ahead.
func (k *core) recordNext(a *exchange.Announcement, d, old trust.Decision, now time.Time) {
	if text := reasonOf(d, api.WarnNextKey); a != nil && text != "" && text != reasonOf(old, api.WarnNextKey) {
		k.record(trust.LogRecord{Event: "next-key", Component: a.Component, Peer: a.Peer.String(),
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

// lastIs says whether the last line is of this event, whenever that was.
func (c chain) lastIs(r trust.LogRecord) bool {
	var last trust.LogRecord
	return json.Unmarshal(c.last, &last) == nil && last.Event == r.Event && last.Component == r.Component && last.Text == r.Text
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

func recordOf(event string, a *exchange.Announcement, d trust.Decision) trust.LogRecord {
	r := trust.LogRecord{Event: event, Component: a.Component, Peer: a.Peer.String(), Fingerprint: a.Fingerprint().String(), Changes: d.Changes}
	for i, reason := range d.Reasons {
		if i > 0 {
			r.Text += "; "
		}
		r.Text += reason.Text
	}
	if event == "reported" { // else the reason says that nothing has changed
		for _, c := range d.Changes {
			r.Text += fmt.Sprintf(" Its %s was %s and is %s.", c.Field, c.Old, c.New)
		}
	}
	return r
}
