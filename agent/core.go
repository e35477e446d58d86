package agent

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	ic "github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"fbpeer/agent/api"
	"fbpeer/agent/notify"
	"fbpeer/config"
	"fbpeer/discovery"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// core is everything that one agent decides and has decided. One goroutine owns it: the loop of a running agent, or a command that
// works on the stores. It knows no network.
type core struct {
	options    Options
	config     *config.Config
	federation exchange.Federation
	joined     bool // a federation file was there
	store      store

	self     self
	list     trust.List
	listFile []byte                // trust.ini as last read or written; nil: missing
	named    map[peer.ID]bool      // whom the list names
	spared   map[peer.ID]time.Time // approved cards that stay until then: the list lost their approval by hand
	taken    map[peer.ID]takenOver // what a policy took over since the start
	noted    map[peer.ID]noted     // changes that hold nothing back, likewise

	newest     map[peer.ID]*exchange.Announcement // of others, the newest heard
	approved   map[peer.ID]*exchange.Announcement // cards of approved/
	heard      map[peer.ID]heard
	imported   map[peer.ID]exchange.Card // whose newest came by card
	overtaken  []peer.ID                 // whose file in imported/ says nothing any more
	shown      map[peer.ID][]mpspdz.Hash // older announcements with the newest one's held values
	equivocal  map[peer.ID]bool
	evaluation trust.Evaluation
	judged     trust.Evaluation // the last one whose verdicts the log has

	players   players                                       // the default set's
	confirmed map[string]*namedSet                          // by name
	proposals map[exchange.ID]*exchange.Proposal            // the newest of each proposer and name, ours too
	numbered  map[exchange.ID]*exchange.NumberedCertificate // likewise of each identity and set
	unstored  map[exchange.ID]exchange.Opened               // of these, what is not durable
	outbox    []exchange.Opened                             // made here, to be told
	views     views
	altered   map[string]*altered // by set
	registry  registry
	start     time.Time // when this process loaded it
	leftovers int       // announcements of our own past that it went past
	problems  problems
	chain     chain
	seen      []byte            // the trust list all of whose lines the log has; nil: unknown
	untold    bool              // the list in force has lines that are still to come
	owed      []trust.LogRecord // decisions whose lines could not be written, the first maxOwed
	lost      int               // those after them
	trusted   []byte            // the authorities as the log knows them; nil: unknown
	announced bool              // when it was loaded, this component had announced itself before
	happened  []notify.Event    // to be told
	strangers *rate.Limiter     // of lines in the log
	unlogged  int               // lines that it left out
	changed   time.Time         // of anything that a person would notice
	otherwise []api.Warning     // in what the running component differs from its configuration here
	meddled   time.Time         // when somebody else's change of the registry was last put right

	certificates map[mpspdz.Hash]api.Certificate // as shown, by SHA-256

	authorities mpspdz.Authorities      // that the operator set
	chains      map[mpspdz.Hash]chained // what they make of certificates, by SHA-256

	formerNext map[peer.ID]mpspdz.Hash // the key to come that each announced before its present one, or none; ours too
	expiryTold map[mpspdz.Hash][]int   // by certificate: of which days before its end it was told
}

// self is the own component as it is configured now and as it was last announced.
type self struct {
	key          ic.PrivKey // nil: no identity yet (stores before the first run)
	id           peer.ID
	registration exchange.Registration
	pair         config.KeyPair
	next         *mpspdz.Certificate // staged to follow; nil: none
	bindPort     uint16
	advertised   netip.Addr             // announced in place of a loopback address; zero: as configured
	former       crypto.Signer          // the certificate key before the present one, if it is known; endorses that
	announcement *exchange.Announcement // nil before the first
	sequence     sequence
	records      records
}

// heard is how an announcement came here.
type heard struct {
	at   time.Time
	from peer.ID // who forwarded it; empty: from the store
}

