package config

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// staged is the text of the staged file, empty if there is none.
func staged(c *Config) string {
	data, _ := os.ReadFile(c.NextFile())
	return string(data)
}

func TestStagePair(t *testing.T) {
	root := onePlain(t, "")
	c, now := loadWithoutPair(t, root), time.Now()
	if s, err := c.LoadNext(); s != nil || err != nil {
		t.Errorf("before anything is staged: %v, %v", s, err)
	}
	before := modes(t, root)
	made, err := c.StagePair(rand.Reader, NamesAll, false, now)
	if err != nil {
		t.Fatal(err)
	}
	if got := modes(t, root); got != strings.Replace(before, "fbpeer.ini -rw-------", "fbpeer.ini -rw-------\nnext.pem -rw-------", 1) {
		t.Errorf("got\n%s\nbefore\n%s", got, before)
	}
	if s, err := c.LoadNext(); err != nil || s == nil || s.SHA256() != made.SHA256() || !s.Acceptance().Everywhere() {
		t.Errorf("%v, %v", s, err)
	}
	if pair, err := c.LoadKeyPair(now); err != nil || pair.Certificate.KeySHA256() == made.KeySHA256() {
		t.Errorf("the pair in force was touched: %v", err)
	}
	text := staged(c)
	_, err = c.StagePair(rand.Reader, NamesAll, false, now)
	expect(t, err, root, "a key is staged already, and nothing is overwritten: file already exists",
		"to make another one, which must be approved ahead anew: fbpeer cert generate --next --force")
	if !errors.Is(err, fs.ErrExist) || staged(c) != text {
		t.Error("changed by a refusal")
	}
	if _, err := c.StagePair(rand.Reader, NamesAll, true, now); err != nil || staged(c) == text {
		t.Errorf("not replaced: %v", err)
	}
	write(t, c.NextFile(), "no key")
	_, err = c.LoadNext()
	expect(t, err, root, "next.pem is not a staged key and its certificate",
		"drop it: fbpeer cert generate --next --discard; or replace it: fbpeer cert generate --next --force")
	for _, want := range []bool{true, false} {
		if dropped, err := c.DiscardNext(); dropped != want || err != nil {
			t.Errorf("dropped %v, %v, want %v", dropped, err, want)
		}
	}
	if got := modes(t, root); got != before {
		t.Error(got)
	}
}

