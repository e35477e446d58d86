package main

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
)

// controller is what commands talk to: a running agent, or its stores.
type controller interface {
	agent.Controller
	federated
}

// federated are the questions that are about the whole federation.
type federated interface {
	// Call is the snapshot after a roll call; the stores' without a running agent.
	Call(ctx context.Context) (api.Snapshot, error)
	// Ready is one evaluation after a roll call; agent.ErrNotRunning without an agent.
	Ready(ctx context.Context, set api.SetSelector) (api.Ready, error)
	// Parties is a whole set, from the stores too.
	Parties(ctx context.Context, set api.SetSelector) (api.PartySet, error)
	// Sets proposes, confirms or withdraws; agent.ErrNotRunning without an agent.
	Sets(ctx context.Context, r api.SetRequest) (api.SetResult, error)
	// Probe takes up to 40 s; agent.ErrNotRunning without an agent.
	Probe(ctx context.Context, r api.ProbeRequest) (api.Probe, error)
}

// reached is an agent or its stores, with errors that say what became of the agent.
type reached struct{ agent.Controller }

// reach opens the running agent of a component, or its stores if none runs. One that runs and does not answer is an error: its stores
// are not ours to work on.
func reach(ctx context.Context, c *config.Config, o agent.Options) (controller, error) {
	_, err := agent.Dial(ctx, c)
	// A bare ErrNotRunning says that nobody holds the lock; with more to tell, somebody does.
	if errors.Is(err, agent.ErrNotRunning) && errors.Unwrap(err) != nil {
		return nil, &failure{code: exitNotRunning, err: err, hint: "wait if it is just starting; else end that process, and start it again: fbpeer run"}
	}
	if err != nil && !errors.Is(err, agent.ErrNotRunning) {
		return nil, lost(err)
	}
	control, err := agent.Open(ctx, c, o)
	if err != nil {
		return nil, lost(err)
	}
	return reached{control}, nil
}

// asked is the controller's side that knows the federation.
func (r reached) asked() federated {
	if f, ok := r.Controller.(federated); ok {
		return f
	}
	return siteOnly(r)
}

func (r reached) Snapshot(ctx context.Context) (api.Snapshot, error) {
	s, err := r.Controller.Snapshot(ctx)
	return s, lost(err)
}

func (r reached) Trust(ctx context.Context, request api.TrustRequest) (api.TrustResult, error) {
	result, err := r.Controller.Trust(ctx, request)
	return result, lost(err)
}

func (r reached) Call(ctx context.Context) (api.Snapshot, error) {
	s, err := r.asked().Call(ctx)
	return s, lost(err)
}

func (r reached) Ready(ctx context.Context, set api.SetSelector) (api.Ready, error) {
	ready, err := r.asked().Ready(ctx, set)
	return ready, lost(err)
}

func (r reached) Parties(ctx context.Context, set api.SetSelector) (api.PartySet, error) {
	parties, err := r.asked().Parties(ctx, set)
	return parties, lost(err)
}

func (r reached) Sets(ctx context.Context, request api.SetRequest) (api.SetResult, error) {
	result, err := r.asked().Sets(ctx, request)
	return result, lost(err)
}

func (r reached) Probe(ctx context.Context, request api.ProbeRequest) (api.Probe, error) {
	probe, err := r.asked().Probe(ctx, request)
	return probe, lost(err)
}

// siteOnly is a controller that knows its own site only.
type siteOnly struct{ agent.Controller }

func (o siteOnly) Call(ctx context.Context) (api.Snapshot, error) { return o.Snapshot(ctx) }

func (siteOnly) Ready(context.Context, api.SetSelector) (api.Ready, error) {
	return api.Ready{}, agent.ErrNotRunning
}

func (siteOnly) Parties(context.Context, api.SetSelector) (api.PartySet, error) {
	return api.PartySet{}, agent.ErrNotRunning
}

func (siteOnly) Sets(context.Context, api.SetRequest) (api.SetResult, error) {
	return api.SetResult{}, agent.ErrNotRunning
}

func (siteOnly) Probe(context.Context, api.ProbeRequest) (api.Probe, error) {
	return api.Probe{}, agent.ErrNotRunning
}

// lost gives the errors of a connection to an agent their exit code and cure.
func lost(err error) error {
	var timeout net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &failure{code: exitNotRunning, err: errors.New("the agent ended before it answered"), hint: "whether it was done: see fbpeer trust list; start it again: fbpeer run"}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &failure{code: exitNotRunning, err: errors.New("the agent runs, but does not answer"), hint: "its log may say why; end that process, and start it again: fbpeer run"}
	}
	return err
}
