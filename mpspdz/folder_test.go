package mpspdz_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// trio are alice, bob and carol, parties 0 to 2 with numbered certificates, and bob's folder.
type trio struct {
	t    *testing.T
	dir  string
	set  mpspdz.PartySet
	own  mpspdz.Own // bob's
	keys []crypto.Signer
	now  time.Time
}

func newTrio(t *testing.T) *trio {
	t.Helper()
	f := &trio{t: t, dir: t.TempDir(), now: now}
	var parties []mpspdz.Party
	for i, id := range []string{"alice", "bob", "carol"} {
		f.keys = append(f.keys, ed25519Key())
		c, err := mpspdz.NewNumberedCertificate(rand.Reader, f.keys[i], id, i, now.AddDate(1, 0, 0), now)
		if err != nil {
			t.Fatal(err)
		}
		parties = append(parties, mpspdz.Party{Component: id, Role: mpspdz.PlainParty,
			Endpoint: endpoint(t, fmt.Sprintf("10.0.0.%d:1400%d", i+1, i)), Certificate: c})
	}
	var err error
	if f.set, err = mpspdz.NewPartySet(parties); err != nil {
		t.Fatal(err)
	}
	f.own = mpspdz.Own{Component: "bob", KeyPEM: keyPEM(t, f.keys[1]), BindPort: 15001}
	files, err := mpspdz.Render(f.set, f.own)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, f.dir, files)
	return f
}

func (f *trio) path(name string) string {
	if name == mpspdz.IPFile || name == mpspdz.PlayerData {
		return filepath.Join(f.dir, name)
	}
	return filepath.Join(f.dir, mpspdz.PlayerData, name)
}

// put replaces a file.
func (f *trio) put(name string, data []byte) {
	f.t.Helper()
	f.remove(name)
	if err := os.WriteFile(f.path(name), data, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *trio) link(name, target string) {
	f.t.Helper()
	if err := os.Symlink(target, f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *trio) remove(names ...string) {
	f.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(f.path(name)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// hash is the name of party i's hash links.
func (f *trio) hash(i int) string { return f.set.Parties()[i].Certificate.SubjectHash() }

func (f *trio) pem(i int) []byte { return f.set.Parties()[i].Certificate.PEM() }

// replace puts another certificate in party i's place, with its hash link; "SUBJECT" in the name of a link is its hash.
func (f *trio) replace(i int, der []byte) {
	f.t.Helper()
	f.remove(f.hash(i) + ".0")
	f.put(fmt.Sprintf("P%d.pem", i), certPEM(der))
	f.rehash()
}

// rehash is the real one.
func (f *trio) rehash(options ...string) {
	f.t.Helper()
	if out, ok := openssl(f.t, append(append([]string{"rehash"}, options...), f.path(mpspdz.PlayerData))...); !ok {
		f.t.Fatal(out)
	}
}

// check gives the findings as lines "E code where: text" or "W …".
func (f *trio) check(expected *mpspdz.PartySet, own mpspdz.Own) []string {
	f.t.Helper()
	findings := mpspdz.CheckFolder(os.DirFS(f.dir), expected, own, f.now)
	var lines []string
	for _, finding := range findings {
		level := "W"
		if finding.Error {
			level = "E"
		}
		shown := finding.Where + finding.Text + finding.Cure
		if finding.Text == "" || finding.Cure == "" || strings.ContainsAny(shown, "\n\r\x00\x1b\u202e") {
			f.t.Errorf("not safe to print, or incomplete: %+v", finding)
		}
		line := fmt.Sprintf("%s %s %s: %s", level, finding.Code, finding.Where, finding.Text)
		if finding.Component != "" {
			line += " [" + finding.Component + "]"
		}
		lines = append(lines, line)
		folderCodes[finding.Code] = true
	}
	return lines
}

// folderCodes are the codes that the tests have met.
var folderCodes = map[string]bool{}

// row is a fault and what CheckFolder shall say of it, each "E code where: a part of the text"; HASH0 to HASH2 are the subject hashes.
type folderRow struct {
	name   string
	build  func(f *trio)
	want   []string
	within bool // check against the set, with bob's port
}

func checkFolderRows(t *testing.T, rows []folderRow) {
	testenv.NeedProgram(t, "openssl")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			f := newTrio(t)
			row.build(f)
			var got []string
			if row.within {
				got = f.check(&f.set, f.own)
			} else {
				got = f.check(nil, mpspdz.Own{})
			}
			replace := strings.NewReplacer("HASH0", f.hash(0), "HASH1", f.hash(1), "HASH2", f.hash(2))
			ok := len(got) == len(row.want)
			for i := range min(len(got), len(row.want)) {
				head, part, _ := strings.Cut(replace.Replace(row.want[i]), ": ")
				if !strings.HasPrefix(got[i], head+": ") || !strings.Contains(got[i], part) {
					ok = false
				}
			}
			if !ok {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), replace.Replace(strings.Join(row.want, "\n  ")))
			}
		})
	}
}