// TestStagePairFedbiomed: nothing is written into Fed-BioMed's etc/.
func TestStagePairFedbiomed(t *testing.T) {
	root := oneComponent(t)
	c := loadWithoutPair(t, root)
	etc := modes(t, filepath.Join(root, "etc")) + modes(t, filepath.Join(root, "etc", "certs", "cert_"+nodeID))
	made, err := c.StagePair(rand.Reader, NamesFedbiomed, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if c.NextFile() != filepath.Join(root, "var", "fbpeer", nodeID, "next.pem") || made.Subject() != "CN=*,O="+nodeID {
		t.Errorf("%s, %s", c.NextFile(), made.Subject())
	}
	if got := modes(t, filepath.Join(root, "etc")) + modes(t, filepath.Join(root, "etc", "certs", "cert_"+nodeID)); got != etc {
		t.Error(got)
	}
}

func TestActivatePair(t *testing.T) {
	root := onePlain(t, "")
	c, now := loadWithoutPair(t, root), time.Now()
	_, err := c.ActivatePair(now)
	expect(t, err, root, "no key is staged for alice", "make a key that the others can approve ahead: fbpeer cert generate --next")
	certificate, err := c.StagePair(rand.Reader, NamesAll, false, now)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.ActivatePair(now.AddDate(9, 0, 0))
	var e *Error
	if !errors.As(err, &e) || e.Hint != "make another one: fbpeer cert generate --next --force" || staged(c) == "" {
		t.Errorf("one that has run out: %v", err)
	}
	old := twoPairs(t)[0]
	made, err := c.ActivatePair(now)
	if err != nil || made.Finished || made.Certificate.SHA256() != certificate.SHA256() || len(made.Kept) != 2 {
		t.Errorf("%+v, %v", made, err)
	}
	if pair, err := c.LoadKeyPair(now); err != nil || pair.Certificate.SHA256() != certificate.SHA256() {
		t.Error(err)
	}
	if read(t, filepath.Join(root, "alice.key.old")) != old.key || staged(c) != "" {
		t.Error("the former pair is not kept, or the staged one still there")
	}
}

// TestActivateAfterInterruptedGenerate: a `cert generate` that was interrupted is finished first, with its own pair.
func TestActivateAfterInterruptedGenerate(t *testing.T) {
	root := onePlain(t, "")
	c, now := loadWithoutPair(t, root), time.Now()
	if _, err := c.StagePair(rand.Reader, NamesAll, false, now); err != nil {
		t.Fatal(err)
	}
	other := twoPairs(t)[1]
	write(t, stagedFile(c.Component.PrivateKey), other.key+other.certificate)
	write(t, c.Component.PrivateKey, other.key)
	_, err := c.ActivatePair(now)
	expect(t, err, root, "a `cert generate` was interrupted between key and certificate, and comes first", "finish it: fbpeer cert generate")
	if c.ActivationBegun() {
		t.Error("that is no activation")
	}
	if made, err := c.MakePair(rand.Reader, NamesAll, false, now); err != nil || !made.Finished {
		t.Error(err)
	}
	if s, err := c.LoadNext(); s == nil || err != nil {
		t.Errorf("the staged pair is lost: %v", err)
	}
}

// TestNextPairChild is the process that TestStageKilled and TestActivateKilled kill.
func TestNextPairChild(t *testing.T) {
	step := killedStep(t, "NEXT")
	c := loadWithoutPair(t, os.Getenv(childRoot))
	w, err := c.writer(step), error(nil)
	if os.Getenv("FBPEER_CONFIG_TEST_ACTIVATE") == "1" {
		_, err = c.activatePair(w, time.Now())
	} else {
		_, err = c.stagePair(w, rand.Reader, NamesAll, true, time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// killNext runs it until its step n; survived: it has fewer steps.
func killNext(t *testing.T, root, activate string, n int) (survived bool) {
	t.Helper()
	return runKilled(t, "TestNextPairChild", "NEXT", n, childRoot+"="+root, "FBPEER_CONFIG_TEST_ACTIVATE="+activate)
}

// TestStageKilled: what was staged before stays whole until the new pair stands whole. (What WriteFile leaves when it is killed within
// its one rename is tested in internal/durable.)
func TestStageKilled(t *testing.T) {
	for n := 1; ; n++ {
		root := onePlain(t, "")
		c := loadWithoutPair(t, root)
		if _, err := c.StagePair(rand.Reader, NamesAll, false, time.Now()); err != nil {
			t.Fatal(err)
		}
		before := staged(c)
		if killNext(t, root, "0", n) {
			if n-1 != 1 {
				t.Errorf("%d steps were killed, not 1", n-1)
			}
			return
		}
		if s, err := c.LoadNext(); s == nil || err != nil || staged(c) != before {
			t.Errorf("step %d: %v, %v", n, s, err)
		}
	}
}

// TestActivateKilled kills it before each step. What is left is the former pair with the other one staged, the new pair, or what an agent
// waits on; the former pair is never lost; and the same command arrives at the same end, as does `cert generate` where it was halfway.
func TestActivateKilled(t *testing.T) {
	for _, finishedBy := range []string{"activate", "generate"} {
		mismatches := 0
		for n := 1; ; n++ {
			root := onePlain(t, "")
			c := loadWithoutPair(t, root)
			certificate, err := c.StagePair(rand.Reader, NamesAll, false, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if killNext(t, root, "1", n) {
				if n-1 != 10 {
					t.Errorf("%d steps were killed, not 10", n-1)
				}
				break
			}
			mismatches += checkActivationKilled(t, root, certificate.SHA256().String(), finishedBy, n)
		}
		if mismatches != 1 {
			t.Errorf("key and certificate differed after %d steps, not after one", mismatches)
		}
	}
}

func checkActivationKilled(t *testing.T, root, staged, finishedBy string, n int) (mismatches int) {
	t.Helper()
	c, old := loadWithoutPair(t, root), twoPairs(t)[0]
	pair, err := c.LoadKeyPair(time.Now())
	began, halfway := read(t, c.Component.PrivateKey) != old.key, errors.Is(err, ErrMismatch)
	switch {
	case halfway:
		mismatches = 1
	case err != nil:
		t.Errorf("step %d: %v", n, err)
	case began != (pair.Certificate.SHA256().String() == staged):
		t.Errorf("step %d: neither the former nor the staged pair", n)
	}
	if next, err := c.LoadNext(); err != nil || (next != nil) != (!began || halfway) {
		t.Errorf("step %d: staged %v, %v", n, next, err)
	}
	if began != c.ActivationBegun() {
		t.Errorf("step %d: begun %v", n, !began)
	}
	if finishedBy == "generate" && halfway {
		if made, err := c.MakePair(rand.Reader, NamesAll, false, time.Now()); err != nil || !made.Finished {
			t.Errorf("step %d: %v", n, err)
		}
	} else if made, err := c.ActivatePair(time.Now()); err != nil || made.Finished != began {
		t.Errorf("step %d: again: finished %v, %v", n, made.Finished, err)
	}
	if pair, err := c.LoadKeyPair(time.Now()); err != nil || pair.Certificate.SHA256().String() != staged {
		t.Errorf("step %d: again: %v", n, err)
	}
	want := "alice.key -rw-------\nalice.key.old -rw-------\nalice.pem -rw-r--r--\nalice.pem.old -rw-r--r--\nfbpeer.ini -rw-------"
	if got := modes(t, root); got != want {
		t.Errorf("step %d: left\n%s", n, got)
	}
	if read(t, filepath.Join(root, "alice.key.old")) != old.key || read(t, filepath.Join(root, "alice.pem.old")) != old.certificate {
		t.Errorf("step %d: the former pair is lost", n)
	}
	return mismatches
}

// TestActivateSigned: a staged key that an authority signed, and that somebody put in place by hand, is in use for every reader; that
// certificate stays when the staged file goes.
func TestActivateSigned(t *testing.T) {
	root := onePlain(t, "[trust]\nauthorities = root.pem\n")
	c, now := loadPlain(t, root), time.Now()
	made, err := c.StagePair(rand.Reader, NamesAll, false, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, ok := readStaged(c.NextFile())
	if !ok {
		t.Fatal("nothing is staged")
	}
	authority := signedBy(t, "Root", nil, true)
	template := x509.Certificate{SerialNumber: big.NewInt(2), Subject: made.X509().Subject, DNSNames: made.DNSNames(),
		NotBefore: made.NotBefore(), NotAfter: made.NotAfter()}
	der, err := x509.CreateCertificate(rand.Reader, &template, authority.template, made.X509().PublicKey, authority.key)
	if err != nil {
		t.Fatal(err)
	}
	signed := encode("CERTIFICATE", der)
	write(t, filepath.Join(root, "root.pem"), authority.certificate())
	write(t, c.Component.PrivateKey, string(pair.key))
	write(t, c.Component.Certificate, signed)
	if inForce, err := c.LoadKeyPair(now); err != nil || !inForce.Certificate.CASigned() || inForce.Certificate.KeySHA256() != made.KeySHA256() {
		t.Fatalf("the signed pair is not in force: %v", err)
	}
	if next, err := c.LoadNext(); next != nil || err != nil {
		t.Errorf("still staged: %v, %v", next != nil, err)
	}
	if done, err := c.ActivatePair(now); err != nil || !done.Finished || staged(c) != "" {
		t.Errorf("%+v, %v", done, err)
	}
	if read(t, c.Component.Certificate) != signed {
		t.Error("the authority's certificate was replaced")
	}
}
