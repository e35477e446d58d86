package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// The tests in this file have the real openssl at the other end, which verifies as MP-SPDZ does and is no agent.

// credentials are openssl's options for a party with a folder as trust.
func credentials(t *testing.T, s *scene, party int, trust Site) []string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return []string{"-cert", write("own.pem", s.pairs[party].certificate.PEM()), "-key", write("own.key", s.pairs[party].keyPEM(t)),
		"-CApath", filepath.Join(trust.Folder, mpspdz.PlayerData), "-verify_return_error"}
}

// opensslServer starts s_server, which demands a certificate, and gives its address.
func opensslServer(t *testing.T, credentials []string, options ...string) string {
	t.Helper()
	testenv.NeedProgram(t, "openssl")
	ctx, cancel := context.WithCancel(context.Background())
	arguments := slices.Concat([]string{"s_server", "-accept", "127.0.0.1:0", "-Verify", "1", "-rev"}, credentials, options)
	command := exec.CommandContext(ctx, "openssl", arguments...)
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	text, buf := "", make([]byte, 256)
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done; _ = command.Wait() })
	for {
		n, err := stdout.Read(buf)
		text += string(buf[:n])
		if m := regexp.MustCompile(`ACCEPT (127\.0\.0\.1:\d+)\n`).FindStringSubmatch(text); m != nil {
			go func() { defer close(done); _, _ = io.Copy(io.Discard, stdout) }()
			return m[1]
		}
		if err != nil {
			close(done)
			t.Fatalf("s_server did not start: %s: %v", text, err)
		}
	}
}

// TestOpenSSLServer: what an agent says of a program that is none, by the alerts of the real openssl.
func TestOpenSSLServer(t *testing.T) {
	t.Parallel()
	testenv.NeedProgram(t, "openssl")
	past := form{name: "P0", san: "P0", notAfter: time.Now().Add(-time.Hour)}
	for _, test := range []struct {
		name    string
		scene   func(t *testing.T) *scene
		spoil   func(s *scene, server, ours Site)
		options []string
		want    want
	}{
		{"it accepts us", plain3, nil, nil, want{Failed, "another program answers at 127.0.0.1:", "p1's operator: look where"}},
		{"it does not know us", plain3, func(s *scene, server, _ Site) { s.unlink(server, 0) }, nil,
			want{UnknownCertificate, "the player files of p1 do not have the certificate that p0 presents", "p1's operator"}},
		{"we have expired", func(t *testing.T) *scene { return plainScene(t, past, numbered(1)) }, nil, nil,
			want{Expired, "the certificate of p0 is out of its time at p1", ""}},
		{"it wants another name", plain3, nil, []string{"-verify_hostname", "P7"},
			want{NameRefused, "refuses the certificate of p0 as bad, as OpenSSL does for a wrong name", ""}},
		{"we do not know it", plain3, func(s *scene, _, ours Site) { s.unlink(ours, 1) }, nil,
			want{UnknownCertificate, "another program answers at 127.0.0.1:", ""}},
		{"it speaks TLS 1.3 only", plain3, nil, []string{"-tls1_3"}, want{Failed, "broke off the handshake (tls: protocol version not supported)", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := test.scene(t)
			trust, agents := s.site(1), []*agent{s.agent(0), s.agent(1)}
			if len(s.pairs) > 2 {
				agents = append(agents, s.agent(2))
			}
			if test.spoil != nil {
				test.spoil(s, trust, agents[0].site)
			}
			s.setIP(agents[0].site, 1, opensslServer(t, credentials(t, s, 1, trust), test.options...))
			test.want.check(t, "p0>p1", coordinate(t, agents)["p0>p1"])
		})
	}
}

// TestOpenSSLClient: the real openssl comes in and is told what an agent makes of it; whoever has no certificate gets an alert.
func TestOpenSSLClient(t *testing.T) {
	t.Parallel()
	testenv.NeedProgram(t, "openssl")
	s, stranger := plain3(t), plain3(t)
	a := s.agent(0)
	mustJoin(t, a)
	client := func(options ...string) string {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		command := exec.CommandContext(ctx, "openssl", append([]string{"s_client", "-connect", s.address(0), "-quiet", "-no_ign_eof"}, options...)...)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		in, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(in, "fbpeer-probe/1 ok\nand what an agent does not say, until the line is full: %060d\n", 0)
		_ = command.Wait() // the agent closes
		_ = in.Close()
		return out.String()
	}
	for _, test := range []struct {
		name        string
		credentials []string
		want        string
	}{
		{"a stranger", credentials(t, stranger, 1, s.site(1)), "fbpeer-probe/1 unknown-certificate"},
		{"a member", credentials(t, s, 1, s.site(1)), "fbpeer-probe/1 ok"},
		{"a member again", credentials(t, s, 1, s.site(1)), "fbpeer-probe/1 not-opened"},
		{"nobody", nil, "alert handshake failure"},
	} {
		if out := client(test.credentials...); !strings.Contains(out, test.want) {
			t.Errorf("%s: %s", test.name, out)
		}
	}
}
