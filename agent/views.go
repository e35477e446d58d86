package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// Roll calls and views.
const (
	// callEvery is how often at most the whole federation is called: who asks sooner reuses the last call's answers. Nobody takes a call
	// within 10 s of the one before; the second more is for calls that travel at different speeds.
	callEvery = 11 * time.Second
	// viewEvery is how often at most a view is sealed anew because it has changed. An answer to a call does not wait.
	viewEvery = time.Second
	// recordsAhead is how far ahead of the clock the number in the file `records` is: so rarely is it written. A start within that time begins
	// where the file ends, and takes recordsStep more: many in a row stay far below what others allow.
	recordsAhead = time.Minute
	recordsStep  = 1000
)

// views is what this agent says and hears of who has registered whom. It lives in memory: a view is of use for a minute.
type views struct {
	heard    map[exchange.ID]*exchange.View // the newest of each author and set
	lists    map[mpspdz.Hash]list           // by root; replaced, never changed, as readers hold it
	proven   map[exchange.ID]time.Time      // when the newest call was heard that a view before the one in heard answered
	calls    map[exchange.CallID]heardCall  // of the last answerLasts
	spent    map[exchange.CallID]time.Time  // until when a call that was heard is not heard anew: its answers would count again
	call     exchange.CallID                // the one that is answered here
	sealed   []byte                         // as it was
	heardAt  time.Time                      // when it was heard
	last     time.Time                      // when an approved member, or we ourselves, called last
	own      map[string]*exchange.View      // by set name, as sealed last
	named    map[string]time.Time           // by the name of a set, withdrawn ones too: when the last view of it expires
	dropped  map[string]time.Time           // when named sets were last confirmed here that are not any more
	told     time.Time                      // when one of them was
	retryAt  time.Time                      // when sealing them is tried again after it failed; zero: it did not
	failures int                            // in a row
	unfit    bool                           // something here keeps this site from every run: to others it has no set in force
	stale    bool                           // something changed that they may tell
	mute     map[mpspdz.Hash]bool           // views whose content could not be had; replaced, never changed, as readers hold it
}

// heardCall is a roll call that was heard here.
type heardCall struct {
	at     time.Time
	by     peer.ID
	sealed []byte
	passed bool // it came too soon after another one: not to be answered on its own account
}

func newViews() views {
	return views{heard: map[exchange.ID]*exchange.View{}, proven: map[exchange.ID]time.Time{}, lists: map[mpspdz.Hash]list{},
		calls: map[exchange.CallID]heardCall{}, spent: map[exchange.CallID]time.Time{}, own: map[string]*exchange.View{},
		named: map[string]time.Time{}, dropped: map[string]time.Time{}, mute: map[mpspdz.Hash]bool{}}
}

// Bounds of calls.
const (
	maxCalls = 64   // that are held
	maxSpent = 1024 // that are not heard anew
)

// note notes a roll call: answers to it count for a while. Of too many the oldest goes, but never the one that is answered here. One that
// was heard before keeps its time, and is not taken (false) once that is over: whoever repeats it would have old answers count as new ones.
func (v *views) note(c *exchange.Call, passed bool, now time.Time) (taken bool) {
	over := func(at time.Time) bool { return now.Sub(at) > answerLasts || now.Before(at) }
	maps.DeleteFunc(v.proven, func(_ exchange.ID, at time.Time) bool { return over(at) })
	maps.DeleteFunc(v.calls, func(_ exchange.CallID, c heardCall) bool { return over(c.at) })
	maps.DeleteFunc(v.spent, func(_ exchange.CallID, until time.Time) bool { return now.After(until) })
	if _, held := v.calls[c.ID]; held {
		return true
	}
	if _, heard := v.spent[c.ID]; heard {
		return false
	}
	if len(v.calls) >= maxCalls {
		delete(v.calls, oldest(v.calls, func(id exchange.CallID, c heardCall) time.Time {
			if id == v.call {
				return now.Add(callEvery) // not that one
			}
			return c.at
		}))
	}
	if len(v.spent) >= maxSpent {
		delete(v.spent, oldest(v.spent, func(_ exchange.CallID, until time.Time) time.Time { return until }))
	}
	v.calls[c.ID] = heardCall{at: now, by: c.Peer, sealed: c.Sealed, passed: passed}
	v.spent[c.ID] = now.Add(2 * exchange.CallLifetime) // it was issued at most one lifetime ahead of this clock
	return true
}

// oldest is the call with the earliest time.
func oldest[Held any](calls map[exchange.CallID]Held, at func(exchange.CallID, Held) time.Time) (first exchange.CallID) {
	var least time.Time
	for id, held := range calls {
		if t := at(id, held); first.IsZero() || t.Before(least) {
			first, least = id, t
		}
	}
	return first
}

