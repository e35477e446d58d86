package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestDefaults(t *testing.T) {
	root := oneComponent(t)
	c, err := Load(Selector{WorkDir: root, Getenv: env()})
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(root, "var", "fbpeer", nodeID)
	certs := filepath.Join(root, "etc", "certs", "cert_"+nodeID, "MPSPDZ_certificate")
	got := []any{c.Component.Role, c.Component.Endpoint.String(), c.Component.BindPort, c.Component.Secagg, c.Component.Database, c.Listen, c.Announce,
		c.Bootstrap, c.MDNS, c.TrustList, c.PlayersDir, c.PlayersGroup, c.Registry, c.LogLevel, c.LogFormat, c.Federation, c.Warnings, c.Watch}
	want := []any{c.Component.Fedbiomed.Role, "localhost:14001", uint16(14001), c.Component.Secagg, filepath.Join(root, "var", "db_"+nodeID+".json"), "", []string(nil),
		[]string(nil), true, filepath.Join(state, "trust.ini"), filepath.Join(state, "players"), "", true, "info", "console", "", []string(nil),
		[]string{filepath.Join(root, "etc", "config-n1.ini"), certs + ".pem", certs + ".key", filepath.Join(state, "fbpeer.ini"), filepath.Join(state, "next.pem")}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if c.Component.Secagg != "optional" {
		t.Errorf("secagg %q", c.Component.Secagg)
	}
	var lines []string
	for _, s := range c.Settings {
		lines = append(lines, s.Name+" = "+s.Value+" ("+s.Source+")")
	}
	if got, want := strings.Join(lines, "\n"), strings.TrimSpace(read(t, filepath.Join("testdata", "settings.txt"))); got != want {
		t.Errorf("settings:\n%s\nwant\n%s", got, want)
	}
}

// TestPrecedence: flags beat the environment, the environment beats the file, the file beats the default; an empty value is none.
func TestPrecedence(t *testing.T) {
	tests := []struct {
		name, file    string
		env           []string
		flags         map[string]string
		value, source string
	}{
		{"default", "", nil, nil, "info", "default"},
		{"file", "level = warn", nil, nil, "warn", "var/fbpeer/" + nodeID + "/fbpeer.ini: [log] level"},
		{"empty in the file", "level =", nil, nil, "info", "default"},
		{"environment", "level = warn", []string{"FBPEER_LOG_LEVEL", "error"}, nil, "error", "environment FBPEER_LOG_LEVEL"},
		{"flag", "level = warn", []string{"FBPEER_LOG_LEVEL", "error"}, map[string]string{"log.level": "debug"}, "debug", "flag"},
		{"empty flag", "level = warn", nil, map[string]string{"log.level": ""}, "warn", "var/fbpeer/" + nodeID + "/fbpeer.ini: [log] level"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := oneComponent(t)
			write(t, filepath.Join(root, "var", "fbpeer", nodeID, "fbpeer.ini"), "[log]\n"+test.file+"\n")
			c, err := Load(Selector{WorkDir: root, Getenv: env(test.env...), Overrides: test.flags})
			if err != nil {
				t.Fatal(err)
			}
			if c.LogLevel != test.value {
				t.Errorf("level %s, want %s", c.LogLevel, test.value)
			}
			for _, s := range c.Settings {
				if s.Name == "log.level" && (s.Value != test.value || s.Source != test.source) {
					t.Errorf("setting %v", s)
				}
			}
		})
	}
}

