package agent

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"fbpeer/agent/api"
)

// trial lets the first site propose a set of itself and the others, which they confirm.
func trial(sites ...*site) {
	first := sites[0]
	first.t.Helper()
	request := api.SetRequest{Action: api.ActionPropose, Name: "trial"}
	for _, x := range sites[1:] {
		request.Parties = append(request.Parties, x.config.Component.ID)
	}
	if _, err := first.sets(request); err != nil {
		first.t.Fatal(err)
	}
	for _, x := range sites[1:] {
		x.confirm("trial")
	}
	first.ready("all of trial agree", api.SetSelector{Name: "trial"}, isReady)
}

// confirm confirms a set once it is heard of.
func (x *site) confirm(name string) {
	x.t.Helper()
	n := x.named(name, "the proposal", func(n api.NamedSet) bool { return n.State == api.SetProposed })
	if _, err := x.sets(api.SetRequest{Action: api.ActionConfirm, Name: name, PeerID: n.PeerID, Hash: n.Hash}); err != nil {
		x.t.Fatal(err)
	}
}

// lacks says that a member has not confirmed the named set, and nothing else is wrong.
func lacks(component string) func(api.Ready) bool {
	return func(r api.Ready) bool {
		return len(r.Obstacles) == 1 && r.Obstacles[0].Code == api.ObstacleUnconfirmed && r.Obstacles[0].Component == component
	}
}

// confirmedIn are those whom `set list` says to have confirmed trial.
func confirmedIn(s api.Snapshot) []string {
	for _, set := range s.Sets {
		if set.Name == "trial" {
			return set.Confirmed
		}
	}
	return nil
}

// A member takes its confirmation back. Within a moment, without another call, nobody takes the set for ready or confirmed any
// more, and the default set is as ready as before, also once no call of that time counts any more.
func TestWithdrawnConfirmation(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	pass := s.passing()
	sites := plainParties(s, 3)
	alice, carol := sites[0], sites[2]
	trial(alice, carol)
	if _, err := carol.sets(api.SetRequest{Action: api.ActionWithdraw, Name: "trial"}); err != nil {
		t.Fatal(err)
	}
	of := api.SetSelector{Name: "trial"}
	alice.ready("carol took it back", of, lacks("carol"))
	if seen := alice.snapshot(); !slices.Equal(confirmedIn(seen), []string{"alice"}) {
		t.Errorf("confirmed by %v", confirmedIn(seen))
	}
	if r := alice.asks(api.SetSelector{}); !r.OK {
		t.Errorf("the default set: %+v", r)
	}
	for range 2 { // the last view of it is sealed for the next call, then no more
		pass(answerLasts - callEvery)
		if r := alice.asks(of); !lacks("carol")(r) {
			t.Errorf("later: %+v", r)
		}
		alice.ready("the default set, later", api.SetSelector{}, isReady)
	}
	carol.confirm("trial")
	alice.ready("carol confirmed it again", of, isReady)
}

// A confirmation is lost while its agent is stopped. After the restart nobody goes by what it answered before.
func TestLostConfirmation(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"damaged": func(path string) error { return os.WriteFile(path, []byte("damaged"), 0o600) },
		"removed": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPlainScene(t)
			pass := s.passing()
			sites := plainParties(s, 3)
			alice, bob, carol := sites[0], sites[1], sites[2]
			trial(alice, carol)
			carol.end()
			if err := lose(filepath.Join(carol.config.State, dirConfirmed, "trial.card")); err != nil {
				t.Fatal(err)
			}
			carol = s.start(s.files[2])
			introduce(carol, alice, bob)
			alice.wait("carol", func(s api.Snapshot) bool { return isConnected(t, s, "carol") })
			pass(callEvery)
			alice.ready("the default set", api.SetSelector{}, func(r api.Ready) bool { return r.OK || name == "damaged" }) // carol has answered a call since
			if r := alice.asks(api.SetSelector{Name: "trial"}); !lacks("carol")(r) {
				t.Errorf("%+v", r)
			}
			if seen, err := alice.agent.Call(t.Context()); err != nil || !slices.Equal(confirmedIn(seen), []string{"alice"}) {
				t.Errorf("confirmed by %v, %v", confirmedIn(seen), err)
			}
			pass(2 * answerLasts)
			if name == "removed" { // of a damaged one carol's own warning is an error until it is confirmed again
				alice.ready("the default set, when nothing of before counts any more", api.SetSelector{}, isReady)
			}
			carol.confirm("trial")
			alice.ready("carol confirmed it again", api.SetSelector{Name: "trial"}, isReady)
		})
	}
}
