package exchange

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// The vectors of the kinds that are not announcements, each in its folder. What is refused is written by hand from docs/records.md.

func kindCases() []vectorCase {
	var all []vectorCase
	for _, group := range [][]vectorCase{kindOKCases(), kindCommonCases(), viewCases(), callCases(), proposalCases(), numberedCases(), unknownKindCases()} {
		all = append(all, group...)
	}
	return all
}

func kindOKCases() []vectorCase {
	comments := map[string]string{
		"view-named-set":   "a view of a named set with the longest values: 501 bytes of the 512 that are allowed",
		"view-default-set": "player files and a registry, in answer to a call", "view-nothing": "nothing is registered, and nobody has called",
		"call": "a roll call", "set": "three components in party order", "set-withdrawn": "without members it is withdrawn",
		"certificate": "party 2's in a named set", "certificate-default-set": "party 2's in the default set",
		"certificate-card": "made for a card: it lives longer than 30 days, which only time and history refuse",
	}
	var cases []vectorCase
	for _, name := range slices.Sorted(maps.Keys(comments)) {
		kind, variant, found := strings.Cut(name, "-")
		if found {
			variant = "-" + variant
		}
		cases = append(cases, vectorCase{name: kind + "/ok" + variant, comment: comments[name],
			build: func(t testing.TB) []byte { return sealedOf(t, goodRecords()[name]).Record().Sealed }})
	}
	return append(cases,
		vectorCase{name: "certificate/ok-rsa", comment: "with an RSA key", build: numberedBy(&site{identity: grammarSite().identity, key: sharedRSA()}, nil)},
		vectorCase{name: "certificate/ok-ecdsa", comment: "with an ECDSA P-256 key", build: numberedBy(&site{identity: grammarSite().identity, key: newECDSA()}, nil)},
		vectorCase{name: "certificate/ok-16-names", comment: "16 DNS names and 16 common names, the most that are allowed", build: numberedBy(grammarSite(), func(c *x509.Certificate) {
			c.DNSNames, c.Subject = append(slices.Repeat([]string{"x"}, 15), "P2"), commonNames(16)
		})},
		vectorCase{name: "set/ok-most-members", comment: "255 members of 12 KiB", build: func(t testing.TB) []byte { return sealedOf(t, largestProposal()).Record().Sealed }},
	)
}

// commonNames are n of them, the last one P2.
func commonNames(n int) (name pkix.Name) {
	for _, common := range append(slices.Repeat([]string{"x"}, n-1), "P2") {
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: common})
	}
	return name
}

func numberedBy(s *site, change func(*x509.Certificate)) func(t testing.TB) []byte {
	return func(t testing.TB) []byte {
		c := numbered()
		c.Certificate = numberedCertificate(s, c.Number, change)
		return sealedOf(t, c).Record().Sealed
	}
}

func text(h mpspdz.Hash) string { return "SHA256:" + base64.RawStdEncoding.EncodeToString(h[:]) }

// goodKindLines are the lines of a good record of each kind, the ones that can be left out among them.
var goodKindLines = sync.OnceValue(func() map[Kind]lines {
	head := func(k Kind) lines { return lines{"fbpeer " + string(k) + " 1", "federation: " + testFederation().ID()} }
	const sequence, issued, expires = "sequence: 5", "issued: 2026-11-22T10:15:00Z", "expires: 2026-11-29T10:15:00Z"
	return map[Kind]lines{
		KindView: append(head(KindView), "set: "+text(hashOf("set")), "files: "+text(hashOf("files")), "rows: "+text(hashOf("rows")),
			"members: 3", "call: AQAAAAAAAAAAAAAAAAAAAA", sequence, issued),
		KindCall: append(head(KindCall), "call: AQIDAAAAAAAAAAAAAAAAAA", sequence, issued),
		KindSet:  append(head(KindSet), "set-name: trial-7", "members: alice,bob,carol", sequence, issued, expires),
		KindCertificate: append(head(KindCertificate), "component: alice", "set-name: trial-7", "plan: "+text(hashOf("plan")), "number: 2",
			"certificate: "+base64.RawStdEncoding.EncodeToString(numbered().Certificate.DER()), sequence, issued, expires),
	}
})

