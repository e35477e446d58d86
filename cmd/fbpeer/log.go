package main

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/trust"
)

// logFlags are the flags of `log`.
type logFlags struct {
	follow, verify bool
	lines          int
	since, about   string
	head           string
}

func (a *app) logCommand() *cobra.Command {
	var f logFlags
	c := &cobra.Command{
		Use:   "log",
		Short: "what happened, by whom, and old and new values",
		Long: "What happened, the newest last: who was heard, what was approved or changed by whom, with old and\n" +
			"new values, and what was written. It is read from the component's state folder, with or without a\n" +
			"running agent. Each line of that log carries the hash of the one before.\n\n" +
			"--verify finds a line that was changed, removed, moved or put in, and says which: exit code 3. It\n" +
			"prints the hash of the last line. Who can write to the state folder could write the whole log anew:\n" +
			"note that hash elsewhere, and give it with --head later to see that the log still holds that line. A\n" +
			"line that a crash cut off is told, and is no defect. docs/log.md says how to verify without fbpeer.",
		Example: "  fbpeer log\n  fbpeer log -n 20 --follow\n  fbpeer log --about nice --since 7d --json\n" +
			"  fbpeer log --verify\n  fbpeer log --verify --head 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Args: noArgs,
	}
	flags := c.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "print the last 10 lines, then what is added, until interrupted")
	flags.BoolVar(&f.verify, "verify", false, "verify the chain of hashes instead of printing")
	flags.IntVarP(&f.lines, "lines", "n", allLines, "only the last `N` lines")
	flags.Lookup("lines").DefValue = "0" // which help leaves out: all is no number
	flags.StringVar(&f.since, "since", "", "only since `TIME`: 2026-11-22, 2026-11-22T10:15:00Z, or 90m, 12h, 7d ago")
	flags.StringVar(&f.about, "about", "", "only what is about this `COMPONENT`: id, unique beginning or alias")
	flags.StringVar(&f.head, "head", "", "with --verify: a `HASH` that was noted earlier must still be in the log")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("lines") && f.lines < 0 {
			return usage("leave it out to see all", "--lines: %d is no number of lines", f.lines)
		}
		if f.verify {
			return a.verifyLog(f, cmd.Flags().Changed)
		}
		if f.head != "" {
			return usage("fbpeer log --verify --head HASH", "--head is for --verify")
		}
		return a.showLog(cmd.Context(), f)
	}
	return c
}

// allLines is --lines where it is not given.
const allLines = -1

// followLines is how many lines are printed before what is added, and followPause how often that is looked for.
const (
	followLines = 10
	followPause = 250 * time.Millisecond
)

// logJSON is `log --json`.
type logJSON struct {
	Records []trust.LogRecord `json:"records"`
}

func (a *app) showLog(ctx context.Context, f logFlags) error {
	since, err := sinceTime(f.since, a.now())
	if err != nil {
		return err
	}
	c, err := config.Load(a.selector())
	if err != nil {
		return err
	}
	s := a.knownTo(ctx, c)
	about, err := aboutComponent(s, f.about)
	if err != nil {
		return err
	}
	reader := agent.ReadLog(c.State)
	defer reader.Close()
	if f.follow && f.lines == allLines {
		f.lines = followLines
	}
	var records []trust.LogRecord
	wanted := func(r trust.LogRecord) bool { return !r.Time.Before(since) && about(r) }
	err = reader.Next(func(r trust.LogRecord) error {
		if wanted(r) {
			records = append(records, r)
		}
		if f.lines != allLines && len(records) > f.lines {
			records = records[1:]
		}
		return nil
	})
	if err != nil {
		return usage("make it readable for the component's user, or be that user", "the log cannot be read: %w", err)
	}
	if f.follow {
		return a.followLog(ctx, s, reader, records, wanted)
	}
	if a.json {
		return a.printJSON(logJSON{present(records)})
	}
	v := a.view(s)
	if len(records) == 0 && f.lines != 0 && f.about != "" && !known(s, f.about) {
		return refused(v.prog+" log has the whole ids of those who were forgotten", "--about: %q is no id, beginning of one or alias of anybody who is known here, or in the log", f.about)
	}
	if len(records) == 0 && f.lines != 0 {
		_, err = io.WriteString(a.stdout, "Nothing of that has happened yet.\n")
		return err
	}
	for _, r := range records {
		if _, err := io.WriteString(a.stdout, v.logEntry(r)); err != nil {
			return err
		}
	}
	return nil
}

