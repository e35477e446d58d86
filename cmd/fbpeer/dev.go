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

	"fbpeer/agent/fleet"
	"fbpeer/discovery"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// minDemo is the smallest set that secure aggregation works with.
const minDemo = 3

// linger is how long `--once` goes on for the other machines' dev, which ask our agents whether they agree.
const linger = 2 * time.Second

// devRun is what `dev` was told.
type devRun struct {
	root       string
	federation string
	lan        bool
	demo       int
	demoSet    bool
	once       bool
	timeout    time.Duration
}

func (a *app) devCommand() *cobra.Command {
	var d devRun
	c := &cobra.Command{
		Use:   "dev",
		Short: "for development: all components of a folder, approved without asking",
		Long: "For development, never for data that must be protected: nobody is asked before a component is\n" +
			"approved.\n\n" +
			"Finds every component of a Fed-BioMed root ($FEDBIOMED_DIR, else the present folder), runs their\n" +
			"agents on loopback, approves them among themselves, and keeps their registries and player files\n" +
			"current.\n\n" +
			"With --lan it also finds, by mDNS, the dev agents of other machines that were given the same\n" +
			"development federation file, and approves their components: that file is then the whole trust. A\n" +
			"component that says localhost is announced at the address at which the other machines reach this\n" +
			"one, as long as dev runs. One of another machine that is gone for 20 s is forgotten, until it comes\n" +
			"back.\n\n" +
			"The root's federation file is made at the first start and kept in var/fbpeer-dev/, as all state of\n" +
			"dev; one given with --federation takes its place. fbpeer run refuses it, and dev refuses any other\n" +
			"kind.\n\n" +
			"With --json it prints one object each time all agree; with --once that is one.",
		Example: "  fbpeer dev --demo 3 --once\n  fbpeer dev --root /srv/fedbiomed\n  fbpeer dev --lan --federation dev.federation",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.demoSet = cmd.Flags().Changed("demo")
			return a.dev(cmd.Context(), d)
		},
	}
	c.Flags().StringVar(&d.federation, "federation", "", "development federation `FILE` of another machine's dev; kept for later runs")
	c.Flags().BoolVar(&d.lan, "lan", false, "find and approve the dev agents of other machines with the same federation file")
	c.Flags().StringVar(&d.root, "root", "", "Fed-BioMed's `DIR` (default $FEDBIOMED_DIR, else .)")
	c.Flags().IntVar(&d.demo, "demo", 0, "first create a researcher and `N`-1 nodes, in a temporary folder if --root is not given")
	c.Flags().BoolVar(&d.once, "once", false, "end when all are ready; exit code 3 if they are not within --timeout")
	c.Flags().DurationVar(&d.timeout, "timeout", 30*time.Second, "how long --once waits")
	return c
}

// devAlias is dev under the name of what it takes the place of in Fed-BioMed.
func (a *app) devAlias() *cobra.Command {
	c := a.devCommand()
	c.Use, c.Hidden = "certificate-dev-setup", true
	return c
}

func (a *app) dev(ctx context.Context, d devRun) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	joining := "dev"
	if d.federation != "" {
		f, _, err := fleet.ReadFederation(d.federation)
		if err != nil {
			return err // before components are made for it
		}
		joining = f.Name()
	}
	root, err := a.devRoot(d, joining)
	if err != nil {
		return err
	}
	level, err := a.level(zerolog.ErrorLevel)
	if err != nil {
		return err
	}
	log := a.logger(level, "console")
	discovery.BridgeLogs(log)
	screen := &devScreen{app: a, devRun: d, root: root, total: newProgress(a.stderr, a.terminal)}
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
		Root: root, Getenv: a.getenv, Options: a.options(log), Federation: d.federation, LAN: d.lan,
		Starting: screen.starting, Progress: screen.total.show, Ready: screen.ready,
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
func (a *app) devRoot(d devRun, federation string) (string, error) {
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
	return root, a.createDemo(root, d.demo, federation)
}

func (a *app) createDemo(root string, n int, federation string) error {
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
	return a.tell(fmt.Sprintf("created %d components in %s (1 researcher, %s), federation \"%s\"\n", n, show(shown), count(n-1, "node"), show(federation)))
}

// devScreen turns what the fleet reports into lines. Its functions are called by the fleet, one at a time.
type devScreen struct {
	*app
	devRun
	total    *progress
	root     string // the one that was found or made
	wasReady bool
	wrote    error
	done     context.CancelFunc // --once: all is done
}

// starting says what this is for, whom it trusts, and how another machine joins.
func (d *devScreen) starting(file, name string) {
	root := d.root
	if absolute, err := filepath.Abs(root); err == nil {
		root = absolute
	}
	if !d.lan {
		fmt.Fprint(d.stderr, wrap("", "fbpeer dev is for development: it approves all components of "+show(root)+" without asking. Loopback only.", ""))
		return
	}
	fmt.Fprint(d.stderr, wrap("", fmt.Sprintf("fbpeer dev is for development: it approves all components of %s without asking, and those of every machine "+
		"on the local network that holds the federation file of %q. That file is the whole trust: hand it on in private.", show(root), show(name)), ""))
	host, err := os.Hostname()
	if err != nil {
		host = "THIS-MACHINE"
	}
	fmt.Fprintf(d.stderr, "federation file: %s\non each other machine, in its Fed-BioMed folder:\n    scp %s .\n    fbpeer dev --lan --federation %s\n",
		show(file), shellWord(show(host+":"+file)), shellWord(show(filepath.Base(file))))
}

func (d *devScreen) ready(a fleet.Agreement) {
	if d.once && d.wasReady {
		return
	}
	d.wasReady = true
	v := view{now: d.now(), prog: "fbpeer", names: devNames(a)}
	if d.json {
		d.wrote = d.printJSON(devObject(d.root, a))
	} else {
		_, d.wrote = io.WriteString(d.stdout, "\n"+v.devTable(a)+"\n"+readyLine(a))
	}
	if first := a.Here[0]; first.Set != nil {
		dir := strings.Replace(first.Set.Dir, first.Self.Component, "COMPONENT", 1)
		fmt.Fprintf(d.stderr, "player files: %s\n", show(dir))
	}
	if d.once && d.demoSet {
		fmt.Fprintf(d.stderr, "go on: fbpeer dev --root %s\n", shellWord(show(d.root)))
	}
	switch {
	case d.done == nil:
	case len(a.Elsewhere) > 0:
		time.AfterFunc(linger, d.done)
	default:
		d.done()
	}
}
