package mpspdz

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

const (
	cureKey     = "give the certificate's private key, one PEM block, PKCS#1 or PKCS#8"
	curePEMKey  = "convert it: openssl pkey -inform DER -in FILE -out FILE.pem"
	cureDecrypt = "MP-SPDZ cannot ask for a passphrase, take it off: openssl pkey -in FILE -out FILE.new"
)

// ParsePrivateKeyPEM reads a private key: one PEM block in PKCS#1, PKCS#8 or SEC1, of a kind that certificates may have. The
// error is a *CertificateError; it tells nothing of the key.
func ParsePrivateKeyPEM(b []byte) (crypto.Signer, error) {
	key, _, err := readPrivateKey(b)
	return key, err
}

// readPrivateKey also gives the file that MP-SPDZ shall read: the one block, without what stood around it.
func readPrivateKey(b []byte) (crypto.Signer, []byte, error) {
	block, err := findPrivateKey(b)
	if err != nil {
		return nil, nil, err
	}
	var key any
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, nil, &CertificateError{RuleKeyMalformed, "the private key cannot be read", cureKey}
	}
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, nil, errKeyType()
	}
	if _, err := checkSPKI(spki); err != nil {
		return nil, nil, err
	}
	return signer, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}), nil
}

// findPrivateKey picks the only private key's block, past an EC PARAMETERS block, which openssl ecparam -genkey writes first.
func findPrivateKey(b []byte) (*pem.Block, error) {
	blocks, err := readPEM(b, cureBOM, curePEMKey, cureKey)
	if err != nil {
		return nil, err
	}
	var found *pem.Block
	for _, block := range blocks {
		switch {
		case block.Type == "EC PARAMETERS":
			continue
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, &CertificateError{RuleKeyEncrypted, "the private key is under a passphrase", cureDecrypt}
		case block.Type != "RSA PRIVATE KEY" && block.Type != "EC PRIVATE KEY" && block.Type != "PRIVATE KEY":
			return nil, &CertificateError{RuleOtherBlock, "the file of the private key holds " + aBlock(block), cureKey}
		case found != nil:
			return nil, &CertificateError{RuleSeveral, "the file holds more than one private key", cureKey}
		}
		found = block
	}
	if found == nil {
		return nil, &CertificateError{RuleNotPEM, "the file holds no private key", cureKey}
	}
	return found, nil
}

// CheckKeyPair checks that the key is the certificate's. The error is a *CertificateError with RuleKeyMismatch.
func CheckKeyPair(c *Certificate, key crypto.Signer) error {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil || !bytes.Equal(spki, c.raw.spki) {
		return &CertificateError{RuleKeyMismatch, "the private key is not the certificate's (MP-SPDZ: key values mismatch)",
			"give the key that was made with the certificate; or " + cureNew}
	}
	return nil
}
