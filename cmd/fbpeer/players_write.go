package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

func (a *app) playersWriteCommand() *cobra.Command {
	var flags setFlags
	var w playersWrite
	c := &cobra.Command{
		Use:   "write --dir DIR",
		Short: "the player files of a set, into an MP-SPDZ folder of your own",
		Long: "Writes the player files of a set into a folder of your own, where you start MP-SPDZ:\n" +
			"Player-Data/P0.pem and so on, the own key, the hash links and ip_addresses. Nothing else in it is\n" +
			"touched: inputs, outputs and preprocessing stay as they are. The folder is made if only its last\n" +
			"part is missing.\n\n" +
			"MP-SPDZ trusts every certificate that has a hash link in Player-Data, whatever its file is called.\n" +
			"So a certificate, a key or a hash link there that is not of this set is an error that names it, and\n" +
			"nothing is written; with --prune they are removed first. A private key in the own key's place that\n" +
			"is another one, and a certificate of nobody who is or was approved, are not overwritten without it\n" +
			"either. The component's own key and certificate are never removed or replaced, and nothing is\n" +
			"written or removed through a Player-Data or ip_addresses that is a symbolic link.\n\n" +
			"Do not start MP-SPDZ meanwhile: it would find no ip_addresses and end. If the command is\n" +
			"interrupted, run it again. players/current in the agent's own folder is always whole; see players\n" +
			"show.",
		Example: "  fbpeer players write --dir /srv/mp-spdz\n  fbpeer players write --dir run-7 --parties bob,carol\n" +
			"  fbpeer players write --dir /srv/mp-spdz --set trial --prune\n  fbpeer players check /srv/mp-spdz",
		Args: flagsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if w.chosen, err = flags.selection(cmd); err != nil {
				return err
			}
			if w.dir == "" {
				return usage("--dir DIR: the folder in which MP-SPDZ is started", "where to write is missing")
			}
			conf, control, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			return a.playersWriteIn(cmd.Context(), conf, control, s, w)
		},
	}
	flags.register(c)
	c.Flags().StringVar(&w.dir, "dir", "", "`DIR` in which MP-SPDZ is started")
	c.Flags().BoolVar(&w.prune, "prune", false, "remove certificates, keys and hash links there that are not of this set")
	return c
}

// playersWrite is what `players write` is asked for.
type playersWrite struct {
	dir    string
	chosen selection
	prune  bool
}

// writtenJSON is `players write --json`.
type writtenJSON struct {
	Dir       string         `json:"dir"`
	Digest    string         `json:"digest"`
	Party     int            `json:"party"`
	Parties   []api.SetParty `json:"parties"`
	Written   []string       `json:"written"` // paths in dir; none where all stood there already
	Removed   []string       `json:"removed"` // by --prune
	Command   string         `json:"command,omitempty"`
	Obstacles []findingJSON  `json:"obstacles"` // what players check says of it now, as of a certificate that has expired
	Warnings  []findingJSON  `json:"warnings"`
}

func (a *app) playersWriteIn(ctx context.Context, c *config.Config, control agent.Controller, s api.Snapshot, w playersWrite) error {
	selector, _, err := w.chosen.resolve(s)
	if err != nil {
		return err
	}
	given, err := control.Parties(ctx, selector)
	if err != nil {
		return err
	}
	set, err := partySetOf(given)
	if err != nil {
		return err
	}
	own, files, err := a.render(c, set, given)
	if err != nil {
		return err
	}
	if err := a.folderOf(c, w.dir); err != nil {
		return err
	}
	written, removed, err := a.deposit(c, set, files, oursOf(c, s), w)
	if err != nil {
		return err
	}
	findings := mpspdz.CheckFolder(os.DirFS(w.dir), &set, own, a.now())
	shown := writtenJSON{
		Dir: w.dir, Digest: given.Digest, Party: given.Party, Parties: []api.SetParty{}, Written: present(written), Removed: present(removed),
	}
	for _, p := range given.Parties {
		shown.Parties = append(shown.Parties, p.SetParty)
	}
	if s.Self.Role == string(mpspdz.PlainParty) {
		shown.Command = mpspdz.Arguments(given.Party, set.Len())
	}
	v := a.view(s)
	shown.Obstacles, shown.Warnings = v.findingsJSON(findings, w.dir, w.chosen, false)
	if a.json {
		return a.printJSON(shown)
	}
	_, err = io.WriteString(a.stdout, v.writtenScreen(shown))
	return err
}

