package agent

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/trust"
)

// takenShown is how long a change that needs no decision is shown in status: one that a policy took over, or that is only reported.
const takenShown = 24 * time.Hour

// takenOver is what a policy took over of one identity.
type takenOver struct {
	at      time.Time // approved_at of the entry
	changes []trust.Change
}

// takeOver writes what [trust] accept_changes covers into trust.ini: the pins follow the announcement, and approved_by says policy. Everything
// else of the commit comes of the list, as after an approval, so that a crash at any point ends alike. late: it could not be written and
// is tried again; the former values stay.
func (k *core) takeOver(now time.Time) (late bool) {
	warning := api.Warning{Code: api.WarnTrustList, Text: "a change that [trust] accept_changes covers could not be written",
		Cure: "make " + k.config.TrustList + " writable, or approve the change yourself"}
	// Once one has moved, another may take its former place.
	for range len(k.list.Entries()) + 1 {
		if len(k.evaluation.Takeovers) == 0 {
			return false
		}
		late := k.amend(warning, func(list trust.List) (_ trust.List, err error) {
			for _, t := range k.evaluation.Takeovers {
				if list, err = list.Approve(t.TakenOver(now)); err != nil {
					break
				}
			}
			return list, err
		}, func() {
			for _, t := range k.evaluation.Takeovers {
				k.recordTakeover(t, now)
			}
		}, now)
		if late {
			return true
		}
	}
	return false
}

// listUntouched says whether trust.ini still is as it was last read or written: an edit by hand is taken over only when it has stood still for
// a moment, and is not to be written over meanwhile.
func (k *core) listUntouched() bool {
	data, err := os.ReadFile(k.config.TrustList)
	return err == nil && bytes.Equal(data, k.listFile)
}

func (k *core) recordTakeover(t trust.Takeover, now time.Time) {
	k.taken[t.Entry.Peer] = takenOver{at: t.TakenOver(now).ApprovedAt, changes: t.Changes}
	r := trust.LogRecord{Event: trust.EventPolicy, Component: t.Entry.Component, Peer: t.Entry.Peer.String(), By: trust.ByPolicy, Changes: t.Changes,
		Text: fmt.Sprintf("taken over by [trust] accept_changes = %s: %s", strings.Join(k.config.AcceptChanges, ", "), changedTo(t.Changes))}
	if a := k.newest[t.Entry.Peer]; a != nil {
		r.Fingerprint = a.Fingerprint().String()
	}
	k.record(r, now)
}

// changedTo is one line: what was, and what is.
func changedTo(changes []trust.Change) string {
	parts := make([]string, 0, len(changes))
	for _, c := range changes {
		parts = append(parts, fmt.Sprintf("%s %s -> %s", c.Field, c.Old, c.New))
	}
	return strings.Join(parts, ", ")
}

// warnTaken tells for a day what a policy took over. After a restart the log alone knows the former values.
func (k *core) warnTaken(p *api.Peer, id peer.ID, entry trust.Entry, now time.Time) {
	if entry.ApprovedBy != trust.ByPolicy || now.Sub(entry.ApprovedAt) >= takenShown || now.Before(entry.ApprovedAt.Add(-takenShown)) {
		return
	}
	what := "a change"
	if t := k.taken[id]; t.at.Equal(entry.ApprovedAt) {
		what = changedTo(t.changes)
	}
	p.Warnings = append(p.Warnings, api.Warning{Code: api.WarnTakenOver,
		Text: fmt.Sprintf("%s: taken over without asking on %s by your policy ([trust] accept_changes), and in force", what, entry.ApprovedAt.UTC().Format(time.RFC3339)),
		Cure: "if that was wrong, ask the site to announce the former value, which is then taken back, and take the field out of accept_changes; " +
			"only if it is not that site: fbpeer trust revoke " + entry.Called() + ", which is for good"})
}

// noted is a change that holds nothing back (label, policy, expiry): by the next evaluation it is no change any more, so it is kept for whoever
// looks later. A restart forgets it; the log does not.
type noted struct {
	at       time.Time
	changes  []trust.Change
	warnings []trust.Reason
}

// note keeps what is reported of an approved identity that announces what is pinned.
func (k *core) note(id peer.ID, changes []trust.Change, reasons []trust.Reason, now time.Time) {
	n := noted{at: now, changes: changes}
	for _, r := range reasons {
		if r.Code == trust.CodeLabelChanged || r.Code == trust.CodePolicyChanged || r.Code == trust.CodeEndsSooner {
			n.warnings = append(n.warnings, r)
		}
	}
	k.noted[id] = n
}

// forgetNoted drops what was reported a day ago, or of an identity that is not accepted any more.
func (k *core) forgetNoted(now time.Time) {
	maps.DeleteFunc(k.noted, func(id peer.ID, n noted) bool {
		_, approved := k.list.ByPeer(id)
		return k.state(id, k.evaluation.Decisions[id], approved) != api.StateAccepted || now.Sub(n.at) >= takenShown
	})
}

// warnNoted tells for a day what was reported.
func (k *core) warnNoted(p *api.Peer, id peer.ID, now time.Time) {
	n, there := k.noted[id]
	if !there || p.State != api.StateAccepted || now.Sub(n.at) >= takenShown {
		return
	}
	for _, c := range n.changes {
		if !slices.ContainsFunc(p.Changes, func(present api.Change) bool { return present.Field == c.Field }) {
			p.Changes = append(p.Changes, api.Change(c))
		}
	}
	for _, r := range n.warnings {
		if !slices.ContainsFunc(p.Warnings, func(present api.Warning) bool { return present.Code == r.Code }) {
			p.Warnings = append(p.Warnings, warningOf(r))
		}
	}
}
