package config

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"fbpeer/exchange"
	"fbpeer/trust"
)

// checkLabel holds the announcement's limits that a person can meet; sealing it holds them all.
func checkLabel(label string) error {
	if utf8.RuneCountInString(label) > exchange.MaxLabel {
		return fmt.Errorf("%q is longer than %d characters", label, exchange.MaxLabel)
	}
	if !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%q has characters that cannot be shown", label)
	}
	return nil
}

// readAgent reads what the agent does with the network and the log.
func (l *loader) readAgent() error {
	var err error
	listen := l.get("agent", "listen")
	if l.c.Listen, err = listenAddress(listen.text); err != nil {
		return listen.wrong("write :4100 or 10.0.0.2:4100, or leave it empty", "%w", err)
	}
	for key, list := range map[string]*[]string{"announce": &l.c.Announce, "bootstrap": &l.c.Bootstrap} {
		v := l.get("agent", key)
		if *list, err = addresses(v.text); err != nil {
			return v.wrong(addressHint, "%w", err)
		}
	}
	if l.c.MDNS, err = l.get("agent", "mdns").boolean(); err != nil {
		return err
	}
	answer, err := l.get("probe", "answer").oneOf("on", "off")
	if err != nil {
		return err
	}
	l.c.ProbeAnswer = answer == "on"
	if err := l.readNotify(); err != nil {
		return err
	}
	if l.c.LogLevel, err = l.get("log", "level").oneOf("trace", "debug", "info", "warn", "error"); err != nil {
		return err
	}
	l.c.LogFormat, err = l.get("log", "format").oneOf("console", "json")
	return err
}

// readPlaces reads where the agent keeps and writes what, which needs the state folder.
func (l *loader) readPlaces() error {
	l.c.TrustList = l.get("trust", "list").path(l.c.State)
	l.warnOpen()
	if err := l.readPolicy(); err != nil {
		return err
	}
	l.c.PlayersDir = l.get("players", "dir").path(l.c.State)
	group := l.get("players", "group")
	if group.text != "" && !groupExists(group.text) {
		return group.wrong("create the group, or name one of `getent group`", "there is no group %q on this machine", group.text)
	}
	l.c.PlayersGroup = group.text
	if err := l.readSet(); err != nil {
		return err
	}
	if l.c.Component.Fedbiomed == nil {
		return nil // takePlain has refused any other wish
	}
	var err error
	l.c.Registry, err = l.get("fedbiomed", "registry").boolean()
	return err
}

// warnOpen warns of files that decide who is trusted and that other users of this machine can read, or write.
func (l *loader) warnOpen() {
	identity := filepath.Join(l.c.State, IdentityFile)
	if info, err := os.Stat(identity); err == nil && info.Mode().Perm()&0o077 != 0 {
		l.warn("%s is open to others than its owner, and whoever reads it can announce as this component: chmod 600 %[1]s", l.short(identity))
	}
	if info, err := os.Stat(l.c.TrustList); err == nil && info.Mode().Perm()&0o022 != 0 {
		l.warn("%s can be changed by others than its owner, and says whom this component trusts: chmod go-w %[1]s", l.short(l.c.TrustList))
	}
}

// readPolicy reads which changes are taken over without asking.
func (l *loader) readPolicy() error {
	v, acceptable := l.get("trust", "accept_changes"), trust.PolicyFields()
	for name := range strings.FieldsFuncSeq(v.text, isSeparator) {
		switch {
		case slices.Contains(l.c.AcceptChanges, name):
			return v.wrong("name each once", "%q stands twice", name)
		case slices.Contains([]string{"identity", "component", "role"}, name):
			return v.wrong("write any of "+strings.Join(acceptable, ", "), "%q is never taken over without asking: it would be somebody else", name)
		case !slices.Contains(acceptable, name):
			return v.wrong("write any of "+strings.Join(acceptable, ", ")+", separated by commas, or leave it empty", "%q is no change that can be taken over", name)
		}
		l.c.AcceptChanges = append(l.c.AcceptChanges, name)
	}
	return nil
}

// isSeparator parts the words of a list.
func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' }

// The two values of [players] certificates.
const (
	ownCertificates      = "own"
	perPartyCertificates = "per-party"
)