// render gives the set's files with the component's own key.
func (a *app) render(c *config.Config, set mpspdz.PartySet, given api.PartySet) (mpspdz.Own, []mpspdz.File, error) {
	own, err := ownOf(given)
	if err != nil {
		return own, nil, err
	}
	if own.Component != c.Component.ID {
		return own, nil, refused("", "the agent's set is one of %s, and this component is %s", show(own.Component), show(c.Component.ID))
	}
	var reason *mpspdz.SetError
	if err := set.CheckNames(); errors.As(err, &reason) {
		return own, nil, refused(reason.Cure, "MP-SPDZ would refuse a certificate of this set: %w", err)
	}
	pair, err := c.LoadKeyPair(a.now())
	if err != nil {
		return own, nil, err
	}
	own.KeyPEM = pair.KeyPEM
	if own.Authorities, err = c.LoadAuthorities(a.now()); err != nil {
		return own, nil, err
	}
	files, err := mpspdz.Render(set, own)
	if errors.As(err, &reason) {
		return own, nil, refused(reason.Cure, "%w", err)
	}
	var bad *mpspdz.CertificateError
	if errors.As(err, &bad) {
		return own, nil, refused("wait until the agent has taken the new key over, or see fbpeer status", "%s: %w", c.Component.PrivateKey, err)
	}
	return own, files, err
}

// folderOf makes sure that the folder is one to write into.
func (a *app) folderOf(c *config.Config, dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return usage("make the folder, or give another one", "--dir: %w", err)
		}
		return nil
	}
	switch {
	case err != nil:
		return usage("give a folder", "--dir: %w", err)
	case !info.IsDir():
		return usage("give a folder", "--dir: %s is no folder", dir)
	case isRoot(info):
		return usage("give the folder in which MP-SPDZ is started", "--dir: %s is the root of the file system: nothing is written there", dir)
	case inside(dir, c.PlayersDir):
		return usage("give a folder of your own: fbpeer players write --dir DIR", "--dir: %s is the agent's own, and written by it alone", dir)
	}
	if owner, foreign := durable.ForeignOwner(dir); foreign {
		return refused("sudo -u "+owner.Name+" fbpeer …", "--dir: %s belongs to %s, who could not read a key that root writes there", dir, owner.Name)
	}
	return nil
}

// isRoot says whether a folder is the root of the file system, by whatever name.
func isRoot(folder os.FileInfo) bool {
	root, err := os.Stat(string(filepath.Separator))
	return err == nil && os.SameFile(folder, root)
}

// deposit writes the files, unless something is in the way. removed are the paths that --prune removed.
func (a *app) deposit(c *config.Config, set mpspdz.PartySet, files []mpspdz.File, ours mpspdz.Ours, w playersWrite) (written, removed []string, err error) {
	fsys := os.DirFS(w.dir)
	findings, paths := mpspdz.Foreign(fsys, files, ours)
	refuse, cure := false, ""
	for _, f := range findings {
		if f.Code != mpspdz.FolderForeign || !w.prune {
			refuse = true
			a.note("%s: %s", filepath.Join(w.dir, filepath.FromSlash(f.Where)), f.Text)
		}
		if f.Code != mpspdz.FolderForeign && cure == "" {
			cure = f.Cure
		}
	}
	switch {
	case cure != "":
		return nil, nil, refused(cure, "%s cannot be written into as it is: nothing was written", w.dir)
	case refuse:
		return nil, nil, refused("move away what is still of use, or add --prune, which removes these certificates, keys and hash links",
			"%s holds what does not belong to set %s: nothing was written", w.dir, shortDigest(set.Digest().String()))
	}
	plan := planDeposit(fsys, files, paths)
	if len(plan) == 0 {
		return nil, nil, nil
	}
	own := map[string]string{c.Component.PrivateKey: "private key", c.Component.Certificate: "certificate"}
	for _, path := range c.Authorities {
		own[path] = "file of [trust] authorities"
	}
	if err := plan.guard(w.dir, own); err != nil {
		return nil, nil, err
	}
	if err := plan.do(w.dir); err != nil {
		return nil, nil, refused("mend it, and run the command again: until then MP-SPDZ does not start there",
			"the files in %s are not all written: %w", w.dir, err)
	}
	findings, _ = mpspdz.Foreign(fsys, files, ours)
	if len(findings) > 0 || len(planDeposit(fsys, files, nil)) > 0 {
		return nil, nil, refused("run the command again", "%s is not as it was written: something else wrote there at the same time", w.dir)
	}
	return plan.written(), paths, nil
}
