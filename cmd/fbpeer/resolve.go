package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"fbpeer/agent/api"
)

// resolve finds the peers that COMPONENT means: an id, an alias, COMPONENT@PEERID, a unique prefix of an id, or @PEERID for
// an identity of which only the trust list knows. All of them claim one component; several, where several identities do.
func resolve(s api.Snapshot, arg string) ([]api.Peer, error) {
	name, identity, whole := strings.Cut(arg, "@")
	// An identity is itself, even where its component's id is another one's alias.
	for _, p := range append([]api.Peer{s.Self}, s.Peers...) {
		if whole && identity != "" && p.PeerID == identity && strings.HasPrefix(p.Component, name) {
			return []api.Peer{p}, nil
		}
	}
	component := ""
	if name != "" || !whole {
		var err error
		if component, err = resolveComponent(s, name); err != nil {
			return nil, err
		}
	}
	var found []api.Peer
	for _, p := range append([]api.Peer{s.Self}, s.Peers...) {
		if (component == "" || p.Component == component) && (!whole || p.PeerID == identity) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil, refused("fbpeer peers", "%s: no such identity claims this component", show(arg))
	}
	return found, nil
}

func resolveComponent(s api.Snapshot, name string) (string, error) {
	all := append([]api.Peer{s.Self}, s.Peers...)
	// The operator's own names come first: a stranger may announce an alias as its id.
	for _, p := range all {
		if name != "" && p.Alias == name {
			return p.Component, nil
		}
	}
	starting := map[string]bool{}
	for _, p := range all {
		if name != "" && strings.HasPrefix(p.Component, name) {
			starting[p.Component] = true
		}
	}
	if starting[name] {
		return name, nil
	}
	var ids []string
	for id := range starting {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	switch len(ids) {
	case 0:
		return "", refused("fbpeer peers lists everything heard", "%q: no component with this id, prefix or alias has been heard", name)
	case 1:
		return ids[0], nil
	}
	return "", usage("give more of the id", "%q is the beginning of several components: %s", name, strings.Join(ids, ", "))
}

// single demands that one identity is meant, and not ourselves.
func single(s api.Snapshot, arg string, found []api.Peer) (api.Peer, error) {
	if len(found) == 1 && found[0].PeerID == s.Self.PeerID && found[0].Component == s.Self.Component {
		return api.Peer{}, usage("fbpeer peers", "%s is this component itself", show(arg))
	}
	if len(found) > 1 {
		var forms []string
		for _, p := range found {
			if p.PeerID != s.Self.PeerID {
				forms = append(forms, fmt.Sprintf("%s@%s (%s)", p.Component, p.PeerID, p.State))
			}
		}
		hint := "say which: COMPONENT@PEERID"
		if slices.ContainsFunc(found, func(p api.Peer) bool { return p.State == api.StateAccepted || p.State == api.StateChanged }) {
			hint += "; fbpeer status says what to type where one takes the place of the approved one"
		}
		return api.Peer{}, usage(hint, "several identities claim %s: %s", show(found[0].Component), strings.Join(forms, ", "))
	}
	return found[0], nil
}

// standing leaves out identities that this site has refused, if others claim the component too.
func standing(found []api.Peer) []api.Peer {
	if open := ofState(found, api.StateAccepted, api.StateChanged, api.StateConflict, api.StatePending); len(found) > 1 && len(open) > 0 {
		return open
	}
	return found
}

// target is the one peer that COMPONENT means for a decision. Refused identities do not make it ambiguous, and a replacement
// is one by another identity than the approved one. Of several, the one that a whole fingerprint is of is meant, if one is given (--from):
// nobody else can have it, and who claims another's component must not spoil a list.
func target(s api.Snapshot, arg string, replace bool, fingerprint string) (api.Peer, error) {
	found, err := resolve(s, arg)
	if err != nil {
		return api.Peer{}, err
	}
	found = standing(found)
	if len(found) > 1 && fingerprint != "" {
		for _, p := range found {
			if matches(p, fingerprint) == nil || meansNext(p, fingerprint) {
				return single(s, arg, []api.Peer{p})
			}
		}
	}
	if replace && len(found) > 1 {
		if others := ofState(found, api.StateConflict, api.StatePending); len(others) > 0 {
			found = others
		}
	}
	return single(s, arg, found)
}
