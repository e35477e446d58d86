package mpspdz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Codes of CheckCertificate's findings beside the rules (CertificateError.Rule) and those of a folder. They are stable.
const (
	CheckNoParty   = "no-party"   // either: no MP-SPDZ accepts the name as any party's
	CheckOneNumber = "one-number" // warning: some party numbers only
	CheckAuthority = "authority"  // warning: an authority signed it
)

// RenewAhead is how long before its end a certificate of one's own is worth a warning: a new one needs every other site's approval.
const RenewAhead = 60 * 24 * time.Hour

// Use is what a certificate's names are for.
type Use int

// The uses of a certificate.
const (
	UseUnknown   Use = iota // nobody said whose it is
	UseFedbiomed            // a Fed-BioMed component's, which numbers the parties anew for each experiment, with old MP-SPDZ
	UseOwn                  // a plain party's, which stands in player files as it is
	UsePerParty             // a plain party's, whose player files hold a numbered certificate: its names do not matter
)

// CheckCertificate judges the file of one certificate as every other site judges an announced one, and says of its names what MP-SPDZ
// makes of them. where names the file in findings, as it is shown; trusted are the authorities that are set at its site. The certificate is
// nil if it breaks a rule, which is then the only finding. Errors come first.
func CheckCertificate(file []byte, where string, use Use, trusted Authorities, now time.Time) (*Certificate, []Finding) {
	c, err := ParseLeafPEM(file)
	if err != nil {
		return nil, []Finding{broken(where, err)}
	}
	var findings []Finding
	if err := c.CheckTime(now); err != nil {
		findings = append(findings, broken(where, err))
	}
	findings = append(findings, c.checkSigner(where, use, trusted)...)
	findings = append(findings, c.checkUse(where, use)...)
	if left := c.NotAfter().Sub(now); left > 0 && left < RenewAhead {
		findings = append(findings, Finding{Code: FolderExpiresSoon, Where: where,
			Text: fmt.Sprintf("it ends %s, on %s, and every other site must approve the next one", within(left), c.NotAfter().Format(time.DateOnly)),
			Cure: cureNew})
	}
	slices.SortStableFunc(findings, ErrorsFirst)
	return c, findings
}

// checkSigner judges the signature, and who made it.
func (c *Certificate) checkSigner(where string, use Use, trusted Authorities) []Finding {
	if !c.caSigned {
		if err := c.CheckSelfSigned(); err != nil {
			return []Finding{broken(where, err)}
		}
		return nil
	}
	if use == UseFedbiomed {
		return []Finding{broken(where, c.CheckRole(Node))}
	}
	chain, err := trusted.Chain(c)
	if err != nil {
		finding := broken(where, err)
		finding.Error = use != UseUnknown
		return []Finding{finding}
	}
	return []Finding{{Code: CheckAuthority, Where: where, Cure: "a self-signed certificate needs no authority: fbpeer cert generate --force",
		Text: "it was signed by " + ChainShown(chain) + ": every other site must set that authority too, and where it stands in player files " + AuthorityDanger}}
}

// ChainShown is a chain for people: "CN=Issuing CA, and that one by CN=Root".
func ChainShown(chain []*Authority) string {
	subjects := make([]string, len(chain))
	for i, a := range chain {
		subjects[i] = a.Subject()
	}
	return strings.Join(subjects, ", and that one by ")
}

// broken is an error's finding; the rule is its code.
func broken(where string, err error) Finding {
	f := Finding{Code: RuleMalformed, Error: true, Where: where, Text: err.Error()}
	var rule *CertificateError
	if errors.As(err, &rule) {
		f.Code, f.Text, f.Cure = rule.Rule, rule.Detail, rule.Cure
	}
	return f
}

// within is "within two days" or "in 12 days".
func within(left time.Duration) string {
	if days := int(left.Hours() / 24); days > 1 {
		return fmt.Sprintf("in %d days", days)
	}
	return "within two days"
}

const (
	cureFedbiomedName = "make one with Fed-BioMed's names: fbpeer cert generate --names fedbiomed --force"
	curePlainName     = "make one for every number: fbpeer cert generate --names all --force"
)

// checkUse judges the names.
func (c *Certificate) checkUse(where string, use Use) []Finding {
	accepted := c.Acceptance()
	switch use {
	case UsePerParty:
		return nil
	case UseFedbiomed:
		if len(accepted.Old) == MaxParties {
			return nil
		}
		return []Finding{{Code: FolderOldRefuses, Error: true, Where: where, Cure: cureFedbiomedName,
			Text: fmt.Sprintf("Fed-BioMed's MP-SPDZ accepts it as %s (%s), and Fed-BioMed numbers the parties anew for each experiment",
				NumbersShown(accepted.Old), c.nameShown())}}
	}
	if accepted.Nobody() {
		return []Finding{{Code: CheckNoParty, Error: use == UseOwn, Where: where, Text: "it " + c.WorksWith(), Cure: curePlainName}}
	}
	var findings []Finding
	switch {
	case len(accepted.Old) == 0:
		findings = append(findings, Finding{Code: FolderOldRefuses, Where: where, Cure: curePlainName,
			Text: fmt.Sprintf("MP-SPDZ up to 0.4.0 refuses the name (%s)", c.nameShown())})
	case len(accepted.Old) < MaxParties:
		findings = append(findings, Finding{Code: CheckOneNumber, Where: where, Cure: curePlainName,
			Text: fmt.Sprintf("MP-SPDZ accepts it as %s only (%s): a set in which it stands for another party fails",
				numbersShown(accepted.Old), c.nameShown())})
	}
	if len(accepted.New) == 0 {
		findings = append(findings, Finding{Code: FolderNewRefuses, Where: where, Cure: curePlainName,
			Text: fmt.Sprintf("MP-SPDZ from 0.4.1 refuses the name (%s)", c.nameShown())})
	}
	return findings
}
