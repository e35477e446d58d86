package agent

import (
	"net/netip"

	"fbpeer/config"
)

// BindAddress is the one IPv4 address on which an agent listens, and on whose interface alone it uses mDNS, unless it is told otherwise:
// that of its Fed-BioMed component's MP-SPDZ. A component that is reached through a VPN has its agent there too, and not on the other
// networks of the machine or container. It is zero, for all addresses, where [agent] listen says where to listen, where the configuration
// tells others another address than the component's own ([agent] announce, [advertise] ip: it sits behind NAT), for a host name, for a
// loopback address, and for plain parties, whose ip has always been only what others dial.
//
// The address need not be this machine's yet; Run does not wait for it, fbpeer run does.
func BindAddress(c *config.Config) netip.Addr {
	f := c.Component.Fedbiomed
	if f == nil || c.Listen != "" || len(c.Announce) > 0 || c.Component.Endpoint.Host() != f.Endpoint.Host() {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(f.Endpoint.Host())
	if err != nil || !addr.Is4() || addr.IsLoopback() {
		return netip.Addr{}
	}
	return addr
}
