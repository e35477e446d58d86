package discovery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/zeroconf/v2"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// libp2p's mDNS format. Its own service (p2p/discovery/mdns) is not used because, where IPv6 is switched off, it finds nobody
// without saying so and then hangs in Close, and because after a change of addresses it goes on to announce the old ones for up to a
// minute.
const (
	mdnsDomain    = "local"
	mdnsPrefix    = "dnsaddr="
	mdnsPort      = 4001 // has to be there; the addresses are in the TXT records
	mdnsEntries   = 256  // buffered; a flood beyond that waits in the socket and is lost there
	mdnsWaitFirst = time.Second
	mdnsWaitMost  = time.Minute
)

var errNoMulticast = errors.New("no network interface that is up and has an address to listen on allows multicast")

// runMDNS keeps the mDNS service running until ctx ends. restart asks for a new one (the interfaces changed).
func (d *Discovery) runMDNS(ctx context.Context, restart <-chan struct{}) {
	wait := mdnsWaitFirst
	for ctx.Err() == nil {
		run, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- d.mdnsOnce(run) }()
		var err error
		select {
		case err = <-done:
		case <-restart:
			cancel()
			<-done
			wait = mdnsWaitFirst
			continue
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		d.warn("mdns", mdnsWarning(err))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-restart:
			wait = mdnsWaitFirst
		case <-timer.C:
			wait = min(2*wait, mdnsWaitMost)
		}
		timer.Stop()
	}
}

func mdnsWarning(err error) string {
	if errors.Is(err, errNoMulticast) {
		return "mDNS finds nobody: " + errNoMulticast.Error() + "; name members with bootstrap, or set mdns = false; " +
			"for loopback alone: ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo"
	}
	return fmt.Sprintf("mDNS does not run (%v); it is tried again; name members with bootstrap, or set mdns = false", err)
}

// mdnsOnce announces and browses until ctx ends (nil) or something fails.
func (d *Discovery) mdnsOnce(ctx context.Context) error {
	ifaces, err := multicasting(d.host.Network().ListenAddresses())
	if err != nil {
		return err
	}
	traffic, err := mdnsTraffic(ifaces)
	if err != nil {
		return err
	}
	texts, ips, err := mdnsTexts(d.host)
	if err != nil {
		return err
	}
	name := mdnsName()
	server, err := zeroconf.RegisterProxy(name, d.config.Service, mdnsDomain, mdnsPort, name, ips, texts, ifaces)
	if err != nil {
		return err
	}
	defer server.Shutdown()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry, mdnsEntries)
	done := make(chan error, 1)
	go func() {
		done <- zeroconf.Browse(ctx, d.config.Service, mdnsDomain, entries, zeroconf.SelectIPTraffic(traffic), zeroconf.SelectIfaces(ifaces))
	}()
	d.warn("mdns", "")
	for {
		select {
		case err := <-done:
			return err
		case e, ok := <-entries:
			if !ok {
				return <-done
			}
			d.mdnsFound(e)
		}
	}
}

// mdnsFound takes an entry, which anybody on the local network can make up.
func (d *Discovery) mdnsFound(e *zeroconf.ServiceEntry) {
	var addrs []ma.Multiaddr
	for _, text := range e.Text {
		s, ok := strings.CutPrefix(text, mdnsPrefix)
		if !ok || len(addrs) == 4*maxAddresses {
			continue
		}
		if a, err := ma.NewMultiaddr(s); err == nil {
			addrs = append(addrs, a)
		}
	}
	infos, err := peer.AddrInfosFromP2pAddrs(addrs...)
	if err != nil {
		return
	}
	for _, info := range infos {
		due := time.Now()
		if d.host.ID() > info.ID {
			due = due.Add(higherIDWaits)
		}
		d.add(info, ViaMDNS, due)
	}
}

// mdnsTraffic says over which of IPv4 and IPv6 multicast works: browsing fails as a whole if it is asked for one that does not.
func mdnsTraffic(ifaces []net.Interface) (zeroconf.IPType, error) {
	var traffic zeroconf.IPType
	for _, i := range ifaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				traffic |= zeroconf.IPv4
			} else if ok {
				traffic |= zeroconf.IPv6
			}
		}
	}
	if traffic == 0 {
		return 0, errNoMulticast
	}
	return traffic, nil
}

// mdnsTexts gives the TXT records: the addresses told to others and, read anew, those of the interfaces, which on the local network
// are the better ones.
func mdnsTexts(h host.Host) (texts, ips []string, err error) {
	own, err := manet.ResolveUnspecifiedAddresses(h.Network().ListenAddresses(), nil)
	if err != nil {
		return nil, nil, err
	}
	addrs := worthKeeping(append(own, h.Addrs()...), false)
	if len(addrs) == 0 {
		addrs = worthKeeping(own, true)
	}
	for _, a := range addrs {
		ip, err := manet.ToIP(a)
		if err != nil {
			continue // a host name, which mDNS is not the place for
		}
		ips = append(ips, ip.String())
		texts = append(texts, mdnsPrefix+a.String()+"/p2p/"+h.ID().String())
	}
	if len(texts) == 0 {
		return nil, nil, errors.New("this machine has no address")
	}
	return texts, ips, nil
}

// mdnsName is a new instance name for each start: libp2p's format asks for 32 to 63 random characters, so that it tells nothing.
func mdnsName() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	name := make([]byte, 40)
	for i := range name {
		name[i] = alphabet[rand.IntN(len(alphabet))]
	}
	return string(name)
}
