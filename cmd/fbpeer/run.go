package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/discovery"
)

func (a *app) runCommand() *cobra.Command {
	var federation string
	c := &cobra.Command{
		Use:   "run",
		Short: "the agent, in the foreground, until SIGINT or SIGTERM",
		Long: "The agent, in the foreground, until SIGINT or SIGTERM.\n\n" +
			"A component that is named and whose configuration does not exist yet is waited for. With an IPv4\n" +
			"address in a Fed-BioMed component's mpspdz_ip, the agent waits until this machine has that address,\n" +
			"listens there only, and uses mDNS on its interface only. Others reach it there; [agent] listen or\n" +
			"[agent] announce says otherwise, as behind NAT.",
		Example: "  fbpeer run\n  fbpeer --component config-n1.ini run --federation cardio.federation\n" +
			"  fbpeer --config /srv/alice/fbpeer.ini run",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), federation) },
	}
	c.Flags().StringVar(&federation, "federation", "", "federation `FILE`; joined for good if none was")
	return c
}

// serve runs the agent until a signal ends it.
func (a *app) serve(ctx context.Context, federation string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	if err := a.awaitConfiguration(ctx); err != nil {
		return unlessStopped(ctx, err)
	}
	c, err := a.federated(federation)
	if err != nil {
		return err
	}
	if c, err = a.awaitAddress(ctx, c); err != nil {
		return unlessStopped(ctx, err)
	}
	for _, w := range c.Warnings {
		a.note("warning: %s", w)
	}
	configured, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		configured = zerolog.InfoLevel
	}
	level, err := a.level(configured)
	if err != nil {
		return err
	}
	log := a.logger(level, c.LogFormat)
	discovery.BridgeLogs(log)
	options := a.options(log)
	// The first snapshot says what the agent starts with.
	first := make(chan api.Snapshot, 1)
	options.Changed = func(s api.Snapshot) {
		select {
		case first <- s:
		default:
		}
	}
	server, err := agent.New(ctx, c, options)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	greeting := make(chan struct{})
	go func() {
		defer close(greeting)
		select {
		case s := <-first:
			greet(log, a.prog(), s)
		case <-ctx.Done():
		}
	}()
	err = unlessStopped(ctx, server.Run(ctx))
	stop()
	<-greeting
	if err == nil {
		log.Info().Msg("stopped")
	}
	return err
}

// unlessStopped takes an error that only says that we were told to stop as none.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// federated loads the configuration with the federation file to use: the one named, which is also joined where none was.
func (a *app) federated(file string) (*config.Config, error) {
	s := a.selector()
	s.ForRun = true
	c, err := config.Load(s)
	if err != nil {
		return nil, err
	}
	if file != "" && joined(c) {
		s.Federation = file
	} else if file != "" {
		if err := a.joinFirst(c, file); err != nil {
			return nil, err
		}
	}
	if c, err = config.Load(s); err != nil {
		return nil, err
	}
	f, err := c.LoadFederation()
	if err != nil {
		return nil, err
	}
	if f.Development() {
		return nil, forDevelopment(c.Federation)
	}
	return c, nil
}

// joined: there is a federation file already.
func joined(c *config.Config) bool {
	if c.Federation == "" {
		return false
	}
	_, err := os.Stat(c.Federation)
	return err == nil
}

func (a *app) joinFirst(c *config.Config, file string) error {
	data, err := a.readInput(file)
	if err != nil {
		return err
	}
	f, _, err := config.ParseFederation(file, data)
	if err != nil {
		return err
	}
	if f.Development() {
		return forDevelopment(file)
	}
	_, err = c.Join(data, file)
	return err
}

func forDevelopment(file string) error {
	return usage("make one for real: fbpeer federation create NAME", "%s is marked as development: it is for fbpeer dev alone", file)
}

// greet logs who we are, where others reach us, and who waits.
func greet(log zerolog.Logger, prog string, s api.Snapshot) {
	log.Info().Str("component", s.Self.Component).Str("peer_id", s.Self.PeerID).Str("federation", s.Federation).
		Str("words", strings.Join(s.Self.Words, " ")).Msg("fbpeer runs")
	for _, address := range s.Listen {
		log.Info().Str("address", address).Msg("listening, for others' bootstrap")
	}
	if n := len(waiting(s.Peers)); n > 0 {
		log.Warn().Int("waiting", n).Msg("components wait for your decision: " + prog + " trust pending")
	}
}
