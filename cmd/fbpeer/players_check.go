package main

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/mpspdz"
)

func (a *app) playersCheckCommand() *cobra.Command {
	var flags setFlags
	c := &cobra.Command{
		Use:   "check DIR",
		Short: "whether MP-SPDZ would run from a folder, and safely, whoever wrote it",
		Long: "Reads Player-Data and ip_addresses in any folder as MP-SPDZ and OpenSSL read them, whoever wrote\n" +
			"them, and says what would fail, compute with the wrong party or let a stranger in, with the cure:\n" +
			"exit code 3. What only a new MP-SPDZ refuses, names that prove membership only, and ports that may\n" +
			"be busy are warnings. Nothing in the folder is changed. The certificate of an authority is a warning\n" +
			"where [trust] authorities names it, and else an error: MP-SPDZ lets in whomever that authority\n" +
			"signs.\n\n" +
			"It is compared with the set in force, or the one that --set or --parties names: order, addresses,\n" +
			"certificates, own number and port. Where there is none, or no component here, the folder is judged\n" +
			"by itself.",
		Example: "  fbpeer players check /srv/mp-spdz\n  fbpeer players check run-7 --set trial\n" +
			"  fbpeer players check . --parties bob,carol --json",
		Args: oneArg("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := flags.selection(cmd)
			if err != nil {
				return err
			}
			return a.playersCheck(cmd.Context(), args[0], chosen)
		},
	}
	flags.register(c)
	return c
}

// checkJSON is `players check --json`.
type checkJSON struct {
	OK        bool          `json:"ok"`
	Dir       string        `json:"dir"`
	Digest    string        `json:"digest,omitempty"` // of the set that it was compared with
	Obstacles []findingJSON `json:"obstacles"`
	Warnings  []findingJSON `json:"warnings"`

	others bool // it was compared with the default set, and there are named ones
}

// findingJSON is one finding in a folder.
type findingJSON struct {
	Code      string `json:"code"`
	Component string `json:"component,omitempty"`
	Where     string `json:"where"` // the file in the folder, or file:line
	Text      string `json:"text"`
	Cure      string `json:"cure"`
}

func (a *app) playersCheck(ctx context.Context, dir string, chosen selection) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return usage("give the folder in which MP-SPDZ is started", "%w", err)
	case !info.IsDir():
		return usage("give the folder in which MP-SPDZ is started", "%s is no folder", dir)
	}
	c, control, s, err := a.open(ctx)
	var unset *config.Error
	if err != nil && errors.As(err, &unset) && chosen.typed() == "" && !a.componentSaid() {
		a.note("not compared with a set: %s", err)
		return a.checkFolder(dir, s, nil, mpspdz.Own{}, chosen)
	}
	if err != nil {
		return err
	}
	trusted, err := c.LoadAuthorities(a.now())
	if err != nil {
		return err
	}
	return a.playersCheckIn(ctx, control, s, dir, chosen, trusted)
}

// componentSaid reports whether somebody said which component is meant.
func (a *app) componentSaid() bool {
	return a.component != "" || a.config != "" || a.state != "" ||
		a.getenv("FBPEER_COMPONENT") != "" || a.getenv("FBPEER_CONFIG") != "" || a.getenv("FBPEER_STATE") != ""
}

func (a *app) playersCheckIn(ctx context.Context, control agent.Controller, s api.Snapshot, dir string, chosen selection, trusted mpspdz.Authorities) error {
	selector, _, err := chosen.resolve(s)
	if err != nil {
		return err
	}
	given, err := control.Parties(ctx, selector)
	var none *api.Error
	if (errors.As(err, &none) || errors.Is(err, agent.ErrNotRunning)) && chosen.typed() == "" {
		a.note("not compared with a set: %s", err)
		return a.checkFolder(dir, s, nil, mpspdz.Own{Authorities: trusted}, chosen)
	}
	if err != nil {
		return err
	}
	set, err := partySetOf(given)
	if err != nil {
		return err
	}
	own, err := ownOf(given)
	if err != nil {
		return err
	}
	own.Authorities = trusted
	return a.checkFolder(dir, s, &set, own, chosen)
}

func (a *app) checkFolder(dir string, s api.Snapshot, set *mpspdz.PartySet, own mpspdz.Own, chosen selection) error {
	v := a.view(s)
	result := checkJSON{Dir: dir}
	if set != nil {
		result.Digest = set.Digest().String()
	}
	findings := mpspdz.CheckFolder(os.DirFS(dir), set, own, a.now())
	// The folder may be a named set's: written anew for the default one, it would be another's.
	result.others = set != nil && chosen.typed() == "" && len(s.Sets) > 0
	result.Obstacles, result.Warnings = v.findingsJSON(findings, dir, chosen, keptByAgent(s, dir))
	result.OK = len(result.Obstacles) == 0
	return a.verdict(result.OK, result, func() string { return v.checkScreen(result) })
}

// keptByAgent says whether a folder is one of those in force that the agent itself writes, and puts right again.
func keptByAgent(s api.Snapshot, dir string) bool {
	info, err := os.Stat(dir)
	same := func(set *api.Set) bool {
		if set == nil || err != nil {
			return false
		}
		other, err := os.Stat(set.Dir)
		return err == nil && os.SameFile(info, other)
	}
	return same(s.Set) || slices.ContainsFunc(s.Sets, func(n api.NamedSet) bool { return same(n.Set) })
}
