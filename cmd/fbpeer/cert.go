package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/mpspdz"
)

// maxCertificateFile is far more than the file of one certificate needs.
const maxCertificateFile = 256 << 10

func (a *app) certCommand() *cobra.Command {
	return group("cert", "the MP-SPDZ certificate: look at it, check one, make a new one",
		a.certShowCommand(), a.certCheckCommand(), a.certGenerateCommand(), a.certActivateCommand())
}

// certificateJSON is a certificate with what MP-SPDZ makes of it.
type certificateJSON struct {
	api.Certificate
	CommonNames []string      `json:"common_names"`
	DNSNames    []string      `json:"dns_names"`
	Accepted    *acceptedJSON `json:"accepted"`
}

// acceptedJSON lists the party numbers as which MP-SPDZ accepts a certificate, in ranges.
type acceptedJSON struct {
	Old []rangeJSON `json:"up_to_0_4_0"`
	New []rangeJSON `json:"from_0_4_1"`
}

type rangeJSON struct {
	From int `json:"from"`
	To   int `json:"to"`
}

func certificateOf(c *mpspdz.Certificate) *certificateJSON {
	if c == nil {
		return nil
	}
	accepted := c.Acceptance()
	return &certificateJSON{
		Certificate: agent.DescribeCertificate(c),
		CommonNames: present(c.CommonNames()), DNSNames: present(c.DNSNames()),
		Accepted: &acceptedJSON{Old: rangesOf(accepted.Old), New: rangesOf(accepted.New)},
	}
}

// rangesOf joins ascending numbers.
func rangesOf(numbers []int) []rangeJSON {
	ranges := []rangeJSON{}
	for _, n := range numbers {
		if last := len(ranges) - 1; last >= 0 && ranges[last].To == n-1 {
			ranges[last].To = n
			continue
		}
		ranges = append(ranges, rangeJSON{n, n})
	}
	return ranges
}

// ownPair loads the configuration of a component whose key and certificate may be missing.
func (a *app) ownPair() (*config.Config, error) {
	s := a.selector()
	s.WithoutPair = true
	c, err := config.Load(s)
	if err != nil {
		return nil, err
	}
	for _, w := range c.Warnings {
		a.note("warning: %s", w)
	}
	return c, nil
}

func (a *app) certShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "the own certificate: names, validity, hashes, and as which party MP-SPDZ accepts it",
		Long: "The component's own MP-SPDZ certificate as it stands on disk: subject, names, validity, hashes,\n" +
			"whether the private key fits, where the files are and who says so, and which MP-SPDZ accepts it as\n" +
			"which party, and the key to come with its certificate. The BLAKE2b-128 is what MP-SPDZ prints of\n" +
			"each party as Signature. Works without a running agent.",
		Example: "  fbpeer cert show\n  fbpeer --component config-n1.ini cert show --json",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.certShow(cmd.Context()) },
	}
}

// certShowJSON is `cert show --json`.
type certShowJSON struct {
	Component string `json:"component"`
	Role      string `json:"role"`
	*certificateJSON
	Chain   []string      `json:"chain,omitempty"` // the authorities that signed it, up to a root, where all are set here
	KeyFits bool          `json:"key_fits"`
	Key     string        `json:"key"`
	Files   certFilesJSON `json:"files"`
	Next    *stagedJSON   `json:"next,omitempty"`
}

type certFilesJSON struct {
	Certificate api.Setting `json:"certificate"`
	PrivateKey  api.Setting `json:"private_key"`
	Former      []string    `json:"former,omitempty"` // what `cert generate` kept
}

func (a *app) certShow(ctx context.Context) error {
	c, err := a.ownPair()
	if err != nil {
		return err
	}
	pair := c.CheckPair(a.now())
	if pair.Certificate == nil {
		f := pair.Findings[0]
		return usage(f.Cure, "%s: %s", f.Where, f.Text)
	}
	shown := certShowJSON{
		Component: c.Component.ID, Role: string(c.Component.Role), certificateJSON: certificateOf(pair.Certificate),
		Chain: chainOf(pair.Chain), KeyFits: pair.Fits, Key: pair.Key, Files: certFilesJSON{Certificate: settingOf(c, "component.certificate"),
			PrivateKey: settingOf(c, "component.private_key"), Former: c.FormerPair()},
		Next: a.stagedOf(ctx, c),
	}
	if a.json {
		return a.printJSON(shown)
	}
	_, err = io.WriteString(a.stdout, certScreen(shown, a.now()))
	return err
}

