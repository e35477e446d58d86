package fedbiomed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fbpeer/internal/inidoc"
	"fbpeer/mpspdz"
)

// Value is a setting and where it came from: "etc/config-n1.ini: [mpspdz] mpspdz_port", "environment MPSPDZ_PORT", or what it was
// taken from for want of a setting.
type Value struct{ Text, Source string }

// Component is a Fed-BioMed component's configuration, checked, with the environment applied.
type Component struct {
	File        string           // absolute path of the configuration
	Root        string           // parent of the folder that holds File
	ID          string           // NODE_<uuid>, node_<uuid>, RESEARCHER_<uuid> or researcher_<uuid>
	Role        mpspdz.Role      // Node or Researcher
	Endpoint    mpspdz.Endpoint  // mpspdz_ip and mpspdz_port: the address as configured, the port as bound
	Certificate string           // absolute path, PEM
	PrivateKey  string           // absolute path
	Database    string           // absolute path; the file may not exist yet
	Secagg      string           // "off", "optional", "forced"; "" for the researcher
	Sources     map[string]Value // id, role, ip, port, certificate, private_key, database; of a node secure_aggregation, force_secure_aggregation
	Warnings    []string         // for the person: what works, but not as they may think
}

// Load reads a configuration and applies the environment; getenv is os.Getenv or a test's. A relative file is relative to the
// process's working directory, and errors show paths relative to it. The certificate, the key and the database are not opened; that
// the first two exist is checked. What is wrong with the configuration is an *Error.
func Load(file string, getenv func(string) string) (*Component, error) {
	workDir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	return LoadFrom(workDir, file, getenv)
}

// LoadFrom is Load with another working directory.
func LoadFrom(workDir, file string, getenv func(string) string) (*Component, error) {
	return load(workDir, file, getenv, false)
}

// LoadWithoutPair is LoadFrom for whoever is about to make key and certificate: each may be missing, and its path is then where the
// component will look first.
func LoadWithoutPair(workDir, file string, getenv func(string) string) (*Component, error) {
	return load(workDir, file, getenv, true)
}

func load(workDir, file string, getenv func(string) string, withoutPair bool) (*Component, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(workDir, file)
	}
	r := &reader{workDir: workDir, file: filepath.Clean(file), getenv: getenv, withoutPair: withoutPair}
	if err := r.open(); err != nil {
		return nil, err
	}
	r.c = &Component{File: r.file, Root: r.root(), Sources: map[string]Value{}}
	for _, read := range []func() error{r.identity, r.endpoint, r.files, r.database, r.policy} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return r.c, nil
}

// open reads and parses the file, and sees that it is a component that uses MP-SPDZ.
func (r *reader) open() error {
	shown := r.short(r.file)
	data, err := os.ReadFile(r.file)
	if err != nil {
		hint := "name the component's configuration, as in --component etc/config-n1.ini"
		if errors.Is(err, fs.ErrPermission) {
			hint = "run fbpeer as the user that runs the component"
		}
		return &Error{File: shown, Problem: cause(err).Error(), Hint: hint, Err: err}
	}
	r.doc, err = inidoc.Parse(shown, data, inidoc.Python)
	if err != nil {
		return asError(shown, err)
	}
	if !r.doc.Has("default") {
		return &Error{File: shown, Section: "default", Problem: "the section is missing",
			Hint: "this is not a Fed-BioMed component's configuration: name one that `configuration create` made"}
	}
	if !r.doc.Has("mpspdz") {
		return r.noMPSPDZ(shown)
	}
	return nil
}

// asError gives a parser's error the file once: it names file and line itself.
func asError(shown string, err error) error {
	e := &Error{File: shown, Problem: err.Error(), Hint: "correct the line, or restore the file from a backup", Err: err}
	var at *inidoc.Error
	if errors.As(err, &at) {
		e.Problem = at.Text
		if at.Line > 0 {
			e.File = fmt.Sprintf("%s:%d", shown, at.Line)
		}
	}
	return e
}

