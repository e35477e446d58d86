package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// panel is a federation as its first member sees it: components "a", "b", …, all plain parties that agree, until a test changes that.
type panel struct {
	now      time.Time
	members  []mpspdz.Party
	question question
	snapshot api.Snapshot
	sight    *sight
}

func quickCertificate(tb testing.TB, component, name string, notAfter, now time.Time) *mpspdz.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{component}},
		NotBefore: now.Add(-time.Hour), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := mpspdz.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func newPanel(tb testing.TB, n int) *panel {
	tb.Helper()
	p := &panel{now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), sight: &sight{self: "a", current: map[string]current{}, sites: map[siteID]heardView{},
		lists: map[mpspdz.Hash]list{}, mute: map[mpspdz.Hash]bool{}, own: map[string]string{}}}
	connected := true
	for i := range n {
		component := partyLetter(i)
		endpoint, err := mpspdz.NewEndpoint("10.0.0.1", uint16(14000+i))
		if err != nil {
			tb.Fatal(err)
		}
		party := mpspdz.Party{Component: component, Role: mpspdz.PlainParty, Endpoint: endpoint,
			Certificate: quickCertificate(tb, component, "*", p.now.AddDate(5, 0, 0), p.now)}
		p.members = append(p.members, party)
		p.sight.members = append(p.sight.members, component)
		p.sight.current[component] = current{rows: memberOf(party).Digest}
		p.question.wanted = append(p.question.wanted, component)
		if i > 0 {
			p.sight.own[component] = api.CellOK
			p.snapshot.Peers = append(p.snapshot.Peers, api.Peer{Component: component, State: api.StateAccepted, Connected: &connected})
		}
	}
	p.snapshot.Self = api.Peer{Component: "a"}
	set, err := mpspdz.NewPartySet(p.members)
	if err != nil {
		tb.Fatal(err)
	}
	p.question.set, p.sight.ownSet = set, set.Digest()
	for _, party := range p.members {
		p.says(party.Component, p.members, set.Digest())
	}
	return p
}

func partyLetter(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return fmt.Sprintf("z%03d", i)
}

// says lets a member answer that its player files hold these parties.
func (p *panel) says(component string, parties []mpspdz.Party, set mpspdz.Hash) *exchange.View {
	var members []exchange.Member
	for _, party := range parties {
		members = append(members, memberOf(party))
	}
	view := &exchange.View{Set: set, Files: exchange.MembersRoot(members), Members: len(members)}
	view.Hash[0], view.Hash[1] = component[0], byte(len(p.sight.sites))
	p.sight.lists[view.Files] = list(members)
	if component == "a" {
		p.sight.views = []*exchange.View{view}
	} else {
		p.sight.sites[siteID{component: component}] = heardView{view: view, called: p.now.Add(-5 * time.Second)}
	}
	return view
}

// waitsThere lets a member answer that it has approved all others, and no player files.
func (p *panel) waitsThere(component string) {
	view := p.says(component, p.members, mpspdz.Hash{})
	view.Rows, view.Files = view.Files, mpspdz.Hash{}
}

func (p *panel) peer(component string) *api.Peer {
	for i := range p.snapshot.Peers {
		if p.snapshot.Peers[i].Component == component {
			return &p.snapshot.Peers[i]
		}
	}
	return nil
}

// moved is a party with another port.
func moved(tb testing.TB, party mpspdz.Party) mpspdz.Party {
	tb.Helper()
	e, err := mpspdz.NewEndpoint("10.0.0.1", party.Endpoint.Port()+100)
	if err != nil {
		tb.Fatal(err)
	}
	party.Endpoint = e
	return party
}

