package exchange

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
)

// armourColumn is how many characters of base64 a line has.
const armourColumn = 64

// label is what the BEGIN and END lines of a block name.
type label string

const (
	labelRecord  label = "FBPEER ANNOUNCEMENT" // a sealed record of any kind
	labelMembers label = "FBPEER MEMBERS"      // the members of the view before it
)

func (l label) begin() string { return "-----BEGIN " + string(l) + "-----" }
func (l label) end() string   { return "-----END " + string(l) + "-----" }

// most is how many bytes a block may hold.
func (l label) most() int {
	if l == labelMembers {
		return MaxMembersSize
	}
	return MaxSealed
}

// block is one of a card.
type block struct {
	label label
	data  []byte
	line  int // of its BEGIN line, from 1
}

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
		labelRecord.armour(&b, s)
	}
	return b.Bytes()
}

func (l label) armour(b *bytes.Buffer, data []byte) {
	b.WriteString(l.begin() + "\n")
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > armourColumn {
		b.WriteString(text[:armourColumn] + "\n")
		text = text[armourColumn:]
	}
	b.WriteString(text + "\n" + l.end() + "\n")
}

// Dearmour takes the sealed records out of a card, in its order; it does not open them. Text before, between and after
// the blocks is passed over, and lines may end in CR LF, as mail makes them. Within a block only what Armour writes is
// accepted. A card without a block, a block that does not end, an empty one, one of more than MaxSealed bytes, or a
// line outside that looks like a damaged BEGIN or END line is a *CardError: no record is lost without a word.
func Dearmour(card []byte) ([][]byte, error) {
	blocks, err := dearmour(card, labelRecord)
	if err != nil {
		return nil, err
	}
	records := make([][]byte, 0, len(blocks))
	for _, b := range blocks {
		records = append(records, b.data)
	}
	return records, nil
}

// dearmour takes the blocks of some labels out of a card, of which at least one is a record. Others are text.
func dearmour(card []byte, labels ...label) ([]block, error) {
	if len(card) > MaxCard {
		return nil, &CardError{0, fmt.Sprintf("has %d bytes, at most %d are allowed", len(card), MaxCard)}
	}
	var blocks []block
	records := 0
	lines := strings.Split(string(card), "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSuffix(lines[i], "\r")
		if !strings.Contains(line, "-----") {
			continue
		}
		for _, l := range labels {
			if line != l.begin() {
				if strings.Contains(strings.ToUpper(line), string(l)) {
					return nil, &CardError{i + 1, "a damaged BEGIN or END line, or one without the other"}
				}
				continue
			}
			data, end, err := l.dearmourBlock(lines, i+1)
			if err != nil {
				return nil, err
			}
			blocks, i = append(blocks, block{l, data, i + 1}), end
			if l == labelRecord {
				records++
			}
			break
		}
	}
	if records == 0 {
		return nil, &CardError{0, "holds no announcement: a line " + labelRecord.begin() + " is missing"}
	}
	return blocks, nil
}

// dearmourBlock reads from the line after BEGIN; end is the END line's index.
func (l label) dearmourBlock(lines []string, start int) (data []byte, end int, err error) {
	var text strings.Builder
	for i := start; i < len(lines); i++ {
		line := strings.TrimSuffix(lines[i], "\r")
		if line == l.end() {
			return l.decodeBlock(text.String(), start, i)
		}
		if line == "" && i == len(lines)-1 {
			break
		}
		short := i > start && len(strings.TrimSuffix(lines[i-1], "\r")) != armourColumn
		if len(line) == 0 || len(line) > armourColumn || short || strings.Contains(line, "\r") {
			return nil, 0, &CardError{i + 1, "is not a line of " + l.what() + ": 64 characters of base64, the last line 1 to 64"}
		}
		text.WriteString(line)
		if base64.StdEncoding.DecodedLen(text.Len()) > l.most()+2 {
			return nil, 0, &CardError{start, fmt.Sprintf("%s: larger than %d bytes", l.what(), l.most())}
		}
	}
	return nil, 0, &CardError{start, l.what() + " that does not end: a line " + l.end() + " is missing"}
}

// what names a block of this label in a sentence.
func (l label) what() string {
	if l == labelMembers {
		return "a list of members"
	}
	return "an announcement"
}

func (l label) decodeBlock(text string, start, end int) ([]byte, int, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil:
		return nil, 0, &CardError{start, l.what() + " that is not base64"}
	case len(data) == 0:
		return nil, 0, &CardError{start, l.what() + " that is empty"}
	case len(data) > l.most():
		return nil, 0, &CardError{start, fmt.Sprintf("%s: larger than %d bytes", l.what(), l.most())}
	}
	return data, end, nil
}
