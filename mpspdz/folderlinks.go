package mpspdz

import (
	"cmp"
	"fmt"
	"path"
	"slices"
)

const cureRehash = "make the hash links anew: openssl rehash " + PlayerData

// reach is which files <hash>.<k> OpenSSL reads (by_dir.c): from .0 up, until a name is missing or a file loads nothing. That last file
// is among them.
func (f *folder) reach() map[*certificateFile]bool {
	read := map[*certificateFile]bool{}
	next, of := 0, ""
	for _, link := range f.links {
		hash, number := linkName(path.Base(link.path))
		if hash != of {
			of, next = hash, 0
		}
		if number != next || link.dangling {
			next = -1
			continue
		}
		read[link] = true
		next++
		if link.fault != nil || slices.ContainsFunc(link.certificates, func(c folderCertificate) bool { return c.link == "" }) {
			next = -1
		}
	}
	return read
}

// checkTrusted judges the hash links, and every certificate that OpenSSL finds through them: it trusts each, whatever its file is called.
func (f *folder) checkTrusted() {
	read, parties := f.reach(), f.partyCertificates()
	strangers := map[Hash]bool{}
	var wrong []string
	for _, link := range f.links {
		switch {
		case link.dangling:
			f.warn(FolderDangling, link.shown, "a hash link to "+link.target+", which is not there", cureRehash)
			continue
		case !read[link]:
			f.warn(FolderUnreached, link.shown,
				"OpenSSL counts hash links up from .0 to the first that is missing or unreadable, and stops before this one", cureRehash)
			continue
		case link.fault != nil:
			if !f.isParty(link.target) { // otherwise it is said of P<j>.pem
				f.add(*link.fault)
			}
			continue
		}
		for _, c := range link.certificates {
			switch {
			case parties[c.hash] || strangers[c.hash]:
			case f.own.Authorities.Has(c.hash):
				strangers[c.hash] = true
				f.add(f.authority(link, c))
			default:
				strangers[c.hash] = true
				f.add(f.stranger(link, c))
			}
		}
		hash, _ := linkName(path.Base(link.path))
		if !slices.ContainsFunc(link.certificates, func(c folderCertificate) bool { return c.link == hash || c.link == "" || strangers[c.hash] }) {
			wrong = append(wrong, path.Base(link.shown))
		}
	}
	if len(wrong) > 0 {
		f.warn(FolderWrongHash, whereAll(wrong),
			"hash links for another subject than their certificate's, of an earlier set or for a very old OpenSSL: "+fileList(wrong), cureRehash)
	}
	f.checkSurplus(parties, strangers)
}

// partyCertificates are those that a run may trust: each party's, as the folder has it and as the expected set has it.
func (f *folder) partyCertificates() map[Hash]bool {
	parties := map[Hash]bool{}
	for j := range f.parties {
		if c := f.first(j); c != nil {
			parties[c.hash] = true
		}
		if f.expected != nil {
			parties[f.expected.parties[j].Certificate.hash] = true
		}
	}
	return parties
}

// isParty reports whether the name is P<j>.pem of a party of the run.
func (f *folder) isParty(name string) bool {
	j, ok := playerNumber(name, ".pem")
	return ok && path.Ext(name) == ".pem" && j < f.parties
}

// stranger is the finding about a trusted certificate of no party.
func (f *folder) stranger(link *certificateFile, c folderCertificate) Finding {
	finding := Finding{Code: FolderStranger, Error: true, Where: link.shown, Component: f.keyOwner(c),
		Cure: "remove " + path.Base(link.shown)}
	through := "trusted through " + path.Base(link.shown)
	switch {
	case f.isParty(link.target):
		finding.Where = path.Join(PlayerData, link.target)
		finding.Cure = "leave only the party's own certificate, the first, in " + link.target
	case link.target != "" && path.Base(link.target) == link.target:
		finding.Where = path.Join(PlayerData, link.target)
		finding.Cure = fmt.Sprintf("remove %s and %s", link.target, path.Base(link.shown))
	case link.target != "":
		through += ", which leads to " + link.target
	}
	finding.Text = fmt.Sprintf("%s is %s, and it is no party's: whoever holds its key is let in", c.called()+f.resembles(c), through)
	if c.refused != nil && (c.refused.issues() || c.refused.Rule == RuleNotSelf) {
		finding.Text += "; " + c.refused.Detail
	}
	return finding
}

