package exchange

import (
	"encoding/hex"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

// vector is a file of testdata/vectors: header lines, an empty line, and the sealed bytes in PEM (docs/announcement.md,
// "Test vectors").
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
		t.Fatalf("%s: no announcement, or something after it", path)
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
func opened(a *Announcement) map[string]string {
	fields := map[string]string{
		"component":   a.Component,
		"role":        string(a.Role),
		"label":       a.Label,
		"endpoint":    a.Endpoint.String(),
		"secagg":      string(a.Secagg),
		"certificate": a.Certificate.SHA256().String(),
		"sequence":    strconv.FormatUint(a.Sequence, 10),
		"issued":      a.Issued.Format(timeForm),
		"expires":     a.Expires.Format(timeForm),
		"peer":        a.Peer.String(),
		"hash":        a.Hash.String(),
		"fingerprint": a.Fingerprint().String(),
		"words":       strings.Join(a.Fingerprint().Words(), " "),
	}
	if !a.Next.IsZero() {
		fields["next"] = a.Next.String()
	}
	if a.Endorsement != nil {
		fields["endorsement-key"] = encodeBinary(a.Endorsement.OldKey)
	}
	for name, value := range fields {
		if value == "" {
			delete(fields, name)
		}
	}
	return fields
}

func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			v := readVector(t, path)
			a, err := Open(v.sealed, v.federation(t))
			if code, refused := strings.CutPrefix(v.headers["expect"], "refused "); refused {
				checkRefused(t, v, Code(code), err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := opened(a)
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

// TestVectorsCoverEveryCode: each code that Open can give has a vector.
func TestVectorsCoverEveryCode(t *testing.T) {
	covered := map[Code]int{}
	for _, c := range vectorCases() {
		covered[c.code]++
	}
	for _, code := range []Code{"", CodeTooLarge, CodeMalformed, CodeSignature, CodeFederation, CodeNewerVersion, CodeField, CodeCertificate, CodeProof, CodeEndorsement} {
		if covered[code] == 0 {
			t.Errorf("no vector for code %q", code)
		}
	}
}
