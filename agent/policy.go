package agent

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// policies are the components whose policy leaves an experiment no choice, each kind sorted. Fed-BioMed's nodes refuse a training that
// their policy does not allow, and with one node's refusal the round fails for all.
type policies struct {
	forced []string // refuse a training without secure aggregation
	off    []string // refuse one with it
}

// policiesOf reads the newest announcement of everybody who is approved here, and our own. A policy is reported and never held back:
// what a node announces is what it does.
func policiesOf(self api.Peer, peers []api.Peer) (p policies) {
	add := func(component, secagg string) {
		switch exchange.Secagg(secagg) {
		case exchange.SecaggForced:
			p.forced = append(p.forced, component)
		case exchange.SecaggOff:
			p.off = append(p.off, component)
		}
	}
	add(self.Component, self.Secagg)
	for _, other := range peers {
		if approvedState(other.State) {
			add(other.Component, other.Secagg)
		}
	}
	slices.Sort(p.forced)
	slices.Sort(p.off)
	return p
}

// among leaves the components that are asked about.
func (p policies) among(wanted []string) policies {
	other := func(component string) bool { return !slices.Contains(wanted, component) }
	return policies{forced: slices.DeleteFunc(slices.Clone(p.forced), other), off: slices.DeleteFunc(slices.Clone(p.off), other)}
}

// warnings say what the policies mean for experiments, one for each kind. Whoever starts experiments must know both kinds; at a node only
// what keeps a run from being ready counts.
func (p policies) warnings(role mpspdz.Role) []api.Warning {
	var all []api.Warning
	if role == mpspdz.PlainParty {
		return nil
	}
	researcher := role == mpspdz.Researcher
	if researcher && len(p.forced) > 0 {
		all = append(all, api.Warning{Code: api.WarnSecaggForced,
			Text: listed(p.forced, asIs) + verb(p.forced, " forces", " force") + " it: an experiment without secagg=True fails"})
	}
	if len(p.off) > 0 {
		all = append(all, api.Warning{Code: api.WarnSecaggOff,
			Text: listed(p.off, asIs) + verb(p.off, " has", " have") + " it off: one with secagg=True fails",
			Cure: verb(p.off, "its operator sets secure_aggregation = True in that node's configuration, or leave it out of the experiment",
				"their operators set secure_aggregation = True in those nodes' configurations, or leave them out of the experiment")})
	}
	if researcher && len(p.forced) > 0 && len(p.off) > 0 {
		all = append(all, api.Warning{Code: api.WarnSecaggContradiction, Text: "no experiment can satisfy both: with nodes of both kinds every one fails",
			Cure: "choose nodes of one kind for each experiment, or let their operators agree"})
	}
	return all
}

func verb(list []string, one, many string) string {
	if len(list) == 1 {
		return one
	}
	return many
}

func asIs(component string) string { return component }

// listedShown is how many components a sentence names.
const listedShown = 6

// listed is "a", "a and b", "a, b and 7 others".
func listed(components []string, name func(string) string) string {
	var parts []string
	for i, component := range components {
		if more := len(components) - i; i == listedShown && more > 1 {
			parts = append(parts, fmt.Sprintf("%d others", more))
			break
		}
		parts = append(parts, name(component))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// policies finds the members that refuse every training with secure aggregation. They may well agree on all values, so that they are
// not blamed for the set.
func (v *verdict) policies() {
	p := policiesOf(v.snapshot.Self, v.snapshot.Peers).among(v.question.wanted)
	contradiction := ""
	if len(p.forced) > 0 {
		contradiction = "; " + listed(p.forced, v.name) + verb(p.forced, " forces", " force") + " it: no experiment can satisfy both"
	}
	for _, component := range p.off {
		who, node := v.name(component)+"'s operator: ", "that"
		if component == v.snapshot.Self.Component {
			who, node = "", "this"
		}
		v.found = append(v.found, api.Obstacle{Code: api.ObstacleSecaggOff, Component: component,
			Text: v.name(component) + " has secure aggregation off: an experiment with secagg=True fails" + contradiction,
			Cure: who + "secure_aggregation = True in " + node + " node's configuration; or leave it out: fbpeer ready --parties …"})
	}
}
