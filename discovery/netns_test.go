package discovery

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fbpeer/internal/testenv"
)

// pollInTests is how often peer processes look at their interfaces.
const pollInTests = 200 * time.Millisecond

// lan is two network namespaces joined by a cable: what loopback cannot show, since libp2p's bounds per address exempt it, and it has no
// multicast and no link to cut.
type lan struct{ a, b string }

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// newNamespace makes a network namespace with nothing but loopback, up.
func newNamespace(t *testing.T, label string) string {
	t.Helper()
	name := fmt.Sprintf("fbpeer-%d-%s", os.Getpid(), label)
	ip(t, "netns", "add", name)
	t.Cleanup(func() { ip(t, "netns", "del", name) })
	ip(t, "-n", name, "link", "set", "lo", "up")
	return name
}

// newLAN makes two namespaces, 10.77.0.1 and 10.77.0.2, joined by a cable.
func newLAN(t *testing.T, label string) lan {
	t.Helper()
	l := lan{newNamespace(t, label+"a"), newNamespace(t, label+"b")}
	ip(t, "link", "add", "eth0", "netns", l.a, "type", "veth", "peer", "name", "eth0", "netns", l.b)
	for i, name := range []string{l.a, l.b} {
		ip(t, "-n", name, "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "eth0")
		ip(t, "-n", name, "link", "set", "eth0", "up")
	}
	for _, name := range []string{l.a, l.b} { // the kernel says so up to a second later; a cut before would not be seen as one
		eventually(t, "the cable carries", func() bool {
			out, err := exec.Command("ip", "-n", name, "link", "show", "eth0").Output()
			return err == nil && strings.Contains(string(out), "state UP")
		})
	}
	return l
}

// withoutIPv6 switches IPv6 off in a namespace, as many containers have it.
func withoutIPv6(t *testing.T, namespace string) {
	t.Helper()
	out, err := exec.Command("ip", "netns", "exec", namespace, "sh", "-c",
		"mount -t proc proc /proc 2>/dev/null; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6").CombinedOutput()
	if err != nil {
		t.Fatalf("switching IPv6 off: %v\n%s", err, out)
	}
}

// TestMDNSAndCut: two members find each other by mDNS alone, lose the link for a while and find back, which mDNS (one notification in
// 3,200 s) cannot do. One side has no IPv6: libp2p's own mDNS finds nobody there.
func TestMDNSAndCut(t *testing.T) {
	testenv.NeedNamespaces(t)
	t.Parallel()
	l := newLAN(t, "m")
	withoutIPv6(t, l.a)
	a := startPeer(t, l.a, part{MDNS: true, Service: "_fbpeer-test._udp"})
	b := startPeer(t, l.b, part{MDNS: true, Service: "_fbpeer-test._udp"})
	eventually(t, "a finds b", a.connected(b))
	eventually(t, "b finds a", b.connected(a))
	if local := a.report().Local; len(local) != 1 || local[0] != "10.77.0.1" {
		t.Errorf("local addresses %v", local)
	}
	atA, _ := a.member(b)
	atB, _ := b.member(a)
	if atA.Local || atB.Local {
		t.Errorf("members on another machine are said to be on this one: %+v, %+v", atA, atB)
	}
	lower, higher := atA, atB
	if a.report().Peer > b.report().Peer {
		lower, higher = atB, atA
	}
	if lower.Via != ViaMDNS || higher.Via != ViaInbound {
		t.Errorf("the lower peer id has %s, the higher %s: the lower one dials", lower.Via, higher.Via)
	}

	ip(t, "-n", l.a, "link", "set", "eth0", "down")
	eventually(t, "a notices", a.apart())
	eventually(t, "b notices", b.apart())
	ip(t, "-n", l.a, "link", "set", "eth0", "up")
	back := time.Now()
	eventually(t, "a is back", a.connected(b))
	eventually(t, "b is back", b.connected(a))
	t.Logf("back %v after the link was up", time.Since(back).Round(time.Millisecond))

	// The address changes: those who were told the old one find the new one, because mDNS starts again.
	ip(t, "-n", l.a, "addr", "del", "10.77.0.1/24", "dev", "eth0")
	ip(t, "-n", l.a, "addr", "add", "10.77.0.9/24", "dev", "eth0")
	eventually(t, "b has a at its new address", func() bool {
		m, ok := b.member(a)
		return ok && strings.HasPrefix(m.Addr, "/ip4/10.77.0.9/")
	})
}

// TestAddressChangeOfOneWeDialled: no mDNS, and nothing changes on this machine. The other one comes back by itself, and the connection
// that we dialled to its old address must not pass for the live one until the keep-alive ends it.
func TestAddressChangeOfOneWeDialled(t *testing.T) {
	testenv.NeedNamespaces(t)
	t.Parallel()
	l := newLAN(t, "d")
	withoutIPv6(t, l.a)
	withoutIPv6(t, l.b)
	a := startPeer(t, l.a, part{})
	b := startPeer(t, l.b, part{Bootstrap: []string{"10.77.0.1"}})
	eventually(t, "b finds a", b.connected(a))
	eventually(t, "a sees b", a.connected(b))
	ip(t, "-n", l.a, "addr", "del", "10.77.0.1/24", "dev", "eth0")
	ip(t, "-n", l.a, "addr", "add", "10.77.0.9/24", "dev", "eth0")
	eventually(t, "b has a at its new address", func() bool {
		m, ok := b.member(a)
		return ok && strings.HasPrefix(m.Addr, "/ip4/10.77.0.9/")
	})
}

// TestManyBehindOneAddress: libp2p's defaults let 8 connections in from one address, and 16 at once.
func TestManyBehindOneAddress(t *testing.T) {
	testenv.NeedNamespaces(t)
	t.Parallel()
	const many = 24
	l := newLAN(t, "n")
	hub := startPeer(t, l.b, part{})
	site := startPeer(t, l.a, part{Hosts: many, Bootstrap: []string{"10.77.0.2"}})
	eventually(t, "all components of one site are connected", func() bool { return len(hub.report().Members) == many })
	eventually(t, "and know it", func() bool { return site.report().Hosts == many })
	if w := site.report().Warnings; len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

// TestNoMulticast: the only interface has no multicast. That is a warning with its cure, and the end of it when it is cured.
func TestNoMulticast(t *testing.T) {
	testenv.NeedNamespaces(t)
	t.Parallel()
	name := newNamespace(t, "x")
	p := startPeer(t, name, part{MDNS: true, Service: "_fbpeer-test._udp"})
	eventually(t, "a warning", func() bool { return len(p.report().Warnings) == 1 })
	w := p.report().Warnings[0]
	if !strings.Contains(w, "mdns = false") || !strings.Contains(w, "ip link set lo multicast on") {
		t.Errorf("warning %q", w)
	}
	ip(t, "-n", name, "link", "set", "lo", "multicast", "on")
	ip(t, "-n", name, "route", "add", "224.0.0.0/4", "dev", "lo")
	other := startPeer(t, name, part{MDNS: true, Service: "_fbpeer-test._udp"})
	eventually(t, "two on one machine find each other", p.connected(other))
	eventually(t, "no warning any more", func() bool { return len(p.report().Warnings) == 0 })
	if m, _ := p.member(other); !m.Local {
		t.Errorf("%+v is not said to be on this machine", m)
	}
}
