package discovery

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/rs/zerolog"
)

// roleVariable makes the test binary play a part in another process: a network namespace holds for a whole process, and libp2p's log
// handler too.
const roleVariable = "FBPEER_DISCOVERY_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	switch role {
	case "logs at info":
		playLogs(zerolog.InfoLevel)
		return
	case "logs at debug":
		playLogs(zerolog.DebugLevel)
		return
	}
	if err := playPeer(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// part is what a peer process is told to do.
type part struct {
	Hosts     int // how many components run in it
	MDNS      bool
	Service   string
	Bootstrap []string
	Bind      netip.Addr
}

// report is what a peer process says when something changed: one line of JSON each.
type report struct {
	Peer     string
	Port     int
	Local    []string
	Members  []Member
	Warnings []string
	Hosts    int // of several hosts: how many have a member
}

// playPeer runs hosts until it is interrupted, and reports on standard output.
func playPeer(role string) error {
	var p part
	if err := json.Unmarshal([]byte(role), &p); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	changed := make(chan struct{}, 1)
	var all []*Discovery
	var last report
	for range p.Hosts {
		key, _, err := NewIdentity()
		if err != nil {
			return err
		}
		h, err := NewHost(HostConfig{Identity: key, PSK: bytes.Repeat([]byte{7}, 32), Bind: p.Bind})
		if err != nil {
			return err
		}
		defer h.Close()
		d, err := Start(ctx, Config{Host: h, MDNS: p.MDNS, Service: p.Service, Bootstrap: p.Bootstrap, Poll: pollInTests,
			Changed: func() { poke(changed) }, Log: zerolog.New(io.Discard).Hook(zerolog.HookFunc(func(*zerolog.Event, zerolog.Level, string) { poke(changed) }))})
		if err != nil {
			return err
		}
		defer d.Wait()
		all = append(all, d)
		last.Peer, last.Port = h.ID().String(), Port(h)
	}
	defer stop()
	for {
		d := all[len(all)-1]
		last.Members, last.Warnings, last.Local, last.Hosts = d.Members(), d.Warnings(), LocalAddresses(), 0
		for _, d := range all {
			if len(d.Members()) > 0 {
				last.Hosts++
			}
		}
		line, err := json.Marshal(last)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// process is a running peer process.
type process struct {
	t       *testing.T
	mu      sync.Mutex
	last    report
	changed chan struct{}
}

// startPeer runs a part in a network namespace. It ends with the test.
func startPeer(t *testing.T, namespace string, p part) *process {
	t.Helper()
	p.Hosts = max(p.Hosts, 1)
	role, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", namespace, self)
	cmd.Env = append(os.Environ(), roleVariable+"="+string(role))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	proc := &process{t: t, changed: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r report
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				continue
			}
			proc.mu.Lock()
			proc.last = r
			proc.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("the peer process ended with %v", err)
		}
	})
	eventually(t, "the peer process runs", func() bool { return proc.report().Peer != "" })
	return proc
}

func (p *process) report() report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// connected says whether the process reports this one as a member.
func (p *process) connected(o *process) func() bool {
	return func() bool { _, ok := p.member(o); return ok }
}

func (p *process) member(o *process) (Member, bool) {
	want, err := peer.Decode(o.report().Peer)
	if err != nil {
		return Member{}, false
	}
	for _, m := range p.report().Members {
		if m.Peer == want {
			return m, true
		}
	}
	return Member{}, false
}

func (p *process) apart() func() bool {
	return func() bool { return len(p.report().Members) == 0 }
}

// playLogs bridges the logs at a level to standard output, and writes by each way that libp2p and what it uses write.
func playLogs(level zerolog.Level) {
	BridgeLogs(zerolog.New(os.Stdout).Level(level))
	swarm := gologshim.Logger("swarm2").With("self", "12D3")
	swarm.Warn("by libp2p", "peer", "12D3\x1b[31m")
	swarm.Info("information by libp2p")
	slog.Error("by slog")
	log.Print("by the standard log")
}

func TestBridgeLogs(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	type line struct{ Level, Message, Logger string }
	warning, failure := line{"warn", "by libp2p", "swarm2"}, line{"error", "by slog", ""}
	for role, want := range map[string][]line{
		"logs at info":  {warning, failure},
		"logs at debug": {warning, {"debug", "information by libp2p", "swarm2"}, failure, {"debug", "by the standard log", ""}},
	} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), roleVariable+"="+role)
		var out, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if stderr.Len() > 0 {
			t.Errorf("%s: on standard error: %s", role, &stderr)
		}
		var got []line
		for _, text := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			var l line
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Fatalf("%s: line %q: %v", role, text, err)
			}
			got = append(got, l)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", role, got, want)
		}
	}
}
