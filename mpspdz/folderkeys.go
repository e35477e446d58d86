package mpspdz

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// checkKeys says whose folder it is, and judges that party's key.
func (f *folder) checkKeys() {
	wanted := f.wantedNumber()
	f.number = wanted
	switch n := len(f.keys); {
	case n == 0:
		f.fail(FolderNoKey, PlayerData, "there is no private key: no file P<i>.key says which party this folder is of", cureRewrite)
		return
	case n == 1:
		f.number = f.keys[0]
	case slices.Contains(f.keys, wanted):
		for _, j := range f.keys {
			if j != wanted {
				f.fail(FolderSeveralKeys, playerFile(j, ".key"),
					fmt.Sprintf("the private key of party %d, and this is the folder of party %d", j, wanted),
					"move it away: whoever reads it can pose as that party")
			}
		}
	default:
		f.number = unknownParty
		f.fail(FolderSeveralKeys, PlayerData, fmt.Sprintf("there are private keys of %s: a folder is one party's", numbersShown(f.keys)),
			"leave the own key alone; whoever reads the others can pose as those parties")
		return
	}
	if wanted == unknownParty && f.parties > 0 && f.number >= f.parties {
		f.fail(FolderOwnNumber, playerFile(f.number, ".key"), fmt.Sprintf("the key is party %d's, and there are %d parties (0 to %d)",
			f.number, f.parties, f.parties-1), cureRewrite)
	}
	if slices.Contains(f.keys, f.number) {
		f.checkKey(playerFile(f.number, ".key"))
	}
}

// wantedNumber is the number that the own component has in the expected set.
func (f *folder) wantedNumber() int {
	if f.expected == nil {
		return unknownParty
	}
	return f.expected.Number(f.own.Component)
}

// checkKey judges the key of the party whose folder it is.
func (f *folder) checkKey(name string) {
	data, fault := readRegular(f.fsys, name, maxPEM)
	if fault != nil {
		f.add(*fault)
		return
	}
	if info, err := fs.Stat(f.fsys, name); err == nil {
		f.findings = append(f.findings, CheckKeyMode(name, info.Mode())...)
	}
	key, err := ParsePrivateKeyPEM(data)
	var bad *CertificateError
	if errors.As(err, &bad) {
		f.fail(FolderBadKey, name, bad.Detail, bad.Cure)
		return
	}
	c := f.first(f.number)
	if c == nil || c.good == nil {
		return // that is said of the certificate
	}
	if err := CheckKeyPair(c.good, key); errors.As(err, &bad) {
		f.fail(FolderKeyMismatch, name, fmt.Sprintf("it is not the key of %s (MP-SPDZ: key values mismatch)", PartyName(f.number)+".pem"), bad.Cure)
	}
}

// CheckKeyMode warns of a private key's file whose mode gives others than owner and group anything. where names the file, as it is shown.
func CheckKeyMode(where string, mode fs.FileMode) []Finding {
	if mode&0o007 == 0 {
		return nil
	}
	return []Finding{{Code: FolderKeyReadable, Where: where, Cure: "chmod 600 " + where,
		Text: fmt.Sprintf("everybody on this machine may use it (mode %04o)", mode.Perm())}}
}

// checkOwnNumber compares whose folder it is with the number that the expected set gives.
func (f *folder) checkOwnNumber() {
	wanted := f.wantedNumber()
	if wanted == unknownParty || len(f.keys) != 1 || f.keys[0] == wanted {
		return
	}
	f.add(Finding{FolderOwnNumber, true, playerFile(f.keys[0], ".key"), f.own.Component,
		fmt.Sprintf("the folder is of party %d, and %s is party %d", f.keys[0], f.own.Component, wanted), cureRewrite})
}
