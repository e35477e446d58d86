package main

import (
	"context"

	"fbpeer/agent/api"
)

// fakeAgent notes what it was asked, and answers. It stands for an agent only where what is shown is tested.
type fakeAgent struct {
	snapshots []api.Snapshot // one after the other, the last one again and again
	asked     []api.TrustRequest
	answer    api.TrustResult
	readies   []api.Ready // likewise
	readied   []api.SetSelector
	parties   api.PartySet
	sets      api.SetResult
	requests  []api.SetRequest
	probe     api.Probe
	probed    []api.ProbeRequest
	registry  api.Registry
	synced    []api.RegistryRequest
	approvals []api.ApproveRequest
	approved  api.ApproveResult
	card      api.Card
	imports   []api.ImportRequest
	imported  api.ImportResult
	err       error
}

// next takes the first of a list, unless it is the last.
func next[T any](list *[]T) (first T) {
	if len(*list) > 0 {
		first = (*list)[0]
	}
	if len(*list) > 1 {
		*list = (*list)[1:]
	}
	return first
}

func (f *fakeAgent) Snapshot(context.Context) (api.Snapshot, error) { return next(&f.snapshots), nil }
func (f *fakeAgent) Call(context.Context) (api.Snapshot, error)     { return next(&f.snapshots), nil }

func (f *fakeAgent) Trust(_ context.Context, r api.TrustRequest) (api.TrustResult, error) {
	f.asked = append(f.asked, r)
	return f.answer, f.err
}

func (f *fakeAgent) Ready(ctx context.Context, set api.SetSelector) (api.Ready, error) {
	if ctx.Err() != nil {
		return api.Ready{}, ctx.Err()
	}
	f.readied = append(f.readied, set)
	return next(&f.readies), f.err
}

func (f *fakeAgent) Parties(context.Context, api.SetSelector) (api.PartySet, error) {
	return f.parties, f.err
}

func (f *fakeAgent) Sets(_ context.Context, r api.SetRequest) (api.SetResult, error) {
	f.requests = append(f.requests, r)
	return f.sets, f.err
}

func (f *fakeAgent) Probe(_ context.Context, r api.ProbeRequest) (api.Probe, error) {
	f.probed = append(f.probed, r)
	return f.probe, f.err
}

func (f *fakeAgent) Registry(_ context.Context, r api.RegistryRequest) (api.Registry, error) {
	f.synced = append(f.synced, r)
	return f.registry, f.err
}

func (f *fakeAgent) Approve(_ context.Context, r api.ApproveRequest) (api.ApproveResult, error) {
	f.approvals = append(f.approvals, r)
	return f.approved, f.err
}

func (f *fakeAgent) Export(context.Context, api.ExportRequest) (api.Card, error) {
	return f.card, f.err
}

func (f *fakeAgent) Import(_ context.Context, r api.ImportRequest) (api.ImportResult, error) {
	f.imports = append(f.imports, r)
	return f.imported, f.err
}

func (f *fakeAgent) Notify(context.Context, api.NotifyRequest) (api.NotifyResult, error) {
	return api.NotifyResult{}, f.err
}
