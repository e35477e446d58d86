package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
)

// app is one invocation: the process's surroundings and the global flags.
type app struct {
	env
	component, config, state string
	json                     bool
	logLevel                 string
}

// run is the whole program but for the exit.
func run(args []string, e env) int {
	a := &app{env: e}
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	return report(e.stderr, e.terminal, a.prog(), err)
}

const firstScreen = `fbpeer registers Fed-BioMed components and MP-SPDZ parties with each other, and writes
the files that MP-SPDZ and Fed-BioMed read.

See it work on this machine:
    fbpeer dev --demo 3 --once

At each site:
    fbpeer federation create cardio      once, at one site; hand cardio.federation to the others
    fbpeer join cardio.federation        in the Fed-BioMed folder of the component
    fbpeer run                           the agent, in the foreground
    fbpeer trust pending                 who waits for your decision
    fbpeer status                        the federation at a glance

Before a run:
    fbpeer ready --wait 60s              whether all parties agree, and else who must do what
    fbpeer probe                         whether their MP-SPDZ ports are open to each other`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "fbpeer",
		Short:         "register Fed-BioMed components and MP-SPDZ parties with each other",
		Long:          firstScreen,
		Args:          noArgs,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			_, err := a.level(zerolog.WarnLevel)
			return err
		},
	}
	root.SetVersionTemplate(versionLine())
	wrapped := fmt.Sprintf("Flags.FlagUsagesWrapped %d", columns)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "Flags.FlagUsages", wrapped))
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &failure{code: exitUsage, err: plainValue(err), hint: cmd.CommandPath() + " --help"}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.component, "component", "", "Fed-BioMed component's configuration `FILE` (config-n1.ini is looked up in etc/)")
	flags.StringVar(&a.config, "config", "", "the agent's own `FILE`, fbpeer.ini")
	flags.StringVar(&a.state, "state", "", "the agent's state folder `DIR`")
	flags.BoolVar(&a.json, "json", false, "print one JSON object")
	flags.StringVar(&a.logLevel, "log-level", "", "`LEVEL` of the log: trace, debug, info, warn or error")

	const set, trust, look, other = "set", "trust", "look", "other"
	root.AddGroup(&cobra.Group{ID: set, Title: "Set up and run:"}, &cobra.Group{ID: trust, Title: "Decide:"},
		&cobra.Group{ID: look, Title: "Look:"}, &cobra.Group{ID: other, Title: "Other:"})
	root.SetHelpCommandGroupID(other)
	root.SetCompletionCommandGroupID(other)
	addTo(root, set, a.federationCommand(), a.joinCommand(), a.initCommand(), a.runCommand(), a.devCommand(), a.devAlias(), a.componentCommand(), a.certCommand())
	addTo(root, trust, a.trustCommand(), a.cardCommand(), a.setCommand())
	addTo(root, look, a.statusCommand(), a.readyCommand(), a.probeCommand(), a.peersCommand(), a.showCommand(), a.idCommand(), a.playersCommand(), a.registryCommand(), a.logCommand())
	addTo(root, other, a.notifyCommand(), a.versionCommand())
	return root
}

func addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(commands...)
	return c
}

// noArgs refuses arguments; where the command has subcommands, as an unknown one.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasAvailableSubCommands() {
		return usage(cmd.CommandPath()+" --help", "%s takes no arguments, got %q", cmd.CommandPath(), args[0])
	}
	hint := cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean: " + cmd.CommandPath() + " " + near[0]
	}
	return usage(hint, "unknown command %q for %q", args[0], cmd.CommandPath())
}

// oneArg demands exactly one argument, called name.
func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage(cmd.UseLine(), "%s takes one argument, %s; got %d", cmd.CommandPath(), name, len(args))
		}
		return nil
	}
}

// selector says which agent is meant.
func (a *app) selector() config.Selector {
	overrides := map[string]string{}
	if a.logLevel != "" {
		overrides["log.level"] = a.logLevel
	}
	return config.Selector{Component: a.component, Config: a.config, State: a.state, Overrides: overrides, Getenv: a.getenv}
}

