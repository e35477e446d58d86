package mpspdz_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

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

// FuzzCheckFolder reads an ip file, a certificate and a hash link of any bytes: what is said of them is safe to print, and an ip file
// without an error has a party in every line that MP-SPDZ counts.
func FuzzCheckFolder(f *testing.F) {
	good := certPEM(spec{}.build(f))
	for _, ip := range []string{"10.0.0.1:14000\n10.0.0.2:14001\n", "\ufeffh:1\n \n#x\n\n", "[::1]:1\nh\nh:\nh:99999999999\nh: 1 x\n", "localhost:1\r\n"} {
		f.Add([]byte(ip), good, []byte("P0.pem"))
	}
	f.Add([]byte("h:1\n"), append(good, good...), good)
	f.Add([]byte("h:1\n"), certPEM([]byte("x")), []byte("\x1b\n"))
	f.Fuzz(func(t *testing.T, ip, pem, link []byte) {
		for _, mode := range []fs.FileMode{0, fs.ModeSymlink} {
			folder := fstest.MapFS{"ip_addresses": {Data: ip}, "Player-Data/P0.pem": {Data: pem}, "Player-Data/00000001.0": {Data: link, Mode: mode}}
			checkFindings(t, ip, mpspdz.CheckFolder(folder, nil, mpspdz.Own{}, now))
		}
	})
}

func checkFindings(t *testing.T, ip []byte, findings []mpspdz.Finding) {
	t.Helper()
	wrong := false
	for _, finding := range findings {
		if strings.ContainsAny(finding.Where+finding.Text+finding.Cure, "\n\r\x00\x1b\u202e") {
			t.Errorf("not safe to print: %+v", finding)
		}
		if finding.Text == "" || finding.Cure == "" {
			t.Errorf("incomplete: %+v", finding)
		}
		wrong = wrong || strings.HasPrefix(finding.Where, "ip_addresses") && (finding.Error || finding.Code == mpspdz.FolderIPRest)
	}
	if wrong {
		return
	}
	for _, line := range strings.Split(string(ip), "\n") {
		line = strings.TrimRight(line, " \t\n\v\f\r")
		if line == "" || line[0] == '#' {
			continue
		}
		host, port, found := strings.Cut(line, ":")
		if found {
			port = strings.TrimLeft(strings.TrimLeft(strings.TrimLeft(port, " \t\n\v\f\r"), "+"), "0")
			host += ":" + port
		} else {
			host += ":5000"
		}
		if _, err := mpspdz.ParseEndpoint(host); err != nil {
			t.Errorf("nothing is said of %q", line)
		}
	}
}

// FuzzParseAuthorities: whatever an operator's file holds, what is accepted can sign, and what is refused is told in print.
func FuzzParseAuthorities(f *testing.F) {
	for _, s := range []spec{{}, {exts: [][]byte{caTrue, ski("id"), aki("id")}}, {version: 1}, {exts: [][]byte{caTrue, eku(serverAuth)}}} {
		file := certPEM(s.build(f))
		f.Add(file)
		f.Add(append(bytes.Clone(file), file...))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		all, err := mpspdz.ParseAuthorities(file, now)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Errorf("error %q", err)
			}
			return
		}
		as, err := mpspdz.NewAuthorities(all)
		if err != nil || len(all) == 0 {
			t.Fatalf("%d authorities, %v", len(all), err)
		}
		for _, a := range all {
			block, _ := pem.Decode(a.PEM())
			if c, err := x509.ParseCertificate(block.Bytes); err != nil || !c.IsCA || !as.Has(a.SHA256()) || as.Find(a.PEM()) == nil {
				t.Errorf("no authority is %q: %v", a.Subject(), err)
			}
			if _, err := mpspdz.ParseLeaf(block.Bytes); err == nil {
				t.Errorf("an authority passes for a party: %q", a.Subject())
			}
		}
	})
}
