package agent

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fbpeer/exchange"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// mendPlayers writes the player files anew where what stands there is not what the set in force makes, as after a hand's or a
// program's error; the next commit does it, and until it has done so they do not stand.
func (k *core) mendPlayers(now time.Time) {
	for name, p := range k.sets() {
		if !p.inForce() {
			continue
		}
		files, err := mpspdz.Render(p.set, k.own())
		if err != nil || mpspdz.RenderedName(files) != p.name {
			p.spoiled = true // the commit writes it, if it can
			continue
		}
		differ := differences(p.link(), durableFiles(files, k.config.PlayersGroup != ""))
		if len(differ) == 0 {
			continue
		}
		p.checked, p.spoiled = false, true
		k.altered[name] = differ
		k.record(trust.LogRecord{Event: trust.EventPlayersMended, Text: "player files" + ofSet(name) + " were not as written: " + exchange.ShowText(strings.Join(differ, ", "))}, now)
	}
}

// maxDiffer bounds what is told of files that differ.
const maxDiffer = 8

// differences names the files below root that are not as planned, and those beside them that a run would trust; at most maxDiffer.
func differences(root string, files []durable.File) []string {
	var differ []string
	planned := map[string]bool{}
	for _, file := range files {
		planned[file.Path] = true
		if !stands(filepath.Join(root, filepath.FromSlash(file.Path)), file) {
			differ = append(differ, file.Path)
		}
	}
	// A folder that cannot be walked has shown itself above.
	_ = fs.WalkDir(os.DirFS(root), ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && !planned[name] && mpspdz.Trusts(name) {
			differ = append(differ, name)
		}
		return nil
	})
	slices.Sort(differ)
	if len(differ) > maxDiffer {
		differ = append(differ[:maxDiffer], "…")
	}
	return differ
}

// stands says whether path is the planned file or link, with its permissions.
func stands(path string, want durable.File) bool {
	if want.Target != "" {
		target, err := os.Readlink(path)
		return err == nil && target == filepath.FromSlash(want.Target)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != want.Mode || info.Size() != int64(len(want.Data)) {
		return false
	}
	data, err := os.ReadFile(path)
	return err == nil && bytes.Equal(data, want.Data)
}
