package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hanging is a dialer to whom nothing answers, and whose contexts the test sees.
func hanging() (dial func(ctx context.Context, network, address string) (net.Conn, error), dials chan context.Context) {
	dials = make(chan context.Context, 10)
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		dials <- ctx
		<-ctx.Done()
		return nil, ctx.Err()
	}, dials
}

// soon waits for the end of something, and says whether it came.
func soon(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-time.After(2 * time.Second):
		return false
	}
}

// TestDialsEndWithOpening: whatever a coordinator says of a port, it is not dialled when the opening has ended, by its time or by the last
// user's leaving.
func TestDialsEndWithOpening(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	dial, dials := hanging()
	a := s.agentWith(s.site(0), Config{Dial: dial})
	a.opener.timing.dial = time.Minute
	p := mustJoin(t, a)
	rows := make(chan []result, 1)
	go func() { rows <- p.dial(context.Background(), []target{{1, maxTime}}) }()
	ctx := <-dials
	ends, _ := p.ctx.Deadline()
	if until, ok := ctx.Deadline(); !ok || until.After(ends) {
		t.Errorf("it is dialled until %v after the opening has ended", until.Sub(ends))
	}
	p.leave()
	if !soon(ctx.Done()) {
		t.Fatal("it is dialled on after the last user has left")
	}
	if row := <-rows; len(row) != 1 || row[0].code != Failed || row[0].how != howLate {
		t.Errorf("%+v", row)
	}
}

// TestLateForOpening: what could not be tried for long enough before the own opening ends is not tried, so that nobody's firewall is blamed.
func TestLateForOpening(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	dial, dials := hanging()
	a := s.agentWith(s.site(0), Config{Dial: dial})
	a.opener.timing.open = time.Second
	if row := mustJoin(t, a).dial(context.Background(), []target{{1, maxTime}}); len(row) != 1 || row[0].how != howLate || len(dials) > 0 {
		t.Errorf("%+v, dialled %d", row, len(dials))
	}
}

// TestCoordinatorGone: a coordinator that leaves while a member dials for it ends that, and the opening.
func TestCoordinatorGone(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	dial, dials := hanging()
	a := s.agentWith(s.site(0), Config{Dial: dial})
	a.opener.timing.dial = time.Minute
	stream := a.stream()
	if err := answered(stream, request{digest: s.set.Digest()}.encode(), encodeGo([]target{{1, maxTime}})); err != nil {
		t.Fatal(err)
	}
	ctx := <-dials
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	if !soon(ctx.Done()) {
		t.Error("it dials on")
	}
	select {
	case <-a.errs:
	case <-time.After(2 * time.Second):
		t.Error("the agent is still in it")
	}
	if !a.opener.last.over() {
		t.Error("the port is still open")
	}
}

// TestSlowAnswer: a port is counted as open from before its member was asked, not from when the answer came; and for no longer than any is.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	a := s.agent(0)
	r := roundOf([]*agent{a})
	ours, theirs := net.Pipe()
	defer ours.Close()
	const delay = 500 * time.Millisecond
	go said(t, answer{status: statusOpen, left: maxTime}.encode())(slowly{theirs, delay})
	ctx, cancel := context.WithCancel(t.Context())
	asked := &asking{1, make(chan member, 1), make(chan []target, 1), make(chan []result, 1)}
	talked := make(chan struct{})
	before := time.Now()
	go func() {
		defer close(talked)
		_ = r.talk(ctx, ours, asked)
	}()
	m := <-asked.answers
	cancel()
	<-talked
	if late := m.at.Sub(before); late >= delay {
		t.Errorf("it counts from %v after the question", late)
	}
	if left := m.open(m.at, usual.open); left > usual.open {
		t.Errorf("open for %v", left)
	}

	// The own port is open while the others are waited for.
	left := make(chan []target, 1)
	member := fake(func(stream net.Conn) {
		_, _ = readFrame(stream)
		time.Sleep(delay) // the member's slowness, which the time that is left has to show; nothing is synchronised by it
		_ = writeFrame(stream, answer{status: statusInUse}.encode())
		body, _ := readFrame(stream)
		targets, _ := decodeGo(body, 1, 3)
		left <- targets
	})
	r.Stream = func(ctx context.Context, component string) (io.ReadWriteCloser, error) {
		if component == "p1" {
			return member(ctx, component)
		}
		return nil, errors.New("not connected")
	}
	if _, err := Coordinate(t.Context(), r); err != nil {
		t.Error(err)
	}
	if got := <-left; len(got) != 1 || got[0].left > usual.open-delay {
		t.Errorf("told to dial us: %+v", got)
	}
}

// slowly delays what is written.
type slowly struct {
	net.Conn
	by time.Duration
}

func (s slowly) Write(b []byte) (int, error) {
	time.Sleep(s.by) // the network's delay itself
	return s.Conn.Write(b)
}

// TestNoRequest: a stream on which nothing is asked is not kept.
func TestNoRequest(t *testing.T) {
	t.Parallel()
	a := plain3(t).agent(0)
	defer a.stream().Close()
	select {
	case err := <-a.errs:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(5 * time.Second):
		t.Error("the agent still waits")
	}
}

// parks says, soon, whether a goroutine that a test began is inside a function and waits there at a lock or a group.
func parks(function, test string) bool {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); runtime.Gosched() {
		all := make([]byte, 1<<20)
		for one := range strings.SplitSeq(string(all[:runtime.Stack(all, true)]), "\n\n") {
			head, _, _ := strings.Cut(one, "\n")
			if strings.Contains(head, "[sync.") && strings.Contains(one, function) && strings.Contains(one, test+".func") {
				return true
			}
		}
	}
	return false
}

// TestWaitWithDials: waiting for the end does not hold up what is about to be begun, nor what must end first.
func TestWaitWithDials(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := NewOpener(ctx, Config{})
	p, err := o.join(s.site(0))
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock() // as begin does
	if !o.spawn(func() { p.first(1) }) {
		t.Fatal("it does not run")
	}
	cancel()
	waited, begun := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(waited)
		o.Wait()
	}()
	if !parks("(*Opener).Wait(", "TestWaitWithDials") {
		t.Fatal("Wait waits for nothing")
	}
	go func() {
		defer close(begun)
		defer p.mu.Unlock()
		if o.spawn(func() {}) {
			t.Error("something is begun after the end")
		}
	}()
	if !soon(begun) || !soon(waited) {
		t.Error("it waits for what waits for it")
	}
}
