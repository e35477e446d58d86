package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// broken is a component on disk that a test spoils.
type broken struct {
	t    *testing.T
	root string
	id   string
}

// newBroken is a copy of a joined component.
func newBroken(t *testing.T, base broken) broken {
	b := broken{t, t.TempDir(), base.id}
	b.check(os.CopyFS(b.root, os.DirFS(base.root)))
	b.check(os.Chmod(b.state(), 0o700))
	b.check(os.Chmod(b.federation(), 0o600))
	return b
}

func (b broken) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b broken) ini() string  { return filepath.Join(b.root, "etc", "config-n1.ini") }
func (b broken) cert() string { return filepath.Join(b.root, "etc", "certs", "cert_"+b.id) }
func (b broken) pem() string  { return filepath.Join(b.cert(), "MPSPDZ_certificate.pem") }
func (b broken) key() string  { return filepath.Join(b.cert(), "MPSPDZ_certificate.key") }
func (b broken) state() string {
	return filepath.Join(b.root, "var", "fbpeer", b.id)
}

func (b broken) federation() string { return filepath.Join(b.state(), "cardio.federation") }

func (b broken) write(path string, data []byte) { b.check(os.WriteFile(path, data, 0o600)) }

func (b broken) read(path string) []byte {
	data, err := os.ReadFile(path)
	b.check(err)
	return data
}

// set replaces the line of a key in the configuration; an empty line removes it.
func (b broken) set(key, line string) {
	var out []string
	for old := range strings.SplitSeq(string(b.read(b.ini())), "\n") {
		if strings.HasPrefix(old, key) {
			if line == "" {
				continue
			}
			old = line
		}
		out = append(out, old)
	}
	b.write(b.ini(), []byte(strings.Join(out, "\n")))
}

