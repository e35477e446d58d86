package agent

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// card makes the card of somebody else's component, which has registered nobody but itself.
func (o *outsider) card(t *testing.T, now, expires time.Time, change func(*exchange.Registration)) exchange.Card {
	t.Helper()
	f, err := o.config.LoadFederation()
	if err != nil {
		t.Fatal(err)
	}
	a := o.seal(t, now, expires, change)
	members := exchange.Members{Rows: []exchange.Member{memberOf(partyOf(a.Registration))}}
	view, err := exchange.SealView(f, exchange.View{Rows: exchange.MembersRoot(members.Rows), Members: 1, Sequence: a.Sequence, Issued: a.Issued}, o.identity)
	if err != nil {
		t.Fatal(err)
	}
	return exchange.Card{Announcement: a, View: view, Members: &members}
}

// yearCard lives for a year.
func (o *outsider) yearCard(t *testing.T, now time.Time) exchange.Card {
	return o.card(t, now, now.AddDate(1, 0, 0), nil)
}

func importOf(cards ...exchange.Card) api.ImportRequest {
	r := api.ImportRequest{By: "tester@test"}
	for _, c := range cards {
		r.Files = append(r.Files, api.CardFile{Name: c.Announcement.Component + ".card", Text: c.Encode()})
	}
	return r
}

// take imports cards, and gives what became of each.
func (b *bench) take(cards ...exchange.Card) (outcomes []string, err error) {
	b.t.Helper()
	result, err := b.offline.Import(b.t.Context(), importOf(cards...))
	for _, c := range result.Cards {
		outcomes = append(outcomes, c.Outcome+" "+c.Peer.State)
	}
	return outcomes, err
}

func (b *bench) mustTake(want string, cards ...exchange.Card) {
	b.t.Helper()
	if got, err := b.take(cards...); err != nil || strings.Join(got, ", ") != want {
		b.t.Fatalf("importing: %q, %v, want %q", got, err, want)
	}
}

// refuses demands that an import is refused with a text, and that nothing has changed.
func (b *bench) refuses(text string, cards ...exchange.Card) {
	b.t.Helper()
	before := dump(b.snapshot())
	_, err := b.take(cards...)
	if err == nil || !strings.Contains(err.Error(), text) || fault(b.t, err).Code != api.CodeRefused || strings.ContainsAny(err.Error(), "\n\x1b") {
		b.t.Errorf("got %v, want %q", err, text)
	}
	if after := dump(b.snapshot()); after != before {
		b.t.Errorf("a refused import changed the state:\n%s\n%s", before, after)
	}
}

func TestImportIsAllOrNothing(t *testing.T) {
	b := newBench(t)
	o, p := b.others[0], b.others[1]
	good := o.yearCard(t, b.now)
	old, early := p.card(t, b.now.AddDate(0, -2, 0), b.now.Add(-time.Hour), nil), b.others[2].yearCard(t, b.now.Add(time.Hour))
	b.refuses("has run out: it lived until", good, old)
	b.refuses("clock has not reached", good, early)
	b.others[2].last = 0
	twice := p.yearCard(t, b.now)
	b.refuses("two announcements of "+p.config.Component.ID, good, twice, p.yearCard(t, b.now))
	if s := b.snapshot(); len(s.Peers) != 0 {
		t.Fatalf("something was taken: %s", dump(s))
	}
	for text, c := range map[string]struct {
		card exchange.Card
		code string
	}{
		"":                              {good, ""},
		"has run out: it lived until":   {old, api.WarnAnnouncementExpired},
		"this machine's clock has not ": {early, api.WarnClock},
	} {
		if w := DescribeCard(c.card, b.now).Warnings; text == "" && w != nil || text != "" && (len(w) != 1 || w[0].Code != c.code || !strings.Contains(w[0].Text, text)) {
			t.Errorf("a look at a card that is refused says %+v, want %q", w, text)
		}
	}
	b.mustTake("imported pending, imported pending", good, twice)
	b.mustTake("held pending, held pending", good, twice)

	own := b.open()
	if _, err := own.exportCard(api.ExportRequest{}, 0, b.now); err != nil {
		t.Fatal(err)
	}
	a, err := own.sealUntil(b.now.AddDate(1, 0, 0), 0, b.now)
	if err != nil {
		t.Fatal(err)
	}
	b.refuses("own card", exchange.Card{Announcement: a})
}

