package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"fbpeer/agent/api"
	"fbpeer/agent/fleet"
)

var update = flag.Bool("update", false, "write the golden screens anew")

func viewOf(s api.Snapshot) view {
	return view{now: noon, prog: "fbpeer", names: namesOf(s), keys: s.Keys}
}

// viewAs is the view of somebody who says which component is meant.
func viewAs(s api.Snapshot) view {
	return view{now: noon, prog: "fbpeer --config res.ini", names: namesOf(s)}
}

// screens renders every screen of a snapshot.
func screens(s api.Snapshot) map[string]string {
	if s.Matrix == nil {
		s = unanswered(s)
	}
	v := viewOf(s)
	out := map[string]string{
		"status":  v.statusScreen(s),
		"peers":   v.peersScreen(s),
		"pending": v.pendingScreen(s),
		"list":    v.trustScreen(s, "/srv/trust.ini"),
		"id":      v.idScreen(s),
	}
	for _, p := range s.Peers {
		out["show-"+p.State] = v.showScreen(p)
		out["question-"+p.State] = v.question(s, p)
	}
	if s.Set != nil {
		out["players"] = v.playersScreen(*s.Set, s.Self.Role == "party")
	}
	out["sets"] = v.setsScreen(s)
	for _, set := range s.Sets {
		out["confirm-"+set.State+"-"+set.Name] = v.setQuestion(s, set)
	}
	return out
}

