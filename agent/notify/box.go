package notify

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Times and bounds (package comment).
const (
	gather       = 3 * time.Second
	burst        = 5
	every        = time.Minute
	strangeBurst = 3
	strangeEvery = 10 * time.Minute
	firstRetry   = 10 * time.Second
	lastRetry    = 10 * time.Minute
	linger       = 10 * time.Minute // before a warning that is away counts as gone
	maxEvents    = 50               // in one call
	maxHappened  = 64               // that wait
)

// Box holds what is to be told, and decides when. It is a value of one goroutine; its zero value is empty.
type Box struct {
	told     map[string]string    // key of what was told and holds, and the component if it was a change
	away     map[string]time.Time // of these, warnings that do not hold now, and since when
	waiting  []Event              // oldest first
	lost     int                  // events that happened and found no room
	since    time.Time            // when the oldest that waits came
	calls    bucket
	strange  bucket // of calls with nothing but pending components
	failures int
	retryAt  time.Time
}

// bucket allows a burst of calls, and then one in a while.
type bucket struct {
	used int       // of the burst
	from time.Time // since when used has been falling
}

// at is when the next call may be made.
func (b bucket) at(size int, refill time.Duration, now time.Time) time.Time {
	if b = b.refilled(refill, now); b.used < size {
		return now
	}
	return b.from.Add(refill)
}

// refilled gives back what the time has.
func (b bucket) refilled(refill time.Duration, now time.Time) bucket {
	if now.Before(b.from) { // the clock was set back
		b.from = now
	}
	back := int(min(now.Sub(b.from)/refill, time.Duration(b.used)))
	return bucket{used: b.used - back, from: b.from.Add(time.Duration(back) * refill)}
}

func (b bucket) spent(refill time.Duration, now time.Time) bucket {
	if b = b.refilled(refill, now); b.used == 0 {
		b.from = now
	}
	b.used++
	return b
}

// Update takes in what holds now. accepted says whether a component is approved and holds nothing back, and its alias: then a change that was
// told and is gone is settled.
func (b *Box) Update(holds []Event, accepted func(component string) (alias string, ok bool), now time.Time) {
	present := map[string]bool{}
	for _, e := range holds {
		present[e.key] = true
		delete(b.away, e.key)
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(e Event) bool { return e.key != "" && !present[e.key] })
	waits := map[string]bool{}
	for _, e := range b.waiting {
		waits[e.key] = true
	}
	for _, e := range holds {
		if _, known := b.told[e.key]; !known && !waits[e.key] {
			b.put(e, now)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(b.told)) {
		if present[key] || b.lingers(key, now) {
			continue
		}
		component := b.told[key]
		delete(b.told, key)
		delete(b.away, key)
		if component == "" {
			continue
		}
		if alias, ok := accepted(component); ok {
			name := component
			if alias != "" {
				name = alias + " (" + component + ")"
			}
			b.Happened(Event{Code: CodeSettled, Severity: Info, Component: component, Alias: alias, Time: now.UTC(),
				Text: name + " has no change that waits for you any more"}, now)
		}
	}
}

// lingers says whether a warning that does not hold now may come back: one that comes and goes, as a connection does, is told once.
func (b *Box) lingers(key string, now time.Time) bool {
	if !strings.HasPrefix(key, warningKey) {
		return false
	}
	if b.away == nil {
		b.away = map[string]time.Time{}
	}
	since, ok := b.away[key]
	if !ok || now.Before(since) {
		b.away[key], since = now, now
	}
	return now.Sub(since) < linger
}

// Happened takes in what happened once.
func (b *Box) Happened(e Event, now time.Time) {
	e.key = ""
	n := 0
	for _, other := range b.waiting {
		if other.key == "" {
			n++
		}
	}
	if n >= maxHappened {
		b.lost++
		return
	}
	e.Text = cut(e.Text)
	b.put(e, now)
}

func (b *Box) put(e Event, now time.Time) {
	if len(b.waiting) == 0 {
		b.since = now
	}
	b.waiting = append(b.waiting, e)
}

// Due is when the next call is to be made; zero: nothing waits.
func (b *Box) Due(now time.Time) time.Time {
	if len(b.waiting) == 0 {
		return time.Time{}
	}
	if now.Before(b.since) { // the clock was set back
		b.since = now
	}
	due := b.since.Add(gather)
	for _, t := range []time.Time{b.retryAt, b.calls.at(burst, every, now)} {
		if t.After(due) {
			due = t
		}
	}
	if t := b.strange.at(strangeBurst, strangeEvery, now); b.onlyStrangers() && t.After(due) {
		due = t
	}
	return due
}

func (b *Box) onlyStrangers() bool {
	return !slices.ContainsFunc(b.waiting, func(e Event) bool { return e.Code != CodePending })
}

// Batch is what one call tells: the events that it holds, and those that it only counts.
type Batch struct {
	Events []Event
	Count  int // all of them
	keys   []string
	change []string // for each key the component, if it is a change
	once   int      // events without a key, from the oldest on
	lost   int
}

// Take begins a call with all that waits.
func (b *Box) Take(now time.Time) Batch {
	if b.onlyStrangers() {
		b.strange = b.strange.spent(strangeEvery, now)
	}
	b.calls = b.calls.spent(every, now)
	batch := Batch{Count: len(b.waiting) + b.lost, lost: b.lost, Events: slices.Clone(b.waiting)}
	for _, e := range b.waiting {
		if e.key == "" {
			batch.once++
			continue
		}
		component := ""
		if strings.HasPrefix(e.key, changedKey(e.Component)) {
			component = e.Component
		}
		batch.keys, batch.change = append(batch.keys, e.key), append(batch.change, component)
	}
	slices.SortStableFunc(batch.Events, func(x, y Event) int {
		return cmp.Compare(slices.Index(severities, x.Severity), slices.Index(severities, y.Severity))
	})
	batch.Events = batch.Events[:min(len(batch.Events), maxEvents)]
	return batch
}

// Delivered ends a call that went well.
func (b *Box) Delivered(batch Batch, now time.Time) {
	if b.told == nil {
		b.told = map[string]string{}
	}
	for i, key := range batch.keys {
		b.told[key] = batch.change[i]
	}
	once := batch.once
	b.waiting = slices.DeleteFunc(b.waiting, func(e Event) bool {
		if e.key == "" && once > 0 {
			once--
			return true
		}
		return e.key != "" && slices.Contains(batch.keys, e.key)
	})
	b.lost -= batch.lost
	b.retry()
	b.since = now
}

// Failed ends a call that did not: everything waits on.
func (b *Box) Failed(now time.Time) {
	b.retryAt = now.Add(retryDelay(b.failures))
	b.failures++
}

// retry makes what failed due at once: the command is another.
func (b *Box) retry() { b.failures, b.retryAt = 0, time.Time{} }

// Urgent says whether something waits that must be told before the agent ends: another machine runs with its identity.
func (b *Box) Urgent() bool {
	return slices.ContainsFunc(b.waiting, func(e Event) bool { return e.key == "" && e.Severity == Critical })
}

// retryDelay is the pause before attempt n (from 0) after a failure.
func retryDelay(n int) time.Duration {
	if n > 10 {
		return lastRetry
	}
	return min(firstRetry<<n, lastRetry)
}