// A disk that is full in the middle of an import, or a process that ends there: the next import arrives at the same end.
func TestImportThatCannotBeStored(t *testing.T) {
	for _, kill := range []bool{false, true} {
		b := newBench(t)
		one, two := b.others[0].yearCard(t, b.now), b.others[1].yearCard(t, b.now)
		written := 0
		b.offline.step = func(name string) error {
			if name == "card "+dirImported {
				written++
			}
			if written == 2 && (kill || name == "card "+dirImported) {
				return errors.New("no space left on device")
			}
			return nil
		}
		_, err := b.take(one, two)
		if err == nil || fault(t, err).Code != api.CodeFailed {
			t.Fatalf("got %v", err)
		}
		b.offline.step = nil
		if got := len(b.snapshot().Peers); got != 0 && !kill || got > 1 {
			t.Errorf("killed %v: %d cards are held of an import that failed", kill, got)
		}
		want := "imported pending, imported pending"
		if kill {
			want = "held pending, imported pending"
		}
		b.mustTake(want, one, two)
	}
}

// An imported card is never evicted, never told, and survives a restart; what its site announces later takes its place.
func TestImportedCardStays(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	card := o.yearCard(t, b.now)
	b.mustTake("imported pending", card)

	k := b.open()
	table := exchange.NewTable(exchange.Bounds{Pending: 1, PerForwarder: 8})
	k.fillTable(table, b.now)
	for _, entry := range table.Entries(b.now) {
		if entry.Peer == o.id {
			t.Error("the card is told to others")
		}
	}
	stranger := b.others[1].announce(t, b.now, nil)
	if _, err := k.take(table, stranger, stranger.Peer, b.now); err != nil {
		t.Fatal(err)
	}
	if held, ok := table.Get(card.Announcement.Record().ID); !ok || held.Hash != card.Announcement.Hash || held.Travels() {
		t.Error("the card is evicted, or travels")
	}
	p := find(t, b.snapshot(), o.config.Component.ID)
	if p.ByCard == nil || p.ByCard.Imported == nil || p.ByCard.View == nil || p.ByCard.View.Registered == nil || p.LastHeard == nil || p.From != "" {
		t.Errorf("shown as %+v", p.ByCard)
	}

	b.now = b.now.Add(time.Second)
	later := o.announce(t, b.now, nil)
	if _, err := k.take(table, later, later.Peer, b.now); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(k.store.cardPath(dirImported, o.id)); !os.IsNotExist(err) {
		t.Errorf("the overtaken card is still there: %v", err)
	}
	if p := find(t, b.snapshot(), o.config.Component.ID); p.ByCard != nil || p.Announcement != later.Hash.String() {
		t.Errorf("after a later announcement: %+v", p)
	}
	b.mustTake("older pending", card)
}

// An older card never wins, whatever it says; and one with the number of another announcement is nobody's.
func TestOlderCardNeverWins(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	same, other := o.yearCard(t, b.now), o.card(t, b.now, b.now.AddDate(1, 0, 0), func(r *exchange.Registration) { r.Endpoint = endpoint(t, "10.9.9.9:14901") })
	b.now = b.now.Add(time.Minute)
	newest := o.yearCard(t, b.now)
	o.last--
	rival := o.card(t, b.now, b.now.AddDate(2, 0, 0), nil)
	b.mustTake("imported pending", newest)
	b.mustTake("older pending", same)
	b.refuses("has announced other values since", other)
	b.refuses("another announcement with the same number", rival)
	b.approve(o)
	b.refuses("has announced other values since", other)
	if err := os.Remove(b.store().cardPath(dirImported, o.id)); err != nil { // only what was approved is left
		t.Fatal(err)
	}
	b.refuses("a later announcement", other)
	b.mustTake("imported accepted", newest)
}

