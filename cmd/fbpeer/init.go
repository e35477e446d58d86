package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fbpeer/config"
	"fbpeer/mpspdz"
)

// newIni is what `init` is told of a plain party.
type newIni struct {
	id, ip, port, certificate, key string
}

func (a *app) initCommand() *cobra.Command {
	var n newIni
	c := &cobra.Command{
		Use:   "init",
		Short: "write an fbpeer.ini with every setting and a comment on each",
		Long: "For a Fed-BioMed component: writes fbpeer.ini into its state folder, every setting at its default.\n" +
			"The agent needs no such file; it is a place to change something. Nothing is asked.\n\n" +
			"For a plain MP-SPDZ party that has its certificate, or will make one with cert generate: writes\n" +
			"./fbpeer.ini, or the file of --config, from --id, --ip, --port, --certificate and --private-key.\n" +
			"What is missing of them is asked for on a terminal. (component create --role party makes folder, key\n" +
			"and certificate as well.)\n\n" +
			"Nothing is ever overwritten. docs/settings.md explains every setting.",
		Example: "  fbpeer --component config-n1.ini init\n" +
			"  fbpeer init --id alice --ip 10.0.0.2 --port 14000 --certificate alice.pem --private-key alice.key",
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if n == (newIni{}) {
				return a.initFedbiomed()
			}
			return a.initParty(n)
		},
	}
	c.Flags().StringVar(&n.id, "id", "", "`NAME` of a plain party")
	c.Flags().StringVar(&n.ip, "ip", "", "`ADDRESS` where the others dial its MP-SPDZ: IPv4 or host name")
	c.Flags().StringVar(&n.port, "port", "", "`PORT` that its MP-SPDZ binds")
	c.Flags().StringVar(&n.certificate, "certificate", "", "`FILE` of its MP-SPDZ certificate, PEM")
	c.Flags().StringVar(&n.key, "private-key", "", "`FILE` of the certificate's private key, PEM")
	return c
}

// initJSON is `init --json`.
type initJSON struct {
	Component     string `json:"component"`
	Role          string `json:"role"`
	Configuration string `json:"configuration"`
	Certificate   string `json:"certificate"`
	PrivateKey    string `json:"private_key"`
}

func (a *app) initFedbiomed() error {
	if a.config != "" || a.component == "" && a.state == "" && a.getenv("FBPEER_CONFIG") != "" {
		return usage("for a Fed-BioMed component name it with --component; for a plain party give --id, --ip, --port, --certificate and --private-key",
			"init writes the file that --config names, and has been told nothing of it")
	}
	s := a.selector()
	s.ForRun, s.WithoutPair = true, true
	c, err := config.Load(s)
	if err != nil {
		if !a.componentSaid() {
			a.note("for a plain party: fbpeer init --id NAME --ip ADDRESS --port PORT --certificate FILE --private-key FILE")
		}
		return err
	}
	path, err := c.Init()
	if err != nil {
		return err
	}
	return a.initDone(c, path, a.prog())
}

func (a *app) initParty(n newIni) error {
	if a.component != "" || a.state != "" {
		return usage("leave --component and --state out: --config names the file of a plain party",
			"--id, --ip, --port, --certificate and --private-key are of a plain party alone")
	}
	if err := a.complete(&n); err != nil {
		return err
	}
	port, err := mpspdz.ParsePort(n.port)
	if err != nil {
		return usage("give --port a number, as in --port 14000", "--port: %w", err)
	}
	file := cmp.Or(a.config, a.getenv("FBPEER_CONFIG"), "fbpeer.ini")
	err = config.InitParty(file, config.NewParty{ID: n.id, IP: n.ip, Port: port, Certificate: n.certificate, PrivateKey: n.key})
	if err != nil {
		return err
	}
	c, err := config.Load(config.Selector{Config: file, Getenv: noEnvironment})
	if err != nil {
		return err
	}
	return a.initDone(c, file, a.prog())
}

// complete asks for what was not given, on a terminal; elsewhere that is an error which names it.
func (a *app) complete(n *newIni) error {
	questions := []struct {
		value          *string
		flag, question string
		proposed       func() string
	}{
		{&n.id, "--id", "name of this party", func() string { return folderName(".") }},
		{&n.ip, "--ip", "address where the others dial its MP-SPDZ", func() string { return "" }},
		{&n.port, "--port", "port that its MP-SPDZ binds", func() string { return "14000" }},
		{&n.certificate, "--certificate", "file of its certificate", func() string { return n.id + ".pem" }},
		{&n.key, "--private-key", "file of its private key", func() string { return n.id + ".key" }},
	}
	var missing []string
	for _, q := range questions {
		if *q.value == "" {
			missing = append(missing, q.flag)
		}
	}
	if len(missing) > 0 && !a.interactive {
		return usage("fbpeer init --help", "a plain party needs %s too", strings.Join(missing, ", "))
	}
	lines := bufio.NewScanner(a.stdin)
	for _, q := range questions {
		for *q.value == "" {
			answer, err := a.answer(lines, q.question, q.proposed())
			if err != nil {
				return err
			}
			*q.value = answer
		}
	}
	return nil
}

// answer asks once; an empty line takes what is proposed.
func (a *app) answer(lines *bufio.Scanner, question, proposed string) (string, error) {
	fmt.Fprintf(a.stderr, "%s%s: ", question, map[bool]string{true: " [" + show(proposed) + "]"}[proposed != ""])
	if !lines.Scan() {
		fmt.Fprintln(a.stderr)
		return "", refused("", "no answer; nothing was written")
	}
	if text := strings.TrimSpace(lines.Text()); text != "" {
		return text, nil
	}
	return proposed, nil
}

// initDone says what was written, and what comes next.
func (a *app) initDone(c *config.Config, path, prog string) error {
	made := initJSON{Component: c.Component.ID, Role: string(c.Component.Role), Configuration: path,
		Certificate: c.Component.Certificate, PrivateKey: c.Component.PrivateKey}
	var err error
	if a.json {
		err = a.printJSON(made)
	} else {
		_, err = fmt.Fprintf(a.stdout, "wrote %s for %s\n", show(path), show(made.Component))
	}
	if err != nil {
		return err
	}
	next := prog + " join FILE.federation, if it has joined none; then " + prog + " run"
	switch certificate, key := c.Exists(); {
	case !certificate && !key:
		next = "make key and certificate: " + prog + " cert generate"
	case !certificate || !key:
		next = "one of key and certificate is missing: " + prog + " cert check"
	case c.Component.Fedbiomed == nil:
		next = "see whether others accept the certificate: " + prog + " cert check"
	}
	_, err = io.WriteString(a.stderr, "Next: "+next+"\n")
	return err
}
