package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"fbpeer/agent/api"
	"fbpeer/trust"
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

// NearestDay is the nearest one of ExpiryDays that has come for a certificate that ends then; 0: none has.
func NearestDay(end, now time.Time) (days int) {
	for _, d := range ExpiryDays {
		if !now.Before(end.AddDate(0, 0, -d)) {
			days = d
		}
	}
	return days
}

// told are the warnings that a person must act on, and what a policy did in somebody's stead. The others are the state of things, of which
// status tells, or are told by another event: what contradicts a component that waits, by its pending; what somebody claims of another, by
// its conflict; the fields of a change, by changed.
var told = []string{
	api.WarnAnnouncementExpired, api.WarnCertificateExpired, api.WarnCertificateExpires, api.WarnNotYetValid, api.WarnUnknownAuthority,
	api.WarnLoopbackElsewhere, api.WarnWrongKind, api.WarnEquivocation, api.WarnClash, api.WarnSecondResearcher, api.WarnNextKey,
	api.WarnStaged, api.WarnTakenOver, api.WarnRegistry, api.WarnRegistryMended, api.WarnPlayers, api.WarnStore, api.WarnLog,
	api.WarnTrustList, api.WarnConfiguration, api.WarnEnvironment, api.WarnConfirmedSet, api.WarnClock, api.WarnRestored,
	api.WarnNewerVersion,
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
	for _, w := range s.Warnings {
		if e, ok := ofWarning(w, api.Peer{Component: s.Self.Component}, now); ok {
			add(e)
		}
	}
	for _, w := range s.Self.Warnings {
		if e, ok := ofWarning(w, s.Self, now); ok {
			add(e)
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
		e.Cure = settles(p, name)
		e.key = changedKey(p.Component)
		for _, c := range p.Changes {
			if trust.Change(c).Held() { // what is only reported settles nothing, and makes no other decision of it
				e.key += " " + c.Field + "=" + c.New
			}
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
		if e, ok := ofWarning(w, p, now); ok {
			if !names(e.Text, p.Component) && !names(e.Text, p.Alias) {
				e.Text = name + ": " + e.Text
			}
			all = append(all, e)
		}
	}
	return all
}

// settles is the command that settles a change, as its reasons have it. One to another id comes first: approving does not settle that.
func settles(p api.Peer, name string) string {
	cure := ""
	for _, r := range p.Reasons {
		if r.Cure != "" && (cure == "" || r.Code == trust.CodeComponentChanged) {
			cure = r.Cure
		}
	}
	return cmp.Or(cure, "fbpeer trust approve "+name+", or fbpeer trust revoke "+name)
}

// warningKey begins the keys of warnings.
const warningKey = "warning "

// changedKey begins the keys of a component's changes.
func changedKey(component string) string { return "changed " + component + " " }

// ofWarning makes an event of a warning about a peer or about ourselves, if it is one that is told. Two warnings are the same if their keys
// are: the text may hold what passes, as a number of days.
func ofWarning(w api.Warning, p api.Peer, now time.Time) (Event, bool) {
	if !slices.Contains(told, w.Code) {
		return Event{}, false
	}
	e := Event{key: strings.TrimSpace(warningKey + w.Code + " " + p.PeerID), Code: w.Code, Severity: Warning, Component: p.Component, Alias: p.Alias,
		Peer: p.PeerID, Text: w.Text, Cure: w.Cure}
	switch w.Code {
	case api.WarnCertificateExpires:
		days := NearestDay(endOf(w.Certificate, p), now)
		e.key = fmt.Sprintf("expires %d %s %s", days, p.PeerID, w.Certificate)
		return e, days > 0 // none only where the clock was set back since
	case api.WarnNextKey:
		if p.Next != nil { // another key is another decision
			e.key += " " + p.Next.KeySHA256
		}
	case api.WarnTakenOver:
		e.Severity = Info
		if p.ApprovedAt != nil { // when it was taken over
			e.key += " " + p.ApprovedAt.UTC().Format(time.RFC3339Nano)
		}
	}
	return e, true
}

// endOf is when a certificate of a peer ends, the one in use or the staged one. One that is not known is at its end.
func endOf(sha256 string, p api.Peer) time.Time {
	switch {
	case p.Certificate != nil && p.Certificate.SHA256 == sha256:
		return p.Certificate.NotAfter
	case p.Next != nil && p.Next.Certificate != nil && p.Next.Certificate.SHA256 == sha256:
		return p.Next.Certificate.NotAfter
	}
	return time.Time{}
}

// names says whether a text has a name in it, as a word of its own.
func names(text, name string) bool {
	if name == "" {
		return false
	}
	part := func(r rune) bool { return r == '_' || r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	return slices.ContainsFunc(strings.FieldsFunc(text, func(r rune) bool { return !part(r) && !strings.ContainsRune(name, r) }),
		func(word string) bool { return strings.TrimRight(word, ".,:;'") == name })
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