// authority is the finding about a trusted certificate of an authority that the operator set.
func (f *folder) authority(link *certificateFile, c folderCertificate) Finding {
	finding := Finding{Code: FolderAuthority, Where: link.shown, Cure: "remove it where no party's certificate needs it: fbpeer players write --dir DIR --prune"}
	if link.target != "" && path.Base(link.target) == link.target {
		finding.Where = path.Join(PlayerData, link.target)
	}
	finding.Text = "the authority " + c.called() + " is trusted, as [trust] authorities says: " + AuthorityDanger
	return finding
}

// checkSigners finds parties whose certificates an authority signed that OpenSSL does not find here, or not up to a root.
func (f *folder) checkSigners() {
	read := f.reach()
	var here []*Authority
	for _, link := range f.links {
		hash, _ := linkName(path.Base(link.path))
		for _, c := range link.certificates {
			if read[link] && c.issuer != nil && c.link == hash {
				here = append(here, c.issuer)
			}
		}
	}
	for j := range f.parties {
		c := f.first(j)
		if c == nil || c.good == nil || !c.good.caSigned {
			continue
		}
		chain, err := Authorities{here}.Chain(c.good)
		if err != nil {
			f.add(Finding{FolderBad, true, f.certificates[j].shown, f.component(j), "it was issued by " + c.good.Issuer() +
				", and OpenSSL does not find the certificates here that lead from that authority to a root, so the party is refused",
				"write the player files anew with that authority in [trust] authorities; or let the party use a self-signed certificate"})
			continue
		}
		for _, a := range chain {
			if err := a.checkNow(f.now); err != nil {
				f.add(Finding{FolderExpired, true, f.certificates[j].shown, f.component(j),
					"it was signed by an authority whose certificate is of no use now: " + a.Subject() + ": " + err.Error(), cureAuthority})
			}
		}
	}
}

// keyOwner is the component of the expected set whose key the certificate has.
func (f *folder) keyOwner(c folderCertificate) string {
	if f.expected == nil || c.good == nil {
		return ""
	}
	j := slices.IndexFunc(f.expected.parties, func(p Party) bool { return p.Certificate.keyHash == c.good.keyHash })
	return f.component(j)
}

// resembles says of which party an unknown certificate may be an earlier one.
func (f *folder) resembles(c folderCertificate) string {
	if owner := f.keyOwner(c); owner != "" {
		return fmt.Sprintf(" (another certificate of %s's key)", owner)
	}
	for j := range f.parties {
		if own := f.first(j); own != nil && own.link == c.link && c.link != "" {
			return fmt.Sprintf(" (the subject of party %d, and another certificate)", j)
		}
	}
	return ""
}

// checkSurplus warns of certificates of no party that nothing leads to: the next openssl rehash would let them in.
func (f *folder) checkSurplus(parties, strangers map[Hash]bool) {
	files := slices.Clone(f.others)
	for j, file := range f.certificates {
		if j >= f.parties {
			files = append(files, file)
		}
	}
	slices.SortFunc(files, func(a, b *certificateFile) int { return cmp.Compare(a.path, b.path) })
	for _, file := range files {
		text, known := "a certificate of no party", true
		for _, c := range file.certificates {
			if !parties[c.hash] && !strangers[c.hash] {
				text, known = fmt.Sprintf("%s is no party's%s", c.called(), f.resembles(c)), false
				break
			}
		}
		switch {
		case file.fault != nil:
			text = "a file of no party: " + file.fault.Text
		case known:
			continue
		}
		f.warn(FolderSurplus, file.shown, text+"; nothing leads to it now, but openssl rehash would", "remove "+path.Base(file.shown))
	}
}

// checkLinked finds the parties whose certificates OpenSSL does not find.
func (f *folder) checkLinked() {
	read := f.reach()
	found := map[Hash]bool{}
	for _, link := range f.links {
		hash, _ := linkName(path.Base(link.path))
		for _, c := range link.certificates {
			if read[link] && c.link == hash {
				found[c.hash] = true
			}
		}
	}
	var missing []string
	for j := range f.parties {
		c := f.first(j)
		if c == nil || c.link == "" || found[c.hash] || c.good != nil && c.good.caSigned {
			continue // OpenSSL looks for the one who signed it: checkSigners
		}
		if j == f.number {
			f.warn(FolderNotLinked, f.certificates[j].shown, fmt.Sprintf("the own certificate has no hash link %s.0", c.link), cureRehash)
			continue
		}
		missing = append(missing, PartyName(j)+".pem")
	}
	if len(missing) > 0 {
		f.fail(FolderNotLinked, whereAll(missing),
			"no hash link leads OpenSSL to these, so their parties are refused: "+fileList(missing), cureRehash)
	}
}
