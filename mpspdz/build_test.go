package mpspdz_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// now is the time of all tests; the certificates in testdata are valid then.
var now = time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)

// Keys are made once: RSA ones take long.
var (
	rsaA    = sync.OnceValue(func() crypto.Signer { return rsaKey(2048) })
	rsaB    = sync.OnceValue(func() crypto.Signer { return rsaKey(2048) })
	rsa1024 = sync.OnceValue(func() crypto.Signer { return rsaKey(1024) })
	rsa3072 = sync.OnceValue(func() crypto.Signer { return rsaKey(3072) })
)

func rsaKey(bits int) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

func ed25519Key() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func ecdsaKey(curve elliptic.Curve) crypto.Signer {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// Content bytes of object identifiers that tests use.
const (
	commonName   = "\x55\x04\x03"
	organization = "\x55\x04\x0a"
)

// spec is a certificate to build byte by byte, in forms that Go's own CreateCertificate cannot make. Zero values mean: v3,
// CN=P1, self-issued, no extensions, valid around now, a fresh Ed25519 key.
type spec struct {
	key       crypto.Signer
	issuerKey crypto.Signer // default: key
	version   int           // 1, 2 or 3
	subject   []byte        // Name, DER
	issuer    []byte        // default: subject
	spki      []byte        // default: key's
	exts      [][]byte
	uniqueID  []byte // element before the extensions
	tail      []byte // after the extensions, inside the signed part
	outerTail []byte // after the signature, inside the certificate
	from, to  time.Time
}

// The signature algorithms' identifiers.
var algorithms = map[string][]byte{
	"rsa":     {0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0},
	"ecdsa":   {0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2},
	"ed25519": {0x30, 5, 6, 3, 0x2b, 0x65, 0x70},
}

// build makes the certificate's DER.
func (s spec) build(t testing.TB) []byte {
	t.Helper()
	s.fill(t)
	kind := map[bool]string{true: "rsa"}[isRSA(s.issuerKey)]
	if _, ok := s.issuerKey.(*ecdsa.PrivateKey); ok {
		kind = "ecdsa"
	} else if kind == "" {
		kind = "ed25519"
	}
	tbs := element(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if s.version != 1 {
			b.AddASN1(asn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddASN1Int64(int64(s.version - 1)) })
		}
		b.AddASN1Int64(4711)
		b.AddBytes(algorithms[kind])
		b.AddBytes(s.issuer)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1UTCTime(s.from)
			b.AddASN1UTCTime(s.to)
		})
		b.AddBytes(s.subject)
		b.AddBytes(s.spki)
		b.AddBytes(s.uniqueID)
		if len(s.exts) > 0 {
			b.AddASN1(asn1.Tag(3).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(s.exts, nil)) })
			})
		}
		b.AddBytes(s.tail)
	})
	digest := sha256.Sum256(tbs)
	message, hash := digest[:], crypto.SHA256
	if kind == "ed25519" {
		message, hash = tbs, crypto.Hash(0)
	}
	signature, err := s.issuerKey.Sign(rand.Reader, message, hash)
	if err != nil {
		t.Fatal(err)
	}
	return element(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(algorithms[kind])
		b.AddASN1BitString(signature)
		b.AddBytes(s.outerTail)
	})
}

func (s *spec) fill(t testing.TB) {
	t.Helper()
	if s.key == nil {
		s.key = ed25519Key()
	}
	if s.issuerKey == nil {
		s.issuerKey = s.key
	}
	if s.version == 0 {
		s.version = 3
	}
	if s.subject == nil {
		s.subject = cn("P1")
	}
	if s.issuer == nil {
		s.issuer = s.subject
	}
	if s.from.IsZero() {
		s.from, s.to = now.AddDate(-2, 0, 0), now.AddDate(5, 0, 0) // the machine's clock counts for the real openssl
	}
	if s.spki == nil {
		spki, err := x509.MarshalPKIXPublicKey(s.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		s.spki = spki
	}
}

func isRSA(key crypto.Signer) bool { _, ok := key.(*rsa.PrivateKey); return ok }

// element is one DER element.
func element(tag asn1.Tag, content cryptobyte.BuilderContinuation) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, content)
	return b.BytesOrPanic()
}

