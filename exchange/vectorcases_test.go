package exchange

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"

	"fbpeer/mpspdz"
)

var update = flag.Bool("update", false, "write the vectors of testdata/vectors that are missing")

const vectorFolder = "testdata/vectors"

// vectorCase makes one file of testdata/vectors; those of other kinds than announcements are in a folder. code is empty for one that opens.
type vectorCase struct {
	name    string
	code    Code
	field   string
	rule    string
	comment string
	build   func(t testing.TB) []byte
}

// TestUpdateVectors writes the files that are missing, with fresh keys. Those that stand are part of the format: one that is to change is
// removed first.
func TestUpdateVectors(t *testing.T) {
	if !*update {
		return // nothing is left out: TestVectors reads the files that stand
	}
	for _, c := range vectorCases() {
		path := filepath.Join(vectorFolder, c.name+".txt")
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, c.file(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// file is the vector's text.
func (c vectorCase) file(t *testing.T) []byte {
	sealed := c.build(t)
	secret := hex.EncodeToString([]byte(strings.Repeat("s", SecretSize)))
	headers := []string{"comment: " + c.comment, "expect: ok", "federation: cardio", "secret: " + secret}
	if c.code == "" {
		r, err := OpenRecord(sealed, testFederation())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var fields []string
		for name, value := range opened(r) {
			fields = append(fields, name+": "+value)
		}
		sort.Strings(fields)
		headers = append(headers, fields...)
	} else {
		headers[1] = "expect: refused " + string(c.code)
		if c.field != "" {
			headers = append(headers, "field: "+c.field)
		}
		if c.rule != "" {
			headers = append(headers, "rule: "+c.rule)
		}
		if c.code == CodeNewerVersion {
			headers = append(headers, "peer: "+grammarSite().peer().String())
		}
	}
	return []byte(strings.Join(headers, "\n") + "\n\n" + string(Armour(sealed)))
}

// grammarSite has an Ed25519 certificate, which keeps vectors about other things short.
var grammarSite = sync.OnceValue(func() *site {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return siteWithCertificate("alice", mpspdz.PlainParty, key, selfSigned(key, partyTemplate("alice")))
})

func vectorCases() []vectorCase {
	var all []vectorCase
	for _, group := range [][]vectorCase{okCases(), envelopeCases(), signatureCases(), versionCases(), payloadCases(), lineCases(), valueCases(), fieldCases(), certificateCases(), proofCases(), endorsementCases(), kindCases()} {
		all = append(all, group...)
	}
	return all
}

func okCases() []vectorCase {
	sealing := func(s func(t testing.TB) *site, stamp Stamp) func(t testing.TB) []byte {
		return func(t testing.TB) []byte { return mustSeal(t, s(t), stamp).Sealed }
	}
	week := weekFrom(testNow)
	card := week
	card.Expires = testNow.AddDate(4, 0, 0)
	last := Stamp{Sequence: 1<<64 - 1, Issued: testNow, Expires: testNow.Add(time.Second)}
	variant := func(base func() *site, change func(*Registration)) func(t testing.TB) *site {
		return func(testing.TB) *site {
			s := *base()
			change(&s.registration)
			return &s
		}
	}
	none := func(*Registration) {}
	return []vectorCase{
		{name: "ok-node", comment: "a Fed-BioMed node, RSA-2048, no optional field", build: sealing(variant(sharedNode, none), week)},
		{name: "ok-researcher", comment: "a Fed-BioMed researcher has no policy", build: sealing(variant(sharedNode, func(r *Registration) {
			r.Component, r.Role, r.Secagg = "RESEARCHER_d638de88-772c-4835-8b5c-4cd5c6fb3882", mpspdz.Researcher, ""
		}), week)},
		{name: "ok-lower-case-id", comment: "older Fed-BioMed releases write ids in lower case", build: sealing(variant(sharedNode, func(r *Registration) { r.Component = strings.ToLower(nodeID) }), week)},
		{name: "ok-party", comment: "a plain MP-SPDZ party, RSA-2048, SAN P0 to P255", build: sealing(variant(sharedParty, none), week)},
		{name: "ok-optional-fields", comment: "label, next and secagg", build: sealing(variant(sharedNode, func(r *Registration) {
			r.Label, r.Next, r.Secagg = "Hôpital de Nice – 心臓", mpspdz.Hash{1, 2, 3}, SecaggForced
		}), week)},
		{name: "ok-endorsed", comment: "endorsed by a previous Ed25519 key", build: func(t testing.TB) []byte {
			s := sharedNode()
			keys := s.keys()
			keys.Previous = grammarSite().key
			a, err := Seal(rand.Reader, testFederation(), s.registration, week, keys)
			if err != nil {
				t.Fatal(err)
			}
			return a.Sealed
		}},
		{name: "ok-ed25519", comment: "an Ed25519 certificate", build: sealing(variant(grammarSite, none), week)},
		{name: "ok-ecdsa", comment: "an ECDSA P-256 certificate", build: sealing(func(t testing.TB) *site {
			key := newECDSA()
			return siteWithCertificate("alice", mpspdz.PlainParty, key, selfSigned(key, partyTemplate("alice")))
		}, week)},
		{name: "ok-ca-signed", comment: "a plain MP-SPDZ party with a certificate that an authority signed", build: sealing(func(t testing.TB) *site {
			return siteWithCertificate("alice", mpspdz.PlainParty, sharedRSA(), issued(sharedRSA(), partyTemplate("alice")))
		}, week)},
		{name: "ok-card", comment: "made for a card: it lives longer than 30 days, which only time and history refuse", build: sealing(variant(grammarSite, none), card)},
		{name: "ok-last-sequence", comment: "the highest sequence: ahead of every clock, which only time and history refuse", build: sealing(variant(grammarSite, none), last)},
		{name: "ok-host-name", comment: "an endpoint by host name; a plain id with an underscore", build: sealing(variant(grammarSite, func(r *Registration) {
			r.Component = "party_1"
			endpoint, err := mpspdz.NewEndpoint("mpc.hospital-a.example", 65535)
			if err != nil {
				panic(err)
			}
			r.Endpoint = endpoint
		}), week)},
	}
}

// changed takes a good record and changes its bytes.
func changed(change func(sealed []byte, key, payload, signature string) []byte) func(t testing.TB) []byte {
	return func(t testing.TB) []byte {
		s := grammarSite()
		sealed := s.sealLines(goodLines(s, weekFrom(testNow)))
		e, err := parseEnvelope(sealed)
		if err != nil {
			t.Fatal(err)
		}
		return change(sealed, string(e.key), string(e.payload), string(e.signature))
	}
}

func envelopeCases() []vectorCase {
	keyField := func(key string) string { return "\x0a\x24\x08\x01\x12\x20" + key }
	const typeField = "\x12\x14/fbpeer/announcement"
	payloadField := func(p string) string { return "\x1a" + varint(len(p)) + p }
	signatureField := func(s string) string { return "\x2a\x40" + s }
	good := func(key, payload, signature string) string {
		return keyField(key) + typeField + payloadField(payload) + signatureField(signature)
	}
	malformed := func(name, comment string, change func(key, payload, signature string) string) vectorCase {
		return vectorCase{name: "envelope-" + name, code: CodeMalformed, field: "envelope", comment: comment,
			build: changed(func(_ []byte, k, p, s string) []byte { return []byte(change(k, p, s)) })}
	}
	return []vectorCase{
		{name: "too-large", code: CodeTooLarge, field: "envelope", comment: "16,385 bytes", build: changed(func(b []byte, _, _, _ string) []byte {
			return append(b, make([]byte, MaxSealed+1-len(b))...)
		})},
		malformed("empty", "no bytes at all but one", func(_, _, _ string) string { return "\x0a" }),
		malformed("unknown-field-after", "protobuf field 15 appended: the signature still verifies", func(k, p, s string) string { return good(k, p, s) + "\x7a\x01x" }),
		malformed("unknown-field-before", "protobuf field 15 in front: the signature still verifies", func(k, p, s string) string { return "\x7a\x01x" + good(k, p, s) }),
		malformed("unknown-field-in-key", "an unknown field in the public key", func(k, p, s string) string {
			return "\x0a\x27\x08\x01\x12\x20" + k + "\x7a\x01x" + typeField + payloadField(p) + signatureField(s)
		}),
		malformed("field-order", "payload before its type", func(k, p, s string) string {
			return keyField(k) + payloadField(p) + typeField + signatureField(s)
		}),
		malformed("field-twice", "the signature twice", func(k, p, s string) string { return good(k, p, s) + signatureField(s) }),
		malformed("long-varint", "the payload's length with a leading zero group", func(k, p, s string) string {
			n := []byte(varint(len(p)))
			n[len(n)-1] |= 0x80
			return keyField(k) + typeField + "\x1a" + string(n) + "\x00" + p + signatureField(s)
		}),
		malformed("no-signature", "the signature is missing", func(k, p, _ string) string { return keyField(k) + typeField + payloadField(p) }),
		malformed("short-signature", "a signature of 63 bytes", func(k, p, s string) string {
			return keyField(k) + typeField + payloadField(p) + "\x2a\x3f" + s[:63]
		}),
		malformed("other-type", "another payload type, well signed", func(string, string, string) string {
			s := grammarSite()
			return string(s.sealAs("fbpeer-announcement", "/fbpeer/announcemenT", goodLines(s, weekFrom(testNow)).body()))
		}),
	}
}

func signatureCases() []vectorCase {
	signed := func(name, comment string, build func(t testing.TB) []byte) vectorCase {
		return vectorCase{name: "signature-" + name, code: CodeSignature, field: "envelope", comment: comment, build: build}
	}
	return []vectorCase{
		signed("flipped", "one bit of the signature", changed(func(b []byte, _, _, _ string) []byte {
			b[len(b)-1] ^= 1
			return b
		})),
		signed("payload-flipped", "one digit of the port", changed(func(b []byte, _, _, _ string) []byte {
			return []byte(strings.Replace(string(b), ":14001", ":14002", 1))
		})),
		signed("other-domain", "signed in the domain of libp2p's peer records", func(testing.TB) []byte {
			s := grammarSite()
			body := goodLines(s, weekFrom(testNow)).body()
			return s.sealAs("libp2p-peer-record", "/fbpeer/announcement", body+"proof: "+s.proofOver(testFederation().ID(), body)+"\n")
		}),
		signed("rsa-signer", "an identity with an RSA key", otherSigner(ic.RSA)),
		signed("secp256k1-signer", "an identity with a secp256k1 key", otherSigner(ic.Secp256k1)),
		signed("ecdsa-signer", "an identity with an ECDSA key", otherSigner(ic.ECDSA)),
	}
}

// otherSigner seals with an identity that is not Ed25519, well signed.
func otherSigner(kind int) func(t testing.TB) []byte {
	return func(t testing.TB) []byte {
		private, public, err := ic.GenerateKeyPair(kind, 2048)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ic.MarshalPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		s := grammarSite()
		body := goodLines(s, weekFrom(testNow)).body()
		payload := body + "proof: " + s.proofOver(testFederation().ID(), body) + "\n"
		message := ""
		for _, part := range []string{"fbpeer-announcement", "/fbpeer/announcement", payload} {
			message += varint(len(part)) + part
		}
		signature, err := private.Sign([]byte(message))
		if err != nil {
			t.Fatal(err)
		}
		return []byte("\x0a" + varint(len(key)) + string(key) + "\x12\x14/fbpeer/announcement\x1a" + varint(len(payload)) + payload +
			"\x2a" + varint(len(signature)) + string(signature))
	}
}

func versionCases() []vectorCase {
	head := func(version string) string { return version + "\nfederation: " + testFederation().ID() + "\n" }
	sealed := func(payload string) func(testing.TB) []byte {
		return func(testing.TB) []byte { return grammarSite().sealPayload(payload) }
	}
	malformed := func(name, comment, version string) vectorCase {
		return vectorCase{name: "version-" + name, code: CodeMalformed, field: "version", comment: comment, build: sealed(head(version) + "x: y\n")}
	}
	return []vectorCase{
		{name: "newer-version", code: CodeNewerVersion, field: "version", comment: "version 2, of which only the first two lines are known",
			build: sealed(head("fbpeer announcement 2") + "anything: \xff\x00")},
		{name: "newer-version-empty", code: CodeNewerVersion, field: "version", comment: "the highest version, and nothing after the two lines", build: sealed(head("fbpeer announcement 999999999"))},
		{name: "newer-version-unsigned", code: CodeSignature, field: "envelope", comment: "version 2 whose envelope does not verify: nobody can say this of another",
			build: func(testing.TB) []byte {
				b := grammarSite().sealPayload(head("fbpeer announcement 2"))
				b[len(b)-1] ^= 1
				return b
			}},
		{name: "newer-version-other-federation", code: CodeFederation, field: "federation", comment: "version 2 of another federation",
			build: sealed("fbpeer announcement 2\nfederation: " + strings.Repeat("a", 32) + "\n")},
		{name: "federation-other", code: CodeFederation, field: "federation", comment: "another federation's, otherwise good", build: func(t testing.TB) []byte {
			f, err := NewFederation("other", make([]byte, SecretSize), false)
			if err != nil {
				t.Fatal(err)
			}
			s := grammarSite()
			a, err := Seal(rand.Reader, f, s.registration, weekFrom(testNow), s.keys())
			if err != nil {
				t.Fatal(err)
			}
			return a.Sealed
		}},
		{name: "federation-missing", code: CodeMalformed, field: "federation", comment: "the second line is another", build: sealed("fbpeer announcement 1\ncomponent: alice\n")},
		{name: "federation-unended", code: CodeMalformed, field: "federation", comment: "the payload ends within the second line", build: sealed("fbpeer announcement 1\nfederation: " + testFederation().ID())},
		malformed("missing", "no version line", "component: alice"),
		malformed("0", "version 0", "fbpeer announcement 0"),
		malformed("01", "a leading zero", "fbpeer announcement 01"),
		malformed("plus", "a sign", "fbpeer announcement +1"),
		malformed("space", "a space at the end", "fbpeer announcement 1 "),
		malformed("two-spaces", "two spaces", "fbpeer announcement  1"),
		malformed("upper-case", "an upper-case letter", "Fbpeer announcement 1"),
		malformed("huge", "ten digits", "fbpeer announcement 1000000000"),
		malformed("cr", "CR LF", "fbpeer announcement 1\r"),
	}
}

// grammarCase is a good party's record with its lines or its payload changed, and proven and signed again.
func grammarCase(code Code, field, name, comment string, change func(lines) lines) vectorCase {
	return vectorCase{name: string(code) + "-" + name, code: code, field: field, comment: comment, build: func(testing.TB) []byte {
		s := grammarSite()
		return s.sealLines(change(goodLines(s, weekFrom(testNow))))
	}}
}

func line(name, value string) func(lines) lines {
	return func(l lines) lines { return l.with(name+":", name+": "+value) }
}

func payloadCases() []vectorCase {
	payload := func(field, name, comment string, change func(string) string) vectorCase {
		return vectorCase{name: "malformed-" + name, code: CodeMalformed, field: field, comment: comment, build: func(testing.TB) []byte {
			s := grammarSite()
			body := goodLines(s, weekFrom(testNow)).body()
			return s.sealPayload(change(body + "proof: " + s.proofOver(testFederation().ID(), body) + "\n"))
		}}
	}
	return []vectorCase{
		payload("payload", "no-final-line-feed", "the last line does not end", func(p string) string { return strings.TrimSuffix(p, "\n") }),
		payload("", "blank-line-at-end", "an empty line at the end", func(p string) string { return p + "\n" }),
		payload("x", "line-after-proof", "a line after the proof", func(p string) string { return p + "x: y\n" }),
		payload("proof", "proof-twice", "the proof's line twice", func(p string) string { return p + p[strings.LastIndex(p, "proof"):] }),
		payload("component", "cr-lf", "CR LF after the first line", func(p string) string {
			head, rest, _ := strings.Cut(p, "\ncomponent")
			return head + "\ncomponent" + strings.ReplaceAll(rest, "\n", "\r\n")
		}),
		payload("proof", "proof-missing", "no proof", func(p string) string { return p[:strings.LastIndex(p, "proof")] }),
		payload("proof", "proof-padded", "the proof with base64 padding", func(p string) string { return strings.TrimSuffix(p, "\n") + "==\n" }),
		payload("proof", "proof-broken", "a CR within the proof, which decoders may skip", func(p string) string { return p[:len(p)-5] + "\r" + p[len(p)-5:] }),
	}
}

func malformed(field, name, comment string, change func(lines) lines) vectorCase {
	return grammarCase(CodeMalformed, field, name, comment, change)
}

func lineCases() []vectorCase {
	certificate := encodeBinary(grammarSite().registration.Certificate.DER())
	return []vectorCase{
		malformed("", "blank-line", "an empty line", func(l lines) lines { return l.before("role:", "") }),
		malformed("colour", "unknown-field", "a field that version 1 does not have", func(l lines) lines { return l.before("role:", "colour: red") }),
		malformed("role", "field-twice", "the same line twice", func(l lines) lines { return l.before("role:", "role: party") }),
		malformed("label", "label-twice", "an optional line twice", func(l lines) lines { return l.before("endpoint:", "label: a\nlabel: b") }),
		malformed("role", "field-order", "role before component", func(l lines) lines { return l.with("role:", "").before("component:", "role: party") }),
		malformed("label", "optional-field-order", "label after endpoint", func(l lines) lines { return l.before("certificate:", "label: x") }),
		malformed("role:party", "no-space", "no space after the colon", func(l lines) lines { return l.with("role:", "role:party") }),
		malformed("role ", "space-before-colon", "a space before the colon", func(l lines) lines { return l.with("role:", "role : party") }),
		malformed("Role", "upper-case-name", "a field's name in upper case", func(l lines) lines { return l.with("role:", "Role: party") }),
		malformed("label", "empty-value", "an optional field without a value", func(l lines) lines { return l.before("endpoint:", "label: ") }),
		malformed("component", "control-character", "a control character in an id", line("component", "a\x07b")),
		malformed("endpoint", "endpoint-cr", "a CR at an endpoint's end", line("endpoint", "10.0.0.2:14001\r")),
		malformed("label", "label-escape", "a terminal's escape sequence in a label", func(l lines) lines { return l.before("endpoint:", "label: \x1b[31mred") }),
		malformed("label", "label-nul", "a NUL in a label", func(l lines) lines { return l.before("endpoint:", "label: a\x00") }),
		malformed("label", "label-del", "a DEL in a label", func(l lines) lines { return l.before("endpoint:", "label: a\x7f") }),
		malformed("endpoint", "upper-case-host", "a host name in upper case", line("endpoint", "MPC.example:14001")),
		malformed("certificate", "padded", "base64 with padding", line("certificate", "AAA=")),
		malformed("certificate", "url-base64", "base64 of the URL alphabet", line("certificate", "-_-_")),
		malformed("certificate", "base64-trailing-bits", "bits after the last byte that are not zero", line("certificate", "AB")),
		malformed("certificate", "base64-cr", "a CR within base64, which decoders may skip", line("certificate", certificate[:8]+"\r"+certificate[8:])),
		malformed("certificate", "base64-space", "a space within base64", line("certificate", certificate[:8]+" "+certificate[8:])),
		malformed("next", "next-zero", "an all-zero next means none, which is written by leaving it out", func(l lines) lines { return l.before("sequence:", "next: "+mpspdz.Hash{}.String()) }),
		malformed("next", "next-bare", "next without its prefix", func(l lines) lines {
			return l.before("sequence:", "next: "+strings.TrimPrefix(mpspdz.Hash{1}.String(), "SHA256:"))
		}),
		malformed("next", "next-short", "next of 31 bytes", func(l lines) lines { return l.before("sequence:", "next: SHA256:"+encodeBinary(make([]byte, 31))) }),
		malformed("endorsement", "endorsement-alone", "an endorsement without its key", func(l lines) lines { return append(l, "endorsement: AAAA") }),
		malformed("endorsement", "endorsement-key-alone", "an endorsement's key alone", func(l lines) lines { return append(l, "endorsement-key: AAAA") }),
	}
}

func valueCases() []vectorCase {
	var cases []vectorCase
	for value, name := range map[string]string{
		"+5": "plus", "05": "leading-zero", "-5": "minus", "0x5": "hexadecimal", "5.0": "fraction", "1e3": "exponent", " 5": "space", "1_000": "underscore",
		"18446744073709551616": "65-bits", "٥": "other-digits",
	} {
		cases = append(cases, malformed("sequence", "sequence-"+name, "sequence "+value, line("sequence", value)))
	}
	for value, name := range map[string]string{
		"2026-11-22T10:15:00+00:00": "offset", "2026-11-22T10:15:00z": "lower-case", "2026-11-22T10:15:00.0Z": "fraction", "2026-11-22 10:15:00Z": "space",
		"2026-02-30T10:15:00Z": "no-such-day", "2026-11-22T10:15:60Z": "leap-second", "2026-11-22T24:00:00Z": "hour-24", "2026-11-22T10:15Z": "no-seconds", "20026-11-22T10:15:00Z": "five-digit-year",
		"2026-11-22T1:15:00Z": "one-digit-hour", "2026-11-22T10:15:00,5Z": "comma",
	} {
		cases = append(cases, malformed("issued", "issued-"+name, "issued "+value, line("issued", value)))
	}
	for _, name := range []string{"component", "role", "endpoint", "certificate", "sequence", "issued", "expires"} {
		after := map[string]string{"component": "role", "role": "endpoint", "endpoint": "certificate", "certificate": "sequence", "sequence": "issued", "issued": "expires", "expires": "proof"}[name]
		cases = append(cases, malformed(after, "no-"+name, "without "+name, func(l lines) lines { return l.with(name+":", "") }))
	}
	sort.Slice(cases, func(i, j int) bool { return cases[i].name < cases[j].name })
	return cases
}

func fieldCases() []vectorCase {
	var cases []vectorCase
	add := func(field, name, comment string, change func(lines) lines) {
		cases = append(cases, grammarCase(CodeField, field, name, comment, change))
	}
	label := func(value string) func(lines) lines {
		return func(l lines) lines { return l.before("endpoint:", "label: "+value) }
	}
	node := func(value string) func(lines) lines {
		return func(l lines) lines {
			l = l.with("component:", "component: "+nodeID).with("role:", "role: node")
			if value == "" {
				return l
			}
			return l.before("certificate:", "secagg: "+value)
		}
	}
	for _, c := range [][2]string{{"path", "../x"}, {"too-long", strings.Repeat("a", 65)}, {"space", "a b"}, {"umlaut", "jürgen"}, {"dot", "."}, {"slash", "a/b"}, {"option", "-x"}, {"mixed-case-prefix", "Node_1"}} {
		add("component", "component-"+c[0], "component id "+ShowText(c[1]), line("component", c[1]))
	}
	add("role", "role-unknown", "no such role", line("role", "master"))
	add("role", "role-upper-case", "a role in upper case", line("role", "Party"))
	add("role", "role-node-without-prefix", "a plain id cannot be a node", line("role", "node"))
	add("role", "role-party-with-prefix", "a Fed-BioMed id cannot be a plain party", line("component", nodeID))
	add("role", "role-researcher-as-node", "a researcher's id is not a node's", func(l lines) lines {
		return l.with("component:", "component: researcher_1").with("role:", "role: node")
	})
	for _, c := range [][2]string{
		{"too-long", strings.Repeat("é", 65)}, {"leading-space", " x"}, {"trailing-space", "x "}, {"bidi", "abc\u202edef"}, {"zero-width", "a\u200bb"},
		{"not-utf-8", "a\xff"}, {"surrogate", "\xed\xa0\x80"}, {"private-use", "\ue000"}, {"no-break-space", "a\u00a0b"}, {"line-separator", "a\u2028b"}, {"filler", "\u3164"}, {"tag", "\U000e0041"}, {"c1", "a\u0085b"},
	} {
		add("label", "label-"+c[0], "label "+ShowText(c[1]), label(c[1]))
	}
	for _, c := range [][2]string{
		{"ipv6", "[2001:db8::1]:14001"}, {"bare-ipv6", "2001:db8::1"}, {"no-port", "10.0.0.2"}, {"port-0", "10.0.0.2:0"}, {"port-70000", "10.0.0.2:70000"}, {"port-letter", "10.0.0.2:14O00"}, {"port-leading-zero", "10.0.0.2:014000"},
		{"comment", "10.0.0.2:14001#x"}, {"space", "10.0.0.2 :14001"}, {"two-ports", "10.0.0.2:1:2"}, {"no-host", ":14001"}, {"octal", "010.0.0.2:14001"}, {"short-address", "127.1:14001"}, {"nobody", "0.0.0.0:14001"}, {"multicast", "224.0.0.1:14001"},
	} {
		add("endpoint", "endpoint-"+c[0], "endpoint "+ShowText(c[1]), line("endpoint", c[1]))
	}
	add("secagg", "secagg-missing", "a node without a policy", node(""))
	add("secagg", "secagg-unknown", "a policy that there is not", node("on"))
	add("secagg", "secagg-party", "a plain party has no policy", func(l lines) lines { return l.before("certificate:", "secagg: off") })
	add("sequence", "sequence-0", "sequence 0", line("sequence", "0"))
	add("expires", "expires-at-issue", "expires when it is issued", line("expires", testNow.Format(timeForm)))
	add("expires", "expires-before-issue", "expires before it is issued", line("expires", testNow.Add(-time.Hour).Format(timeForm)))
	add("expires", "expires-after-certificate", "longer than 30 days, and longer than its certificate", line("expires", testNow.AddDate(5, 0, 1).Format(timeForm)))
	add("issued", "issued-1969", "before 1970", line("issued", "1969-12-31T23:59:59Z"))
	return cases
}

func certificateCases() []vectorCase {
	var cases []vectorCase
	for i, name := range badCertificateNames() {
		cases = append(cases, vectorCase{
			name: "certificate-" + name[0], code: CodeCertificate, field: "certificate", rule: name[1], comment: "certificate form " + name[0],
			build: func(t testing.TB) []byte {
				bad := badCertificates()[i]
				s := *grammarSite()
				if bad.rule == mpspdz.RuleNotSelf { // a party's may be an authority's
					s = *sharedNode()
				}
				s.key = bad.key
				return s.sealLines(goodLines(&s, weekFrom(testNow)).with("certificate:", "certificate: "+encodeBinary(bad.der)))
			},
		})
	}
	return cases
}

// badCertificateNames are name and rule of badCertificates, which is too slow to ask for each time.
var badCertificateNames = sync.OnceValue(func() [][2]string {
	var names [][2]string
	for _, bad := range badCertificates() {
		names = append(names, [2]string{bad.name, bad.rule})
	}
	return names
})

func proofCases() []vectorCase {
	stamp := weekFrom(testNow)
	proven := func(name, comment string, proof func(s *site, body string) string) vectorCase {
		return vectorCase{name: "proof-" + name, code: CodeProof, field: "proof", comment: comment, build: func(testing.TB) []byte {
			s := sharedNode()
			body := goodLines(s, stamp).body()
			return s.sealPayload(body + "proof: " + proof(s, body) + "\n")
		}}
	}
	return []vectorCase{
		proven("other-key", "made by another key", func(s *site, body string) string {
			other := *s
			other.key = sharedRSA()
			return other.proofOver(testFederation().ID(), body)
		}),
		proven("other-peer", "made for another identity: somebody else's certificate, announced as one's own", func(s *site, body string) string {
			thief := *s
			thief.identity = grammarSite().identity
			return thief.proofOver(testFederation().ID(), body)
		}),
		proven("other-federation", "made for another federation", func(s *site, body string) string { return s.proofOver(strings.Repeat("a", 32), body) }),
		proven("other-endpoint", "made over another endpoint", func(s *site, body string) string {
			return s.proofOver(testFederation().ID(), strings.Replace(body, "10.0.0.2", "10.0.0.3", 1))
		}),
		proven("no-domain", "made over the payload alone", func(s *site, body string) string {
			signature, err := mpspdz.Sign(rand.Reader, s.key, []byte(body))
			if err != nil {
				panic(err)
			}
			return encodeBinary(signature)
		}),
		proven("pkcs1-v1.5", "RSASSA-PKCS1-v1_5 instead of PSS", func(s *site, body string) string {
			id := string(s.peer())
			federation := testFederation().ID()
			digest := sha256.Sum256([]byte(proofDomain + u16(len(federation)) + federation + u16(len(id)) + id + body))
			signature, err := rsa.SignPKCS1v15(nil, s.key.(*rsa.PrivateKey), 5, digest[:])
			if err != nil {
				panic(err)
			}
			return encodeBinary(signature)
		}),
		proven("short", "one byte", func(*site, string) string { return "AA" }),
	}
}

func endorsementCases() []vectorCase {
	stamp := weekFrom(testNow)
	endorsed := func(field, name, comment, rule string, make func(s *site) (oldKey []byte, signature []byte)) vectorCase {
		return vectorCase{name: "endorsement-" + name, code: CodeEndorsement, field: field, rule: rule, comment: comment, build: func(testing.TB) []byte {
			s := grammarSite()
			oldKey, signature := make(s)
			return s.sealLines(append(goodLines(s, stamp), "endorsement-key: "+encodeBinary(oldKey), "endorsement: "+encodeBinary(signature)))
		}}
	}
	old := sharedParty()
	oldKey := old.registration.Certificate.SPKI()
	over := func(component string, sequence uint64) func(s *site) ([]byte, []byte) {
		return func(s *site) ([]byte, []byte) {
			message := endorsementMessage(testFederation().ID(), component, s.peer(), oldKey, s.registration.Certificate.SPKI(), sequence)
			signature, err := mpspdz.Sign(rand.Reader, old.key, message)
			if err != nil {
				panic(err)
			}
			return oldKey, signature
		}
	}
	return []vectorCase{
		endorsed("endorsement", "other-component", "made for another component", "", over("bob", stamp.Sequence)),
		endorsed("endorsement", "other-sequence", "made for another sequence: an old one, seen again", "", over("alice", stamp.Sequence-1)),
		endorsed("endorsement", "no-signature-of-it", "not a signature", "", func(*site) ([]byte, []byte) { return oldKey, []byte("x") }),
		endorsed("endorsement-key", "own-key", "the certificate's own key", "", func(s *site) ([]byte, []byte) { return s.registration.Certificate.SPKI(), []byte("x") }),
		endorsed("endorsement", "not-a-key", "the key is no SubjectPublicKeyInfo", "malformed-key", func(*site) ([]byte, []byte) { return []byte("x"), []byte("x") }),
	}
}
