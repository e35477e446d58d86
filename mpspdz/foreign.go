package mpspdz

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Foreign says what stands in a folder of a user's own that does not belong to the rendered files, and that a run would trust or take for
// its own: certificates, keys and hash links, by Trusts. Inputs, outputs and preprocessing are left out of it; there may be no folder
// yet. One finding of FolderForeign names each, and paths are those to remove, relative and slash-separated. A finding of another code
// has no path: nothing can be written there until somebody has seen to it.
func Foreign(fsys fs.FS, files []File) (findings []Finding, paths []string) {
	planned := make(map[string]bool, len(files))
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
		if planned[at] {
			continue
		}
		if isFolder(fsys, at) {
			findings = append(findings, inTheWay(at))
			continue
		}
		paths = append(paths, at)
		findings = append(findings, Finding{Code: FolderForeign, Error: true, Where: escape(at, ""),
			Text: foreignText(fsys, at), Cure: "remove it, or add --prune"})
	}
	return findings, paths
}

// isFolder does not follow a link: that can be replaced and removed.
func isFolder(fsys fs.FS, name string) bool {
	info, err := fs.Lstat(fsys, name)
	return err == nil && info.IsDir()
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
