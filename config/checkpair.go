package config

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"fbpeer/mpspdz"
)

// SharedSubject is the code of a warning: another site's certificate may have this one's subject, and OpenSSL would find only one.
const SharedSubject = "shared-subject"

// Pair is the component's key and certificate as they stand on disk, each as far as it can be used.
type Pair struct {
	File        []byte              // of the certificate; nil if it cannot be read
	Certificate *mpspdz.Certificate // nil if it is missing or breaks a rule
	Chain       []*mpspdz.Authority // who signed the certificate, up to a root; empty where it is self-signed, or not all of them are set here
	Fits        bool                // the private key is there, and the certificate's
	Key         string              // for people: "fits the certificate", or what is wrong with the key
	Findings    []mpspdz.Finding    // errors first; an error is what LoadKeyPair refuses, or a name that no run accepts
}

// Use is what the names of this component's certificate are for.
func (c *Config) Use() mpspdz.Use {
	switch {
	case c.Component.Fedbiomed != nil:
		return mpspdz.UseFedbiomed
	case c.PerParty:
		return mpspdz.UsePerParty
	}
	return mpspdz.UseOwn
}

// CheckPair judges key and certificate as LoadKeyPair does, and tells everything instead of the first fault, with what may become one.
func (c *Config) CheckPair(now time.Time) Pair {
	p := Pair{Key: "fits the certificate"}
	trusted, untrusted := c.LoadAuthorities(now)
	certificateFile, keyFile := c.short(c.Component.Certificate), c.short(c.Component.PrivateKey)
	file, err := os.ReadFile(c.Component.Certificate)
	if err != nil {
		p.Findings = append(p.Findings, c.cannotRead(certificateFile, err, mpspdz.FolderMissing))
	} else {
		p.File = file
		p.Certificate, p.Findings = mpspdz.CheckCertificate(file, certificateFile, c.Use(), trusted, now)
	}
	if untrusted != nil {
		p.Findings = append(p.Findings, authoritiesFinding(untrusted))
	} else if p.Certificate != nil {
		p.Chain, _ = trusted.Chain(p.Certificate) // that it is not whole is a finding
	}
	key, finding := c.readKey(keyFile)
	if finding == nil && p.Certificate != nil {
		finding = c.checkKey(p.Certificate, key)
	}
	switch {
	case finding != nil:
		p.Key = finding.Text
		p.Findings = append(p.Findings, *finding)
	case p.Certificate == nil:
		p.Key = "can be read, and there is no certificate to compare it with"
	}
	p.Fits = finding == nil && p.Certificate != nil
	if info, err := os.Stat(c.Component.PrivateKey); err == nil {
		p.Findings = append(p.Findings, mpspdz.CheckKeyMode(keyFile, info.Mode())...)
	}
	if s := p.Certificate; s != nil && !s.KeyIDs() && !strings.Contains(s.Subject(), c.Component.ID) {
		p.Findings = append(p.Findings, mpspdz.Finding{Code: SharedSubject, Where: certificateFile, Cure: cureSubject,
			Text: fmt.Sprintf("its subject (%s) does not name this component: with another site of the same subject neither could run", s.Subject())})
	}
	slices.SortStableFunc(p.Findings, mpspdz.ErrorsFirst)
	return p
}

const cureSubject = "make one whose subject holds the component's id: fbpeer cert generate --force"

// readKey reads the private key; what is wrong with it is a finding.
func (c *Config) readKey(shown string) (crypto.Signer, *mpspdz.Finding) {
	data, err := os.ReadFile(c.Component.PrivateKey)
	if err != nil {
		f := c.cannotRead(shown, err, mpspdz.FolderNoKey)
		return nil, &f
	}
	key, err := mpspdz.ParsePrivateKeyPEM(data)
	var rule *mpspdz.CertificateError
	if errors.As(err, &rule) {
		return nil, &mpspdz.Finding{Code: mpspdz.FolderBadKey, Error: true, Where: shown, Text: rule.Detail, Cure: rule.Cure}
	}
	return key, nil
}

// checkKey says whether the key is the certificate's, and if not, whether that is a generation that did not come to its end.
func (c *Config) checkKey(certificate *mpspdz.Certificate, key crypto.Signer) *mpspdz.Finding {
	err := mpspdz.CheckKeyPair(certificate, key)
	var rule *mpspdz.CertificateError
	if !errors.As(err, &rule) {
		return nil
	}
	f := &mpspdz.Finding{Code: rule.Rule, Error: true, Where: c.short(c.Component.PrivateKey), Text: rule.Detail,
		Cure: c.cureMismatch()}
	if f.Cure == finish {
		f.Text = "`cert generate` was interrupted between key and certificate"
	}
	return f
}

// cannotRead is the finding for a file that is missing or cannot be read.
func (c *Config) cannotRead(shown string, err error, missing string) mpspdz.Finding {
	code, cure := mpspdz.FolderUnreadable, ""
	if errors.Is(err, fs.ErrNotExist) {
		code, cure = missing, "put it back, or "+renew
	}
	f := unreadable(shown, err, cure).(*Error)
	return mpspdz.Finding{Code: code, Error: true, Where: shown, Text: cause(err).Error(), Cure: f.Hint}
}

// interrupted reports whether `cert generate` has put its key in place, and not yet the certificate.
func (c *Config) interrupted() bool {
	staged, ok := readStaged(stagedFile(c.Component.PrivateKey))
	if !ok {
		return false
	}
	key, err := os.ReadFile(c.Component.PrivateKey)
	return err == nil && bytes.Equal(key, staged.key)
}

// FormerKey is the key of the pair that MakePair replaced, which can endorse the present one; nil if there is none.
func (c *Config) FormerKey() crypto.Signer {
	data, err := os.ReadFile(former(realFile(c.Component.PrivateKey)))
	if err != nil {
		return nil
	}
	key, err := mpspdz.ParsePrivateKeyPEM(data)
	if err != nil {
		return nil
	}
	return key
}

// FormerKeyFile is where MakePair keeps the private key that it replaced; there may be none.
func (c *Config) FormerKeyFile() string { return former(c.writer(nil).key) }

// FormerPair are the files of the pair that MakePair replaced, as they are shown; nil if there is none.
func (c *Config) FormerPair() []string {
	w := c.writer(nil)
	if !w.keptFormer() {
		return nil
	}
	return []string{c.short(former(w.certificate)), c.short(former(w.key))}
}