// TestCheckFolderFindsNothing: what Render wrote is sound; so are copies and what openssl rehash made.
func TestCheckFolderFindsNothing(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	for name, change := range map[string]func(f *trio){
		"as rendered": func(*trio) {},
		"links of openssl rehash": func(f *trio) {
			f.remove(f.hash(0)+".0", f.hash(1)+".0", f.hash(2)+".0")
			f.rehash()
		},
		"copies, as c_rehash -copy makes them": func(f *trio) {
			for i := range 3 {
				f.put(f.hash(i)+".0", f.pem(i))
			}
		},
		"inputs and preprocessing beside them": func(f *trio) {
			f.put("Input-P1-0", []byte("1 2 3"))
			if err := os.MkdirAll(f.path("3-MSp-128/P1.pem"), 0o700); err != nil {
				f.t.Fatal(err)
			}
		},
		"a key that a group may read, as [players] group says": func(f *trio) {
			if err := os.Chmod(f.path("P1.key"), 0o640); err != nil {
				f.t.Fatal(err)
			}
		},
		"a copy of a party's certificate": func(f *trio) { f.put("bob.pem", f.pem(1)) },
		"text around a certificate, CRLF": func(f *trio) {
			f.put("P2.pem", append([]byte("carol\r\n"), bytes.ReplaceAll(f.pem(2), []byte("\n"), []byte("\r\n"))...))
		},
		"another port here than is advertised, an address that is not used": func(f *trio) {
			f.put(mpspdz.IPFile, []byte("10.0.0.1:14000\n192.168.7.7:15001\n10.0.0.3:14002\n"))
		},
		"CRLF behind the ports, no final newline": func(f *trio) { f.put(mpspdz.IPFile, []byte("10.0.0.1:14000\r\n10.0.0.2:15001\r\n10.0.0.3:14002")) },
		"host names in capitals":                  func(f *trio) { f.put(mpspdz.IPFile, []byte("10.0.0.1:14000\nBOB:15001\n10.0.0.3:14002\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newTrio(t)
			change(f)
			for what, got := range map[string][]string{
				"against the set": f.check(&f.set, f.own), "alone": f.check(nil, mpspdz.Own{}), "port not known": f.check(&f.set, mpspdz.Own{Component: "bob"}),
			} {
				if len(got) > 0 {
					t.Errorf("%s:\n  %s", what, strings.Join(got, "\n  "))
				}
			}
		})
	}
}

// TestCheckFolderSharedAddress: behind one address, the own port to bind may be the port that another party advertises.
func TestCheckFolderSharedAddress(t *testing.T) {
	f := newTrio(t)
	parties := f.set.Parties()
	parties[2].Endpoint = endpoint(t, "10.0.0.2:15001") // bob's own line says that too
	set, err := mpspdz.NewPartySet(parties)
	if err != nil {
		t.Fatal(err)
	}
	files, err := mpspdz.Render(set, f.own)
	if err != nil {
		t.Fatal(err)
	}
	f.dir = t.TempDir()
	writeFiles(t, f.dir, files)
	if got := f.check(&set, f.own); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// TestCheckFolderFedbiomed: Fed-BioMed's own certificates prove membership only, and new MP-SPDZ refuses them; that is said once each.
func TestCheckFolderFedbiomed(t *testing.T) {
	set, keys := newSet(t, 40)
	own := mpspdz.Own{Component: "NODE_001", KeyPEM: keys[1], BindPort: 14001}
	files, err := mpspdz.Render(set, own)
	if err != nil {
		t.Fatal(err)
	}
	f := &trio{t: t, dir: t.TempDir(), now: now}
	writeFiles(t, f.dir, files)
	for _, got := range [][]string{f.check(&set, own), f.check(nil, mpspdz.Own{})} {
		want := []string{
			"W membership-only Player-Data: the name proves membership, not which party: another party's key would pass too, and swapped lines go unnoticed (CN *): P0.pem, P1.pem, P2.pem, P3.pem, P4.pem and 35 more",
			"W new-refuses Player-Data: MP-SPDZ from 0.4.1 refuses the name (CN *): P0.pem, P1.pem, P2.pem, P3.pem, P4.pem and 35 more",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n  %s", strings.Join(got, "\n  "))
		}
	}
}

// TestCheckFolderTrustsAsOpenSSL: whoever openssl lets in with one of the folders is a party that is linked, or a stranger that is named.
func TestCheckFolderTrustsAsOpenSSL(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	for _, row := range linkRows() {
		if strings.Contains(row.name, "pipe") {
			continue // openssl would wait, as MP-SPDZ would
		}
		t.Run(row.name, func(t *testing.T) {
			f := newTrio(t)
			row.build(f)
			findings := strings.Join(f.check(nil, mpspdz.Own{}), "\n")
			for i := range 3 {
				name := fmt.Sprintf("P%d.pem", i)
				missing := slices.ContainsFunc(strings.Split(findings, "\n"), func(s string) bool { return strings.Contains(s, " not-linked ") && strings.Contains(s, name) })
				if _, ok := verifies(t, f.path(mpspdz.PlayerData), f.set.Parties()[i].Certificate.DER()); ok == missing {
					t.Errorf("openssl lets party %d in: %v\n%s", i, ok, findings)
				}
			}
			for _, der := range f.strangers() {
				if _, ok := verifies(t, f.path(mpspdz.PlayerData), der); ok != strings.Contains(findings, " stranger ") {
					t.Errorf("openssl lets a stranger in: %v\n%s", ok, findings)
				}
			}
		})
	}
}

// strangers are the certificates in any file of the folder that are no party's.
func (f *trio) strangers() [][]byte {
	f.t.Helper()
	var found [][]byte
	files, err := filepath.Glob(f.path("*.*"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // a link that leads nowhere
		}
		block, _ := pem.Decode(data)
		known := block == nil || block.Type != "CERTIFICATE" || len(block.Bytes) < 100
		for _, p := range f.set.Parties() {
			known = known || bytes.Equal(block.Bytes, p.Certificate.DER())
		}
		if !known {
			found = append(found, block.Bytes)
		}
	}
	return found
}

// TestCheckFolderEveryCode: each code of the package has a row in the tables, and one in the page for people.
func TestCheckFolderEveryCode(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "folder.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("tables", func(t *testing.T) {
		checkFolderRows(t, slices.Concat(folderRows(), writableRows(), keyRows(), certificateRows(), linkRows(), ipRows(), setRows()))
	})
	page, err := os.ReadFile("../docs/player-folders.md")
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Folder") {
			code := strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)
			if !folderCodes[code] && code != mpspdz.FolderForeign && code != mpspdz.FolderSymlink { // those are of Foreign alone
				t.Errorf("no row gives %s", code)
			}
			if !bytes.Contains(page, []byte("\n| `"+code+"` | ")) {
				t.Errorf("docs/player-folders.md does not tell of %s", code)
			}
		}
		return true
	})
}

