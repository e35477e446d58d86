package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
)

// Severities, the most severe first.
const (
	Critical = "critical" // look now: somebody may be an impostor
	Decision = "decision" // somebody waits for you
	Warning  = "warning"  // something does not work, or will not
	Info     = "info"
)

var severities = []string{Critical, Decision, Warning, Info}

// Codes of events beside those of warnings (package api).
const (
	CodePending       = "pending"
	CodeChanged       = "changed"
	CodeConflict      = "conflict"
	CodeSettled       = "settled"
	CodePlayersMended = "players-mended"
	CodeTest          = "test"
)

// Event is one thing that a person should know.
type Event struct {
	Code        string       `json:"code"`
	Severity    string       `json:"severity"`
	Time        time.Time    `json:"time"` // when it was first seen
	Component   string       `json:"component,omitempty"`
	Alias       string       `json:"alias,omitempty"`
	Peer        string       `json:"peer_id,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"`
	Text        string       `json:"text"`
	Cure        string       `json:"cure,omitempty"`
	Changes     []api.Change `json:"changes,omitempty"`

	key string // what it is the same as; empty: it happened once
}

// ExpiryDays are how many days before its end a certificate is told of, the earliest first.
var ExpiryDays = []int{60, 30, 7, 1}

// told are the warnings that a person must act on. The others are the state of things, and status shows them.
var told = []string{
	api.WarnAnnouncementExpired, api.WarnCertificateExpired, api.WarnLoopbackElsewhere, api.WarnWrongKind, api.WarnRegistry,
	api.WarnRegistryMended, api.WarnPlayers, api.WarnStore, api.WarnLog, api.WarnTrustList, api.WarnConfiguration, api.WarnClock,
	api.WarnRestored, api.WarnConfirmedSet, api.WarnNextKey, api.WarnStaged, "equivocation", "clash", "contested",
}

// Look gives what holds in a snapshot, in its order.
func Look(s api.Snapshot, now time.Time) []Event {
	var all []Event
	add := func(e Event) {
		e.Time = now.UTC()
		e.Text, e.Cure = cut(e.Text), cut(e.Cure)
		if !slices.ContainsFunc(all, func(other Event) bool { return other.key == e.key }) {
			all = append(all, e)
		}
	}
	for _, p := range s.Peers {
		for _, e := range ofPeer(p, now) {
			add(e)
		}
	}
	for _, e := range ofExpiry(s.Self, now) {
		add(e)
	}
	for _, w := range slices.Concat(s.Warnings, s.Self.Warnings) {
		if slices.Contains(told, w.Code) {
			add(Event{key: warningKey + w.Code, Code: w.Code, Severity: Warning, Component: s.Self.Component, Text: w.Text, Cure: w.Cure})
		}
	}
	return all
}

// ofPeer gives what holds of one peer.
func ofPeer(p api.Peer, now time.Time) []Event {
	e := Event{Component: p.Component, Alias: p.Alias, Peer: p.PeerID, Fingerprint: p.Fingerprint, Text: reasons(p)}
	name := p.Component
	if p.Alias != "" {
		name = p.Alias
	}
	switch p.State {
	case api.StatePending:
		e.Code, e.Severity, e.Cure, e.key = CodePending, Decision, "fbpeer trust pending", "pending "+p.PeerID
		if p.Label != "" {
			e.Text += fmt.Sprintf(" It claims to be \"%s\".", p.Label)
		}
		return []Event{e}
	case api.StateConflict:
		e.Code, e.Severity, e.Cure, e.key = CodeConflict, Critical, "ask the site by telephone: fbpeer show "+p.Component+"@"+p.PeerID, "conflict "+p.PeerID
		e.Changes = p.Changes
		return []Event{e}
	case api.StateChanged:
		e.Code, e.Severity, e.Changes = CodeChanged, Decision, p.Changes
		e.Cure = "fbpeer trust approve " + name + ", or fbpeer trust revoke " + name
		e.key = changedKey(p.Component)
		for _, c := range p.Changes {
			e.key += " " + c.Field + "=" + c.New
		}
	case api.StateAccepted:
	default:
		return nil
	}
	var all []Event
	if e.Code != "" {
		all = append(all, e)
	}
	for _, w := range p.Warnings {
		if slices.Contains(told, w.Code) {
			all = append(all, Event{key: warningKey + w.Code + " " + p.PeerID, Code: w.Code, Severity: Warning, Component: p.Component, Alias: p.Alias,
				Peer: p.PeerID, Text: name + ": " + w.Text, Cure: w.Cure})
		}
	}
	return append(all, ofExpiry(p, now)...)
}

// warningKey begins the keys of warnings.
const warningKey = "warning "

// changedKey begins the keys of a component's changes.
func changedKey(component string) string { return "changed " + component + " " }

// ofExpiry tells of a certificate that ends soon.
func ofExpiry(p api.Peer, now time.Time) []Event {
	if p.Certificate == nil || now.After(p.Certificate.NotAfter) {
		return nil
	}
	near := 0
	for _, days := range ExpiryDays {
		if !now.Before(p.Certificate.NotAfter.AddDate(0, 0, -days)) {
			near = days
		}
	}
	if near == 0 {
		return nil
	}
	return []Event{{
		key: fmt.Sprintf("expires %d %s %s", near, p.PeerID, p.Certificate.SHA256), Code: api.WarnCertificateExpires, Severity: Warning,
		Component: p.Component, Alias: p.Alias, Peer: p.PeerID,
		Text: "the MP-SPDZ certificate of " + p.Component + " ends at " + p.Certificate.NotAfter.UTC().Format(time.RFC3339),
		Cure: "at that site: fbpeer cert generate --next",
	}}
}

func reasons(p api.Peer) string {
	var texts []string
	for _, r := range p.Reasons {
		texts = append(texts, r.Text)
	}
	return strings.Join(texts, " ")
}

// maxText bounds a text, in bytes.
const maxText = 1000

func cut(text string) string { return cutTo(text, maxText) }

// cutTo shortens a text at a character's beginning.
func cutTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && text[end]&0xc0 == 0x80 {
		end--
	}
	return text[:end] + "…"
}
