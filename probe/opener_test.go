package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// eventually waits for a condition, with a deadline.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// about allows for the time that a test itself takes on a busy machine.
func about(got, want time.Duration) bool { return (got - want).Abs() < 5*time.Second }

// mustJoin joins an opening and leaves it at the end of the test.
func mustJoin(t *testing.T, a *agent) *opening {
	t.Helper()
	p, err := a.opener.join(a.site)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *scene) address(party int) string { return fmt.Sprintf("127.0.0.1:%d", s.ports[party]) }

// dialAs makes one handshake as a party and gives its result.
func (s *scene) dialAs(from *agent, to int) result {
	s.t.Helper()
	f, err := readFiles(os.DirFS(from.site.Folder), from.site)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return f.dialParty(ctx, from.opener.c, to)
}

// noTrace says that the kernel has no socket on a port any more, and that it can be bound.
func noTrace(t *testing.T, port uint16) {
	t.Helper()
	eventually(t, "no socket is left on the port", func() bool { return !portHeld("/proc", port) })
}

// TestShared: callers that come while the port is open share it, each member is dialled once; one that comes later gets what was found,
// with its age; after 30 s it is opened anew.
func TestShared(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	first, second := mustJoin(t, agents[0]), mustJoin(t, agents[0])
	if first != second || first.status != statusOpen {
		t.Fatalf("two openings at once, or none: %d", first.status)
	}
	mustJoin(t, agents[1]) // opens p1
	targets := []target{{1, 5 * time.Second}}
	rows := make(chan []result)
	for range 2 {
		go func() { rows <- first.dial(context.Background(), targets) }()
	}
	a, b := <-rows, <-rows
	if len(a) != 1 || len(b) != 1 || a[0] != b[0] || a[0].code != OK {
		t.Errorf("two callers have different results: %+v, %+v", a, b)
	}
	first.leave()
	if second.over() {
		t.Error("it ended with the first caller, though the second is in it")
	}
	second.leave()
	if !second.over() {
		t.Error("it did not end with the last caller")
	}
	noTrace(t, s.ports[0])

	agents[0].clock.advance(12 * time.Second)
	third, said := agents[0].opener.answer(agents[0].site)
	if third != first || !said.over || !about(said.age, 12*time.Second) || !about(said.left, 18*time.Second) {
		t.Errorf("a third caller: %+v", said)
	}
	if row := aged(third.results(), agents[0].clock.now()); len(row) != 1 || !about(row[0].age, 12*time.Second) {
		t.Errorf("the third caller's row: %+v", row)
	}
	third.leave()

	agents[0].clock.advance(19 * time.Second)
	fourth, said := agents[0].opener.answer(agents[0].site)
	if fourth == first || said.over || said.status != statusOpen {
		t.Errorf("after 31 s: %+v", said)
	}
	fourth.leave()
}

// TestSharedRounds: two coordinators at once get one and the same, and one that comes later the same with its age.
func TestSharedRounds(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	got := make(chan map[string]Cell)
	for _, first := range []int{0, 1} {
		go func() {
			r := roundOf(agents)
			r.Site, r.Opener = agents[first].site, agents[first].opener
			cells, err := Coordinate(context.Background(), r)
			if err != nil {
				t.Error(err)
			}
			by := map[string]Cell{}
			for _, c := range cells {
				by[c.From+">"+c.To] = c
			}
			got <- by
		}()
	}
	a, b := <-got, <-got
	for pair, c := range a {
		if c.Code != OK || b[pair].Code != OK {
			t.Errorf("%s: %s %s, %s %s", pair, c.Code, c.Text, b[pair].Code, b[pair].Text)
		}
	}
	for _, agent := range agents {
		agent.clock.advance(10 * time.Second)
	}
	for pair, c := range coordinate(t, agents) {
		if c.Code != OK || !about(c.Age, 10*time.Second) {
			t.Errorf("%s: %s %s, age %v", pair, c.Code, c.Text, c.Age)
		}
	}
}

// TestTooOften: what was not dialled in an opening that has ended cannot be dialled before 30 s are over, and no other set opens it either.
func TestTooOften(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	coordinate(t, agents, "p2")
	agents[0].clock.advance(10 * time.Second)
	cells := coordinate(t, agents)
	want{NotOpened, "p1 opened its port less than 30 s ago", "ask again in "}.check(t, "p0>p1", cells["p0>p1"])
	want{OK, "", ""}.check(t, "p0>p2", cells["p0>p2"])

	_, err := agents[0].opener.join(plain3(t).site(0))
	var often *oftenError
	if !errors.As(err, &often) || !about(often.left, 20*time.Second) {
		t.Errorf("another set: %v", err)
	}
}

