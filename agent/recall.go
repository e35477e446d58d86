package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// A set whose certificates were issued for its numbers cannot be made again from what its members announce: once they have issued for the
// next one, only its player files hold them. So that such a set can stay in force over a restart, a file beside names its parties: one
// line for each, in order, component id and endpoint. It is named as the rendering that it belongs to, and only believed if what it and
// the certificates there make is that rendering.
const dirParties = "parties"

// remember writes that file for a set that is about to be put in force.
func (k *core) remember(p *players, w wanted) error {
	if w.none != nil || !k.config.PerParty || p.checked && p.set.Digest() == w.set.Digest() {
		return nil
	}
	files, err := mpspdz.Render(w.set, k.own())
	if err != nil {
		return err
	}
	path := k.store.path(dirParties, mpspdz.RenderedName(files))
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	var text strings.Builder
	for _, party := range w.set.Parties() {
		fmt.Fprintf(&text, "%s %s\n", party.Component, party.Endpoint)
	}
	return k.store.write(path, []byte(text.String()))
}

// recall finds out which set stands in a folder, as it was remembered. Without a word of it the set is made anew.
func (k *core) recall(p *players) {
	if p.name == "" || !k.config.PerParty {
		return
	}
	data, err := os.ReadFile(k.store.path(dirParties, filepath.Base(p.name)))
	if err != nil {
		return
	}
	set, err := recalled(strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), filepath.Join(p.link(), mpspdz.PlayerData))
	if err != nil {
		return
	}
	if files, err := mpspdz.Render(set, k.own()); err == nil && mpspdz.RenderedName(files) == p.name {
		p.set = set
	}
}

func recalled(lines []string, dir string) (mpspdz.PartySet, error) {
	if len(lines) > mpspdz.MaxParties {
		return mpspdz.PartySet{}, errors.New("too many parties")
	}
	var parties []mpspdz.Party
	for i, line := range lines {
		component, address, _ := strings.Cut(line, " ")
		endpoint, err := mpspdz.ParseEndpoint(address)
		if err != nil {
			return mpspdz.PartySet{}, err
		}
		data, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("P%d.pem", i)))
		if err != nil {
			return mpspdz.PartySet{}, err
		}
		certificate, err := mpspdz.ParseCertificatePEM(data)
		if err != nil {
			return mpspdz.PartySet{}, err
		}
		parties = append(parties, mpspdz.Party{Component: component, Role: mpspdz.PlainParty, Endpoint: endpoint, Certificate: certificate})
	}
	return mpspdz.NewOrderedPartySet(parties)
}

// forgetParties removes the files of renderings that are not in force any more.
func (k *core) forgetParties() error {
	entries, err := os.ReadDir(k.store.path(dirParties))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	inForce := map[string]bool{}
	for _, p := range k.sets() {
		inForce[p.name] = true
	}
	for _, entry := range entries {
		if inForce[entry.Name()] {
			continue
		}
		path := k.store.path(dirParties, entry.Name())
		if err := k.store.do("remove "+dirParties, func() error { return durable.Remove(path) }); err != nil {
			return err
		}
	}
	return nil
}
