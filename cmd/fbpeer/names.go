package main

import (
	"encoding/hex"
	"sort"
	"strings"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// names shortens the component ids of one snapshot, only as far as they stay unique among them.
type names struct {
	ids     []string
	aliases map[string]string // component -> alias
	claims  map[string]int    // component -> identities that claim it
}

func namesOf(s api.Snapshot) names {
	n := names{aliases: map[string]string{}, claims: map[string]int{}}
	for _, p := range append([]api.Peer{s.Self}, s.Peers...) {
		if n.claims[p.Component] == 0 {
			n.ids = append(n.ids, p.Component)
		}
		n.claims[p.Component]++
		if p.Alias != "" {
			n.aliases[p.Component] = p.Alias
		}
	}
	sort.Strings(n.ids)
	return n
}

// prefix is the shortest unique beginning of id that is worth reading: four digits of a UUID, or a plain name as it is.
func (n names) prefix(id string) string {
	least := 20
	if i := strings.LastIndex(id, "_"); i >= 0 && len(id)-i-1 >= 8 {
		least = i + 5
	}
	for ; least < len(id); least++ {
		unique := true
		for _, other := range n.ids {
			if other != id && strings.HasPrefix(other, id[:least]) {
				unique = false
			}
		}
		if unique {
			break
		}
	}
	// An ellipsis for two characters would save nothing.
	if least+2 >= len(id) {
		return id
	}
	return id[:least]
}

// short is the id, with an ellipsis where something was left out.
func (n names) short(id string) string {
	if p := n.prefix(id); len(p) < len(id) {
		return show(p) + "…"
	}
	return show(id)
}

// brief is the alias, else the short id.
func (n names) brief(component string) string {
	if alias := n.aliases[component]; alias != "" {
		return show(alias)
	}
	return n.short(component)
}

// called is the alias with the short id in brackets, else the short id.
func (n names) called(component string) string {
	if alias := n.aliases[component]; alias != "" {
		return show(alias) + " (" + n.short(component) + ")"
	}
	return n.short(component)
}

// name is what a peer is called; one that is known by its identity alone is called by that.
func (n names) name(p api.Peer) string {
	if p.Component == "" {
		return "@" + show(p.PeerID)
	}
	if n.claims[p.Component] < 2 {
		return n.called(p.Component)
	}
	name := n.called(p.Component)
	if p.Alias == "" { // if there is one, it is another identity's
		name = n.short(p.Component)
	}
	return name + " @…" + show(p.PeerID[max(0, len(p.PeerID)-6):])
}

// typed is what to type for this peer: the alias or the shortest unique prefix; with the identity where several claim the component, or
// where another one is called that.
func (n names) typed(p api.Peer) string {
	prefix := ""
	if p.Component != "" {
		prefix = n.prefix(p.Component)
	}
	switch {
	case p.Component == "", n.claims[p.Component] > 1, n.anothersAlias(prefix, p.Component):
		return shellWord(show(prefix + "@" + p.PeerID))
	case n.aliases[p.Component] != "":
		return shellWord(show(n.aliases[p.Component]))
	}
	return shellWord(show(prefix))
}

func (n names) anothersAlias(name, component string) bool {
	for other, alias := range n.aliases {
		if alias == name && other != component {
			return true
		}
	}
	return false
}

// show escapes at the edge whatever may have come from a peer.
func show(s string) string { return exchange.ShowText(s) }

// shortHash is enough of "SHA256:…" to tell a few apart at a glance; never to be compared by telephone.
func shortHash(s string) string {
	const prefix, digits = "SHA256:", 8
	if rest, ok := strings.CutPrefix(s, prefix); ok && len(rest) > digits {
		return prefix + show(rest[:digits]) + "…"
	}
	return show(s)
}

// shortDigest is the eight hexadecimal digits by which a set is called.
func shortDigest(s string) string {
	if h, err := mpspdz.ParseHash(s); err == nil {
		return hex.EncodeToString(h[:4])
	}
	return show(s[:min(8, len(s))])
}

// offered is what an approval of p would approve: what is announced, where it differs from what is in force.
func offered(p api.Peer) api.Announced {
	if p.Announced != nil {
		return *p.Announced
	}
	a := api.Announced{Component: p.Component, Role: p.Role, Endpoint: p.Endpoint, Fingerprint: p.Fingerprint, Words: p.Words, Hash: p.Announcement}
	if p.Certificate != nil {
		a.Certificate = *p.Certificate
	}
	if p.Issued != nil {
		a.Issued = *p.Issued
	}
	return a
}

// approvedOf is the approved identity of the component that p claims, nil if there is none but p.
func approvedOf(s api.Snapshot, p api.Peer) *api.Peer {
	for i, other := range s.Peers {
		if other.Component == p.Component && other.PeerID != p.PeerID && (other.State == api.StateAccepted || other.State == api.StateChanged) {
			return &s.Peers[i]
		}
	}
	return nil
}

// ofState lists the peers in one of the states, in the snapshot's order.
func ofState(peers []api.Peer, states ...string) []api.Peer {
	var out []api.Peer
	for _, p := range peers {
		for _, state := range states {
			if p.State == state {
				out = append(out, p)
			}
		}
	}
	return out
}
