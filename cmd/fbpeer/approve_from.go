package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// maxApproveFile is far more than MaxApprovals lines need.
const maxApproveFile = 1 << 20

// approveFromArgs refuses what does not go with --from.
func approveFromArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd.CommandPath()+" --from FILE", "the file of --from names the components, got %q", args[0])
	}
	if err := notForSeveral(cmd, "--from"); err != nil {
		return err
	}
	if cmd.Flags().Changed("registered") {
		return usage("one after the other: "+cmd.CommandPath()+" --registered finds its components itself", "--from does not go with --registered")
	}
	return nil
}

// notForSeveral refuses the flags that are about one component, beside one that approves several.
func notForSeveral(cmd *cobra.Command, several string) error {
	for _, flag := range []struct{ name, typed string }{{"fingerprint", "--fingerprint FINGERPRINT"}, {"alias", "--alias NAME"}, {"replace", "--replace"}} {
		if cmd.Flags().Changed(flag.name) {
			return usage("approve that one by its name: "+cmd.CommandPath()+" COMPONENT "+flag.typed, "%s does not go with --%s", several, flag.name)
		}
	}
	return nil
}

// vouched is a line of the file: a component and what its operator read out.
type vouched struct {
	line                   int
	component, fingerprint string
}

// parseVouched reads lines COMPONENT FINGERPRINT. bad names those that are none.
func parseVouched(file string, data []byte) (all []vouched, bad []string) {
	text := strings.TrimPrefix(string(data), "\ufeff") // as some editors begin a file
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case len(fields) == 1:
			bad = append(bad, fmt.Sprintf("%s:%d: %q: a component and its fingerprint are expected", file, i+1, fields[0]))
		default:
			all = append(all, vouched{i + 1, fields[0], strings.Join(fields[1:], " ")})
		}
	}
	return all, bad
}

// approveFrom approves what a file names.
func (a *app) approveFrom(ctx context.Context, ap approval) error {
	data, err := a.readUpTo(ap.from, maxApproveFile, "a list of fingerprints", "lines of it are: COMPONENT SHA256:…")
	if err != nil {
		return err
	}
	if !utf8.Valid(data) {
		return usage("save it as UTF-8 or plain ASCII", "%s is no text in UTF-8; nothing was approved", ap.from)
	}
	lines, bad := parseVouched(ap.from, data)
	if len(bad) > 0 {
		return a.badLines(bad, usage("lines are: COMPONENT SHA256:…", "%s in %s cannot be read; nothing was approved", count(len(bad), "line"), ap.from))
	}
	if len(lines) == 0 || len(lines) > api.MaxApprovals {
		return usage("lines are: COMPONENT SHA256:…", "%s names %s, 1 to %d are needed", ap.from, count(len(lines), "component"), api.MaxApprovals)
	}
	_, control, s, err := a.open(ctx)
	if err != nil {
		return err
	}
	return a.approveFromIn(ctx, control, s, ap, lines)
}

// chosen is what the lines come to.
type chosen struct {
	approve, ahead, already []api.Peer // ahead: the key to come is approved
	self                    bool       // one is about this component itself
}

// approveFromIn approves all that the lines name, or nothing.
func (a *app) approveFromIn(ctx context.Context, control agent.Controller, s api.Snapshot, ap approval, lines []vouched) error {
	found, bad, err := a.view(s).choose(s, ap, lines)
	if len(bad) > 0 {
		code, hint := outcome(err)
		return a.badLines(bad, &failure{code: code, hint: hint, err: fmt.Errorf("%s of %s cannot be approved; nothing was approved", count(len(bad), "line"), ap.from)})
	}
	if len(found.approve)+len(found.ahead) == 0 {
		return a.approvedFrom(s, found, api.ApproveResult{Outcome: api.Outcome{Set: s.Set, NoSet: s.NoSet}})
	}
	request := api.ApproveRequest{By: a.operator, Note: ap.note}
	for _, p := range found.approve {
		request.Approvals = append(request.Approvals, api.Approval{Component: p.Component, PeerID: p.PeerID, Announcement: offered(p).Hash})
	}
	for _, p := range found.ahead {
		request.Approvals = append(request.Approvals, api.Approval{Component: p.Component, PeerID: p.PeerID, Announcement: p.Announcement, Next: p.Next.KeySHA256})
	}
	result, err := control.Approve(ctx, request)
	if err != nil {
		return a.notApproved(a.view(s), err)
	}
	return a.approvedFrom(s, found, result)
}

// badLines prints what is wrong with each line, and gives the error that ends the command.
func (a *app) badLines(bad []string, err error) error {
	for _, text := range bad {
		fmt.Fprintf(a.stderr, "fbpeer: error: %s\n", show(text))
	}
	return err
}

