package main

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"fbpeer/agent"
	"fbpeer/config"
	"fbpeer/discovery"
)

// At boot and in containers an agent may be there before its component and its network: `run` waits for both.
const (
	awaitPoll = 500 * time.Millisecond
	// awaitWhole is how long a configuration that has just appeared may be unreadable: it is being written.
	awaitWhole = 5 * time.Second
)

// awaited watches for a configuration that was named and does not exist.
type awaited struct {
	selector config.Selector
	since    time.Time // when an awaited configuration was seen; zero: not yet, or none was awaited
	missed   bool      // one was awaited
}

// next says what is missing now, as a person reads it; "" if nothing is that comes by itself. Every other fault is for who reads the
// configuration next.
func (w *awaited) next(now time.Time) string {
	if places := w.selector.Awaited(); len(places) > 0 {
		w.missed, w.since = true, time.Time{}
		return "a component's configuration: " + strings.Join(places, " or ") + " is not there yet"
	}
	if !w.missed {
		return ""
	}
	if w.since.IsZero() {
		w.since = now
	}
	c, err := config.Load(w.selector)
	if err == nil {
		_, err = c.LoadKeyPair(now)
	}
	if err != nil && now.Sub(w.since) < awaitWhole {
		return "the rest of the component's configuration: " + show(err.Error())
	}
	return ""
}

// awaitConfiguration waits until a named configuration is there and whole. It ends with the context.
func (a *app) awaitConfiguration(ctx context.Context) error {
	s := a.selector()
	s.ForRun = true
	w := &awaited{selector: s}
	if len(s.Awaited()) > 0 {
		a.note("the configuration that was named does not exist; it is waited for. If the name is a typing mistake, end this with Ctrl-C")
	}
	return a.await(ctx, func() string { return w.next(a.now()) })
}

// awaitAddress waits until this machine has the one address on which the agent is to listen, if there is one, and returns the
// configuration as it is then. It ends with the context.
func (a *app) awaitAddress(ctx context.Context, c *config.Config) (*config.Config, error) {
	err := a.await(ctx, func() string {
		// It may be corrected meanwhile; one that cannot be read now is as it was.
		if now, err := config.Load(c.Selector); err == nil {
			c = now
		}
		return missingAddress(c, discovery.IsLocal)
	})
	return c, err
}

// await asks again and again what is missing, says so once for each thing, and returns when nothing is.
func (a *app) await(ctx context.Context, missing func() string) error {
	poll := time.NewTicker(awaitPoll)
	defer poll.Stop()
	for said := map[string]bool{}; ; {
		what := missing()
		if what == "" {
			return nil
		}
		if !said[what] {
			said[what] = true
			a.note("waiting for %s", what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// missingAddress is "" where the agent can listen.
func missingAddress(c *config.Config, local func(netip.Addr) bool) string {
	addr := agent.BindAddress(c)
	if !addr.IsValid() || local(addr) {
		return ""
	}
	return "the address " + addr.String() + " of mpspdz_ip, which no interface of this machine has yet. If none ever will, as behind NAT, " +
		"set [agent] listen = :4100"
}
