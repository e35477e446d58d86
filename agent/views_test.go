package agent

import (
	"os"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/discovery"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// approvedIdentity is a list that approves one identity, and that identity.
func approvedIdentity(t *testing.T) (trust.List, peer.ID) {
	t.Helper()
	key, _, err := discovery.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	list, err := trust.List{}.Approve(trust.Entry{Component: "friend", Role: mpspdz.PlainParty, Peer: id, Key: mpspdz.Hash{1}})
	if err != nil {
		t.Fatal(err)
	}
	return list, id
}

func TestMayCall(t *testing.T) {
	list, friendID := approvedIdentity(t)
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name     string
		since    time.Duration
		answered bool
		want     bool
	}{
		{"at once", 0, true, false},
		{"soon", 10 * time.Second, true, false},
		{"late enough", callEvery, true, true},
		{"nobody answered yet", time.Second, false, false},
		{"nobody answered", waitConnected, false, true},
		{"the clock was set back", -time.Hour, true, true},
	} {
		k := &core{views: newViews(), list: list}
		k.views.hearCall(&exchange.Call{ID: exchange.CallID{1}}, true, now)
		k.views.heard[exchange.ID{Peer: "stranger"}] = &exchange.View{Peer: "stranger", Call: exchange.CallID{1}}
		friend := &exchange.View{Peer: friendID, Call: exchange.CallID{2}}
		if test.answered {
			friend.Call = exchange.CallID{1}
		}
		k.views.heard[exchange.ID{Peer: friendID}] = friend
		if got := k.mayCall(now.Add(test.since)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if k := (&core{views: newViews()}); !k.mayCall(now) {
		t.Error("the first call")
	}
}

// With 255 parties, a change of one costs each agent one view, of at most 512 bytes; where nothing changed and nobody asks, nothing.
func TestOneChangeCostsOneView(t *testing.T) {
	k, _, without, now := full(t)
	told := func(what string, most int) {
		t.Helper()
		sealed, err := k.sealViews(now)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != most {
			t.Errorf("%s: %d views", what, len(sealed))
		}
		for _, v := range sealed {
			if len(v.Sealed) > exchange.MaxView {
				t.Errorf("%s: a view of %d bytes", what, len(v.Sealed))
			}
		}
	}
	told("at first", 1)
	k.settle(now)
	told("nothing changed", 0)
	before := *k.views.own[""]
	if err := k.writeList(without); err != nil {
		t.Fatal(err)
	}
	k.settle(now)
	told("one was revoked", 1)
	if after := k.views.own[""]; after.Set == before.Set || after.Files == before.Files || after.Rows == before.Rows || after.Members != before.Members-1 {
		t.Errorf("the view tells %+v", after)
	}
	k.views.hearCall(&exchange.Call{ID: exchange.CallID{1}}, true, now)
	told("somebody asks", 1)
	told("and no more", 0)
	now = now.Add(answerLasts + time.Second)
	told("the call is over", 0)
}

// However many calls come, the one that is answered, and ours, count; and a stranger's takes no approved member's place.
func TestCallsOfStrangers(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	call := func(n byte) *exchange.Call { return &exchange.Call{ID: exchange.CallID{1, n}} }
	v := newViews()
	v.hearCall(call(1), false, now)
	if v.call != call(1).ID || !(&core{views: v}).mayCall(now) {
		t.Error("a stranger's call is answered, and does not keep us from calling")
	}
	v.hearCall(call(2), true, now)
	v.hearCall(call(3), false, now.Add(time.Second))
	if _, noted := v.calls[call(3).ID]; v.call != call(2).ID || !noted {
		t.Error("a stranger's call beside a fresh one of an approved member")
	}
	for n := range byte(200) {
		v.note(call(10+n), true, now.Add(2*time.Second))
	}
	if _, answered := v.calls[call(2).ID]; !answered || len(v.calls) > maxCalls {
		t.Errorf("%d calls, the answered one %v", len(v.calls), answered)
	}
	if v.hearCall(call(4), true, now.Add(3*time.Second)); v.calls[call(4).ID].at.IsZero() {
		t.Error("no room for one's own call")
	}
	v.hearCall(call(5), false, now.Add(3*time.Second+callEvery))
	if v.call != call(5).ID {
		t.Error("a stranger's call later on")
	}
}

// An earlier call that is made once more, to this site alone, does not take the place of one that came since; one that was only noted, as it came
// too soon, does, where it is later.
func TestEarlierCalls(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	call := func(n byte) *exchange.Call { return &exchange.Call{ID: exchange.CallID{n}, Sealed: []byte{n}} }
	v := newViews()
	v.hearCall(call(1), true, now)
	v.note(call(2), true, now.Add(5*time.Second))
	v.hearCall(call(3), true, now.Add(callEvery))
	for n := byte(1); n <= 2; n++ {
		v.hearCall(call(n), true, now.Add(callEvery+time.Second))
		v.hearCall(call(n), false, now.Add(3*callEvery))
		if v.call != call(3).ID || v.sealed[0] != 3 || !v.last.Equal(now.Add(callEvery)) || !v.heardAt.Equal(v.last) {
			t.Fatalf("call %d is answered anew: %v of %s", n, v.call, v.last)
		}
	}
	v.note(call(4), true, now.Add(callEvery+2*time.Second))
	if v.hearCall(call(4), true, now.Add(callEvery+3*time.Second)); v.call != call(4).ID || !v.last.Equal(now.Add(callEvery+2*time.Second)) {
		t.Errorf("a later one is not answered: %v of %s", v.call, v.last)
	}
}

// A call that somebody repeats does not make answers to it count again, as long as others would take it for a valid one.
func TestRepeatedCalls(t *testing.T) {
	list, friend := approvedIdentity(t)
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	k := &core{views: newViews(), list: list}
	first, second := &exchange.Call{ID: exchange.CallID{1}, Issued: now}, &exchange.Call{ID: exchange.CallID{2}, Issued: now}
	said := &exchange.View{Peer: friend, Sequence: 1, Call: first.ID}
	k.views.hearCall(first, true, now)
	k.hearView(said)
	for after := time.Duration(0); after < 2*exchange.CallLifetime; after += answerLasts / 3 {
		k.views.hearCall(first, after%answerLasts == 0, now.Add(after))
		k.views.note(first, true, now.Add(after))
		if at := k.views.answered(said); !at.IsZero() && (!at.Equal(now) || after > answerLasts) {
			t.Fatalf("after %s the answer counts as of %s", after, at)
		}
	}
	end := now.Add(2*exchange.CallLifetime - time.Minute)
	k.views.hearCall(second, true, end)
	if k.views.hearCall(first, true, end.Add(callEvery)); k.views.call != second.ID || !k.views.last.Equal(end) {
		t.Error("a repeated call takes the place of the newest one")
	}
	for n := range 2 * maxSpent {
		k.views.note(&exchange.Call{ID: exchange.CallID{3, byte(n), byte(n >> 8)}}, true, end)
	}
	if len(k.views.spent) > maxSpent || len(k.views.calls) > maxCalls {
		t.Errorf("%d calls and %d earlier ones are held", len(k.views.calls), len(k.views.spent))
	}
	if k.views.note(second, true, end.Add(4*exchange.CallLifetime)); len(k.views.spent) != 1 {
		t.Errorf("%d are remembered when all are over", len(k.views.spent))
	}
}

// Who answered a call is not silent because it goes on with one that was not heard here: what it says later is as fresh.
func TestLaterViewsProveAsMuch(t *testing.T) {
	list, friend := approvedIdentity(t)
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	k := &core{views: newViews(), list: list}
	says := func(sequence uint64, call byte) *exchange.View {
		v := &exchange.View{Peer: friend, Sequence: sequence, Call: exchange.CallID{call}}
		k.hearView(v)
		return v
	}
	if at := k.views.answered(says(1, 9)); !at.IsZero() {
		t.Errorf("an answer to nothing that was heard counts as of %s", at)
	}
	k.views.hearCall(&exchange.Call{ID: exchange.CallID{1}}, true, now)
	says(2, 1)
	for sequence := range uint64(3) {
		if at := k.views.answered(says(3+sequence, 8)); !at.Equal(now) {
			t.Errorf("a later view counts as of %s", at)
		}
	}
	later := now.Add(20 * time.Second)
	k.views.hearCall(&exchange.Call{ID: exchange.CallID{2}}, true, later)
	if at := k.views.answered(says(7, 2)); !at.Equal(later) {
		t.Errorf("an answer to the newest call counts as of %s", at)
	}
	if at := k.views.answered(says(7, 8)); !at.IsZero() { // sealed twice: nobody knows which was first
		t.Errorf("another of the same number counts as of %s", at)
	}
	says(8, 1)
	says(9, 8)
	over := now.Add(answerLasts + time.Second)
	k.views.hearCall(&exchange.Call{ID: exchange.CallID{3}}, true, over)
	if at := k.views.answered(says(10, 8)); !at.IsZero() || len(k.views.proven) != 0 {
		t.Errorf("after a minute it counts as of %s", at)
	}
}

// A stranger's call is one by right from when its author is approved: it is answered, and no other is made so soon. One that came too soon
// is not.
func TestCallsOfThoseApprovedLater(t *testing.T) {
	list, friend := approvedIdentity(t)
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	call := func(n byte, by peer.ID) *exchange.Call {
		return &exchange.Call{ID: exchange.CallID{n}, Peer: by, Sealed: []byte{n}}
	}
	k := &core{views: newViews()}
	k.views.hearCall(call(1, friend), false, now)
	k.views.hearCall(call(2, "own"), true, now.Add(time.Second))
	k.views.hearCall(call(3, friend), false, now.Add(2*time.Second))
	k.views.hearCall(call(4, "stranger"), false, now.Add(3*time.Second))
	k.views.note(call(5, friend), true, now.Add(4*time.Second))
	if k.callsByRight(); k.views.call != call(2, "").ID {
		t.Errorf("%v is answered while nobody is approved", k.views.call)
	}
	k.list = list
	if k.callsByRight(); k.views.call != call(3, "").ID || k.views.sealed[0] != 3 || !k.views.last.Equal(now.Add(2*time.Second)) {
		t.Errorf("%v of %s is answered", k.views.call, k.views.last)
	}
}

// Whose answers would not count need not be called: a call of one who has approved nobody would only keep others from calling.
func TestSomeoneToCall(t *testing.T) {
	list, friend := approvedIdentity(t)
	revoked, err := list.Revoke("friend", friend, mpspdz.Hash{}, "test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		core *core
		want bool
	}{
		{"nobody", &core{}, false},
		{"one who is approved", &core{list: list}, true},
		{"one who was", &core{list: revoked}, false},
		{"one by card", &core{list: list, imported: map[peer.ID]exchange.Card{friend: {}}}, false},
	} {
		if got := test.core.someoneToCall(); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// Records are numbered ahead of the file by a minute at most, so that a restart within it is not taken for a clock that is ahead.
func TestRecordsAreNumberedOverRestarts(t *testing.T) {
	s := newScene(t)
	o := s.options()
	now := time.Now()
	o.Now = func() time.Time { return now }
	c := s.config(s.files[0])
	load := func() *core {
		t.Helper()
		k, err := loadCore(c, o, store{dir: c.State})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.store.make(); err != nil {
			t.Fatal(err)
		}
		return k
	}
	next := func(k *core) uint64 {
		t.Helper()
		n, err := k.nextRecord(now)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	k := load()
	first := next(k)
	info, err := os.Stat(k.store.path(fileRecords))
	if err != nil {
		t.Fatal(err)
	}
	if second := next(k); second != first+1 {
		t.Errorf("%d after %d", second, first)
	}
	if again, err := os.Stat(k.store.path(fileRecords)); err != nil || !again.ModTime().Equal(info.ModTime()) {
		t.Errorf("written again: %v", err)
	}
	now = now.Add(-2 * time.Minute) // a clock that steps back
	after := next(load())
	if after <= first+1 || after > first+uint64(recordsAhead.Milliseconds())+1 {
		t.Errorf("%d after a restart, %d before", after, first)
	}
	if err := os.WriteFile(k.store.path(fileRecords), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := next(load()); n != uint64(now.UnixMilli()) {
		t.Errorf("with a damaged file %d", n)
	}
}
