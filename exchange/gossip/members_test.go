package gossip

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

func someMembers(n int) exchange.Members {
	var m exchange.Members
	for i := range n {
		m.Files = append(m.Files, exchange.NewMember(fmt.Sprintf("NODE_%04d", i), "10.0.0.2:14001", mpspdz.Hash{1}))
	}
	m.Rows = m.Files[:n/2]
	return m
}

// chain makes members in a line, all of whom know the first one, who holds the members of its views.
func chain(t *testing.T, n int, held exchange.Members) []*member {
	t.Helper()
	members := []*member{newMember(t, options{members: held, trusts: true})}
	for range n - 1 {
		members = append(members, newMember(t, options{trusts: true}))
	}
	line(t, members...)
	card := members[0].announce()
	for _, m := range members {
		eventually(t, "the first is known", m.holds(card))
	}
	return members
}

func (m *member) fetches(t *testing.T, v *exchange.View, want exchange.Members) {
	t.Helper()
	got, err := m.x.Members(context.Background(), v)
	if err != nil || !slices.Equal(got.Files, want.Files) || !slices.Equal(got.Rows, want.Rows) {
		t.Errorf("fetched %d and %d members, %v", len(got.Files), len(got.Rows), err)
	}
}

func TestMembersOfAnAuthorAndThroughOthers(t *testing.T) {
	held := someMembers(exchange.MaxMembers)
	members := chain(t, 5, held)
	view := members[0].view(held, exchange.CallID{})
	for i, m := range members[1:4] {
		m.fetches(t, view, held)
		if n := len(m.x.asking); n != 0 {
			t.Errorf("%d hops: %d questions are still under way", i, n)
		}
	}
	if _, err := members[4].x.Members(context.Background(), view); !errors.Is(err, errNotHeld) {
		t.Errorf("a question went on for more hops than it has: %v", err)
	}
	members[1].fetches(t, members[0].view(exchange.Members{}, exchange.CallID{}), exchange.Members{})
}

func TestMembersOfWhoIsNotKnown(t *testing.T) {
	held := someMembers(2)
	a, b, c := newMember(t, options{members: held}), newMember(t, options{}), newMember(t, options{})
	line(t, a, b, c)
	if _, err := c.x.Members(context.Background(), a.view(held, exchange.CallID{})); !errors.Is(err, errNotHeld) {
		t.Errorf("a question about an identity that b does not know gives %v", err)
	}
	alone := newMember(t, options{})
	if _, err := alone.x.Members(context.Background(), a.view(held, exchange.CallID{})); err == nil {
		t.Error("a member without neighbours has an answer")
	}
}

// answering makes a host that answers every question with these bytes; nil: not at all.
func answering(t *testing.T, answer []byte) host.Host {
	t.Helper()
	h := newTestHost(t, newTestKey(t), nil)
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	h.SetStreamHandler(SyncProtocol, func(s network.Stream) { _ = s.Reset() })
	h.SetStreamHandler(MembersProtocol, func(s network.Stream) {
		defer s.Reset()
		if _, err := readFrame(bufio.NewReader(s), maxQuestion); err != nil {
			return
		}
		if answer == nil {
			<-end
			return
		}
		_, _ = s.Write(answer)
		_, _ = io.Copy(io.Discard, s)
	})
	return h
}