func TestEverySetting(t *testing.T) {
	root := oneComponent(t)
	state := filepath.Join(root, "var", "fbpeer", nodeID)
	write(t, filepath.Join(state, "fbpeer.ini"), `; all that this release honours
[component]
label = Hospital of Nice
[agent]
listen = 4200
announce = 198.51.100.7:4200, /dns/agent.example/tcp/4200
bootstrap = 10.0.0.1,agent.hospital-b.example:4100
mdns = no
[advertise]
ip = Hospital-A.example
port = 24001
[trust]
list = ../lists/trust.ini
accept_changes = port, certificate
[players]
dir = /srv/players
parties = nice, NODE_ab12 lyon
certificates = own
group = 0
[fedbiomed]
registry = off
[probe]
answer = off
[log]
level = trace
format = json
`)
	c, err := Load(Selector{WorkDir: root, Getenv: env()})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Component.Label, c.Listen, c.Announce, c.Bootstrap, c.MDNS, c.Component.Endpoint.String(), c.Component.BindPort, c.TrustList,
		c.AcceptChanges, c.PlayersDir, c.PlayersGroup, c.Parties, c.PerParty, c.ProbeAnswer, c.Registry, c.LogLevel, c.LogFormat}
	want := []any{"Hospital of Nice", ":4200", []string{"198.51.100.7:4200", "/dns/agent.example/tcp/4200"}, []string{"10.0.0.1", "agent.hospital-b.example:4100"},
		false, "hospital-a.example:24001", uint16(14001), filepath.Join(root, "var", "fbpeer", "lists", "trust.ini"), []string{"port", "certificate"}, "/srv/players", "0", []string{"nice", "NODE_ab12", "lyon"}, false,
		false, false, "trace", "json"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestSettingsRefused(t *testing.T) {
	const later = "leave it out; see the CHANGELOG for the release that has it"
	tests := []struct{ name, file, problem, hint string }{
		{"misspelt key", "[agent]\nlistne = :4100\n", "FILE:2: [agent] listne: no such key", "did you mean listen?"},
		{"unknown key", "[log]\nrotate_daily = yes\n", "FILE:2: [log] rotate_daily: no such key", "remove it; there are level, format"},
		{"misspelt section", "\n[advertize]\nip = a\n", "FILE:2: [advertize]: no such section", "did you mean [advertise]?"},
		{"not INI", "[agent]\nlisten\n", "FILE:2: ", "correct the line"},
		{"listen", "[agent]\nlisten = 10.0.0.2\n", `FILE:2: [agent] listen: "10.0.0.2" is not an address with a port`, "write :4100 or 10.0.0.2:4100, or leave it empty"},
		{"listen port", "[agent]\nlisten = :70000\n", `FILE:2: [agent] listen: ":70000" has no port from 0 to 65535`, "write :4100 or 10.0.0.2:4100, or leave it empty"},
		{"bootstrap", "[agent]\nbootstrap = a b\n", `FILE:2: [agent] bootstrap: "a b" is not an address`, addressHint},
		{"bootstrap comma", "[agent]\nbootstrap = a,,b\n", "FILE:2: [agent] bootstrap: there is a comma too many", addressHint},
		{"mdns", "[agent]\nmdns = perhaps\n", `FILE:2: [agent] mdns: "perhaps" is neither true nor false`, "write true or false"},
		{"advertise ip", "[advertise]\nip = ::1\n", `FILE:2: [advertise] ip: "::1" is IPv6, which MP-SPDZ cannot use: give an IPv4 address or a host name`,
			"correct it, or set FBPEER_ADVERTISE_IP for this run"},
		{"advertise port", "[advertise]\nport = 14O00\n", `FILE:2: [advertise] port: "14O00" is not a port (1 to 65535)`, "correct it, or set FBPEER_ADVERTISE_PORT for this run"},
		{"label", "[component]\nlabel = " + strings.Repeat("x", 65) + "\n", `FILE:2: [component] label: "` + strings.Repeat("x", 65) + `" is longer than 64 characters`, "choose a short name, as in Hospital of Nice"},
		{"label that shows nothing", "[component]\nlabel = a\u200bb\n", `FILE:2: [component] label: "a\u200bb" has characters that cannot be shown`, "choose a short name, as in Hospital of Nice"},
		{"group", "[players]\ngroup = nosuchgroup\n", `FILE:2: [players] group: there is no group "nosuchgroup" on this machine`, "create the group, or name one of `getent group`"},
		{"level", "[log]\nlevel = loud\n", `FILE:2: [log] level: "loud" is not known`, "write one of trace, debug, info, warn, error"},
		{"answer", "[probe]\nanswer = maybe\n", `FILE:2: [probe] answer: "maybe" is not known`, "write one of on, off"},
		{"plain keys beside Fed-BioMed's", "[component]\nport = 1\n", "FILE:2: [component] port: only a plain MP-SPDZ party has it",
			"remove it: a Fed-BioMed component says it in its own configuration; to tell others another address use [advertise]"},
		{"accept_changes of an identity", "[trust]\naccept_changes = address, identity\n", "FILE:2: [trust] accept_changes: \"identity\" is never taken over without asking: " +
			"it would be somebody else", "write any of address, port, certificate, key"},
		{"accept_changes of nothing known", "[trust]\n\naccept_changes = ports\n", "FILE:3: [trust] accept_changes: \"ports\" is no change that can be taken over",
			"write any of address, port, certificate, key, separated by commas, or leave it empty"},
		{"accept_changes twice", "[trust]\naccept_changes = port,port\n", "FILE:2: [trust] accept_changes: \"port\" stands twice", "name each once"},
		{"authorities", "[trust]\nauthorities = ca.pem\n", "FILE:2: [trust] authorities: Fed-BioMed's registry has no place for an authority's " +
			"certificate, without which no party accepts one that it signed", "leave it out, and use a self-signed certificate: fbpeer cert generate --force"},
		{"party twice", "[players]\nparties = a, b, a\n", `FILE:2: [players] parties: "a" stands twice`, "name each once"},
		{"certificates", "[players]\ncertificates = some\n", `FILE:2: [players] certificates: "some" is not known`, "write one of own, per-party"},
		{"per-party for Fed-BioMed", "[players]\ncertificates = per-party\n", "FILE:2: [players] certificates: Fed-BioMed numbers the parties itself, anew for each " +
			"experiment, with each component's own certificate: one certificate per party is for plain MP-SPDZ only", "leave it out"},
		{"notify", "[notify]\nurls = https://x\n", "FILE:2: [notify] urls: this release of fbpeer does not have this setting yet", later},
		{"console", "[console]\nlisten = :80\n", "FILE:2: [console] listen: this release of fbpeer does not have this setting yet", later},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := oneComponent(t)
			write(t, filepath.Join(root, "var", "fbpeer", nodeID, "fbpeer.ini"), test.file)
			_, err := Load(Selector{WorkDir: root, Getenv: env()})
			if err == nil {
				t.Fatal("accepted")
			}
			problem := strings.Replace(test.problem, "FILE", "var/fbpeer/"+nodeID+"/fbpeer.ini", 1)
			if strings.HasSuffix(problem, ": ") && strings.HasPrefix(err.Error(), problem) {
				problem = err.Error() // the parser's own words
			}
			expect(t, err, root, problem, test.hint)
		})
	}
	for text, want := range map[string][2]string{
		"a.pem,,b.pem":    {"there is a comma too many", "name the files, separated by commas"},
		"a.pem, ./a.pem ": {"./a.pem stands twice", "name each once"},
	} {
		t.Run("authorities "+text, func(t *testing.T) {
			root := onePlain(t, "[trust]\nauthorities = "+text+"\n")
			_, err := Load(Selector{Config: "fbpeer.ini", WorkDir: root, Getenv: env()})
			expect(t, err, root, "fbpeer.ini:8: [trust] authorities: "+want[0], want[1])
		})
	}
	t.Run("environment", func(t *testing.T) {
		root := oneComponent(t)
		_, err := Load(Selector{WorkDir: root, Getenv: env("FBPEER_ADVERTISE_PORT", "0")})
		expect(t, err, root, `environment FBPEER_ADVERTISE_PORT: "0" is not a port (1 to 65535)`, "correct it, or unset FBPEER_ADVERTISE_PORT")
	})
	for _, misspelt := range []struct{ name, hint string }{
		{"FBPEER_AGENT_LISTN", "did you mean FBPEER_AGENT_LISTEN?"},
		{"FBPEER_AGNET_LISTEN", "did you mean FBPEER_AGENT_LISTEN?"},
		{"FBPEER_COMPONENTS", "did you mean FBPEER_COMPONENT?"},
	} {
		t.Run(misspelt.name, func(t *testing.T) {
			root := oneComponent(t)
			s := Selector{WorkDir: root, Getenv: env(misspelt.name, "x"), Environ: []string{"FBPEER_OF_OURS=y", misspelt.name + "=x"}}
			_, err := Load(s)
			expect(t, err, root, "environment "+misspelt.name+": no such setting", misspelt.hint)
		})
	}
	t.Run("variables of others", func(t *testing.T) {
		s := Selector{WorkDir: oneComponent(t), Getenv: func(name string) string {
			return map[string]string{"FBPEER_IMAGE": "y", "FBPEER_LOG_LEVEL": "warn"}[name]
		}, Environ: []string{"FBPEER_IMAGE=y", "FBPEER_AGENT_HIDDEN=from us", "FBPEER_LOG_LEVEL=warn"}}
		if c, err := Load(s); err != nil || c.LogLevel != "warn" {
			t.Error(err)
		}
	})
	t.Run("a flag that sets nothing", func(t *testing.T) {
		root := oneComponent(t)
		_, err := Load(Selector{WorkDir: root, Getenv: env(), Overrides: map[string]string{"agent.nothing": "x"}})
		expect(t, err, root, "flag for [agent] nothing: no such setting", "")
	})
}

