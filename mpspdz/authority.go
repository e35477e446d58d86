package mpspdz

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	encodingasn1 "encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MaxAuthorities is how many certificates of authorities an operator may set, roots and intermediates together.
const MaxAuthorities = 16

// AuthorityDanger is what it costs to have an authority's certificate among player files. It completes a sentence that names one.
const AuthorityDanger = "MP-SPDZ lets in anybody to whom that authority ever gave a certificate with a party's name, approved here or not"

const cureAuthority = "name the PEM file of the authority's own certificates, root and intermediates, as the authority publishes it"

// Authority is the certificate of a certificate authority, root or intermediate, that passed the rules of the package comment but those of
// time. Immutable; safe for concurrent use.
type Authority struct {
	raw       rawCertificate
	facts     authorityFacts
	subject   name
	canonical string // of the subject
	issuer    name
	parsed    *x509.Certificate
	hash      Hash
}

// authorityFacts is what an authority's extensions say.
type authorityFacts struct {
	subjectKey []byte
	authority  authorityKey
	pathLength int // of authorities that may stand between it and a leaf; -1: any
}

// Subject is the subject for display, as Certificate.Subject is.
func (a *Authority) Subject() string { return a.subject.String() }

// SubjectHash is the name of the certificate's hash links, as Certificate.SubjectHash is.
func (a *Authority) SubjectHash() string { return subjectHash(a.canonical) }

// SHA256 is that of the DER.
func (a *Authority) SHA256() Hash { return a.hash }

// PEM is one block, as Certificate.PEM is.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: a.parsed.Raw})
}

// NotAfter is the end of the validity, UTC.
func (a *Authority) NotAfter() time.Time { return a.parsed.NotAfter.UTC() }

// root reports whether the authority names itself as its issuer.
func (a *Authority) root() bool {
	return a.issuer.canonical() == a.canonical && a.facts.authority.names(a.raw, a.facts.subjectKey, a.canonical)
}

// ParseAuthorities reads a file of authorities' certificates, one PEM block each, at most 64 KiB, and applies every rule of the package
// comment; now is when they must be valid. An error is a *CertificateError, whose text says which certificate of the file is meant.
func ParseAuthorities(file []byte, now time.Time) ([]*Authority, error) {
	blocks, err := readPEM(file, cureBOM, cureDER, cureAuthority)
	if err != nil {
		return nil, err
	}
	if len(blocks) > MaxAuthorities {
		return nil, tooManyAuthorities(len(blocks))
	}
	for _, block := range blocks {
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, &CertificateError{RuleOtherBlock, "the file holds a private key: an authority's is no business of a party",
				"move the key to a safe place, and leave only the authority's certificates in the file"}
		case block.Type != pemCertificate:
			return nil, &CertificateError{RuleOtherBlock, "the file holds " + aBlock(block), cureAuthority}
		}
	}
	var all []*Authority
	for i, block := range blocks {
		a, err := parseAuthority(block.Bytes)
		if err == nil {
			err = a.checkNow(now)
		}
		if err != nil {
			return nil, ofAuthority(err, i, len(blocks), a)
		}
		all = append(all, a)
	}
	return all, nil
}

func tooManyAuthorities(n int) error {
	return &CertificateError{RuleTooMany, fmt.Sprintf("%d certificates of authorities: at most %d are read", n, MaxAuthorities),
		"name only the authorities that signed the certificates of parties here, not a system's whole bundle"}
}

// ofAuthority says which certificate of a file an error is about, and gives it a cure for who has only the file.
func ofAuthority(err error, i, n int, a *Authority) error {
	rule := err.(*CertificateError) // of parseAuthority and checkNow, which have no others
	made := *rule
	which := "the certificate"
	if n > 1 {
		which = fmt.Sprintf("certificate %d", i+1)
	}
	if a != nil {
		which += " (" + a.Subject() + ")"
	}
	made.Detail = which + " " + strings.TrimPrefix(made.Detail, "the certificate ")
	switch made.Rule {
	case RuleNotYetValid:
	case RuleVersion:
		made.Detail = which + " is X.509 v1 or v2, in which nothing says whether it is an authority's"
		made.Cure = "ask that authority for a certificate of X.509 v3 (basicConstraints CA:TRUE)"
	case RuleExpired:
		made.Cure = "put the authority's present certificate in its place, or take it out of [trust] authorities"
	default:
		made.Cure = cureAuthority
	}
	return &made
}

