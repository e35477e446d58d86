package exchange

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// dependent is a row that depends on its peer's announcement.
func dependent(k Kind, p peer.ID, set string, sequence uint64) Record {
	r := row(p, sequence, 1)
	r.Kind, r.Set = k, set
	r.NotBefore, r.NotAfter = time.Time{}, time.Time{}
	return r
}

func sortedIDs(ids []ID) []ID { return slices.SortedFunc(slices.Values(ids), compareIDs) }

func TestDependentsNeedTheirAuthor(t *testing.T) {
	table := NewTable(Bounds{})
	for _, k := range []Kind{KindView, KindSet, KindCertificate, "one of a later release"} {
		r := dependent(k, "a", "s", 1)
		if err := table.Check(r, testNow); codeOf(err) != CodeUnknownAuthor {
			t.Errorf("%s of nobody: Check gives %v", k, err)
		}
		if _, err := table.Put(r, "f", true, testNow); codeOf(err) != CodeUnknownAuthor || table.Floor(r.ID) != 0 {
			t.Errorf("%s of nobody: Put gives %v", k, err)
		}
	}
	if err := table.Check(dependent(KindCall, "a", "", 1), testNow); codeOf(err) != CodeUnknownAuthor {
		t.Errorf("a call of nobody: %v", err)
	}
	put(t, table, row("a", 1, 1), "f", false)
	for _, k := range []Kind{KindView, KindSet, KindCertificate} {
		put(t, table, dependent(k, "a", "s", 1), "f", false)
	}
	if err := table.Check(dependent(KindCall, "a", "", 1), testNow); err != nil {
		t.Errorf("a call: %v", err)
	}
	if _, err := table.Put(dependent(KindCall, "a", "", 1), "f", true, testNow); err == nil {
		t.Error("a call is held")
	}
	// Views are nothing to sync.
	if got := table.Entries(testNow); len(got) != 3 || got[0].Kind != KindAnnouncement || got[1].Kind != KindCertificate || got[2].Kind != KindSet {
		t.Errorf("entries %v", got)
	}
}

