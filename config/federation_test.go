package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	secret64  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	secretHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	other64   = "/wECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

func federationFile(name, secret, more string) string {
	return "; comment\n[federation]\nname = " + name + "\nsecret = " + secret + "\n" + more
}

func TestParseFederation(t *testing.T) {
	want, bootstrap, err := ParseFederation("f", []byte(federationFile("cardio", secret64, "bootstrap = 10.0.0.1, agent.b.example:4100,10.0.0.1\n")))
	if err != nil {
		t.Fatal(err)
	}
	if want.Name() != "cardio" || want.Development() || !reflect.DeepEqual(bootstrap, []string{"10.0.0.1", "agent.b.example:4100"}) {
		t.Errorf("%v %v", want, bootstrap)
	}
	for name, file := range map[string]string{
		"hexadecimal":       federationFile("cardio", secretHex, "bootstrap =\n"),
		"upper case":        federationFile("cardio", strings.ToUpper(secretHex), ""),
		"without padding":   federationFile("cardio", strings.TrimRight(secret64, "="), "development = false\n"),
		"CRLF and no final": strings.TrimSuffix(strings.ReplaceAll(federationFile("cardio", secret64, ""), "\n", "\r\n"), "\r\n"),
	} {
		if got, _, err := ParseFederation("f", []byte(file)); err != nil || got.ID() != want.ID() {
			t.Errorf("%s: %v (%v)", name, got, err)
		}
	}
	dev, _, err := ParseFederation("f", []byte(federationFile("cardio", secret64, "development = true\n")))
	if err != nil || !dev.Development() || dev.ID() == want.ID() {
		t.Errorf("%v (%v)", dev, err)
	}
}

func TestFederationRefused(t *testing.T) {
	const newer = "it may need a newer fbpeer; else " + brokenHint
	tests := []struct{ name, file, problem, hint string }{
		{"empty", "", "f: not a federation file: there is no [federation]", brokenHint},
		{"another INI", "[mpspdz]\nmpspdz_ip = x\n", "f:1: [mpspdz]: no such section in a federation file", newer},
		{"not INI", "hello\n", unreadableLine(1), brokenHint},
		{"binary", "\x00\x01\x02", unreadableLine(1), brokenHint},
		{"a colon before the secret", "[federation]\nname = a\nsecret: " + secretHex + "\n", unreadableLine(3), brokenHint},
		{"a secret on a line of its own", "[federation]\nname = a\nsecret =\n" + secret64 + "\n", unreadableLine(4), brokenHint},
		{"no name", "[federation]\nsecret = " + secret64 + "\n", "f: [federation] name: the key is missing or empty", brokenHint},
		{"no secret", "[federation]\nname = a\nsecret =\n", "f: [federation] secret: the key is missing or empty", brokenHint},
		{"short secret", federationFile("a", "AAECAwQF", ""), "f:4: [federation] secret: not 32 bytes in base64 or hexadecimal", brokenHint},
		{"secret cut off", federationFile("a", secretHex[:62], ""), "f:4: [federation] secret: not 32 bytes in base64 or hexadecimal", brokenHint},
		{"name", federationFile("a b", secret64, ""), `f:3: [federation] name: federation name "a b": use letters, digits, '.', '_' and '-', a letter or digit first`, brokenHint},
		{"name with a path", federationFile("../a", secret64, ""), `f:3: [federation] name: federation name "../a": use letters, digits, '.', '_' and '-', a letter or digit first`, brokenHint},
		{"bootstrap", federationFile("a", secret64, "bootstrap = x y\n"), `f:5: [federation] bootstrap: "x y" is not an address`, addressHint},
		{"development", federationFile("a", secret64, "development = yes\n"), `f:5: [federation] development: "yes" is neither true nor false`, "write true or false"},
		{"unknown key", federationFile("a", secret64, "valid_from = 2027\n"), "f:5: [federation] valid_from: no such key in a federation file", newer},
		{"unknown section", federationFile("a", secret64, "[next]\n"), "f:5: [next]: no such section in a federation file", newer},
		{"twice", federationFile("a", secret64, "name = b\n"), unreadableLine(5), brokenHint},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := ParseFederation("f", []byte(test.file))
			expect(t, err, "", test.problem, test.hint)
			if strings.Contains(err.Error(), secretHex[:20]) || strings.Contains(err.Error(), secret64[:8]) {
				t.Errorf("the secret is shown: %v", err)
			}
		})
	}
}

// unreadableLine is the problem of a line that may hold the secret.
func unreadableLine(line int) string {
	return fmt.Sprintf("f:%d: this line cannot be read (it is not shown, as it may hold the secret)", line)
}

