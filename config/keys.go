package config

import "slices"

// definition is one key of fbpeer.ini.
type definition struct {
	section, key string
	value        string // the default
	about        string // one line for the written file
	audience     kind   // whose fbpeer.ini it belongs in
	later        bool   // only a later release honours it: its default is the only value so far
}

// kind is whose setting it is.
type kind int

const (
	everyone kind = iota
	plainOnly
	fedbiomedOnly
)

// definitions lists every key, in the order of a written file.
func definitions() []definition {
	return []definition{
		{section: "federation", key: "file", about: "the federation file; empty: the only *.federation in the state folder"},

		{section: "component", key: "config", audience: fedbiomedOnly, about: "the Fed-BioMed component's configuration"},
		{section: "component", key: "id", audience: plainOnly, about: "this party's name: letters, digits, '.', '_' and '-', at most 64"},
		{section: "component", key: "ip", audience: plainOnly, about: "where the other parties dial this one's MP-SPDZ: IPv4 address or host name"},
		{section: "component", key: "port", audience: plainOnly, about: "the port that MP-SPDZ binds here"},
		{section: "component", key: "certificate", audience: plainOnly, about: "the MP-SPDZ certificate, PEM"},
		{section: "component", key: "private_key", audience: plainOnly, about: "its private key, PEM"},
		{section: "component", key: "label", about: "a name for people, shown to others as claimed, at most 64 characters"},

		{section: "agent", key: "state", about: "where this agent keeps its state; empty: this file's folder"},
		{section: "agent", key: "listen", about: "host:port or :port for other agents; empty: 4100, else the next free port, remembered from then on"},
		{section: "agent", key: "announce", about: "addresses told to others, behind NAT or in a container (comma-separated)"},
		{section: "agent", key: "bootstrap", about: "agents to dial beside those of the federation file: host, host:port or multiaddress (comma-separated)"},
		{section: "agent", key: "mdns", value: "true", about: "find agents on the local network"},

		{section: "advertise", key: "ip", about: "where others dial MP-SPDZ, if it differs from the component's own address"},
		{section: "advertise", key: "port", about: "and from the port that is bound"},

		{section: "trust", key: "list", value: "trust.ini", about: "the operator's trust list"},
		{section: "trust", key: "accept_changes", about: "changes taken over without asking, still reported: any of address, port, certificate, key (comma-separated)"},
		{section: "trust", key: "authorities", audience: plainOnly, about: "PEM files of certificate authorities to trust, root and intermediates " +
			"(comma-separated). DANGER: where player files hold such a certificate, MP-SPDZ lets in anybody to whom they ever gave one with a party's name"},

		{section: "players", key: "dir", value: "players", about: "where the MP-SPDZ player files are written"},
		{section: "players", key: "parties", about: "who is in the set, ids or aliases (comma-separated), beside this component; empty: all accepted"},
		{section: "players", key: "certificates", about: "own, or per-party: a numbered certificate for each set; empty: per-party for a plain party"},
		{section: "players", key: "group", about: "a group that may read the player files"},

		{section: "fedbiomed", key: "registry", value: "true", audience: fedbiomedOnly, about: "keep Fed-BioMed's party registry up to date"},

		{section: "probe", key: "answer", value: "on", about: "answer other agents' handshake checks: on or off"},

		{section: "notify", key: "command", about: "a program, and its arguments, to be run when something needs you (docs/notify.md); no shell reads it"},
		{section: "notify", key: "urls", later: true, about: "addresses to post events to (a later release)"},

		{section: "console", key: "listen", later: true, about: "the web console's address (a later release)"},

		{section: "log", key: "level", value: "info", about: "trace, debug, info, warn or error"},
		{section: "log", key: "format", value: "console", about: "console or json"},
	}
}

// define finds a key's definition.
func define(section, key string) (definition, bool) {
	all := definitions()
	i := slices.IndexFunc(all, func(d definition) bool { return d.section == section && d.key == key })
	if i < 0 {
		return definition{}, false
	}
	return all[i], true
}
