package agent

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"fbpeer/agent/api"
)

// moveAway gives the parties of a scene ports that nobody uses.
func (s *scene) moveAway(n int) {
	s.t.Helper()
	for i, file := range s.files[:n] {
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			s.t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			s.t.Fatal(err)
		}
		edit(s.t, file, fmt.Sprintf("port = %d", 14200+i), fmt.Sprintf("port = %d", port))
	}
}

func results(p api.Probe) string {
	var all []string
	for _, c := range p.Cells {
		all = append(all, c.From+">"+c.To+" "+c.Result)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestProbeOfThree(t *testing.T) {
	s := newPlainScene(t)
	s.moveAway(3)
	sites := plainParties(s, 3)
	if p, err := s.start(s.files[3]).agent.Probe(t.Context(), api.ProbeRequest{}); err != nil || p.OK || p.Obstacles[0].Code != api.ObstacleNoSet {
		t.Errorf("without a set: %+v, %v", p, err)
	}
	for _, x := range sites {
		x.wait("a set of three", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 3 && s.Connected >= 2 })
	}
	sites[0].ready("all agree", api.SetSelector{}, isReady)
	// bob's MP-SPDZ runs.
	busy, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", sites[1].config.Component.BindPort))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := sites[0].agent.Probe(ctx, api.ProbeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := "alice>bob busy, alice>carol ok, bob>alice ok, bob>carol ok, carol>alice ok, carol>bob busy"
	if got := results(p); got != want || p.OK || len(p.Obstacles) != 2 || p.Obstacles[0].Component != "bob" || p.Obstacles[0].Cure == "" {
		t.Errorf("got  %s\nwant %s\n%+v", got, want, p.Obstacles)
	}
	// Within half a minute another asker gets the same, with its age; and only what was asked for.
	p, err = sites[2].agent.Probe(ctx, api.ProbeRequest{Set: api.SetSelector{Parties: []string{"alice", "carol"}}})
	if err != nil || results(p) != "alice>carol ok, carol>alice ok" || !p.OK || len(p.Parties) != 2 {
		t.Errorf("%s, %+v, %v", results(p), p.Obstacles, err)
	}
}
