package main

import (
	"strings"
	"testing"

	"fbpeer/agent/api"
)

// withPolicies is four who agree: nice forces secure aggregation if forced is set, lyon has it off if off is set.
func withPolicies(forced, off bool) api.Snapshot {
	s := answered(four())
	for i := range s.Peers {
		s.Peers[i].Secagg = "optional"
	}
	if forced {
		s.Peers[0].Secagg = "forced"
		s.Warnings = append(s.Warnings, api.Warning{Code: api.WarnSecaggForced, Text: idNice + " forces it: an experiment without secagg=True fails"})
	}
	if off {
		s.Peers[1].Secagg = "off"
		s.Warnings = append(s.Warnings, api.Warning{Code: api.WarnSecaggOff, Text: idLyon + " has it off: one with secagg=True fails",
			Cure: "its operator sets secure_aggregation = True in that node's configuration, or leave it out of the experiment"})
	}
	if forced && off {
		s.Warnings = append(s.Warnings, api.Warning{Code: api.WarnSecaggContradiction,
			Text: "no experiment can satisfy both: with nodes of both kinds every one fails",
			Cure: "choose nodes of one kind for each experiment, or let their operators agree"})
	}
	return s
}

// refusedByPolicy is what `ready` answers then.
func refusedByPolicy() api.Ready {
	return api.Ready{Parties: four().Set.Parties, Agree: 4, Digest: four().Set.Digest, Obstacles: []api.Obstacle{
		{Code: api.ObstacleSecaggOff, Component: idLyon,
			Text: "lyon has secure aggregation off: an experiment with secagg=True fails; nice forces it: no experiment can satisfy both",
			Cure: "lyon's operator: secure_aggregation = True in that node's configuration; or leave it out: fbpeer ready --parties …"},
		{Code: api.ObstacleSecaggOff, Component: idRes, Text: idRes + " has secure aggregation off: an experiment with secagg=True fails",
			Cure: "secure_aggregation = True in this node's configuration; or leave it out: fbpeer ready --parties …"},
	}}
}

// policyScreens are the golden screens of policies.
func policyScreens() map[string]string {
	both := withPolicies(true, true)
	return map[string]string{
		"status-policy-forced": screens(withPolicies(true, false))["status"],
		"status-policy-off":    screens(withPolicies(false, true))["status"],
		"status-policy-both":   screens(both)["status"],
		"peers-policy":         screens(both)["peers"],
		"show-policy":          viewOf(both).showScreen(both.Peers[1]),
		"ready-policy":         viewAs(four()).readyScreen(four(), refusedByPolicy()),
	}
}

// TestPolicyIsNoFault: what nodes want is no mistake of this site, so that status exits 0; but it does not say ready where ready says no.
func TestPolicyIsNoFault(t *testing.T) {
	for _, test := range []struct {
		name        string
		forced, off bool
		ready       bool
	}{{"optional", false, false, true}, {"forced", true, false, true}, {"off", false, true, false}, {"both", true, true, false}} {
		s := withPolicies(test.forced, test.off)
		if found := obstacles(s); len(found) > 0 {
			t.Errorf("%s: %q", test.name, found)
		}
		if headline := viewOf(s).headline(s); strings.Contains(headline, "ready") != test.ready || strings.Contains(headline, "NOT READY") {
			t.Errorf("%s: %s", test.name, headline)
		}
	}
}

// TestPeersFit: the longest names, addresses and policies together.
func TestPeersFit(t *testing.T) {
	s := withPolicies(true, true)
	for i := range s.Peers {
		p := &s.Peers[i]
		p.Alias, p.Endpoint = "a-site-with-a-very-long-name-"+p.Alias, "mpspdz.department.hospital.example:14001"
		p.Connected, p.LastHeard = nil, pointer(noon.AddDate(0, 0, -3))
	}
	if text := viewOf(s).peersScreen(s); !fits(text) || !strings.Contains(text, "node, no secagg") {
		t.Errorf("\n%s", text)
	}
}

func TestPolicyTexts(t *testing.T) {
	for policy, want := range map[string]string{"": "", "optional": "optional: with or without secagg=True", "off": "off: an experiment with secagg=True fails",
		"forced": "forced: an experiment without secagg=True fails", "new\x1b": `new\x1b`} {
		if got := secaggText(policy); got != want {
			t.Errorf("%q: %s", policy, got)
		}
	}
}
