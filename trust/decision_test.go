package trust_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// scene is what a decision sees. Every row of the table begins with the same: we are RESEARCHER_own; nice (with that alias) and lyon
// are approved, all pinned, and have announced what is pinned.
type scene struct {
	t    *testing.T
	list trust.List
	held trust.Held
}

func newScene(t *testing.T) *scene {
	nice, lyon := announcement(t, "nice"), announcement(t, "lyon")
	s := &scene{t: t, list: must(trust.List{}.Approve(entry(nice, "nice")))(t)}
	s.list = approve(t, s.list, lyon)
	s.held = trust.Held{
		Self:      announcement(t, "own", as("RESEARCHER_own"), withRole(mpspdz.Researcher)),
		Newest:    heard(nice, lyon),
		InForce:   heard(nice, lyon),
		Equivocal: map[peer.ID]bool{},
	}
	return s
}

// say makes an announcement of a name, newer than what is held, and holds it as newest.
func (s *scene) say(name string, edits ...edit) *exchange.Announcement {
	a := announcement(s.t, name, append([]edit{numbered(200)}, edits...)...)
	s.held.Newest[a.Peer] = a
	return a
}

// pins changes the approved entry of a name.
func (s *scene) pins(name string, change func(*trust.Entry)) {
	e, _ := s.list.Entry("NODE_" + name)
	change(&e)
	s.list = must(s.list.Approve(e))(s.t)
}

func (s *scene) add(text string, args ...any) {
	s.list = parse(s.t, string(s.list.Bytes())+fmt.Sprintf(text, args...))
}

// announced makes a row of an announcement that changes nothing else.
func announced(name string, edits ...func(*testing.T) edit) func(*scene) *exchange.Announcement {
	return func(s *scene) *exchange.Announcement {
		var all []edit
		for _, e := range edits {
			all = append(all, e(s.t))
		}
		return s.say(name, all...)
	}
}

// plain takes an edit that needs no test.
func plain(e edit) func(*testing.T) edit { return func(*testing.T) edit { return e } }

// formed gives the announcement a certificate.
func formed(f form) func(*testing.T) edit {
	return func(t *testing.T) edit { return withCertificate(certificate(t, f)) }
}

// endorsedWith endorses by a named key.
func endorsedWith(key string) func(*testing.T) edit {
	return func(t *testing.T) edit { return endorsedBy(certificate(t, form{key: key}).SPKI()) }
}

// next announces a named key as the one to follow.
func next(t testing.TB, key string) edit {
	return func(a *exchange.Announcement) { a.Next = keyOf(t, key) }
}

func keyOf(t testing.TB, key string) mpspdz.Hash { return certificate(t, form{key: key}).KeySHA256() }

func comes(key string) func(*testing.T) edit {
	return func(t *testing.T) edit { return next(t, key) }
}

// renewedWith announces a certificate with a named key, and nice's subject.
func renewedWith(t testing.TB, key string) edit {
	return withCertificate(certificate(t, form{key: key, subject: "NODE_nice"}))
}

// approvesAhead approves a named key of a name ahead.
func (s *scene) approvesAhead(name, key string) {
	s.list = must(s.list.ApproveNext("NODE_"+name, keyOf(s.t, key), "bob@hospital-b", now.AddDate(0, 0, -2)))(s.t)
}

// renewed is what a new key changes.
const renewed = "certificate key"

