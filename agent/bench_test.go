package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/rs/zerolog"

	"fbpeer/config"
	"fbpeer/discovery"
	"fbpeer/exchange"
	"fbpeer/fedbiomed"
	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// crowd seals announcements of n nodes and the list that approves them all.
func crowd(b testing.TB, k *core, n int, now time.Time) (all []*exchange.Announcement, list trust.List) {
	b.Helper()
	for i := range n {
		component := fmt.Sprintf("NODE_%04d", i)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		form := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: "*", Organization: []string{component}},
			NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(5, 0, 0)}
		der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
		if err != nil {
			b.Fatal(err)
		}
		c, err := mpspdz.ParseCertificate(der)
		if err != nil {
			b.Fatal(err)
		}
		identity, _, err := discovery.NewIdentity()
		if err != nil {
			b.Fatal(err)
		}
		e, err := mpspdz.NewEndpoint("localhost", uint16(15000+i))
		if err != nil {
			b.Fatal(err)
		}
		r := exchange.Registration{Component: component, Role: mpspdz.Node, Secagg: exchange.SecaggOff, Endpoint: e, Certificate: c}
		issued := now.UTC().Truncate(time.Second)
		a, err := exchange.Seal(rand.Reader, k.federation, r, exchange.Stamp{Sequence: exchange.NextSequence(now, 0), Issued: issued, Expires: issued.Add(exchange.DefaultLifetime)},
			exchange.Keys{Identity: identity, Certificate: key})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, a)
		id, err := peer.IDFromPrivateKey(identity)
		if err != nil {
			b.Fatal(err)
		}
		list, err = list.Approve(trust.Entry{Component: component, Role: mpspdz.Node, Peer: id, Key: c.KeySHA256(), Endpoint: e,
			Certificate: c.SHA256(), ApprovedAt: now, ApprovedBy: "bench"})
		if err != nil {
			b.Fatal(err)
		}
	}
	return all, list
}

// full is a core with a whole set of 255 in force, its list, and the list with one of them revoked.
func full(b testing.TB) (*core, trust.List, trust.List, time.Time) {
	b.Helper()
	from, err := template()
	if err != nil {
		b.Fatal(err)
	}
	root := b.TempDir()
	if err := os.CopyFS(root, os.DirFS(from)); err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	files, _, err := fedbiomed.Find(root)
	if err != nil {
		b.Fatal(err)
	}
	s := &scene{root: root}
	c, err := config.Load(s.selector(files[len(files)-1])) // config_researcher.ini
	if err != nil {
		b.Fatal(err)
	}
	st := store{dir: c.State}
	if err := st.make(); err != nil {
		b.Fatal(err)
	}
	k, err := loadCore(c, Options{Now: func() time.Time { return now }, Random: rand.Reader, Log: zerolog.Nop()}, st)
	if err != nil {
		b.Fatal(err)
	}
	if err := k.makeIdentity(); err != nil {
		b.Fatal(err)
	}
	all, list := crowd(b, k, mpspdz.MaxParties-1, now)
	for _, a := range all {
		if err := k.hear(a, nil, a.Peer, now); err != nil {
			b.Fatal(err)
		}
	}
	if err := durable.MkdirAll(filepath.Dir(c.TrustList), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := k.writeList(list); err != nil {
		b.Fatal(err)
	}
	if done := k.settle(now); done.retry || k.players.noSet != nil || k.players.set.Len() != mpspdz.MaxParties {
		b.Fatalf("%+v %v %v", done, k.problems, k.players.noSet)
	}
	last := all[len(all)-1]
	without, err := list.Revoke(last.Component, last.Peer, mpspdz.Hash{}, "bench", now)
	if err != nil {
		b.Fatal(err)
	}
	return k, list, without, now
}

// BenchmarkCommit255 is one revocation and its commit (list, player files and registry of 255 parties, all synced), or the way back.
func BenchmarkCommit255(b *testing.B) {
	k, list, without, now := full(b)
	b.ResetTimer()
	for i := range b.N {
		next := without
		if i%2 == 1 {
			next = list
		}
		if err := k.writeList(next); err != nil {
			b.Fatal(err)
		}
		if done := k.settle(now); done.retry || len(done.rows) != 1 {
			b.Fatalf("%+v %v", done, k.problems)
		}
	}
}

// BenchmarkSnapshot255 is what readers are given after it.
func BenchmarkSnapshot255(b *testing.B) {
	k, _, _, now := full(b)
	b.ResetTimer()
	for range b.N {
		k.snapshot(network{running: true}, now)
	}
}

// BenchmarkNothingNew255 is what an event costs that changes nothing: evaluating, and finding that all stands as it must.
func BenchmarkNothingNew255(b *testing.B) {
	k, _, _, now := full(b)
	b.ResetTimer()
	for range b.N {
		k.settle(now)
	}
}

// BenchmarkMatrixOfRollCall255 is what an asker is given once all 255 have answered, each with a content of its own.
func BenchmarkMatrixOfRollCall255(b *testing.B) {
	k, _, _, now := full(b)
	call, err := k.sealCall(now)
	if err != nil {
		b.Fatal(err)
	}
	k.views.hearCall(call, true, now)
	var lists [][]exchange.Member
	own := k.members("", &k.players)
	for i, entry := range k.list.Entries() {
		rows := append(own.Rows[:i:i], own.Rows[i+1:]...) // each lacks another one
		v := &exchange.View{Peer: entry.Peer, Files: exchange.MembersRoot(own.Files), Rows: exchange.MembersRoot(rows), Members: len(own.Files), Call: call.ID}
		k.views.heard[v.Record().ID] = v
		lists = append(lists, own.Files, rows)
	}
	k.views.addLists(lists...)
	seen := k.sight(k.snapshot(network{running: true}, now))
	b.ResetTimer()
	for range b.N {
		if m := seen.matrix(now); len(m.Rows) != mpspdz.MaxParties || m.Rows[200].Age == nil {
			b.Fatal(len(m.Rows))
		}
	}
}
