package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"fbpeer/agent/api"
	"fbpeer/agent/fleet"
)

// devTable is the table of `dev`: who is which party, and how many of the others have registered it. That those of other machines agree
// is known from their agents.
func (v view) devTable(a fleet.Agreement) string {
	t := table{}
	t.add("PARTY", "COMPONENT", "ENDPOINT", "FINGERPRINT", "REGISTERED WITH", "PLAYER FILES")
	for _, p := range devParties(a) {
		files := "…/players/current"
		if p.Elsewhere {
			files = "on another machine"
		}
		t.add(fmt.Sprint(p.Party), v.short(p.Component), elide(show(p.Endpoint), 24), shortHash(p.Fingerprint),
			fmt.Sprintf("%d of %d", p.Registered, a.Parties()-1), files)
	}
	return t.String()
}

// devJSON is `dev --json`.
type devJSON struct {
	Root    string         `json:"root"`
	Digest  string         `json:"digest"`
	Parties []devPartyJSON `json:"parties"`
}

type devPartyJSON struct {
	Party       int    `json:"party"`
	Component   string `json:"component"`
	Endpoint    string `json:"endpoint"`
	Fingerprint string `json:"fingerprint"`
	Registered  int    `json:"registered"`          // how many of the others have it registered
	Rows        int    `json:"rows"`                // rows of the others in its Fed-BioMed registry
	Dir         string `json:"dir,omitempty"`       // its player files
	Elsewhere   bool   `json:"elsewhere,omitempty"` // on another machine: --lan
}

func devObject(root string, a fleet.Agreement) devJSON {
	object := devJSON{Root: root, Parties: devParties(a)}
	if path, err := filepath.Abs(root); err == nil {
		object.Root = path
	}
	if set := a.Here[0].Set; set != nil {
		object.Digest = set.Digest
	}
	return object
}

// devParties are all who agree, in party order.
func devParties(a fleet.Agreement) []devPartyJSON {
	parties := []devPartyJSON{}
	for _, s := range a.Here {
		if s.Set != nil {
			parties = append(parties, devPartyJSON{Party: s.Set.Party, Component: s.Self.Component, Endpoint: s.Self.Endpoint,
				Fingerprint: s.Self.Fingerprint, Registered: registrations(a.Here, s.Self.Component) + len(a.Elsewhere), Rows: s.Rows, Dir: s.Set.Dir})
		}
	}
	for _, p := range a.Elsewhere {
		if p.Party != nil {
			parties = append(parties, devPartyJSON{Party: *p.Party, Component: p.Component, Endpoint: p.Endpoint, Fingerprint: p.Fingerprint,
				Registered: registrations(a.Here, p.Component) + len(a.Elsewhere) - 1, Rows: a.Parties() - 1, Elsewhere: true})
		}
	}
	slices.SortFunc(parties, func(a, b devPartyJSON) int { return cmp.Compare(a.Party, b.Party) })
	return parties
}

// registrations counts the others that have component in force.
func registrations(snapshots []api.Snapshot, component string) int {
	n := 0
	for _, s := range snapshots {
		for _, p := range ofState(s.Peers, api.StateAccepted) {
			if p.Component == component && (p.Registered == nil || *p.Registered) {
				n++
			}
		}
	}
	return n
}

// readyLine says that all parties agree, and what the registries of this machine hold.
func readyLine(a fleet.Agreement) string {
	text := fmt.Sprintf("ready: %d parties agree", a.Parties())
	if set := a.Here[0].Set; set != nil {
		text += fmt.Sprintf(" (set %s)", shortDigest(set.Digest))
	}
	text += "."
	registries, rows := 0, -1
	for _, s := range a.Here {
		if s.Self.Role == "party" {
			continue
		}
		registries++
		if rows < 0 || s.Rows < rows {
			rows = s.Rows
		}
	}
	if registries > 0 {
		where, hold, each := "", "hold", " each"
		if len(a.Elsewhere) > 0 {
			where = " here"
		}
		if registries == 1 {
			hold, each = "holds", ""
		}
		text += fmt.Sprintf(" %s%s %s %s%s.", count(registries, "Fed-BioMed registry", "Fed-BioMed registries"), where, hold, count(rows, "row"), each)
	}
	return text + "\n"
}

// devNames shortens ids over all components that agree.
func devNames(a fleet.Agreement) names {
	all := api.Snapshot{Peers: slices.Clone(a.Elsewhere)}
	for _, s := range a.Here {
		all.Peers = append(all.Peers, s.Self)
	}
	return namesOf(all)
}
