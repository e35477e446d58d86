package mpspdz

import "path"

// cureFromSet gives those findings the cure that helps where a set in force says what belongs there: what is wrong with a file that is not the
// set's own is no matter of any component's key or certificate. Writing the player files puts the right one there.
func (f *folder) cureFromSet() {
	for i := range f.findings {
		if finding := &f.findings[i]; f.rewrites(*finding) {
			finding.Cure = cureRewrite
		}
	}
}

// rewrites says whether a finding is about files that writing the player files replaces by others.
func (f *folder) rewrites(finding Finding) bool {
	switch finding.Code {
	case FolderKeyMismatch, FolderBadKey:
		return f.number == f.wantedNumber()
	case FolderSeveral, FolderOtherBlock:
		_, rendered := f.renderedNumber(finding.Where)
		return rendered
	case FolderSameKey, FolderSameSubject, FolderWrongNumber, FolderExpired, FolderNotYetValid, FolderExpiresSoon:
		j, rendered := f.renderedNumber(finding.Where)
		return rendered && !f.asInSet(j)
	case FolderMembership, FolderNewRefuses, FolderOldRefuses:
		return !f.allAsInSet()
	}
	j, rendered := f.renderedNumber(finding.Where)
	file := f.certificates[j]
	broken := rendered && file != nil && (file.fault != nil || f.first(j) != nil && f.first(j).refused != nil)
	return broken && finding.Code != FolderUnreadable && finding.Code != FolderOddFile && !f.asInSet(j)
}

// renderedNumber is the party whose certificate of the set belongs into a file.
func (f *folder) renderedNumber(where string) (int, bool) {
	j, is := playerNumber(path.Base(where), ".pem")
	return j, is && path.Ext(where) == ".pem" && path.Dir(where) == PlayerData && j < f.expected.Len()
}

// asInSet says whether the certificate that MP-SPDZ takes for a party is the set's.
func (f *folder) asInSet(j int) bool {
	c := f.first(j)
	return c != nil && c.hash == f.expected.parties[j].Certificate.hash
}

func (f *folder) allAsInSet() bool {
	for j := range f.expected.parties {
		if !f.asInSet(j) {
			return false
		}
	}
	return true
}
