package exchange

import (
	"bytes"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

func TestArmourRoundTrip(t *testing.T) {
	for _, size := range []int{1, 2, 3, 47, 48, 49, 96, 97, 2000, MaxSealed} {
		record := bytes.Repeat([]byte{0xa5, 0x01, 0xff}, size)[:size]
		card := Armour(record)
		got, err := Dearmour(card)
		if err != nil || len(got) != 1 || !bytes.Equal(got[0], record) {
			t.Errorf("%d bytes: %v", size, err)
		}
		block, rest := pem.Decode(card)
		if block == nil || block.Type != "FBPEER ANNOUNCEMENT" || !bytes.Equal(block.Bytes, record) || len(rest) != 0 {
			t.Errorf("%d bytes: encoding/pem reads it otherwise", size)
		}
		if !bytes.Equal(card, pem.EncodeToMemory(&pem.Block{Type: "FBPEER ANNOUNCEMENT", Bytes: record})) {
			t.Errorf("%d bytes: encoding/pem writes it otherwise", size)
		}
	}
}

func TestDearmourAccepts(t *testing.T) {
	one, two := []byte("first record"), bytes.Repeat([]byte("second "), 20)
	card := "component: alice\n\n" + string(Armour(one)) + "\nand\n" + string(Armour(two)) + "-- \nAlice"
	for name, text := range map[string]string{
		"text around":   card,
		"CR LF":         strings.ReplaceAll(card, "\n", "\r\n"),
		"no final line": strings.TrimSpace(string(Armour(one, two))),
		"other PEM":     "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n" + card,
	} {
		got, err := Dearmour([]byte(text))
		if err != nil || len(got) != 2 || !bytes.Equal(got[0], one) || !bytes.Equal(got[1], two) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestDearmourRefuses(t *testing.T) {
	const begin, end = "-----BEGIN FBPEER ANNOUNCEMENT-----\n", "-----END FBPEER ANNOUNCEMENT-----\n"
	full := strings.Repeat("QUJD", 16) + "\n"
	for name, c := range map[string]struct {
		card string
		line int
		text string
	}{
		"empty card":           {"", 0, "no announcement"},
		"no block":             {"hello\n", 0, "no announcement"},
		"empty block":          {begin + end, 1, "empty"},
		"not ended":            {begin + "QUJD\n", 1, "does not end"},
		"begun twice":          {begin + "QUJD\n" + begin, 3, "not a line"},
		"ended by another":     {begin + "QUJD\n-----END CERTIFICATE-----\n", 3, "not a line"},
		"END alone":            {"x\n" + end, 2, "damaged"},
		"second END":           {begin + "QUJD\n" + end + end, 4, "damaged"},
		"space after BEGIN":    {"-----BEGIN FBPEER ANNOUNCEMENT----- \nQUJD\n" + end, 1, "damaged"},
		"quoted":               {"> " + begin + "> QUJD\n> " + end, 1, "damaged"},
		"lower case":           {strings.ToLower(begin), 1, "damaged"},
		"header":               {begin + "Comment: x\n\nQUJD\n" + end, 3, "not a line"},
		"blank line":           {begin + "QUJD\n\n" + end, 3, "not a line"},
		"blank first line":     {begin + "\nQUJD\n" + end, 2, "not a line"},
		"space in a line":      {begin + "QU JD\n" + end, 1, "not base64"},
		"trailing space":       {begin + "QUJD \n" + end, 1, "not base64"},
		"short line not last":  {begin + "QUJD\n" + full + end, 3, "not a line"},
		"long line":            {begin + "QUJD" + full + end, 2, "not a line"},
		"no padding":           {begin + "QUJDRA\n" + end, 1, "not base64"},
		"padding within":       {begin + "QUJDRA==" + strings.Repeat("QUJD", 14) + "\nQUJD\n" + end, 1, "not base64"},
		"trailing bits":        {begin + "QUJDRB==\n" + end, 1, "not base64"},
		"URL alphabet":         {begin + "____\n" + end, 1, "not base64"},
		"CR within":            {begin + "QU\rJD\n" + end, 2, "not a line"},
		"two CR":               {begin + "QUJD\r\r\n" + end, 2, "not a line"},
		"too large a record":   {string(Armour(make([]byte, MaxSealed+1))), 1, "larger"},
		"much too large":       {string(Armour(make([]byte, 4*MaxSealed))), 1, "larger"},
		"one good, one cut":    {string(Armour([]byte("x"))) + begin + "QUJD\n", 4, "does not end"},
		"too large a card":     {strings.Repeat("x", MaxCard+1), 0, "at most"},
		"NUL in a line":        {begin + "QUJ\x00\n" + end, 1, "not base64"},
		"text in front of END": {begin + "QUJD\n x " + end, 3, "not a line"},
	} {
		_, err := Dearmour([]byte(c.card))
		var cardErr *CardError
		if !errors.As(err, &cardErr) || cardErr.Line != c.line || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want line %d, %q", name, err, c.line, c.text)
		}
	}
}

// FuzzDearmour: what parses, written again, gives the same records, and is the block's text but for the line ends.
func FuzzDearmour(f *testing.F) {
	f.Add([]byte("x\n" + string(Armour([]byte("one"), bytes.Repeat([]byte{7}, 100)))))
	f.Add(bytes.ReplaceAll(Armour([]byte("one")), []byte("\n"), []byte("\r\n")))
	f.Fuzz(func(t *testing.T, card []byte) {
		records, err := Dearmour(card)
		if err != nil {
			return
		}
		text := strings.ReplaceAll(string(card)+"\n", "\r\n", "\n") // the last line may lack its end, and have its CR
		for _, record := range records {
			at := strings.Index(text, string(Armour(record)))
			if at < 0 {
				t.Fatalf("%q was read from another form", record)
			}
			text = text[at+len(Armour(record)):]
		}
	})
}
