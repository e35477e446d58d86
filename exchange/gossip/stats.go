package gossip

import (
	"errors"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/rs/zerolog"

	"fbpeer/exchange"
)

// countedMost bounds the peers that are counted or logged one by one.
const countedMost = 1024

// Stats are counters since Start, for status and logs. Accepted has the key "" for what was accepted without a refusal, and
// exchange.CodeEquivocation.
type Stats struct {
	Accepted, Ignored, Rejected map[exchange.Code]int
	NewerVersion                map[peer.ID]int           // by identity: "needs a newer fbpeer"
	Skew                        map[peer.ID]time.Duration // a connected neighbour's clock minus ours, from its last hello
}

// tally keeps the counters. Safe for concurrent use.
type tally struct {
	log zerolog.Logger
	mu  sync.Mutex
	Stats
	said map[string]bool // what was logged once
}

func newTally(log zerolog.Logger) *tally {
	return &tally{log: log, said: map[string]bool{}, Stats: Stats{
		Accepted: map[exchange.Code]int{}, Ignored: map[exchange.Code]int{}, Rejected: map[exchange.Code]int{},
		NewerVersion: map[peer.ID]int{}, Skew: map[peer.ID]time.Duration{},
	}}
}

// count notes what became of a record, and logs what a person may want to look into, once per forwarder and reason.
func (t *tally) count(err error, from peer.ID) {
	code := codeOf(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch Outcome(err) {
	case pubsub.ValidationAccept:
		t.Accepted[code]++
		return
	case pubsub.ValidationReject:
		t.Rejected[code]++
	default:
		t.Ignored[code]++
		var r *exchange.Refusal
		if !errors.As(err, &r) {
			return
		}
		if _, ok := t.NewerVersion[r.Peer]; code == exchange.CodeNewerVersion && (ok || len(t.NewerVersion) < countedMost) {
			t.NewerVersion[r.Peer]++
		}
		// Calls that come too close upon each other are nobody's fault.
		if code != CodePanic && (code != CodeRate || r.Kind == exchange.KindCall) {
			return
		}
	}
	if key := string(code) + string(from); !t.said[key] && len(t.said) < countedMost {
		t.said[key] = true
		t.log.Warn().Str("from", from.String()).Str("code", string(code)).Str("reason", exchange.ShowText(err.Error())).
			Msg("records refused; more like this from the same peer are only counted")
	}
}

func codeOf(err error) exchange.Code {
	var r *exchange.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

func (t *tally) skew(p peer.ID, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Skew[p] = d
}

func (t *tally) gone(p peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.Skew, p)
}

func (t *tally) stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{
		Accepted: maps.Clone(t.Accepted), Ignored: maps.Clone(t.Ignored), Rejected: maps.Clone(t.Rejected),
		NewerVersion: maps.Clone(t.NewerVersion), Skew: maps.Clone(t.Skew),
	}
}

// recovered is deferred where a peer's bytes are worked on: a panic there is ours to mend, but must not end the agent.
func (t *tally) recovered(doing string, then func()) {
	if v := recover(); v != nil {
		t.log.Error().Interface("panic", v).Bytes("stack", debug.Stack()).Msg("recovered while " + doing)
		then()
	}
}
