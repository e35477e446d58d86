package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// approval is what `trust approve` was told.
type approval struct {
	component, fingerprint, alias, note, from string
	vouched                                   bool // --fingerprint was given, be it empty
	replace, yes, registered                  bool
}

func (a *app) approveCommand() *cobra.Command {
	var ap approval
	c := &cobra.Command{
		Use:   "approve COMPONENT|--registered|--from FILE",
		Short: "approve a component, or what an approved one announces now",
		Long: "Shows component, claimed label, endpoint, certificate, fingerprint and words, for a changed one what\n" +
			"is in force beside what is announced, and asks. Compare fingerprint or words with that site's\n" +
			"operator, by telephone.\n\n" +
			"A component that is approved, and announces which MP-SPDZ key it will change to (cert generate\n" +
			"--next), is asked about likewise: the fingerprint and words are those of the key to come. Approved\n" +
			"ahead, it is taken over without a question once that site uses it.\n\n" +
			"--registered is for a Fed-BioMed component whose parties were registered by hand before: it lists\n" +
			"the waiting components whose id and certificate stand in the registry already (that they hold its\n" +
			"key is proved by their announcement), asks once, and approves them. An endpoint that differs is\n" +
			"shown, old and new. --yes answers that question, since you vouched for these certificates when you\n" +
			"registered them.\n\n" +
			"--from FILE (or -) approves many at once, all or nothing. Each line is COMPONENT and its fingerprint\n" +
			"or eight words, as you compared them; blank lines and lines that begin with # are passed over. If\n" +
			"one line does not fit what has been heard, it is named and nothing is approved. What is approved\n" +
			"already stays so: the same file may be used again. Where several identities claim COMPONENT, the\n" +
			"one that the line's fingerprint is of is meant. For an approved component whose key to come waits,\n" +
			"the line has the fingerprint or words of that key, and it is approved ahead.",
		Example: "  fbpeer trust approve NODE_983 --alias nice\n" +
			"  fbpeer trust approve nice --fingerprint \"cargo velvet tiny orbit lemon glide prison amount\"\n" +
			"  fbpeer trust approve nice --replace --fingerprint SHA256:…\n" +
			"  fbpeer trust approve --registered\n  fbpeer trust approve --registered --yes --json\n" +
			"  fbpeer trust approve --from verified.txt",
		Args: approveArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("from") {
				return a.approveFrom(cmd.Context(), ap)
			}
			if ap.registered {
				return a.approveRegistered(cmd.Context(), ap)
			}
			ap.component, ap.vouched = args[0], cmd.Flags().Changed("fingerprint")
			return a.approve(cmd.Context(), ap)
		},
	}
	c.Flags().StringVar(&ap.fingerprint, "fingerprint", "", "the whole `FINGERPRINT` or all eight words; answers the question")
	c.Flags().StringVar(&ap.alias, "alias", "", "`NAME` to call it here")
	c.Flags().Var((*noteValue)(&ap.note), "note", "`TEXT` to keep beside it in the trust list")
	c.Flags().BoolVar(&ap.replace, "replace", false, "approve a new identity for a known component, and revoke the old one")
	c.Flags().BoolVar(&ap.registered, "registered", false, "approve those who are registered by hand with their certificate")
	c.Flags().StringVar(&ap.from, "from", "", "approve what the lines COMPONENT FINGERPRINT of this `FILE` name, all or nothing")
	c.Flags().BoolVar(&ap.yes, "yes", false, "do not ask: with --registered, and in development federations")
	return c
}

func (a *app) approve(ctx context.Context, ap approval) error {
	if ap.alias != "" {
		if err := trust.CheckAlias(ap.alias); err != nil {
			return usage("--alias NAME, a word of your own", "--alias: %w", err)
		}
	}
	c, control, s, err := a.open(ctx)
	if err != nil {
		return err
	}
	if ap.yes && !ap.vouched && !development(c) {
		return usage("read the words to that site's operator, then: --fingerprint \"…\"", "--yes without --fingerprint approves what nobody has compared")
	}
	return a.approveIn(ctx, control, s, ap)
}

