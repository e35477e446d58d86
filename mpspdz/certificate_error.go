package mpspdz

// The rules that a certificate can break: CertificateError.Rule. They are stable.
const (
	RuleTooLarge     = "too-large"           // more than 8 KiB of DER
	RuleNotPEM       = "not-pem"             // no PEM block, or a broken one
	RuleDER          = "der"                 // DER where PEM is due
	RuleBOM          = "bom"                 // a byte order mark before the PEM block
	RuleSeveral      = "several"             // more than one certificate in one file
	RuleOtherBlock   = "other-block"         // something else in the file, such as a private key
	RuleMalformed    = "not-a-certificate"   // not strict DER of an X.509 certificate
	RuleVersion      = "version"             // X.509 v1 or v2
	RuleUniqueID     = "unique-id"           // issuerUniqueID or subjectUniqueID
	RuleCA           = "ca"                  // basicConstraints CA:TRUE
	RuleKeyUsage     = "key-usage"           // keyCertSign or cRLSign
	RuleNetscape     = "netscape-cert-type"  // any Netscape certificate type
	RuleProxy        = "proxy"               // proxyCertInfo
	RuleCritical     = "critical-extension"  // an unknown one
	RuleDuplicate    = "duplicate-extension" // the same twice
	RuleExtension    = "malformed-extension" // not strict DER of what it says it is
	RuleNames        = "too-many-names"      // more than 512 DNS names
	RuleExtendedUse  = "extended-key-usage"  // without both serverAuth and clientAuth
	RuleNotSelf      = "not-self-signed"     // issued by another name or key
	RuleSignature    = "self-signature"      // it does not verify with the certificate's own key
	RuleSubject      = "subject"             // a string that has no one canonical form
	RuleExpired      = "expired"             // CheckTime
	RuleNotYetValid  = "not-yet-valid"       // CheckTime
	RuleKeyType      = "key-type"            // not RSA, ECDSA P-256 or Ed25519
	RuleKeyMalformed = "malformed-key"       // not strict DER of a SubjectPublicKeyInfo
	RuleRSATooSmall  = "rsa-too-small"       // less than 2048 bits
	RuleRSATooLarge  = "rsa-too-large"       // more than 8192 bits
	RuleRSAExponent  = "rsa-exponent"        // even, less than 3, or 2^31 and more
	RuleKeyEncrypted = "key-encrypted"       // a private key under a passphrase
	RuleKeyMismatch  = "key-mismatch"        // the private key is another one's
	RuleNotCA        = "not-ca"              // of an authority: not CA:TRUE, or a keyUsage without keyCertSign
	RuleConstraints  = "name-constraints"    // of an authority
	RuleTooMany      = "too-many"            // more than MaxAuthorities
	RuleAuthority    = "unknown-authority"   // signed by an authority that is not among those given, whole chain
	RuleNumber       = "number"              // ProvesNumber: it does not name exactly its party's number
)

// CertificateError says which rule a certificate or key breaks, what was found, and what mends it.
type CertificateError struct {
	Rule   string // one of the Rule constants
	Detail string // a phrase about this certificate, safe to print
	Cure   string // the command or step that mends it
}

// Error gives Detail; Cure is a hint, to be shown apart from it.
func (e *CertificateError) Error() string { return e.Detail }

const (
	cureNew  = "make a new key and certificate at its component: fbpeer cert generate --force"
	cureSelf = "use a self-signed certificate; " + cureNew
	danger   = ": its holder could make itself a certificate as any party"
)

func malformed(detail string) error {
	return &CertificateError{RuleMalformed, "not a certificate: " + detail, cureNew}
}

func malformedKey(detail string) error {
	return &CertificateError{RuleKeyMalformed, "not a public key: " + detail, cureNew}
}
