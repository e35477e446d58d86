package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// report tells of progress, and of agreement.
func (f *fleet) report(ctx context.Context) {
	members, elsewhere := f.running(), f.elsewhere()
	parties := len(members) + len(elsewhere)
	p := Progress{Components: len(members), Elsewhere: len(elsewhere)}
	twins := f.twins(elsewhere)
	f.met = f.met || len(elsewhere) > 0
	alone := f.config.LAN && f.config.Federation != "" && !f.met
	snapshots := make([]api.Snapshot, 0, len(members))
	agreement := ""
	agreed := len(members) > 0 && parties >= minimum && len(f.problems) == 0 && len(twins) == 0 && !alone
	for _, m := range members {
		s, ok := f.snapshotOf(m.id)
		if !ok {
			agreed = false
			continue
		}
		snapshots = append(snapshots, s)
		registered := f.registered(m, s, elsewhere)
		p.Registered += registered
		if s.Connected >= parties-1 {
			p.Connected++
			m.up = true
		}
		written := s.Set != nil && len(s.Set.Parties) == parties
		if written {
			p.Written++
		}
		agreed = agreed && m.up && written && registered == parties-1 && sameSet(s, snapshots[0])
		agreement += s.Self.Announcement + " "
	}
	for _, other := range elsewhere {
		agreement += other.PeerID + " " + other.Announcement + " "
	}
	var unverified []string
	if agreed && len(elsewhere) > 0 && !f.verified(ctx, members[0], agreement) {
		agreed, unverified = false, f.unverified()
	}
	lines := slices.Concat(f.problems, twins, unverified)
	if alone && parties >= minimum && len(twins) == 0 {
		lines = append(lines, "no other machine's dev agents are found yet, and the federation file that was given says that there is one")
	}
	p.Waiting = f.waiting(p, snapshots, lines, agreed)
	f.tell(p)
	if !agreed {
		f.agreement = ""
		return
	}
	if agreement != f.agreement {
		f.agreement = agreement
		if f.config.Ready != nil {
			if !f.config.LAN {
				matrix := f.matrix(snapshots[0]) // one for all: its cost grows with the cube of their number
				for i := range snapshots {
					snapshots[i].Matrix = matrix
				}
			}
			f.config.Ready(Agreement{Here: snapshots, Elsewhere: elsewhere})
		}
	}
}

// tell calls Progress if something changed.
func (f *fleet) tell(p Progress) {
	if p == f.reported || f.config.Progress == nil {
		return
	}
	f.reported = p
	p.Elapsed = f.now().Sub(f.started)
	f.config.Progress(p)
}

// registered counts the others that a member has registered with the values that they announce.
func (f *fleet) registered(m *member, s api.Snapshot, elsewhere []api.Peer) int {
	count := 0
	for _, other := range f.members {
		if other != m && f.cell(s, other.id) == api.CellOK {
			count++
		}
	}
	for _, other := range elsewhere {
		if slices.ContainsFunc(s.Peers, func(p api.Peer) bool { return p.PeerID == other.PeerID && agent.OwnCell(p) == api.CellOK }) {
			count++
		}
	}
	return count
}

// waiting says why the components cannot agree, one line for each reason; lines are those that are known already.
func (f *fleet) waiting(p Progress, snapshots []api.Snapshot, lines []string, agreed bool) string {
	if agreed {
		return ""
	}
	if p.Components+p.Elsewhere < minimum {
		return strings.Join(append(lines, f.tooFew(p)), "\n")
	}
	lines = append(lines, slices.Sorted(maps.Values(f.refusals))...)
	for _, s := range snapshots {
		// What all would lack is said once, and only when nothing is left to approve.
		if s.NoSet != nil && s.Members >= p.Components+p.Elsewhere && !slices.Contains(lines, s.NoSet.Text) && f.cellsDone(s) {
			lines = append(lines, s.NoSet.Text)
		}
		for _, w := range s.Warnings {
			if w.Code == api.WarnNoDatabase || w.Code == api.WarnRegistry || w.Code == api.WarnPlayers || w.Code == api.WarnStore || w.Error {
				lines = append(lines, s.Self.Component+": "+w.Text)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// tooFew says how many components there are.
func (f *fleet) tooFew(p Progress) string {
	noun := "components"
	if p.Components == 1 {
		noun = "component"
	}
	others := ""
	switch {
	case f.config.LAN && p.Elsewhere == 0:
		others = ", and no other machine's dev agents are found yet"
	case f.config.LAN:
		others = fmt.Sprintf(", and %d on other machines", p.Elsewhere)
	}
	return fmt.Sprintf("%d %s in etc/%s, at least %d are needed", p.Components, noun, others, minimum)
}

// cellsDone says whether a member has approved all others.
func (f *fleet) cellsDone(s api.Snapshot) bool {
	for _, m := range f.members {
		if cell := f.cell(s, m.id); m.id != s.Self.Component && cell != api.CellOK && cell != api.CellNo {
			return false
		}
	}
	return true
}

// matrix says who has registered whom, in the whole fleet.
func (f *fleet) matrix(s api.Snapshot) *api.Matrix {
	f.mutex.Lock()
	all := maps.Clone(f.snapshots)
	f.mutex.Unlock()
	all[s.Self.Component] = s
	ids := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return compareOrder(all[a].Self, all[b].Self)
	})
	m := &api.Matrix{}
	for _, id := range ids {
		row := api.MatrixRow{Component: id}
		for _, of := range ids {
			if of != id {
				row.Cells = append(row.Cells, api.Cell{Of: of, State: cellOf(all[id], all[of].Self), Ahead: aheadOf(all[id], of)})
			}
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

// cell is what the owner of a snapshot has registered of another member.
func (f *fleet) cell(s api.Snapshot, of string) string {
	other, ok := f.snapshotOf(of)
	if !ok {
		return api.CellUnknown
	}
	return cellOf(s, other.Self)
}

// cellOf compares what stands at one component with what the other says of itself.
func cellOf(s api.Snapshot, other api.Peer) string {
	for _, p := range s.Peers {
		if p.PeerID != other.PeerID || p.Component != other.Component {
			continue
		}
		cell := agent.OwnCell(p)
		switch {
		case cell == "":
			return api.CellNo
		case cell == api.CellOK && !sameValues(p, other):
			return api.CellOld
		}
		return cell
	}
	return api.CellUnknown
}

// aheadOf says whether the owner of a snapshot has approved another member's key to come ahead.
func aheadOf(s api.Snapshot, of string) bool {
	for _, p := range s.Peers {
		if p.Component == of && p.Next != nil && p.Next.Approved {
			return true
		}
	}
	return false
}

func sameValues(a, b api.Peer) bool {
	return a.Endpoint == b.Endpoint && a.Certificate != nil && b.Certificate != nil && a.Certificate.SHA256 == b.Certificate.SHA256
}

func sameSet(a, b api.Snapshot) bool {
	return a.Set != nil && b.Set != nil && a.Set.Digest == b.Set.Digest
}
