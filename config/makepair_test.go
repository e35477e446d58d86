package config

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// loadWithoutPair is the configuration of `cert`.
func loadWithoutPair(t *testing.T, root string) *Config {
	t.Helper()
	s := Selector{WorkDir: root, Getenv: env(), WithoutPair: true}
	if _, err := os.Stat(filepath.Join(root, "fbpeer.ini")); err == nil {
		s.Config = "fbpeer.ini"
	}
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files of one folder that are neither locks nor directories, with their modes.
func modes(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if !entry.IsDir() && !strings.HasSuffix(entry.Name(), ".lock") {
			out = append(out, entry.Name()+" "+info.Mode().String())
		}
	}
	return strings.Join(out, "\n")
}

func TestMakePairPlain(t *testing.T) {
	root := onePlain(t, "")
	c := loadWithoutPair(t, root)
	now := time.Now()
	old := twoPairs(t)[0]
	_, err := c.MakePair(rand.Reader, NamesAll, false, now)
	expect(t, err, root, "alice.key is there already, and nothing is overwritten: file already exists",
		"to replace them, and keep the present ones as .old: fbpeer cert generate --force")
	if !errors.Is(err, fs.ErrExist) || read(t, c.Component.PrivateKey) != old.key {
		t.Error("changed by a refusal")
	}
	made, err := c.MakePair(rand.Reader, NamesAll, true, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.LoadKeyPair(now)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(pair.Certificate.DER(), made.Certificate.DER()) || made.Finished || !made.Certificate.Acceptance().Everywhere() {
		t.Errorf("%+v", made)
	}
	if read(t, filepath.Join(root, "alice.key.old")) != old.key || read(t, filepath.Join(root, "alice.pem.old")) != old.certificate {
		t.Error("the former pair was not kept")
	}
	want := "alice.key -rw-------\nalice.key.old -rw-------\nalice.pem -rw-r--r--\nalice.pem.old -rw-r--r--\nfbpeer.ini -rw-------"
	if got := modes(t, root); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestMakePairFedbiomed: exactly Fed-BioMed's form, where its configuration names it, also where nothing is left.
func TestMakePairFedbiomed(t *testing.T) {
	root := oneComponent(t)
	certs := filepath.Join(root, "etc", "certs")
	if err := os.RemoveAll(certs); err != nil {
		t.Fatal(err)
	}
	c := loadWithoutPair(t, root)
	if got := c.PairState(); got != PairMissing {
		t.Error(got)
	}
	made, err := c.MakePair(rand.Reader, NamesFedbiomed, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(certs, "cert_"+nodeID)
	if got := modes(t, folder); got != "MPSPDZ_certificate.key -rw-------\nMPSPDZ_certificate.pem -rw-r--r--" {
		t.Error(got)
	}
	x := made.Certificate.X509()
	if made.Certificate.Subject() != "CN=*,O="+nodeID || len(x.Extensions) != 0 || x.Version != 3 || made.Kept != nil {
		t.Errorf("%s, %v, kept %v", made.Certificate.Subject(), x.Extensions, made.Kept)
	}
	if _, err := Load(Selector{WorkDir: root, Getenv: env()}); err != nil {
		t.Error(err)
	}
}

func TestMakePairRefuses(t *testing.T) {
	root := onePlain(t, "")
	write(t, filepath.Join(root, "fbpeer.ini"), strings.Replace(plainFile, "alice.key", "alice.pem", 1))
	_, err := loadWithoutPair(t, root).MakePair(rand.Reader, NamesAll, true, time.Now())
	expect(t, err, root, "alice.pem is named for both the private key and the certificate",
		"give key and certificate a file each, in the component's configuration")
	write(t, filepath.Join(root, "fbpeer.ini"), strings.Replace(plainFile, "alice.key", ".", 1))
	_, err = loadWithoutPair(t, root).MakePair(rand.Reader, NamesAll, true, time.Now())
	expect(t, err, root, ". is no regular file", "move it away, or correct the component's configuration")
	if read(t, filepath.Join(root, "alice.pem")) != twoPairs(t)[0].certificate {
		t.Error("changed by a refusal")
	}
}

// TestMakePairLinks: a link to a place for secrets stays one.
func TestMakePairLinks(t *testing.T) {
	root := onePlain(t, "")
	secrets := filepath.Join(root, "secrets")
	if err := os.Mkdir(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "alice.key"), filepath.Join(secrets, "k")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("secrets", "k"), filepath.Join(root, "alice.key")); err != nil {
		t.Fatal(err)
	}
	c := loadWithoutPair(t, root)
	if _, err := c.MakePair(rand.Reader, NamesAll, true, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.LoadKeyPair(time.Now()); err != nil {
		t.Error(err)
	}
	if target, err := os.Readlink(filepath.Join(root, "alice.key")); err != nil || target != filepath.Join("secrets", "k") {
		t.Errorf("%s, %v", target, err)
	}
	if got := modes(t, secrets); got != "k -rw-------\nk.old -rw-------" {
		t.Error(got)
	}
}

// TestMakePairForeign: root does not leave a key behind that the component's user cannot read.
func TestMakePairForeign(t *testing.T) {
	testenv.NeedRoot(t, "to give a file away")
	root := onePlain(t, "")
	if err := os.Chown(filepath.Join(root, "alice.pem"), 54321, -1); err != nil {
		t.Fatal(err)
	}
	_, err := loadWithoutPair(t, root).MakePair(rand.Reader, NamesAll, true, time.Now())
	expect(t, err, root, "alice.pem belongs to #54321: what root writes there the component could not read", "sudo -u #54321 fbpeer …")
}

// TestMakePairTwice: two at once are one after the other.
func TestMakePairTwice(t *testing.T) {
	root := onePlain(t, "")
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			c, err := Load(Selector{Config: "fbpeer.ini", WorkDir: root, Getenv: env()})
			if err == nil {
				_, err = c.MakePair(rand.Reader, NamesAll, true, time.Now())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	c := loadWithoutPair(t, root)
	if _, err := c.LoadKeyPair(time.Now()); err != nil {
		t.Error(err)
	}
	if read(t, c.Component.PrivateKey+".old") == twoPairs(t)[0].key || c.FormerPair() == nil {
		t.Error("the first of the two was not kept by the second")
	}
}

// TestMakePairChild is the process that TestMakePairKilled kills.
func TestMakePairChild(t *testing.T) {
	step := killedStep(t, "MAKE")
	c := loadWithoutPair(t, os.Getenv(childRoot))
	w := pairWriter{key: c.Component.PrivateKey, certificate: c.Component.Certificate, step: step}
	if _, err := c.makePair(w, rand.Reader, NamesAll, os.Getenv("FBPEER_CONFIG_TEST_FORCE") == "1", time.Now()); err != nil {
		t.Fatal(err)
	}
}

// TestMakePairKilled kills it before each step, over a former pair and over nothing. What is left is the former pair, the new pair, or
// what an agent waits on; a copy is never one of two pairs; and the same command finishes.
func TestMakePairKilled(t *testing.T) {
	for _, test := range []struct{ name, force string }{{"over a pair", "1"}, {"over nothing", "0"}} {
		t.Run(test.name, func(t *testing.T) {
			mismatches := 0
			for n := 1; ; n++ {
				root := onePlain(t, "")
				old := twoPairs(t)[0]
				write(t, filepath.Join(root, "alice.pem.old"), twoPairs(t)[1].certificate)
				write(t, filepath.Join(root, "alice.key.old"), twoPairs(t)[1].key)
				if test.force == "0" {
					for _, name := range []string{"alice.pem", "alice.key", "alice.pem.old", "alice.key.old"} {
						if err := os.Remove(filepath.Join(root, name)); err != nil {
							t.Fatal(err)
						}
					}
				}
				if runKilled(t, "TestMakePairChild", "MAKE", n, childRoot+"="+root, "FBPEER_CONFIG_TEST_FORCE="+test.force) {
					if want := map[string]int{"1": 9, "0": 6}[test.force]; n-1 != want {
						t.Errorf("%d steps were killed, not %d", n-1, want)
					}
					break
				}
				mismatches += checkKilled(t, root, test.force, old, n)
			}
			if mismatches != 1 {
				t.Errorf("key and certificate differed after %d steps, not after one", mismatches)
			}
		})
	}
}

// checkKilled looks at what a death left, and runs the command again: without force, where it is only to be finished.
func checkKilled(t *testing.T, root, force string, old pair, n int) (mismatches int) {
	t.Helper()
	c := loadWithoutPair(t, root)
	_, err := c.LoadKeyPair(time.Now())
	key, _ := os.ReadFile(c.Component.PrivateKey)
	began := len(key) > 0 && string(key) != old.key
	halfway := began && err != nil
	if force == "1" && !began && (err != nil || read(t, c.Component.Certificate) != old.certificate) {
		t.Errorf("step %d: the former pair is no longer whole: %v", n, err)
	}
	if halfway {
		mismatches = 1
		if force == "1" && !errors.Is(err, ErrMismatch) {
			t.Errorf("step %d: an agent would not wait: %v", n, err)
		}
		if c.PairState() != PairInterrupted {
			t.Errorf("step %d: %s", n, c.PairState())
		}
	}
	oldKey, _ := os.ReadFile(filepath.Join(root, "alice.key.old"))
	oldCertificate, err := os.ReadFile(filepath.Join(root, "alice.pem.old"))
	if err == nil && !isPair(oldKey, oldCertificate) {
		t.Errorf("step %d: the copies are of two pairs", n)
	}
	if began && force == "1" && (string(oldKey) != old.key || string(oldCertificate) != old.certificate) {
		t.Errorf("step %d: the former pair is lost", n)
	}
	made, err := c.MakePair(rand.Reader, NamesAll, force == "1" && !halfway, time.Now())
	if errors.Is(err, fs.ErrExist) && began && !halfway {
		err = nil // all was done but for the staged file
	}
	if err != nil || made.Finished != halfway {
		t.Fatalf("step %d: again: finished %v, %v", n, made.Finished, err)
	}
	if halfway && !bytes.Contains([]byte(read(t, c.Component.PrivateKey)), key) {
		t.Errorf("step %d: another key than the one that stood", n)
	}
	if _, err := c.LoadKeyPair(time.Now()); err != nil {
		t.Errorf("step %d: again: %v", n, err)
	}
	if strings.Contains(modes(t, root), ".making") {
		t.Errorf("step %d: the staged pair is left", n)
	}
	return mismatches
}

func TestCheckPair(t *testing.T) {
	root := onePlain(t, "[players]\ncertificates = own\n")
	c := loadWithoutPair(t, root)
	codes := func() string {
		var out []string
		for _, f := range c.CheckPair(time.Now()).Findings {
			if f.Cure == "" || f.Text == "" || f.Where == "" {
				t.Errorf("%+v", f)
			}
			out = append(out, map[bool]string{true: "E ", false: "W "}[f.Error]+f.Code)
		}
		return strings.Join(out, ", ")
	}
	want := func(codesWanted string) {
		t.Helper()
		if got := codes(); got != codesWanted {
			t.Errorf("got  %s\nwant %s", got, codesWanted)
		}
	}
	want("W new-refuses, W shared-subject") // CN *, O = a node
	if p := c.CheckPair(time.Now()); !p.Fits || p.Key != "fits the certificate" || p.Certificate == nil {
		t.Errorf("%+v", p)
	}
	if err := os.Chmod(c.Component.PrivateKey, 0o644); err != nil {
		t.Fatal(err)
	}
	want("W new-refuses, W key-readable, W shared-subject")
	if err := os.Chmod(c.Component.PrivateKey, 0o602); err != nil { // to be replaced by anybody
		t.Fatal(err)
	}
	want("W new-refuses, W key-readable, W shared-subject")
	write(t, c.Component.PrivateKey, twoPairs(t)[1].key)
	want("E key-mismatch, W new-refuses, W key-readable, W shared-subject")
	write(t, c.Component.PrivateKey, "nothing")
	want("E bad-key, W new-refuses, W key-readable, W shared-subject")
	remove := func(path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	remove(c.Component.PrivateKey)
	want("E no-key, W new-refuses, W shared-subject")
	remove(c.Component.Certificate)
	want("E no-certificate, E no-key")
	if err := os.Mkdir(c.Component.Certificate, 0o700); err != nil {
		t.Fatal(err)
	}
	want("E unreadable, E no-key")
	remove(c.Component.Certificate)
	if _, err := c.MakePair(rand.Reader, NamesAll, false, time.Now()); err != nil {
		t.Fatal(err)
	}
	want("")
	certificate := certificateWith(t, func(x *x509.Certificate) { x.NotAfter = time.Now().AddDate(0, 0, 10) })
	write(t, c.Component.Certificate, certificate.certificate)
	write(t, c.Component.PrivateKey, certificate.key)
	want("W new-refuses, W expires-soon, W shared-subject")
}

// TestCertificatePage: the page for people tells of every code that is not a rule's name.
func TestCertificatePage(t *testing.T) {
	page := read(t, filepath.Join("..", "docs", "certificates.md"))
	for _, code := range []string{
		mpspdz.FolderMissing, mpspdz.FolderNoKey, mpspdz.FolderUnreadable, mpspdz.FolderBadKey, mpspdz.RuleKeyMismatch, mpspdz.CheckNoParty,
		mpspdz.FolderOldRefuses, mpspdz.CheckOneNumber, mpspdz.FolderNewRefuses, mpspdz.FolderExpiresSoon, mpspdz.FolderKeyReadable, SharedSubject,
	} {
		if !strings.Contains(page, "`"+code+"`") {
			t.Errorf("docs/certificates.md does not tell of %s", code)
		}
	}
}
