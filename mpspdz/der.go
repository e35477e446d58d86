package mpspdz

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// rawCertificate is a certificate taken apart, every byte accounted for.
//
// Go's own parser skips what it does not expect (bytes after the extensions, a unique id in constructed form, which makes it
// overlook the extensions), where OpenSSL, which reads the same bytes in MP-SPDZ, may see a CA. So the structure is read
// strictly here first, and what remains can be read in one way only.
type rawCertificate struct {
	serial          []byte // INTEGER, its content
	issuer, subject []byte // Name, whole elements
	spki            []byte // SubjectPublicKeyInfo, whole element
	extensions      []rawExtension
}

// rawExtension is one extension: OID content bytes (no tag, no length), and the content of the OCTET STRING.
type rawExtension struct {
	oid      string
	critical bool
	value    []byte
}

var (
	tagVersion    = asn1.Tag(0).Constructed().ContextSpecific()
	tagExtensions = asn1.Tag(3).Constructed().ContextSpecific()
)

// readCertificate takes a certificate apart. It does no arithmetic. The error is a *CertificateError.
func readCertificate(der []byte) (rawCertificate, error) {
	input := cryptobyte.String(der)
	var outer, tbs, algorithm cryptobyte.String
	var signature []byte
	switch {
	case !input.ReadASN1(&outer, asn1.SEQUENCE):
		return rawCertificate{}, malformed("it is no DER sequence")
	case !input.Empty():
		return rawCertificate{}, malformed("there are bytes after it")
	case !outer.ReadASN1(&tbs, asn1.SEQUENCE),
		!outer.ReadASN1Element(&algorithm, asn1.SEQUENCE),
		!outer.ReadASN1BitStringAsBytes(&signature),
		!outer.Empty():
		return rawCertificate{}, malformed("its structure is not that of X.509")
	}
	return readTBS(tbs, algorithm)
}

// readTBS takes the signed part apart, given the outer signature algorithm, which the inner one must equal.
func readTBS(tbs, outerAlgorithm cryptobyte.String) (rawCertificate, error) {
	if err := readVersion(&tbs); err != nil {
		return rawCertificate{}, err
	}
	var serial, algorithm, issuer, validity, subject, spki cryptobyte.String
	if !tbs.ReadASN1(&serial, asn1.INTEGER) ||
		!tbs.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) ||
		!tbs.ReadASN1(&validity, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&subject, asn1.SEQUENCE) ||
		!tbs.ReadASN1Element(&spki, asn1.SEQUENCE) {
		return rawCertificate{}, malformed("its structure is not that of X.509")
	}
	notBefore, notAfter := readTime(&validity), readTime(&validity)
	if !notBefore || !notAfter || !validity.Empty() {
		return rawCertificate{}, malformed("its validity is not two times in UTC")
	}
	if !bytes.Equal(algorithm, outerAlgorithm) {
		return rawCertificate{}, malformed("it names two signature algorithms")
	}
	extensions, err := readTail(tbs)
	return rawCertificate{serial, issuer, subject, spki, extensions}, err
}

// readTail reads what may follow the public key: of the three optional fields only the extensions are accepted.
func readTail(tbs cryptobyte.String) ([]rawExtension, error) {
	for _, id := range []asn1.Tag{1, 2} {
		if tbs.PeekASN1Tag(id.ContextSpecific()) || tbs.PeekASN1Tag(id.ContextSpecific().Constructed()) {
			return nil, &CertificateError{RuleUniqueID,
				"the certificate has an issuerUniqueID or subjectUniqueID, which are obsolete", cureNew}
		}
	}
	var extensions cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&extensions, &present, tagExtensions) || !tbs.Empty() {
		return nil, malformed("its structure is not that of X.509")
	}
	if !present {
		return nil, nil
	}
	return readExtensions(extensions)
}

// readVersion accepts v3 only. OpenSSL takes a self-signed v1 certificate for a CA, as it takes a v3 one with CA:TRUE.
func readVersion(tbs *cryptobyte.String) error {
	var explicit cryptobyte.String
	var present bool
	var version int
	if !tbs.ReadOptionalASN1(&explicit, &present, tagVersion) ||
		present && (!explicit.ReadASN1Integer(&version) || !explicit.Empty()) {
		return malformed("its version is malformed")
	}
	switch version {
	case 2:
		return nil
	case 0:
		return &CertificateError{RuleVersion, "the certificate is X.509 v1" + danger, cureNew}
	case 1:
		return &CertificateError{RuleVersion, "the certificate is X.509 v2" + danger, cureNew}
	}
	return malformed("its version is neither 1, 2 nor 3")
}

// readTime accepts the two forms that OpenSSL compares: YYMMDDhhmmssZ and YYYYMMDDhhmmssZ. The digits are left to Go's parser.
func readTime(der *cryptobyte.String) bool {
	var value cryptobyte.String
	var tag asn1.Tag
	if !der.ReadAnyASN1(&value, &tag) {
		return false
	}
	digits := map[asn1.Tag]int{asn1.UTCTime: 12, asn1.GeneralizedTime: 14}[tag]
	return digits > 0 && len(value) == digits+1 && value[digits] == 'Z'
}

func readExtensions(der cryptobyte.String) ([]rawExtension, error) {
	var list cryptobyte.String
	if !der.ReadASN1(&list, asn1.SEQUENCE) || !der.Empty() || list.Empty() {
		return nil, malformed("its extensions are malformed")
	}
	var extensions []rawExtension
	for !list.Empty() {
		var ext, oid, value cryptobyte.String
		var critical bool
		if !list.ReadASN1(&ext, asn1.SEQUENCE) || !ext.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			ext.PeekASN1Tag(asn1.BOOLEAN) && !ext.ReadASN1Boolean(&critical) ||
			!ext.ReadASN1(&value, asn1.OCTET_STRING) || !ext.Empty() {
			return nil, malformed("its extensions are malformed")
		}
		extensions = append(extensions, rawExtension{string(oid), critical, value})
	}
	return extensions, nil
}
