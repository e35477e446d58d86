package mpspdz_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// office is a certificate authority that the real openssl plays: a root, an intermediate, and what the intermediate signs.
type office struct {
	t   testing.TB
	dir string
}

func newOffice(t testing.TB) office {
	t.Helper()
	testenv.NeedProgram(t, "openssl")
	o := office{t, t.TempDir()}
	o.root("root", "/O=Office/CN=Root")
	o.sign("inter", "/O=Office/CN=Issuing", "root", "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign")
	return o
}

func (o office) path(name string) string { return filepath.Join(o.dir, name) }

func (o office) read(name string) []byte {
	o.t.Helper()
	data, err := os.ReadFile(o.path(name))
	if err != nil {
		o.t.Fatal(err)
	}
	return data
}

func (o office) run(arguments ...string) {
	o.t.Helper()
	if out, ok := openssl(o.t, arguments...); !ok {
		o.t.Fatalf("openssl %s: %s", strings.Join(arguments, " "), out)
	}
}

// root makes name.key and name.pem, an authority that nobody else signed.
func (o office) root(name, subject string) {
	o.t.Helper()
	o.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650", "-subj", subject, "-addext", "basicConstraints=critical,CA:TRUE",
		"-addext", "subjectKeyIdentifier=hash", "-addext", "authorityKeyIdentifier=keyid", "-keyout", o.path(name+".key"), "-out", o.path(name+".pem"))
}

// sign makes name.key and name.pem, signed by another of the office's.
func (o office) sign(name, subject, by, extensions string) {
	o.t.Helper()
	write(o.t, o.dir, name+".ext", []byte(extensions+"\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"))
	o.run("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", o.path(name+".key"), "-out", o.path(name+".csr"))
	o.run("x509", "-req", "-in", o.path(name+".csr"), "-CA", o.path(by+".pem"), "-CAkey", o.path(by+".key"), "-CAcreateserial", "-days", "365",
		"-extfile", o.path(name+".ext"), "-out", o.path(name+".pem"))
}

// cross makes name.cross.pem, in which another of the office's signed name's key and subject.
func (o office) cross(name, by string) {
	o.t.Helper()
	write(o.t, o.dir, name+".ext", []byte("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"))
	o.run("x509", "-x509toreq", "-in", o.path(name+".pem"), "-signkey", o.path(name+".key"), "-out", o.path(name+".csr"))
	o.run("x509", "-req", "-in", o.path(name+".csr"), "-CA", o.path(by+".pem"), "-CAkey", o.path(by+".key"), "-CAcreateserial", "-days", "365",
		"-extfile", o.path(name+".ext"), "-out", o.path(name+".cross.pem"))
}

// leafNames are what a CA-signed certificate of a party needs.
const leafNames = "subjectAltName=DNS:P0,DNS:P1,DNS:P2\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE"

// trusted are the authorities of some files.
func (o office) trusted(names ...string) mpspdz.Authorities {
	o.t.Helper()
	var all []*mpspdz.Authority
	for _, name := range names {
		some, err := mpspdz.ParseAuthorities(o.read(name), time.Now())
		if err != nil {
			o.t.Fatal(err)
		}
		all = append(all, some...)
	}
	as, err := mpspdz.NewAuthorities(all)
	if err != nil {
		o.t.Fatal(err)
	}
	return as
}

// signedTrio is a set whose first party has a CA-signed certificate, with every party's key.
func (o office) signedTrio() (mpspdz.PartySet, [][]byte) {
	o.t.Helper()
	o.sign("alice", "/O=alice/CN=alice", "inter", leafNames)
	leaf, err := mpspdz.ParseLeafPEM(o.read("alice.pem"))
	if err != nil {
		o.t.Fatal(err)
	}
	certificates, keys := []*mpspdz.Certificate{leaf}, [][]byte{o.read("alice.key")}
	for _, id := range []string{"bob", "carol"} {
		pem, key, err := mpspdz.NewPartyCertificate(rand.Reader, id, time.Now())
		if err != nil {
			o.t.Fatal(err)
		}
		c, err := mpspdz.ParseCertificatePEM(pem)
		if err != nil {
			o.t.Fatal(err)
		}
		certificates, keys = append(certificates, c), append(keys, key)
	}
	return o.setOf(certificates), keys
}