func TestPlain(t *testing.T) {
	root := onePlain(t, "label = Alice's machine\n[advertise]\nport = 24000\n[fedbiomed]\nregistry = false\n")
	for _, s := range []Selector{{Config: "fbpeer.ini"}, {State: "."}} {
		s.WorkDir, s.Getenv = root, env("FBPEER_COMPONENT_IP", "10.0.0.9")
		c, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		got := []any{c.Component.ID, string(c.Component.Role), c.Component.Endpoint.String(), c.Component.BindPort, c.Component.Certificate, c.Component.PrivateKey,
			c.Component.Database, string(c.Component.Secagg), c.Component.Label, c.Component.Fedbiomed == nil, c.State, c.Lock, c.Root, c.Registry}
		want := []any{"alice", "party", "10.0.0.9:24000", uint16(14000), filepath.Join(root, "alice.pem"), filepath.Join(root, "alice.key"),
			"", "", "Alice's machine", true, root, filepath.Join(root, "alice.lock"), root, false}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
}

func TestPlainRefused(t *testing.T) {
	const complete = "add the line; `fbpeer component create --role party` writes a complete file"
	tests := []struct{ name, old, new, problem, hint string }{
		{"no id", "id = alice\n", "", "fbpeer.ini: [component] has neither config nor id",
			"write `config = FILE` for a Fed-BioMed component, or id, ip, port, certificate and private_key for a plain MP-SPDZ party"},
		{"no ip", "ip = 10.0.0.2\n", "", "fbpeer.ini: [component] ip: the key is missing or empty", complete},
		{"no port", "port = 14000\n", "port =\n", "fbpeer.ini: [component] port: the key is missing or empty", complete},
		{"no certificate", "certificate = alice.pem\n", "", "fbpeer.ini: [component] certificate: the key is missing or empty", complete},
		{"no key", "private_key = alice.key\n", "", "fbpeer.ini: [component] private_key: the key is missing or empty", complete},
		{"port", "14000", "14O00", `fbpeer.ini:4: [component] port: "14O00" is not a port (1 to 65535)`, "correct it, or set FBPEER_COMPONENT_PORT for this run"},
		{"ip", "10.0.0.2", "10.0.0.2 #", `fbpeer.ini:3: [component] ip: "10.0.0.2 #" is not a host name (labels of letters, digits, "-" and "_", joined by dots)`,
			"correct it, or set FBPEER_COMPONENT_IP for this run"},
		{"id with a path", "alice", "../alice", `fbpeer.ini:2: [component] id: "../alice" is not a component id (letters, digits, ".", "_" and "-", at most 64, the first a letter or digit)`,
			"choose a plain name, as in alice"},
		{"id of Fed-BioMed's", "alice", "NODE_alice", `fbpeer.ini:2: [component] id: "NODE_alice" looks like the id of a Fed-BioMed component`, "choose a plain name, as in alice"},
		{"both kinds", "id = alice\n", "config = x.ini\nid = alice\n", "fbpeer.ini:3: [component] id: only a plain MP-SPDZ party has it",
			"remove it: a Fed-BioMed component says it in its own configuration; to tell others another address use [advertise]"},
		{"registry", "id = alice\n", "id = alice\n[fedbiomed]\nregistry = true\n[component2]\n", "fbpeer.ini:5: [component2]: no such section", "did you mean [component]?"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := onePlain(t, "")
			write(t, filepath.Join(root, "fbpeer.ini"), strings.Replace(plainFile, test.old, test.new, 1))
			_, err := Load(Selector{Config: "fbpeer.ini", WorkDir: root, Getenv: env()})
			expect(t, err, root, test.problem, test.hint)
		})
	}
	root := onePlain(t, "[fedbiomed]\nregistry = true\n")
	_, err := Load(Selector{Config: "fbpeer.ini", WorkDir: root, Getenv: env()})
	expect(t, err, root, "fbpeer.ini:8: [fedbiomed] registry: a plain MP-SPDZ party has no registry", "remove it")
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{"listne": "listen", "boostrap": "bootstrap", "mdn": "mdns", "colour": "", "x": ""} {
		if got := nearest(word, []string{"listen", "announce", "bootstrap", "mdns", "state"}); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
