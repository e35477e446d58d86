package agent

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// namedSet is a party set for an experiment, as the operator confirmed it.
type namedSet struct {
	proposal *exchange.Proposal // as it was confirmed
	players  players
}

// lacks is why the player files in force are not of the members that were confirmed, in that order; nil: they are. A former order that is in
// force meanwhile would give a researcher a wrong party number: it is shown to nobody.
func (s *namedSet) lacks() *api.Warning {
	p := &s.players
	same := func(party mpspdz.Party, member string) bool { return party.Component == member }
	if p.inForce() && slices.EqualFunc(p.set.Parties(), s.proposal.Members, same) {
		return nil
	}
	why := notWrittenYet()
	if known := cmp.Or(p.failed, p.noSet, p.waiting); known != nil {
		*why = *known
	}
	if p.inForce() && p.set.Len() > 0 {
		why.Text += "; until then the player files that stand there are of what was confirmed before"
	}
	return why
}

// proposal is the newest that an identity says of a named set; nil: nothing is known.
func (k *core) proposal(id peer.ID, name string) *exchange.Proposal {
	return k.proposals[exchange.ID{Kind: exchange.KindSet, Peer: id, Set: name}]
}

// writeNamed brings the player files of all named sets to what was confirmed and is in force, and takes those back that were withdrawn.
func (k *core) writeNamed(inForce map[string]*exchange.Announcement, now time.Time) error {
	problems := []error{k.unlinkStrays()}
	for _, name := range slices.Sorted(maps.Keys(k.confirmed)) {
		set := k.confirmed[name]
		if newest := k.proposal(set.proposal.Peer, name); newest != nil && newest.Withdrawn() && newest.Sequence > set.proposal.Sequence {
			problems = append(problems, k.dropNamed(name, "its proposer has withdrawn it", now))
			continue
		}
		base, err := k.baseNamed(set, inForce)
		problems = append(problems, k.putSet(name, &set.players, base, err, inForce, now))
	}
	return errors.Join(problems...)
}

// unlinkStrays takes out of force whatever stands below players/sets without a confirmation that could be read, and removes the copies of the
// own key there: nothing would ever replace their folders, where what runs wrote stays.
func (k *core) unlinkStrays() error {
	stray := func(dir string) bool { return k.confirmed[filepath.Base(dir)] == nil }
	all := filepath.Join(escapeGlob(k.namedDir("")), "*")
	problems := []error{k.store.unlinkPlayers(all, stray)}
	keys, err := filepath.Glob(filepath.Join(all, "*", mpspdz.PlayerData, "P*.key"))
	problems = append(problems, err)
	for _, key := range keys {
		if folder := filepath.Dir(filepath.Dir(key)); stray(filepath.Dir(folder)) && mpspdz.IsRenderedName(filepath.Base(folder)) {
			problems = append(problems, k.store.do("remove key copy", func() error { return durable.Remove(key) }))
		}
	}
	return errors.Join(problems...)
}

// baseNamed is a named set of what is in force, in the order that was confirmed, with the certificates that were approved.
func (k *core) baseNamed(set *namedSet, inForce map[string]*exchange.Announcement) (mpspdz.PartySet, error) {
	var members []mpspdz.Party
	var missing []string
	for _, component := range set.proposal.Members {
		switch a := inForce[component]; {
		case component == k.config.Component.ID:
			members = append(members, partyOf(k.self.registration))
		case a == nil:
			missing = append(missing, component)
		default:
			members = append(members, partyOf(a.Registration))
		}
	}
	if len(missing) > 0 {
		return mpspdz.PartySet{}, k.incomplete(missing)
	}
	return k.signedSet(mpspdz.NewOrderedPartySet(members))
}

// incomplete says why a named set cannot be formed without those of its members of whom nothing is in force here.
func (k *core) incomplete(missing []string) *mpspdz.SetError {
	e := &mpspdz.SetError{Code: mpspdz.SetIncomplete, Components: missing, Text: "not approved here: " + strings.Join(missing, ", "), Cure: "fbpeer trust pending"}
	for _, component := range missing {
		entry, listed := k.list.Entry(component)
		switch {
		case !listed:
		case entry.Status != trust.Approved:
			e.Text = component + " is " + string(entry.Status) + " here"
			e.Cure = "its proposer leaves it out, or forget that decision: fbpeer trust forget " + component
			return e
		case k.list.KeyStatus(entry.Key) != "":
			e.Text = "the key of " + component + " is " + string(k.list.KeyStatus(entry.Key)) + " here"
			e.Cure = trust.CureAnotherKey
			return e
		}
	}
	return e
}

