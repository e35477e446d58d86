package agent

import (
	"context"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
	"fbpeer/trust"
)

// mendedShown is for how long it is shown that somebody else's change of the registry was put right.
const mendedShown = time.Hour

// lookRegistry reads the table again, and reports what somebody else has done to rows of ours: Fed-BioMed's own commands, most likely.
// The next commit puts it right.
func (k *core) lookRegistry(now time.Time) {
	m := k.registry.look()
	if len(m.returned) > 0 { // who was forgotten since may be registered by hand
		gone := k.removals(k.lookInForce())
		m.returned = slices.DeleteFunc(m.returned, func(component string) bool { return !slices.Contains(gone, component) })
	}
	text := m.text()
	if text == "" {
		if now.Sub(k.meddled) >= mendedShown {
			k.problems.clear(api.WarnRegistryMended)
		}
		return
	}
	k.meddled = now
	k.record(trust.LogRecord{Event: trust.EventRowsMended, Text: text}, now)
	k.problems.set(api.Warning{Code: api.WarnRegistryMended, Text: "somebody else changed the party registry, and it was put right: " + text,
		Cure: "decide with fbpeer trust: what Fed-BioMed's own certificate commands do to these rows does not last"})
}

// text is one sentence, "" if nobody did anything.
func (m meddling) text() string {
	var all []string
	for _, kind := range []struct {
		what       string
		components []string
	}{{"removed", m.removed}, {"changed", m.changed}, {"put there again, though not approved", m.returned}} {
		if len(kind.components) > 0 {
			all = append(all, kind.what+": "+strings.Join(kind.components, ", "))
		}
	}
	return strings.Join(all, "; ")
}

// showRegistry is the table for who asks. The error is *api.Error.
func (k *core) showRegistry(now time.Time) (api.Registry, error) {
	if !k.fedbiomed() {
		return api.Registry{}, noRegistry(k)
	}
	return k.table(now), nil
}

func noRegistry(k *core) *api.Error {
	return refused("fbpeer players show", "%s is a plain MP-SPDZ party: it has no Fed-BioMed registry", k.config.Component.ID)
}

// syncRegistry reads the table now, whatever was known of it, and brings it to what the list makes of it, in a commit like any other.
// What could not be written is the answer's Fault. The error is *api.Error.
func (k *core) syncRegistry(now time.Time) (api.Registry, outcome, error) {
	switch {
	case !k.fedbiomed():
		return api.Registry{}, outcome{}, noRegistry(k)
	case !k.registry.kept:
		return api.Registry{}, outcome{}, refused("set [fedbiomed] registry = true in fbpeer.ini", "the registry of %s is not kept by fbpeer", k.config.Component.ID)
	}
	if fault := k.rereadList(now); fault != nil {
		return api.Registry{}, outcome{}, fault
	}
	k.lookRegistry(now)
	k.registry.settled = false
	done := k.settle(now)
	t := k.table(now)
	for _, component := range done.rows {
		if k.evaluation.InForce[component] != nil {
			t.Written = append(t.Written, component)
		} else {
			t.Removed = append(t.Removed, component)
		}
	}
	for _, code := range []string{api.WarnStore, api.WarnRegistry, api.WarnNoDatabase} {
		if w, failed := k.problems[code]; failed {
			t.Fault = &w
		}
	}
	return t, done, nil
}

// Registry reads the table in the loop, where alone it is written.
func (a *Agent) Registry(ctx context.Context, r api.RegistryRequest) (api.Registry, error) {
	return inLoop(ctx, a, func(_ context.Context, l *loop) (api.Registry, error) { return l.registryFor(r) })
}

func (l *loop) registryFor(r api.RegistryRequest) (api.Registry, error) {
	if !r.Sync {
		return l.core.showRegistry(l.options.Now())
	}
	t, done, err := l.core.syncRegistry(l.options.Now())
	if err == nil {
		l.plan(done)
	}
	return t, err
}