// sealKind puts any lines into an envelope of that kind that verifies.
func sealKind(k Kind, payload string) []byte {
	return grammarSite().sealAs("fbpeer-"+string(k), "/fbpeer/"+string(k), payload)
}

// kindCase is a good record of a kind with its lines changed, and signed again.
func kindCase(k Kind, code Code, field, name, comment string, change func(lines) lines) vectorCase {
	return vectorCase{name: string(k) + "/" + string(code) + "-" + name, code: code, field: field, comment: comment,
		build: func(testing.TB) []byte { return sealKind(k, change(slices.Clone(goodKindLines()[k])).body()) }}
}

// kindCommonCases are the same for each kind.
func kindCommonCases() []vectorCase {
	var all []vectorCase
	for _, k := range []Kind{KindView, KindCall, KindSet, KindCertificate} {
		all = append(all, kindEnvelopeCases(k)...)
		all = append(all, kindVersionCases(k)...)
		all = append(all, kindLineCases(k)...)
		all = append(all, kindStampCases(k)...)
	}
	return all
}

func kindEnvelopeCases(k Kind) []vectorCase {
	payload := func() string { return goodKindLines()[k].body() }
	of := func(name string, code Code, comment string, build func() []byte) vectorCase {
		return vectorCase{name: string(k) + "/" + name, code: code, field: "envelope", comment: comment, build: func(testing.TB) []byte { return build() }}
	}
	most := map[Kind]int{KindView: 512, KindCall: 512, KindSet: MaxSealed, KindCertificate: MaxSealed}[k]
	return []vectorCase{
		of("too-large", CodeTooLarge, fmt.Sprintf("%d bytes", most+1), func() []byte {
			short := len(sealKind(k, payload()))
			sealed := sealKind(k, payload()+strings.Repeat("x", most+1-short))
			return sealKind(k, payload()+strings.Repeat("x", most+1-short-(len(sealed)-most-1))) // the length's own varint grows
		}),
		of("signature-flipped", CodeSignature, "one bit of the signature", func() []byte {
			sealed := sealKind(k, payload())
			sealed[len(sealed)-1] ^= 1
			return sealed
		}),
		of("signature-other-domain", CodeSignature, "signed in the domain of announcements", func() []byte {
			return grammarSite().sealAs("fbpeer-announcement", "/fbpeer/"+string(k), payload())
		}),
		of("envelope-unknown-field", CodeMalformed, "protobuf field 15 appended: the signature still verifies", func() []byte { return append(sealKind(k, payload()), "\x7a\x01x"...) }),
	}
}

func kindVersionCases(k Kind) []vectorCase {
	head := func(first string) string { return first + "\nfederation: " + testFederation().ID() + "\n" }
	of := func(name string, code Code, field, comment, payload string) vectorCase {
		return vectorCase{name: string(k) + "/" + name, code: code, field: field, comment: comment, build: func(testing.TB) []byte { return sealKind(k, payload) }}
	}
	second := "fbpeer " + string(k) + " 2"
	return []vectorCase{
		of("newer-version", CodeNewerVersion, "version", "version 2, of which only the first two lines are known, and larger than version 1 may be", head(second)+strings.Repeat("x\xff", 500)),
		of("newer-version-other-federation", CodeFederation, "federation", "version 2 of another federation", second+"\nfederation: "+strings.Repeat("a", 32)+"\n"),
		of("federation-other", CodeFederation, "federation", "another federation's", strings.Replace(goodKindLines()[k].body(), testFederation().ID(), strings.Repeat("a", 32), 1)),
		of("version-other-kind", CodeMalformed, "version", "the first line is an announcement's", head("fbpeer announcement 1")),
		of("version-no-kind", CodeMalformed, "version", "the first line has no kind", head("fbpeer 1")),
		of("version-0", CodeMalformed, "version", "version 0", head("fbpeer "+string(k)+" 0")),
		{name: string(k) + "/newer-version-unsigned", code: CodeSignature, field: "envelope", comment: "version 2 whose envelope does not verify", build: func(testing.TB) []byte {
			sealed := sealKind(k, head(second))
			sealed[len(sealed)-1] ^= 1
			return sealed
		}},
	}
}