func chainOf(chain []*mpspdz.Authority) []string {
	var subjects []string
	for _, a := range chain {
		subjects = append(subjects, a.Subject())
	}
	return subjects
}

// settingOf is a value of the configuration with its source.
func settingOf(c *config.Config, name string) api.Setting {
	for _, s := range c.Settings {
		if s.Name == name {
			return api.Setting(s)
		}
	}
	return api.Setting{Name: name}
}

func (a *app) certCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE|-]",
		Short: "whether every other site and MP-SPDZ accept a certificate, and as which party",
		Long: "Judges the component's own certificate and key, or any PEM file, by every rule that an announced\n" +
			"certificate must pass at the other sites, and says which MP-SPDZ accepts it as which party. What\n" +
			"would be refused or would fail is an error with its cure: exit code 3. A certificate that ends\n" +
			"within 60 days is a warning; so is a name that some MP-SPDZ refuses, unless it is the one that the\n" +
			"component runs with. One that an authority signed must lead to a root through the certificates that\n" +
			"[trust] authorities names, which is for plain parties only.\n\n" +
			"The own one is read from disk, not from the running agent. A FILE needs no component; where there is\n" +
			"one, the names are judged by what it is (Fed-BioMed's parties have another number in each\n" +
			"experiment).",
		Example: "  fbpeer cert check\n  fbpeer cert check new.pem\n  fbpeer --component config-n1.ini cert check --json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd.UseLine(), "%s takes one argument at most", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.certCheckFile(args[0])
			}
			return a.certCheckOwn()
		},
	}
}

// certCheckJSON is `cert check --json`.
type certCheckJSON struct {
	OK          bool             `json:"ok"`
	File        string           `json:"file"`
	Certificate *certificateJSON `json:"certificate,omitempty"` // absent where it breaks a rule
	Obstacles   []findingJSON    `json:"obstacles"`
	Warnings    []findingJSON    `json:"warnings"`
}

func (a *app) certCheckOwn() error {
	c, err := a.ownPair()
	if err != nil {
		return err
	}
	pair := c.CheckPair(a.now())
	for i, f := range pair.Findings {
		pair.Findings[i].Cure = addressedOwn(a.prog(), f.Cure)
	}
	return a.certChecked(settingOf(c, "component.certificate").Value, pair.Certificate, pair.Findings)
}

// certCheckFile judges a file. What is to be done about it is not addressed to the component here: it may be another's.
func (a *app) certCheckFile(file string) error {
	s := a.selector()
	s.WithoutPair = true
	use, trusted := mpspdz.UseUnknown, mpspdz.Authorities{}
	c, err := config.Load(s)
	switch {
	case err == nil:
		use = c.Use()
		if trusted, err = c.LoadAuthorities(a.now()); err != nil {
			return err
		}
	case a.componentSaid():
		return err
	}
	data, err := a.readUpTo(file, maxCertificateFile, "the file of one certificate", "give the PEM file of a certificate, or - for stdin")
	if err != nil {
		return err
	}
	if file == "-" {
		file = "stdin"
	}
	certificate, findings := mpspdz.CheckCertificate(data, file, use, trusted, a.now())
	return a.certChecked(file, certificate, findings)
}

// certChecked prints the answer, which is no where anything is an error.
func (a *app) certChecked(file string, certificate *mpspdz.Certificate, findings []mpspdz.Finding) error {
	v := a.view(api.Snapshot{})
	r := certCheckJSON{File: file, Certificate: certificateOf(certificate)}
	r.Obstacles, r.Warnings = parted(findings)
	r.OK = len(r.Obstacles) == 0
	return a.verdict(r.OK, r, func() string { return v.certCheckScreen(r) })
}