// dropNamed takes a named set out of force and forgets that it was confirmed.
func (k *core) dropNamed(name, why string, now time.Time) error {
	set := k.confirmed[name]
	if _, err := set.players.unlink(k.store, &api.Warning{Text: why}); err != nil {
		return err
	}
	path := k.store.confirmedPath(name)
	if err := k.store.do("remove "+dirConfirmed, func() error { return durable.Remove(path) }); err != nil {
		return err
	}
	delete(k.confirmed, name)
	delete(k.altered, name)
	delete(k.views.own, name) // that it is not confirmed any more is told at once
	k.views.dropped[name] = now
	k.record(trust.LogRecord{Event: trust.EventSetDropped, Component: k.componentOf(set.proposal.Peer), Peer: set.proposal.Peer.String(),
		Text: "party set " + name + " taken out of force: " + why}, now)
	return nil
}

// reportConfirmed reports confirmations that are stored and cannot be read; none are no problem any more.
func (k *core) reportConfirmed(unread []error) {
	k.problems.clear(api.WarnConfirmedSet)
	for _, problem := range unread {
		k.problems.set(api.Warning{Code: api.WarnConfirmedSet, Error: true, Text: "a confirmed set cannot be used, and is out of force: " + exchange.ShowText(problem.Error()),
			Cure: "confirm it again: fbpeer set list"})
	}
}

// dropUnread notes the sets whose confirmations were stored and cannot be read: others are told that they are not confirmed here
// any more.
func (k *core) dropUnread() {
	entries, err := k.store.cards(dirConfirmed)
	if err != nil {
		return // reading them has reported it
	}
	for _, entry := range entries {
		if name := strings.TrimSuffix(entry.Name(), cardSuffix); k.confirmed[name] == nil && mpspdz.CheckSetName(name) == nil {
			k.views.dropped[name] = k.options.Now()
		}
	}
}

// changeSet does one request about named sets.
func (k *core) changeSet(r api.SetRequest, now time.Time) (exchange.Opened, *api.Error) {
	if fault := k.checkSetRequest(r); fault != nil {
		return nil, fault
	}
	switch r.Action {
	case api.ActionPropose:
		return k.propose(r, now)
	case api.ActionConfirm:
		return nil, k.confirm(r, now)
	case api.ActionWithdraw:
		return k.withdraw(r, now)
	}
	return nil, &api.Error{Code: api.CodeRequest, Text: fmt.Sprintf("action: %q is none of propose, confirm, withdraw", exchange.ShowText(cut(r.Action, 40)))}
}

func (k *core) checkSetRequest(r api.SetRequest) *api.Error {
	if err := mpspdz.CheckSetName(r.Name); err != nil {
		return &api.Error{Code: api.CodeRequest, Text: "name: " + err.Error()}
	}
	if k.fedbiomed() {
		return refused("ask for some of the components instead: fbpeer ready --parties …",
			"Fed-BioMed orders the parties of each experiment itself: named sets are for plain MP-SPDZ")
	}
	if !k.joined || k.self.key == nil {
		return notJoined()
	}
	return nil
}

// propose seals a proposal, and confirms it here.
func (k *core) propose(r api.SetRequest, now time.Time) (exchange.Opened, *api.Error) {
	if set := k.confirmed[r.Name]; set != nil && set.proposal.Peer != k.self.id {
		return nil, refused("choose another name, or take that one back here: fbpeer set withdraw "+r.Name, "a set %s of another proposer is confirmed here", r.Name)
	}
	if fault := k.roomForSet(r.Name, now); fault != nil {
		return nil, fault
	}
	members, unheard := k.components(r.Parties, true)
	if len(unheard) > 0 {
		return nil, refused("fbpeer trust list shows who is", "not approved here: %s", exchange.ShowText(strings.Join(unheard, ", ")))
	}
	if own := k.config.Component.ID; !slices.Contains(members, own) {
		members = append(members, own)
	}
	made, err := k.sealProposal(r.Name, members, now)
	var refusal *exchange.Refusal
	if errors.As(err, &refusal) {
		return nil, notProposed(r.Name, len(members), refusal)
	}
	if err == nil {
		err = k.keepConfirmed(made)
	}
	if err != nil {
		return nil, &api.Error{Code: api.CodeFailed, Text: "the set could not be stored: " + err.Error()}
	}
	k.record(trust.LogRecord{Event: trust.EventSetProposed, By: r.By, Component: k.config.Component.ID, Peer: k.self.id.String(), Text: "proposed party set " + r.Name + " of " + strings.Join(members, ", ")}, now)
	return made, nil
}