func kindLineCases(k Kind) []vectorCase {
	malformed := func(field, name, comment string, change func(lines) lines) vectorCase {
		return kindCase(k, CodeMalformed, field, name, comment, change)
	}
	cases := []vectorCase{
		malformed("colour", "unknown-field", "a field that version 1 does not have", func(l lines) lines { return l.before("sequence:", "colour: red") }),
		malformed("role", "field-of-announcements", "a field that only announcements have", func(l lines) lines { return l.before("sequence:", "role: party") }),
		malformed("sequence", "field-twice", "the same line twice", func(l lines) lines { return l.before("sequence:", "sequence: 5") }),
		malformed("issued", "field-order", "issued before sequence", func(l lines) lines {
			return l.with("issued:", "").before("sequence:", "issued: 2026-11-22T10:15:00Z")
		}),
		malformed("", "blank-line", "an empty line", func(l lines) lines { return l.before("sequence:", "") }),
		malformed("", "blank-line-at-end", "an empty line at the end", func(l lines) lines { return append(l, "") }),
		malformed("issued", "issued-fraction", "a fraction of a second", line("issued", "2026-11-22T10:15:00.0Z")),
		malformed("sequence", "sequence-leading-zero", "a leading zero", line("sequence", "05")),
		malformed("sequence", "sequence-65-bits", "a sequence of 65 bits", line("sequence", "18446744073709551616")),
		malformed("sequence", "control-character", "a control character", line("sequence", "5\r")),
		{name: string(k) + "/malformed-no-final-line-feed", code: CodeMalformed, field: "payload", comment: "the last line does not end",
			build: func(testing.TB) []byte { return sealKind(k, strings.TrimSuffix(goodKindLines()[k].body(), "\n")) }},
	}
	// What is missing is noticed at the next line that is there.
	needs := map[Kind][]string{KindView: {"members"}, KindCall: {"call"}, KindSet: {"set-name"}, KindCertificate: {"component", "plan", "number", "certificate"}}[k]
	for _, name := range append(slices.Clone(needs), "sequence", "issued") {
		l := goodKindLines()[k]
		at := slices.IndexFunc(l, func(s string) bool { return strings.HasPrefix(s, name+":") })
		noticed := name
		if at+1 < len(l) {
			noticed, _, _ = strings.Cut(l[at+1], ":")
		}
		cases = append(cases, malformed(noticed, "no-"+name, "without "+name, func(l lines) lines { return l.with(name+":", "") }))
	}
	return cases
}

func kindStampCases(k Kind) []vectorCase {
	field := func(field, name, comment string, change func(lines) lines) vectorCase {
		return kindCase(k, CodeField, field, name, comment, change)
	}
	cases := []vectorCase{
		field("sequence", "sequence-0", "sequence 0", line("sequence", "0")),
		field("issued", "issued-1969", "before 1970", line("issued", "1969-12-31T23:59:59Z")),
	}
	if k == KindView || k == KindCall {
		return append(cases, kindCase(k, CodeMalformed, "expires", "expires", "an expiry of its own", func(l lines) lines {
			return append(l, "expires: 2026-11-29T10:15:00Z")
		}))
	}
	return append(cases,
		kindCase(k, CodeMalformed, "expires", "no-expires", "without expires", func(l lines) lines { return l.with("expires:", "") }),
		field("expires", "expires-at-issue", "expires when it is issued", line("expires", "2026-11-22T10:15:00Z")),
	)
}