func (o office) setOf(certificates []*mpspdz.Certificate) mpspdz.PartySet {
	o.t.Helper()
	var parties []mpspdz.Party
	for i, c := range certificates {
		parties = append(parties, mpspdz.Party{Component: []string{"alice", "bob", "carol"}[i], Role: mpspdz.PlainParty,
			Endpoint: endpoint(o.t, fmt.Sprintf("10.0.0.%d:1400%d", i+1, i)), Certificate: c})
	}
	set, err := mpspdz.NewPartySet(parties)
	if err != nil {
		o.t.Fatal(err)
	}
	return set
}

// TestAuthoritiesInPlayerFiles: what is rendered is what the real openssl needs to accept the CA-signed party, and no more.
func TestAuthoritiesInPlayerFiles(t *testing.T) {
	o := newOffice(t)
	set, keys := o.signedTrio()
	own := mpspdz.Own{Component: "bob", KeyPEM: keys[1], BindPort: 14001, Authorities: o.trusted("root.pem", "inter.pem")}
	files, err := mpspdz.Render(set, own)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	data := filepath.Join(dir, mpspdz.PlayerData)
	verify := func() (string, bool) {
		for _, purpose := range []string{"sslserver", "sslclient"} {
			if out, ok := openssl(t, "verify", "-no-CAfile", "-no-CAstore", "-CApath", data, "-purpose", purpose, o.path("alice.pem")); !ok {
				return out, false
			}
		}
		return "", true
	}
	if out, ok := verify(); !ok {
		t.Errorf("openssl refuses the leaf: %s", out)
	}
	made := links(t, data)
	if out, ok := openssl(t, "rehash", data); !ok {
		t.Fatal(out)
	}
	if again := links(t, data); fmt.Sprint(made) != fmt.Sprint(again) {
		t.Errorf("links %v, openssl rehash makes %v", made, again)
	}
	for i := range 2 { // without either of the two it is refused
		name := filepath.Join(data, fmt.Sprintf("authority-%d.pem", i))
		if err := os.Rename(name, name+".away"); err != nil {
			t.Fatal(err)
		}
		if out, ok := verify(); ok || !strings.Contains(out, "unable to get") {
			t.Errorf("without %s: %v %s", name, ok, out)
		}
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
	}
	// An authority that no party needs is never written; the digest knows nothing of any.
	o.root("other", "/CN=Other")
	own.Authorities = o.trusted("root.pem", "inter.pem", "other.pem")
	again, err := mpspdz.Render(set, own)
	if err != nil || mpspdz.RenderedName(again) != mpspdz.RenderedName(files) {
		t.Errorf("another authority changed the files: %v", err)
	}
	numbered, err := mpspdz.NewPartySet(set.Parties()[1:])
	if err != nil {
		t.Fatal(err)
	}
	plain, err := mpspdz.Render(numbered, own)
	if err != nil || slices.ContainsFunc(plain, func(f mpspdz.File) bool { return strings.Contains(f.Path, "authority") }) {
		t.Errorf("an authority that nobody needs: %v", err)
	}
}

func TestRenderWithoutAuthority(t *testing.T) {
	o := newOffice(t)
	set, keys := o.signedTrio()
	for name, test := range map[string]struct {
		trusted mpspdz.Authorities
		text    string
	}{
		"none":             {mpspdz.Authorities{}, "it was issued by O=Office,CN=Issuing, and [trust] authorities does not name that authority"},
		"the root alone":   {o.trusted("root.pem"), "does not name that authority"},
		"the issuer alone": {o.trusted("inter.pem"), "does not name all who signed that authority's certificate, up to a root"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mpspdz.Render(set, mpspdz.Own{Component: "bob", KeyPEM: keys[1], BindPort: 14001, Authorities: test.trusted})
			var reason *mpspdz.SetError
			if !errors.As(err, &reason) || reason.Code != mpspdz.SetUnknownAuthority || !strings.Contains(reason.Text, test.text) ||
				!slices.Equal(reason.Components, []string{"alice"}) || !strings.Contains(reason.Cure, "[trust] authorities") {
				t.Errorf("%#v", err)
			}
		})
	}
}

