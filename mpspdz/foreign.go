package mpspdz

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Ours is what a folder of a user's own may hold in the place of rendered files without anybody losing anything: what an earlier set left.
// It is known by keys, the SHA-256 of a SubjectPublicKeyInfo, since a party has other certificates in other sets.
type Ours struct {
	Keys         map[Hash]bool // private keys that are kept elsewhere, as the own former one; the rendered one is known
	Certificates map[Hash]bool // keys of parties that are or were approved; those rendered are known
}

// Foreign says what stands in a folder of a user's own that does not belong to the rendered files, and that a run would trust or take for
// its own: certificates, keys and hash links, by Trusts. In the place of a rendered file too: a private key that is not the own one, and
// a certificate of nobody who is known, which writing would destroy. Inputs, outputs and preprocessing are left out of it; there may be no
// folder yet. One finding of FolderForeign names each, and paths are those to remove, relative and slash-separated. A finding of another
// code has no path: nothing can be written there until somebody has seen to it. Player-Data and ip_addresses must not be symbolic links,
// since what they lead to is somebody else's: then nothing behind them is looked at.
func Foreign(fsys fs.FS, files []File, ours Ours) (findings []Finding, paths []string) {
	for _, at := range [...]struct{ name, cure string }{
		{PlayerData, "remove the link, and a folder is made in its place; or give the folder that the real " + PlayerData + " stands in"},
		{IPFile, "remove the link, and a file is written in its place"},
	} {
		if target, is := linkTarget(fsys, at.name); is {
			findings = append(findings, Finding{Code: FolderSymlink, Error: true, Where: at.name,
				Text: "it is a symbolic link (to " + target + "), and what it leads to is not to be written into", Cure: at.cure})
		}
	}
	if len(findings) > 0 {
		return findings, nil
	}
	planned := make(map[string]bool, len(files))
	known := knownKeys(files, ours)
	for _, file := range files {
		planned[file.Path] = true
		if isFolder(fsys, file.Path) {
			findings = append(findings, inTheWay(file.Path))
		}
	}
	names, err := trustNames(fsys)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return findings, nil
	case err != nil:
		return append(findings, Finding{Code: FolderUnreadable, Error: true, Where: PlayerData,
			Text: "it cannot be read: " + cause(err), Cure: cureReadable}), nil
	case len(names) > maxFolderFiles:
		return append(findings, Finding{Code: FolderTooMany, Error: true, Where: PlayerData,
			Text: fmt.Sprintf("there are more than %d certificates, keys and hash links", maxFolderFiles), Cure: "remove what is of no party"}), nil
	}
	for _, name := range names {
		at := path.Join(PlayerData, name)
		text := ""
		switch {
		case planned[at]:
			if text = known.lost(fsys, at); text == "" {
				continue
			}
		case isFolder(fsys, at):
			findings = append(findings, inTheWay(at))
			continue
		default:
			text = foreignText(fsys, at)
		}
		paths = append(paths, at)
		findings = append(findings, Finding{Code: FolderForeign, Error: true, Where: escape(at, ""), Text: text, Cure: "move it away, or add --prune"})
	}
	return findings, paths
}

// knownKeys adds the keys of the rendered files to what else is known.
func knownKeys(files []File, ours Ours) Ours {
	known := Ours{Keys: map[Hash]bool{}, Certificates: map[Hash]bool{}}
	maps.Copy(known.Keys, ours.Keys)
	maps.Copy(known.Certificates, ours.Certificates)
	for _, file := range files {
		switch path.Ext(file.Path) {
		case ".key":
			if key, err := KeyOfPrivatePEM(file.Data); err == nil {
				known.Keys[key], known.Certificates[key] = true, true
			}
		case ".pem":
			for _, key := range KeysOf(file.Data) {
				known.Certificates[key] = true
			}
		}
	}
	return known
}

// KeyOfPrivatePEM is the SHA-256 of the public key of a private one, as certificates give it. The error is that of ParsePrivateKeyPEM.
func KeyOfPrivatePEM(b []byte) (Hash, error) {
	key, err := ParsePrivateKeyPEM(b)
	if err != nil {
		return Hash{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return Hash{}, errKeyType()
	}
	return sha256.Sum256(spki), nil
}

// KeysOf are the keys of the certificates in a file, PEM or DER, also of those that a rule refuses. What cannot be read has none.
func KeysOf(file []byte) (keys []Hash) {
	if c, err := x509.ParseCertificate(file); err == nil {
		return []Hash{sha256.Sum256(c.RawSubjectPublicKeyInfo)}
	}
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			keys = append(keys, sha256.Sum256(c.RawSubjectPublicKeyInfo))
		}
	}
	return keys
}

// lost says what would be lost if a rendered file took the place of what stands there. Empty: nothing, as there is nothing, or a link, or no
// file, or what an earlier set left, or no certificate and no key.
func (o Ours) lost(fsys fs.FS, name string) string {
	if info, err := fs.Lstat(fsys, name); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return ""
	}
	isKey := strings.HasSuffix(name, ".key")
	data, fault := readRegular(fsys, name, maxPEM)
	switch {
	case fault != nil && isKey:
		return "it may be somebody's private key: " + fault.Text
	case fault != nil:
		return ""
	case isKey:
		key, err := KeyOfPrivatePEM(data)
		if err != nil {
			return "it may be somebody's private key: " + err.Error()
		}
		if !o.Keys[key] {
			return "a private key that is not this component's own"
		}
		return ""
	case bytes.Contains(data, []byte("PRIVATE KEY-----")):
		return "a file that holds a private key, where a certificate belongs"
	}
	if slices.ContainsFunc(KeysOf(data), func(key Hash) bool { return !o.Certificates[key] }) {
		text := "a certificate of nobody who is in this set, or is known to be or have been approved"
		if file := readCertificateFile(fsys, name); len(file.certificates) > 0 {
			text += ": " + file.certificates[0].called()
		}
		return text
	}
	return ""
}

// isFolder does not follow a link: that can be replaced and removed.
func isFolder(fsys fs.FS, name string) bool {
	info, err := fs.Lstat(fsys, name)
	return err == nil && info.IsDir()
}

// linkTarget says whether a path is a symbolic link, and where it leads, safe to print.
func linkTarget(fsys fs.FS, name string) (target string, is bool) {
	info, err := fs.Lstat(fsys, name)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return "", false
	}
	if target, err = fs.ReadLink(fsys, name); err != nil {
		return "a place that cannot be read: " + cause(err), true
	}
	return short(target), true
}

func inTheWay(name string) Finding {
	return Finding{Code: FolderOddFile, Error: true, Where: escape(name, ""), Text: "it is no file, but a folder", Cure: "move it away"}
}

// foreignText says what a file of no party holds.
func foreignText(fsys fs.FS, name string) string {
	if strings.HasSuffix(name, ".key") {
		return "a private key that is not this set's"
	}
	file := readCertificateFile(fsys, name)
	link := !strings.HasSuffix(name, ".pem")
	switch {
	case link && file.target != "":
		return "a hash link to " + file.target
	case file.fault != nil:
		return "a file that is not this set's: " + file.fault.Text
	case link:
		return "a hash link that holds a certificate, " + file.certificates[0].called()
	}
	return "a certificate that is not this set's: " + file.certificates[0].called()
}
