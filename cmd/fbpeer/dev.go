package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"fbpeer/agent/api"
	"fbpeer/agent/fleet"
	"fbpeer/discovery"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// minDemo is the smallest set that secure aggregation works with.
const minDemo = 3

// devRun is what `dev` was told.
type devRun struct {
	root    string
	demo    int
	demoSet bool
	once    bool
	timeout time.Duration
}

func (a *app) devCommand() *cobra.Command {
	var d devRun
	c := &cobra.Command{
		Use:   "dev",
		Short: "every component of a Fed-BioMed folder on this machine, connected and approved among themselves",
		Long: "Finds every component of a Fed-BioMed root ($FEDBIOMED_DIR, else the present folder), runs their agents on loopback,\n" +
			"approves them among themselves, and keeps their registries and player files current.\n" +
			"With --json it prints one object each time all agree; with --once that is one.",
		Example: "  fbpeer dev --demo 3 --once\n  fbpeer dev --root /srv/fedbiomed",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.demoSet = cmd.Flags().Changed("demo")
			return a.dev(cmd.Context(), d)
		},
	}
	c.Flags().StringVar(&d.root, "root", "", "Fed-BioMed's `DIR` (default $FEDBIOMED_DIR, else .)")
	c.Flags().IntVar(&d.demo, "demo", 0, "first create a researcher and `N`-1 nodes, in a temporary folder if --root is not given")
	c.Flags().BoolVar(&d.once, "once", false, "end when all are ready; exit code 3 if they are not within --timeout")
	c.Flags().DurationVar(&d.timeout, "timeout", 30*time.Second, "how long --once waits")
	return c
}

func (a *app) dev(ctx context.Context, d devRun) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	root, err := a.devRoot(d)
	if err != nil {
		return err
	}
	level, err := a.level(zerolog.ErrorLevel)
	if err != nil {
		return err
	}
	log := a.logger(level, "console")
	discovery.BridgeLogs(log)
	screen := &devScreen{app: a, root: root, total: newProgress(a.stderr, a.terminal), once: d.once, demo: d.demoSet}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deadline := ctx
	if d.once {
		var release context.CancelFunc
		deadline, release = context.WithTimeout(ctx, d.timeout)
		defer release()
		screen.done = cancel
	}
	err = fleet.Run(deadline, fleet.Config{
		Root: root, Getenv: a.getenv, Options: a.options(log),
		Progress: screen.total.show, Ready: screen.ready,
	})
	screen.total.end()
	if screen.wrote != nil {
		return screen.wrote
	}
	if d.once && !screen.wasReady {
		screen.total.explain()
		switch {
		case errors.Is(deadline.Err(), context.DeadlineExceeded):
			return &failure{code: exitAnswerNo, err: fmt.Errorf("not ready after %s: %s", d.timeout, missing(screen.total.last)), hint: "--log-level info says more"}
		case err == nil:
			return &failure{code: exitAnswerNo, err: fmt.Errorf("interrupted before all were ready: %s", missing(screen.total.last))}
		}
	}
	return err
}

// devRoot is the folder whose components run; with --demo they are created first.
func (a *app) devRoot(d devRun) (string, error) {
	root := d.root
	if !d.demoSet {
		if root == "" {
			root = a.getenv("FEDBIOMED_DIR")
		}
		if root == "" {
			root = "."
		}
		if info, err := os.Stat(root); err != nil || !info.IsDir() {
			return "", usage("--root DIR: the folder that holds etc/ and var/", "%s is not a folder", root)
		}
		return root, nil
	}
	if d.demo < minDemo {
		return "", usage(fmt.Sprintf("--demo %d", minDemo), "--demo %d: secure aggregation needs at least %d components", d.demo, minDemo)
	}
	if d.demo > mpspdz.MaxParties {
		return "", usage(fmt.Sprintf("--demo %d", mpspdz.MaxParties), "--demo %d: MP-SPDZ takes %d parties at most", d.demo, mpspdz.MaxParties)
	}
	if root == "" {
		made, err := os.MkdirTemp("", "fbpeer-demo-")
		if err != nil {
			return "", fmt.Errorf("making a folder for the demonstration: %w", err)
		}
		root = made
	} else if found, _, err := fedbiomed.Find(root); err == nil && len(found) > 0 {
		return "", usage("fbpeer dev --root "+shellWord(root)+", or another folder",
			"%s holds %s already: --demo creates its own", root, count(len(found), "component"))
	}
	return root, a.createDemo(root, d)
}

func (a *app) createDemo(root string, d devRun) error {
	n := d.demo
	for i := range n {
		role := mpspdz.Node
		if i == 0 {
			role = mpspdz.Researcher
		}
		name := ""
		if i > 0 {
			name = fmt.Sprintf("config-n%d.ini", i)
		}
		if _, err := fedbiomed.Create(a.random, root, role, name, "", 0, a.now()); err != nil {
			return asUsage(err)
		}
	}
	shown, err := filepath.Abs(root)
	if err != nil {
		shown = root
	}
	out := a.stdout
	if a.json {
		out = a.stderr
	}
	_, err = fmt.Fprintf(out, "created %d components in %s (1 researcher, %s), federation \"dev\"\n", n, show(shown), count(n-1, "node"))
	return err
}

// devScreen turns what the fleet reports into lines. Its functions are called by the fleet, one at a time.
type devScreen struct {
	*app
	total    *progress
	root     string
	once     bool
	demo     bool
	wasReady bool
	wrote    error
	done     context.CancelFunc // --once: all is done
}

func (d *devScreen) ready(snapshots []api.Snapshot) {
	if d.once && d.wasReady {
		return
	}
	d.wasReady = true
	v := view{now: d.now(), prog: "fbpeer", names: devNames(snapshots)}
	if d.json {
		d.wrote = d.printJSON(devObject(d.root, snapshots))
	} else {
		_, d.wrote = io.WriteString(d.stdout, "\n"+v.devTable(snapshots)+"\n"+readyLine(snapshots))
	}
	if len(snapshots) > 0 && snapshots[0].Set != nil {
		dir := strings.Replace(snapshots[0].Set.Dir, snapshots[0].Self.Component, "COMPONENT", 1)
		fmt.Fprintf(d.stderr, "player files: %s\n", show(dir))
	}
	if d.once && d.demo {
		fmt.Fprintf(d.stderr, "go on: fbpeer dev --root %s\n", shellWord(show(d.root)))
	}
	if d.done != nil {
		d.done()
	}
}
