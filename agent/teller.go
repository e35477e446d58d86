package agent

import (
	"context"
	"time"

	"fbpeer/agent/api"
	"fbpeer/agent/notify"
	"fbpeer/config"
	"fbpeer/internal/durable"
	"fbpeer/trust"
)

// newTeller makes what tells the operator.
func (a *Agent) newTeller(k *core) *notify.Notifier {
	return notify.New(notify.Config{
		Command: k.config.NotifyCommand, Federation: k.federationName(), Component: k.config.Component.ID, File: k.store.path(fileNotify),
		Now: a.options.Now, Log: a.options.Log,
		Report: func(w *api.Warning) {
			select {
			case a.notices <- w:
			case <-a.done:
			}
		},
	})
}

// noteworthy is what a record of the log tells the operator that no snapshot does, because it happened once.
func noteworthy(r trust.LogRecord, now time.Time) (notify.Event, bool) {
	e := notify.Event{Code: r.Event, Severity: notify.Warning, Time: now.UTC(), Component: r.Component, Peer: r.Peer, Fingerprint: r.Fingerprint, Text: r.Text}
	switch r.Event {
	case trust.EventPlayersMended:
		e.Cure = "find out who writes there: a run in between may have failed, or trusted the wrong party"
	case trust.EventClone:
		e.Severity, e.Cure = notify.Critical, "this agent has stopped: stop the other one, or make this machine a new identity"
	default:
		return notify.Event{}, false
	}
	return e, true
}

// tellHappened passes on what happened since.
func (l *loop) tellHappened() {
	l.teller.Happened(l.core.happened...)
	l.core.happened = nil
}

// setNotice shows what is wrong with the notification command; nil: nothing.
func (k *core) setNotice(w *api.Warning) {
	k.problems.clear(api.WarnNotify)
	if w != nil {
		k.problems.set(*w)
	}
}

// tryNotify runs a component's notification command with a test event. The error is *api.Error where there is none.
func tryNotify(ctx context.Context, c *config.Config, now time.Time) (api.NotifyResult, error) {
	if len(c.NotifyCommand) == 0 {
		return api.NotifyResult{}, &api.Error{Code: api.CodeUnset, Text: c.Component.ID + " has no notification command",
			Hint: "set [notify] command in fbpeer.ini, or FBPEER_NOTIFY_COMMAND for the agent (docs/notify.md)"}
	}
	federation := ""
	if c.Federation != "" {
		if f, err := c.LoadFederation(); err == nil {
			federation = f.Name()
		}
	}
	r := notify.Run(ctx, c.NotifyCommand, notify.Test(federation, c.Component.ID, now))
	result := api.NotifyResult{OK: r.Err == nil, Command: c.NotifyCommand, Exit: r.Exit, Output: r.Output}
	if r.Err != nil {
		result.Error = r.Err.Error()
	}
	return result, nil
}

// Notify runs the command beside the loop, as the agent would: the one that the file names now, though it is taken over only when the file
// has been left alone for a while.
func (a *Agent) Notify(ctx context.Context, _ api.NotifyRequest) (api.NotifyResult, error) {
	c, err := inLoop(ctx, a, func(_ context.Context, l *loop) (*config.Config, error) { return l.core.config, nil })
	if err != nil {
		return api.NotifyResult{}, err
	}
	if edited, err := config.Load(c.Selector); err == nil {
		c = edited
	}
	return tryNotify(ctx, c, a.options.Now())
}

// Notify runs the command as it is configured. Root runs none that another user has written down.
func (o *offline) Notify(ctx context.Context, _ api.NotifyRequest) (api.NotifyResult, error) {
	if owner, foreign := durable.ForeignOwner(o.config.State); foreign {
		return api.NotifyResult{}, refused("sudo -u "+owner.Name+" fbpeer notify test", "the state folder %s belongs to %s: root does not run that user's command",
			o.config.State, owner.Name)
	}
	return tryNotify(ctx, o.config, o.options.Now())
}
