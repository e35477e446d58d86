package main

import (
	"fmt"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

// readyScreen is the answer of `ready`.
func (v view) readyScreen(s api.Snapshot, r api.Ready) string {
	if r.OK {
		return fmt.Sprintf("ready: %s (set %s)\n", agreement(len(r.Parties)), shortDigest(r.Digest))
	}
	return "not ready:\n" + v.obstacleTable(s, r.Obstacles)
}

// filesOfChoice says, after a yes about a choice of plain parties, that its player files are still to be written, and what they prove.
func (v view) filesOfChoice(s api.Snapshot, r api.Ready, chosen selection) string {
	if !r.OK || len(chosen.words) == 0 || s.Self.Role != string(mpspdz.PlainParty) {
		return ""
	}
	return "No agent writes the player files of a choice. Each of these sites does, in a folder of its own; here:\n" +
		"    " + v.prog + " players write --dir DIR" + chosen.typed() + "\n" +
		"They hold no numbered certificates: swapped lines would go unnoticed. A set with them is proposed:\n" +
		"    " + v.prog + " set propose NAME" + chosen.typed() + "\n"
}

// waitingFor says what is waited for, and the first reason.
func (v view) waitingFor(s api.Snapshot, r api.Ready) (what, why string) {
	what = "waiting for a set"
	if n := len(r.Parties); n > 0 {
		what = fmt.Sprintf("waiting for %s   %d of %d agree", count(n, "party", "parties"), r.Agree, n)
	}
	if len(r.Obstacles) == 0 {
		return what, ""
	}
	first := v.deed(s, r.Obstacles[0])
	why = first.who + " " + first.what
	if more := len(r.Obstacles) - 1; more > 0 {
		why += fmt.Sprintf(" (and %d more)", more)
	}
	return what, why
}
