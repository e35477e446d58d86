package exchange

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"sync"
	"time"
)

// Certificates that mpspdz refuses are made here by crypto/x509, or by hand where it would not make them.

func signer(key any) crypto.Signer { return key.(crypto.Signer) }

func newECDSA() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// sharedRSA is a key for certificates of every form.
var sharedRSA = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func partyTemplate(component string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: component, Organization: []string{component}},
		NotBefore:    testNow.Add(-time.Hour),
		NotAfter:     testNow.AddDate(5, 0, 0),
	}
}

func selfSigned(key crypto.Signer, template *x509.Certificate) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return der
}

// badCertificate is a form that is refused, with the rule that says so.
type badCertificate struct {
	name, rule string
	der        []byte
	key        crypto.Signer
}

func badCertificates() []badCertificate {
	key := sharedRSA()
	with := func(change func(*x509.Certificate)) []byte {
		template := partyTemplate("alice")
		change(template)
		return selfSigned(key, template)
	}
	extension := func(critical bool, value []byte, id ...int) []byte {
		return with(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: id, Critical: critical, Value: value}}
		})
	}
	plain := selfSigned(key, partyTemplate("alice"))
	forms := []badCertificate{
		{"ca", "ca", with(func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = true, true }), key},
		{"key-cert-sign", "key-usage", with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature }), key},
		{"crl-sign", "key-usage", with(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature }), key},
		{"server-auth-only", "extended-key-usage", with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), key},
		{"client-auth-only", "extended-key-usage", with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), key},
		{"513-DNS-names", "too-many-names", with(func(c *x509.Certificate) { c.DNSNames = slices.Repeat([]string{"x"}, 513) }), key},
		{"netscape-ca", "netscape-cert-type", extension(false, []byte{3, 2, 0, 7}, 2, 16, 840, 1, 113730, 1, 1), key},
		{"proxy", "proxy", extension(true, []byte{0x30, 0x0c, 0x30, 0x0a, 6, 8, 0x2b, 6, 1, 5, 5, 7, 0x15, 1}, 1, 3, 6, 1, 5, 5, 7, 1, 14), key},
		{"unknown-critical", "critical-extension", extension(true, []byte{5, 0}, 1, 3, 6, 1, 4, 1, 99999, 1), key},
		{"malformed-basic-constraints", "malformed-extension", extension(true, []byte{0x30, 3, 1, 1, 1}, 2, 5, 29, 19), key},
		{"duplicate-extension", "duplicate-extension", with(func(c *x509.Certificate) {
			e := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Value: []byte{5, 0}}
			c.ExtraExtensions = []pkix.Extension{e, e}
		}), key},
		{"v1", "version", reversioned(key, 0), key},
		{"v2", "version", reversioned(key, 1), key},
		{"trailing-byte", "not-a-certificate", append(append([]byte(nil), plain...), 0), key},
		{"two-certificates", "not-a-certificate", append(append([]byte(nil), plain...), plain...), key},
		{"not-a-certificate", "not-a-certificate", []byte("hello"), key},
		{"over-8-KiB", "too-large", extension(false, make([]byte, 8<<10), 1, 3, 6, 1, 4, 1, 99999, 1), key},
		{"issued-by-another-node", "not-self-signed", issued(key, partyTemplate("alice")), key},
		{"issued-by-another-ca", "ca", issued(key, issuing()), key},
	}
	return append(forms, badKeys()...)
}

// badKeys are certificates whose key is outside the limits. Those of RSA are signed by another key, which no check must
// reach.
func badKeys() []badCertificate {
	key := sharedRSA()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	modulus := func(bits uint) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), bits)
		return n.Sub(n, big.NewInt(12345))
	}
	of := func(n *big.Int, e int64) []byte {
		public, err := asn1.Marshal(struct{ N, E *big.Int }{n, big.NewInt(e)})
		if err != nil {
			panic(err)
		}
		return rekeyed(key, public)
	}
	return []badCertificate{
		{"p-384", "key-type", selfSigned(p384, partyTemplate("alice")), key},
		{"rsa-1024", "rsa-too-small", of(modulus(1024), 65537), key},
		{"rsa-2047", "rsa-too-small", of(modulus(2047), 65537), key},
		{"rsa-8193", "rsa-too-large", of(modulus(8193), 65537), key},
		{"rsa-exponent-1", "rsa-exponent", of(key.N, 1), key},
		{"rsa-exponent-even", "rsa-exponent", of(key.N, 65536), key},
		{"rsa-exponent-huge", "rsa-exponent", of(key.N, 1<<31+1), key},
		{"rsa-even-modulus", "malformed-key", of(new(big.Int).Sub(modulus(2048), big.NewInt(1)), 65537), key},
	}
}

// tbs is a TBSCertificate that can be written again with parts changed.
type tbs struct {
	Version    int `asn1:"optional,explicit,default:0,tag:0"`
	Serial     *big.Int
	Algorithm  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
}

func resigned(key *rsa.PrivateKey, change func(*tbs)) []byte {
	parsed, err := x509.ParseCertificate(selfSigned(key, partyTemplate("alice")))
	if err != nil {
		panic(err)
	}
	var body tbs
	if _, err := asn1.Unmarshal(parsed.RawTBSCertificate, &body); err != nil {
		panic(err)
	}
	change(&body)
	raw, err := asn1.Marshal(body)
	if err != nil {
		panic(err)
	}
	digest := sha256.Sum256(raw)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: raw}, body.Algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		panic(err)
	}
	return der
}

func reversioned(key *rsa.PrivateKey, version int) []byte {
	return resigned(key, func(b *tbs) { b.Version, b.Extensions = version, nil })
}

func rekeyed(key *rsa.PrivateKey, rsaPublicKey []byte) []byte {
	spki, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{
		pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: rsaPublicKey, BitLength: 8 * len(rsaPublicKey)},
	})
	if err != nil {
		panic(err)
	}
	return resigned(key, func(b *tbs) { b.PublicKey = asn1.RawValue{FullBytes: spki} })
}

func issuing() *x509.Certificate {
	template := partyTemplate("alice")
	template.BasicConstraintsValid, template.IsCA = true, true
	return template
}

// issued is a certificate that an authority signed.
func issued(key *rsa.PrivateKey, template *x509.Certificate) []byte {
	authority, authorityKey := partyTemplate("authority"), newECDSA()
	der, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	if err != nil {
		panic(err)
	}
	return der
}
