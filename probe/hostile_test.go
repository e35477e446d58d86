package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// fake is a member that does what a test says.
func fake(do func(stream net.Conn)) func(context.Context, string) (io.ReadWriteCloser, error) {
	return func(context.Context, string) (io.ReadWriteCloser, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			do(theirs)
		}()
		return ours, nil
	}
}

// said makes a fake read the request and send these frames, the second and later ones each after another frame from the coordinator.
func said(t *testing.T, frames ...[]byte) func(stream net.Conn) {
	return func(stream net.Conn) {
		for _, frame := range frames {
			if _, err := readFrame(stream); err != nil {
				t.Error(err)
			}
			if writeFrame(stream, frame) != nil {
				return // the coordinator does not listen any further
			}
		}
		_, _ = stream.Read(make([]byte, 1))
	}
}

// TestHostileMember: whatever a member says, it counts for its own row alone, and nothing of it is printed as it came.
func TestHostileMember(t *testing.T) {
	t.Parallel()
	open := answer{status: statusOpen, left: 5 * time.Second}.encode()
	evil := "\x1b[31mapproved\r\n\u202e\\"
	for _, test := range []struct {
		name string
		do   func(stream net.Conn)
		to   want // p0>p1
		from want // p1>p0
	}{
		{"says nothing", func(stream net.Conn) { _, _ = io.Copy(io.Discard, stream) },
			want{NoAgent, "did not answer", "p1's operator"}, want{NoAgent, "p1 did not dial: the agent of p1 did not answer", ""}},
		{"hangs up", func(net.Conn) {}, want{NoAgent, "did not answer", ""}, want{NoAgent, "", ""}},
		{"says what is none", said(t, []byte("HTTP/1.1")), want{NoAgent, "did not answer", ""}, want{NoAgent, "", ""}},
		{"a frame that never ends", func(stream net.Conn) {
			_, _ = readFrame(stream)
			_, _ = stream.Write([]byte{0xff, 0xff, 0})
			_, _ = io.Copy(io.Discard, stream)
		}, want{NoAgent, "did not answer", ""}, want{NoAgent, "", ""}},
		{"escape codes", said(t, answer{status: statusFailed, detail: evil}.encode()),
			want{Failed, `p1 cannot open its port: \x1b[31mapproved\r\n\u202e\\`, ""}, want{Failed, `\x1b[31mapproved`, ""}},
		{"opened, and gone", said(t, open), want{Refused, "nothing listens", ""}, want{NoAgent, "p1 did not say what it found", ""}},
		{"a row for others", said(t, open, encodeRow([]result{{to: 1, code: OK, party: nobody}})),
			want{Refused, "", ""}, want{NoAgent, "p1 did not say what it found", ""}},
		{"a row with escape codes", said(t, open, encodeRow([]result{{to: 0, code: Failed, party: nobody, detail: evil}})),
			want{Refused, "", ""}, want{Failed, `the handshake of p1 with 127.0.0.1:`, "fbpeer log, at both sites"}},
		{"an empty row of long ago", func(stream net.Conn) {
			_, _ = readFrame(stream)
			_ = writeFrame(stream, answer{status: statusOpen, over: true, left: time.Second, age: 29 * time.Second}.encode())
			_ = writeFrame(stream, nil)
		},
			want{NotOpened, "p1 opened its port less than 30 s ago", "ask again in 30 s"}, want{NotOpened, "p1 opened its port", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := plainScene(t, numbered(0), numbered(1))
			a := s.agent(0)
			a.opener.timing.ask, a.opener.timing.whole = time.Second, 4*time.Second
			r := roundOf([]*agent{a})
			r.Stream = fake(test.do)
			cells, err := Coordinate(a.ctx, r)
			if err != nil || len(cells) != 2 {
				t.Fatalf("%+v, %v", cells, err)
			}
			test.to.check(t, "p0>p1", cells[0])
			test.from.check(t, "p1>p0", cells[1])
			for _, c := range cells {
				if strings.ContainsAny(c.Text+c.Cure, "\x1b\r\n\u202e") {
					t.Errorf("%+q", c)
				}
			}
			noTrace(t, s.ports[0])
		})
	}
}

