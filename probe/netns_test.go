package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/internal/testenv"
	"fbpeer/mpspdz"
)

// The tests in this file have each member in a network namespace of its own, as a process of its own: the test program, started again. The
// federation's streams are Unix sockets in a temporary folder, which namespaces do not part.

// childVariable tells the test program that it is such a member: its value is a child in JSON, or occupant.
const (
	childVariable = "FBPEER_PROBE_TEST_CHILD"
	occupant      = "occupant" // another program, which has bindPort until its stdin ends
)

// child is what a member's process is told.
type child struct {
	Dir        string // of the scene
	Number     int
	Coordinate bool // asks, and prints the cells as JSON; else it answers until its stdin ends
}

// wireParty is a party in parties.json, from which every process makes the same set.
type wireParty struct{ Component, Endpoint, Certificate string }

func TestMain(m *testing.M) {
	text := os.Getenv(childVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	err := runChild(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runChild(text string) error {
	if text == occupant {
		l, err := listen(context.Background(), bindPort)
		if err != nil {
			return err
		}
		defer l.Close()
		fmt.Println("ready")
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	}
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	return c.run()
}

func (c child) run() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	site, err := c.site()
	if err != nil {
		return err
	}
	opener := NewOpener(ctx, Config{})
	if c.Coordinate {
		cells, err := Coordinate(ctx, Round{Opener: opener, Site: site, Stream: func(ctx context.Context, component string) (io.ReadWriteCloser, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(c.Dir, component+".sock"))
		}})
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(cells)
	}
	l, err := net.Listen("unix", filepath.Join(c.Dir, site.Component+".sock"))
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = l.Close()
	}()
	fmt.Println("ready")
	for {
		stream, err := l.Accept()
		if err != nil {
			return nil
		}
		go func() {
			if err := Serve(ctx, stream, Member{Opener: opener, Site: func(string) (Site, error) { return site, nil }}); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
}

func (c child) site() (Site, error) {
	data, err := os.ReadFile(filepath.Join(c.Dir, "parties.json"))
	if err != nil {
		return Site{}, err
	}
	var wire []wireParty
	if err := json.Unmarshal(data, &wire); err != nil {
		return Site{}, err
	}
	var parties []mpspdz.Party
	for _, w := range wire {
		e, err := mpspdz.ParseEndpoint(w.Endpoint)
		if err != nil {
			return Site{}, err
		}
		certificate, err := mpspdz.ParseCertificatePEM([]byte(w.Certificate))
		if err != nil {
			return Site{}, err
		}
		parties = append(parties, mpspdz.Party{Component: w.Component, Role: mpspdz.PlainParty, Endpoint: e, Certificate: certificate})
	}
	set, err := mpspdz.NewPartySet(parties)
	return Site{Set: set, Component: component(c.Number), BindPort: bindPort, Folder: filepath.Join(c.Dir, component(c.Number))}, err
}

// bindPort is what MP-SPDZ binds in every namespace.
const bindPort = 14001

// lab is members on one bridge, the n-th at 10.77.0.n+1, whose federation works whatever their MP-SPDZ ports do.
type lab struct {
	t      *testing.T
	scene  *scene
	dir    string
	names  []string // of the members' namespaces
	prefix string
}

// newLab makes namespaces and folders. advertised gives the endpoints that differ from address and bindPort.
func newLab(t *testing.T, label string, parties int, advertised map[int]string) *lab {
	t.Helper()
	testenv.NeedNamespaces(t)
	l := &lab{t: t, dir: t.TempDir(), prefix: fmt.Sprintf("fbprobe%d-%s-", os.Getpid(), label)}
	bridge := l.namespace("switch")
	l.ip("-n", bridge, "link", "add", "br0", "type", "bridge")
	l.ip("-n", bridge, "link", "set", "br0", "up")
	for i := range parties {
		name := l.namespace(component(i))
		l.names = append(l.names, name)
		l.cable(bridge, name, fmt.Sprintf("10.77.0.%d/24", i+1))
	}
	l.makeScene(advertised)
	return l
}

// namespace makes one with nothing but loopback, up.
func (l *lab) namespace(label string) string {
	l.t.Helper()
	name := l.prefix + label
	l.ip("netns", "add", name)
	l.t.Cleanup(func() { l.ip("netns", "del", name) })
	l.ip("-n", name, "link", "set", "lo", "up")
	return name
}

// cable joins a namespace to the bridge.
func (l *lab) cable(bridge, name, address string) {
	l.t.Helper()
	port := "to" + name[strings.LastIndex(name, "-")+1:]
	l.ip("-n", bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
	l.ip("-n", bridge, "link", "set", port, "master", "br0", "up")
	l.ip("-n", name, "addr", "add", address, "dev", "eth0")
	l.ip("-n", name, "link", "set", "eth0", "up")
}

func (l *lab) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// in runs a command in a member's namespace.
func (l *lab) in(name string, command ...string) {
	l.t.Helper()
	l.ip(append([]string{"netns", "exec", name}, command...)...)
}

func (l *lab) makeScene(advertised map[int]string) {
	l.t.Helper()
	s := &scene{t: l.t}
	var wire []wireParty
	var parties []mpspdz.Party
	for i := range l.names {
		s.pairs = append(s.pairs, makePair(l.t, component(i), numbered(i)))
		text := fmt.Sprintf("10.77.0.%d:%d", i+1, bindPort)
		if other := advertised[i]; other != "" {
			text = other
		}
		wire = append(wire, wireParty{component(i), text, string(s.pairs[i].certificate.PEM())})
		parties = append(parties, mpspdz.Party{Component: component(i), Role: mpspdz.PlainParty, Endpoint: endpoint(l.t, text), Certificate: s.pairs[i].certificate})
	}
	var err error
	if s.set, err = mpspdz.NewPartySet(parties); err != nil {
		l.t.Fatal(err)
	}
	for i := range l.names {
		writeFolder(l.t, filepath.Join(l.dir, component(i)), s.set, component(i), s.pairs[i], bindPort)
	}
	data, err := json.Marshal(wire)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.dir, "parties.json"), data, 0o600); err != nil {
		l.t.Fatal(err)
	}
	l.scene = s
}

// command is the test program in a namespace, as what text says.
func command(namespace, text string) *exec.Cmd {
	c := exec.Command("ip", "netns", "exec", namespace, os.Args[0])
	c.Env = append(os.Environ(), childVariable+"="+text)
	return c
}

func (l *lab) member(number int, coordinate bool) string {
	l.t.Helper()
	text, err := json.Marshal(child{l.dir, number, coordinate})
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// start starts the test program in a namespace, waits until it is ready, and ends it with the test.
func (l *lab) start(namespace, text string) {
	l.t.Helper()
	c := command(namespace, text)
	var log bytes.Buffer
	c.Stderr = &log
	stdin, err := c.StdinPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		_ = stdin.Close()
		_ = c.Wait()
		if l.t.Failed() {
			l.t.Logf("%s: %s", namespace, log.String())
		}
	})
	if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
		l.t.Fatalf("%s did not start: %v", namespace, err)
	}
}

