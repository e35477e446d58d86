package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

func (a *app) playersCommand() *cobra.Command {
	return group("players", "MP-SPDZ's player files", &cobra.Command{
		Use:     "show",
		Short:   "the set in force, where its files are, and MP-SPDZ's arguments",
		Example: "  fbpeer players show\n  cd -P \"$(fbpeer players show --json | jq -r .dir)\"",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, _, s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if s.Set == nil {
				text, hint := "", a.prog()+" status"
				if s.NoSet != nil {
					text = ": " + s.NoSet.Text
					if s.NoSet.Cure != "" {
						hint = s.NoSet.Cure
					}
				}
				return refused(hint, "no set is in force%s", text)
			}
			if a.json {
				return a.printJSON(s.Set)
			}
			_, err = io.WriteString(a.stdout, a.view(s).playersScreen(*s.Set, s.Self.Role == string(mpspdz.PlainParty)))
			return err
		},
	})
}

// playersScreen is `players show`; Fed-BioMed starts MP-SPDZ by itself, a plain party's operator does it.
func (v view) playersScreen(set api.Set, plain bool) string {
	t := table{}
	t.add("PARTY", "COMPONENT", "ENDPOINT")
	for _, p := range set.Parties {
		t.add(fmt.Sprint(p.Party), v.called(p.Component), show(p.Endpoint))
	}
	head := fmt.Sprintf("party %d of %d, set %s, written %s\n\n%s\nMP-SPDZ is started from the folder as it is now (-P follows the link once):\n",
		set.Party, len(set.Parties), shortDigest(set.Digest), clock(v.now, set.Written), t.String())
	dir, arguments := shellWord(show(set.Dir)), show(set.Command)
	if !plain {
		return head + fmt.Sprintf("    cd -P %s\n    … %s\n", dir, arguments)
	}
	return head + fmt.Sprintf("    cd -P %s && shamir-party.x %s PROGRAM\n", dir, arguments) +
		"MP-SPDZ looks for Programs/ where it is started. Once for each new set, in that folder:\n    ln -s /path/to/MP-SPDZ/Programs .\n"
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
