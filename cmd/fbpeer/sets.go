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
	"fbpeer/mpspdz"
)

func (a *app) setCommand() *cobra.Command {
	c := group("set", "party sets for an experiment: propose, confirm, withdraw", a.setProposeCommand(), a.setConfirmCommand(),
		a.setWithdrawCommand(), a.setListCommand())
	c.Long = "A named party set, for plain MP-SPDZ: one site proposes some components in an order, and each of\n" +
		"them confirms. It gives nobody trust: only components that are approved at a site can be in a set\n" +
		"there. When its proposer changes it, what a site has confirmed stays in force there until it\n" +
		"confirms the change; when its proposer withdraws it, it is out of force everywhere.\n\n" +
		"Fed-BioMed itself puts the parties of an experiment in order: its components have no named sets."
	return c
}

func (a *app) setProposeCommand() *cobra.Command {
	var flags setFlags
	c := &cobra.Command{
		Use:   "propose NAME --parties a,b,c",
		Short: "propose components in party order, or propose others under the same name",
		Long: "Proposes a party set: the first of --parties is party 0. This site is added as the last one if it\n" +
			"is left out. Proposed again under the same name, it is a change, which each member confirms anew.",
		Example: "  fbpeer set propose trial --parties alice,bob,carol",
		Args:    oneArg("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSetName(args[0]); err != nil {
				return err
			}
			if len(flags.parties) == 0 {
				return usage("--parties a,b,c, in party order", "who is in the set is missing")
			}
			chosen, err := flags.selection(cmd)
			if err != nil {
				return err
			}
			control, s, err := a.openPlain(cmd.Context())
			if err != nil {
				return err
			}
			return a.proposeIn(cmd.Context(), control, s, args[0], chosen)
		},
	}
	flags.registerParties(c)
	return c
}

func (a *app) setConfirmCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "confirm NAME[@PEERID]",
		Short: "put a proposed set in force at this site, after a look at it",
		Long: "Shows the members in party order, and what changed against the set that is confirmed here, and asks.\n" +
			"NAME@PEERID says whose proposal is meant, where several propose one name.",
		Example: "  fbpeer set confirm trial\n  fbpeer set confirm trial --yes",
		Args:    oneArg("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, _, _ := strings.Cut(args[0], "@")
			if err := checkSetName(name); err != nil {
				return err
			}
			control, s, err := a.openPlain(cmd.Context())
			if err != nil {
				return err
			}
			return a.confirmIn(cmd.Context(), control, s, args[0], yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask: a set gives nobody trust")
	return c
}

func (a *app) setWithdrawCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "withdraw NAME[@PEERID]",
		Short:   "take an own proposal back for everybody, or the confirmation of another's here",
		Long:    "NAME@PEERID says whose set is meant, where several propose one name.",
		Example: "  fbpeer set withdraw trial",
		Args:    oneArg("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, _, _ := strings.Cut(args[0], "@")
			if err := checkSetName(name); err != nil {
				return err
			}
			control, s, err := a.openPlain(cmd.Context())
			if err != nil {
				return err
			}
			return a.withdrawIn(cmd.Context(), control, s, args[0])
		},
	}
}

// setsJSON is `set list --json`.
type setsJSON struct {
	Sets []api.NamedSet `json:"sets"`
}

func (a *app) setListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "every named set: who proposed it, who has confirmed it, if it is in force",
		Example: "  fbpeer set list\n  fbpeer set list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, s, err := a.openAll(cmd.Context())
			if err != nil {
				return err
			}
			if s.Self.Role != string(mpspdz.PlainParty) {
				return notForFedbiomed()
			}
			if a.json {
				return a.printJSON(setsJSON{Sets: append([]api.NamedSet{}, s.Sets...)})
			}
			a.noteState(s)
			_, err = io.WriteString(a.stdout, a.view(s).setsScreen(s))
			return err
		},
	}
}

