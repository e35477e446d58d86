package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// keepFolders is how many renderings stay beside each other: an MP-SPDZ run may still be in an older one.
const keepFolders = 3

// players is one folder of player files and what stands in it.
type players struct {
	dir     string // holds the renderings and the link to the one in force
	name    string // of the rendering that current leads to; empty: none
	checked bool   // the folder was compared file by file since the start
	set     mpspdz.PartySet
	signers []*mpspdz.Authority // that stand among the files of set
	noSet   *api.Warning        // why set is not in force
	waiting *api.Warning        // why not the wanted set is in force, but a former one, which still stands as approved
	failed  *api.Warning        // why the wanted set could not be written; what was in force stays
	written time.Time
	spoiled bool // what stands in the folder is not as it must be, and is not written anew yet
}

// wanted is a set to be put in force, or why there is none.
type wanted struct {
	set  mpspdz.PartySet
	none *api.Warning
	wait bool // none yet: it comes by itself
}

// formed is the set, or the reason why its members make none.
func formed(set mpspdz.PartySet, err error) (wanted, error) {
	var reason *mpspdz.SetError
	if err == nil {
		err = set.CheckNames()
	}
	if errors.As(err, &reason) {
		return wanted{none: &api.Warning{Code: reason.Code, Text: reason.Text, Cure: reason.Cure}}, nil
	}
	return wanted{set: set}, err
}

// inForce says whether set is in force.
func (p *players) inForce() bool { return p.noSet == nil && p.name != "" }

// broken says whether what stands in the folder is not what should, and could not be written yet.
func (p *players) broken() bool { return p.failed != nil || p.spoiled }

// numbers are the party numbers of the set in force, by component; nil if there is none.
func (p *players) numbers() map[string]int {
	if !p.inForce() {
		return nil
	}
	numbers := map[string]int{}
	for i, party := range p.set.Parties() {
		numbers[party.Component] = i
	}
	return numbers
}

func (p *players) link() string { return filepath.Join(p.dir, "current") }

// look reads which rendering is in force.
func (p *players) look() {
	p.name, p.written = "", time.Time{}
	target, err := os.Readlink(p.link())
	if err != nil {
		return
	}
	p.name = filepath.Base(target)
	if info, err := os.Lstat(p.link()); err == nil {
		p.written = info.ModTime().UTC()
	}
}

// compare says what stands in the folder of the wanted set, and writes nothing.
func (p *players) compare(w wanted, own mpspdz.Own) error {
	p.set, p.noSet = w.set, w.none
	if w.none != nil {
		return nil
	}
	files, err := mpspdz.Render(w.set, own)
	if err == nil {
		p.signers, err = w.set.Authorities(own.Authorities)
	}
	if err == nil && mpspdz.RenderedName(files) != p.name {
		p.noSet = &api.Warning{Code: api.WarnNotWritten, Text: "the player files of this set are not written yet", Cure: "fbpeer run"}
	}
	return err
}

// update puts the wanted set in force, or takes the present one out of force if there is none. done describes what was written, and
// is empty if nothing had to be.
func (p *players) update(c *config.Config, s store, w wanted, own mpspdz.Own) (done string, err error) {
	if w.none != nil {
		return p.unlink(s, w.none)
	}
	files, err := mpspdz.Render(w.set, own)
	if err != nil {
		return "", err
	}
	signers, err := w.set.Authorities(own.Authorities)
	if err != nil {
		return "", err
	}
	name := mpspdz.RenderedName(files)
	if name == p.name && p.checked {
		p.set, p.signers, p.noSet, p.waiting = w.set, signers, nil, nil
		return "", nil
	}
	dirMode, err := preparePlayers(c.PlayersDir, p.dir, c.PlayersGroup)
	if err != nil {
		return "", err
	}
	err = s.do("swap players", func() error {
		return durable.SwapFolder(p.dir, name, durableFiles(files, c.PlayersGroup != ""), mpspdz.Trusts, dirMode, keepFolders)
	})
	if err != nil {
		return "", err
	}
	before := p.name
	*p = players{dir: p.dir, set: w.set, signers: signers, checked: true}
	p.look()
	p.name = name // the link may lead to a mended copy of it
	if before == name {
		return "", nil
	}
	return fmt.Sprintf("player files of %d parties, set %s", w.set.Len(), w.set.Digest()), nil
}

// unlink takes the present set out of force.
func (p *players) unlink(s store, why *api.Warning) (done string, err error) {
	if p.name != "" {
		if err := s.unlinkFolder(p.dir); err != nil {
			return "", err
		}
		done = "player files taken out of force: " + why.Text
	}
	*p = players{dir: p.dir, noSet: why}
	return done, nil
}

func (s store) unlinkFolder(dir string) error {
	return s.do("unlink players", func() error { return durable.UnlinkFolder(dir) })
}

// unlinkPlayers takes the player files out of force of those folders that match a pattern and are chosen.
func (s store) unlinkPlayers(pattern string, chosen func(dir string) bool) error {
	links, err := filepath.Glob(filepath.Join(pattern, "current"))
	problems := []error{err}
	for _, link := range links {
		if dir := filepath.Dir(link); chosen(dir) {
			problems = append(problems, s.unlinkFolder(dir))
		}
	}
	return errors.Join(problems...)
}

func durableFiles(files []mpspdz.File, group bool) []durable.File {
	list := make([]durable.File, len(files))
	for i, f := range files {
		if f.Target != "" {
			list[i] = durable.File{Path: f.Path, Target: f.Target}
			continue
		}
		list[i] = durable.File{Path: f.Path, Data: f.Data, Mode: f.Mode}
		if group {
			list[i].Mode |= (f.Mode & 0o400) >> 3 // the group reads what the owner reads
		}
	}
	return list
}

// preparePlayers makes the folder that holds a set's renderings, and those above it up to root, [players] dir. With a group, each passes it
// on to all that is made in it (set-group-id); root's own parents must let the group through.
func preparePlayers(root, dir, groupName string) (mode fs.FileMode, err error) {
	if len(dir) > len(root) {
		if _, err := preparePlayers(root, filepath.Dir(dir), groupName); err != nil {
			return 0, err
		}
	}
	return prepareFolder(dir, groupName)
}

func prepareFolder(dir, groupName string) (dirMode fs.FileMode, err error) {
	if groupName == "" {
		return 0o700, durable.MkdirAll(dir, 0o700)
	}
	const mode = fs.ModeSetgid | 0o750
	if err := durable.MkdirAll(dir, 0o750); err != nil {
		return 0, err
	}
	group, err := user.LookupGroup(groupName)
	if err != nil {
		return 0, fmt.Errorf("[players] group: %w", err)
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return 0, fmt.Errorf("[players] group: %w", err)
	}
	if err := os.Chown(dir, -1, gid); err != nil {
		return 0, fmt.Errorf("[players] group: the component's user must belong to it: %w", err)
	}
	return mode, os.Chmod(dir, mode)
}

// shown is the set in force as readers see it, with the aliases of its members.
func (p *players) shown(component string, alias func(string) string) *api.Set {
	if !p.inForce() {
		return nil
	}
	own := p.set.Number(component)
	shown := &api.Set{
		Digest: p.set.Digest().String(), Words: digestWords(p.set.Digest()), Dir: p.link(), Party: own,
		Command: mpspdz.Arguments(own, p.set.Len()), Written: p.written,
	}
	for i, party := range p.set.Parties() {
		shown.Parties = append(shown.Parties, api.SetParty{Party: i, Component: party.Component, Alias: alias(party.Component), Endpoint: party.Endpoint.String()})
	}
	return shown
}
