package discovery

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"fbpeer/internal/testenv"
)

func TestListenAddress(t *testing.T) {
	vpn := netip.MustParseAddr("10.221.0.2")
	for _, test := range []struct {
		listen   string
		bind     netip.Addr
		loopback bool
		want     string
		fixed    bool
	}{
		{"", netip.Addr{}, false, "/ip4/0.0.0.0/tcp/4100", false},
		{"", vpn, false, "/ip4/10.221.0.2/tcp/4100", false},
		{":4200", vpn, false, "/ip4/10.221.0.2/tcp/4200", true},
		{":4200", netip.Addr{}, false, "/ip4/0.0.0.0/tcp/4200", true},
		{"0.0.0.0:4200", vpn, false, "/ip4/0.0.0.0/tcp/4200", true},
		{"192.0.2.7:4200", vpn, false, "/ip4/192.0.2.7/tcp/4200", true},
		{"", vpn, true, "/ip4/127.0.0.1/tcp/4100", false},
		{"", netip.MustParseAddr("2001:db8::1"), false, "/ip4/0.0.0.0/tcp/4100", false},
	} {
		a, fixed, err := listenAddress(test.listen, test.bind, test.loopback)
		if err != nil || a.String() != test.want || fixed != test.fixed {
			t.Errorf("%q, %v, %v: %v, %v, %v", test.listen, test.bind, test.loopback, a, fixed, err)
		}
	}
}

func TestBoundTo(t *testing.T) {
	for _, test := range []struct {
		listening  []string
		want       string
		everywhere bool
	}{
		{nil, "[]", true},
		{[]string{"/ip4/0.0.0.0/tcp/4100"}, "[0.0.0.0]", true},
		{[]string{"/ip6/::/tcp/4100"}, "[::]", true},
		{[]string{"/ip4/10.221.0.2/tcp/4100"}, "[10.221.0.2]", false},
		{[]string{"/ip4/10.221.0.2/tcp/4100", "/ip4/0.0.0.0/tcp/4101"}, "[10.221.0.2 0.0.0.0]", true},
		{[]string{"/dns/hub.example/tcp/4100"}, "[]", true},
	} {
		var all []ma.Multiaddr
		for _, text := range test.listening {
			all = append(all, ma.StringCast(text))
		}
		if bound, everywhere := boundTo(all); fmt.Sprint(bound) != test.want || everywhere != test.everywhere {
			t.Errorf("%q: %v, %v", test.listening, bound, everywhere)
		}
	}
}

// newBridged joins two namespaces by a second network, as a container's bridge is beside its VPN: 172.30.0.1 at the first one.
func newBridged(t *testing.T, first, second string) {
	t.Helper()
	ip(t, "link", "add", "docker0", "netns", first, "type", "veth", "peer", "name", "eth0", "netns", second)
	for i, link := range [][2]string{{first, "docker0"}, {second, "eth0"}} {
		ip(t, "-n", link[0], "addr", "add", fmt.Sprintf("172.30.0.%d/16", i+1), "dev", link[1])
		ip(t, "-n", link[0], "link", "set", link[1], "up")
	}
	ip(t, "-n", second, "route", "add", "default", "via", "172.30.0.1")
}

// cabled makes one more namespace, joined to the given one by a network of their own.
func cabled(t *testing.T, namespace string) string {
	t.Helper()
	other := newNamespace(t, "vd")
	ip(t, "link", "add", "eth1", "netns", namespace, "type", "veth", "peer", "name", "eth0", "netns", other)
	for i, link := range [][2]string{{namespace, "eth1"}, {other, "eth0"}} {
		ip(t, "-n", link[0], "addr", "add", fmt.Sprintf("10.78.0.%d/24", i+1), "dev", link[1])
		ip(t, "-n", link[0], "link", "set", link[1], "up")
	}
	return other
}

// TestBoundIsElsewhereSilent: an agent that listens on its VPN address alone is found there, and neither heard nor reached on the bridge
// beside it, although its address could be dialled from there.
func TestBoundIsElsewhereSilent(t *testing.T) {
	testenv.NeedNamespaces(t)
	t.Parallel()
	l := newLAN(t, "v")
	stranger := newNamespace(t, "vc")
	newBridged(t, l.a, stranger)
	const service = "_fbpeer-test._udp"
	c := startPeer(t, stranger, part{MDNS: true, Service: service})
	a := startPeer(t, l.a, part{MDNS: true, Service: service, Bind: netip.MustParseAddr("10.77.0.1")})
	b := startPeer(t, l.b, part{MDNS: true, Service: service})
	eventually(t, "b finds a by the VPN", b.connected(a))
	eventually(t, "a finds b by the VPN", a.connected(b))
	// One that comes after a, and that c finds on another network, shows that c has heard what there was to hear.
	d := startPeer(t, cabled(t, stranger), part{MDNS: true, Service: service})
	eventually(t, "c finds another one", c.connected(d))
	eventually(t, "which finds c", d.connected(c))
	if members := c.report().Members; slices.ContainsFunc(members, func(m Member) bool { return m.Peer.String() == a.report().Peer }) {
		t.Errorf("c, on the bridge, has found %v", members)
	}
	port := fmt.Sprint(a.report().Port)
	if out, err := exec.Command("ip", "netns", "exec", stranger, "bash", "-c", "exec 3<>/dev/tcp/172.30.0.1/"+port).CombinedOutput(); err == nil {
		t.Errorf("the bridge's address answers on port %s: %s", port, out)
	}
	if out, err := exec.Command("ip", "netns", "exec", l.b, "bash", "-c", "exec 3<>/dev/tcp/10.77.0.1/"+port).CombinedOutput(); err != nil {
		t.Errorf("the VPN's address does not: %s", out)
	}
}
