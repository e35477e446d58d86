package agent

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/exchange/gossip"
	"fbpeer/mpspdz"
)

// plainParties runs the first n parties, who have approved each other.
func plainParties(s *scene, n int) []*site {
	var sites []*site
	for _, file := range s.files[:n] {
		sites = append(sites, s.start(file))
	}
	introduce(sites...)
	approveAll(sites...)
	return sites
}

func (x *site) sets(r api.SetRequest) (api.NamedSet, error) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.By = "tester@test"
	result, err := x.agent.Sets(ctx, r)
	return result.Set, err
}

// named waits until a site's view of a named set satisfies the condition.
func (x *site) named(name, what string, condition func(api.NamedSet) bool) api.NamedSet {
	x.t.Helper()
	var found api.NamedSet
	x.wait(what, func(s api.Snapshot) bool {
		for _, set := range s.Sets {
			if set.Name == name && condition(set) {
				found = set
				return true
			}
		}
		return false
	})
	return found
}

// certificateOf reads a party's certificate in a folder of player files.
func certificateOf(t *testing.T, dir, file string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "Player-Data", file))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Plain parties hold certificates that are issued for their numbers, by themselves, with the keys that were approved.
func TestCertificatesForNumbers(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	digest := ""
	for i, x := range sites {
		seen := x.wait("a set of three", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 3 })
		if digest == "" {
			digest = seen.Set.Digest
		}
		if seen.Set.Digest != digest || seen.Set.Party != i {
			t.Errorf("party %d: %+v", i, seen.Set)
		}
		for j := range sites {
			c := certificateOf(t, seen.Set.Dir, "P"+string(rune('0'+j))+".pem")
			if want := "P" + string(rune('0'+j)); c.Subject.CommonName != want || !slices.Equal(c.DNSNames, []string{want}) || c.Subject.Organization[0] != plainNames[j] {
				t.Errorf("party %d holds for party %d: %s %v", i, j, c.Subject, c.DNSNames)
			}
		}
	}
	sites[0].ready("all agree", api.SetSelector{}, isReady)

	// A restart issues nothing new: the folder stays as it is.
	before := sites[1].snapshot().Set
	sites[1].end()
	sites[1] = s.start(s.files[1])
	if after := sites[1].snapshot().Set; after == nil || after.Digest != digest || !after.Written.Equal(before.Written) {
		t.Errorf("after a restart: %+v", after)
	}
}

// A fourth party joins. While not all have issued for the new set, the former one stays; a restart in between changes nothing of that.
func TestFormerSetStaysWhileCertificatesAreIssued(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	former := sites[0].wait("a set of three", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 3 }).Set.Digest
	dave := s.start(s.files[3])
	all := append(sites, dave)
	introduce(all...)
	sites[0].approve("dave")
	waiting := func(s api.Snapshot) bool {
		return s.Set != nil && s.Set.Digest == former && s.Waiting != nil && slices.ContainsFunc(s.Warnings, func(w api.Warning) bool { return w.Code == api.WarnWaitingCertificates })
	}
	sites[0].wait("the former set while others are waited for", waiting)
	if r := sites[0].ready("not yet", api.SetSelector{}, func(api.Ready) bool { return true }); !strings.Contains(codes(r), api.ObstacleCertificates) {
		t.Errorf("%+v", r)
	}
	// alice restarts while she waits, and bob before he has decided.
	sites[0].end()
	sites[0] = s.start(s.files[0])
	sites[0].wait("the former set after a restart", waiting)
	introduce(sites[0], sites[1], sites[2], dave)
	sites[1].end()
	sites[1] = s.start(s.files[1])
	introduce(sites[1], sites[0], sites[2], dave)
	for _, x := range []*site{sites[1], sites[2]} {
		x.approve("dave")
	}
	for _, other := range []string{"alice", "bob", "carol"} {
		dave.approve(other)
	}
	for _, x := range []*site{sites[0], sites[1], sites[2], dave} {
		x.wait("a set of four", func(s api.Snapshot) bool { return s.Set != nil && len(s.Set.Parties) == 4 })
	}
	sites[0].ready("all agree", api.SetSelector{}, isReady)
	// A revoked party is out at once, whoever has issued what.
	find := find(t, sites[0].snapshot(), "bob")
	if _, err := sites[0].trust(api.TrustRequest{Action: api.ActionRevoke, Component: "bob", PeerID: find.PeerID}); err != nil {
		t.Fatal(err)
	}
	sites[0].wait("no set with bob", func(s api.Snapshot) bool { return s.Set == nil || len(s.Set.Parties) == 3 })
}