func TestScreens(t *testing.T) {
	demo := fleet.Agreement{Here: demoSnapshots()}
	lan := lanAgreement()
	dev := view{now: noon, prog: "fbpeer", names: devNames(demo)}
	tests := map[string]string{
		"status-in-force":     screens(cardio())["status"],
		"status-pending":      screens(withPending())["status"],
		"status-changed":      screens(withChange())["status"],
		"status-impostor":     screens(withImpostor())["status"],
		"status-no-set":       screens(withoutSet())["status"],
		"status-crowd":        screens(crowd(30))["status"],
		"peers":               screens(withPending())["peers"],
		"peers-impostor":      screens(withImpostor())["peers"],
		"pending":             screens(withPending())["pending"],
		"pending-changed":     screens(withChange())["pending"],
		"trust-list":          screens(withPending())["list"],
		"show":                screens(cardio())["show-accepted"],
		"show-changed":        screens(withChange())["show-changed"],
		"question-new":        screens(withPending())["question-pending"],
		"question-changed":    screens(withChange())["question-changed"],
		"status-key":          screens(withNewKey())["status"],
		"pending-key":         screens(withNewKey())["pending"],
		"status-conflict":     screens(withConflict())["status"],
		"status-own-endpoint": screens(withOwnEndpoint())["status"],
		"status-nobody":       screens(alone())["status"],
		"question-replace":    screens(withImpostor())["question-conflict"],
		"id":                  screens(cardio())["id"],
		"players":             screens(cardio())["players"],
		"players-party":       screens(crowd(3))["players"],
		"status-waiting":      screens(withWaiting())["status"],
		"status-silence":      screens(withSilence())["status"],
		"status-agreed":       screens(answered(four()))["status"],
		"status-sets":         screens(withSets())["status"],
		"status-crowd-waits":  screens(crowdWaits(30))["status"],
		"sets":                screens(withSets())["sets"],
		"confirm-proposed":    screens(withSets())["confirm-proposed-trial"],
		"confirm-changed":     screens(withSets())["confirm-changed-pilot"],
		"ready":               viewOf(four()).readyScreen(four(), api.Ready{OK: true, Parties: four().Set.Parties, Digest: four().Set.Digest}),
		"ready-not":           viewOf(four()).readyScreen(four(), waitsForTwo()),
		"ready-not-all":       viewAs(four()).readyScreen(four(), waitsForMany()),
		"probe":               viewOf(cardio()).probeScreen(cardio(), probed()),
		"probe-wide":          viewOf(crowd(13)).probeScreen(crowd(13), probedMany(13)),
		"players-parties":     viewOf(cardio()).partiesScreen(partiesJSON{Digest: hash('d'), Parties: cardio().Set.Parties}, selection{words: []string{"nice", "lyon"}}),
		"players-plain":       viewOf(crowd(3)).partiesScreen(plainParties(), selection{words: []string{"bob"}}),
		"dev":                 dev.devTable(demo) + "\n" + readyLine(demo),
		"dev-lan":             view{now: noon, prog: "fbpeer", names: devNames(lan)}.devTable(lan) + "\n" + readyLine(lan),
		"consequences-offline": viewOf(offline()).consequences(offline(), api.ActionRevoke, idNice,
			api.Outcome{NoSet: withoutSet().NoSet, Rows: []string{idNice}}),
		"consequences-waiting": viewOf(cardio()).consequences(cardio(), api.ActionApprove, idNice, api.Outcome{Set: cardio().Set, Rows: []string{idNice},
			Waiting: &api.Warning{Code: api.WarnWaitingCertificates, Text: "waiting for the certificates that these issue for their numbers in this set: " + idNice + ", " + idLyon}}),
		"consequences": viewOf(cardio()).consequences(cardio(), api.ActionApprove, idNice, api.Outcome{Set: cardio().Set, Rows: []string{idNice}}),
	}
	maps.Copy(tests, playersScreens())
	maps.Copy(tests, policyScreens())
	maps.Copy(tests, registryScreens())
	maps.Copy(tests, handScreens())
	maps.Copy(tests, certScreens())
	maps.Copy(tests, generateScreens())
	maps.Copy(tests, changeScreens())
	maps.Copy(tests, cardScreens())
	maps.Copy(tests, nextScreens())
	for name, got := range tests {
		t.Run(name, func(t *testing.T) {
			golden := filepath.Join("testdata", "screens", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// demoSnapshots are three components of `dev --demo 3`, each with the two others accepted.
func demoSnapshots() []api.Snapshot {
	ids := []string{idRes, idNice, idLyon}
	var all []api.Snapshot
	for i, id := range ids {
		s := cardio()
		s.Federation = "dev"
		s.Self = peerOf(id, "", []string{"localhost:14000", "localhost:14002", "localhost:14001"}[i], "rhZ"[i])
		set := *s.Set
		set.Party = i
		s.Set, s.Peers, s.Rows = &set, nil, 2
		for j, other := range ids {
			if i != j {
				s.Peers = append(s.Peers, approved(peerOf(other, api.StateAccepted, "localhost:14000", "rhZ"[j]), "", j))
			}
		}
		all = append(all, s)
	}
	return all
}

// lanAgreement is `dev --lan` with the first two of them here, and the third on another machine.
func lanAgreement() fleet.Agreement {
	all := demoSnapshots()
	third := 2
	other := all[third].Self
	other.State, other.Party, other.Endpoint = api.StateAccepted, &third, "10.0.0.2:14000"
	all[0].Self.Endpoint, all[1].Self.Endpoint = "10.0.0.1:14000", "10.0.0.1:14001"
	return fleet.Agreement{Here: all[:2], Elsewhere: []api.Peer{other}}
}

func TestScreensFitAndAreClean(t *testing.T) {
	all := map[string]api.Snapshot{
		"cardio": cardio(), "pending": withPending(), "changed": withChange(), "impostor": withImpostor(), "none": withoutSet(), "key": withNewKey(), "conflict": withConflict(),
		"crowd": crowd(255), "dozen": crowd(12), "hostile": hostile(), "waiting": withWaiting(), "silence": withSilence(), "sets": withSets(),
		"crowd waits": crowdWaits(255), "next": withNextKey(), "next key": withNewKeyOf("key-endorsed"), "next id": withNextID(), "taken over": withTakenOver(),
		"rivals": withRivals(200), "policies": withPolicies(true, true),
	}
	for name, s := range all {
		for screen, text := range screens(s) {
			for line := range strings.SplitSeq(text, "\n") {
				// Hostile text is long because it is escaped; paths and hashes of `show` and `id` are whole.
				if name != "hostile" && displayWidth(line) > columns && !strings.Contains(line, "/srv/") && !strings.Contains(line, "certs/") {
					t.Errorf("%s, %s: %d columns: %s", name, screen, displayWidth(line), line)
				}
				for _, r := range line {
					if !unicode.IsPrint(r) {
						t.Errorf("%s, %s: %q reached the terminal in %q", name, screen, r, line)
					}
				}
			}
			if strings.Contains(text, "\nforged") {
				t.Errorf("%s, %s: a label made a line of its own", name, screen)
			}
		}
	}
	for line := range strings.SplitSeq(viewOf(cardio()).devTable(lanAgreement()), "\n") {
		if displayWidth(line) > columns {
			t.Errorf("dev: %d columns: %s", displayWidth(line), line)
		}
	}
}

func TestJSONIsCleanAndUnchanged(t *testing.T) {
	s := hostile()
	data, err := marshalJSON(peersOf(s))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range string(data) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%q reached the terminal in %s", r, data)
		}
	}
	var back peersJSON
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Peers[0].Label != s.Peers[0].Label {
		t.Errorf("label %q came back as %q", s.Peers[0].Label, back.Peers[0].Label)
	}
	// Characters beyond the 16-bit plane need two escapes.
	data, err = marshalJSON(map[string]string{"x": "\U000e0041"})
	if err != nil || !bytes.Contains(data, []byte(`\udb40\udc41`)) {
		t.Errorf("got %s, %v", data, err)
	}
}

func TestJSONFields(t *testing.T) {
	empty := api.Snapshot{Federation: "cardio"}
	data, err := marshalJSON(peersOf(empty))
	if err != nil || !bytes.Contains(data, []byte(`"peers": []`)) {
		t.Errorf("no peers must be an empty list: %s, %v", data, err)
	}
	s := withSets()
	data, err = marshalJSON(statusOf(s))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"federation", "self", "peers", "set", "sets", "matrix"} {
		if fields[name] == nil {
			t.Errorf("status --json lacks %s", name)
		}
	}
}

func TestObstacles(t *testing.T) {
	expired := cardio()
	expired.Peers[0].Warnings = []api.Warning{{Code: api.WarnAnnouncementExpired}}
	certificate := cardio()
	certificate.Peers[1].Warnings = []api.Warning{{Code: api.WarnCertificateExpired}}
	harmless := cardio()
	harmless.Warnings = []api.Warning{{Code: api.WarnDiscovery, Text: "mDNS could not start"}}
	wrong := cardio()
	wrong.Warnings = []api.Warning{{Code: api.WarnTrustList, Error: true}}
	own := cardio()
	own.Self.Warnings = []api.Warning{{Code: api.WarnCertificateExpired, Error: true}}
	stranger := withPending()
	stranger.Peers[2].Warnings = []api.Warning{{Code: api.WarnCertificateExpired, Error: true}}
	tests := []struct {
		name string
		s    api.Snapshot
		ok   bool
	}{
		{"in force", cardio(), true},
		{"pending alone", withPending(), true},
		{"pending with a warning", stranger, true},
		{"changed", withChange(), false},
		{"contradicted", withImpostor(), false},
		{"announcement expired", expired, false},
		{"certificate expired", certificate, false},
		{"no set", withoutSet(), false},
		{"warning", harmless, true},
		{"error", wrong, false},
		{"own error", own, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := obstacles(tt.s)
			if (len(found) == 0) != tt.ok {
				t.Errorf("obstacles %q", found)
			}
			ready := !strings.Contains(viewOf(tt.s).headline(tt.s), "NOT READY")
			if ready != tt.ok {
				t.Errorf("headline %q", viewOf(tt.s).headline(tt.s))
			}
		})
	}
}

func TestNames(t *testing.T) {
	n := namesOf(withPending())
	for id, want := range map[string]string{idRes: "RESEARCHER_d638…", idNice: "NODE_983e…", idParis: "NODE_9835…", idLyon: "NODE_f4dd…"} {
		if got := n.short(id); got != want {
			t.Errorf("short(%s) = %s, want %s", id, got, want)
		}
	}
	twins := api.Snapshot{Peers: []api.Peer{{Component: "NODE_12345678-aaaa"}, {Component: "NODE_12345678-aabb"}, {Component: "alice"}}}
	n = namesOf(twins)
	if got := n.short("NODE_12345678-aaaa"); got != "NODE_12345678-aaaa" {
		t.Errorf("shortened beyond what is unique: %s", got)
	}
	if got := n.short("alice"); got != "alice" {
		t.Errorf("a plain name was shortened: %s", got)
	}
}

func TestWidths(t *testing.T) {
	tb := table{}
	tb.add("日本", "x")
	tb.add("abcd", "y")
	tb.add("e\u0301", "z")
	if got, want := tb.String(), "日本  x\nabcd  y\ne\u0301     z\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	if got := elide("日本語", 4); got != "日…" {
		t.Errorf("elide: %q", got)
	}
	long := strings.Repeat("word ", 60)
	for line := range strings.SplitSeq(wrap("WARNING  ", long, "         "), "\n") {
		if displayWidth(line) > columns {
			t.Errorf("wrap: %d columns", displayWidth(line))
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, false)
	defer p.end()
	const few, other = "2 components in etc/, at least 3 are needed", "etc/x.ini: no id"
	p.show(fleet.Progress{Waiting: few, Components: 2})
	p.explain()
	p.show(fleet.Progress{Waiting: few + "\n" + other, Components: 2})
	p.explain()
	steps := []fleet.Progress{
		{Components: 3, Connected: 1, Elapsed: 100 * time.Millisecond},
		{Components: 3, Connected: 3, Registered: 2, Elapsed: 200 * time.Millisecond, Waiting: "passes by itself"},
		{Components: 3, Connected: 3, Registered: 6, Written: 3, Elapsed: 450 * time.Millisecond},
		{Components: 3, Connected: 3, Registered: 5, Written: 2, Elapsed: time.Second},
		{Components: 3, Connected: 3, Registered: 6, Written: 3, Elapsed: 2 * time.Second},
	}
	for _, s := range steps {
		p.show(s)
	}
	want := `waiting: 2 components in etc/, at least 3 are needed
waiting: etc/x.ini: no id
connecting        3 of 3   0.2 s
registering       6 of 6   0.5 s
writing           3 of 3   0.5 s
registering       6 of 6   2.0 s
writing           3 of 3   2.0 s
`
	if out.String() != want {
		t.Errorf("got:\n%s", out.String())
	}
	if got := missing(steps[1]); got != "registering 2 of 6, writing 0 of 3" {
		t.Errorf("missing: %s", got)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, true)
	p.show(fleet.Progress{Components: 3, Connected: 1, Elapsed: time.Second})
	p.show(fleet.Progress{Components: 3, Connected: 3, Elapsed: time.Second})
	p.end()
	want := "\r\x1b[Kconnecting        1 of 3   1.0 s" +
		"\r\x1b[Kconnecting        3 of 3   1.0 s\n" +
		"\r\x1b[Kregistering       0 of 6   1.0 s\n"
	if out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

// TestHeadlineAgrees: status says ready only where nobody that is registered here has something left to do.
func TestHeadlineAgrees(t *testing.T) {
	partly := answered(four(), [3]string{idParis, idRes, api.CellNo})
	set := *partly.Set
	set.Parties = set.Parties[:2]
	partly.Set = &set
	for name, s := range map[string]api.Snapshot{"waiting": withWaiting(), "silence": withSilence(), "not in the set": partly} {
		if text := viewOf(s).headline(s); strings.Contains(text, "agree") {
			t.Errorf("%s: %s", name, text)
		}
		if len(obstacles(s)) > 0 {
			t.Errorf("%s: what another site has not done is this site's answer: %q", name, obstacles(s))
		}
	}
	s := answered(four())
	s.Waiting = &api.Warning{Code: api.WarnWaitingCertificates, Text: "waiting for the certificate that dave issues"}
	if text := viewOf(s).headline(s); strings.Contains(text, "ready") {
		t.Errorf("while a set waits, where ready answers no: %s", text)
	}
	s.Waiting = nil
	if text := viewOf(s).headline(s); text != "cardio: ready, 4 parties agree (set 7be1c09a)." {
		t.Errorf("%s", text)
	}
}
