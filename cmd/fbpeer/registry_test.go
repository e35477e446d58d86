package main

import (
	"maps"
	"strings"
	"testing"

	"fbpeer/agent/api"
)

// rowTable has a row in every state, as the database of cardio's researcher may hold it.
func rowTable() api.Registry {
	row := func(document, component, kind, ip, port, state string, letter byte) api.RegistryRow {
		return api.RegistryRow{Document: document, Component: component, Kind: kind, IP: ip, Port: port, State: state, Certificate: hash(letter),
			KeySHA256: hash(letter + 1), Subject: "CN=*,O=" + component, NotBefore: pointer(noon.AddDate(-1, 0, 0)), NotAfter: pointer(noon.AddDate(4, 0, 0))}
	}
	r := api.Registry{Component: idRes, Database: "/srv/fedbiomed/var/db_" + idRes + ".json"}
	nice := row("1", idNice, "NODE", "10.221.0.2", "14001", api.RowOurs, 'i')
	nice.Alias = "nice"
	lyon := row("2", idLyon, "NODE", "10.221.0.3", "14999", api.RowOutdated, '[')
	lyon.Changes = []api.Change{{Field: "port", Old: "14999", New: "14001"}, {Field: "certificate", Old: hash('['), New: hash('a')}}
	paris := row("5", idParis, "RESEARCHER", "10.221.0.4", "14001", api.RowByHand, 'q')
	none := api.RegistryRow{Document: "6", Component: "NODE_\x1b[31mred", Kind: "NODE", IP: "::1", Port: "70000", State: api.RowByHand, Unusable: "no PEM block"}
	gone := row("7", "NODE_11112222-0b78-4f20-ab59-3d7db4765f05", "NODE", "10.221.0.9", "14001", api.RowRevoked, 'g')
	gone.NotAfter = pointer(noon.AddDate(0, 0, -1))
	r.Rows = []api.RegistryRow{nice, lyon, paris, none, gone, row("8", idRes, "RESEARCHER", "10.221.0.1", "14000", api.RowOwn, 's')}
	r.Obstacles = []api.Obstacle{
		{Code: api.ObstacleRowOutdated, Component: idLyon, Cure: "fbpeer registry sync",
			Text: idLyon + " has other values there than those in force: port 14999, not 14001; certificate " + hash('[') + ", not " + hash('a')},
		{Code: api.ObstacleRowByHand, Component: idParis, Cure: "fbpeer trust approve --registered",
			Text: idParis + " is registered by hand, and nobody approved it here; it announces this very certificate"},
		{Code: api.ObstacleRowByHand, Component: "NODE_\x1b[31mred", Cure: "let that site run fbpeer and approve it here, or remove it",
			Text: "NODE_\\x1b[31mred is registered by hand, and nobody approved it here; nothing has been heard of it"},
		{Code: api.ObstacleRowPort, Component: "NODE_\x1b[31mred", Cure: "register it anew with the right port", Text: `NODE_\x1b[31mred has no port there: "70000" is not a port (1 to 65535)`},
		{Code: api.ObstacleRowRevoked, Component: gone.Component, Cure: "fbpeer registry sync",
			Text: gone.Component + " was revoked, or the key of its certificate, and still has a row"},
		{Code: api.ObstacleRowMissing, Component: idNice, Cure: "fbpeer registry sync", Text: idNice + " is approved, and has no row"},
	}
	r.Warnings = []api.Warning{{Code: api.WarnRowForm, Text: idNice + " has its values there in another form: component RESEARCHER, not NODE, which nothing reads",
		Cure: "fbpeer registry sync"}}
	return r
}

// registryScreens are the screens of Fed-BioMed's registry.
func registryScreens() map[string]string {
	v := viewOf(cardio())
	ok := api.Registry{Component: idRes, OK: true, Rows: rowTable().Rows[:1]}
	synced := rowTable()
	synced.Written, synced.Removed = []string{idLyon}, []string{synced.Rows[4].Component}
	return map[string]string{
		"registry":              v.registryScreen(rowTable()),
		"registry-check":        viewAs(cardio()).registryCheckScreen(rowTable()),
		"registry-check-ok":     v.registryCheckScreen(ok),
		"registry-sync":         v.registrySyncScreen(cardio(), synced),
		"registry-sync-offline": viewOf(offline()).registrySyncScreen(offline(), synced),
		"registry-sync-nothing": v.registrySyncScreen(cardio(), ok),
	}
}

func TestRegistryScreensAreNarrowAndEscaped(t *testing.T) {
	all := registryScreens()
	maps.Copy(all, handScreens())
	for name, text := range all {
		for line := range strings.SplitSeq(text, "\n") {
			if displayWidth(line) > columns {
				t.Errorf("%s: %d cells: %s", name, displayWidth(line), line)
			}
		}
		if strings.Contains(text, "\x1b") {
			t.Errorf("%s holds an escape: %q", name, text)
		}
	}
}
