package agent

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
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
		k.altered[name] = &altered{files: differ}
		k.record(trust.LogRecord{Event: trust.EventPlayersMended, Text: "player files" + ofSet(name) + " were not as written: " + exchange.ShowText(strings.Join(differ, ", "))}, now)
	}
}

// altered are player files that somebody else had changed, until `ready` has told it for alteredTold.
type altered struct {
	files []string
	told  time.Time // first; zero: not yet
}

// alteredTold is how long `ready` tells of it: who asks first need not be who reads the answer.
const alteredTold = 20 * time.Second

// tellAltered gives the player files of a set that somebody else had changed, if that is still to be told.
func (k *core) tellAltered(set string, now time.Time) []string {
	a := k.altered[set]
	if a == nil {
		return nil
	}
	if a.told.IsZero() {
		a.told = now.Round(0)
	}
	if since := now.Sub(a.told); since < 0 || since > alteredTold {
		delete(k.altered, set)
		return nil
	}
	return a.files
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

// pairFault says why the certificate and the key that stand in the component's files now are not those in use: nil if they are.
// What is being changed is taken over only once it has been left alone; whoever asks meanwhile must not be told yes.
func (k *core) pairFault(now time.Time) *api.Obstacle {
	if k.problems.has(api.WarnConfiguration) {
		return nil // that says it
	}
	o := &api.Obstacle{Code: api.ObstacleWarning, Component: k.config.Component.ID}
	switch pair, err := k.config.LoadKeyPair(now); {
	case err != nil:
		o.Text, o.Cure = "certificate and key of this site cannot be used as they stand: "+exchange.ShowText(err.Error()), hintOf(err)
	case pair.Certificate.SHA256() != k.self.pair.Certificate.SHA256() || !bytes.Equal(pair.KeyPEM, k.self.pair.KeyPEM):
		o.Text, o.Cure = "certificate and key of this site have just been changed, and are not taken over yet", "ask again in a few seconds: fbpeer ready --wait 30s"
	default:
		return nil
	}
	return o
}
