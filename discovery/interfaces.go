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
