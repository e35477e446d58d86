package fedbiomed

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

// configuration is what `configuration create` of a release writes, as in testdata/releases, which were put together from the source of
// the tags v4.2, v4.3, v4.4.0, v4.5.0, v5.0.0, v5.1.0, v5.2.0, v5.3.0 and v5.4.0. Only v5.2.0's is also recorded, in testdata/clone;
// TestReleaseTexts ties the two.
func configuration(t *testing.T, release string, role mpspdz.Role) (id, text string) {
	t.Helper()
	text = readText(t, filepath.Join("testdata", "releases", release+"-"+string(role)+".ini"))
	id = strings.ToUpper(string(role)) + "_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05"
	if release < "5" {
		id = strings.ToLower(id)
	}
	return id, text
}

// TestReleaseTexts: what is kept for 5.2 is what v5.2.0 was seen to write.
func TestReleaseTexts(t *testing.T) {
	id, text := configuration(t, "5.2", mpspdz.Node)
	if got := readText(t, filepath.Join("testdata", "clone", "etc", "config-n1.ini")); got != text || id != node1ID {
		t.Errorf("got\n%s\nwant\n%s", text, got)
	}
	id, text = configuration(t, "5.2", mpspdz.Researcher)
	text = strings.NewReplacer(id, researcherID, "14001", "14000").Replace(text)
	if got := readText(t, filepath.Join("testdata", "clone", "etc", "config_researcher.ini")); got != text {
		t.Errorf("got\n%s\nwant\n%s", text, got)
	}
}

// writeRelease puts a component of a release into a fresh root, with empty files for key and certificate.
func writeRelease(t *testing.T, release string, role mpspdz.Role) (root, id string) {
	t.Helper()
	root = t.TempDir()
	id, text := configuration(t, release, role)
	write(t, filepath.Join(root, "etc", "config.ini"), text)
	for _, name := range []string{"MPSPDZ_certificate.key", "MPSPDZ_certificate.pem"} {
		write(t, filepath.Join(root, "etc", "certs", "cert_"+id, name), "")
	}
	return root, id
}

// TestReleases loads what each release writes, nodes and researchers.
func TestReleases(t *testing.T) {
	const old = "etc/config.ini: [security] has neither secure_aggregation nor force_secure_aggregation, as in Fed-BioMed 4.2: taken as optional; 4.3 and later need both"
	for _, release := range []string{"4.2", "4.3", "4.4", "4.5", "5.0", "5.1", "5.2", "5.3", "5.4"} {
		for _, role := range []mpspdz.Role{mpspdz.Node, mpspdz.Researcher} {
			t.Run(release+" "+string(role), func(t *testing.T) {
				root, id := writeRelease(t, release, role)
				c, err := LoadFrom(root, "etc/config.ini", env())
				if release == "5.4" {
					var e *Error
					if !errors.As(err, &e) || e.Hint != "" ||
						e.Error() != "etc/config.ini: this is Fed-BioMed 5.4 or later, which no longer uses MP-SPDZ and needs no fbpeer" {
						t.Errorf("got %v, %+v", err, e)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				policy := ""
				if role == mpspdz.Node {
					policy = "optional"
				}
				var warnings []string
				if role == mpspdz.Node && release == "4.2" {
					warnings = []string{old}
				}
				db := "etc/config.ini: [default] db"
				if release < "5" {
					db = "default"
				}
				got := []any{c.ID, c.Role, c.Endpoint.String(), c.Secagg, ShortPath(root, c.Database), c.Sources["database"].Source, c.Warnings}
				want := []any{id, role, "localhost:14001", policy, "var/db_" + id + ".json", db, warnings}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got  %q\nwant %q", got, want)
				}
			})
		}
	}
}

// TestMissingKeys takes out each key that Load reads, from what each release writes: it is named with the release that brought it.
func TestMissingKeys(t *testing.T) {
	const (
		refresh = "add the line, or run Fed-BioMed's `configuration refresh` (5.1 and later; it also makes a new key and port)"
		in42    = " (Fed-BioMed writes it since 4.2)"
		in43    = " (Fed-BioMed writes it since 4.3)"
		in50    = " (Fed-BioMed writes it since 5.0)"
	)
	tests := []struct{ section, key, since, variable string }{
		{"default", "id", in42, ""},
		{"default", "component", in42, ""},
		{"mpspdz", "private_key", in42, "MPSPDZ_CERTIFICATE_KEY"},
		{"mpspdz", "public_key", in42, "MPSPDZ_CERTIFICATE_PEM"},
		{"mpspdz", "mpspdz_ip", in42, "MPSPDZ_IP"},
		{"mpspdz", "mpspdz_port", in42, "MPSPDZ_PORT"},
		{"security", "secure_aggregation", in43, "SECURE_AGGREGATION"},
		{"security", "force_secure_aggregation", in43, "FORCE_SECURE_AGGREGATION"},
	}
	for _, release := range []string{"4.2", "4.4", "5.0", "5.3"} {
		for _, test := range tests {
			if release == "4.2" && test.section == "security" {
				continue // it has none
			}
			root, _ := writeRelease(t, release, mpspdz.Node)
			path := filepath.Join(root, "etc", "config.ini")
			edit(t, path, "\n"+test.key+" = ", "\n#"+test.key+" = ")
			_, err := LoadFrom(root, path, env())
			want := "etc/config.ini: [" + test.section + "] " + test.key + ": the key is missing or empty" + test.since
			hint := refresh
			if test.variable != "" {
				hint += ", or set " + test.variable + " for this run"
			}
			var e *Error
			if !errors.As(err, &e) || e.Error() != want || e.Hint != hint {
				t.Errorf("%s without %s: got %v (%+v), want %s", release, test.key, err, e, want)
			}
		}
	}

	// Both switches gone: no 4.2 has a version.
	root, _ := writeRelease(t, "4.4", mpspdz.Node)
	path := filepath.Join(root, "etc", "config.ini")
	edit(t, path, "secure_aggregation = True\nforce_secure_aggregation = False\n", "")
	if _, err := LoadFrom(root, path, env()); err == nil || err.Error() != "etc/config.ini: [security] secure_aggregation: the key is missing or empty"+in43 {
		t.Errorf("4.4 without switches: %v", err)
	}
	// The database's place is known without its key.
	root, id := writeRelease(t, "5.0", mpspdz.Node)
	path = filepath.Join(root, "etc", "config.ini")
	edit(t, path, "db = ../var/db_"+id+".json\n", "")
	want := []string{"etc/config.ini: [default] db: the key is missing or empty" + in50 + ": taken as ../var/db_" + id + ".json, but Fed-BioMed itself stops there"}
	if c, err := LoadFrom(root, path, env()); err != nil || !reflect.DeepEqual(c.Warnings, want) || ShortPath(root, c.Database) != "var/db_"+id+".json" {
		t.Errorf("5.0 without db: %+v, %v", c, err)
	}
}

// TestBeforeSecureAggregation: v4.1 and earlier wrote node_id and researcher_id.
func TestBeforeSecureAggregation(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "etc", "config.ini")
	write(t, path, "[default]\nnode_id = node_x\nuploads_url = http://localhost:8844/upload/\n\n[mqtt]\nbroker_ip = localhost\n")
	_, err := LoadFrom(root, path, env())
	var e *Error
	if !errors.As(err, &e) || e.Error() != "etc/config.ini: [mpspdz]: the section is missing" ||
		e.Hint != "this is Fed-BioMed 4.1 or earlier, which has no secure aggregation: make the component anew with a release from 4.2 to 5.3" {
		t.Errorf("got %v, %+v", err, e)
	}
}

