package mpspdz

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"

	"golang.org/x/crypto/blake2b"
)

// maxCertificate is the largest certificate in bytes of DER.
const maxCertificate = 8 << 10

const pemCertificate = "CERTIFICATE"

// Certificate is one that passed every rule of the package comment that does not depend on time. Immutable; safe for
// concurrent use.
type Certificate struct {
	raw       rawCertificate
	facts     extensionFacts
	subject   name
	canonical string // of the subject
	issuer    name
	caSigned  bool // the issuer is another than the subject
	keyType   string
	parsed    *x509.Certificate
	hash      Hash // of the DER
	keyHash   Hash // of the SubjectPublicKeyInfo; both are asked for in every decision
}

// ParseCertificate reads a certificate that names itself as its issuer, at most 8 KiB of DER, and applies every rule but those of
// time. Size and key limits come before anything is computed with the key. The certificate's own signature is not verified:
// that is CheckSelfSigned. The error is a *CertificateError.
func ParseCertificate(der []byte) (*Certificate, error) {
	c, err := ParseLeaf(der)
	if err == nil {
		err = c.CheckSelfIssued()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// ParseLeaf is ParseCertificate for a certificate that an authority may have signed (CASigned), as a plain party's may be. Whether one
// did, nobody can tell without that authority's own certificate: Authorities.Chain.
func ParseLeaf(der []byte) (*Certificate, error) {
	if len(der) > maxCertificate {
		return nil, &CertificateError{RuleTooLarge,
			fmt.Sprintf("the certificate has %d bytes: at most %d are accepted", len(der), maxCertificate), cureNew}
	}
	der = bytes.Clone(der)
	raw, err := readCertificate(der)
	if err != nil {
		return nil, err
	}
	c := &Certificate{raw: raw}
	if c.keyType, err = checkSPKI(raw.spki); err != nil {
		return nil, err
	}
	if c.facts, err = checkExtensions(raw.extensions); err != nil {
		return nil, err
	}
	if c.subject, err = readName(raw.subject); err != nil {
		return nil, err
	}
	c.canonical = c.subject.canonical()
	if c.issuer, err = readName(raw.issuer); err != nil {
		return nil, err
	}
	c.caSigned = c.issuer.canonical() != c.canonical
	if !c.caSigned && !c.facts.authority.names(c.raw, c.facts.subjectKey, c.canonical) {
		return nil, &CertificateError{RuleNotSelf,
			"the certificate is not self-signed: its authorityKeyIdentifier names another one", cureSelf}
	}
	if c.parsed, err = x509.ParseCertificate(der); err != nil {
		return nil, malformed(escape(err.Error(), ""))
	}
	if !c.caSigned && !signsWith(c.parsed) {
		return nil, &CertificateError{RuleNotSelf,
			"the certificate is not self-signed: its signature algorithm is unknown, or not of its own key's kind", cureSelf}
	}
	c.hash, c.keyHash = sha256.Sum256(der), sha256.Sum256(raw.spki)
	return c, nil
}

// signsWith reports whether the signature algorithm fits the key: OpenSSL takes no other certificate for a self-signed one.
func signsWith(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.PureEd25519:
		return c.PublicKeyAlgorithm == x509.Ed25519
	case x509.ECDSAWithSHA1, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return c.PublicKeyAlgorithm == x509.ECDSA
	case x509.SHA1WithRSA, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return c.PublicKeyAlgorithm == x509.RSA
	}
	return false
}

// CASigned reports whether the certificate names another issuer than itself: an authority. Names are compared as OpenSSL does.
func (c *Certificate) CASigned() bool { return c.caSigned }

// Issuer is the issuer for display, as Subject is.
func (c *Certificate) Issuer() string { return c.issuer.String() }

// CheckSelfIssued refuses a certificate that names an authority as its issuer. The error is a *CertificateError with RuleNotSelf.
func (c *Certificate) CheckSelfIssued() error {
	if !c.caSigned {
		return nil
	}
	return &CertificateError{RuleNotSelf, "the certificate is not self-signed: it was issued by " + c.Issuer(), cureSelf}
}

// CheckRole refuses a Fed-BioMed component's certificate that an authority signed. The error is a *CertificateError with RuleNotSelf.
func (c *Certificate) CheckRole(r Role) error {
	if !c.caSigned || r == PlainParty {
		return nil
	}
	return &CertificateError{RuleNotSelf, "the certificate is not self-signed: it was issued by " + c.Issuer() + ". Fed-BioMed's registry has no place " +
		"for that authority's certificate, and MP-SPDZ refuses this one without it", cureSelf}
}

// ParseCertificatePEM reads a certificate from one's own file: one PEM block CERTIFICATE, with text before or after it, LF or
// CRLF, a final newline or none. DER, a byte order mark, a second certificate and any other block are refused, then
// ParseCertificate's rules apply. The error is a *CertificateError.
func ParseCertificatePEM(b []byte) (*Certificate, error) { return parseOne(b, ParseCertificate) }

// ParseLeafPEM is ParseCertificatePEM with ParseLeaf's rules.
func ParseLeafPEM(b []byte) (*Certificate, error) { return parseOne(b, ParseLeaf) }

func parseOne(b []byte, parse func([]byte) (*Certificate, error)) (*Certificate, error) {
	const cureOne = "give the file of one certificate, one PEM block"
	blocks, err := readPEM(b, cureBOM, cureDER, cureOne)
	if err != nil {
		return nil, err
	}
	for _, block := range blocks {
		if block.Type != pemCertificate {
			return nil, &CertificateError{RuleOtherBlock, "the file of the certificate holds " + aBlock(block), cureOne}
		}
	}
	if len(blocks) > 1 {
		return nil, &CertificateError{RuleSeveral, fmt.Sprintf("the file holds %d certificates", len(blocks)), cureOne}
	}
	return parse(blocks[0].Bytes)
}

// CheckSelfSigned verifies the certificate's own signature, and refuses one that an authority made. The error is a *CertificateError
// with RuleSignature or RuleNotSelf.
//
// It is not part of ParseCertificate and ParseLeaf, which every announcement passes on its way in: it would cost another RSA operation
// there, and adds no security, since OpenSSL does not look at the signature of a certificate that it finds in its folder, and the
// announcement's proof already shows possession of the key. It finds a damaged file of one's own.
func (c *Certificate) CheckSelfSigned() error {
	if err := c.CheckSelfIssued(); err != nil {
		return err
	}
	err := c.parsed.CheckSignature(c.parsed.SignatureAlgorithm, c.parsed.RawTBSCertificate, c.parsed.Signature)
	if err != nil {
		return &CertificateError{RuleSignature,
			"the certificate's signature was not made by its own key: the file is damaged, or an authority made it", cureSelf}
	}
	return nil
}

// CheckTime checks that now is within the validity. The error is a *CertificateError with RuleExpired or RuleNotYetValid.
func (c *Certificate) CheckTime(now time.Time) error { return checkValid(c.parsed, now) }

// checkValid is CheckTime for a party's certificate and for an authority's.
func checkValid(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return &CertificateError{RuleExpired, "the certificate expired on " + c.NotAfter.UTC().Format(time.RFC3339), cureNew}
	case now.Before(c.NotBefore):
		return &CertificateError{RuleNotYetValid, "the certificate is valid only from " + c.NotBefore.UTC().Format(time.RFC3339),
			"wait, or set this machine's clock right"}
	}
	return nil
}

