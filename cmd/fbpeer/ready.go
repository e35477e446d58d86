package main

import (
	"context"
	"errors"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

func (a *app) readyCommand() *cobra.Command {
	var flags setFlags
	var wait time.Duration
	c := &cobra.Command{
		Use:   "ready",
		Short: "whether a run may start: all parties hold the same values in the same order",
		Long: "Asks all parties of a set what they have registered, and exits 0 only if every one of them has\n" +
			"registered every other with the same values in the same order, files and rows are written,\n" +
			"certificates outlast the day, and no node has secure aggregation off. Otherwise it says who must\n" +
			"do what, and exits 3. Components that are not in the set are no obstacle.\n\n" +
			"With --parties it asks about a choice of the components. Of a choice no agent writes player files:\n" +
			"in plain MP-SPDZ each of its sites does, into a folder of its own (fbpeer players write --parties),\n" +
			"after the yes, which says that they agree, not that these files are written.\n\n" +
			"A site that takes part by card cannot be asked: with one in the set the answer is never yes. Compare\n" +
			"the set words with its operator by telephone instead, or ask for the others: --parties.\n\n" +
			"The default set is the one that status shows. With --wait it asks again until the answer is yes;\n" +
			"progress goes to stderr. What a site says of itself is believed: this finds mistakes, not lies.",
		Example: "  fbpeer ready\n  fbpeer ready --wait 60s && ./start-the-experiment\n  fbpeer ready --parties nice,lyon --wait 2m --json\n" +
			"  fbpeer ready --set trial",
		Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := flags.selection(cmd)
			if err != nil {
				return err
			}
			if wait < 0 {
				return usage("--wait 60s", "--wait %s is not a time to wait", wait)
			}
			return a.ready(cmd.Context(), chosen, wait)
		},
	}
	flags.register(c)
	c.Flags().DurationVar(&wait, "wait", 0, "ask again until the answer is yes, for at most this `TIME` (60s, 5m)")
	return c
}

func (a *app) ready(ctx context.Context, chosen selection, wait time.Duration) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	_, control, s, err := a.open(ctx)
	if err == nil {
		err = a.readyIn(ctx, control, s, chosen, wait)
	}
	return orInterrupted(ctx, err)
}

// interruptible ends with SIGINT or SIGTERM. A second signal ends the process at once.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// orInterrupted is what an error becomes that is there only because the operator interrupted us: no answer.
func orInterrupted(ctx context.Context, err error) error {
	var told *failure
	if err != nil && ctx.Err() != nil && !errors.As(err, &told) {
		return &failure{code: exitAnswerNo, err: errors.New("interrupted before there was an answer")}
	}
	return err
}

// readyIn asks until the answer is yes or the time is over, and prints the last answer.
func (a *app) readyIn(ctx context.Context, control agent.Controller, s api.Snapshot, chosen selection, wait time.Duration) error {
	q := &question{control: control, snapshot: s, chosen: chosen}
	r, err := q.ask(ctx)
	if err == nil && !r.OK && wait > 0 && !onlyByCard(r) {
		waiting := func(r api.Ready) (what, why string) { return a.view(q.snapshot).waitingFor(q.snapshot, r) }
		r, err = askAgain(ctx, a, wait, r, waiting, q.ask, func(r api.Ready) bool { return r.OK })
	}
	if err != nil {
		return err
	}
	r.Obstacles = present(r.Obstacles)
	return a.verdict(r.OK, r, func() string {
		return a.view(q.snapshot).readyScreen(q.snapshot, r) + a.view(q.snapshot).filesOfChoice(q.snapshot, r, chosen)
	})
}

// onlyByCard says whether waiting is of no use: nobody is left who could answer.
func onlyByCard(r api.Ready) bool {
	return !slices.ContainsFunc(r.Obstacles, func(o api.Obstacle) bool { return o.Code != api.ObstacleByCard })
}

// question is what `ready` asks again and again.
type question struct {
	control  agent.Controller
	snapshot api.Snapshot
	chosen   selection
	asked    bool
}

// ask resolves the names anew while some are not known: they may have been heard meanwhile.
func (q *question) ask(ctx context.Context) (api.Ready, error) {
	selector, whole, err := q.chosen.resolve(q.snapshot)
	if err == nil && !whole && q.asked {
		if q.snapshot, err = q.control.Snapshot(ctx); err == nil {
			selector, _, err = q.chosen.resolve(q.snapshot)
		}
	}
	if err != nil {
		return api.Ready{}, err
	}
	q.asked = true
	return q.control.Ready(ctx, selector)
}