// choose finds the identity that each line means, and compares its fingerprint. err is that of the worst line: a fingerprint that does not
// match is worse than a name that is not clear.
func (v view) choose(s api.Snapshot, ap approval, lines []vouched) (found chosen, bad []string, err error) {
	seen := map[string]int{}
	for _, line := range lines {
		p, list, lineErr := v.chooseOne(s, ap, line, &found)
		if before, twice := seen[p.PeerID]; lineErr == nil && twice {
			lineErr = usage("leave one of the lines out", "%s stands in line %d already", show(p.Component), before)
		}
		if lineErr != nil {
			bad = append(bad, fmt.Sprintf("%s:%d: %v", ap.from, line.line, lineErr))
			if worst, _ := outcome(err); err == nil || worst == exitUsage {
				err = lineErr
			}
			continue
		}
		seen[p.PeerID] = line.line
		if list == nil {
			found.self = true
			continue
		}
		*list = append(*list, p)
	}
	return found, bad, err
}

// chooseOne is choose for one line; list is where the identity belongs, nil for this component itself. The fingerprint may be that of what is
// announced, or of a key to come.
func (v view) chooseOne(s api.Snapshot, ap approval, line vouched, found *chosen) (p api.Peer, list *[]api.Peer, err error) {
	candidates, err := resolve(s, line.component)
	if err != nil {
		return p, nil, err
	}
	if len(candidates) == 1 && candidates[0].PeerID == s.Self.PeerID && candidates[0].Component == s.Self.Component {
		err := matches(s.Self, line.fingerprint)
		if meansNext(s.Self, line.fingerprint) {
			err = nil
		}
		return s.Self, nil, err
	}
	if p, err = target(s, line.component, false, line.fingerprint); err != nil {
		return p, nil, err
	}
	if p.Fingerprint == "" {
		return p, nil, refused("it must have announced itself", "%s: nothing has been heard that could be approved", v.called(p.Component))
	}
	if err := matches(p, line.fingerprint); err != nil {
		return v.chooseNext(p, line, err, found)
	}
	if nothingToApprove(p) {
		return p, &found.already, nil
	}
	return p, &found.approve, v.approvable(s, p, ap)
}

// chooseNext is chooseOne for a fingerprint that is not, as mismatch says, that of what a component announces to be in use.
func (v view) chooseNext(p api.Peer, line vouched, mismatch error, found *chosen) (api.Peer, *[]api.Peer, error) {
	switch {
	case meansNext(p, line.fingerprint) && nextToApprove(p):
		return p, &found.ahead, nil
	case meansNext(p, line.fingerprint) && nothingToApprove(p):
		return p, &found.already, nil
	case meansNext(p, line.fingerprint):
		return p, nil, refused(fmt.Sprintf("decide on that first: %s show %s", v.prog, v.typed(p)),
			"that is the key to come of %s, which announces a change besides: no key of it can be approved ahead", v.called(p.Component))
	case nextToApprove(p):
		return p, nil, matches(coming(p), line.fingerprint)
	}
	return p, nil, mismatch
}

// approvedJSON is `trust approve --from --json`. Each component stands in one of the lists.
type approvedJSON struct {
	Approved []api.Peer `json:"approved"`
	Ahead    []api.Peer `json:"ahead"` // the key to come was approved
	Already  []api.Peer `json:"already"`
}

// approvedNow tells those of whom the key to come was approved from the others.
func approvedNow(found chosen, approved []api.Peer) approvedJSON {
	r := approvedJSON{Already: present(found.already), Approved: []api.Peer{}, Ahead: []api.Peer{}}
	for _, p := range approved {
		if slices.ContainsFunc(found.ahead, func(q api.Peer) bool { return q.PeerID == p.PeerID }) {
			r.Ahead = append(r.Ahead, p)
		} else {
			r.Approved = append(r.Approved, p)
		}
	}
	return r
}

func (a *app) approvedFrom(s api.Snapshot, found chosen, r api.ApproveResult) error {
	if a.json {
		return errors.Join(a.printJSON(approvedNow(found, r.Approved)), written(r.Outcome))
	}
	v := a.view(s)
	var b strings.Builder
	for _, p := range found.approve {
		fmt.Fprintf(&b, "approved %s at %s\n", v.called(p.Component), show(offered(p).Endpoint))
	}
	for _, p := range found.ahead {
		b.WriteString(v.approvedAhead(p))
	}
	for _, p := range found.already {
		fmt.Fprintf(&b, "%s is approved already\n", v.called(p.Component))
	}
	if found.self {
		fmt.Fprintf(&b, "%s is this component itself, and its line is right\n", v.short(s.Self.Component))
	}
	if len(found.approve) > 0 {
		b.WriteString(v.consequences(s, api.ActionApprove, "", r.Outcome))
	}
	if _, err := io.WriteString(a.stdout, b.String()); err != nil {
		return err
	}
	return written(r.Outcome)
}
