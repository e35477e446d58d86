package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

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
	for _, name := range []string{"fingerprint", "alias", "replace", "registered"} {
		if cmd.Flags().Changed(name) {
			return usage("approve that one by its name: "+cmd.CommandPath()+" COMPONENT --"+name, "--from does not go with --%s", name)
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
	for i, line := range strings.Split(string(data), "\n") {
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
	approve, already []api.Peer
	self             bool // one is about this component itself
}

// approveFromIn approves all that the lines name, or nothing.
func (a *app) approveFromIn(ctx context.Context, control agent.Controller, s api.Snapshot, ap approval, lines []vouched) error {
	found, bad, err := a.view(s).choose(s, ap, lines)
	if len(bad) > 0 {
		code, hint := outcome(err)
		return a.badLines(bad, &failure{code: code, hint: hint, err: fmt.Errorf("%s of %s cannot be approved; nothing was approved", count(len(bad), "line"), ap.from)})
	}
	if len(found.approve) == 0 {
		return a.approvedFrom(s, found, api.ApproveResult{Set: s.Set, NoSet: s.NoSet})
	}
	request := api.ApproveRequest{By: a.operator, Note: ap.note}
	for _, p := range found.approve {
		request.Approvals = append(request.Approvals, api.Approval{Component: p.Component, PeerID: p.PeerID, Announcement: offered(p).Hash})
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
		p, already, lineErr := v.chooseOne(s, ap, line)
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
		switch {
		case p.PeerID == s.Self.PeerID:
			found.self = true
		case already:
			found.already = append(found.already, p)
		default:
			found.approve = append(found.approve, p)
		}
	}
	return found, bad, err
}

// chooseOne is choose for one line.
func (v view) chooseOne(s api.Snapshot, ap approval, line vouched) (p api.Peer, already bool, err error) {
	candidates, err := resolve(s, line.component)
	if err != nil {
		return p, false, err
	}
	if len(candidates) == 1 && candidates[0].PeerID == s.Self.PeerID && candidates[0].Component == s.Self.Component {
		return s.Self, false, matches(s.Self, line.fingerprint)
	}
	if p, err = target(s, line.component, false); err != nil {
		return p, false, err
	}
	if p.Fingerprint == "" {
		return p, false, refused("it must have announced itself", "%s: nothing has been heard that could be approved", v.called(p.Component))
	}
	if err := matches(p, line.fingerprint); err != nil {
		return p, false, err
	}
	if nothingToApprove(p) {
		return p, true, nil
	}
	return p, false, v.approvable(s, p, ap)
}

// approvedJSON is `trust approve --from --json`.
type approvedJSON struct {
	Approved []api.Peer `json:"approved"`
	Already  []api.Peer `json:"already"`
}

func (a *app) approvedFrom(s api.Snapshot, found chosen, r api.ApproveResult) error {
	result := api.TrustResult{Set: r.Set, NoSet: r.NoSet, Rows: r.Rows, Warnings: r.Warnings}
	if a.json {
		return errors.Join(a.printJSON(approvedJSON{present(r.Approved), present(found.already)}), written(result))
	}
	v := a.view(s)
	var b strings.Builder
	for _, p := range found.approve {
		fmt.Fprintf(&b, "approved %s at %s\n", v.called(p.Component), show(offered(p).Endpoint))
	}
	for _, p := range found.already {
		fmt.Fprintf(&b, "%s is approved already\n", v.called(p.Component))
	}
	if found.self {
		fmt.Fprintf(&b, "%s is this component itself, and its line is right\n", v.short(s.Self.Component))
	}
	if len(found.approve) > 0 {
		b.WriteString(v.consequences(s, api.ActionApprove, result))
	}
	if _, err := io.WriteString(a.stdout, b.String()); err != nil {
		return err
	}
	return written(result)
}
