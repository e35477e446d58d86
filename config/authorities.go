package config

import (
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"fbpeer/mpspdz"
)

// noPlace is why a Fed-BioMed component cannot have an authority.
const noPlace = "Fed-BioMed's registry has no place for an authority's certificate, without which no party accepts one that it signed"

// authorities reads which files hold certificates of authorities. What they hold is read by LoadAuthorities.
func (l *loader) authorities() error {
	v := l.get("trust", "authorities")
	if v.text == "" {
		return nil
	}
	if l.c.Component.Fedbiomed != nil {
		return v.wrong("leave it out, and use a self-signed certificate: fbpeer cert generate --force", noPlace)
	}
	for item := range strings.SplitSeq(v.text, ",") {
		file := v
		if file.text = strings.TrimSpace(item); file.text == "" {
			return v.wrong("name the files, separated by commas", "there is a comma too many")
		}
		path := file.path("")
		if slices.Contains(l.c.Authorities, path) {
			return v.wrong("name each once", "%s stands twice", file.text)
		}
		l.c.Authorities = append(l.c.Authorities, path)
		l.watch(path)
	}
	return nil
}

// LoadAuthorities reads the certificates of the authorities that the operator set, of which all must be valid at now. An error is an *Error,
// which names the file and the certificate in it.
func (c *Config) LoadAuthorities(now time.Time) (mpspdz.Authorities, error) {
	none := mpspdz.Authorities{}
	var all []*mpspdz.Authority
	for _, path := range c.Authorities {
		shown := c.short(path)
		const cure = "put the authority's file there, or take it out of [trust] authorities"
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			return none, faultf(cure, "[trust] authorities: %s is no regular file", shown)
		}
		var data []byte
		if err == nil {
			data, err = os.ReadFile(path)
		}
		if err != nil {
			return none, unreadable("[trust] authorities: "+shown, err, cure)
		}
		some, err := mpspdz.ParseAuthorities(data, now)
		if err != nil {
			return none, own("[trust] authorities: "+shown, err)
		}
		all = append(all, some...)
	}
	as, err := mpspdz.NewAuthorities(all)
	return as, own("[trust] authorities", err)
}

// checkSigner checks who signed the component's certificate: itself, or, for a plain party, authorities that are set here, up to a root.
func (c *Config) checkSigner(certificate *mpspdz.Certificate, now time.Time) error {
	if !certificate.CASigned() {
		return certificate.CheckSelfSigned()
	}
	if err := certificate.CheckRole(c.Component.Role); err != nil {
		return err
	}
	trusted, err := c.LoadAuthorities(now)
	if err == nil {
		_, err = trusted.Chain(certificate)
	}
	return err
}

// authoritiesFinding is LoadAuthorities' error as a finding about the files.
func authoritiesFinding(err error) mpspdz.Finding {
	f := mpspdz.Finding{Code: mpspdz.FolderUnreadable, Error: true, Where: "[trust] authorities", Text: strings.TrimPrefix(err.Error(), "[trust] authorities: ")}
	var rule *mpspdz.CertificateError
	if errors.As(err, &rule) {
		f.Code = rule.Rule
	}
	var fault *Error
	if errors.As(err, &fault) {
		f.Cure = fault.Hint
	}
	return f
}