// hearCall notes a roll call that the own views answer from now on. Who called by right (approved here, or ourselves) is answered whoever
// else calls: a stranger's call does not take the place of theirs while that one is fresh.
func (v *views) hearCall(c *exchange.Call, byRight bool, now time.Time) {
	if fresh := now.Sub(v.last); !byRight && fresh >= 0 && fresh < callEvery {
		v.note(c, false, now)
		return
	}
	if !v.note(c, false, now) {
		return
	}
	at := v.calls[c.ID].at // it may have been noted before it was made to us alone, and a newer one come since
	if byRight && !at.After(v.last) || !byRight && at.Before(v.heardAt) {
		return
	}
	v.call, v.sealed, v.heardAt = c.ID, c.Sealed, at
	if byRight {
		v.last = at
	}
}

// callsByRight takes the calls of those who have been approved since for what they would be now: who called early need not call again,
// and is not called again by us, and whoever decides at last answers.
func (k *core) callsByRight() {
	v := &k.views
	for id, c := range v.calls {
		if !c.passed && c.at.After(v.last) && k.approves(c.by) {
			v.call, v.sealed, v.heardAt, v.last = id, c.sealed, c.at, c.at
		}
	}
}

// answered gives when the newest call was heard here that a view, or one before it of the same author and set, answered: what is said later
// is true later. Zero: none of them did, of those calls that are held.
func (v *views) answered(view *exchange.View) time.Time {
	at := v.calls[view.Call].at
	if before := v.proven[view.Record().ID]; before.After(at) {
		return before
	}
	return at
}

// someoneToCall says whether there is anybody whose answer would count: a call of one who has approved nobody keeps others from calling,
// and is of use to nobody.
func (k *core) someoneToCall() bool {
	return slices.ContainsFunc(k.list.Entries(), func(e trust.Entry) bool {
		_, byCard := k.imported[e.Peer]
		return !byCard && k.approves(e.Peer)
	})
}

// mayCall says whether it is time for another roll call. One that nobody answered may have come too soon after one that we did not hear,
// before we started: then the others have passed it over.
func (k *core) mayCall(now time.Time) bool {
	v := &k.views
	since := now.Sub(v.last)
	if since < 0 || since >= callEvery {
		return true
	}
	answered := false
	for _, view := range v.heard {
		answered = answered || k.approves(view.Peer) && !v.answered(view).IsZero()
	}
	return !answered && since >= waitConnected
}

// addLists notes the content of roots, and forgets what no view that is held names.
func (v *views) addLists(all ...[]exchange.Member) {
	next := map[mpspdz.Hash]list{}
	keep := func(root mpspdz.Hash) {
		if l, known := v.lists[root]; known {
			next[root] = l
		}
	}
	for _, view := range v.heard {
		keep(view.Files)
		keep(view.Rows)
	}
	for _, view := range v.own {
		keep(view.Files)
		keep(view.Rows)
	}
	for _, members := range all {
		if root := exchange.MembersRoot(members); !root.IsZero() {
			next[root] = list(members)
		}
	}
	v.lists = next
}

// failed notes that the content of a view could not be had. Its author's next answer is another view.
func (v *views) failed(view *exchange.View) {
	next := map[mpspdz.Hash]bool{view.Hash: true}
	for _, held := range v.heard {
		if v.mute[held.Hash] {
			next[held.Hash] = true
		}
	}
	v.mute = next
}

// hearView takes a view of somebody else that the table took. Those of named sets are only of use from approved authors.
func (k *core) hearView(v *exchange.View) {
	if v.SetName != "" && !k.approves(v.Peer) {
		return
	}
	id := v.Record().ID
	if before := k.views.heard[id]; before == nil || before.Sequence >= v.Sequence {
		delete(k.views.proven, id)
	} else if at := k.views.answered(before); !at.IsZero() {
		k.views.proven[id] = at
	}
	k.views.heard[id] = v
}

// approves says whether the list approves an identity.
func (k *core) approves(id peer.ID) bool {
	_, ok := k.list.ByPeer(id)
	return ok && !k.list.Barred(id)
}

// members lists what this site holds of a set of player files, nobody where they do not stand as they must, and for the default
// one whom it has registered, ourselves among both: so sites that agree have equal lists.
func (k *core) members(name string, p *players) exchange.Members {
	var m exchange.Members
	if p.inForce() && !p.broken() {
		for _, party := range p.set.Parties() {
			m.Files = append(m.Files, memberOf(party))
		}
	}
	if name == "" {
		own := k.self.registration
		m.Rows = append(k.registered(), k.rowOf(own.Component, own.Endpoint.String(), own.Certificate.SHA256()))
	}
	for _, members := range []*[]exchange.Member{&m.Files, &m.Rows} {
		slices.SortFunc(*members, func(a, b exchange.Member) int { return cmp.Compare(a.Component, b.Component) })
		*members = (*members)[:min(len(*members), exchange.MaxMembers)]
	}
	return m
}

