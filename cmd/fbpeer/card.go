package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
)

func (a *app) cardCommand() *cobra.Command {
	c := group("card", "register by file, where a site cannot connect", a.cardExportCommand(), a.cardShowCommand(), a.cardImportCommand())
	c.Long = "A card is a component's registration as a file, for a site that cannot connect: by mail, or on a\n" +
		"stick. It holds nothing secret. The signed block cannot be changed; the text above it can, and\n" +
		"counts for nothing: fbpeer card show reads the block. What it says is approved as ever: by\n" +
		"fingerprint or words. A site without a connection needs the card of every other one, and they its\n" +
		"own."
	return c
}

func (a *app) cardExportCommand() *cobra.Command {
	var out, valid string
	c := &cobra.Command{
		Use:     "export",
		Aliases: []string{"registration-instructions"}, // as Fed-BioMed calls it
		Short:   "write this component's card, with what the other site has to type",
		Long: "Writes this component's card, with what its receiver has to type. It lives as long as the\n" +
			"certificate, or --valid; a new one is needed when address, port or certificate change. It works with\n" +
			"the agent running or not. A component that never runs an agent gets its identity here.",
		Example: "  fbpeer card export > lyon.card\n  fbpeer card export --out lyon.card\n  fbpeer card export --out lyon.card --valid 90d",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.cardExport(cmd.Context(), out, valid)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`FILE` to write (default: stdout); only a card is replaced")
	c.Flags().StringVar(&valid, "valid", "", "how long, in days (90d), or until which `DAY` (2027-01-31); default: as long as the certificate")
	return c
}

func (a *app) cardExport(ctx context.Context, out, valid string) error {
	expires, err := parseValid(valid, a.now())
	if err != nil {
		return err
	}
	if err := replaceable(out); err != nil {
		return err
	}
	_, control, _, err := a.open(ctx)
	if err != nil {
		return err
	}
	return a.cardExportIn(ctx, control, out, expires)
}

func (a *app) cardExportIn(ctx context.Context, control agent.Controller, out string, expires *time.Time) error {
	card, err := control.Export(ctx, api.ExportRequest{Expires: expires})
	if err != nil {
		return err
	}
	for _, w := range cardWarnings(card.Peer) {
		a.note("warning: %s", w.Text)
	}
	text := cardLetter(card, out) + card.Card
	switch {
	case out != "":
		if err := durable.WriteFile(out, []byte(text), 0o644); err != nil {
			return &failure{code: exitUsage, err: err}
		}
		if a.json {
			return a.printJSON(card)
		}
		fmt.Fprintf(a.stdout, "wrote the card of %s to %s\n", show(card.Peer.Component), show(out))
		fmt.Fprintf(a.stderr, "Send it to the other sites; the text in it says what they type. It lives until %s.\n"+
			"Read them your words by telephone: %s\n", date(card.Expires), wordsText(card.Peer.Words))
		return nil
	case a.json:
		return a.printJSON(card)
	}
	_, err = io.WriteString(a.stdout, text)
	return err
}

// parseValid reads --valid: nil is as long as the certificate.
func parseValid(text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	var expires time.Time
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n == 0 {
			return nil, usage("--valid 90d, or --valid 2027-01-31", "--valid: %q is no number of days", text)
		}
		expires = now.AddDate(0, 0, int(n))
	} else {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil, usage("--valid 90d, or --valid 2027-01-31", "--valid: %q is neither a number of days nor a day", text)
		}
		expires = day.AddDate(0, 0, 1).Add(-time.Second) // to the end of that day, UTC
		if !expires.After(now) {
			return nil, usage("give a day to come", "--valid: %s has passed already", text)
		}
	}
	return &expires, nil
}

// replaceable refuses to write over anything but a card.
func replaceable(out string) error {
	if out == "" {
		return nil
	}
	info, err := os.Stat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &failure{code: exitUsage, err: err}
	case info.IsDir():
		return usage("name a file in it", "--out %s: is a folder", out)
	case !info.Mode().IsRegular() || info.Size() > exchange.MaxCard:
		return usage("give another name, or > "+shellWord(out), "--out %s: is there already, and is no card", out)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return &failure{code: exitUsage, err: err}
	}
	if _, err := exchange.Dearmour(data); err != nil && len(data) > 0 {
		return usage("give another name, or remove it first", "--out %s: is there already, and is no card", out)
	}
	return nil
}

