package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

const fixtureName = "fedbiomed-5.2.0-clone"

// scriptFixture copies the clone and gives each of its components a key and a certificate of the shape that Fed-BioMed makes.
func scriptFixture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fixture DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.CopyFS(dir, os.DirFS(filepath.Join(ts.Getenv("FIXTURES"), fixtureName))))
	folders, err := filepath.Glob(filepath.Join(dir, "etc", "certs", "cert_*"))
	ts.Check(err)
	if len(folders) != 3 {
		ts.Fatalf("%d components in the fixture", len(folders))
	}
	for _, folder := range folders {
		ts.Check(fedbiomedPair(folder))
	}
}

// fedbiomedPair makes a key and a certificate as Fed-BioMed does, in the folder that it gives a component.
func fedbiomedPair(folder string) error {
	certificate, key, err := mpspdz.NewFedbiomedCertificate(rand.Reader, strings.TrimPrefix(filepath.Base(folder), "cert_"), time.Now())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "MPSPDZ_certificate.key"), key, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "MPSPDZ_certificate.pem"), certificate, 0o644)
}

// tinyRow is a row of the table Certificates, as TinyDB stores it.
type tinyRow struct {
	Certificate string          `json:"certificate"`
	PartyID     string          `json:"party_id"`
	Component   string          `json:"component"`
	IP          string          `json:"ip"`
	Port        json.RawMessage `json:"port"`
}

func tinyRows(data []byte) (map[string]tinyRow, error) {
	var tables struct{ Certificates map[string]tinyRow }
	if err := json.Unmarshal(data, &tables); err != nil {
		return nil, err
	}
	rows := map[string]tinyRow{}
	for id, row := range tables.Certificates {
		if _, err := strconv.Atoi(id); err != nil {
			return nil, fmt.Errorf("document id %q is no decimal number", id)
		}
		rows[row.PartyID] = row
	}
	return rows, nil
}

// scriptOnlyRegistered demands that the databases differ from the clone's only by their Certificates table, and that its rows are
// those that Fed-BioMed's own registration makes, but for the certificates and for a port that is a number.
func scriptOnlyRegistered(ts *testscript.TestScript, neg bool, args []string) {
	fixtures := ts.Getenv("FIXTURES")
	databases, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "var", "db_*.json"))
	ts.Check(err)
	if len(databases) != 3 {
		ts.Fatalf("%d databases", len(databases))
	}
	for _, path := range databases {
		name := filepath.Base(path)
		after, err := os.ReadFile(path)
		ts.Check(err)
		before, err := os.ReadFile(filepath.Join(fixtures, fixtureName, "var", name))
		ts.Check(err)
		// TinyDB's object without its closing brace, then our table, then the brace.
		rest, found := bytes.CutPrefix(after, bytes.TrimSuffix(before, []byte("}")))
		if !found || !bytes.HasPrefix(rest, []byte(`, "Certificates": {`)) || !bytes.HasSuffix(rest, []byte("}}}")) {
			ts.Fatalf("%s: something else than the table Certificates has changed:\n%s", name, after)
		}
		theirs, err := os.ReadFile(filepath.Join(fixtures, fixtureName+"-registered", "var", name))
		ts.Check(err)
		want, err := tinyRows(theirs)
		ts.Check(err)
		got, err := tinyRows(after)
		ts.Check(err)
		if len(got) != len(want) {
			ts.Fatalf("%s: %d rows, not %d", name, len(got), len(want))
		}
		for id, w := range want {
			g := got[id]
			certificate, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), "etc", "certs", "cert_"+id, "MPSPDZ_certificate.pem"))
			ts.Check(err)
			if g.Certificate != string(certificate) {
				ts.Fatalf("%s: %s: certificate\n%s", name, id, g.Certificate)
			}
			if g.Component != w.Component || g.IP != w.IP || string(g.Port) != strings.Trim(string(w.Port), `"`) {
				ts.Fatalf("%s: %s: %s %s %s, not %s %s %s", name, id, g.Component, g.IP, g.Port, w.Component, w.IP, w.Port)
			}
		}
	}
}

