package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
)

// files lists everything whose change matters.
func (l *loop) files() []string {
	c := l.core.config
	return append(slices.Clone(c.Watch), c.TrustList, c.Component.Database)
}

// slow looks at everything now and then: a watch can miss what happens behind a link or on a network's file system.
func (l *loop) slow(ctx context.Context) error {
	select {
	case l.more <- l.files():
	default:
	}
	l.core.mendPlayers(l.options.Now())
	return l.reread(ctx)
}

// reread takes over what changed in the operator's files: the list, the configuration, certificate and key, the database.
func (l *loop) reread(ctx context.Context) error {
	now := l.options.Now()
	listAt := l.listFile.look(l.core.config.TrustList, listQuiet, now)
	if listAt.IsZero() {
		l.reloadList(now)
	}
	l.again = time.Time{}
	if err := l.reconfigure(ctx); err != nil {
		return err
	}
	if !listAt.IsZero() && (l.again.IsZero() || listAt.Before(l.again)) {
		l.again = listAt
	}
	l.core.lookRegistry(now)
	l.settle()
	return nil
}

func (l *loop) reloadList(now time.Time) {
	if _, err := l.core.reloadList(now); err != nil {
		l.core.problems.set(api.Warning{Code: api.WarnTrustList, Text: exchange.ShowText(err.Error()), Error: true,
			Cure: "correct " + l.core.config.TrustList + "; until then the list in force stays"})
	}
}

// reconfigure reads the configuration again. What cannot be used leaves the present registration in force; another component's id
// is final.
func (l *loop) reconfigure(ctx context.Context) error {
	k := l.core
	c, err := config.Load(k.config.Selector)
	if err != nil {
		l.misconfigured(err)
		return nil
	}
	if c.Component.ID != k.config.Component.ID || c.Component.Role != k.config.Component.Role {
		return ownFile("start an agent for the new one",
			"the configuration is now that of %s (%s), this agent's is %s (%s)", c.Component.ID, c.Component.Role, k.config.Component.ID, k.config.Component.Role)
	}
	pair, err := c.LoadKeyPair(l.options.Now())
	if errors.Is(err, config.ErrMismatch) {
		l.again = l.options.Now().Add(mismatchPause) // one of the two is about to follow
	}
	if err != nil {
		l.misconfigured(err)
		return nil
	}
	k.problems.clear(api.WarnConfiguration)
	l.needsRestart(c)
	k.reconfigure(c, pair)
	return l.announce(ctx)
}

func (l *loop) misconfigured(err error) {
	w := api.Warning{Code: api.WarnConfiguration, Text: "the registration in force stays: " + exchange.ShowText(err.Error()), Error: true}
	var own *config.Error
	if errors.As(err, &own) {
		w.Cure = own.Hint
	}
	l.core.problems.set(w)
}

// reconfigure takes over a configuration of the same component.
func (k *core) reconfigure(c *config.Config, pair config.KeyPair) {
	if former := k.self.pair; former.Key != nil && former.Certificate.KeySHA256() != pair.Certificate.KeySHA256() {
		k.self.former = former.Key // endorses the new one
	}
	fixed := *k.config
	if c.Component.Database != fixed.Component.Database || c.Registry != fixed.Registry {
		k.registry = newRegistry(c, k.store)
	}
	fixed.Component, fixed.Registry, fixed.PlayersGroup = c.Component, c.Registry, c.PlayersGroup
	fixed.Parties, fixed.PerParty, fixed.ProbeAnswer = c.Parties, c.PerParty, c.ProbeAnswer
	fixed.Settings, fixed.Warnings, fixed.Watch = c.Settings, c.Warnings, c.Watch
	k.config = &fixed
	k.self.configure(c, pair)
}

// needsRestart names the settings that changed and take effect only at the next start.
func (l *loop) needsRestart(c *config.Config) {
	now := l.core.config
	var names []string
	for _, setting := range []struct {
		name    string
		changed bool
	}{
		{"[agent] state", c.State != now.State},
		{"[agent] listen", c.Listen != now.Listen},
		{"[agent] announce", !slices.Equal(c.Announce, now.Announce)},
		{"[agent] bootstrap", !slices.Equal(c.Bootstrap, now.Bootstrap)},
		{"[agent] mdns", c.MDNS != now.MDNS},
		{"[trust] list", c.TrustList != now.TrustList},
		{"[players] dir", c.PlayersDir != now.PlayersDir},
		{"[federation] file", c.Federation != now.Federation || l.otherFederation(c)},
	} {
		if setting.changed {
			names = append(names, setting.name)
		}
	}
	if len(names) == 0 {
		l.core.problems.clear(api.WarnRestartNeeded)
		return
	}
	l.core.problems.set(api.Warning{Code: api.WarnRestartNeeded, Cure: "stop the agent and start it again",
		Text: fmt.Sprintf("changed, and in effect from the next start on: %s", strings.Join(names, ", "))})
}

// otherFederation says whether the federation file now holds another federation. One that cannot be read is no reason to leave.
func (l *loop) otherFederation(c *config.Config) bool {
	f, err := c.LoadFederation()
	if err != nil {
		l.options.Log.Warn().Err(err).Str("file", filepath.Base(c.Federation)).Msg("the federation file")
		return false
	}
	return f.ID() != l.core.federation.ID()
}
