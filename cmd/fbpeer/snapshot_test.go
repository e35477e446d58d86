package main

import (
	"fmt"
	"time"

	"fbpeer/agent/api"
)

// noon is the time of every rendered screen.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	idRes   = "RESEARCHER_d638de88-772c-4835-8b5c-4cd5c6fb3882"
	idNice  = "NODE_983ee25b-4c76-4550-9729-8008e522e39d"
	idLyon  = "NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05"
	idParis = "NODE_9835aaaa-0b78-4f20-ab59-3d7db4765f05"
)

// hash is a well-formed "SHA256:…" of one letter.
func hash(letter byte) string {
	out := make([]byte, 43)
	for i := range out {
		out[i] = letter
	}
	out[42] = 'A'
	return "SHA256:" + string(out)
}

func pointer[T any](v T) *T { return &v }

// peerOf is one that was heard, connected and complete.
func peerOf(component, state, endpoint string, letter byte) api.Peer {
	role := "node"
	if component == idRes {
		role = "researcher"
	}
	return api.Peer{
		Component: component, Role: role, State: state, PeerID: "12D3KooW" + string(letter) + "yv5yGh3oRf1Lq", Fingerprint: hash(letter),
		Words:    []string{"cargo", "velvet", "tiny", "orbit", "lemon", "glide", "prison", "amount"},
		Endpoint: endpoint,
		Certificate: &api.Certificate{
			SHA256: hash(letter + 1), BLAKE2b128: "00112233445566778899aabbccddeeff", KeySHA256: hash(letter + 2), Subject: "CN=*,O=" + component,
			NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(5, 0, 0), KeyType: "RSA-2048",
			WorksWith: "works with MP-SPDZ up to 0.4.0 (CN *)",
		},
		Announcement: hash(letter + 3), Sequence: 1795348800000, Issued: pointer(noon.Add(-time.Hour)), Expires: pointer(noon.Add(167 * time.Hour)),
		LastHeard: pointer(noon.Add(-12 * time.Second)), Connected: pointer(true), From: "10.221.0.2", Via: "mdns",
	}
}

func approved(p api.Peer, alias string, party int) api.Peer {
	p.Alias, p.Party, p.Registered = alias, pointer(party), pointer(true)
	p.ApprovedAt, p.ApprovedBy = pointer(noon.AddDate(0, 0, -20)), "alice@hospital-a"
	return p
}

// cardio is a federation of three in force, seen from the researcher's site.
func cardio() api.Snapshot {
	self := peerOf(idRes, "", "10.221.0.1:14000", 'r')
	self.Party, self.LastHeard, self.Connected, self.From, self.Via = pointer(0), nil, nil, "", ""
	self.Sources = []api.Setting{
		{Name: "component.ip", Value: "10.221.0.1", Source: "environment MPSPDZ_IP"},
		{Name: "component.certificate", Value: "certs/cert_" + idRes + "/MPSPDZ_certificate.pem", Source: "etc/config_researcher.ini: [mpspdz] public_key"},
		{Name: "agent.mdns", Value: "true", Source: "default"},
		{Name: "agent.announce", Source: "default"},
	}
	return api.Snapshot{
		Federation: "cardio",
		Self:       self,
		Peers: []api.Peer{
			approved(peerOf(idNice, api.StateAccepted, "10.221.0.2:14001", 'h'), "nice", 1),
			approved(peerOf(idLyon, api.StateAccepted, "10.221.0.3:14001", 'Z'), "", 2),
		},
		Set: &api.Set{
			Digest: "7be1c09a00000000000000000000000000000000000000000000000000000000",
			Parties: []api.SetParty{
				{Party: 0, Component: idRes, Endpoint: "10.221.0.1:14000"},
				{Party: 1, Component: idNice, Alias: "nice", Endpoint: "10.221.0.2:14001"},
				{Party: 2, Component: idLyon, Endpoint: "10.221.0.3:14001"},
			},
			Dir: "/srv/fedbiomed/var/fbpeer/" + idRes + "/players/current", Party: 0, Command: "-p 0 -N 3 -ip ip_addresses",
			Written: noon.Add(-3 * time.Hour),
		},
		Connected: 2, Members: 3, LastChange: noon.Add(-165 * time.Minute), Running: true, State: "/srv/fedbiomed/var/fbpeer/" + idRes, Rows: 2,
		Listen: []string{"/ip4/10.221.0.1/tcp/4100/p2p/12D3KooWryv5yGh3oRf1Lq"},
	}
}

// withPending adds a new one that shares its first digits with nice.
func withPending() api.Snapshot {
	s := cardio()
	p := peerOf(idParis, api.StatePending, "10.221.0.4:14001", 'p')
	p.Label, p.Secagg = "Hospital of Paris", "optional"
	s.Peers = append(s.Peers, p)
	s.Members, s.Connected = 4, 3
	return s
}

// withPlainParty lets the new one be a plain party.
func withPlainParty() api.Snapshot {
	s := withPending()
	s.Peers[2].Role = "party"
	return s
}

// withChange lets nice announce another port.
func withChange() api.Snapshot {
	s := cardio()
	p := &s.Peers[0]
	p.State = api.StateChanged
	p.Changes = []api.Change{{Field: "port", Old: "14001", New: "14901"}}
	p.Announced = &api.Announced{
		Component: idNice, Role: "node", Endpoint: "10.221.0.2:14901", Certificate: *p.Certificate, Fingerprint: p.Fingerprint, Words: p.Words,
		Hash: hash('n'), Issued: noon.Add(-time.Minute),
	}
	return s
}

