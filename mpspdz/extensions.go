package mpspdz

import (
	"bytes"
	encodingasn1 "encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers, as the content bytes of their DER.
const (
	oidSubjectKeyID      = "\x55\x1d\x0e" // 2.5.29.14
	oidKeyUsage          = "\x55\x1d\x0f" // 2.5.29.15
	oidSubjectAltName    = "\x55\x1d\x11" // 2.5.29.17
	oidBasicConstraints  = "\x55\x1d\x13" // 2.5.29.19
	oidNameConstraints   = "\x55\x1d\x1e" // 2.5.29.30
	oidCRLDistribution   = "\x55\x1d\x1f" // 2.5.29.31
	oidPolicies          = "\x55\x1d\x20" // 2.5.29.32
	oidPolicyMappings    = "\x55\x1d\x21" // 2.5.29.33
	oidAuthorityKeyID    = "\x55\x1d\x23" // 2.5.29.35
	oidPolicyConstraints = "\x55\x1d\x24" // 2.5.29.36
	oidExtendedKeyUsage  = "\x55\x1d\x25" // 2.5.29.37
	oidInhibitAnyPolicy  = "\x55\x1d\x36" // 2.5.29.54

	oidNetscapeCertType = "\x60\x86\x48\x01\x86\xf8\x42\x01\x01" // 2.16.840.1.113730.1.1
	oidProxyCertInfo    = "\x2b\x06\x01\x05\x05\x07\x01\x0e"     // 1.3.6.1.5.5.7.1.14

	oidServerAuth = "\x2b\x06\x01\x05\x05\x07\x03\x01" // 1.3.6.1.5.5.7.3.1
	oidClientAuth = "\x2b\x06\x01\x05\x05\x07\x03\x02" // 1.3.6.1.5.5.7.3.2
)

// Bits of keyUsage, RFC 5280, section 4.2.1.3.
const (
	bitDigitalSignature = 0
	bitKeyAgreement     = 4
	bitKeyCertSign      = 5
	bitCRLSign          = 6
)

// maxDNSNames is how many a certificate may have: twice what NewPartyCertificate needs. Everything that judges names looks at each.
const maxDNSNames = 512

// extensionFacts is what a certificate's extensions say, once every rule about them holds.
type extensionFacts struct {
	noTLSClient bool     // keyUsage is there, and lets its holder authenticate nothing as a TLS client
	dnsNames    []string // subjectAltName's, possibly empty strings
	subjectKey  []byte   // subjectKeyIdentifier, nil if absent
	authority   authorityKey
}

// authorityKey is the authorityKeyIdentifier; what is absent is nil.
type authorityKey struct{ keyID, issuer, serial []byte }

// checkExtensions applies the rules about extensions. The error is a *CertificateError.
func checkExtensions(extensions []rawExtension) (extensionFacts, error) {
	var facts extensionFacts
	seen := make(map[string]bool, len(extensions))
	for _, ext := range extensions {
		if seen[ext.oid] {
			return extensionFacts{}, &CertificateError{RuleDuplicate,
				"the certificate has the extension " + oidName(ext.oid) + " twice", cureNew}
		}
		seen[ext.oid] = true
		if err := facts.take(ext); err != nil {
			return extensionFacts{}, err
		}
	}
	return facts, nil
}

// take applies the rules for one extension and keeps what it says.
func (f *extensionFacts) take(ext rawExtension) error {
	switch {
	case ext.oid == oidNetscapeCertType:
		return &CertificateError{RuleNetscape, "the certificate has a Netscape certificate type" + danger, cureNew}
	case ext.oid == oidProxyCertInfo:
		return &CertificateError{RuleProxy, "the certificate is a proxy certificate (proxyCertInfo)", cureNew}
	case ext.critical && !knownCritical(ext.oid):
		return &CertificateError{RuleCritical,
			"the certificate has a critical extension that MP-SPDZ's OpenSSL does not know (" + oidName(ext.oid) + ")", cureNew}
	}
	value := cryptobyte.String(ext.value)
	switch ext.oid {
	case oidBasicConstraints:
		return checkBasicConstraints(value)
	case oidKeyUsage:
		return f.takeKeyUsage(value)
	case oidExtendedKeyUsage:
		return checkExtendedKeyUsage(value)
	case oidSubjectAltName:
		return f.takeAltNames(value)
	case oidSubjectKeyID:
		if !value.ReadASN1Bytes(&f.subjectKey, asn1.OCTET_STRING) || !value.Empty() {
			return malformedExtension("subjectKeyIdentifier")
		}
	case oidAuthorityKeyID:
		if !f.authority.read(value) {
			return malformedExtension("authorityKeyIdentifier")
		}
	}
	return nil
}

// knownCritical reports whether OpenSSL verifies a certificate in which this extension is critical (X509_supported_extension
// in crypto/x509/v3_purp.c, without those refused before it is asked).
func knownCritical(oid string) bool {
	switch oid {
	case oidBasicConstraints, oidKeyUsage, oidExtendedKeyUsage, oidSubjectAltName, oidNameConstraints, oidCRLDistribution,
		oidPolicies, oidPolicyMappings, oidPolicyConstraints, oidInhibitAnyPolicy:
		return true
	}
	return false
}

func malformedExtension(name string) error {
	return &CertificateError{RuleExtension, "the certificate's " + name + " is malformed", cureNew}
}

// checkBasicConstraints accepts CA:FALSE, left out or written out, without a path length.
func checkBasicConstraints(value cryptobyte.String) error {
	var list cryptobyte.String
	var ca bool
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() ||
		list.PeekASN1Tag(asn1.BOOLEAN) && !list.ReadASN1Boolean(&ca) {
		return malformedExtension("basicConstraints")
	}
	if ca {
		return &CertificateError{RuleCA,
			"the certificate is a CA's (basicConstraints CA:TRUE, which is what setup-ssl.sh of MP-SPDZ makes)" + danger, cureNew}
	}
	if !list.Empty() {
		return malformedExtension("basicConstraints")
	}
	return nil
}

func (f *extensionFacts) takeKeyUsage(value cryptobyte.String) error {
	var bits encodingasn1.BitString
	if !value.ReadASN1BitString(&bits) || !value.Empty() {
		return malformedExtension("keyUsage")
	}
	if bits.At(bitKeyCertSign) == 1 || bits.At(bitCRLSign) == 1 {
		return &CertificateError{RuleKeyUsage, "the certificate's keyUsage has keyCertSign or cRLSign" + danger, cureNew}
	}
	f.noTLSClient = bits.At(bitDigitalSignature) == 0 && bits.At(bitKeyAgreement) == 0
	return nil
}

// checkExtendedKeyUsage: every MP-SPDZ party is a TLS server to some and a client to others.
func checkExtendedKeyUsage(value cryptobyte.String) error {
	var list, purpose cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() || list.Empty() {
		return malformedExtension("extendedKeyUsage")
	}
	var server, client bool
	for !list.Empty() {
		if !list.ReadASN1(&purpose, asn1.OBJECT_IDENTIFIER) {
			return malformedExtension("extendedKeyUsage")
		}
		server = server || string(purpose) == oidServerAuth
		client = client || string(purpose) == oidClientAuth
	}
	if !server || !client {
		return &CertificateError{RuleExtendedUse,
			"the certificate's extendedKeyUsage lacks serverAuth or clientAuth, and MP-SPDZ needs both", cureNew}
	}
	return nil
}

// takeAltNames reads the DNS names. A name in constructed (BER) form would be one to OpenSSL and none to Go: it is refused.
func (f *extensionFacts) takeAltNames(value cryptobyte.String) error {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() || list.Empty() {
		return malformedExtension("subjectAltName")
	}
	for !list.Empty() {
		var name cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&name, &tag) {
			return malformedExtension("subjectAltName")
		}
		switch tag {
		case asn1.Tag(2).ContextSpecific():
			if len(f.dnsNames) == maxDNSNames {
				return &CertificateError{RuleNames, fmt.Sprintf("the certificate has more than %d DNS names", maxDNSNames), cureNew}
			}
			f.dnsNames = append(f.dnsNames, string(name))
		case asn1.Tag(1).ContextSpecific(), asn1.Tag(6).ContextSpecific(), asn1.Tag(7).ContextSpecific(),
			asn1.Tag(8).ContextSpecific(), asn1.Tag(0).ContextSpecific().Constructed(),
			asn1.Tag(3).ContextSpecific().Constructed(), asn1.Tag(4).ContextSpecific().Constructed(),
			asn1.Tag(5).ContextSpecific().Constructed():
		default:
			return malformedExtension("subjectAltName")
		}
	}
	return nil
}