// scriptSamePlayers compares the player files of all parties of a set, given in party order.
func scriptSamePlayers(ts *testscript.TestScript, neg bool, args []string) {
	openssl := testenv.NeedProgram(scriptTB{ts}, "openssl")
	var first map[string]string
	for i, arg := range args {
		dir := ts.MkAbs(arg)
		files, err := playerFiles(dir)
		ts.Check(err)
		key := fmt.Sprintf("Player-Data/P%d.key", i)
		if files[key] == "" {
			ts.Fatalf("%s holds no %s", arg, key)
		}
		info, err := os.Stat(filepath.Join(dir, key))
		ts.Check(err)
		if info.Mode().Perm() != 0o600 {
			ts.Fatalf("%s: %s", key, info.Mode())
		}
		delete(files, key)
		if i == 0 {
			first = files
			ts.Check(rehashed(openssl, dir, files))
		}
		for path, data := range files {
			if first[path] != data {
				ts.Fatalf("%s of %s is not that of %s", path, arg, args[0])
			}
		}
		if len(files) != len(first) {
			ts.Fatalf("%s holds %d files, %s %d", arg, len(files), args[0], len(first))
		}
	}
	if got := strings.Count(first["ip_addresses"], "\n"); got != len(args) {
		ts.Fatalf("ip_addresses has %d lines for %d parties", got, len(args))
	}
}

// playerFiles are the files of a folder, by path; a link is its target.
func playerFiles(dir string) (map[string]string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			files[name] = "-> " + target
			return err
		}
		data, err := os.ReadFile(path)
		files[name] = string(data)
		return err
	})
	return files, err
}

// rehashed compares the hash links with those that openssl makes of the same certificates.
func rehashed(openssl, dir string, files map[string]string) error {
	again, err := os.MkdirTemp("", "rehash")
	if err != nil {
		return err
	}
	defer os.RemoveAll(again)
	want := map[string]bool{}
	for path, data := range files {
		switch {
		case strings.HasSuffix(path, ".pem"):
			if err := os.WriteFile(filepath.Join(again, filepath.Base(path)), []byte(data), 0o644); err != nil {
				return err
			}
		case strings.HasPrefix(path, "Player-Data/") && !strings.HasSuffix(path, ".key"):
			want[filepath.Base(path)] = true
		}
	}
	if out, err := exec.Command(openssl, "rehash", again).CombinedOutput(); err != nil {
		return fmt.Errorf("openssl rehash: %w: %s", err, out)
	}
	links, err := filepath.Glob(filepath.Join(again, "*.[0-9]*"))
	if err != nil {
		return err
	}
	if len(links) != len(want) {
		return fmt.Errorf("%s has %d hash links, openssl makes %d", dir, len(want), len(links))
	}
	for _, link := range links {
		if !want[filepath.Base(link)] {
			return fmt.Errorf("%s lacks the hash link %s", dir, filepath.Base(link))
		}
	}
	return nil
}

// side is what one end of a handshake uses.
type side struct{ certificate, key, trusted string }

// sideOf is a folder of player files, or CERTIFICATE,KEY,FOLDER for somebody whose own files do not stand in it.
func sideOf(ts *testscript.TestScript, arg string) side {
	if parts := strings.Split(arg, ","); len(parts) == 3 {
		return side{ts.MkAbs(parts[0]), ts.MkAbs(parts[1]), filepath.Join(ts.MkAbs(parts[2]), "Player-Data")}
	}
	data := filepath.Join(ts.MkAbs(arg), "Player-Data")
	keys, err := filepath.Glob(filepath.Join(data, "P*.key"))
	ts.Check(err)
	if len(keys) != 1 {
		ts.Fatalf("%s: keys %q", arg, keys)
	}
	return side{strings.TrimSuffix(keys[0], ".key") + ".pem", keys[0], data}
}

func (s side) arguments() []string {
	return []string{"-cert", s.certificate, "-key", s.key, "-CApath", s.trusted, "-verify_return_error"}
}

// scriptHandshake lets openssl do what MP-SPDZ does: TLS in which both sides demand a certificate that the folder trusts.
func scriptHandshake(ts *testscript.TestScript, neg bool, args []string) {
	openssl := testenv.NeedProgram(scriptTB{ts}, "openssl")
	if len(args) != 2 {
		ts.Fatalf("usage: handshake SERVER CLIENT")
	}
	log, err := handshake(openssl, sideOf(ts, args[0]), sideOf(ts, args[1]))
	switch {
	case err != nil && !neg:
		ts.Fatalf("%v\n%s", err, log)
	case err == nil && neg:
		ts.Fatalf("the handshake succeeded:\n%s", log)
	case neg && !regexp.MustCompile(`verify error|verify failed|unknown ca`).MatchString(log):
		ts.Fatalf("the handshake failed otherwise than by verification: %v\n%s", err, log)
	}
}