// followLog prints records, and then what is added, one JSON object a line with --json.
func (a *app) followLog(ctx context.Context, s api.Snapshot, reader *agent.LogReader, records []trust.LogRecord, wanted func(trust.LogRecord) bool) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	v := a.view(s)
	tell := func(r trust.LogRecord) error {
		text := ""
		if a.json {
			line, err := json.Marshal(r)
			if err != nil {
				return err
			}
			text = string(escapeJSON(line)) + "\n"
		} else {
			text = v.logEntry(r)
		}
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	for _, r := range records {
		if err := tell(r); err != nil {
			return err
		}
	}
	pause := time.NewTicker(followPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		err := reader.Next(func(r trust.LogRecord) error {
			if !wanted(r) {
				return nil
			}
			return tell(r)
		})
		if err != nil {
			return err
		}
	}
}

// knownTo is what names are taken from. The log is shown without them too: it is what is left to look at where the rest cannot be read.
func (a *app) knownTo(ctx context.Context, c *config.Config) api.Snapshot {
	_, s, err := a.openConfig(ctx, c, agent.Controller.Snapshot)
	if err != nil {
		return api.Snapshot{Self: api.Peer{Component: c.Component.ID}}
	}
	return s
}

// known says whether a name is that of a component that this site has heard of.
func known(s api.Snapshot, name string) bool {
	_, err := resolveComponent(s, name)
	return err == nil
}

// aboutComponent says which records are about a component. One of which nothing is heard any more is found by the beginning of its id.
func aboutComponent(s api.Snapshot, name string) (func(trust.LogRecord) bool, error) {
	if name == "" {
		return func(trust.LogRecord) bool { return true }, nil
	}
	id, err := resolveComponent(s, name)
	if code, _ := outcome(err); code == exitUsage {
		return nil, err
	}
	return func(r trust.LogRecord) bool {
		return r.Component == id && id != "" || id == "" && strings.HasPrefix(r.Component, name)
	}, nil
}

// sinceTime reads --since: a time, a day, or how long ago.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, usage("write 2026-11-22, 2026-11-22T10:15:00Z, or 90m, 12h, 7d", "--since: %q is no time", text)
}

// logCheckJSON is `log --verify --json`.
type logCheckJSON struct {
	OK        bool          `json:"ok"`
	Lines     uint64        `json:"lines"`
	Head      *logHeadJSON  `json:"head,omitempty"` // the last line
	Obstacles []findingJSON `json:"obstacles"`
	More      int           `json:"more,omitempty"` // obstacles beyond those
	Warnings  []findingJSON `json:"warnings"`
}

// logHeadJSON is a line by its number and hash.
type logHeadJSON struct {
	Number uint64 `json:"number"`
	SHA256 string `json:"sha256"` // hexadecimal, as sha256sum prints it
}

func (a *app) verifyLog(f logFlags, given func(flag string) bool) error {
	for _, name := range []string{"follow", "lines", "since", "about"} {
		if given(name) {
			return usage("leave it out", "--verify looks at the whole log: --%s does not go with it", name)
		}
	}
	var noted *trust.LogHash
	if given("head") {
		hash, err := trust.ParseLogHash(strings.TrimSpace(f.head))
		if err != nil {
			return usage("give the hash that --verify printed", "--head: %w", err)
		}
		noted = &hash
	}
	c, err := config.Load(a.selector())
	if err != nil {
		return err
	}
	r, err := agent.VerifyLog(c.State, noted)
	if err != nil {
		return usage("make it readable for the component's user", "the log cannot be read: %w", err)
	}
	shown := logCheckJSON{OK: len(r.Defects) == 0, Lines: r.Lines, Obstacles: []findingJSON{}, More: r.More, Warnings: []findingJSON{}}
	if r.Lines > 0 {
		shown.Head = &logHeadJSON{r.Head.Number, r.Head.Hash.String()}
	}
	for _, d := range r.Defects {
		shown.Obstacles = append(shown.Obstacles, findingJSON{Code: d.Kind, Where: d.Place(), Text: d.Text,
			Cure: "keep the files as they are, and ask who can write to " + c.State})
	}
	for _, d := range r.Cuts {
		shown.Warnings = append(shown.Warnings, findingJSON{Code: d.Kind, Where: d.Place(), Text: d.Text, Cure: "nothing is to be done"})
	}
	return a.verdict(shown.OK, shown, func() string { return logCheckScreen(shown, c.State, a.prog()) })
}
