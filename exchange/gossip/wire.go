package gossip

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// Limits of the wire format (package comment).
const (
	maxHello   = 256
	maxTable   = 512 << 10
	maxEntries = 4096
	maxWant    = 1024 // records asked for in one exchange
	maxPeers   = 32
	maxPeerRec = 4 << 10
	maxPeersIn = 64 << 10

	maxQuestion = 256
	maxHops     = 3

	helloVersion   = 1
	membersVersion = 1
	flagPeers      = 1
	flagSettled    = 2
)

// The answers to a hello.
const (
	answerEqual   = 0
	answerSettled = 1
	answerDiffer  = 2
)

// errWire is the cause of all that does not parse.
var errWire = errors.New("not the protocol")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errWire, fmt.Errorf(format, args...))
}

// readFrame reads a frame's body of at most most bytes. Memory grows with what has come, not with what was promised.
func readFrame(r *bufio.Reader, most int) ([]byte, error) {
	length, err := readLength(r)
	if err != nil {
		return nil, err
	}
	if length > most {
		return nil, broken("a frame of %d bytes, at most %d are allowed", length, most)
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, r, int64(length)); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

// readLength reads an unsigned varint of at most 3 bytes, in its shortest form.
func readLength(r io.ByteReader) (int, error) {
	length := 0
	for i := range 3 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		length |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 {
				return 0, broken("a frame's length is not in its shortest form")
			}
			return length, nil
		}
	}
	return 0, broken("a frame's length has more than 3 bytes")
}

func writeFrame(w *bufio.Writer, body []byte) error {
	if _, err := w.Write(binary.AppendUvarint(nil, uint64(len(body)))); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// hello opens an exchange.
type hello struct {
	version byte
	peers   bool // peer records are asked for
	clock   time.Time
	digest  [32]byte
	settled *[32]byte // the listener's digest after the last exchange that left nothing to ask for
}

func (h hello) encode() []byte {
	var flags byte
	if h.peers {
		flags |= flagPeers
	}
	if h.settled != nil {
		flags |= flagSettled
	}
	out := []byte{h.version, flags}
	out = binary.BigEndian.AppendUint64(out, uint64(h.clock.UnixMilli()))
	out = append(out, h.digest[:]...)
	if h.settled != nil {
		out = append(out, h.settled[:]...)
	}
	return out
}

func decodeHello(b []byte) (hello, error) {
	const fixed = 2 + 8 + 32
	if len(b) < fixed || b[0] == 0 {
		return hello{}, broken("a hello of %d bytes", len(b))
	}
	h := hello{version: b[0], peers: b[1]&flagPeers != 0, clock: time.UnixMilli(int64(binary.BigEndian.Uint64(b[2:])))}
	copy(h.digest[:], b[10:])
	if b[1]&flagSettled != 0 {
		if len(b) < fixed+32 {
			return hello{}, broken("a hello of %d bytes with flag 2", len(b))
		}
		h.settled = (*[32]byte)(b[fixed:])
	}
	return h, nil
}

// encodeTable writes entries, which must be in order. Those that do not fit are left out.
func encodeTable(entries []exchange.Entry) []byte {
	var out []byte
	for _, e := range entries[:min(len(entries), maxEntries)] {
		before := len(out)
		for _, s := range []string{string(e.Kind), string(e.Peer), e.Set} {
			out = append(out, byte(len(s)))
			out = append(out, s...)
		}
		out = binary.BigEndian.AppendUint64(out, e.Sequence)
		out = append(out, e.Hash[:]...)
		if len(out) > maxTable {
			return out[:before]
		}
	}
	return out
}

func decodeTable(b []byte) ([]exchange.Entry, error) {
	var out []exchange.Entry
	for len(b) > 0 {
		if len(out) == maxEntries {
			return nil, broken("a table of more than %d entries", maxEntries)
		}
		var e exchange.Entry
		var kind, id string
		var ok bool
		for _, s := range []*string{&kind, &id, &e.Set} {
			if *s, b, ok = cutString(b); !ok {
				return nil, broken("a table that ends in an entry")
			}
		}
		if len(b) < 8+32 {
			return nil, broken("a table that ends in an entry")
		}
		e.Kind, e.Peer, e.Sequence = exchange.Kind(kind), peer.ID(id), binary.BigEndian.Uint64(b)
		copy(e.Hash[:], b[8:])
		b = b[8+32:]
		if len(out) > 0 && compareIDs(out[len(out)-1].ID, e.ID) >= 0 {
			return nil, broken("a table that is not in order")
		}
		out = append(out, e)
	}
	return out, nil
}

func cutString(b []byte) (string, []byte, bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	n := 1 + int(b[0])
	return string(b[1:n]), b[n:], true
}

func compareIDs(a, b exchange.ID) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Set, b.Set))
}

// encodeWant writes ascending indices into the other's table.
func encodeWant(indices []int) []byte {
	var out []byte
	for _, i := range indices {
		out = binary.BigEndian.AppendUint16(out, uint16(i))
	}
	return out
}

// decodeWant reads indices into a table of so many entries that we sent.
func decodeWant(b []byte, entries int) ([]int, error) {
	if len(b)%2 != 0 {
		return nil, broken("a want of %d bytes", len(b))
	}
	var out []int
	last := -1
	for ; len(b) > 0; b = b[2:] {
		i := int(binary.BigEndian.Uint16(b))
		if i <= last || i >= entries {
			return nil, broken("a want of entry %d after %d, in a table of %d", i, last, entries)
		}
		out, last = append(out, i), i
	}
	return out, nil
}

// encodePeers writes marshalled peer records, each at most maxPeerRec bytes.
func encodePeers(records [][]byte) []byte {
	var out []byte
	for _, r := range records[:min(len(records), maxPeers)] {
		if len(out)+2+len(r) > maxPeersIn {
			break
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(r)))
		out = append(out, r...)
	}
	return out
}

func decodePeers(b []byte) ([][]byte, error) {
	var out [][]byte
	for len(b) > 0 {
		if len(out) == maxPeers || len(b) < 2 {
			return nil, broken("peer records that end in one, or more than %d", maxPeers)
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; n > len(b) || n > maxPeerRec {
			return nil, broken("a peer record of %d bytes", n)
		}
		out, b = append(out, b[:n]), b[n:]
	}
	return out, nil
}

// question asks for the members of a view.
type question struct {
	hops   byte // how often it may be passed on
	author peer.ID
	view   mpspdz.Hash
}

func (q question) encode() []byte {
	out := []byte{membersVersion, q.hops}
	out = binary.BigEndian.AppendUint16(out, uint16(len(q.author)))
	out = append(out, q.author...)
	return append(out, q.view[:]...)
}

// decodeQuestion passes over what a later version appends.
func decodeQuestion(b []byte) (question, error) {
	const fixed = 2 + 2
	if len(b) < fixed || b[0] == 0 {
		return question{}, broken("a question of %d bytes", len(b))
	}
	q := question{hops: b[1]}
	size := int(binary.BigEndian.Uint16(b[2:]))
	if len(b) < fixed+size+len(q.view) {
		return question{}, broken("a question of %d bytes, about an identity of %d", len(b), size)
	}
	author, err := peer.IDFromBytes(b[fixed : fixed+size])
	if err != nil {
		return question{}, broken("a question about no identity")
	}
	q.author = author
	copy(q.view[:], b[fixed+size:])
	return q, nil
}