func folderRows() []folderRow {
	return []folderRow{
		{"no folder", func(f *trio) { f.remove(mpspdz.PlayerData) }, []string{"E no-player-data Player-Data: there is no folder"}, false},
		{"an empty folder", func(f *trio) { f.remove(mpspdz.PlayerData, mpspdz.IPFile); f.mkdir(mpspdz.PlayerData) }, []string{
			"E no-ip-file ip_addresses: no ip file", "E no-key Player-Data: ", "E no-certificate Player-Data: there are no certificates"}, false},
		{"a file in its place", func(f *trio) { f.put(mpspdz.PlayerData, nil) }, []string{"E no-player-data Player-Data: "}, false},
		{"a loop in its place", func(f *trio) { f.remove(mpspdz.PlayerData); f.link(mpspdz.PlayerData, mpspdz.PlayerData) }, []string{
			"E unreadable Player-Data: too many levels of symbolic links"}, false},
		{"a folder that somebody filled", func(f *trio) {
			for i := range 2100 {
				f.put(fmt.Sprintf("a%04d.key", i), nil)
			}
		}, []string{"E too-many-files Player-Data: more than 2048"}, false},
	}
}

func (f *trio) mkdir(name string) {
	f.t.Helper()
	if err := os.Mkdir(f.path(name), 0o700); err != nil {
		f.t.Fatal(err)
	}
}

