package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"fbpeer/agent"
	"fbpeer/config"
	"fbpeer/discovery"
)

const (
	awaitPoll = 500 * time.Millisecond
	// awaitWhole is how long a configuration that has just appeared may be unreadable: it is being written.
	awaitWhole = 5 * time.Second
)

// await is what `run` waits for before it starts: at boot and in containers an agent may be there before its component and its network.
type await struct {
	selector config.Selector
	joins    bool // a federation file comes with the command
	local    func(*config.Config) (address string, ok bool)
	appeared time.Time // when an awaited configuration was there; zero: none was awaited
	awaited  bool
}

// next says what is missing now, as a person reads it; "" if nothing is that comes by itself. Every other fault is for who reads the
// configuration next.
func (w *await) next(now time.Time) string {
	if places := w.selector.Awaited(); len(places) > 0 {
		w.awaited, w.appeared = true, time.Time{}
		return "a component's configuration: " + strings.Join(places, " or ") + " is not there yet"
	}
	if w.awaited && w.appeared.IsZero() {
		w.appeared = now
	}
	c, err := config.Load(w.selector)
	if err == nil {
		_, err = c.LoadKeyPair(now)
	}
	if err != nil {
		if w.awaited && now.Sub(w.appeared) < awaitWhole {
			return "the rest of the component's configuration"
		}
		return ""
	}
	if c.Federation == "" && !w.joins {
		return ""
	}
	if address, ok := w.local(c); !ok {
		return fmt.Sprintf("the address %s of mpspdz_ip, which no interface of this machine has yet. If none ever will, as behind NAT, "+
			"set [agent] listen = :4100", address)
	}
	return ""
}

// boundLocal says whether the one address to listen on, if there is one, is this machine's.
func boundLocal(c *config.Config) (address string, ok bool) {
	addr := agent.BindAddress(c)
	return addr.String(), !addr.IsValid() || discovery.IsLocal(addr)
}

// awaitOwn waits for what is not there yet, and says so once for each thing. It ends with the context.
func (a *app) awaitOwn(ctx context.Context, federation string) error {
	s := a.selector()
	s.ForRun = true
	w := &await{selector: s, joins: federation != "", local: boundLocal}
	poll := time.NewTicker(awaitPoll)
	defer poll.Stop()
	for said := map[string]bool{}; ; {
		what := w.next(a.now())
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