// A named set that waits for a member says what of it is missing here, and a decision here is no thing to wait for.
func TestNamedSetOfABarredMember(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	alice := plainParties(s, 3)[0]
	if _, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"bob", "carol"}}); err != nil {
		t.Fatal(err)
	}
	says := func(text, cure string) {
		t.Helper()
		alice.named("trial", text, func(n api.NamedSet) bool {
			w := n.NoSet
			return w != nil && strings.Contains(w.Text, text) && strings.Contains(w.Cure, cure)
		})
	}
	says("waiting for the numbered certificates of these in this set: bob, carol", "set confirm trial")
	carol := find(t, alice.snapshot(), "carol")
	key := carol.Certificate.KeySHA256
	if _, err := alice.trust(api.TrustRequest{Action: api.ActionRevoke, Key: key}); err != nil {
		t.Fatal(err)
	}
	says("the key of carol is revoked here", "cert generate")
	if _, err := alice.trust(api.TrustRequest{Action: api.ActionForget, Key: key}); err != nil {
		t.Fatal(err)
	}
	says("waiting for the numbered certificates", "set confirm trial")
	if _, err := alice.trust(api.TrustRequest{Action: api.ActionRevoke, Component: "carol", PeerID: carol.PeerID}); err != nil {
		t.Fatal(err)
	}
	says("carol is revoked here", "trust forget carol")
}

