package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/trust"
)

// cardSpared is how long an approved card outlives the approval that was removed by hand, so that putting the text back restores
// everything.
const cardSpared = time.Hour

// putBack is what to do where the list is gone, or emptied by mistake.
const putBack = "put it back from version control or a backup"

// loadList reads trust.ini at the start, where anything wrong with it is final.
func (k *core) loadList() error {
	path := k.config.TrustList
	afresh := putBack + "; to start afresh, remove " + k.store.path(dirApproved) + " too"
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !k.store.hasApprovedCards() {
			return nil
		}
		return ownFile(afresh, "%s is missing, but components have been approved here", path)
	case err != nil:
		return ownFile("make it readable for the component's user", "the trust list cannot be read: %w", err)
	}
	list, err := trust.Parse(path, data)
	if err != nil {
		return ownFile("correct that line", "%w", err)
	}
	if isEmpty(list) && k.store.hasApprovedCards() {
		return ownFile(afresh, "%s has no section, but components have been approved here", path)
	}
	k.setList(list, data)
	k.untold = false // how it differs from what the log knows is found by catchUp
	return nil
}

func isEmpty(list trust.List) bool { return len(list.Entries()) == 0 && len(list.Listed()) == 0 }

// setList puts a list in force. data is the file's text. Its lines in the log are still to come: listTold says when they have.
func (k *core) setList(list trust.List, data []byte) {
	k.list, k.listFile, k.untold = list, data, true
	k.named = map[peer.ID]bool{}
	for _, id := range list.Listed() {
		k.named[id] = true
	}
}

// errEmptied is a list that lost all at once.
var errEmptied = errors.New("has no section any more, but components are approved")

// reloadList reads trust.ini again. On any error the list in force stays; a list without a section is one where components are
// approved, as a missing list is.
func (k *core) reloadList(now time.Time) (changed bool, err error) {
	data, err := os.ReadFile(k.config.TrustList)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isEmpty(k.list):
		k.problems.clear(api.WarnTrustList)
		return false, nil
	case err != nil:
		return false, fmt.Errorf("the trust list cannot be read: %w", err)
	case k.listFile != nil && bytes.Equal(data, k.listFile):
		k.problems.clear(api.WarnTrustList)
		return false, nil
	}
	list, err := trust.Parse(k.config.TrustList, data)
	if err != nil {
		return false, err
	}
	if isEmpty(list) && len(k.approved) > 0 {
		return false, fmt.Errorf("%s %w", k.config.TrustList, errEmptied)
	}
	for id := range k.approved {
		_, before := k.list.ByPeer(id)
		if _, after := list.ByPeer(id); before && !after {
			k.spared[id] = now.Add(cardSpared)
		}
	}
	before := k.list
	k.setList(list, data)
	k.recordEdits(before, byHand(k.config.TrustList), now)
	k.problems.clear(api.WarnTrustList)
	return true, nil
}