var decisions = []struct {
	name    string
	make    func(*scene) *exchange.Announcement
	verdict trust.Verdict
	codes   string // in order
	changes string // fields in order
	hold    bool
}{
	{"pending", announced("paris"), trust.VerdictPending, "not-approved", "", true},
	{"accepted", announced("nice"), trust.VerdictAccepted, "approved", "", false},
	{"accepted first announcement, nothing held", func(s *scene) *exchange.Announcement {
		s.held.Newest, s.held.InForce = nil, nil
		return announcement(s.t, "nice")
	}, trust.VerdictAccepted, "approved", "", false},
	{"accepted, nobody else held at all", func(s *scene) *exchange.Announcement {
		s.held = trust.Held{}
		return announcement(s.t, "nice")
	}, trust.VerdictAccepted, "approved", "", false},

	{"label reported", announced("nice", plain(labelled("\x1b[31m"))), trust.VerdictAccepted, "approved label-changed", "label", false},
	{"policy reported", announced("nice", plain(policed(exchange.SecaggForced))), trust.VerdictAccepted, "approved policy-changed", "policy", false},
	{"earlier expiry reported", announced("nice", plain(expiring(now.Add(time.Hour)))), trust.VerdictAccepted, "approved expiry-changed", "expiry", false},
	{"later expiry not reported", announced("nice", plain(expiring(now.AddDate(0, 0, 9)))), trust.VerdictAccepted, "approved", "", false},

	{"changed port", announced("nice", plain(func(a *exchange.Announcement) { at(a.Endpoint.Host() + ":14901")(a) })),
		trust.VerdictChanged, "port-changed", "port", true},
	{"changed address", announced("nice", plain(at("10.9.9.9:14001"))), trust.VerdictChanged, "address-changed", "address", true},
	{"changed address and port", announced("nice", plain(at("nice.example:14901"))), trust.VerdictChanged, "address-changed port-changed", "address port", true},
	{"changed certificate", announced("nice", formed(form{key: "nice", subject: "NODE_nice", serial: 5})), trust.VerdictChanged, "certificate-reissued",
		"certificate", true},
	{"key replaced", announced("nice", formed(form{key: "nice2", subject: "NODE_nice"})), trust.VerdictChanged, "key-replaced", renewed, true},
	{"key endorsed", announced("nice", formed(form{key: "nice2", subject: "NODE_nice"}), endorsedWith("nice")), trust.VerdictChanged, "key-endorsed",
		renewed, true},
	{"key endorsed by another than the pinned", announced("nice", formed(form{key: "nice2", subject: "NODE_nice"}), endorsedWith("evil")),
		trust.VerdictChanged, "key-replaced", renewed, true},
	{"changed component", announced("nice", plain(as("NODE_other"))), trust.VerdictChanged, "component-changed", "component", true},
	{"changed role", announced("nice", plain(withRole(mpspdz.Researcher))), trust.VerdictChanged, "role-changed second-researcher", "role", true},
	{"changed port of party 2", func(s *scene) *exchange.Announcement {
		s.held.Parties = map[string]int{"NODE_nice": 2}
		return s.say("nice", func(a *exchange.Announcement) { at(a.Endpoint.Host() + ":14901")(a) })
	}, trust.VerdictChanged, "port-changed", "port", true},
	{"everything changed at once", announced("nice", plain(as("NODE_other")), plain(at("10.9.9.9:14901")), plain(labelled("new")),
		formed(form{key: "nice2", subject: "NODE_nice"})), trust.VerdictChanged,
		"key-replaced component-changed address-changed port-changed label-changed", "component address port certificate key label", true},
	{"key endorsed by a pinned one that is revoked", func(s *scene) *exchange.Announcement {
		s.add("[key %s]\nstatus = revoked\n", certificate(s.t, form{key: "nice"}).KeySHA256())
		return s.say("nice", withCertificate(certificate(s.t, form{key: "nice2", subject: "NODE_nice"})), endorsedBy(certificate(s.t, form{key: "nice"}).SPKI()))
	}, trust.VerdictChanged, "key-replaced", renewed, true},
	{"last approved by a policy", func(s *scene) *exchange.Announcement {
		s.pins("nice", func(e *trust.Entry) { e.ApprovedBy = trust.ByPolicy })
		return s.say("nice", at("10.9.9.9:14001"))
	}, trust.VerdictChanged, "address-changed", "address", true},
	{"a policy covers the port and not the address", func(s *scene) *exchange.Announcement {
		s.held.Policy = trust.Policy{"port"}
		return s.say("nice", at("10.9.9.9:14901"))
	}, trust.VerdictChanged, "address-changed port-changed beyond-policy", "address port", true},
	{"changed port and label", announced("nice", plain(at("10.9.9.9:14001")), plain(labelled("new"))), trust.VerdictChanged, "address-changed label-changed",
		"address label", true},
	{"pins that were never announced", func(s *scene) *exchange.Announcement {
		s.pins("nice", func(e *trust.Entry) { e.Endpoint = endpoint(s.t, "10.7.7.7:14001") })
		return s.say("nice")
	}, trust.VerdictChanged, "address-changed never-announced", "address", true},
	{"open pins fit the first announcement", func(s *scene) *exchange.Announcement {
		s.pins("nice", func(e *trust.Entry) { e.Endpoint, e.Certificate = mpspdz.Endpoint{}, mpspdz.Hash{} })
		delete(s.held.InForce, identity(s.t, "nice"))
		return s.say("nice", at("10.9.9.9:1"))
	}, trust.VerdictAccepted, "approved", "", false},

	{"a key to come", announced("nice", comes("nice2")), trust.VerdictAccepted, "approved next-key", "", false},
	{"another key to come than the one approved ahead", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice3")
		return s.say("nice", next(s.t, "nice2"))
	}, trust.VerdictAccepted, "approved next-key", "", false},
	{"a revoked key to come", func(s *scene) *exchange.Announcement {
		s.add("\n[key %s]\nstatus = revoked\n", keyOf(s.t, "nice2"))
		return s.say("nice", next(s.t, "nice2"))
	}, trust.VerdictAccepted, "approved next-key", "", false},
	{"the present key to come", announced("nice", comes("nice")), trust.VerdictAccepted, "approved", "", false},
	{"a key to come that is approved ahead", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		return s.say("nice", next(s.t, "nice2"))
	}, trust.VerdictAccepted, "approved", "", false},
	{"a key to come of one that waits", announced("paris", comes("nice2")), trust.VerdictPending, "not-approved", "", true},
	{"the key that was approved ahead", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		return s.say("nice", renewedWith(s.t, "nice2"))
	}, trust.VerdictAccepted, "approved-ahead", renewed, false},
	{"the key that was approved ahead, and another label", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		return s.say("nice", renewedWith(s.t, "nice2"), labelled("new"))
	}, trust.VerdictAccepted, "approved-ahead label-changed", renewed + " label", false},
	{"the key that was approved ahead, at another port", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		return s.say("nice", renewedWith(s.t, "nice2"), at("10.9.9.9:1"))
	}, trust.VerdictChanged, "key-replaced address-changed port-changed", "address port " + renewed, true},
	{"the key that was approved ahead, at another address than is in force where none is pinned", func(s *scene) *exchange.Announcement {
		s.pins("nice", func(e *trust.Entry) { e.Endpoint = mpspdz.Endpoint{} })
		s.approvesAhead("nice", "nice2")
		return s.say("nice", renewedWith(s.t, "nice2"), at("10.9.9.9:1"))
	}, trust.VerdictChanged, "key-replaced address-changed port-changed", "address port " + renewed, true},
	{"another key than the one approved ahead", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice3")
		return s.say("nice", renewedWith(s.t, "nice2"))
	}, trust.VerdictChanged, "key-replaced", renewed, true},
	{"the key that was approved ahead, by another identity", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		return s.say("thief", renewedWith(s.t, "nice2"), as("NODE_nice"))
	}, trust.VerdictConflict, "claims-component claims-subject", "identity address " + renewed + " label", true},
	{"the key that was approved ahead, revoked since", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		s.add("\n[key %s]\nstatus = revoked\n", keyOf(s.t, "nice2"))
		return s.say("nice", renewedWith(s.t, "nice2"))
	}, trust.VerdictRevoked, "key-revoked", "", true},
	{"the key that was approved ahead, with a certificate of an authority that is not set", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		s.held.Unsigned = map[peer.ID]bool{identity(s.t, "nice"): true}
		return s.say("nice", renewedWith(s.t, "nice2"))
	}, trust.VerdictChanged, "key-replaced", renewed, true},
	{"the key that was approved ahead, the present one revoked", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		s.add("\n[key %s]\nstatus = revoked\n", keyOf(s.t, "nice"))
		return s.say("nice", renewedWith(s.t, "nice2"))
	}, trust.VerdictAccepted, "approved-ahead", renewed, false},
	{"a key to come that was approved ahead, revoked since", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		s.add("\n[key %s]\nstatus = revoked\n", keyOf(s.t, "nice2"))
		return s.say("nice", next(s.t, "nice2"))
	}, trust.VerdictAccepted, "approved next-key", "", false},
	{"claims a component whose key is revoked", func(s *scene) *exchange.Announcement {
		s.add("\n[key %s]\nstatus = revoked\n", keyOf(s.t, "nice"))
		return s.say("thief", as("NODE_nice"))
	}, trust.VerdictConflict, "claims-component", "identity address certificate key", true},
	{"the key that was approved ahead, twice with one sequence", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "nice2")
		s.held.Equivocal[identity(s.t, "nice")] = true
		return s.say("nice", renewedWith(s.t, "nice2"))
	}, trust.VerdictAccepted, "approved-ahead equivocation", renewed, true},
	{"the key that was approved ahead, and it is ours", func(s *scene) *exchange.Announcement {
		s.approvesAhead("nice", "own")
		return s.say("nice", renewedWith(s.t, "own"))
	}, trust.VerdictConflict, "claims-own-key approved-ahead", renewed, true},

	{"claims a component", announced("thief", plain(as("NODE_nice"))), trust.VerdictConflict, "claims-component",
		"identity address certificate key label", true},
	{"claims a key", announced("thief", formed(form{key: "nice", subject: "thief"})), trust.VerdictConflict, "claims-key", "", true},
	{"claims an endpoint", func(s *scene) *exchange.Announcement {
		return s.say("thief", at(announcement(s.t, "nice").Endpoint.String()))
	}, trust.VerdictConflict, "claims-endpoint", "", true},
	{"claims a subject", announced("thief", formed(form{key: "thief", subject: "NODE_nice"})), trust.VerdictConflict, "claims-subject", "", true},
	{"claims a subject in another case", announced("thief", formed(form{key: "thief", subject: "node_NICE"})), trust.VerdictConflict,
		"claims-subject", "", true},
	{"claims a subject, only it has key ids", announced("thief", formed(form{key: "thief", subject: "NODE_nice", keyIDs: true})),
		trust.VerdictConflict, "claims-subject", "", true},
	{"claims a subject with the approved one's key ids copied", func(s *scene) *exchange.Announcement {
		c := certificate(s.t, form{key: "nice", subject: "NODE_nice", keyIDs: true})
		s.pins("nice", func(e *trust.Entry) { e.Certificate = c.SHA256() })
		nice := s.say("nice", withCertificate(c))
		s.held.InForce[nice.Peer] = nice
		return s.say("thief", withCertificate(certificate(s.t, form{key: "thief", subject: "NODE_nice", keyIDs: true, ids: "nice"})))
	}, trust.VerdictConflict, "claims-subject", "", true},
	{"shares a subject, both have key ids", func(s *scene) *exchange.Announcement {
		c := certificate(s.t, form{key: "nice", subject: "NODE_nice", keyIDs: true})
		s.pins("nice", func(e *trust.Entry) { e.Certificate = c.SHA256() })
		nice := s.say("nice", withCertificate(c))
		s.held.InForce[nice.Peer] = nice
		return s.say("paris", withCertificate(certificate(s.t, form{key: "paris", subject: "NODE_nice", keyIDs: true})))
	}, trust.VerdictPending, "not-approved", "", true},
	{"claims all", func(s *scene) *exchange.Announcement {
		nice := announcement(s.t, "nice")
		return s.say("thief", as("NODE_nice"), at(nice.Endpoint.String()), withCertificate(nice.Certificate))
	}, trust.VerdictConflict, "claims-component claims-key claims-endpoint claims-subject", "identity label", true},
	{"claims the pinned endpoint of one that was never heard", func(s *scene) *exchange.Announcement {
		s.list = approve(s.t, s.list, announcement(s.t, "paris"))
		return s.say("thief", at(announcement(s.t, "paris").Endpoint.String()))
	}, trust.VerdictConflict, "claims-endpoint", "", true},
	{"equal loopback endpoints", func(s *scene) *exchange.Announcement {
		s.pins("nice", func(e *trust.Entry) { e.Endpoint = endpoint(s.t, "localhost:14000") })
		return s.say("paris", at("localhost:14000"))
	}, trust.VerdictConflict, "claims-endpoint", "", true},
	{"claims our component", announced("thief", plain(as("RESEARCHER_own"))), trust.VerdictConflict, "claims-own-component",
		"identity role address certificate key label", true},
	{"claims our key", announced("thief", formed(form{key: "own", subject: "thief"})), trust.VerdictConflict, "claims-own-key", "", true},
	{"claims our loopback endpoint", func(s *scene) *exchange.Announcement {
		s.held.Self.Endpoint = endpoint(s.t, "localhost:14000")
		return s.say("paris", at("localhost:14000"))
	}, trust.VerdictConflict, "claims-own-endpoint", "", true},
	{"claims our endpoint", func(s *scene) *exchange.Announcement {
		return s.say("thief", at(s.held.Self.Endpoint.String()))
	}, trust.VerdictConflict, "claims-own-endpoint", "", true},
	{"claims our subject", announced("thief", formed(form{key: "thief", subject: "NODE_own"})), trust.VerdictConflict, "claims-own-subject", "", true},
	{"an approved one moves to another's endpoint", func(s *scene) *exchange.Announcement {
		return s.say("nice", at(announcement(s.t, "lyon").Endpoint.String()))
	}, trust.VerdictConflict, "claims-endpoint address-changed", "address", true},
	{"an approved one takes another's id", announced("nice", plain(as("NODE_lyon"))), trust.VerdictConflict, "claims-component component-changed",
		"component", true},
	{"an open pin does not take a pinned endpoint", func(s *scene) *exchange.Announcement {
		s.pins("nice", func(e *trust.Entry) { e.Endpoint = mpspdz.Endpoint{} })
		delete(s.held.InForce, identity(s.t, "nice"))
		return s.say("nice", at(announcement(s.t, "lyon").Endpoint.String()))
	}, trust.VerdictConflict, "claims-endpoint", "", true},

	{"two approved with one endpoint", func(s *scene) *exchange.Announcement {
		same := announcement(s.t, "lyon").Endpoint
		s.pins("nice", func(e *trust.Entry) { e.Endpoint = same })
		return s.say("nice", at(same.String()))
	}, trust.VerdictAccepted, "approved clash", "", false},
	{"two approved with one key and subject", func(s *scene) *exchange.Announcement {
		lyon := announcement(s.t, "lyon")
		s.pins("nice", func(e *trust.Entry) { e.Key, e.Certificate = lyon.Certificate.KeySHA256(), lyon.Certificate.SHA256() })
		return s.say("nice", withCertificate(lyon.Certificate))
	}, trust.VerdictAccepted, "approved clash clash", "", false},
	{"approved with our endpoint", func(s *scene) *exchange.Announcement {
		s.pins("nice", func(e *trust.Entry) { e.Endpoint = s.held.Self.Endpoint })
		return s.say("nice", at(s.held.Self.Endpoint.String()))
	}, trust.VerdictAccepted, "approved clash", "", false},
	{"two open pins with one endpoint", func(s *scene) *exchange.Announcement {
		for _, name := range []string{"lyon", "nice"} {
			s.pins(name, func(e *trust.Entry) { e.Endpoint = mpspdz.Endpoint{} })
			delete(s.held.InForce, identity(s.t, name))
			s.say(name, at("10.9.9.9:14001"))
		}
		return s.held.Newest[identity(s.t, "nice")]
	}, trust.VerdictAccepted, "approved clash", "", false},

	{"superseded", func(s *scene) *exchange.Announcement {
		s.say("nice")
		return announcement(s.t, "nice", numbered(150), at("10.9.9.9:1"))
	}, trust.VerdictSuperseded, "superseded", "", true},
	{"denied identity", func(s *scene) *exchange.Announcement {
		s.list = must(s.list.Deny("NODE_paris", identity(s.t, "paris"), "", now))(s.t)
		return s.say("paris")
	}, trust.VerdictDenied, "identity-denied", "", true},
	{"denied key", func(s *scene) *exchange.Announcement {
		s.add("[key %s]\nstatus = denied\n", certificate(s.t, form{key: "paris"}).KeySHA256())
		return s.say("paris")
	}, trust.VerdictDenied, "key-denied", "", true},
	{"denied component", func(s *scene) *exchange.Announcement {
		s.add("[NODE_paris]\nstatus = denied\n")
		return s.say("paris")
	}, trust.VerdictDenied, "component-denied", "", true},
	{"denied component section that names an identity bars no other", func(s *scene) *exchange.Announcement {
		s.add("[NODE_paris]\nstatus = denied\npeer_id = %s\n", identity(s.t, "thief"))
		return s.say("paris")
	}, trust.VerdictPending, "not-approved", "", true},
	{"revoked identity", func(s *scene) *exchange.Announcement {
		s.list = must(s.list.Revoke("NODE_nice", identity(s.t, "nice"), mpspdz.Hash{}, "", now))(s.t)
		return s.say("nice")
	}, trust.VerdictRevoked, "identity-revoked key-revoked", "", true},
	{"revoked key in an approved component", func(s *scene) *exchange.Announcement {
		s.add("[key %s]\nstatus = revoked\n", certificate(s.t, form{key: "nice"}).KeySHA256())
		return s.say("nice")
	}, trust.VerdictRevoked, "key-revoked", "", true},
	{"revoked key in another identity's announcement", func(s *scene) *exchange.Announcement {
		s.add("[key %s]\nstatus = revoked\n", certificate(s.t, form{key: "stolen"}).KeySHA256())
		return s.say("nice", withCertificate(certificate(s.t, form{key: "stolen", subject: "NODE_nice"})))
	}, trust.VerdictRevoked, "key-revoked", "", true},
	{"revoked component", func(s *scene) *exchange.Announcement {
		s.add("[NODE_paris]\nstatus = revoked\n")
		return s.say("paris")
	}, trust.VerdictRevoked, "component-revoked", "", true},
	{"an approved section and a revoked identity", func(s *scene) *exchange.Announcement {
		s.add("[peer %s]\nstatus = revoked\n", identity(s.t, "nice"))
		return s.say("nice")
	}, trust.VerdictRevoked, "identity-revoked", "", true},

	{"revoked before denied", func(s *scene) *exchange.Announcement {
		s.add("[peer %s]\nstatus = denied\n[key %s]\nstatus = revoked\n", identity(s.t, "paris"), certificate(s.t, form{key: "paris"}).KeySHA256())
		return s.say("paris")
	}, trust.VerdictRevoked, "key-revoked", "", true},
	{"denied before conflict", func(s *scene) *exchange.Announcement {
		s.list = must(s.list.Deny("NODE_nice", identity(s.t, "thief"), "", now))(s.t)
		return s.say("thief", as("NODE_nice"))
	}, trust.VerdictDenied, "identity-denied", "", true},
	{"denied before superseded", func(s *scene) *exchange.Announcement {
		s.list = must(s.list.Deny("NODE_nice", identity(s.t, "thief"), "", now))(s.t)
		s.say("thief")
		return announcement(s.t, "thief")
	}, trust.VerdictDenied, "identity-denied", "", true},
	{"superseded before conflict", func(s *scene) *exchange.Announcement {
		s.say("thief")
		return announcement(s.t, "thief", as("NODE_nice"))
	}, trust.VerdictSuperseded, "superseded", "", true},

	{"announcement ran out", announced("nice", plain(expiring(now))), trust.VerdictAccepted, "approved expiry-changed announcement-expired", "expiry", false},
	{"certificate ran out", func(s *scene) *exchange.Announcement {
		c := certificate(s.t, form{key: "nice", subject: "NODE_nice", until: now.Add(-time.Second)})
		s.pins("nice", func(e *trust.Entry) { e.Certificate = c.SHA256() })
		return s.say("nice", withCertificate(c))
	}, trust.VerdictAccepted, "approved certificate-expired", "", false},
	{"certificate in force ran out, a new one is held back", func(s *scene) *exchange.Announcement {
		c := certificate(s.t, form{key: "nice", subject: "NODE_nice", until: now.Add(-time.Second)})
		s.pins("nice", func(e *trust.Entry) { e.Certificate = c.SHA256() })
		s.held.InForce[identity(s.t, "nice")] = announcement(s.t, "nice", withCertificate(c))
		return s.say("nice")
	}, trust.VerdictChanged, "certificate-reissued certificate-expired", "certificate", true},
	{"certificate not yet valid", func(s *scene) *exchange.Announcement {
		return s.say("paris", withCertificate(certificate(s.t, form{key: "paris", subject: "NODE_paris", from: now.Add(time.Hour)})))
	}, trust.VerdictPending, "not-approved certificate-not-yet-valid", "", true},
	{"equivocation of an approved one", func(s *scene) *exchange.Announcement {
		s.held.Equivocal[identity(s.t, "nice")] = true
		return s.say("nice", labelled("new"))
	}, trust.VerdictAccepted, "approved label-changed equivocation", "label", true},
	{"equivocation of a pending one", func(s *scene) *exchange.Announcement {
		s.held.Equivocal[identity(s.t, "paris")] = true
		return s.say("paris")
	}, trust.VerdictPending, "not-approved equivocation", "", true},
	{"a plain party beside Fed-BioMed", announced("paris", plain(withRole(mpspdz.PlainParty))), trust.VerdictPending, "not-approved wrong-kind", "", true},
	{"an approved plain party beside Fed-BioMed", func(s *scene) *exchange.Announcement {
		a := s.say("paris", withRole(mpspdz.PlainParty))
		s.list = approve(s.t, s.list, a)
		return a
	}, trust.VerdictAccepted, "approved wrong-kind", "", true},
	{"Fed-BioMed beside a plain party", func(s *scene) *exchange.Announcement {
		s.held.Self = announcement(s.t, "own", withRole(mpspdz.PlainParty))
		return s.say("paris")
	}, trust.VerdictPending, "not-approved wrong-kind", "", true},
	{"contested", func(s *scene) *exchange.Announcement {
		s.say("paris")
		return s.say("thief", as("NODE_paris"))
	}, trust.VerdictPending, "not-approved contested", "", true},
	{"contested only by a denied one", func(s *scene) *exchange.Announcement {
		s.list = must(s.list.Deny("NODE_paris", identity(s.t, "thief"), "", now))(s.t)
		s.say("thief", as("NODE_paris"))
		return s.say("paris")
	}, trust.VerdictPending, "not-approved", "", true},
	{"subject shared with a pending one", func(s *scene) *exchange.Announcement {
		s.say("paris")
		return s.say("thief", withCertificate(certificate(s.t, form{key: "thief", subject: "NODE_paris"})))
	}, trust.VerdictPending, "not-approved subject-shared", "", true},
	{"key shared with a pending one", func(s *scene) *exchange.Announcement {
		s.say("paris")
		return s.say("thief", withCertificate(certificate(s.t, form{key: "paris", subject: "thief"})))
	}, trust.VerdictPending, "not-approved key-shared", "", true},
	{"endpoint shared with pending ones", func(s *scene) *exchange.Announcement {
		for _, name := range []string{"paris", "lille", "metz", "brest"} {
			s.say(name, at("10.9.9.9:14001"))
		}
		return s.say("rennes", at("10.9.9.9:14001"))
	}, trust.VerdictPending, "not-approved endpoint-shared", "", true},
	{"loopback port shared with a pending one, under another name of it", func(s *scene) *exchange.Announcement {
		s.say("paris", at("localhost:14009"))
		return s.say("thief", at("127.0.0.1:14009"))
	}, trust.VerdictPending, "not-approved endpoint-shared", "", true},
	{"claims a loopback endpoint under another name of it", func(s *scene) *exchange.Announcement {
		s.held.Self.Endpoint = endpoint(s.t, "localhost:14009")
		return s.say("paris", at("127.0.0.1:14009"))
	}, trust.VerdictConflict, "claims-own-endpoint", "", true},
	{"a second researcher beside us", announced("paris", plain(withRole(mpspdz.Researcher))), trust.VerdictPending, "not-approved second-researcher", "", true},
	{"a second researcher beside an approved one", func(s *scene) *exchange.Announcement {
		s.held.Self = announcement(s.t, "own")
		s.pins("lyon", func(e *trust.Entry) { e.Role = mpspdz.Researcher })
		s.held.InForce[identity(s.t, "lyon")] = s.say("lyon", withRole(mpspdz.Researcher))
		return s.say("paris", withRole(mpspdz.Researcher))
	}, trust.VerdictPending, "not-approved second-researcher", "", true},
	{"the approved one of two researchers", func(s *scene) *exchange.Announcement {
		s.held.Self = announcement(s.t, "own")
		s.pins("lyon", func(e *trust.Entry) { e.Role = mpspdz.Researcher })
		s.say("paris", withRole(mpspdz.Researcher))
		return s.say("lyon", withRole(mpspdz.Researcher))
	}, trust.VerdictAccepted, "approved", "", false},
	{"subject and key ids shared with a pending one", func(s *scene) *exchange.Announcement {
		s.say("paris", withCertificate(certificate(s.t, form{key: "paris", subject: "same", keyIDs: true, ids: "x"})))
		return s.say("thief", withCertificate(certificate(s.t, form{key: "thief", subject: "same", keyIDs: true, ids: "x"})))
	}, trust.VerdictPending, "not-approved subject-shared", "", true},
	{"subject shared with a pending one, both have key ids", func(s *scene) *exchange.Announcement {
		s.say("paris", withCertificate(certificate(s.t, form{key: "paris", subject: "same", keyIDs: true})))
		return s.say("thief", withCertificate(certificate(s.t, form{key: "thief", subject: "same", keyIDs: true})))
	}, trust.VerdictPending, "not-approved", "", true},
}

