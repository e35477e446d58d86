package mpspdz

import (
	"net/netip"
	"strconv"
	"strings"
)

const (
	maxHost  = 253 // bytes, RFC 1123 and RFC 1035
	maxLabel = 63

	// Linux gives outgoing connections ports of this range, so a listener there meets a busy port now and then.
	ephemeralFirst = 32768
	ephemeralLast  = 60999
)

// Endpoint is a checked MP-SPDZ address: an IPv4 address or host name, and a port. It holds nothing that could add, shift or
// change a line of the ip file. Comparable; the zero value is "none".
type Endpoint struct {
	host string
	port uint16
}

// EndpointError says why Value is no endpoint, host or port that MP-SPDZ could use.
type EndpointError struct{ Value, Reason string }

// Error quotes the value, so that it can be printed whoever sent it.
func (e *EndpointError) Error() string { return quote(e.Value) + " " + e.Reason }

// ParseEndpoint reads "host:port". What it accepts, String gives again (a host name in lower case). The error is an
// *EndpointError.
func ParseEndpoint(s string) (Endpoint, error) {
	host, port, found := strings.Cut(s, ":")
	switch {
	case isIPv6(s):
		return Endpoint{}, &EndpointError{s, reasonIPv6}
	case !found:
		return Endpoint{}, &EndpointError{s, "has no port: an endpoint is host:port"}
	}
	p, err := ParsePort(port)
	if err != nil {
		return Endpoint{}, err
	}
	return NewEndpoint(host, p)
}

// NewEndpoint checks a host as ParseHost does, and that the port is not 0. The error is an *EndpointError.
func NewEndpoint(host string, port uint16) (Endpoint, error) {
	h, err := ParseHost(host)
	if err != nil {
		return Endpoint{}, err
	}
	if port == 0 {
		return Endpoint{}, &EndpointError{"0", reasonPort}
	}
	return Endpoint{h, port}, nil
}

const (
	reasonPort = "is not a port (1 to 65535)"
	reasonIPv6 = "is IPv6, which MP-SPDZ cannot use: give an IPv4 address or a host name"
	reasonName = `is not a host name (labels of letters, digits, "-" and "_", joined by dots)`
)

// ParseHost accepts a dotted IPv4 address that others can dial, or a host name: labels of 1 to 63 letters, digits, '-' (not at
// the ends) and '_' (which names of containers have), at most 253 bytes, no final dot, the last label not numeric, since
// the system's resolver would read such a name as an address (127.1, 010.0.0.1). It returns the name in lower case.
// The error is an *EndpointError.
func ParseHost(s string) (string, error) {
	switch {
	case s == "":
		return "", &EndpointError{s, "is not a host: give an IPv4 address or a host name"}
	case isIPv6(s):
		return "", &EndpointError{s, reasonIPv6}
	case len(s) > maxHost:
		return "", &EndpointError{s, "is too long for a host name (at most 253 bytes)"}
	}
	labels := strings.Split(s, ".")
	last := labels[len(labels)-1]
	if last == "" && len(labels) > 1 {
		return "", &EndpointError{s, "ends in a dot: leave it out"}
	}
	for _, label := range labels {
		if !isLabel(label) {
			return "", &EndpointError{s, reasonName}
		}
	}
	if isNumber(last) {
		return parseIPv4(s)
	}
	return strings.ToLower(s), nil
}

// parseIPv4 accepts an address in its one canonical form to which a connection can be made.
func parseIPv4(s string) (string, error) {
	ip, err := netip.ParseAddr(s)
	switch {
	case err != nil || !ip.Is4():
		return "", &EndpointError{s, "is not an IPv4 address (four numbers from 0 to 255, without leading zeros), nor a host name"}
	case ip.As4()[0] == 0:
		return "", &EndpointError{s, "is an address that nobody can dial: give the one where others reach this machine"}
	case ip.IsMulticast():
		return "", &EndpointError{s, "is a multicast address: give the address of one machine"}
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "", &EndpointError{s, "is the broadcast address: give the address of one machine"}
	}
	return s, nil
}

// ParsePort accepts a decimal number from 1 to 65535, without sign, space or leading zero: MP-SPDZ itself takes any number
// modulo 65536. The error is an *EndpointError.
func ParsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || s[0] == '0' {
		return 0, &EndpointError{s, reasonPort}
	}
	return uint16(n), nil
}

// Host is the IPv4 address or lower-case host name.
func (e Endpoint) Host() string { return e.host }

// Port is 1 to 65535; 0 only in the zero value.
func (e Endpoint) Port() uint16 { return e.port }

// IsZero reports whether e is "none".
func (e Endpoint) IsZero() bool { return e == Endpoint{} }

// String is "host:port", one line of the ip file; empty for the zero value.
func (e Endpoint) String() string {
	if e.IsZero() {
		return ""
	}
	return e.host + ":" + strconv.Itoa(int(e.port))
}

// IsLoopback reports whether only this machine can mean itself by it: localhost, names below it, and 127.0.0.0/8.
func (e Endpoint) IsLoopback() bool {
	if e.host == "localhost" || strings.HasSuffix(e.host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(e.host)
	return err == nil && ip.IsLoopback()
}

// Place is what two parties cannot share: the endpoint itself, but of loopback ones the port alone counts, as MP-SPDZ binds every
// address of the one machine that they are all on. Equal places compare equal.
func (e Endpoint) Place() Endpoint {
	if e.IsLoopback() {
		e.host = "localhost"
	}
	return e
}

// IsEphemeral reports whether the port is in Linux's ephemeral range, 32768 to 60999: it collides now and then.
func (e Endpoint) IsEphemeral() bool { return ephemeralFirst <= e.port && e.port <= ephemeralLast }

// isIPv6 reports whether somebody meant an IPv6 address, with or without brackets, port and zone.
func isIPv6(s string) bool {
	if strings.HasPrefix(s, "[") {
		return true
	}
	ip, err := netip.ParseAddr(s)
	if err == nil {
		return ip.Is6()
	}
	// fe80::1:14000 is an address by itself; 2001:db8:0:0:0:0:0:1:14000 is one only without its last part.
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return false
	}
	ip, err = netip.ParseAddr(s[:i])
	return err == nil && ip.Is6()
}

func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return true
}

// isNumber reports whether inet_aton, and so getaddrinfo, would read a label as a number: decimal, octal or 0x and hexadecimal.
func isNumber(label string) bool {
	hex := len(label) >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')
	if hex {
		label = label[2:]
	}
	for i := range len(label) {
		c := label[i] | 0x20
		if !isDigit(label[i]) && (!hex || c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
