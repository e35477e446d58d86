package discovery

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/core/host"
	ma "github.com/multiformats/go-multiaddr"
)

// portsTried is how many ports from DefaultPort on are tried when none is configured.
const portsTried = 512

// ListenError is an address that the host cannot listen on.
type ListenError struct {
	Address string // host:port, or the multiaddress
	Err     error
}

func (e *ListenError) Error() string {
	if errors.Is(e.Err, syscall.EADDRINUSE) {
		return fmt.Sprintf("cannot listen on %s: another program listens there; choose another port, or name none to take the next free one from %d on",
			e.Address, DefaultPort)
	}
	return fmt.Sprintf("cannot listen on %s: %v", e.Address, e.Err)
}

func (e *ListenError) Unwrap() error { return e.Err }

// listenAddress reads HostConfig.Listen. fixed is false if the port is ours to choose.
func listenAddress(listen string, bind netip.Addr, loopback bool) (a ma.Multiaddr, fixed bool, err error) {
	anywhere := "0.0.0.0"
	switch {
	case loopback:
		anywhere = "127.0.0.1"
	case bind.Is4():
		anywhere = bind.String()
	}
	if listen == "" {
		a, err = tcpAddress(anywhere, DefaultPort)
		return a, false, err
	}
	if strings.HasPrefix(listen, ":") {
		listen = anywhere + listen
	}
	a, id, err := parseAddress(listen)
	if err != nil {
		return nil, false, err
	}
	if id != "" {
		return nil, false, &AddressError{listen, errors.New("an address to listen on carries no /p2p/ part")}
	}
	ip := a[0].Value()
	parsed, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, false, &AddressError{listen, errors.New("an address to listen on must be an IP address of this machine")}
	}
	if loopback && !parsed.IsLoopback() {
		if !parsed.IsUnspecified() {
			return nil, false, &AddressError{listen, errors.New("only loopback addresses can be listened on here")}
		}
		a, err = tcpAddress(anywhere, portOf(a))
	}
	return a, true, err
}

// listen binds the host: to a, or if the port is not fixed to the first free one from a's on. Binding is the test, so there is no
// moment in which another program could take the port between a test and the bind.
func listen(h host.Host, a ma.Multiaddr, fixed bool) error {
	network, ok := h.Network().(interface{ AddListenAddr(ma.Multiaddr) error })
	if !ok {
		return &ListenError{a.String(), errors.New("the host's network cannot listen")}
	}
	first := portOf(a)
	for port := first; ; port++ {
		next, err := tcpAddress(a[0].Value(), port)
		if err != nil {
			return &ListenError{a.String(), err}
		}
		err = network.AddListenAddr(next)
		if err == nil {
			return nil
		}
		if fixed || !errors.Is(err, syscall.EADDRINUSE) || port >= first+portsTried-1 {
			return &ListenError{fmt.Sprintf("%s port %d", a[0].Value(), port), err}
		}
	}
}

// Port is the TCP port that the host listens on, 0 if it listens on none.
func Port(h host.Host) int {
	for _, a := range h.Network().ListenAddresses() {
		if port := portOf(a); port != 0 {
			return port
		}
	}
	return 0
}
