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

// players is the folder of player files and what stands in it.
type players struct {
	name    string // of the rendering that current leads to; empty: none
	checked bool   // the folder was compared file by file since the start
	set     mpspdz.PartySet
	noSet   *api.Warning // why set is not in force
	written time.Time
}

func currentLink(dir string) string { return filepath.Join(dir, "current") }

// look reads which rendering is in force.
func (p *players) look(dir string) {
	p.name, p.written = "", time.Time{}
	target, err := os.Readlink(currentLink(dir))
	if err != nil {
		return
	}
	p.name = filepath.Base(target)
	if info, err := os.Lstat(currentLink(dir)); err == nil {
		p.written = info.ModTime().UTC()
	}
}

// render gives the set that members make and its files, or why they make none.
func render(members []mpspdz.Party, own mpspdz.Own) (set mpspdz.PartySet, files []mpspdz.File, none *api.Warning, err error) {
	set, err = mpspdz.NewPartySet(members)
	var reason *mpspdz.SetError
	if errors.As(err, &reason) {
		return set, nil, &api.Warning{Code: reason.Code, Text: reason.Text, Cure: reason.Cure}, nil
	}
	if err != nil {
		return set, nil, nil, err
	}
	files, err = mpspdz.Render(set, own)
	return set, files, nil, err
}

// compare says what stands in the folder of what members would make, and writes nothing.
func (p *players) compare(members []mpspdz.Party, own mpspdz.Own) error {
	set, files, none, err := render(members, own)
	if err != nil {
		return err
	}
	p.set, p.noSet = set, none
	if none == nil && mpspdz.RenderedName(files) != p.name {
		p.noSet = &api.Warning{Code: api.WarnNotWritten, Text: "the player files of this set are not written yet", Cure: "fbpeer run"}
	}
	return nil
}

// update puts the set that members make in force, or takes the present one out of force if they make none. done describes what
// was written, and is empty if nothing had to be.
func (p *players) update(c *config.Config, s store, members []mpspdz.Party, own mpspdz.Own) (done string, err error) {
	set, files, none, err := render(members, own)
	if err != nil {
		return "", err
	}
	if none != nil {
		had := p.name != ""
		if had {
			if err := s.do("unlink players", func() error { return durable.UnlinkFolder(c.PlayersDir) }); err != nil {
				return "", err
			}
			done = "player files taken out of force: " + none.Text
		}
		*p = players{noSet: none}
		return done, nil
	}
	name := mpspdz.RenderedName(files)
	if name == p.name && p.checked {
		p.set, p.noSet = set, nil
		return "", nil
	}
	dirMode, err := preparePlayers(c)
	if err != nil {
		return "", err
	}
	err = s.do("swap players", func() error {
		return durable.SwapFolder(c.PlayersDir, name, durableFiles(files, c.PlayersGroup != ""), mpspdz.Trusts, dirMode, keepFolders)
	})
	if err != nil {
		return "", err
	}
	before := p.name
	*p = players{set: set, checked: true}
	p.look(c.PlayersDir)
	p.name = name // the link may lead to a mended copy of it
	if before == name {
		return "", nil
	}
	return fmt.Sprintf("player files of %d parties, set %s", set.Len(), set.Digest()), nil
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

// preparePlayers makes the folder that holds the renderings. With a group, the folder passes it on to all that is made in it
// (set-group-id); its own parents must let the group through.
func preparePlayers(c *config.Config) (dirMode fs.FileMode, err error) {
	if c.PlayersGroup == "" {
		return 0o700, durable.MkdirAll(c.PlayersDir, 0o700)
	}
	const mode = fs.ModeSetgid | 0o750
	if err := durable.MkdirAll(c.PlayersDir, 0o750); err != nil {
		return 0, err
	}
	group, err := user.LookupGroup(c.PlayersGroup)
	if err != nil {
		return 0, fmt.Errorf("[players] group: %w", err)
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return 0, fmt.Errorf("[players] group: %w", err)
	}
	if err := os.Chown(c.PlayersDir, -1, gid); err != nil {
		return 0, fmt.Errorf("[players] group: the component's user must belong to it: %w", err)
	}
	return mode, os.Chmod(c.PlayersDir, mode)
}

// shown is the set in force as readers see it, with the aliases of its members.
func (p *players) shown(dir, component string, alias func(string) string) *api.Set {
	if p.noSet != nil || p.name == "" {
		return nil
	}
	own := p.set.Number(component)
	shown := &api.Set{
		Digest: p.set.Digest().String(), Dir: currentLink(dir), Party: own,
		Command: fmt.Sprintf("-p %d -N %d -ip ip_addresses", own, p.set.Len()), Written: p.written,
	}
	for i, party := range p.set.Parties() {
		shown.Parties = append(shown.Parties, api.SetParty{Party: i, Component: party.Component, Alias: alias(party.Component), Endpoint: party.Endpoint.String()})
	}
	return shown
}
