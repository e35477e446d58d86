package mpspdz

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"time"
)

const (
	generatedBits     = 2048
	generatedValidity = 5 * 365 * 24 * time.Hour // Fed-BioMed's five years
	serialBits        = 127

	// backdated makes a new certificate valid at a site whose clock is behind.
	backdated = time.Hour

	// lastPartyName is P255: one more than parties there can be, as in Fed-BioMed's documentation.
	lastPartyName = MaxParties
)

// NewFedbiomedCertificate makes what Fed-BioMed makes: RSA-2048, SHA-256, X.509 v3 without extensions, CN '*', O = component,
// self-signed, until five years after now (and from an hour before). The key is PKCS#8. Go makes RSA keys from the system's
// randomness, whatever random is; the rest comes from random. The error is a *ComponentError, or that of the random source.
func NewFedbiomedCertificate(random io.Reader, component string, now time.Time) (certPEM, keyPEM []byte, err error) {
	return generate(random, component, &x509.Certificate{Subject: certificateName("*", component)}, now)
}

// NewPartyCertificate makes a plain party's certificate before its number is known: RSA-2048, SHA-256, DNS names P0 to P255,
// which every MP-SPDZ accepts, CN = O = component, CA:FALSE, keyUsage digitalSignature and keyEncipherment, extendedKeyUsage
// serverAuth and clientAuth, subject and authority key identifiers; validity, key, randomness and error as in
// NewFedbiomedCertificate. It proves membership, not the party's number.
func NewPartyCertificate(random io.Reader, component string, now time.Time) (certPEM, keyPEM []byte, err error) {
	template := &x509.Certificate{
		Subject:               certificateName(component, component),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for i := range lastPartyName + 1 {
		template.DNSNames = append(template.DNSNames, PartyName(i))
	}
	return generate(random, component, template, now)
}

// certificateName is CN and O in that order, as Fed-BioMed encodes them: pkix.Name's own fields would come out the other way round.
func certificateName(common, organization string) pkix.Name {
	return pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: common},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: organization},
	}}
}

// NewNumberedCertificate makes the certificate that proves a party's number in an agreed set, on both builds and for nobody else:
// X.509 v3, CN P<number>, O = component, DNS name P<number>, CA:FALSE, keyUsage digitalSignature (and keyEncipherment, if the key is
// RSA: RFC 8813 and RFC 9295 forbid it for the others), extendedKeyUsage serverAuth and clientAuth, subject and authority key
// identifiers; self-signed with the party's own long-lived key, of any type that certificates may have; valid from an hour before now
// until notAfter, in whole seconds. The error is a *ComponentError, a *CertificateError, or that of the key or the random source.
func NewNumberedCertificate(random io.Reader, key crypto.Signer, component string, number int, notAfter, now time.Time) (*Certificate, error) {
	switch {
	case !isPartyNumber(number):
		return nil, errNoNumber(number)
	case !notAfter.After(now):
		return nil, &CertificateError{RuleExpired, "a certificate until " + notAfter.UTC().Format(time.RFC3339) + " would have expired already",
			"set this machine's clock right"}
	}
	if err := CheckComponentID(component); err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, errKeyType()
	}
	if _, err := checkSPKI(spki); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               certificateName(PartyName(number), component),
		DNSNames:              []string{PartyName(number)},
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotAfter:              notAfter.UTC(),
		SubjectKeyId:          keyIdentifier(publicKeyBits(spki)),
	}
	template.AuthorityKeyId = template.SubjectKeyId
	if _, ok := key.Public().(*rsa.PublicKey); ok {
		template.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	der, err := sign(random, template, key, now)
	if err != nil {
		return nil, err
	}
	return ParseCertificate(der)
}

// keyIdentifier is RFC 7093, section 2, method 1: of the bits of the public key in a SubjectPublicKeyInfo.
func keyIdentifier(publicKey []byte) []byte {
	id := sha256.Sum256(publicKey)
	return id[:20]
}

// generate makes a key, completes the template and signs it with the key.
func generate(random io.Reader, component string, template *x509.Certificate, now time.Time) (certPEM, keyPEM []byte, err error) {
	if err := CheckComponentID(component); err != nil {
		return nil, nil, err
	}
	key, err := rsa.GenerateKey(random, generatedBits)
	if err != nil {
		return nil, nil, fmt.Errorf("make an RSA key: %w", err)
	}
	template.NotAfter = now.Add(generatedValidity).UTC()
	if template.BasicConstraintsValid { // with extensions, then: the two that tell certificates of one subject apart
		template.SubjectKeyId = keyIdentifier(x509.MarshalPKCS1PublicKey(&key.PublicKey))
		template.AuthorityKeyId = template.SubjectKeyId
	}
	der, err := sign(random, template, key, now)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}

// sign completes the template with a serial number and the begin of its validity, and signs it with its own key.
func sign(random io.Reader, template *x509.Certificate, key crypto.Signer, now time.Time) ([]byte, error) {
	serial, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	template.NotBefore = now.Add(-backdated).UTC()
	der, err := x509.CreateCertificate(random, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return der, nil
}
