package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// comesByItself begins the cure of what settles without anybody here, once others have decided.
const comesByItself = "it comes by itself"

// undecided names whom others count among the parties and this site does not: as long as it does not decide as they do, all wait for numbered
// certificates of each other, or have other sets. Only of the default set, and not where [players] parties says who is in it.
func (v *verdict) undecided() {
	waits := v.none != nil && v.none.Code == api.WarnWaitingCertificates
	differs := slices.ContainsFunc(v.found, func(o api.Obstacle) bool { return o.Code == api.ObstacleOtherSet })
	if !waits && !differs || v.question.name != "" || v.chosen || v.question.fixed {
		return
	}
	self := v.snapshot.Self.Component
	for _, p := range v.snapshot.Peers {
		if approvedState(p.State) || slices.Contains(v.wanted, p.Component) || !v.registeredElsewhere(p.Component) {
			continue
		}
		switch p.State {
		case api.StatePending:
			v.blame(api.Obstacle{Code: api.ObstaclePending, Component: self, Of: p.Component,
				Text: v.name(p.Component) + " waits for your decision, and others have approved it", Cure: "fbpeer trust pending, then fbpeer trust approve " + p.Component})
		case api.StateDenied, api.StateRevoked:
			v.blame(api.Obstacle{Code: api.ObstacleBarred, Component: self, Of: p.Component,
				Text: v.name(p.Component) + " is " + p.State + " here, and others have approved it", Cure: "agree on it with the others; to decide anew: fbpeer trust forget " + p.Component})
		}
	}
}

// registeredElsewhere says whether a site that answered lately has registered a component.
func (v *verdict) registeredElsewhere(component string) bool {
	return slices.ContainsFunc(v.wanted, func(site string) bool {
		view, _, answered := v.sight.answered(site, "", v.now)
		if !answered {
			return false
		}
		rows, known := v.sight.list(view.Rows)
		return known && rows.find(component) != nil
	})
}

// formerFiles says whether a component has registered another as that one is now, so that only its player files hold a former numbered
// certificate.
func (v *verdict) formerFiles(component, of string) bool {
	view, _, answered := v.sight.answered(component, "", v.now)
	if !answered {
		return false
	}
	rows, known := v.sight.list(view.Rows)
	now := v.sight.current[of]
	registered, _ := now.registered(rows.find(of))
	_, numbered := now.numbered[v.question.name]
	return known && registered && numbered
}

// renumbered adds the sites that issued a numbered certificate anew which another's player files do not hold yet. With another reason at
// such a site, that one is the cause: it numbers itself by other parties.
func (v *verdict) renumbered() {
	for _, pair := range v.former {
		v.blamed[pair.component] = true
		if v.blamed[pair.of] {
			continue
		}
		of := v.of(pair.of)
		v.blame(api.Obstacle{Code: api.ObstacleOutdated, Component: pair.component, Of: pair.of,
			Text: v.name(pair.component) + " has player files with a former numbered certificate of " + of,
			Cure: comesByItself + " once " + v.name(pair.component) + " and " + of + " have approved the same parties: fbpeer status, at both"})
	}
}

// holding is a component whose player files hold a former certificate of another.
type holding struct{ component, of string }

// lastOfAll puts what only waits behind its causes.
func (v *verdict) lastOfAll() {
	i := slices.IndexFunc(v.found, func(o api.Obstacle) bool { return o.Code == api.ObstacleCertificates })
	if i < 0 || len(v.found) == 1 {
		return
	}
	o := v.found[i]
	if strings.HasPrefix(o.Cure, comesByItself) {
		o.Cure = comesByItself + " once that is settled"
	}
	v.found = append(slices.Delete(v.found, i, i+1), o)
}

// proposedNow is the content that a named set's proposer proposes now.
func (v *verdict) proposedNow() mpspdz.Hash { return cmp.Or(v.question.proposed, v.question.proposal) }

// changedHere: what is confirmed here of a named set is not what its proposer proposes now.
func (v *verdict) changedHere() {
	if v.question.proposed.IsZero() {
		return
	}
	v.blame(api.Obstacle{Code: api.ObstacleUnconfirmed, Component: v.snapshot.Self.Component,
		Text: "the set " + v.question.name + " was changed by its proposer, and this site has not confirmed the change", Cure: "fbpeer set confirm " + v.question.typed})
}

