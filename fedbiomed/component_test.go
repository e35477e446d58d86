package fedbiomed

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

const (
	researcherID = "RESEARCHER_d638de88-772c-4835-8b5c-4cd5c6fb3882"
	node1ID      = "NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05"
	node2ID      = "NODE_983ee25b-4c76-4550-9729-8008e522e39d"
)

// copyClone copies the fixture into a fresh root, with an empty file for each key, which the fixture leaves out.
func copyClone(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join("testdata", "clone"))); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{researcherID, node1ID, node2ID} {
		write(t, filepath.Join(root, "etc", "certs", "cert_"+id, "MPSPDZ_certificate.key"), "")
	}
	return root
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// edit replaces text in a file; what is replaced must be there.
func edit(t testing.TB, path, old, new string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not hold %q", path, old)
	}
	write(t, path, strings.Replace(string(data), old, new, 1))
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestLoadFixture(t *testing.T) {
	root := copyClone(t)
	t.Chdir(root)
	tests := []struct {
		file, id string
		role     mpspdz.Role
		endpoint string
		secagg   string
	}{
		{"config_researcher.ini", researcherID, mpspdz.Researcher, "localhost:14000", ""},
		{"config-n1.ini", node1ID, mpspdz.Node, "localhost:14001", "optional"},
		{"config-n2.ini", node2ID, mpspdz.Node, "localhost:14002", "optional"},
	}
	for _, test := range tests {
		c, err := Load(filepath.Join("etc", test.file), env())
		if err != nil {
			t.Fatal(err)
		}
		got := []any{c.File, c.Root, c.ID, c.Role, c.Endpoint.String(), c.Secagg, c.Database, c.Certificate, c.PrivateKey, len(c.Warnings)}
		certs := filepath.Join(root, "etc", "certs", "cert_"+test.id)
		want := []any{filepath.Join(root, "etc", test.file), root, test.id, test.role, test.endpoint, test.secagg,
			filepath.Join(root, "var", "db_"+test.id+".json"), filepath.Join(certs, "MPSPDZ_certificate.pem"),
			filepath.Join(certs, "MPSPDZ_certificate.key"), 0}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		if want := (Value{strings.Split(test.endpoint, ":")[1], "etc/" + test.file + ": [mpspdz] mpspdz_port"}); c.Sources["port"] != want {
			t.Errorf("port from %v, want %v", c.Sources["port"], want)
		}
	}
}

