package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"fbpeer/agent/api"
	"fbpeer/internal/durable"
)

// Config is what a Notifier needs.
type Config struct {
	Command               []string // empty: nobody is told
	Federation, Component string
	File                  string // notify.json
	Now                   func() time.Time
	Log                   zerolog.Logger
	// Report says what is wrong with the command, nil if nothing is any more. It may be called from any goroutine, and must not call back.
	Report func(*api.Warning)
}

// Notifier runs the command when there is something to tell. Its methods never wait for the command.
type Notifier struct {
	config  Config
	box     Box
	saved   []byte   // the file's content
	wrong   string   // as it was reported
	missing bool     // its program is not there
	used    []string // the command that the box's failures are of

	wake     chan struct{}
	mutex    sync.Mutex
	command  []string
	snapshot *api.Snapshot // the newest that was not looked at yet
	happened []Event
}

// New makes one with what an earlier one left in its file.
func New(c Config) *Notifier {
	n := &Notifier{config: c, command: c.Command, wake: make(chan struct{}, 1)}
	data, err := os.ReadFile(c.File)
	if err == nil {
		err = n.box.load(data)
		n.saved = data
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.Log.Warn().Err(err).Msg("what was told already is not known: it is told again")
	}
	return n
}

// Offer shows the present state. Only the newest is looked at.
func (n *Notifier) Offer(s api.Snapshot) {
	n.mutex.Lock()
	n.snapshot = &s
	n.mutex.Unlock()
	n.ring()
}

// Happened tells of what happened once.
func (n *Notifier) Happened(events ...Event) {
	if len(events) == 0 {
		return
	}
	n.mutex.Lock()
	if room := maxHappened - len(n.happened); len(n.command) > 0 {
		n.happened = append(n.happened, events[:min(len(events), max(room, 0))]...)
	}
	n.mutex.Unlock()
	n.ring()
}

// SetCommand takes over another command.
func (n *Notifier) SetCommand(words []string) {
	n.mutex.Lock()
	n.command = words
	n.mutex.Unlock()
	n.ring()
}

func (n *Notifier) ring() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// Run serves until the context ends. What must be told before the agent ends is tried once more then.
func (n *Notifier) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			n.last()
			return
		case <-n.wake:
		case <-timer.C:
		}
		command := n.takeIn()
		n.look(command)
		due := n.box.Due(n.config.Now())
		if len(command) > 0 && !due.IsZero() && !due.After(n.config.Now()) {
			n.tell(ctx, command)
			due = n.box.Due(n.config.Now())
		}
		if len(command) == 0 || due.IsZero() {
			timer.Stop()
			continue
		}
		timer.Reset(max(due.Sub(n.config.Now()), 0) + time.Millisecond)
	}
}

// look reports a program that is not there before there is anything to tell: whoever relies on being told must not find out by silence.
func (n *Notifier) look(command []string) {
	if len(command) == 0 {
		n.missing = false
		return
	}
	_, err := Find(command)
	if err != nil {
		n.failed(command, Result{Err: err})
	} else if n.missing {
		n.report(nil)
	}
	n.missing = err != nil
}

// takeIn takes what was offered, and gives the command in force.
func (n *Notifier) takeIn() []string {
	n.mutex.Lock()
	command, s, happened := n.command, n.snapshot, n.happened
	n.snapshot, n.happened = nil, nil
	if len(command) == 0 {
		n.snapshot = s // for when there is one
	}
	n.mutex.Unlock()
	if !slices.Equal(command, n.used) {
		n.used = command
		n.box.retry()
		n.report(nil)
	}
	if len(command) == 0 {
		return nil
	}
	now := n.config.Now()
	for _, e := range happened {
		n.box.Happened(e, now)
	}
	if s != nil {
		aliases := map[string]string{} // of the accepted ones
		for _, p := range s.Peers {
			if p.State == api.StateAccepted {
				aliases[p.Component] = p.Alias
			}
		}
		n.box.Update(Look(*s, now), func(component string) (alias string, ok bool) { alias, ok = aliases[component]; return alias, ok }, now)
	}
	n.save()
	return command
}

// lastLimit is how long the end of an agent waits for its last call.
const lastLimit = 10 * time.Second

func (n *Notifier) last() {
	command := n.takeIn()
	if len(command) == 0 || !n.box.Urgent() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastLimit)
	defer cancel()
	n.tell(ctx, command)
}

// tell makes one call.
func (n *Notifier) tell(ctx context.Context, command []string) {
	batch := n.box.Take(n.config.Now())
	r := Run(ctx, command, Message{Federation: n.config.Federation, Component: n.config.Component, Time: n.config.Now().UTC(), Count: batch.Count, Events: batch.Events})
	now := n.config.Now()
	if r.Err != nil {
		n.box.Failed(now)
		n.failed(command, r)
		return
	}
	n.box.Delivered(batch, now)
	n.save()
	n.report(nil)
	n.config.Log.Info().Int("events", batch.Count).Msg("told the notification command")
}

func (n *Notifier) failed(command []string, r Result) {
	n.report(&api.Warning{Code: api.WarnNotify, Text: Failure(command, r), Cure: "correct it: fbpeer notify test tries it; it is tried again by itself"})
}

// report passes on what is new.
func (n *Notifier) report(w *api.Warning) {
	text := ""
	if w != nil {
		text = w.Text
	}
	if text != n.wrong {
		n.wrong = text
		n.config.Report(w)
	}
}

// Failure says what is wrong with a command.
func Failure(command []string, r Result) string {
	text := fmt.Sprintf("the notification command %s: %v", cut(command[0]), r.Err)
	if line := r.LastLine(); line != "" {
		text += ": " + cut(line)
	}
	return text
}

// stored is the content of the file.
type stored struct {
	Told     map[string]string `json:"told,omitempty"`
	Happened []Event           `json:"happened,omitempty"`
	Lost     int               `json:"lost,omitempty"`
}

// load takes over what was stored.
func (b *Box) load(data []byte) error {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	b.told = maps.Clone(s.Told)
	b.waiting = s.Happened[:min(len(s.Happened), maxHappened)]
	b.lost = max(s.Lost, 0)
	return nil
}

// bytes is what is stored: what is not told and holds is seen again.
func (b *Box) bytes() ([]byte, error) {
	once := slices.DeleteFunc(slices.Clone(b.waiting), func(e Event) bool { return e.key != "" })
	data, err := json.Marshal(stored{Told: b.told, Happened: once, Lost: b.lost})
	return append(data, '\n'), err
}

// save stores the box where something has changed.
func (n *Notifier) save() {
	data, err := n.box.bytes()
	if err == nil && string(data) != string(n.saved) {
		err = durable.WriteFile(n.config.File, data, 0o600)
	}
	if err != nil {
		n.config.Log.Error().Err(err).Msg("what was told cannot be noted: a restart tells it again")
		return
	}
	n.saved = data
}
