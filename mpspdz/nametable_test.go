package mpspdz_test

import (
	"crypto/elliptic"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// TestTableOfCertificateForms holds, row by row and in its order, the table that was measured with the real MP-SPDZ in both builds: which
// form of party 1's certificate runs. A row that runs nowhere, or that could issue, has the rule that refuses it; in every other row the
// name check of the old and of the new build decides.
func TestTableOfCertificateForms(t *testing.T) {
	type row struct {
		name         string
		spec         spec
		old, current bool   // runs
		rule         string // ParseCertificate refuses it
	}
	san := func(names ...string) [][]byte { return [][]byte{dnsNames(names...)} }
	rows := []row{
		{"CN=* (Fed-BioMed's own)", spec{subject: cn("*")}, true, false, ""},
		{"CN=P*", spec{subject: cn("P*")}, true, false, ""},
		{"SAN DNS:P*", spec{subject: cn("x"), exts: san("P*")}, true, false, ""},
		{"CN=P1, no DNS SAN", spec{subject: cn("P1")}, true, true, ""},
		{"CN=p1, no DNS SAN", spec{subject: cn("p1")}, true, true, ""},
		{"CN=P1 and an unrelated DNS SAN", spec{subject: cn("P1"), exts: san("alice.example.org")}, true, false, ""},
		{"SAN DNS:P1 only", spec{subject: nameOf(), exts: san("P1")}, true, true, ""},
		{"SAN DNS:P0 to P255, any CN", spec{subject: cn("alice"), exts: [][]byte{allNames()}}, true, true, ""},
		{"CN = a component id", spec{subject: cn("NODE_983ee25b-4c76-4550-9729-8008e522e39d")}, false, false, ""},
		{"CN = an address", spec{subject: cn("10.0.0.2")}, false, false, ""},
		{"EKU serverAuth only", spec{exts: [][]byte{eku(serverAuth)}}, false, false, mpspdz.RuleExtendedUse},
		{"EKU clientAuth only", spec{exts: [][]byte{eku(clientAuth)}}, false, false, mpspdz.RuleExtendedUse},
		{"EKU both", spec{exts: [][]byte{eku(serverAuth, clientAuth)}}, true, true, ""},
		{"KU digitalSignature", spec{exts: [][]byte{ext("\x55\x1d\x0f", true, bitString(7, 0x80))}}, true, true, ""},
		{"KU digitalSignature and keyEncipherment", spec{exts: [][]byte{kuTLS}}, true, true, ""},
		{"CA:FALSE", spec{exts: [][]byte{caFalse}}, true, true, ""},
		{"CA:TRUE", spec{exts: [][]byte{caTrue}}, true, true, mpspdz.RuleCA}, // runs, and its holder is everybody
		{"KU keyCertSign only", spec{exts: [][]byte{ext("\x55\x1d\x0f", true, bitString(2, 0x04))}}, false, false, mpspdz.RuleKeyUsage},
		{"RSA 2048", spec{key: rsaA()}, true, true, ""},
		{"RSA 3072", spec{key: rsa3072()}, true, true, ""},
		{"RSA 4096", spec{key: rsaKey(4096)}, true, true, ""},
		{"ECDSA P-256", spec{key: ecdsaKey(elliptic.P256())}, true, true, ""},
		{"Ed25519", spec{key: ed25519Key()}, true, true, ""},
		{"RSA 1024", spec{key: rsa1024()}, false, false, mpspdz.RuleRSATooSmall},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c, err := mpspdz.ParseCertificate(row.spec.build(t))
			if row.rule != "" {
				wantRule(t, err, row.rule)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.NameOld(1) != row.old || c.NameNew(1) != row.current {
				t.Errorf("old %v, new %v; measured: %v, %v", c.NameOld(1), c.NameNew(1), row.old, row.current)
			}
			if runs := !strings.Contains(c.WorksWith(), "no MP-SPDZ"); runs != (row.old || row.current) {
				t.Errorf("%q, measured: %v, %v", c.WorksWith(), row.old, row.current)
			}
			checkHost(t, c, 1)
			checkHost(t, c, 2)
		})
	}
}

// TestNameNewIsOpenSSLs makes certificates of every pair of a list of common names and a list of alternative names that come near P1, in
// several encodings, and compares with openssl x509 -checkhost.
func TestNameNewIsOpenSSLs(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	utf8 := func(s string) []byte { return set(value(commonName, asn1.UTF8String, s)) }
	subjects := map[string][]byte{
		"none": nameOf(), "P1": cn("P1"), "p1": cn("p1"), "*": cn("*"), "P2 then P1": nameOf(utf8("P2"), utf8("P1")),
		"P1 then P2 in one set": nameOf(set(value(commonName, asn1.UTF8String, "P1"), value(commonName, asn1.UTF8String, "P2"))),
		"P1 and O":              nameOf(utf8("P1"), set(value(organization, asn1.UTF8String, "P2"))),
		"a dot":                 cn("P1."), "a space": cn(" P1"), "IA5String": nameOf(set(value(commonName, asn1.IA5String, "P1"))),
		"PrintableString": nameOf(set(value(commonName, asn1.PrintableString, "P1"))), "BMPString": nameOf(set(value(commonName, tagBMP, bmp("P1")))),
	}
	email := der(asn1.Tag(1).ContextSpecific(), []byte("P1"))
	address := der(asn1.Tag(7).ContextSpecific(), []byte{10, 0, 0, 1})
	alternatives := map[string][]byte{
		"none": nil, "P1": dnsNames("P1"), "p1": dnsNames("p1"), "*": dnsNames("*"), "P*": dnsNames("P*"), "empty": dnsNames(""), "P1.": dnsNames("P1."),
		".P1": dnsNames(".P1"), "P2": dnsNames("P2"), "P2, P1": dnsNames("P2", "P1"), "P1 and NUL": dnsNames("P1\x00"), "P11": dnsNames("P11"),
		"other kinds": ext("\x55\x1d\x11", false, der(asn1.SEQUENCE, email, address)),
	}
	key, accepted := ed25519Key(), 0
	for a, subject := range subjects {
		for b, names := range alternatives {
			s := spec{key: key, subject: subject}
			if names != nil {
				s.exts = [][]byte{names}
			}
			t.Run(fmt.Sprintf("CN %s, SAN %s", a, b), func(t *testing.T) {
				c := mustParse(t, s.build(t))
				checkHost(t, c, 1)
				if c.NameNew(1) {
					accepted++
				}
			})
		}
	}
	if all := len(subjects) * len(alternatives); accepted < all/8 || accepted > all*7/8 {
		t.Errorf("%d of %d are accepted: the list no longer tries both", accepted, all)
	}
}
