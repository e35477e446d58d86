package main

import (
	"fmt"
	"path/filepath"

	"fbpeer/agent/api"
)

// devTable is the table of `dev`: who is which party, and how many of the others have registered it.
func (v view) devTable(snapshots []api.Snapshot) string {
	t := table{}
	t.add("PARTY", "COMPONENT", "ENDPOINT", "FINGERPRINT", "REGISTERED WITH", "PLAYER FILES")
	for _, s := range snapshots {
		party, files := "-", "-"
		if s.Set != nil {
			party, files = fmt.Sprint(s.Set.Party), "…/players/current"
		}
		t.add(party, v.short(s.Self.Component), elide(show(s.Self.Endpoint), 24), shortHash(s.Self.Fingerprint),
			fmt.Sprintf("%d of %d", registrations(snapshots, s.Self.Component), len(snapshots)-1), files)
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
	Registered  int    `json:"registered"` // how many of the others have it registered
	Rows        int    `json:"rows"`       // rows of the others in its Fed-BioMed registry
	Dir         string `json:"dir"`        // its player files
}

func devObject(root string, snapshots []api.Snapshot) devJSON {
	object := devJSON{Root: root, Parties: []devPartyJSON{}}
	if path, err := filepath.Abs(root); err == nil {
		object.Root = path
	}
	for _, s := range snapshots {
		if s.Set == nil {
			continue
		}
		object.Digest = s.Set.Digest
		object.Parties = append(object.Parties, devPartyJSON{
			Party: s.Set.Party, Component: s.Self.Component, Endpoint: s.Self.Endpoint, Fingerprint: s.Self.Fingerprint,
			Registered: registrations(snapshots, s.Self.Component), Rows: s.Rows, Dir: s.Set.Dir,
		})
	}
	return object
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

// readyLine says that all parties agree, and what the registries hold.
func readyLine(snapshots []api.Snapshot) string {
	text := fmt.Sprintf("ready: %d parties agree", len(snapshots))
	if len(snapshots) > 0 && snapshots[0].Set != nil {
		text += fmt.Sprintf(" (set %s)", shortDigest(snapshots[0].Set.Digest))
	}
	text += "."
	registries, rows := 0, -1
	for _, s := range snapshots {
		if s.Self.Role == "party" {
			continue
		}
		registries++
		if rows < 0 || s.Rows < rows {
			rows = s.Rows
		}
	}
	if registries > 0 {
		text += fmt.Sprintf(" %s hold %s each.", count(registries, "Fed-BioMed registry", "Fed-BioMed registries"), count(rows, "row"))
	}
	return text + "\n"
}

// devNames shortens ids over all components of the folder.
func devNames(snapshots []api.Snapshot) names {
	var all api.Snapshot
	for _, s := range snapshots {
		all.Peers = append(all.Peers, s.Self)
	}
	return namesOf(all)
}
