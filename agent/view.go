package agent

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/discovery"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// network is what a running agent sees around itself. The zero value is the stores' view: nobody is connected, nothing is known.
type network struct {
	running  bool
	members  map[peer.ID]discovery.Member
	local    []string // this machine's addresses, candidates for mpspdz_ip
	listen   []string
	warnings []api.Warning
}

// weights order peers: the strongest state first.
var weights = []string{api.StateRevoked, api.StateDenied, api.StateConflict, api.StateChanged, api.StateAccepted, api.StatePending, api.StateFormer}

// snapshot is the present state for readers: a value of its own, shared with nothing. Its matrix, which grows with the square of the
// members, is made for who asks (published.withMatrix).
func (k *core) snapshot(n network, now time.Time) api.Snapshot {
	s := api.Snapshot{
		Federation: k.federationName(), Set: k.players.shown(k.config.Component.ID, k.alias), NoSet: k.players.noSet,
		Connected: len(n.members), LastChange: k.changed, Running: n.running, State: k.store.dir, Listen: n.listen,
	}
	if s.NoSet == nil && s.Set == nil {
		s.NoSet = &api.Warning{Code: api.WarnNotWritten, Text: "no player files are written yet", Cure: "fbpeer run"}
	}
	s.Self = k.ownPeer(n, now)
	numbers := map[string]int{}
	if s.Set != nil {
		for _, member := range s.Set.Parties {
			numbers[member.Component] = member.Party
		}
	}
	for _, id := range k.identities() {
		p := k.peer(id, now)
		k.place(&p, id, n)
		if number, member := numbers[p.Component]; member && k.pinned(p) {
			p.Party = &number
		}
		if p.Registered != nil && *p.Registered {
			s.Rows++
		}
		s.Peers = append(s.Peers, p)
	}
	slices.SortFunc(s.Peers, func(a, b api.Peer) int {
		return cmp.Or(cmp.Compare(slices.Index(weights, a.State), slices.Index(weights, b.State)),
			cmp.Compare(a.Component, b.Component), cmp.Compare(a.PeerID, b.PeerID))
	})
	s.Members = 1
	for _, p := range s.Peers {
		if p.State != api.StateDenied && p.State != api.StateRevoked && p.State != api.StateFormer {
			s.Members++
		}
	}
	s.Warnings = append(k.problems.sorted(), n.warnings...)
	s.Warnings = append(s.Warnings, k.unregistered(s)...)
	s.Warnings = append(s.Warnings, k.authoritiesInForce()...)
	s.NoSet, s.Waiting = otherKey(decideFirst(s.NoSet, s.Peers), s.Peers), decideFirst(k.players.waiting, s.Peers)
	for _, w := range k.waits() {
		s.Warnings = append(s.Warnings, *decideFirst(&w, s.Peers))
	}
	s.Warnings = append(s.Warnings, policiesOf(s.Self, s.Peers).warnings(k.config.Component.Role)...)
	s.Sets = k.namedSets(now)
	for _, bar := range k.list.BarredKeys() {
		s.Keys = append(s.Keys, api.BarredKey{Key: bar.Key.String(), State: string(bar.Status), Component: bar.Component})
	}
	for _, text := range k.config.Warnings {
		s.Warnings = append(s.Warnings, api.Warning{Code: api.WarnSetting, Text: text})
	}
	return s
}

