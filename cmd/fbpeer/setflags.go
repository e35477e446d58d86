package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

// setFlags are --set and --parties: which party set is meant, if not the default one.
type setFlags struct {
	name    string
	parties []string
}

func (f *setFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "set", "", "the set `NAME`, as it was confirmed (plain MP-SPDZ only)")
	f.registerParties(c)
}

func (f *setFlags) registerParties(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.parties, "parties", nil, "this site and these `PARTIES`: ids, beginnings of ids or aliases, with commas between")
}

// selection checks the flags and splits the parties. A flag that was given and is empty is a mistake: a variable of a script that is
// not set must not select the default set.
func (f *setFlags) selection(c *cobra.Command) (selection, error) {
	named, listed := c.Flags().Changed("set"), c.Flags().Changed("parties")
	words, gap := partyWords(f.parties)
	whole := "--parties a,b,c"
	if c.Flags().Lookup("set") != nil {
		whole += ", or leave it out for the default set"
	}
	switch {
	case named && listed:
		return selection{}, usage("leave one of them out", "--set and --parties each name a whole set")
	case named && f.name == "":
		return selection{}, usage("--set NAME, or leave it out for the default set", "--set names no set")
	case listed && len(words) == 0:
		return selection{}, usage(whole, "--parties names nobody")
	case listed && gap:
		return selection{}, usage("--parties a,b,c", "--parties has a comma too many: %s", strings.Join(f.parties, ","))
	case named:
		return selection{name: f.name}, checkSetName(f.name)
	}
	return selection{words: words}, nil
}

// partyWords splits the values of --parties at commas and white space; gap: nothing stands between two commas, where a party may be missing.
func partyWords(values []string) (words []string, gap bool) {
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		fields := strings.Fields(item)
		words, gap = append(words, fields...), gap || len(fields) == 0
	}
	return words, gap
}

// checkSetName refuses what cannot be the name of a set before an agent is asked.
func checkSetName(name string) error {
	if err := mpspdz.CheckSetName(name); err != nil {
		return usage("a name is one word, like trial-2", "%w", err)
	}
	return nil
}

// selection is a party set as it was typed.
type selection struct {
	name  string
	words []string
}

// resolve gives the selector for the agent, and whether every name is known here. What nobody known is called stays as it was typed: the
// agent says so, and it may be heard later. A beginning of several ids is an error.
func (f selection) resolve(s api.Snapshot) (selector api.SetSelector, whole bool, err error) {
	if f.name != "" && s.Self.Role != string(mpspdz.PlainParty) {
		return selector, false, notForFedbiomed()
	}
	selector.Name, selector.IDs, whole = f.name, len(f.words) > 0, true // what is resolved here is not an alias there
	for _, word := range f.words {
		component, err := resolveComponent(s, word)
		switch code, _ := outcome(err); code {
		case exitDone:
		case exitFailed:
			component, whole = word, false
		default:
			return selector, false, err
		}
		if !slices.Contains(selector.Parties, component) {
			selector.Parties = append(selector.Parties, component)
		}
	}
	return selector, whole, nil
}

// typed is the selection as flags, to be typed again.
func (f selection) typed() string {
	switch {
	case f.name != "":
		return " --set " + shellWord(show(f.name))
	case len(f.words) > 0:
		return " --parties " + shellWord(show(strings.Join(f.words, ",")))
	}
	return ""
}

// notForFedbiomed is why a Fed-BioMed component has no named sets.
func notForFedbiomed() error {
	return usage("fbpeer ready --parties a,b,c", "named sets are for plain MP-SPDZ: "+
		"Fed-BioMed itself puts the parties of an experiment in order, the researcher first, and takes their certificates from its registry")
}

// flagsOnly refuses arguments of a command that takes flags alone; behind --parties they were probably meant for it.
func flagsOnly(c *cobra.Command, args []string) error {
	if len(args) > 0 && c.Flags().Changed("parties") {
		return usage("write commas between the parties, or quote them all: --parties a,b,c", "%q stands outside of --parties", args[0])
	}
	return noArgs(c, args)
}