// DER is the certificate's bytes, a copy.
func (c *Certificate) DER() []byte { return bytes.Clone(c.parsed.Raw) }

// PEM is exactly what P<i>.pem holds: one block, lines of 64 characters, LF. Fed-BioMed and openssl write the same.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: c.parsed.Raw})
}

// X509 is Go's view of the certificate. It is shared: do not change it.
func (c *Certificate) X509() *x509.Certificate { return c.parsed }

// SHA256 is that of the DER (openssl x509 -fingerprint -sha256).
func (c *Certificate) SHA256() Hash { return c.hash }

// BLAKE2b128 is what MP-SPDZ prints as a party's Signature: BLAKE2b with 16 bytes of output over PEM, in 32 lower-case hex digits.
func (c *Certificate) BLAKE2b128() string {
	h, err := blake2b.New(16, nil)
	if err != nil {
		panic("mpspdz: blake2b refuses 16 bytes without a key: " + err.Error()) // its documentation says that it does not
	}
	h.Write(c.PEM())
	return hex.EncodeToString(h.Sum(nil))
}

// SPKI is the SubjectPublicKeyInfo, DER, a copy. One key has one encoding here.
func (c *Certificate) SPKI() []byte { return bytes.Clone(c.raw.spki) }

// KeySHA256 is the SHA-256 of SPKI.
func (c *Certificate) KeySHA256() Hash { return c.keyHash }

// KeyType is "RSA-2048" (or another length in bits), "ECDSA-P256" or "Ed25519".
func (c *Certificate) KeyType() string { return c.keyType }

// Subject is the subject for display, "CN=*,O=NODE_1", in the order of its encoding. What is not printable is escaped, and what is
// beyond 256 bytes left out ("…").
func (c *Certificate) Subject() string { return c.subject.String() }

// CanonicalSubject is the subject in OpenSSL's canonical encoding: bytes to compare, not to show.
func (c *Certificate) CanonicalSubject() string { return c.canonical }

// SubjectHash is the name of the certificate's hash links: 8 lower-case hex digits, openssl x509 -subject_hash.
func (c *Certificate) SubjectHash() string { return subjectHash(c.canonical) }

// KeyIDs reports whether the certificate has subjectKeyIdentifier and authorityKeyIdentifier with a key id, so that OpenSSL
// can tell it from another one of the same subject.
func (c *Certificate) KeyIDs() bool {
	return len(c.facts.subjectKey) > 0 && len(c.facts.authority.keyID) > 0
}

// NoTLSClient reports whether the certificate has a keyUsage by which its holder cannot authenticate as a TLS client, so that no MP-SPDZ
// accepts it, whatever its name is.
func (c *Certificate) NoTLSClient() bool { return c.facts.noTLSClient }

// SubjectClash reports whether OpenSSL would take one of the two certificates for the other: same canonical subject, and not
// key identifiers in both that differ. Only the one linked as <hash>.0 then verifies. A certificate clashes with itself.
func SubjectClash(a, b *Certificate) bool {
	return a.canonical == b.canonical && (!a.KeyIDs() || !b.KeyIDs() || bytes.Equal(a.facts.subjectKey, b.facts.subjectKey))
}

// NotBefore is the begin of the validity, UTC.
func (c *Certificate) NotBefore() time.Time { return c.parsed.NotBefore.UTC() }

// NotAfter is the end of the validity, UTC.
func (c *Certificate) NotAfter() time.Time { return c.parsed.NotAfter.UTC() }

// Verify is the counterpart of Sign. The error is ErrSignature.
func (c *Certificate) Verify(message, signature []byte) error {
	return verify(c.parsed.PublicKey, message, signature)
}
