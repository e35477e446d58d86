package agent

import (
	"context"
	"time"

	"fbpeer/agent/api"
)

// decision is a request that ends with a commit: the same in a running agent and on the stores.
type decision[Result any] struct {
	do     func(k *core, now time.Time) (outcome, *api.Error)
	answer func(k *core, done outcome, s api.Snapshot) Result // s is the snapshot after the commit
}

// decide decides in the loop. Where that completes a set whose parties hold certificates for their numbers, the others complete theirs with
// ours: they are waited for, so that what follows at another site finds its files.
func decide[Result any](ctx context.Context, a *Agent, d decision[Result]) (Result, error) {
	type decided struct {
		result    Result
		completed *api.Set
	}
	got, err := inLoop(ctx, a, func(_ context.Context, l *loop) (got decided, err error) {
		now, former := l.options.Now(), l.shown.Load().snapshot.Set
		l.core.mendPlayers(now)
		done, fault := d.do(l.core, now)
		if fault != nil {
			return got, fault
		}
		l.plan(done)
		s := l.publish(l.network())
		got.result = d.answer(l.core, done, s)
		if l.core.config.PerParty && s.Set != nil && (former == nil || s.Set.Digest != former.Digest) {
			got.completed = s.Set
		}
		return got, nil
	})
	if err == nil && got.completed != nil {
		a.awaitOthers(ctx, *got.completed)
	}
	return got.result, err
}

// decideStored decides on the stores, under the agent's lock, which the caller holds.
func decideStored[Result any](o *offline, d decision[Result]) (r Result, err error) {
	k, err := o.loadToWrite()
	if err != nil {
		return r, err
	}
	if err := k.recoverRegistry(); err != nil {
		return r, err
	}
	now := o.options.Now()
	done, fault := d.do(k, now)
	if fault != nil {
		return r, fault
	}
	return d.answer(k, done, k.snapshot(network{}, now)), nil
}

// trusting is one edit of the list.
func trusting(r api.TrustRequest) decision[api.TrustResult] {
	return decision[api.TrustResult]{
		do:     func(k *core, now time.Time) (outcome, *api.Error) { return k.edit(r, now) },
		answer: func(k *core, done outcome, s api.Snapshot) api.TrustResult { return k.result(r, done, s) },
	}
}

// approving is several approvals.
func approving(r api.ApproveRequest) decision[api.ApproveResult] {
	return decision[api.ApproveResult]{
		do:     func(k *core, now time.Time) (outcome, *api.Error) { return k.approveSeveral(r, now) },
		answer: func(k *core, done outcome, s api.Snapshot) api.ApproveResult { return k.approvedResult(r, done, s) },
	}
}

// Trust does one edit in the loop.
func (a *Agent) Trust(ctx context.Context, r api.TrustRequest) (api.TrustResult, error) {
	return decide(ctx, a, trusting(r))
}

// Trust does one edit under the agent's lock, with the same commit as a running agent.
func (o *offline) Trust(ctx context.Context, r api.TrustRequest) (api.TrustResult, error) {
	return locking(ctx, o, func(running Controller) (api.TrustResult, error) { return running.Trust(ctx, r) },
		func() (api.TrustResult, error) { return decideStored(o, trusting(r)) })
}

// Approve does several approvals in the loop.
func (a *Agent) Approve(ctx context.Context, r api.ApproveRequest) (api.ApproveResult, error) {
	return decide(ctx, a, approving(r))
}

// Approve does several approvals under the agent's lock, with the same commit as a running agent.
func (o *offline) Approve(ctx context.Context, r api.ApproveRequest) (api.ApproveResult, error) {
	return locking(ctx, o, func(running Controller) (api.ApproveResult, error) { return running.Approve(ctx, r) },
		func() (api.ApproveResult, error) { return decideStored(o, approving(r)) })
}
