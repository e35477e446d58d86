package main

import (
	"fmt"
	"slices"
	"strings"

	"fbpeer/agent/api"
	"fbpeer/trust"
)

// heldChanges parts what waits for a decision from what is only reported.
func heldChanges(p api.Peer) (held, reported []api.Change) {
	for _, c := range p.Changes {
		if trust.Change(c).Held() {
			held = append(held, c)
		} else {
			reported = append(reported, c)
		}
	}
	return held, reported
}

func hasReason(p api.Peer, codes ...string) bool {
	return slices.ContainsFunc(p.Reasons, func(r api.Warning) bool { return slices.Contains(codes, r.Code) })
}

// besides are the warnings that the reasons of the peer's state do not tell already.
func besides(p api.Peer) []api.Warning {
	var rest []api.Warning
	for _, w := range p.Warnings {
		if !hasReason(p, w.Code) {
			rest = append(rest, w)
		}
	}
	return rest
}

// changedFields are the fields of a list.
func changedFields(list []api.Change) map[string]bool {
	fields := map[string]bool{}
	for _, c := range list {
		fields[c.Field] = true
	}
	return fields
}

// keepsLines say what a changed peer keeps meanwhile, and what that costs.
func (v view) keepsLines(p api.Peer) []string {
	if how := v.formerKeyBarred(p); how != "" {
		return []string{"nothing of it: its former key is " + how + " here"}
	}
	held, _ := heldChanges(p)
	fields := changedFields(held)
	if p.Party == nil && (p.Registered == nil || !*p.Registered) {
		return nil
	}
	var lines []string
	party := "it"
	if p.Party != nil {
		party = fmt.Sprintf("party %d", *p.Party)
	}
	if fields["address"] || fields["port"] || !fields["certificate"] && !fields["key"] {
		lines = append(lines, show(p.Endpoint)+", until you approve")
		if (fields["address"] || fields["port"]) && p.Party != nil {
			lines = append(lines, party+" cannot be reached there if the site has really moved")
		}
	}
	if fields["certificate"] || fields["key"] {
		lines = append(lines, "the certificate that you approved, until you approve another",
			"runs with "+party+" fail if the site already uses the new one")
	}
	if fields["component"] {
		lines = append(lines, show(p.Component)+" as its id")
	}
	return lines
}

// signedBy says who signed a change; what the approved key has to do with a new one is told by endorsement.
func signedBy(p api.Peer) string {
	signed := "the identity that you approved"
	if p.ApprovedAt != nil {
		signed += " on " + date(*p.ApprovedAt)
		if p.ApprovedBy == trust.ByPolicy {
			signed = "the identity that you approved, last by policy on " + date(*p.ApprovedAt)
		}
	}
	held, _ := heldChanges(p)
	if changedFields(held)["key"] {
		return signed + ", another key"
	}
	return signed + ", same key"
}

// settles are the commands that settle a change.
func (v view) settles(p api.Peer) []string {
	approve, revoke := v.prog+" trust approve "+v.typed(p), v.prog+" trust revoke "+v.typed(p)
	if offered(p).Component != p.Component {
		return []string{v.prog + " trust forget " + v.typed(p) + ", then", v.prog + " trust approve " + show(offered(p).Component), "or  " + revoke}
	}
	return []string{approve, "or  " + revoke}
}

// policyLine says why a policy takes nothing of a change over; empty where there is none.
func (v view) policyLine(p api.Peer) string {
	for _, r := range p.Reasons {
		if r.Code == trust.CodeBeyondPolicy {
			return show(r.Text)
		}
	}
	return ""
}

// told are the warnings about one peer in `status` that a block of its own does not tell: its label says whether somebody must do something.
func (v view) told(p api.Peer) string {
	var b strings.Builder
	for _, w := range withoutNext(p, p.Warnings) {
		if p.State == api.StateChanged && inBlock(w.Code) {
			continue
		}
		head := "WARNING  "
		switch w.Code {
		case api.WarnTakenOver:
			head = "ACCEPTED "
		case trust.CodeLabelChanged, trust.CodePolicyChanged, trust.CodeEndsSooner:
			b.WriteString(wrap("NOTED    ", v.renamed(show(w.Text)), "         ")) // it names the component
			continue
		case trust.CodeComponentClaimed, trust.CodeKeyClaimed, trust.CodeEndpointClaimed, trust.CodeSubjectClaimed:
			continue // the claim has its block
		}
		b.WriteString(wrap(head, v.called(p.Component)+": "+v.renamed(v.sentence(w)), "         "))
	}
	return b.String()
}

// inBlock says whether the block of a change tells it; what is only reported has a line there too.
func inBlock(code string) bool {
	switch code {
	case trust.CodeComponentChanged, trust.CodeRoleChanged, trust.CodeAddressChanged, trust.CodePortChanged, trust.CodeCertificateReissued,
		trust.CodeKeyEndorsed, trust.CodeKeyReplaced, trust.CodeBeyondPolicy, trust.CodeLabelChanged, trust.CodePolicyChanged, trust.CodeEndsSooner:
		return true
	}
	return false
}

// sharedShown is how many of those that wait, and contradict each other, `status` tells in full.
const sharedShown = 6

// rivals are those among the ones who wait that contradict each other.
func (v view) rivals(s api.Snapshot) string {
	var lines []string
	for _, p := range ofState(s.Peers, api.StatePending) {
		for _, w := range p.Warnings {
			switch w.Code {
			case trust.CodeContested, trust.CodeKeyShared, trust.CodeEndpointShared, trust.CodeSubjectShared, trust.CodeSecondResearcher, trust.CodeEquivocation:
				lines = append(lines, wrap("WARNING  ", v.renamed(v.sentence(w)), "         "))
			}
		}
	}
	if more := len(lines) - sharedShown; more > 0 {
		lines = append(lines[:sharedShown], wrap("WARNING  ", fmt.Sprintf("%d more of the kind: %s trust pending", more, v.prog), "         "))
	}
	return strings.Join(lines, "")
}