// TestChainIsOpenSSLs: where Chain finds one, openssl accepts the leaf with it; where it finds none, not even with all.
func TestChainIsOpenSSLs(t *testing.T) {
	o := newOffice(t)
	o.sign("deep", "/CN=Deep", "inter", "basicConstraints=critical,CA:TRUE") // beyond pathlen:0
	o.sign("alice", "/O=alice/CN=alice", "inter", leafNames)
	o.sign("below", "/O=below/CN=below", "deep", leafNames)
	// Another authority of the same name, and one that only says that the issuer signed it.
	o.root("double", "/O=Office/CN=Issuing")
	o.run("x509", "-req", "-sha1", "-in", o.path("alice.csr"), "-CA", o.path("inter.pem"), "-CAkey", o.path("inter.key"), "-extfile", o.path("alice.ext"),
		"-days", "9", "-out", o.path("sha1.pem"))
	// The root once more, signed by another authority: either way leads to an end.
	o.root("above", "/CN=Above")
	o.cross("root", "above")
	for name, test := range map[string]struct {
		leaf        string
		authorities []string
		good        bool
	}{
		"whole":             {"alice", []string{"root.pem", "inter.pem"}, true},
		"no intermediate":   {"alice", []string{"root.pem"}, false},
		"no root":           {"alice", []string{"inter.pem"}, false},
		"another of a name": {"alice", []string{"root.pem", "double.pem"}, false},
		"beside another":    {"alice", []string{"root.pem", "inter.pem", "double.pem"}, true},
		"cross-signed":      {"alice", []string{"inter.pem", "root.cross.pem", "above.pem"}, true},
		"both ways":         {"alice", []string{"root.cross.pem", "inter.pem", "root.pem"}, true},
		"neither end":       {"alice", []string{"root.cross.pem", "inter.pem"}, false},
		"path too long":     {"below", []string{"root.pem", "inter.pem", "deep.pem"}, false},
		"SHA-1":             {"sha1", []string{"root.pem", "inter.pem"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			leaf, err := mpspdz.ParseLeafPEM(o.read(test.leaf + ".pem"))
			if err != nil {
				t.Fatal(err)
			}
			// With a chain, what stands in player files is that chain alone: OpenSSL would not always find it among others. Without one, all.
			chain, err := o.trusted(test.authorities...).Chain(leaf)
			if err != nil {
				chain = o.trusted(test.authorities...).All()
			}
			dir := t.TempDir()
			for i, a := range chain {
				write(t, dir, fmt.Sprintf("%d.pem", i), a.PEM())
			}
			if out, ok := openssl(t, "rehash", dir); !ok {
				t.Fatal(out)
			}
			out, ok := openssl(t, "verify", "-no-CAfile", "-no-CAstore", "-CApath", dir, "-auth_level", "2", o.path(test.leaf+".pem"))
			if ok != test.good || (err == nil) != test.good {
				t.Errorf("openssl %v (%s), Chain %v, want %v", ok, out, err, test.good)
			}
			if err != nil {
				wantRule(t, err, mpspdz.RuleAuthority)
			}
		})
	}
}

