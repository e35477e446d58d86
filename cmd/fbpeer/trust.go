package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

func (a *app) trustCommand() *cobra.Command {
	c := group("trust", "who waits for your decision, and the decision", a.pendingCommand(), a.listCommand(), a.approveCommand(),
		a.decisionCommand(decision{
			action: api.ActionDeny, short: "refuse an identity: it is no longer heard, and never asked about again",
			long: "Refuses an identity that was never approved: its connections are closed, nothing of it is used or\n" +
				"passed on, and it does not wait for your decision any more. The component may come again with\n" +
				"another identity. fbpeer trust forget takes that back. What was approved is revoked instead.",
			done: "denied", means: "This identity is no longer listened to. The component itself may come again with another one.",
		}),
		a.decisionCommand(decision{
			action: api.ActionRevoke, short: "take an approval back: out of player files and registry, identity and key never again",
			long: "Takes an approval back for good: the party leaves player files and registry in one commit, its\n" +
				"connections are closed, and its identity and its MP-SPDZ key are refused, whoever comes with them,\n" +
				"over restarts too.\n\n" +
				"--key revokes an MP-SPDZ key alone, for a key that was stolen: the party that has it leaves player\n" +
				"files and registry, and comes back when you approve another key of its. Its identity is listened to\n" +
				"meanwhile. KEY is \"key sha256\" of fbpeer show, or key in the trust list.",
			done: "revoked", means: "Its identity and its key are refused from now on, and its connections are closed.",
			key: "the `KEY` alone, SHA256:… of an MP-SPDZ public key", keyMeans: "Whoever announces it, nothing of that is used or passed on.",
		}),
		a.decisionCommand(decision{
			action: api.ActionForget, short: "forget every decision on a component, as if it had never been heard",
			long: "Removes what the trust list says of a component: an approval, a denial or a revocation. It is as if\n" +
				"it had never been heard: announced again, it waits for your decision. An approved one leaves player\n" +
				"files, and its row in Fed-BioMed's registry goes. A key that was revoked by itself stays so: --key\n" +
				"takes that back.",
			done: "forgot", means: "If it is heard again, it waits for your decision.",
			key: "a `KEY` that is barred by itself, SHA256:…", keyMeans: "What is announced with it is looked at again.",
		}))
	c.Long = "Each site's operator approves the other components, one by one: nothing that somebody announces is\n" +
		"used before. COMPONENT is an id, a unique beginning of one, an alias, or COMPONENT@PEERID, which is\n" +
		"needed where several identities claim one component. (In the list of trust approve --from the\n" +
		"fingerprint says which of them is meant.)"
	return c
}

func (a *app) pendingCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "pending",
		Short:   "who waits for your decision",
		Example: "  fbpeer trust pending",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, _, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(peersJSON{Federation: s.Federation, Self: s.Self, Peers: present(waiting(s.Peers))})
			}
			a.noteState(s)
			_, err = io.WriteString(a.stdout, a.view(s).pendingScreen(s))
			return err
		},
	}
}

// decidedStates are the states of those whom `trust list` lists.
var decidedStates = []string{api.StateAccepted, api.StateChanged, api.StateDenied, api.StateRevoked}

func (a *app) listCommand() *cobra.Command {
	var fingerprints bool
	command := &cobra.Command{
		Use:     "list",
		Short:   "what was decided: approved, denied and revoked",
		Example: "  fbpeer trust list\n  fbpeer trust list --fingerprints > verified.txt",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(listOf(s))
			}
			if fingerprints {
				_, err = io.WriteString(a.stdout, fingerprintLines(s))
				return err
			}
			a.noteState(s)
			_, err = io.WriteString(a.stdout, a.view(s).trustScreen(s, c.TrustList))
			return err
		},
	}
	command.Flags().BoolVar(&fingerprints, "fingerprints", false, "what is approved, in lines as trust approve --from reads them")
	return command
}

// fingerprintLines are the approved components with what was vouched for, for a site that trusts this one's comparison.
func fingerprintLines(s api.Snapshot) string {
	var b strings.Builder
	for _, p := range ofState(s.Peers, api.StateAccepted, api.StateChanged) {
		if p.Fingerprint != "" {
			fmt.Fprintf(&b, "%s %s\n", show(p.Component), show(p.Fingerprint))
		}
	}
	return b.String()
}

// trustScreen is `trust list`.
func (v view) trustScreen(s api.Snapshot, file string) string {
	peers := ofState(s.Peers, decidedStates...)
	if len(peers)+len(s.Keys) == 0 {
		return "Nothing has been decided yet.\n"
	}
	t := table{}
	t.add("STATE", "COMPONENT", "ENDPOINT", "FINGERPRINT", "APPROVED")
	for _, p := range peers {
		approved := ""
		if p.ApprovedAt != nil {
			approved = strings.TrimSpace(date(*p.ApprovedAt) + " " + elide(show(p.ApprovedBy), 15))
		}
		t.add(show(p.State), elide(v.name(p), 26), elide(orDash(show(p.Endpoint)), 20), vouchedFor(p), approved)
	}
	for _, k := range s.Keys {
		of := "the MP-SPDZ key of"
		if k.Component == "" {
			of = "an MP-SPDZ key"
		}
		t.add(show(k.State), elide(strings.TrimSpace(of+" "+v.brief(k.Component)), 26), "-", shortHash(k.Key), "")
	}
	return t.String() + "\nThe list itself, to read or edit: " + show(file) + "\n"
}

