package gossip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
)

// session is one exchange with one neighbour, from either side.
type session struct {
	x       *Exchange
	ctx     context.Context
	peer    peer.ID
	in      *bufio.Reader
	out     *bufio.Writer
	ours    []exchange.Entry
	digest  [32]byte
	theirs  []exchange.Entry
	pending bool // something was asked for, by us or by them
}

func (x *Exchange) newSession(ctx context.Context, s network.Stream) *session {
	ours := x.c.Table.Entries(x.c.Now())
	return &session{x: x, ctx: ctx, peer: s.Conn().RemotePeer(), in: bufio.NewReader(s), out: bufio.NewWriter(s),
		ours: ours, digest: exchange.Digest(ours)}
}

// sync starts an exchange with a neighbour, unless one that we started runs; then that one is followed by another.
func (x *Exchange) sync(ctx context.Context, p peer.ID, peers bool) {
	if x.c.Barred(p) || !x.neighbours.begin(p) {
		return
	}
	for again := true; again && ctx.Err() == nil; peers = false {
		select {
		case x.outbound <- struct{}{}:
			err := x.dial(ctx, p, peers)
			<-x.outbound
			x.failed(p, err)
		case <-ctx.Done():
		}
		again = x.neighbours.end(p) && x.neighbours.begin(p)
	}
}

// dial runs the dialer's side of an exchange.
func (x *Exchange) dial(ctx context.Context, p peer.ID, peers bool) error {
	return x.call(ctx, p, SyncProtocol, x.timing.exchange, func(ctx context.Context, s network.Stream) error {
		return x.newSession(ctx, s).dialer(peers)
	})
}

func (t *session) dialer(peers bool) error {
	now := t.x.c.Now()
	h := hello{version: helloVersion, peers: peers, clock: now, digest: t.digest,
		settled: t.x.neighbours.settledFor(t.peer, t.digest, t.x.c.Table.Room(t.peer), now, t.x.timing.settled)}
	if err := t.send(h.encode()); err != nil {
		return err
	}
	answer, err := t.in.ReadByte()
	if err != nil {
		return err
	}
	if peers {
		if err := errors.Join(t.readPeers(), t.sendPeers()); err != nil {
			return err
		}
	}
	switch {
	case answer == answerEqual, answer == answerSettled && h.settled != nil:
		return nil
	case answer != answerDiffer:
		return broken("answer %d to a hello", answer)
	}
	if t.theirs, err = t.readTable(); err != nil {
		return err
	}
	if err := writeFrame(t.out, encodeTable(t.ours)); err != nil {
		return err
	}
	if err := t.fetch(); err != nil {
		return err
	}
	if err := t.give(); err != nil {
		return err
	}
	if !t.pending {
		t.x.neighbours.settle(t.peer, t.digest, exchange.Digest(t.theirs), now)
	}
	return nil
}

// listen gives the listener's side.
func (x *Exchange) listen(ctx context.Context, s network.Stream) error {
	return x.newSession(ctx, s).listener()
}

func (t *session) listener() error {
	body, err := readFrame(t.in, maxHello)
	if err != nil {
		return err
	}
	h, err := decodeHello(body)
	if err != nil {
		return err
	}
	t.x.tally.skew(t.peer, h.clock.Sub(t.x.c.Now()))
	answer := byte(answerDiffer)
	switch {
	case h.digest == t.digest:
		answer = answerEqual
	case h.settled != nil && *h.settled == t.digest:
		answer = answerSettled
	}
	if err := errors.Join(t.out.WriteByte(answer), t.out.Flush()); err != nil {
		return err
	}
	if h.peers {
		if err := errors.Join(t.sendPeers(), t.readPeers()); err != nil {
			return err
		}
	}
	if answer != answerDiffer {
		return nil
	}
	if err := t.send(encodeTable(t.ours)); err != nil {
		return err
	}
	if t.theirs, err = t.readTable(); err != nil {
		return err
	}
	if exchange.Digest(t.theirs) != h.digest && len(t.theirs) < maxEntries {
		return broken("a table that is not the one of the hello")
	}
	if err := t.give(); err != nil {
		return err
	}
	return t.fetch()
}

func (t *session) send(frame []byte) error {
	if err := writeFrame(t.out, frame); err != nil {
		return err
	}
	return t.out.Flush()
}

func (t *session) readTable() ([]exchange.Entry, error) {
	body, err := readFrame(t.in, maxTable)
	if err != nil {
		return nil, err
	}
	return decodeTable(body)
}

