package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"fbpeer/exchange"
	"fbpeer/fedbiomed"
	"fbpeer/mpspdz"
)

// Component is the own component, Fed-BioMed's or plain.
type Component struct {
	ID          string
	Role        mpspdz.Role
	Endpoint    mpspdz.Endpoint      // as advertised to others
	BindPort    uint16               // as bound by MP-SPDZ here
	Certificate string               // absolute path, PEM
	PrivateKey  string               // absolute path, PEM
	Database    string               // absolute path; "" for a plain party
	Secagg      exchange.Secagg      // "" for all but nodes
	Label       string               // a name for people; "" for none
	Fedbiomed   *fedbiomed.Component // nil for a plain party
}

// takeFedbiomed takes over a Fed-BioMed component.
func (l *loader) takeFedbiomed(f *fedbiomed.Component) {
	l.c.Component = Component{
		ID: f.ID, Role: f.Role, Endpoint: f.Endpoint, BindPort: f.Endpoint.Port(), Certificate: f.Certificate, PrivateKey: f.PrivateKey,
		Database: f.Database, Secagg: exchange.Secagg(f.Secagg), Fedbiomed: f,
	}
	l.c.Root = f.Root
	l.c.Lock = filepath.Join(f.Root, "var", stateFolder, f.ID+".lock")
	l.c.Warnings = slices.Concat(l.c.Warnings, f.Warnings)
	l.watch(f.File)
	l.watch(f.Certificate)
	l.watch(f.PrivateKey)
	paths := map[string]string{"certificate": f.Certificate, "private_key": f.PrivateKey, "database": f.Database}
	for _, name := range []string{"id", "role", "ip", "port", "certificate", "private_key", "database", "secure_aggregation", "force_secure_aggregation"} {
		v, ok := f.Sources[name]
		if path := paths[name]; path != "" {
			v.Text = l.short(path)
		}
		if ok {
			l.c.Settings = append(l.c.Settings, Setting{Name: "component." + name, Value: v.Text, Source: v.Source})
		}
	}
}

// RunsOtherwise says in which values this component, where it runs now as a process of ours, differs from this configuration, because it was
// started with another environment. Not part of Load: what is compared is the agent's own environment, and not that of whoever asks it.
func (c *Config) RunsOtherwise() []string {
	if c.Component.Fedbiomed == nil {
		return nil
	}
	return c.Component.Fedbiomed.Running("/proc")
}

// noPlainKeys refuses a plain party's keys beside a Fed-BioMed component.
func (l *loader) noPlainKeys() error {
	for _, d := range definitions() {
		if d.section != "component" || d.audience != plainOnly {
			continue
		}
		if v := l.get(d.section, d.key); v.text != "" {
			return v.wrong("remove it: a Fed-BioMed component says it in its own configuration; to tell others another address use [advertise]",
				"only a plain MP-SPDZ party has it")
		}
	}
	return nil
}

// takePlain takes over a plain party from fbpeer.ini.
func (l *loader) takePlain() error {
	id := l.get("component", "id")
	if id.text == "" {
		return faultf("write `config = FILE` for a Fed-BioMed component, or id, ip, port, certificate and private_key for a plain MP-SPDZ party",
			"%s: [component] has neither config nor id", l.doc.File())
	}
	values := map[string]value{}
	for _, key := range []string{"id", "ip", "port", "certificate", "private_key"} {
		v := l.get("component", key)
		if v.text == "" {
			return faultf("add the line; `fbpeer component create --role party` writes a complete file", "%s: [component] %s: the key is missing or empty",
				l.doc.File(), key)
		}
		values[key] = v
	}
	if err := checkPlainID(id.text); err != nil {
		return id.wrong("choose a plain name, as in alice", "%w", err)
	}
	endpoint, err := l.endpoint(values["ip"], values["port"])
	if err != nil {
		return err
	}
	l.c.Root = filepath.Dir(l.ini)
	l.c.Component = Component{
		ID: id.text, Role: mpspdz.PlainParty, Endpoint: endpoint, BindPort: endpoint.Port(),
		Certificate: values["certificate"].path(""), PrivateKey: values["private_key"].path(""),
	}
	l.c.Lock = filepath.Join(l.c.Root, id.text+".lock")
	l.watch(l.c.Component.Certificate)
	l.watch(l.c.Component.PrivateKey)
	if v := l.get("fedbiomed", "registry"); v.origin != fromDefault {
		on, err := v.boolean()
		if err != nil {
			return err
		}
		if on {
			return v.wrong("remove it", "a plain MP-SPDZ party has no registry")
		}
	}
	return nil
}

// checkPlainID keeps plain names apart from Fed-BioMed's ids.
func checkPlainID(id string) error {
	if err := mpspdz.CheckComponentID(id); err != nil {
		return err
	}
	prefix, _, ok := strings.Cut(id, "_")
	if ok && (strings.EqualFold(prefix, string(mpspdz.Node)) || strings.EqualFold(prefix, string(mpspdz.Researcher))) {
		return fmt.Errorf("%q looks like the id of a Fed-BioMed component", id)
	}
	return nil
}

// endpoint checks an address and a port of fbpeer.ini.
func (l *loader) endpoint(ip, port value) (mpspdz.Endpoint, error) {
	host, err := mpspdz.ParseHost(ip.text)
	if err != nil {
		return mpspdz.Endpoint{}, ip.wrong(ip.correct(), "%w", err)
	}
	number, err := mpspdz.ParsePort(port.text)
	if err != nil {
		return mpspdz.Endpoint{}, port.wrong(port.correct(), "%w", err)
	}
	endpoint, err := mpspdz.NewEndpoint(host, number)
	return endpoint, own(ip.where, err)
}

// advertise applies [advertise] to the endpoint that others are told, and takes the label.
func (l *loader) advertise() error {
	c := &l.c.Component
	host, port := c.Endpoint.Host(), c.Endpoint.Port()
	var err error
	ip, number, label := l.get("advertise", "ip"), l.get("advertise", "port"), l.get("component", "label")
	if ip.text != "" {
		if host, err = mpspdz.ParseHost(ip.text); err != nil {
			return ip.wrong(ip.correct(), "%w", err)
		}
	}
	if number.text != "" {
		if port, err = mpspdz.ParsePort(number.text); err != nil {
			return number.wrong(number.correct(), "%w", err)
		}
	}
	if c.Endpoint, err = mpspdz.NewEndpoint(host, port); err != nil {
		return own(ip.where, err)
	}
	if err := checkLabel(label.text); err != nil {
		return label.wrong("choose a short name, as in Hospital of Nice", "%w", err)
	}
	c.Label = label.text
	return nil
}