// TestLoadAccepts lists what is right though it is not as the fixture has it.
func TestLoadAccepts(t *testing.T) {
	ini := filepath.Join("etc", "config-n1.ini")
	certs := "certs/cert_" + node1ID + "/"
	tests := []struct {
		name string
		edit []string // pairs old, new in etc/config-n1.ini
		env  []string
		show func(*Component) []string
		want []string
	}{
		{"lower-case id", []string{"id = NODE_f4", "id = node_f4"}, nil,
			func(c *Component) []string { return []string{c.ID[:7], string(c.Role)} }, []string{"node_f4", "node"}},
		{"the environment wins", nil, []string{"MPSPDZ_IP", "10.0.0.2", "MPSPDZ_PORT", "15000"},
			func(c *Component) []string {
				return []string{c.Endpoint.String(), c.Sources["ip"].Source, c.Sources["port"].Source}
			},
			[]string{"10.0.0.2:15000", "environment MPSPDZ_IP", "environment MPSPDZ_PORT"}},
		{"the documentation's spelling", nil, []string{"MPSDPZ_IP", "10.0.0.2", "MPSDPZ_PORT", "15000", "MPSPDZ_PORT", "15000"},
			func(c *Component) []string {
				return append([]string{c.Endpoint.String(), c.Sources["ip"].Source, c.Sources["port"].Source}, c.Warnings...)
			},
			[]string{"10.0.0.2:15000", "environment MPSDPZ_IP", "environment MPSPDZ_PORT",
				"MPSDPZ_IP is taken for MPSPDZ_IP, but Fed-BioMed itself ignores that spelling: set MPSPDZ_IP where the component runs"}},
		{"an environment that replaces a bad value", []string{"14001", "14O00"}, []string{"MPSPDZ_PORT", "14001"},
			func(c *Component) []string { return []string{c.Endpoint.String()} }, []string{"localhost:14001"}},
		{"forced", []string{"force_secure_aggregation = False", "force_secure_aggregation = TRUE"}, nil,
			func(c *Component) []string { return append([]string{c.Secagg}, c.Warnings...) }, []string{"forced"}},
		{"off", []string{"secure_aggregation = True", "secure_aggregation = 0"}, nil,
			func(c *Component) []string { return append([]string{c.Secagg}, c.Warnings...) }, []string{"off"}},
		{"policy from the environment", nil, []string{"FORCE_SECURE_AGGREGATION", "true"},
			func(c *Component) []string {
				return []string{c.Secagg, c.Sources["force_secure_aggregation"].Source, c.Sources["secure_aggregation"].Source}
			},
			[]string{"forced", "environment FORCE_SECURE_AGGREGATION", "etc/config-n1.ini: [security] secure_aggregation"}},
		{"yes, which Fed-BioMed takes for no", []string{"secure_aggregation = True", "secure_aggregation = yes"}, nil,
			func(c *Component) []string { return append([]string{c.Secagg}, c.Warnings...) },
			[]string{"optional", `etc/config-n1.ini: [security] secure_aggregation: "yes" is yes, but Fed-BioMed itself takes it for no: write True`}},
		{"forced but not allowed", []string{"secure_aggregation = True\nforce_secure_aggregation = False", "secure_aggregation = no\nforce_secure_aggregation = True"}, nil,
			func(c *Component) []string { return append([]string{c.Secagg}, c.Warnings...) },
			[]string{"off", "etc/config-n1.ini: secure aggregation is forced but not allowed: this node refuses every training"}},
		{"no policy, as in 4.2", []string{"version = 2\n", "", "secure_aggregation = True\nforce_secure_aggregation = False\n", ""}, nil,
			func(c *Component) []string { return append([]string{c.Secagg}, c.Warnings...) },
			[]string{"optional", "etc/config-n1.ini: [security] has neither secure_aggregation nor force_secure_aggregation, as in Fed-BioMed 4.2: taken as optional; 4.3 and later need both"}},
		{"no db, as in 4.x", []string{"version = 2\ndb = ../var/db_" + node1ID + ".json\n", "version = 1\n"}, nil,
			func(c *Component) []string {
				return []string{ShortPath(c.Root, c.Database), c.Sources["database"].Source}
			}, []string{"var/db_" + node1ID + ".json", "default"}},
		{"paths relative to the root, as the documentation has it", []string{"private_key = certs", "private_key = etc/certs", "public_key = certs", "public_key = etc/certs"}, nil,
			func(c *Component) []string {
				return []string{ShortPath(c.Root, c.PrivateKey), ShortPath(c.Root, c.Certificate)}
			},
			[]string{"etc/" + certs + "MPSPDZ_certificate.key", "etc/" + certs + "MPSPDZ_certificate.pem"}},
		{"certificate from the environment", nil, []string{"MPSPDZ_CERTIFICATE_PEM", "etc/" + certs + "MPSPDZ_certificate.key"},
			func(c *Component) []string {
				return []string{ShortPath(c.Root, c.Certificate), c.Sources["certificate"].Source}
			}, []string{"etc/" + certs + "MPSPDZ_certificate.key", "environment MPSPDZ_CERTIFICATE_PEM"}},
		{"Python's INI: case, colon, interpolation, DEFAULT", []string{"mpspdz_ip = localhost\nmpspdz_port = 14001", "MPSPDZ_IP: %(host)s\nmpspdz_port : 14001",
			"[default]\n", "[DEFAULT]\nhost = 10.0.0.7\n[default]\n"}, nil,
			func(c *Component) []string { return []string{c.Endpoint.String()} }, []string{"10.0.0.7:14001"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(copyClone(t))
			for i := 0; i < len(test.edit); i += 2 {
				edit(t, ini, test.edit[i], test.edit[i+1])
			}
			c, err := Load(ini, env(test.env...))
			if err != nil {
				t.Fatal(err)
			}
			if got := test.show(c); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestLoadRefuses holds the words that a person reads: what, where, and the cure.
func TestLoadRefuses(t *testing.T) {
	const refresh = "add the line, or run Fed-BioMed's `configuration refresh` (5.1 and later; it also makes a new key and port)"
	tests := []struct {
		name    string
		edit    []string
		env     []string
		problem string
		hint    string
	}{
		{"port with a letter", []string{"14001", "14O00"}, nil,
			`etc/config-n1.ini: [mpspdz] mpspdz_port: "14O00" is not a port (1 to 65535)`, "correct it, or set MPSPDZ_PORT for this run"},
		{"port out of range", []string{"14001", "70000"}, nil,
			`etc/config-n1.ini: [mpspdz] mpspdz_port: "70000" is not a port (1 to 65535)`, "correct it, or set MPSPDZ_PORT for this run"},
		{"port in the environment", nil, []string{"MPSPDZ_PORT", "0"},
			`environment MPSPDZ_PORT: "0" is not a port (1 to 65535)`, "correct it, or unset MPSPDZ_PORT"},
		{"port in the misspelt environment", nil, []string{"MPSDPZ_PORT", "x"},
			`environment MPSDPZ_PORT: "x" is not a port (1 to 65535)`, "correct it, or unset MPSDPZ_PORT"},
		{"two spellings that differ", nil, []string{"MPSDPZ_PORT", "14000", "MPSPDZ_PORT", "14001"},
			`environment MPSDPZ_PORT: "14000" contradicts MPSPDZ_PORT, which is "14001"`, "unset MPSDPZ_PORT: Fed-BioMed itself reads only MPSPDZ_PORT"},
		{"IPv6", []string{"mpspdz_ip = localhost", "mpspdz_ip = fd00::7"}, nil,
			`etc/config-n1.ini: [mpspdz] mpspdz_ip: "fd00::7" is IPv6, which MP-SPDZ cannot use: give an IPv4 address or a host name`,
			"correct it, or set MPSPDZ_IP for this run"},
		{"newline in the address", []string{"mpspdz_ip = localhost", "mpspdz_ip = 10.0.0.2\n  10.0.0.3:5000"}, nil,
			`etc/config-n1.ini: [mpspdz] mpspdz_ip: "10.0.0.2\n10.0.0.3:5000" is not a host name (labels of letters, digits, "-" and "_", joined by dots)`,
			"correct it, or set MPSPDZ_IP for this run"},
		{"# in the address", []string{"mpspdz_ip = localhost", "mpspdz_ip = 10.0.0.2 # mine"}, nil,
			`etc/config-n1.ini: [mpspdz] mpspdz_ip: "10.0.0.2 # mine" is not a host name (labels of letters, digits, "-" and "_", joined by dots)`,
			"correct it, or set MPSPDZ_IP for this run"},
		{"no [mpspdz]", []string{"[mpspdz]", "[other]"}, nil, "etc/config-n1.ini: [mpspdz]: the section is missing",
			"Fed-BioMed 5.4 and later no longer use MP-SPDZ and need no fbpeer; if this is an earlier one, restore the section from a backup, or make the component anew"},
		{"no [default]", []string{"[default]", "[other]"}, nil, "etc/config-n1.ini: [default]: the section is missing",
			"this is not a Fed-BioMed component's configuration: name one that `configuration create` made"},
		{"no id", []string{"id = " + node1ID + "\n", ""}, nil, "etc/config-n1.ini: [default] id: the key is missing or empty (Fed-BioMed writes it since 4.2)", refresh},
		{"no component", []string{"component = NODE\n", ""}, nil, "etc/config-n1.ini: [default] component: the key is missing or empty (Fed-BioMed writes it since 4.2)", refresh},
		{"no port", []string{"mpspdz_port = 14001\n", ""}, nil, "etc/config-n1.ini: [mpspdz] mpspdz_port: the key is missing or empty (Fed-BioMed writes it since 4.2)", refresh + ", or set MPSPDZ_PORT for this run"},
		{"empty address", []string{"mpspdz_ip = localhost", "mpspdz_ip ="}, nil, "etc/config-n1.ini: [mpspdz] mpspdz_ip: the key is missing or empty (Fed-BioMed writes it since 4.2)", refresh + ", or set MPSPDZ_IP for this run"},
		{"no key", []string{"private_key = ", "privat_key = "}, nil, "etc/config-n1.ini: [mpspdz] private_key: the key is missing or empty (Fed-BioMed writes it since 4.2)", refresh + ", or set MPSPDZ_CERTIFICATE_KEY for this run"},
		{"one policy key", []string{"\nsecure_aggregation = True", ""}, nil, "etc/config-n1.ini: [security] secure_aggregation: the key is missing or empty (Fed-BioMed writes it since 4.3)", refresh + ", or set SECURE_AGGREGATION for this run"},
		{"policy that is no boolean", []string{"secure_aggregation = True", "secure_aggregation = maybe"}, nil,
			`etc/config-n1.ini: [security] secure_aggregation: "maybe" is neither true nor false`, "write True or False, or set SECURE_AGGREGATION for this run"},
		{"id with a path", []string{"id = NODE_", "id = ../NODE_"}, nil,
			`etc/config-n1.ini: [default] id: "../` + node1ID + `" is not a component id (letters, digits, ".", "_" and "-", at most 64, the first a letter or digit)`, "restore the id that Fed-BioMed gave this component"},
		{"id with a control character", []string{"id = " + node1ID, "id = NODE_a\n  b"}, nil,
			`etc/config-n1.ini: [default] id: "NODE_a\nb" is not a component id (letters, digits, ".", "_" and "-", at most 64, the first a letter or digit)`, "restore the id that Fed-BioMed gave this component"},
		{"id of neither kind", []string{"id = NODE_", "id = Node_"}, nil,
			`etc/config-n1.ini: [default] id: "Node_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05" is not NODE_ or RESEARCHER_ and a name`, "restore the id that Fed-BioMed gave this component"},
		{"id that is a prefix", []string{"id = " + node1ID, "id = NODE_"}, nil,
			`etc/config-n1.ini: [default] id: "NODE_" is not NODE_ or RESEARCHER_ and a name`, "restore the id that Fed-BioMed gave this component"},
		{"id that is a role", []string{"id = " + node1ID, "id = NODE"}, nil,
			`etc/config-n1.ini: [default] id: "NODE" is not NODE_ or RESEARCHER_ and a name`, "restore the id that Fed-BioMed gave this component"},
		{"component against the id", []string{"component = NODE", "component = RESEARCHER"}, nil,
			`etc/config-n1.ini: [default] component: "RESEARCHER" contradicts the id ` + node1ID, "write NODE, or restore the id"},
		{"certificate in neither place", []string{"public_key = certs", "public_key = gone"}, nil,
			`etc/config-n1.ini: [mpspdz] public_key: "gone/cert_` + node1ID + `/MPSPDZ_certificate.pem" is neither etc/gone/cert_` + node1ID +
				`/MPSPDZ_certificate.pem nor gone/cert_` + node1ID + `/MPSPDZ_certificate.pem`, missingFileHint},
		{"key that the environment names", nil, []string{"MPSPDZ_CERTIFICATE_KEY", "/nowhere/k.key"},
			"environment MPSPDZ_CERTIFICATE_KEY: /nowhere/k.key: no such file or directory", missingFileHint},
		{"duplicate key", []string{"mpspdz_port = 14001", "mpspdz_port = 14001\nMPSPDZ_PORT = 14002"}, nil,
			"etc/config-n1.ini:12: ", "correct the line, or restore the file from a backup"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(copyClone(t))
			ini := filepath.Join("etc", "config-n1.ini")
			for i := 0; i < len(test.edit); i += 2 {
				edit(t, ini, test.edit[i], test.edit[i+1])
			}
			_, err := Load(ini, env(test.env...))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Error() != test.problem && !(strings.HasSuffix(test.problem, ": ") && strings.HasPrefix(e.Error(), test.problem)) {
				t.Errorf("got  %s\nwant %s", e, test.problem)
			}
			if e.Hint != test.hint {
				t.Errorf("hint %s\nwant %s", e.Hint, test.hint)
			}
		})
	}
}

func TestLoadMissingFile(t *testing.T) {
	_, err := LoadFrom("/", "/nowhere/etc/config-n1.ini", env())
	var e *Error
	if !errors.As(err, &e) || e.Error() != "nowhere/etc/config-n1.ini: no such file or directory" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFind(t *testing.T) {
	root := copyClone(t)
	etc := filepath.Join(root, "etc")
	components, skipped, err := Find(root)
	want := []string{filepath.Join(etc, "config-n1.ini"), filepath.Join(etc, "config-n2.ini"), filepath.Join(etc, "config_researcher.ini")}
	if err != nil || len(skipped) != 0 || !reflect.DeepEqual(components, want) {
		t.Fatal(components, skipped, err)
	}

	// A backup beside its original, a file of another program, and one that does not parse.
	backup, err := os.ReadFile(want[1])
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(etc, "config-n2-backup.ini"), string(backup))
	write(t, filepath.Join(etc, "other.ini"), "[x]\ny = 1\n")
	write(t, filepath.Join(etc, "torn.ini"), "[default\n")
	write(t, filepath.Join(etc, ".config-n1.ini123"), "[default]\nid = x\n")
	components, skipped, err = Find(root)
	if err != nil || !reflect.DeepEqual(components, []string{want[0], want[2]}) {
		t.Fatal(components, err)
	}
	for file, problem := range map[string]string{
		want[1]: want[1] + ": [default] id: the same id as in config-n2-backup.ini",
		filepath.Join(etc, "config-n2-backup.ini"): filepath.Join(etc, "config-n2-backup.ini") + ": [default] id: the same id as in config-n2.ini",
		filepath.Join(etc, "other.ini"):            filepath.Join(etc, "other.ini") + ": [default] id: the key is missing",
		filepath.Join(etc, "torn.ini"):             filepath.Join(etc, "torn.ini") + ":1: ",
	} {
		if err := skipped[file]; err == nil || !strings.HasPrefix(err.Error(), problem) {
			t.Errorf("%s: got %v, want %s", file, err, problem)
		}
		delete(skipped, file)
	}
	if len(skipped) != 0 {
		t.Errorf("skipped besides: %v", skipped)
	}

	if file, err := FindID(root, node1ID); err != nil || file != want[0] {
		t.Error(file, err)
	}
	if _, err := FindID(root, node2ID); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("an id that two files have: %v", err)
	}
	if _, err := FindID(root, "NODE_nobody"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, _, err := Find(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestLoadWithoutPair: what is about to be made is looked for where it will be made, and what is there is found as ever.
func TestLoadWithoutPair(t *testing.T) {
	root := copyClone(t)
	t.Chdir(root)
	ini := filepath.Join("etc", "config-n1.ini")
	certs := filepath.Join("etc", "certs", "cert_"+node1ID)
	paths := func(env func(string) string) [2]string {
		c, err := LoadWithoutPair(root, ini, env)
		if err != nil {
			t.Fatal(err)
		}
		return [2]string{ShortPath(root, c.PrivateKey), ShortPath(root, c.Certificate)}
	}
	want := [2]string{filepath.Join(certs, "MPSPDZ_certificate.key"), filepath.Join(certs, "MPSPDZ_certificate.pem")}
	if got := paths(env()); got != want {
		t.Errorf("both there: %v", got)
	}
	remove(t, filepath.Join(root, certs))
	if got := paths(env()); got != want {
		t.Errorf("no folder: %v", got)
	}
	if got := paths(env("MPSPDZ_CERTIFICATE_KEY", "k.key", "MPSPDZ_CERTIFICATE_PEM", "/nowhere/c.pem")); got != [2]string{"k.key", "/nowhere/c.pem"} {
		t.Errorf("from the environment: %v", got)
	}
	// Paths as the documentation has them, relative to the root, where that folder is.
	edit(t, ini, "certs/cert_", "etc/keys/cert_")
	write(t, filepath.Join("etc", "keys", "cert_"+node1ID, "other"), "")
	if got := paths(env())[0]; got != filepath.Join("etc", "keys", "cert_"+node1ID, "MPSPDZ_certificate.key") {
		t.Errorf("relative to the root: %v", got)
	}
	if _, err := LoadFrom(root, ini, env()); err == nil {
		t.Error("LoadFrom took a component without its files")
	}
}
