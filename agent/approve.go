package agent

import (
	"context"
	"fmt"
	"time"

	"fbpeer/agent/api"
)

// approveSeveral approves all that a request names, announcements and keys to come, in one commit, or nothing. What is approved as it stands
// is so again without a word.
func (k *core) approveSeveral(r api.ApproveRequest, now time.Time) (outcome, *api.Error) {
	if len(r.Approvals) == 0 || len(r.Approvals) > api.MaxApprovals {
		return outcome{}, &api.Error{Code: api.CodeRequest, Text: fmt.Sprintf("1 to %d approvals at a time", api.MaxApprovals)}
	}
	if fault := k.rereadList(now); fault != nil {
		return outcome{}, fault
	}
	k.evaluate(now)
	list := k.list
	for _, a := range r.Approvals {
		one := api.TrustRequest{Action: api.ActionApprove, Component: a.Component, PeerID: a.PeerID, Announcement: a.Announcement, Next: a.Next,
			By: r.By, Note: r.Note}
		id, fault := checkRequest(one)
		if fault != nil {
			return outcome{}, fault
		}
		next, fault := k.approve(list, one, id, now)
		if fault != nil {
			return outcome{}, fault
		}
		list = next
	}
	return k.putList(list, r.By, now)
}

// approvedResult is the answer, from the snapshot after the commit.
func (k *core) approvedResult(r api.ApproveRequest, done outcome, s api.Snapshot) api.ApproveResult {
	result := api.ApproveResult{Set: s.Set, NoSet: s.NoSet, Rows: done.rows, Warnings: k.problems.sorted()}
	for _, a := range r.Approvals {
		for _, p := range s.Peers {
			if p.PeerID == a.PeerID {
				result.Approved = append(result.Approved, p)
			}
		}
	}
	return result
}

// Approve does several approvals in the loop; as after Trust, the others of a set that it completes are waited for.
func (a *Agent) Approve(ctx context.Context, r api.ApproveRequest) (api.ApproveResult, error) {
	type done struct {
		result    api.ApproveResult
		completed bool
	}
	d, err := inLoop(ctx, a, func(_ context.Context, l *loop) (d done, err error) {
		former := ""
		if set := l.shown.Load().snapshot.Set; set != nil {
			former = set.Digest
		}
		l.core.mendPlayers(l.options.Now())
		commit, fault := l.core.approveSeveral(r, l.options.Now())
		if fault != nil {
			return d, fault
		}
		l.plan(commit)
		d.result = l.core.approvedResult(r, commit, l.publish(l.network()))
		d.completed = l.core.config.PerParty && d.result.Set != nil && d.result.Set.Digest != former
		return d, nil
	})
	if err == nil && d.completed {
		a.awaitOthers(ctx, *d.result.Set)
	}
	return d.result, err
}

// Approve does several approvals under the agent's lock, with the same commit as a running agent.
func (o *offline) Approve(ctx context.Context, r api.ApproveRequest) (api.ApproveResult, error) {
	return locking(ctx, o, func(running Controller) (api.ApproveResult, error) { return running.Approve(ctx, r) },
		func() (api.ApproveResult, error) { return o.approve(r) })
}

func (o *offline) approve(r api.ApproveRequest) (api.ApproveResult, error) {
	k, err := o.loadToWrite()
	if err != nil {
		return api.ApproveResult{}, err
	}
	if err := k.recoverRegistry(); err != nil {
		return api.ApproveResult{}, err
	}
	done, fault := k.approveSeveral(r, o.options.Now())
	if fault != nil {
		return api.ApproveResult{}, fault
	}
	return k.approvedResult(r, done, k.snapshot(network{}, o.options.Now())), nil
}
