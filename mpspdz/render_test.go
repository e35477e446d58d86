package mpspdz_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// writeFiles puts rendered files on disk.
func writeFiles(t testing.TB, dir string, files []mpspdz.File) {
	t.Helper()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil && f.Target != "" {
			err = os.Symlink(f.Target, path)
		} else if err == nil {
			err = os.WriteFile(path, f.Data, f.Mode.Perm())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// links are the symbolic links of a folder and where they point.
func links(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all[e.Name()] = target
		}
	}
	return all
}

func TestRender(t *testing.T) {
	set, keys := newSet(t, 3)
	parties := set.Parties()
	files, err := mpspdz.Render(set, mpspdz.Own{Component: "NODE_001", KeyPEM: keys[1], BindPort: 15000})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(files, func(a, b mpspdz.File) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("not sorted by path")
	}
	want := map[string]mpspdz.File{
		"ip_addresses":       {Data: []byte("10.0.0.1:14000\n10.0.0.2:15000\n10.0.0.3:14002\n"), Mode: 0o644},
		"Player-Data/P1.key": {Data: keys[1], Mode: 0o600},
		"Player-Data/P0.pem": {Data: parties[0].Certificate.PEM(), Mode: 0o644},
		"Player-Data/P1.pem": {Data: parties[1].Certificate.PEM(), Mode: 0o644},
		"Player-Data/P2.pem": {Data: parties[2].Certificate.PEM(), Mode: 0o644},
	}
	for i, p := range parties {
		want["Player-Data/"+p.Certificate.SubjectHash()+".0"] = mpspdz.File{
			Target: []string{"P0.pem", "P1.pem", "P2.pem"}[i], Mode: 0o777 | fs.ModeSymlink}
	}
	for _, f := range files {
		w, expected := want[f.Path]
		if !expected || !bytes.Equal(f.Data, w.Data) || f.Mode != w.Mode || f.Target != w.Target {
			t.Errorf("%s: mode %v, target %q, %d bytes, want %v", f.Path, f.Mode, f.Target, len(f.Data), w)
		}
		delete(want, f.Path)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestRenderKey(t *testing.T) {
	alice, key := memberAndKey(t, "alice", mpspdz.PlainParty, "10.0.0.1:14000")
	bob, bobs := memberAndKey(t, "bob", mpspdz.PlainParty, "10.0.0.2:14000")
	set, err := mpspdz.NewPartySet([]mpspdz.Party{alice, bob})
	if err != nil {
		t.Fatal(err)
	}
	// What stands around the key's block in one's own file does not reach MP-SPDZ's.
	around := bytes.ReplaceAll(append([]byte("Private-Key: (256 bit)\n"), key...), []byte("\n"), []byte("\r\n"))
	files, err := mpspdz.Render(set, mpspdz.Own{Component: "alice", KeyPEM: around, BindPort: 14000})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(files, func(f mpspdz.File) bool { return f.Path == "Player-Data/P0.key" })
	if !bytes.Equal(files[i].Data, key) {
		t.Errorf("key file:\n%s", files[i].Data)
	}
	_, err = mpspdz.Render(set, mpspdz.Own{Component: "alice", KeyPEM: bobs, BindPort: 14000})
	wantRule(t, err, mpspdz.RuleKeyMismatch)
	_, err = mpspdz.Render(set, mpspdz.Own{Component: "alice", BindPort: 14000})
	wantRule(t, err, mpspdz.RuleNotPEM)
	if _, err = mpspdz.Render(set, mpspdz.Own{Component: "mallory\n", KeyPEM: key, BindPort: 14000}); !errors.Is(err, mpspdz.ErrNotMember) {
		t.Errorf("a stranger: %v", err)
	}
	var bad *mpspdz.EndpointError
	if _, err = mpspdz.Render(set, mpspdz.Own{Component: "alice", KeyPEM: key}); !errors.As(err, &bad) {
		t.Errorf("no port to bind: %v", err)
	}
}

// TestHashLinksAreThoseOfRehash renders subjects that share a hash and more than ten parties, whose files sort as text.
func TestHashLinksAreThoseOfRehash(t *testing.T) {
	testenv.NeedProgram(t, "openssl")
	var parties []mpspdz.Party
	var key []byte
	for i := range 13 {
		p, k := memberAndKey(t, string(rune('a'+i)), mpspdz.PlainParty, endpoint(t, "h:1").Host()+":"+string(rune('1'+i%9))+string(rune('1'+i/9)))
		if i%2 == 0 { // every second one has the same subject
			p.Certificate = mustParse(t, spec{subject: cn("same"), exts: [][]byte{ski(p.Component), aki(p.Component)}}.build(t))
		} else {
			key = k
		}
		parties = append(parties, p)
	}
	set, err := mpspdz.NewPartySet(parties)
	if err != nil {
		t.Fatal(err)
	}
	files, err := mpspdz.Render(set, mpspdz.Own{Component: "l", KeyPEM: key, BindPort: 14000})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFiles(t, dir, files)
	folder := filepath.Join(dir, mpspdz.PlayerData)
	ours := links(t, folder)
	for name := range ours {
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if out, ok := openssl(t, "rehash", folder); !ok {
		t.Fatal(out)
	}
	theirs := links(t, folder)
	if len(ours) != 13 || len(theirs) != 13 {
		t.Errorf("%d links, openssl makes %d, want 13", len(ours), len(theirs))
	}
	for name, target := range theirs {
		if ours[name] != target {
			t.Errorf("%s points to %s, openssl rehash says %s", name, ours[name], target)
		}
	}
}

func TestRenderedName(t *testing.T) {
	base := []mpspdz.File{{Path: "a", Data: []byte("bc"), Mode: 0o644}, {Path: "d", Target: "a", Mode: fs.ModeSymlink | 0o777}}
	name := func(change func(f []mpspdz.File)) string {
		files := slices.Clone(base)
		change(files)
		return mpspdz.RenderedName(files)
	}
	seen := map[string]string{name(func([]mpspdz.File) {}): "nothing"}
	for what, change := range map[string]func(f []mpspdz.File){
		"path": func(f []mpspdz.File) { f[0].Path = "b" }, "data": func(f []mpspdz.File) { f[0].Data = []byte("bd") },
		"mode": func(f []mpspdz.File) { f[0].Mode = 0o600 }, "target": func(f []mpspdz.File) { f[1].Target = "b" },
		"boundary": func(f []mpspdz.File) { f[0].Path, f[0].Data = "ab", []byte("c") },
		"order":    func(f []mpspdz.File) { f[0], f[1] = f[1], f[0] },
	} {
		n := name(change)
		if other, twice := seen[n]; twice || len(n) != 64 || strings.Trim(n, "0123456789abcdef") != "" {
			t.Errorf("%s and %s: %s", what, other, n)
		}
		seen[n] = what
	}
	if again := name(func([]mpspdz.File) {}); seen[again] != "nothing" {
		t.Error("not the same name again")
	}
}

// TestRenderedFoldersHandshake lets two parties shake hands, each with nothing but its own rendered folder.
func TestRenderedFoldersHandshake(t *testing.T) {
	set, keys := newSet(t, 3)
	config := func(i int) *tls.Config {
		files, err := mpspdz.Render(set, mpspdz.Own{Component: set.Parties()[i].Component, KeyPEM: keys[i], BindPort: 14000})
		if err != nil {
			t.Fatal(err)
		}
		return tlsConfig(t, files, i)
	}
	if err := handshake(t, config(0), config(1)); err != nil {
		t.Error(err)
	}
	stranger, strangers := newSet(t, 3)
	files, err := mpspdz.Render(stranger, mpspdz.Own{Component: "NODE_001", KeyPEM: strangers[1], BindPort: 14000})
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, config(0), tlsConfig(t, files, 1)); err == nil {
		t.Error("a stranger with the same names was let in")
	}
}

// tlsConfig trusts every certificate of the files, and shows the own one. Names are not looked at: the certificates' is '*'.
func tlsConfig(t *testing.T, files []mpspdz.File, own int) *tls.Config {
	t.Helper()
	roots, data := x509.NewCertPool(), map[string][]byte{}
	for _, f := range files {
		data[f.Path] = f.Data
		if strings.HasSuffix(f.Path, ".pem") && !roots.AppendCertsFromPEM(f.Data) {
			t.Fatalf("%s holds no certificate", f.Path)
		}
	}
	base := "Player-Data/P" + string(rune('0'+own))
	pair, err := tls.X509KeyPair(data[base+".pem"], data[base+".key"])
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
		InsecureSkipVerify: true, // the name only: VerifyConnection does the rest
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			return err
		},
		Time: func() time.Time { return now },
	}
}

// handshake lets the two meet on loopback; a TLS 1.3 client learns only from the first bytes whether it was let in.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	listener, err := tls.Listen("tcp4", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			_, err = connection.Write([]byte("in"))
			err = errors.Join(err, connection.Close())
		}
		served <- err
	}()
	dialer := &net.Dialer{Timeout: 20 * time.Second}
	connection, err := tls.DialWithDialer(dialer, "tcp4", listener.Addr().String(), client)
	if err == nil {
		err = connection.SetDeadline(time.Now().Add(20 * time.Second))
		_, readErr := io.ReadFull(connection, make([]byte, 2))
		err = errors.Join(err, readErr, connection.Close())
	}
	return errors.Join(err, <-served)
}
