package mpspdz

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// othersWrite is the permission bit of a file that anybody on the machine may change, or of a folder in which anybody may make, replace and
// remove files.
const othersWrite = 0o002

// checkWritable finds what anybody on this machine may change of what a run trusts: the folder, Player-Data, the ip file, and the
// certificates, keys and hash links. A file is judged through a link to it: a link has no permissions of its own.
func (f *folder) checkWritable() {
	checked := map[string]bool{}
	var where, shown, change []string
	look := func(name, argument string) {
		info, err := fs.Stat(f.fsys, name)
		if err != nil || info.Mode()&othersWrite == 0 || !info.IsDir() && !info.Mode().IsRegular() {
			return
		}
		if target, err := fs.ReadLink(f.fsys, name); err == nil && filepath.IsLocal(target) {
			name = path.Join(path.Dir(name), target) // a hash link's certificate, which is looked at by its own name
		}
		if checked[name] {
			return
		}
		if name == "." && info.Mode()&fs.ModeSticky != 0 {
			return // what stands in it can be replaced by its owner alone
		}
		checked[name] = true
		where = append(where, escape(name, ""))
		shown = append(shown, fmt.Sprintf("%s (mode %04o)", writableName(name), info.Mode().Perm()))
		if len(change) == 0 || change[len(change)-1] != argument {
			change = append(change, argument)
		}
	}
	look(".", ".")
	look(IPFile, IPFile)
	look(PlayerData, PlayerData)
	for _, name := range f.names {
		look(path.Join(PlayerData, name), PlayerData+"/*")
	}
	if len(shown) == 0 {
		return
	}
	at := "."
	if len(where) == 1 {
		at = where[0]
	}
	f.fail(FolderWritable, at, "everybody on this machine may change whom a run trusts and where it dials: "+fileList(shown),
		"take that right away, in the folder: chmod o-w "+strings.Join(change, " "))
}

// writableName is a path for people, safe to print.
func writableName(name string) string {
	if name == "." {
		return "the folder itself"
	}
	return escape(name, "")
}