func TestReady(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, p *panel)
		want   []string // code component of: part of the text
		agree  int
	}{
		{"all agree", func(t *testing.T, p *panel) {}, nil, 3},
		{"one has not approved another", func(t *testing.T, p *panel) { p.says("b", p.members[:2], mpspdz.Hash{}) },
			[]string{"missing b c: b has not approved c"}, 2},
		{"one has not approved us", func(t *testing.T, p *panel) { p.says("b", p.members[1:], mpspdz.Hash{}) },
			[]string{"missing b a: b has not approved this site (a)"}, 2},
		{"an alias is used", func(t *testing.T, p *panel) { p.says("b", p.members[:2], mpspdz.Hash{}); p.peer("c").Alias = "nice" },
			[]string{"missing b c: b has not approved nice"}, 2},
		{"outdated", func(t *testing.T, p *panel) {
			old := p.members[2]
			p.sight.current["c"] = current{rows: memberOf(moved(t, old)).Digest}
			p.says("c", []mpspdz.Party{p.members[0], p.members[1], moved(t, old)}, p.question.set.Digest())
		}, []string{"outdated b c: b has old values of c"}, 2},
		{"no answer", func(t *testing.T, p *panel) { delete(p.sight.sites, siteID{component: "c"}) },
			[]string{"no-answer c : c has not answered"}, 2},
		{"an answer too old", func(t *testing.T, p *panel) {
			p.sight.sites[siteID{component: "c"}] = heardView{view: p.sight.sites[siteID{component: "c"}].view, called: p.now.Add(-61 * time.Second)}
		}, []string{"no-answer c : c has not answered"}, 2},
		{"no answer to the newest call", func(t *testing.T, p *panel) { p.question.call = p.now.Add(-4 * time.Second) },
			[]string{"no-answer b : b has not answered", "no-answer c : c has not answered"}, 1},
		{"the newest call was just made", func(t *testing.T, p *panel) { p.question.call = p.now.Add(-time.Millisecond) },
			[]string{"no-answer b : b has not answered", "no-answer c : c has not answered"}, 1},
		{"a call that all have answered is reused", func(t *testing.T, p *panel) { p.question.call = p.now.Add(-5 * time.Second) }, nil, 3},
		{"one has not answered it", func(t *testing.T, p *panel) {
			p.question.call = p.now.Add(-5 * time.Second)
			p.sight.sites[siteID{component: "b"}] = heardView{view: p.sight.sites[siteID{component: "b"}].view, called: p.now.Add(-6 * time.Second)}
		}, []string{"no-answer b : b has not answered"}, 2},
		{"content not known", func(t *testing.T, p *panel) { p.sight.lists = map[mpspdz.Hash]list{} },
			[]string{"no-answer b : b did not say whom", "no-answer c : c did not say whom"}, 1},
		{"more parties there", func(t *testing.T, p *panel) {
			more := newPanel(t, 4)
			set, err := mpspdz.NewPartySet(append(p.members[:3:3], more.members[3]))
			if err != nil {
				t.Fatal(err)
			}
			p.says("b", append(p.members[:3:3], more.members[3]), set.Digest())
		}, []string{"other-set b : b has another set in force, of 4 parties"}, 2},
		{"the same members in another order", func(t *testing.T, p *panel) {
			p.says("b", p.members, mpspdz.Hash{1})
		}, []string{"other-set b : b has the same parties and values in force, but in another order"}, 2},
		{"no set there", func(t *testing.T, p *panel) { p.waitsThere("b") }, []string{"other-set b : b has no set in force"}, 2},
		{"a fault there", func(t *testing.T, p *panel) { p.says("b", p.members, mpspdz.Hash{}) },
			[]string{"other-set b : b has no set in force, because something is wrong at its site"}, 2},
		{"a choice, and a fault there", func(t *testing.T, p *panel) {
			p.question.chosen = true
			p.says("b", p.members, mpspdz.Hash{})
		}, []string{"other-set b : b has no set in force, because something is wrong at its site"}, 2},
		{"a choice, and no set there", func(t *testing.T, p *panel) { p.question.chosen = true; p.waitsThere("b") }, nil, 3},
		{"pending here", func(t *testing.T, p *panel) {
			p.peer("c").State = api.StatePending
			p.sight.own["c"] = api.CellNew
			p.question.set, p.question.none = mpspdz.PartySet{}, &api.Warning{Code: mpspdz.SetTooFew, Text: "2 of 3"}
		}, []string{"pending a c: c waits for your decision"}, 2},
		{"changed here", func(t *testing.T, p *panel) {
			p.peer("c").State, p.peer("c").Changes = api.StateChanged, []api.Change{{Field: "label"}, {Field: "port"}, {Field: "expiry"}}
			p.sight.own["c"] = api.CellOld
		}, []string{"changed a c: c announces another port, and you have not decided"}, 2},
		{"changed here, and in force there", func(t *testing.T, p *panel) {
			p.peer("c").State, p.peer("c").Changes = api.StateChanged, []api.Change{{Field: "port"}}
			p.sight.own["c"] = api.CellOld
			p.says("c", p.members, mpspdz.Hash{1})
		}, []string{"changed a c: c announces another port, and you have not decided"}, 2},
		{"a conflict", func(t *testing.T, p *panel) { p.peer("c").State = api.StateConflict }, []string{"conflict a c: another identity claims to be c"}, 2},
		{"revoked here", func(t *testing.T, p *panel) { p.peer("c").State = api.StateRevoked }, []string{"barred a c: c is revoked here"}, 2},
		{"never heard", func(t *testing.T, p *panel) { p.question.unheard = []string{"nobody\x1b"} },
			[]string{`not-heard nobody` + "\x1b" + ` : nothing has been heard of nobody\x1b`}, 3},
		{"no set can be formed", func(t *testing.T, p *panel) {
			p.question.none = &api.Warning{Code: mpspdz.SetLoopbackMixed, Text: "localhost beside others", Cure: "change it"}
		}, []string{"no-set a : localhost beside others"}, 2},
		{"certificates for numbers are waited for", func(t *testing.T, p *panel) {
			p.question.none = &api.Warning{Code: api.WarnWaitingCertificates, Text: "waiting for b"}
		}, []string{"waiting-certificate a : waiting for b"}, 2},
		{"files were changed by hand", func(t *testing.T, p *panel) { p.question.changed = []string{"ip_addresses"} },
			[]string{"files-changed a : somebody else had changed the player files here (ip_addresses)"}, 2},
		{"files could not be written", func(t *testing.T, p *panel) {
			p.snapshot.Warnings = []api.Warning{{Code: api.WarnPlayers, Text: "disk full"}}
		}, []string{"not-written a : disk full"}, 2},
		{"approved and not written", func(t *testing.T, p *panel) { p.sight.own["c"] = api.CellNo }, []string{"not-written a c: c is approved, but not written yet"}, 2},
		{"an error of this site", func(t *testing.T, p *panel) {
			p.snapshot.Self.Warnings = []api.Warning{{Code: api.WarnLoopbackElsewhere, Error: true, Text: "localhost"}}
		}, []string{"warning a : localhost"}, 2},
		{"an error of another", func(t *testing.T, p *panel) {
			p.peer("b").Warnings = []api.Warning{{Code: api.WarnLoopbackElsewhere, Error: true, Text: "announces localhost"}}
		}, []string{"warning b : announces localhost"}, 2},
		{"an announcement that ran out", func(t *testing.T, p *panel) {
			p.peer("b").Warnings = []api.Warning{{Code: api.WarnAnnouncementExpired, Text: "ran out"}}
		}, []string{"announcement-expired b : ran out"}, 2},
		{"a certificate that ends tonight", func(t *testing.T, p *panel) { p.now = p.now.AddDate(5, 0, 0).Add(-23 * time.Hour); p.answerNow() },
			[]string{"certificate-expires a : the certificate of a ends on", "certificate-expires b :", "certificate-expires c :"}, 0},
		{"a certificate that ended", func(t *testing.T, p *panel) { p.now = p.now.AddDate(5, 0, 1); p.answerNow() },
			[]string{"certificate-expires a : the certificate of a ended on", "certificate-expires b :", "certificate-expires c :"}, 0},
		{"a node that has it off", func(t *testing.T, p *panel) { p.peer("b").Secagg = "off" },
			[]string{"secagg-off b : b has secure aggregation off: an experiment with secagg=True fails"}, 3},
		{"this node has it off", func(t *testing.T, p *panel) { p.snapshot.Self.Secagg = "off" },
			[]string{"secagg-off a : a has secure aggregation off"}, 3},
		{"nodes that force it are no obstacle", func(t *testing.T, p *panel) { p.peer("b").Secagg, p.peer("c").Secagg = "forced", "optional" }, nil, 3},
		{"contradicting policies", func(t *testing.T, p *panel) {
			p.peer("b").Secagg, p.peer("c").Secagg, p.peer("c").Alias = "off", "forced", "nice"
		}, []string{"secagg-off b : b has secure aggregation off: an experiment with secagg=True fails; nice forces it: no experiment can satisfy both"}, 3},
		{"a policy beside something else", func(t *testing.T, p *panel) {
			p.peer("b").Secagg = "off"
			p.says("b", p.members[:2], mpspdz.Hash{})
		}, []string{"missing b c:", "secagg-off b :"}, 2},
		{"who is not asked about may have it off", func(t *testing.T, p *panel) {
			p.question.chosen, p.question.wanted = true, []string{"a", "b"}
			p.peer("c").Secagg = "off"
		}, nil, 2},
		{"who is not asked about is no obstacle", func(t *testing.T, p *panel) {
			p.question.chosen, p.question.wanted = true, []string{"a", "b"}
			p.says("b", p.members[:2], mpspdz.Hash{1})
			delete(p.sight.sites, siteID{component: "c"})
			p.peer("c").State = api.StateConflict
		}, nil, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPanel(t, 3)
			test.change(t, p)
			r := judgeReady(p.question, p.snapshot, p.sight, p.now)
			if r.OK != (len(test.want) == 0) || r.Agree != test.agree || len(r.Obstacles) != len(test.want) {
				t.Errorf("ok %v, %d agree: %+v", r.OK, r.Agree, r.Obstacles)
			}
			for i, o := range r.Obstacles {
				if text := o.Code + " " + o.Component + " " + o.Of + ": " + o.Text; i < len(test.want) && !strings.HasPrefix(text, test.want[i]) {
					t.Errorf("got  %s\nwant %s", text, test.want[i])
				}
				if o.Cure == "" && o.Code != api.ObstacleNotWritten && o.Code != api.ObstacleWarning && o.Code != api.ObstacleCertificates {
					t.Errorf("%s: no cure", o.Code)
				}
			}
		})
	}
}

