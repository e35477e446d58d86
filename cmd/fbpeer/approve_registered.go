package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// approveArgs: one component, or none with --registered or --from, which say themselves which and take none of the answers for a single
// one.
func approveArgs(cmd *cobra.Command, args []string) error {
	if cmd.Flags().Changed("from") {
		return approveFromArgs(cmd, args)
	}
	if registered, err := cmd.Flags().GetBool("registered"); err != nil || !registered {
		return oneArg("COMPONENT")(cmd, args)
	}
	if len(args) > 0 {
		return usage(cmd.CommandPath()+" --registered", "--registered finds the components itself, got %q", args[0])
	}
	return notForSeveral(cmd, "--registered")
}

// registeredPeers are the pending ones of whom an operator registered the certificate that they announce. Where several identities
// announce it, nobody registered which of them is meant: those are doubtful.
func registeredPeers(s api.Snapshot) (found, doubtful []api.Peer) {
	claims := map[string]int{}
	for _, p := range ofState(s.Peers, api.StatePending) {
		if p.ByHand != nil && p.ByHand.Same {
			claims[p.Component]++
		}
	}
	for _, p := range ofState(s.Peers, api.StatePending) {
		switch {
		case p.ByHand == nil || !p.ByHand.Same:
		case claims[p.Component] > 1:
			doubtful = append(doubtful, p)
		default:
			found = append(found, p)
		}
	}
	return found, doubtful
}

// approveRegistered approves all whom an operator vouched for by registering their certificates with Fed-BioMed.
func (a *app) approveRegistered(ctx context.Context, ap approval) error {
	control, s, err := a.openRegistry(ctx, true)
	if err != nil {
		return err
	}
	return a.approveRegisteredIn(ctx, control, s, ap)
}

// registeredJSON is `trust approve --registered --json`.
type registeredJSON struct {
	Approved []api.Peer       `json:"approved"`
	Failed   []registeredFail `json:"failed"`
}

// registeredFail is one that was not approved. Code is that of the agent's error.
type registeredFail struct {
	Component string `json:"component"`
	PeerID    string `json:"peer_id"`
	Code      string `json:"code"`
	Text      string `json:"text"`
}

func (a *app) approveRegisteredIn(ctx context.Context, control agent.Controller, s api.Snapshot, ap approval) error {
	found, doubtful := registeredPeers(s)
	shown := a.view(s).registeredScreen(found, doubtful)
	if len(found) == 0 {
		if err := a.tell(shown); err != nil || !a.json {
			return err
		}
		return a.printJSON(registeredJSON{Approved: []api.Peer{}, Failed: []registeredFail{}})
	}
	if err := a.consent(shown, ap.yes, "not approved", "compare the list with what you registered, then: --yes"); err != nil {
		return err
	}
	return a.approveEach(ctx, control, s, found, ap.note)
}

// approveEach approves the ones that were shown, each as it was shown. One that fails keeps no other from it.
func (a *app) approveEach(ctx context.Context, control agent.Controller, s api.Snapshot, found []api.Peer, note string) error {
	v := a.view(s)
	done := registeredJSON{Approved: []api.Peer{}, Failed: []registeredFail{}}
	var errs []error
	said := "\n"
	var last api.Outcome
	var rows []string
	for _, p := range found {
		result, err := control.Trust(ctx, api.TrustRequest{
			Action: api.ActionApprove, Component: p.Component, PeerID: p.PeerID, Announcement: offered(p).Hash, By: a.operator, Note: note,
		})
		var fault *api.Error
		switch {
		case err == nil:
			done.Approved = append(done.Approved, result.Peer)
			said += fmt.Sprintf("approved %s at %s\n", v.called(p.Component), show(offered(p).Endpoint))
			last, rows = result.Outcome, append(rows, result.Rows...)
		case errors.As(err, &fault):
			done.Failed = append(done.Failed, registeredFail{p.Component, p.PeerID, fault.Code, fault.Text})
			errs = append(errs, err)
			said += wrap("not approved ", v.called(p.Component)+": "+show(fault.Text), "  ")
		default:
			return err // the agent is gone: what was approved until now stands in the trust list
		}
	}
	last.Rows = rows
	var err error
	if a.json {
		err = a.printJSON(done)
	} else {
		if len(done.Approved) > 0 {
			said += v.consequences(s, api.ActionApprove, "", last)
		}
		_, err = io.WriteString(a.stdout, said)
	}
	if err != nil {
		return err
	}
	return a.registeredError(errs, len(found), last)
}

// registeredError is the first of what went wrong; that the others were approved stands in the output.
func (a *app) registeredError(errs []error, n int, last api.Outcome) error {
	if len(errs) == 0 {
		return written(last)
	}
	code, hint := outcome(errs[0])
	return &failure{code: code, hint: hint, err: fmt.Errorf("%d of %d were not approved: %w", len(errs), n, errs[0])}
}