// loadCore reads the state folder. It creates nothing; errors about the operator's own files are *config.Error.
func loadCore(c *config.Config, o Options, s store) (*core, error) {
	k := &core{
		options: o, config: c, store: s, start: o.Now(),
		newest: map[peer.ID]*exchange.Announcement{}, approved: map[peer.ID]*exchange.Announcement{},
		heard: map[peer.ID]heard{}, imported: map[peer.ID]exchange.Card{}, shown: map[peer.ID][]mpspdz.Hash{}, equivocal: map[peer.ID]bool{},
		spared: map[peer.ID]time.Time{}, taken: map[peer.ID]takenOver{}, noted: map[peer.ID]noted{}, confirmed: map[string]*namedSet{}, proposals: map[exchange.ID]*exchange.Proposal{},
		numbered: map[exchange.ID]*exchange.NumberedCertificate{}, unstored: map[exchange.ID]exchange.Opened{}, views: newViews(), altered: map[string]*altered{},
		problems: problems{}, strangers: newStrangerLines(), certificates: map[mpspdz.Hash]api.Certificate{},
		formerNext: map[peer.ID]mpspdz.Hash{}, chains: map[mpspdz.Hash]chained{},
	}
	if err := k.loadSelf(); err != nil {
		return nil, err
	}
	k.announced = k.self.sequence.last > 0
	if err := k.loadList(); err != nil {
		return nil, err
	}
	if err := k.loadCards(); err != nil {
		return nil, err
	}
	k.recallFormer()
	k.recallNext()
	if err := k.loadRecords(); err != nil {
		return nil, err
	}
	k.recallNumbered()
	var err error
	if k.expiryTold, err = s.readExpiry(); err != nil {
		return nil, ownFile("make it readable for the component's user", "%s: %w", s.path(fileExpiry), err)
	}
	k.otherwise = runsOtherwise(c)
	k.registry = newRegistry(c, s)
	k.players.dir = c.PlayersDir
	k.players.look()
	for _, p := range k.sets() {
		k.recall(p)
	}
	k.evaluate(o.Now())
	k.judged = k.evaluation
	return k, nil
}

// loadSelf reads what is the component's own: federation, identity, certificate and key, sequence.
func (k *core) loadSelf() error {
	if k.config.Federation == "" {
		k.problems.set(api.Warning{Code: api.WarnNoFederation, Text: "no federation joined yet",
			Cure: "fbpeer join FILE, with the federation file that you were given"})
	} else {
		f, err := k.config.LoadFederation()
		if err != nil {
			return err
		}
		k.federation, k.joined = f, true
	}
	key, err := k.store.readIdentity()
	if err != nil {
		return err
	}
	if key != nil {
		if err := k.self.identify(key); err != nil {
			return err
		}
	}
	f, err := loadFiles(k.config, k.options.Now())
	if err != nil {
		return err
	}
	k.authorities = *f.authorities
	k.reportStaged(f)
	k.self.advertised = k.options.Advertise
	k.self.configure(k.config, f)
	k.self.sequence, err = k.store.readSequence()
	if err != nil {
		return &config.Error{Err: err}
	}
	return nil
}

// recallFormer finds the key that endorses the present one where that was replaced while no agent ran, or has been endorsed before:
// the one that `cert generate` kept, if our last announcement was of it, or was endorsed by it.
func (k *core) recallFormer() {
	last, key := k.self.announcement, k.config.FormerKey()
	if last == nil || key == nil || mpspdz.CheckKeyPair(k.self.pair.Certificate, key) == nil {
		return
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return
	}
	if bytes.Equal(spki, last.Certificate.SPKI()) || last.Endorsement != nil && bytes.Equal(spki, last.Endorsement.OldKey) {
		k.self.former = key
	}
}

func (s *self) identify(key ic.PrivKey) error {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return err
	}
	s.key, s.id = key, id
	return nil
}

// configure takes over what the component's files say now.
func (s *self) configure(c *config.Config, f files) {
	s.pair, s.next = f.pair, f.next
	s.bindPort = c.Component.BindPort
	next := f.comes(s.registration.Next)
	s.registration = exchange.Registration{
		Component: c.Component.ID, Role: c.Component.Role, Label: c.Component.Label,
		Endpoint: s.endpoint(c.Component.Endpoint), Secagg: c.Component.Secagg, Certificate: f.pair.Certificate, Next: next,
	}
}

