package probe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// TestReadFiles: what a run would trip over is said by the path in the folder.
func TestReadFiles(t *testing.T) {
	t.Parallel()
	data := func(name string) string { return filepath.Join(mpspdz.PlayerData, name) }
	for _, test := range []struct {
		name  string
		spoil func(s *scene, site Site, write func(name, text string), remove func(name string))
		want  string
	}{
		{"no own certificate", func(_ *scene, _ Site, _ func(string, string), remove func(string)) { remove(data("P1.pem")) }, "Player-Data/P1.pem: no such file"},
		{"no own key", func(_ *scene, _ Site, _ func(string, string), remove func(string)) { remove(data("P1.key")) }, "Player-Data/P1.key: no such file"},
		{"another's key", func(s *scene, _ Site, write func(string, string), _ func(string)) {
			write(data("P1.key"), string(s.pairs[0].keyPEM(t)))
		}, "Player-Data/P1.key: the private key is not the certificate's"},
		{"no certificate", func(_ *scene, _ Site, write func(string, string), _ func(string)) { write(data("P1.pem"), "hello") },
			"Player-Data/P1.pem: the file holds no PEM block"},
		{"a link to what is none", func(_ *scene, _ Site, write func(string, string), _ func(string)) { write(data("0a1b2c3d.0"), "hello") },
			"Player-Data/0a1b2c3d.0: the file holds no PEM block"},
		{"no ip file", func(_ *scene, _ Site, _ func(string, string), remove func(string)) { remove(mpspdz.IPFile) }, "ip_addresses: no such file"},
		{"a line too few", func(_ *scene, _ Site, write func(string, string), _ func(string)) {
			write(mpspdz.IPFile, "10.0.0.1:1\n")
		}, "ip_addresses has 1 lines for 2 parties"},
		{"a line that is none", func(_ *scene, _ Site, write func(string, string), _ func(string)) {
			write(mpspdz.IPFile, "10.0.0.1:1\n 10.0.0.2:2\n")
		}, "ip_addresses, line 2: "},
		{"another own port", func(s *scene, site Site, _ func(string, string), _ func(string)) { s.setIP(site, 1, "127.0.0.1:1") },
			"ip_addresses lets MP-SPDZ bind port 1, not "},
		{"no Player-Data", func(_ *scene, site Site, _ func(string, string), _ func(string)) {
			if err := os.RemoveAll(filepath.Join(site.Folder, mpspdz.PlayerData)); err != nil {
				t.Fatal(err)
			}
		}, "Player-Data/P1.pem: no such file"},
	} {
		s := plainScene(t, numbered(0), numbered(1))
		site := s.site(1)
		test.spoil(s, site, func(name, text string) {
			if err := os.WriteFile(filepath.Join(site.Folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}, func(name string) {
			if err := os.Remove(filepath.Join(site.Folder, name)); err != nil {
				t.Fatal(err)
			}
		})
		_, err := readFiles(os.DirFS(site.Folder), site)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), filepath.Dir(site.Folder)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	s := plainScene(t, numbered(0), numbered(1))
	site := s.site(1)
	site.Component = "p9"
	if _, err := readFiles(os.DirFS(site.Folder), site); !errors.Is(err, mpspdz.ErrNotMember) {
		t.Errorf("not a member: %v", err)
	}
	site.Component, site.Folder = "p1", filepath.Join(t.TempDir(), "current")
	if _, err := s.agentWith(site, Config{}).opener.join(site); err == nil || err.Error() != "current: no such file or directory" {
		t.Errorf("no folder: %v", err)
	}
}

// TestTrusted: OpenSSL takes the links of one hash up to the first number that is missing, and only those of that subject.
func TestTrusted(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	site := s.site(0)
	folder := filepath.Join(site.Folder, mpspdz.PlayerData)
	old := makePair(t, "p1", numbered(1)) // the same subject
	hash := old.certificate.SubjectHash()
	place := func(name string) {
		if err := os.WriteFile(filepath.Join(folder, name), old.certificate.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusts := func() bool {
		f, err := readFiles(os.DirFS(site.Folder), site)
		if err != nil {
			t.Fatal(err)
		}
		return f.trusted[old.certificate.SHA256()] != nil
	}
	for _, test := range []struct {
		name string
		want bool
	}{{"P7.pem", false}, {"0a1b2c3d.0", false}, {hash + ".2", false}, {hash + ".r0", false}, {hash + ".1", true}} {
		place(test.name)
		if got := trusts(); got != test.want {
			t.Errorf("with %s: %v", test.name, got)
		}
	}
}

// TestJudge has what the folder says of one certificate, on either side.
func TestJudge(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	site := s.site(0)
	left := makePair(t, "p7", numbered(2)) // left over in the folder
	link := filepath.Join(site.Folder, mpspdz.PlayerData, left.certificate.SubjectHash()+".0")
	if err := os.WriteFile(link, left.certificate.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := readFiles(os.DirFS(site.Folder), site)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, test := range []struct {
		name     string
		p        pair
		expected int
		now      time.Time
		code     Code
		party    int
	}{
		{"the one expected", s.pairs[1], 1, now, OK, 1},
		{"any member", s.pairs[1], anyMember, now, OK, 1},
		{"another", s.pairs[1], 2, now, WrongParty, 1},
		{"ourselves", s.pairs[0], anyMember, now, WrongParty, 0},
		{"nobody, with the name of one", left, 2, now, WrongParty, nobody},
		{"nobody, coming in", left, anyMember, now, WrongParty, nobody},
		{"unknown", makePair(t, "p1", numbered(1)), 1, now, UnknownCertificate, nobody},
		{"expired", s.pairs[1], 1, now.Add(2 * time.Hour), Expired, 1},
		{"not yet valid", s.pairs[1], 1, now.Add(-100 * time.Hour), Expired, 1},
	} {
		if v := f.judge(test.p.certificate.DER(), test.expected, test.now); v.code != test.code || v.party != test.party {
			t.Errorf("%s: %+v", test.name, v)
		}
	}
	if v := f.judge([]byte("no certificate"), anyMember, now); v.code != UnknownCertificate {
		t.Errorf("garbage: %+v", v)
	}
}

// TestLeftOver: a certificate that answers, that the folder trusts, and that is no party's.
func TestLeftOver(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	left := makePair(t, "p7", numbered(2))
	for _, end := range []int{0, 2} {
		link := filepath.Join(agents[end].site.Folder, mpspdz.PlayerData, left.certificate.SubjectHash()+".0")
		if err := os.WriteFile(link, left.certificate.PEM(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(agents[2].site.Folder, mpspdz.PlayerData, "P2")
	for ext, data := range map[string][]byte{".pem": left.certificate.PEM(), ".key": left.keyPEM(t)} {
		if err := os.WriteFile(own+ext, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cells := coordinate(t, agents)
	want{WrongParty, "has a certificate that the player files of p0 have, and that is no party's", "fbpeer players check"}.check(t, "p0>p2", cells["p0>p2"])
	want{WrongParty, "p0 does not know the certificate of p2 as that of a party", "fbpeer players check"}.check(t, "p2>p0", cells["p2>p0"])
	want{UnknownCertificate, "the player files of p1 do not have the certificate that p2 presents", ""}.check(t, "p1>p2", cells["p1>p2"])
}

// TestOffAndOn: an opening that was none, because it was off when this site's own operator asked, is not another's.
func TestOffAndOn(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	agents[0].site.Off = true
	coordinate(t, agents)
	agents[0].site.Off = false
	_, p, a := Member{agents[0].opener, func(string) (Site, error) { return agents[0].site, nil }}.opening(request{digest: s.set.Digest()})
	if p != nil || a.status != statusOften || a.left <= 0 {
		t.Errorf("%+v", a)
	}
}

// TestEndedMeanwhile: a member whose opening ends between its answer and the go still gives its row; what is not in it was too late.
func TestEndedMeanwhile(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	r := roundOf(s.agents())
	open := answer{status: statusOpen, left: time.Second}
	cells := r.cells([]member{{answer: open, told: true}, {answer: open, told: true}, {answer: open}}, time.Now(), time.Now())
	want{Failed, "p0 had no time left for p1 before that port was closed", "ask for this one alone"}.check(t, "p0>p1", cells[0])
	want{NoAgent, "p2 did not say what it found", ""}.check(t, "p2>p0", cells[4])
}

// TestExchange: only an agent's own line is a verdict.
func TestExchange(t *testing.T) {
	for line, want := range map[string]Code{
		"fbpeer-probe/1 ok\n": OK, "fbpeer-probe/1 name-refused\nmore": NameRefused,
		"fbpeer-probe/1 ok": "", "fbpeer-probe/1 timeout\n": "", "fbpeer-probe/2 ok\n": "", "ok\n": "", "x": "",
		"fbpeer-probe/1 ok" + strings.Repeat(" ", maxLine) + "\n": "",
	} {
		var sent strings.Builder
		code, err := exchange(struct {
			*strings.Reader
			*strings.Builder
		}{strings.NewReader(line), &sent}, OK)
		if code != want || (want == "") != errors.Is(err, errNoAgent) || sent.String() != "fbpeer-probe/1 ok\n" {
			t.Errorf("%q: %q, %v, sent %q", line, code, err, sent.String())
		}
	}
}

// TestTexts: every result has a sentence and a cure, whatever its parts are.
func TestTexts(t *testing.T) {
	for _, s := range []*scene{plainScene(t, numbered(0), numbered(1)), fedbiomedScene(t, form{}, form{}, form{})} {
		for own := range 2 {
			speak := speaker{set: s.set, name: func(id string) string { return "<" + id + ">" }, own: own}
			for _, code := range rowCodes[1:] {
				for how := range hows {
					for party := nobody; party < 2; party++ {
						text, cure := speak.say(result{to: 1, code: code, how: how, party: party}, 0, s.set.Parties()[1].Endpoint)
						if text == "" || cure == "" || strings.Contains(text+cure, "%!") {
							t.Errorf("%s, %d, %d: %q, %q", code, how, party, text, cure)
						}
						if strings.Contains(cure, fmt.Sprintf("<p%d>'s operator", own)) {
							t.Errorf("it names the operator who reads it: %q", cure)
						}
					}
				}
			}
			for status := statusInUse; status <= statusNoAnswer; status++ {
				if code, text, cure := speak.absent(answer{status: status}, 1); status != statuses && (code == "" || text == "" || cure == "") {
					t.Errorf("status %d: %q %q %q", status, code, text, cure)
				}
			}
		}
	}
}

// TestKeyUsage: what cannot be used for TLS fails, by mpspdz' rule. OpenSSL refuses a keyUsage without any bit too.
func TestKeyUsage(t *testing.T) {
	for name, test := range map[string]struct {
		usage []byte
		code  Code
	}{
		"digitalSignature": {[]byte{3, 2, 7, 0x80}, OK},
		"keyAgreement":     {[]byte{3, 2, 3, 0x08}, OK},
		"keyEncipherment":  {[]byte{3, 2, 5, 0x20}, Failed},
		"none":             {[]byte{3, 2, 7, 0}, Failed},
		"none, empty":      {[]byte{3, 1, 0}, Failed},
	} {
		s := plainScene(t, numbered(0), form{name: "P1", san: "P1", usage: test.usage})
		c := s.pairs[1].certificate
		f := &files{set: s.set, trusted: map[mpspdz.Hash]*mpspdz.Certificate{c.SHA256(): c}}
		if v := f.judge(c.DER(), 1, time.Now()); v.code != test.code {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
