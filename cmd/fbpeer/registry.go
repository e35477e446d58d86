package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

func (a *app) playersCommand() *cobra.Command {
	return group("players", "MP-SPDZ's player files", a.playersShowCommand(), a.playersWriteCommand(), a.playersCheckCommand())
}

func (a *app) registryCommand() *cobra.Command {
	return group("registry", "Fed-BioMed's party registry", &cobra.Command{
		Use:     "list",
		Short:   "the parties that Fed-BioMed itself knows: the table Certificates of the component's database",
		Example: "  fbpeer --component config-n1.ini registry list",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return a.registryList() },
	})
}

// registryJSON is `registry list --json`.
type registryJSON struct {
	Component string    `json:"component"`
	Database  string    `json:"database"`
	Rows      []rowJSON `json:"rows"`
}

type rowJSON struct {
	Document    string `json:"document"`
	Component   string `json:"component"`
	Kind        string `json:"kind"`
	IP          string `json:"ip"`
	Port        string `json:"port"`
	Certificate string `json:"certificate,omitempty"` // SHA-256; absent where the row holds none that we can read
	Subject     string `json:"subject,omitempty"`
}

func (a *app) registryList() error {
	c, err := config.Load(a.selector())
	if err != nil {
		return err
	}
	if c.Component.Database == "" {
		return usage("fbpeer players show", "%s is a plain MP-SPDZ party: it has no Fed-BioMed registry", show(c.Component.ID))
	}
	rows, err := fedbiomed.OpenRegistry(c.Component.Database, "").Rows()
	if errors.Is(err, fedbiomed.ErrNoDatabase) {
		a.note("%s does not exist yet: Fed-BioMed makes it when the component is first started", c.Component.Database)
	} else if err != nil {
		return err
	}
	list := registryJSON{Component: c.Component.ID, Database: c.Component.Database, Rows: []rowJSON{}}
	for _, r := range rows {
		row := rowJSON{Document: r.DocID, Component: r.Component, Kind: r.Kind, IP: r.IP, Port: r.Port}
		if cert, err := mpspdz.ParseCertificatePEM([]byte(r.Certificate)); err == nil {
			row.Certificate, row.Subject = cert.SHA256().String(), cert.Subject()
		}
		list.Rows = append(list.Rows, row)
	}
	if a.json {
		return a.printJSON(list)
	}
	_, err = io.WriteString(a.stdout, registryScreen(list))
	return err
}

// registryScreen is `registry list`. Ids are whole: they are what Fed-BioMed's own list shows.
func registryScreen(list registryJSON) string {
	if len(list.Rows) == 0 {
		return "The registry of " + show(list.Component) + " holds no parties.\n"
	}
	t := table{}
	t.add("COMPONENT", "ADDRESS", "CERTIFICATE")
	for _, r := range list.Rows {
		certificate := shortHash(r.Certificate)
		if r.Certificate == "" {
			certificate = "not usable"
		}
		t.add(show(r.Component), show(r.IP+":"+r.Port), certificate)
	}
	return t.String()
}