// TestParseAuthorities: what no operator should set is refused, with the file's certificate named.
func TestParseAuthorities(t *testing.T) {
	good := spec{subject: cn("Root"), exts: [][]byte{caTrue, ski("id"), aki("id")}}
	with := func(change func(*spec)) []byte {
		s := good
		change(&s)
		return certPEM(s.build(t))
	}
	ok := with(func(*spec) {})
	for name, test := range map[string]struct {
		file       []byte
		rule, text string
	}{
		"one":              {ok, "", ""},
		"two":              {append(with(func(s *spec) { s.subject = cn("Two") }), ok...), "", ""},
		"text before it":   {append([]byte("Our root\n"), ok...), "", ""},
		"none":             {[]byte("x"), mpspdz.RuleNotPEM, "no PEM block"},
		"a leaf":           {with(func(s *spec) { s.exts = nil }), mpspdz.RuleNotCA, "the certificate (CN=Root) is no authority's"},
		"CA:FALSE":         {append(bytes.Clone(ok), with(func(s *spec) { s.exts = [][]byte{caFalse} })...), mpspdz.RuleNotCA, "certificate 2 (CN=Root) is no authority's"},
		"X.509 v1":         {with(func(s *spec) { s.version, s.exts = 1, nil }), mpspdz.RuleVersion, "is X.509 v1"},
		"no keyCertSign":   {with(func(s *spec) { s.exts = append([][]byte{kuEncipher}, s.exts...) }), mpspdz.RuleNotCA, "keyCertSign"},
		"serverAuth only":  {with(func(s *spec) { s.exts = append([][]byte{eku(serverAuth)}, s.exts...) }), mpspdz.RuleExtendedUse, "extendedKeyUsage"},
		"name constraints": {with(func(s *spec) { s.exts = append([][]byte{ext("\x55\x1d\x1e", true, der(asn1.SEQUENCE))}, s.exts...) }), mpspdz.RuleConstraints, "name constraints"},
		"P-384":            {with(func(s *spec) { s.key = ecdsaKey(elliptic.P384()) }), mpspdz.RuleKeyType, ""},
		"RSA 1024":         {with(func(s *spec) { s.issuerKey, s.spki = rsaA(), rsaSPKI(1024, 65537) }), mpspdz.RuleRSATooSmall, "1024"},
		"expired":          {with(func(s *spec) { s.from, s.to = now.AddDate(-1, 0, 0), now.Add(-time.Second) }), mpspdz.RuleExpired, "(CN=Root) expired on"},
		"of tomorrow":      {with(func(s *spec) { s.from, s.to = now.Add(time.Hour), now.AddDate(1, 0, 0) }), mpspdz.RuleNotYetValid, "valid only from"},
		"a damaged root":   {with(func(s *spec) { s.issuerKey = ed25519Key() }), mpspdz.RuleSignature, "damaged"},
		"a private key":    {append(bytes.Clone(ok), keyPEM(t, ed25519Key())...), mpspdz.RuleOtherBlock, "a private key"},
		"too many":         {bytes.Repeat(ok, mpspdz.MaxAuthorities+1), mpspdz.RuleTooMany, "at most 16"},
		"unknown critical": {with(func(s *spec) {
			s.exts = append([][]byte{ext("\x2b\x06\x01\x04\x01\x01", true, der(asn1.NULL))}, s.exts...)
		}), mpspdz.RuleCritical, ""},
		"a terminal's codes": {with(func(s *spec) { s.subject, s.exts = cn("\x1b[2J"), nil }), mpspdz.RuleNotCA, `CN=\1B[2J`},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := mpspdz.ParseAuthorities(test.file, now)
			if test.rule == "" {
				if err != nil || len(all) == 0 {
					t.Error(err)
				}
				return
			}
			wantRule(t, err, test.rule)
			if err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q lacks %q", err, test.text)
			}
		})
	}
}

