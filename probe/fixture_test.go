package probe

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// portsGiven are the ports that some test has, so that no two get one: outside of the ephemeral range, and unlike other packages' ones.
var portsGiven atomic.Int32

// freePort is a TCP port that nobody uses. Its UDP port is held for as long as the test runs: that keeps other test programs off it.
func freePort(t testing.TB) uint16 {
	t.Helper()
	for range 2000 {
		port := 10000 + (os.Getpid()*31+int(portsGiven.Add(1)))%9000
		held, err := net.ListenPacket("udp4", fmt.Sprintf(":%d", port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err == nil && l.Close() == nil && !portHeld("/proc", uint16(port)) {
			t.Cleanup(func() { _ = held.Close() })
			return uint16(port)
		}
		_ = held.Close()
	}
	t.Fatal("no free port")
	return 0
}

// form is what a certificate says; the zero value is Fed-BioMed's form.
type form struct {
	name     string // common name; empty: *
	second   string // another common name after it
	san      string // DNS name, with everything else that a party's own certificate has; empty: no extensions
	notAfter time.Time
	usage    []byte // keyUsage's value, DER; nil: as usual
}

// numbered is the form of a party's own certificate.
func numbered(party int) form {
	return form{name: mpspdz.PartyName(party), san: mpspdz.PartyName(party)}
}

type pair struct {
	certificate *mpspdz.Certificate
	key         crypto.Signer
}

func makePair(t testing.TB, component string, f form) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if f.name == "" {
		f.name = "*"
	}
	if f.notAfter.IsZero() {
		f.notAfter = time.Now().Add(time.Hour)
	}
	name := pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: f.name}, {Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: component}}}
	if f.second != "" {
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: f.second})
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, NotBefore: f.notAfter.Add(-48 * time.Hour), NotAfter: f.notAfter}
	if f.san != "" {
		template.DNSNames = []string{f.san}
		template.BasicConstraintsValid = true
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		id := sha256.Sum256([]byte(component + f.name))
		template.SubjectKeyId, template.AuthorityKeyId = id[:20], id[:20]
	}
	if f.usage != nil {
		template.KeyUsage = 0
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: f.usage}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := mpspdz.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pair{certificate, key}
}

func (p pair) keyPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// scene is a party set, party i at 127.0.0.1 and a port of its own.
type scene struct {
	t     testing.TB
	set   mpspdz.PartySet
	pairs []pair
	ports []uint16 // that are bound
}

// plainScene has plain parties p0, p1 and so on.
func plainScene(t testing.TB, forms ...form) *scene {
	t.Helper()
	return newScene(t, func(int) mpspdz.Role { return mpspdz.PlainParty }, forms)
}

// fedbiomedScene has a researcher p0 and nodes.
func fedbiomedScene(t testing.TB, forms ...form) *scene {
	t.Helper()
	return newScene(t, func(party int) mpspdz.Role {
		if party == 0 {
			return mpspdz.Researcher
		}
		return mpspdz.Node
	}, forms)
}

func newScene(t testing.TB, role func(party int) mpspdz.Role, forms []form) *scene {
	t.Helper()
	s := &scene{t: t}
	var parties []mpspdz.Party
	for i, f := range forms {
		s.ports = append(s.ports, freePort(t))
		s.pairs = append(s.pairs, makePair(t, component(i), f))
		endpoint, err := mpspdz.NewEndpoint("127.0.0.1", s.ports[i])
		if err != nil {
			t.Fatal(err)
		}
		parties = append(parties, mpspdz.Party{Component: component(i), Role: role(i), Endpoint: endpoint, Certificate: s.pairs[i].certificate})
	}
	var err error
	if s.set, err = mpspdz.NewPartySet(parties); err != nil {
		t.Fatal(err)
	}
	return s
}

func component(party int) string { return "p" + strconv.Itoa(party) }

