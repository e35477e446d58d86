package exchange

import (
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

// vector is a file of testdata/vectors: header lines, an empty line, and the sealed bytes in PEM (docs/announcement.md,
// "Test vectors", and docs/records.md).
type vector struct {
	headers map[string]string
	sealed  []byte
}

func readVector(t testing.TB, path string) vector {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(data), "\n\n")
	v := vector{headers: map[string]string{}}
	for _, line := range strings.Split(head, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if _, twice := v.headers[name]; !ok || twice {
			t.Fatalf("%s: header line %q", path, line)
		}
		v.headers[name] = value
	}
	block, rest := pem.Decode([]byte(body))
	if block == nil || len(rest) != 0 {
		t.Fatalf("%s: no record, or something after it", path)
	}
	v.sealed = block.Bytes
	return v
}

func (v vector) federation(t testing.TB) Federation {
	t.Helper()
	secret, err := hex.DecodeString(v.headers["secret"])
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFederation(v.headers["federation"], secret, false)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// opened lists what a vector that opens must say, in the words of its headers.
func opened(r Opened) map[string]string {
	row := r.Record()
	fields := map[string]string{
		"sequence": strconv.FormatUint(row.Sequence, 10),
		"issued":   row.Issued.Format(timeForm),
		"peer":     row.Peer.String(),
		"hash":     row.Hash.String(),
	}
	if row.Kind != KindAnnouncement {
		fields["kind"], fields["set-name"] = string(row.Kind), row.Set
	}
	if row.Kind != KindView && row.Kind != KindCall {
		fields["expires"] = row.Expires.Format(timeForm)
	}
	switch r := r.(type) {
	case *Announcement:
		maps.Copy(fields, openedAnnouncement(r))
	case *View:
		maps.Copy(fields, map[string]string{
			"proposal": hashText(r.Proposal), "set": hashText(r.Set), "files": hashText(r.Files), "rows": hashText(r.Rows),
			"members": strconv.Itoa(r.Members), "call": r.Call.text(),
		})
	case *Call:
		fields["call"] = r.ID.String()
	case *Proposal:
		fields["members"] = strings.Join(r.Members, ",")
	case *NumberedCertificate:
		maps.Copy(fields, map[string]string{
			"component": r.Component, "plan": r.Plan.String(), "number": strconv.Itoa(r.Number), "certificate": r.Certificate.SHA256().String(),
		})
	}
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	return fields
}

func openedAnnouncement(a *Announcement) map[string]string {
	fields := map[string]string{
		"component":   a.Component,
		"role":        string(a.Role),
		"label":       a.Label,
		"endpoint":    a.Endpoint.String(),
		"secagg":      string(a.Secagg),
		"certificate": a.Certificate.SHA256().String(),
		"next":        hashText(a.Next),
		"fingerprint": a.Fingerprint().String(),
		"words":       strings.Join(a.Fingerprint().Words(), " "),
	}
	if a.Endorsement != nil {
		fields["endorsement-key"] = encodeBinary(a.Endorsement.OldKey)
	}
	return fields
}

// vectorPaths are all files of testdata/vectors.
func vectorPaths(t testing.TB) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(vectorFolder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	return paths
}

func TestVectors(t *testing.T) {
	seen := map[string]bool{}
	for _, path := range vectorPaths(t) {
		name := strings.TrimSuffix(strings.TrimPrefix(path, vectorFolder+"/"), ".txt")
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			v := readVector(t, path)
			r, err := OpenRecord(v.sealed, v.federation(t))
			if code, refused := strings.CutPrefix(v.headers["expect"], "refused "); refused {
				checkRefused(t, v, Code(code), err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := opened(r)
			for name, want := range v.headers {
				switch name {
				case "comment", "expect", "federation", "secret":
				default:
					if got[name] != want {
						t.Errorf("%s: got %q, want %q", name, got[name], want)
					}
					delete(got, name)
				}
			}
			if len(got) != 0 {
				t.Errorf("fields that the vector does not list: %v", got)
			}
		})
	}
	for _, c := range vectorCases() {
		if !seen[c.name] {
			t.Errorf("%s has no file: run go test -run TestUpdateVectors -update", c.name)
		}
		delete(seen, c.name)
	}
	for name := range seen {
		t.Errorf("%s.txt is of no case", name)
	}
}

func checkRefused(t *testing.T, v vector, code Code, err error) {
	t.Helper()
	r := wantRefusal(t, err, code)
	if r.Field != v.headers["field"] {
		t.Errorf("field %q, want %q (%v)", r.Field, v.headers["field"], err)
	}
	var certificate *mpspdz.CertificateError
	if errors.As(err, &certificate); certificate != nil && certificate.Rule != v.headers["rule"] {
		t.Errorf("rule %q, want %q", certificate.Rule, v.headers["rule"])
	}
	if (certificate != nil) != (v.headers["rule"] != "") {
		t.Errorf("rule %q is expected: %v", v.headers["rule"], err)
	}
	if got := r.Peer.String(); r.Peer != "" && got != v.headers["peer"] || r.Peer == "" && v.headers["peer"] != "" {
		t.Errorf("peer %q, want %q", got, v.headers["peer"])
	}
}

// TestVectorsCoverEveryCode: each code that OpenRecord can give has a vector, of each kind that can have it.
func TestVectorsCoverEveryCode(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range vectorCases() {
		folder, _, found := strings.Cut(c.name, "/")
		if !found {
			folder = string(KindAnnouncement)
		}
		covered[folder+" "+string(c.code)] = true
	}
	every := []Code{"", CodeTooLarge, CodeMalformed, CodeSignature, CodeFederation, CodeNewerVersion, CodeField}
	for kind, codes := range map[Kind][]Code{
		KindAnnouncement: append(slices.Clone(every), CodeCertificate, CodeProof, CodeEndorsement),
		KindView:         every, KindCall: every, KindSet: every, KindCertificate: append(slices.Clone(every), CodeCertificate),
	} {
		for _, code := range codes {
			if !covered[string(kind)+" "+string(code)] {
				t.Errorf("%s: no vector for code %q", kind, code)
			}
		}
	}
}
