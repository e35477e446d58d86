package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// LogRecord is one line of log.jsonl. Each line carries the SHA-256 of the one before, so that one taken out, put in or altered shows.
// Everything from a peer is in display form (escaped).
type LogRecord struct {
	Time        time.Time `json:"time"`
	Event       string    `json:"event"` // heard, approved, changed, denied, revoked, forgotten, conflict, written, registry, pinned, own, authorities, failed, next-key, approved-ahead, followed, next-withdrawn, expires …
	Component   string    `json:"component,omitempty"`
	Peer        string    `json:"peer_id,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	By          string    `json:"by,omitempty"`
	Changes     []Change  `json:"changes,omitempty"`
	Text        string    `json:"text,omitempty"`
	Previous    string    `json:"previous"` // Line fills it in
}

// Line renders the record after the line before it (without its newline; nil for the first), as one JSON object without a newline.
// Previous is the SHA-256 of that line in hex, of no bytes at all for the first. Time is written in UTC.
func (r LogRecord) Line(previous []byte) []byte {
	sum := sha256.Sum256(previous)
	r.Previous = hex.EncodeToString(sum[:])
	type fields LogRecord
	// The time as text, since a time.Time outside years 0 to 9999 would be an error. Of strings alone Marshal gives none.
	line, _ := json.Marshal(struct {
		Time string `json:"time"`
		fields
	}{r.Time.UTC().Format(time.RFC3339Nano), fields(r)})
	return line
}
