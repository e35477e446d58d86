package main

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"fbpeer/agent"
	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/mpspdz"
)

// trioSite is bob's site in a set of alice, bob and carol, with real keys, and what his agent says of the set.
type trioSite struct {
	t      *testing.T
	config *config.Config
	given  api.PartySet
	set    mpspdz.PartySet
	app    *app
	agent  *fakeAgent
	stdout interface{ String() string }
	stderr interface{ String() string }
	dir    string // of the operator's own
}

var trioNames = []string{"alice", "bob", "carol"}

// trioPairs are their certificates and keys, made once: RSA ones take long.
var trioPairs = sync.OnceValue(func() (pairs [][2][]byte) {
	for _, id := range trioNames {
		certificate, key, err := mpspdz.NewPartyCertificate(rand.Reader, id, noon)
		if err != nil {
			panic(err)
		}
		pairs = append(pairs, [2][]byte{certificate, key})
	}
	return pairs
})

func newTrioSite(t *testing.T) *trioSite {
	t.Helper()
	s := &trioSite{t: t, dir: t.TempDir()}
	root := t.TempDir()
	var parties []mpspdz.Party
	for i, pair := range trioPairs() {
		certificate, err := mpspdz.ParseCertificatePEM(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		at, err := mpspdz.NewEndpoint(fmt.Sprintf("10.0.0.%d", i+1), 14000)
		if err != nil {
			t.Fatal(err)
		}
		parties = append(parties, mpspdz.Party{Component: trioNames[i], Role: mpspdz.PlainParty, Endpoint: at, Certificate: certificate})
	}
	ini := "[component]\nid = bob\nip = 10.0.0.2\nport = 14000\ncertificate = bob.pem\nprivate_key = bob.key\n"
	for name, data := range map[string][]byte{"bob.pem": trioPairs()[1][0], "bob.key": trioPairs()[1][1], "fbpeer.ini": []byte(ini)} {
		if err := os.WriteFile(filepath.Join(root, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if s.config, err = config.Load(config.Selector{Config: filepath.Join(root, "fbpeer.ini"), Getenv: noEnvironment, Environ: []string{}}); err != nil {
		t.Fatal(err)
	}
	set, err := mpspdz.NewPartySet(parties)
	if err != nil {
		t.Fatal(err)
	}
	s.use(set)
	a, stdout, stderr := testApp("", false)
	s.app, s.stdout, s.stderr = a, stdout, stderr
	return s
}

// use lets the agent give this set, in which bob binds port 15000.
func (s *trioSite) use(set mpspdz.PartySet) {
	s.set = set
	s.given = api.PartySet{Digest: set.Digest().String(), Party: set.Number("bob"), BindPort: 15000}
	for i, p := range set.Parties() {
		s.given.Parties = append(s.given.Parties, api.Party{SetParty: api.SetParty{Party: i, Component: p.Component, Endpoint: p.Endpoint.String()},
			Role: string(p.Role), Certificate: string(p.Certificate.PEM())})
	}
	s.agent = &fakeAgent{parties: s.given}
}

// reordered is the same parties in another order, as a named set has them: other numbers for all.
func (s *trioSite) reordered() mpspdz.PartySet {
	s.t.Helper()
	parties := s.set.Parties()
	slices.Reverse(parties)
	parties[0], parties[1] = parties[1], parties[0]
	set, err := mpspdz.NewOrderedPartySet(parties)
	if err != nil {
		s.t.Fatal(err)
	}
	return set
}

func (s *trioSite) snapshot() api.Snapshot {
	self := api.Peer{Component: "bob", Role: "party"}
	return api.Snapshot{Self: self}
}

// write runs `players write`.
func (s *trioSite) write(prune bool) error {
	return s.app.playersWriteIn(s.t.Context(), s.config, s.agent, s.snapshot(), playersWrite{dir: s.dir, prune: prune})
}

func (s *trioSite) mustWrite(prune bool) {
	s.t.Helper()
	if err := s.write(prune); err != nil {
		s.t.Fatalf("%v\n%s", err, s.stderr)
	}
}

func (s *trioSite) path(name string) string { return filepath.Join(s.dir, mpspdz.PlayerData, name) }

func (s *trioSite) put(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Join(s.dir, mpspdz.PlayerData), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// rendered are the files of bob's folder.
func (s *trioSite) rendered() []mpspdz.File {
	s.t.Helper()
	_, files, err := s.app.render(s.config, s.set, s.given)
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// mustStand demands that the folder holds the files, and nothing else that a run would trust.
func (s *trioSite) mustStand() {
	s.t.Helper()
	files := s.rendered()
	for _, f := range files {
		if !standsAs(os.DirFS(s.dir), f) {
			s.t.Errorf("%s is not as it is planned", f.Path)
		}
	}
	if findings, _ := mpspdz.Foreign(os.DirFS(s.dir), files, mpspdz.Ours{}); len(findings) > 0 {
		s.t.Errorf("in the folder: %v", findings)
	}
}

func TestPlayersWrite(t *testing.T) {
	s := newTrioSite(t)
	s.put("Input-P1-0", "1 2 3")
	s.mustWrite(false)
	s.mustStand()
	before, err := contents(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.mustWrite(false)
	if after, err := contents(s.dir); err != nil || after != before || !strings.Contains(s.stdout.String(), "all files stood in") {
		t.Errorf("a second time: %v, %s\n%s", err, s.stdout, after)
	}
	// Another order: the files are those of other parties, and nothing of the earlier set stays, but for inputs.
	s.use(s.reordered())
	if err := s.write(false); err == nil { // bob's old key
		t.Fatal("P1.key of another number was taken for ours")
	}
	if again, err := contents(s.dir); err != nil || again != before || !strings.Contains(s.stderr.String(), "P1.key: a private key that is not this set's") {
		t.Errorf("the folder was changed, or nothing was said: %v, %s\n%s", err, s.stderr, again)
	}
	s.mustWrite(true)
	s.mustStand()
	if data, err := os.ReadFile(s.path("Input-P1-0")); err != nil || string(data) != "1 2 3" {
		t.Errorf("the input: %q, %v", data, err)
	}
	if !strings.Contains(s.stdout.String(), "removed:\n  Player-Data/P1.key\n") {
		t.Errorf("said %s", s.stdout)
	}
}

func TestPlayersWriteMakesTheFolder(t *testing.T) {
	s := newTrioSite(t)
	s.dir = filepath.Join(s.dir, "run-7")
	s.mustWrite(false)
	s.mustStand()
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	s.dir = filepath.Join(s.dir, "missing", "run-8")
	if code, _ := outcome(s.write(false)); code != exitUsage {
		t.Errorf("exit %d", code)
	}
}

// TestPlayersWriteNamesWhatIsForeign: each file with what it is, exit 1, and nothing written.
func TestPlayersWriteNamesWhatIsForeign(t *testing.T) {
	s := newTrioSite(t)
	s.put("P7.pem", string(s.set.Parties()[0].Certificate.PEM()))
	s.put("root.pem", "\x1b[2J")
	s.put("1234abcd.0", "")
	before, err := contents(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	err = s.write(false)
	code, hint := outcome(err)
	if code != exitFailed || !strings.Contains(hint, "--prune") {
		t.Errorf("exit %d, %v, hint %q", code, err, hint)
	}
	for _, line := range []string{
		filepath.Join(s.dir, "Player-Data/P7.pem") + ": a certificate that is not this set's: CN=alice,O=alice",
		filepath.Join(s.dir, "Player-Data/root.pem") + ": ", filepath.Join(s.dir, "Player-Data/1234abcd.0") + ": ",
	} {
		if !strings.Contains(s.stderr.String(), line) {
			t.Errorf("%q is missing in %q", line, s.stderr)
		}
	}
	if strings.Contains(s.stderr.String(), "\x1b") {
		t.Errorf("not safe to print: %q", s.stderr)
	}
	if after, err := contents(s.dir); err != nil || after != before {
		t.Errorf("the folder was changed: %v\n%s", err, after)
	}
	// What no --prune removes: a folder where a file belongs.
	if err := os.Mkdir(s.path("P0.pem"), 0o700); err != nil {
		t.Fatal(err)
	}
	if code, _ := outcome(s.write(true)); code != exitFailed || !strings.Contains(s.stderr.String(), "P0.pem: it is no file, but a folder") {
		t.Errorf("exit %d: %s", code, s.stderr)
	}
	if err := os.Remove(s.path("P0.pem")); err != nil {
		t.Fatal(err)
	}
	s.mustWrite(true)
	s.mustStand()
}

// TestPlayersWriteThroughNoLink: a folder or an ip file that is a link leads to what is somebody else's, the agent's own folder among it.
func TestPlayersWriteThroughNoLink(t *testing.T) {
	for name, test := range map[string]struct {
		link   string // in the folder
		target func(s *trioSite) string
	}{
		"to the agent's own folder": {mpspdz.PlayerData, func(s *trioSite) string {
			own := filepath.Join(s.config.PlayersDir, "set")
			if err := errors.Join(os.MkdirAll(filepath.Join(own, mpspdz.PlayerData), 0o700),
				os.Symlink("set", filepath.Join(s.config.PlayersDir, "current"))); err != nil {
				s.t.Fatal(err)
			}
			return filepath.Join(s.config.PlayersDir, "current", mpspdz.PlayerData)
		}},
		"to another folder": {mpspdz.PlayerData, func(s *trioSite) string { return s.t.TempDir() }},
		"to nothing":        {mpspdz.PlayerData, func(s *trioSite) string { return filepath.Join(s.t.TempDir(), "gone") }},
		"of the ip file": {mpspdz.IPFile, func(s *trioSite) string {
			file := filepath.Join(s.t.TempDir(), "hosts")
			if err := os.WriteFile(file, []byte("10.0.0.9:14000\n"), 0o600); err != nil {
				s.t.Fatal(err)
			}
			return file
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, prune := range []bool{false, true} {
				s := newTrioSite(t)
				target := test.target(s)
				if info, err := os.Stat(target); err == nil && info.IsDir() {
					for _, file := range []string{"P0.pem", "root.pem", "1234abcd.0", "P1.key"} {
						if err := os.WriteFile(filepath.Join(target, file), []byte(file), 0o600); err != nil {
							t.Fatal(err)
						}
					}
				}
				at := filepath.Join(s.dir, test.link)
				if err := os.Symlink(target, at); err != nil {
					t.Fatal(err)
				}
				before := mustContents(t, s.dir, filepath.Dir(target), s.config.PlayersDir)
				err := s.write(prune)
				code, hint := outcome(err)
				if code != exitFailed || !strings.Contains(fmt.Sprint(err), "nothing was written") || !strings.Contains(s.stderr.String(), at+": it is a symbolic link") ||
					!strings.Contains(hint, "remove the link") || strings.Contains(hint, "--prune") {
					t.Errorf("prune %v: exit %d, %v, hint %q\n%s", prune, code, err, hint, s.stderr)
				}
				if after := mustContents(t, s.dir, filepath.Dir(target), s.config.PlayersDir); after != before {
					t.Errorf("prune %v: changed\n%s\nto\n%s", prune, before, after)
				}
			}
		})
	}
}

// TestDepositThroughNoLink: a link that somebody puts there after the folder was looked at is not followed either.
func TestDepositThroughNoLink(t *testing.T) {
	s := newTrioSite(t)
	s.mustWrite(false)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for _, plan := range []deposit{planDeposit(os.DirFS(t.TempDir()), s.rendered(), nil), {{path: "Player-Data/P0.pem"}}} {
		if err := errors.Join(os.Rename(filepath.Join(s.dir, mpspdz.PlayerData), elsewhere), os.Symlink(elsewhere, filepath.Join(s.dir, mpspdz.PlayerData))); err != nil {
			t.Fatal(err)
		}
		before := mustContents(t, elsewhere)
		if err := plan.do(s.dir); err == nil || !strings.Contains(err.Error(), "is a symbolic link") {
			t.Error(err)
		}
		if after := mustContents(t, elsewhere); after != before {
			t.Errorf("changed\n%s\nto\n%s", before, after)
		}
		if err := errors.Join(os.Remove(filepath.Join(s.dir, mpspdz.PlayerData)), os.Rename(elsewhere, filepath.Join(s.dir, mpspdz.PlayerData))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlayersWriteReplacesLinks: a link in the place of a file is replaced or removed itself, and what it leads to stays.
func TestPlayersWriteReplacesLinks(t *testing.T) {
	s := newTrioSite(t)
	s.mustWrite(false)
	elsewhere := t.TempDir()
	link := func(at string, data []byte) {
		t.Helper()
		target := filepath.Join(elsewhere, filepath.Base(at))
		if err := errors.Join(os.WriteFile(target, data, 0o600), os.RemoveAll(at), os.Symlink(target, at)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range s.rendered() {
		if f.Path != mpspdz.IPFile {
			link(filepath.Join(s.dir, f.Path), append([]byte("x"), f.Data...))
		}
	}
	link(s.path("P0.pem"), s.set.Parties()[0].Certificate.PEM()) // a link to the right bytes is no file either
	link(s.path("P9.pem"), []byte("another's"))
	link(s.path("P9.key"), []byte("another's"))
	link(s.path("1234abcd.0"), []byte("another's"))
	before := mustContents(t, elsewhere)
	s.mustWrite(true)
	s.mustStand()
	// The ip file is refused before; that writing it would not follow either is the deposit's own.
	link(filepath.Join(s.dir, mpspdz.IPFile), []byte("x"))
	if err := os.Remove(filepath.Join(elsewhere, mpspdz.IPFile)); err != nil {
		t.Fatal(err)
	}
	files := s.rendered()
	for i := range files {
		if err := (depositStep{files[i].Path, &files[i]}).do(s.dir); err != nil {
			t.Fatal(err)
		}
	}
	s.mustStand()
	if after := mustContents(t, elsewhere); after != before {
		t.Errorf("changed\n%s\nto\n%s", before, after)
	}
}

func mustContents(t *testing.T, dirs ...string) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range dirs {
		if _, err := os.Lstat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		text, err := contents(dir)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(text)
	}
	return all.String()
}

// TestPlayersWriteKeepsTheOwnPair: the component may be configured with the files of the folder itself.
func TestPlayersWriteKeepsTheOwnPair(t *testing.T) {
	s := newTrioSite(t)
	s.mustWrite(false)
	elsewhere := s.config.Component
	s.config.Component.PrivateKey, s.config.Component.Certificate = s.path("P1.key"), s.path("P1.pem")
	s.mustWrite(false) // the same set
	before, err := contents(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.use(s.reordered())
	for _, prune := range []bool{false, true} {
		err = s.write(prune)
		if after, readErr := contents(s.dir); readErr != nil || after != before || err == nil {
			t.Fatalf("prune %v: %v, %v\n%s", prune, err, readErr, after)
		}
	}
	if !strings.Contains(err.Error(), "is the component's own ") {
		t.Error(err)
	}
	s.config.Component.Certificate = elsewhere.Certificate
	if err = s.write(true); err == nil || !strings.Contains(err.Error(), "P1.key is the component's own private key") {
		t.Error(err)
	}
}

// TestPlayersWriteNotIntoTheRoot: what root might type by mistake, by any name.
func TestPlayersWriteNotIntoTheRoot(t *testing.T) {
	s := newTrioSite(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/", "/..", link} {
		a, _, _ := testApp("", false)
		err := a.folderOf(s.config, dir)
		if code, _ := outcome(err); code != exitUsage || !strings.Contains(err.Error(), "is the root of the file system") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestPlayersWriteRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(s *trioSite)
		code   int
		says   string
	}{
		"no set": {func(s *trioSite) { s.agent.err = &api.Error{Code: api.CodeRefused, Text: "no set is in force"} }, exitFailed, "no set is in force"},
		"the agent's own folder": {func(s *trioSite) {
			s.dir = filepath.Join(s.config.PlayersDir, "current")
			if err := os.MkdirAll(s.dir, 0o700); err != nil {
				s.t.Fatal(err)
			}
		}, exitUsage, "is the agent's own"},
		"a link to the agent's own folder": {func(s *trioSite) {
			if err := errors.Join(os.MkdirAll(s.config.PlayersDir, 0o700), os.Symlink(s.config.PlayersDir, filepath.Join(s.dir, "link"))); err != nil {
				s.t.Fatal(err)
			}
			s.dir = filepath.Join(s.dir, "link")
		}, exitUsage, "is the agent's own"},
		"a file": {func(s *trioSite) { s.put("x", ""); s.dir = s.path("x") }, exitUsage, "is no folder"},
		"somebody's certificate in a number's place": {func(s *trioSite) {
			parties := s.set.Parties()
			c, err := mpspdz.NewNumberedCertificate(rand.Reader, mustKey(s.t, s.config), "bob", 2, noon.AddDate(1, 0, 0), noon)
			if err != nil {
				s.t.Fatal(err)
			}
			parties[1].Certificate = c
			set, err := mpspdz.NewPartySet(parties)
			if err != nil {
				s.t.Fatal(err)
			}
			s.use(set)
		}, exitFailed, "bob is party 1, and its certificate names party 2"},
		"another key than the set's": {func(s *trioSite) {
			parties := s.set.Parties()
			parties[1].Certificate, parties[2].Certificate = parties[2].Certificate, parties[1].Certificate
			set, err := mpspdz.NewPartySet(parties)
			if err != nil {
				s.t.Fatal(err)
			}
			s.use(set)
		}, exitFailed, "bob.key: the private key is not the certificate's"},
		"another component's set":  {func(s *trioSite) { s.agent.parties.Party = 0 }, exitFailed, "is one of alice, and this component is bob"},
		"a digest that is another": {func(s *trioSite) { s.agent.parties.Digest = mpspdz.Hash{1}.String() }, exitFailed, "is not what its parties make"},
		"a number out of place":    {func(s *trioSite) { s.agent.parties.Parties[1].Party = 2 }, exitFailed, "it is party 2, and stands where party 1 belongs"},
		"an endpoint that is none": {func(s *trioSite) { s.agent.parties.Parties[1].Endpoint = "h:1\nh:2" }, exitFailed, `bob, whose values cannot be used: "1\nh:2" is not a port`},
		"a role that is none":      {func(s *trioSite) { s.agent.parties.Parties[1].Role = "x" }, exitFailed, "is not a role"},
		"no certificate":           {func(s *trioSite) { s.agent.parties.Parties[1].Certificate = "" }, exitFailed, "holds no PEM block"},
		"one party":                {func(s *trioSite) { s.agent.parties.Parties = s.agent.parties.Parties[:1] }, exitFailed, "these parties make no set: 1 of at least 2"},
		"no port to bind":          {func(s *trioSite) { s.agent.parties.BindPort = 70000 }, exitFailed, "names port 70000"},
		"an own key that is gone":  {func(s *trioSite) { s.config.Component.PrivateKey += ".gone" }, exitUsage, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTrioSite(t)
			test.change(s)
			err := s.write(false)
			if code, _ := outcome(err); code != test.code || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("exit %d: %v", code, err)
			}
			if _, err := os.Lstat(filepath.Join(s.dir, mpspdz.IPFile)); err == nil {
				t.Error("something was written")
			}
		})
	}
}

func TestPlayersWriteJSON(t *testing.T) {
	s := newTrioSite(t)
	s.app.json = true
	s.put("P9.pem", "x")
	s.mustWrite(true)
	var got writtenJSON
	if err := json.Unmarshal([]byte(s.stdout.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Dir != s.dir || got.Digest != s.given.Digest || got.Party != 1 || len(got.Parties) != 3 || got.Command != "-p 1 -N 3 -ip ip_addresses" ||
		len(got.Written) != len(s.rendered()) || !slices.Equal(got.Removed, []string{"Player-Data/P9.pem"}) || len(got.Obstacles) > 0 || len(got.Warnings) != 1 {
		t.Errorf("%+v", got)
	}
	for _, list := range []string{`"obstacles": []`, `"removed": [`} {
		if !strings.Contains(s.stdout.String(), list) {
			t.Errorf("%s is missing in %s", list, s.stdout)
		}
	}
}

func TestPlayersCheck(t *testing.T) {
	for name, test := range map[string]struct {
		change func(s *trioSite)
		chosen selection
		code   int
		want   string // in JSON
		note   string
	}{
		"as written": {func(*trioSite) {}, selection{}, exitDone, `"ok": true`, ""},
		"lines swapped": {func(s *trioSite) {
			if err := os.WriteFile(filepath.Join(s.dir, mpspdz.IPFile), []byte("10.0.0.3:14000\n10.0.0.2:15000\n10.0.0.1:14000\n"), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}, selection{}, exitAnswerNo, `"where": "ip_addresses:1",`, ""},
		"no set in force": {func(s *trioSite) { s.agent.err = &api.Error{Code: api.CodeRefused, Text: "no set"} }, selection{}, exitDone, `"ok": true`, "not compared with a set: no set"},
		"no agent":        {func(s *trioSite) { s.agent.err = agent.ErrNotRunning }, selection{}, exitDone, `"ok": true`, "not compared with a set: no agent"},
		"no named set":    {func(s *trioSite) { s.agent.err = &api.Error{Code: api.CodeRefused, Text: "no set"} }, selection{name: "trial"}, exitFailed, "", ""},
		"the agent fails": {func(s *trioSite) { s.agent.err = errors.New("broken") }, selection{}, exitFailed, "", ""},
		"a set of nobody": {func(s *trioSite) { s.agent.parties.Parties[0].Role = "" }, selection{}, exitFailed, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTrioSite(t)
			s.mustWrite(false)
			a, stdout, stderr := testApp("", false)
			a.json = true
			test.change(s)
			err := a.playersCheckIn(t.Context(), s.agent, s.snapshot(), s.dir, test.chosen, mpspdz.Authorities{})
			if code, _ := outcome(err); code != test.code || !strings.Contains(stdout.String(), test.want) || !strings.Contains(stderr.String(), test.note) ||
				test.note == "" && stderr.Len() > 0 {
				t.Errorf("exit %d, %v\n%s%s", code, err, stdout, stderr)
			}
			if test.want != "" && (!strings.Contains(stdout.String(), `"obstacles": [`) || !strings.Contains(stdout.String(), `"warnings": [`)) {
				t.Errorf("a list is missing: %s", stdout)
			}
		})
	}
}

// TestPlayersCheckWithoutComponent: the folder alone is enough.
func TestPlayersCheckWithoutComponent(t *testing.T) {
	s := newTrioSite(t)
	s.mustWrite(false)
	t.Chdir(t.TempDir())
	a, stdout, stderr := testApp("", false)
	if code := report(stderr, false, "fbpeer", a.playersCheck(t.Context(), s.dir, selection{})); code != exitDone ||
		!strings.Contains(stdout.String(), "compared with no set") || !strings.Contains(stderr.String(), "no component in") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	a.config = "fbpeer.ini"
	if code, _ := outcome(a.playersCheck(t.Context(), s.dir, selection{})); code != exitUsage {
		t.Errorf("a component that is said and not there: exit %d", code)
	}
	a.config = ""
	if code, _ := outcome(a.playersCheck(t.Context(), s.dir, selection{name: "trial"})); code != exitUsage {
		t.Errorf("a set of no component: exit %d", code)
	}
	for _, dir := range []string{filepath.Join(s.dir, "missing"), filepath.Join(s.dir, mpspdz.IPFile)} {
		if code, _ := outcome(a.playersCheck(t.Context(), dir, selection{})); code != exitUsage {
			t.Errorf("%s: exit %d", dir, code)
		}
	}
}

func mustKey(t *testing.T, c *config.Config) crypto.Signer {
	t.Helper()
	pair, err := c.LoadKeyPair(noon)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Key
}
