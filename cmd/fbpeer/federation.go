package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"fbpeer/config"
)

// maxFederationFile is far more than a federation file needs.
const maxFederationFile = 64 << 10

func (a *app) federationCommand() *cobra.Command {
	return group("federation", "make a federation file, or show one", a.federationCreateCommand(), a.federationShowCommand())
}

func (a *app) federationCreateCommand() *cobra.Command {
	var out string
	var bootstrap []string
	c := &cobra.Command{
		Use:     "create NAME",
		Short:   "make the federation file that each site gets, by hand",
		Example: "  fbpeer federation create cardio --bootstrap fbpeer.hospital-a.example:4100",
		Args:    oneArg("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.federationCreate(args[0], out, bootstrap)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`FILE` to write (default NAME.federation)")
	c.Flags().StringSliceVar(&bootstrap, "bootstrap", nil, "`ADDRESSES` to start from, host or host:port or multiaddress, with commas between")
	return c
}

func (a *app) federationCreate(name, out string, bootstrap []string) error {
	if out == "" {
		if name != filepath.Base(name) {
			return usage("fbpeer federation create NAME --out FILE", "%q is not a name", name)
		}
		out = name + ".federation"
	}
	if err := config.CreateFederation(a.random, out, name, bootstrap, false); err != nil {
		return err
	}
	f, err := a.readFederation(out)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(f)
	}
	fmt.Fprintf(a.stdout, "made %s (federation %s)\n", show(out), show(f.ID[:min(8, len(f.ID))]))
	fmt.Fprintf(a.stderr, "It holds the federation's secret. Hand it to each site by a safe way; there, in the Fed-BioMed folder\n"+
		"of the component (with etc/) or in the folder of the plain party (with fbpeer.ini):\n    fbpeer join %s\n", shellWord(filepath.Base(out)))
	return nil
}

// federationJSON is `federation show --json`. The secret is never shown.
type federationJSON struct {
	Name        string   `json:"name"`
	ID          string   `json:"id"`
	Development bool     `json:"development"`
	Bootstrap   []string `json:"bootstrap"`
	File        string   `json:"file"`
}

func (a *app) federationShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show [FILE|-]",
		Short:   "show a federation file, or the joined one; never its secret",
		Example: "  fbpeer federation show\n  fbpeer federation show cardio.federation",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd.UseLine(), "%s takes one argument at most", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := a.federationFile(args)
			if err != nil {
				return err
			}
			f, err := a.readFederation(file)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(f)
			}
			t := table{}
			t.add("name", show(f.Name))
			t.add("id", show(f.ID[:min(16, len(f.ID))]))
			t.add("bootstrap", orDash(show(strings.Join(f.Bootstrap, ", "))))
			t.add("development", map[bool]string{true: "yes: fbpeer run refuses it", false: "no"}[f.Development])
			t.add("file", show(f.File))
			_, err = io.WriteString(a.stdout, t.String())
			return err
		},
	}
}

// federationFile is the file named, else the one that the component has joined.
func (a *app) federationFile(args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	c, err := config.Load(a.selector())
	if err != nil {
		return "", err
	}
	if _, err := c.LoadFederation(); err != nil {
		return "", err
	}
	return c.Federation, nil
}

func (a *app) readFederation(file string) (federationJSON, error) {
	data, err := a.readInput(file)
	if err != nil {
		return federationJSON{}, err
	}
	f, bootstrap, err := config.ParseFederation(file, data)
	if err != nil {
		return federationJSON{}, err
	}
	if bootstrap == nil {
		bootstrap = []string{}
	}
	return federationJSON{Name: f.Name(), ID: f.ID(), Development: f.Development(), Bootstrap: bootstrap, File: file}, nil
}

// readInput reads a federation file, or stdin where it is called "-".
func (a *app) readInput(file string) ([]byte, error) {
	return a.readUpTo(file, maxFederationFile, "a federation file", "the federation file comes from the site that made it: fbpeer federation create NAME")
}

// readUpTo reads a file of at most that many bytes, or stdin where it is called "-". hint is the cure where it cannot be opened or read.
func (a *app) readUpTo(file string, most int64, what, hint string) ([]byte, error) {
	in := a.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, &failure{code: exitUsage, err: err, hint: hint}
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, &failure{code: exitUsage, err: err, hint: hint}
	}
	if int64(len(data)) > most {
		return nil, usage("", "%s: too large to be %s", file, what)
	}
	return data, nil
}

func (a *app) joinCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "join FILE|-",
		Short:   "take a federation file into this component's state",
		Example: "  fbpeer join cardio.federation\n  ssh hospital-a cat cardio.federation | fbpeer join -",
		Args:    oneArg("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			s := a.selector()
			s.ForRun = true
			c, err := config.Load(s)
			if err != nil {
				return err
			}
			data, err := a.readInput(args[0])
			if err != nil {
				return err
			}
			taken, _, err := config.ParseFederation(args[0], data)
			if err != nil {
				return err
			}
			if taken.Development() {
				return forDevelopment(args[0])
			}
			path, err := c.Join(data, args[0])
			if err != nil {
				return err
			}
			f, err := a.readFederation(path)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(f)
			}
			fmt.Fprintf(a.stdout, "%s joined federation \"%s\" (%s)\n", show(c.Component.ID), show(f.Name), show(path))
			fmt.Fprintf(a.stderr, "Next: %s run\n", a.prog())
			return nil
		},
	}
}
