package main

import (
	"strings"
	"testing"
	"unicode"

	"fbpeer/agent/api"
	"fbpeer/mpspdz"
)

// playersScreens are those of `players check` and `players write`.
func playersScreens() map[string]string {
	v := viewOf(four())
	checked := func(digest string, chosen selection, findings ...mpspdz.Finding) string {
		r := checkJSON{Dir: "/srv/mp-spdz", Digest: digest}
		r.Obstacles, r.Warnings = v.findingsJSON(findings, r.Dir, chosen, false)
		return v.checkScreen(r)
	}
	const write = "write the player files anew: fbpeer players write --dir DIR"
	swapped := []mpspdz.Finding{
		{Code: mpspdz.FolderStranger, Error: true, Where: "Player-Data/P7.pem", Cure: "remove P7.pem and 1a2b3c4d.0",
			Text: "CN=*,O=NODE_7 is trusted through 1a2b3c4d.0, and it is no party's: whoever holds its key is let in"},
		{Code: mpspdz.FolderWrongOrder, Error: true, Where: "ip_addresses:2", Component: idLyon, Cure: write,
			Text: "line 2 is party 1, and it is " + idLyon + "'s address (10.221.0.3:14001): " + idLyon + " is party 2, and party 1 is " + idNice + " at 10.221.0.2:14001"},
		{Code: mpspdz.FolderWrongOrder, Error: true, Where: "ip_addresses:3", Component: idNice, Cure: write,
			Text: "line 3 is party 2, and it is " + idNice + "'s address (10.221.0.2:14001): " + idNice + " is party 1, and party 2 is " + idLyon + " at 10.221.0.3:14001"},
		{Code: mpspdz.FolderSurplus, Where: "Player-Data/a-certificate-with-a-long-name.pem", Cure: "remove a-certificate-with-a-long-name.pem",
			Text: "CN=*,O=NODE_8 is no party's; nothing leads to it now, but openssl rehash would"},
		{Code: mpspdz.FolderMembership, Where: "Player-Data", Cure: "let fbpeer ready compare the order before a run",
			Text: "the name proves membership, not which party: another party's key would pass too, and swapped lines go unnoticed (CN *): P0.pem, P1.pem and P2.pem"},
	}
	done := writtenJSON{Dir: "/srv/mp-spdz", Digest: four().Set.Digest, Party: 0, Parties: four().Set.Parties,
		Written: []string{"a", "b", "c"}, Removed: []string{"Player-Data/P7.pem", "Player-Data/1a2b3c4d.0"}, Command: "-p 0 -N 4 -ip ip_addresses"}
	again := done
	again.Written, again.Removed, again.Command = nil, nil, ""
	again.Obstacles, again.Warnings = v.findingsJSON(swapped[4:], again.Dir, selection{}, false)
	many := make([]mpspdz.Finding, 60)
	for i := range many {
		many[i] = swapped[0]
	}
	return map[string]string{
		"players-check":       checked(four().Set.Digest, selection{name: "trial"}, swapped...),
		"players-check-alone": checked("", selection{}, swapped[0]),
		"players-check-sound": checked(four().Set.Digest, selection{}),
		"players-check-many":  checked(four().Set.Digest, selection{}, many...),
		"players-write":       v.writtenScreen(done),
		"players-write-again": v.writtenScreen(again),
	}
}

func TestPlayersScreens(t *testing.T) {
	for name, screen := range playersScreens() {
		for line := range strings.SplitSeq(screen, "\n") {
			if displayWidth(line) > columns {
				t.Errorf("%s: %d columns: %s", name, displayWidth(line), line)
			}
		}
	}
	// Nothing in a folder's name or a finding reaches the terminal.
	v := viewOf(api.Snapshot{})
	hostile := []mpspdz.Finding{{Error: true, Where: "\x1b[2J\nforged", Text: "\x1b[2J\nforged", Cure: "\x1b[2J\nfbpeer players write --dir DIR"}}
	r := checkJSON{Dir: "\x1b]0;x\a\nforged"}
	r.Obstacles, r.Warnings = v.findingsJSON(hostile, r.Dir, selection{name: "\x1b"}, false)
	w := writtenJSON{Dir: r.Dir, Obstacles: r.Obstacles, Removed: []string{"\x1b\nforged"}, Command: "\x1b"}
	for _, screen := range []string{v.checkScreen(r), v.writtenScreen(w)} {
		for _, c := range screen {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Errorf("%q reached the terminal in %q", c, screen)
			}
		}
		if strings.Contains(screen, "\nforged") || strings.Contains(screen, "\n  forged") {
			t.Errorf("a name made a line of its own: %q", screen)
		}
	}
}

// What is printed can be pasted where one stands, whatever the folder is called.
func TestPlayersCures(t *testing.T) {
	v := viewOf(four())
	cures := func(dir string, chosen selection, findings ...mpspdz.Finding) (all []string) {
		obstacles, warnings := v.findingsJSON(findings, dir, chosen, false)
		for _, f := range append(obstacles, warnings...) {
			all = append(all, f.Cure)
		}
		return all
	}
	parties := selection{words: []string{"bob", "carol"}}
	rewrite := mpspdz.Finding{Code: mpspdz.FolderPartyCount, Error: true, Where: "ip_addresses", Cure: "write the player files anew: fbpeer players write --dir DIR"}
	for _, test := range []struct {
		chosen  selection
		finding []mpspdz.Finding
		want    string
	}{
		{selection{}, mpspdz.CheckKeyMode("Player-Data/P1.key", 0o644), "chmod 600 '../my run/Player-Data/P1.key'"},
		{selection{}, []mpspdz.Finding{{Where: "Player-Data", Cure: "make the hash links anew: openssl rehash Player-Data"}},
			"make the hash links anew: openssl rehash '../my run/Player-Data'"},
		{parties, []mpspdz.Finding{rewrite}, "write the player files anew: fbpeer players write --dir '../my run' --parties bob,carol"},
		{selection{}, []mpspdz.Finding{rewrite, {Code: mpspdz.FolderStranger, Cure: "remove x"}}, "write the player files anew: fbpeer players write --dir '../my run' --prune"},
		{selection{}, []mpspdz.Finding{{Code: mpspdz.FolderDangling, Cure: "away: fbpeer players write --dir DIR --prune"}}, "away: fbpeer players write --dir '../my run' --prune"},
		{parties, []mpspdz.Finding{{Code: mpspdz.FolderMembership, Cure: `set "[players] certificates = per-party" at that party`}},
			"numbered certificates are issued for sets that are proposed: fbpeer set propose NAME --parties bob,carol"},
	} {
		if got := cures("../my run", test.chosen, test.finding...); got[0] != test.want {
			t.Errorf("got %q, want %q", got[0], test.want)
		}
	}
	r := checkJSON{Dir: "run", Digest: four().Set.Digest, others: true}
	if got := v.checkScreen(r); !strings.Contains(got, ", the default one; another: --set or --parties\n") {
		t.Errorf("%q", got)
	}
}
