package main

import (
	"slices"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// secaggText is a node's policy and what it means for who starts experiments.
func secaggText(policy string) string {
	switch exchange.Secagg(policy) {
	case exchange.SecaggForced:
		return "forced: an experiment without secagg=True fails"
	case exchange.SecaggOff:
		return "off: an experiment with secagg=True fails"
	case exchange.SecaggOptional:
		return "optional: with or without secagg=True"
	}
	return show(policy)
}

// roleText is a peer's role, with its policy where that leaves an experiment no choice.
func roleText(p api.Peer) string {
	switch exchange.Secagg(p.Secagg) {
	case exchange.SecaggForced:
		return show(p.Role) + ", secagg only"
	case exchange.SecaggOff:
		return show(p.Role) + ", no secagg"
	}
	return show(p.Role)
}

// notice is a warning about the whole federation in `status`. What policies mean is nothing that went wrong.
func (v view) notice(w api.Warning) string {
	switch w.Code {
	case api.WarnSecaggForced, api.WarnSecaggOff, api.WarnSecaggContradiction:
		return wrap("SECAGG   ", v.renamed(v.sentence(w)), "         ")
	}
	return wrap("WARNING  ", v.sentence(w), "         ")
}

// refusesSecagg says whether `ready` answers no because of a node's policy alone.
func refusesSecagg(s api.Snapshot) bool {
	return slices.ContainsFunc(s.Warnings, func(w api.Warning) bool { return w.Code == api.WarnSecaggOff })
}
