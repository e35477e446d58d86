package exchange

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Card is what one site tells by file: its announcement, and beside it, if they are there, what it has registered of others and its
// certificates for numbers. All of it is signed by one identity.
type Card struct {
	Announcement *Announcement
	View         *View                  // of the default set, as of its issue; nil: the card has none
	Members      *Members               // what View was made of; nil: the card does not say
	Numbered     []*NumberedCertificate // one for each set at most
}

// Encode writes the card, without text around: the announcement, the view with its members, the certificates. OpenCard reads it.
func (c Card) Encode() []byte {
	var b bytes.Buffer
	labelRecord.armour(&b, c.Announcement.Sealed)
	if c.View != nil {
		labelRecord.armour(&b, c.View.Sealed)
	}
	if c.View != nil && c.Members != nil {
		labelMembers.armour(&b, c.Members.Encode())
	}
	for _, n := range c.Numbered {
		labelRecord.armour(&b, n.Sealed)
	}
	return b.Bytes()
}

// OpenCard reads the cards of one or more sites from a file, each an announcement and what follows it of the same identity. Everything
// that never changes is checked, as OpenRecord does; time and history are not. Records that only a later release reads, and those that
// are of no use in a card, are passed over once they are known to be the same identity's. Errors are a *CardError with the line, or a
// *Refusal under one.
func OpenCard(file []byte, f Federation) ([]Card, error) {
	blocks, err := dearmour(file, labelRecord, labelMembers)
	if err != nil {
		return nil, err
	}
	var cards []Card
	for _, b := range blocks {
		var present *Card
		if len(cards) > 0 {
			present = &cards[len(cards)-1]
		}
		next, err := b.read(present, f)
		if err != nil {
			return nil, &cardFault{b.line, err}
		}
		if next != nil {
			cards = append(cards, *next)
		}
	}
	return cards, nil
}

// OpenAnyCard is OpenCard in the federation that the first record names, whose id it gives: to show a card, where it is not known whose it
// is. Every signature is checked; that the federation is the right one is not.
func OpenAnyCard(file []byte) (cards []Card, federation string, err error) {
	blocks, err := dearmour(file, labelRecord)
	if err != nil {
		return nil, "", err
	}
	first := blocks[0]
	e, err := parseEnvelope(first.data)
	if err != nil {
		return nil, "", &cardFault{first.line, err}
	}
	_, federation, err = payloadHead(e.kind, string(e.payload))
	if err != nil {
		return nil, "", &cardFault{first.line, ofKind(e.kind, err)}
	}
	if cards, err = OpenCard(file, Federation{id: federation}); err != nil {
		return nil, "", err
	}
	return cards, federation, nil
}

// cardFault says where in a card a record is that was refused.
type cardFault struct {
	line int
	err  error
}

func (c *cardFault) Error() string { return fmt.Sprintf("card: line %d: %v", c.line, c.err) }
func (c *cardFault) Unwrap() error { return c.err }

// read takes a block into the present card, or gives the next one, which it begins.
func (b block) read(present *Card, f Federation) (next *Card, err error) {
	if b.label == labelMembers {
		return nil, present.takeMembers(b.data)
	}
	r, err := OpenRecord(b.data, f)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Code == CodeNewerVersion && present != nil {
		return nil, present.owns(refusal.Peer)
	}
	if err != nil {
		return nil, err
	}
	if a, ok := r.(*Announcement); ok {
		return &Card{Announcement: a}, nil
	}
	if err := present.owns(r.Record().Peer); err != nil {
		return nil, err
	}
	switch r := r.(type) {
	case *View:
		return nil, present.takeView(r)
	case *NumberedCertificate:
		return nil, present.takeNumbered(r)
	}
	return nil, nil
}

// owns refuses what another identity than the card's signed, or what stands before any announcement.
func (c *Card) owns(id peer.ID) error {
	if c == nil {
		return errors.New("a card begins with an announcement")
	}
	if c.Announcement.Peer != id {
		return fmt.Errorf("is signed by %s, and follows an announcement of %s", id, c.Announcement.Peer)
	}
	return nil
}

func (c *Card) takeView(v *View) error {
	switch {
	case v.SetName != "":
		return nil // named sets are agreed on by agents that run
	case c.View != nil:
		return errors.New("a second view of one identity")
	}
	c.View = v
	return nil
}

func (c *Card) takeMembers(data []byte) error {
	if c == nil || c.View == nil || c.Members != nil {
		return errors.New("members that follow no view")
	}
	m, err := DecodeMembers(data)
	if err != nil {
		return err
	}
	if !c.View.Holds(m) {
		return errors.New("members that are not those of the view before them")
	}
	c.Members = &m
	return nil
}

func (c *Card) takeNumbered(n *NumberedCertificate) error {
	for _, other := range c.Numbered {
		if other.SetName == n.SetName {
			return errors.New("a second certificate of one identity for one set")
		}
	}
	c.Numbered = append(c.Numbered, n)
	return nil
}