// TestHostileCoordinator: an agent is not held up, nor made to dial whom it should not.
func TestHostileCoordinator(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(stream io.ReadWriteCloser, good []byte) error{
		"says nothing":      func(io.ReadWriteCloser, []byte) error { return nil },
		"hangs up":          func(stream io.ReadWriteCloser, _ []byte) error { return stream.Close() },
		"says what is none": func(stream io.ReadWriteCloser, _ []byte) error { return writeFrame(stream, []byte("GET /")) },
		"sends no go":       func(stream io.ReadWriteCloser, good []byte) error { return answered(stream, good) },
		"sends it to itself": func(stream io.ReadWriteCloser, good []byte) error {
			return answered(stream, good, []byte{0, 0, 0, 0, 9})
		},
		"sends it to nobody": func(stream io.ReadWriteCloser, good []byte) error {
			return answered(stream, good, []byte{7, 0, 0, 0, 9})
		},
		"does not hang up": func(stream io.ReadWriteCloser, good []byte) error { return answered(stream, good, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plainScene(t, numbered(0), numbered(1))
			a := s.agent(0)
			a.opener.timing.whole = 1500 * time.Millisecond
			stream := a.stream()
			defer stream.Close()
			if err := do(stream, request{digest: s.set.Digest()}.encode()); err != nil {
				t.Error(err)
			}
			go func() { _, _ = io.Copy(io.Discard, stream) }()
			select {
			case <-a.errs:
			case <-time.After(10 * time.Second):
				t.Error("the agent is still in it")
			}
			if p := a.opener.last; p != nil && len(p.results()) > 0 {
				t.Errorf("it dialled %+v", p.results())
			}
			noTrace(t, s.ports[0])
		})
	}
}

// answered sends a request, reads the answer and sends more frames.
func answered(stream io.ReadWriteCloser, request []byte, frames ...[]byte) error {
	if err := writeFrame(stream, request); err != nil {
		return err
	}
	body, err := readFrame(stream)
	if err != nil {
		return err
	}
	if a, err := decodeAnswer(body); err != nil || a.status != statusOpen {
		return fmt.Errorf("%+v, %w", a, err)
	}
	for _, frame := range frames {
		if err := writeFrame(stream, frame); err != nil {
			return err
		}
	}
	return nil
}

// TestPanics: what panics is an error or a result, and the others' are there.
func TestPanics(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	address := s.address(2)
	agents[1] = s.agentWith(agents[1].site, Config{Dial: func(ctx context.Context, network, a string) (net.Conn, error) {
		if a == address {
			panic("the dialer")
		}
		return new(net.Dialer).DialContext(ctx, network, a)
	}})
	cells := coordinate(t, agents)
	want{Failed, "the handshake of p1 with " + address + " failed (the agent failed)", "fbpeer log"}.check(t, "p1>p2", cells["p1>p2"])
	want{OK, "", ""}.check(t, "p1>p0", cells["p1>p0"])

	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _ = writeFrame(ours, request{digest: mpspdz.Hash{}}.encode()) }()
	err := Serve(context.Background(), theirs, Member{Opener: agents[0].opener, Site: func(string) (Site, error) { panic("the agent") }})
	if err == nil || !strings.Contains(err.Error(), "the agent") {
		t.Errorf("%v", err)
	}

	for _, port := range s.ports {
		noTrace(t, port) // of the first round
	}
	r := roundOf(s.agents())
	stream := r.Stream
	r.Stream = func(ctx context.Context, component string) (io.ReadWriteCloser, error) {
		if component == "p1" {
			panic("the network")
		}
		return stream(ctx, component)
	}
	r.Opener.timing.ask = time.Second
	got, err := Coordinate(context.Background(), r)
	if err != nil || len(got) != 6 || got[0].Code != NoAgent || got[1].Code != OK {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestRefusals: an error of the agent's own reaches the coordinator with its text.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		err  error
		want answer
	}{
		{errors.New("the disk is full"), answer{status: statusFailed, detail: "the disk is full"}},
		{fmt.Errorf("so: %w", &Refusal{Reason: ReasonNotAccepted}), answer{status: statusNotAccepted}},
		{&Refusal{Reason: ReasonNoSet}, answer{status: statusNoSet}},
		{&oftenError{time.Second}, answer{status: statusOften, left: time.Second}},
	} {
		if got := refused(test.err); got != test.want {
			t.Errorf("%v: %+v", test.err, got)
		}
	}
}
