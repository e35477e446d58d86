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
