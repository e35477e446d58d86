package agent

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// cells writes a matrix as rows of its cells, in the order of the members.
func cells(m *api.Matrix) string {
	text := ""
	for _, row := range m.Rows {
		for _, c := range row.Cells {
			text += c.State + " "
		}
		text += "/ "
	}
	return text
}

func TestMatrix(t *testing.T) {
	p := newPanel(t, 3)
	check := func(name, want string) {
		t.Helper()
		if got := cells(p.sight.matrix(p.now)); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	check("all agree", "ok ok / ok ok / ok ok / ")
	p.says("b", p.members[:2], mpspdz.Hash{})
	check("b has no c", "ok ok / ok no / ok ok / ")
	p.sight.current["a"] = current{rows: memberOf(moved(t, p.members[0])).Digest}
	check("a has moved", "ok ok / old no / old ok / ")
	delete(p.sight.sites, siteID{component: "b"})
	check("b is silent", "ok ok / unknown unknown / old ok / ")
	p.sight.own["b"] = api.CellNew
	check("b waits here", "new ok / unknown unknown / old ok / ")
	m := p.sight.matrix(p.now)
	if m.Rows[1].Age != nil || m.Rows[2].Age == nil || *m.Rows[2].Age != 5 || m.Rows[2].Set != p.question.set.Digest().String() || m.Rows[0].Set == "" {
		t.Errorf("%+v", m.Rows)
	}
}

// A registry decides who is registered; player files must not contradict it, and need not be there.
func TestMatrixOfRegistries(t *testing.T) {
	p := newPanel(t, 3)
	other := moved(t, p.members[2])
	hold := func(parties ...mpspdz.Party) mpspdz.Hash {
		var members []exchange.Member
		for _, party := range parties {
			members = append(members, memberOf(party))
		}
		root := exchange.MembersRoot(members)
		p.sight.lists[root] = list(members)
		return root
	}
	a, b, c := p.members[0], p.members[1], p.members[2]
	for _, test := range []struct {
		name        string
		files, rows mpspdz.Hash
		want        string
	}{
		{"rows and no files", mpspdz.Hash{}, hold(a, b, c), api.CellOK},
		{"rows and files", hold(a, b, c), hold(a, b, c), api.CellOK},
		{"no row, but in files", hold(a, b, c), hold(a, b), api.CellNo},
		{"an old row", hold(a, b, c), hold(a, b, other), api.CellOld},
		{"old files", hold(a, b, other), hold(a, b, c), api.CellOld},
		{"no registry", hold(a, b, c), mpspdz.Hash{}, api.CellOK},
		{"nothing", mpspdz.Hash{}, mpspdz.Hash{}, api.CellNo},
		{"an unknown root", mpspdz.Hash{1}, hold(a, b, c), api.CellUnknown},
	} {
		if got := p.sight.cell("b", &exchange.View{Files: test.files, Rows: test.rows}, "c"); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// Player files hold the announced certificate, or the one for the party's number in that set.
func TestMatrixOfNumberedCertificates(t *testing.T) {
	p := newPanel(t, 2)
	b := p.members[1]
	numbered := b
	numbered.Certificate = quickCertificate(t, "b", "P1", p.now.AddDate(1, 0, 0), p.now)
	p.sight.current["b"] = current{rows: memberOf(b).Digest, numbered: map[string]mpspdz.Hash{"": memberOf(numbered).Digest}}
	other := b
	other.Certificate = quickCertificate(t, "b", "P1", p.now.AddDate(1, 0, 0), p.now)
	for _, test := range []struct {
		name, want string
		party      mpspdz.Party
	}{{"the announced certificate", api.CellOK, b}, {"the one for its number", api.CellOK, numbered}, {"another one", api.CellOld, other}} {
		p.says("b", []mpspdz.Party{p.members[0], test.party}, mpspdz.Hash{})
		if got := p.sight.cell("c", p.sight.sites[siteID{component: "b"}].view, "b"); got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
	}
}

func TestContentIsServed(t *testing.T) {
	p := newPanel(t, 3)
	view := p.sight.sites[siteID{component: "b"}].view
	view.Peer = peer.ID("b")
	if m, ok := p.sight.content("b", view.Hash); !ok || !view.Holds(m) {
		t.Errorf("a view that was heard: %v %+v", ok, m)
	}
	if _, ok := p.sight.content("c", view.Hash); ok {
		t.Error("another's view of that hash")
	}
	own := p.sight.views[0]
	own.Peer = "a"
	if m, ok := p.sight.content("a", own.Hash); !ok || !own.Holds(m) {
		t.Errorf("the own view: %v %+v", ok, m)
	}
	delete(p.sight.lists, view.Files)
	if _, ok := p.sight.content("b", view.Hash); ok {
		t.Error("content that is not known")
	}
	if open := p.sight.unknown(p.now); len(open) != 2 {
		t.Errorf("%d to fetch", len(open)) // b and c hold the same
	}
	p.sight.mute[view.Hash] = true
	if open := p.sight.unknown(p.now); len(open) != 1 || open[0] == view {
		t.Errorf("%d to fetch, one could not be had", len(open))
	}
	if open := p.sight.unknown(p.now.Add(time.Hour)); len(open) != 0 {
		t.Errorf("%d to fetch for answers that are over", len(open))
	}
}