// openPlain is open for what a Fed-BioMed component does not have.
func (a *app) openPlain(ctx context.Context) (agent.Controller, api.Snapshot, error) {
	_, control, s, err := a.open(ctx)
	if err == nil && s.Self.Role != string(mpspdz.PlainParty) {
		err = notForFedbiomed()
	}
	return control, s, err
}

func (a *app) proposeIn(ctx context.Context, control agent.Controller, s api.Snapshot, name string, chosen selection) error {
	var parties []string
	for _, word := range chosen.words {
		component, err := resolveComponent(s, word)
		if err != nil {
			return err
		}
		if slices.Contains(parties, component) {
			return usage("name each party once", "%s is named twice", show(component))
		}
		parties = append(parties, component)
	}
	added := !slices.Contains(parties, s.Self.Component)
	if added {
		parties = append(parties, s.Self.Component)
	}
	switch n := len(parties); {
	case !s.Running: // that comes first
	case n < mpspdz.MinPlain:
		return usage("name at least one other component", "a set of %s: %d to %d are allowed", count(n, "component"), mpspdz.MinPlain, mpspdz.MaxParties)
	case n > mpspdz.MaxParties:
		return usage("name fewer components", "a set of %d components: %d to %d are allowed", n, mpspdz.MinPlain, mpspdz.MaxParties)
	}
	result, err := control.Sets(ctx, api.SetRequest{Action: api.ActionPropose, Name: name, Parties: parties, By: a.operator})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(result.Set)
	}
	v := a.view(s)
	text := fmt.Sprintf("proposed set %s\n\n%s", show(name), v.membersTable(s, result.Set))
	if added {
		text += fmt.Sprintf("\nThis site was not named: it is the last one, party %d.\n", len(parties)-1)
	}
	if _, err := io.WriteString(a.stdout, text+v.inForce(result.Set)); err != nil {
		return err
	}
	who := "Each of the others"
	if waitsForUs(s, result.Set) {
		who = "Each member, this site too,"
	}
	fmt.Fprintf(a.stderr, "%s confirms it: fbpeer set confirm %s\nThen: %s ready --set %s --wait 5m\n", who, show(name), a.prog(), show(name))
	return nil
}

func (a *app) confirmIn(ctx context.Context, control agent.Controller, s api.Snapshot, arg string, yes bool) error {
	set, err := namedSet(s, arg, a.prog()+" set confirm")
	if err != nil {
		return err
	}
	v := a.view(s)
	switch {
	case set.State == api.SetWithdrawn:
		return refused("", "set %s was withdrawn by its proposer", show(set.Name))
	case !set.Member && !waitsForUs(s, set):
		return refused(a.prog()+" set list", "this site is not in set %s: there is nothing to confirm", show(set.Name))
	case set.State == api.SetConfirmed:
		return a.told(set, fmt.Sprintf("Set %s is confirmed already, as it is proposed.\n%s", show(set.Name), v.inForce(set)))
	}
	if err := a.consent(v.setQuestion(s, set), yes, "not confirmed", "after a look at it: --yes"); err != nil {
		return err
	}
	result, err := control.Sets(ctx, api.SetRequest{Action: api.ActionConfirm, Name: set.Name, PeerID: set.PeerID, Hash: set.Hash, By: a.operator})
	if err != nil {
		return a.notConfirmed(ctx, control, arg, err)
	}
	return a.told(result.Set, fmt.Sprintf("confirmed set %s\n%s", show(set.Name), v.inForce(result.Set)))
}

// notConfirmed shows, where the proposer changed the set meanwhile, what is proposed now.
func (a *app) notConfirmed(ctx context.Context, control agent.Controller, arg string, err error) error {
	var overtaken *api.Error
	if !errors.As(err, &overtaken) || overtaken.Code != api.CodeOvertaken {
		return err
	}
	s, failed := control.Snapshot(ctx)
	if failed != nil {
		return err
	}
	set, failed := namedSet(s, arg, a.prog()+" set confirm")
	if failed != nil {
		return err
	}
	if a.json {
		return errors.Join(a.printJSON(set), err)
	}
	fmt.Fprintf(a.stdout, "\nIts proposer has changed it meanwhile:\n\n%s", a.view(s).setQuestion(s, set))
	return err
}

