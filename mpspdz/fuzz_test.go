package mpspdz_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"10.0.0.2:14001", "Node_1.Example:1", "[::1]:14000", "a\n:1", "127.1:1", "0x7f.1:1", "a.:65536"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := mpspdz.ParseEndpoint(s)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Errorf("error %q", err)
			}
			return
		}
		if e.String() != strings.ToLower(s) || strings.Count(s, ":") != 1 || strings.ContainsAny(s, " \t\r\n#") {
			t.Errorf("%q became %q", s, e)
		}
		if again, err := mpspdz.ParseEndpoint(e.String()); err != nil || again != e {
			t.Errorf("%q does not parse again: %v", e, err)
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	for _, s := range []spec{{}, {exts: [][]byte{dnsNames("P1"), caFalse, kuTLS, eku(serverAuth, clientAuth), ski("id"), aki("id")}}, {version: 1}} {
		f.Add(s.build(f))
	}
	for _, subject := range oddSubjects {
		f.Add(spec{subject: subject}.build(f))
	}
	files, err := filepath.Glob("testdata/*.pem")
	if err != nil || len(files) == 0 {
		f.Fatal("no certificates in testdata")
	}
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		c, err := mpspdz.ParseCertificatePEM(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(c.DER())
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := mpspdz.ParseCertificate(der)
		if err != nil {
			return
		}
		again, err := mpspdz.ParseCertificatePEM(c.PEM())
		if err != nil || !bytes.Equal(c.DER(), der) || !bytes.Equal(again.DER(), der) {
			t.Errorf("not the same bytes again: %v", err)
		}
		shown := c.Subject() + c.WorksWith() + c.SubjectHash() + c.KeyType() + c.BLAKE2b128()
		if strings.ContainsAny(shown, "\n\r\x00\x1b\u202e") {
			t.Errorf("not safe to print: %q", shown)
		}
		if x := c.X509(); x.IsCA || x.Version != 3 || len(x.UnhandledCriticalExtensions) > 0 {
			t.Error("Go reads another certificate than we do")
		}
	})
}