// readIdentity: a missing key is (nil, nil).
func (s store) readIdentity() (ic.PrivKey, error) {
	path := s.path(fileIdentity)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	const hint = "put it back from a backup; without it this component is a new identity, which every other operator must approve anew"
	if errors.Is(err, fs.ErrPermission) {
		return nil, ownFile("run fbpeer as the user whose file it is, or make it that user's and readable for nobody else: chown, chmod 600 "+path,
			"the agent's identity cannot be read: %w", err)
	}
	if err != nil {
		return nil, ownFile(hint, "the agent's identity cannot be read: %w", err)
	}
	key, err := discovery.ParseIdentity(data)
	if err != nil {
		return nil, ownFile(hint, "%s: %w", path, err)
	}
	return key, nil
}

// makeIdentity gives the component its identity, once. Where one has announced from this state folder before, a missing key is an
// error: nobody else has approved a new one.
func (k *core) makeIdentity() error {
	if k.self.key != nil {
		return nil
	}
	if err := k.lostIdentity(); err != nil {
		return err
	}
	key, data, err := discovery.NewIdentity()
	if err != nil {
		return err
	}
	if err := k.store.write(k.store.path(fileIdentity), data); err != nil {
		return err
	}
	k.self.sequence.since = k.options.Now()
	return k.self.identify(key)
}

// lostIdentity is the error of a component without an identity that has announced itself before; else nil.
func (k *core) lostIdentity() error {
	traces := k.formerTraces()
	if k.self.key != nil || len(traces) == 0 {
		return nil
	}
	return ownFile("put it back from a backup; to start as a new identity, which every other operator must approve anew, remove "+strings.Join(traces, " and "),
		"%s is missing, but this component has announced itself before", k.store.path(fileIdentity))
}

// LostIdentity says why an agent of this component would not start for want of its identity: a *config.Error, or nil. It creates nothing.
func LostIdentity(c *config.Config, o Options) error {
	k, err := loadCore(c, o.withDefaults(), store{dir: c.State})
	if err != nil {
		return err
	}
	return k.lostIdentity()
}

// formerTraces are the files that an identity of this component left in the state folder.
func (k *core) formerTraces() []string {
	var traces []string
	if path := k.store.path(fileSequence); k.self.sequence.last > 0 {
		traces = append(traces, path)
	}
	for _, id := range slices.Sorted(maps.Keys(k.newest)) {
		if a := k.newest[id]; a.Component == k.config.Component.ID && a.Certificate.KeySHA256() == k.self.registration.Certificate.KeySHA256() {
			traces = append(traces, k.store.cardPath(dirHeard, id))
		}
	}
	return traces
}

// loadCards replays the stored announcements.
func (k *core) loadCards() error {
	if !k.joined {
		return nil
	}
	for _, folder := range []string{dirApproved, dirHeard} {
		cards, problems, err := k.store.readCards(folder, k.federation)
		if err != nil {
			return ownFile("make the state folder readable for the component's user", "the stored announcements cannot be read: %w", err)
		}
		for _, card := range cards {
			k.replay(folder, card)
		}
		for _, problem := range problems {
			k.options.Log.Warn().Err(problem).Msg("a stored announcement cannot be used")
			if folder == dirApproved {
				k.problems.set(api.Warning{Code: api.WarnStore, Text: "an approved announcement cannot be used: " + exchange.ShowText(problem.Error()),
					Cure: "restore it from a backup, or approve that component again"})
			}
		}
	}
	return k.loadImported()
}

func (k *core) replay(folder string, card storedCard) {
	a := card.announcement
	switch {
	case folder == dirApproved:
		k.approved[a.Peer] = a
	case a.Peer == k.self.id:
		k.self.announcement = a
	case k.approved[a.Peer] != nil && a.Sequence < k.approved[a.Peer].Sequence:
		// An older file that somebody put back: what is in force is newer.
	case !k.keeps(a.Peer) && !k.options.Now().Before(exchange.Lapse(a.Expires)):
		// Ran out while nobody was waiting for it; its card goes with the next start of an agent.
	default:
		k.newest[a.Peer] = a
		k.heard[a.Peer] = heard{at: card.written}
		if card.equivocal {
			k.equivocal[a.Peer] = true
		}
	}
}

// keeps says whether an identity is named in the list: what was heard of it is kept for ever.
func (k *core) keeps(id peer.ID) bool { return k.named[id] }