// approveIn asks, and approves what the snapshot holds.
func (a *app) approveIn(ctx context.Context, control agent.Controller, s api.Snapshot, ap approval) error {
	p, err := target(s, ap.component, ap.replace, "")
	if err != nil {
		return err
	}
	v := a.view(s)
	if other, refusal := refusedHere(s, p, ap.fingerprint); refusal && ap.vouched {
		return refused(fmt.Sprintf("if that was a mistake: %s trust forget %s", v.prog, v.typed(other)), "that is the fingerprint of %s, which is %s here", v.name(other), other.State)
	}
	if nextToApprove(p) && !meansPresent(p, ap) {
		return a.approveNext(ctx, control, v, p, ap)
	}
	if nothingToApprove(p) {
		return a.approveAgain(ctx, control, v, p, ap)
	}
	if err := v.approvable(s, p, ap); err != nil {
		return err
	}
	if err := a.tell(v.question(s, p)); err != nil {
		return err
	}
	if err := a.vouch(p, ap); err != nil {
		return err
	}
	result, err := control.Trust(ctx, api.TrustRequest{
		Action: api.ActionApprove, Component: p.Component, PeerID: p.PeerID, Alias: ap.alias, Announcement: offered(p).Hash,
		Replace: ap.replace, By: a.operator, Note: ap.note,
	})
	if err != nil {
		return a.notApproved(v, err)
	}
	if a.json {
		return errors.Join(a.printJSON(result.Peer), written(result.Outcome))
	}
	if ap.alias != "" {
		v.aliases[p.Component] = ap.alias
	}
	text := fmt.Sprintf("approved %s at %s\n", v.called(p.Component), show(offered(p).Endpoint))
	if _, err := io.WriteString(a.stdout, text+v.consequences(s, api.ActionApprove, p.Component, result.Outcome)); err != nil {
		return err
	}
	if p.State != api.StateChanged && lastDecision(s, p) { // who announces a change has been approved before, and others us
		fmt.Fprintf(a.stderr, "The others must approve you too: read them your words (%s id)\n", a.prog())
	}
	return written(result.Outcome)
}

// lastDecision: nobody but p waits.
func lastDecision(s api.Snapshot, p api.Peer) bool {
	for _, other := range ofState(s.Peers, api.StatePending, api.StateChanged, api.StateConflict) {
		if other.PeerID != p.PeerID {
			return false
		}
	}
	return true
}

// development federations may be approved without a fingerprint: all their components are one person's.
func development(c *config.Config) bool {
	f, err := c.LoadFederation()
	return err == nil && f.Development()
}

// nothingToApprove: what it announces is in force, but for what never needs an approval (label, policy, expiry).
func nothingToApprove(p api.Peer) bool {
	return p.State == api.StateAccepted && p.Announced == nil
}

// approveAgain is for one that is approved as it stands: the fingerprint is still compared, and an alias may be given.
func (a *app) approveAgain(ctx context.Context, control agent.Controller, v view, p api.Peer, ap approval) error {
	said := fmt.Sprintf("%s is approved already, as it announces itself: nothing to approve.\n", v.called(p.Component))
	if ap.vouched {
		err := matches(p, ap.fingerprint)
		switch {
		case err != nil && meansNext(p, ap.fingerprint):
			said = fmt.Sprintf("The key to come of %s is approved ahead already: nothing to approve.\n", v.called(p.Component))
		case err != nil:
			return err
		}
	}
	if ap.alias != "" && ap.alias != p.Alias {
		result, err := control.Trust(ctx, api.TrustRequest{
			Action: api.ActionApprove, Component: p.Component, PeerID: p.PeerID, Alias: ap.alias, Announcement: p.Announcement, By: a.operator,
		})
		if err != nil {
			return a.notApproved(v, err)
		}
		p = result.Peer
		said += fmt.Sprintf("It is called %s from now on.\n", show(ap.alias))
	}
	if nextToApprove(p) {
		a.note("that is its present key: the one that it will change to has words of its own: %s trust approve %s", v.prog, v.typed(p))
	}
	if a.json {
		return a.printJSON(p)
	}
	_, err := io.WriteString(a.stdout, said)
	return err
}