// vouchedFor is the short fingerprint; of an identity that only the list knows, which has none, the short peer id: several may have had one
// component.
func vouchedFor(p api.Peer) string {
	const digits = 14 // of which the first eight are all identities'
	if p.Fingerprint != "" || len(p.PeerID) <= digits {
		return shortHash(cmp.Or(p.Fingerprint, p.PeerID))
	}
	return show(p.PeerID[:digits]) + "…"
}

// decision is one of deny, revoke, forget: they differ by words alone.
type decision struct {
	action, short, long, done, means string
	key, keyMeans                    string // what --key is, and what follows; empty: there is none
}

func (a *app) decisionCommand(d decision) *cobra.Command {
	var note, key string
	c := &cobra.Command{
		Use:     d.action + " COMPONENT",
		Short:   d.short,
		Long:    d.long,
		Example: "  fbpeer trust " + d.action + " nice",
		Args:    oneArg("COMPONENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("key") {
				return a.decideKey(cmd.Context(), d, key)
			}
			return a.decide(cmd.Context(), d, args[0], note)
		},
	}
	if d.action != api.ActionForget {
		about := "`TEXT` to keep beside it in the trust list"
		if d.key != "" {
			about += ", of a COMPONENT"
		}
		c.Flags().Var((*noteValue)(&note), "note", about)
	}
	if d.key != "" {
		c.Use = d.action + " COMPONENT|--key KEY"
		c.Example += "\n  fbpeer trust " + d.action + " --key SHA256:…"
		c.Flags().StringVar(&key, "key", "", d.key)
		one := c.Args
		c.Args = func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("key") {
				return one(cmd, args)
			}
			if len(args) > 0 || note != "" {
				return usage("fbpeer trust "+d.action+" --key SHA256:…", "--key names a key, whoever announces it: without COMPONENT and --note")
			}
			return nil
		}
	}
	return c
}

func (a *app) decide(ctx context.Context, d decision, arg, note string) error {
	_, control, s, err := a.open(ctx)
	if err != nil {
		return err
	}
	p, err := a.decided(s, d, arg)
	if err != nil {
		return err
	}
	result, err := control.Trust(ctx, api.TrustRequest{Action: d.action, Component: p.Component, PeerID: p.PeerID, By: a.operator, Note: note})
	if err != nil {
		return err
	}
	if a.json {
		return errors.Join(a.printJSON(result.Peer), written(result.Outcome))
	}
	v := a.view(s)
	if _, err := io.WriteString(a.stdout, v.decidedOn(d, p, result.Peer)+v.consequences(s, d.action, p.Component, result.Outcome)); err != nil {
		return err
	}
	return written(result.Outcome)
}

// decidedOn is what a decision did to a peer, which was p before.
func (v view) decidedOn(d decision, p, after api.Peer) string {
	means := d.means
	_, keyBarred := agent.KeyBar(after)
	switch {
	case d.action == api.ActionForget && keyBarred:
		means = fmt.Sprintf("Its MP-SPDZ key stays barred by itself: nothing of it is used until it announces another one, or: %s trust forget --key %s",
			v.prog, offered(after).Certificate.KeySHA256)
	case p.State == api.StateRevoked && after.State != api.StateRevoked:
		means = "Its revocation is lifted: identity and key are no longer refused. " + means
	}
	return wrap("", fmt.Sprintf("%s %s: %s", d.done, v.name(p), means), "")
}

// decideKey revokes a key alone, or forgets that.
func (a *app) decideKey(ctx context.Context, d decision, key string) error {
	if _, err := mpspdz.ParseHash(key); err != nil {
		return usage("\"key sha256\" of fbpeer show, or key in the trust list", "--key: %q is %w", key, err)
	}
	_, control, s, err := a.open(ctx)
	if err != nil {
		return err
	}
	v := a.view(s)
	if p, taken := byFingerprint(s, key); taken {
		where := v.prog + " show " + v.typed(p)
		if p.PeerID == s.Self.PeerID {
			where = v.prog + " id --json"
		}
		return usage(where+" says its key sha256", "--key: that is the fingerprint of %s, not its MP-SPDZ key", v.called(p.Component))
	}
	result, err := control.Trust(ctx, api.TrustRequest{Action: d.action, Key: key, By: a.operator})
	if err != nil {
		return err
	}
	if a.json {
		shown := api.BarredKey{Key: key}
		if d.action == api.ActionRevoke {
			shown.State = api.StateRevoked
		}
		return errors.Join(a.printJSON(shown), written(result.Outcome))
	}
	text := wrap("", fmt.Sprintf("%s the MP-SPDZ key %s: %s", d.done, show(key), d.keyMeans), "")
	if d.action == api.ActionRevoke && !knowsKey(s, key) {
		text += wrap("  ", "Nobody who is known here has this key: is it the right one? "+v.prog+" show COMPONENT has it as \"key sha256\".", "  ")
	}
	if _, err := io.WriteString(a.stdout, text+v.consequences(s, d.action, "", result.Outcome)); err != nil {
		return err
	}
	return written(result.Outcome)
}

