package probe

import (
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"fbpeer/mpspdz"
)

// anyMember is for judge: whoever of the set it is.
const anyMember = -1

// nobody is no party's number.
const nobody = -1

// verdict is what one side makes of the other's certificate.
type verdict struct {
	code   Code
	party  int // whose certificate it is; nobody if it is no member's
	detail string
}

// judge says what MP-SPDZ makes of a certificate that somebody presented, with the folder as trust. expected is the party who should be
// there, or anyMember. OpenSSL's order: is it trusted, is it in time, can it be used, is it that party's.
func (f *files) judge(der []byte, expected int, now time.Time) verdict {
	party := slices.IndexFunc(f.set.Parties(), func(p mpspdz.Party) bool { return p.Certificate.SHA256() == sha256.Sum256(der) })
	v := verdict{OK, party, ""}
	certificate := f.trust(der)
	if certificate == nil {
		v.code = UnknownCertificate
		return v
	}
	if err := certificate.CheckTime(now); err != nil {
		v.code, v.detail = Expired, err.Error()
		return v
	}
	if certificate.NoTLSClient() {
		v.code, v.detail = Failed, "the certificate's keyUsage lacks digitalSignature"
		return v
	}
	if party == nobody || party == f.number || expected != anyMember && party != expected {
		v.code = WrongParty
		return v
	}
	if name, _ := names(f.set, certificate, party); !name {
		v.code = NameRefused
	}
	return v
}

// trust gives a certificate that OpenSSL trusts with this folder, else nil: one that has a hash link, and is self-signed, as it is; and any
// at all that an authority with a hash link signed, with all above it.
func (f *files) trust(der []byte) *mpspdz.Certificate {
	certificate := f.trusted[sha256.Sum256(der)]
	if certificate == nil {
		var err error
		if certificate, err = mpspdz.ParseLeaf(der); err != nil || !certificate.CASigned() {
			return nil
		}
	}
	if _, err := f.signers.Chain(certificate); err != nil {
		return nil
	}
	return certificate
}

// names says whether a certificate is accepted as a party's by the rule that the set is judged by, and by the other one.
func names(set mpspdz.PartySet, c *mpspdz.Certificate, party int) (decides, other bool) {
	if isPlain(set) {
		return c.NameNew(party), c.NameOld(party)
	}
	return c.NameOld(party), c.NameNew(party)
}

// isPlain: a set has plain parties or Fed-BioMed's components, never both.
func isPlain(set mpspdz.PartySet) bool { return set.Parties()[0].Role == mpspdz.PlainParty }

// warnings is what the other generation of MP-SPDZ would say to a party's certificate.
func warnings(set mpspdz.PartySet, party int, name string) []Warning {
	c := set.Parties()[party].Certificate
	if _, other := names(set, c, party); other {
		return nil
	}
	w := Warning{WarnNameNew, "MP-SPDZ from 0.4.1 would refuse the certificate of " + name + " as that of " + mpspdz.PartyName(party),
		"nothing: Fed-BioMed uses 0.3.4, and makes its certificates for that"}
	if isPlain(set) {
		w = Warning{WarnNameOld, "MP-SPDZ up to 0.4.0 would refuse the certificate of " + name + " as that of " + mpspdz.PartyName(party),
			"use MP-SPDZ from 0.4.1, or certificates with the party's name (certificates = per-party)"}
	}
	return []Warning{w}
}

// detailOf is the text of an error for a result, without what is not for others.
func detailOf(err error) string {
	var e *mpspdz.CertificateError
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}
