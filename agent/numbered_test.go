package agent

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"testing"
	"time"

	"fbpeer/agent/api"
)

// renew gives a plain party that is stopped a certificate of the same key that ends at that time.
func (s *scene) renew(file string, notAfter time.Time) {
	s.t.Helper()
	c := s.config(file)
	pair, err := c.LoadKeyPair(time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: c.Component.ID}, DNSNames: []string{"P0", "P1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, form, form, pair.Key.Public(), pair.Key)
	if err == nil {
		err = os.WriteFile(c.Component.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// A certificate that was renewed with the same key has a numbered certificate issued that lives as long, here and at the others, and only
// once: an older one that ends earlier would keep `ready` from a yes in its last day, and nothing that the operator does would help.
func TestRenewedWithTheSameKey(t *testing.T) {
	s := newPlainScene(t)
	sites := plainParties(s, 2)
	alice, bob := sites[0], sites[1]
	former := alice.wait("a set of two", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 2 }).Set
	ends := certificateOf(t, former.Dir, "P0.pem").NotAfter
	alice.end()
	later := ends.AddDate(0, 0, 30).Truncate(time.Second)
	s.renew(s.files[0], later)
	alice = s.start(s.files[0])
	introduce(alice, bob)
	for _, x := range []*site{alice, bob} {
		seen := x.wait("the set with the later certificate", func(s api.Snapshot) bool { return s.Set != nil && s.Set.Digest != former.Digest })
		if got := certificateOf(t, seen.Set.Dir, "P0.pem").NotAfter; !got.Equal(later) {
			t.Errorf("%s: the certificate of party 0 ends at %s, not %s", x.config.Component.ID, got, later)
		}
	}
	now := alice.snapshot().Set
	// One that ends earlier, and a restart, issue nothing.
	alice.end()
	s.renew(s.files[0], later.AddDate(0, 0, -1))
	alice = s.start(s.files[0])
	if after := alice.snapshot().Set; after == nil || after.Digest != now.Digest || !after.Written.Equal(now.Written) {
		t.Errorf("issued once more: %+v", after)
	}
}
