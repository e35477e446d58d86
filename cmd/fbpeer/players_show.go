package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

func (a *app) playersCommand() *cobra.Command {
	return group("players", "MP-SPDZ's player files", a.playersShowCommand(), a.playersWriteCommand(), a.playersCheckCommand())
}

func (a *app) playersShowCommand() *cobra.Command {
	var flags setFlags
	c := &cobra.Command{
		Use:   "show",
		Short: "the set in force, where its files are, and MP-SPDZ's arguments",
		Long: "The set in force, the own number in it, where its player files are, and the arguments for MP-SPDZ.\n" +
			"With --set a named set; with --parties what these parties would be, without files.",
		Example: "  fbpeer players show\n  cd -P \"$(fbpeer players show --json | jq -r .dir)\"\n  fbpeer players show --set trial\n" +
			"  fbpeer players show --parties bob,carol",
		Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := flags.selection(cmd)
			if err != nil {
				return err
			}
			_, control, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			return a.playersShowIn(cmd.Context(), control, s, chosen)
		},
	}
	flags.register(c)
	return c
}

func (a *app) playersShowIn(ctx context.Context, control agent.Controller, s api.Snapshot, chosen selection) error {
	plain := s.Self.Role == string(mpspdz.PlainParty)
	if len(chosen.words) > 0 {
		return a.partiesShow(ctx, control, s, chosen, plain)
	}
	set, none := s.Set, s.NoSet
	if chosen.name != "" {
		if !plain {
			return notForFedbiomed()
		}
		named, err := confirmedSet(s, chosen.name, a.prog())
		if err != nil {
			return err
		}
		if named.State == api.SetChanged {
			a.noteChanged(s, named)
		}
		set, none = named.Set, named.NoSet
	}
	if set == nil {
		text, hint := "", a.prog()+" status"
		if none != nil {
			text = ": " + none.Text
			if none.Cure != "" {
				hint = none.Cure
			}
		}
		if chosen.name != "" {
			return refused(hint, "set %s is not in force%s", show(chosen.name), text)
		}
		return refused(hint, "no set is in force%s", text)
	}
	if a.json {
		return a.printJSON(set)
	}
	if !s.Running {
		a.note("no agent is running, which keeps these files right; whether they are: %s players check %s", a.prog(), shellWord(set.Dir))
	}
	_, err := io.WriteString(a.stdout, a.view(s).playersScreen(*set, plain))
	return err
}

// noteChanged says of a set that is shown as it was confirmed that it is proposed otherwise now.
func (a *app) noteChanged(s api.Snapshot, set api.NamedSet) {
	if !waitsForUs(s, set) {
		a.note("its proposer has changed set %s, and this site is no longer in it: %s set list", set.Name, a.prog())
		return
	}
	a.note("its proposer has changed set %s, this is what was confirmed here; the change: %s set confirm %s", set.Name, a.prog(), setTyped(s, set))
}

// confirmedSet is the one of a name that this site has confirmed, else the one that is proposed.
func confirmedSet(s api.Snapshot, name, prog string) (api.NamedSet, error) {
	for _, set := range s.Sets {
		if set.Name == name && (set.Set != nil || set.State == api.SetConfirmed || set.State == api.SetChanged) {
			return set, nil
		}
	}
	return namedSet(s, name, prog+" set confirm")
}

// partiesJSON is `players show --parties --json`.
type partiesJSON struct {
	Digest  string         `json:"digest"`
	Parties []api.SetParty `json:"parties"`
	Party   int            `json:"party"`
	Command string         `json:"command,omitempty"` // arguments for MP-SPDZ; Fed-BioMed gives them itself
}

func (a *app) partiesShow(ctx context.Context, control agent.Controller, s api.Snapshot, chosen selection, plain bool) error {
	selector, _, err := chosen.resolve(s)
	if err != nil {
		return err
	}
	set, err := control.Parties(ctx, selector)
	if err != nil {
		return err
	}
	shown := partiesJSON{Digest: set.Digest, Party: set.Party, Parties: []api.SetParty{}}
	for _, p := range set.Parties {
		shown.Parties = append(shown.Parties, p.SetParty)
	}
	if plain {
		shown.Command = mpspdz.Arguments(set.Party, len(set.Parties))
	}
	if a.json {
		return a.printJSON(shown)
	}
	_, err = io.WriteString(a.stdout, a.view(s).partiesScreen(shown, chosen))
	return err
}

// playersScreen is `players show`; Fed-BioMed starts MP-SPDZ by itself, a plain party's operator does it.
func (v view) playersScreen(set api.Set, plain bool) string {
	words := ""
	if len(set.Words) > 0 {
		words = "set words: " + wordsText(set.Words) + "\n"
	}
	head := fmt.Sprintf("party %d of %d, set %s, written %s\n%s\n%s\nMP-SPDZ is started from the folder as it is now (-P follows the link once):\n",
		set.Party, len(set.Parties), shortDigest(set.Digest), clock(v.now, set.Written), words, v.partyTable(set.Parties))
	dir, arguments := shellWord(show(set.Dir)), show(set.Command)
	if !plain {
		return head + fmt.Sprintf("    cd -P %s\n    … %s\n", dir, arguments)
	}
	return head + fmt.Sprintf("    cd -P %s && shamir-party.x %s PROGRAM\n", dir, arguments) +
		"MP-SPDZ looks for Programs/ where it is started. Once for each new set, in that folder:\n    ln -s /path/to/MP-SPDZ/Programs .\n"
}

// partiesScreen is `players show --parties`: there are no files of this set.
func (v view) partiesScreen(set partiesJSON, chosen selection) string {
	head := fmt.Sprintf("party %d of %d, set %s\n\n%s\n", set.Party, len(set.Parties), shortDigest(set.Digest), v.partyTable(set.Parties))
	if set.Command == "" {
		return head + "Fed-BioMed writes the player files of an experiment and starts MP-SPDZ by itself. Before it:\n" +
			"    " + v.prog + " ready" + chosen.typed() + "\n"
	}
	return head + "Their files are written into a folder of your own, where MP-SPDZ is then started:\n" +
		"    " + v.prog + " players write --dir DIR" + chosen.typed() + "\n" +
		fmt.Sprintf("    cd DIR && shamir-party.x %s PROGRAM\n", set.Command)
}

func (v view) partyTable(parties []api.SetParty) string {
	t := table{}
	t.add("PARTY", "COMPONENT", "ENDPOINT")
	for _, p := range parties {
		t.add(fmt.Sprint(p.Party), v.called(p.Component), show(p.Endpoint))
	}
	return t.String()
}