// handshakeLimit is far more than a handshake on one machine takes.
const handshakeLimit = 20 * time.Second

// handshake sends a word through s_client to s_server, which answers with its letters reversed: only when both sides have
// accepted each other does it come back.
func handshake(openssl string, server, client side) (log string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeLimit)
	defer cancel()
	var serverLog, clientLog bytes.Buffer
	s := exec.CommandContext(ctx, openssl, append([]string{"s_server", "-accept", "127.0.0.1:0", "-Verify", "1", "-rev", "-naccept", "1"}, server.arguments()...)...)
	s.Stderr = &serverLog
	stdout, err := s.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := s.Start(); err != nil {
		return "", err
	}
	defer func() {
		_ = s.Process.Kill() // it may have ended by itself
		_ = s.Wait()
		log = "server:\n" + serverLog.String() + "client:\n" + clientLog.String()
	}()
	address, err := accepting(stdout)
	if err != nil {
		return "", err
	}
	c := exec.CommandContext(ctx, openssl, append([]string{"s_client", "-connect", address, "-quiet", "-no_ign_eof"}, client.arguments()...)...)
	c.Stderr = &clientLog
	in, err := c.StdinPipe()
	if err != nil {
		return "", err
	}
	answer, err := c.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := c.Start(); err != nil {
		return "", err
	}
	_, wrote := io.WriteString(in, "drow\n")
	got := make([]byte, len("word"))
	_, read := io.ReadFull(answer, got)
	_ = in.Close()
	_ = c.Process.Kill()
	_ = c.Wait()
	if read != nil || string(got) != "word" {
		return "", fmt.Errorf("no answer: %w", errors.Join(wrote, read))
	}
	return "", nil
}

// accepting reads from s_server where it listens.
func accepting(stdout io.Reader) (string, error) {
	text, buf := "", make([]byte, 256)
	for {
		n, err := stdout.Read(buf)
		text += string(buf[:n])
		if m := regexp.MustCompile(`ACCEPT (127\.0\.0\.1:\d+)\n`).FindStringSubmatch(text); m != nil {
			return m[1], nil
		}
		if err != nil {
			return "", fmt.Errorf("s_server did not start: %s: %w", text, err)
		}
	}
}

// scriptNetns makes network namespaces on one bridge that lies in a namespace of its own: eth0 of the n-th has 10.77.0.n.
func scriptNetns(ts *testscript.TestScript, neg bool, args []string) {
	testenv.NeedNamespaces(scriptTB{ts})
	unique := fmt.Sprintf("fbp%d-%s-", os.Getpid(), ts.Name()) // scripts run beside each other
	bridge := unique + "switch"
	ip := func(command string) error {
		out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %s: %w: %s", command, err, out)
		}
		return nil
	}
	made := []string{bridge}
	ts.Check(ip("netns add " + bridge))
	ts.Defer(func() {
		for _, name := range slices.Backward(made) {
			_ = ip("netns del " + name)
		}
	})
	ts.Check(ip("-n " + bridge + " link add br0 type bridge"))
	ts.Check(ip("-n " + bridge + " link set br0 up"))
	for i, name := range args {
		ns := unique + name
		ts.Check(ip("netns add " + ns))
		made = append(made, ns)
		port := fmt.Sprintf("port%d", i)
		for _, command := range []string{
			"-n " + bridge + " link add " + port + " type veth peer name eth0 netns " + ns,
			"-n " + bridge + " link set " + port + " master br0 up",
			"-n " + ns + " addr add " + fmt.Sprintf("10.77.0.%d/24", i+1) + " dev eth0",
			"-n " + ns + " link set lo up",
			"-n " + ns + " link set eth0 up",
			"-n " + ns + " route add default dev eth0",
		} {
			ts.Check(ip(command))
		}
		ts.Setenv(name, ns)
	}
}
