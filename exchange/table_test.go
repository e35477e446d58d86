package exchange

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/mpspdz"
)

// row is a record of a peer, timely at testNow, named by one byte of hash.
func row(p peer.ID, sequence uint64, hash byte) Record {
	return Record{
		Entry:     Entry{ID: ID{Kind: KindAnnouncement, Peer: p}, Sequence: sequence, Hash: mpspdz.Hash{hash}},
		Issued:    testNow,
		Expires:   testNow.Add(DefaultLifetime),
		NotBefore: testNow.Add(-time.Hour),
		NotAfter:  testNow.AddDate(5, 0, 0),
		Sealed:    []byte(fmt.Sprint(p, sequence, hash)),
	}
}

func codeOf(err error) Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	if err != nil {
		return Code(err.Error())
	}
	return ""
}

func TestTableCheck(t *testing.T) {
	const sequence = 1000
	ms := func(t time.Time) uint64 { return uint64(t.UnixMilli()) }
	for name, c := range map[string]struct {
		change func(*Record)
		want   Code
	}{
		"new":                                 {func(r *Record) { r.Peer = "b" }, ""},
		"later":                               {func(r *Record) { r.Sequence++ }, ""},
		"known":                               {func(r *Record) {}, CodeKnown},
		"superseded":                          {func(r *Record) { r.Sequence-- }, CodeSuperseded},
		"superseded by far":                   {func(r *Record) { r.Sequence = 1 }, CodeSuperseded},
		"equivocation, larger hash":           {func(r *Record) { r.Hash[0]++ }, CodeEquivocation},
		"equivocation, smaller hash":          {func(r *Record) { r.Hash[0]-- }, CodeEquivocation},
		"same peer, another set":              {func(r *Record) { r.Set, r.Sequence = "x", 1 }, ""},
		"same peer, another kind":             {func(r *Record) { r.Kind, r.Sequence = "view", 1 }, ""},
		"expires this second":                 {func(r *Record) { r.Peer, r.Expires = "b", testNow }, CodeExpired},
		"expires in a second":                 {func(r *Record) { r.Peer, r.Expires = "b", testNow.Add(time.Second) }, ""},
		"sequence at the bound":               {func(r *Record) { r.Sequence = ms(testNow.Add(MaxAhead)) }, ""},
		"sequence ahead":                      {func(r *Record) { r.Sequence = ms(testNow.Add(MaxAhead)) + 1 }, CodeAhead},
		"last sequence":                       {func(r *Record) { r.Sequence = 1<<64 - 1 }, CodeAhead},
		"issued at the bound":                 {func(r *Record) { r.Peer, r.Issued = "b", testNow.Add(MaxAhead) }, ""},
		"issued ahead":                        {func(r *Record) { r.Peer, r.Issued = "b", testNow.Add(MaxAhead+time.Second) }, CodeAhead},
		"30 days":                             {func(r *Record) { r.Peer, r.Expires = "b", r.Issued.Add(MaxLifetime) }, ""},
		"a card's":                            {func(r *Record) { r.Peer, r.Expires = "b", r.Issued.Add(MaxLifetime+time.Second) }, CodeLifetime},
		"certificate expired":                 {func(r *Record) { r.Peer, r.NotAfter = "b", testNow.Add(-time.Second) }, CodeCertificateTime},
		"certificate's last second":           {func(r *Record) { r.Peer, r.NotAfter = "b", testNow }, ""},
		"certificate not yet valid":           {func(r *Record) { r.Peer, r.NotBefore = "b", testNow.Add(MaxAhead+time.Second) }, CodeCertificateTime},
		"certificate of a clock that is fast": {func(r *Record) { r.Peer, r.NotBefore = "b", testNow.Add(MaxAhead) }, ""},
	} {
		table := NewTable(Bounds{})
		if _, err := table.Put(row("a", sequence, 8), "f", false, testNow); err != nil {
			t.Fatal(err)
		}
		r := row("a", sequence, 8)
		c.change(&r)
		before := table.Entries(testNow)
		err := table.Check(r, testNow)
		if codeOf(err) != c.want {
			t.Errorf("%s: Check gives %v, want %q", name, err, c.want)
		}
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.Peer != r.Peer {
			t.Errorf("%s: peer %q", name, refusal.Peer)
		}
		if !reflect.DeepEqual(table.Entries(testNow), before) {
			t.Errorf("%s: Check changed the table", name)
		}
		if _, err := table.Put(r, "f", false, testNow); codeOf(err) != c.want {
			t.Errorf("%s: Put gives %v, want %q", name, err, c.want)
		}
		held, ok := table.Get(r.ID)
		kept := c.want == "" || c.want == CodeKnown || name == "equivocation, smaller hash"
		if kept != (ok && held.Entry == r.Entry) {
			t.Errorf("%s: held %v %+v", name, ok, held.Entry)
		}
	}
}

