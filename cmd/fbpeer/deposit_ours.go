package main

import (
	"io/fs"
	"os"
	"path/filepath"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/mpspdz"
)

// oursOf is what an earlier set of ours may have left in a folder, as far as this site still knows it: the former key that is kept, the
// parties that are or were approved, the authorities, and who is in the player files that the agent has and keeps. What cannot be read is not
// known, and is then named as foreign rather than overwritten.
func oursOf(c *config.Config, s api.Snapshot) mpspdz.Ours {
	ours := mpspdz.Ours{Keys: map[mpspdz.Hash]bool{}, Certificates: map[mpspdz.Hash]bool{}}
	if data, err := os.ReadFile(c.FormerKeyFile()); err == nil {
		if key, err := mpspdz.KeyOfPrivatePEM(data); err == nil {
			ours.Keys[key], ours.Certificates[key] = true, true
		}
	}
	for _, p := range ofState(s.Peers, api.StateAccepted, api.StateChanged, api.StateRevoked) {
		if p.Certificate == nil {
			continue
		}
		if key, err := mpspdz.ParseHash(p.Certificate.KeySHA256); err == nil {
			ours.Certificates[key] = true
		}
	}
	for _, name := range append(kept(c.PlayersDir), c.Authorities...) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for _, key := range mpspdz.KeysOf(data) {
			ours.Certificates[key] = true
		}
	}
	return ours
}

// kept are the certificates in the agent's player files, of the default set and the named ones: those in force and some before them.
func kept(players string) (names []string) {
	root := os.DirFS(players)
	for _, pattern := range []string{"*/Player-Data/P*.pem", "sets/*/*/Player-Data/P*.pem"} {
		found, _ := fs.Glob(root, pattern) // the one error there is tells of a bad pattern
		for _, name := range found {
			names = append(names, filepath.Join(players, filepath.FromSlash(name)))
		}
	}
	return names
}
