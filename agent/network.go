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
	n.warnings = append(n.warnings, clockWarnings(stats.Skew)...)
	return n
}

// clockTolerance is how far a neighbour's clock may be off before it is named.
const clockTolerance = 30 * time.Second

// clockWarnings names the neighbours whose clock is off. If most of at least three are off to the same side, the clock that is wrong
// is ours.
func clockWarnings(skew map[peer.ID]time.Duration) []api.Warning {
	var all []api.Warning
	ahead, behind := 0, 0
	for _, id := range slices.Sorted(maps.Keys(skew)) {
		off := skew[id].Round(time.Second)
		switch {
		case off > clockTolerance:
			ahead++
		case off < -clockTolerance:
			behind++
		default:
			continue
		}
		all = append(all, api.Warning{Code: api.WarnClock, Text: fmt.Sprintf("the clock of %s differs from ours by %s", id, off), Cure: "set both by NTP"})
	}
	if most := max(ahead, behind); len(skew) >= 3 && 2*most > len(skew) {
		return []api.Warning{{Code: api.WarnClock, Text: fmt.Sprintf("the clocks of %d of %d neighbours differ alike from ours: ours is wrong", most, len(skew)),
			Cure: "set this machine's clock by NTP"}}
	}
	return all
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