func codes(reasons []trust.Reason) string {
	var all []string
	for _, r := range reasons {
		all = append(all, r.Code)
	}
	return strings.Join(all, " ")
}

func fields(changes []trust.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, c.Field)
	}
	return strings.Join(all, " ")
}

// TestDecide has a row for every verdict, reason and change. The texts are compared with testdata/decisions.golden.
func TestDecide(t *testing.T) {
	var texts strings.Builder
	for _, tt := range decisions {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			a := tt.make(s)
			d := trust.Decide(s.list, s.held, a, now)
			if d.Verdict != tt.verdict || codes(d.Reasons) != tt.codes || fields(d.Changes) != tt.changes || d.Hold != tt.hold {
				t.Errorf("got  %s, %q, %q, hold %v\nwant %s, %q, %q, hold %v", d.Verdict, codes(d.Reasons), fields(d.Changes), d.Hold,
					tt.verdict, tt.codes, tt.changes, tt.hold)
			}
			fmt.Fprintf(&texts, "%s: %s\n", tt.name, d.Verdict)
			for _, r := range d.Reasons {
				fmt.Fprintf(&texts, "  %s: %s\n", r.Code, told(r))
			}
			for _, c := range d.Changes {
				fmt.Fprintf(&texts, "  %-11s %s -> %s\n", c.Field, c.Old, c.New)
			}
			for _, r := range claimed(s, a) {
				fmt.Fprintf(&texts, "  (the other side) %s: %s\n", r.Code, told(r))
			}
			checkAgainstEvaluate(t, s, a, d)
		})
	}
	golden(t, "decisions.golden", texts.String())
}