func TestCreateFederation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cardio.federation")
	random := func() *bytes.Reader {
		b := make([]byte, 32)
		for i := range b {
			b[i] = byte(i)
		}
		return bytes.NewReader(b)
	}
	if err := CreateFederation(random(), path, "cardio", []string{"10.0.0.1", "b.example:4100"}, false); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, path), read(t, filepath.Join("testdata", "cardio.federation")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v (%v)", info.Mode(), err)
	}
	f, bootstrap, err := ParseFederation(path, []byte(read(t, path)))
	if err != nil || f.Name() != "cardio" || f.Development() || len(bootstrap) != 2 {
		t.Errorf("%v %v (%v)", f, bootstrap, err)
	}

	err = CreateFederation(random(), path, "other", nil, false)
	expect(t, err, filepath.Dir(path), "ROOT/cardio.federation: it is there already, and nothing is overwritten: file already exists",
		"choose another name, or move the file away")
	if got := read(t, path); !strings.Contains(got, "name = cardio") {
		t.Errorf("overwritten: %s", got)
	}
	dev := path + ".dev"
	if err := CreateFederation(random(), dev, "dev", nil, true); err != nil {
		t.Fatal(err)
	}
	if f, _, err := ParseFederation(dev, []byte(read(t, dev))); err != nil || !f.Development() {
		t.Errorf("%v (%v)", f, err)
	}
	for _, bad := range []struct {
		name, bootstrap, problem, hint string
	}{
		{"../x", "a", `federation name "../x": use letters, digits, '.', '_' and '-', a letter or digit first`, "choose a short name, as in cardio"},
		{"x", "a b", `bootstrap: "a b" is not an address`, addressHint},
	} {
		err := CreateFederation(random(), dev+"2", bad.name, []string{bad.bootstrap}, false)
		expect(t, err, "", bad.problem, bad.hint)
	}
	if _, err := os.Stat(dev + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused federation left a file")
	}
	if err := CreateFederation(bytes.NewReader(nil), dev+"2", "x", nil, false); err == nil {
		t.Error("no randomness, and yet a secret")
	}
}

// TestFederationFile: where the file is looked for, and what it adds.
func TestFederationFile(t *testing.T) {
	state := filepath.Join("var", "fbpeer", nodeID)
	cardio := federationFile("cardio", secret64, "bootstrap = a, b\n")
	tests := []struct {
		name      string
		files     map[string]string
		selector  Selector
		env       []string
		file      string // relative to the root
		bootstrap []string
	}{
		{"none", nil, Selector{}, nil, "", nil},
		{"joined", map[string]string{state + "/cardio.federation": cardio}, Selector{}, nil, state + "/cardio.federation", []string{"a", "b"}},
		{"own addresses come after", map[string]string{state + "/cardio.federation": cardio, state + "/fbpeer.ini": "[agent]\nbootstrap = b, c\n"},
			Selector{}, nil, state + "/cardio.federation", []string{"a", "b", "c"}},
		{"flag", map[string]string{state + "/cardio.federation": cardio, "x": cardio}, Selector{Federation: "x"}, nil, "x", []string{"a", "b"}},
		{"environment", map[string]string{"x": cardio}, Selector{}, []string{"FBPEER_FEDERATION_FILE", "x"}, "x", []string{"a", "b"}},
		{"fbpeer.ini", map[string]string{state + "/x": cardio, state + "/fbpeer.ini": "[federation]\nfile = x\n"}, Selector{}, nil, state + "/x", []string{"a", "b"}},
		{"fbpeer.ini, not yet there", map[string]string{state + "/fbpeer.ini": "[federation]\nfile = x\n"}, Selector{}, nil, state + "/x", nil},
		{"dev's, above its states", map[string]string{"var/fbpeer-dev/dev.federation": cardio}, Selector{Development: true}, nil, "var/fbpeer-dev/dev.federation", []string{"a", "b"}},
		{"dev's own first", map[string]string{"var/fbpeer-dev/dev.federation": cardio, "var/fbpeer-dev/" + nodeID + "/own.federation": cardio},
			Selector{Development: true}, nil, "var/fbpeer-dev/" + nodeID + "/own.federation", []string{"a", "b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := oneComponent(t)
			for name, text := range test.files {
				write(t, filepath.Join(root, name), text)
			}
			s := test.selector
			s.WorkDir, s.Getenv = root, env(test.env...)
			c, err := Load(s)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if test.file != "" {
				want = filepath.Join(root, test.file)
			}
			if c.Federation != want || !reflect.DeepEqual(c.Bootstrap, test.bootstrap) {
				t.Errorf("%s %v, want %s %v", c.Federation, c.Bootstrap, want, test.bootstrap)
			}
			if want != "" && c.Watch[len(c.Watch)-1] != want {
				t.Errorf("it is not watched: %v", c.Watch)
			}
		})
	}
}

