package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"fbpeer/agent/api"
	"fbpeer/discovery"
)

// network is what the agent sees around itself now.
func (l *loop) network() network {
	n := network{running: true, members: map[peer.ID]discovery.Member{}, listen: listenAddrs(l.host)}
	for _, member := range l.discovery.Members() {
		n.members[member.Peer] = member
	}
	if l.core.self.registration.Endpoint.IsLoopback() && len(elsewhere(n)) > 0 {
		n.local = discovery.LocalAddresses()
	}
	for _, text := range l.discovery.Warnings() {
		n.warnings = append(n.warnings, api.Warning{Code: api.WarnDiscovery, Text: text})
	}
	stats := l.exchange.Stats()
	for _, id := range slices.Sorted(maps.Keys(stats.NewerVersion)) {
		n.warnings = append(n.warnings, api.Warning{Code: api.WarnNewerVersion, Text: id.String() + " needs a newer fbpeer here", Cure: "install the release that it uses"})
	}
	n.warnings = append(n.warnings, clockWarnings(stats.Skew, l.core.calledHere)...)
	return n
}

// clockTolerance is how far a neighbour's clock may be off before it is named.
const clockTolerance = 30 * time.Second

// clockWarnings names the neighbours whose clock is off. If most of at least three are off to the same side, the clock that is wrong
// is ours.
func clockWarnings(skew map[peer.ID]time.Duration, name func(peer.ID) string) []api.Warning {
	var all []api.Warning
	var ahead, behind []time.Duration
	for _, id := range slices.Sorted(maps.Keys(skew)) {
		off := skew[id].Round(time.Second)
		switch {
		case off > clockTolerance:
			ahead = append(ahead, off)
		case off < -clockTolerance:
			behind = append(behind, off)
		default:
			continue
		}
		all = append(all, api.Warning{Code: api.WarnClock, Text: "the clock of " + name(id) + " is " + offText(off) + " ours: " + clockMatters,
			Cure: "set both by NTP"})
	}
	for _, alike := range [][]time.Duration{ahead, behind} {
		if len(skew) < 3 || 2*len(alike) <= len(skew) {
			continue
		}
		slices.Sort(alike)
		return []api.Warning{{Code: api.WarnClock, Cure: "set this machine's clock by NTP", Text: fmt.Sprintf("this machine's clock is %s that of the others (%d of %d neighbours say so alike): %s",
			offText(-alike[len(alike)/2]), len(alike), len(skew), clockMatters)}}
	}
	return all
}

// clockMatters is what follows from a clock that is wrong.
const clockMatters = "what is more than 5 minutes ahead is not taken"

// offText is "3m0s ahead of" or "3m0s behind".
func offText(off time.Duration) string {
	if off < 0 {
		return (-off).String() + " behind"
	}
	return off.String() + " ahead of"
}

// calledHere names an identity by its component, if one is known.
func (k *core) calledHere(id peer.ID) string {
	if entry, approved := k.list.ByPeer(id); approved {
		if entry.Alias != "" {
			return entry.Alias + " (" + entry.Component + ")"
		}
		return entry.Component
	}
	if a := k.newest[id]; a != nil {
		return a.Component + " (" + id.String() + ")"
	}
	return id.String()
}

// address is one entry of addresses.json: where an accepted peer was reached.
type address struct {
	Peer      string   `json:"peer_id"`
	Addresses []string `json:"addresses"` // multiaddresses, sorted
}

// readAddresses gives the peers to dial first. A damaged file costs only time: everything in it is learned again.
func (s store) readAddresses() ([]peer.AddrInfo, []byte) {
	data, err := os.ReadFile(s.path(fileAddresses))
	if err != nil {
		return nil, nil
	}
	var stored []address
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, nil
	}
	var known []peer.AddrInfo
	for _, entry := range stored {
		id, err := peer.Decode(entry.Peer)
		if err != nil {
			continue
		}
		info := peer.AddrInfo{ID: id}
		for _, text := range entry.Addresses {
			if m, err := multiaddr.NewMultiaddr(text); err == nil {
				info.Addrs = append(info.Addrs, m)
			}
		}
		known = append(known, info)
	}
	return known, data
}

// onLoopback keeps those addresses that lead to this machine alone.
func onLoopback(known []peer.AddrInfo) []peer.AddrInfo {
	kept := make([]peer.AddrInfo, 0, len(known))
	for _, info := range known {
		info.Addrs = multiaddr.FilterAddrs(info.Addrs, manet.IsIPLoopback)
		kept = append(kept, info)
	}
	return kept
}

func addressesFile(known []peer.AddrInfo) ([]byte, error) {
	stored := make([]address, 0, len(known))
	for _, info := range known {
		entry := address{Peer: info.ID.String()}
		for _, m := range info.Addrs {
			entry.Addresses = append(entry.Addresses, m.String())
		}
		slices.Sort(entry.Addresses)
		if len(entry.Addresses) > 0 {
			stored = append(stored, entry)
		}
	}
	slices.SortFunc(stored, func(a, b address) int { return bytes.Compare([]byte(a.Peer), []byte(b.Peer)) })
	data, err := json.MarshalIndent(stored, "", "  ")
	return append(data, '\n'), err
}

// keepAddresses writes where the accepted peers were reached, if that changed, and has them dialled for ever from now on: others are
// given up after a while.
func (l *loop) keepAddresses() {
	var accepted []peer.ID
	for _, entry := range l.core.list.Entries() {
		if l.listed(entry.Peer) {
			accepted = append(accepted, entry.Peer)
		}
	}
	known := l.discovery.Known(accepted)
	for _, info := range known {
		if !l.kept[info.ID] && len(info.Addrs) > 0 {
			l.kept[info.ID] = true
			l.discovery.Add(info, discovery.ViaKnown)
		}
	}
	data, err := addressesFile(known)
	if err != nil || bytes.Equal(data, l.known) {
		return
	}
	if err := l.core.store.write(l.core.store.path(fileAddresses), data); err != nil {
		l.options.Log.Warn().Err(err).Msg("addresses could not be kept")
		return
	}
	l.known = data
}
