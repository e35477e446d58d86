package fedbiomed

import (
	"bytes"
	"os"

	"fbpeer/internal/durable"
)

// remember looks once for what an earlier run wrote last: the component's truncation may have fallen on it since.
func (r *Registry) remember() {
	if r.recall || r.file.Kept == "" {
		return
	}
	r.recall = true
	file, _, written, err := durable.ReadIntent(r.file.Kept)
	if err == nil && file == r.path { // else nothing is mended
		r.written = written
	}
}

// forget is for when the component has put a whole document in its place: no truncation can fall on ours any more. What is left on
// disk when that fails is only something else that mend will not find in the file.
func (r *Registry) forget() {
	r.written = nil
	_ = os.Remove(r.file.Kept)
}

// padded is data with blanks at its end up to a length. A database that becomes shorter is filled up instead of cut off: a
// truncation of ours could fall on a document that the component wrote a moment before, and would destroy its end.
func padded(data []byte, length int) []byte {
	return blanked(bytes.TrimRight(data, " "), length)
}

// blanked is data with blanks added up to a length.
func blanked(data []byte, length int) []byte {
	return append(data[:len(data):len(data)], bytes.Repeat([]byte(" "), max(0, length-len(data)))...)
}

// sameDocument says whether two differ in no more than blanks at the end, which a truncation may have taken.
func sameDocument(a, b []byte) bool {
	return bytes.Equal(bytes.TrimRight(a, " "), bytes.TrimRight(b, " "))
}

// mend says what a file that is no database must hold, if it is exactly what our document leaves when the component's own write
// (from the beginning, then a truncation to its length) falls around ours. ok is false for everything else, which nobody may touch.
//
//	ours[:k]              the component cut ours off
//	ours[:k] + zeros      it set the length of its longer document
//	ours + anything       ours came over its longer document
//	theirs + ours[k:]     its shorter document came over ours, and the truncation is missing
func mend(present, ours []byte) (whole []byte, ok bool) {
	if len(present) == 0 || len(ours) == 0 {
		return nil, false
	}
	same := 0 // the length of the beginning that they share
	for same < min(len(present), len(ours)) && present[same] == ours[same] {
		same++
	}
	rest := present[same:]
	if same == len(ours) || same > 0 && len(bytes.Trim(rest, "\x00")) == 0 {
		return padded(ours, len(present)), true
	}
	s := &scanner{data: present}
	s.space()
	if _, err := s.object(0); err != nil || len(present) != len(ours) {
		return nil, false
	}
	tail := bytes.TrimLeft(present[s.pos:], " ") // blanks are as far as an earlier mending came
	if !bytes.HasSuffix(ours, tail) {
		return nil, false
	}
	if _, err := parseDatabase(present[:s.pos]); err != nil {
		return nil, false
	}
	return padded(present[:s.pos], len(present)), true
}
