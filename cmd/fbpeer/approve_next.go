package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// nextToApprove says whether a component, accepted as it is, announces a key to come that waits for this operator's decision.
func nextToApprove(p api.Peer) bool {
	return p.State == api.StateAccepted && p.Announced == nil && p.Next != nil && !p.Next.Approved && p.Next.Barred == ""
}

// withNext are the peers of which that is so.
func withNext(peers []api.Peer) []api.Peer {
	var list []api.Peer
	for _, p := range peers {
		if nextToApprove(p) {
			list = append(list, p)
		}
	}
	return list
}

// waiting are the peers that a decision of this operator is on, those with a key to come last.
func waiting(peers []api.Peer) []api.Peer {
	return append(ofState(peers, api.StateConflict, api.StateChanged, api.StatePending), withNext(peers)...)
}

// coming is a peer as it is vouched for where its key to come is approved ahead.
func coming(p api.Peer) api.Peer {
	p.Announced = &api.Announced{Component: p.Component, Role: p.Role, Endpoint: p.Endpoint, Fingerprint: p.Next.Fingerprint, Words: p.Next.Words, Hash: p.Announcement}
	return p
}

// meansNext says whether the fingerprint is that of the key that a component will change to.
func meansNext(p api.Peer, fingerprint string) bool {
	return p.Next != nil && matches(coming(p), fingerprint) == nil
}

// meansPresent says whether the fingerprint that was given is that of the key in force, which needs no approval.
func meansPresent(p api.Peer, ap approval) bool {
	return ap.vouched && matches(p, ap.fingerprint) == nil
}

// approveNext asks, and approves ahead the key that a component will change to.
func (a *app) approveNext(ctx context.Context, control agent.Controller, v view, p api.Peer, ap approval) error {
	if ap.replace {
		return usage("leave out --replace", "%s has no other approved identity that could be replaced", v.called(p.Component))
	}
	if err := a.tell(v.nextQuestion(p)); err != nil {
		return err
	}
	if err := a.vouch(coming(p), ap); err != nil {
		return err
	}
	result, err := control.Trust(ctx, api.TrustRequest{Action: api.ActionApprove, Component: p.Component, PeerID: p.PeerID, Alias: ap.alias,
		Announcement: p.Announcement, Next: p.Next.KeySHA256, By: a.operator, Note: ap.note})
	if err != nil {
		return a.notApproved(v, err)
	}
	if a.json {
		return errors.Join(a.printJSON(result.Peer), written(result.Outcome))
	}
	_, err = io.WriteString(a.stdout, v.approvedAhead(p))
	return errors.Join(err, written(result.Outcome))
}

func (v view) approvedAhead(p api.Peer) string {
	return fmt.Sprintf("approved the key to come of %s: nothing changes now, and it is taken over once that site uses it\n", v.called(p.Component))
}
