package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

func someMembers(n int) []Member {
	var members []Member
	for i := range n {
		members = append(members, NewMember(fmt.Sprintf("NODE_%04d", i), "10.0.0.2:14001", mpspdz.Hash{byte(i)}))
	}
	return members
}

// TestMembersAreHashedAsTheDocumentSays holds both hashes against messages written by hand.
func TestMembersAreHashedAsTheDocumentSays(t *testing.T) {
	certificate := hashOf("certificate")
	m := NewMember("alice", "10.0.0.2:14001", certificate)
	if want := sha256.Sum256([]byte("fbpeer-member-v1\x00\x00\x05alice\x00\x0e10.0.0.2:14001" + string(certificate[:]))); m.Component != "alice" || m.Digest != want {
		t.Errorf("member %+v", m)
	}
	b := NewMember("bob", "b.example:1", certificate)
	want := sha256.Sum256([]byte("fbpeer-members-v1\x00\x00\x02\x00\x05alice" + string(m.Digest[:]) + "\x00\x03bob" + string(b.Digest[:])))
	if MembersRoot([]Member{m, b}) != want || MembersRoot([]Member{b, m}) != want {
		t.Error("the root is not over the message that the document gives, in any order")
	}
	if !MembersRoot(nil).IsZero() || !MembersRoot([]Member{}).IsZero() {
		t.Error("no members have a root")
	}
	seen := map[mpspdz.Hash]bool{}
	for _, members := range [][]Member{{m}, {b}, {m, b}, {m, m}, {{Component: "alice"}}, {{Component: "bob", Digest: m.Digest}}} {
		if root := MembersRoot(members); seen[root] {
			t.Errorf("%+v have the root of others", members)
		} else {
			seen[root] = true
		}
	}
}

func TestMembersComeBack(t *testing.T) {
	for _, m := range []Members{{}, {Files: someMembers(3)}, {Rows: someMembers(2)}, {Files: someMembers(MaxMembers), Rows: someMembers(1)}} {
		encoded := m.Encode()
		got, err := DecodeMembers(encoded)
		if err != nil || !slices.Equal(got.Files, m.Files) || !slices.Equal(got.Rows, m.Rows) {
			t.Errorf("%d and %d come back as %d and %d, %v", len(m.Files), len(m.Rows), len(got.Files), len(got.Rows), err)
		}
		for n := range min(len(encoded), 300) {
			if _, err := DecodeMembers(encoded[:n]); !errors.Is(err, ErrMembers) {
				t.Errorf("%d bytes of it give %v", n, err)
			}
		}
		if _, err := DecodeMembers(append(encoded, 0)); !errors.Is(err, ErrMembers) {
			t.Errorf("a byte more gives %v", err)
		}
	}
}

func TestDecodeMembersRefuses(t *testing.T) {
	good := someMembers(2)
	for name, m := range map[string]Members{
		"too many":         {Files: someMembers(MaxMembers + 1)},
		"out of order":     {Rows: []Member{good[1], good[0]}},
		"twice":            {Rows: []Member{good[0], good[0]}},
		"not a component":  {Files: []Member{{Component: "../x"}}},
		"no component":     {Files: []Member{{Component: ""}}},
		"an endless name":  {Files: []Member{{Component: strings.Repeat("a", 65)}}},
		"a terminal's own": {Files: []Member{{Component: "a\x1b[2J"}}},
	} {
		if _, err := DecodeMembers(m.Encode()); !errors.Is(err, ErrMembers) || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLargestMembers: whatever may be sent fits into MaxMembersSize.
func TestLargestMembers(t *testing.T) {
	var longest []Member
	for i := range MaxMembers {
		longest = append(longest, Member{Component: fmt.Sprintf("%064d", i)})
	}
	m := Members{Files: longest, Rows: longest}
	if _, err := DecodeMembers(m.Encode()); err != nil || len(m.Encode()) != MaxMembersSize {
		t.Errorf("%d bytes, %v", len(m.Encode()), err)
	}
}

func TestHolds(t *testing.T) {
	files, rows := someMembers(3), someMembers(2)
	v := &View{Files: MembersRoot(files), Rows: MembersRoot(rows), Members: 3}
	if !v.Holds(Members{files, rows}) || !(&View{}).Holds(Members{}) {
		t.Error("a view does not hold its own members")
	}
	other := slices.Clone(files)
	other[1].Digest[0]++
	for name, m := range map[string]Members{
		"none": {}, "only files": {Files: files}, "only rows": {Rows: rows}, "the other way round": {rows, files}, "another digest": {other, rows}, "one less": {files[:2], rows},
	} {
		if v.Holds(m) {
			t.Errorf("%s: holds", name)
		}
	}
	if v.Members = 4; v.Holds(Members{files, rows}) {
		t.Error("a view that says another number holds")
	}
}

func FuzzDecodeMembers(f *testing.F) {
	f.Add(Members{}.Encode())
	f.Add(Members{Files: someMembers(3), Rows: someMembers(1)}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMembers(b)
		if err != nil {
			if !errors.Is(err, ErrMembers) || strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
				t.Fatalf("%q", err.Error())
			}
			return
		}
		if !bytes.Equal(m.Encode(), b) {
			t.Fatalf("%x is written as %x", b, m.Encode())
		}
	})
}

// TestMembersVectors reads testdata/members.txt (docs/records.md, "Members").
func TestMembersVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/members.txt")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]Member{}
	var encoded Members
	checked := map[string]int{}
	for _, row := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		columns := strings.Fields(row)
		checked[columns[0]]++
		var got, want string
		switch columns[0] {
		case "#":
			continue
		case "member":
			certificate, err := mpspdz.ParseHash(columns[3])
			if err != nil {
				t.Fatal(err)
			}
			m := NewMember(columns[1], columns[2], certificate)
			named[m.Component] = m
			got, want = m.Digest.String(), columns[4]
		case "ahead": // not part of the lists that follow
			certificate, err := mpspdz.ParseHash(columns[3])
			if err != nil {
				t.Fatal(err)
			}
			next, err := mpspdz.ParseHash(columns[4])
			if err != nil {
				t.Fatal(err)
			}
			got, want = NewMemberAhead(columns[1], columns[2], certificate, next).Digest.String(), columns[5]
		case "root":
			encoded.Files, encoded.Rows = encoded.Rows, nil
			for _, name := range columns[2:] {
				encoded.Rows = append(encoded.Rows, named[name])
			}
			got, want = MembersRoot(encoded.Rows).String(), columns[1]
		case "encoded": // the last two roots, as files and rows
			got, want = hex.EncodeToString(encoded.Encode()), columns[1]
		default:
			t.Fatalf("line %q", row)
		}
		if got != want {
			t.Errorf("%s: got %s", row, got)
		}
	}
	if checked["member"] == 0 || checked["root"] < 2 || checked["encoded"] == 0 {
		t.Errorf("only %v", checked)
	}
}
