package mpspdz_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

func TestForeign(t *testing.T) {
	for name, test := range map[string]struct {
		change func(f *trio)
		want   []string // "code where: text"
		paths  []string
	}{
		"what was rendered":     {func(*trio) {}, nil, nil},
		"no folder yet":         {func(f *trio) { f.remove(mpspdz.PlayerData, mpspdz.IPFile) }, nil, nil},
		"an empty folder":       {func(f *trio) { f.remove(mpspdz.PlayerData); f.mkdir(mpspdz.PlayerData) }, nil, nil},
		"other content":         {func(f *trio) { f.put("P0.pem", []byte("x")); f.put(f.hash(0)+".0", nil); f.put(mpspdz.IPFile, nil) }, nil, nil},
		"inputs and outputs":    {func(f *trio) { f.put("Input-P1-0", nil); f.put("Public-Output-P0-0.bin", nil); f.mkdir("2-p-128") }, nil, nil},
		"a broken link of ours": {func(f *trio) { f.remove("P0.pem"); f.link("P0.pem", "gone") }, nil, nil},
		"a foreign key in the place of the own": {func(f *trio) { f.put("P1.key", keyPEM(f.t, ed25519Key())) },
			[]string{"foreign Player-Data/P1.key: a private key that is not this component's own"}, []string{"Player-Data/P1.key"}},
		"a party's key in the place of the own": {func(f *trio) { f.put("P1.key", keyPEM(f.t, f.keys[0])) },
			[]string{"foreign Player-Data/P1.key: a private key that is not this component's own"}, []string{"Player-Data/P1.key"}},
		"what may be a key": {func(f *trio) { f.put("P1.key", []byte("x")) },
			[]string{"foreign Player-Data/P1.key: it may be somebody's private key: the file holds no PEM block"}, []string{"Player-Data/P1.key"}},
		"the own key, and other text":   {func(f *trio) { f.put("P1.key", append([]byte("bob's\n"), f.own.KeyPEM...)) }, nil, nil},
		"an empty key":                  {func(f *trio) { f.put("P1.key", nil) }, nil, nil},
		"the former key, which is kept": {func(f *trio) { f.put("P1.key", keyPEM(f.t, f.formerKey())) }, nil, nil},
		"a foreign certificate in a party's place": {func(f *trio) { f.put("P0.pem", certPEM(spec{subject: cn("mallory")}.build(t))) },
			[]string{"foreign Player-Data/P0.pem: a certificate of nobody who is in this set, or is known to be or have been approved: CN=mallory"}, []string{"Player-Data/P0.pem"}},
		"and in DER":                   {func(f *trio) { f.put("P0.pem", spec{subject: cn("mallory")}.build(t)) }, []string{"foreign Player-Data/P0.pem: a certificate of nobody"}, []string{"Player-Data/P0.pem"}},
		"behind a known one":           {func(f *trio) { f.put("P0.pem", append(f.pem(0), certPEM(spec{subject: cn("mallory")}.build(t))...)) }, []string{"foreign Player-Data/P0.pem: a certificate of nobody"}, []string{"Player-Data/P0.pem"}},
		"as a copy in place of a link": {func(f *trio) { f.put(f.hash(0)+".0", certPEM(spec{subject: cn("mallory")}.build(t))) }, []string{"foreign Player-Data/HASH0.0: a certificate of nobody"}, []string{"Player-Data/HASH0.0"}},
		"a key in a certificate's place": {func(f *trio) { f.put("P0.pem", keyPEM(f.t, ed25519Key())) },
			[]string{"foreign Player-Data/P0.pem: a file that holds a private key"}, []string{"Player-Data/P0.pem"}},
		"another certificate of a party's key": {func(f *trio) { f.put("P0.pem", certPEM(spec{key: f.keys[0], subject: cn("P7")}.build(f.t))) }, nil, nil},
		"another party's certificate":          {func(f *trio) { f.put("P0.pem", f.pem(2)) }, nil, nil},
		"a former party's certificate":         {func(f *trio) { f.put("P0.pem", certPEM(spec{key: f.formerKey(), subject: cn("erin")}.build(f.t))) }, nil, nil},
		"a link in the place of a key":         {func(f *trio) { f.remove("P1.key"); f.link("P1.key", "../elsewhere.key") }, nil, nil},
		"a certificate": {func(f *trio) { f.put("P7.pem", certPEM(spec{subject: cn("\x1b[2J")}.build(t))) },
			[]string{`foreign Player-Data/P7.pem: a certificate that is not this set's: CN=\1B[2J`}, []string{"Player-Data/P7.pem"}},
		"an authority's": {func(f *trio) {
			f.put("ca.pem", certPEM(spec{subject: cn("root"), exts: [][]byte{caTrue}}.build(t)))
		},
			[]string{`foreign Player-Data/ca.pem: a certificate that is not this set's: CN=root`}, []string{"Player-Data/ca.pem"}},
		"no certificate": {func(f *trio) { f.put("P1.old.pem", []byte("x")) },
			[]string{`foreign Player-Data/P1.old.pem: a file that is not this set's: the file holds no PEM block`}, []string{"Player-Data/P1.old.pem"}},
		"a key": {func(f *trio) { f.put("P0.key", nil) }, []string{"foreign Player-Data/P0.key: a private key"}, []string{"Player-Data/P0.key"}},
		"links and copies": {func(f *trio) {
			f.link("00000001.0", "P0.pem")
			f.link("00000002.0", "gone\x1b")
			f.put("00000003.0", f.pem(1))
			f.put("00000004.r0", nil)
		}, []string{"foreign Player-Data/00000001.0: a hash link to P0.pem", `foreign Player-Data/00000002.0: a hash link to gone\1B`,
			"foreign Player-Data/00000003.0: a hash link that holds a certificate, CN=P1,O=bob", "foreign Player-Data/00000004.r0: a file that is not this set's"},
			[]string{"Player-Data/00000001.0", "Player-Data/00000002.0", "Player-Data/00000003.0", "Player-Data/00000004.r0"}},
		"a pipe that nobody must open": {func(f *trio) { f.pipe("P9.pem") }, []string{"foreign Player-Data/P9.pem: a file that is not this set's: it is no file, but a pipe"},
			[]string{"Player-Data/P9.pem"}},
		"a folder where a file belongs": {func(f *trio) { f.remove("P0.pem"); f.mkdir("P0.pem") }, []string{"odd-file Player-Data/P0.pem: it is no file, but a folder"}, nil},
		"a folder of no file's name":    {func(f *trio) { f.mkdir("P9.pem") }, []string{"odd-file Player-Data/P9.pem: it is no file, but a folder"}, nil},
		"a pipe in place of a file":     {func(f *trio) { f.pipe("P0.pem") }, nil, nil},
		"too many": {func(f *trio) {
			for i := range 2100 {
				f.put(fmt.Sprintf("%d.pem", i), nil)
			}
		}, []string{"too-many-files Player-Data: more than 2048"}, nil},
		"a link in place of the folder": {func(f *trio) { f.put("P9.pem", nil); f.moved(mpspdz.PlayerData) },
			[]string{"symbolic-link Player-Data: it is a symbolic link (to elsewhere), and what it leads to is not to be written into"}, nil},
		"a link to no folder": {func(f *trio) { f.remove(mpspdz.PlayerData); f.link(mpspdz.PlayerData, "gone\x1b") },
			[]string{`symbolic-link Player-Data: it is a symbolic link (to gone\1B)`}, nil},
		"a link in place of the ip file": {func(f *trio) { f.moved(mpspdz.IPFile) }, []string{"symbolic-link ip_addresses: it is a symbolic link"}, nil},
		"both": {func(f *trio) {
			f.moved(mpspdz.IPFile)
			f.remove(mpspdz.PlayerData)
			f.link(mpspdz.PlayerData, "..")
		},
			[]string{"symbolic-link Player-Data: it is a symbolic link", "symbolic-link ip_addresses: it is a symbolic link"}, nil},
		"a file in place of the folder": {func(f *trio) { f.put(mpspdz.PlayerData, nil) }, []string{"unreadable Player-Data: not a directory"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTrio(t)
			files, err := mpspdz.Render(f.set, f.own)
			if err != nil {
				t.Fatal(err)
			}
			test.change(f)
			former, err := mpspdz.KeyOfPrivatePEM(keyPEM(t, f.formerKey()))
			if err != nil {
				t.Fatal(err)
			}
			known := map[mpspdz.Hash]bool{former: true}
			findings, paths := mpspdz.Foreign(os.DirFS(f.dir), files, mpspdz.Ours{Keys: known, Certificates: known})
			hashes := strings.NewReplacer("HASH0", f.hash(0))
			for i := range test.paths {
				test.paths[i] = hashes.Replace(test.paths[i])
			}
			if !slices.Equal(paths, test.paths) {
				t.Errorf("paths %q, want %q", paths, test.paths)
			}
			var got []string
			for _, finding := range findings {
				if !finding.Error || finding.Cure == "" || strings.ContainsAny(finding.Text, "\n\x1b") {
					t.Errorf("%+v", finding)
				}
				got = append(got, fmt.Sprintf("%s %s: %s", finding.Code, finding.Where, finding.Text))
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for i, line := range got {
				head, part, _ := strings.Cut(hashes.Replace(test.want[i]), ": ")
				if !strings.HasPrefix(line, head+": ") || !strings.Contains(line, part) {
					t.Errorf("got %q, want %q", line, test.want[i])
				}
			}
		})
	}
}

// formerKey is one that this site has used before.
func (f *trio) formerKey() crypto.Signer {
	f.t.Helper()
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

// moved leaves a link where something was.
func (f *trio) moved(name string) {
	f.t.Helper()
	if err := os.Rename(f.path(name), filepath.Join(f.dir, "elsewhere")); err != nil {
		f.t.Fatal(err)
	}
	f.link(name, "elsewhere")
}
