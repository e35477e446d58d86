package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fbpeer/agent/api"
)

// passing gives the agents that are started from here on a clock that the test can put forward.
func (s *scene) passing() (pass func(time.Duration)) {
	var ahead atomic.Int64
	s.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	return func(d time.Duration) { ahead.Add(int64(d)) }
}

// asks is one answer of `ready`, whatever it is.
func (x *site) asks(sel api.SetSelector) api.Ready {
	x.t.Helper()
	r, err := x.agent.Ready(x.t.Context(), sel)
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

func isConnected(t *testing.T, s api.Snapshot, component string) bool {
	return *find(t, s, component).Connected
}

// A party is killed after it answered, and its files are changed. Who asks some time later is not told yes, not even the first
// time: what it answered to an earlier call is no answer to this one. That is so where it was connected, and where it was reached
// through others alone.
func TestReadyOfAKilledParty(t *testing.T) {
	for _, test := range []struct {
		name    string
		through bool
		called  bool // somebody else's call is reused
	}{
		{"it was connected", false, false},
		{"it was reached through another", true, false},
		{"another one has called just now", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newPlainScene(t)
			pass := s.passing()
			alice, bob, carol := s.start(s.files[0]), s.start(s.files[1]), s.start(s.files[2])
			introduce(carol, alice)
			introduce(carol, bob)
			if !test.through {
				introduce(alice, bob)
			}
			alice.wait("all", heardAll(bob, carol))
			bob.wait("all", heardAll(alice, carol))
			approveAll(alice, bob, carol)
			alice.ready("all agree", api.SetSelector{}, isReady)
			pass(callEvery)
			bob.end()
			for _, x := range []*site{alice, carol} {
				x.wait("bob's end", func(s api.Snapshot) bool { return !isConnected(t, s, "bob") })
			}
			if err := os.Remove(filepath.Join(bob.config.PlayersDir, "current")); err != nil {
				t.Fatal(err)
			}
			if test.called {
				carol.call()
			}
			r := alice.asks(api.SetSelector{})
			if r.OK || len(r.Obstacles) != 1 || r.Obstacles[0].Code != api.ObstacleNoAnswer || r.Obstacles[0].Component != "bob" {
				t.Errorf("%+v", r)
			}
			if m := alice.snapshot().Matrix; cellOfMatrix(m, "bob", "alice") != api.CellOK {
				t.Errorf("what bob said a moment ago is not shown: %+v", m)
			}
			// It comes back, and is asked again: yes, without waiting for the next call of all.
			bob = s.start(s.files[1])
			introduce(bob, alice, carol)
			alice.ready("bob is back", api.SetSelector{}, isReady)
		})
	}
}

// Call times are of the wall clock: the monotonic one stands still while a machine is suspended, and a call of before would be
// reused.
func TestCallTimesAreOfTheWallClock(t *testing.T) {
	s := newPlainScene(t)
	sites := plainParties(s, 2)
	sites[0].ready("both agree", api.SetSelector{}, isReady)
	for _, x := range sites { // who called, and who heard it
		x.wait("a call", func(api.Snapshot) bool { return !x.agent.shown.Load().sight.newest.IsZero() })
		if at := x.agent.shown.Load().sight.newest; strings.Contains(at.String(), " m=") {
			t.Errorf("%s: %s", x.config.Component.ID, at)
		}
	}
}
