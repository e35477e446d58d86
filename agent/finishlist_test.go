package agent

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// What the agent writes into trust.ini by itself (finishList): keys approved ahead, pins and policies beside each other.

// aheadBench is a bench on which the key to come of the first of two approved components is approved ahead.
func aheadBench(t *testing.T) (b *bench, o *outsider, next config.KeyPair) {
	t.Helper()
	b = newBench(t)
	o = b.others[0]
	_, next = b.prepares(o)
	if err := b.approveAhead(o); err != nil {
		t.Fatal(err)
	}
	return b, o, next
}

// entry is what trust.ini says of a component.
func (b *bench) entry(o *outsider) trust.Entry {
	e, _ := b.open().list.Entry(o.config.Component.ID)
	return e
}

func movedTo(t *testing.T, port int) func(*exchange.Registration) {
	return func(r *exchange.Registration) { r.Endpoint = endpoint(t, fmt.Sprintf("localhost:%d", port)) }
}

func (b *bench) revokeKey(key string) {
	b.t.Helper()
	if _, err := trustBy(b.offline, api.TrustRequest{Action: api.ActionRevoke, Key: key}); err != nil {
		b.t.Fatal(err)
	}
}

// TestStolenKeyWithASuccessor: a stolen key is revoked after its successor was approved ahead. Once the site uses that, it is in force.
func TestStolenKeyWithASuccessor(t *testing.T) {
	b, o, next := aheadBench(t)
	b.revokeKey(o.pair.Certificate.KeySHA256().String())
	if got := rows(t, b.offline.config.Component.Database); len(got) != 1 {
		t.Errorf("rows with a stolen key: %v", got)
	}
	o.pair = next
	b.announces(o, nil)
	p := find(t, b.snapshot(), o.config.Component.ID)
	if p.State != api.StateAccepted || p.Certificate.SHA256 != next.Certificate.SHA256().String() || p.Registered == nil || !*p.Registered {
		t.Errorf("%+v", p)
	}
	if e := b.entry(o); e.Key != next.Certificate.KeySHA256() || !e.Next.IsZero() {
		t.Errorf("the list says %+v", e)
	}
	if got := strings.Count(b.certificates(), next.Certificate.SHA256().String()); got != 2 {
		t.Errorf("the new certificate stands in %d places", got)
	}
}

// TestRevokedKeyToCome: a key to come that is revoked is not approved ahead any more, for nobody, from the revocation on.
func TestRevokedKeyToCome(t *testing.T) {
	b, o, next := aheadBench(t)
	id := o.config.Component.ID
	k := b.open()
	writes := 0
	k.store.step = func(name string) error {
		if name == "trust list" {
			if writes++; writes > 1 { // the revocation is written, what follows from it is not
				return errors.New("no space left on device")
			}
		}
		return nil
	}
	done, fault := k.edit(api.TrustRequest{Action: api.ActionRevoke, Key: next.Certificate.KeySHA256().String(), By: "tester@test"}, b.now)
	if fault != nil || !done.retry {
		t.Fatalf("%+v, %v", done, fault)
	}
	p := find(t, b.shown(k), id)
	if p.State != api.StateAccepted || p.Next == nil || p.Next.Approved || !k.aheadOf(id).IsZero() {
		t.Errorf("still approved ahead: %+v, %v", p.Next, k.aheadOf(id))
	}
	k.store.step = nil
	if done := k.settle(b.now); done.retry {
		t.Error("still to be written")
	}
	if e := b.entry(o); !e.Next.IsZero() {
		t.Errorf("the list says %+v", e)
	}
	if lines := b.logged("next-withdrawn"); len(lines) != 1 || !strings.Contains(lines[0], "is revoked") {
		t.Errorf("%q", lines)
	}
	if p := find(t, b.snapshot(), id); len(p.Warnings) != 1 || p.Warnings[0].Code != api.WarnNextKey || p.Next.Approved {
		t.Errorf("%+v, %+v", p.Next, p.Warnings)
	}
}

// TestWithdrawnWithAMove: one announcement takes the key to come back and changes what a policy takes over. Both happen, and the key that was
// taken back is a question again.
func TestWithdrawnWithAMove(t *testing.T) {
	b, o, next := aheadBench(t)
	c := *b.offline.config
	c.AcceptChanges = []string{"port"}
	b.offline.config = &c
	b.announces(o, movedTo(t, 14901))
	if e := b.entry(o); !e.Next.IsZero() || e.Endpoint != endpoint(t, "localhost:14901") {
		t.Errorf("the list says %+v", e)
	}
	if withdrawn, policy := b.logged("next-withdrawn"), b.logged("policy"); len(withdrawn) != 1 || len(policy) != 1 {
		t.Errorf("logged %q and %q", withdrawn, policy)
	}
	o.pair = next
	b.announces(o, movedTo(t, 14901))
	if p := find(t, b.snapshot(), o.config.Component.ID); p.State != api.StateChanged {
		t.Errorf("%+v", p)
	}
}