// prog is "fbpeer" with the flags that chose this agent: commands that are shown can be typed as they stand.
func (a *app) prog() string {
	prog := "fbpeer"
	for _, f := range []struct{ name, value string }{{"component", a.component}, {"config", a.config}, {"state", a.state}} {
		if f.value != "" {
			prog += " --" + f.name + " " + shellWord(f.value)
		}
	}
	return prog
}

// shellWord quotes s where a shell would take it apart.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-/@:+,=%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ofComponent finds the commands that are about one component, in the texts of all packages.
var ofComponent = regexp.MustCompile(`\bfbpeer (join|run|status|ready|probe|peers|show|players|registry|trust|set|log|notify|card import)\b`)

// ofOwn finds those, too, that can only be meant for the component here where a text is about its own files.
var ofOwn = regexp.MustCompile(`\bfbpeer (join|run|status|ready|probe|peers|show|players|registry|trust|set|log|notify|card import|cert)\b`)

// addressedOwn is addressed for a text about one's own files.
func addressedOwn(prog, text string) string {
	return ofOwn.ReplaceAllStringFunc(text, func(command string) string {
		return prog + strings.TrimPrefix(command, "fbpeer")
	})
}

// addressed lets the commands in a text begin with prog: packages name them without the flags that chose the component.
func addressed(prog, text string) string {
	return ofComponent.ReplaceAllStringFunc(text, func(command string) string {
		return prog + strings.TrimPrefix(command, "fbpeer")
	})
}

// level is what --log-level says, else the given one.
func (a *app) level(otherwise zerolog.Level) (zerolog.Level, error) {
	if a.logLevel == "" {
		return otherwise, nil
	}
	level, err := zerolog.ParseLevel(a.logLevel)
	if err != nil || level > zerolog.ErrorLevel || level.String() != a.logLevel {
		return otherwise, usage("use trace, debug, info, warn or error", "--log-level: %q is not a level", a.logLevel)
	}
	return level, nil
}

// options for an agent or its stores, logging to stderr.
func (a *app) options(log zerolog.Logger) agent.Options {
	return agent.Options{Now: a.now, Random: a.random, Log: log, Version: version}
}

// open reaches the chosen agent, running or not, and asks how things stand.
func (a *app) open(ctx context.Context) (*config.Config, agent.Controller, api.Snapshot, error) {
	return a.openWith(ctx, agent.Controller.Snapshot)
}

// openAll is open after a roll call: how things stand in the whole federation.
func (a *app) openAll(ctx context.Context) (agent.Controller, api.Snapshot, error) {
	_, control, s, err := a.openWith(ctx, agent.Controller.Call)
	return control, s, err
}

// asking is how a snapshot is asked for.
type asking func(agent.Controller, context.Context) (api.Snapshot, error)

func (a *app) openWith(ctx context.Context, ask asking) (*config.Config, agent.Controller, api.Snapshot, error) {
	c, err := config.Load(a.selector())
	if err != nil {
		return nil, nil, api.Snapshot{}, err
	}
	control, s, err := a.openConfig(ctx, c, ask)
	if err != nil {
		return nil, nil, api.Snapshot{}, err
	}
	return c, control, s, nil
}

// openConfig is openWith for a configuration that is loaded.
func (a *app) openConfig(ctx context.Context, c *config.Config, ask asking) (agent.Controller, api.Snapshot, error) {
	for _, w := range c.Warnings {
		a.note("warning: %s", w)
	}
	level, err := a.level(zerolog.WarnLevel)
	if err != nil {
		return nil, api.Snapshot{}, err
	}
	control, err := reach(ctx, c, a.options(a.logger(level, c.LogFormat)))
	if err != nil {
		return nil, api.Snapshot{}, err
	}
	s, err := ask(control, ctx)
	if err != nil {
		return nil, api.Snapshot{}, err
	}
	return control, s, nil
}

// plainValue says of a flag's value that cannot be read what is wanted, in the place of what the parser says.
func plainValue(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	flag := invalid.GetFlag()
	switch flag.Value.Type() {
	case "note":
		return fmt.Errorf("--%w", invalid.Unwrap())
	case "int":
		return fmt.Errorf("--%s: %q is no whole number", flag.Name, invalid.GetValue())
	case "duration":
		return fmt.Errorf("--%s: %q is no time to wait: write 30s, 5m or 2h", flag.Name, invalid.GetValue())
	}
	return err
}