// held is the snapshot that a decision needs.
func (k *core) held() trust.Held {
	former, unsigned := map[peer.ID]bool{}, map[peer.ID]bool{}
	for id, a := range k.newest {
		if k.former(id) {
			former[id] = true
		}
		if k.named[id] && k.unknownAuthority(a) != nil {
			unsigned[id] = true
		}
	}
	return trust.Held{Self: k.self.announcement, Newest: k.newest, InForce: k.approved, Equivocal: k.equivocal, Former: former, Unsigned: unsigned,
		Policy: k.config.AcceptChanges, Parties: k.players.numbers()}
}

// evaluate recomputes what follows from list, announcements and time.
func (k *core) evaluate(now time.Time) {
	k.evaluation = trust.Evaluate(k.list, k.held(), now)
}

// fedbiomed says whether the own component is one of Fed-BioMed's.
func (k *core) fedbiomed() bool { return k.config.Component.Role != mpspdz.PlainParty }

// sameKind says whether a component can stand in one set with ours.
func (k *core) sameKind(a *exchange.Announcement) bool {
	return (a.Role != mpspdz.PlainParty) == k.fedbiomed()
}

// nextExpiry is the next time at which something that is held runs out; zero: nothing will.
func (k *core) nextExpiry(now time.Time) time.Time {
	var next time.Time
	note := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, held := range []map[peer.ID]*exchange.Announcement{k.newest, k.approved} {
		for _, a := range held {
			note(a.Expires)
			note(exchange.Lapse(a.Expires))
			note(a.Certificate.NotAfter())
			note(a.Certificate.NotBefore())
		}
	}
	for _, entry := range k.list.Entries() {
		if entry.ApprovedBy == trust.ByPolicy {
			note(entry.ApprovedAt.Add(takenShown))
		}
	}
	for _, n := range k.noted {
		note(n.at.Add(takenShown))
	}
	for _, c := range k.numbered {
		if c.Peer == k.self.id {
			note(renewAt(c.Issued, c.Expires))
		}
	}
	for _, p := range k.proposals {
		note(p.Expires)
		if p.Peer == k.self.id {
			note(renewAt(p.Issued, p.Expires))
		}
	}
	note(k.self.registration.Certificate.NotAfter())
	for _, e := range k.watched() {
		for _, days := range notify.ExpiryDays {
			note(e.certificate.NotAfter().AddDate(0, 0, -days))
		}
	}
	if k.self.announcement != nil {
		note(renewAt(k.self.announcement.Issued, k.self.announcement.Expires))
	}
	return next
}

// expire forgets announcements that lapsed and that no entry of the list waits for.
func (k *core) expire(t *exchange.Table, now time.Time) {
	k.expireImported(t, now)
	k.gone(t.Expire(now, func(id peer.ID) bool { return id == k.self.id || k.keeps(id) }))
}

// gone forgets what the table dropped.
func (k *core) gone(dropped []exchange.ID) {
	for _, id := range dropped {
		k.dropRecord(id)
	}
}

// drop forgets the newest announcement of an identity.
func (k *core) drop(id peer.ID) {
	delete(k.newest, id)
	delete(k.heard, id)
	delete(k.shown, id)
	delete(k.equivocal, id)
	k.dropImported(id)
	delete(k.formerNext, id)
	k.dropRecordsOf(id)
	if err := k.store.removeCard(dirHeard, id); err != nil {
		k.options.Log.Warn().Err(err).Msg("an announcement that is no longer held could not be removed")
	}
}

// sweep removes the cards that replay left out.
func (k *core) sweep() error {
	entries, err := os.ReadDir(k.store.path(dirHeard))
	if err != nil {
		return err
	}
	wanted := map[string]bool{k.self.id.String() + cardSuffix: true}
	for id := range k.newest {
		wanted[id.String()+cardSuffix] = true
	}
	for _, entry := range entries {
		if name := entry.Name(); entry.Type().IsRegular() && !wanted[name] {
			if err := os.Remove(k.store.path(dirHeard, name)); err != nil {
				return fmt.Errorf("an old announcement cannot be removed: %w", err)
			}
		}
	}
	return k.sweepImported()
}