// unconfirmed is why nothing is confirmed here of a named set.
func (k *core) unconfirmed(name string) *api.Warning {
	proposals := k.proposalsOf(name)
	w := &api.Warning{Code: api.WarnUnconfirmed, Text: "the set " + name + " is not confirmed here"}
	var confirm []string
	for _, p := range proposals {
		if slices.Contains(p.Members, k.config.Component.ID) {
			confirm = append(confirm, "fbpeer set confirm "+k.typed(p))
		}
	}
	switch {
	case len(proposals) == 0:
		w.Text, w.Cure = "no set "+name+" is proposed or confirmed here", "fbpeer set list"
	case len(confirm) == 0:
		w.Text, w.Cure = "this site is not in the set "+name, "ask at a site that is in it: fbpeer set list"
	default:
		w.Cure = strings.Join(confirm, ", or ")
	}
	return w
}

// proposalsOf are those of a name that stand, ours and of those who are approved, by identity.
func (k *core) proposalsOf(name string) (all []*exchange.Proposal) {
	for _, p := range k.proposals {
		if p.SetName == name && !p.Withdrawn() && (p.Peer == k.self.id || k.approves(p.Peer)) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(p, q *exchange.Proposal) int { return cmp.Compare(p.Peer, q.Peer) })
	return all
}

// typed is what to type for a proposed set, here and at other sites: with its proposer's identity where several propose one name.
func (k *core) typed(p *exchange.Proposal) string {
	if slices.ContainsFunc(k.proposalsOf(p.SetName), func(other *exchange.Proposal) bool { return other.Peer != p.Peer }) {
		return p.SetName + "@" + p.Peer.String()
	}
	return p.SetName
}

// proposedSince is the content that a confirmed set's proposer proposes now; zero: what was confirmed.
func (k *core) proposedSince(set *namedSet) mpspdz.Hash {
	newest := k.proposal(set.proposal.Peer, set.proposal.SetName)
	if newest == nil || newest.Withdrawn() || newest.Sequence <= set.proposal.Sequence || newest.Content() == set.proposal.Content() {
		return mpspdz.Hash{}
	}
	return newest.Content()
}

// waits are the warnings of sets that a former one stands in for, by name. Of one that was changed since, the change is to be decided first.
func (k *core) waits() (all []api.Warning) {
	if k.players.waiting != nil {
		all = append(all, *k.players.waiting)
	}
	for _, name := range slices.Sorted(maps.Keys(k.confirmed)) {
		set := k.confirmed[name]
		if w := set.players.waiting; w != nil && k.proposedSince(set).IsZero() {
			named := *w
			named.Text = "the set " + name + ": " + w.Text
			all = append(all, named)
		}
	}
	return all
}

// decideFirst is a reason why something waits for other sites, as it is to be told where a decision waits here: they may have made it already.
func decideFirst(w *api.Warning, peers []api.Peer) *api.Warning {
	waits := func(p api.Peer) bool { return p.State == api.StatePending || p.State == api.StateChanged }
	if w == nil || w.Code != api.WarnWaitingCertificates || !slices.ContainsFunc(peers, waits) || !strings.HasPrefix(w.Cure, comesByItself) {
		return w
	}
	told := *w
	told.Cure = "decide first what waits here: fbpeer trust pending; then " + w.Cure
	return &told
}

// otherKey is a reason why there is no set, as it is to be told where the key alone of an approved one is barred: more components are not
// what is missing then.
func otherKey(w *api.Warning, peers []api.Peer) *api.Warning {
	if w == nil || w.Code != mpspdz.SetTooFew && w.Code != mpspdz.SetNoResearcher {
		return w
	}
	for _, p := range peers {
		if reason, barred := KeyBar(p); barred && WasApproved(p) {
			how := api.StateRevoked
			if reason.Code == trust.CodeKeyDenied {
				how = api.StateDenied
			}
			told := *w
			told.Cure = fmt.Sprintf("another key of %s, whose key is %s here; or else %s", cmp.Or(p.Alias, p.Component), how, w.Cure)
			return &told
		}
	}
	return w
}

// WasApproved says whether the trust list has an approval of an identity, whatever bars it now.
func WasApproved(p api.Peer) bool {
	return p.ApprovedAt != nil || p.ApprovedBy != "" || p.Alias != "" || p.Registered != nil
}

// KeyBar is the reason why nothing of an identity is used, where that is its MP-SPDZ key alone.
func KeyBar(p api.Peer) (reason api.Warning, barred bool) {
	for _, r := range p.Reasons {
		switch r.Code {
		case trust.CodeIdentityRevoked, trust.CodeIdentityDenied, trust.CodeComponentRevoked, trust.CodeComponentDenied:
			return api.Warning{}, false
		case trust.CodeKeyRevoked, trust.CodeKeyDenied:
			if !barred {
				reason, barred = r, true
			}
		}
	}
	return reason, barred
}