// probe starts the agents, has the first one coordinate, and gives the cells.
func (l *lab) probe() map[string]Cell {
	l.t.Helper()
	for i := range l.names[1:] {
		l.start(l.names[i+1], l.member(i+1, false))
	}
	c := command(l.names[0], l.member(0, true))
	var log bytes.Buffer
	c.Stderr = &log
	out, err := c.Output()
	if err != nil {
		l.t.Fatalf("%v\n%s", err, log.String())
	}
	var cells []Cell
	if err := json.Unmarshal(out, &cells); err != nil {
		l.t.Fatal(err)
	}
	by := map[string]Cell{}
	for _, cell := range cells {
		by[cell.From+">"+cell.To] = cell
	}
	return by
}

// check demands these cells, and ok of all others.
func (l *lab) check(cells map[string]Cell, wants map[string]want) {
	l.t.Helper()
	if n := len(l.names); len(cells) != n*(n-1) {
		l.t.Errorf("%d cells of %d members", len(cells), n)
	}
	for pair, c := range cells {
		w, named := wants[pair]
		if !named {
			w = want{code: OK}
		}
		w.check(l.t, pair, c)
	}
}

// firewalled lets no connection in to a member's MP-SPDZ port: packets are dropped, not refused.
func (l *lab) firewalled(number int) {
	l.t.Helper()
	l.nft(l.names[number], "table ip f { chain in { type filter hook input priority 0; tcp dport "+fmt.Sprint(bindPort)+" drop; }; }")
}

