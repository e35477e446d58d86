package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
)

func (a *app) registryCommand() *cobra.Command {
	c := group("registry", "Fed-BioMed's party registry", a.registryListCommand(), a.registryCheckCommand(), a.registrySyncCommand())
	c.Long = "Fed-BioMed looks the parties of an experiment up in the table Certificates of the component's own\n" +
		"database. fbpeer keeps the rows of those whom you approved there, and leaves everything else in the\n" +
		"database as it is."
	return c
}

func (a *app) registryListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "the parties that Fed-BioMed itself knows, and whose each row is",
		Long: "Every row, with its endpoint, the SHA-256 fingerprint of its certificate and the certificate's last\n" +
			"day, and whose it is:\n\n" +
			"  ours      approved here, and as approved\n" +
			"  outdated  approved here, but the row holds other values than those in force\n" +
			"  by hand   somebody registered it, and nobody approved it here\n" +
			"  revoked   of a component, or with a certificate's key, that was revoked here\n" +
			"  own       of this component itself, which Fed-BioMed never reads",
		Example: "  fbpeer registry list\n  fbpeer --component config-n1.ini registry list --json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.registryList(cmd.Context()) },
	}
}

func (a *app) registryCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "whether the registry is what the trust list makes of it",
		Long: "Exit code 0 if every component that you approved has its row with the values in force, and nobody\n" +
			"else has one; 3 with what is wrong and its cure: a row that is missing or holds other values, one of\n" +
			"somebody who was revoked or whom nobody approved, and in rows by hand a certificate that could make\n" +
			"others, has expired or is none, an address that nobody can dial, a port that is none; a database\n" +
			"that is not there, or is damaged. Nothing is changed.",
		Example: "  fbpeer registry check\n  fbpeer registry check --json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.registryCheck(cmd.Context()) },
	}
}

func (a *app) registrySyncCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sync",
		Short: "read the registry again now, and bring its rows up to date",
		Long: "Reads the database again and writes what the trust list makes of it: rows that are missing or hold\n" +
			"other values, and the removal of those who were revoked. A running agent does it by itself within\n" +
			"seconds; without one, this command does it. Rows by hand of somebody whom nobody approved or revoked\n" +
			"stay. Exit code 1 if it could not be written.",
		Example: "  fbpeer registry sync\n  fbpeer --component config-n1.ini registry sync --json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.registrySync(cmd.Context()) },
	}
}

// openRegistry reaches the agent of a component that has a registry.
func (a *app) openRegistry(ctx context.Context, sync bool) (agent.Controller, api.Snapshot, error) {
	c, err := config.Load(a.selector())
	if err != nil {
		return nil, api.Snapshot{}, err
	}
	if c.Component.Database == "" {
		return nil, api.Snapshot{}, usage("fbpeer players show", "%s is a plain MP-SPDZ party: it has no Fed-BioMed registry", show(c.Component.ID))
	}
	if sync && !c.Registry {
		return nil, api.Snapshot{}, usage("set [fedbiomed] registry = true in fbpeer.ini", "the registry of %s is not kept by fbpeer", show(c.Component.ID))
	}
	return a.openConfig(ctx, c, agent.Controller.Snapshot)
}

// registryJSON is `registry list --json`.
type registryJSON struct {
	Component string            `json:"component"`
	Database  string            `json:"database"`
	Rows      []api.RegistryRow `json:"rows"`
}

func (a *app) registryList(ctx context.Context) error {
	control, s, err := a.openRegistry(ctx, false)
	if err != nil {
		return err
	}
	r, err := control.Registry(ctx, api.RegistryRequest{})
	if err != nil {
		return err
	}
	if r.Fault != nil && r.Fault.Code != api.WarnNoDatabase {
		return usage(r.Fault.Cure, "%s", r.Fault.Text)
	}
	if r.Fault != nil {
		a.note("%s does not exist yet: Fed-BioMed makes it when the component is first started", r.Database)
	}
	if a.json {
		return a.printJSON(registryJSON{r.Component, r.Database, present(r.Rows)})
	}
	_, err = io.WriteString(a.stdout, a.view(s).registryScreen(r))
	return err
}

// registryCheckJSON is `registry check --json`.
type registryCheckJSON struct {
	OK        bool           `json:"ok"`
	Component string         `json:"component"`
	Database  string         `json:"database"`
	Obstacles []api.Obstacle `json:"obstacles"`
	Warnings  []api.Warning  `json:"warnings"`
}

func (a *app) registryCheck(ctx context.Context) error {
	control, s, err := a.openRegistry(ctx, false)
	if err != nil {
		return err
	}
	r, err := control.Registry(ctx, api.RegistryRequest{})
	if err != nil {
		return err
	}
	shown := registryCheckJSON{r.OK, r.Component, r.Database, present(r.Obstacles), present(r.Warnings)}
	return a.verdict(r.OK, shown, func() string { return a.view(s).registryCheckScreen(r) })
}

// registrySyncJSON is `registry sync --json`.
type registrySyncJSON struct {
	Component string         `json:"component"`
	Database  string         `json:"database"`
	Written   []string       `json:"written"`
	Removed   []string       `json:"removed"`
	OK        bool           `json:"ok"` // as `registry check` has it now
	Obstacles []api.Obstacle `json:"obstacles"`
	Fault     *api.Warning   `json:"fault,omitempty"`
}

func (a *app) registrySync(ctx context.Context) error {
	control, s, err := a.openRegistry(ctx, true)
	if err != nil {
		return err
	}
	r, err := control.Registry(ctx, api.RegistryRequest{Sync: true})
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(registrySyncJSON{r.Component, r.Database, present(r.Written), present(r.Removed), r.OK, present(r.Obstacles), r.Fault})
	} else {
		_, err = io.WriteString(a.stdout, a.view(s).registrySyncScreen(s, r))
	}
	if err == nil && r.Fault != nil {
		return refused(r.Fault.Cure, "%s", r.Fault.Text)
	}
	return err
}