// site writes a party's folder, as the agent does.
func (s *scene) site(party int) Site {
	s.t.Helper()
	players := s.t.TempDir()
	writeFolder(s.t, filepath.Join(players, "files"), s.set, component(party), s.pairs[party], s.ports[party])
	current := filepath.Join(players, "current")
	if err := os.Symlink("files", current); err != nil {
		s.t.Fatal(err)
	}
	return Site{Set: s.set, Component: component(party), BindPort: s.ports[party], Folder: current}
}

func writeFolder(t testing.TB, folder string, set mpspdz.PartySet, own string, p pair, port uint16) {
	t.Helper()
	files, err := mpspdz.Render(set, mpspdz.Own{Component: own, KeyPEM: p.keyPEM(t), BindPort: port})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, mpspdz.PlayerData), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		path := filepath.Join(folder, f.Path)
		if f.Target != "" {
			err = os.Symlink(f.Target, path)
		} else {
			err = os.WriteFile(path, f.Data, f.Mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// unlink takes a party's certificate out of a site's trust.
func (s *scene) unlink(at Site, party int) {
	s.t.Helper()
	links, err := filepath.Glob(filepath.Join(at.Folder, mpspdz.PlayerData, s.pairs[party].certificate.SubjectHash()+".*"))
	if err != nil || len(links) != 1 {
		s.t.Fatalf("links %q, %v", links, err)
	}
	if err := os.Remove(links[0]); err != nil {
		s.t.Fatal(err)
	}
}

// setIP changes a party's line in a site's ip file.
func (s *scene) setIP(at Site, party int, endpoint string) {
	s.t.Helper()
	path := filepath.Join(at.Folder, mpspdz.IPFile)
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	var out []byte
	i := 0
	for line := range bytes.Lines(data) {
		if i == party {
			line = []byte(endpoint + "\n")
		}
		out = append(out, line...)
		i++
	}
	if err := os.WriteFile(path, out, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// clock is one that tests set.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// agent is a member whose streams the tests open.
type agent struct {
	scene  *scene
	site   Site
	opener *Opener
	clock  *clock
	ctx    context.Context
	refuse *Refusal
	group  sync.WaitGroup
	errs   chan error // of Serve
}

func (s *scene) agent(party int) *agent { return s.agentWith(s.site(party), Config{}) }

func (s *scene) agentWith(site Site, c Config) *agent {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a := &agent{scene: s, site: site, clock: &clock{}, ctx: ctx, errs: make(chan error, 100)}
	c.Now = a.clock.now
	a.opener = NewOpener(ctx, c)
	s.t.Cleanup(func() {
		cancel()
		a.group.Wait()
		a.opener.Wait()
	})
	return a
}

func (s *scene) agents() []*agent {
	s.t.Helper()
	var all []*agent
	for i := range s.pairs {
		all = append(all, s.agent(i))
	}
	return all
}

// stream is a federation stream to the agent.
func (a *agent) stream() io.ReadWriteCloser {
	ours, theirs := net.Pipe()
	a.group.Go(func() {
		a.errs <- Serve(a.ctx, theirs, Member{Opener: a.opener, Site: func(string) (Site, error) {
			if a.refuse != nil {
				return Site{}, a.refuse
			}
			return a.site, nil
		}})
	})
	return ours
}

// coordinate has the first agent probe the set, only agents that are not nil being connected.
func coordinate(t testing.TB, agents []*agent, components ...string) map[string]Cell {
	t.Helper()
	cells, err := Coordinate(agents[0].ctx, roundOf(agents, components...))
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Cell{}
	for _, c := range cells {
		by[c.From+">"+c.To] = c
	}
	return by
}

func roundOf(agents []*agent, components ...string) Round {
	return Round{Opener: agents[0].opener, Site: agents[0].site, Components: components,
		Stream: func(_ context.Context, component string) (io.ReadWriteCloser, error) {
			for i, a := range agents {
				if a != nil && component == "p"+strconv.Itoa(i) {
					return a.stream(), nil
				}
			}
			return nil, fmt.Errorf("%s is not connected", component)
		}}
}