// behindNAT moves a member into a network behind a gateway, which has its place on the bridge and forwards port 14904 to the one that the
// member binds.
func (l *lab) behindNAT(number int) {
	l.t.Helper()
	name, gateway := l.names[number], l.namespace("gateway")
	address := fmt.Sprintf("10.77.0.%d/24", number+1)
	l.ip("-n", name, "link", "del", "eth0")
	l.cable(l.prefix+"switch", gateway, address)
	l.ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "inside", "netns", gateway)
	l.ip("-n", name, "addr", "add", "192.168.7.2/24", "dev", "eth0")
	l.ip("-n", name, "link", "set", "eth0", "up")
	l.ip("-n", gateway, "addr", "add", "192.168.7.1/24", "dev", "inside")
	l.ip("-n", gateway, "link", "set", "inside", "up")
	l.ip("-n", name, "route", "add", "default", "via", "192.168.7.1")
	l.in(gateway, "sh", "-c", "mount -t proc proc /proc 2>/dev/null; echo 1 >/proc/sys/net/ipv4/ip_forward")
	l.nft(gateway, fmt.Sprintf("table ip n { chain pre { type nat hook prerouting priority -100; iifname eth0 tcp dport 14904 dnat to 192.168.7.2:%d; }; "+
		"chain post { type nat hook postrouting priority 100; oifname eth0 masquerade; }; }", bindPort))
}

// nft loads a ruleset in a namespace.
func (l *lab) nft(name, rules string) {
	l.t.Helper()
	testenv.NeedProgram(l.t, "nft")
	command := exec.Command("ip", "netns", "exec", name, "nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	if out, err := command.CombinedOutput(); err != nil {
		l.t.Fatalf("nft: %v\n%s", err, out)
	}
}

// TestNetwork: seven members, of which p0 and p1 are well; p2 advertises another port than it binds, with nothing behind it; p3's firewall
// drops packets; p4 is behind NAT, to another port; p5 lacks p1's certificate; p6 has another program on its port.
func TestNetwork(t *testing.T) {
	t.Parallel()
	l := newLab(t, "all", 7, map[int]string{2: "10.77.0.3:14900", 4: "10.77.0.5:14904"})
	l.firewalled(3)
	l.behindNAT(4)
	l.scene.unlink(Site{Folder: filepath.Join(l.dir, "p5")}, 1)
	l.start(l.names[6], occupant)
	wants := map[string]want{
		"p1>p5": {UnknownCertificate, "the player files of p5 do not have the certificate that p1 presents", "p5's operator"},
		"p5>p1": {UnknownCertificate, "the player files of p5 do not have the certificate that p1 presents", "p5's operator"},
	}
	for from := range 7 {
		wants[fmt.Sprintf("p%d>p2", from)] = want{Refused, "nothing listens at 10.77.0.3:14900, though p2 has opened its port (the agent itself is connected)",
			"p2's operator: the firewall or the container does not let port 14900 through"}
		wants[fmt.Sprintf("p%d>p3", from)] = want{Timeout, "no answer from 10.77.0.4:14001: packets are dropped on the way", "p3's operator: let port 14001 through the firewall"}
		wants[fmt.Sprintf("p%d>p6", from)] = want{Busy, "p6 has its port in use", "p6's operator: find what has the port"}
	}
	cells := l.probe()
	l.check(cells, wants)
	if took := cells["p0>p4"].Took; took > 2*time.Second {
		t.Errorf("a handshake through NAT took %v", took)
	}
}

// TestLostAndUnreachable needs no firewall: p1 is to be found at an address to which frames are sent and which nobody has, p2 in a network
// to which no route leads.
func TestLostAndUnreachable(t *testing.T) {
	t.Parallel()
	l := newLab(t, "lost", 3, map[int]string{1: "10.77.0.99:14001", 2: "10.99.0.1:14001"})
	for _, name := range l.names {
		l.ip("-n", name, "neigh", "add", "10.77.0.99", "lladdr", "02:00:00:00:00:99", "dev", "eth0")
	}
	lost := want{Timeout, "no answer from 10.77.0.99:14001: packets are dropped on the way", "p1's operator"}
	l.check(l.probe(), map[string]want{
		"p0>p1": lost, "p2>p1": lost,
		"p0>p2": {Failed, "no route leads from p0 to 10.99.0.1:14001", "look at the routes"},
		"p1>p2": {Failed, "no route leads from p1 to 10.99.0.1:14001", "p1's operator: look at the routes"},
	})
}
