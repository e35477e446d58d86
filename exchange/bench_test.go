package exchange

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

func BenchmarkOpen(b *testing.B) {
	a := mustSeal(b, sharedNode(), weekFrom(testNow))
	f := testFederation()
	b.SetBytes(int64(len(a.Sealed)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(a.Sealed, f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenView(b *testing.B) {
	sealed := sealedOf(b, fullView()).Record().Sealed
	f := testFederation()
	b.SetBytes(int64(len(sealed)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenRecord(sealed, f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenNumberedCertificate(b *testing.B) {
	sealed := sealedOf(b, numbered()).Record().Sealed
	f := testFederation()
	for b.Loop() {
		if _, err := OpenRecord(sealed, f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMembersRoot255(b *testing.B) {
	members := someMembers(255)
	b.ReportAllocs()
	for b.Loop() {
		if MembersRoot(members).IsZero() {
			b.Fatal("no root")
		}
	}
}

// openFloor is the work that no way to check an announcement can do without: one Ed25519 verification, one RSA-2048
// verification and one X.509 parse, over the same bytes as Open.
func openFloor(b *testing.B, a *Announcement) func() error {
	e, err := parseEnvelope(a.Sealed)
	if err != nil {
		b.Fatal(err)
	}
	s := sharedNode()
	signature := ed25519.Sign(s.identity, e.payload)
	public := s.identity.Public().(ed25519.PublicKey)
	der := a.Certificate.DER()
	options := &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}
	digest := sha256.Sum256(e.payload)
	proof, err := s.key.Sign(rand.Reader, digest[:], options)
	if err != nil {
		b.Fatal(err)
	}
	return func() error {
		if !ed25519.Verify(public, e.payload, signature) {
			return fmt.Errorf("Ed25519")
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		digest := sha256.Sum256(e.payload)
		return rsa.VerifyPSS(certificate.PublicKey.(*rsa.PublicKey), crypto.SHA256, digest[:], proof, options)
	}
}

func BenchmarkOpenFloor(b *testing.B) {
	floor := openFloor(b, mustSeal(b, sharedNode(), weekFrom(testNow)))
	b.ReportAllocs()
	for b.Loop() {
		if err := floor(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpenRatio measures both in turn, so that what else the machine does burdens both alike. Its metric
// open/floor is the median of the rounds' ratios; the goal is at most 1.25.
func BenchmarkOpenRatio(b *testing.B) {
	a := mustSeal(b, sharedNode(), weekFrom(testNow))
	floor := openFloor(b, a)
	f := testFederation()
	var ratios []float64
	for b.Loop() {
		const batch = 8
		start := time.Now()
		for range batch {
			if _, err := Open(a.Sealed, f); err != nil {
				b.Fatal(err)
			}
		}
		middle := time.Now()
		for range batch {
			if err := floor(); err != nil {
				b.Fatal(err)
			}
		}
		ratios = append(ratios, float64(middle.Sub(start))/float64(time.Since(middle)))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "open/floor")
}

func BenchmarkSeal(b *testing.B) {
	s, f, stamp := sharedNode(), testFederation(), weekFrom(testNow)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Seal(rand.Reader, f, s.registration, stamp, s.keys()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRefuseUnsigned is what a flood of records costs whose envelope does not verify.
func BenchmarkRefuseUnsigned(b *testing.B) {
	sealed := slices.Clone(mustSeal(b, sharedNode(), weekFrom(testNow)).Sealed)
	sealed[len(sealed)-1] ^= 1
	f := testFederation()
	for b.Loop() {
		if _, err := Open(sealed, f); err == nil {
			b.Fatal("opens")
		}
	}
}

// BenchmarkTableFull puts one more record into a table that is full of pending ones.
func BenchmarkTableFull(b *testing.B) {
	table := NewTable(Bounds{})
	for i := range DefaultPending {
		if _, err := table.Put(row(peer.ID(fmt.Sprint(i)), 1, 1), peer.ID(fmt.Sprint("f", i/DefaultPerForwarder)), false, testNow); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		i++
		if _, err := table.Put(row(peer.ID(fmt.Sprint("new", i)), 1, 1), peer.ID(fmt.Sprint("g", i)), false, testNow); err != nil && codeOf(err) != CodeFull {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest255(b *testing.B) {
	table := NewTable(Bounds{})
	for i := range 255 {
		if _, err := table.Put(row(peer.ID(fmt.Sprint(i)), 1, 1), "", true, testNow); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		Digest(table.Entries(testNow))
	}
}
