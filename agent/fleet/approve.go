package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"fbpeer/agent/api"
)

// approval is one announcement to be approved by one component; without announcement it is an approval to be forgotten.
type approval struct{ at, component, peer, announcement string }

// approve lets every agent approve the others of the fleet, and with LAN those of other machines that are there. Each agent works through its
// own list beside the others: what takes time are its writes.
func (f *fleet) approve(ctx context.Context) {
	var (
		workers sync.WaitGroup
		mutex   sync.Mutex
	)
	type task struct {
		at       *member
		requests []api.TrustRequest
	}
	var tasks []task // all of them are decided on before the first worker notes what was refused
	for _, m := range f.running() {
		if requests := f.decide(m); len(requests) > 0 {
			tasks = append(tasks, task{m, requests})
		}
	}
	for _, t := range tasks {
		workers.Go(func() {
			for _, r := range t.requests {
				_, err := t.at.agent.Trust(ctx, r)
				if err == nil || notRunning(err) {
					continue
				}
				var fault *api.Error
				if errors.As(err, &fault) && fault.Code == api.CodeOvertaken {
					continue // the newer one is seen in the next round
				}
				mutex.Lock()
				f.refusals[approval{t.at.id, r.Component, r.PeerID, r.Announcement}] = fmt.Sprintf("%s: %v", t.at.id, err)
				mutex.Unlock()
			}
		})
	}
	workers.Wait()
}

// decide lists what one member is to approve and to forget now.
func (f *fleet) decide(m *member) (requests []api.TrustRequest) {
	s, ok := f.snapshotOf(m.id)
	if !ok {
		return nil
	}
	for _, p := range s.Peers {
		other, ours := f.snapshotOf(p.Component)
		r, due := api.TrustRequest{Component: p.Component, PeerID: p.PeerID, By: Approver}, false
		switch {
		case ours && p.PeerID == other.Self.PeerID:
			r.Action, r.Announcement = api.ActionApprove, other.Self.Announcement
			r.Replace = p.State == api.StateConflict
			due = p.State == api.StatePending || p.State == api.StateChanged || p.State == api.StateConflict
			if next, own := p.Next, other.Self.Next; p.State == api.StateAccepted && next != nil && own != nil && !next.Approved && next.KeySHA256 == own.KeySHA256 {
				r.Next, due = next.KeySHA256, true
			}
			due = due && p.Announcement == other.Self.Announcement
		case f.config.LAN && !ours && f.present(p.PeerID):
			r, due = f.request(s, p)
		case !ours && p.ApprovedBy == Approver && f.left(p.Component):
			r.Action, due = api.ActionForget, true
		}
		// What was refused is not asked again before the next look at the root: it would be at every change.
		if _, refused := f.refusals[approval{m.id, r.Component, r.PeerID, r.Announcement}]; due && !refused {
			requests = append(requests, r)
		}
	}
	return requests
}

// left says whether a component is gone from the root for good, as far as can be told: while files of the root cannot be read, it
// cannot.
func (f *fleet) left(component string) bool {
	if len(f.problems) > 0 {
		return false
	}
	for _, m := range f.members {
		if m.id == component {
			return false
		}
	}
	return true
}