// TestDependentsAreKeptLikeAnnouncements: the rules of time and history are the same.
func TestDependentsAreKeptLikeAnnouncements(t *testing.T) {
	table := NewTable(Bounds{})
	put(t, table, row("a", 1, 1), "f", false)
	put(t, table, dependent(KindView, "a", "s", 5), "f", false)
	for name, c := range map[string]struct {
		change func(*Record)
		want   Code
	}{
		"known":                  {func(*Record) {}, CodeKnown},
		"superseded":             {func(r *Record) { r.Sequence-- }, CodeSuperseded},
		"equivocation":           {func(r *Record) { r.Hash[0]++ }, CodeEquivocation},
		"expired":                {func(r *Record) { r.Sequence++; r.Expires = testNow }, CodeExpired},
		"ahead":                  {func(r *Record) { r.Sequence = 1 << 62 }, CodeAhead},
		"certificate ran out":    {func(r *Record) { r.Sequence++; r.NotAfter = testNow.Add(-time.Second) }, CodeCertificateTime},
		"another set's sequence": {func(r *Record) { r.Set = "t"; r.Sequence = 1 }, ""},
	} {
		r := dependent(KindView, "a", "s", 5)
		c.change(&r)
		if err := table.Check(r, testNow); codeOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDependentsGoWithTheirAuthor(t *testing.T) {
	fill := func(b Bounds) *Table {
		table := NewTable(b)
		for _, p := range []peer.ID{"a", "b"} {
			put(t, table, row(p, 1, 1), "f", false)
			put(t, table, dependent(KindSet, p, "s", 1), "f", false)
			put(t, table, dependent(KindView, p, "", 1), "f", false)
		}
		return table
	}
	ofB := []ID{row("b", 1, 1).ID, dependent(KindSet, "b", "s", 1).ID, dependent(KindView, "b", "", 1).ID}
	table := fill(Bounds{})
	table.Remove(ofB[0])
	if _, held := table.Get(ofB[1]); held || len(table.Entries(testNow)) != 2 || table.dependents.total != 2 || table.Floor(ofB[1]) != 1 {
		t.Errorf("after Remove: held %v, entries %v, floor %d", held, table.Entries(testNow), table.Floor(ofB[1]))
	}
	table = fill(Bounds{Pending: 8, PerForwarder: 2})
	for i := range 6 {
		put(t, table, row(peer.ID(fmt.Sprint(i)), 1, 1), "g"+peer.ID(fmt.Sprint(i)), false)
	}
	if evicted := sortedIDs(put(t, table, row("c", 1, 1), "h", false)); !slices.Equal(evicted, ofB) {
		t.Errorf("evicted %v", evicted)
	}
	table = fill(Bounds{})
	table.Protect("a", true)
	dropped := sortedIDs(table.Expire(testNow.Add(DefaultLifetime+time.Hour), func(peer.ID) bool { return false }))
	if !slices.Equal(dropped, ofB) {
		t.Errorf("expired: %v", dropped)
	}
	if _, held := table.Get(dependent(KindView, "a", "", 1).ID); !held {
		t.Error("a protected identity's view went")
	}
}

func TestDependentsAreProtectedAsTheirAuthor(t *testing.T) {
	table := NewTable(Bounds{})
	put(t, table, row("a", 1, 1), "f", false)
	put(t, table, dependent(KindSet, "a", "s", 1), "f", true)
	if table.dependents.total != 1 {
		t.Error("it is protected although its author is not")
	}
	old := dependent(KindSet, "a", "old", 1)
	old.Expires = testNow.Add(-time.Hour)
	if _, err := table.Put(old, "f", true, testNow); codeOf(err) != CodeExpired {
		t.Errorf("expired: %v", err)
	}
	put(t, table, row("a", 2, 1), "f", true) // approved
	if table.dependents.total != 0 {
		t.Error("it is not protected although its author is")
	}
	put(t, table, old, "", false) // stored before a restart
	table.Protect("a", false)
	if table.dependents.total != 2 || table.announced.total != 1 {
		t.Errorf("after revocation %d and %d count", table.announced.total, table.dependents.total)
	}
	table.Remove(row("a", 1, 1).ID)
	if table.dependents.total != 0 || table.announced.total != 0 || len(table.dependents.counts) != 0 {
		t.Error("what is gone counts")
	}
}

func TestSetNamesAreBounded(t *testing.T) {
	table := NewTable(Bounds{})
	put(t, table, row("a", 1, 1), "f", true)
	put(t, table, row("b", 1, 1), "f", false)
	name := func(i int) string { return fmt.Sprint("s", i) }
	for i := range MaxSetNames {
		put(t, table, dependent(KindSet, "a", name(i), 1), "f", false)
	}
	one := dependent(KindSet, "a", "one more", 1)
	if _, err := table.Put(one, "f", false, testNow); codeOf(err) != CodeFull || table.Floor(one.ID) != 0 {
		t.Errorf("a 17th set name: %v", err)
	}
	put(t, table, dependent(KindSet, "a", name(3), 2), "f", false)     // a later one needs no room
	put(t, table, dependent(KindView, "a", "one more", 1), "f", false) // another kind has its own
	put(t, table, dependent(KindSet, "b", "one more", 1), "f", false)  // another identity, too
	// What has lapsed makes room, even of an approved identity, whose announcement would not go.
	later := testNow.Add(DefaultLifetime + time.Hour)
	one.Issued, one.Expires = later, later.Add(time.Hour)
	evicted, err := table.Put(one, "f", false, later)
	if err != nil || len(evicted) != MaxSetNames {
		t.Errorf("evicted %d, %v", len(evicted), err)
	}
}

// TestDependentsHaveTheirOwnBound: a flood of them pushes out neither announcements nor what others have of them.
func TestDependentsHaveTheirOwnBound(t *testing.T) {
	table := NewTable(Bounds{Pending: 8, PerForwarder: 8})
	for _, p := range []peer.ID{"a", "b", "c"} {
		put(t, table, row(p, 1, 1), "f", false)
	}
	put(t, table, dependent(KindSet, "a", "s", 1), "f", false)
	for i := range 7 {
		put(t, table, dependent(KindView, "b", fmt.Sprint("s", i), 1), "f", false)
	}
	evicted := put(t, table, dependent(KindView, "c", "", 1), "f", false)
	if !slices.Equal(evicted, []ID{dependent(KindView, "b", "s6", 1).ID}) {
		t.Errorf("evicted %v", evicted)
	}
	if _, err := table.Put(dependent(KindView, "b", "s6", 1), "f", false, testNow); codeOf(err) != CodeFull {
		t.Errorf("the flooder gets its place back: %v", err)
	}
	if table.Room("f") != 5 {
		t.Errorf("room for %d announcements", table.Room("f"))
	}
}

// TestFloorsOfDependentsEnd: what is older than any record can live needs no guard, whoever is on the list.
func TestFloorsOfDependentsEnd(t *testing.T) {
	table := NewTable(Bounds{})
	all := func(peer.ID) bool { return true }
	put(t, table, row("a", 1, 1), "f", true)
	view := dependent(KindView, "a", "", 1)
	put(t, table, view, "f", true)
	table.Remove(view.ID)
	table.Expire(testNow.Add(FloorLifetime-time.Second), all)
	if table.Floor(view.ID) != 1 {
		t.Error("its floor went too early")
	}
	table.Expire(testNow.Add(FloorLifetime), all)
	if table.Floor(view.ID) != 0 || table.Floor(row("a", 1, 1).ID) != 1 {
		t.Error("its floor stays for ever, or its author's does not")
	}
}
