package main

import (
	"errors"
	"fmt"
	"slices"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

// partySetOf makes the set that an agent gave, and checks that it is the one that it says: order, values and digest.
func partySetOf(given api.PartySet) (mpspdz.PartySet, error) {
	var parties []mpspdz.Party
	for i, p := range given.Parties {
		party, err := partyOf(p)
		if err == nil && p.Party != i {
			err = fmt.Errorf("it is party %d, and stands where party %d belongs", p.Party, i)
		}
		if err != nil {
			return mpspdz.PartySet{}, fmt.Errorf("the set holds %s, whose values cannot be used: %w", show(p.Component), err)
		}
		parties = append(parties, party)
	}
	newSet := mpspdz.NewOrderedPartySet // the order of a named set is its proposer's
	if slices.ContainsFunc(parties, func(p mpspdz.Party) bool { return p.Role != mpspdz.PlainParty }) {
		newSet = mpspdz.NewPartySet
	}
	set, err := newSet(parties)
	var reason *mpspdz.SetError
	switch {
	case errors.As(err, &reason):
		return mpspdz.PartySet{}, refused(reason.Cure, "these parties make no set: %w", err)
	case err != nil:
		return mpspdz.PartySet{}, err
	case set.Digest().String() != given.Digest || given.Party < 0 || given.Party >= set.Len():
		return mpspdz.PartySet{}, refused("restart the agent, if this fbpeer is newer or older than it: fbpeer run",
			"the agent's set %s is not what its parties make (%s)", shortDigest(given.Digest), shortDigest(set.Digest().String()))
	}
	return set, nil
}

func partyOf(p api.Party) (mpspdz.Party, error) {
	role, err := mpspdz.ParseRole(p.Role)
	if err != nil {
		return mpspdz.Party{}, err
	}
	endpoint, err := mpspdz.ParseEndpoint(p.Endpoint)
	if err != nil {
		return mpspdz.Party{}, err
	}
	certificate, err := mpspdz.ParseLeafPEM([]byte(p.Certificate))
	if err != nil {
		return mpspdz.Party{}, err
	}
	return mpspdz.Party{Component: p.Component, Role: role, Endpoint: endpoint, Certificate: certificate}, nil
}

// ownOf is what only this site knows of the set: who it is, and the port that MP-SPDZ binds.
func ownOf(given api.PartySet) (mpspdz.Own, error) {
	if given.BindPort < 1 || given.BindPort > 65535 {
		return mpspdz.Own{}, fmt.Errorf("the agent names port %d for MP-SPDZ to bind", given.BindPort)
	}
	return mpspdz.Own{Component: given.Parties[given.Party].Component, BindPort: uint16(given.BindPort)}, nil
}