// TestWithdrawalOutlivesAFailedWrite: the list cannot be written when a key to come is taken back, and can a moment later, when a policy takes
// something else over: the withdrawal is not forgotten.
func TestWithdrawalOutlivesAFailedWrite(t *testing.T) {
	b, o, _ := aheadBench(t)
	k := b.open()
	c := *k.config
	c.AcceptChanges = []string{"port"}
	k.config = &c
	writes := 0
	k.store.step = func(name string) error {
		if name == "trust list" {
			if writes++; writes != 2 { // the policy's
				return errors.New("no space left on device")
			}
		}
		return nil
	}
	b.now = b.now.Add(time.Second)
	for _, a := range []*exchange.Announcement{o.announce(t, b.now, nil), b.others[1].announce(t, b.now, movedTo(t, 14902))} {
		if err := k.hear(a, nil, a.Peer, b.now); err != nil {
			t.Fatal(err)
		}
	}
	if done := k.settle(b.now); !done.retry || !k.problems.has(api.WarnTrustList) || b.entry(b.others[1]).Endpoint.Port() != 14902 {
		t.Errorf("%+v, %v, %d writes", done, k.problems, writes)
	}
	if done := b.open().settle(b.now); done.retry || !b.entry(o).Next.IsZero() || len(b.logged("next-withdrawn")) != 1 {
		t.Errorf("after a restart: %+v, %+v, %q", done, b.entry(o), b.logged("next-withdrawn"))
	}
}

