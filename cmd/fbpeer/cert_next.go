package main

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
)

// stagedJSON is `cert generate --next --json`, and what `cert show` tells of a staged pair.
type stagedJSON struct {
	Component string `json:"component,omitempty"`
	*certificateJSON
	File        string   `json:"file"`
	Announced   bool     `json:"announced"` // by the running agent
	Fingerprint string   `json:"fingerprint,omitempty"`
	Words       []string `json:"words,omitempty"`

	running bool
}

// certStage is `cert generate --next`.
func (a *app) certStage(ctx context.Context, names string, force bool) error {
	c, err := a.ownPair()
	if err != nil {
		return err
	}
	if names, err = namesFor(c, names); err != nil {
		return err
	}
	made, err := c.StagePair(a.random, names, force, a.now())
	if err != nil {
		return err
	}
	r := stagedJSON{Component: c.Component.ID, certificateJSON: certificateOf(made), File: c.NextFile()}
	control, err := agent.Open(ctx, c, a.options(zerolog.Nop()))
	if err == nil {
		s := awaitSelf(ctx, control, func(s api.Snapshot) bool {
			return !s.Running || s.Self.Next != nil && s.Self.Next.KeySHA256 == r.KeySHA256
		})
		r.running = s.Running
		if next := s.Self.Next; next != nil && next.KeySHA256 == r.KeySHA256 {
			r.Announced, r.Fingerprint, r.Words = s.Running, next.Fingerprint, next.Words
		}
	} else {
		r.running = !nobodyRuns(err)
	}
	if a.json {
		return a.printJSON(r)
	}
	_, err = io.WriteString(a.stdout, a.view(api.Snapshot{Self: api.Peer{Component: c.Component.ID}}).stagedScreen(r))
	return err
}

// certDiscard is `cert generate --next --discard`.
func (a *app) certDiscard(ctx context.Context) error {
	c, err := a.ownPair()
	if err != nil {
		return err
	}
	dropped, err := c.DiscardNext()
	if err != nil {
		return err
	}
	running := false
	if control, err := agent.Dial(ctx, c); err == nil {
		running = awaitSelf(ctx, control, func(s api.Snapshot) bool { return s.Self.Next == nil }).Running
	}
	if a.json {
		return a.printJSON(struct {
			Component string `json:"component"`
			Dropped   bool   `json:"dropped"`
		}{c.Component.ID, dropped})
	}
	text := "No key was staged.\n"
	if dropped {
		text = "The staged key is gone. "
		if running {
			text += "The agent announces that; who had approved it ahead forgets it.\n"
		} else {
			text += "Who had approved it ahead forgets it when the agent runs again.\n"
		}
	}
	_, err = io.WriteString(a.stdout, text)
	return err
}

// awaitSelf waits, as long as a takeover may last, until a snapshot is as wanted, and gives the last one.
func awaitSelf(ctx context.Context, control agent.Controller, wanted func(api.Snapshot) bool) (s api.Snapshot) {
	ctx, cancel := context.WithTimeout(ctx, takeOver)
	defer cancel()
	poll := time.NewTicker(takeOverPoll)
	defer poll.Stop()
	for {
		if seen, err := control.Snapshot(ctx); err == nil {
			if s = seen; wanted(s) {
				return s
			}
		}
		select {
		case <-ctx.Done():
			return s
		case <-poll.C:
		}
	}
}

func (a *app) certActivateCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "activate",
		Short: "use the key to come, once all others have approved it ahead",
		Long: "Puts the key to come, which `cert generate --next` staged, and its certificate where the component's\n" +
			"own configuration names them. First all other sites are asked: exit code 3 as long as one that is\n" +
			"approved here has not approved the key ahead, does not answer, or takes part by card, so that nobody\n" +
			"can ask it. If they had been asked seconds before, it waits until they may be asked again, at most\n" +
			"15 seconds. With --force it is done all the same: those keep the former key until they approve the\n" +
			"change, and runs with them fail until then.\n\n" +
			"The agent announces the new certificate, endorsed by the former key, and who has approved it ahead\n" +
			"takes it over within seconds. In these, parties with the former files and parties with the new ones\n" +
			"cannot shake hands: start no run until fbpeer ready says yes. The former pair is kept beside the new\n" +
			"one, as .old. If it is interrupted, the same command finishes it.",
		Example: "  fbpeer cert activate && fbpeer ready --wait 60s\n  fbpeer --component config-n1.ini cert activate --json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.certActivate(cmd.Context(), force) },
	}
	c.Flags().BoolVar(&force, "force", false, "also where others have not approved the key ahead: runs with these fail until they do")
	return c
}

// activatedJSON is `cert activate --json`.
type activatedJSON struct {
	OK        bool   `json:"ok"`
	Component string `json:"component"`
	*certificateJSON
	Ahead       api.Ahead `json:"ahead"`
	Files       []string  `json:"former,omitempty"`
	Finished    bool      `json:"finished,omitempty"`  // an earlier activation that was interrupted
	Announced   bool      `json:"announced,omitempty"` // by the running agent
	Fingerprint string    `json:"fingerprint,omitempty"`
	Words       []string  `json:"words,omitempty"`

	running bool
}

