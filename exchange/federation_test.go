package exchange

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"fbpeer/internal/testenv"
)

// TestFederationVectors reads testdata/federations.txt, and holds it against OpenSSL's HKDF.
func TestFederationVectors(t *testing.T) {
	file, err := os.Open("testdata/federations.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		rows++
		name, development := fields[0], fields[2] == "development"
		secret, err := hex.DecodeString(fields[1])
		if err != nil {
			t.Fatal(err)
		}
		f, err := NewFederation(name, secret, development)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%x %s %s", f.PSK(), f.ID(), f.MDNS())
		if want := strings.Join(fields[3:], " "); got != want {
			t.Errorf("%s: got  %s\nwant %s", name, got, want)
		}
		if f.Name() != name || f.Development() != development {
			t.Errorf("%s: name %q, development %v", name, f.Name(), f.Development())
		}
		t.Run(name+"/"+fields[2]+"/openssl", func(t *testing.T) {
			info := "fbpeer/1/psk"
			if development {
				info = "fbpeer/1/development/psk"
			}
			if got := opensslHKDF(t, fields[1], name, info); got != fields[3] {
				t.Errorf("openssl: %s, want %s", got, fields[3])
			}
		})
	}
	if rows < 3 {
		t.Fatalf("only %d rows", rows)
	}
}

func opensslHKDF(t *testing.T, secret, salt, info string) string {
	testenv.NeedProgram(t, "openssl")
	out, err := exec.Command("openssl", "kdf", "-keylen", "32", "-kdfopt", "digest:SHA2-256", "-kdfopt", "hexkey:"+secret,
		"-kdfopt", "salt:"+salt, "-kdfopt", "info:"+info, "HKDF").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.ToLower(strings.ReplaceAll(strings.TrimSpace(string(out)), ":", ""))
}

func TestFederationsDiffer(t *testing.T) {
	secret := []byte(strings.Repeat("s", SecretSize))
	other := []byte(strings.Repeat("t", SecretSize))
	seen := map[string]string{}
	for _, c := range []struct {
		name        string
		secret      []byte
		development bool
	}{{"cardio", secret, false}, {"cardio", secret, true}, {"cardio2", secret, false}, {"cardio", other, false}} {
		f, err := NewFederation(c.name, c.secret, c.development)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range []string{string(f.PSK()), f.ID(), f.MDNS()} {
			if before, ok := seen[value]; ok {
				t.Errorf("%v derives a value of %s", c, before)
			}
			seen[value] = fmt.Sprint(c.name, c.development)
		}
		if !regexp.MustCompile(`^[a-z2-7]{32}$`).MatchString(f.ID()) {
			t.Errorf("id %q", f.ID())
		}
		if !regexp.MustCompile(`^_fbpeer-[a-z2-7]{8}\._udp$`).MatchString(f.MDNS()) {
			t.Errorf("mDNS name %q", f.MDNS())
		}
		for _, shown := range []string{f.ID(), f.MDNS()} {
			if strings.Contains(shown, "cardio") {
				t.Errorf("%q shows the name", shown)
			}
		}
	}
}

func TestFederationKeepsItsKeyOutOfPrints(t *testing.T) {
	f := testFederation()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		shown := fmt.Sprintf(verb, f)
		if strings.Contains(shown, fmt.Sprint(f.PSK())) || strings.Contains(shown, hex.EncodeToString(f.PSK())) || strings.Contains(shown, "psk") {
			t.Errorf("%s shows the key: %s", verb, shown)
		}
	}
	f.PSK()[0] ^= 1
	if f.PSK()[0] != testFederation().PSK()[0] {
		t.Error("a caller changed the federation's key")
	}
}

func TestNewFederationRefuses(t *testing.T) {
	secret := make([]byte, SecretSize)
	for name, want := range map[string]string{
		"":                      "is empty",
		"a b":                   "use letters",
		".hidden":               "use letters",
		"-x":                    "use letters",
		"../x":                  "use letters",
		"café":                  "use letters",
		"x\x1b[2J":              `x\x1b[2J`,
		strings.Repeat("a", 65): "at most 64",
	} {
		if _, err := NewFederation(name, secret, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	for _, size := range []int{0, 31, 33} {
		if _, err := NewFederation("cardio", make([]byte, size), false); err == nil {
			t.Errorf("a secret of %d bytes was taken", size)
		}
	}
	if _, err := NewFederation(strings.Repeat("a", 64), secret, false); err != nil {
		t.Error(err)
	}
}
