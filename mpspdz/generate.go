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
		template.DNSNames = append(template.DNSNames, partyName(i))
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

// generate makes a key, completes the template and signs it with the key.
func generate(random io.Reader, component string, template *x509.Certificate, now time.Time) (certPEM, keyPEM []byte, err error) {
	if err := CheckComponentID(component); err != nil {
		return nil, nil, err
	}
	key, err := rsa.GenerateKey(random, generatedBits)
	if err != nil {
		return nil, nil, fmt.Errorf("make an RSA key: %w", err)
	}
	serial, err := rand.Int(random, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, nil, fmt.Errorf("make a serial number: %w", err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	template.SignatureAlgorithm = x509.SHA256WithRSA
	template.NotBefore = now.Add(-backdated).UTC()
	template.NotAfter = now.Add(generatedValidity).UTC()
	if template.BasicConstraintsValid { // with extensions, then: the two that tell certificates of one subject apart
		id := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
		template.SubjectKeyId = id[:20] // RFC 7093, section 2, method 1
		template.AuthorityKeyId = template.SubjectKeyId
	}
	return encodePair(random, template, key)
}

func encodePair(random io.Reader, template *x509.Certificate, key crypto.Signer) (certPEM, keyPEM []byte, err error) {
	der, err := x509.CreateCertificate(random, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