// TestTableProtectedIsTakenAtAnyTime: what the agent has stored, and what an operator imports.
func TestTableProtectedIsTakenAtAnyTime(t *testing.T) {
	old := row("old", 5, 1)
	old.Issued, old.Expires = testNow.AddDate(-1, 0, 0), testNow.AddDate(-1, 0, 7)
	card := row("card", 5, 1)
	card.Expires = testNow.AddDate(3, 0, 0)
	certificate := row("certificate", 5, 1)
	certificate.NotAfter = testNow.Add(-time.Hour)
	ahead := row("ahead", uint64(testNow.Add(time.Hour).UnixMilli()), 1)
	table := NewTable(Bounds{})
	for _, r := range []Record{old, card, certificate} {
		if _, err := table.Put(r, "", true, testNow); err != nil {
			t.Errorf("%s: %v", r.Peer, err)
		}
		if _, ok := table.Get(r.ID); !ok {
			t.Errorf("%s is not held", r.Peer)
		}
	}
	if _, err := table.Put(ahead, "", true, testNow); codeOf(err) != CodeAhead {
		t.Errorf("ahead: %v", err)
	}
	// The lapsed one and the card are nothing to tell others.
	if got := table.Entries(testNow); len(got) != 1 || got[0].Peer != "certificate" {
		t.Errorf("entries %v", got)
	}
}

func TestEntriesRoundExpiryUpToTheHour(t *testing.T) {
	table := NewTable(Bounds{})
	r := row("a", 5, 1)
	r.Expires = testNow.Add(30 * time.Minute) // 10:45
	exact := row("b", 5, 1)
	exact.Expires = testNow.Add(45 * time.Minute) // 11:00
	for _, r := range []Record{exact, r} {
		if _, err := table.Put(r, "f", false, testNow); err != nil {
			t.Fatal(err)
		}
	}
	eleven := testNow.Add(45 * time.Minute)
	for at, want := range map[time.Time]int{testNow: 2, testNow.Add(40 * time.Minute): 2, eleven.Add(-time.Nanosecond): 2, eleven: 0} {
		entries := table.Entries(at)
		if len(entries) != want {
			t.Errorf("at %v: %v", at, entries)
		}
		if !slices.IsSortedFunc(entries, func(a, b Entry) int { return compareIDs(a.ID, b.ID) }) {
			t.Errorf("at %v: not sorted", at)
		}
	}
}

// TestTableIsTheSameInAnyOrder: every order and repetition of one lot of records gives one table.
func TestTableIsTheSameInAnyOrder(t *testing.T) {
	var records []Record
	for _, p := range []peer.ID{"a", "b", "c"} {
		for sequence := uint64(1); sequence <= 3; sequence++ {
			for hash := byte(1); hash <= 2; hash++ {
				records = append(records, row(p, sequence, hash))
			}
		}
		late := row(p, 9, 1)
		late.Expires = testNow.Add(-time.Second)
		records = append(records, late, row(p, 1<<63, 1))
	}
	var want []Entry
	for _, p := range []peer.ID{"a", "b", "c"} {
		want = append(want, row(p, 3, 1).Entry)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		table := NewTable(Bounds{})
		lot := append(slices.Clone(records), records...)
		random.Shuffle(len(lot), func(i, j int) { lot[i], lot[j] = lot[j], lot[i] })
		for _, r := range lot {
			held, exists := table.Get(r.ID)
			floor := table.Floor(r.ID)
			_, err := table.Put(r, peer.ID(fmt.Sprint(random.IntN(3))), random.IntN(2) == 0 && r.Sequence != 9, testNow)
			if exists && held.Sequence == r.Sequence && held.Hash != r.Hash && codeOf(err) != CodeEquivocation {
				t.Fatalf("round %d: an equivocation passes unseen: %v", round, err)
			}
			if table.Floor(r.ID) < floor {
				t.Fatalf("round %d: the floor sank", round)
			}
		}
		if got := table.Entries(testNow); !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: got %v, want %v", round, got, want)
		}
		for _, e := range want {
			if table.Floor(e.ID) != 3 {
				t.Fatalf("round %d: floor %d", round, table.Floor(e.ID))
			}
		}
	}
}

