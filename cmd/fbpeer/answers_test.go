package main

import (
	"fmt"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

// answered is a snapshot with every site's answer to a roll call: all agree, but for the cells given as row, column, state.
func answered(s api.Snapshot, cells ...[3]string) api.Snapshot {
	otherwise := map[[2]string]string{}
	for _, c := range cells {
		otherwise[[2]string{c[0], c[1]}] = c[2]
	}
	members := matrixOrder(s)
	m := &api.Matrix{}
	for _, row := range members {
		r := api.MatrixRow{Component: row, Set: s.Set.Digest, Age: pointer(int64(2))}
		if row == s.Self.Component {
			r.Age = nil
		}
		for _, of := range members {
			state := api.CellOK
			if other := otherwise[[2]string{row, of}]; other != "" {
				state = other
			}
			if of != row {
				r.Cells = append(r.Cells, api.Cell{Of: of, State: state})
			}
		}
		m.Rows = append(m.Rows, r)
	}
	s.Matrix = m
	return s
}

// four is a federation of four in force, with Paris and Lyon called so.
func four() api.Snapshot {
	s := cardio()
	s.Peers[1].Alias = "lyon"
	paris := approved(peerOf(idParis, api.StateAccepted, "10.221.0.4:14001", 'p'), "paris", 3)
	s.Peers = append(s.Peers, paris)
	set := *s.Set
	set.Parties = append(set.Parties[:2:2],
		api.SetParty{Party: 2, Component: idParis, Alias: "paris", Endpoint: paris.Endpoint},
		api.SetParty{Party: 3, Component: idLyon, Alias: "lyon", Endpoint: "10.221.0.3:14001"})
	s.Set, s.Members, s.Connected, s.Rows = &set, 4, 3, 3
	return s
}

// withWaiting: lyon has not approved nice, paris has its old values, and a new one waits here.
func withWaiting() api.Snapshot {
	s := four()
	s.Peers = append(s.Peers, peerOf("NODE_11112222-0b78-4f20-ab59-3d7db4765f05", api.StatePending, "10.221.0.9:14001", 'q'))
	s = answered(s, [3]string{idLyon, idNice, api.CellNo}, [3]string{idParis, idNice, api.CellOld},
		[3]string{idRes, "NODE_11112222-0b78-4f20-ab59-3d7db4765f05", api.CellNew},
		[3]string{idLyon, "NODE_11112222-0b78-4f20-ab59-3d7db4765f05", api.CellNo})
	for i := range s.Matrix.Rows {
		if s.Matrix.Rows[i].Component == idLyon {
			s.Matrix.Rows[i].Set = hash('q')
		}
	}
	silence(s, "NODE_11112222-0b78-4f20-ab59-3d7db4765f05")
	return s
}

// silence: a component did not answer.
func silence(s api.Snapshot, component string) {
	for i := range s.Matrix.Rows {
		row := &s.Matrix.Rows[i]
		if row.Component != component {
			continue
		}
		row.Age, row.Set = nil, ""
		for j := range row.Cells {
			row.Cells[j].State = api.CellUnknown
		}
	}
}

// withSilence: paris did not answer, and lyon has another set in force although it has approved all.
func withSilence() api.Snapshot {
	s := answered(four())
	for i := range s.Matrix.Rows {
		if row := &s.Matrix.Rows[i]; row.Component == idLyon {
			row.Set = hash('q')
		}
	}
	silence(s, idParis)
	return s
}

// withSets is a crowd of five plain parties with sets in every state.
func withSets() api.Snapshot {
	s := crowd(5)
	for i, alias := range []string{"bob", "carol", "dave", "erin"} {
		s.Peers[i].Alias = alias
	}
	bob, carol, dave, erin := s.Peers[0], s.Peers[1], s.Peers[2], s.Peers[3]
	self := s.Self.Component
	set := func(name string, proposer api.Peer, state string, members ...string) api.NamedSet {
		return api.NamedSet{Name: name, Proposer: proposer.Component, PeerID: proposer.PeerID, State: state, Members: members, Hash: hash('s'),
			Issued: noon.Add(-3 * 60e9), Member: true}
	}
	changed := set("pilot", bob, api.SetChanged, self, bob.Component, carol.Component, dave.Component)
	changed.Proposed = []string{bob.Component, self, erin.Component, carol.Component}
	changed.Confirmed = []string{bob.Component, carol.Component}
	changed.Set = setInForce("pilot", 0, changed.Members)
	confirmed := set("trial", s.Self, api.SetConfirmed, self, carol.Component, bob.Component)
	confirmed.Confirmed = []string{self}
	confirmed.NoSet = &api.Warning{Code: "unconfirmed", Text: "not every member has confirmed it"}
	elsewhere := set("others", carol, api.SetProposed, bob.Component, carol.Component)
	elsewhere.Member = false
	gone := set("zeta", dave, api.SetWithdrawn)
	gone.Member = false
	s.Sets = []api.NamedSet{elsewhere, changed, confirmed, set("trial", erin, api.SetProposed, erin.Component, self, bob.Component),
		gone}
	s = answered(s)
	silence(s, erin.Component)
	return s
}

func setInForce(name string, own int, members []string) *api.Set {
	set := &api.Set{Digest: hash('d'), Dir: "/srv/crowd/players/" + name + "/current", Party: own, Written: noon,
		Command: fmt.Sprintf("-p %d -N %d -ip ip_addresses", own, len(members))}
	for i, component := range members {
		set.Parties = append(set.Parties, api.SetParty{Party: i, Component: component, Endpoint: fmt.Sprintf("10.0.0.%d:14000", i+1)})
	}
	return set
}

// waitsForMany is a Ready with an obstacle of many kinds, worded as the agent does it.
func waitsForMany() api.Ready {
	obstacle := func(code, component, of, text, cure string) api.Obstacle {
		return api.Obstacle{Code: code, Component: component, Of: of, Text: text, Cure: cure}
	}
	return api.Ready{Parties: four().Set.Parties, Agree: 1, Digest: four().Set.Digest, Obstacles: []api.Obstacle{
		obstacle(api.ObstacleNotHeard, "toulouse", "", "nothing has been heard of toulouse",
			"start its agent (fbpeer run), or correct the name: fbpeer peers lists who is known"),
		obstacle(api.ObstacleNotWritten, idRes, "", "the player files could not be written: no space left on device", "fbpeer status"),
		obstacle(api.ObstaclePending, idRes, idParis, "paris waits for your decision", "fbpeer trust approve "+idParis),
		obstacle(api.ObstacleMissing, idLyon, idNice, "lyon has not approved nice", "lyon's operator: fbpeer trust approve "+idNice+" (unless it was denied or revoked there)"),
		obstacle(api.ObstacleMissing, idLyon, idRes, "lyon has not approved this site ("+idRes+")", "lyon's operator: fbpeer trust approve "+idRes+" (unless it was denied or revoked there)"),
		obstacle(api.ObstacleOutdated, idParis, idNice, "paris has old values of nice",
			"settles when paris's operator approves the change: fbpeer trust approve "+idNice),
		obstacle(api.ObstacleNoAnswer, idParis, "", "paris has not answered the last roll call", "start its agent, or its connection: fbpeer run"),
		obstacle(api.ObstacleExpires, idNice, "", "the certificate of nice ends on 2026-11-23T08:00:00Z", "its site makes a new one, and the others approve it"),
	}}
}

// probed is cardio's probe, in which nobody reaches nice; ok are the other directions.
func probed() api.Probe {
	ids := []string{idRes, idNice, idLyon}
	p := api.Probe{Parties: cardio().Set.Parties}
	for i, from := range ids {
		for j, to := range ids {
			if i == j {
				continue
			}
			c := api.ProbeCell{From: from, To: to, Endpoint: cardio().Set.Parties[j].Endpoint, Result: api.ProbeOK, Millis: int64(10*i + j), At: noon}
			if to == idNice {
				c.Result, c.Millis = api.ProbeRefused, 0
				c.Text = "nothing listens at 10.221.0.2:14001, though nice has opened its port (the agent itself is connected)"
				c.Cure = "nice's operator: the firewall or the container does not let port 14001 through"
				p.Obstacles = append(p.Obstacles, api.Obstacle{Code: api.ProbeRefused, Component: idNice, Of: from, Text: "refused"})
			}
			p.Cells = append(p.Cells, c)
		}
	}
	return p
}

// probedMany has every result, in a federation of n parties.
func probedMany(n int) api.Probe {
	s := crowd(n)
	p := api.Probe{Parties: s.Set.Parties}
	results := []string{api.ProbeUnresolved, api.ProbeTimeout, api.ProbeBusy, api.ProbeNotOpened, api.ProbeUnknownCertificate, api.ProbeNameRefused,
		api.ProbeExpired, api.ProbeWrongParty, api.ProbeNoAgent, api.ProbeFailed, "shiny-new"}
	for _, from := range s.Set.Parties {
		for _, to := range s.Set.Parties {
			if from == to {
				continue
			}
			c := api.ProbeCell{From: from.Component, To: to.Component, Endpoint: to.Endpoint, Result: api.ProbeOK, Millis: 12, At: noon}
			if i := to.Party - 1; from.Party == 0 && i < len(results) {
				c.Result, c.Millis = results[i], 0
				c.Text, c.Cure = "the agent says of "+to.Component+" why", "fbpeer players check, or "+to.Component+"'s operator: fbpeer status"
				p.Obstacles = append(p.Obstacles, api.Obstacle{Code: results[i], Component: to.Component, Of: from.Component})
			}
			p.Cells = append(p.Cells, c)
		}
	}
	return p
}

// waitsForTwo is the case of the screen that an operator sees most.
func waitsForTwo() api.Ready {
	return api.Ready{Parties: four().Set.Parties, Agree: 2, Digest: four().Set.Digest, Obstacles: []api.Obstacle{
		{Code: api.ObstacleMissing, Component: idLyon, Of: idNice, Text: "lyon has not approved nice",
			Cure: "lyon's operator: fbpeer trust approve " + idNice},
		{Code: api.ObstacleOutdated, Component: idParis, Of: idNice, Text: "paris has old values of nice",
			Cure: "paris's operator: fbpeer trust approve " + idNice},
	}}
}

// crowdWaits: many sites have not approved many.
func crowdWaits(n int) api.Snapshot {
	s := crowd(n)
	var cells [][3]string
	for i := 1; i < n; i += 2 {
		for j := range n {
			cells = append(cells, [3]string{s.Set.Parties[i].Component, s.Set.Parties[j].Component, []string{api.CellNo, api.CellOld, api.CellOK}[j%3]})
		}
	}
	return answered(s, cells...)
}

func plainParties() partiesJSON {
	return partiesJSON{Digest: hash('d'), Parties: crowd(2).Set.Parties, Command: "-p 0 -N 2 -ip ip_addresses"}
}

// unanswered is a snapshot as a site that asked nobody has it: its own row alone is known.
func unanswered(s api.Snapshot) api.Snapshot {
	own := map[string]string{}
	members := []string{s.Self.Component}
	for _, p := range s.Peers {
		if state := agent.OwnCell(p); state != "" && own[p.Component] == "" {
			own[p.Component] = state
			members = append(members, p.Component)
		}
	}
	s.Matrix = &api.Matrix{}
	for _, row := range members {
		r := api.MatrixRow{Component: row}
		for _, of := range members {
			switch {
			case of == row:
			case row == s.Self.Component:
				r.Cells = append(r.Cells, api.Cell{Of: of, State: own[of]})
			default:
				r.Cells = append(r.Cells, api.Cell{Of: of, State: api.CellUnknown})
			}
		}
		s.Matrix.Rows = append(s.Matrix.Rows, r)
	}
	return s
}