// notProposed says why n members make no proposal.
func notProposed(name string, n int, refusal *exchange.Refusal) *api.Error {
	switch {
	case n < mpspdz.MinPlain:
		return refused("name at least one other component", "%v", refusal.Err)
	case n > mpspdz.MaxParties:
		return refused("name fewer components", "a set of %d components: MP-SPDZ takes at most %d", n, mpspdz.MaxParties)
	}
	return refused("propose fewer components, or ones with shorter ids: 255 fit with 47 characters on average",
		"the set %s cannot be proposed: the list of its %d ids %v", name, n, refusal.Err)
}

// maxNamedSets is how many named sets a site may have: others hold so many names of an identity, one of them the default set's.
const maxNamedSets = exchange.MaxSetNames - 1

// roomForSet refuses one name more than others would hold of us: as proposed or as confirmed, and those that were withdrawn for as long as
// others hold what was told of them: our proposals, our certificates for them, our views.
func (k *core) roomForSet(name string, now time.Time) *api.Error {
	held := map[string]time.Time{} // until when others hold one that is not in use here any more
	hold := func(name string, until time.Time) {
		if until = exchange.Lapse(until); now.Before(until) && until.After(held[name]) {
			held[name] = until
		}
	}
	used := map[string]bool{name: true}
	for _, p := range k.proposals {
		if p.Peer != k.self.id {
			continue
		}
		hold(p.SetName, p.Expires)
		if !p.Withdrawn() && now.Before(exchange.Lapse(p.Expires)) {
			used[p.SetName] = true
		}
	}
	for id, c := range k.numbered {
		if id.Peer == k.self.id && id.Set != "" {
			hold(id.Set, c.Expires)
		}
	}
	for told, until := range k.views.named {
		hold(told, until)
	}
	for confirmed := range k.confirmed {
		used[confirmed] = true
	}
	var ends time.Time // of the first of them
	for name, until := range held {
		switch {
		case used[name]:
			delete(held, name)
		case ends.IsZero() || until.Before(ends):
			ends = until
		}
	}
	if len(used)+len(held) <= maxNamedSets {
		return nil
	}
	cure := "take one back: fbpeer set withdraw NAME"
	if !ends.IsZero() {
		cure = "use one of those names again, or wait: the first that was withdrawn is forgotten at " + ends.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	return refused(cure, "%d named sets are the most that a site may have%s", maxNamedSets, stillTold(slices.Sorted(maps.Keys(held))))
}

// stillTold names the sets that were withdrawn, and count.
func stillTold(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", and the other sites still hold what was told of these, which were withdrawn: " + strings.Join(names, ", ")
}

// sealProposal makes and stores a proposal of ours; without members it takes the set back.
func (k *core) sealProposal(name string, members []string, now time.Time) (*exchange.Proposal, error) {
	// A withdrawal lives as long as what it withdraws: then nobody holds that any more.
	sequence, err := k.nextRecord(now)
	if err != nil {
		return nil, err
	}
	made, err := exchange.SealProposal(k.federation, exchange.Proposal{SetName: name, Members: members, Sequence: sequence, Issued: now, Expires: now.Add(exchange.DefaultLifetime)}, k.self.key)
	if err != nil {
		return nil, err
	}
	return made, k.keepProposal(made)
}

// keepProposal stores a proposal and holds it.
func (k *core) keepProposal(p *exchange.Proposal) error {
	if err := k.store.writeRecord(p); err != nil {
		return err
	}
	k.proposals[p.Record().ID] = p
	return nil
}

// keepConfirmed makes a confirmation durable. What was in force by that name stays until the commit.
func (k *core) keepConfirmed(p *exchange.Proposal) error {
	path, card := k.store.confirmedPath(p.SetName), exchange.Armour(p.Sealed)
	if err := k.store.do("card "+dirConfirmed, func() error { return durable.WriteFile(path, card, 0o600) }); err != nil {
		return err
	}
	if k.problems.has(api.WarnConfirmedSet) { // it may have been the one that could not be read
		if _, unread, err := k.store.readRecords(dirConfirmed, k.federation); err == nil {
			k.reportConfirmed(unread)
		}
	}
	if set := k.confirmed[p.SetName]; set != nil {
		set.proposal = p
		return nil
	}
	set := &namedSet{proposal: p, players: players{dir: k.namedDir(p.SetName)}}
	set.players.look()
	k.confirmed[p.SetName] = set
	return nil
}

// confirm takes over what somebody proposes.
func (k *core) confirm(r api.SetRequest, now time.Time) *api.Error {
	id, err := peer.Decode(r.PeerID)
	if err != nil {
		return &api.Error{Code: api.CodeRequest, Text: "peer_id: no peer id"}
	}
	p := k.proposal(id, r.Name)
	switch {
	case p == nil || id != k.self.id && !k.approves(id):
		return &api.Error{Code: api.CodeUnknown, Text: "no approved component proposes a set " + r.Name, Hint: "fbpeer set list"}
	case p.Content().String() != r.Hash:
		return &api.Error{Code: api.CodeOvertaken, Text: "the set " + r.Name + " has been changed meanwhile", Hint: "look at it, and confirm that one: fbpeer set confirm " + r.Name}
	case p.Withdrawn():
		return refused("", "the set %s has been withdrawn", r.Name)
	case !slices.Contains(p.Members, k.config.Component.ID):
		return refused("", "this component is no member of the set %s", r.Name)
	}
	if set := k.confirmed[r.Name]; set != nil && set.proposal.Peer != id {
		return refused("take that one back first: fbpeer set withdraw "+r.Name, "a set %s of another proposer is confirmed here", r.Name)
	}
	if fault := k.roomForSet(r.Name, now); fault != nil {
		return fault
	}
	if err := k.keepConfirmed(p); err != nil {
		return &api.Error{Code: api.CodeFailed, Text: "the confirmation could not be stored: " + err.Error()}
	}
	k.record(trust.LogRecord{Event: trust.EventSetConfirmed, By: r.By, Component: k.componentOf(id), Peer: r.PeerID,
		Text: "confirmed party set " + r.Name + " of " + strings.Join(p.Members, ", ")}, now)
	return nil
}

func notWrittenYet() *api.Warning {
	return &api.Warning{Code: api.WarnNotWritten, Text: "the player files of this set are not written yet", Cure: "fbpeer status"}
}

// unwritten is the error for a set that is confirmed, where its player files could not be written; nil: they are, or there is a reason why
// there are none that only other sites or decisions can take away.
func (k *core) unwritten(name string) *api.Error {
	set := k.confirmed[name]
	if set == nil {
		return nil
	}
	why, lacks := set.players.failed, set.lacks()
	switch {
	case why != nil || lacks == nil:
	case lacks.Code == api.WarnNotWritten:
		why = lacks
	case k.problems.has(api.WarnStore): // the commit ended before it came to them: what they wait for is as of the one before
		why = notWrittenYet()
	}
	if why == nil {
		return nil
	}
	return &api.Error{Code: api.CodeFailed, Text: "the set " + name + " is confirmed here, but it is not in force: " + why.Text, Hint: why.Cure}
}

// withdraw takes back an own proposal for everybody, or somebody else's for this site; with a proposer, only that one's.
func (k *core) withdraw(r api.SetRequest, now time.Time) (exchange.Opened, *api.Error) {
	own, set := k.proposal(k.self.id, r.Name), k.confirmed[r.Name]
	if r.PeerID != "" && r.PeerID != k.self.id.String() {
		own = nil
	}
	if set != nil && r.PeerID != "" && r.PeerID != set.proposal.Peer.String() {
		set = nil
	}
	proposed := own != nil && !own.Withdrawn()
	if !proposed && set == nil {
		return nil, &api.Error{Code: api.CodeUnknown, Text: "no set " + r.Name + " is proposed or confirmed here", Hint: "fbpeer set list"}
	}
	var made exchange.Opened
	if proposed {
		p, err := k.sealProposal(r.Name, nil, now)
		if err != nil {
			return nil, &api.Error{Code: api.CodeFailed, Text: "the withdrawal could not be stored: " + err.Error()}
		}
		made = p
	}
	if set != nil {
		if err := k.dropNamed(r.Name, "withdrawn here", now); err != nil {
			return made, &api.Error{Code: api.CodeFailed, Text: "the set could not be taken out of force: " + err.Error()}
		}
	}
	k.record(trust.LogRecord{Event: trust.EventSetWithdrawn, By: r.By, Component: k.config.Component.ID, Peer: k.self.id.String(), Text: "withdrew party set " + r.Name}, now)
	return made, nil
}

// renewProposals seals own proposals anew that have lived half of their lives, and forgets those that lapsed and are not confirmed here.
func (k *core) renewProposals(now time.Time) error {
	if k.self.key == nil {
		return nil
	}
	for id, p := range k.proposals {
		switch {
		case k.confirmedOf(p) == nil && !now.Before(exchange.Lapse(p.Expires)):
			k.dropRecord(id)
			continue
		case p.Peer != k.self.id || p.Withdrawn() || now.Before(renewAt(p.Issued, p.Expires)):
			continue
		}
		made, err := k.sealProposal(p.SetName, p.Members, now)
		if err != nil {
			return err
		}
		k.outbox = append(k.outbox, made)
	}
	return nil
}

// componentOf names the approved component of an identity, or our own.
func (k *core) componentOf(id peer.ID) string {
	if id == k.self.id {
		return k.config.Component.ID
	}
	entry, _ := k.list.ByPeer(id)
	return entry.Component
}

// components resolves names, ids or aliases, or ids alone, to components that are ours or approved, each once and in that order; unheard are
// the names that mean none.
func (k *core) components(names []string, ids bool) (components, unheard []string) {
	for _, name := range names {
		component := k.meant(name, ids)
		_, known := k.evaluation.InForce[component]
		switch {
		case component != k.config.Component.ID && !known:
			unheard = append(unheard, name)
		case !slices.Contains(components, component):
			components = append(components, component)
		}
	}
	return components, unheard
}

// namedSets lists what approved components propose, and what is confirmed here, whoever proposed it, by name and proposer.
func (k *core) namedSets(now time.Time) []api.NamedSet {
	var all []api.NamedSet
	for _, p := range k.proposals {
		if (p.Peer == k.self.id || k.approves(p.Peer)) && now.Before(p.Expires) && k.confirmedOf(p) == nil {
			all = append(all, k.describeSet(p, nil))
		}
	}
	for name, set := range k.confirmed {
		newest := set.proposal
		if p := k.proposal(set.proposal.Peer, name); p != nil && p.Sequence > newest.Sequence {
			newest = p
		}
		all = append(all, k.describeSet(newest, set))
	}
	slices.SortFunc(all, func(a, b api.NamedSet) int { return strings.Compare(a.Name+"@"+a.PeerID, b.Name+"@"+b.PeerID) })
	return all
}

// confirmedOf is the set that is confirmed here of a proposal's name and proposer; nil: none.
func (k *core) confirmedOf(p *exchange.Proposal) *namedSet {
	if set := k.confirmed[p.SetName]; set != nil && set.proposal.Peer == p.Peer {
		return set
	}
	return nil
}

// describeSet is one named set as it is proposed now, and, if set is not nil, as it is confirmed here and in force.
func (k *core) describeSet(p *exchange.Proposal, set *namedSet) api.NamedSet {
	n := api.NamedSet{Name: p.SetName, Proposer: k.componentOf(p.Peer), PeerID: p.Peer.String(), State: api.SetProposed, Members: p.Members,
		Hash: p.Content().String(), Issued: p.Issued, Member: slices.Contains(p.Members, k.config.Component.ID)}
	switch {
	case p.Withdrawn():
		n.State = api.SetWithdrawn
	case set != nil && set.proposal.Content() == p.Content():
		n.State = api.SetConfirmed
	case set != nil:
		n.State, n.Members, n.Proposed = api.SetChanged, set.proposal.Members, p.Members
	}
	if set == nil {
		return n
	}
	if n.NoSet = set.lacks(); n.NoSet == nil {
		n.Set, n.Waiting = set.players.shown(k.config.Component.ID, k.alias), cmp.Or(set.players.failed, set.players.waiting)
	}
	return n
}
