package mpspdz

import (
	"path"
	"strings"
)

// Trusts says whether a file at this path, relative and slash-separated, could change whom a run in a folder of player files trusts,
// who it says it is, or where it dials: everything in Player-Data that is named as a certificate, a key or a hash link (of
// certificates or of revocation lists), and the ip file. Inputs, outputs and preprocessing are not such files.
func Trusts(name string) bool {
	if name == IPFile {
		return true
	}
	folder, base := path.Split(name)
	if folder != PlayerData+"/" {
		return false
	}
	if ext := path.Ext(base); ext == ".pem" || ext == ".key" {
		return true
	}
	hash, number, found := strings.Cut(base, ".")
	return found && len(hash) == 8 && strings.Trim(hash, "0123456789abcdef") == "" &&
		strings.Trim(strings.TrimPrefix(number, "r"), "0123456789") == ""
}
