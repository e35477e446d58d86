package main

import (
	"io"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// peersJSON is `peers --json`.
type peersJSON struct {
	Federation string     `json:"federation"`
	Self       api.Peer   `json:"self"`
	Peers      []api.Peer `json:"peers"`
}

// listJSON is `trust list --json`.
type listJSON struct {
	peersJSON
	Keys []api.BarredKey `json:"keys"`
}

// statusJSON is `status --json`.
type statusJSON struct {
	peersJSON
	Ready    bool            `json:"ready"`
	Set      *api.Set        `json:"set,omitempty"`
	NoSet    *api.Warning    `json:"no_set,omitempty"`
	Sets     []api.NamedSet  `json:"sets,omitempty"`
	Matrix   *api.Matrix     `json:"matrix"`
	Keys     []api.BarredKey `json:"keys,omitempty"`
	Warnings []api.Warning   `json:"warnings,omitempty"`
	Members  int             `json:"members"`
	Online   int             `json:"connected"`
	Running  bool            `json:"running"`
}

func peersOf(s api.Snapshot, states ...string) peersJSON {
	p := peersJSON{Federation: s.Federation, Self: s.Self, Peers: []api.Peer{}}
	if len(states) == 0 {
		p.Peers = append(p.Peers, s.Peers...)
	} else {
		p.Peers = append(p.Peers, ofState(s.Peers, states...)...)
	}
	return p
}

func listOf(s api.Snapshot) listJSON {
	return listJSON{peersOf(s, decidedStates...), append([]api.BarredKey{}, s.Keys...)}
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "the federation at a glance: what to decide, and who has registered whom",
		Long: "The federation at a glance: decisions and warnings first, then who has registered whom, as each\n" +
			"site says of itself. Exit code 3 if an approved component changed, is contradicted or expired, or no\n" +
			"set is in force. What another site has not done is shown, and does not change the exit code: whether\n" +
			"all are ready is what fbpeer ready answers. SECAGG lines say which nodes' policies leave an\n" +
			"experiment no choice.",
		Example: "  fbpeer status\n  fbpeer status --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, s, err := a.openAll(cmd.Context())
			if err != nil {
				return err
			}
			shown := statusOf(s)
			return a.verdict(len(obstacles(s)) == 0, shown, func() string { return a.view(s).statusScreen(s) })
		},
	}
}

func statusOf(s api.Snapshot) statusJSON {
	return statusJSON{
		peersJSON: peersOf(s), Ready: len(obstacles(s)) == 0 && s.Waiting == nil, Set: s.Set, NoSet: s.NoSet, Sets: s.Sets, Matrix: s.Matrix, Keys: s.Keys,
		Warnings: s.Warnings, Members: s.Members, Online: s.Connected, Running: s.Running,
	}
}

func (a *app) peersCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "peers",
		Short:   "everything heard, grouped by state",
		Example: "  fbpeer peers\n  fbpeer peers --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, _, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(peersOf(s))
			}
			a.noteState(s)
			_, err = io.WriteString(a.stdout, a.view(s).peersScreen(s))
			return err
		},
	}
}

// noteState says what is to be known of what is shown: that it was last heard, or that trust.ini says something else.
func (a *app) noteState(s api.Snapshot) {
	if !s.Running {
		a.note("no agent is running, this is what was last heard: %s run", a.prog())
	}
	for _, w := range s.Warnings {
		if w.Code == api.WarnTrustList {
			a.note("warning: %s", a.view(s).sentence(w))
		}
	}
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show COMPONENT",
		Short: "one component in full, with what changed",
		Long: "One component in full, with what changed. COMPONENT is an id, a unique beginning of one, an alias,\n" +
			"or COMPONENT@PEERID, which is needed where several identities claim one component.",
		Example: "  fbpeer show nice\n  fbpeer show NODE_983",
		Args:    oneArg("COMPONENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, _, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			found, err := resolve(s, args[0])
			if err != nil {
				return err
			}
			found = standing(found)
			p := found[0]
			if len(found) > 1 || p.Component != s.Self.Component {
				if p, err = single(s, args[0], found); err != nil {
					return err
				}
			}
			if a.json {
				return a.printJSON(p)
			}
			_, err = io.WriteString(a.stdout, a.view(s).showScreen(p))
			return err
		},
	}
}

func (a *app) idCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "id",
		Short:   "the own component, fingerprint and words, and where each value comes from",
		Example: "  fbpeer id\n  fbpeer --component config-n1.ini id --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, _, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s.Self)
			}
			if _, err := io.WriteString(a.stdout, a.view(s).idScreen(s)); err != nil {
				return err
			}
			if s.Self.PeerID == "" {
				if lost := agent.LostIdentity(c, a.options(zerolog.Nop())); lost != nil {
					_, hint := outcome(lost)
					a.note("warning: %s", lost)
					a.note("hint: %s", addressedOwn(a.prog(), hint))
					return nil
				}
				a.note("hint: no identity yet, it is made by the first: %s run; or, for a site that cannot connect: %s card export", a.prog(), a.prog())
			}
			return nil
		},
	}
}