// cause is what the system said, without the path, which our errors name themselves.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (r *reader) identity() error {
	id, err := r.required("default", "id", "")
	if err != nil {
		return err
	}
	const hint = "restore the id that Fed-BioMed gave this component"
	if err := mpspdz.CheckComponentID(id.Text); err != nil {
		return r.wrap(id, err, hint)
	}
	prefix, rest, _ := strings.Cut(id.Text, "_")
	switch {
	case rest != "" && (prefix == "NODE" || prefix == "node"):
		r.c.Role = mpspdz.Node
	case rest != "" && (prefix == "RESEARCHER" || prefix == "researcher"):
		r.c.Role = mpspdz.Researcher
	default:
		return r.wrong(id, fmt.Sprintf("%q is not NODE_ or RESEARCHER_ and a name", id.Text), hint)
	}
	component, err := r.required("default", "component", "")
	if err != nil {
		return err
	}
	if !strings.EqualFold(component.Text, string(r.c.Role)) {
		return r.wrong(component, fmt.Sprintf("%q contradicts the id %s", component.Text, id.Text),
			fmt.Sprintf("write %s, or restore the id", strings.ToUpper(string(r.c.Role))))
	}
	r.c.ID = id.Text
	r.c.Sources["id"] = id.Value
	r.c.Sources["role"] = Value{Text: string(r.c.Role), Source: component.Source}
	return nil
}

func (r *reader) endpoint() error {
	ip, err := r.misspelt("mpspdz_ip", "MPSPDZ_IP", "MPSDPZ_IP")
	if err != nil {
		return err
	}
	port, err := r.misspelt("mpspdz_port", "MPSPDZ_PORT", "MPSDPZ_PORT")
	if err != nil {
		return err
	}
	host, err := mpspdz.ParseHost(ip.Text)
	if err != nil {
		return r.wrap(ip, err, r.correct(ip, "correct it", "MPSPDZ_IP"))
	}
	number, err := mpspdz.ParsePort(port.Text)
	if err != nil {
		return r.wrap(port, err, r.correct(port, "correct it", "MPSPDZ_PORT"))
	}
	if r.c.Endpoint, err = mpspdz.NewEndpoint(host, number); err != nil {
		return r.wrap(ip, err, r.correct(ip, "correct it", "MPSPDZ_IP"))
	}
	r.c.Sources["ip"], r.c.Sources["port"] = ip.Value, port.Value
	return nil
}

func (r *reader) files() error {
	key, err := r.required("mpspdz", "private_key", "MPSPDZ_CERTIFICATE_KEY")
	if err != nil {
		return err
	}
	certificate, err := r.required("mpspdz", "public_key", "MPSPDZ_CERTIFICATE_PEM")
	if err != nil {
		return err
	}
	if r.c.PrivateKey, err = r.resolve(key); err != nil {
		return err
	}
	if r.c.Certificate, err = r.resolve(certificate); err != nil {
		return err
	}
	r.c.Sources["private_key"], r.c.Sources["certificate"] = key.Value, certificate.Value
	return nil
}

// database is [default] db; Fed-BioMed 4 had no such key and this very place.
func (r *reader) database() error {
	db, ok := r.find("default", "db", "")
	if !ok {
		if version := r.versioned(); version != "" && version != "1" {
			r.c.Warnings = append(r.c.Warnings, fmt.Sprintf("%s: [default] db: %s: taken as ../var/db_%s.json, but Fed-BioMed itself stops there",
				r.short(r.file), missing("default", "db"), r.c.ID))
		}
		db.Value = Value{Text: filepath.Join("..", "var", "db_"+r.c.ID+".json"), Source: "default"}
	}
	r.c.Database = db.Text
	if !filepath.IsAbs(db.Text) {
		r.c.Database = filepath.Join(filepath.Dir(r.file), db.Text)
	}
	r.c.Sources["database"] = db.Value
	return nil
}