func viewCases() []vectorCase {
	malformed := func(field, name, comment string, change func(lines) lines) vectorCase {
		return kindCase(KindView, CodeMalformed, field, name, comment, change)
	}
	field := func(field, name, comment string, change func(lines) lines) vectorCase {
		return kindCase(KindView, CodeField, field, name, comment, change)
	}
	named := func(name string) func(lines) lines {
		return func(l lines) lines { return l.with("rows:", "").before("set:", "set-name: "+name) }
	}
	cases := []vectorCase{
		field("proposal", "proposal-of-default-set", "a proposal without a set name", func(l lines) lines { return l.before("set:", "proposal: "+text(hashOf("p"))) }),
		field("rows", "rows-of-named-set", "a registry with a set name", func(l lines) lines { return l.before("set:", "set-name: trial-7") }),
		field("members", "members-0", "no members, but files", line("members", "0")),
		field("members", "members-of-nothing", "members, but neither files nor rows", func(l lines) lines { return l.with("files:", "").with("rows:", "") }),
		field("members", "members-1025", "too many", line("members", "1025")),
		malformed("members", "members-leading-zero", "a leading zero", line("members", "03")),
		malformed("members", "members-plus", "a sign", line("members", "+3")),
		malformed("members", "members-minus", "a sign", line("members", "-3")),
		malformed("set", "set-zero", "an all-zero hash means none, which is written by leaving it out", line("set", text(mpspdz.Hash{}))),
		malformed("files", "files-bare", "a hash without its prefix", line("files", strings.TrimPrefix(text(hashOf("f")), "SHA256:"))),
		malformed("rows", "rows-short", "a hash of 31 bytes", line("rows", "SHA256:"+encodeBinary(make([]byte, 31)))),
		malformed("call", "call-zero", "an all-zero call means none, which is written by leaving it out", line("call", "AAAAAAAAAAAAAAAAAAAAAA")),
		malformed("call", "call-short", "a call of 15 bytes", line("call", "AQAAAAAAAAAAAAAAAAAA")),
		malformed("call", "call-trailing-bits", "bits after the last byte", line("call", "AQAAAAAAAAAAAAAAAAAAAB")),
		malformed("call", "call-padded", "base64 with padding", line("call", "AQAAAAAAAAAAAAAAAAAAAA==")),
		malformed("set-name", "set-name-after-set", "the set name after the set", func(l lines) lines { return l.with("rows:", "").before("files:", "set-name: trial-7") }),
	}
	for _, c := range badSetNames() {
		cases = append(cases, field("set-name", "set-name-"+c[0], "set name "+ShowText(c[1]), named(c[1])))
	}
	return cases
}

func badSetNames() [][2]string {
	return [][2]string{
		{"current", "current"}, {"default", "default"}, {"too-long", longestSetName + "x"}, {"path", "../x"}, {"dot", "."}, {"slash", "a/b"},
		{"space", "a b"}, {"option", "-x"}, {"umlaut", "jürgen"},
	}
}

func callCases() []vectorCase {
	return []vectorCase{
		kindCase(KindCall, CodeField, "call", "call-zero", "an all-zero id", line("call", "AAAAAAAAAAAAAAAAAAAAAA")),
		kindCase(KindCall, CodeMalformed, "call", "call-long", "an id of 17 bytes", line("call", "AQAAAAAAAAAAAAAAAAAAAAA")),
		kindCase(KindCall, CodeMalformed, "call", "call-url-base64", "base64 of the URL alphabet", line("call", "AQAAAAAAAAAAAAAAAAA_AA")),
	}
}

