package main

import (
	"crypto/rand"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

func TestPlanDeposit(t *testing.T) {
	link := func(target string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
	}
	file := func(data string, mode fs.FileMode) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(data), Mode: mode}
	}
	files := []mpspdz.File{
		{Path: "Player-Data/11111111.0", Target: "P0.pem", Mode: fs.ModeSymlink | 0o777},
		{Path: "Player-Data/22222222.0", Target: "P1.pem", Mode: fs.ModeSymlink | 0o777},
		{Path: "Player-Data/P0.pem", Data: []byte("zero"), Mode: 0o644},
		{Path: "Player-Data/P1.key", Data: []byte("key"), Mode: 0o600},
		{Path: "Player-Data/P1.pem", Data: []byte("one"), Mode: 0o644},
		{Path: "ip_addresses", Data: []byte("a\nb\n"), Mode: 0o644},
	}
	whole := func() fstest.MapFS {
		return fstest.MapFS{
			"Player-Data/11111111.0": link("P0.pem"), "Player-Data/22222222.0": link("P1.pem"), "Player-Data/P0.pem": file("zero", 0o644),
			"Player-Data/P1.pem": file("one", 0o644), "Player-Data/P1.key": file("key", 0o600), "ip_addresses": file("a\nb\n", 0o644),
		}
	}
	const all = "-ip -11111111.0 -22222222.0 +11111111.0 +22222222.0 +ip"
	for name, test := range map[string]struct {
		change func(f fstest.MapFS)
		prune  []string
		want   string
	}{
		"nothing there": {func(f fstest.MapFS) { clear(f) }, nil, "+P0.pem +P1.pem +P1.key +11111111.0 +22222222.0 +ip"},
		"all there":     {func(fstest.MapFS) {}, nil, ""},
		"another certificate": {func(f fstest.MapFS) { f["Player-Data/P0.pem"] = file("nero", 0o644) }, nil,
			strings.Replace(all, "+1", "+P0.pem +1", 1)},
		"another key":               {func(f fstest.MapFS) { f["Player-Data/P1.key"] = file("yek", 0o600) }, nil, strings.Replace(all, "+1", "+P1.key +1", 1)},
		"a key that all read":       {func(f fstest.MapFS) { f["Player-Data/P1.key"] = file("key", 0o644) }, nil, strings.Replace(all, "+1", "+P1.key +1", 1)},
		"another ip file":           {func(f fstest.MapFS) { f["ip_addresses"] = file("b\na\n", 0o644) }, nil, all},
		"no ip file":                {func(f fstest.MapFS) { delete(f, "ip_addresses") }, nil, strings.TrimPrefix(all, "-ip ")},
		"a link to another":         {func(f fstest.MapFS) { f["Player-Data/11111111.0"] = link("P1.pem") }, nil, all},
		"a copy in place of a link": {func(f fstest.MapFS) { f["Player-Data/11111111.0"] = file("zero", 0o644) }, nil, all},
		"a link in place of a certificate": {func(f fstest.MapFS) { f["Player-Data/P0.pem"] = link("P1.pem") }, nil,
			strings.Replace(all, "+1", "+P0.pem +1", 1)},
		"links to be pruned first": {func(fstest.MapFS) {}, []string{"Player-Data/P7.key", "Player-Data/P7.pem", "Player-Data/77777777.0"},
			strings.Replace(all, " +1", " -77777777.0 -P7.key -P7.pem +1", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			folder := whole()
			test.change(folder)
			var steps []string
			for _, s := range planDeposit(folder, files, test.prune) {
				name := strings.TrimPrefix(strings.TrimSuffix(s.path, "_addresses"), "Player-Data/")
				steps = append(steps, map[bool]string{true: "-", false: "+"}[s.file == nil]+name)
			}
			if got := strings.Join(steps, " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestDepositStoppedAnywhere stops after each step on the way from one set to another, in a real folder. What stands there is the whole
// old set, or a folder from which MP-SPDZ does not start and in which nobody of the earlier set is trusted beside one of the new; and the
// same command again finishes it.
func TestDepositStoppedAnywhere(t *testing.T) {
	for n := 0; ; n++ {
		s := newTrioSite(t)
		s.mustWrite(false)
		s.put("P9.pem", string(trioPairs()[0][0])) // a left-over, linked
		if err := os.Symlink("P9.pem", s.path("99999999.0")); err != nil {
			t.Fatal(err)
		}
		old := trusted(t, s.dir)
		s.use(s.withNewAlice())
		files := s.rendered()
		_, prune := mpspdz.Foreign(os.DirFS(s.dir), files, mpspdz.Ours{})
		plan := planDeposit(os.DirFS(s.dir), files, prune)
		if n > len(plan) {
			if n < 10 {
				t.Errorf("only %d steps", n)
			}
			return
		}
		if err := plan[:n].do(s.dir); err != nil {
			t.Fatal(err)
		}
		now, fresh := trusted(t, s.dir), certificatesOf(s.set)
		_, noIP := os.Lstat(filepath.Join(s.dir, mpspdz.IPFile))
		switch starts := noIP == nil; {
		case starts && n == 0 && slices.Equal(now, old), starts && n == len(plan) && slices.Equal(now, fresh):
		case starts:
			t.Errorf("after %d of %d steps MP-SPDZ starts", n, len(plan))
		case !within(now, old) && !within(now, fresh):
			t.Errorf("after %d of %d steps certificates of both sets are trusted", n, len(plan))
		}
		s.mustWrite(true)
		s.mustStand()
	}
}

// withNewAlice is the set after alice has got a new certificate, of another key and subject.
func (s *trioSite) withNewAlice() mpspdz.PartySet {
	s.t.Helper()
	parties := s.set.Parties()
	parties[0].Certificate = newAlice()
	set, err := mpspdz.NewPartySet(parties)
	if err != nil {
		s.t.Fatal(err)
	}
	return set
}

// trusted are the certificates that hash links lead to, sorted.
func trusted(t *testing.T, dir string) []string {
	t.Helper()
	links, err := filepath.Glob(filepath.Join(dir, mpspdz.PlayerData, "*.[0-9]"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		data, err := os.ReadFile(link)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(data)
		found = append(found, string(block.Bytes))
	}
	slices.Sort(found)
	return found
}

func certificatesOf(set mpspdz.PartySet) []string {
	var all []string
	for _, p := range set.Parties() {
		all = append(all, string(p.Certificate.DER()))
	}
	slices.Sort(all)
	return all
}

func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// newAlice is alice's next certificate.
var newAlice = sync.OnceValue(func() *mpspdz.Certificate {
	certificate, _, err := mpspdz.NewFedbiomedCertificate(rand.Reader, "alice", noon)
	if err != nil {
		panic(err)
	}
	c, err := mpspdz.ParseCertificatePEM(certificate)
	if err != nil {
		panic(err)
	}
	return c
})

// TestWhatEarlierSetsLeft: what is known here as left by an earlier set is written over; what is not known is named, and stays until --prune.
func TestWhatEarlierSetsLeft(t *testing.T) {
	newPair := func(id string) (certificate, key []byte) {
		certificate, key, err := mpspdz.NewPartyCertificate(rand.Reader, id, noon)
		if err != nil {
			t.Fatal(err)
		}
		return certificate, key
	}
	formerAlice, foreignKey := newPair("alice")
	formerBob, formerKey := newPair("bob")
	parsed, err := mpspdz.ParseCertificatePEM(formerAlice)
	if err != nil {
		t.Fatal(err)
	}
	alice := api.Peer{Component: "alice", State: api.StateAccepted, Certificate: &api.Certificate{KeySHA256: parsed.KeySHA256().String()}}
	for name, test := range map[string]struct {
		peers   []api.Peer
		stands  map[string][]byte // in the folder
		kept    map[string][]byte // by the agent, in the component's folder
		foreign string            // empty: none of it
	}{
		"a party's certificate from the trust list": {peers: []api.Peer{alice}, stands: map[string][]byte{"P0.pem": formerAlice}},
		"from player files that are kept":           {stands: map[string][]byte{"P0.pem": formerAlice}, kept: map[string][]byte{"players/7/Player-Data/P2.pem": formerAlice}},
		"from those of a named set":                 {stands: map[string][]byte{"P0.pem": formerAlice}, kept: map[string][]byte{"players/sets/trial/7/Player-Data/P2.pem": formerAlice}},
		"of nobody":                                 {stands: map[string][]byte{"P0.pem": formerAlice}, foreign: "P0.pem"},
		"of one who only announced it":              {peers: []api.Peer{{Component: "alice", State: api.StatePending, Certificate: alice.Certificate}}, stands: map[string][]byte{"P0.pem": formerAlice}, foreign: "P0.pem"},
		"the former own key and certificate":        {stands: map[string][]byte{"P1.key": formerKey, "P1.pem": formerBob}, kept: map[string][]byte{"bob.key.old": formerKey}},
		"a former own key that is kept nowhere":     {stands: map[string][]byte{"P1.key": formerKey}, foreign: "P1.key"},
		"a private key of an approved party's":      {peers: []api.Peer{alice}, stands: map[string][]byte{"P1.key": foreignKey}, foreign: "P1.key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTrioSite(t)
			s.mustWrite(false)
			for name, data := range test.stands {
				s.put(name, string(data))
			}
			for name, data := range test.kept {
				at := filepath.Join(filepath.Dir(s.config.Component.PrivateKey), name)
				if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			seen := s.snapshot()
			seen.Peers = test.peers
			before, err := contents(s.dir)
			if err != nil {
				t.Fatal(err)
			}
			err = s.app.playersWriteIn(t.Context(), s.config, s.agent, seen, playersWrite{dir: s.dir})
			if test.foreign == "" {
				if err != nil {
					t.Fatalf("%v\n%s", err, s.stderr)
				}
				s.mustStand()
				return
			}
			code, _ := outcome(err)
			if after, err := contents(s.dir); code != exitFailed || err != nil || after != before || !strings.Contains(s.stderr.String(), test.foreign+": ") {
				t.Errorf("exit %d, %v: %s", code, err, s.stderr)
			}
			s.mustWrite(true)
			s.mustStand()
		})
	}
}
