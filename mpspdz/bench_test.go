package mpspdz_test

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

// fedbiomedDER is a certificate of Fed-BioMed's, as most announcements carry.
func fedbiomedDER(b *testing.B) []byte {
	b.Helper()
	c, _ := fromTestdata(b, "NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05")
	return c.DER()
}

// BenchmarkX509Parse is what BenchmarkParseCertificate is to be compared with.
func BenchmarkX509Parse(b *testing.B) {
	der := fedbiomedDER(b)
	for b.Loop() {
		if _, err := x509.ParseCertificate(der); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCertificate(b *testing.B) {
	der := fedbiomedDER(b)
	for b.Loop() {
		if _, err := mpspdz.ParseCertificate(der); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify is the proof of an announcement, RSA-2048.
func BenchmarkVerify(b *testing.B) {
	message := make([]byte, 1500)
	signature, err := mpspdz.Sign(rand.Reader, rsaA(), message)
	if err != nil {
		b.Fatal(err)
	}
	c := mustParse(b, spec{key: rsaA()}.build(b))
	for b.Loop() {
		if err := c.Verify(message, signature); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckSelfSigned is what ParseCertificate leaves out.
func BenchmarkCheckSelfSigned(b *testing.B) {
	c := mustParse(b, spec{key: rsaA()}.build(b))
	for b.Loop() {
		if err := c.CheckSelfSigned(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorksWith is of the name that takes longest, which a stranger may choose.
func BenchmarkWorksWith(b *testing.B) {
	c := mustParse(b, spec{subject: cn("x"), exts: [][]byte{dnsNames(strings.Repeat("*", 7500))}}.build(b))
	for b.Loop() {
		if c.WorksWith() == "" {
			b.Fatal("no phrase")
		}
	}
}

// BenchmarkProvesNumberHostile is what each record of a kind costs that a neighbour may bring 2,048 of at once.
func BenchmarkProvesNumberHostile(b *testing.B) {
	for name, c := range hostileNumbered(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if c.ProvesNumber(3) == nil {
					b.Fatal("it proves the number")
				}
			}
		})
	}
}

func BenchmarkRender(b *testing.B) {
	for _, n := range []int{3, mpspdz.MaxParties} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set, keys := newSet(b, n)
			own := mpspdz.Own{Component: "NODE_001", KeyPEM: keys[1], BindPort: 14000}
			for b.Loop() {
				files, err := mpspdz.Render(set, own)
				if err != nil || mpspdz.RenderedName(files) == "" {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewPartySet(b *testing.B) {
	set, _ := newSet(b, mpspdz.MaxParties)
	parties := set.Parties()
	for b.Loop() {
		if _, err := mpspdz.NewPartySet(parties); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckFolder is of folders with Fed-BioMed's certificates, on the disk.
func BenchmarkCheckFolder(b *testing.B) {
	for _, n := range []int{3, mpspdz.MaxParties} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			set, keys := newSet(b, n)
			own := mpspdz.Own{Component: "NODE_001", KeyPEM: keys[1], BindPort: 14001}
			files, err := mpspdz.Render(set, own)
			if err != nil {
				b.Fatal(err)
			}
			dir := b.TempDir()
			writeFiles(b, dir, files)
			for b.Loop() {
				if len(mpspdz.CheckFolder(os.DirFS(dir), &set, own, now)) != 2 {
					b.Fatal("not the two warnings")
				}
			}
		})
	}
}