func TestFederationFileRefused(t *testing.T) {
	root := oneComponent(t)
	s := Selector{WorkDir: root, Getenv: env()}
	state := filepath.Join("var", "fbpeer", nodeID)
	load := func() (*Config, error) { return Load(s) }
	const join = "take the federation's file with `fbpeer join FILE`; `fbpeer federation create NAME` makes the first one"

	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.LoadFederation()
	expect(t, err, root, nodeID+" has joined no federation", join)

	s.Federation = "etc"
	_, err = load()
	expect(t, err, root, "etc: is a directory", "put a file that can be read in its place")

	s.Federation = "gone.federation"
	if c, err = load(); err != nil {
		t.Fatal(err)
	}
	_, err = c.LoadFederation()
	expect(t, err, root, "gone.federation: no such file or directory", join)

	s.Federation = ""
	write(t, filepath.Join(root, state, "a.federation"), federationFile("a", "broken", ""))
	_, err = load()
	expect(t, err, root, state+"/a.federation:4: [federation] secret: not 32 bytes in base64 or hexadecimal", brokenHint)

	write(t, filepath.Join(root, state, "a.federation"), federationFile("a", secret64, ""))
	if err := os.Chmod(filepath.Join(root, state, "a.federation"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err = load(); err != nil {
		t.Fatal(err)
	}
	want := []string{state + "/a.federation: others on this machine can read the federation's secret: chmod 600 " + state + "/a.federation"}
	if !reflect.DeepEqual(c.Warnings, want) {
		t.Errorf("warnings %q, want %q", c.Warnings, want)
	}
	for name, mode := range map[string]os.FileMode{IdentityFile: 0o640, "trust.ini": 0o666} {
		write(t, filepath.Join(root, state, name), "")
		if err := os.Chmod(filepath.Join(root, state, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if open, err := load(); err != nil || len(open.Warnings) != 3 || !strings.Contains(open.Warnings[0], "chmod 600 "+state+"/"+IdentityFile) ||
		!strings.Contains(open.Warnings[1], "chmod go-w "+state+"/trust.ini") {
		t.Errorf("open to others: %q, %v", open.Warnings, err)
	}
	for name, mode := range map[string]os.FileMode{IdentityFile: 0o600, "trust.ini": 0o644} {
		if err := os.Chmod(filepath.Join(root, state, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if closed, err := load(); err != nil || !reflect.DeepEqual(closed.Warnings, want) {
		t.Errorf("open to their owner only: %q, %v", closed.Warnings, err)
	}
	if f, err := c.LoadFederation(); err != nil || f.Name() != "a" {
		t.Errorf("%v (%v)", f, err)
	}

	write(t, filepath.Join(root, state, "b.federation"), federationFile("b", secret64, ""))
	_, err = load()
	expect(t, err, root, "several federation files: "+state+"/a.federation, "+state+"/b.federation", "name one with --federation, or remove the other")
}

func TestJoin(t *testing.T) {
	root := oneComponent(t)
	s := Selector{WorkDir: root, Getenv: env(), ForRun: true}
	state := filepath.Join("var", "fbpeer", nodeID)
	cardio := federationFile("cardio", secret64, "")
	join := func(text string) (string, error) {
		t.Helper()
		c, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		path, err := c.Join([]byte(text), "mail.federation")
		return path, err
	}
	path, err := join(cardio)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, state, "cardio.federation"); path != want || read(t, path) != cardio {
		t.Errorf("%s: %s", path, read(t, path))
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Join(root, state): fs.ModeDir | 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %v (%v)", name, info.Mode(), want, err)
		}
	}

	if again, err := join(cardio); err != nil || again != path {
		t.Errorf("the same again: %s, %v", again, err)
	}
	more := cardio + "bootstrap = 10.0.0.1\n"
	if _, err := join(more); err != nil || read(t, path) != more {
		t.Errorf("a newer file of the same federation: %v", err)
	}
	for _, different := range []string{federationFile("cardio", other64, ""), federationFile("neuro", secret64, ""), federationFile("cardio", secret64, "development = true\n")} {
		theirs, _, parseErr := ParseFederation("f", []byte(different))
		ours, _, err := ParseFederation("f", []byte(cardio))
		if err := errors.Join(parseErr, err); err != nil {
			t.Fatal(err)
		}
		_, err = join(different)
		expect(t, err, root, nodeID+" has joined another federation, cardio ("+ours.ID()+"); that of mail.federation is "+theirs.Name()+" ("+theirs.ID()+")",
			"stop the agent and remove "+state+"/cardio.federation first")
	}
	if read(t, path) != more {
		t.Error("a refused file was taken")
	}
	_, err = join("nonsense\n")
	var e *Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Error(), "mail.federation:1: ") || e.Hint != brokenHint {
		t.Errorf("got %v", err)
	}

	// Where fbpeer.ini says the file's place, it goes there.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, state, "fbpeer.ini"), "[federation]\nfile = mine.federation\n")
	if path, err := join(cardio); err != nil || path != filepath.Join(root, state, "mine.federation") || read(t, path) != cardio {
		t.Errorf("%s (%v)", path, err)
	}
}
