package agent

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/fedbiomed"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// outcome is what a commit did.
type outcome struct {
	rows  []string // components whose registry row was written or removed
	retry bool     // something is still to be written
}

// settle re-evaluates and brings everything on disk to what follows: the list (finishList), approved cards, records, player files, registry
// rows, in this order, then removes the cards of who is no longer approved, and renews own proposals. Each step is idempotent and durable
// before the next, so that a crash anywhere is finished by the settle of the next start; a step that fails leaves what it would have
// replaced, is reported in the snapshot, and is tried again.
func (k *core) settle(now time.Time) outcome {
	defer k.sealLog()
	k.evaluate(now)
	k.views.stale = true // also where something fails
	late := k.finishList(now)
	inForce, err := k.putInForce()
	if err != nil {
		k.failed(api.WarnStore, "an approval could not be stored, the former state stays in force", err)
		return outcome{retry: true}
	}
	if err := k.storeRecords(); err != nil {
		k.failed(api.WarnStore, "a record could not be stored", err)
		return outcome{retry: true}
	}
	k.problems.clear(api.WarnStore)
	numbers := k.players.numbers()
	playersErr := k.writePlayers(inForce, now)
	rows, rowsErr := k.writeRegistry(inForce, now)
	if playersErr == nil && (rowsErr == nil || errors.Is(rowsErr, fedbiomed.ErrNoDatabase)) {
		err = k.dropFormer(now)
	}
	renewErr := k.renewProposals(now)
	if renewErr != nil {
		k.failed(api.WarnStore, "a proposed set could not be renewed", renewErr)
	}
	k.recordVerdicts(now)
	k.forgetNoted(now)
	if !maps.Equal(numbers, k.players.numbers()) {
		k.evaluate(now) // texts name parties by their numbers
	}
	k.judged = k.evaluation
	expiryErr := k.tellExpiry(now)
	if expiryErr != nil {
		k.failed(api.WarnStore, "what was told of certificates that end could not be stored", expiryErr)
	}
	return outcome{rows: rows, retry: late || errors.Join(playersErr, rowsErr, err, renewErr, expiryErr) != nil}
}

// finishList writes into trust.ini what follows by itself: keys that were approved ahead, empty pins, and what the policy takes over. Each may
// make work for the others, so they take turns until nothing is left, or a turn writes nothing. late: something could not be written, and is
// tried again; standing says what is in force until then.
func (k *core) finishList(now time.Time) (late bool) {
	for range 2*len(k.list.Entries()) + 1 {
		before := k.listFile
		behind, open := k.follow(now), k.fillPins(now)
		late = k.takeOver(now) || behind || open
		if bytes.Equal(k.listFile, before) {
			break
		}
	}
	return late
}

// failed reports a write that failed.
func (k *core) failed(code, text string, err error) {
	k.problems.set(api.Warning{Code: code, Text: text + ": " + exchange.ShowText(err.Error()), Cure: "it is tried again by itself; mend what the text names"})
}

// amend writes into trust.ini what the agent changes there by itself, then the lines of the log about it, and evaluates anew. late: it could not
// be written, which is warned of, or has to wait for an edit by hand, and is tried again.
func (k *core) amend(warning api.Warning, change func(trust.List) (trust.List, error), record func(), now time.Time) (late bool) {
	if !k.listUntouched() {
		return true // somebody is editing it: theirs comes first
	}
	list, err := change(k.list)
	if err == nil {
		err = k.writeList(list)
	}
	if err != nil {
		warning.Text += ": " + exchange.ShowText(err.Error())
		k.problems.set(warning)
		return true
	}
	record()
	k.listTold()
	k.evaluate(now)
	return false
}

// fillPins writes the endpoints and certificates that the operator left out of trust.ini.
func (k *core) fillPins(now time.Time) (late bool) {
	pins := k.evaluation.Pins
	if len(pins) == 0 {
		return false
	}
	warning := api.Warning{Code: api.WarnTrustList, Text: "pins could not be written",
		Cure: "make " + k.config.TrustList + " writable, or give endpoint and certificate there yourself"}
	return k.amend(warning, func(list trust.List) (_ trust.List, err error) {
		for _, entry := range pins {
			if list, err = list.Pin(entry.Component, entry.Endpoint, entry.Certificate); err != nil {
				break
			}
		}
		return list, err
	}, func() {
		for _, entry := range pins {
			k.recordPin(entry, now)
		}
	}, now)
}

// standing gives the announcements that are approved, by component, as far as trust.ini has what follows by itself. Until a pin is written
// nothing of its identity is among them, for after a restart somebody else's first announcement could be pinned; and until it is written that
// a site took back a key that was approved ahead, its former card is, which alone tells of that.
func (k *core) standing() map[string]*exchange.Announcement {
	standing := maps.Clone(k.evaluation.InForce)
	for component, card := range k.cardsOf(k.evaluation.Lapsed) {
		if card == nil {
			delete(standing, component)
		} else {
			standing[component] = card
		}
	}
	for _, entry := range k.evaluation.Pins {
		delete(standing, entry.Component)
	}
	return standing
}

