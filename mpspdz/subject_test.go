package mpspdz_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte/asn1"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

const (
	serialNumber = "\x55\x04\x05"
	email        = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"

	tagNumeric = asn1.Tag(18)
	tagBMP     = asn1.Tag(30)
)

// bmp encodes text as a BMPString's content.
func bmp(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		b.WriteByte(byte(u >> 8))
		b.WriteByte(byte(u))
	}
	return b.String()
}

// oddSubjects are names in which OpenSSL's canonical form differs from the encoding, or might.
var oddSubjects = map[string][]byte{
	"Fed-BioMed":              nameOf(set(value(commonName, asn1.UTF8String, "*")), set(value(organization, asn1.UTF8String, "NODE_1"))),
	"empty":                   nameOf(),
	"empty value":             cn(""),
	"only spaces":             cn("   "),
	"mixed case":              cn("AbCdEfGhIjKlMnOpQrStUvWxYz"),
	"spaces around and twice": cn("  a   b  c "),
	"all white space":         cn("\t a \n\v b\f\r c\r\n"),
	"no-break space":          cn("\u00a0a\u00a0\u00a0b\u00a0"),
	"next line (U+0085)":      cn("a\u0085\u0085b"),
	"capitals not ASCII":      cn("ÄÖÜ Éa ΑΒΓ İ K"),
	"beyond the BMP":          cn("a😀 😀B"),
	"NUL":                     cn("a\x00B"),
	"DEL and controls":        cn("\x01A\x7fB\x1b"),
	"PrintableString":         nameOf(set(value(commonName, asn1.PrintableString, " Party  One "))),
	"IA5String":               nameOf(set(value(email, asn1.IA5String, " A@B.example "))),
	"T61String":               nameOf(set(value(commonName, asn1.T61String, " \xc4B  \xe9\xa0\xa0 "))),
	"T61String, byte 0x85":    nameOf(set(value(commonName, asn1.T61String, "a\x85\x85B"))),
	"BMPString":               nameOf(set(value(commonName, tagBMP, bmp("  Ä B  Ω ")))),
	"BMPString with a NUL":    nameOf(set(value(commonName, tagBMP, bmp("AB\x00")))),
	"BMPString of U+2020":     nameOf(set(value(commonName, tagBMP, bmp("a††B")))),
	"NumericString":           nameOf(set(value(serialNumber, tagNumeric, " 12  3 "))),
	"several sets":            nameOf(set(value(organization, asn1.UTF8String, "O")), set(value(commonName, asn1.UTF8String, "C")), set(value(commonName, asn1.UTF8String, "D"))),
	"two in a set":            nameOf(set(value(commonName, asn1.UTF8String, "a"), value(organization, asn1.UTF8String, "b"))),
	"two in a set, order changes": nameOf(set(
		value(commonName, asn1.UTF8String, "B"), value(commonName, asn1.UTF8String, "a"))),
	"two in a set, length changes": nameOf(set(
		value(commonName, asn1.UTF8String, "  x  y  z  "), value(commonName, asn1.UTF8String, "bbbb"))),
	"three in a set, types differ": nameOf(set(
		value(serialNumber, tagNumeric, "2"), value(commonName, asn1.PrintableString, "b"), value(commonName, tagBMP, bmp("A")))),
	"long":        cn(strings.Repeat("Ab  ", 100)),
	"unknown OID": nameOf(set(value("\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03", asn1.UTF8String, "Name  X"))),
}

func TestSubjectHashIsOpenSSLs(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	dir := t.TempDir()
	check := func(t *testing.T, subject []byte) {
		c := mustParse(t, spec{subject: subject}.build(t))
		path := write(t, dir, "cert.pem", c.PEM())
		want, ok := openssl(t, "x509", "-noout", "-subject_hash", "-in", path)
		if !ok {
			t.Fatal(want)
		}
		if got := c.SubjectHash(); got != want {
			t.Errorf("hash %s, openssl says %s, for %x", got, want, subject)
		}
	}
	for name, subject := range oddSubjects {
		t.Run(name, func(t *testing.T) { check(t, subject) })
	}
	t.Run("random", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 40 {
			check(t, randomName(random))
		}
	})
}

// randomName strings letters, spaces and others together in all types.
func randomName(random *rand.Rand) []byte {
	tags := []asn1.Tag{asn1.UTF8String, asn1.PrintableString, asn1.IA5String, asn1.T61String, tagBMP}
	oids := []string{commonName, organization, serialNumber}
	var sets [][]byte
	for range 1 + random.IntN(3) {
		var values [][]byte
		for range 1 + random.IntN(3) {
			var text strings.Builder
			for range random.IntN(12) {
				text.WriteByte(" aB c  DZ9-"[random.IntN(11)])
			}
			tag, content := tags[random.IntN(len(tags))], text.String()
			if tag == tagBMP {
				content = bmp(content)
			}
			values = append(values, value(oids[random.IntN(len(oids))], tag, content))
		}
		sets = append(sets, set(values...))
	}
	return nameOf(sets...)
}

