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
// has no path: nothing can be written there until somebody has seen to it. Player-Data and ip_addresses must not be symbolic links, since
// what they lead to is somebody else's: then nothing behind them is looked at.
func Foreign(fsys fs.FS, files []File) (findings []Finding, paths []string) {
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