// TestPinsWaitForAnEditByHand: while somebody edits the list by hand, no pin is written over it.
func TestPinsWaitForAnEditByHand(t *testing.T) {
	b := newBench(t)
	o, other := b.others[0], b.others[1]
	b.hear(other.announce(t, b.now, nil))
	b.approve(other)
	path := b.offline.config.TrustList
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unpinned := fmt.Sprintf("%s\n[%s]\nstatus = approved\nrole = %s\npeer_id = %s\nkey = %s\n", data, o.config.Component.ID, o.config.Component.Role, o.id,
		o.pair.Certificate.KeySHA256())
	if err := os.WriteFile(path, []byte(unpinned), 0o600); err != nil {
		t.Fatal(err)
	}
	k := b.open()
	edit(t, path, "status      = approved", "status      = revoked")
	if err := k.hear(o.announce(t, b.now, nil), nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	if done := k.settle(b.now); !done.retry || len(rows(t, b.offline.config.Component.Database)) != 1 {
		t.Errorf("%+v, %s", done, b.outputs())
	}
	if _, fault := k.partySet(api.SetSelector{Parties: []string{o.config.Component.ID, other.config.Component.ID}}); fault == nil {
		t.Error("players write has a set of somebody who is not pinned yet")
	}
	if table := k.table(b.now); !slices.ContainsFunc(table.Obstacles, func(x api.Obstacle) bool {
		return x.Code == api.ObstacleRowMissing && x.Component == o.config.Component.ID
	}) {
		t.Errorf("registry check: %+v", table.Obstacles)
	}
	if _, err := k.reloadList(b.now); err != nil {
		t.Fatal(err)
	}
	if done := k.settle(b.now); done.retry || b.entry(other).Status != trust.Revoked || b.entry(o).Endpoint.IsZero() {
		t.Errorf("%+v, %+v, %+v", done, b.entry(other), b.entry(o))
	}
}

// TestPolicyKnowsItsAuthorities: a certificate of an authority that is not set here is not taken over, for the set would go out of force.
func TestPolicyKnowsItsAuthorities(t *testing.T) {
	s := newPlainScene(t)
	edit(t, s.files[0], "certificates =", "certificates = own")
	edit(t, s.files[0], "accept_changes =", "accept_changes = certificate")
	b := s.bench()
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	before := ipFile(t, b.offline.config.PlayersDir)
	o, issuer := b.others[0], newOffice(t, b.now, b.now.AddDate(9, 0, 0))
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: o.config.Component.ID}, DNSNames: []string{"P0", "P1", "P2"},
		NotBefore: b.now.Add(-time.Hour), NotAfter: b.now.AddDate(1, 0, 0)}
	signed, err := mpspdz.ParseLeafPEM(issuer.sign(leaf, o.pair.Key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	o.pair.Certificate = signed
	b.announces(o, nil)
	seen := b.snapshot()
	p := find(t, seen, o.config.Component.ID)
	if p.State != api.StateChanged || seen.NoSet != nil || before == "" || ipFile(t, b.offline.config.PlayersDir) != before || b.entry(o).Certificate == signed.SHA256() {
		t.Errorf("%s, no set: %+v, the list says %+v", p.State, seen.NoSet, b.entry(o))
	}
	told := false
	for _, w := range p.Warnings {
		told = told || w.Code == api.WarnUnknownAuthority
	}
	if !told {
		t.Errorf("warnings %+v", p.Warnings)
	}
	if err := os.WriteFile(filepath.Join(s.root, "root.pem"), issuer.certificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	edit(t, s.files[0], "authorities =", "authorities = ../root.pem")
	b.offline.config = s.config(s.files[0])
	b.open().settle(b.now)
	if p := find(t, b.snapshot(), o.config.Component.ID); p.State != api.StateAccepted || b.entry(o).Certificate != signed.SHA256() {
		t.Errorf("with the authority set: %s, %+v", p.State, b.entry(o))
	}
}

// TestOwnIdIsNoAlias: not with a key to come either.
func TestOwnIdIsNoAlias(t *testing.T) {
	b := newBench(t)
	o := b.others[0]
	b.prepares(o)
	p := find(t, b.snapshot(), o.config.Component.ID)
	r := approvalOf(p)
	r.Next, r.Alias = p.Next.KeySHA256, b.offline.config.Component.ID
	if _, err := trustBy(b.offline, r); err == nil || !strings.Contains(err.Error(), "own id") {
		t.Errorf("%v", err)
	}
}

// TestNoCardOfABarredKey: a withdrawal that cannot be written yet holds no card whose own key is barred.
func TestNoCardOfABarredKey(t *testing.T) {
	b, o, _ := aheadBench(t)
	id := o.config.Component.ID
	b.revokeKey(o.pair.Certificate.KeySHA256().String())
	o.pair = quickPair(t, id)
	b.announces(o, nil)
	k := b.open()
	listFull(k)
	r := approvalOf(find(t, b.shown(k), id))
	r.By = "tester@test"
	done, fault := k.edit(r, b.now)
	if got := rows(t, b.offline.config.Component.Database); fault != nil || !done.retry || len(got) != 1 {
		t.Errorf("%+v, %v, rows %v", done, fault, got)
	}
	k.store.step = nil
	if done := k.settle(b.now); done.retry || len(rows(t, b.offline.config.Component.Database)) != 2 || !b.entry(o).Next.IsZero() {
		t.Errorf("%+v, %s, %+v", done, b.outputs(), b.entry(o))
	}
}

// listFull lets one write of trust.ini through: the approval is written, the withdrawal that follows is not.
func listFull(k *core) {
	writes := 0
	k.store.step = func(name string) error {
		if name == "trust list" {
			if writes++; writes > 1 {
				return errors.New("no space left on device")
			}
		}
		return nil
	}
}

// TestReadersSeeWhatStands: while what follows by itself cannot be written into trust.ini, ready and players write go by what the player files
// are made of.
func TestReadersSeeWhatStands(t *testing.T) {
	b, o, _ := aheadBench(t)
	all := api.SetSelector{Parties: []string{o.config.Component.ID, b.others[1].config.Component.ID}}
	b.now = b.now.Add(time.Second)
	k := b.open()
	if err := k.hear(o.announce(t, b.now, movedTo(t, 14901)), nil, o.id, b.now); err != nil { // and takes its key to come back
		t.Fatal(err)
	}
	k.settle(b.now)
	listFull(k)
	r := approvalOf(find(t, b.shown(k), o.config.Component.ID))
	r.By = "tester@test"
	agree := func(what string) {
		t.Helper()
		set, fault := k.partySet(all)
		if fault != nil {
			t.Fatalf("%s: %v", what, fault)
		}
		files := ipFile(t, b.offline.config.PlayersDir)
		for _, p := range set.Parties {
			if !strings.Contains(files, p.Endpoint) {
				t.Errorf("%s: %s is at %s, and the files say\n%s", what, p.Component, p.Endpoint, files)
			}
		}
	}
	if done, fault := k.edit(r, b.now); fault != nil || !done.retry {
		t.Fatalf("%+v, %v", done, fault)
	}
	agree("the former card stays")
	k.store.step = nil
	if done := k.settle(b.now); done.retry || !strings.Contains(ipFile(t, b.offline.config.PlayersDir), ":14901") {
		t.Errorf("%+v, %s", done, b.outputs())
	}
	agree("all is written")
}
