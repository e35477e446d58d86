package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	if err := l.stateGone(); err != nil {
		return err
	}
	l.watchFiles()
	l.core.mendPlayers(l.options.Now())
	return l.reread(ctx)
}

// watchFiles lets the watcher know of all files; where it is behind, the next slow look comes in time.
func (l *loop) watchFiles() {
	select {
	case l.more <- l.files():
	default:
	}
}

// reread takes over what changed in the operator's files: the list, the configuration, certificate and key, the database.
func (l *loop) reread(ctx context.Context) error {
	now := l.options.Now()
	l.again = time.Time{}
	if at := l.listFile.look([]string{l.core.config.TrustList}, listQuiet, now); !at.IsZero() {
		l.lookAgain(at)
	} else {
		l.reloadList(now)
	}
	if at := l.ownFiles.look(l.core.config.Watch, ownQuiet, now); !at.IsZero() {
		l.lookAgain(at)
	} else if err := l.reconfigure(ctx); err != nil {
		return err
	}
	l.core.lookRegistry(now)
	l.settle()
	return nil
}

// lookAgain has the files read again at that time at the latest.
func (l *loop) lookAgain(at time.Time) {
	if l.again.IsZero() || at.Before(l.again) {
		l.again = at
	}
}

func (l *loop) reloadList(now time.Time) {
	_, err := l.core.reloadList(now)
	if err == nil {
		return
	}
	cure := "correct it"
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errEmptied) {
		cure = putBack
	}
	l.core.problems.set(api.Warning{Code: api.WarnTrustList, Text: exchange.ShowText(err.Error()), Error: true,
		Cure: cure + "; until then the list that was read last stays in force"})
}

// reconfigure reads the configuration, key and certificate again. What cannot be used leaves the present registration in force;
// another component's id is final.
func (l *loop) reconfigure(ctx context.Context) error {
	k := l.core
	c, f, err := l.readOwn()
	if at := l.ownFiles.look(k.config.Watch, ownQuiet, l.options.Now()); !at.IsZero() {
		l.lookAgain(at) // they were written while they were read
		return nil
	}
	if c != nil && (c.Component.ID != k.config.Component.ID || c.Component.Role != k.config.Component.Role) {
		return anotherComponent(k.config, c)
	}
	if f.authorities != nil {
		k.setAuthorities(l.options.Now(), *f.authorities) // whom the operator no longer trusts goes, whatever is wrong with the pair
	}
	if err != nil {
		l.misconfigured(err)
		return nil
	}
	k.problems.clear(api.WarnConfiguration)
	l.needsRestart(c)
	others := !slices.Equal(c.Watch, k.config.Watch)
	k.reportStaged(f)
	k.reconfigure(c, f)
	if others {
		l.watchFiles()
	}
	l.teller.SetCommand(c.NotifyCommand)
	return l.announce(ctx)
}

// readOwn reads the component's files. The configuration is given also where others of them cannot be used.
func (l *loop) readOwn() (c *config.Config, f files, err error) {
	if c, err = config.Load(l.core.config.Selector); err != nil {
		return nil, f, err
	}
	f, err = loadFiles(c, l.options.Now())
	return c, f, err
}

// anotherComponent is the error of an agent whose configuration became another component's.
func anotherComponent(was, is *config.Config) error {
	return ownFile("start the agent again: it then serves the new one, whose state is apart and whom every other operator must approve; "+
		"or put the former id back",
		"the configuration is now that of %s (%s), this agent's is %s (%s)", is.Component.ID, is.Component.Role, was.Component.ID, was.Component.Role)
}

func (l *loop) misconfigured(err error) {
	l.core.problems.set(api.Warning{Code: api.WarnConfiguration, Error: true, Cure: hintOf(err),
		Text: "the registration in force stays: " + exchange.ShowText(err.Error())})
}

// hintOf is the cure that an error about one's own files carries.
func hintOf(err error) string {
	var own *config.Error
	if errors.As(err, &own) {
		return own.Hint
	}
	return ""
}

// reconfigure takes over a configuration of the same component.
func (k *core) reconfigure(c *config.Config, f files) {
	if former := k.self.pair; former.Key != nil && former.Certificate.KeySHA256() != f.pair.Certificate.KeySHA256() {
		k.self.former = former.Key // endorses the new one
	}
	fixed := *k.config
	if c.Component.Database != fixed.Component.Database || c.Registry != fixed.Registry {
		k.registry = newRegistry(c, k.store)
	}
	fixed.Component, fixed.Registry, fixed.PlayersGroup = c.Component, c.Registry, c.PlayersGroup
	fixed.Parties, fixed.PerParty, fixed.ProbeAnswer = c.Parties, c.PerParty, c.ProbeAnswer
	fixed.AcceptChanges = c.AcceptChanges
	fixed.Authorities = c.Authorities
	fixed.NotifyCommand = c.NotifyCommand
	fixed.Settings, fixed.Warnings, fixed.Watch = c.Settings, c.Warnings, c.Watch
	k.config = &fixed
	k.otherwise = runsOtherwise(c)
	k.self.configure(c, f)
}

// runsOtherwise looks at the processes of this user: at start and whenever the files are read, so that a component that is started or
// stopped is noticed within the slow check.
func runsOtherwise(c *config.Config) []api.Warning {
	differences := c.RunsOtherwise()
	if len(differences) == 0 {
		return nil
	}
	return []api.Warning{{Code: api.WarnEnvironment, Text: strings.Join(differences, "; "),
		Cure: "give the agent the same environment, or start the component without those variables: MP-SPDZ uses the component's"}}
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
		{"mpspdz_ip, where the agent listens", c.Listen == now.Listen && l.bound.IsValid() && BindAddress(c) != l.bound},
		{"[agent] announce", !slices.Equal(c.Announce, now.Announce)},
		{"[agent] bootstrap", !slices.Equal(c.Bootstrap, now.Bootstrap)},
		{"[agent] mdns", c.MDNS != now.MDNS},
		{"[trust] list", c.TrustList != now.TrustList},
		{"[players] dir", c.PlayersDir != now.PlayersDir},
		{"[federation] file", c.Federation != now.Federation || l.otherFederation(c)},
		{"[log] level", c.LogLevel != now.LogLevel},
		{"[log] format", c.LogFormat != now.LogFormat},
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
