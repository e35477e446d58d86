package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
)

func (a *app) notifyCommand() *cobra.Command {
	c := group("notify", "the command that tells you what needs you", a.notifyTestCommand())
	c.Long = "With [notify] command in fbpeer.ini the agent runs a program of yours when something needs you:\n" +
		"somebody waits for a decision, an approved component announces other values, somebody else claims to\n" +
		"be one, a certificate ends, files could not be written. docs/notify.md says what it is given, with\n" +
		"examples."
	return c
}

func (a *app) notifyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test",
		Short: "run the notification command with a test event, and show what it printed",
		Long: "Runs the notification command with a test event: by the running agent, as it would for a real one,\n" +
			"else from here as it is configured. Shows what the command printed and its exit code. Exit code 0 if\n" +
			"that was 0, else 1; 2 where no command is configured.",
		Example: "  fbpeer notify test\n  FBPEER_NOTIFY_COMMAND='/usr/local/bin/tell \"on call\"' fbpeer notify test",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.notifyTest(cmd.Context()) },
	}
}

func (a *app) notifyTest(ctx context.Context) error {
	c, err := config.Load(a.selector())
	if err != nil {
		return err
	}
	control, s, err := a.openConfig(ctx, c, agent.Controller.Snapshot)
	if err != nil {
		return err
	}
	r, err := control.Notify(ctx, api.NotifyRequest{})
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(r)
	} else {
		_, err = io.WriteString(a.stdout, notifyScreen(r, s.Running))
	}
	if err == nil && !r.OK {
		return refused("correct the program, or [notify] command; docs/notify.md says what it is given", "the notification command failed: %s", show(r.Error))
	}
	return err
}

// notifyLines is how many lines of a command's output are shown: the last ones.
const notifyLines = 20

// notifyScreen is `notify test`: what was run by whom, what it printed, and how it ended.
func notifyScreen(r api.NotifyResult, running bool) string {
	by := "from here, since no agent is running"
	if running {
		by = "by the running agent"
	}
	words := make([]string, len(r.Command))
	for i, word := range r.Command {
		words[i] = shellWord(word)
	}
	text := "ran " + by + ": " + show(strings.Join(words, " ")) + "\n"
	lines := slices.Collect(strings.Lines(r.Output))
	if more := len(lines) - notifyLines; more > 0 {
		text, lines = text+"    … "+count(more, "line")+" before\n", lines[more:]
	}
	for _, line := range lines {
		text += "    " + show(strings.TrimSuffix(line, "\n")) + "\n"
	}
	if r.OK {
		return text + "exit code 0: it would be told.\n"
	}
	return text + "NOT TOLD: " + show(r.Error) + "\n"
}
