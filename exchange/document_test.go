package exchange

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocument holds docs/announcement.md to what the code does, where a word can be compared.
func TestDocument(t *testing.T) {
	data, err := os.ReadFile("../docs/announcement.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	const domain, payloadType = domainPrefix + "announcement", typePrefix + "announcement"
	want := []string{
		strings.TrimSuffix(proofDomain, "\x00"), strings.TrimSuffix(endorsementDomain, "\x00"), domain, payloadType, armourBegin, armourEnd,
		fmt.Sprintf("varint(%d) ‖ %q ‖ varint(%d) ‖ %q", len(domain), domain, len(payloadType), payloadType),
		"16,384 bytes", "fbpeer-fingerprint-v1", "fbpeer-table-v1", "1,024 in all and 32",
	}
	of, _ := formatOf(KindAnnouncement)
	for f := range fieldCount {
		if (of.needs | of.may).has(f) {
			want = append(want, fmt.Sprintf(`= "%s: `, f))
		}
	}
	for _, code := range []Code{CodeTooLarge, CodeMalformed, CodeSignature, CodeFederation, CodeNewerVersion, CodeField, CodeCertificate, CodeProof, CodeEndorsement,
		CodeKnown, CodeSuperseded, CodeEquivocation, CodeExpired, CodeAhead, CodeLifetime, CodeCertificateTime, CodeFull} {
		want = append(want, "`"+string(code)+"`")
	}
	for _, span := range forbiddenSpans {
		switch {
		case span[0] == span[1]:
			want = append(want, fmt.Sprintf("U+%04X,", span[0]))
		case span[1] == span[0]+1:
			want = append(want, fmt.Sprintf("U+%04X, U+%04X,", span[0], span[1]))
		default:
			want = append(want, fmt.Sprintf("U+%04X to U+%04X,", span[0], span[1]))
		}
	}
	for _, label := range []string{"psk", "id", "mdns"} {
		want = append(want, "`"+derivationInfo(label, false)+"`")
	}
	for _, phrase := range want {
		if !strings.Contains(text, phrase) {
			t.Errorf("docs/announcement.md does not have %q", phrase)
		}
	}
}
