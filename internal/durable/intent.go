package durable

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// intentMagic begins every intent; a later format has another number.
const intentMagic = "fbpeer-intent-v1"

// IntentError says that a file is not an intent that InPlace wrote.
type IntentError struct {
	Path   string // the intent's own path
	Reason string // what is wrong with it
}

func (e *IntentError) Error() string {
	return fmt.Sprintf("%s: not an intent of ours (%s): if the file it was about is in order, remove it", e.Path, e.Reason)
}

// intent is what a Write is about to do.
type intent struct {
	path     string // absolute
	old, new []byte
}

// encode gives the one accepted form (package comment, "The intent").
func (i intent) encode() []byte {
	b := fmt.Appendf(nil, "%s %d %d %d\n", intentMagic, len(i.path), len(i.old), len(i.new))
	b = append(b, i.path...)
	b = append(b, i.old...)
	b = append(b, i.new...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// parseIntent reads what encode gives, and nothing else; reason is empty if it did. The parts alias b.
func parseIntent(b []byte) (i intent, reason string) {
	header, body, found := bytes.Cut(b, []byte{'\n'})
	if !found {
		return intent{}, "no header line"
	}
	fields := bytes.Split(header, []byte{' '})
	if len(fields) != 4 || string(fields[0]) != intentMagic {
		return intent{}, "the header is not of version " + intentMagic
	}
	var parts [3][]byte
	for n, field := range fields[1:] {
		size, err := strconv.Atoi(string(field))
		if err != nil || strconv.Itoa(size) != string(field) || size < 0 || size > len(body) {
			return intent{}, "a length does not fit"
		}
		parts[n], body = body[:size], body[size:]
	}
	if len(body) != sha256.Size {
		return intent{}, "the lengths do not add up"
	}
	if sum := sha256.Sum256(b[:len(b)-sha256.Size]); !bytes.Equal(sum[:], body) {
		return intent{}, "the checksum differs"
	}
	i = intent{path: string(parts[0]), old: parts[1], new: parts[2]}
	if !filepath.IsAbs(i.path) {
		return intent{}, "its path is not absolute"
	}
	return i, ""
}

// ReadIntent gives what the intent at a path is about: the file, what it held and what it shall hold. The error is fs.ErrNotExist
// if none stands there, or an IntentError.
func ReadIntent(path string) (file string, old, new []byte, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", nil, nil, err
	}
	i, reason := parseIntent(b)
	if reason != "" {
		return "", nil, nil, &IntentError{Path: path, Reason: reason}
	}
	return i.path, i.old, i.new, nil
}
