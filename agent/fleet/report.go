package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// report tells of progress, and of agreement.
func (f *fleet) report() {
	members := f.running()
	p := Progress{Components: len(members)}
	snapshots := make([]api.Snapshot, 0, len(members))
	agreement := ""
	agreed := len(members) >= minimum && len(f.problems) == 0
	for _, m := range members {
		s, ok := f.snapshotOf(m.id)
		if !ok {
			agreed = false
			continue
		}
		s.Matrix = f.matrix(s)
		snapshots = append(snapshots, s)
		registered := f.registered(m, s)
		p.Registered += registered
		if s.Connected >= len(members)-1 {
			p.Connected++
			m.up = true
		}
		written := s.Set != nil && len(s.Set.Parties) == len(members)
		if written {
			p.Written++
		}
		agreed = agreed && m.up && written && registered == len(members)-1 && sameSet(s, snapshots[0])
		agreement += s.Self.Announcement + " "
	}
	p.Waiting = f.waiting(len(members), snapshots, agreed)
	f.tell(p)
	if !agreed {
		f.agreement = ""
		return
	}
	if agreement != f.agreement {
		f.agreement = agreement
		if f.config.Ready != nil {
			f.config.Ready(snapshots)
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

// registered counts the other members that one has registered with the values that they announce.
func (f *fleet) registered(m *member, s api.Snapshot) int {
	count := 0
	for _, other := range f.members {
		if other != m && f.cell(s, other.id) == api.CellOK {
			count++
		}
	}
	return count
}

// waiting says why the components cannot agree, one line for each reason.
func (f *fleet) waiting(running int, snapshots []api.Snapshot, agreed bool) string {
	if agreed {
		return ""
	}
	lines := slices.Clone(f.problems)
	if running < minimum {
		noun := "components"
		if running == 1 {
			noun = "component"
		}
		return strings.Join(append(lines, fmt.Sprintf("%d %s in etc/, at least %d are needed", running, noun, minimum)), "\n")
	}
	lines = append(lines, slices.Sorted(maps.Values(f.refusals))...)
	for _, s := range snapshots {
		// What all would lack is said once, and only when nothing is left to approve.
		if s.NoSet != nil && s.Members >= running && !slices.Contains(lines, s.NoSet.Text) && f.cellsDone(s) {
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
				row.Cells = append(row.Cells, api.Cell{Of: of, State: cellOf(all[id], all[of].Self)})
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

func sameValues(a, b api.Peer) bool {
	return a.Endpoint == b.Endpoint && a.Certificate != nil && b.Certificate != nil && a.Certificate.SHA256 == b.Certificate.SHA256
}

func sameSet(a, b api.Snapshot) bool {
	return a.Set != nil && b.Set != nil && a.Set.Digest == b.Set.Digest
}
