package main

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

// rangeOf is one range, or none.
func rangeOf(numbers ...int) []rangeJSON {
	if len(numbers) == 0 {
		return []rangeJSON{}
	}
	return []rangeJSON{{numbers[0], numbers[len(numbers)-1]}}
}

// shownCertificate is one of Fed-BioMed's form; all: one with a name for each party.
func shownCertificate(id string, all bool) *certificateJSON {
	c := &certificateJSON{Certificate: *peerOf(id, "", "", 'r').Certificate, CommonNames: []string{"*"}, DNSNames: []string{},
		Accepted: &acceptedJSON{Old: rangeOf(0, mpspdz.MaxParties-1), New: rangeOf()}}
	if all {
		c.CommonNames, c.DNSNames, c.Subject, c.Accepted.New = []string{"alice"}, nil, "CN=alice,O=alice", c.Accepted.Old
		for i := range mpspdz.MaxParties + 1 {
			c.DNSNames = append(c.DNSNames, "P"+strconv.Itoa(i))
		}
	}
	return c
}

// certScreens are those of `cert show` and `cert check`.
func certScreens() map[string]string {
	v := viewOf(api.Snapshot{})
	certs := "etc/certs/cert_" + idRes + "/MPSPDZ_certificate"
	fedbiomed := certShowJSON{Component: idRes, Role: "researcher", certificateJSON: shownCertificate(idRes, false), KeyFits: true,
		Key: "fits the certificate", Files: certFilesJSON{
			Certificate: api.Setting{Value: certs + ".pem", Source: "etc/config_researcher.ini: [mpspdz] public_key"},
			PrivateKey:  api.Setting{Value: certs + ".key", Source: "environment MPSPDZ_CERTIFICATE_KEY"},
			Former:      []string{certs + ".pem.old", certs + ".key.old"}}}
	plain := certShowJSON{Component: "alice", Role: "party", certificateJSON: shownCertificate("alice", true),
		Key: "the private key is not the certificate's (MP-SPDZ: key values mismatch)", Files: certFilesJSON{
			Certificate: api.Setting{Value: "alice.pem", Source: "fbpeer.ini: [component] certificate"},
			PrivateKey:  api.Setting{Value: "alice.key", Source: "fbpeer.ini: [component] private_key"}}}
	plain.NotAfter = noon.AddDate(0, 0, -1)
	third := shownCertificate("carol", false)
	third.CommonNames, third.Accepted = []string{"P3"}, &acceptedJSON{Old: rangeOf(3), New: rangeOf(3)}
	return map[string]string{
		"cert-show":        certScreen(fedbiomed, noon),
		"cert-show-plain":  certScreen(plain, noon),
		"cert-check-sound": v.certCheckScreen(certCheckJSON{OK: true, File: certs + ".pem", Certificate: fedbiomed.certificateJSON}),
		"cert-check": v.certCheckScreen(certCheckJSON{File: "carol.pem", Certificate: third,
			Obstacles: []findingJSON{{Code: "key-mismatch", Where: "carol.key", Cure: "finish it: fbpeer cert generate",
				Text: "`cert generate` was interrupted between key and certificate"}},
			Warnings: []findingJSON{
				{Code: "one-number", Where: "carol.pem", Cure: "make one for every number: fbpeer cert generate --names all",
					Text: "MP-SPDZ accepts it as party 3 only (CN P3): a set in which it stands for another party fails"},
				{Code: "expires-soon", Where: "carol.pem", Cure: "make a new key and certificate at its component: fbpeer cert generate",
					Text: "it ends in 12 days, on 2026-12-04, and every other site must approve the next one"}}}),
		"cert-check-refused": v.certCheckScreen(certCheckJSON{File: "stdin", Obstacles: []findingJSON{{Code: "der", Where: "stdin",
			Text: "the file is DER, and MP-SPDZ reads PEM", Cure: "convert it: openssl x509 -inform DER -in FILE -out FILE.pem"}}}),
	}
}

func TestCertScreens(t *testing.T) {
	for name, screen := range certScreens() {
		for line := range strings.SplitSeq(screen, "\n") {
			if displayWidth(line) > columns {
				t.Errorf("%s: %d columns: %s", name, displayWidth(line), line)
			}
		}
	}
	// What stands in a certificate's names comes from a peer.
	const evil = "\x1b[2J\nforged\u202e"
	c := shownCertificate(idRes, false)
	c.Subject, c.KeyType, c.CommonNames, c.DNSNames = evil, evil, []string{evil, evil}, slices.Repeat([]string{evil}, 9)
	f := []findingJSON{{Where: evil, Text: evil, Cure: evil}}
	for _, screen := range []string{
		viewOf(api.Snapshot{}).certCheckScreen(certCheckJSON{File: evil, Certificate: c, Obstacles: f, Warnings: f}),
		certScreen(certShowJSON{Component: evil, certificateJSON: c, Key: evil, Files: certFilesJSON{Former: []string{evil}}}, noon),
	} {
		for _, r := range screen {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q reached the terminal in %q", r, screen)
			}
		}
		if strings.Contains(screen, "\nforged") {
			t.Errorf("a name made a line of its own: %q", screen)
		}
	}
}

// TestCertificateJSON: the ranges are those numbers as which the certificate is accepted.
func TestCertificateJSON(t *testing.T) {
	for _, test := range []struct {
		numbers []int
		want    string
	}{
		{nil, ""}, {[]int{3}, "3-3"}, {[]int{0, 1, 2, 5, 7, 8}, "0-2 5-5 7-8"},
	} {
		var got []string
		for _, r := range rangesOf(test.numbers) {
			got = append(got, strings.Join([]string{strconv.Itoa(r.From), strconv.Itoa(r.To)}, "-"))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%v: %v", test.numbers, got)
		}
		if rangesText(rangesOf(test.numbers)) != mpspdz.NumbersShown(test.numbers) {
			t.Errorf("%v: %s", test.numbers, rangesText(rangesOf(test.numbers)))
		}
	}
	pem, _, err := mpspdz.NewPartyCertificate(rand.Reader, "alice", noon)
	if err != nil {
		t.Fatal(err)
	}
	c, err := mpspdz.ParseCertificatePEM(pem)
	if err != nil {
		t.Fatal(err)
	}
	shown := certificateOf(c)
	if len(shown.DNSNames) != 256 || len(shown.Accepted.New) != 1 || shown.Accepted.New[0] != (rangeJSON{0, 254}) ||
		shown.SHA256 != c.SHA256().String() || certificateOf(nil) != nil {
		t.Errorf("%+v", shown)
	}
}