func largestProposal() Proposal {
	p := goodProposal()
	p.Members = nil
	for i := range mpspdz.MaxParties {
		p.Members = append(p.Members, fmt.Sprintf("NODE_%03d%s", i, strings.Repeat("x", 39)))
	}
	for i := range 12<<10 - len(strings.Join(p.Members, ",")) {
		p.Members[i] += "y"
	}
	return p
}

func proposalCases() []vectorCase {
	field := func(field, name, comment string, change func(lines) lines) vectorCase {
		return kindCase(KindSet, CodeField, field, name, comment, change)
	}
	var many []string
	for i := range 256 {
		many = append(many, fmt.Sprint("n", i))
	}
	cases := []vectorCase{
		field("expires", "expires-after-30-days", "30 days and a second", line("expires", testNow.Add(MaxLifetime+time.Second).Format(timeForm))),
		kindCase(KindSet, CodeMalformed, "members", "members-empty", "a line without members: it must be left out", line("members", "")),
		field("members", "members-12-KiB-and-1", "a byte more than 12 KiB", line("members", strings.Join(largestProposal().Members, ",")+"y")),
		field("members", "members-256", "256 members", line("members", strings.Join(many, ","))),
	}
	for _, c := range [][2]string{
		{"one", "alice"}, {"twice", "alice,bob,alice"}, {"trailing-comma", "alice,bob,"}, {"leading-comma", ",alice,bob"}, {"space", "alice, bob"}, {"path", "alice,../bob"}, {"semicolon", "alice;bob"},
	} {
		cases = append(cases, field("members", "members-"+c[0], "members "+c[1], line("members", c[1])))
	}
	for _, c := range badSetNames() {
		cases = append(cases, field("set-name", "set-name-"+c[0], "set name "+ShowText(c[1]), line("set-name", c[1])))
	}
	return cases
}

func numberedCases() []vectorCase {
	field := func(field, name, comment, value string) vectorCase {
		return kindCase(KindCertificate, CodeField, field, name, comment, line(field, value))
	}
	malformed := func(field, name, comment, value string) vectorCase {
		return kindCase(KindCertificate, CodeMalformed, field, name, comment, line(field, value))
	}
	cases := []vectorCase{
		field("component", "component-path", "no component id", "../x"),
		field("plan", "plan-zero", "an all-zero plan", text(mpspdz.Hash{})),
		field("number", "number-255", "no party's number", "255"),
		malformed("number", "number-leading-zero", "a leading zero", "02"),
		malformed("number", "number-minus", "a sign", "-2"),
		malformed("certificate", "certificate-padded", "base64 with padding", "AAA="),
		field("expires", "expires-after-certificate", "longer than 30 days, and longer than its certificate", testNow.AddDate(5, 0, 1).Format(timeForm)),
	}
	for _, c := range badSetNames() {
		cases = append(cases, field("set-name", "set-name-"+c[0], "set name "+ShowText(c[1]), c[1]))
	}
	for _, c := range badNumbered() {
		cases = append(cases, vectorCase{name: "certificate/certificate-" + c.name, code: CodeCertificate, field: "certificate", rule: c.rule, comment: c.comment,
			build: func(testing.TB) []byte {
				return sealKind(KindCertificate, line("certificate", base64.RawStdEncoding.EncodeToString(c.make()))(goodKindLines()[KindCertificate]).body())
			}})
	}
	return cases
}

