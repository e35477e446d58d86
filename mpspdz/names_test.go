package mpspdz_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// allNames are the DNS names P0 to P255.
func allNames() []byte {
	names := make([]string, 256)
	for i := range names {
		names[i] = fmt.Sprintf("P%d", i)
	}
	return dnsNames(names...)
}

// TestNames holds the table of what old and new MP-SPDZ accept as P1 (and as P2), with the real OpenSSL for the new one.
func TestNames(t *testing.T) {
	twoNames := func(a, b string) []byte {
		return nameOf(set(value(commonName, asn1.UTF8String, a)), set(value(commonName, asn1.UTF8String, b)))
	}
	email := ext("\x55\x1d\x11", false, der(asn1.SEQUENCE, der(asn1.Tag(1).ContextSpecific(), []byte("a@example.org"))))
	exts := func(e ...[]byte) [][]byte { return e }
	tests := []struct {
		name         string
		spec         spec
		old, current bool // as P1
		old2, new2   bool // as P2
		phrase       string
	}{
		// The rows of what was measured.
		{"CN *, Fed-BioMed's own", spec{subject: cn("*")}, true, false, true, false, "works with MP-SPDZ up to 0.4.0 (CN *)"},
		{"CN P*", spec{subject: cn("P*")}, true, false, true, false, "works with MP-SPDZ up to 0.4.0 (CN P*)"},
		{"SAN P*", spec{subject: cn("x"), exts: exts(dnsNames("P*"))}, true, false, true, false, "works with MP-SPDZ up to 0.4.0 (SAN P*)"},
		{"CN P1", spec{subject: cn("P1")}, true, true, false, false, "works with every MP-SPDZ as party 1 only (CN P1)"},
		{"CN p1", spec{subject: cn("p1")}, true, true, false, false, "works with every MP-SPDZ as party 1 only (CN p1)"},
		{"CN P1 and an unrelated SAN", spec{exts: exts(dnsNames("example.org"))}, true, false, false, false,
			"works with MP-SPDZ up to 0.4.0 as party 1 only (SAN example.org)"},
		{"SAN P1 only", spec{subject: nameOf(), exts: exts(dnsNames("P1"))}, true, true, false, false, "works with every MP-SPDZ as party 1 only (SAN P1)"},
		{"SAN P0 to P255", spec{subject: cn("alice"), exts: exts(allNames())}, true, true, true, true, "works with every MP-SPDZ (SAN P0 and 255 more)"},
		{"CN a component", spec{subject: cn("NODE_1")}, false, false, false, false,
			"works with no MP-SPDZ: its name is not P and the party's number (CN NODE_1)"},
		{"CN an address", spec{subject: cn("10.0.0.1")}, false, false, false, false,
			"works with no MP-SPDZ: its name is not P and the party's number (CN 10.0.0.1)"},

		// Beyond them: what the two functions do at their edges.
		{"SAN P1 and P2", spec{subject: cn("x"), exts: exts(dnsNames("P1", "p2"))}, true, true, true, true, "works with every MP-SPDZ as parties 1 to 2 only (SAN P1 and 1 more)"},
		{"SAN P1 and P9", spec{subject: cn("x"), exts: exts(dnsNames("P1", "P9"))}, true, true, false, false, "works with every MP-SPDZ as 2 of 255 party numbers only (SAN P1 and 1 more)"},
		{"CN *, SAN P1", spec{subject: cn("*"), exts: exts(dnsNames("P1"))}, true, true, true, false, "works with MP-SPDZ up to 0.4.0 and later ones as party 1 only (SAN P1)"},
		{"two CNs, the last P1", spec{subject: twoNames("P2", "P1")}, true, true, false, true, ""},
		{"two CNs, the first P1", spec{subject: twoNames("P1", "x")}, false, true, false, false, ""},
		{"SAN without DNS names", spec{exts: exts(email)}, true, true, false, false, ""},
		{"SAN with an empty name", spec{exts: exts(dnsNames(""))}, true, false, false, false, ""},
		{"SAN *.P1", spec{subject: cn("x"), exts: exts(dnsNames("*.P1"))}, false, false, false, false, ""},
		{"CN **", spec{subject: cn("**")}, true, false, true, false, ""},
		{"CN P1*", spec{subject: cn("P1*")}, false, false, false, false, ""},
		{"CN *1", spec{subject: cn("*1")}, true, false, false, false, ""},
		{"CN *P1", spec{subject: cn("*P1")}, true, false, false, false, ""},
		{"CN * and a space", spec{subject: cn("* ")}, false, false, false, false, ""},
		{"CN P1 as BMPString", spec{subject: nameOf(set(value(commonName, tagBMP, bmp("P1"))))}, false, true, false, false, ""},
		{"CN P1 as T61String", spec{subject: nameOf(set(value(commonName, asn1.T61String, "P1")))}, true, true, false, false, ""},
		{"CN P1 and NUL", spec{subject: cn("P1\x00")}, false, false, false, false, ""},
		{"CN with a Greek capital rho", spec{subject: cn("Ρ1")}, false, false, false, false, ""},
		{"no name", spec{subject: nameOf()}, false, false, false, false, "works with no MP-SPDZ: its name is not P and the party's number (no name)"},
		{"keyUsage that forbids a client", spec{exts: exts(kuEncipher)}, true, true, false, false, "works with no MP-SPDZ: its keyUsage lacks digitalSignature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := mustParse(t, test.spec.build(t))
			got := [...]bool{c.NameOld(1), c.NameNew(1), c.NameOld(2), c.NameNew(2)}
			if want := [...]bool{test.old, test.current, test.old2, test.new2}; got != want {
				t.Errorf("old and new as P1, as P2: %v, want %v", got, want)
			}
			if phrase := c.WorksWith(); test.phrase != "" && phrase != test.phrase {
				t.Errorf("got  %s\nwant %s", phrase, test.phrase)
			}
			checkHost(t, c, 1)
			checkHost(t, c, 2)
		})
	}
}

