package agent

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// warn adds what is wrong with a peer, as far as list and announcements say.
func (k *core) warn(p *api.Peer, id peer.ID, entry trust.Entry, approved bool, now time.Time) {
	add := func(w api.Warning) {
		if !slices.ContainsFunc(p.Warnings, func(present api.Warning) bool { return present.Code == w.Code }) {
			p.Warnings = append(p.Warnings, w)
		}
	}
	for _, reason := range k.evaluation.Warnings[id] {
		add(warningOf(reason))
	}
	for _, reason := range k.evaluation.Claimed[id] {
		add(warningOf(reason))
	}
	if approved && slices.ContainsFunc(k.evaluation.Absent, func(absent trust.Entry) bool { return absent.Component == entry.Component }) {
		add(api.Warning{Code: api.WarnNotHeard, Text: "approved, but nothing that matches its pins in trust.ini has been heard",
			Cure: "wait for its announcement; if its values have changed, approve them"})
	}
	a, decided := k.newest[id], approved && p.State == api.StateAccepted
	if decided && k.approved[id] != nil {
		a = k.approved[id]
	}
	if w, there := k.signerWarning(a, decided); there {
		add(w)
	}
	if endpoint, err := mpspdz.ParseEndpoint(p.Endpoint); err == nil && endpoint.IsEphemeral() {
		add(ephemeral(endpoint))
	}
	if a := k.evaluation.InForce[entry.Component]; approved && a != nil {
		if w, soon := k.expiringOf(a).standing(now); soon {
			add(w)
		}
	}
}

func warningOf(r trust.Reason) api.Warning {
	return api.Warning{Code: r.Code, Text: r.Text, Cure: r.Cure}
}

func ephemeral(e mpspdz.Endpoint) api.Warning {
	return api.Warning{Code: api.WarnEphemeralPort, Text: "port " + portOf(e) + " is one that the system gives to outgoing connections: now and then it will be busy",
		Cure: "use a port below 32768"}
}

func portOf(e mpspdz.Endpoint) string {
	_, port, _ := strings.Cut(e.String(), ":")
	return port
}

// place adds what only the network knows: whether a peer is connected, from where, and whether its address can be right there.
func (k *core) place(p *api.Peer, id peer.ID, n network) {
	if !n.running {
		return
	}
	member, connected := n.members[id]
	p.Connected = &connected
	if connected {
		p.From, p.Via = showAddr(member.Addr), member.Via
	}
	endpoint, err := mpspdz.ParseEndpoint(p.Endpoint)
	if err != nil || p.State == api.StateDenied || p.State == api.StateRevoked {
		return
	}
	w, wrong := placeWarning(k.self.registration.Endpoint, endpoint, connected, member.Local)
	if from := k.heard[id].from; !wrong || !connected && (from == "" || from == id) {
		return // from the store, or from itself: it may be about to connect, or to come back
	}
	p.Warnings = append(p.Warnings, w)
}

// placeWarning is the address trap: a loopback address is right only on the machine that it is used on. own and its are the two
// advertised endpoints; local says that its live connection comes from this machine.
func placeWarning(own, its mpspdz.Endpoint, connected, local bool) (api.Warning, bool) {
	switch {
	case !own.IsLoopback() && !its.IsLoopback(), connected && local:
		return api.Warning{}, false
	case !connected:
		return api.Warning{Code: api.WarnPlaceUnknown,
			Text: "heard only through others, so that it is unknown whether it is on this machine, where alone a loopback address can be reached"}, true
	case its.IsLoopback():
		return api.Warning{Code: api.WarnLoopbackElsewhere, Error: true,
			Text: "announces " + its.String() + ", which means the machine of whoever uses it, but is connected from another machine",
			Cure: "its operator sets mpspdz_ip (a plain party: ip in its fbpeer.ini) to an address that others can dial"}, true
	default:
		return api.Warning{Code: api.WarnLoopbackElsewhere, Error: true,
			Text: "is connected from another machine, where our own address " + own.String() + " cannot be reached"}, true
	}
}

// ownWarnings is what is wrong with the own registration.
func (k *core) ownWarnings(n network, now time.Time) []api.Warning {
	var all []api.Warning
	r := k.self.registration
	if r.Endpoint.IsLoopback() && slices.ContainsFunc(elsewhere(n), k.wanted) {
		cure := "set mpspdz_ip in the component's configuration (a plain party: ip in its fbpeer.ini), or MPSPDZ_IP, to the address at which the others reach this machine"
		if len(n.local) > 0 {
			cure += ", one of: " + strings.Join(n.local, ", ")
		}
		all = append(all, api.Warning{Code: api.WarnLoopbackElsewhere, Error: true,
			Text: "we announce " + r.Endpoint.String() + ", but members are connected from other machines, where that address leads to themselves", Cure: cure})
	}
	all = append(all, k.otherwise...)
	if r.Endpoint.IsEphemeral() {
		all = append(all, ephemeral(r.Endpoint))
	}
	if err := r.Certificate.CheckTime(now); err != nil {
		all = append(all, api.Warning{Code: api.WarnCertificateExpired, Text: err.Error(), Error: true})
	}
	for _, e := range k.watched() {
		if w, soon := e.standing(now); soon && e.component == k.config.Component.ID {
			all = append(all, w)
		}
	}
	return all
}

// wanted says whether a member may ever be a party of ours.
func (k *core) wanted(id peer.ID) bool { return !k.list.Barred(id) }

// elsewhere lists the members that are connected from other machines.
func elsewhere(n network) []peer.ID {
	var ids []peer.ID
	for id, member := range n.members {
		if !member.Local {
			ids = append(ids, id)
		}
	}
	return ids
}

// showAddr shortens a multiaddress to host:port where it is one.
func showAddr(text string) string {
	if m, err := multiaddr.NewMultiaddr(text); err == nil {
		if a, err := manet.ToNetAddr(m); err == nil {
			if tcp, ok := a.(*net.TCPAddr); ok {
				return tcp.String()
			}
		}
	}
	return text
}