// withNewKey lets nice announce another key, before a set was in force.
func withNewKey() api.Snapshot {
	s := withChange()
	s.Set, s.Self.Party, s.NoSet = nil, nil, withoutSet().NoSet
	p := &s.Peers[0]
	p.Party, p.Registered = nil, nil
	p.Changes = []api.Change{{Field: "key", Old: hash('j'), New: hash('k')}, {Field: "certificate", Old: hash('i'), New: hash('l')}}
	p.Announced.Fingerprint, p.Announced.Words = hash('m'), []string{"rapid", "civil", "lunar", "stone", "wagon", "inner", "flame", "trust"}
	p.Announced.Certificate.KeySHA256 = hash('k')
	p.Reasons = []api.Warning{{Code: "key-endorsed", Text: "NODE_x now announces another key, which the approved one endorses"}}
	return s
}

// withConflict lets a component of another name claim nice's identity and key.
// withOwnEndpoint: another site announces the same endpoint as we do.
func withOwnEndpoint() api.Snapshot {
	s := withConflict()
	p := &s.Peers[0]
	p.Changes = nil
	p.Reasons = []api.Warning{{Code: "claims-own-endpoint", Text: "announces 127.0.0.1:14000, which is also yours: one of the two must change its MP-SPDZ address or port",
		Cure: "agree with its operator on who changes it"}}
	return s
}

func withConflict() api.Snapshot {
	s := cardio()
	p := peerOf(idParis, api.StateConflict, "10.221.0.2:14001", '0')
	p.PeerID = "12D3KooWMvyvKxYcy9mjbFbXcogFSCvENzQ62ogRxHKZaksFCkAp"
	p.Changes = []api.Change{
		{Field: "component", Old: idNice, New: idParis},
		{Field: "identity", Old: "12D3KooWPqT2nMDSiXUSx5D7fasaxhxKigVhcqfkKqrLghCq9jxz", New: p.PeerID},
	}
	p.Reasons = []api.Warning{{Code: "key", Text: "claims an approved component's key"}}
	s.Peers = append([]api.Peer{p}, s.Peers...)
	return s
}

// alone has heard nobody, and its agent does not run.
func alone() api.Snapshot {
	s := withoutSet()
	s.Peers, s.Running, s.Members, s.Connected = nil, false, 1, 0
	return s
}

// offline is cardio from the stores.
func offline() api.Snapshot {
	s := cardio()
	s.Running = false
	return s
}

// withImpostor lets another identity claim to be nice.
func withImpostor() api.Snapshot {
	s := cardio()
	p := peerOf(idNice, api.StateConflict, "10.221.0.77:14001", '0')
	p.Words = []string{"rapid", "civil", "lunar", "stone", "wagon", "inner", "flame", "trust"}
	p.From = "10.221.0.77"
	p.Reasons = []api.Warning{{Code: "identity", Text: "claims an approved component with another identity"}}
	s.Peers = append([]api.Peer{p}, s.Peers...)
	return s
}

// withoutSet has nothing but pending ones.
func withoutSet() api.Snapshot {
	s := cardio()
	s.Set, s.Self.Party = nil, nil
	s.NoSet = &api.Warning{Code: "too-few", Text: "a Fed-BioMed set needs at least 3 components, 1 is approved", Cure: "fbpeer trust pending"}
	for i := range s.Peers {
		p := peerOf(s.Peers[i].Component, api.StatePending, s.Peers[i].Endpoint, "hZ"[i])
		s.Peers[i] = p
	}
	return s
}

// crowd is a federation of n plain parties.
func crowd(n int) api.Snapshot {
	s := api.Snapshot{Federation: "crowd", Running: true, Members: n, Connected: n - 1}
	s.Set = &api.Set{Digest: "00000000", Dir: "/srv/crowd/players/current", Written: noon, Command: "-p 0"}
	for i := range n {
		id := fmt.Sprintf("PARTY_%08x-0b78-4f20-ab59-3d7db4765f05", i*0x01010101)
		p := peerOf(id, api.StateAccepted, fmt.Sprintf("10.0.0.%d:14000", i+1), 'a')
		p.Role, p.PeerID, p.Party = "party", fmt.Sprintf("12D3KooW%04d", i), pointer(i)
		s.Set.Parties = append(s.Set.Parties, api.SetParty{Party: i, Component: id, Endpoint: p.Endpoint})
		if i == 0 {
			p.State = ""
			s.Self = p
			continue
		}
		s.Peers = append(s.Peers, p)
	}
	return s
}

// hostile is a snapshot whose texts carry what a terminal would act on.
func hostile() api.Snapshot {
	const evil = "Nice\x1b[2J\x1b]0;owned\x07\r\nforged line\u202egnp.exe\u200b"
	s := withChange()
	for i := range s.Peers {
		p := &s.Peers[i]
		p.Label, p.Alias, p.From, p.Endpoint = evil, evil, evil, evil
		p.Certificate = &api.Certificate{Subject: evil, KeyType: evil, WorksWith: evil}
		p.Warnings = []api.Warning{{Code: evil, Text: evil, Cure: evil}}
		p.Reasons = p.Warnings
		p.Changes = []api.Change{{Field: evil, Old: evil, New: evil}}
		p.Words = []string{evil}
	}
	s.Warnings = []api.Warning{{Code: evil, Text: evil, Cure: evil}}
	s.Federation = evil
	impostor := s.Peers[0]
	impostor.State, impostor.PeerID = api.StateConflict, evil
	other := s.Peers[0]
	other.State, other.Component = api.StatePending, evil
	s.Peers = append(s.Peers, impostor, other)
	return s
}