// TestEnds: without anybody leaving it, an opening ends after its time, whoever hangs on it, and leaves no trace.
func TestEnds(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	a := s.agent(0)
	a.opener.timing.open = 700 * time.Millisecond
	p := mustJoin(t, a)
	began := time.Now()
	var slow []net.Conn
	for range maxConns + 20 { // one byte, and no more
		conn, err := net.Dial("tcp4", s.address(0))
		if err != nil {
			continue // one too many
		}
		defer conn.Close()
		_, _ = conn.Write([]byte{0x16})
		slow = append(slow, conn)
	}
	for _, conn := range slow { // the kernel's reset, or ours
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("something came")
		}
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if !p.over() {
		t.Error("connections ended, the opening did not")
	}
	noTrace(t, s.ports[0])
}

// TestEndsWithContext: nothing runs any more when the agent ends.
func TestEndsWithContext(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	ctx, cancel := context.WithCancel(context.Background())
	o := NewOpener(ctx, Config{})
	p, err := o.join(s.site(0))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp4", s.address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	o.Wait()
	noTrace(t, s.ports[0])
	if _, err := o.join(s.site(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("joining after the end: %v", err)
	}
	if row := p.dial(context.Background(), []target{{1, time.Second}}); len(row) > 0 {
		t.Errorf("dialled after the end: %+v", row)
	}
}

// TestStranger: somebody whose certificate the folder does not have is told so, and a member's handshake is still there afterwards; the
// member has one.
func TestStranger(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	mustJoin(t, agents[0])
	stranger := plain3(t)
	_, line := stranger.greet(t, s.address(0), 1)
	if line != "fbpeer-probe/1 unknown-certificate\n" {
		t.Errorf("a stranger is told %q", line)
	}
	if r := s.dialAs(agents[1], 0); r.code != OK {
		t.Errorf("a member after a stranger: %+v", r)
	}
	if r := s.dialAs(agents[1], 0); r.code != NotOpened || r.how != howThere {
		t.Errorf("a member's second handshake: %+v", r)
	}
	if r := s.dialAs(agents[2], 0); r.code != OK {
		t.Errorf("another member: %+v", r)
	}
	// Without a certificate, and without TLS, there is no handshake at all.
	if _, err := tls.Dial("tcp4", s.address(0), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("a handshake without a certificate")
	}
	if _, err := tls.Dial("tcp4", s.address(0), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}); err == nil {
		t.Error("a handshake by TLS 1.3, which MP-SPDZ does not speak")
	}
}