// putInForce makes the approved announcements durable and gives those that player files and rows are made of, by component.
func (k *core) putInForce() (map[string]*exchange.Announcement, error) {
	standing := k.standing()
	for _, component := range slices.Sorted(maps.Keys(standing)) {
		a := standing[component]
		if present := k.approved[a.Peer]; present == nil || present.Hash != a.Hash {
			if err := k.store.writeCard(dirApproved, a, nil); err != nil {
				return nil, err
			}
			k.approved[a.Peer] = a
		}
	}
	return k.lookInForce(), nil
}

// lookInForce is putInForce for readers, who write nothing.
func (k *core) lookInForce() map[string]*exchange.Announcement {
	inForce := k.standing()
	maps.DeleteFunc(inForce, func(_ string, a *exchange.Announcement) bool { return !k.sameKind(a) })
	return inForce
}

// partyOf is what others need of an announcement.
func partyOf(r exchange.Registration) mpspdz.Party {
	return mpspdz.Party{Component: r.Component, Role: r.Role, Endpoint: r.Endpoint, Certificate: r.Certificate}
}

// parties lists announcements in the order of their components.
func parties(inForce map[string]*exchange.Announcement) []mpspdz.Party {
	list := make([]mpspdz.Party, 0, len(inForce))
	for _, component := range slices.Sorted(maps.Keys(inForce)) {
		list = append(list, partyOf(inForce[component].Registration))
	}
	return list
}

func (k *core) own() mpspdz.Own {
	return mpspdz.Own{Component: k.config.Component.ID, KeyPEM: k.self.pair.KeyPEM, BindPort: k.self.bindPort,
		Authorities: k.authorities}
}

// baseSet is the default set of what is in force and of this component itself, with the certificates that were approved. One that an
// authority signed which is not set here is in none.
func (k *core) baseSet(inForce map[string]*exchange.Announcement) (mpspdz.PartySet, error) {
	if len(k.config.Parties) > 0 {
		chosen, missing := k.components(k.config.Parties, false)
		if len(missing) > 0 {
			return mpspdz.PartySet{}, &mpspdz.SetError{Code: api.WarnPartyMissing, Components: missing,
				Text: "[players] parties names components that are not approved here: " + strings.Join(missing, ", "),
				Cure: "approve them, or correct that setting"}
		}
		some := map[string]*exchange.Announcement{}
		for _, component := range chosen {
			if a := inForce[component]; a != nil {
				some[component] = a
			}
		}
		inForce = some
	}
	return k.signedSet(mpspdz.NewPartySet(append(parties(inForce), partyOf(k.self.registration))))
}

// wantedOf is the set to put in force of a base set, which holds the approved certificates.
func (k *core) wantedOf(name string, base mpspdz.PartySet, err error) (wanted, error) {
	if err != nil || !k.config.PerParty {
		return formed(base, err)
	}
	return k.number(name, base)
}

// writePlayers brings the player files of the default set and of the named ones to what is in force.
func (k *core) writePlayers(inForce map[string]*exchange.Announcement, now time.Time) error {
	base, err := k.baseSet(inForce)
	err = errors.Join(k.putSet("", &k.players, base, err, inForce, now), k.writeNamed(inForce, now), k.forgetParties())
	if err != nil {
		k.failed(api.WarnPlayers, "the player files could not be written, the former ones stay", err)
		return err
	}
	k.problems.clear(api.WarnPlayers)
	return nil
}

// putSet brings one folder of player files to what a base set makes. While the members' certificates for their numbers are waited for, a
// former set that still stands as approved stays.
func (k *core) putSet(name string, p *players, base mpspdz.PartySet, err error, inForce map[string]*exchange.Announcement, now time.Time) (failure error) {
	defer func() { p.failed, p.spoiled = notPut(failure), p.spoiled && failure != nil }()
	var issueErr error // nothing that must leave stays because of it
	if err == nil && k.config.PerParty && k.self.key != nil {
		issueErr = k.issue(name, base, now)
	}
	w, err := k.wantedOf(name, base, err)
	if err != nil {
		return err
	}
	waiting := w.none
	if stays := w.wait && p.noSet == nil && k.stands(p.set, inForce); stays {
		w = wanted{set: p.set}
	} else {
		waiting = nil
	}
	if err := k.remember(p, w); err != nil {
		return err
	}
	former := p.name
	done, err := p.update(k.config, k.store, w, k.own())
	if err == nil {
		p.waiting = waiting
	}
	if done != "" {
		k.record(trust.LogRecord{Event: trust.EventWritten, Changes: []trust.Change{{Field: "files", Old: former, New: p.name}}, Text: done + ofSet(name)}, now)
	}
	return errors.Join(issueErr, err)
}

// notPut is the warning for a set that could not be written.
func notPut(err error) *api.Warning {
	if err == nil {
		return nil
	}
	return &api.Warning{Code: api.WarnPlayers, Text: "the player files could not be written: " + exchange.ShowText(err.Error()),
		Cure: "it is tried again by itself; mend what the text names"}
}