// readSet reads who is in the default set, and with which certificates.
func (l *loader) readSet() error {
	parties := l.get("players", "parties")
	for name := range strings.FieldsFuncSeq(parties.text, isSeparator) {
		if slices.Contains(l.c.Parties, name) {
			return parties.wrong("name each once", "%q stands twice", name)
		}
		l.c.Parties = append(l.c.Parties, name)
	}
	certificates := l.get("players", "certificates")
	plain := l.c.Component.Fedbiomed == nil
	if certificates.text == "" {
		l.c.PerParty = plain
		return nil
	}
	chosen, err := certificates.oneOf(ownCertificates, perPartyCertificates)
	if err != nil {
		return err
	}
	if chosen == perPartyCertificates && !plain {
		return certificates.wrong("leave it out", "Fed-BioMed numbers the parties itself, anew for each experiment, with each component's own "+
			"certificate: one certificate per party is for plain MP-SPDZ only")
	}
	l.c.PerParty = chosen == perPartyCertificates
	return nil
}

func groupExists(name string) bool {
	if _, err := user.LookupGroup(name); err == nil {
		return true
	}
	_, err := user.LookupGroupId(name)
	return err == nil
}

// addressHint is the cure for an agent's address.
const addressHint = "write host, host:port or a multiaddress such as /ip4/192.0.2.7/tcp/4100, separated by commas"

// listenAddress takes "", "4100", ":4100", "host:port" and multiaddresses; port 0 takes any free one.
func listenAddress(text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		return ":" + text, nil
	}
	if text == "" || strings.HasPrefix(text, "/") {
		return text, checkAddress(text)
	}
	if _, _, err := net.SplitHostPort(text); err != nil {
		return "", fmt.Errorf("%q is not an address with a port", text)
	}
	return text, checkAddress(text)
}

// addresses splits a list.
func addresses(text string) ([]string, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			return nil, errors.New("there is a comma too many")
		}
		if err := checkAddress(item); err != nil {
			return nil, err
		}
		if !slices.Contains(list, item) {
			list = append(list, item)
		}
	}
	return list, nil
}

// checkAddress keeps out what no address has; whether it is one is decided where it is dialled or bound.
func checkAddress(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%q is not an address", text)
	}
	if strings.HasPrefix(text, "/") {
		return nil
	}
	if _, port, err := net.SplitHostPort(text); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return fmt.Errorf("%q has no port from 0 to 65535", text)
		}
	}
	return nil
}

// correct is the cure for a checked value.
func (v value) correct() string {
	name := variable(v.section, v.key)
	switch v.origin {
	case fromEnvironment:
		return "correct it, or unset " + name
	case fromFile:
		return "correct it, or set " + name + " for this run"
	}
	return "correct it"
}

// list completes Settings with every key of fbpeer.ini that has a meaning for this component, paths as resolved.
func (l *loader) list(t target) {
	plain := l.c.Component.Fedbiomed == nil
	for _, d := range definitions() {
		if d.later || d.audience == plainOnly && !plain || d.audience == fedbiomedOnly && plain {
			continue
		}
		v := l.get(d.section, d.key)
		name := d.section + "." + d.key
		switch name {
		case "component.config":
			v.text = l.short(l.c.Component.Fedbiomed.File)
			if t.component != "" {
				v.source = t.source
			}
		case "component.certificate":
			v.text = l.short(l.c.Component.Certificate)
		case "component.private_key":
			v.text = l.short(l.c.Component.PrivateKey)
		case "federation.file":
			if v.text == "" && l.c.Federation != "" {
				v.source = "the only one in the state folder"
			}
			v.text = l.short(l.c.Federation)
		case "agent.state":
			v.text = l.short(l.c.State)
			if t.state != "" {
				v.source = t.source
			}
		case "trust.list":
			v.text = l.short(l.c.TrustList)
		case "trust.authorities":
			var files []string
			for _, path := range l.c.Authorities {
				files = append(files, l.short(path))
			}
			v.text = strings.Join(files, ", ")
		case "players.dir":
			v.text = l.short(l.c.PlayersDir)
		case "players.certificates":
			v.text = ownCertificates
			if l.c.PerParty {
				v.text = perPartyCertificates
			}
		}
		l.c.Settings = append(l.c.Settings, Setting{Name: name, Value: v.text, Source: v.source})
	}
}