// TestMistakableSubjects: with these among the player files, OpenSSL could look for a signature at the wrong certificate.
func TestMistakableSubjects(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	rootKey, o := rsaA(), office{t: t}
	named := func(exts ...[]byte) []byte {
		return spec{subject: cn("Root"), key: rootKey, exts: append(exts, caTrue, ski("root"))}.build(t)
	}
	bob := func(subject string, exts ...[]byte) *mpspdz.Certificate {
		return mustParse(t, spec{subject: cn(subject), exts: exts}.build(t))
	}
	leaf := func(exts ...[]byte) *mpspdz.Certificate {
		c, err := mpspdz.ParseLeaf(spec{subject: cn("alice"), issuer: cn("Root"), issuerKey: rootKey, exts: exts}.build(t))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, test := range map[string]struct {
		root       []byte
		alice, bob *mpspdz.Certificate
		clash      bool
	}{
		"other subjects":                     {named(), leaf(), bob("bob"), false},
		"a party of the authority's subject": {named(), leaf(), bob("root"), true},
		"the authority has no AKI":           {named(), leaf(aki("root")), bob("Root", ski("bob"), aki("bob")), true},
		"the leaf has no AKI":                {named(aki("root")), leaf(), bob("Root", ski("bob"), aki("bob")), true},
		"with identifiers on all sides":      {named(aki("root")), leaf(aki("root")), bob("Root", ski("bob"), aki("bob")), false},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := mpspdz.ParseAuthorities(certPEM(test.root), now)
			if err != nil {
				t.Fatal(err)
			}
			trusted, err := mpspdz.NewAuthorities(all)
			if err != nil {
				t.Fatal(err)
			}
			for _, der := range [][]byte{test.alice.DER(), test.bob.DER()} {
				if reason, ok := verifies(t, folderOf(t, test.alice.DER(), test.bob.DER(), test.root), der); !ok && !test.clash {
					t.Errorf("openssl refuses one: %s", reason)
				}
			}
			_, err = o.setOf([]*mpspdz.Certificate{test.alice, test.bob}).Authorities(trusted)
			var reason *mpspdz.SetError
			if clash := errors.As(err, &reason) && reason.Code == mpspdz.SetDuplicateSubject && slices.Contains(reason.Components, "bob"); clash != test.clash {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestCheckFolderAuthorities: an authority that the operator set is a warning with its danger, another one stays an error.
func TestCheckFolderAuthorities(t *testing.T) {
	o := newOffice(t)
	set, keys := o.signedTrio()
	own := mpspdz.Own{Component: "bob", KeyPEM: keys[1], BindPort: 14001, Authorities: o.trusted("root.pem", "inter.pem")}
	files, err := mpspdz.Render(set, own)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	check := func(own mpspdz.Own) (lines []string) {
		for _, f := range mpspdz.CheckFolder(os.DirFS(dir), &set, own, time.Now()) {
			if f.Code == mpspdz.FolderMembership {
				continue
			}
			lines = append(lines, fmt.Sprintf("%v %s %s %s", f.Error, f.Code, f.Where, f.Text))
			folderCodes[f.Code] = true
		}
		slices.Sort(lines) // which of the two comes first depends on their hashes
		return lines
	}
	want := func(got []string, parts ...string) {
		t.Helper()
		ok := len(got) == len(parts)
		for i := range min(len(got), len(parts)) {
			ok = ok && strings.Contains(got[i], parts[i])
		}
		if !ok {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(parts, "\n"))
		}
	}
	want(check(own), "false authority Player-Data/authority-", mpspdz.AuthorityDanger)
	named := own
	named.Authorities = mpspdz.Authorities{}
	want(check(named), "true stranger Player-Data/authority-", "true stranger Player-Data/authority-")
	if err := os.Remove(filepath.Join(dir, mpspdz.PlayerData, "authority-0.pem")); err != nil {
		t.Fatal(err)
	}
	want(check(own), "false authority", "false dangling-link", "true bad-certificate Player-Data/P0.pem it was issued by O=Office,CN=Issuing, and OpenSSL does not find")
	findings, paths := mpspdz.Foreign(os.DirFS(dir), files, mpspdz.Ours{})
	if len(findings)+len(paths) > 0 {
		t.Errorf("what belongs to the set is foreign: %v", findings)
	}
}

// TestCheckCertificateOfAnAuthority: cert check says who signed it, and whether the chain is whole.
func TestCheckCertificateOfAnAuthority(t *testing.T) {
	o := newOffice(t)
	o.sign("alice", "/O=alice/CN=alice", "inter", leafNames)
	for name, test := range map[string]struct {
		use     mpspdz.Use
		trusted mpspdz.Authorities
		code    string
		isError bool
		text    string
	}{
		"complete":      {mpspdz.UsePerParty, o.trusted("inter.pem", "root.pem"), mpspdz.CheckAuthority, false, "signed by O=Office,CN=Issuing, and that one by O=Office,CN=Root"},
		"incomplete":    {mpspdz.UsePerParty, o.trusted("inter.pem"), mpspdz.RuleAuthority, true, "up to a root"},
		"unknown":       {mpspdz.UsePerParty, mpspdz.Authorities{}, mpspdz.RuleAuthority, true, "does not name that authority"},
		"no component":  {mpspdz.UseUnknown, mpspdz.Authorities{}, mpspdz.RuleAuthority, false, "issued by O=Office,CN=Issuing"},
		"of Fed-BioMed": {mpspdz.UseFedbiomed, o.trusted("inter.pem", "root.pem"), mpspdz.RuleNotSelf, true, "Fed-BioMed's registry has no place for that authority's certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := mpspdz.CheckCertificate(o.read("alice.pem"), "alice.pem", test.use, test.trusted, time.Now())
			i := slices.IndexFunc(findings, func(f mpspdz.Finding) bool { return f.Code == test.code })
			if i < 0 || findings[i].Error != test.isError || !strings.Contains(findings[i].Text, test.text) || findings[i].Cure == "" {
				t.Errorf("%+v", findings)
			}
		})
	}
}