func TestTableIsSafeForReadersBesideTheWriter(t *testing.T) {
	table := NewTable(Bounds{})
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					r := row("a", 1, 1)
					_ = table.Check(r, testNow)
					Digest(table.Entries(testNow))
					table.Floor(r.ID)
					table.Get(r.ID)
				}
			}
		})
	}
	for sequence := range uint64(500) {
		for _, p := range []peer.ID{"a", "b"} {
			if _, err := table.Put(row(p, sequence+1, 1), "f", false, testNow); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	readers.Wait()
}

func TestDifference(t *testing.T) {
	e := func(p peer.ID, sequence uint64, hash byte) Entry { return row(p, sequence, hash).Entry }
	for name, c := range map[string]struct {
		ours, theirs, want, offer []Entry
	}{
		"nothing":          {},
		"equal":            {ours: []Entry{e("a", 1, 1)}, theirs: []Entry{e("a", 1, 1)}},
		"lacking":          {theirs: []Entry{e("b", 1, 1), e("a", 1, 1)}, want: []Entry{e("a", 1, 1), e("b", 1, 1)}},
		"theirs to learn":  {ours: []Entry{e("a", 1, 1)}, offer: []Entry{e("a", 1, 1)}},
		"theirs is newer":  {ours: []Entry{e("a", 1, 1)}, theirs: []Entry{e("a", 2, 9)}, want: []Entry{e("a", 2, 9)}},
		"ours is newer":    {ours: []Entry{e("a", 2, 9)}, theirs: []Entry{e("a", 1, 1)}, offer: []Entry{e("a", 2, 9)}},
		"smaller hash":     {ours: []Entry{e("a", 1, 2)}, theirs: []Entry{e("a", 1, 1)}, want: []Entry{e("a", 1, 1)}},
		"larger hash":      {ours: []Entry{e("a", 1, 1)}, theirs: []Entry{e("a", 1, 2)}, offer: []Entry{e("a", 1, 1)}},
		"repeated, mixed":  {ours: []Entry{e("c", 1, 1)}, theirs: []Entry{e("b", 1, 1), e("a", 1, 1), e("b", 3, 1), e("b", 2, 1)}, want: []Entry{e("a", 1, 1), e("b", 3, 1)}, offer: []Entry{e("c", 1, 1)}},
		"repeated, theirs": {ours: []Entry{e("a", 3, 1)}, theirs: []Entry{e("a", 1, 1), e("a", 3, 1)}},
	} {
		want, offer := Difference(c.ours, c.theirs)
		if !slices.Equal(want, c.want) || !slices.Equal(offer, c.offer) {
			t.Errorf("%s: want %v, offer %v", name, want, offer)
		}
	}
}

// TestDifferenceConverges: two tables that exchange what Difference names are equal after.
func TestDifferenceConverges(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		tables := []*Table{NewTable(Bounds{}), NewTable(Bounds{})}
		for _, table := range tables {
			for range random.IntN(30) {
				r := row(peer.ID('a'+rune(random.IntN(6))), 1+random.Uint64N(3), byte(random.IntN(3)))
				_, _ = table.Put(r, "f", false, testNow)
			}
		}
		want, offer := Difference(tables[0].Entries(testNow), tables[1].Entries(testNow))
		give := func(from, to *Table, entries []Entry) {
			for _, e := range entries {
				r, ok := from.Get(e.ID)
				if !ok || r.Entry != e {
					t.Fatalf("%v is named and not held", e)
				}
				_, _ = to.Put(r, "g", false, testNow)
			}
		}
		give(tables[1], tables[0], want)
		give(tables[0], tables[1], offer)
		if a, b := Digest(tables[0].Entries(testNow)), Digest(tables[1].Entries(testNow)); a != b {
			t.Fatalf("%v\n%v", tables[0].Entries(testNow), tables[1].Entries(testNow))
		}
	}
}

func TestDigest(t *testing.T) {
	base := []Entry{row("a", 1, 1).Entry, row("b", 1, 1).Entry}
	seen := map[mpspdz.Hash]string{Digest(nil): "empty", Digest(base): "base", Digest(base[:1]): "one"}
	if len(seen) != 3 {
		t.Fatal("digests collide")
	}
	for name, change := range map[string]func(*Entry){
		"kind":     func(e *Entry) { e.Kind = "view" },
		"peer":     func(e *Entry) { e.Peer = "c" },
		"set":      func(e *Entry) { e.Set = "s" },
		"sequence": func(e *Entry) { e.Sequence++ },
		"hash":     func(e *Entry) { e.Hash[31]++ },
		"moved":    func(e *Entry) { e.Peer, e.Set = "", "b" },
	} {
		changed := slices.Clone(base)
		change(&changed[1])
		d := Digest(changed)
		if other, ok := seen[d]; ok {
			t.Errorf("%s: the digest of %s", name, other)
		}
		seen[d] = name
	}
	if Digest(slices.Clone(base)) != Digest(base) {
		t.Error("a copy has another digest")
	}
}