// unregistered tells of accepted components whose rows are not as they must be, unless a problem of the whole registry says so.
func (k *core) unregistered(s api.Snapshot) []api.Warning {
	if k.problems.has(api.WarnRegistry) || k.problems.has(api.WarnNoDatabase) {
		return nil
	}
	var missing []string
	for _, p := range s.Peers {
		if p.State == api.StateAccepted && p.Registered != nil && !*p.Registered {
			missing = append(missing, p.Component)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	cure := "fbpeer registry sync writes them, or fbpeer run"
	switch {
	case !k.registry.kept:
		cure = cureRowByHand + "; fbpeer registry check says of each row what is wrong"
	case s.Running:
		cure = "they are written again by themselves; if this stays, look at the file"
	}
	return []api.Warning{{Code: api.WarnRegistry, Error: true, Cure: cure,
		Text: "the party registry in " + k.config.Component.Database + " lacks the right rows of " + strings.Join(missing, ", ")}}
}

func (k *core) federationName() string {
	if !k.joined {
		return ""
	}
	return k.federation.Name()
}

func (k *core) alias(component string) string {
	entry, _ := k.list.Entry(component)
	return entry.Alias
}

// identities lists everybody of whom anything is known, ourselves left out, sorted.
func (k *core) identities() []peer.ID {
	ids := k.list.Listed()
	for id := range k.evaluation.Decisions {
		ids = append(ids, id)
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id peer.ID) bool { return id == k.self.id || id == "" })
	slices.Sort(ids)
	return slices.Compact(ids)
}

// peer describes one identity, without what only a network knows.
func (k *core) peer(id peer.ID, now time.Time) api.Peer {
	newest, decision := k.newest[id], k.evaluation.Decisions[id]
	entry, approved := k.list.ByPeer(id)
	values := newest
	if approved {
		if a := k.approved[id]; a != nil {
			values = a
		}
	}
	p := api.Peer{PeerID: id.String(), State: k.state(id, decision, approved)}
	if p.State == api.StatePending {
		p.ByHand = k.byHand(newest)
	}
	if card, ok := k.imported[id]; ok {
		p.ByCard = &api.ByCard{Imported: timePointer(k.heard[id].at), View: viewOfCard(card)}
	}
	if values != nil {
		describe(&p, values, k.certificate(values.Certificate))
	} else {
		k.describeListed(&p, id)
	}
	if newest != nil {
		announced(&p, newest)
	}
	if listed, ok := k.list.Entry(p.Component); ok && listed.Peer == id {
		p.Alias = listed.Alias // a revoked one is forgotten by it too
	}
	if approved {
		k.describeApproved(&p, id, entry, values)
	}
	if h, ok := k.heard[id]; ok {
		p.LastHeard = timePointer(h.at)
		if h.from != "" && h.from != id {
			p.From = h.from.String()
		}
	}
	for _, c := range decision.Changes {
		p.Changes = append(p.Changes, api.Change{Field: c.Field, Old: c.Old, New: c.New})
	}
	if p.State == api.StateFormer {
		w := k.formerIdentity(newest)
		p.Reasons, p.Warnings, p.Changes = []api.Warning{w}, []api.Warning{w}, nil
		return p
	}
	for _, reason := range decision.Reasons {
		p.Reasons = append(p.Reasons, warningOf(reason))
	}
	if newest != nil && (p.State == api.StateChanged || p.State == api.StateConflict) {
		p.Announced = k.announcedOf(newest)
	}
	k.warn(&p, id, entry, approved, now)
	if approved {
		k.warnTaken(&p, id, entry, now)
		k.warnNoted(&p, id, now)
	}
	return p
}

// state is the verdict on the newest announcement, or what the list alone says of somebody who has not been heard.
func (k *core) state(id peer.ID, d trust.Decision, approved bool) string {
	switch {
	case d.Verdict == trust.VerdictConflict && k.former(id):
		return api.StateFormer
	case d.Verdict != "" && d.Verdict != trust.VerdictSuperseded:
		return string(d.Verdict)
	case k.list.PeerStatus(id) != "" && k.list.PeerStatus(id) != trust.Approved:
		return string(k.list.PeerStatus(id))
	case approved:
		return api.StateAccepted
	default:
		return api.StatePending
	}
}

// describeApproved fills in what is kept of an approval, and whether the values in force, nil for none, stand in the registry.
func (k *core) describeApproved(p *api.Peer, id peer.ID, entry trust.Entry, values *exchange.Announcement) {
	p.Alias, p.ApprovedBy = entry.Alias, entry.ApprovedBy
	p.ApprovedAt, p.Next = timePointer(entry.ApprovedAt), k.nextOf(id, entry)
	if k.registry.file != nil && values != nil && k.sameKind(values) {
		has := k.evaluation.InForce[entry.Component] != nil && k.registry.has(partyOf(values.Registration))
		p.Registered = &has
	}
}

// describe fills in the values of an announcement; certificate is how its own is shown.
func describe(p *api.Peer, a *exchange.Announcement, certificate api.Certificate) {
	p.Component, p.Role, p.Endpoint, p.Certificate = a.Component, string(a.Role), a.Endpoint.String(), &certificate
	p.Fingerprint, p.Words = a.Fingerprint().String(), a.Fingerprint().Words()
}

// announced fills in what is always the newest announcement's.
func announced(p *api.Peer, a *exchange.Announcement) {
	p.Label, p.Secagg = exchange.ShowText(a.Label), string(a.Secagg)
	p.Announcement, p.Sequence = a.Hash.String(), a.Sequence
	p.Issued, p.Expires = timePointer(a.Issued), timePointer(a.Expires)
}

func (k *core) announcedOf(a *exchange.Announcement) *api.Announced {
	return &api.Announced{Component: a.Component, Role: string(a.Role), Endpoint: a.Endpoint.String(), Certificate: k.certificate(a.Certificate),
		Fingerprint: a.Fingerprint().String(), Words: a.Fingerprint().Words(), Hash: a.Hash.String(), Issued: a.Issued}
}

// describeListed fills in what the list says of somebody of whom nothing was heard.
func (k *core) describeListed(p *api.Peer, id peer.ID) {
	for _, entry := range k.list.Entries() {
		if entry.Peer != id {
			continue
		}
		p.Component, p.Role, p.Alias = entry.Component, string(entry.Role), entry.Alias
		if !entry.Endpoint.IsZero() {
			p.Endpoint = entry.Endpoint.String()
		}
	}
}

// maxShownCertificates bounds what is remembered of certificates that may no longer be held.
const maxShownCertificates = 4096

// certificate describes a certificate. It is remembered: finding out which names MP-SPDZ takes is most of a snapshot's work.
func (k *core) certificate(c *mpspdz.Certificate) api.Certificate {
	if shown, ok := k.certificates[c.SHA256()]; ok {
		return shown
	}
	if len(k.certificates) >= maxShownCertificates {
		clear(k.certificates)
	}
	shown := DescribeCertificate(c)
	k.certificates[c.SHA256()] = shown
	return shown
}

// DescribeCertificate is a certificate as people and scripts read it.
func DescribeCertificate(c *mpspdz.Certificate) api.Certificate {
	shown := api.Certificate{SHA256: c.SHA256().String(), BLAKE2b128: c.BLAKE2b128(), KeySHA256: c.KeySHA256().String(), Subject: c.Subject(),
		NotBefore: c.NotBefore().UTC(), NotAfter: c.NotAfter().UTC(), KeyType: c.KeyType(), WorksWith: c.WorksWith()}
	if c.CASigned() {
		shown.Issuer = c.Issuer()
	}
	return shown
}

func timePointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// pinned says whether p is the identity that the list approves for its component.
func (k *core) pinned(p api.Peer) bool {
	entry, ok := k.list.Entry(p.Component)
	return ok && entry.Status == trust.Approved && entry.Peer.String() == p.PeerID
}

// ownPeer describes the own component: as announced, or, before the first announcement, as configured.
func (k *core) ownPeer(n network, now time.Time) api.Peer {
	r := k.self.registration
	c := k.certificate(r.Certificate)
	p := api.Peer{Component: r.Component, Role: string(r.Role), Label: exchange.ShowText(r.Label), Endpoint: r.Endpoint.String(),
		Secagg: string(r.Secagg), Certificate: &c}
	if k.self.id != "" {
		f := exchange.NewFingerprint(k.self.id, r.Certificate.SPKI())
		p.PeerID, p.Fingerprint, p.Words = k.self.id.String(), f.String(), f.Words()
	}
	if a := k.self.announcement; a != nil {
		p.Announcement, p.Sequence = a.Hash.String(), a.Sequence
		p.Issued, p.Expires = timePointer(a.Issued), timePointer(a.Expires)
	}
	p.Sources = k.ownSources()
	if k.players.inForce() {
		number := k.players.set.Number(r.Component)
		p.Party = &number
	}
	p.Next = k.ownNext()
	p.Warnings = k.ownWarnings(n, now)
	if w, met := k.cloneWarning(n.running, now); met {
		p.Warnings = append(p.Warnings, w)
	}
	for _, reason := range k.evaluation.Claimed[k.self.id] {
		p.Warnings = append(p.Warnings, warningOf(reason))
	}
	return p
}

// withMatrix adds what is made for who asks: who has registered whom, and who has confirmed which set.
func (p *published) withMatrix(o Options) api.Snapshot {
	s, now := p.snapshot, o.Now()
	if o.Matrix != nil {
		s.Matrix = o.Matrix(s)
	} else {
		s.Matrix = p.sight.matrix(now)
	}
	if s.Self.Next != nil {
		next := *s.Self.Next
		next.Ahead = approvedAhead(s, o.Matrix != nil)
		if next.Ahead.Asked = timePointer(p.sight.newest); o.Matrix != nil {
			next.Ahead.Asked = &now
		}
		s.Self.Next = &next
	}
	s.Sets = slices.Clone(s.Sets)
	for i, set := range s.Sets {
		s.Sets[i].Confirmed = p.sight.confirmedBy(set, now)
	}
	return s
}

// OwnCell is what the owner of a snapshot has registered of one of its peers; empty for those who have no place in the matrix.
func OwnCell(p api.Peer) string {
	switch {
	case p.State == api.StatePending:
		return api.CellNew
	case p.State == api.StateChanged:
		return api.CellOld
	case p.State != api.StateAccepted:
		return ""
	case p.Registered != nil && !*p.Registered:
		return api.CellNo
	default:
		return api.CellOK
	}
}