// byFingerprint is who has a fingerprint, which is written as the hash of a key is.
func byFingerprint(s api.Snapshot, text string) (api.Peer, bool) {
	for _, p := range append([]api.Peer{s.Self}, s.Peers...) {
		if p.Fingerprint == text || offered(p).Fingerprint == text || p.Next != nil && p.Next.Fingerprint == text {
			return p, true
		}
	}
	return api.Peer{}, false
}

// knowsKey says whether somebody's announcement or the trust list has an MP-SPDZ key.
func knowsKey(s api.Snapshot, key string) bool {
	return slices.ContainsFunc(s.Peers, func(p api.Peer) bool {
		return p.Certificate != nil && p.Certificate.KeySHA256 == key || offered(p).Certificate.KeySHA256 == key || p.Next != nil && p.Next.KeySHA256 == key
	}) || slices.ContainsFunc(s.Keys, func(k api.BarredKey) bool { return k.Key == key })
}

// decided is the peer that a decision is on: a revocation is of what was approved, forgetting of anything.
func (a *app) decided(s api.Snapshot, d decision, arg string) (api.Peer, error) {
	if d.action == api.ActionForget {
		found, err := resolve(s, arg)
		if err != nil {
			return api.Peer{}, err
		}
		return single(s, arg, found)
	}
	p, err := target(s, arg, false, "")
	var several *failure
	if d.action == api.ActionRevoke && errors.As(err, &several) {
		several.hint = cmp.Or(a.revokes(s, arg), several.hint)
	}
	return p, err
}

// revokes is what revokes the approved one of several identities, empty if there are not several: who claims its id as well must not keep
// it from being revoked.
func (a *app) revokes(s api.Snapshot, arg string) string {
	found, _ := resolve(s, arg)
	approved := ofState(found, api.StateAccepted, api.StateChanged)
	if len(found) < 2 || len(approved) == 0 {
		return ""
	}
	return fmt.Sprintf("the approved one: %s trust revoke %s", a.prog(), a.view(s).typed(approved[0]))
}

// consequences say what a decision did to player files and registry. before is how things stood, of the component that was decided on.
func (v view) consequences(before api.Snapshot, action, of string, r api.Outcome) string {
	const indent = "                "
	text, rows := "", table{indent: "  "}
	if !before.Running {
		text = "  No agent is running: this command itself wrote what follows from it.\n"
	}
	switch {
	case r.Set != nil:
		text += fmt.Sprintf("  player files  %s, set %s, in %s\n", count(len(r.Set.Parties), "party", "parties"), shortDigest(r.Set.Digest), show(r.Set.Dir))
	case r.NoSet != nil:
		text += wrap("  player files  ", "none: "+show(r.NoSet.Text), indent)
	}
	if r.Waiting != nil {
		text += wrap(indent, "the set of all who are approved now follows; "+v.renamed(r.Waiting.Text), indent)
	}
	for _, component := range r.Rows {
		rows.add(pad("registry", 12), "row of "+show(component)+" "+rowChange(before, action, component, component == of))
	}
	return text + rows.String() + v.warnings(r.Warnings, "  ")
}

// rowChange is what was done to a registry row: the result names it only. itself: it is that of the component that was decided on.
func rowChange(before api.Snapshot, action, component string, itself bool) string {
	switch {
	case action == api.ActionRevoke, itself && action != api.ActionApprove:
		return "removed"
	}
	for _, p := range before.Peers {
		if p.Component == component && (p.Registered != nil && *p.Registered || p.ByHand != nil) {
			return "brought up to date"
		}
	}
	return "added"
}

// written is an error where a decision was noted, but not all that follows from it could be written.
func written(r api.Outcome) error {
	for _, w := range r.Warnings {
		if w.Code == api.WarnPlayers || w.Code == api.WarnRegistry || w.Code == api.WarnStore {
			return refused("", "the decision is kept, but not all that follows from it could be written (%s)", w.Code)
		}
	}
	return nil
}

// noteValue is the text of --note, refused as usage where it could not stand in the trust list.
type noteValue string

func (n *noteValue) String() string { return string(*n) }
func (n *noteValue) Type() string   { return "note" }

func (n *noteValue) Set(text string) error {
	if err := agent.CheckNote(text); err != nil {
		return err
	}
	*n = noteValue(text)
	return nil
}