func (a *app) certActivate(ctx context.Context, force bool) error {
	c, err := a.ownPair()
	if err != nil {
		return err
	}
	if c.ActivationBegun() {
		control, _ := agent.Dial(ctx, c)
		return a.activate(ctx, c, control, a.view(api.Snapshot{Self: api.Peer{Component: c.Component.ID}}), api.Ahead{})
	}
	staged, err := c.LoadNext()
	if err != nil {
		return err
	}
	if staged == nil {
		return usage("make a key that the others can approve ahead: fbpeer cert generate --next", "no key is staged for %s", c.Component.ID)
	}
	control, err := agent.Dial(ctx, c)
	if err != nil {
		return lost(err)
	}
	awaitSelf(ctx, control, func(s api.Snapshot) bool {
		return s.Self.Next != nil && s.Self.Next.KeySHA256 == staged.KeySHA256().String()
	})
	s, err := a.askAhead(ctx, control, a.now())
	if err != nil {
		return lost(err)
	}
	if s.Self.Next == nil || s.Self.Next.Ahead == nil || s.Self.Next.KeySHA256 != staged.KeySHA256().String() {
		return refused("fbpeer status says why", "the agent does not announce the staged key")
	}
	v, ahead := a.view(s), *s.Self.Next.Ahead
	if len(ahead.Waiting)+len(ahead.Unknown) > 0 {
		if !force {
			r := activatedJSON{Component: c.Component.ID, certificateJSON: certificateOf(staged), Ahead: ahead}
			return a.verdict(false, r, func() string { return v.notActivated(s, ahead) })
		}
		io.WriteString(a.stderr, v.forced(ahead))
	}
	return a.activate(ctx, c, control, v, ahead)
}

// aheadAgain is how long `cert activate` waits for answers of now: the agent makes no roll call sooner than 11 s after the one before, and its
// answers take some seconds.
const aheadAgain = 15 * time.Second

// askAhead asks who has approved the staged key ahead. A no that was given to a roll call before began, when the command was typed, may be
// over by now: then it waits for answers to a newer one.
func (a *app) askAhead(ctx context.Context, control agent.Controller, began time.Time) (api.Snapshot, error) {
	said := func(s api.Snapshot) bool { return saidAhead(s, began) }
	s, err := control.Call(ctx)
	if err != nil || said(s) {
		return s, err
	}
	waiting := func(s api.Snapshot) (what, why string) {
		return "asking again", a.view(s).aheadText(*s.Self.Next.Ahead)
	}
	s, err = askAgain(ctx, a, aheadAgain, s, waiting, control.Call, said)
	if err == nil && !said(s) {
		a.note("these answers may be 11 seconds old: ask again")
		err = ctx.Err()
	}
	return s, err
}

// saidAhead says whether a snapshot tells who has approved the staged key ahead since a time, or that all have who can be asked.
func saidAhead(s api.Snapshot, since time.Time) bool {
	if s.Self.Next == nil || s.Self.Next.Ahead == nil {
		return true // and it is refused
	}
	ahead := s.Self.Next.Ahead
	_, online := byCard(s, slices.Concat(ahead.Waiting, ahead.Unknown))
	return len(online) == 0 || ahead.Asked != nil && !ahead.Asked.Before(since)
}

// byCard parts components into those that take part by file, whom nobody can ask, and the others.
func byCard(s api.Snapshot, components []string) (cards, online []string) {
	for _, component := range components {
		if slices.ContainsFunc(s.Peers, func(p api.Peer) bool { return p.Component == component && p.ByCard != nil }) {
			cards = append(cards, component)
		} else {
			online = append(online, component)
		}
	}
	return cards, online
}

// activate puts the staged pair in place, and waits for the agent, if there is one, to announce it.
func (a *app) activate(ctx context.Context, c *config.Config, control agent.Controller, v view, ahead api.Ahead) error {
	made, err := c.ActivatePair(a.now())
	if err != nil {
		return err
	}
	ahead.Approved, ahead.Waiting, ahead.Unknown = present(ahead.Approved), present(ahead.Waiting), present(ahead.Unknown)
	r := activatedJSON{OK: true, Component: c.Component.ID, certificateJSON: certificateOf(made.Certificate), Ahead: ahead, Files: made.Kept,
		Finished: made.Finished, running: control != nil}
	for i, file := range r.Files {
		r.Files[i] = show(file)
	}
	if control != nil {
		self := takenOver(ctx, control, r.SHA256)
		r.Announced, r.Fingerprint, r.Words = self.Certificate != nil, self.Fingerprint, self.Words
	}
	if a.json {
		return a.printJSON(r)
	}
	_, err = io.WriteString(a.stdout, v.activatedScreen(r))
	return err
}

// stagedOf is what `cert show` tells of a staged pair; nil if none is. The identity that its fingerprint needs is the stores' or
// the agent's.
func (a *app) stagedOf(ctx context.Context, c *config.Config) *stagedJSON {
	staged, err := c.LoadNext()
	if err != nil {
		a.note("warning: %s", show(err.Error()))
	}
	if staged == nil {
		return nil
	}
	r := &stagedJSON{certificateJSON: certificateOf(staged), File: c.NextFile()}
	control, err := agent.Open(ctx, c, a.options(zerolog.Nop()))
	if err != nil {
		return r
	}
	if s, err := control.Snapshot(ctx); err == nil && s.Self.Next != nil && s.Self.Next.KeySHA256 == r.KeySHA256 {
		r.Announced, r.Fingerprint, r.Words = s.Running, s.Self.Next.Fingerprint, slices.Clone(s.Self.Next.Words)
	}
	return r
}