// der is one DER element with given content.
func der(tag asn1.Tag, content ...[]byte) []byte {
	return element(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(content, nil)) })
}

// value is one attribute of a name.
func value(oid string, tag asn1.Tag, content string) []byte {
	return der(asn1.SEQUENCE, der(asn1.OBJECT_IDENTIFIER, []byte(oid)), der(tag, []byte(content)))
}

// set is one relative distinguished name.
func set(values ...[]byte) []byte { return der(asn1.SET, values...) }

// nameOf is a Name of these sets.
func nameOf(sets ...[]byte) []byte { return der(asn1.SEQUENCE, sets...) }

// cn is a Name with one common name.
func cn(s string) []byte { return nameOf(set(value(commonName, asn1.UTF8String, s))) }

// ext is one extension: content bytes of its OID, and its value's elements.
func ext(oid string, critical bool, value ...[]byte) []byte {
	return element(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(der(asn1.OBJECT_IDENTIFIER, []byte(oid)))
		if critical {
			b.AddASN1Boolean(true)
		}
		b.AddBytes(der(asn1.OCTET_STRING, value...))
	})
}

func boolean(v bool) []byte {
	var b cryptobyte.Builder
	b.AddASN1Boolean(v)
	return b.BytesOrPanic()
}

func bitString(unused byte, content ...byte) []byte {
	return der(asn1.BIT_STRING, append([]byte{unused}, content...))
}

// The extensions that tests combine.
var (
	caTrue      = ext("\x55\x1d\x13", true, der(asn1.SEQUENCE, boolean(true)))
	caFalse     = ext("\x55\x1d\x13", true, der(asn1.SEQUENCE))
	kuTLS       = ext("\x55\x1d\x0f", true, bitString(5, 0xa0)) // digitalSignature, keyEncipherment
	kuCertSign  = ext("\x55\x1d\x0f", true, bitString(2, 0x84)) // digitalSignature, keyCertSign
	kuCRLSign   = ext("\x55\x1d\x0f", true, bitString(1, 0x82)) // digitalSignature, cRLSign
	kuEncipher  = ext("\x55\x1d\x0f", true, bitString(5, 0x20)) // keyEncipherment
	nsSSLCA     = ext("\x60\x86\x48\x01\x86\xf8\x42\x01\x01", false, bitString(2, 0x04))
	nsSSLServer = ext("\x60\x86\x48\x01\x86\xf8\x42\x01\x01", false, bitString(6, 0x40))
	proxyInfo   = ext("\x2b\x06\x01\x05\x05\x07\x01\x0e", true,
		der(asn1.SEQUENCE, der(asn1.SEQUENCE, der(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x05\x05\x07\x15\x01")))))
	serverAuth = der(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x05\x05\x07\x03\x01"))
	clientAuth = der(asn1.OBJECT_IDENTIFIER, []byte("\x2b\x06\x01\x05\x05\x07\x03\x02"))
	anyUsage   = der(asn1.OBJECT_IDENTIFIER, []byte("\x55\x1d\x25\x00"))
)

func eku(purposes ...[]byte) []byte {
	return ext("\x55\x1d\x25", false, der(asn1.SEQUENCE, purposes...))
}

func ski(id string) []byte { return ext("\x55\x1d\x0e", false, der(asn1.OCTET_STRING, []byte(id))) }

func aki(id string) []byte {
	return ext("\x55\x1d\x23", false, der(asn1.SEQUENCE, der(asn1.Tag(0).ContextSpecific(), []byte(id))))
}

func dnsNames(names ...string) []byte {
	var all [][]byte
	for _, n := range names {
		all = append(all, der(asn1.Tag(2).ContextSpecific(), []byte(n)))
	}
	return ext("\x55\x1d\x11", false, der(asn1.SEQUENCE, all...))
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// openssl runs the real openssl and gives its output and whether it succeeded.
func openssl(t testing.TB, arguments ...string) (string, bool) {
	t.Helper()
	command := exec.Command("openssl", arguments...)
	command.Env = append(os.Environ(), "OPENSSL_CONF=/dev/null", "LC_ALL=C")
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out)), err == nil
}

// write writes a file into a fresh folder, or into the given one.
func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
