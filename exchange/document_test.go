package exchange

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// holdsPhrases looks for words in a page of docs/, whatever its lines' ends.
func holdsPhrases(t *testing.T, page string, phrases []string) {
	t.Helper()
	data, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	for _, phrase := range phrases {
		if !strings.Contains(text, phrase) {
			t.Errorf("docs/%s does not have %q", page, phrase)
		}
	}
}

// TestRecordsDocument holds docs/records.md to what the code does, where a word can be compared.
func TestRecordsDocument(t *testing.T) {
	want := []string{"fbpeer-member-v1", "fbpeer-members-v1", "1 to 32 of a to z", "512 bytes", "16,384 bytes", "200,708 bytes", "at most 1,024", "12,288 bytes",
		"16 set names", "`" + string(CodeUnknownAuthor) + "`", "`" + string(CodeFull) + "`", "24 hours", "testdata/members.txt"}
	if MaxView != 512 || MaxCall != 512 || MaxMembersSize != 200708 || MaxMembers != 1024 || maxProposal != 12288 || MaxSetNames != 16 || maxKind != 32 ||
		ViewLifetime.Hours() != 24 || CallLifetime.Minutes() != 5 {
		t.Error("a limit is not what the page says")
	}
	for _, k := range []Kind{KindView, KindCall, KindSet, KindCertificate} {
		of, _ := formatOf(k)
		want = append(want, fmt.Sprintf("| `%s` |", k), fmt.Sprintf(`= "fbpeer %s 1" LF federation`, k))
		for f := fieldSetName; f < fieldCertificate; f++ {
			if (of.needs | of.may).has(f) {
				want = append(want, fmt.Sprintf(`= "%s: `, f))
			}
		}
	}
	holdsPhrases(t, "records.md", want)
}

// TestDocument holds docs/announcement.md to what the code does, where a word can be compared.
func TestDocument(t *testing.T) {
	const domain, payloadType = domainPrefix + "announcement", typePrefix + "announcement"
	want := []string{
		strings.TrimSuffix(proofDomain, "\x00"), strings.TrimSuffix(endorsementDomain, "\x00"), domain, payloadType, labelRecord.begin(), labelRecord.end(),
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
	holdsPhrases(t, "announcement.md", want)
}
