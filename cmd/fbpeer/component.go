package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"fbpeer/config"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

func (a *app) componentCommand() *cobra.Command {
	return group("component", "make a component", a.componentCreateCommand())
}

// newComponent is what `component create` is asked for.
type newComponent struct {
	root, role, name, ip, port string
}

func (a *app) componentCreateCommand() *cobra.Command {
	var n newComponent
	c := &cobra.Command{
		Use:   "create --root DIR --role researcher|node|party",
		Short: "make a component as Fed-BioMed lays it out, or a plain MP-SPDZ party",
		Example: "  fbpeer component create --root /srv/fedbiomed --role node --ip 10.221.0.2\n" +
			"  fbpeer component create --root alice --role party --name alice --ip 10.0.0.2 --port 14000",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.componentCreate(n) },
	}
	c.Flags().StringVar(&n.root, "root", "", "`DIR` of Fed-BioMed, or of the plain party")
	c.Flags().StringVar(&n.role, "role", "", "`ROLE`: researcher, node or party")
	c.Flags().StringVar(&n.name, "name", "", "`NAME` of the configuration file (config-n1.ini); of the party itself, for a plain one (default the folder's)")
	c.Flags().StringVar(&n.ip, "ip", "", "`ADDRESS` where others reach MP-SPDZ here: IPv4 or host name (default localhost)")
	c.Flags().StringVar(&n.port, "port", "", "`PORT` of MP-SPDZ (default: the next from 14000)")
	return c
}

// componentJSON is `component create --json`.
type componentJSON struct {
	Component     string `json:"component"`
	Role          string `json:"role"`
	Endpoint      string `json:"endpoint"`
	Configuration string `json:"configuration"`
	Database      string `json:"database,omitempty"`
	Certificate   string `json:"certificate"`
	PrivateKey    string `json:"private_key"`
}

func (a *app) componentCreate(n newComponent) error {
	if n.root == "" {
		return usage("--root DIR: the Fed-BioMed folder, or a folder for the plain party", "where to make it is missing")
	}
	role, err := mpspdz.ParseRole(n.role)
	if err != nil {
		return usage("--role researcher, --role node or --role party", "--role: %w", err)
	}
	var port uint16
	if n.port != "" {
		if port, err = mpspdz.ParsePort(n.port); err != nil {
			return usage("--port 14000, or leave it out for the next free one", "--port: %w", err)
		}
	}
	var file, flag string
	s := config.Selector{Getenv: noEnvironment}
	if role != mpspdz.PlainParty && n.name != "" && filepath.Ext(n.name) != ".ini" {
		n.name += ".ini"
	}
	if role == mpspdz.PlainParty {
		flag = "--config"
		if n.name == "" {
			n.name = folderName(n.root)
		}
		file, err = config.CreateParty(a.random, n.root, n.name, n.ip, port, a.now())
		s.Config = file
	} else {
		flag = "--component"
		file, err = fedbiomed.Create(a.random, n.root, role, n.name, n.ip, port, a.now())
		s.Component = file
	}
	if err != nil {
		return asUsage(err)
	}
	c, err := config.Load(s)
	if err != nil {
		return err
	}
	made := componentJSON{
		Component: c.Component.ID, Role: string(c.Component.Role), Endpoint: c.Component.Endpoint.String(), Configuration: file,
		Database: c.Component.Database, Certificate: c.Component.Certificate, PrivateKey: c.Component.PrivateKey,
	}
	if a.json {
		return a.printJSON(made)
	}
	t := table{}
	t.add("component", show(made.Component))
	t.add("endpoint", show(made.Endpoint))
	t.add("configuration", show(made.Configuration))
	if made.Database != "" {
		t.add("database", show(made.Database))
	}
	t.add("certificate", show(made.Certificate))
	t.add("private key", show(made.PrivateKey))
	if _, err := io.WriteString(a.stdout, t.String()); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "Next: fbpeer %s %s join FILE.federation\n", flag, shellWord(file))
	return nil
}

// folderName is the plain party's name where none was given.
func folderName(root string) string {
	if path, err := filepath.Abs(root); err == nil {
		return filepath.Base(path)
	}
	return ""
}

// noEnvironment: what was just made is read back as it stands in its file.
func noEnvironment(string) string { return "" }

// asUsage makes an error that has no exit code of its own one of usage: what was asked for cannot be made.
func asUsage(err error) error {
	if code, _ := outcome(err); code != exitFailed {
		return err
	}
	return &failure{code: exitUsage, err: err}
}