// TestSubjectHashOfOpenSSLsOwn takes certificates that openssl itself made, with its own choice of string types.
func TestSubjectHashOfOpenSSLsOwn(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	dir := t.TempDir()
	key := write(t, dir, "key.pem", keyPEM(t, ed25519Key()))
	for _, subject := range []string{
		"/CN=P1", "/C=fr/O=Hospital  of Nice /CN= P1", "/CN=a+O=B+OU=c", "/CN=Ünïcode  ÄB", "/emailAddress=A@B.C/CN=x", "/",
	} {
		cert := filepath.Join(dir, "cert.pem")
		for _, mask := range []string{"utf8only", "nombstr", "pkix"} {
			config := write(t, dir, "config", []byte("[req]\ndistinguished_name=dn\nx509_extensions=v3\nstring_mask="+mask+
				"\n[dn]\n[v3]\nbasicConstraints=CA:FALSE\n"))
			if out, ok := openssl(t, "req", "-new", "-x509", "-config", config, "-utf8", "-multivalue-rdn", "-key", key,
				"-subj", subject, "-out", cert); !ok {
				t.Fatalf("%s %s: %s", subject, mask, out)
			}
			file, err := os.ReadFile(cert)
			if err != nil {
				t.Fatal(err)
			}
			c, err := mpspdz.ParseCertificatePEM(file)
			if err != nil {
				t.Fatalf("%s: %v", subject, err)
			}
			if want, _ := openssl(t, "x509", "-noout", "-subject_hash", "-in", cert); c.SubjectHash() != want {
				t.Errorf("%s: hash %s, openssl says %s", subject, c.SubjectHash(), want)
			}
		}
	}
}

func TestCanonicalSubject(t *testing.T) {
	canonical := func(subject []byte) string { return mustParse(t, spec{subject: subject}.build(t)).CanonicalSubject() }
	same := [][]byte{cn("P1"), cn(" p1 "), nameOf(set(value(commonName, asn1.PrintableString, "P1"))), nameOf(set(value(commonName, tagBMP, bmp("p1"))))}
	for i, subject := range same {
		if canonical(subject) != canonical(same[0]) {
			t.Errorf("subject %d is another one", i)
		}
	}
	for i, subject := range [][]byte{cn("P2"), cn("P 1"), cn("Р1"), nameOf(set(value(organization, asn1.UTF8String, "P1"))), nameOf()} {
		if canonical(subject) == canonical(same[0]) {
			t.Errorf("other subject %d is the same", i)
		}
	}
}

func TestSubjectIsSafeToPrint(t *testing.T) {
	tests := []struct {
		subject []byte
		want    string
	}{
		{nameOf(set(value(commonName, asn1.UTF8String, "*")), set(value(organization, asn1.UTF8String, "NODE_1"))), "CN=*,O=NODE_1"},
		{nameOf(), ""},
		{nameOf(set(value(commonName, asn1.UTF8String, "a"), value(organization, asn1.UTF8String, "b"))), "CN=a+O=b"},
		{cn("a,O=b"), `CN=a\,O\=b`},
		{cn("\x1b[2J\r\n"), `CN=\1B[2J\0D\0A`},
		{cn("\u202egnp\u200b"), `CN=\E2\80\AEgnp\E2\80\8B`},
		{cn(" # "), `CN=\ #\ `},
		{cn(" "), `CN=\ `},
		{cn("#1"), `CN=\#1`},
		{cn("Hôpital"), "CN=Hôpital"},
		{nameOf(set(value("\x2b\x06\x01\x04\x01\x01", asn1.UTF8String, "x"))), "1.3.6.1.4.1.1=x"},
		{nameOf(set(value(commonName, tagBMP, bmp("Ä")))), "CN=Ä"},
	}
	for _, test := range tests {
		if got := mustParse(t, spec{subject: test.subject}.build(t)).Subject(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

// TestSubjectIsShownShort: a stranger's certificate must not fill a terminal, whichever subject it has in canonical form.
func TestSubjectIsShownShort(t *testing.T) {
	plain := mustParse(t, spec{subject: cn("a b")}.build(t))
	long := mustParse(t, spec{subject: cn("a" + strings.Repeat(" ", 3000) + "b")}.build(t))
	if long.CanonicalSubject() != plain.CanonicalSubject() || !mpspdz.SubjectClash(long, plain) {
		t.Error("a run of spaces is not one space")
	}
	for name, want := range map[string]string{
		"a" + strings.Repeat(" ", 3000): "CN=a" + strings.Repeat(" ", 252) + "…",
		strings.Repeat("é", 300):        "CN=" + strings.Repeat("é", 126) + "…",
		strings.Repeat("x", 253):        "CN=" + strings.Repeat("x", 253),
	} {
		if got := mustParse(t, spec{subject: cn(name)}.build(t)).Subject(); got != want {
			t.Errorf("%.10s… is shown as %q, want %q", name, got, want)
		}
	}
}