// parseAuthority applies every rule but those of time and of the own signature. With an error about what the certificate says it gives the
// authority as far as it was read, so that it can be named. The cure is for ofAuthority to give.
func parseAuthority(der []byte) (*Authority, error) {
	if len(der) > maxCertificate {
		return nil, &CertificateError{Rule: RuleTooLarge,
			Detail: fmt.Sprintf("the certificate has %d bytes: at most %d are accepted", len(der), maxCertificate)}
	}
	der = bytes.Clone(der)
	a := &Authority{hash: sha256.Sum256(der)}
	var err error
	if a.raw, err = readCertificate(der); err != nil {
		return nil, err
	}
	if a.subject, err = readName(a.raw.subject); err != nil {
		return nil, err
	}
	if a.issuer, err = readName(a.raw.issuer); err != nil {
		return nil, err
	}
	a.canonical = a.subject.canonical()
	if _, err = checkSPKI(a.raw.spki); err != nil {
		return a, err
	}
	if a.facts, err = checkAuthority(a.raw.extensions); err != nil {
		return a, err
	}
	if a.parsed, err = x509.ParseCertificate(der); err != nil {
		return a, malformed(escape(err.Error(), ""))
	}
	return a, nil
}

// checkNow is what depends on the time, and on the certificate's own signature, which a damaged file of a root shows.
func (a *Authority) checkNow(now time.Time) error {
	if err := checkValid(a.parsed, now); err != nil {
		return err
	}
	if a.root() && a.verify(a.parsed) != nil {
		return &CertificateError{Rule: RuleSignature, Detail: "the certificate's signature was not made by its own key: the file is damaged"}
	}
	return nil
}

// signed verifies that a's key made the signature of c, by an algorithm that OpenSSL takes from an authority: none with SHA-1.
func (a *Authority) signed(c *x509.Certificate) error {
	if c.SignatureAlgorithm == x509.SHA1WithRSA || c.SignatureAlgorithm == x509.ECDSAWithSHA1 {
		return x509.InsecureAlgorithmError(c.SignatureAlgorithm)
	}
	return a.verify(c)
}

func (a *Authority) verify(c *x509.Certificate) error {
	return a.parsed.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
}

// checkAuthority applies the rules about an authority's extensions: OpenSSL must take it for a CA whose leaves may be TLS servers and
// clients, whatever their names are.
func checkAuthority(extensions []rawExtension) (authorityFacts, error) {
	facts := authorityFacts{pathLength: -1}
	seen, ca := map[string]bool{}, false
	for _, ext := range extensions {
		if seen[ext.oid] {
			return facts, &CertificateError{Rule: RuleDuplicate, Detail: "the certificate has the extension " + oidName(ext.oid) + " twice"}
		}
		seen[ext.oid] = true
		if ext.critical && !knownCritical(ext.oid) {
			return facts, &CertificateError{Rule: RuleCritical,
				Detail: "the certificate has a critical extension that MP-SPDZ's OpenSSL does not know (" + oidName(ext.oid) + ")"}
		}
		isCA, err := facts.take(ext)
		if err != nil {
			return facts, err
		}
		ca = ca || isCA
	}
	if !ca {
		return facts, &CertificateError{Rule: RuleNotCA, Detail: "the certificate is no authority's (it lacks basicConstraints CA:TRUE)"}
	}
	return facts, nil
}

// take applies the rules for one extension and keeps what it says.
func (f *authorityFacts) take(ext rawExtension) (ca bool, err error) {
	value := cryptobyte.String(ext.value)
	switch ext.oid {
	case oidBasicConstraints:
		return f.takeBasicConstraints(value)
	case oidKeyUsage:
		var bits encodingasn1.BitString
		if !value.ReadASN1BitString(&bits) || !value.Empty() {
			return false, malformedExtension("keyUsage")
		}
		if bits.At(bitKeyCertSign) == 0 {
			return false, &CertificateError{Rule: RuleNotCA, Detail: "the certificate may sign no others (its keyUsage lacks keyCertSign)"}
		}
	case oidExtendedKeyUsage:
		return false, checkExtendedKeyUsage(value)
	case oidNameConstraints:
		return false, &CertificateError{Rule: RuleConstraints,
			Detail: "the certificate has name constraints, within which hardly any certificate could name a party P0, P1 and so on"}
	case oidSubjectKeyID:
		if !value.ReadASN1Bytes(&f.subjectKey, asn1.OCTET_STRING) || !value.Empty() {
			return false, malformedExtension("subjectKeyIdentifier")
		}
	case oidAuthorityKeyID:
		if !f.authority.read(value) {
			return false, malformedExtension("authorityKeyIdentifier")
		}
	}
	return false, nil
}