// writableRows: others may change what a run trusts. The mode says it, whoever runs the test.
func writableRows() []folderRow {
	chmod := func(f *trio, mode os.FileMode, names ...string) {
		for _, name := range names {
			at := f.path(name)
			if name == "." {
				at = f.dir
			}
			if err := os.Chmod(at, mode); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	return []folderRow{
		{"a folder that everybody writes into", func(f *trio) { chmod(f, 0o777, ".") }, []string{"E writable .: the folder itself (mode 0777)"}, false},
		{"one that only owners replace files in", func(f *trio) { chmod(f, 0o777|os.ModeSticky, ".") }, nil, false},
		{"Player-Data that everybody writes into", func(f *trio) { chmod(f, 0o777|os.ModeSticky, mpspdz.PlayerData) }, []string{"E writable Player-Data: Player-Data (mode 0777)"}, true},
		{"a certificate that everybody changes", func(f *trio) { chmod(f, 0o777, "P0.pem") }, []string{"E writable Player-Data/P0.pem: Player-Data/P0.pem (mode 0777)"}, true},
		{"an ip file that everybody changes", func(f *trio) { chmod(f, 0o666, mpspdz.IPFile) }, []string{"E writable ip_addresses: ip_addresses (mode 0666)"}, true},
		{"a key that everybody changes", func(f *trio) { chmod(f, 0o602, "P1.key") }, []string{"E writable Player-Data/P1.key: ", "W key-readable Player-Data/P1.key: "}, false},
		{"a copy in place of a hash link", func(f *trio) { f.put(f.hash(2)+".0", f.pem(2)); chmod(f, 0o606, f.hash(2)+".0") }, []string{"E writable Player-Data/HASH2.0: "}, false},
		{"a link to a file of another name", func(f *trio) {
			f.put("carol.txt", f.pem(2))
			f.remove(f.hash(2) + ".0")
			f.link(f.hash(2)+".0", "carol.txt")
			chmod(f, 0o666, "carol.txt")
		}, []string{"E writable Player-Data/carol.txt: "}, false},
		{"a link to a file elsewhere", func(f *trio) {
			if err := os.WriteFile(filepath.Join(f.dir, "carol.txt"), f.pem(2), 0o600); err != nil {
				f.t.Fatal(err)
			}
			f.remove("P2.pem")
			f.link("P2.pem", "../carol.txt")
			chmod(f, 0o666, "P2.pem")
		}, []string{"E writable Player-Data/P2.pem: "}, false},
		{"a group that writes", func(f *trio) { chmod(f, 0o775, ".", mpspdz.PlayerData); chmod(f, 0o664, "P0.pem", mpspdz.IPFile) }, nil, false},
		{"an input that everybody changes", func(f *trio) { f.put("Input-P1-0", nil); chmod(f, 0o666, "Input-P1-0") }, nil, false},
		{"all of it", func(f *trio) {
			chmod(f, 0o777, mpspdz.PlayerData)
			chmod(f, 0o777, "P0.pem")
			chmod(f, 0o666, mpspdz.IPFile)
		},
			[]string{"E writable .: ip_addresses (mode 0666), Player-Data (mode 0777) and Player-Data/P0.pem (mode 0777)"}, true},
	}
}

func keyRows() []folderRow {
	return []folderRow{
		{"no key", func(f *trio) { f.remove("P1.key") }, []string{"E no-key Player-Data: no file P<i>.key"}, false},
		{"no key, in a set", func(f *trio) { f.remove("P1.key") }, []string{"E no-key Player-Data: no file P<i>.key"}, true},
		{"several keys", func(f *trio) { f.put("P2.key", keyPEM(f.t, f.keys[2])) }, []string{"E several-keys Player-Data: private keys of parties 1 and 2"}, false},
		{"several keys, in a set", func(f *trio) { f.put("P2.key", keyPEM(f.t, f.keys[2])) }, []string{
			"E several-keys Player-Data/P2.key: the private key of party 2, and this is the folder of party 1"}, true},
		{"another party's key", func(f *trio) { f.put("P1.key", keyPEM(f.t, f.keys[2])) }, []string{"E key-mismatch Player-Data/P1.key: not the key of P1.pem"}, false},
		{"a key that is none", func(f *trio) { f.put("P1.key", []byte("secret\n")) }, []string{"E bad-key Player-Data/P1.key: holds no PEM block"}, false},
		{"a key that everybody reads", func(f *trio) {
			if err := os.Chmod(f.path("P1.key"), 0o644); err != nil {
				f.t.Fatal(err)
			}
		}, []string{"W key-readable Player-Data/P1.key: mode 0644"}, false},
		{"a key under another name", func(f *trio) { f.put("bob\x1b[2J.key", f.own.KeyPEM); f.put("P01.key", f.own.KeyPEM) }, []string{
			`W stray-key Player-Data: P01.key and bob\1B[2J.key`}, false},
		{"one key under another name", func(f *trio) { f.put("bob.key", f.own.KeyPEM) }, []string{"W stray-key Player-Data/bob.key: "}, false},
		{"a key of a party that is not", func(f *trio) { f.remove("P1.key"); f.put("P3.key", f.own.KeyPEM) }, []string{
			"E wrong-own-number Player-Data/P3.key: party 3's, and there are 3 parties (0 to 2)"}, false},
		{"the folder of another party", func(f *trio) { f.remove("P1.key"); f.put("P2.key", keyPEM(f.t, f.keys[2])) }, []string{
			"E wrong-own-number Player-Data/P2.key: the folder is of party 2, and bob is party 1 [bob]", "E other-endpoint ip_addresses:2: line 2 is 10.0.0.2:15001, and party 1 is bob at 10.0.0.2:14001 [bob]",
			"E wrong-bind-port ip_addresses:3: with port 14002, and MP-SPDZ shall bind 15001"}, true},
		{"a pipe", func(f *trio) { f.pipe("P1.key") }, []string{"E odd-file Player-Data/P1.key: no file, but a pipe"}, false},
		{"a folder", func(f *trio) { f.remove("P1.key"); f.mkdir("P1.key") }, []string{"E odd-file Player-Data/P1.key: no file, but a folder"}, false},
		{"a device", func(f *trio) { f.remove("P1.key"); f.link("P1.key", "/dev/zero") }, []string{"E odd-file Player-Data/P1.key: no file, but a device"}, false},
		{"a huge file", func(f *trio) { f.huge("P1.key") }, []string{"E too-large Player-Data/P1.key: at most 65536"}, false},
	}
}

// pipe puts one in place of a file: whoever opens it waits for ever.
func (f *trio) pipe(name string) {
	f.t.Helper()
	f.remove(name)
	if err := syscall.Mkfifo(f.path(name), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// huge puts a file of a terabyte in place of one, without a byte on the disk.
func (f *trio) huge(name string) {
	f.t.Helper()
	f.put(name, nil)
	if err := os.Truncate(f.path(name), 1<<40); err != nil {
		f.t.Fatal(err)
	}
}

func certificateRows() []folderRow {
	bobs := func(f *trio, change func(s *spec)) []byte {
		s := spec{key: f.keys[1], subject: cn("P1")}
		change(&s)
		return s.build(f.t)
	}
	carols := func(f *trio, change func(s *spec)) []byte {
		s := spec{key: f.keys[2], subject: cn("P2")}
		change(&s)
		return s.build(f.t)
	}
	return []folderRow{
		{"a missing one", func(f *trio) { f.remove("P0.pem", f.hash(0)+".0") }, []string{"E no-certificate Player-Data/P0.pem: of 3 parties, the certificates of these are missing: P0.pem"}, false},
		{"a link that leads nowhere", func(f *trio) { f.remove("P0.pem"); f.link("P0.pem", "alice.pem") }, []string{
			"E no-certificate Player-Data/P0.pem: ", "W dangling-link Player-Data/HASH0.0: to P0.pem"}, false},
		{"the own and another one missing", func(f *trio) { f.remove("P0.pem", "P1.pem", f.hash(0)+".0", f.hash(1)+".0") }, []string{"E no-certificate Player-Data: missing: P0.pem and P1.pem"}, false},
		{"a byte order mark", func(f *trio) { f.put("P2.pem", append([]byte("\ufeff"), f.pem(2)...)) }, []string{"E bad-certificate Player-Data/P2.pem: byte order mark"}, false},
		{"DER", func(f *trio) { f.put("P2.pem", f.set.Parties()[2].Certificate.DER()) }, []string{"E bad-certificate Player-Data/P2.pem: the file is DER"}, false},
		{"no certificate", func(f *trio) { f.put("P2.pem", keyPEM(f.t, f.keys[2])) }, []string{`E bad-certificate Player-Data/P2.pem: holds no certificate, but a block "PRIVATE KEY"`}, false},
		{"broken", func(f *trio) { f.put("P2.pem", certPEM([]byte("hello"))) }, []string{"E bad-certificate Player-Data/P2.pem: not a certificate"}, false},
		{"one that could issue", func(f *trio) {
			f.replace(2, carols(f, func(s *spec) { s.exts = [][]byte{caTrue} }))
		}, []string{"E can-issue Player-Data/P2.pem: could make itself a certificate as any party"}, false},
		{"an authority's", func(f *trio) {
			f.replace(2, carols(f, func(s *spec) { s.issuer, s.issuerKey = cn("Authority\x1b[2J"), ed25519Key() }))
		}, []string{`E bad-certificate Player-Data/P2.pem: it was issued by CN=Authority\1B[2J`}, false},
		{"two in a file", func(f *trio) { f.put("P2.pem", append(f.pem(2), f.pem(0)...)) }, []string{"W several Player-Data/P2.pem: holds 2 certificates"}, false},
		{"a stranger behind the own in a file", func(f *trio) {
			f.put("P2.pem", append(f.pem(2), certPEM(spec{subject: cn("dave")}.build(f.t))...))
		}, []string{"E stranger Player-Data/P2.pem: CN=dave is trusted through HASH2.0, and it is no party's", "W several Player-Data/P2.pem: holds 2 certificates"}, false},
		{"a key in a certificate's file", func(f *trio) { f.put("P1.pem", append(f.pem(1), f.own.KeyPEM...)) }, []string{`W other-block Player-Data/P1.pem: also holds a block "PRIVATE KEY"`}, false},
		{"expired", func(f *trio) { f.now = now.AddDate(1, 0, 1) }, []string{"E expired Player-Data/P0.pem: expired on 2028-", "E expired Player-Data/P1.pem: ", "E expired Player-Data/P2.pem: "}, false},
		{"not yet valid", func(f *trio) { f.now = now.Add(-2 * time.Hour) }, []string{"E not-yet-valid Player-Data/P0.pem: ", "E not-yet-valid Player-Data/P1.pem: ", "E not-yet-valid Player-Data/P2.pem: "}, false},
		{"expires within a day", func(f *trio) {
			f.replace(2, carols(f, func(s *spec) { s.from, s.to = now.Add(-time.Hour), now.Add(23*time.Hour) }))
		}, []string{"W expires-soon Player-Data/P2.pem: 2027-01-03T02:04:05Z"}, false},
		{"a pipe", func(f *trio) { f.pipe("P2.pem") }, []string{"E odd-file Player-Data/P2.pem: a pipe"}, false},
		{"a huge file", func(f *trio) { f.huge("P2.pem") }, []string{"E too-large Player-Data/P2.pem: "}, false},
		{"a loop", func(f *trio) { f.remove("P2.pem"); f.link("P2.pem", "P2.pem") }, []string{"E unreadable Player-Data/P2.pem: too many levels of symbolic links"}, false},

		{"another number", func(f *trio) { f.replace(2, carols(f, func(s *spec) { s.subject = cn("P4") })) }, []string{
			"E wrong-number Player-Data/P2.pem: the certificate names party 4 (CN P4), and it stands for party 2"}, false},
		{"no number", func(f *trio) { f.replace(2, carols(f, func(s *spec) { s.subject = cn("NODE_\x1b") })) }, []string{
			`E wrong-number Player-Data/P2.pem: the certificate names no party (CN NODE_\1B), and it stands for party 2`}, false},
		{"a keyUsage that fails", func(f *trio) { f.replace(2, carols(f, func(s *spec) { s.exts = [][]byte{kuEncipher} })) }, []string{
			"E wrong-number Player-Data/P2.pem: keyUsage lacks digitalSignature"}, false},
		{"CN *", func(f *trio) { f.replace(2, carols(f, func(s *spec) { s.subject = cn("*") })) }, []string{
			"W membership-only Player-Data/P2.pem: proves membership, not which party", "W new-refuses Player-Data/P2.pem: MP-SPDZ from 0.4.1 refuses the name (CN *)"}, false},
		{"every number", func(f *trio) {
			f.replace(2, carols(f, func(s *spec) { s.subject, s.exts = cn("carol"), [][]byte{allNames()} }))
		}, []string{"W membership-only Player-Data/P2.pem: (SAN P0 and 255 more)"}, false},
		{"a name that only the new one reads", func(f *trio) {
			f.replace(2, carols(f, func(s *spec) { s.subject = nameOf(set(value(commonName, tagBMP, bmp("P2")))) }))
		}, []string{"W old-refuses Player-Data/P2.pem: MP-SPDZ up to 0.4.0 refuses the name"}, false},
		{"one key for two", func(f *trio) { f.replace(2, carols(f, func(s *spec) { s.key = f.keys[1] })) }, []string{"E same-key Player-Data/P2.pem: P1.pem and P2.pem have one key"}, false},
		{"one subject for two", func(f *trio) {
			subject := nameOf(set(value(organization, asn1.UTF8String, "same")))
			f.remove(f.hash(1) + ".0")
			f.put("P1.pem", certPEM(bobs(f, func(s *spec) { s.subject, s.exts = subject, [][]byte{dnsNames("P1")} })))
			f.replace(2, carols(f, func(s *spec) { s.subject, s.exts = subject, [][]byte{dnsNames("P2")} }))
		}, []string{"E same-subject Player-Data/P2.pem: P1.pem and P2.pem have one subject (O=same): only the one that is linked as "}, false},
	}
}

// TestCheckFolderCures: where the set in force says what belongs there, it is written there; a component's own key and certificate stay.
func TestCheckFolderCures(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	const rewrite = "write the player files anew: fbpeer players write --dir DIR"
	for name, row := range map[string]struct {
		change func(f *trio)
		codes  []string
	}{
		"another key":      {func(f *trio) { f.put("P1.key", freshKeyPEM(f.t)) }, []string{mpspdz.FolderKeyMismatch}},
		"a garbled key":    {func(f *trio) { f.put("P1.key", []byte("x")) }, []string{mpspdz.FolderBadKey}},
		"no certificate":   {func(f *trio) { f.put("P0.pem", []byte("garbled")) }, []string{mpspdz.FolderBad}},
		"one copied twice": {func(f *trio) { f.put("P2.pem", f.pem(0)) }, []string{mpspdz.FolderSameKey}},
		"a second in it":   {func(f *trio) { f.put("P2.pem", append(f.pem(2), f.pem(2)...)) }, []string{mpspdz.FolderSeveral}},
		"two swapped":      {func(f *trio) { a, b := f.pem(0), f.pem(2); f.put("P0.pem", b); f.put("P2.pem", a) }, []string{mpspdz.FolderWrongOrder}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTrio(t)
			row.change(f)
			met := map[string]bool{}
			for _, finding := range mpspdz.CheckFolder(os.DirFS(f.dir), &f.set, f.own, f.now) {
				met[finding.Code] = true
				if finding.Cure != rewrite && slices.Contains(row.codes, finding.Code) || strings.Contains(finding.Cure, "cert generate") || strings.Contains(finding.Cure, "per-party") {
					t.Errorf("%s: %s: %s", finding.Code, finding.Text, finding.Cure)
				}
			}
			for _, code := range row.codes {
				if !met[code] {
					t.Errorf("no %s in %v", code, met)
				}
			}
		})
	}
}

func freshKeyPEM(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
