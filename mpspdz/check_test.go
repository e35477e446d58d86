package mpspdz_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/mpspdz"
)

// told is a finding on one line: E or W, code, text.
func told(findings []mpspdz.Finding) string {
	var lines []string
	for _, f := range findings {
		kind := "W"
		if f.Error {
			kind = "E"
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", kind, f.Code, f.Text))
	}
	return strings.Join(lines, "\n")
}

// TestCheckCertificate has a row for each code that is not a rule, and some that are; TestParseCertificate has all rules.
func TestCheckCertificate(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	ends := func(s spec, at time.Time) spec { s.from, s.to = now.AddDate(-1, 0, 0), at; return s }
	plain, star, third := spec{subject: cn("alice"), exts: [][]byte{allNames()}}, spec{subject: cn("*")}, spec{subject: cn("P3")}
	twoNames := spec{subject: nameOf(set(value(commonName, asn1.UTF8String, "P1")), set(value(commonName, asn1.UTF8String, "x")))}
	tests := []struct {
		name string
		spec spec
		use  mpspdz.Use
		want string
	}{
		{"for every number", plain, mpspdz.UseOwn, ""},
		{"for every number, Fed-BioMed", plain, mpspdz.UseFedbiomed, ""},
		{"Fed-BioMed's own", star, mpspdz.UseFedbiomed, ""},
		{"Fed-BioMed's own form, plain", star, mpspdz.UseOwn, "W new-refuses: MP-SPDZ from 0.4.1 refuses the name (CN *)"},
		{"names do not matter", spec{subject: cn("alice")}, mpspdz.UsePerParty, ""},
		{"a component's name", spec{subject: cn("alice")}, mpspdz.UseOwn,
			"E no-party: it works with no MP-SPDZ: its name is not P and the party's number (CN alice)"},
		{"a component's name, of somebody", spec{subject: cn("alice")}, mpspdz.UseUnknown,
			"W no-party: it works with no MP-SPDZ: its name is not P and the party's number (CN alice)"},
		{"one number", third, mpspdz.UseOwn,
			"W one-number: MP-SPDZ accepts it as party 3 only (CN P3): a set in which it stands for another party fails"},
		{"one number, Fed-BioMed", third, mpspdz.UseFedbiomed, "E old-refuses: Fed-BioMed's MP-SPDZ accepts it as party 3 (CN P3), " +
			"and Fed-BioMed numbers the parties anew for each experiment"},
		{"new only", twoNames, mpspdz.UseOwn, "W old-refuses: MP-SPDZ up to 0.4.0 refuses the name (CN x)"},
		{"ends soon", ends(plain, now.AddDate(0, 0, 12)), mpspdz.UseOwn,
			"W expires-soon: it ends in 12 days, on 2027-01-13, and every other site must approve the next one"},
		{"ends tomorrow", ends(plain, now.Add(30*time.Hour)), mpspdz.UseOwn,
			"W expires-soon: it ends within two days, on 2027-01-02, and every other site must approve the next one"},
		{"ends in 60 days", ends(plain, now.AddDate(0, 0, 60)), mpspdz.UseOwn, ""},
		{"expired, and new refuses it", ends(star, now.Add(-time.Second)), mpspdz.UseOwn,
			"E expired: the certificate expired on 2026-12-31T23:59:59Z\nW new-refuses: MP-SPDZ from 0.4.1 refuses the name (CN *)"},
		{"can issue", spec{exts: [][]byte{ext("\x55\x1d\x13", true, der(asn1.SEQUENCE, boolean(true)))}}, mpspdz.UseOwn,
			"E ca: the certificate is a CA's (basicConstraints CA:TRUE, which is what setup-ssl.sh of MP-SPDZ makes): its holder could make itself a certificate as any party"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.spec.to.IsZero() {
				test.spec = ends(test.spec, now.AddDate(1, 0, 0))
			}
			c, findings := mpspdz.CheckCertificate(certPEM(test.spec.build(t)), "alice.pem", test.use, mpspdz.Authorities{}, now)
			if got := told(findings); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if refused := test.name == "can issue"; refused != (c == nil) {
				t.Errorf("certificate %v", c)
			}
			for _, f := range findings {
				if f.Cure == "" || f.Where != "alice.pem" {
					t.Errorf("%s: where %q, cure %q", f.Code, f.Where, f.Cure)
				}
			}
		})
	}
}

func TestCheckCertificateFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                   mpspdz.RuleNotPEM,
		"\xef\xbb\xbf-----B": mpspdz.RuleBOM,
	} {
		c, findings := mpspdz.CheckCertificate([]byte(text), "x", mpspdz.UseUnknown, mpspdz.Authorities{}, time.Now())
		if c != nil || len(findings) != 1 || findings[0].Code != want || !findings[0].Error {
			t.Errorf("%q: %v", text, findings)
		}
	}
}

// TestAcceptance: the numbers of a certificate are those of NameOld and NameNew, and none where keyUsage forbids a handshake.
func TestAcceptance(t *testing.T) {
	certificate, _, err := mpspdz.NewPartyCertificate(rand.Reader, "alice", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	all, err := mpspdz.ParseCertificatePEM(certificate)
	if err != nil {
		t.Fatal(err)
	}
	if a := all.Acceptance(); !a.Everywhere() || a.Nobody() || mpspdz.NumbersShown(a.New) != "any party" {
		t.Errorf("%v", a)
	}
	if names := all.DNSNames(); len(names) != 256 || names[255] != "P255" || strings.Join(all.CommonNames(), " ") != "alice" {
		t.Errorf("%v, %v", names, all.CommonNames())
	}
	parse := func(s spec) *mpspdz.Certificate {
		c, err := mpspdz.ParseCertificate(s.build(t))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if a := parse(spec{subject: cn("*")}).Acceptance(); a.Everywhere() || len(a.Old) != mpspdz.MaxParties || mpspdz.NumbersShown(a.New) != "no party" {
		t.Errorf("%v", a)
	}
	noSignature := ext("\x55\x1d\x0f", true, bitString(5, 0x20)) // keyEncipherment alone
	if a := parse(spec{subject: cn("*"), exts: [][]byte{noSignature}}).Acceptance(); !a.Nobody() {
		t.Errorf("%v", a)
	}
}