// TestPolicyTruthTable: every word that configparser takes for a boolean, in the file and in the environment, alone and against the
// other switch; and what it does not take.
func TestPolicyTruthTable(t *testing.T) {
	yes := []string{"1", "yes", "true", "on", "Yes", "TRUE", "On", "oN", "t", "T"}
	no := []string{"0", "no", "false", "off", "No", "FALSE", "Off", "oFF", "f", "F"}
	root, _ := writeRelease(t, "5.2", mpspdz.Node)
	path := filepath.Join(root, "etc", "config.ini")
	original := readText(t, path)
	policy := func(on, force string, environment ...string) (string, error) {
		text := strings.Replace(original, "\nsecure_aggregation = True", "\nsecure_aggregation = "+on, 1)
		write(t, path, strings.Replace(text, "force_secure_aggregation = False", "force_secure_aggregation = "+force, 1))
		c, err := LoadFrom(root, path, env(environment...))
		if err != nil {
			return "", err
		}
		return c.Secagg, nil
	}
	check := func(want string, on, force string, environment ...string) {
		t.Helper()
		if got, err := policy(on, force, environment...); got != want || err != nil {
			t.Errorf("%q, forced %q, environment %q: %s (%v), want %s", on, force, environment, got, err, want)
		}
	}
	for _, y := range yes {
		check("optional", y, "no")
		check("forced", "yes", y)
		check("optional", "no", "no", "SECURE_AGGREGATION", y)
		check("forced", "yes", "no", "FORCE_SECURE_AGGREGATION", y)
		check("off", "no", y)
		for _, n := range no {
			check("optional", y, n)
			check("off", n, y)
			check("off", n, n)
			check("off", y, y, "SECURE_AGGREGATION", n)
			check("optional", y, y, "FORCE_SECURE_AGGREGATION", n)
		}
	}
	check("optional", "maybe", "no", "SECURE_AGGREGATION", "1") // the environment replaces what the file has
	check("optional", "yes", "no", "SECURE_AGGREGATION", "")    // an empty variable is none
	for _, word := range []string{"2", "-1", "enabled", "y", "n", "tru", "True # mine", "None", "01"} {
		if got, err := policy(word, "no"); err == nil {
			t.Errorf("%q in the file is %s", word, got)
		}
		if got, err := policy("yes", "no", "FORCE_SECURE_AGGREGATION", word); err == nil || !strings.HasPrefix(err.Error(), "environment FORCE_SECURE_AGGREGATION: ") {
			t.Errorf("%q in the environment is %s (%v)", word, got, err)
		}
	}
	if got, err := policy("yes", "no", "SECURE_AGGREGATION", " true"); err == nil {
		t.Errorf("a blank before true is %s", got) // getboolean does not trim, and Fed-BioMed takes it for no
	}
}

// TestResearcherHasNoPolicy: neither the file's [security] of 5.3 nor the environment gives it one.
func TestResearcherHasNoPolicy(t *testing.T) {
	root, _ := writeRelease(t, "5.3", mpspdz.Researcher)
	c, err := LoadFrom(root, "etc/config.ini", env("SECURE_AGGREGATION", "maybe", "FORCE_SECURE_AGGREGATION", "1"))
	if err != nil || c.Secagg != "" || len(c.Warnings) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
