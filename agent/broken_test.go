package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fbpeer/agent/api"
)

// fails lets every write of that name fail at a running site, as on a disk that is full; an empty name ends that.
func (x *site) fails(name string) {
	x.t.Helper()
	if err := x.agent.perform(x.t.Context(), func(_ context.Context, l *loop) {
		l.core.store.step = func(step string) error {
			if name != "" && strings.HasPrefix(step, name) {
				return syscall.ENOSPC
			}
			return nil
		}
	}); err != nil {
		x.t.Fatal(err)
	}
}

// hasNoSet says that of all sites one alone is an obstacle, because it has no set in force.
func hasNoSet(component string) func(api.Ready) bool {
	return func(r api.Ready) bool {
		return len(r.Obstacles) == 1 && r.Obstacles[0].Code == api.ObstacleOtherSet && r.Obstacles[0].Component == component
	}
}

// A site whose player files are not as they must be, and cannot be written, does not tell others that it has them, until they are
// written.
func TestReadyOfFilesThatCannotBeWritten(t *testing.T) {
	for name, test := range map[string]struct {
		step  string
		spoil func(t *testing.T, s *scene, alice, bob *site)
	}{
		"a certificate is gone": {"swap players", func(t *testing.T, s *scene, alice, bob *site) {
			if err := os.Remove(filepath.Join(bob.config.PlayersDir, "current", "Player-Data", "P0.pem")); err != nil {
				t.Fatal(err)
			}
		}},
		"another port is bound": {"swap players", func(t *testing.T, s *scene, alice, bob *site) {
			old := bob.config.Component.Endpoint.Port()
			edit(t, s.files[1], fmt.Sprintf("port = %d\n", old), "port = 14999\n")
			edit(t, s.files[1], "port that is bound\nport =", fmt.Sprintf("port that is bound\nport = %d", old))
			bob.wait("the warning", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnPlayers) })
		}},
		"a record cannot be stored before": {"card " + dirProposals, func(t *testing.T, s *scene, alice, bob *site) {
			if _, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"carol"}}); err != nil {
				t.Fatal(err)
			}
			bob.wait("the warning", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnStore) })
			if err := os.Remove(filepath.Join(bob.config.PlayersDir, "current", "Player-Data", "P0.pem")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPlainScene(t)
			pass := s.passing()
			sites := plainParties(s, 3)
			alice, bob := sites[0], sites[1]
			alice.ready("all agree", api.SetSelector{}, isReady)
			bob.fails(test.step)
			test.spoil(t, s, alice, bob)
			pass(callEvery)
			if r := alice.asks(api.SetSelector{}); !hasNoSet("bob")(r) {
				t.Errorf("alice: %+v", r)
			}
			if r := alice.asks(api.SetSelector{Parties: []string{"bob"}}); !hasNoSet("bob")(r) {
				t.Errorf("alice, of a choice: %+v", r)
			}
			if r := bob.asks(api.SetSelector{}); r.OK || !strings.Contains(codes(r), api.ObstacleNotWritten) {
				t.Errorf("bob: %+v", r)
			}
			bob.fails("")
			pass(callEvery)
			alice.ready("they are written", api.SetSelector{}, isReady)
		})
	}
}
