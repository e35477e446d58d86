package mpspdz_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// verifies asks the real openssl whether a certificate verifies as a TLS server and client with this folder of trust roots.
func verifies(t *testing.T, folder string, der []byte) (string, bool) {
	t.Helper()
	path := write(t, t.TempDir(), "peer.pem", certPEM(der))
	for _, purpose := range []string{"sslserver", "sslclient"} {
		out, ok := openssl(t, "verify", "-no-CAfile", "-no-CAstore", "-CApath", folder, "-purpose", purpose,
			"-attime", fmt.Sprint(now.Unix()), path)
		if !ok {
			return out, false
		}
	}
	return "", true
}

// folderOf makes a folder of trust roots as MP-SPDZ has it.
func folderOf(t *testing.T, certificates ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, der := range certificates {
		write(t, dir, fmt.Sprintf("P%d.pem", i), certPEM(der))
	}
	if out, ok := openssl(t, "rehash", dir); !ok {
		t.Fatal(out)
	}
	return dir
}

// TestIssuingForms shows why certificates are refused: with each of these registered, its holder makes a certificate as party 0
// that the real OpenSSL takes. With each of the accepted forms it does not.
func TestIssuingForms(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	tests := []struct {
		name string
		spec spec
		rule string // empty: accepted, and cannot issue
	}{
		{"CA:TRUE", spec{exts: [][]byte{caTrue}}, mpspdz.RuleCA},
		{"X.509 v1", spec{version: 1}, mpspdz.RuleVersion},
		{"keyCertSign without basicConstraints", spec{exts: [][]byte{kuCertSign}}, mpspdz.RuleKeyUsage},
		{"Netscape CA type", spec{exts: [][]byte{nsSSLCA}}, mpspdz.RuleNetscape},
		{"CA:TRUE behind a unique id that Go's parser stops at",
			spec{uniqueID: der(0xa1, der(asn1.BIT_STRING, []byte{0, 1})), exts: [][]byte{caTrue}}, mpspdz.RuleUniqueID},

		{"v3 without extensions, RSA, as Fed-BioMed's", spec{key: rsaA()}, ""},
		{"v3 without extensions, Ed25519", spec{}, ""},
		{"CA:FALSE", spec{exts: [][]byte{caFalse}}, ""},
		{"keyUsage of a TLS peer", spec{exts: [][]byte{kuTLS}}, ""},
		{"extendedKeyUsage alone", spec{exts: [][]byte{eku(serverAuth, clientAuth)}}, ""},
		{"key identifiers alone", spec{exts: [][]byte{ski("id"), aki("id")}}, ""},
		{"the form that is right everywhere",
			spec{exts: [][]byte{dnsNames("P1"), caFalse, kuTLS, eku(serverAuth, clientAuth), ski("id"), aki("id")}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := test.spec
			s.fill(t)
			registered := s.build(t)
			forged := spec{subject: cn("P0"), issuer: s.subject, issuerKey: s.key, exts: [][]byte{kuTLS}}.build(t)
			folder := folderOf(t, registered)
			_, err := mpspdz.ParseCertificate(registered)
			reason, issues := verifies(t, folder, forged)
			if test.rule != "" {
				wantRule(t, err, test.rule)
				if !issues {
					t.Errorf("openssl refuses what it would issue, so the rule has no reason: %s", reason)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
			if issues {
				t.Error("openssl takes a certificate issued by one that is accepted")
			}
			if reason, ok := verifies(t, folder, registered); !ok {
				t.Errorf("the registered certificate itself does not verify: %s", reason)
			}
		})
	}
}

// TestRefusedFormsFail: with these registered, openssl refuses the certificate itself, so a run would fail.
func TestRefusedFormsFail(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	unknown := ext("\x2b\x06\x01\x04\x01\x01", true, der(asn1.NULL))
	for name, s := range map[string]spec{
		"serverAuth only":          {exts: [][]byte{eku(serverAuth)}},
		"clientAuth only":          {exts: [][]byte{eku(clientAuth)}},
		"any purpose only":         {exts: [][]byte{eku(anyUsage)}},
		"unknown critical":         {exts: [][]byte{unknown}},
		"critical key identifier":  {exts: [][]byte{ext("\x55\x1d\x0e", true, der(asn1.OCTET_STRING, []byte("id")))}},
		"another's key identifier": {exts: [][]byte{ski("own"), aki("other")}},
		"an authority's":           {issuer: cn("Authority"), issuerKey: ed25519Key()},
		"another kind of key":      {key: rsaA(), issuerKey: ed25519Key()},
		"proxyCertInfo":            {exts: [][]byte{proxyInfo}},
	} {
		t.Run(name, func(t *testing.T) {
			der := s.build(t)
			if _, err := mpspdz.ParseCertificate(der); err == nil {
				t.Error("accepted")
			}
			if _, ok := verifies(t, folderOf(t, der), der); ok {
				t.Error("openssl accepts it")
			}
		})
	}
}

// TestKeyUsageThatLetsNobodyIn: WorksWith says that a certificate fails which the rules accept.
func TestKeyUsageThatLetsNobodyIn(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	der := spec{exts: [][]byte{kuEncipher}}.build(t)
	if !strings.HasPrefix(mustParse(t, der).WorksWith(), "works with no MP-SPDZ") {
		t.Error("not said")
	}
	if _, ok := verifies(t, folderOf(t, der), der); ok {
		t.Error("openssl accepts it")
	}
}

// TestSelfSignatureIsNotLookedAt is why CheckSelfSigned may stay out of ParseCertificate.
func TestSelfSignatureIsNotLookedAt(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	der := spec{issuerKey: ed25519Key()}.build(t)
	if reason, ok := verifies(t, folderOf(t, der), der); !ok {
		t.Errorf("openssl refuses it: %s", reason)
	}
	wantRule(t, mustParse(t, der).CheckSelfSigned(), mpspdz.RuleSignature)
}

func TestSubjectClashIsOpenSSLs(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	ids := func(id string) [][]byte { return [][]byte{ski(id), aki(id)} }
	tests := []struct {
		name  string
		a, b  spec
		clash bool
	}{
		{"other subjects", spec{subject: cn("a")}, spec{subject: cn("b")}, false},
		{"same subject", spec{}, spec{}, true},
		{"same but for case", spec{subject: cn("P1")}, spec{subject: cn("p1 ")}, true},
		{"key ids in both", spec{exts: ids("a")}, spec{exts: ids("b")}, false},
		{"key ids copied", spec{exts: ids("a")}, spec{exts: ids("a")}, true},
		{"subjectKeyIdentifier only", spec{exts: [][]byte{ski("a")}}, spec{exts: [][]byte{ski("b")}}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			first, second := test.a.build(t), test.b.build(t)
			a, b := mustParse(t, first), mustParse(t, second)
			if mpspdz.SubjectClash(a, b) != test.clash || mpspdz.SubjectClash(b, a) != test.clash {
				t.Errorf("clash is %v, want %v", !test.clash, test.clash)
			}
			folder := folderOf(t, first, second)
			_, one := verifies(t, folder, first)
			_, other := verifies(t, folder, second)
			if one && other == test.clash {
				t.Errorf("openssl verifies the first: %v, the second: %v", one, other)
			}
			if !one {
				t.Error("openssl does not verify the one linked as .0")
			}
		})
	}
}

// TestHashLinksServeOpenSSL: a rendered folder, without openssl rehash, verifies its members and nobody else.
func TestHashLinksServeOpenSSL(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	set, keys := newSet(t, 3)
	files, err := mpspdz.Render(set, mpspdz.Own{Component: set.Parties()[0].Component, KeyPEM: keys[0], BindPort: 14000})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	folder := filepath.Join(dir, mpspdz.PlayerData)
	for _, p := range set.Parties() {
		if reason, ok := verifies(t, folder, p.Certificate.DER()); !ok {
			t.Errorf("%s: %s", p.Component, reason)
		}
	}
	if _, ok := verifies(t, folder, spec{subject: cn("stranger")}.build(t)); ok {
		t.Error("a stranger verifies")
	}
}