func (f *authorityFacts) takeBasicConstraints(value cryptobyte.String) (ca bool, err error) {
	var list cryptobyte.String
	ok := value.ReadASN1(&list, asn1.SEQUENCE) && value.Empty() && (!list.PeekASN1Tag(asn1.BOOLEAN) || list.ReadASN1Boolean(&ca))
	if ok && list.PeekASN1Tag(asn1.INTEGER) {
		ok = list.ReadASN1Integer(&f.pathLength) && f.pathLength >= 0
	}
	if !ok || !list.Empty() {
		return false, malformedExtension("basicConstraints")
	}
	return ca, nil
}

// Authorities are those that an operator set. The zero value is none. Immutable.
type Authorities struct{ all []*Authority }

// NewAuthorities makes one of what several files held; what stands in two counts once. The error is a *CertificateError with RuleTooMany.
func NewAuthorities(all []*Authority) (Authorities, error) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b *Authority) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	all = slices.CompactFunc(all, func(a, b *Authority) bool { return a.hash == b.hash })
	if len(all) > MaxAuthorities {
		return Authorities{}, tooManyAuthorities(len(all))
	}
	return Authorities{all}, nil
}

// All lists them, in an order that depends on them alone; a copy.
func (as Authorities) All() []*Authority { return slices.Clone(as.all) }

// Equal reports whether the two hold the same certificates.
func (as Authorities) Equal(other Authorities) bool {
	return slices.EqualFunc(as.all, other.all, func(a, b *Authority) bool { return a.hash == b.hash })
}

// Find gives the authority whose file in a folder of player files this is, byte by byte; nil if it is none of these.
func (as Authorities) Find(file []byte) *Authority {
	i := slices.IndexFunc(as.all, func(a *Authority) bool { return bytes.Equal(a.PEM(), file) })
	if i < 0 {
		return nil
	}
	return as.all[i]
}

// Has reports whether a certificate with this SHA-256 is one of the authorities'.
func (as Authorities) Has(hash Hash) bool {
	return slices.ContainsFunc(as.all, func(a *Authority) bool { return a.hash == hash })
}

// issued is what a chain is followed by: a certificate that says who signed it.
type issued struct {
	issuer string // canonical
	key    authorityKey
	parsed *x509.Certificate
}

func (a *Authority) issued() issued {
	return issued{a.issuer.canonical(), a.facts.authority, a.parsed}
}

func (c *Certificate) issued() issued {
	return issued{c.issuer.canonical(), c.facts.authority, c.parsed}
}

// couldBe reports whether OpenSSL takes a for the one that signed the certificate, before it looks at the signature.
func (a *Authority) couldBe(by issued) bool {
	return a.canonical == by.issuer && by.key.names(a.raw, a.facts.subjectKey, a.issuer.canonical())
}

// Chain gives the authorities from the one that signed the certificate to a root: all of them must stand in a folder before OpenSSL
// accepts it. None for one that names itself as its issuer. Every signature is verified; times are not looked at. The error is a
// *CertificateError with RuleAuthority.
func (as Authorities) Chain(c *Certificate) ([]*Authority, error) {
	if !c.caSigned {
		return nil, nil
	}
	if chain := as.follow(c.issued(), nil); chain != nil {
		return chain, nil
	}
	fault := &CertificateError{RuleAuthority, "it was issued by " + c.Issuer() + ", and [trust] authorities does not name that authority", cureName}
	for _, a := range as.all {
		switch {
		case !a.couldBe(c.issued()):
		case a.signed(c.parsed) != nil:
			fault.Detail = "it says that it was issued by " + c.Issuer() + ", but the authority of that name in [trust] authorities did not sign it, or with SHA-1"
		default:
			fault.Detail = "it was issued by " + c.Issuer() + ", and [trust] authorities does not name all who signed that authority's certificate, up to a root"
			return nil, fault
		}
	}
	return nil, fault
}

// CureAuthority is what to do about another site's certificate that was signed by an authority which is not set here.
const CureAuthority = cureSet + "; or have its site use a self-signed certificate"

const (
	cureSet  = "set [trust] authorities to the file of that authority's certificates, root and intermediates, if anybody whom it signs may be let in"
	cureName = cureSet + "; or use a self-signed certificate: fbpeer cert generate --force"
)

// follow finds the way from a certificate to a root that passes no authority, a name with its key, twice: so there are few ways.
func (as Authorities) follow(by issued, below []*Authority) []*Authority {
	for _, a := range as.all {
		passed := slices.ContainsFunc(below, func(b *Authority) bool { return b.canonical == a.canonical && bytes.Equal(b.raw.spki, a.raw.spki) })
		if passed || !a.couldBe(by) || a.facts.pathLength >= 0 && len(below) > a.facts.pathLength || a.signed(by.parsed) != nil {
			continue
		}
		way := append(slices.Clone(below), a)
		if a.root() {
			return way
		}
		if whole := as.follow(a.issued(), way); whole != nil {
			return whole
		}
	}
	return nil
}