// greet makes a handshake as a party of the scene with whoever is there, says ok and gives what is answered.
func (s *scene) greet(t *testing.T, address string, party int) (tls.ConnectionState, string) {
	t.Helper()
	f := &files{own: tls.Certificate{Certificate: [][]byte{s.pairs[party].certificate.DER()}, PrivateKey: s.pairs[party].key}}
	conn, err := tls.Dial("tcp4", address, f.tlsConfig(func([]byte) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "fbpeer-probe/1 ok\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, maxLine)
	n, _ := conn.Read(buf)
	return conn.ConnectionState(), string(buf[:n])
}

// TestNoTimeWait: after a handshake that the other side ends, and one that it leaves hanging, the port is as if nothing had been.
func TestNoTimeWait(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	p := mustJoin(t, agents[0])
	s.dialAs(agents[1], 0)
	hanging, err := net.Dial("tcp4", s.address(0))
	if err != nil {
		t.Fatal(err)
	}
	defer hanging.Close()
	eventually(t, "the kernel shows the open port", func() bool { return portHeld("/proc", s.ports[0]) })
	p.leave()
	noTrace(t, s.ports[0])
	agents[0].clock.advance(time.Minute)
	if p := mustJoin(t, agents[0]); p.status != statusOpen {
		t.Errorf("the next opening takes us for a computation: %d", p.status)
	}
}

// TestBusy: a port that another program has, or had until now, is not opened. A listener on another address would not be in our way, but in
// MP-SPDZ's.
func TestBusy(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	a := s.agent(0)
	occupy(t, s.ports[0])
	if p := mustJoin(t, a); p.status != statusInUse {
		t.Errorf("status %d", p.status)
	}

	b := s.agent(1)
	l, err := net.Listen("tcp4", s.address(1))
	if err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("tcp4", s.address(1))
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _, _ = l.Close(), server.Close(), client.Close() // the server first: it is left in TIME_WAIT
	if p := mustJoin(t, b); p.status != statusInUse {
		t.Errorf("a computation that has just ended: status %d", p.status)
	}

	// Binding says so where there is no /proc.
	c := s.agentWith(s.site(2), Config{Proc: t.TempDir()})
	occupy(t, s.ports[2])
	if p := mustJoin(t, c); p.status != statusInUse {
		t.Errorf("without /proc: status %d", p.status)
	}
}

// TestCannotListen: any other error of binding is told as it is.
func TestCannotListen(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	a := s.agentWith(s.site(0), Config{Listen: func(context.Context, uint16) (net.Listener, error) {
		return nil, &net.OpError{Op: "listen", Err: os.ErrPermission}
	}})
	if _, err := a.opener.join(a.site); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d: permission denied", s.ports[0])) {
		t.Errorf("%v", err)
	}
}

// TestFailedOnce: an attempt that failed is not made again for 30 s, however often somebody asks, but for other files it is.
func TestFailedOnce(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	tries := 0
	a := s.agentWith(s.site(0), Config{Listen: func(context.Context, uint16) (net.Listener, error) {
		tries++
		return nil, &net.OpError{Op: "listen", Err: os.ErrPermission}
	}})
	ask := func(site Site, want int, left time.Duration) {
		t.Helper()
		_, said := a.opener.answer(site)
		if tries != want || said.status != statusFailed || !strings.Contains(said.detail, "permission denied") || !about(said.left, left) {
			t.Errorf("%d attempts, not %d: %+v", tries, want, said)
		}
	}
	ask(a.site, 1, 30*time.Second)
	a.clock.advance(20 * time.Second)
	for range 100 {
		ask(a.site, 1, 10*time.Second)
	}
	ask(s.site(0), 2, 30*time.Second)
	a.clock.advance(31 * time.Second)
	ask(a.site, 3, 30*time.Second)

	// Files that are damaged are read once as well: that they are mended is seen after 30 s.
	b := s.agent(1)
	key := filepath.Join(b.site.Folder, mpspdz.PlayerData, mpspdz.PartyName(1)+".key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	cells := coordinate(t, []*agent{s.agent(0), b, s.agent(2)}, "p1")
	want{Failed, "p1 cannot open its port: Player-Data/P1.key: no such file", "; then ask again, in "}.check(t, "p0>p1", cells["p0>p1"])
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	if _, said := b.opener.answer(b.site); said.status != statusFailed {
		t.Errorf("at once: %+v", said)
	}
	b.clock.advance(31 * time.Second)
	if p := mustJoin(t, b); p.status != statusOpen {
		t.Errorf("after 31 s: %d", p.status)
	}
}

// TestLinkIsFollowedOnce: what is swapped in while the port is open is for the next opening.
func TestLinkIsFollowedOnce(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	a := s.agent(0)
	mustJoin(t, a)
	if err := os.RemoveAll(filepath.Join(filepath.Dir(a.site.Folder), "files")); err != nil {
		t.Fatal(err)
	}
	if r := s.dialAs(s.agent(1), 0); r.code != OK {
		t.Errorf("%+v", r)
	}
}

// TestManyAtOnce: of more members than are dialled at once, each has its turn, and one whose port is about to close is not dialled.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	forms := make([]form, 2*dialsAtOnce+3)
	for i := range forms {
		forms[i] = form{}
	}
	s := fedbiomedScene(t, forms...)
	agents := s.agents()
	for _, a := range agents { // how fast this machine is, is not what is tested
		a.opener.timing = timing{open: maxTime, every: 2 * maxTime, dial: maxTime, ask: maxTime, whole: 2 * maxTime}
	}
	cells := coordinate(t, agents, "p0")
	for pair, c := range cells {
		if c.Code != OK {
			t.Errorf("%s: %s %s", pair, c.Code, c.Text)
		}
	}
	if len(cells) != 2*(len(forms)-1) {
		t.Errorf("%d cells", len(cells))
	}
	p := mustJoin(t, s.agent(1))
	if row := p.dial(context.Background(), []target{{2, time.Second}}); len(row) != 1 || row[0].how != howLate {
		t.Errorf("%+v", row)
	}
}
