package discovery

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// interfaces is a picture of this machine's network interfaces: who is up, and with which addresses.
type interfaces struct {
	state string // differs if anything that matters to reaching others does
	addrs []netip.Addr
}

// readInterfaces takes the picture. Flags are part of it, because an interface keeps its IPv4 addresses while it is down.
func readInterfaces() interfaces {
	var pic interfaces
	all, err := net.Interfaces()
	if err != nil {
		return pic
	}
	var lines []string
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away between the two questions
		}
		line := []string{i.Name, (i.Flags & (net.FlagUp | net.FlagRunning | net.FlagMulticast)).String()}
		for _, a := range addrs {
			line = append(line, a.String())
			if p, err := netip.ParsePrefix(a.String()); err == nil && i.Flags&net.FlagUp != 0 {
				pic.addrs = append(pic.addrs, p.Addr().Unmap())
			}
		}
		slices.Sort(line[2:])
		lines = append(lines, strings.Join(line, " "))
	}
	slices.Sort(lines)
	pic.state = strings.Join(lines, "\n")
	return pic
}

// isOurs says whether the address is loopback or one of this machine's.
func (i interfaces) isOurs(a ma.Multiaddr) bool {
	ip, err := manet.ToIP(a)
	if err != nil {
		return false
	}
	addr, ok := netip.AddrFromSlice(ip)
	return ok && (addr.Unmap().IsLoopback() || slices.Contains(i.addrs, addr.Unmap()))
}

// IsLocal says whether an address is that of an interface of this machine that is up now.
func IsLocal(addr netip.Addr) bool { return slices.Contains(readInterfaces().addrs, addr.Unmap()) }

// multicasting lists the interfaces that are up and allow multicast. If the host listens on single addresses only, these are the
// interfaces with one of them: on the others nobody could reach it, and nobody there need hear of it. (Where another program of this
// machine takes part in mDNS on those, Linux hands its packets to our socket too; the library gives no way to refuse them.)
func multicasting(listening []ma.Multiaddr) ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	bound, everywhere := boundTo(listening)
	var chosen []net.Interface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it went away between the two questions
		}
		if everywhere || slices.ContainsFunc(addrs, func(a net.Addr) bool { return slices.Contains(bound, addressOf(a)) }) {
			chosen = append(chosen, i)
		}
	}
	return chosen, nil
}

// boundTo lists the addresses that are listened on; everywhere if one of them stands for all.
func boundTo(listening []ma.Multiaddr) (bound []netip.Addr, everywhere bool) {
	for _, a := range listening {
		ip, err := manet.ToIP(a)
		if err != nil {
			continue
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			bound = append(bound, addr.Unmap())
			everywhere = everywhere || addr.IsUnspecified()
		}
	}
	return bound, everywhere || len(bound) == 0
}

// addressOf is an interface's address without its prefix length, zero if it is none.
func addressOf(a net.Addr) netip.Addr {
	p, err := netip.ParsePrefix(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// LocalAddresses lists this machine's IPv4 addresses that others could dial (candidates for mpspdz_ip): of interfaces that are up,
// without loopback and link-local ones, in numerical order.
func LocalAddresses() []string {
	var ips []netip.Addr
	for _, a := range readInterfaces().addrs {
		if a.Is4() && reachable(a.AsSlice(), false) && !slices.Contains(ips, a) {
			ips = append(ips, a)
		}
	}
	slices.SortFunc(ips, func(a, b netip.Addr) int { return cmp.Compare(a.Compare(b), 0) })
	var out []string
	for _, ip := range ips {
		out = append(out, ip.String())
	}
	return out
}