func TestNamedSet(t *testing.T) {
	t.Parallel()
	s := newPlainScene(t)
	sites := plainParties(s, 3)
	alice, bob, carol := sites[0], sites[1], sites[2]
	for _, x := range sites {
		x.wait("the default set", func(s api.Snapshot) bool { return s.Set != nil })
	}
	if _, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "../x", Parties: []string{"bob"}}); fault(t, err).Code != api.CodeRequest {
		t.Errorf("a path as a name: %v", err)
	}
	if _, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"nobody"}}); fault(t, err).Code != api.CodeRefused {
		t.Errorf("somebody unknown: %v", err)
	}
	// carol first: the order is the proposer's.
	made, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"carol", "alice"}})
	if err != nil || made.State != api.SetConfirmed || !slices.Equal(made.Members, []string{"carol", "alice"}) {
		t.Fatalf("%+v, %v", made, err)
	}
	heard := carol.named("trial", "the proposal", func(n api.NamedSet) bool { return n.State == api.SetProposed })
	if heard.Proposer != "alice" || !heard.Member || heard.Set != nil {
		t.Errorf("%+v", heard)
	}
	if other := bob.named("trial", "the proposal", func(api.NamedSet) bool { return true }); other.Member {
		t.Errorf("bob is a member: %+v", other)
	}
	if r := alice.ready("carol has not confirmed", api.SetSelector{Name: "trial"}, func(r api.Ready) bool { return !r.OK }); !strings.Contains(codes(r), api.ObstacleUnconfirmed) {
		t.Errorf("%+v", r)
	}
	if _, err := carol.sets(api.SetRequest{Action: api.ActionConfirm, Name: "trial", PeerID: heard.PeerID, Hash: "SHA256:x"}); fault(t, err).Code != api.CodeOvertaken {
		t.Errorf("another one than was shown: %v", err)
	}
	if _, err := bob.sets(api.SetRequest{Action: api.ActionConfirm, Name: "trial", PeerID: heard.PeerID, Hash: heard.Hash}); fault(t, err).Code != api.CodeRefused {
		t.Errorf("no member: %v", err)
	}
	if _, err := carol.sets(api.SetRequest{Action: api.ActionConfirm, Name: "trial", PeerID: heard.PeerID, Hash: heard.Hash}); err != nil {
		t.Fatal(err)
	}
	inForce := func(n api.NamedSet) bool { return n.Set != nil }
	at := map[*site]api.NamedSet{}
	for _, x := range []*site{alice, carol} {
		at[x] = x.named("trial", "the set in force", inForce)
	}
	if at[alice].Set.Digest != at[carol].Set.Digest || at[carol].Set.Party != 0 || at[alice].Set.Party != 1 {
		t.Errorf("%+v\n%+v", at[alice].Set, at[carol].Set)
	}
	if c := certificateOf(t, at[alice].Set.Dir, "P0.pem"); c.Subject.CommonName != "P0" || c.Subject.Organization[0] != "carol" {
		t.Errorf("party 0 is %s", c.Subject)
	}
	for _, x := range []*site{alice, carol} {
		x.ready("both agree", api.SetSelector{Name: "trial"}, isReady)
	}
	seen, err := alice.agent.Call(t.Context())
	if err != nil || !slices.Equal(seen.Sets[0].Confirmed, []string{"carol", "alice"}) {
		t.Errorf("%+v, %v", seen.Sets, err)
	}

	// Changed: what carol confirmed stays in force with her until she confirms again. And over a restart.
	if _, err := alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"alice", "bob", "carol"}}); err != nil {
		t.Fatal(err)
	}
	carol.named("trial", "the change", func(n api.NamedSet) bool { return n.State == api.SetChanged && n.Set != nil })
	former := at[carol].Set
	carol.end()
	carol = s.start(s.files[2])
	introduce(carol, alice, bob)
	changed := carol.named("trial", "the change after a restart", func(n api.NamedSet) bool { return n.State == api.SetChanged && n.Set != nil })
	if len(changed.Proposed) != 3 || len(changed.Members) != 2 || changed.Set.Digest != former.Digest || changed.Set.Party != 0 {
		t.Errorf("%+v", changed)
	}
	for _, x := range []*site{bob, carol} {
		n := x.named("trial", "the change", func(n api.NamedSet) bool { return n.State != api.SetConfirmed })
		if _, err := x.sets(api.SetRequest{Action: api.ActionConfirm, Name: "trial", PeerID: n.PeerID, Hash: n.Hash}); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []*site{alice, bob, carol} {
		x.named("trial", "three parties", func(n api.NamedSet) bool { return n.Set != nil && len(n.Set.Parties) == 3 })
		x.ready("all agree", api.SetSelector{Name: "trial"}, isReady)
	}

	// Withdrawn: out of force everywhere, and the default set is untouched.
	if _, err := alice.sets(api.SetRequest{Action: api.ActionWithdraw, Name: "trial"}); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*site{alice, bob, carol} {
		x.named("trial", "the withdrawal", func(n api.NamedSet) bool { return n.State == api.SetWithdrawn && n.Set == nil })
		if _, err := os.Lstat(filepath.Join(x.config.PlayersDir, "sets", "trial", "current")); err == nil {
			t.Errorf("%s: the set is still in force", x.config.Component.ID)
		}
		trial := filepath.Join(x.config.PlayersDir, "sets", "trial")
		x.wait("no copy of the key, beside the certificates of that set", func(api.Snapshot) bool {
			keys, err := filepath.Glob(filepath.Join(trial, "*", "Player-Data", "P*.key"))
			certificates, other := filepath.Glob(filepath.Join(trial, "*", "Player-Data", "P*.pem"))
			return errors.Join(err, other) == nil && len(keys) == 0 && len(certificates) > 0
		})
		if x.snapshot().Set == nil {
			t.Errorf("%s: the default set is gone", x.config.Component.ID)
		}
	}
}

func TestNamedSetsAreForPlainParties(t *testing.T) {
	s := newScene(t)
	x := s.start(s.files[0])
	_, err := x.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: []string{"NODE_x"}})
	if f := fault(t, err); f.Code != api.CodeRefused || !strings.Contains(f.Hint, "ready --parties") {
		t.Errorf("%+v", f)
	}
}

