package agent

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"fbpeer/trust"
)

// listHash is what the lines about the list in force carry (trust.LogRecord.List).
func (k *core) listHash() string { return trust.HashLogLine(k.list.Bytes()).String() }

// listTold ends the lines about the list in force: whoever puts one in force calls it after them. A line that could not be written is owed
// then, and trust.seen waits for it. A death before this leaves trust.seen behind, and the next start finds what is missing.
func (k *core) listTold() {
	k.untold = false
	if k.chain.known {
		k.noteSeen()
	}
}

// noteSeen notes in trust.seen which list the log knows, once it has every line about it.
func (k *core) noteSeen() {
	list := k.list.Bytes()
	if k.untold || len(k.owed)+k.lost > 0 || k.seen != nil && bytes.Equal(list, k.seen) {
		return
	}
	if err := k.store.write(k.store.path(fileSeen), list); err != nil {
		k.options.Log.Error().Err(err).Msg("the trust list that the log knows cannot be noted")
		return
	}
	k.seen = append([]byte{}, list...)
}

// recordEdits adds a line for each decision that the list now in force makes otherwise than the one before.
func (k *core) recordEdits(before trust.List, by string, now time.Time) {
	for _, r := range trust.Compare(before, k.list) {
		r.By, r.Fingerprint = by, k.fingerprintOf(r)
		k.record(r, now)
	}
	k.listTold()
}

// catchUp records how the trust list differs from the one that the log knows, but for what the log's last lines tell already: it was edited
// while no agent ran, or a crash came between a decision and its line. Who decided is what the list says where it was written since.
func (k *core) catchUp(now time.Time) {
	data, err := os.ReadFile(k.store.path(fileSeen))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var known trust.List
	if err == nil {
		known, err = trust.Parse(fileSeen, data)
	}
	if err != nil {
		k.options.Log.Warn().Err(err).Msg("which trust list the log knows cannot be told: edits made while no agent ran are not in it")
		return
	}
	var decided []string
	if k.chain.list == k.listHash() {
		decided = slices.Clone(k.chain.decided)
	}
	k.seen, k.untold = data, true
	for _, r := range trust.Compare(known, k.list) {
		if slices.Contains(decided, subject(r)) {
			continue
		}
		r = trust.Attribute(r, known, k.list)
		if r.By == "" {
			r.By = byHand(k.config.TrustList) + ", or by a command or agent that was interrupted"
		}
		r.By, r.Fingerprint = cut(r.By, maxBy), k.fingerprintOf(r)
		k.record(r, now)
	}
	k.listTold()
}