func (a *app) cardShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE|-",
		Short: "what a card says, without taking it over",
		Long: "What a card says, without taking it over: everything that trust pending would show, and whom that\n" +
			"site had registered. Signatures are checked; whether it is of your federation, only where a\n" +
			"component here has joined one.",
		Example: "  fbpeer card show lyon.card\n  fbpeer card show --json lyon.card",
		Args:    oneArg("FILE"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.cardShow(args[0]) },
	}
}

// cardJSON is `card show --json`. Ours is absent where no federation is joined here.
type cardJSON struct {
	Federation string     `json:"federation"` // the id that the card is of
	Ours       *bool      `json:"ours,omitempty"`
	Name       string     `json:"name,omitempty"` // of our own federation
	Cards      []api.Peer `json:"cards"`
}

func (a *app) cardShow(file string) error {
	joined, err := a.joinedFederation()
	if err != nil {
		return err
	}
	data, err := a.readUpTo(file, exchange.MaxCard, "a card", "fbpeer card show FILE, or - for stdin")
	if err != nil {
		return err
	}
	cards, federation, err := exchange.OpenAnyCard(data)
	if err != nil {
		return refused("ask for it again, as an attachment: what mail changed cannot be mended", "%s: %w", file, err)
	}
	shown := cardJSON{Federation: federation}
	if joined.ID() != "" {
		ours := joined.ID() == shown.Federation
		shown.Ours, shown.Name = &ours, joined.Name()
	}
	for _, c := range cards {
		p := agent.DescribeCard(c, a.now())
		p.Warnings = append(cardWarnings(p), p.Warnings...)
		shown.Cards = append(shown.Cards, p)
	}
	if a.json {
		return a.printJSON(shown)
	}
	_, err = io.WriteString(a.stdout, a.view(api.Snapshot{}).cardScreen(shown, file))
	return err
}

// joinedFederation is that of the component here; the zero one where there is no component, or it has joined none.
func (a *app) joinedFederation() (exchange.Federation, error) {
	c, err := config.Load(a.selector())
	if err != nil && !a.componentSaid() {
		return exchange.Federation{}, nil
	}
	if err != nil {
		return exchange.Federation{}, err
	}
	if c.Federation == "" {
		return exchange.Federation{}, nil
	}
	return c.LoadFederation()
}

func (a *app) cardImportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE|- …",
		Short: "take cards over, as if they had been heard: all, or none",
		Long: "Takes cards over as if they had been heard: then they wait for your decision. All, or none: a card\n" +
			"that is damaged, of another federation, expired, refused here, or older than what was heard since\n" +
			"keeps all out. It works with the agent running or not.",
		Example: "  fbpeer card import lyon.card nice.card\n  fbpeer card import - < mail.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd.UseLine(), "%s takes the files to import", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.cardImport(cmd.Context(), args) },
	}
}

func (a *app) cardImport(ctx context.Context, files []string) error {
	request := api.ImportRequest{By: a.operator}
	left := int64(exchange.MaxCard)
	for _, file := range files {
		data, err := a.readUpTo(file, left, "a card, with the others", "fbpeer card import FILE …, or - for stdin")
		if err != nil {
			return err
		}
		left -= int64(len(data))
		request.Files = append(request.Files, api.CardFile{Name: file, Text: data})
	}
	_, control, before, err := a.open(ctx)
	if err != nil {
		return err
	}
	return a.cardImportIn(ctx, control, before, request)
}

func (a *app) cardImportIn(ctx context.Context, control agent.Controller, before api.Snapshot, request api.ImportRequest) error {
	result, err := control.Import(ctx, request)
	if err != nil {
		return err
	}
	if a.json {
		return errors.Join(a.printJSON(result), written(result.Outcome))
	}
	after, err := control.Snapshot(ctx)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(a.stdout, a.view(after).importedScreen(before, after, result)); err != nil {
		return err
	}
	return written(result.Outcome)
}