// A member that announces a certificate for another's number: nobody puts it in force, and both numbers are named. One for two numbers, or
// with another key than the approved one, is not even heard.
func TestCertificateForAnothersNumber(t *testing.T) {
	s := newPlainScene(t)
	alice := s.start(s.files[0])
	bob := s.outsider(s.files[1])
	now := time.Now()
	take := func(r exchange.Opened) {
		t.Helper()
		if err := alice.agent.perform(t.Context(), func(ctx context.Context, l *loop) {
			if _, err := l.receiveOne(ctx, gossip.Received{Record: r, From: bob.id}); err != nil {
				t.Error(err)
			}
			l.settle()
		}); err != nil {
			t.Fatal(err)
		}
	}
	take(bob.announce(t, now, nil))
	alice.approve("bob")
	var plan mpspdz.Hash
	if err := alice.agent.perform(t.Context(), func(_ context.Context, l *loop) {
		base, err := l.core.baseSet(l.core.lookInForce())
		if err != nil {
			t.Error(err)
		}
		plan = base.Plan()
	}); err != nil {
		t.Fatal(err)
	}
	f, err := bob.config.LoadFederation()
	if err != nil {
		t.Fatal(err)
	}
	sealAs := func(component string, number int, key crypto.Signer) (*exchange.NumberedCertificate, error) {
		c, err := mpspdz.NewNumberedCertificate(rand.Reader, key, component, number, now.AddDate(1, 0, 0), now)
		if err != nil {
			t.Fatal(err)
		}
		bob.last = exchange.NextSequence(now, bob.last)
		return exchange.SealNumberedCertificate(f, exchange.NumberedCertificate{Component: component, Plan: plan, Number: number, Certificate: c,
			Sequence: bob.last, Issued: now, Expires: now.Add(time.Hour)}, bob.identity)
	}
	seal := func(number int, key crypto.Signer) (*exchange.NumberedCertificate, error) {
		return sealAs("bob", number, key)
	}
	waits := func(what string) {
		t.Helper()
		seen := alice.snapshot()
		if seen.Set != nil || seen.NoSet == nil || seen.NoSet.Code != api.WarnWaitingCertificates || !strings.Contains(seen.NoSet.Text, what) {
			t.Errorf("%s: %+v, %+v", what, seen.Set, seen.NoSet)
		}
	}
	waits("waiting for the numbered certificate of bob in this set")
	other, err := seal(0, bob.pair.Key) // alice's number
	if err != nil {
		t.Fatal(err)
	}
	take(other)
	waits("its certificate names P0, and this set gives it number 1")
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := seal(1, stranger)
	if err != nil {
		t.Fatal(err)
	}
	take(foreign)
	waits("what bob announced as its numbered certificate is refused: it is of key " + keyShown(foreign.Certificate.KeySHA256()) +
		", and the certificate that is in force here of key " + keyShown(bob.pair.Certificate.KeySHA256()))
	if w := alice.snapshot().NoSet; !strings.Contains(w.Cure, "fbpeer show bob") {
		t.Errorf("%+v", w)
	}
	// Where that key is what bob announces now, the change waits for a decision, and what was issued with it is no fault of its own.
	approved := bob.pair
	bob.pair = config.KeyPair{Certificate: foreign.Certificate, Key: stranger}
	take(bob.announce(t, now, nil))
	if seen := alice.snapshot(); state(seen, "bob") != api.StateChanged {
		t.Fatalf("bob is %s", state(seen, "bob"))
	}
	waits("waiting for the numbered certificate of bob in this set")
	bob.pair = approved
	take(bob.announce(t, now, nil))
	waits("what bob announced as its numbered certificate is refused")
	carols, err := sealAs("carol", 1, bob.pair.Key) // bob's own key, in a record of another component
	if err != nil {
		t.Fatal(err)
	}
	take(carols)
	waits("what bob announced as its numbered certificate is refused: it announces it as carol's")
	// A certificate that names both numbers cannot be announced at all.
	both := quickCertificate(t, "bob", "P*", now.AddDate(1, 0, 0), now)
	if _, err := exchange.SealNumberedCertificate(f, exchange.NumberedCertificate{Component: "bob", Plan: plan, Number: 1, Certificate: both,
		Sequence: bob.last + 1, Issued: now, Expires: now.Add(time.Hour)}, bob.identity); err == nil {
		t.Error("a certificate for every number")
	}
	right, err := seal(1, bob.pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	take(right)
	if seen := alice.snapshot(); seen.Set == nil || len(seen.Set.Parties) != 2 {
		t.Errorf("the right one: %+v", seen.NoSet)
	}
}

// Names that were confirmed and told, and withdrawn since, count until the others have forgotten what was told of them: a further one would
// find no room there, and be told to nobody. Without numbered certificates, the views are all that is told of them.
func TestNamesThatWereToldCount(t *testing.T) {
	s := newPlainScene(t)
	for _, file := range s.files[:3] {
		edit(t, file, "certificates =", "certificates = own")
	}
	sites := plainParties(s, 3)
	alice, bob, carol := sites[0], sites[1], sites[2]
	name := func(i int) string { return "set" + string(rune('a'+i)) }
	confirm := func(i int) error {
		n := alice.named(name(i), "the proposal", func(api.NamedSet) bool { return true })
		_, err := alice.sets(api.SetRequest{Action: api.ActionConfirm, Name: name(i), PeerID: n.PeerID, Hash: n.Hash})
		return err
	}
	for i := range maxNamedSets + 1 {
		by := bob
		if i > maxNamedSets/2 {
			by = carol
		}
		if _, err := by.sets(api.SetRequest{Action: api.ActionPropose, Name: name(i), Parties: []string{"alice"}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range maxNamedSets {
		if err := confirm(i); err != nil {
			t.Fatalf("%s: %v", name(i), err)
		}
	}
	told := func(what string, condition func(named map[string]time.Time) bool) {
		t.Helper()
		alice.wait(what, func(api.Snapshot) bool {
			ok := false
			_ = alice.agent.perform(t.Context(), func(_ context.Context, l *loop) { ok = condition(l.core.views.named) })
			return ok
		})
	}
	if _, err := alice.agent.Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	told("all told", func(named map[string]time.Time) bool { return len(named) == maxNamedSets })
	for i := range maxNamedSets {
		if _, err := alice.sets(api.SetRequest{Action: api.ActionWithdraw, Name: name(i)}); err != nil {
			t.Fatal(err)
		}
	}
	f := fault(t, confirm(maxNamedSets))
	_, at, _ := strings.Cut(f.Hint, "is forgotten at ")
	until, err := time.Parse("2006-01-02 15:04 MST", at)
	if left := time.Until(until); err != nil || f.Code != api.CodeRefused || !strings.Contains(f.Text, name(0)) ||
		left < exchange.ViewLifetime-time.Minute || left > exchange.ViewLifetime+time.Hour {
		t.Errorf("one more: %+v, %v", f, err)
	}
	if err := confirm(3); err != nil {
		t.Errorf("one of them again: %v", err)
	}
	// Once the others have forgotten them, there is room.
	if err := alice.agent.perform(t.Context(), func(_ context.Context, l *loop) {
		later := time.Now().Add(exchange.ViewLifetime + time.Hour)
		if fault := l.core.roomForSet(name(maxNamedSets), later); fault != nil {
			t.Errorf("a day later: %v", fault)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// Of 255 parties a proposal takes ids of 47 characters on average: longer ones are refused with what to do, not with the cure of another mistake.
func TestProposalsOfManyLongIDs(t *testing.T) {
	s := newPlainScene(t)
	alice := s.start(s.files[0])
	ids := func(n, length int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("p%03d", i)+strings.Repeat("x", length-4))
		}
		return list
	}
	for _, test := range []struct {
		members    []string
		text, hint string
	}{
		{ids(255, 47), "", ""},
		{ids(255, 48), "the set trial cannot be proposed: the list of its 255 ids has 12494 bytes, at most 12288 are allowed", "47 characters on average"},
		{ids(256, 8), "a set of 256 components: MP-SPDZ takes at most 255", "fewer"},
		{ids(1, 8), "names 1 components", "at least one other"},
	} {
		if err := alice.agent.perform(t.Context(), func(_ context.Context, l *loop) {
			_, err := l.core.sealProposal("trial", test.members, time.Now())
			var refusal *exchange.Refusal
			if !errors.As(err, &refusal) {
				if err != nil || test.text != "" {
					t.Errorf("%d: %v", len(test.members), err)
				}
				return
			}
			if f := notProposed("trial", len(test.members), refusal); !strings.Contains(f.Text, test.text) || test.text == "" || !strings.Contains(f.Hint, test.hint) {
				t.Errorf("%d: %+v", len(test.members), f)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}
