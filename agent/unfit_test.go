package agent

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
)

// own is the sequence of the view of the default set that a site sealed last.
func (x *site) ownSequence() (sequence uint64) {
	x.t.Helper()
	if err := x.agent.perform(x.t.Context(), func(_ context.Context, l *loop) { sequence = l.core.views.own[""].Sequence }); err != nil {
		x.t.Fatal(err)
	}
	return sequence
}

// A site that something keeps from every run says so to the others, at once and until it is mended: also in the seconds in which
// its files are left alone before they are read. It tells that once.
func TestReadyOfASiteWithAFault(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	pass := s.passing()
	sites := three(s)
	approveAll(sites...)
	res, n1, n2 := sites[0], sites[1], sites[2]
	id := func(x *site) string { return x.config.Component.ID }
	res.ready("all agree", api.SetSelector{}, isReady)
	key := n1.config.Component.PrivateKey
	whole, err := os.ReadFile(key)
	if err == nil {
		err = os.Remove(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r := n1.asks(api.SetSelector{}); codes(r) != api.ObstacleWarning || !strings.Contains(r.Obstacles[0].Text, "config") && r.Obstacles[0].Cure == "" {
		t.Errorf("at the site itself, at once: %+v", r)
	}
	pass(callEvery)
	for range 2 {
		for name, sel := range map[string]api.SetSelector{"the default set": {}, "a choice": {Parties: []string{id(n1), id(n2)}}} {
			if r := res.asks(sel); !hasNoSet(id(n1))(r) || !strings.Contains(r.Obstacles[0].Text, "something is wrong") || !strings.Contains(r.Obstacles[0].Cure, "fbpeer ready") {
				t.Errorf("%s: %+v", name, r)
			}
		}
		n1.wait("the warning", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnConfiguration) })
		pass(callEvery)
	}
	told := n1.ownSequence()
	for range 3 {
		pass(2 * viewEvery)
		if err := n1.agent.perform(t.Context(), func(ctx context.Context, l *loop) {
			if err := l.reread(ctx); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n1.ownSequence() != told {
		t.Error("the same is told again")
	}
	if err := os.WriteFile(key, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range sites {
		x.ready("it is mended", api.SetSelector{}, isReady)
	}
}

// What is only shown, as who waits for a decision or announces other values, is no fault of one's own.
func TestWarningsThatAreNoFaults(t *testing.T) {
	s := newScene(t)
	pass := s.passing()
	sites := three(s)
	approveAll(sites...)
	res, n1, n2 := sites[0], sites[1], sites[2]
	other := s.start(s.files[3])
	introduce(append(sites, other)...)
	edit(t, s.files[3], "mpspdz_port = 1", "mpspdz_port = 3") // an ephemeral port, which is warned of
	n1.wait("the change", func(s api.Snapshot) bool {
		return strings.Contains(find(t, s, other.config.Component.ID).Endpoint, ":3") && len(find(t, s, other.config.Component.ID).Warnings) > 0
	})
	edit(t, s.files[2], "[mpspdz]", "[mpspdz]\n; nothing changed")
	pass(callEvery)
	for _, x := range []*site{res, n1, n2} {
		x.ready("others' states are no fault", api.SetSelector{}, isReady)
	}
	before := n1.ownSequence()
	pass(2 * time.Second)
	if n1.wait("nothing", func(api.Snapshot) bool { return true }); n1.ownSequence() != before {
		t.Error("told again")
	}
}
