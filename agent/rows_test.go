package agent

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

// handRow is a row as Fed-BioMed's own `certificate register` stores it.
type handRow struct {
	Certificate string `json:"certificate"`
	PartyID     string `json:"party_id"`
	Component   string `json:"component"`
	IP          string `json:"ip"`
	Port        any    `json:"port"`
}

// handRowOf is that of a component, with the kind that Fed-BioMed gets wrong.
func handRowOf(o *outsider) handRow {
	c := o.config.Component
	return handRow{string(o.pair.Certificate.PEM()), c.ID, "RESEARCHER", c.Endpoint.Host(), int(c.Endpoint.Port())}
}

// registerByHand makes the table of these rows, beside another table that nobody may touch.
func registerByHand(t *testing.T, database string, rows ...handRow) {
	t.Helper()
	table := map[string]handRow{}
	for i, r := range rows {
		table[strconv.Itoa(i+1)] = r
	}
	data, err := json.Marshal(map[string]any{"SecaggBiprime": map[string]any{"1": map[string]string{"n": "170141183460469231731687303715884105727"}},
		"Certificates": table})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(database, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// table asks the stores for the registry.
func (b *bench) table() api.Registry {
	b.t.Helper()
	r, err := b.offline.Registry(b.t.Context(), api.RegistryRequest{})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) sync() api.Registry {
	b.t.Helper()
	r, err := b.offline.Registry(b.t.Context(), api.RegistryRequest{Sync: true})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// rowCodes are those of the obstacles about a component.
func rowCodes(r api.Registry, component string) (all []string) {
	for _, o := range r.Obstacles {
		if o.Component == component {
			all = append(all, o.Code)
		}
		if o.Cure == "" || o.Text == "" {
			all = append(all, "without a cure")
		}
	}
	slices.Sort(all)
	return all
}

func rowOfComponent(t *testing.T, r api.Registry, component string) api.RegistryRow {
	t.Helper()
	for _, row := range r.Rows {
		if row.Component == component {
			return row
		}
	}
	t.Fatalf("no row of %s in %+v", component, r)
	return api.RegistryRow{}
}

// issuingPEM is a certificate that could make others.
func issuingPEM(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "*"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// expiredPEM is one that Fed-BioMed made six years ago.
func expiredPEM(t *testing.T, id string) string {
	t.Helper()
	certificate, _, err := mpspdz.NewFedbiomedCertificate(rand.Reader, id, time.Now().AddDate(-6, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return string(certificate)
}

func TestRowsAreJudged(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	database := b.offline.config.Component.Database
	first, second, third := handRowOf(b.others[0]), handRowOf(b.others[1]), handRowOf(b.others[2])
	b.approve(b.others[0])
	b.approve(b.others[1])
	if r := b.table(); !r.OK || len(r.Rows) != 2 || r.Rows[0].State != api.RowOurs || len(r.Warnings) > 0 {
		t.Fatalf("as written: %+v", r)
	}
	with := func(r handRow, change func(*handRow)) handRow {
		change(&r)
		return r
	}
	stranger := func(change func(*handRow)) handRow {
		return with(handRow{third.Certificate, "NODE_stranger", "NODE", "10.0.0.9", "14009"}, change)
	}
	kind := func(r handRow) handRow { return with(r, func(r *handRow) { r.Component = "NODE" }) }
	tests := []struct {
		name  string
		rows  []handRow
		about string // the component that is looked at
		state string // "": it has no row
		codes []string
		warns []string
		says  string
	}{
		{"as approved, in Fed-BioMed's form", []handRow{first, kind(second)}, first.PartyID, api.RowOurs, nil, []string{api.WarnRowForm}, ""},
		{"the port as text", []handRow{kind(with(first, func(r *handRow) { r.Port = fmt.Sprint(r.Port) })), kind(second)}, first.PartyID, api.RowOurs, nil, nil, ""},
		{"CRLF", []handRow{kind(with(first, func(r *handRow) { r.Certificate = strings.ReplaceAll(r.Certificate, "\n", "\r\n") })), kind(second)},
			first.PartyID, api.RowOurs, nil, []string{api.WarnRowForm}, ""},
		{"no row", []handRow{kind(second)}, first.PartyID, "", []string{api.ObstacleRowMissing}, nil, "has no row"},
		{"another port", []handRow{kind(with(first, func(r *handRow) { r.Port = 14999 })), kind(second)}, first.PartyID, api.RowOutdated,
			[]string{api.ObstacleRowOutdated}, nil, "port 14999, not "},
		{"another certificate", []handRow{kind(with(first, func(r *handRow) { r.Certificate = third.Certificate })), kind(second)}, first.PartyID,
			api.RowOutdated, []string{api.ObstacleRowOutdated}, nil, "certificate SHA256:"},
		{"no certificate", []handRow{kind(with(first, func(r *handRow) { r.Certificate = "" })), kind(second)}, first.PartyID,
			api.RowOutdated, []string{api.ObstacleRowOutdated}, nil, "none that can be used"},
		{"by hand, and it announces that", []handRow{kind(first), kind(second), third}, third.PartyID, api.RowByHand, []string{api.ObstacleRowByHand}, nil,
			"this very certificate"},
		{"by hand, and it announces another", []handRow{kind(first), kind(second), with(third, func(r *handRow) { r.Certificate = first.Certificate })},
			third.PartyID, api.RowByHand, []string{api.ObstacleRowByHand}, nil, "another certificate"},
		{"by hand, never heard", []handRow{kind(first), kind(second), stranger(func(*handRow) {})}, "NODE_stranger", api.RowByHand,
			[]string{api.ObstacleRowByHand}, nil, "nothing has been heard"},
		{"a certificate that could issue", []handRow{kind(first), kind(second), stranger(func(r *handRow) { r.Certificate = issuingPEM(t) })}, "NODE_stranger",
			api.RowByHand, []string{api.ObstacleRowByHand, api.ObstacleRowCertificate}, nil, ""},
		{"an expired one", []handRow{kind(first), kind(second), stranger(func(r *handRow) { r.Certificate = expiredPEM(t, "NODE_stranger") })}, "NODE_stranger",
			api.RowByHand, []string{api.ObstacleRowByHand, api.ObstacleRowExpired}, nil, ""},
		{"none", []handRow{kind(first), kind(second), stranger(func(r *handRow) { r.Certificate = "\x1b[31mno" })}, "NODE_stranger",
			api.RowByHand, []string{api.ObstacleRowByHand, api.ObstacleRowCertificate}, nil, ""},
		{"no port", []handRow{kind(first), kind(second), stranger(func(r *handRow) { r.Port = 70000 })}, "NODE_stranger", api.RowByHand,
			[]string{api.ObstacleRowByHand, api.ObstacleRowPort}, nil, ""},
		{"no address", []handRow{kind(first), kind(second), stranger(func(r *handRow) { r.IP = "::1" })}, "NODE_stranger", api.RowByHand,
			[]string{api.ObstacleRowAddress, api.ObstacleRowByHand}, nil, ""},
		{"twice", []handRow{kind(first), kind(second), kind(first)}, first.PartyID, api.RowOurs, []string{api.ObstacleRowTwice}, nil, "twice"},
		{"no id", []handRow{kind(first), kind(second), stranger(func(r *handRow) { r.PartyID = "" })}, "", api.RowByHand, []string{api.ObstacleRowNameless}, nil, ""},
		{"our own", []handRow{kind(first), kind(second), stranger(func(r *handRow) { r.PartyID = b.offline.config.Component.ID })},
			b.offline.config.Component.ID, api.RowOwn, nil, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			registerByHand(t, database, tt.rows...)
			r := b.table()
			if got := rowCodes(r, tt.about); !slices.Equal(got, tt.codes) || r.OK != (len(tt.codes) == 0) {
				t.Errorf("obstacles %v, not %v: %+v", got, tt.codes, r.Obstacles)
			}
			if tt.state != "" {
				if row := rowOfComponent(t, r, tt.about); row.State != tt.state || (row.State == api.RowOutdated) != (len(row.Changes) > 0) {
					t.Errorf("state: %+v", row)
				}
			}
			var warns []string
			for _, w := range r.Warnings {
				warns = append(warns, w.Code)
			}
			if !slices.Equal(warns, tt.warns) {
				t.Errorf("warnings %v, not %v", r.Warnings, tt.warns)
			}
			text, err := json.Marshal(r.Obstacles)
			if err != nil || !strings.Contains(string(text), tt.says) || strings.Contains(string(text), "\\u001b") {
				t.Errorf("says %s", text)
			}
		})
	}
}

func TestRowsOfRevokedAndDenied(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	o := b.others[0]
	id, database := o.config.Component.ID, b.offline.config.Component.Database
	b.approve(o)
	b.approve(b.others[1])
	for action, other := range map[string]*outsider{api.ActionRevoke: o, api.ActionDeny: b.others[2]} {
		if _, err := trustBy(b.offline, api.TrustRequest{Action: action, Component: other.config.Component.ID, PeerID: other.id.String()}); err != nil {
			t.Fatal(err)
		}
	}
	second := handRowOf(b.others[1])
	second.Component = "NODE"
	renamed := handRowOf(o)
	renamed.PartyID = "NODE_renamed"
	registerByHand(t, database, handRowOf(o), second, renamed, handRowOf(b.others[2]))
	r := b.table()
	if row := rowOfComponent(t, r, id); row.State != api.RowRevoked || !slices.Equal(rowCodes(r, id), []string{api.ObstacleRowRevoked}) {
		t.Errorf("the revoked component: %+v, %+v", row, r.Obstacles)
	}
	if row := rowOfComponent(t, r, "NODE_renamed"); row.State != api.RowRevoked {
		t.Errorf("the revoked key under another id: %+v", row)
	}
	if row := rowOfComponent(t, r, b.others[2].config.Component.ID); row.State != api.RowByHand {
		t.Errorf("the denied one: %+v", row)
	}
	// A revocation removes the row, whoever wrote it; a denial is no reason to undo what an operator did by hand.
	r = b.sync()
	slices.Sort(r.Removed)
	if want := []string{id, "NODE_renamed"}; !slices.Equal(r.Removed, want) && !slices.Equal(r.Removed, []string{"NODE_renamed", id}) {
		t.Errorf("removed %v, not %v", r.Removed, want)
	}
	if got := rows(t, database); len(got) != 2 || got[b.others[2].config.Component.ID] == "" || len(r.Written) != 0 {
		t.Errorf("left: %v, written %v", got, r.Written)
	}
	if again := b.sync(); len(again.Removed)+len(again.Written) != 0 || again.Fault != nil {
		t.Errorf("nothing was to do: %+v", again)
	}
}

// A component that the list revokes by hand, with or without its key, loses its row.
func TestRowOfOneThatTheListRevokes(t *testing.T) {
	b := newBench(t)
	b.open().settle(b.now)
	o := b.others[0]
	id := o.config.Component.ID
	other := handRowOf(b.others[1])
	other.Certificate = handRowOf(o).Certificate
	for text, want := range map[string][]string{
		"[" + id + "]\nstatus = revoked\n":                                          {id},
		"[key " + o.pair.Certificate.KeySHA256().String() + "]\nstatus = revoked\n": {id, other.PartyID},
	} {
		if err := os.WriteFile(b.offline.config.TrustList, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		registerByHand(t, b.offline.config.Component.Database, handRowOf(o), other)
		for _, row := range b.table().Rows {
			if revoked := slices.Contains(want, row.Component); revoked != (row.State == api.RowRevoked) {
				t.Errorf("%q: %+v", text, row)
			}
		}
		r := b.sync()
		slices.Sort(r.Removed)
		slices.Sort(want)
		if !slices.Equal(r.Removed, want) || len(r.Written) > 0 || len(r.Rows) != 2-len(want) {
			t.Errorf("%q: removed %v: %+v", text, r.Removed, r)
		}
	}
}

// A sync of a running agent takes nothing for known: what it would write otherwise is written, though nothing reads the difference.
func TestSyncWritesTheFormToo(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	k := b.open()
	k.settle(b.now)
	registerByHand(t, b.offline.config.Component.Database, handRowOf(b.others[0]))
	k.lookRegistry(b.now)
	if done := k.settle(b.now); len(done.rows) > 0 {
		t.Errorf("a kind that nothing reads is written at once: %v", done.rows)
	}
	r, _, err := k.syncRegistry(b.now)
	if err != nil || !slices.Equal(r.Written, []string{b.others[0].config.Component.ID}) || len(r.Warnings) > 0 || r.Rows[0].Kind != "NODE" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A component that the list approves by hand has nothing in force until it is heard: its row is compared with what the list pins.
func TestRowOfOneThatIsNotHeard(t *testing.T) {
	b := newBench(t)
	b.open().settle(b.now)
	o := b.others[0]
	id := o.config.Component.ID
	entry := fmt.Sprintf("[%s]\nstatus = approved\nrole = node\npeer_id = %s\nkey = %s\n", id, o.id, o.pair.Certificate.KeySHA256())
	if err := os.WriteFile(b.offline.config.TrustList, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	row := handRowOf(o)
	registerByHand(t, b.offline.config.Component.Database, row)
	r := b.table()
	if got := rowOfComponent(t, r, id); got.State != api.RowOurs || !r.OK || len(r.Warnings) != 1 || r.Warnings[0].Code != api.WarnNotHeard {
		t.Errorf("%+v, %+v", got, r)
	}
	row.Certificate = handRowOf(b.others[1]).Certificate
	registerByHand(t, b.offline.config.Component.Database, row)
	if got := rowOfComponent(t, b.table(), id); got.State != api.RowOutdated || got.Changes[0].Field != "key" {
		t.Errorf("another key: %+v", got)
	}
}

func TestDatabaseThatCannotBeRead(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	database := b.offline.config.Component.Database
	for code, damage := range map[string]func() error{
		api.WarnRegistry:   func() error { return os.WriteFile(database, []byte(`{"Certificates": [`), 0o600) },
		api.WarnNoDatabase: func() error { return os.Remove(database) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(database)
		r := b.table()
		if r.OK || r.Fault == nil || r.Fault.Code != code || !slices.Equal(rowCodes(r, ""), []string{code}) {
			t.Errorf("%s: %+v", code, r)
		}
		if r := b.sync(); r.Fault == nil || r.Fault.Cure == "" || len(r.Written) != 0 {
			t.Errorf("%s, synced: %+v", code, r)
		}
		if after, _ := os.ReadFile(database); !bytes.Equal(before, after) {
			t.Errorf("%s: a sync wrote %q", code, after)
		}
		if err := os.WriteFile(database, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := b.sync(); r.Fault != nil || !slices.Equal(r.Written, []string{b.others[0].config.Component.ID}) {
			t.Errorf("%s, put back: %+v", code, r)
		}
	}
}

func TestRegisteredByHandIsShown(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	database := b.offline.config.Component.Database
	same, moved, other := handRowOf(b.others[0]), handRowOf(b.others[1]), handRowOf(b.others[2])
	moved.Port = 14999
	other.Certificate = same.Certificate
	registerByHand(t, database, same, moved, other)
	s := b.snapshot()
	for o, want := range map[*outsider]api.HandRow{
		b.others[0]: {Endpoint: b.others[0].config.Component.Endpoint.String(), Certificate: b.others[0].pair.Certificate.SHA256().String(), Same: true},
		b.others[1]: {Endpoint: "localhost:14999", Certificate: b.others[1].pair.Certificate.SHA256().String(), Same: true},
		b.others[2]: {Endpoint: b.others[2].config.Component.Endpoint.String(), Certificate: b.others[0].pair.Certificate.SHA256().String()},
	} {
		if p := find(t, s, o.config.Component.ID); p.ByHand == nil || *p.ByHand != want {
			t.Errorf("%s: %+v", p.Component, p.ByHand)
		}
	}
	// Two rows with one id vouch for nothing; an approved one is no longer by hand.
	registerByHand(t, database, same, moved, moved)
	b.approve(b.others[0])
	s = b.snapshot()
	if p := find(t, s, moved.PartyID); p.ByHand == nil || p.ByHand.Same {
		t.Errorf("registered twice: %+v", p.ByHand)
	}
	if p := find(t, s, same.PartyID); p.ByHand != nil || p.Registered == nil || !*p.Registered {
		t.Errorf("approved: %+v", p)
	}
	// The approval brings a row up to date, whoever wrote it, and keeps its document.
	b.approve(b.others[1])
	r := b.table()
	if row := rowOfComponent(t, r, moved.PartyID); row.State != api.RowOurs || row.Document != "2" || row.Kind != "NODE" || !r.OK || len(r.Rows) != 2 {
		t.Errorf("after the approval: %+v in %+v", row, r)
	}
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionRevoke, Component: moved.PartyID, PeerID: b.others[1].id.String()}); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, database); len(got) != 1 || got[moved.PartyID] != "" {
		t.Errorf("after the revocation: %v", got)
	}
}

func TestRegistryThatIsNotKept(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.offline.config.Registry = false
	registerByHand(t, b.offline.config.Component.Database, handRowOf(b.others[0]))
	if r := b.table(); len(r.Rows) != 1 || len(r.Warnings) != 1 || r.Warnings[0].Code != api.WarnRegistryOff {
		t.Errorf("%+v", r)
	}
	_, err := b.offline.Registry(t.Context(), api.RegistryRequest{Sync: true})
	if f := fault(t, err); f.Code != api.CodeRefused || f.Hint == "" {
		t.Errorf("%+v", f)
	}
	plain := newPlainScene(t)
	parties := &offline{config: plain.config(plain.files[0]), options: plain.options()}
	for _, sync := range []bool{false, true} {
		_, err := parties.Registry(t.Context(), api.RegistryRequest{Sync: sync})
		if f := fault(t, err); f.Code != api.CodeRefused {
			t.Errorf("a plain party: %+v", f)
		}
	}
}

// TestSyncKilledAtEveryStep ends a sync before each of its steps: the database holds all of it or nothing, and a start finishes it.
func TestSyncKilledAtEveryStep(t *testing.T) {
	for at := 0; ; at++ {
		b := newBench(t)
		b.hearAll()
		b.approve(b.others[0])
		b.approve(b.others[1])
		whole := b.outputs()
		row := handRowOf(b.others[1])
		row.Port = 14999
		registerByHand(t, b.offline.config.Component.Database, row)
		before := b.outputs()
		killed := b.killSync(at)
		if got := b.outputs(); got != before && got != whole {
			t.Fatalf("step %d: in between %s", at, got)
		}
		if done := b.open().settle(b.now); done.retry || b.outputs() != whole {
			t.Fatalf("step %d: after a start %s, want %s", at, b.outputs(), whole)
		}
		if !killed {
			if at == 0 {
				t.Error("a sync has no step")
			}
			return
		}
	}
}

func (b *bench) killSync(at int) (killed bool) {
	steps := 0
	o := *b.offline
	o.step = func(string) error {
		if steps == at {
			panic(errKilled)
		}
		steps++
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			if p != errKilled {
				panic(p)
			}
			killed = true
		}
	}()
	if r, err := o.syncRegistry(); err != nil || r.Fault != nil || len(r.Written) != 2 {
		b.t.Fatalf("%+v, %v", r, err)
	}
	return false
}

// What could not be written is said, and is not said to be written.
func TestSyncThatCannotWrite(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	registerByHand(t, b.offline.config.Component.Database)
	b.offline.step = func(name string) error {
		if name == "registry" {
			return os.ErrPermission
		}
		return nil
	}
	if r := b.sync(); r.Fault == nil || !strings.Contains(r.Fault.Text, os.ErrPermission.Error()) || len(r.Written) > 0 || r.OK {
		t.Errorf("%+v", r)
	}
	// An edit by hand that does not parse is not gone past.
	b.offline.step = nil
	k := b.open()
	k.settle(b.now)
	if err := os.WriteFile(b.offline.config.TrustList, []byte("[x]\nstatus = aproved\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.syncRegistry(b.now); fault(t, err).Code != api.CodeRefused {
		t.Errorf("with a list that does not parse: %v", err)
	}
}

// Rows that somebody else removed or changed under a running agent are written again, and it is said once.
func TestMeddlingIsPutRightAndReported(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	k := b.open()
	var log bytes.Buffer
	k.settle(b.now)
	first, second := handRowOf(b.others[0]), handRowOf(b.others[1])
	second.Component = "NODE"
	database := b.offline.config.Component.Database
	look := func() []string {
		k.lookRegistry(b.now)
		k.settle(b.now)
		var texts []string
		for _, w := range b.shown(k).Warnings {
			if w.Code == api.WarnRegistryMended && !w.Error && w.Cure != "" {
				texts = append(texts, w.Text)
			}
		}
		data, err := os.ReadFile(b.store().path(fileLog))
		if err != nil {
			t.Fatal(err)
		}
		log.Reset()
		log.Write(data)
		return texts
	}
	if texts := look(); len(texts) != 0 {
		t.Fatalf("nobody did anything: %v", texts)
	}
	registerByHand(t, database, second)
	if texts := look(); len(texts) != 1 || !strings.Contains(texts[0], "removed: "+first.PartyID) || strings.Contains(texts[0], second.PartyID) {
		t.Errorf("removed: %v", texts)
	}
	if got := rows(t, database); len(got) != 2 {
		t.Errorf("not put back: %v", got)
	}
	if strings.Count(log.String(), `"registry-mended"`) != 1 || !strings.Contains(log.String(), "row written") {
		t.Errorf("in the log: %s", log.String())
	}
	first.Component, first.Port = "NODE", 14999
	registerByHand(t, database, first, second)
	if texts := look(); len(texts) != 1 || !strings.Contains(texts[0], "changed: "+first.PartyID) {
		t.Errorf("changed: %v", texts)
	}
	if _, fault := k.edit(api.TrustRequest{Action: api.ActionRevoke, Component: first.PartyID, PeerID: b.others[0].id.String(), By: "tester@test"}, b.now); fault != nil {
		t.Fatal(fault)
	}
	registerByHand(t, database, first, second)
	if texts := look(); len(texts) != 1 || !strings.Contains(texts[0], "put there again, though not approved: "+first.PartyID) {
		t.Errorf("put there again: %v", texts)
	}
	if got := rows(t, database); len(got) != 1 {
		t.Errorf("the revoked one's row: %v", got)
	}
	// An hour later it is no news.
	b.now = b.now.Add(mendedShown)
	if texts := look(); len(texts) != 0 || strings.Count(log.String(), `"registry-mended"`) != 3 {
		t.Errorf("an hour later: %v, %s", texts, log.String())
	}
	// Who was forgotten may be registered by hand.
	if _, fault := k.edit(api.TrustRequest{Action: api.ActionForget, Component: second.PartyID, PeerID: b.others[1].id.String(), By: "tester@test"}, b.now); fault != nil {
		t.Fatal(fault)
	}
	registerByHand(t, database, second)
	if texts := look(); len(texts) != 0 || len(rows(t, database)) != 1 {
		t.Errorf("registered after it was forgotten: %v, %v", texts, rows(t, database))
	}
}

// A running agent answers from its loop.
func TestRegistryOfARunningAgent(t *testing.T) {
	s := newScene(t)
	sites := []*site{s.start(s.files[0]), s.start(s.files[1])}
	introduce(sites...)
	sites[0].approve(sites[1].config.Component.ID)
	c, err := Dial(t.Context(), sites[0].config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Registry(t.Context(), api.RegistryRequest{})
	if err != nil || !r.OK || len(r.Rows) != 1 || r.Rows[0].State != api.RowOurs {
		t.Fatalf("%+v, %v", r, err)
	}
	// Deleted with Fed-BioMed's own command: the watch puts it back, or the sync that is asked for at once.
	registerByHand(t, sites[0].config.Component.Database)
	r, err = c.Registry(t.Context(), api.RegistryRequest{Sync: true})
	if err != nil || !r.OK || r.Fault != nil {
		t.Fatalf("synced: %+v, %v", r, err)
	}
	sites[0].wait("the report", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnRegistryMended) && s.Rows == 1 })
	registerByHand(t, sites[0].config.Component.Database)
	deadline := time.After(patience)
	for tick := time.NewTicker(20 * time.Millisecond); len(rows(t, sites[0].config.Component.Database)) != 1; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the row does not come back by itself")
		}
	}
}
