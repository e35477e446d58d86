package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

func (a *app) probeCommand() *cobra.Command {
	var flags setFlags
	c := &cobra.Command{
		Use:   "probe [COMPONENT …]",
		Short: "open the real MP-SPDZ ports, and shake hands as MP-SPDZ would",
		Long: "Asks the agents of a set's parties to open their MP-SPDZ ports for a moment, with the real files,\n" +
			"and to connect to each other as MP-SPDZ would: name, TCP, TLS with both certificates, and which\n" +
			"party answers. Exits 0 only if every direction is ok. With COMPONENT, only pairs with one of these.\n\n" +
			"It takes up to 15 s. A site opens its port for 5 s at most and once per 30 s, never while MP-SPDZ\n" +
			"runs there, and not at all with [probe] answer = off.",
		Example: "  fbpeer probe\n  fbpeer probe nice\n  fbpeer probe --parties nice,lyon --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := flags.selection(cmd)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			_, control, s, err := a.open(ctx)
			if err != nil {
				return orInterrupted(ctx, err)
			}
			return orInterrupted(ctx, a.probeIn(ctx, control, s, chosen, args))
		},
	}
	flags.register(c)
	return c
}

func (a *app) probeIn(ctx context.Context, control agent.Controller, s api.Snapshot, chosen selection, components []string) error {
	request := api.ProbeRequest{}
	var err error
	if request.Set, _, err = chosen.resolve(s); err != nil {
		return err
	}
	for _, arg := range components {
		component, err := resolveComponent(s, arg)
		if err != nil {
			return err
		}
		if !slices.Contains(request.Components, component) {
			request.Components = append(request.Components, component)
		}
	}
	if a.terminal {
		fmt.Fprint(a.stderr, "probing, up to 15 s …")
	}
	p, err := control.Probe(ctx, request)
	if a.terminal {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	p.Obstacles, p.Cells, p.Parties = present(p.Obstacles), present(p.Cells), present(p.Parties)
	return a.verdict(p.OK, p, func() string { return a.view(s).probeScreen(s, p) })
}