func (a *app) withdrawIn(ctx context.Context, control agent.Controller, s api.Snapshot, arg string) error {
	name, _, whole := strings.Cut(arg, "@")
	request, proposed := api.SetRequest{Action: api.ActionWithdraw, Name: name, By: a.operator}, proposedHere(s, name)
	if whole {
		set, err := namedSet(s, arg, a.prog()+" set withdraw")
		if err != nil {
			return err
		}
		request.PeerID, proposed = set.PeerID, set.PeerID == s.Self.PeerID
	}
	result, err := control.Sets(ctx, request)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("withdrew set %s: it is out of force here, and at the other members when they hear of it\n", show(name))
	if !proposed {
		text = fmt.Sprintf("took the confirmation of set %s back: it is out of force here, and can be confirmed again\n", show(name))
	}
	return a.told(result.Set, text)
}

// proposedHere: this site itself proposes a set of that name.
func proposedHere(s api.Snapshot, name string) bool {
	return slices.ContainsFunc(s.Sets, func(set api.NamedSet) bool {
		return set.Name == name && set.PeerID == s.Self.PeerID && set.State != api.SetWithdrawn
	})
}

// told prints what became of a set.
func (a *app) told(set api.NamedSet, text string) error {
	if a.json {
		return a.printJSON(set)
	}
	_, err := io.WriteString(a.stdout, text)
	return err
}

// waitsForUs: it is proposed, or changed, with this site in it.
func waitsForUs(s api.Snapshot, set api.NamedSet) bool {
	return (set.State == api.SetProposed || set.State == api.SetChanged) && slices.Contains(proposedMembers(set), s.Self.Component)
}

// proposedMembers are the members as they are proposed now, in party order.
func proposedMembers(set api.NamedSet) []string {
	if set.State == api.SetChanged {
		return set.Proposed
	}
	return set.Members
}

// namedSet finds the set that NAME or NAME@PEERID means; of the identity a beginning is enough. One that was withdrawn is meant only if there
// is no other. command is what the sets are typed behind.
func namedSet(s api.Snapshot, arg, command string) (api.NamedSet, error) {
	name, identity, whole := strings.Cut(arg, "@")
	var found, gone []api.NamedSet
	for _, set := range s.Sets {
		switch {
		case set.Name != name || whole && (identity == "" || !strings.HasPrefix(set.PeerID, identity)):
		case set.State == api.SetWithdrawn:
			gone = append(gone, set)
		default:
			found = append(found, set)
		}
	}
	switch {
	case len(found) > 0:
	case len(gone) > 1:
		return api.NamedSet{}, refused("fbpeer set list", "every set %s that was proposed has been withdrawn", show(name))
	default:
		found = gone
	}
	switch len(found) {
	case 0:
		return api.NamedSet{}, refused("fbpeer set list", "no set %s has been proposed", show(arg))
	case 1:
		return found[0], nil
	}
	var forms, commands []string
	for _, set := range found {
		forms = append(forms, fmt.Sprintf("%s@%s (of %s)", set.Name, set.PeerID, set.Proposer))
		commands = append(commands, command+" "+shellWord(show(set.Name+"@"+set.PeerID)))
	}
	return api.NamedSet{}, usage(strings.Join(commands, ", or "), "several propose a set %s: %s", show(name), strings.Join(forms, ", "))
}

// setTyped is what to type for a set: with its proposer's identity where another one proposes the same name.
func setTyped(s api.Snapshot, set api.NamedSet) string {
	for _, other := range s.Sets {
		if other.Name == set.Name && other.PeerID != set.PeerID && other.State != api.SetWithdrawn {
			return shellWord(show(set.Name + "@" + set.PeerID))
		}
	}
	return shellWord(show(set.Name))
}
