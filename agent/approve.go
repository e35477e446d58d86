package agent

import (
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
	result := api.ApproveResult{Outcome: k.outcome(done, s)}
	for _, a := range r.Approvals {
		for _, p := range s.Peers {
			if p.PeerID == a.PeerID {
				result.Approved = append(result.Approved, p)
			}
		}
	}
	return result
}
