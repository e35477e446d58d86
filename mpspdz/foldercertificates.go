package mpspdz

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// expiresSoon is how long before its end a certificate is worth a warning: a run may take hours.
const expiresSoon = 24 * time.Hour

// first is the certificate of party j: MP-SPDZ takes the first of P<j>.pem. Nil if there is none.
func (f *folder) first(j int) *folderCertificate {
	file := f.certificates[j]
	if file == nil || len(file.certificates) == 0 {
		return nil
	}
	return &file.certificates[0]
}

// checkFiles judges each party's P<j>.pem by itself.
func (f *folder) checkFiles() {
	var missing []string
	for j := range f.parties {
		file := f.certificates[j]
		if file == nil || file.dangling {
			missing = append(missing, PartyName(j)+".pem")
			continue
		}
		f.checkFile(j, file)
	}
	switch {
	case f.parties == 0:
		f.fail(FolderMissing, PlayerData, "there are no certificates", cureRewrite)
	case len(missing) > 0:
		f.fail(FolderMissing, whereAll(missing),
			fmt.Sprintf("of %d parties, the certificates of these are missing: %s", f.parties, fileList(missing)), cureRewrite)
	}
}

func (f *folder) checkFile(j int, file *certificateFile) {
	if file.fault != nil {
		file.fault.Component = f.component(j)
		f.add(*file.fault)
		return
	}
	if n := len(file.certificates); n > 1 {
		f.warn(FolderSeveral, file.shown, fmt.Sprintf("the file holds %d certificates, and party %d's is the first", n, j),
			"leave one certificate in the file")
	}
	if file.other != "" {
		f.warn(FolderOtherBlock, file.shown, "the file also holds "+file.other, "leave one certificate in the file, and nothing else")
	}
	c := file.certificates[0]
	if c.refused != nil {
		code := FolderBad
		if c.refused.issues() {
			code = FolderCanIssue
		}
		f.add(Finding{code, true, file.shown, f.component(j), c.refused.Detail, c.refused.Cure})
		return
	}
	f.checkTime(j, file.shown, c.good)
}

// issues reports whether the rule is one against certificates that can make others.
func (e *CertificateError) issues() bool {
	return slices.Contains([]string{RuleVersion, RuleCA, RuleKeyUsage, RuleNetscape}, e.Rule)
}

func (f *folder) checkTime(j int, where string, c *Certificate) {
	finding := Finding{Code: FolderExpiresSoon, Where: where, Cure: cureNew,
		Text: "the certificate ends within a day, on " + c.NotAfter().Format(time.RFC3339)}
	if err := c.CheckTime(f.now); err != nil {
		finding = broken(where, err)
	} else if c.NotAfter().Sub(f.now) >= expiresSoon {
		return
	}
	finding.Component = f.component(j)
	f.add(finding)
}

// checkNames judges the name in each party's certificate: is it accepted as that party's, and what does it prove? What holds of all
// of Fed-BioMed's certificates is said once.
func (f *folder) checkNames() {
	var membership, newRefuses, oldRefuses named
	for j := range f.parties {
		c := f.first(j)
		if c == nil || c.good == nil {
			continue
		}
		old, current := c.good.NameOld(j), c.good.NameNew(j)
		switch {
		case c.good.facts.noTLSClient:
			f.add(Finding{FolderWrongNumber, true, f.certificates[j].shown, f.component(j), "the certificate " + c.good.WorksWith(), f.cureName()})
			continue
		case !old && !current:
			f.add(Finding{FolderWrongNumber, true, f.certificates[j].shown, f.component(j),
				fmt.Sprintf("the certificate names %s, and it stands for party %d", c.good.numbersNamed(), j), f.cureName()})
			continue
		case !current:
			newRefuses.add(j, c.good)
		case !old:
			oldRefuses.add(j, c.good)
		}
		another := func(i int) bool { return i != j }
		if oldNumbers, newNumbers := c.good.numbers(); slices.ContainsFunc(oldNumbers, another) || slices.ContainsFunc(newNumbers, another) {
			membership.add(j, c.good)
		}
	}
	f.addNamed(oldRefuses, Finding{Code: FolderOldRefuses, Error: f.fedbiomed(), Text: "MP-SPDZ up to 0.4.0 refuses the name"})
	f.addNamed(membership, Finding{Code: FolderMembership,
		Text: "the name proves membership, not which party: another party's key would pass too, and swapped lines go unnoticed"})
	f.addNamed(newRefuses, Finding{Code: FolderNewRefuses, Text: "MP-SPDZ from 0.4.1 refuses the name"})
}

// named are parties whose names are of one kind, grouped by the name that decides.
type named struct {
	names   []string
	parties map[string][]string
}

func (n *named) add(j int, c *Certificate) {
	name := c.nameShown()
	if n.parties == nil {
		n.parties = map[string][]string{}
	}
	if n.parties[name] == nil {
		n.names = append(n.names, name)
	}
	n.parties[name] = append(n.parties[name], PartyName(j)+".pem")
}

// addNamed adds one finding for each name.
func (f *folder) addNamed(n named, finding Finding) {
	text := finding.Text
	for _, name := range n.names {
		files := n.parties[name]
		finding.Where, finding.Cure = whereAll(files), f.cureName()
		finding.Text = fmt.Sprintf("%s (%s)", text, name)
		if len(files) > 1 {
			finding.Text += ": " + fileList(files)
		}
		f.add(finding)
	}
}

// fedbiomed reports whether the expected set is one of Fed-BioMed's components, which use the old MP-SPDZ.
func (f *folder) fedbiomed() bool {
	return f.expected != nil && f.expected.Len() > 0 && f.expected.parties[0].Role != PlainParty
}

func (f *folder) cureName() string {
	if f.fedbiomed() {
		return "use Fed-BioMed's own certificates and MP-SPDZ, and compare the order before each run: fbpeer ready"
	}
	return cureNumber
}

// checkDuplicates finds parties that OpenSSL, or anybody, could take for each other.
func (f *folder) checkDuplicates() {
	for j := range f.parties {
		for i := range j {
			a, b := f.first(i), f.first(j)
			if a == nil || b == nil || a.good == nil || b.good == nil {
				continue
			}
			both := fmt.Sprintf("%s.pem and %s.pem", PartyName(i), PartyName(j))
			switch {
			case bytes.Equal(a.good.raw.spki, b.good.raw.spki):
				f.add(Finding{FolderSameKey, true, f.certificates[j].shown, f.component(j),
					both + " have one key", "put each party's own certificate there"})
			case SubjectClash(a.good, b.good):
				f.add(Finding{FolderSameSubject, true, f.certificates[j].shown, f.component(j),
					fmt.Sprintf("%s have one subject (%s): only the one that is linked as %s.0 verifies", both, a.subject, a.link),
					"make a certificate with another subject for one of them: " + cureNew})
			default:
				continue
			}
			break // one finding for each party
		}
	}
}

// whereAll is the file, or the folder of several.
func whereAll(names []string) string {
	if len(names) == 1 {
		return path.Join(PlayerData, names[0])
	}
	return PlayerData
}

// maxFilesShown is how many names a text lists.
const maxFilesShown = 5

// fileList is "P0.pem, P1.pem and P2.pem", cut after five.
func fileList(names []string) string {
	switch n := len(names); {
	case n == 1:
		return names[0]
	case n > maxFilesShown:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxFilesShown], ", "), n-maxFilesShown)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}
