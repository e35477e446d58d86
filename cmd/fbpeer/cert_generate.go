package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
)

// takeOver is how long `cert generate` waits for a running agent to announce the new certificate, and takeOverPoll how often it looks.
const (
	takeOver     = 10 * time.Second
	takeOverPoll = 100 * time.Millisecond
)

func (a *app) certGenerateCommand() *cobra.Command {
	var names string
	var force, next, discard bool
	c := &cobra.Command{
		Use:   "generate",
		Short: "make a new key and certificate, where the component's configuration names them",
		Long: "Makes a private key (mode 0600) and a self-signed certificate of five years, where the component's\n" +
			"own configuration names them. --names fedbiomed makes what Fed-BioMed itself makes (CN *, O = the\n" +
			"id), which MP-SPDZ up to 0.4.0 accepts; it is the default of a Fed-BioMed component. --names all has\n" +
			"a name for each party, P0 to P255, which every MP-SPDZ accepts; it is a plain party's default.\n\n" +
			"Only --force replaces what is there. First it is said how many others hold the present certificate:\n" +
			"with these, runs fail until each of them has approved the new one. A running agent takes the new\n" +
			"pair over by itself and announces it, endorsed by the former key. The former pair is kept beside the\n" +
			"new one, as .old; putting both files back undoes the change.\n\n" +
			"If it is interrupted, the same command finishes it; until then nothing new is announced.\n\n" +
			"With --next nothing is replaced: the new pair is staged in the state folder, and the agent announces\n" +
			"the key to come. The others approve it ahead; fbpeer cert activate then changes to it without a gap.\n" +
			"--discard drops it again.",
		Example: "  fbpeer cert generate\n  fbpeer --component config-n1.ini cert generate --force\n" +
			"  fbpeer --config alice/fbpeer.ini cert generate --names all --force\n  fbpeer cert generate --next\n" +
			"  fbpeer cert generate --next --discard",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case discard && (!next || force || names != ""):
				return usage("fbpeer cert generate --next --discard", "--discard drops what --next has staged, and goes with that alone")
			case discard:
				return a.certDiscard(cmd.Context())
			case next:
				return a.certStage(cmd.Context(), names, force)
			}
			return a.certGenerate(cmd.Context(), names, force)
		},
	}
	c.Flags().StringVar(&names, "names", "", "`NAMES` in the certificate: fedbiomed (CN *) or all (P0 to P255)")
	c.Flags().BoolVar(&force, "force", false, "replace the present key and certificate, and keep them as .old; with --next, replace the key to come")
	c.Flags().BoolVar(&next, "next", false, "stage a key to come and its certificate, for the others to approve ahead")
	c.Flags().BoolVar(&discard, "discard", false, "with --next: drop the key to come")
	return c
}

// generatedJSON is `cert generate --json`.
type generatedJSON struct {
	Component string `json:"component"`
	*certificateJSON
	Files       certFilesJSON `json:"files"`
	Finished    bool          `json:"finished,omitempty"` // the pair of an earlier run that was interrupted
	Holders     holders       `json:"holders"`
	Announced   bool          `json:"announced"` // by the running agent
	Fingerprint string        `json:"fingerprint,omitempty"`
	Words       []string      `json:"words,omitempty"`

	running bool // an agent runs, whether it answers or not
}

// holders says who has registered the present certificate.
type holders struct {
	Unknown string   `json:"unknown,omitempty"` // why it is not known
	Holding []string `json:"holding"`           // components that have registered it, as it is
	Silent  []string `json:"silent"`            // members that did not say
	Others  int      `json:"others"`            // other members
}

func (a *app) certGenerate(ctx context.Context, names string, force bool) error {
	c, err := a.ownPair()
	if err != nil {
		return err
	}
	if names, err = namesFor(c, names); err != nil {
		return err
	}
	control, s, held, running := callHolders(ctx, c)
	v := a.view(s)
	switch state := c.PairState(); {
	case state == config.PairPresent:
		io.WriteString(a.stderr, v.replacingPair(c.Component.ID, held))
	case state == config.PairInterrupted:
		a.note("an earlier cert generate was interrupted: its pair is put in place now")
	}
	made, err := c.MakePair(a.random, names, force, a.now())
	if err != nil {
		return err
	}
	r := generatedJSON{
		Component: c.Component.ID, certificateJSON: certificateOf(made.Certificate), Finished: made.Finished, Holders: held, running: running,
		Files: certFilesJSON{Certificate: settingOf(c, "component.certificate"), PrivateKey: settingOf(c, "component.private_key"), Former: made.Kept},
	}
	if control != nil {
		self := takenOver(ctx, control, r.SHA256)
		r.Announced, r.Fingerprint, r.Words = self.Certificate != nil, self.Fingerprint, self.Words
	}
	if a.json {
		return a.printJSON(r)
	}
	_, err = io.WriteString(a.stdout, v.generatedScreen(r))
	return err
}

// namesFor is the form that was asked for, else the kind's.
func namesFor(c *config.Config, names string) (string, error) {
	switch {
	case names == config.NamesFedbiomed, names == config.NamesAll:
		return names, nil
	case names != "":
		return "", usage("--names fedbiomed or --names all", "--names: %q is neither", names)
	case c.Component.Fedbiomed != nil:
		return config.NamesFedbiomed, nil
	}
	return config.NamesAll, nil
}

// callHolders asks the running agent who has registered this component, after a roll call. Without one, or where it does not answer,
// control is nil.
func callHolders(ctx context.Context, c *config.Config) (control agent.Controller, s api.Snapshot, held holders, running bool) {
	held = holders{Holding: []string{}, Silent: []string{}}
	control, err := agent.Dial(ctx, c)
	if nobodyRuns(err) {
		held.Unknown = "no agent is running"
		return nil, s, held, false
	}
	if err == nil {
		s, err = control.Call(ctx)
	}
	if err != nil {
		held.Unknown = "the agent does not answer"
		return nil, s, held, true
	}
	return control, s, holdersOf(s), true
}

// holdersOf reads the rows of who has registered whom.
func holdersOf(s api.Snapshot) holders {
	h := holders{Holding: []string{}, Silent: []string{}}
	if s.Matrix == nil {
		h.Unknown = "the agent knows of no other member"
		return h
	}
	now := registeredNow(s.Matrix)
	for _, row := range s.Matrix.Rows {
		if row.Component == s.Self.Component {
			continue
		}
		h.Others++
		switch now.cell(row.Component, s.Self.Component) {
		case api.CellOK:
			h.Holding = append(h.Holding, row.Component)
		case api.CellUnknown:
			h.Silent = append(h.Silent, row.Component)
		}
	}
	return h
}

// takenOver waits until the agent announces a certificate, and gives who it then is; the zero value if it does not.
func takenOver(ctx context.Context, control agent.Controller, sha256 string) api.Peer {
	announced := func(s api.Snapshot) bool { return s.Self.Certificate != nil && s.Self.Certificate.SHA256 == sha256 }
	if s := awaitSelf(ctx, control, announced); announced(s) {
		return s.Self
	}
	return api.Peer{}
}
