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

// reached is an agent or its stores, with errors that say what became of the agent.
type reached struct{ agent.Controller }

// reach opens the running agent of a component, or its stores if none runs. One that runs and does not answer is an error: its stores
// are not ours to work on.
func reach(ctx context.Context, c *config.Config, o agent.Options) (agent.Controller, error) {
	_, err := agent.Dial(ctx, c)
	if errors.Is(err, agent.ErrNotRunning) && !nobodyRuns(err) {
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

func (r reached) Snapshot(ctx context.Context) (api.Snapshot, error) {
	return lostOf(r.Controller.Snapshot(ctx))
}

func (r reached) Trust(ctx context.Context, request api.TrustRequest) (api.TrustResult, error) {
	return lostOf(r.Controller.Trust(ctx, request))
}

func (r reached) Call(ctx context.Context) (api.Snapshot, error) {
	return lostOf(r.Controller.Call(ctx))
}

func (r reached) Ready(ctx context.Context, set api.SetSelector) (api.Ready, error) {
	return lostOf(r.Controller.Ready(ctx, set))
}

func (r reached) Parties(ctx context.Context, set api.SetSelector) (api.PartySet, error) {
	return lostOf(r.Controller.Parties(ctx, set))
}

func (r reached) Sets(ctx context.Context, request api.SetRequest) (api.SetResult, error) {
	return lostOf(r.Controller.Sets(ctx, request))
}

func (r reached) Probe(ctx context.Context, request api.ProbeRequest) (api.Probe, error) {
	return lostOf(r.Controller.Probe(ctx, request))
}

func (r reached) Registry(ctx context.Context, request api.RegistryRequest) (api.Registry, error) {
	return lostOf(r.Controller.Registry(ctx, request))
}

func (r reached) Approve(ctx context.Context, request api.ApproveRequest) (api.ApproveResult, error) {
	return lostOf(r.Controller.Approve(ctx, request))
}

func (r reached) Export(ctx context.Context, request api.ExportRequest) (api.Card, error) {
	return lostOf(r.Controller.Export(ctx, request))
}

func (r reached) Import(ctx context.Context, request api.ImportRequest) (api.ImportResult, error) {
	return lostOf(r.Controller.Import(ctx, request))
}

func (r reached) Notify(ctx context.Context, request api.NotifyRequest) (api.NotifyResult, error) {
	return lostOf(r.Controller.Notify(ctx, request))
}

// nobodyRuns reads the error of agent.Dial: a bare ErrNotRunning says that nobody holds the lock; with more to tell, somebody does.
func nobodyRuns(err error) bool {
	return errors.Is(err, agent.ErrNotRunning) && errors.Unwrap(err) == nil
}

// lostOf is lost, for what comes with a value.
func lostOf[T any](value T, err error) (T, error) { return value, lost(err) }

// lost gives the errors of a connection to an agent their exit code and cure.
func lost(err error) error {
	var timeout net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &failure{code: exitNotRunning, err: errors.New("the agent ended before it answered"), hint: "start it again: fbpeer run; whether it was done, fbpeer status and fbpeer trust list show"}
	case errors.As(err, &timeout) && timeout.Timeout():
		return &failure{code: exitNotRunning, err: errors.New("the agent runs, but does not answer"), hint: "its log may say why; end that process, and start it again: fbpeer run"}
	}
	return err
}