// A crash that left both files: the later announcement counts, and the card goes with the next start.
func TestOvertakenCardIsSweptAway(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	card := o.yearCard(t, b.now)
	b.hear(o.announce(t, b.now, nil))
	if err := b.store().writeImported(card); err != nil {
		t.Fatal(err)
	}
	if p := find(t, b.snapshot(), o.config.Component.ID); p.ByCard != nil {
		t.Error("the older card counts")
	}
	k := b.open()
	if err := k.sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(k.store.cardPath(dirImported, o.id)); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// What is wrong in the folder of imported cards keeps nobody from starting, and is said.
func TestDamagedImportedCards(t *testing.T) {
	b := newBench(t)
	card, other := b.others[0].yearCard(t, b.now), b.others[1].yearCard(t, b.now)
	s := b.store()
	for path, data := range map[string][]byte{
		s.cardPath(dirImported, b.others[0].id): other.Encode(),
		s.cardPath(dirImported, b.others[1].id): []byte("damaged"),
		s.cardPath(dirImported, b.others[2].id): append(card.Encode(), other.Encode()...),
		s.path(dirImported, ".tmp.card"):        nil,
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shown := b.snapshot()
	if len(shown.Peers) != 0 || !strings.Contains(dump(shown), "an imported card cannot be used") {
		t.Errorf("%s", dump(shown))
	}
	// An agent that starts, perhaps with another federation file than it should, does not remove what the operator brought.
	if err := b.open().sweep(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(s.path(dirImported)); err != nil || len(entries) != 4 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}

func TestBarredCardsAreRefused(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	component := o.config.Component.ID
	b.mustTake("imported pending", o.yearCard(t, b.now))
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionDeny, Component: component, PeerID: o.id.String()}); err != nil {
		t.Fatal(err)
	}
	b.refuses(component+" is denied: ", o.yearCard(t, b.now.Add(time.Second)))
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionForget, Component: component, PeerID: o.id.String()}); err != nil {
		t.Fatal(err)
	}
	b.approve(o)
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionRevoke, Component: component, PeerID: o.id.String()}); err != nil {
		t.Fatal(err)
	}
	b.refuses(component+" is revoked: ", o.yearCard(t, b.now.Add(2*time.Second)))
}

// A card that ran out goes, unless the list names its identity: what was approved stays, with a warning.
func TestCardsRunOut(t *testing.T) {
	b := newBench(t)
	end := b.now.AddDate(0, 0, 40)
	for _, o := range b.others[:2] {
		b.mustTake("imported pending", o.card(t, b.now, end, nil))
	}
	b.approve(b.others[0])
	k := b.open()
	table := exchange.NewTable(exchange.Bounds{Pending: 8, PerForwarder: 8})
	k.fillTable(table, b.now)
	b.now = end.Add(2 * time.Hour)
	k.expire(table, b.now)
	for name, s := range map[string]api.Snapshot{"in a running agent": k.snapshot(network{}, b.now), "in the stores": b.snapshot()} {
		if got := state(s, b.others[1].config.Component.ID); got != "" {
			t.Errorf("%s: one that waited is %s", name, got)
		}
		if got := state(s, b.others[0].config.Component.ID); got != api.StateAccepted {
			t.Errorf("%s: an approved one is %q", name, got)
		}
	}
	if _, ok := table.Get(exchange.ID{Kind: exchange.KindAnnouncement, Peer: b.others[1].id}); ok {
		t.Error("the table holds it still")
	}
}

// A card leaves only once its number is durable, and an announcement above it stands in the stores; what a running agent tells is that.
func TestExport(t *testing.T) {
	b := newBench(t)
	if _, err := b.offline.Export(t.Context(), api.ExportRequest{}); err != nil {
		t.Fatalf("without an identity yet: %v", err)
	}
	for _, step := range []string{"write " + fileSequence, "card " + dirHeard, "write " + fileRecords} {
		b.offline.step = func(name string) error {
			if name == step {
				return errors.New("killed")
			}
			return nil
		}
		if step == "write "+fileRecords { // it is ahead of what is given out
			if err := os.Remove(b.store().path(fileRecords)); err != nil {
				t.Fatal(err)
			}
		}
		if card, err := b.offline.Export(t.Context(), api.ExportRequest{}); err == nil || card.Card != "" {
			t.Errorf("%s: a card left: %v", step, err)
		}
	}
	b.offline.step = nil
	made, err := b.offline.Export(t.Context(), api.ExportRequest{})
	if err != nil {
		t.Fatal(err)
	}
	k := b.open()
	cards, err := exchange.OpenCard([]byte(made.Card), k.federation)
	if err != nil || len(cards) != 1 {
		t.Fatalf("%d cards, %v", len(cards), err)
	}
	a := cards[0].Announcement
	if a.Sequence >= k.self.announcement.Sequence || k.self.sequence.last < k.self.announcement.Sequence {
		t.Errorf("card %d, told %d, given out %d", a.Sequence, k.self.announcement.Sequence, k.self.sequence.last)
	}
	if !a.Expires.Equal(a.Certificate.NotAfter()) || cards[0].View == nil || cards[0].Members == nil {
		t.Errorf("lives until %s, view %v", a.Expires, cards[0].View)
	}
	table := exchange.NewTable(exchange.Bounds{Pending: 8, PerForwarder: 8})
	k.fillTable(table, b.now)
	if held, ok := table.Get(a.Record().ID); !ok || held.Hash != k.self.announcement.Hash {
		t.Error("the table does not hold the announcement above the card")
	}
	if bytes.Contains([]byte(made.Card), []byte("PRIVATE")) {
		t.Error("a private key in a card")
	}
	for _, expires := range []time.Time{a.Certificate.NotAfter().Add(time.Second), b.now.Add(-time.Hour)} {
		if _, err := b.offline.Export(t.Context(), api.ExportRequest{Expires: &expires}); err == nil || fault(t, err).Hint == "" {
			t.Errorf("until %s: %v", expires, err)
		}
	}
}