// removals names the components whose rows must go: those that were in force and are not any more, and the revoked ones.
func (k *core) removals(inForce map[string]*exchange.Announcement) []string {
	gone := map[string]bool{}
	for _, a := range k.approved {
		gone[a.Component] = true
	}
	for _, entry := range k.list.Entries() {
		if entry.Status == trust.Revoked {
			gone[entry.Component] = true
		}
	}
	for component, present := range k.registry.rows {
		if component != "" && k.list.KeyStatus(present.key) == trust.Revoked { // registered by hand under another id, perhaps
			gone[component] = true
		}
	}
	for component := range inForce {
		delete(gone, component)
	}
	delete(gone, k.config.Component.ID)
	return slices.Sorted(maps.Keys(gone))
}

func (k *core) writeRegistry(inForce map[string]*exchange.Announcement, now time.Time) ([]string, error) {
	before := k.registry.rows // read anew, not changed
	changed, err := k.registry.update(k.store, parties(inForce), k.removals(inForce))
	k.problems.clear(api.WarnRegistry)
	k.problems.clear(api.WarnNoDatabase)
	if err != nil {
		k.problems.set(k.registryProblem(err))
		return nil, err
	}
	for _, component := range changed {
		k.recordRow(component, inForce[component], before[component], now)
	}
	return changed, nil
}

// dropFormer removes the cards of who is no longer approved, but those that are spared. It comes last: until then such a card is what tells
// a restart that rows and files of that component may have to go.
func (k *core) dropFormer(now time.Time) error {
	var former []peer.ID
	for id := range k.approved {
		switch entry, ok := k.list.ByPeer(id); {
		case ok && entry.Status == trust.Approved:
			delete(k.spared, id)
		case !now.Before(k.spared[id]):
			former = append(former, id)
		}
	}
	for _, id := range former {
		if err := k.store.removeCard(dirApproved, id); err != nil {
			k.failed(api.WarnStore, "a former approval's card could not be removed", err)
			return err
		}
		delete(k.approved, id)
		delete(k.spared, id)
	}
	if len(former) > 0 {
		k.evaluate(now)
	}
	return nil
}

// writeList puts a list into trust.ini and then in force. The file keeps its permissions.
func (k *core) writeList(list trust.List) error {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(k.config.TrustList); err == nil {
		mode = info.Mode().Perm()
	}
	data := list.Bytes()
	if err := k.store.do("trust list", func() error { return durable.WriteFile(k.config.TrustList, data, mode) }); err != nil {
		return err
	}
	k.setList(list, data)
	k.problems.clear(api.WarnTrustList)
	return nil
}

// recoverRegistry finishes what a crash left of a registry's write, under the agent's lock. A database that cannot be one of
// Fed-BioMed's is an error here, at the start; one that does not exist yet is waited for.
func (k *core) recoverRegistry() error {
	if err := k.finishRegistry(); err != nil {
		return err
	}
	var damaged *fedbiomed.DatabaseError
	if err := k.registry.read(); k.registry.kept && errors.As(err, &damaged) {
		return &config.Error{Err: err, Hint: damaged.Cure}
	}
	return nil
}

// finishRegistry is recoverRegistry for any database.
func (k *core) finishRegistry() error {
	text, err := k.registry.recover()
	if err != nil {
		return ownFile("look at the database, and at "+k.store.path(fileIntent), "an interrupted write of the party registry: %w", err)
	}
	if text != "" {
		k.options.Log.Warn().Msg(text)
		k.record(trust.LogRecord{Event: trust.EventRecovered, Text: text}, k.options.Now())
	}
	return nil
}

// registryProblem is the warning for an error of the registry.
func (k *core) registryProblem(err error) api.Warning {
	database := k.config.Component.Database
	if errors.Is(err, fedbiomed.ErrNoDatabase) {
		w := api.Warning{Code: api.WarnNoDatabase, Error: true, Text: "the component's database is not there: " + database,
			Cure: "start the component once, or put the file back from a backup"}
		if k.registry.kept {
			w.Cure += "; its rows are written as soon as it is there"
		}
		return w
	}
	w := api.Warning{Code: api.WarnRegistry, Error: true, Text: "the party registry in " + database + ": " + exchange.ShowText(err.Error()),
		Cure: "it is tried again by itself; mend what the text names"}
	var damaged *fedbiomed.DatabaseError
	if errors.As(err, &damaged) {
		w.Cure = damaged.Cure
	}
	return w
}

// outcome is the part of an answer that all requests have which change who is approved, from the snapshot after the commit.
func (k *core) outcome(done outcome, s api.Snapshot) api.Outcome {
	return api.Outcome{Set: s.Set, NoSet: s.NoSet, Waiting: s.Waiting, Rows: done.rows, Warnings: k.problems.sorted()}
}

// result is the answer to a request that was done.
func (k *core) result(r api.TrustRequest, done outcome, s api.Snapshot) api.TrustResult {
	result := api.TrustResult{Outcome: k.outcome(done, s)}
	result.Peer = api.Peer{Component: r.Component, PeerID: r.PeerID}
	for _, p := range s.Peers {
		if p.PeerID == r.PeerID {
			result.Peer = p
		}
	}
	return result
}
