package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// DefaultPort is the TCP port that an address means which names none.
const DefaultPort = 4100

// maxAddresses bounds the addresses held of one peer from one source.
const maxAddresses = 8

// AddressError is an address in the configuration that cannot be read.
type AddressError struct {
	Address string // as written
	Err     error
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("address %q: %v; write host, host:port or a multiaddress such as /ip4/192.0.2.7/tcp/%d", e.Address, e.Err, DefaultPort)
}

func (e *AddressError) Unwrap() error { return e.Err }

// parseAddress reads "host", "host:port" or a multiaddress into a TCP multiaddress without /p2p/, and the peer id if one was given.
func parseAddress(s string) (ma.Multiaddr, peer.ID, error) {
	if strings.HasPrefix(s, "/") {
		return parseMultiaddress(s)
	}
	host, port, err := splitHostPort(s)
	if err != nil {
		return nil, "", &AddressError{s, err}
	}
	a, err := tcpAddress(host, port)
	if err != nil {
		return nil, "", &AddressError{s, err}
	}
	return a, "", nil
}

func parseMultiaddress(s string) (ma.Multiaddr, peer.ID, error) {
	full, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, "", &AddressError{s, err}
	}
	a, id := peer.SplitAddr(full)
	if len(a) == 0 {
		return nil, "", &AddressError{s, fmt.Errorf("it holds no network address")}
	}
	if !isTCP(a) {
		return nil, "", &AddressError{s, fmt.Errorf("it is not an IP address or host name followed by /tcp/ and a port")}
	}
	return a, id, nil
}

// isTCP says whether a is exactly one of /ip4, /ip6, /dns, /dns4, /dns6 and then /tcp: what this host can dial.
func isTCP(a ma.Multiaddr) bool {
	if len(a) != 2 || a[1].Protocol().Code != ma.P_TCP {
		return false
	}
	switch a[0].Protocol().Code {
	case ma.P_IP4, ma.P_IP6, ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
		return true
	}
	return false
}

// splitHostPort takes "host", "host:port", "[v6]", "[v6]:port" and a bare IPv6 address.
func splitHostPort(s string) (host string, port int, err error) {
	if s == "" {
		return "", 0, fmt.Errorf("it is empty")
	}
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return ip.String(), DefaultPort, nil
	}
	if !strings.Contains(s, ":") {
		return s, DefaultPort, nil
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not a number from 1 to 65535", p)
	}
	return host, port, nil
}

func tcpAddress(host string, port int) (ma.Multiaddr, error) {
	tail := "/tcp/" + strconv.Itoa(port)
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && ip.Zone() != "":
		return nil, fmt.Errorf("a link-local address with a zone cannot be dialled by others")
	case err == nil && ip.Is4():
		return ma.NewMultiaddr("/ip4/" + ip.String() + tail)
	case err == nil:
		return ma.NewMultiaddr("/ip6/" + ip.String() + tail)
	case !isHostName(host):
		return nil, fmt.Errorf("%q is neither an IP address nor a host name", host)
	}
	return ma.NewMultiaddr("/dns/" + host + tail)
}

// isHostName is RFC 1123's rule: labels of letters, digits and inner hyphens, and underscores, which containers' names have.
func isHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", c) {
				return false
			}
		}
	}
	return true
}

// portOf gives the TCP port of an address, 0 if it has none.
func portOf(a ma.Multiaddr) int {
	v, err := a.ValueForProtocol(ma.P_TCP)
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(v)
	if err != nil {
		return 0
	}
	return port
}

// worthKeeping filters the addresses that somebody else could dial: TCP, port not 0, neither loopback (unless asked for), link-local,
// multicast nor unspecified; without duplicates, at most 8.
func worthKeeping(addrs []ma.Multiaddr, loopback bool) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, a := range addrs {
		if len(out) == maxAddresses {
			break
		}
		if a, _ = peer.SplitAddr(a); len(a) == 0 || !isTCP(a) || portOf(a) == 0 || ma.Contains(out, a) {
			continue
		}
		if ip, err := manet.ToIP(a); err == nil && !reachable(ip, loopback) {
			continue
		}
		out = append(out, a)
	}
	return out
}

func reachable(ip net.IP, loopback bool) bool {
	if ip.IsLoopback() {
		return loopback
	}
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLinkLocalUnicast() && !ip.IsInterfaceLocalMulticast()
}
