package gossip

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"
)

func TestHelloComesBack(t *testing.T) {
	digest := [32]byte{1, 2, 3}
	for _, h := range []hello{
		{version: 1, clock: time.UnixMilli(1700000000123)},
		{version: 1, peers: true, clock: time.UnixMilli(-1), digest: digest},
		{version: 1, clock: time.UnixMilli(0), digest: digest, settled: &[32]byte{9}},
	} {
		got, err := decodeHello(h.encode())
		if err != nil || !got.clock.Equal(h.clock) || got.digest != h.digest || got.peers != h.peers ||
			(got.settled == nil) != (h.settled == nil) || (h.settled != nil && *got.settled != *h.settled) {
			t.Errorf("%+v comes back as %+v, %v", h, got, err)
		}
	}
	long := hello{version: 1, settled: &[32]byte{}}.encode()
	for n := range len(long) {
		if _, err := decodeHello(long[:n]); !errors.Is(err, errWire) {
			t.Errorf("%d bytes of a hello give %v", n, err)
		}
	}
}

func TestTableComesBack(t *testing.T) {
	entries := someEntries(300)
	got, err := decodeTable(encodeTable(entries))
	if err != nil || len(got) != len(entries) {
		t.Fatalf("%d entries come back, %v", len(got), err)
	}
	for i := range got {
		if got[i] != entries[i] {
			t.Fatalf("entry %d comes back as %+v", i, got[i])
		}
	}
	one := encodeTable(entries[:1])
	for n := 1; n < len(one); n++ {
		if _, err := decodeTable(one[:n]); !errors.Is(err, errWire) {
			t.Errorf("%d bytes of an entry give %v", n, err)
		}
	}
	if len(encodeTable(someEntries(maxEntries+10))) != len(encodeTable(someEntries(maxEntries))) {
		t.Error("more entries than allowed are sent")
	}
}

func TestReadFrame(t *testing.T) {
	for _, tt := range []struct {
		in   []byte
		want string
		wire bool
	}{
		{[]byte{0}, "", false},
		{[]byte{3, 'a', 'b', 'c'}, "abc", false},
		{append([]byte{0x80, 0x01}, bytes.Repeat([]byte{'x'}, 128)...), string(bytes.Repeat([]byte{'x'}, 128)), false},
		{[]byte{0x81, 0x00, 'a'}, "", true},
		{[]byte{0x80, 0x80, 0x80, 0x01}, "", true},
		{[]byte{0xff, 0xff, 0x7f}, "", true},
	} {
		got, err := readFrame(bufio.NewReader(bytes.NewReader(tt.in)), 200)
		if errors.Is(err, errWire) != tt.wire || (!tt.wire && (err != nil || string(got) != tt.want)) {
			t.Errorf("%x: %q, %v", tt.in, got, err)
		}
	}
	if _, err := readFrame(bufio.NewReader(bytes.NewReader([]byte{5, 'a'})), 200); err == nil {
		t.Error("a frame that ends early is taken")
	}
}

func signedRecord(t *testing.T, signer ic.PrivKey, of peer.ID, addrs ...string) []byte {
	t.Helper()
	info := peer.AddrInfo{ID: of}
	for _, a := range addrs {
		info.Addrs = append(info.Addrs, ma.StringCast(a))
	}
	envelope, err := record.Seal(peer.PeerRecordFromAddrInfo(info), signer)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := envelope.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestPeerRecord(t *testing.T) {
	key, public, err := ic.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	other := newTestKey(t)
	sealed := signedRecord(t, key, id, "/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/0", "/ip6/fe80::1/tcp/1", "/ip4/224.0.0.1/tcp/1",
		"/ip4/10.0.0.2/tcp/1", "/ip4/10.0.0.3/tcp/1", "/ip4/10.0.0.4/tcp/1", "/ip4/10.0.0.5/tcp/1", "/ip4/10.0.0.6/tcp/1", "/ip4/10.0.0.7/tcp/1",
		"/ip4/10.0.0.8/tcp/1", "/ip4/10.0.0.9/tcp/1")
	rec, err := openPeerRecord(sealed)
	if err != nil || rec.info.ID != id || len(rec.info.Addrs) != 8 {
		t.Fatalf("%+v, %v", rec, err)
	}
	if _, err := openPeerRecord(signedRecord(t, other, id, "/ip4/10.0.0.1/tcp/1")); !errors.Is(err, errWire) {
		t.Errorf("a record of a peer that another signed gives %v", err)
	}
	for i := range sealed {
		mangled := bytes.Clone(sealed)
		mangled[i] ^= 1
		if rec, err := openPeerRecord(mangled); err == nil {
			t.Errorf("with byte %d changed it is %+v", i, rec)
		}
	}
	list := [][]byte{sealed, sealed[:10], {}}
	got, err := decodePeers(encodePeers(list))
	if err != nil || len(got) != 3 || !bytes.Equal(got[0], sealed) || !bytes.Equal(got[1], sealed[:10]) {
		t.Errorf("peer records come back as %d, %v", len(got), err)
	}
	if _, err := decodePeers([]byte{0, 9, 1}); !errors.Is(err, errWire) {
		t.Errorf("half a list gives %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(hello{version: 1}.encode())
	f.Add(encodeTable(someEntries(3)))
	f.Add(encodeWant([]int{1, 2, 7}))
	f.Add(encodePeers([][]byte{[]byte("one"), []byte("two")}))
	f.Add(question{hops: 2, author: peer.ID("\x00\x02\x08\x01")}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if entries, err := decodeTable(b); err == nil && !bytes.Equal(encodeTable(entries), b) {
			t.Errorf("table %x is written as %x", b, encodeTable(entries))
		}
		if want, err := decodeWant(b, 1000); err == nil && !bytes.Equal(encodeWant(want), b) {
			t.Errorf("want %x is written as %x", b, encodeWant(want))
		}
		if peers, err := decodePeers(b); err == nil && !bytes.Equal(encodePeers(peers), b) {
			t.Errorf("peers %x are written as %x", b, encodePeers(peers))
		}
		// The first byte is the version: a later one is read as ours, and what it appends is passed over.
		if q, err := decodeQuestion(b); err == nil && !bytes.HasPrefix(b[1:], q.encode()[1:]) {
			t.Errorf("question %x is written as %x", b, q.encode())
		}
		_, _ = decodeHello(b)
		_, _ = openPeerRecord(b)
	})
}