func TestWrongAnswersAreRefused(t *testing.T) {
	held, other := someMembers(4), someMembers(3)
	timing := quick()
	timing.members = 500 * time.Millisecond
	timing.patience = 50 * time.Millisecond
	author := newMember(t, options{})
	view := author.view(held, exchange.CallID{})
	for name, c := range map[string]struct {
		answer []byte
		is     error
	}{
		"other members":  {frame(other.Encode()), errWire},
		"no members":     {frame(exchange.Members{}.Encode()), errWire},
		"garbage":        {frame([]byte("garbage")), errWire},
		"not held":       {frame(nil), errNotHeld},
		"half an answer": {frame(held.Encode())[:50], nil},
		"a huge answer":  {frame(make([]byte, exchange.MaxMembersSize+1)), errWire},
		"nothing":        {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMember(t, options{timing: timing})
			m.dialHost(answering(t, c.answer))
			eventually(t, "it is a neighbour", func() bool { return m.x.neighbours.count() == 1 })
			begin := time.Now()
			got, err := m.x.Members(context.Background(), view)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || len(got.Files) != 0 && errors.Is(err, errNotHeld) {
				t.Errorf("%d members, %v", len(got.Files), err)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestLiesAndSilenceAreNotPassedOn: c holds a's view, and asks three: one who lies, one who says nothing, and b, who asks a.
func TestLiesAndSilenceAreNotPassedOn(t *testing.T) {
	held := someMembers(4)
	timing := quick()
	timing.patience = 50 * time.Millisecond
	a, b, c, d := newMember(t, options{trusts: true, members: held}), newMember(t, options{trusts: true}), newMember(t, options{timing: timing, trusts: true}), newMember(t, options{trusts: true})
	line(t, a, b, c, d)
	card := a.announce()
	for _, m := range []*member{b, c} {
		eventually(t, "a is known", m.holds(card))
	}
	view := a.view(held, exchange.CallID{})
	c.put(view)
	c.dialHost(answering(t, frame(someMembers(3).Encode())))
	c.dialHost(answering(t, nil))
	eventually(t, "c has four neighbours", func() bool { return c.x.neighbours.count() == 4 })
	for range 8 { // in whatever order c asks the other three
		d.fetches(t, view, held)
	}
	// Of c's four neighbours three are asked.
	eventually(t, "c has an answer", func() bool { _, err := c.x.Members(context.Background(), view); return err == nil })
}

func TestBarredGetNoMembers(t *testing.T) {
	held := someMembers(2)
	members := chain(t, 3, held)
	a, b, c := members[0], members[1], members[2]
	view := a.view(held, exchange.CallID{})
	c.fetches(t, view, held)
	b.barred.Store(c.host.ID(), true)
	if _, err := c.x.Members(context.Background(), view); err == nil || errors.Is(err, errNotHeld) {
		t.Errorf("a barred member's question gives %v", err)
	}
	b.barred.Delete(c.host.ID())
	b.barred.Store(a.host.ID(), true)
	if _, err := c.x.Members(context.Background(), view); !errors.Is(err, errNotHeld) {
		t.Errorf("a question about a barred identity gives %v", err)
	}
	if _, err := b.x.Members(context.Background(), view); err == nil {
		t.Error("the members of a barred identity's view are asked for")
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	members := chain(t, 2, someMembers(2))
	a, b := members[0], members[1]
	a.x.questions.mu.Lock()
	a.x.questions.bound.records, a.x.questions.bound.recordsAtOnce = 0, 2
	a.x.questions.mu.Unlock()
	view := a.view(someMembers(2), exchange.CallID{})
	for range 2 {
		b.fetches(t, view, someMembers(2))
	}
	if _, err := b.x.Members(context.Background(), view); err == nil {
		t.Error("a third question is answered")
	}
}

func TestHostileQuestions(t *testing.T) {
	timing := quick()
	timing.members = 300 * time.Millisecond
	m := newMember(t, options{timing: timing, members: someMembers(2)})
	good := question{hops: 3, author: m.host.ID()}.encode()
	for name, sent := range map[string][]byte{
		"nothing (slow loris)": {},
		"half a question":      frame(good)[:20],
		"a question cut short": frame(good[:len(good)-1]),
		"a question too long":  frame(make([]byte, maxQuestion+1)),
		"version 0":            frame(append([]byte{0}, good[1:]...)),
		"an identity of 0":     frame(append([]byte{1, 0, 0, 0}, make([]byte, 32)...)),
		"an endless identity":  frame(append([]byte{1, 0, 0xff, 0xff}, make([]byte, 100)...)),
		"no identity at all":   frame(append([]byte{1, 0, 0, 2, 'x', 'y'}, make([]byte, 32)...)),
		"a length without end": bytes.Repeat([]byte{0x80}, 20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTestHost(t, newTestKey(t), nil)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := h.Connect(ctx, peer.AddrInfo{ID: m.host.ID(), Addrs: m.host.Network().ListenAddresses()}); err != nil {
				t.Fatal(err)
			}
			s, err := h.NewStream(ctx, m.host.ID(), MembersProtocol)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(sent); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(s); err == nil || len(got) != 0 {
				t.Errorf("%d bytes come back, %v", len(got), err)
			}
		})
	}
}

func TestQuestionComesBack(t *testing.T) {
	id, err := peer.IDFromPrivateKey(newTestKey(t))
	if err != nil {
		t.Fatal(err)
	}
	q := question{hops: 2, author: id, view: mpspdz.Hash{9}}
	if got, err := decodeQuestion(q.encode()); err != nil || got != q {
		t.Errorf("%+v comes back as %+v, %v", q, got, err)
	}
	if got, err := decodeQuestion(append(q.encode(), "what a later version adds"...)); err != nil || got != q {
		t.Errorf("a later version's comes back as %+v, %v", got, err)
	}
}