// approvable refuses, before anything is asked, what cannot be approved as it was typed.
func (v view) approvable(s api.Snapshot, p api.Peer, ap approval) error {
	approved := approvedOf(s, p)
	if reason, barred := agent.KeyBar(p); barred {
		cure := reason.Cure
		key := offered(p).Certificate.KeySHA256
		if slices.ContainsFunc(s.Keys, func(k api.BarredKey) bool { return k.Key == key }) {
			cure += fmt.Sprintf("; if the key was barred by mistake: %s trust forget --key %s", v.prog, key)
		}
		return refused(cure, "%s", v.renamed(show(reason.Text)))
	}
	if p.State == api.StateDenied || p.State == api.StateRevoked {
		return refused(fmt.Sprintf("if that was a mistake: %s trust forget %s", v.prog, v.typed(p)), "%s is %s", v.called(p.Component), p.State)
	}
	if approved != nil && !ap.replace {
		return refused(fmt.Sprintf("if the site was set up anew: %s trust approve %s --replace --fingerprint …", v.prog, v.replacing(p)),
			"%s is approved with another identity; nothing was changed", v.called(p.Component))
	}
	if approved == nil && ap.replace {
		return usage("leave out --replace", "%s has no other approved identity that could be replaced", v.called(p.Component))
	}
	if party := string(mpspdz.PlainParty); offered(p).Role != "" && (offered(p).Role == party) != (s.Self.Role == party) {
		kinds := "%s is a plain MP-SPDZ party and this site is a Fed-BioMed component: they are never in one set"
		if s.Self.Role == party {
			kinds = "%s is a Fed-BioMed component and this site is a plain MP-SPDZ party: they are never in one set"
		}
		return refused("plain parties and Fed-BioMed components each need a federation of their own", kinds, v.called(p.Component))
	}
	if other := offered(p).Component; p.ApprovedBy != "" && other != p.Component {
		return refused(strings.Join(v.settles(p)[:2], " "), "%s now announces the id %s: an approval is of one id; nothing was changed", v.called(p.Component), show(other))
	}
	if offered(p).Hash == "" {
		return refused("it must have announced itself", "%s: nothing has been heard that could be approved", v.called(p.Component))
	}
	return nil
}

// question shows what the approval is about.
func (v view) question(s api.Snapshot, p api.Peer) string {
	switch approved := approvedOf(s, p); {
	case approved != nil:
		return v.replaced(p, *approved) + "\n" + v.offer(p)
	case p.State == api.StateChanged || p.State == api.StateAccepted:
		return v.changed(p)
	}
	return v.offer(p)
}

// vouch demands that the operator says yes, or gives the fingerprint of what was shown.
func (a *app) vouch(p api.Peer, ap approval) error {
	switch {
	case ap.vouched:
		return matches(p, ap.fingerprint)
	case ap.yes:
		return nil
	case !a.interactive:
		return usage("compare fingerprint or words with that site's operator, then: --fingerprint \"…\"", "nobody can be asked: stdin is not a terminal")
	}
	return a.ask("not approved", "yes/no/[fingerprint]", "'yes', 'no' or the fingerprint", func(answer string) (bool, error) {
		err := matches(p, answer)
		var malformed *malformedFingerprint
		return !errors.As(err, &malformed), err
	})
}

// malformedFingerprint is neither a whole fingerprint nor eight words.
type malformedFingerprint struct{ err error }

func (m *malformedFingerprint) Error() string { return m.err.Error() }
func (m *malformedFingerprint) Unwrap() error { return m.err }

// refusedHere is who of a component's other identities, that are refused here, has a fingerprint.
func refusedHere(s api.Snapshot, of api.Peer, fingerprint string) (api.Peer, bool) {
	for _, p := range ofState(s.Peers, api.StateDenied, api.StateRevoked) {
		if p.Component == of.Component && p.PeerID != of.PeerID && matches(p, fingerprint) == nil {
			return p, true
		}
	}
	return api.Peer{}, false
}

// matches compares what an operator vouches for with what an approval of p would approve.
func matches(p api.Peer, given string) error {
	offer := offered(p)
	hash, err := mpspdz.ParseHash(offer.Fingerprint)
	if err != nil {
		return fmt.Errorf("the agent's fingerprint of %s: %w", p.Component, err)
	}
	same, err := exchange.Fingerprint(hash).Matches(given)
	if err != nil {
		return &failure{code: exitFailed, err: &malformedFingerprint{err}, hint: "give the whole fingerprint, or all eight words"}
	}
	if !same {
		return refused("do not approve it: ask that site's operator to read its own, from fbpeer id",
			"the fingerprint does not match; nothing was changed. You gave %q, %s has %s (%s)",
			given, p.Component, offer.Fingerprint, strings.Join(offer.Words, " "))
	}
	return nil
}

// notApproved shows, where a newer announcement overtook the approval, what is announced now.
func (a *app) notApproved(v view, err error) error {
	var overtaken *api.Error
	if errors.As(err, &overtaken) && overtaken.Code == api.CodeOvertaken && overtaken.Peer != nil {
		if a.json {
			if err := a.printJSON(overtaken.Peer); err != nil {
				return err
			}
		} else if overtaken.Peer.State == api.StateChanged {
			fmt.Fprintf(a.stdout, "\nIt announces something else by now:\n%s", v.changed(*overtaken.Peer))
		} else if nextToApprove(*overtaken.Peer) {
			fmt.Fprintf(a.stdout, "\nIt announces something else by now:\n%s", v.nextQuestion(*overtaken.Peer))
		} else {
			fmt.Fprintf(a.stdout, "\nIt announces something else by now:\n%s", v.offer(*overtaken.Peer))
		}
	}
	return err
}
