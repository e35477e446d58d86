package probe

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// want is what a direction shall be: its code, and words of its text and its cure.
type want struct {
	code Code
	text string
	cure string
}

func (w want) check(t *testing.T, pair string, c Cell) {
	t.Helper()
	if c.Code != w.code || !strings.Contains(c.Text, w.text) || !strings.Contains(c.Cure, w.cure) {
		t.Errorf("%s: %s, %q, cure %q\nwant %s, %q, cure %q", pair, c.Code, c.Text, c.Cure, w.code, w.text, w.cure)
	}
	if c.Code != OK && (c.Text == "" || c.Cure == "") {
		t.Errorf("%s: %s without text or cure: %+v", pair, c.Code, c)
	}
	if c.Code == OK && c.Took <= 0 {
		t.Errorf("%s: ok in no time", pair)
	}
}

// plain3 are three parties with certificates of their own.
func plain3(t *testing.T) *scene { return plainScene(t, numbered(0), numbered(1), numbered(2)) }

// TestMatrix has every code between three agents on real sockets, but timeout, which needs a network that drops packets.
func TestMatrix(t *testing.T) {
	t.Parallel()
	past := time.Now().Add(-time.Hour)
	for _, test := range []struct {
		name  string
		scene func(t *testing.T) *scene
		spoil func(t *testing.T, s *scene, agents []*agent)
		want  map[string]want // directions that are not named are ok
	}{
		{"all well", plain3, nil, nil},
		{"CN * by the old rule", func(t *testing.T) *scene { return fedbiomedScene(t, form{}, form{}, form{}) }, nil, nil},
		{"CN * by the new rule", func(t *testing.T) *scene { return plainScene(t, numbered(0), form{}, numbered(2)) }, nil, map[string]want{
			"p0>p1": {NameRefused, "p0 does not accept the certificate of p1 as that of P1", "p1's operator: make one with the party's name"},
			"p2>p1": {NameRefused, "p2 does not accept the certificate of p1", "the present one works with MP-SPDZ up to 0.4.0 (CN *)"},
			"p1>p0": {NameRefused, "p0 does not accept the certificate of p1", "p1's operator"},
			"p1>p2": {NameRefused, "p2 does not accept the certificate of p1", "p1's operator"},
		}},
		{"certificate for another number", func(t *testing.T) *scene { return plainScene(t, numbered(0), numbered(3)) }, nil, map[string]want{
			"p0>p1": {NameRefused, "as that of P1", "as party 3 only"},
			"p1>p0": {NameRefused, "as that of P1", "as party 3 only"},
		}},
		{"expired", func(t *testing.T) *scene {
			return plainScene(t, numbered(0), form{name: "P1", san: "P1", notAfter: past})
		}, nil, map[string]want{
			"p0>p1": {Expired, "the certificate of p1 is out of its time at p0 (the certificate expired on ", "p1's operator: make a new certificate; if it is good yet, set the clock right"},
			"p1>p0": {Expired, "the certificate of p1 is out of its time at p0", ""},
		}},
		{"unknown certificate", plain3, func(_ *testing.T, s *scene, agents []*agent) { s.unlink(agents[1].site, 2) }, map[string]want{
			"p1>p2": {UnknownCertificate, "the player files of p1 do not have the certificate that p2 presents", "p1's operator: fbpeer status"},
			"p2>p1": {UnknownCertificate, "the player files of p1 do not have the certificate that p2 presents", "p1's operator: fbpeer status"},
		}},
		{"two lines exchanged", plain3, func(_ *testing.T, s *scene, agents []*agent) {
			s.setIP(agents[0].site, 1, fmt.Sprintf("127.0.0.1:%d", s.ports[2]))
			s.setIP(agents[0].site, 2, fmt.Sprintf("127.0.0.1:%d", s.ports[1]))
		}, map[string]want{
			"p0>p1": {WrongParty, "p2 answers at 127.0.0.1:", "compare the addresses"},
			"p0>p2": {WrongParty, "p1 answers at 127.0.0.1:", "exchanged lines"},
		}},
		{"two lines exchanged, CN *", func(t *testing.T) *scene { return fedbiomedScene(t, form{}, form{}, form{}) }, func(_ *testing.T, s *scene, agents []*agent) {
			s.setIP(agents[2].site, 0, fmt.Sprintf("127.0.0.1:%d", s.ports[1]))
			s.setIP(agents[2].site, 1, fmt.Sprintf("127.0.0.1:%d", s.ports[0]))
		}, map[string]want{
			"p2>p0": {WrongParty, "p1 answers at 127.0.0.1:", "p2's operator: compare"},
			"p2>p1": {WrongParty, "p0 answers at 127.0.0.1:", "p2's operator: compare"},
		}},
		{"an address that leads back", plain3, func(_ *testing.T, s *scene, agents []*agent) {
			s.setIP(agents[1].site, 0, fmt.Sprintf("127.0.0.1:%d", s.ports[1]))
		}, map[string]want{"p1>p0": {WrongParty, "p1 itself answers at", "p1's operator: compare"}}},
		{"does not resolve", plain3, func(_ *testing.T, s *scene, agents []*agent) {
			s.setIP(agents[1].site, 0, "nowhere.invalid:14000")
		}, map[string]want{"p1>p0": {Unresolved, "the host name nowhere.invalid does not resolve at p1", "p1's operator: make it resolve"}}},
		{"nothing listens", plain3, func(t *testing.T, s *scene, agents []*agent) {
			s.setIP(agents[0].site, 1, fmt.Sprintf("127.0.0.1:%d", freePort(t)))
		}, map[string]want{"p0>p1": {Refused, "nothing listens at 127.0.0.1:", "p1's operator: the firewall or the container does not let port"}}},
		{"port in use", plain3, func(t *testing.T, s *scene, _ []*agent) {
			occupy(t, s.ports[1])
		}, map[string]want{
			"p0>p1": {Busy, "p1 has its port in use", "p1's operator: find what has the port"},
			"p2>p1": {Busy, "p1 has its port in use", ""},
		}},
		{"a run has just ended", plain3, func(t *testing.T, _ *scene, agents []*agent) {
			writeOutput(t, agents[1].site, "Binary-Output-P1-0", time.Now())
		}, map[string]want{
			"p0>p1": {Busy, "at p1 MP-SPDZ runs, or did until a minute ago", "wait"},
			"p2>p1": {Busy, "at p1 MP-SPDZ runs, or did until a minute ago", "wait"},
		}},
		{"answer = off", plain3, func(_ *testing.T, _ *scene, agents []*agent) { agents[1].site.Off = true }, map[string]want{
			"p0>p1": {NotOpened, "p1 does not open its port for a probe ([probe] answer = off)", "p1's operator: [probe] answer = on"},
			"p2>p1": {NotOpened, "p1 does not open", ""},
			"p1>p0": {NotOpened, "p1 did not dial: p1 does not open", ""},
			"p1>p2": {NotOpened, "p1 did not dial", ""},
		}},
		{"answer = off at the asker's", plain3, func(_ *testing.T, _ *scene, agents []*agent) { agents[0].site.Off = true }, map[string]want{
			"p1>p0": {NotOpened, "p0 does not open its port", "[probe] answer = on"},
			"p2>p0": {NotOpened, "p0 does not open its port", "[probe] answer = on"},
		}},
		{"not accepted", plain3, func(_ *testing.T, _ *scene, agents []*agent) {
			agents[2].refuse = &Refusal{Reason: ReasonNotAccepted}
		}, map[string]want{
			"p0>p2": {NotOpened, "p2 has not approved this site", "p2's operator: fbpeer trust approve p0"},
			"p1>p2": {NotOpened, "p2 has not approved this site", ""},
			"p2>p0": {NotOpened, "p2 did not dial: p2 has not approved this site", ""},
			"p2>p1": {NotOpened, "", ""},
		}},
		{"another set", plain3, func(t *testing.T, s *scene, agents []*agent) {
			agents[1].site = plain3(t).site(1)
		}, map[string]want{
			"p0>p1": {NotOpened, "p1 has another set in force (", "fbpeer ready"},
			"p2>p1": {NotOpened, ", here ", ""},
			"p1>p0": {NotOpened, "p1 did not dial: p1 has another set", ""},
			"p1>p2": {NotOpened, "", ""},
		}},
		{"no such set", plain3, func(_ *testing.T, _ *scene, agents []*agent) {
			agents[1].refuse = &Refusal{Reason: ReasonNoSet}
		}, map[string]want{
			"p0>p1": {NotOpened, "p1 has no such set in force", "fbpeer ready"}, "p2>p1": {NotOpened, "", ""},
			"p1>p0": {NotOpened, "", ""}, "p1>p2": {NotOpened, "", ""},
		}},
		{"files that cannot be read", plain3, func(t *testing.T, _ *scene, agents []*agent) {
			if err := os.Remove(filepath.Join(agents[1].site.Folder, mpspdz.PlayerData, "P1.key")); err != nil {
				t.Fatal(err)
			}
		}, map[string]want{
			"p0>p1": {Failed, "p1 cannot open its port: Player-Data/P1.key: no such file or directory", "p1's operator"},
			"p2>p1": {Failed, "", ""}, "p1>p0": {Failed, "p1 did not dial", ""}, "p1>p2": {Failed, "", ""},
		}},
		{"no agent", plain3, func(_ *testing.T, _ *scene, agents []*agent) { agents[2] = nil }, map[string]want{
			"p0>p2": {NoAgent, "the agent of p2 is not connected", "p2's operator: fbpeer run"},
			"p1>p2": {NoAgent, "the agent of p2 is not connected", ""},
			"p2>p0": {NoAgent, "p2 did not dial: the agent of p2 is not connected", ""},
			"p2>p1": {NoAgent, "", ""},
		}},
		{"something that is no TLS", plain3, func(t *testing.T, s *scene, agents []*agent) {
			s.setIP(agents[0].site, 1, program(t, "HTTP/1.1 400 Bad Request\r\n\r\n"))
		}, map[string]want{"p0>p1": {Failed, "another program answers at 127.0.0.1:", "p1's operator: look where 127.0.0.1:"}}},
		{"a forwarder with nothing behind it", plain3, func(t *testing.T, s *scene, agents []*agent) {
			s.setIP(agents[0].site, 1, program(t, ""))
		}, map[string]want{"p0>p1": {Failed, "takes connections and closes them", "p1's operator: look where 127.0.0.1:"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := test.scene(t)
			agents := s.agents()
			if test.spoil != nil {
				test.spoil(t, s, agents)
			}
			cells := coordinate(t, agents)
			if n := len(agents); len(cells) != n*(n-1) {
				t.Errorf("%d cells for %d parties", len(cells), n)
			}
			for pair, c := range cells {
				w, named := test.want[pair]
				if !named {
					w = want{code: OK}
				}
				w.check(t, pair, c)
			}
		})
	}
}

// occupy is another program that has a port.
func occupy(t *testing.T, port uint16) {
	t.Helper()
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

// writeOutput makes a file in Player-Data as a run does.
func writeOutput(t *testing.T, s Site, name string, at time.Time) {
	t.Helper()
	path := filepath.Join(s.Folder, mpspdz.PlayerData, name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// program takes connections, reads a little, says what it is told and closes.
func program(t *testing.T, says string) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = conn.Write([]byte(says))
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestTimeout has a dialer to whom nothing answers; real dropped packets are in the tests with namespaces.
func TestTimeout(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	lost := fmt.Sprintf("127.0.0.1:%d", s.ports[1])
	agents[0] = s.agentWith(agents[0].site, Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == lost {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	agents[0].opener.timing.dial = 300 * time.Millisecond
	cells := coordinate(t, agents)
	want{Timeout, "no answer from " + lost + ": packets are dropped on the way", "p1's operator: let port"}.check(t, "p0>p1", cells["p0>p1"])
	want{OK, "", ""}.check(t, "p1>p0", cells["p1>p0"])
}

// TestSilent has something that takes connections and then says nothing.
func TestSilent(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s.setIP(agents[0].site, 1, l.Addr().String())
	agents[0].opener.timing.dial = 300 * time.Millisecond
	cells := coordinate(t, agents)
	want{Timeout, l.Addr().String() + " takes connections and then says nothing", "p1's operator: look what stands"}.check(t, "p0>p1", cells["p0>p1"])
	if got := cells["p0>p1"].Endpoint.String(); got != l.Addr().String() {
		t.Errorf("endpoint %s, not the one that was dialled", got)
	}
}

// TestWarnings: what the set is judged by decides, the other rule warns.
func TestWarnings(t *testing.T) {
	t.Parallel()
	s := fedbiomedScene(t, form{}, numbered(1), form{})
	for pair, c := range coordinate(t, s.agents()) {
		want := 1
		if c.To == "p1" {
			want = 0
		}
		if len(c.Warnings) != want || want == 1 && c.Warnings[0].Code != WarnNameNew {
			t.Errorf("%s: warnings %+v", pair, c.Warnings)
		}
	}
}

// TestWarningsOfPlain: MP-SPDZ up to 0.4.0 goes by the last common name, later ones by each.
func TestWarningsOfPlain(t *testing.T) {
	t.Parallel()
	s := plainScene(t, numbered(0), form{name: "P1", second: "x"}, numbered(2))
	for pair, c := range coordinate(t, s.agents()) {
		if warned := len(c.Warnings) == 1 && c.Warnings[0].Code == WarnNameOld; c.Code != OK || warned != (c.To == "p1") {
			t.Errorf("%s: %s %s, warnings %+v", pair, c.Code, c.Text, c.Warnings)
		}
	}
}

// TestComponents: only pairs with one of those named are dialled.
func TestComponents(t *testing.T) {
	t.Parallel()
	s := plain3(t)
	agents := s.agents()
	cells := coordinate(t, agents, "p2")
	if len(cells) != 4 {
		t.Errorf("%d cells", len(cells))
	}
	for pair, c := range cells {
		if c.From != "p2" && c.To != "p2" || c.Code != OK {
			t.Errorf("%s: %s %s", pair, c.Code, c.Text)
		}
	}
	for i, a := range agents {
		if n := len(a.opener.last.results()); i < 2 && n != 1 || i == 2 && n != 2 {
			t.Errorf("p%d dialled %d", i, n)
		}
	}
	if _, err := Coordinate(agents[0].ctx, roundOf(agents, "p9")); err == nil {
		t.Error("a component that is not in the set is no error")
	}
}

// TestAskAgainWhenAllAreFree: where some opened their ports earlier than others, the time that is named is that after which all may do so at
// once. With a shorter one those whose turn it is would open theirs and be barred the next time, and so on without end.
func TestAskAgainWhenAllAreFree(t *testing.T) {
	r := roundOf(plain3(t).agents())
	r.Opener.timing.every = 30 * time.Second
	over := func(left time.Duration) member {
		return member{answer: answer{status: statusOpen, over: true, left: left, age: 30*time.Second - left}}
	}
	open := member{answer: answer{status: statusOpen, left: 5 * time.Second}, told: true}
	for name, test := range map[string]struct {
		members []member
		want    string
	}{
		"one has just opened":   {[]member{over(12 * time.Second), over(18 * time.Second), open}, "ask again in 30 s"},
		"nobody has":            {[]member{over(12 * time.Second), over(18 * time.Second), over(2 * time.Second)}, "ask again in 18 s"},
		"one is barred at once": {[]member{over(2 * time.Second), over(3 * time.Second), {answer: answer{status: statusOften, left: 9 * time.Second}}}, "ask again in 9 s"},
	} {
		now := time.Now()
		for _, c := range r.cells(test.members, now, now) {
			if c.Code == NotOpened && c.Cure != test.want {
				t.Errorf("%s: %s>%s: %s", name, c.From, c.To, c.Cure)
			}
		}
		if c := r.cells(test.members, now, now)[0]; c.Code != NotOpened {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
