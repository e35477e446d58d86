package exchange

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"fbpeer/mpspdz"
)

// Digest is the 32 bytes that a sync starts with: equal digests, equal tables. It is SHA-256 over "fbpeer-table-v1" and
// a NUL, then for each entry, in the order of Table.Entries, its kind, peer id and set (each behind its length, two
// bytes, big-endian), its sequence (eight bytes, big-endian) and its hash.
func Digest(entries []Entry) mpspdz.Hash {
	message := append([]byte(nil), "fbpeer-table-v1\x00"...)
	for _, e := range entries {
		message = appendSized(message, string(e.Kind))
		message = appendSized(message, string(e.Peer))
		message = appendSized(message, e.Set)
		message = binary.BigEndian.AppendUint64(message, e.Sequence)
		message = append(message, e.Hash[:]...)
	}
	return sha256.Sum256(message)
}

// Difference says what to ask for (theirs, newer than ours or not among them) and what to offer (ours, likewise), each
// sorted as Table.Entries. theirs may be in any order and may repeat IDs: the newest counts.
func Difference(ours, theirs []Entry) (want, offer []Entry) {
	return missing(theirs, ours), missing(ours, theirs)
}

// missing is what of from is newer than in held, or not in it.
func missing(from, held []Entry) []Entry {
	have := newest(held)
	var entries []Entry
	for id, e := range newest(from) {
		if h, ok := have[id]; !ok || e.newer(h) {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int { return compareIDs(a.ID, b.ID) })
	return entries
}

func newest(entries []Entry) map[ID]Entry {
	m := make(map[ID]Entry, len(entries))
	for _, e := range entries {
		if held, ok := m[e.ID]; !ok || e.newer(held) {
			m[e.ID] = e
		}
	}
	return m
}
