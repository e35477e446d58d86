package fleet

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/discovery"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// forgetAfter is how long a component of another machine stays approved while none of our agents is connected with its agent: longer
// than a lost connection takes to be noticed and made again.
const forgetAfter = 20 * time.Second

// lookAround notes which agents of other machines are there, of all that our own agents are connected with or have approved.
func (f *fleet) lookAround() {
	if !f.config.LAN {
		return
	}
	now, seen := f.now(), map[string]time.Time{}
	for _, m := range f.members {
		s, _ := f.snapshotOf(m.id)
		for _, p := range s.Peers {
			at, known := f.seen[p.PeerID]
			switch {
			case f.isOurs(p.PeerID) || f.departed[p.PeerID]:
			case p.Connected != nil && *p.Connected:
				seen[p.PeerID] = now
			case seen[p.PeerID].Equal(now): // another one of ours is connected with it
			case known:
				seen[p.PeerID] = at
			case p.ApprovedBy == Approver && !f.hasState(p.Component): // by an earlier run: it may come yet
				seen[p.PeerID] = now
			}
		}
	}
	f.seen = seen
}

// isOurs says whether an identity is that of one of our running agents.
func (f *fleet) isOurs(id string) bool {
	for _, m := range f.members {
		if s, ok := f.snapshotOf(m.id); ok && s.Self.PeerID == id {
			return true
		}
	}
	return false
}

// hasState says whether a component is, or was, one of this root.
func (f *fleet) hasState(component string) bool {
	if mpspdz.CheckComponentID(component) != nil {
		return false
	}
	_, err := os.Stat(filepath.Join(f.folder(), component))
	return err == nil
}

// present says whether an agent of another machine takes part: it is connected with one of ours, or was a moment ago.
func (f *fleet) present(id string) bool {
	at, seen := f.seen[id]
	return seen && f.now().Sub(at) <= forgetAfter
}

// elsewhere lists the components of other machines that take part, in party order: the researcher first, then by id.
func (f *fleet) elsewhere() []api.Peer {
	found := map[string]api.Peer{}
	for _, m := range f.running() {
		s, _ := f.snapshotOf(m.id)
		for _, p := range s.Peers {
			switch _, ours := f.snapshotOf(p.Component); {
			case ours || !f.present(p.PeerID):
			case p.State == api.StateRevoked || p.State == api.StateDenied || p.State == api.StateFormer:
			case found[p.PeerID].State != api.StateAccepted:
				found[p.PeerID] = p
			}
		}
	}
	all := make([]api.Peer, 0, len(found))
	for _, p := range found {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b api.Peer) int { return cmp.Or(compareOrder(a, b), cmp.Compare(a.PeerID, b.PeerID)) })
	return all
}

// twins says of which components of ours, or of other machines', there are two.
func (f *fleet) twins(elsewhere []api.Peer) (lines []string) {
	const cure = "a folder was copied: give one of them a configuration of its own, with another id"
	for i, p := range elsewhere {
		if i > 0 && elsewhere[i-1].Component == p.Component {
			lines = append(lines, fmt.Sprintf("two other agents announce the component %s; %s", p.Component, cure))
		}
	}
	for _, m := range f.running() {
		for _, n := range f.running() {
			s, _ := f.snapshotOf(n.id)
			if slices.ContainsFunc(s.Peers, func(p api.Peer) bool {
				return p.Component == m.id && p.State != api.StateFormer && !f.isOurs(p.PeerID) && f.present(p.PeerID)
			}) {
				lines = append(lines, fmt.Sprintf("another machine announces the component %s too; %s", m.id, cure))
				break
			}
		}
	}
	return lines
}

// lastAddress is the address that this root's components were announced at before, if it is still one of this machine: a restart then
// announces nothing new.
func (f *fleet) lastAddress() netip.Addr {
	files, _, err := fedbiomed.Find(f.root)
	if !f.config.LAN || err != nil {
		return netip.Addr{}
	}
	for _, file := range files {
		c, err := f.loadOne(file)
		if err != nil {
			continue
		}
		if address := agent.Advertised(c); discovery.IsLocal(address) {
			return address
		}
	}
	return netip.Addr{}
}

// advertise has all components whose configuration says localhost announced at the address of this machine that other machines reach.
func (f *fleet) advertise(ctx context.Context) {
	if !f.config.LAN {
		return
	}
	var through []netip.Addr
	held := false
	for _, m := range f.members {
		for _, member := range m.agent.Members() {
			if !member.Local && member.Own.Is4() && !member.Own.IsLoopback() {
				through = append(through, member.Own)
			}
		}
		s, _ := f.snapshotOf(m.id)
		held = held || slices.ContainsFunc(s.Peers, func(p api.Peer) bool {
			return !f.isOurs(p.PeerID) && (p.ApprovedBy == Approver || f.present(p.PeerID))
		})
	}
	f.address = chooseAddress(f.address, through, held)
	for _, m := range f.members {
		if m.told == f.address {
			continue
		}
		if err := m.agent.Advertise(ctx, f.address); err == nil {
			m.told = f.address
		}
	}
}

// chooseAddress decides at which address of this machine it is announced, zero for none. through are our own addresses on the live
// connections with other machines. The present one stays as long as one of them uses it, so that it does not change back and forth
// on a machine with several interfaces; else it is the one that most use, the lowest of several. Without any connection it stays while
// components of other machines are approved, or were there a moment ago (held), for they know us by it.
func chooseAddress(present netip.Addr, through []netip.Addr, held bool) netip.Addr {
	if len(through) == 0 {
		if held {
			return present
		}
		return netip.Addr{}
	}
	if slices.Contains(through, present) {
		return present
	}
	uses := map[netip.Addr]int{}
	for _, address := range through {
		uses[address]++
	}
	return slices.MinFunc(through, func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(uses[b], uses[a]), a.Compare(b)) })
}

// request is what one of ours is to do about a component of another machine, if anything.
func (f *fleet) request(s api.Snapshot, p api.Peer) (r api.TrustRequest, due bool) {
	r = api.TrustRequest{Action: api.ActionApprove, Component: p.Component, PeerID: p.PeerID, Announcement: p.Announcement, By: Approver}
	endpoint := p.Endpoint
	if p.Announced != nil {
		endpoint = p.Announced.Endpoint
	}
	// Between machines a loopback address is one that is about to be replaced.
	if e, err := mpspdz.ParseEndpoint(endpoint); err != nil || e.IsLoopback() && f.address.IsValid() {
		return r, false
	}
	switch p.State {
	case api.StatePending, api.StateChanged:
		return r, true
	case api.StateConflict:
		r.Replace = true
		// Who is approved for that component and is there as well is not replaced: twins says so.
		return r, !slices.ContainsFunc(s.Peers, func(other api.Peer) bool {
			return other.Component == p.Component && other.PeerID != p.PeerID && other.State != api.StateRevoked && f.present(other.PeerID)
		})
	}
	return r, false
}
