package agent

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"fbpeer/agent/api"
)

func TestAdvertisedAddressTakesThePlaceOfLocalhostAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	a, b := s.start(s.files[0]), s.start(s.files[1])
	introduce(a, b)
	id, port := a.config.Component.ID, a.snapshot().Self.Endpoint[len("localhost"):]
	announces := func(endpoint string) func(api.Snapshot) bool {
		return func(s api.Snapshot) bool { return find(t, s, id).Endpoint == endpoint }
	}
	advertise := func(address netip.Addr) {
		t.Helper()
		if err := a.agent.Advertise(t.Context(), address); err != nil {
			t.Fatal(err)
		}
	}
	b.wait("what is configured", announces("localhost"+port))
	advertise(netip.MustParseAddr("10.0.0.7"))
	b.wait("the address in place of localhost", announces("10.0.0.7"+port))
	if got := a.snapshot().Self.Endpoint; got != "10.0.0.7"+port {
		t.Errorf("it announces %s itself", got)
	}
	issued := a.snapshot().Self.Sequence
	advertise(netip.MustParseAddr("10.0.0.7"))
	if again := a.snapshot().Self.Sequence; again != issued {
		t.Errorf("the same address is announced anew: %d after %d", again, issued)
	}
	// Another port in the configuration is taken over with it; an address there beats it.
	edit(t, s.files[0], "mpspdz_port = "+port[1:], "mpspdz_port = 14999")
	b.wait("the new port at that address", announces("10.0.0.7:14999"))
	a.end()
	if got := Advertised(a.config); got != netip.MustParseAddr("10.0.0.7") {
		t.Errorf("its stores say that it announced %s", got)
	}
	edit(t, s.files[0], "mpspdz_ip = localhost", "mpspdz_ip = 192.0.2.1")
	a = s.start(s.files[0])
	advertise(netip.MustParseAddr("10.0.0.7"))
	b.wait("the configured address", announces("192.0.2.1:14999"))
	edit(t, s.files[0], "mpspdz_ip = 192.0.2.1", "mpspdz_ip = localhost")
	b.wait("localhost replaced again", announces("10.0.0.7:14999"))
	advertise(netip.Addr{})
	b.wait("localhost as configured", announces("localhost:14999"))
}

// An agent that is told to stay on loopback dials neither a bootstrap address nor one that it knows from before.
func TestLoopbackDialsNobodyElsewhere(t *testing.T) {
	elsewhere := []peer.AddrInfo{{ID: "x", Addrs: []multiaddr.Multiaddr{
		multiaddr.StringCast("/ip4/10.0.0.7/tcp/4100"), multiaddr.StringCast("/ip4/127.0.0.1/tcp/4100"), multiaddr.StringCast("/dns/host.example/tcp/4100")}}}
	if kept := onLoopback(elsewhere); len(kept) != 1 || len(kept[0].Addrs) != 1 || !strings.HasPrefix(kept[0].Addrs[0].String(), "/ip4/127.0.0.1/") {
		t.Errorf("kept %v", kept)
	}
	bootstrap, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer bootstrap.Close()
	s := newScene(t)
	edit(t, filepath.Join(s.root, "test.federation"), "bootstrap =", "bootstrap = "+bootstrap.Addr().String())
	a, b := s.start(s.files[0]), s.start(s.files[1])
	introduce(a, b) // a bootstrap address would have been dialled before
	a.end()
	b.end()
	// Connections are accepted in the order in which they came.
	last, err := net.Dial("tcp4", bootstrap.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	first, err := bootstrap.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.RemoteAddr().String() != last.LocalAddr().String() {
		t.Error("it dials the bootstrap address")
	}
}
