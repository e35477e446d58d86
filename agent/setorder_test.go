package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

// failAt makes a step of every commit of a running agent fail; empty: none.
func (x *site) failAt(step string) {
	x.t.Helper()
	if err := x.agent.perform(x.t.Context(), func(_ context.Context, l *loop) {
		l.core.store.step = func(name string) error {
			if name == step {
				return errors.New("no space left on device")
			}
			return nil
		}
	}); err != nil {
		x.t.Fatal(err)
	}
}

// notShown demands that nothing at a site tells a number in the former order of the set "trial".
func (x *site) notShown(why string) {
	x.t.Helper()
	n := x.named("trial", "the set", func(api.NamedSet) bool { return true })
	if n.State != api.SetConfirmed || n.Set != nil || n.NoSet == nil || !strings.Contains(n.NoSet.Text, why) || !strings.Contains(n.NoSet.Text, "of what was confirmed before") {
		x.t.Errorf("%+v, %+v", n, n.NoSet)
	}
	r, err := x.agent.Ready(x.t.Context(), api.SetSelector{Name: "trial"})
	if err != nil || r.OK || len(r.Parties) > 0 || r.Digest != "" || !slices.ContainsFunc(r.Obstacles, func(o api.Obstacle) bool { return strings.Contains(o.Text, why) }) {
		x.t.Errorf("ready: %+v, %v", r, err)
	}
	if set, err := x.agent.Parties(x.t.Context(), api.SetSelector{Name: "trial"}); err == nil {
		x.t.Errorf("the parties of the former order: %+v", set)
	}
}

// What was confirmed anew and is not in force yet is never shown with the numbers of the former order: neither while its certificates are
// waited for nor where it could not be written, which whoever confirmed is told as an error.
func TestConfirmedOrderThatIsNotInForce(t *testing.T) {
	s := newPlainScene(t)
	sites := plainParties(s, 2)
	alice, bob := sites[0], sites[1]
	propose := func(parties ...string) (api.NamedSet, error) {
		return alice.sets(api.SetRequest{Action: api.ActionPropose, Name: "trial", Parties: parties})
	}
	confirm := func() (api.NamedSet, error) {
		n := bob.named("trial", "what is proposed", func(n api.NamedSet) bool { return n.State == api.SetProposed || n.State == api.SetChanged })
		return bob.sets(api.SetRequest{Action: api.ActionConfirm, Name: "trial", PeerID: n.PeerID, Hash: n.Hash})
	}
	if _, err := propose("alice", "bob"); err != nil {
		t.Fatal(err)
	}
	if _, err := confirm(); err != nil {
		t.Fatal(err)
	}
	for i, x := range sites {
		x.named("trial", "the first order", func(n api.NamedSet) bool { return n.Set != nil && n.Set.Party == i })
	}

	// alice waits for bob's certificate for the new order.
	n, err := propose("bob", "alice")
	if err != nil || n.State != api.SetConfirmed || n.Set != nil || n.NoSet == nil || n.NoSet.Code != api.WarnWaitingCertificates {
		t.Errorf("%+v, %v", n, err)
	}
	alice.notShown("bob")
	alice.end()
	alice = s.start(s.files[0])
	introduce(alice, bob)
	alice.notShown("bob")

	// At bob the new order cannot be written, once alice's certificate for it is there.
	of := exchange.ID{Kind: exchange.KindCertificate, Peer: alice.agent.host.ID(), Set: "trial"}
	bob.wait("alice's certificate", func(api.Snapshot) bool {
		issued, err := inLoop(t.Context(), bob.agent, func(_ context.Context, l *loop) (bool, error) {
			c, held := l.core.numbered[of]
			return held && c.Number == 1, nil
		})
		return err == nil && issued
	})
	bob.failAt("swap players")
	if n, err := confirm(); err == nil || fault(t, err).Code != api.CodeFailed || !strings.Contains(err.Error(), "no space left on device") {
		t.Fatalf("%+v, %+v, %v", n, n.NoSet, err)
	}
	bob.notShown("no space left on device")
	bob.failAt("")
	for i, x := range []*site{bob, alice} {
		x.named("trial", "the new order", func(n api.NamedSet) bool { return n.Set != nil && n.Set.Party == i && n.NoSet == nil })
	}
	// And where the commit ends before it comes to player files.
	bob.failAt("card " + dirProposals)
	if _, err := propose("alice", "bob"); err != nil {
		t.Fatal(err)
	}
	bob.named("trial", "the change", func(n api.NamedSet) bool { return n.State == api.SetChanged })
	if n, err := confirm(); err == nil || fault(t, err).Code != api.CodeFailed || !strings.Contains(err.Error(), "not written yet") {
		t.Fatalf("%+v, %+v, %v", n, n.NoSet, err)
	}
	bob.notShown("")
	bob.failAt("")
	bob.named("trial", "the first order", func(n api.NamedSet) bool { return n.Set != nil && n.Set.Party == 1 })
}
