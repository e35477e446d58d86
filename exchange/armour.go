package exchange

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

const (
	armourBegin  = "-----BEGIN FBPEER ANNOUNCEMENT-----"
	armourEnd    = "-----END FBPEER ANNOUNCEMENT-----"
	armourMark   = "FBPEER ANNOUNCEMENT"
	armourColumn = 64
)

// MaxCard is the most bytes of a card: more than 255 records of the largest size.
const MaxCard = 8 << 20

// CardError says where a card is wrong. Line counts from 1; 0 is the whole card.
type CardError struct {
	Line int
	Text string
}

// Error is one line; nothing in it came from the card.
func (e *CardError) Error() string {
	if e.Line == 0 {
		return "card: " + e.Text
	}
	return fmt.Sprintf("card: line %d: %s", e.Line, e.Text)
}

// Armour writes sealed records as a card: for each a BEGIN line, standard padded base64 in lines of 64, and an END line.
func Armour(sealed ...[]byte) []byte {
	var b bytes.Buffer
	for _, s := range sealed {
		b.WriteString(armourBegin + "\n")
		text := base64.StdEncoding.EncodeToString(s)
		for len(text) > armourColumn {
			b.WriteString(text[:armourColumn] + "\n")
			text = text[armourColumn:]
		}
		b.WriteString(text + "\n" + armourEnd + "\n")
	}
	return b.Bytes()
}

// Dearmour takes the sealed records out of a card, in its order; it does not open them. Text before, between and after
// the blocks is passed over, and lines may end in CR LF, as mail makes them. Within a block only what Armour writes is
// accepted. A card without a block, a block that does not end, an empty one, one of more than MaxSealed bytes, or a
// line outside that looks like a damaged BEGIN or END line is a *CardError: no record is lost without a word.
func Dearmour(card []byte) ([][]byte, error) {
	if len(card) > MaxCard {
		return nil, &CardError{0, fmt.Sprintf("has %d bytes, at most %d are allowed", len(card), MaxCard)}
	}
	var records [][]byte
	lines := strings.Split(string(card), "\n")
	for i := 0; i < len(lines); i++ {
		switch line := strings.TrimSuffix(lines[i], "\r"); {
		case line == armourBegin:
			record, end, err := dearmourBlock(lines, i+1)
			if err != nil {
				return nil, err
			}
			records, i = append(records, record), end
		case strings.Contains(line, "-----") && strings.Contains(strings.ToUpper(line), armourMark):
			return nil, &CardError{i + 1, "a damaged BEGIN or END line, or one without the other"}
		}
	}
	if len(records) == 0 {
		return nil, &CardError{0, "holds no announcement: a line " + armourBegin + " is missing"}
	}
	return records, nil
}

// dearmourBlock reads from the line after BEGIN; end is the END line's index.
func dearmourBlock(lines []string, start int) (record []byte, end int, err error) {
	var text strings.Builder
	for i := start; i < len(lines); i++ {
		line := strings.TrimSuffix(lines[i], "\r")
		if line == armourEnd {
			return decodeBlock(text.String(), start, i)
		}
		if line == "" && i == len(lines)-1 {
			break
		}
		short := i > start && len(strings.TrimSuffix(lines[i-1], "\r")) != armourColumn
		if len(line) == 0 || len(line) > armourColumn || short || strings.Contains(line, "\r") {
			return nil, 0, &CardError{i + 1, "is not a line of an announcement: 64 characters of base64, the last line 1 to 64"}
		}
		text.WriteString(line)
		if base64.StdEncoding.DecodedLen(text.Len()) > MaxSealed+2 {
			return nil, 0, &CardError{start, fmt.Sprintf("the announcement is larger than %d bytes", MaxSealed)}
		}
	}
	return nil, 0, &CardError{start, "the announcement does not end: a line " + armourEnd + " is missing"}
}

func decodeBlock(text string, start, end int) ([]byte, int, error) {
	record, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil:
		return nil, 0, &CardError{start, "the announcement is not base64"}
	case len(record) == 0:
		return nil, 0, &CardError{start, "the announcement is empty"}
	case len(record) > MaxSealed:
		return nil, 0, &CardError{start, fmt.Sprintf("the announcement is larger than %d bytes", MaxSealed)}
	}
	return record, end, nil
}