// read reads an authorityKeyIdentifier strictly. As issuer it keeps the only name, if that is a directory name.
func (a *authorityKey) read(value cryptobyte.String) bool {
	var list, keyID, names, serial cryptobyte.String
	var hasKeyID, hasNames, hasSerial bool
	ok := value.ReadASN1(&list, asn1.SEQUENCE) && value.Empty() &&
		list.ReadOptionalASN1(&keyID, &hasKeyID, asn1.Tag(0).ContextSpecific()) &&
		list.ReadOptionalASN1(&names, &hasNames, asn1.Tag(1).ContextSpecific().Constructed()) &&
		list.ReadOptionalASN1(&serial, &hasSerial, asn1.Tag(2).ContextSpecific()) && list.Empty()
	if !ok {
		return false
	}
	if hasKeyID {
		a.keyID = keyID
	}
	if hasSerial {
		a.serial = serial
	}
	if hasNames {
		var directory cryptobyte.String
		if !names.ReadASN1(&directory, asn1.Tag(4).ContextSpecific().Constructed()) || !names.Empty() {
			return false
		}
		a.issuer = directory
	}
	return true
}

// names reports whether the identifier is that of the certificate itself, as OpenSSL compares (X509_check_akid): what is
// present must agree. Otherwise OpenSSL looks for another issuer and finds none. canonical is the certificate's subject.
func (a *authorityKey) names(c rawCertificate, subjectKey []byte, canonical string) bool {
	if a.keyID != nil && subjectKey != nil && !bytes.Equal(a.keyID, subjectKey) {
		return false
	}
	if a.serial != nil && !bytes.Equal(a.serial, c.serial) {
		return false
	}
	if a.issuer == nil {
		return true
	}
	issuer, err := readName(a.issuer)
	return err == nil && issuer.canonical() == canonical
}

// oidName is the dotted form of an object identifier's content bytes.
func oidName(content string) string {
	var b cryptobyte.Builder
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(content)) })
	var oid encodingasn1.ObjectIdentifier
	der := cryptobyte.String(b.BytesOrPanic())
	if !der.ReadASN1ObjectIdentifier(&oid) {
		return fmt.Sprintf("OID %x", content)
	}
	return oid.String()
}