// fetch asks for what we lack and takes it.
func (t *session) fetch() error {
	lacking := t.lacking()
	if len(lacking) > 0 {
		poke(t.x.unfinished) // now already: this one may take its time
		defer poke(t.x.unfinished)
	}
	table := t.x.c.Table
	indices, running := t.x.neighbours.claim(t.peer, t.theirs, lacking, share{
		room: func() int { return table.Room(t.peer) }, patience: t.x.timing.patience, now: t.x.c.Now(),
		needsRoom: func(e exchange.Entry) bool {
			_, held := table.Get(e.ID)
			return e.Kind == exchange.KindAnnouncement && !held && !t.x.c.Trusted(e.Peer)
		},
	})
	defer t.x.neighbours.release(t.peer, t.theirs, indices)
	if running || len(indices) > 0 {
		t.pending = true
	}
	if err := t.send(encodeWant(indices)); err != nil {
		return err
	}
	for _, i := range indices {
		sealed, err := readFrame(t.in, exchange.MaxSealed)
		if err != nil {
			return err
		}
		if err := t.take(t.theirs[i], sealed); err != nil {
			return err
		}
	}
	return nil
}

// lacking gives the indices of their entries that are newer than ours and that we would take: of identities that are not barred here,
// neither ahead of our clock nor behind what we have seen. What is not an announcement waits until the one of its identity is stored, which
// makes another exchange.
func (t *session) lacking() []int {
	want, _ := exchange.Difference(t.ours, t.theirs)
	wanted := make(map[exchange.ID]bool, len(want))
	now := t.x.c.Now()
	ahead := now.Add(exchange.MaxAhead).UnixMilli()
	for _, e := range want {
		known := e.Kind == exchange.KindAnnouncement || t.x.c.Table.HasRoom(e.ID, now)
		if e.Kind.Synced() && known && !t.x.c.Barred(e.Peer) &&
			e.Sequence <= uint64(max(ahead, 0)) && e.Sequence >= t.x.c.Table.Floor(e.ID) {
			wanted[e.ID] = true
		}
	}
	var out []int
	for i, e := range t.theirs {
		if wanted[e.ID] {
			out = append(out, i)
		}
	}
	return out
}

// take judges one record that was asked for, and delivers it. A neighbour that sends what no honest one would is not listened to any
// further.
func (t *session) take(asked exchange.Entry, sealed []byte) error {
	if len(sealed) == 0 { // withheld
		t.x.neighbours.fetched(t.peer, asked, time.Time{})
		return nil
	}
	r, err := t.x.judge(sealed, t.peer, func(id exchange.ID) bool { return id == asked.ID })
	var refusal *exchange.Refusal
	rated := errors.As(err, &refusal) && refusal.Code == CodeRate
	if rated && refusal.Kind == "" { // the neighbour brings too much, not the identity
		return fmt.Errorf("taking a record: %w", err)
	}
	var again time.Time
	outcome := Outcome(err)
	if outcome == pubsub.ValidationAccept || rated { // the loop may still have no room for it
		again = t.x.c.Now().Add(t.x.timing.again)
	}
	t.x.neighbours.fetched(t.peer, asked, again)
	switch outcome {
	case pubsub.ValidationReject:
		return broken("a record that nobody may pass on: %w", err)
	case pubsub.ValidationAccept:
		t.x.c.Deliver(t.ctx, Received{Record: r, From: t.peer, Via: "sync"})
	}
	return nil
}

// give hands over what they ask for.
func (t *session) give() error {
	body, err := readFrame(t.in, 2*maxEntries)
	if err != nil {
		return err
	}
	indices, err := decodeWant(body, min(len(t.ours), maxEntries))
	if err != nil {
		return err
	}
	if len(indices) > 0 {
		t.pending = true
	}
	for _, i := range indices {
		if err := writeFrame(t.out, t.record(t.ours[i])); err != nil {
			return err
		}
	}
	return t.out.Flush()
}

// record gives the sealed record of one of our entries, or nothing if it is withheld.
func (t *session) record(e exchange.Entry) []byte {
	if t.x.c.Barred(e.Peer) || e.Kind == exchange.KindAnnouncement && t.x.c.Withheld(e.Peer) {
		return nil
	}
	r, ok := t.x.c.Table.Get(e.ID)
	if !ok || !r.Travels() {
		return nil
	}
	return r.Sealed
}

// sendPeers hands on signed peer records of members that are connected or trusted.
func (t *session) sendPeers() error {
	return t.send(encodePeers(t.x.peers.some(func(p peer.ID) bool {
		return p != t.peer && !t.x.c.Barred(p) && (t.x.c.Trusted(p) || t.x.neighbours.has(p))
	})))
}

// readPeers takes signed peer records: each is checked by itself, and one that does not pass ends the exchange.
func (t *session) readPeers() error {
	body, err := readFrame(t.in, maxPeersIn)
	if err != nil {
		return err
	}
	records, err := decodePeers(body)
	if err != nil {
		return err
	}
	for _, sealed := range records {
		rec, err := openPeerRecord(sealed)
		if err != nil {
			return err
		}
		p := rec.info.ID
		if p == t.x.c.Host.ID() || t.x.c.Barred(p) || len(rec.info.Addrs) == 0 {
			continue
		}
		if t.x.c.Trusted(p) {
			t.x.peers.add(rec)
		}
		t.x.c.Learned(rec.info)
	}
	return nil
}