// told is a reason's text with its cure.
func told(r trust.Reason) string {
	if r.Cure == "" {
		return r.Text
	}
	return r.Text + "\n    > " + r.Cure
}

// claimed is what is told of those whose values a claims.
func claimed(s *scene, a *exchange.Announcement) []trust.Reason {
	if s.held.Newest[a.Peer] != a {
		return nil
	}
	var all []trust.Reason
	for _, reasons := range trust.Evaluate(s.list, s.held, now).Claimed {
		all = append(all, reasons...)
	}
	slices.SortFunc(all, func(a, b trust.Reason) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// checkAgainstEvaluate: where the announcement is the newest held, Evaluate decides alike.
func checkAgainstEvaluate(t *testing.T, s *scene, a *exchange.Announcement, d trust.Decision) {
	t.Helper()
	if s.held.Newest[a.Peer] != a {
		return
	}
	ev := trust.Evaluate(s.list, s.held, now)
	if got := ev.Decisions[a.Peer]; fmt.Sprint(got) != fmt.Sprint(d) {
		t.Errorf("Evaluate decides\n%+v\nand Decide\n%+v", got, d)
	}
	if d.Hold && ev.InForce[a.Component] == a {
		t.Error("held back, and in force")
	}
}

// TestDecideIncoming: what is not held yet is decided on as if it were.
func TestDecideIncoming(t *testing.T) {
	for _, tt := range decisions {
		s := newScene(t)
		a := tt.make(s)
		if s.held.Newest[a.Peer] != a {
			continue
		}
		before := s.held
		before.Newest = map[peer.ID]*exchange.Announcement{}
		for p, held := range s.held.Newest {
			if p != a.Peer {
				before.Newest[p] = held
			}
		}
		want, got := trust.Decide(s.list, s.held, a, now), trust.Decide(s.list, before, a, now)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: before it is held\n%+v\nafterwards\n%+v", tt.name, got, want)
		}
	}
}
