package mpspdz

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Limits of RSA keys: OpenSSL refuses smaller ones in MP-SPDZ ("ee key too small"), and larger ones would let a stranger buy
// our time with theirs.
const (
	minRSABits     = 2048
	maxRSABits     = 8192
	maxRSAExponent = 1<<31 - 1 // what Go's crypto/rsa computes with
)

const (
	oidRSA     = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" // 1.2.840.113549.1.1.1
	oidECDSA   = "\x2a\x86\x48\xce\x3d\x02\x01"         // 1.2.840.10045.2.1
	oidP256    = "\x2a\x86\x48\xce\x3d\x03\x01\x07"     // 1.2.840.10045.3.1.7
	oidEd25519 = "\x2b\x65\x70"                         // 1.3.101.112

	uncompressedP256 = 65 // 0x04, x, y
)

// saltLength is that of every RSASSA-PSS signature here, in bytes: the length of the hash.
const saltLength = sha256.Size

// ErrSignature: a signature is not that of this message by this key.
var ErrSignature = errors.New("the signature is wrong")

// checkSPKI applies the limits of keys to a SubjectPublicKeyInfo (DER), strictly read, and names the key's type. It does no
// arithmetic with the key. The error is a *CertificateError.
func checkSPKI(spki []byte) (keyType string, err error) {
	input := cryptobyte.String(spki)
	var outer, algorithm, oid cryptobyte.String
	var key []byte
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !input.Empty() ||
		!outer.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!outer.ReadASN1BitStringAsBytes(&key) || !outer.Empty() {
		return "", malformedKey("its structure is not that of X.509")
	}
	switch string(oid) {
	case oidRSA:
		var null cryptobyte.String
		if !algorithm.ReadASN1(&null, asn1.NULL) || !null.Empty() || !algorithm.Empty() {
			return "", malformedKey("an RSA key's parameters are not NULL")
		}
		return checkRSA(key)
	case oidECDSA:
		var curve cryptobyte.String
		if algorithm.ReadASN1(&curve, asn1.OBJECT_IDENTIFIER) && algorithm.Empty() && string(curve) == oidP256 {
			if len(key) != uncompressedP256 || key[0] != 4 {
				return "", malformedKey("a P-256 key is not an uncompressed point")
			}
			return "ECDSA-P256", nil
		}
	case oidEd25519:
		if !algorithm.Empty() || len(key) != ed25519.PublicKeySize {
			return "", malformedKey("an Ed25519 key has parameters, or not 32 bytes")
		}
		return "Ed25519", nil
	}
	return "", errKeyType()
}

// publicKeyBits is the content of the BIT STRING in a SubjectPublicKeyInfo that checkSPKI accepted.
func publicKeyBits(spki []byte) []byte {
	input := cryptobyte.String(spki)
	var outer cryptobyte.String
	var key []byte
	input.ReadASN1(&outer, asn1.SEQUENCE)
	outer.SkipASN1(asn1.SEQUENCE)
	outer.ReadASN1BitStringAsBytes(&key)
	return key
}

func errKeyType() error {
	return &CertificateError{RuleKeyType, "the key is none of RSA, ECDSA P-256 and Ed25519", cureNew}
}

// checkRSA applies the limits to a PKCS#1 RSAPublicKey.
func checkRSA(der cryptobyte.String) (string, error) {
	var list cryptobyte.String
	var n, e []byte
	if !der.ReadASN1(&list, asn1.SEQUENCE) || !der.Empty() ||
		!list.ReadASN1Integer(&n) || !list.ReadASN1Integer(&e) || !list.Empty() {
		return "", malformedKey("an RSA key is not two positive integers")
	}
	length := 0
	if len(n) > 0 {
		length = 8*(len(n)-1) + bits.Len8(n[0])
	}
	var exponent uint64
	for _, b := range e[:min(len(e), 5)] { // 5 bytes are too many already
		exponent = exponent<<8 | uint64(b)
	}
	switch {
	case length < minRSABits:
		return "", &CertificateError{RuleRSATooSmall,
			fmt.Sprintf("the RSA key has %d bits: MP-SPDZ refuses less than %d", length, minRSABits), cureNew}
	case length > maxRSABits:
		return "", &CertificateError{RuleRSATooLarge,
			fmt.Sprintf("the RSA key has %d bits: at most %d are accepted", length, maxRSABits), cureNew}
	case exponent < 3 || exponent > maxRSAExponent || exponent%2 == 0:
		return "", &CertificateError{RuleRSAExponent,
			fmt.Sprintf("the RSA key's exponent is not an odd number from 3 to %d", maxRSAExponent), cureNew}
	case n[len(n)-1]%2 == 0:
		return "", malformedKey("an RSA modulus is even")
	}
	return fmt.Sprintf("RSA-%d", length), nil
}

// Sign signs message with a certificate's key: RSASSA-PSS with SHA-256 and a salt of 32 bytes, ECDSA P-256 with SHA-256 (ASN.1
// signature), or Ed25519. It keeps to the limits of certificates' keys: the error is a *CertificateError, or the signer's.
func Sign(random io.Reader, key crypto.Signer, message []byte) ([]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, errKeyType()
	}
	if _, err := checkSPKI(spki); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(message)
	switch key.Public().(type) {
	case *rsa.PublicKey:
		return key.Sign(random, digest[:], &rsa.PSSOptions{SaltLength: saltLength, Hash: crypto.SHA256})
	case *ecdsa.PublicKey:
		return key.Sign(random, digest[:], crypto.SHA256)
	}
	return key.Sign(random, message, crypto.Hash(0))
}

// VerifyKey is the counterpart of Sign for a bare SubjectPublicKeyInfo (DER), under the same limits as certificates. The error
// is a *CertificateError for the key, or ErrSignature.
func VerifyKey(spki, message, signature []byte) error {
	if _, err := checkSPKI(spki); err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return malformedKey("it does not parse")
	}
	return verify(key, message, signature)
}

// verify checks a signature of Sign by a key within the limits.
func verify(key crypto.PublicKey, message, signature []byte) error {
	digest := sha256.Sum256(message)
	ok := false
	switch key := key.(type) {
	case *rsa.PublicKey:
		options := &rsa.PSSOptions{SaltLength: saltLength, Hash: crypto.SHA256}
		ok = rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, options) == nil
	case *ecdsa.PublicKey:
		ok = key.Curve == elliptic.P256() && ecdsa.VerifyASN1(key, digest[:], signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, message, signature)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}