// badNumbered are certificates that do not prove number 2, or are none of ours.
func badNumbered() []struct {
	name, rule, comment string
	make                func() []byte
} {
	named := func(number int, change func(*x509.Certificate)) func() []byte {
		return func() []byte { return numberedCertificate(grammarSite(), number, change).DER() }
	}
	san := func(names ...string) func() []byte { return named(2, func(c *x509.Certificate) { c.DNSNames = names }) }
	return []struct {
		name, rule, comment string
		make                func() []byte
	}{
		{"other-number", mpspdz.RuleNumber, "party 3's", named(3, nil)},
		{"two-numbers", mpspdz.RuleNumber, "party 2's and 3's", san("P2", "P3")},
		{"every-number", mpspdz.RuleNumber, "every party's, for MP-SPDZ up to 0.4.0 (CN *)", named(2, func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "*", nil })},
		{"other-number-by-CN", mpspdz.RuleNumber, "party 3's too, for MP-SPDZ up to 0.4.0, which reads the CN as well", named(2, func(c *x509.Certificate) { c.Subject.CommonName = "P3" })},
		{"every-number-by-SAN", mpspdz.RuleNumber, "a wildcard beside the name", san("P2", "P*")},
		{"17-DNS-names", mpspdz.RuleNumber, "one DNS name more than is allowed, though party 2's and nobody else's", san(append(slices.Repeat([]string{"x"}, 16), "P2")...)},
		{"17-common-names", mpspdz.RuleNumber, "one common name more than is allowed, though party 2's and nobody else's", named(2, func(c *x509.Certificate) { c.Subject = commonNames(17) })},
		{"no-number", mpspdz.RuleNumber, "no party's", func() []byte { return grammarSite().registration.Certificate.DER() }},
		{"forged", mpspdz.RuleSignature, "one bit of its own signature", func() []byte { return forgedSignature(numbered().Certificate).DER() }},
		{"ca", mpspdz.RuleCA, "CA:TRUE", func() []byte {
			template := partyTemplate("alice")
			template.Subject.CommonName, template.DNSNames, template.BasicConstraintsValid, template.IsCA = "P2", []string{"P2"}, true, true
			return selfSigned(grammarSite().key, template)
		}},
		{"not-a-certificate", mpspdz.RuleMalformed, "no certificate at all", func() []byte { return []byte("hello") }},
	}
}

func unknownKindCases() []vectorCase {
	payload := func(k string) string {
		return "fbpeer " + k + " 1\nfederation: " + testFederation().ID() + "\nanything: \xff\x00"
	}
	of := func(name string, code Code, field, comment, kind, payload string) vectorCase {
		return vectorCase{name: "unknown/" + name, code: code, field: field, comment: comment, build: func(testing.TB) []byte { return sealKind(Kind(kind), payload) }}
	}
	longest := strings.Repeat("k", 32)
	return []vectorCase{
		of("newer-version", CodeNewerVersion, "version", "a kind of a later release, well signed", "vote", payload("vote")),
		of("newer-version-longest", CodeNewerVersion, "version", "a kind of 32 characters", longest, payload(longest)),
		of("newer-version-digits", CodeNewerVersion, "version", "a kind with a digit and a hyphen", "vote-2", payload("vote-2")),
		of("federation-other", CodeFederation, "federation", "another federation's", "vote", strings.Replace(payload("vote"), testFederation().ID(), strings.Repeat("a", 32), 1)),
		of("federation-missing", CodeMalformed, "federation", "the second line is another", "vote", "fbpeer vote 1\nx: y\n"),
		of("version-other-kind", CodeMalformed, "version", "the first line is of another kind", "vote", payload("view")),
		of("envelope-too-long", CodeMalformed, "envelope", "a kind of 33 characters", longest+"k", payload(longest+"k")),
		of("envelope-empty", CodeMalformed, "envelope", "no kind", "", payload("")),
		of("envelope-upper-case", CodeMalformed, "envelope", "a kind in upper case", "View", payload("View")),
		of("envelope-digit-first", CodeMalformed, "envelope", "a kind that begins with a digit", "2vote", payload("2vote")),
		of("envelope-slash", CodeMalformed, "envelope", "a kind with a slash", "a/b", payload("a/b")),
		{name: "unknown/signature-flipped", code: CodeSignature, field: "envelope", comment: "a kind of a later release whose envelope does not verify", build: func(testing.TB) []byte {
			sealed := sealKind("vote", payload("vote"))
			sealed[len(sealed)-1] ^= 1
			return sealed
		}},
	}
}