// issue writes a key of some bits and a self-signed certificate of some form.
func (b broken) issue(bits int, form func(*x509.Certificate)) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	b.check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "*", Organization: []string{b.id}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	form(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), crypto.Signer(key))
	b.check(err)
	b.write(b.pem(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	b.write(b.key(), pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// TestBadOwnFiles runs the real agent on files that are wrong: a clear error with its cure, exit code 2, and no file is
// changed.
// In the wanted text, ROOT is the component's root and ID its id.
func TestBadOwnFiles(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // the test itself makes a key that is too small
	base := broken{t: t, root: t.TempDir()}
	federation := filepath.Join(t.TempDir(), "cardio.federation")
	mustRun(t, nil, "federation", "create", "cardio", "--out", federation)
	mustRun(t, nil, "component", "create", "--root", base.root, "--role", "node")
	mustRun(t, nil, "--component", base.ini(), "join", federation)
	folders, err := filepath.Glob(filepath.Join(base.root, "etc", "certs", "cert_*"))
	base.check(err)
	base.id = strings.TrimPrefix(filepath.Base(folders[0]), "cert_")

	const again = "make a new key and certificate at its component: fbpeer --component "
	const issuing = ": its holder could make itself a certificate as any party"
	tests := []struct {
		name  string
		spoil func(b broken)
		env   []string
		err   string
		hint  string
	}{
		{"section missing", func(b broken) { b.set("[mpspdz]", "") }, nil,
			"ROOT/etc/config-n1.ini: [mpspdz]: the section is missing", "Fed-BioMed 5.4 and later no longer use MP-SPDZ"},
		{"key missing", func(b broken) { b.set("mpspdz_port", "") }, nil,
			"ROOT/etc/config-n1.ini: [mpspdz] mpspdz_port: the key is missing or empty", "MPSPDZ_PORT"},
		{"id missing", func(b broken) { b.set("id", "") }, nil,
			"ROOT/etc/config-n1.ini: [default] id: the key is missing or empty", "add the line"},
		{"port with a letter", func(b broken) { b.set("mpspdz_port", "mpspdz_port = 14O00") }, nil,
			`ROOT/etc/config-n1.ini: [mpspdz] mpspdz_port: "14O00" is not a port (1 to 65535)`, "correct it, or set MPSPDZ_PORT for this run"},
		{"port too large", func(b broken) { b.set("mpspdz_port", "mpspdz_port = 70000") }, nil,
			`[mpspdz] mpspdz_port: "70000" is not a port (1 to 65535)`, "correct it, or set MPSPDZ_PORT for this run"},
		{"IPv6", func(b broken) { b.set("mpspdz_ip", "mpspdz_ip = ::1") }, nil,
			`[mpspdz] mpspdz_ip: "::1" is IPv6, which MP-SPDZ cannot use`, "correct it, or set MPSPDZ_IP for this run"},
		{"newline in the file", func(b broken) { b.set("mpspdz_ip", "mpspdz_ip = 10.0.0.1\n  10.0.0.2:14001") }, nil,
			`[mpspdz] mpspdz_ip: "10.0.0.1\n10.0.0.2:14001" is not a host name`, "correct it"},
		{"newline in the environment", func(broken) {}, []string{"MPSPDZ_IP=10.0.0.1\n10.0.0.2:14001"},
			`environment MPSPDZ_IP: "10.0.0.1\n10.0.0.2:14001" is not a host name`, "correct it, or unset MPSPDZ_IP"},
		{"number sign", func(b broken) { b.set("mpspdz_ip", "mpspdz_ip = 10.0.0.1#x") }, nil,
			`[mpspdz] mpspdz_ip: "10.0.0.1#x" is not a host name`, "correct it"},
		{"two spellings that differ", func(broken) {}, []string{"MPSDPZ_PORT=14111", "MPSPDZ_PORT=14112"},
			`environment MPSDPZ_PORT: "14111" contradicts MPSPDZ_PORT, which is "14112"`, "unset MPSDPZ_PORT"},
		{"id that climbs", func(b broken) { b.set("id", "id = ../../x") }, nil,
			`[default] id: "../../x" is not a component id`, "restore the id"},
		{"id with a control character", func(b broken) { b.set("id", "id = NODE_\x1b[2J") }, nil,
			`[default] id: "NODE_\x1b[2J" is not a component id`, "restore the id"},
		{"no key file", func(b broken) { b.check(os.Remove(b.key())) }, nil,
			`[mpspdz] private_key: "certs/cert_ID/MPSPDZ_certificate.key" is neither ROOT/etc/certs/cert_ID/MPSPDZ_certificate.key nor ROOT/certs/cert_ID/`, "put the file back"},
		{"no certificate file", func(b broken) { b.check(os.Remove(b.pem())) }, nil,
			`[mpspdz] public_key: "certs/cert_ID/MPSPDZ_certificate.pem" is neither`, "put the file back"},
		{"DER", func(b broken) {
			block, _ := pem.Decode(b.read(b.pem()))
			b.write(b.pem(), block.Bytes)
		}, nil, "ROOT/etc/certs/cert_ID/MPSPDZ_certificate.pem: the file is DER, and MP-SPDZ reads PEM", "openssl x509 -inform DER"},
		{"two certificates", func(b broken) { b.write(b.pem(), bytes.Repeat(b.read(b.pem()), 2)) }, nil,
			"MPSPDZ_certificate.pem: the file holds 2 certificates", "give the file of one certificate"},
		{"another key", func(b broken) {
			_, key, err := mpspdz.NewFedbiomedCertificate(rand.Reader, b.id, time.Now())
			b.check(err)
			b.write(b.key(), key)
		}, nil, "the private key is not the certificate's", "cert generate --force`"},
		{"expired", func(b broken) {
			certificate, key, err := mpspdz.NewFedbiomedCertificate(rand.Reader, b.id, time.Now().AddDate(-6, 0, 0))
			b.check(err)
			b.write(b.pem(), certificate)
			b.write(b.key(), key)
		}, nil, "MPSPDZ_certificate.pem: the certificate", "cert generate"},
		{"RSA-1024", func(b broken) { b.issue(1024, func(*x509.Certificate) {}) }, nil,
			"MPSPDZ_certificate.pem: the RSA key has 1024 bits: MP-SPDZ refuses less than 2048", again},
		{"a CA", func(b broken) {
			b.issue(2048, func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = true, true })
		}, nil, "the certificate is a CA's (basicConstraints CA:TRUE, which is what setup-ssl.sh of MP-SPDZ makes)" + issuing, again},
		{"keyCertSign", func(b broken) {
			b.issue(2048, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature })
		}, nil, "the certificate's keyUsage has keyCertSign or cRLSign" + issuing, again},
		{"Netscape CA", func(b broken) {
			b.issue(2048, func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}, Value: []byte{3, 2, 0, 7}}}
			})
		}, nil, "the certificate has a Netscape certificate type" + issuing, again},
		{"server only", func(b broken) {
			b.issue(2048, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		}, nil, "the certificate's extendedKeyUsage lacks serverAuth or clientAuth, and MP-SPDZ needs both", again},
		{"federation file", func(b broken) { b.write(b.federation(), []byte("garbage\n")) }, nil,
			"var/fbpeer/ID/cardio.federation:1: this line cannot be read (it is not shown, as it may hold the secret)", "get the file again"},
		{"no federation", func(b broken) { b.check(os.Remove(b.federation())) }, nil,
			"ID has joined no federation", " join FILE`"},
		{"trust list without identity", func(b broken) {
			b.write(filepath.Join(b.state(), "trust.ini"), []byte("[NODE_x]\nstatus = approved\n"))
		}, nil, "trust.ini:1: [NODE_x] is approved without peer_id, key, role: it would approve the first comer", "correct that line"},
		{"database", func(b broken) {
			b.write(filepath.Join(b.root, "var", "db_"+b.id+".json"), []byte(`["not TinyDB's"]`))
		}, nil, "var/db_ID.json: not a database of TinyDB: it does not hold one JSON object", "nothing was written"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroken(t, base)
			tt.spoil(b)
			before, err := contents(b.root)
			b.check(err)
			code, stdout, stderr := execute(t, tt.env, "--component", b.ini(), "--log-level", "error", "run")
			if code != exitUsage || stdout != "" {
				t.Errorf("exit %d, stdout %q", code, stdout)
			}
			stderr = strings.NewReplacer(b.root, "ROOT", b.id, "ID").Replace(stderr)
			first, rest, _ := strings.Cut(stderr, "\n")
			if !strings.HasPrefix(first, "fbpeer: error: ") || !strings.Contains(first, tt.err) {
				t.Errorf("error %q, want %q", first, tt.err)
			}
			second, rest, _ := strings.Cut(rest, "\n")
			if !strings.HasPrefix(second, "fbpeer: hint: ") || !strings.Contains(second, tt.hint) || rest != "" {
				t.Errorf("hint %q, then %q, want %q", second, rest, tt.hint)
			}
			after, err := contents(b.root)
			b.check(err)
			for line := range strings.SplitSeq(before, "\n") {
				if !strings.Contains(after, line+"\n") {
					t.Errorf("changed: %s", elide(line, columns))
				}
			}
			for line := range strings.SplitSeq(after, "\n") {
				// An agent may make its state before it finds out; nothing else.
				if !strings.Contains(before, line+"\n") && !strings.HasPrefix(line, b.state()+"/") {
					t.Errorf("made: %s", elide(line, columns))
				}
			}
		})
	}
}

// execute runs the real program, for at most 30 seconds.
func execute(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "fbpeer", args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func mustRun(t *testing.T, env []string, args ...string) string {
	t.Helper()
	code, stdout, stderr := execute(t, env, args...)
	if code != 0 {
		t.Fatalf("fbpeer %q: exit %d: %s", args, code, stderr)
	}
	return stdout
}
