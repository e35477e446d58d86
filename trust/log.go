package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// LogRecord is one line of log.jsonl. Each line carries the SHA-256 of the one before, so that one taken out, put in or altered shows.
// Everything from a peer is in display form (escaped).
type LogRecord struct {
	Time        time.Time `json:"time"`
	Event       string    `json:"event"` // one of the Event constants
	Component   string    `json:"component,omitempty"`
	Peer        string    `json:"peer_id,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	By          string    `json:"by,omitempty"` // the operating-system user who decided, user@host
	Changes     []Change  `json:"changes,omitempty"`
	Text        string    `json:"text,omitempty"`
	List        string    `json:"list,omitempty"`   // of a decision: the SHA-256 of the trust list that was in force after it, in hexadecimal
	Number      uint64    `json:"number,omitempty"` // of the line in the log, from 1, over rotation; 0 in logs of before numbers
	Previous    string    `json:"previous"`         // Line fills it in
}

// MaxLogLine is the longest line that is taken for a record, in bytes without its newline.
const MaxLogLine = 256 << 10

// maxLogNumber keeps numbers exact where a reader of JSON holds them as floating point.
const maxLogNumber = 1 << 53

// LogHash is the SHA-256 of a line without its newline. Its text is hexadecimal, as sha256sum prints it.
type LogHash [sha256.Size]byte

// LogStart is what the first line of a log carries as the hash of the one before: that of no bytes at all.
func LogStart() LogHash { return sha256.Sum256(nil) }

// HashLogLine is the hash of a line, given without its newline.
func HashLogLine(line []byte) LogHash { return sha256.Sum256(line) }

func (h LogHash) String() string { return hex.EncodeToString(h[:]) }

// ParseLogHash reads 64 hexadecimal digits.
func ParseLogHash(text string) (h LogHash, err error) {
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != len(h) {
		return LogHash{}, fmt.Errorf("%q is not a SHA-256 in 64 hexadecimal digits", text)
	}
	copy(h[:], data)
	return h, nil
}

// Line renders the record after what stands before it, as one JSON object without a newline. previous is the hash of the line
// before, LogStart for the first (package comment: what a torn line changes in that). Time is written in UTC.
func (r LogRecord) Line(previous LogHash) []byte {
	r.Previous = previous.String()
	type fields LogRecord
	// The time as text, since a time.Time outside years 0 to 9999 would be an error. Of strings alone Marshal gives none.
	line, _ := json.Marshal(struct {
		Time string `json:"time"`
		fields
	}{r.Time.UTC().Format(time.RFC3339Nano), fields(r)})
	return line
}

// ParseLogLine reads one line, given without its newline. Fields that it does not know are passed over: a later release may write
// more. The error says what a record must have and this line has not.
func ParseLogLine(line []byte) (LogRecord, error) {
	if len(line) > MaxLogLine {
		return LogRecord{}, fmt.Errorf("longer than %d bytes", MaxLogLine)
	}
	var r LogRecord
	decoder := json.NewDecoder(bytes.NewReader(line))
	if err := decoder.Decode(&r); err != nil {
		return LogRecord{}, errors.New("not a JSON object with the fields of a record")
	}
	if decoder.InputOffset() != int64(len(line)) || !bytes.HasPrefix(line, []byte("{")) {
		return LogRecord{}, errors.New("more than one JSON object")
	}
	switch _, err := ParseLogHash(r.Previous); {
	case err != nil || strings.ToLower(r.Previous) != r.Previous:
		return LogRecord{}, errors.New("it has no hash of the line before")
	case r.Event == "" || r.Time.IsZero():
		return LogRecord{}, errors.New("it has no event or no time")
	case r.Number > maxLogNumber:
		return LogRecord{}, errors.New("its number is none that a log comes to")
	}
	return r, nil
}

// LogHead is where a log had got to when its head was written: the number of its last line, and that line's hash.
type LogHead struct {
	Number uint64
	Hash   LogHash
}

// Bytes is the text of log.head: number, space, hash, newline.
func (h LogHead) Bytes() []byte {
	return []byte(strconv.FormatUint(h.Number, 10) + " " + h.Hash.String() + "\n")
}

// ParseLogHead reads the text of log.head, exactly as Bytes writes it.
func ParseLogHead(data []byte) (LogHead, error) {
	number, hash, ok := strings.Cut(strings.TrimSuffix(string(data), "\n"), " ")
	n, err := strconv.ParseUint(number, 10, 64)
	h, hashErr := ParseLogHash(hash)
	head := LogHead{Number: n, Hash: h}
	if !ok || err != nil || hashErr != nil || n > maxLogNumber || !bytes.Equal(head.Bytes(), data) {
		return LogHead{}, errors.New("not a log's head: a number, a space and a SHA-256 in hexadecimal")
	}
	return head, nil
}
