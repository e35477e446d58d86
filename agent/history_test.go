package agent

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// quickPair is a certificate and its key that take no time to make.
func quickPair(t *testing.T, component string) config.KeyPair {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "*", Organization: []string{component}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := mpspdz.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return config.KeyPair{Certificate: certificate, Key: key}
}

// stamped seals what a site could announce, with a sequence of the test's choice.
func (o *outsider) stamped(t *testing.T, sequence uint64, issued time.Time, previous crypto.Signer, change func(*exchange.Registration)) *exchange.Announcement {
	t.Helper()
	f, err := o.config.LoadFederation()
	if err != nil {
		t.Fatal(err)
	}
	r := o.registration()
	if change != nil {
		change(&r)
	}
	issued = issued.UTC().Truncate(time.Second)
	a, err := exchange.Seal(rand.Reader, f, r, exchange.Stamp{Sequence: sequence, Issued: issued, Expires: issued.Add(exchange.DefaultLifetime)},
		exchange.Keys{Identity: o.identity, Certificate: o.pair.Key, Previous: previous})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// world is a site that approved two others, and all that these and a third one ever announced.
type world struct {
	*bench
	saved string                      // the site's folder as it is at the beginning
	all   []*exchange.Announcement    // in the order in which they were made, rivals among them
	last  []*exchange.Announcement    // the newest of each identity, with rivals
	start map[string]trust.Entry      // what was approved
	said  map[peer.ID]map[string]bool // every address, port, … that an identity ever announced
}

func newWorld(t *testing.T) *world {
	w := &world{bench: newBench(t), said: map[peer.ID]map[string]bool{}, start: map[string]trust.Entry{}}
	w.hearAll()
	w.approve(w.others[0])
	w.approve(w.others[1])
	for _, e := range w.open().list.Entries() {
		w.start[e.Component] = e
	}
	w.saved = filepath.Join(t.TempDir(), "saved")
	w.copyTree(w.root, w.saved)
	first := uint64(w.now.UnixMilli())
	for i, o := range w.others {
		number := func(n int) uint64 { return first + uint64(n)*10 }
		port := func(n int) func(*exchange.Registration) {
			return func(r *exchange.Registration) { r.Endpoint = endpoint(t, fmt.Sprintf("localhost:%d", 15000+100*i+n)) }
		}
		former := o.pair.Key
		w.say(o.stamped(t, number(1), w.now, nil, func(r *exchange.Registration) { r.Label = "one" }))
		w.say(o.stamped(t, number(2), w.now, nil, port(2)))
		w.say(o.stamped(t, number(3), w.now, nil, nil))
		w.say(o.stamped(t, number(4), w.now, nil, func(r *exchange.Registration) { r.Component = "NODE_" + fmt.Sprint(i) }))
		w.say(o.stamped(t, number(5), w.now, nil, port(5)), o.stamped(t, number(5), w.now, nil, port(6))) // an equivocation of the past
		o.pair = quickPair(t, o.config.Component.ID)
		w.say(o.stamped(t, number(6), w.now, former, nil))
		w.say(o.stamped(t, number(7), w.now, nil, func(r *exchange.Registration) { r.Endpoint = endpoint(t, fmt.Sprintf("127.0.0.9:%d", 15077+i)) }))
		w.say(o.stamped(t, uint64(w.now.Add(time.Hour).UnixMilli()), w.now, nil, port(8))) // far ahead: never taken
		final := []*exchange.Announcement{o.stamped(t, number(9), w.now, nil, port(9))}
		if i == 1 {
			final = append(final, o.stamped(t, number(9), w.now, nil, port(10)))
		}
		w.say(final...)
		w.last = append(w.last, final...)
	}
	return w
}

func (w *world) say(all ...*exchange.Announcement) {
	for _, a := range all {
		w.all = append(w.all, a)
		if w.said[a.Peer] == nil {
			w.said[a.Peer] = map[string]bool{}
		}
		w.said[a.Peer][a.Endpoint.String()] = true
	}
}

func (w *world) copyTree(from, to string) {
	w.t.Helper()
	if err := os.RemoveAll(to); err != nil {
		w.t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

// history plays announcements to the site from its beginning, with restarts and kills in between, and gives the state that results. after is
// called with each state that was committed.
func (w *world) history(random *mathrand.Rand, order []*exchange.Announcement, after func(*core)) string {
	w.t.Helper()
	w.copyTree(w.saved, w.root)
	open := func() (*core, *exchange.Table) {
		k, table := w.open(), exchange.NewTable(exchange.Bounds{})
		k.fillTable(table, w.now)
		return k, table
	}
	k, table := open()
	settle := func() {
		k.settle(w.now)
		after(k)
	}
	for _, a := range slices.Concat(order, w.last) { // what a kill lost comes again with the next sync
		_, _ = k.take(table, a, a.Peer, w.now) // what is known, late or ahead is refused
		switch random.IntN(8) {
		case 0:
			settle()
			k, table = open()
		case 1: // killed in the middle of a commit
			steps := random.IntN(4)
			k.store.step = func(string) error {
				if steps--; steps < 0 {
					return errKilled
				}
				return nil
			}
			k.settle(w.now)
			k, table = open()
			after(k)
		case 2, 3, 4:
			settle()
		}
	}
	settle()
	k, _ = open()
	settle()
	return w.state(k)
}

// state is what must not depend on the order: verdicts, what waits for a person, and everything that is in force, on disk and in the list.
// Which of two announcements with the same held values lies in approved/ may depend on it, and so may what is only reported.
func (w *world) state(k *core) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(k.evaluation.Decisions)) {
		d := k.evaluation.Decisions[id]
		fmt.Fprintf(&b, "%s %s equivocal %v newest %s\n", id, d.Verdict, k.equivocal[id], k.newest[id].Hash)
		for _, c := range d.Changes {
			if c.Field != "label" && c.Field != "policy" && c.Field != "expiry" {
				fmt.Fprintf(&b, "  %s: %s -> %s\n", c.Field, c.Old, c.New)
			}
		}
	}
	for _, component := range slices.Sorted(maps.Keys(k.evaluation.InForce)) {
		a := k.evaluation.InForce[component]
		fmt.Fprintf(&b, "in force %s %s %s\n", component, a.Endpoint, a.Certificate.SHA256())
	}
	list, err := os.ReadFile(w.offline.config.TrustList)
	if err != nil {
		w.t.Fatal(err)
	}
	return b.String() + string(list) + w.outputs()
}

// order is any subset of what was ever said, repeated and shuffled, with the newest somewhere in it.
func (w *world) order(random *mathrand.Rand) []*exchange.Announcement {
	order := slices.Clone(w.last)
	for _, a := range w.all {
		for range random.IntN(3) {
			order = append(order, a)
		}
	}
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// heldToTheList: whatever was heard and wherever it was killed, what is in force, on disk too, is what the operator approved.
func (w *world) heldToTheList(k *core) error {
	for component, a := range k.evaluation.InForce {
		if e := w.start[component]; e.Component != component || !sameEntry(e, a) {
			return fmt.Errorf("%s: %s with certificate %s is in force", component, a.Endpoint, a.Certificate.SHA256())
		}
	}
	ips := ipFile(w.t, w.offline.config.PlayersDir)
	for line := range strings.FieldsSeq(ips) {
		if line != w.offline.config.Component.Endpoint.String() && !slices.ContainsFunc(slices.Collect(maps.Values(w.start)),
			func(e trust.Entry) bool { return e.Endpoint.String() == line }) {
			return fmt.Errorf("%s stands in the ip file", line)
		}
	}
	for component, at := range rows(w.t, w.offline.config.Component.Database) {
		if e := w.start[component]; e.Endpoint.String() != at {
			return fmt.Errorf("%s stands in the registry at %s", component, at)
		}
	}
	return nil
}

func sameEntry(e trust.Entry, a *exchange.Announcement) bool {
	return e.Peer == a.Peer && e.Role == a.Role && e.Key == a.Certificate.KeySHA256() && e.Endpoint == a.Endpoint && e.Certificate == a.Certificate.SHA256()
}

// Any order, repetition and loss of what was announced, with restarts and kills anywhere, ends in one state once the newest have arrived, and
// on the way there nothing is in force that nobody approved.
func TestAnyHistoryEndsAlike(t *testing.T) {
	w := newWorld(t)
	wanted := ""
	for seed := range uint64(24) {
		random := mathrand.New(mathrand.NewPCG(seed, 1))
		order := w.all
		if seed > 0 {
			order = w.order(random)
		}
		got := w.history(random, order, func(k *core) {
			if err := w.heldToTheList(k); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		})
		if seed == 0 {
			wanted = got
		}
		if got != wanted {
			t.Fatalf("seed %d ends in\n%s\nand the order in which it was said in\n%s", seed, got, wanted)
		}
	}
	if !strings.Contains(wanted, "changed") || !strings.Contains(wanted, "equivocal true") {
		t.Errorf("the world is too simple: %s", wanted)
	}
}

// The same under a policy: what is in force was approved but for the ports, and those were announced by that very identity.
func TestAnyHistoryUnderAPolicy(t *testing.T) {
	w := newWorld(t)
	c := *w.offline.config
	c.AcceptChanges = []string{"port"}
	w.offline.config = &c
	taken := 0
	for seed := range uint64(12) {
		random := mathrand.New(mathrand.NewPCG(seed, 2))
		w.history(random, w.order(random), func(k *core) {
			for component, a := range k.evaluation.InForce {
				e := w.start[component]
				moved := e
				moved.Endpoint = a.Endpoint
				if !sameEntry(moved, a) || a.Endpoint.Host() != e.Endpoint.Host() || a.Endpoint != e.Endpoint && !w.said[a.Peer][a.Endpoint.String()] {
					t.Fatalf("seed %d: %s: %s with key %s is in force", seed, component, a.Endpoint, a.Certificate.KeySHA256())
				}
				entry, _ := k.list.Entry(component)
				if a.Endpoint != e.Endpoint {
					taken++
					if entry.ApprovedBy != trust.ByPolicy || entry.Endpoint != a.Endpoint {
						t.Fatalf("seed %d: %s moved, and the list says %+v", seed, component, entry)
					}
				}
			}
		})
	}
	if taken == 0 {
		t.Error("nothing was ever taken over")
	}
}

// A change that waits, then a kill, a restart, and the expiry of everything: player files and registry are, byte for byte, what they were.
func TestChangedKilledAndExpired(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	before := b.written()
	b.now = b.now.Add(time.Second)
	o := b.others[0]
	changed := o.announce(t, b.now, func(r *exchange.Registration) { r.Endpoint = endpoint(t, "localhost:14901") })
	k := b.open()
	if err := k.hear(changed, nil, o.id, b.now); err != nil {
		t.Fatal(err)
	}
	k.store.step = func(string) error { return errKilled }
	k.settle(b.now) // and never again
	same := func(when string) {
		t.Helper()
		if got := b.written(); got != before {
			t.Errorf("%s: the files are\n%s\nand were\n%s", when, got, before)
		}
	}
	same("killed")
	k = b.open()
	k.settle(b.now)
	same("started again")
	if d := k.evaluation.Decisions[o.id]; d.Verdict != trust.VerdictChanged {
		t.Errorf("after the restart it is %s", d.Verdict)
	}
	for _, later := range []time.Duration{exchange.DefaultLifetime + time.Hour, exchange.FloorLifetime + time.Hour, 365 * 24 * time.Hour} {
		b.now = time.Now().Add(later)
		k = b.open()
		table := exchange.NewTable(exchange.Bounds{})
		k.fillTable(table, b.now)
		k.expire(table, b.now)
		k.settle(b.now)
		same("after " + later.String())
		// Nobody can bring back what it announced before: the floor is that of what was last heard, whatever ran out since.
		if _, err := k.take(table, o.stamped(t, changed.Sequence-1, b.now, nil, nil), o.id, b.now); err == nil {
			t.Errorf("after %s: an earlier sequence was taken", later)
		}
	}
}

// written are the player files and the database, byte for byte.
func (b *bench) written() string {
	b.t.Helper()
	var all bytes.Buffer
	current := filepath.Join(b.offline.config.PlayersDir, "current")
	target, err := os.Readlink(current)
	if err != nil {
		b.t.Fatal(err)
	}
	all.WriteString(target + "\n")
	root := filepath.Join(b.offline.config.PlayersDir, target)
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s %q\n", path, data)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	data, err := os.ReadFile(b.offline.config.Component.Database)
	if err != nil {
		b.t.Fatal(err)
	}
	return all.String() + string(data)
}