// checkHost compares NameNew with openssl x509 -checkhost.
func checkHost(t *testing.T, c *mpspdz.Certificate, party int) {
	t.Helper()
	testenv.NeedProgram(t, "openssl")
	host := fmt.Sprintf("P%d", party)
	out, ok := openssl(t, "x509", "-noout", "-in", write(t, t.TempDir(), "cert.pem", c.PEM()), "-checkhost", host)
	matches := strings.Contains(out, "does match")
	if !ok || !matches && !strings.Contains(out, "does NOT match") {
		t.Fatal(out)
	}
	if matches != c.NameNew(party) {
		t.Errorf("NameNew(%d) is %v, openssl says: %s", party, c.NameNew(party), out)
	}
}

// boostMatches is match_pattern of boost/asio/ssl/impl/rfc2818_verification.ipp, step by step.
func boostMatches(pattern, host string) bool {
	for pattern != "" && host != "" {
		switch {
		case pattern[0] == '*':
			pattern = pattern[1:]
			for ; host != "" && host[0] != '.'; host = host[1:] {
				if boostMatches(pattern, host) {
					return true
				}
			}
		case strings.EqualFold(pattern[:1], host[:1]):
			pattern, host = pattern[1:], host[1:]
		default:
			return false
		}
	}
	return pattern == "" && host == ""
}

// TestNameOldMatchesAsBoostDoes tries every name of up to four characters that can come near P1 or P11.
func TestNameOldMatchesAsBoostDoes(t *testing.T) {
	patterns := []string{""}
	for i := 0; i < len(patterns) && len(patterns[i]) < 4; i++ {
		for _, c := range []string{"*", "P", "p", "1", "x"} {
			patterns = append(patterns, patterns[i]+c)
		}
	}
	for _, pattern := range patterns[1:] {
		c := mustParse(t, spec{subject: cn(pattern)}.build(t))
		for _, party := range []int{1, 11} {
			if got, want := c.NameOld(party), boostMatches(pattern, fmt.Sprintf("P%d", party)); got != want {
				t.Errorf("CN %s as P%d: %v, Boost says %v", pattern, party, got, want)
			}
		}
	}
}

// TestNameOldTakesLinearTime: Boost's recursion takes hours for this name, and a stranger chooses it.
func TestNameOldTakesLinearTime(t *testing.T) {
	c := mustParse(t, spec{subject: cn(strings.Repeat("*", 3500) + "x")}.build(t))
	done := make(chan bool, 1)
	go func() { done <- c.NameOld(254) }()
	select {
	case matched := <-done:
		if matched {
			t.Error("a name that ends in x matches P254")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("NameOld did not end within 20 s")
	}
}

func TestWorksWithIsSafeToPrint(t *testing.T) {
	c := mustParse(t, spec{subject: cn("\x1b[2J" + strings.Repeat("é", 100))}.build(t))
	got := c.WorksWith()
	if want := `(CN \1B[2J` + strings.Repeat("é", 30) + `…)`; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
}