// registered lists the rows of Fed-BioMed's registry as they stand there; without a registry, what is approved and in force.
func (k *core) registered() []exchange.Member {
	var members []exchange.Member
	if k.registry.file == nil {
		for _, party := range parties(k.lookInForce()) {
			members = append(members, k.rowOf(party.Component, party.Endpoint.String(), party.Certificate.SHA256()))
		}
		return members
	}
	for component, row := range k.registry.rows {
		if component != k.config.Component.ID && mpspdz.CheckComponentID(component) == nil {
			members = append(members, k.rowOf(component, row.endpoint, row.certificate))
		}
	}
	return members
}

func memberOf(p mpspdz.Party) exchange.Member {
	return exchange.NewMember(p.Component, p.Endpoint.String(), p.Certificate.SHA256())
}

// sealViews seals those own views anew that changed, or do not answer the last call. Without a federation or an identity there are none.
func (k *core) sealViews(now time.Time) (sealed []*exchange.View, err error) {
	k.views.stale = false
	if !k.joined || k.self.key == nil {
		return nil, nil
	}
	told := k.toldSets(now)
	maps.DeleteFunc(k.views.own, func(name string, _ *exchange.View) bool { _, is := told[name]; return !is })
	maps.DeleteFunc(k.views.dropped, func(name string, _ time.Time) bool { p, is := told[name]; return !is || p != nil })
	maps.DeleteFunc(k.views.named, func(_ string, until time.Time) bool { return !now.Before(exchange.Lapse(until)) })
	var lists [][]exchange.Member
	for _, name := range slices.Sorted(maps.Keys(told)) {
		view, members := k.viewOf(name, told[name])
		view.Call = k.liveCall(now)
		lists = append(lists, members.Files, members.Rows)
		if old := k.views.own[name]; old != nil && sameView(old, view) {
			continue
		}
		made, err := k.sealView(view, now)
		if err != nil {
			return nil, err
		}
		k.views.own[name] = made
		if name != "" {
			k.views.named[name] = made.Record().Expires
		}
		sealed = append(sealed, made)
	}
	k.views.addLists(lists...)
	return sealed, nil
}

// sealView numbers and seals a view.
func (k *core) sealView(v exchange.View, now time.Time) (made *exchange.View, err error) {
	if v.Sequence, err = k.nextRecord(now); err != nil {
		return nil, err
	}
	v.Issued = now
	return exchange.SealView(k.federation, v, k.self.key)
}

// toldSets are the sets of which there are own views: those of this site, and, for as long as a former answer of ours may count,
// those that it had confirmed (nil). Others would go by that answer else.
func (k *core) toldSets(now time.Time) map[string]*players {
	all := k.sets()
	for name, at := range k.views.dropped {
		if past := now.Sub(at); all[name] == nil && past >= 0 && past <= answerLasts {
			all[name] = nil
		}
	}
	return all
}

// viewOf is what this site has to tell of a set, unsealed, and the members behind it. Of one that is not confirmed here any more
// (nil) it is that nothing is.
func (k *core) viewOf(name string, p *players) (exchange.View, exchange.Members) {
	if p == nil {
		return exchange.View{SetName: name}, exchange.Members{}
	}
	members := k.members(name, p)
	// Something there keeps this site from every run: player files without a set say so (saysFault), to who asks about a choice too.
	fault := k.views.unfit || p.broken()
	if own := k.self.registration; fault && len(members.Files) == 0 {
		members.Files = []exchange.Member{k.rowOf(own.Component, own.Endpoint.String(), own.Certificate.SHA256())}
	}
	view := exchange.View{SetName: name, Files: exchange.MembersRoot(members.Files), Rows: exchange.MembersRoot(members.Rows),
		Members: max(len(members.Files), len(members.Rows))}
	if len(members.Files) > 0 && !fault {
		view.Set = p.set.Digest()
	}
	if set := k.confirmed[name]; set != nil {
		view.Proposal = set.proposal.Content()
	}
	return view, members
}

// sets are the folders of player files of this site, by name: the default one, and those of the named sets that are confirmed.
func (k *core) sets() map[string]*players {
	all := map[string]*players{"": &k.players}
	for name, set := range k.confirmed {
		all[name] = &set.players
	}
	return all
}

// liveCall is the roll call to answer, none if the last one is over.
func (k *core) liveCall(now time.Time) exchange.CallID {
	if now.Sub(k.views.heardAt) > answerLasts {
		return exchange.CallID{}
	}
	return k.views.call
}

// sameView says whether a sealed view tells the same. One without a call tells no less than one whose call is over.
func sameView(old *exchange.View, v exchange.View) bool {
	return old.Proposal == v.Proposal && old.Set == v.Set && old.Files == v.Files && old.Rows == v.Rows && old.Members == v.Members &&
		(v.Call.IsZero() || old.Call == v.Call)
}

