package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// maxImportedFile bounds what is read of an imported card: one site's records and members in armour.
const maxImportedFile = 2*exchange.MaxMembersSize + 2*(2+exchange.MaxSetNames)*exchange.MaxSealed

// loadImported replays the cards that were imported. One that something newer has overtaken, which a crash has left, goes with the next
// start of an agent.
func (k *core) loadImported() error {
	entries, err := k.store.cards(dirImported)
	if err != nil {
		return ownFile("make the state folder readable for the component's user", "the imported cards cannot be read: %w", err)
	}
	for _, entry := range entries {
		c, at, err := k.store.readImported(entry, k.federation)
		if err != nil {
			problem := fmt.Errorf("%s: %w", filepath.Join(dirImported, entry.Name()), err)
			k.options.Log.Warn().Err(problem).Msg("an imported card cannot be used")
			k.problems.set(api.Warning{Code: api.WarnStore, Text: "an imported card cannot be used: " + exchange.ShowText(problem.Error()),
				Cure: "import it again: fbpeer card import FILE"})
			continue
		}
		k.replayImported(c, at)
	}
	return nil
}

func (k *core) replayImported(c exchange.Card, at time.Time) {
	a := c.Announcement
	newest := k.newest[a.Peer]
	switch {
	case a.Peer == k.self.id,
		!k.keeps(a.Peer) && !k.options.Now().Before(exchange.Lapse(a.Expires)),
		newest != nil && newest.Hash != a.Hash && newest.Sequence >= a.Sequence:
		k.overtaken = append(k.overtaken, a.Peer)
	default:
		k.adopt(c, at)
	}
}

// adopt makes a card the newest of its identity. It is durable, and was imported then.
func (k *core) adopt(c exchange.Card, at time.Time) {
	a := c.Announcement
	k.overtake(a)
	k.imported[a.Peer] = c
	k.heard[a.Peer] = heard{at: at}
}

// recallNumbered takes the certificates for numbers out of the imported cards, where no later ones are stored.
func (k *core) recallNumbered() {
	for _, c := range k.imported {
		k.takeNumbered(c)
	}
}

// takeNumbered holds the certificates for numbers of a card that are timely, and later than those held.
func (k *core) takeNumbered(c exchange.Card) {
	for _, n := range c.Numbered {
		record := n.Record()
		if record.CheckCard(k.options.Now()) != nil {
			continue
		}
		if held := k.numbered[record.ID]; held == nil || held.Sequence < n.Sequence {
			k.numbered[record.ID], k.unstored[record.ID] = n, n
		}
	}
}

// row is a record's in the table. What came by card is told to nobody.
func (k *core) row(o exchange.Opened) exchange.Record {
	r := o.Record()
	if c, ok := k.imported[r.Peer]; ok {
		r.Card = c.Announcement.Hash == r.Hash ||
			slices.ContainsFunc(c.Numbered, func(n *exchange.NumberedCertificate) bool { return n.Hash == r.Hash })
	}
	return r
}

// expireImported forgets cards that ran out and that no entry of the list waits for: the table itself keeps what is protected.
func (k *core) expireImported(t *exchange.Table, now time.Time) {
	for id, c := range k.imported {
		if a := c.Announcement; !k.keeps(id) && !now.Before(exchange.Lapse(a.Expires)) {
			t.Remove(a.Record().ID)
			k.drop(id)
		}
	}
}

// dropImported forgets that the newest of an identity came by card: something later has come, or nothing is held of it any more.
func (k *core) dropImported(id peer.ID) {
	if _, ok := k.imported[id]; !ok {
		return
	}
	delete(k.imported, id)
	if err := k.store.removeCard(dirImported, id); err != nil {
		k.options.Log.Warn().Err(err).Msg("a card that has been overtaken could not be removed")
	}
}

// sweepImported removes the files that were overtaken or have run out. What cannot be read stays: the operator brought it.
func (k *core) sweepImported() error {
	for _, id := range k.overtaken {
		if err := k.store.removeCard(dirImported, id); err != nil {
			return fmt.Errorf("an overtaken card cannot be removed: %w", err)
		}
	}
	k.overtaken = nil
	return nil
}

// writeImported stores a card. Its name is made from the identity as we encode it.
func (s store) writeImported(c exchange.Card) error {
	path, data := s.cardPath(dirImported, c.Announcement.Peer), c.Encode()
	return s.do("card "+dirImported, func() error { return durable.WriteFile(path, data, 0o600) })
}

func (s store) readImported(entry fs.DirEntry, f exchange.Federation) (c exchange.Card, at time.Time, err error) {
	data, at, err := readCardFile(s.path(dirImported, entry.Name()), entry, maxImportedFile)
	if err != nil {
		return c, at, err
	}
	cards, err := exchange.OpenCard(data, f)
	if err != nil {
		return c, at, err
	}
	if len(cards) != 1 || cards[0].Announcement.Peer.String()+cardSuffix != entry.Name() {
		return c, at, errors.New("is not the one card that its name says")
	}
	return cards[0], at, nil
}

// viewOfCard is what the sender of a card said of others; nil: it said nothing.
func viewOfCard(c exchange.Card) *api.CardView {
	if c.View == nil {
		return nil
	}
	v := &api.CardView{Issued: c.View.Issued, Set: hashText(c.View.Set), Members: c.View.Members}
	if c.Members == nil {
		return v
	}
	listed := c.Members.Rows
	if len(listed) == 0 {
		listed = c.Members.Files
	}
	v.Registered = []string{}
	for _, m := range listed {
		if m.Component != c.Announcement.Component {
			v.Registered = append(v.Registered, m.Component)
		}
	}
	return v
}

// DescribeCard is a card as people and scripts read it, without anything that this site knows of its sender. Its warning is why an import
// would refuse it at this time.
func DescribeCard(c exchange.Card, now time.Time) api.Peer {
	a := c.Announcement
	p := api.Peer{PeerID: a.Peer.String(), ByCard: &api.ByCard{View: viewOfCard(c)}}
	describe(&p, a, DescribeCertificate(a.Certificate))
	announced(&p, a)
	if fault := untimely(a, now); fault != nil {
		w := api.Warning{Code: api.WarnAnnouncementExpired, Text: fault.Text, Cure: fault.Hint}
		if now.Before(a.Expires) {
			w.Code = api.WarnClock
		}
		p.Warnings = append(p.Warnings, w)
	}
	return p
}

// digestWords are the first 88 bits of a set's digest as eight words, for two people to compare.
func digestWords(h mpspdz.Hash) []string { return exchange.Fingerprint(h).Words() }
