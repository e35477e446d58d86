package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestAfterHandshake: what does not say its line is told apart by what it does instead.
func TestAfterHandshake(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		do   func(conn net.Conn)
		code Code
		text string
	}{
		"silence":           {func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, Timeout, "makes a handshake as p1 and then says nothing"},
		"a close":           {func(net.Conn) {}, Failed, "makes a handshake as p1 and then closes the connection"},
		"a reset":           {func(conn net.Conn) { resetOnClose(conn.(*tls.Conn).NetConn()); conn.(*tls.Conn).NetConn().Close() }, Failed, "makes a handshake as p1 and then closes the connection"},
		"a start of ours":   {func(conn net.Conn) { _, _ = io.WriteString(conn, linePrefix+"o"); _, _ = io.Copy(io.Discard, conn) }, Timeout, "says nothing"},
		"another line":      {func(conn net.Conn) { _, _ = io.WriteString(conn, "220 ready\r\n") }, Failed, "another program answers at"},
		"no line, kept":     {func(conn net.Conn) { _, _ = conn.Write(make([]byte, 8)); _, _ = io.Copy(io.Discard, conn) }, Failed, "another program answers at"},
		"what has no end":   {func(conn net.Conn) { _, _ = conn.Write(make([]byte, 3*maxLine)) }, Failed, "another program answers at"},
		"a verdict of ours": {func(conn net.Conn) { _, _ = io.WriteString(conn, linePrefix+"wrong-party\n") }, WrongParty, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plainScene(t, numbered(0), numbered(1))
			site := s.site(0)
			f, err := readFiles(os.DirFS(site.Folder), site)
			if err != nil {
				t.Fatal(err)
			}
			theirs := &files{own: tls.Certificate{Certificate: [][]byte{s.pairs[1].certificate.DER()}, PrivateKey: s.pairs[1].key}}
			here, there := tcpPair(t)
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer there.Close()
				conn := tls.Server(there, theirs.tlsConfig(func([]byte) {}))
				if err := conn.Handshake(); err != nil {
					t.Error(err)
				}
				defer conn.Close()
				if name != "silence" && name != "a reset" && name != "a close" {
					defer func() { _, _ = conn.Read(make([]byte, maxLine)) }() // else the kernel may reset what was sent
				}
				test.do(conn)
			}()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			r := f.dialParty(ctx, Config{Now: time.Now, Dial: func(context.Context, string, string) (net.Conn, error) { return here, nil }}, 1)
			<-done
			speak := speaker{set: s.set}
			text, cure := speak.say(r, 0, s.set.Parties()[1].Endpoint)
			if r.code != test.code || !strings.Contains(text, test.text) || cure == "" {
				t.Errorf("%+v: %q, cure %q", r, text, cure)
			}
		})
	}
}

// tcpPair is a connection.
func tcpPair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	here, err = net.Dial("tcp4", l.Addr().String())
	there, fault := l.Accept()
	if err := errors.Join(err, fault); err != nil {
		t.Fatal(err)
	}
	return here, there
}