// viewsDue is when own views must be looked at; zero: they tell what is.
func (k *core) viewsDue(now time.Time) time.Time {
	if now.Before(k.views.retryAt) {
		return k.views.retryAt
	}
	for name := range k.toldSets(now) {
		if old := k.views.own[name]; !k.liveCall(now).IsZero() && (old == nil || old.Call != k.views.call) {
			return now
		}
	}
	if !k.views.stale {
		return time.Time{}
	}
	return k.views.told.Add(viewEvery)
}

// nextRecord gives the sequence of a new record of ours that is no announcement: max(now in milliseconds, last + 1). It is durable
// before it is used, as a number that it will not pass for a minute. What is further ahead of the clock than others allow was taken by
// nobody, so from there the numbers start again from the clock.
func (k *core) nextRecord(now time.Time) (uint64, error) {
	r := &k.self.records
	if beyond(now, r.last) {
		r.last = 0
	}
	next := exchange.NextSequence(now, r.last)
	if next > r.durable || beyond(now, r.durable) {
		ahead := max(next+recordsStep, uint64(max(now.Add(recordsAhead).UnixMilli(), 0)))
		if err := k.store.write(k.store.path(fileRecords), fmt.Appendf(nil, "%d\n", ahead)); err != nil {
			return 0, err
		}
		r.durable = ahead
	}
	r.last = next
	return next, nil
}

// parseRecords reads the file of that name. A damaged one is no reason not to start: the clock is nearly always further.
func parseRecords(data []byte) records {
	n, err := strconv.ParseUint(strings.TrimSuffix(string(data), "\n"), 10, 64)
	if err != nil {
		return records{}
	}
	return records{last: n, durable: n, before: n}
}

// look at who has registered whom, as far as it is known now. s is the snapshot that is published with it.
func (k *core) sight(s api.Snapshot) *sight {
	seen := &sight{newest: k.views.last, self: s.Self.Component, members: []string{s.Self.Component}, current: map[string]current{}, sites: map[siteID]heardView{},
		said: map[string]mpspdz.Hash{}, told: map[siteID]bool{}, lists: k.views.lists, mute: k.views.mute, own: map[string]string{},
		ownAhead: map[string]bool{}, cards: map[string]exchange.Card{}}
	seen.current[s.Self.Component] = k.currentOf(k.self.id, k.self.registration)
	for _, p := range s.Peers {
		state := OwnCell(p)
		if _, known := seen.own[p.Component]; state == "" || known {
			continue
		}
		seen.members = append(seen.members, p.Component)
		seen.own[p.Component] = state
		seen.ownAhead[p.Component] = p.Next != nil && p.Next.Approved
		id, err := peer.Decode(p.PeerID)
		if err != nil {
			continue
		}
		if a := cmp.Or(k.newest[id], k.approved[id]); a != nil {
			seen.current[p.Component] = k.currentOf(id, a.Registration)
		}
	}
	for id, c := range k.imported {
		if entry, _ := k.list.ByPeer(id); k.approves(id) {
			seen.cards[entry.Component] = c
		}
	}
	for id, view := range k.views.heard {
		entry, _ := k.list.ByPeer(id.Peer)
		if !k.approves(id.Peer) {
			continue
		}
		if id.Set == "" {
			seen.said[entry.Component] = view.Set
		}
		site := siteID{entry.Component, id.Set}
		seen.told[site] = !view.Proposal.IsZero()
		if called := k.views.answered(view); !called.IsZero() {
			seen.sites[site] = heardView{view: view, called: called}
		}
	}
	if k.players.inForce() {
		seen.ownSet = k.players.set.Digest()
	}
	for _, view := range k.views.own {
		seen.views = append(seen.views, view)
	}
	return seen
}

// currentOf is what a component announces now.
func (k *core) currentOf(id peer.ID, p exchange.Registration) current {
	c := current{rows: memberOf(partyOf(p)).Digest}
	ahead := func(next mpspdz.Hash) mpspdz.Hash {
		if next.IsZero() {
			return mpspdz.Hash{}
		}
		return exchange.NewMemberAhead(p.Component, p.Endpoint.String(), p.Certificate.SHA256(), next).Digest
	}
	c.ahead, c.formerAhead = ahead(p.Next), ahead(k.formerNext[id])
	if p.Role != mpspdz.PlainParty {
		return c
	}
	c.numbered = map[string]mpspdz.Hash{}
	for name := range k.sets() {
		if numbered := k.numberedOf(id, name); numbered != nil {
			c.numbered[name] = exchange.NewMember(p.Component, p.Endpoint.String(), numbered.Certificate.SHA256()).Digest
		}
	}
	return c
}