// Cards between agents that run: the exporter tells something later at once, and the importer never tells the card.
func TestCardsOfRunningAgents(t *testing.T) {
	s := newScene(t)
	a, b, c := s.start(s.files[0]), s.start(s.files[1]), s.start(s.files[2])
	introduce(a, b)
	first := find(t, b.snapshot(), a.config.Component.ID)
	card, err := a.agent.Export(t.Context(), api.ExportRequest{})
	if err != nil {
		t.Fatal(err)
	}
	s3 := b.wait("an announcement above the card", func(s api.Snapshot) bool {
		return find(t, s, a.config.Component.ID).Sequence > card.Peer.Sequence
	})
	if p := find(t, s3, a.config.Component.ID); p.ByCard != nil || p.Sequence <= first.Sequence {
		t.Errorf("%+v", p)
	}
	imported := func(x *site, text string) api.ImportResult {
		t.Helper()
		r, err := x.agent.Import(t.Context(), api.ImportRequest{By: "tester@test", Files: []api.CardFile{{Name: "a.card", Text: []byte(text)}}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := imported(b, card.Card); r.Cards[0].Outcome != api.CardOlder {
		t.Errorf("%+v", r)
	}
	if r := imported(c, card.Card); r.Cards[0].Outcome != api.CardImported || r.Cards[0].Peer.State != api.StatePending || *r.Cards[0].Peer.Connected {
		t.Errorf("%+v", r)
	}
	// d knows c alone: what c was given by file does not reach it, what c hears of a does.
	d := s.start(s.files[3])
	introduce(c, d)
	if got := state(d.snapshot(), a.config.Component.ID); got != "" {
		t.Errorf("d has heard of a, as %s", got)
	}
	introduce(a, c)
	c.wait("what a tells now", func(s api.Snapshot) bool { p := find(t, s, a.config.Component.ID); return p.ByCard == nil })
	d.wait("a", heardAll(a))
}

func TestApproveSeveral(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	r := api.ApproveRequest{By: "tester@test"}
	for _, o := range b.others {
		p := find(t, b.snapshot(), o.config.Component.ID)
		r.Approvals = append(r.Approvals, api.Approval{Component: p.Component, PeerID: p.PeerID, Announcement: p.Announcement})
	}
	overtaken := r
	overtaken.Approvals = append(r.Approvals[:0:0], r.Approvals...)
	overtaken.Approvals[2].Announcement = r.Approvals[0].Announcement
	if _, err := b.offline.Approve(t.Context(), overtaken); err == nil || fault(t, err).Code != api.CodeOvertaken || fault(t, err).Peer == nil {
		t.Errorf("overtaken: %v", err)
	}
	unknown := overtaken
	unknown.Approvals = append(r.Approvals[:2:2], api.Approval{Component: "NODE_x", PeerID: b.others[2].id.String(), Announcement: r.Approvals[2].Announcement})
	if _, err := b.offline.Approve(t.Context(), unknown); err == nil {
		t.Error("another component's identity is approved")
	}
	for _, bad := range []api.ApproveRequest{{By: "x"}, {By: "a\nb", Approvals: r.Approvals}, {Approvals: make([]api.Approval, api.MaxApprovals+1)}} {
		if _, err := b.offline.Approve(t.Context(), bad); err == nil || fault(t, err).Code != api.CodeRequest {
			t.Errorf("%.80v: %v", bad, err)
		}
	}
	if got := rows(t, b.offline.config.Component.Database); len(got) != 0 || len(b.open().list.Listed()) != 0 {
		t.Fatalf("a refused one changed something: %v", got)
	}
	steps := map[string]int{}
	b.offline.step = func(name string) error { steps[name]++; return nil }
	done, err := b.offline.Approve(t.Context(), r)
	if err != nil || len(done.Approved) != 3 || done.Set == nil || len(done.Set.Parties) != 4 || len(done.Rows) != 3 {
		t.Fatalf("%+v, %v", done, err)
	}
	if steps["trust list"] != 1 || steps["swap players"] != 1 {
		t.Errorf("not one commit: %v", steps)
	}
	if got := rows(t, b.offline.config.Component.Database); len(got) != 3 {
		t.Errorf("rows %v", got)
	}
}

// Whom nobody can ask is no yes, whatever its card says; nobody waits for it, and its row is marked as of its day.
func TestReadyByCard(t *testing.T) {
	p := newPanel(t, 3)
	view := p.sight.sites[siteID{component: "c"}].view
	var members []exchange.Member
	for _, party := range p.members {
		members = append(members, memberOf(party))
	}
	delete(p.sight.sites, siteID{component: "c"})
	issued := p.now.AddDate(0, -1, 0)
	card := exchange.Card{Announcement: &exchange.Announcement{Issued: issued}, View: &exchange.View{Set: view.Set, Files: view.Files, Members: 3, Issued: issued},
		Members: &exchange.Members{Files: members}}
	p.sight.cards = map[string]exchange.Card{"c": card}
	ask := func(want string) {
		t.Helper()
		r := judgeReady(p.question, p.snapshot, p.sight, p.now)
		if len(r.Obstacles) != 1 || r.OK || r.Agree != 2 || r.Obstacles[0].Code != api.ObstacleByCard || r.Obstacles[0].Component != "c" {
			t.Fatalf("%+v", r)
		}
		if o := r.Obstacles[0]; !strings.HasSuffix(o.Text, want) || !strings.HasSuffix(o.Cure, strings.Join(digestWords(p.question.set.Digest()), " ")) {
			t.Errorf("%+v", o)
		}
	}
	ask("then it had this very set")
	m := p.sight.matrix(p.now)
	if row := m.Rows[2]; row.Age != nil || row.Card == nil || !row.Card.Equal(issued) || cells(m) != "ok ok / ok ok / ok ok / " {
		t.Errorf("%+v", m)
	}
	p.sight.current["a"] = current{rows: memberOf(moved(t, p.members[0])).Digest}
	if got := cells(p.sight.matrix(p.now)); got != "ok ok / old ok / old ok / " {
		t.Errorf("a has moved since: %s", got)
	}
	p.sight.current["a"] = current{rows: memberOf(p.members[0]).Digest}
	card.View, card.Members = &exchange.View{Issued: issued}, nil
	p.sight.cards["c"] = card
	ask("then it had no set in force")
	if got := cells(p.sight.matrix(p.now)); got != "ok ok / ok ok / unknown unknown / " {
		t.Errorf("nobody knows whom: %s", got)
	}
	card.View = nil
	p.sight.cards["c"] = card
	ask("registered now")
	// Once it is connected and answers, that counts.
	p.says("c", p.members, p.question.set.Digest())
	if r := judgeReady(p.question, p.snapshot, p.sight, p.now); !r.OK {
		t.Errorf("%+v", r)
	}
}

// An import of a file with another's name never leaves the folder: names are made of identities.
func TestImportedFileNames(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	r := importOf(o.yearCard(t, b.now))
	r.Files[0].Name = "../../../etc/passwd\n\x1b[31m"
	if _, err := b.offline.Import(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(b.store().path(dirImported))
	if err != nil || len(entries) != 1 || entries[0].Name() != o.id.String()+cardSuffix {
		t.Errorf("%v, %v", entries, err)
	}
	if info, err := os.Stat(b.store().cardPath(dirImported, o.id)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := peer.Decode(strings.TrimSuffix(entries[0].Name(), cardSuffix)); err != nil {
		t.Error(err)
	}
}

// What mail changed is damaged, also in the line that names the federation; a card of another federation names both.
func TestDamagedCardIsNotForeign(t *testing.T) {
	b := newBench(t)
	card := b.others[0].yearCard(t, b.now)
	ours := b.open().federation
	open := func(text []byte, f exchange.Federation) *api.Error {
		_, fault := openCards(api.ImportRequest{Files: []api.CardFile{{Name: "x.card", Text: text}}}, f)
		return fault
	}
	altered := []byte(ours.ID())
	altered[0] ^= 1
	changed := exchange.Armour(bytes.Replace(card.Announcement.Sealed, []byte(ours.ID()), altered, 1))
	if fault := open(changed, ours); fault == nil || strings.Contains(fault.Text, "another federation") || !strings.Contains(fault.Hint, "ask for it again") {
		t.Errorf("a changed federation line: %v", fault)
	}
	other, err := exchange.NewFederation(ours.Name(), bytes.Repeat([]byte{9}, 32), false)
	if err != nil {
		t.Fatal(err)
	}
	if fault := open(card.Encode(), other); fault == nil || !strings.Contains(fault.Text, ours.ID()) || !strings.Contains(fault.Text, other.ID()) {
		t.Errorf("a card of another federation of this name: %v", fault)
	}
}