// answerNow lets everybody answer a call of now.
func (p *panel) answerNow() {
	for id, s := range p.sight.sites {
		p.sight.sites[id] = heardView{view: s.view, called: p.now}
	}
}

func TestReadyNamedSet(t *testing.T) {
	content := mpspdz.Hash{7}
	named := func(p *panel, component string, proposal, set mpspdz.Hash) {
		view := p.says(component, p.members, set)
		view.SetName, view.Proposal = "trial", proposal
		delete(p.sight.sites, siteID{component: component})
		p.sight.sites[siteID{component, "trial"}] = heardView{view: view, called: p.now}
		p.sight.sites[siteID{component: component}] = heardView{view: &exchange.View{}, called: p.now}
	}
	for _, test := range []struct {
		name, want string
		change     func(p *panel, set mpspdz.Hash)
	}{
		{"all confirmed", "", func(p *panel, set mpspdz.Hash) {}},
		{"one has not", "unconfirmed b", func(p *panel, set mpspdz.Hash) { delete(p.sight.sites, siteID{"b", "trial"}) }},
		{"one has confirmed an older one", "unconfirmed b", func(p *panel, set mpspdz.Hash) { named(p, "b", mpspdz.Hash{8}, set) }},
		{"one cannot form it", "other-set b", func(p *panel, set mpspdz.Hash) { named(p, "b", content, mpspdz.Hash{}) }},
		{"one has other values", "other-set b", func(p *panel, set mpspdz.Hash) { named(p, "b", content, mpspdz.Hash{9}) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPanel(t, 3)
			set := p.question.set.Digest()
			p.question.name, p.question.proposal = "trial", content
			named(p, "b", content, set)
			named(p, "c", content, set)
			test.change(p, set)
			r := judgeReady(p.question, p.snapshot, p.sight, p.now)
			got := ""
			for _, o := range r.Obstacles {
				got += o.Code + " " + o.Component
			}
			if got != test.want || r.OK != (test.want == "") {
				t.Errorf("got %q, want %q: %+v", got, test.want, r.Obstacles)
			}
		})
	}
}

// BenchmarkMatrix255 makes the whole matrix of 255 parties, each with a list of its own.
func BenchmarkMatrix255(b *testing.B) {
	p := newPanel(b, mpspdz.MaxParties)
	for i, party := range p.members { // no two sites have the same content
		p.says(party.Component, append(p.members[:i:i], p.members[i+1:]...), mpspdz.Hash{})
	}
	for b.Loop() {
		if m := p.sight.matrix(p.now); len(m.Rows) != mpspdz.MaxParties {
			b.Fatal(len(m.Rows))
		}
	}
}
