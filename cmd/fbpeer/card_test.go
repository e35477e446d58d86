package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
	"fbpeer/exchange"
)

const setDigestText = "SHA256:e+HAmgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// withCard lets lyon take part by card.
func withCard() api.Snapshot {
	s := cardio()
	s.Set.Digest, s.Set.Words = setDigestText, strings.Fields("kit sweet fury half loyal whip once vote")
	lyon := &s.Peers[1]
	lyon.Connected, lyon.From, lyon.Via, lyon.LastHeard = pointer(false), "", "", pointer(noon.AddDate(0, 0, -3))
	lyon.Expires = pointer(noon.AddDate(5, 0, 0))
	lyon.ByCard = &api.ByCard{Imported: pointer(noon.AddDate(0, 0, -3)),
		View: &api.CardView{Issued: noon.AddDate(0, 0, -4), Set: hash('x'), Members: 2, Registered: []string{idRes}}}
	s = unanswered(s)
	for i, row := range s.Matrix.Rows {
		if row.Component == idLyon {
			s.Matrix.Rows[i].Card = pointer(noon.AddDate(0, 0, -4))
			s.Matrix.Rows[i].Set = hash('x')
			s.Matrix.Rows[i].Cells = []api.Cell{{Of: idRes, State: api.CellOK}, {Of: idNice, State: api.CellNo}}
		}
		if row.Component == idNice {
			s.Matrix.Rows[i].Age, s.Matrix.Rows[i].Set = pointer(int64(1)), setDigestText
			s.Matrix.Rows[i].Cells = []api.Cell{{Of: idRes, State: api.CellOK}, {Of: idLyon, State: api.CellOK}}
		}
	}
	s.Connected = 1
	return s
}

// importedCards are what an import came to: one that is new, one that is held.
func importedCards() (before, after api.Snapshot, r api.ImportResult) {
	before, after = cardio(), withPending()
	paris := &after.Peers[2]
	paris.Connected, paris.From, paris.Via = pointer(false), "", ""
	paris.ByCard, paris.Expires = &api.ByCard{Imported: pointer(noon)}, pointer(noon.AddDate(5, 0, 0))
	r.Cards = []api.Imported{{File: "mail/paris.card", Outcome: api.CardImported, Peer: *paris}, {File: "lyon.card", Outcome: api.CardOlder, Peer: after.Peers[1]}}
	r.Set = before.Set
	return before, after, r
}

// shownCard is a card as it is looked at.
func shownCard() api.Peer {
	p := withPending().Peers[2]
	p.State, p.LastHeard, p.Connected, p.From, p.Via = "", nil, nil, "", ""
	p.ByCard = &api.ByCard{View: &api.CardView{Issued: noon, Set: hash('x'), Members: 3, Registered: []string{idRes, idNice}}}
	return p
}

// cardScreens are the golden screens of cards.
func cardScreens() map[string]string {
	card := withCard()
	before, after, result := importedCards()
	ours := true
	p := shownCard()
	letter := api.Card{Federation: "cardio", Peer: p, Issued: noon, Expires: noon.AddDate(5, 0, 0)}
	ready := api.Ready{Parties: card.Set.Parties, Digest: setDigestText, Agree: 2, Obstacles: []api.Obstacle{{Code: api.ObstacleByCard, Component: idLyon,
		Text: idLyon + " takes part by card, of 2026-11-18: nobody can ask it what it has registered now; then it had another set in force",
		Cure: "ask its operator by telephone what fbpeer players show says there; it must say set words: kit sweet fury half loyal whip once vote"}}}
	unknown := p
	unknown.ByCard = &api.ByCard{View: &api.CardView{Issued: noon, Members: 3}}
	unknown.Warnings = append(cardWarnings(api.Peer{Endpoint: "localhost:14001"}), api.Warning{Code: api.WarnAnnouncementExpired,
		Text: "the card of " + idParis + " has run out: it lived until 2026-11-22T12:00:00Z", Cure: "ask that site for a new one: fbpeer card export"})
	return map[string]string{
		"card-letter":  cardLetter(letter, "out/paris.card"),
		"card-show":    viewOf(api.Snapshot{}).cardScreen(cardJSON{Federation: strings.Repeat("a", 32), Ours: &ours, Name: "cardio", Cards: []api.Peer{p}}, "paris.card"),
		"card-unknown": viewOf(api.Snapshot{}).cardScreen(cardJSON{Federation: strings.Repeat("a", 32), Cards: []api.Peer{unknown}}, "paris.card"),
		"card-import":  viewOf(after).importedScreen(before, after, result),
		"card-status":  viewOf(card).statusScreen(card),
		"card-peers":   viewOf(card).peersScreen(card),
		"card-ready":   viewOf(card).readyScreen(card, ready),
		"card-players": viewOf(card).playersScreen(*card.Set, true),
	}
}

func TestCardExportFiles(t *testing.T) {
	dir := t.TempDir()
	f := &fakeAgent{card: api.Card{Peer: shownCard(), Card: string(exchange.Armour([]byte("record"))), Expires: noon}}
	out := filepath.Join(dir, "paris.card")
	for range 2 { // a card is replaced
		a, stdout, _ := testApp("", false)
		if err := replaceable(out); err != nil {
			t.Fatal(err)
		}
		if err := a.cardExportIn(t.Context(), f, out, nil); err != nil || !strings.HasPrefix(stdout.String(), "wrote the card of ") {
			t.Fatalf("%s, %v", stdout, err)
		}
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
	if data, err := os.ReadFile(out); err != nil || !strings.HasSuffix(string(data), f.card.Card) {
		t.Errorf("%s, %v", data, err)
	}
	other := filepath.Join(dir, "config.ini")
	if err := os.WriteFile(other, []byte("[mpspdz]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{other, dir} {
		if code, _ := outcome(replaceable(path)); code != exitUsage {
			t.Errorf("%s would be written over", path)
		}
	}
	a, stdout, _ := testApp("", false)
	if err := a.cardExportIn(t.Context(), f, "", nil); err != nil {
		t.Fatal(err)
	}
	if records, err := exchange.Dearmour(stdout.Bytes()); err != nil || len(records) != 1 || string(records[0]) != "record" {
		t.Errorf("what is printed is no card: %v\n%s", err, stdout)
	}
}

// The text in front of a card is for people, and must never be taken for a part of it.
func TestCardLetterIsNoCard(t *testing.T) {
	p := shownCard()
	p.Label = "-----BEGIN FBPEER ANNOUNCEMENT-----"
	for _, file := range []string{"", "-----BEGIN FBPEER ANNOUNCEMENT-----", "a\n-----END FBPEER ANNOUNCEMENT-----\n"} {
		text := cardLetter(api.Card{Peer: p}, file) + string(exchange.Armour([]byte("record")))
		if records, err := exchange.Dearmour([]byte(text)); err != nil || len(records) != 1 {
			t.Errorf("%q: %d records, %v", file, len(records), err)
		}
	}
}

func TestParseValid(t *testing.T) {
	for text, want := range map[string]time.Time{
		"90d": noon.AddDate(0, 0, 90), "1d": noon.AddDate(0, 0, 1), "2027-01-31": time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC),
	} {
		if got, err := parseValid(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := parseValid("", noon); got != nil || err != nil {
		t.Errorf("without: %v, %v", got, err)
	}
	for _, text := range []string{"d", "0d", "-1d", "90", "1y", "99999999d", "2027-02-30", "tomorrow", "2020-01-01"} {
		if _, err := parseValid(text, noon); err == nil {
			t.Errorf("%s is taken", text)
		} else if code, hint := outcome(err); code != exitUsage || hint == "" {
			t.Errorf("%s: %d, %q", text, code, hint)
		}
	}
}

// Waiting is of no use only where nobody is left who could answer.
func TestOnlyByCard(t *testing.T) {
	byCard, other := api.Obstacle{Code: api.ObstacleByCard}, api.Obstacle{Code: api.ObstacleNoAnswer}
	if !onlyByCard(api.Ready{Obstacles: []api.Obstacle{byCard, byCard}}) || onlyByCard(api.Ready{Obstacles: []api.Obstacle{byCard, other}}) {
		t.Error("who could answer is not waited for, or the other way round")
	}
}

func TestApproveFrom(t *testing.T) {
	s := withPending()
	paris, lyon := s.Peers[2], s.Peers[1]
	tests := []struct {
		name, file string
		err        error
		code       int
		stderr     []string
		asked      int
		says       string
	}{
		{name: "one waits, one is approved, one is ourselves", file: "# list\n\n" + idParis + " " + paris.Fingerprint + "\nnice " + s.Peers[0].Fingerprint + "\r\n" + idRes + " " + s.Self.Fingerprint,
			asked: 1, says: "approved NODE_9835… at 10.221.0.4:14001\nnice (NODE_983e…) is approved already\nRESEARCHER_d638… is this component itself"},
		{name: "from an editor that begins with a mark, words with commas", asked: 1, says: "approved",
			file: "\ufeff" + idParis + " " + strings.ReplaceAll(wordsOf(t, paris.Fingerprint), " ", ", ")},
		{name: "words", file: idParis + " " + wordsOf(t, paris.Fingerprint), asked: 1, says: "approved"},
		{name: "all approved", file: "nice " + s.Peers[0].Fingerprint, says: "is approved already"},
		{name: "a wrong one beside a right one", file: idParis + " " + paris.Fingerprint + "\nnice " + lyon.Fingerprint, code: exitFailed,
			stderr: []string{"fbpeer: error: list.txt:2: the fingerprint does not match"}},
		{name: "half a fingerprint", file: "nice SHA256:abc", code: exitFailed, stderr: []string{"list.txt:1: not a whole fingerprint"}},
		{name: "nobody", file: "\nNODE_x " + lyon.Fingerprint, code: exitFailed, stderr: []string{"list.txt:2: "}},
		{name: "ourselves, wrong", file: idRes + " " + lyon.Fingerprint, code: exitFailed, stderr: []string{"list.txt:1: the fingerprint does not match"}},
		{name: "not clear", file: "NODE_ " + lyon.Fingerprint, code: exitUsage, stderr: []string{"list.txt:1: ", "beginning of several components"}},
		{name: "not clear, and one wrong", file: "NODE_ " + lyon.Fingerprint + "\nnice " + lyon.Fingerprint + "\nNODE_ x", code: exitFailed, stderr: []string{"list.txt:1: ", "list.txt:2: ", "list.txt:3: "}},
		{name: "twice by two names", file: "nice " + s.Peers[0].Fingerprint + "\n" + idNice + " " + s.Peers[0].Fingerprint, code: exitUsage, stderr: []string{"list.txt:2: ", "stands in line 1 already"}},
		{name: "hostile", file: "\x1b[31mx " + lyon.Fingerprint, code: exitFailed, stderr: []string{`list.txt:1: "\x1b[31mx"`}},
		{name: "overtaken", file: idParis + " " + paris.Fingerprint, asked: 1, code: exitAnswerNo, says: "It announces something else by now",
			err: &api.Error{Code: api.CodeOvertaken, Text: "another announcement came meanwhile", Peer: &paris}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, stderr := testApp("", false)
			f := &fakeAgent{err: tt.err, approved: api.ApproveResult{Outcome: api.Outcome{Set: s.Set}}}
			lines, bad := parseVouched("list.txt", []byte(tt.file))
			if len(bad) > 0 {
				t.Fatalf("%v", bad)
			}
			err := a.approveFromIn(t.Context(), f, s, approval{from: "list.txt"}, lines)
			if code, _ := outcome(err); code != tt.code || len(f.approvals) != tt.asked || !strings.Contains(stdout.String(), tt.says) {
				t.Errorf("exit %d, asked %v, %v\n%s", code, f.approvals, err, stdout)
			}
			for _, want := range tt.stderr {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr lacks %q:\n%s", want, stderr)
				}
			}
			if tt.asked == 1 && (len(f.approvals[0].Approvals) != 1 || f.approvals[0].Approvals[0] != api.Approval{Component: idParis, PeerID: paris.PeerID, Announcement: paris.Announcement}) {
				t.Errorf("asked %+v", f.approvals)
			}
		})
	}
	if _, bad := parseVouched("x", []byte("# a\nnice\n\n \t\n")); len(bad) != 1 || !strings.HasPrefix(bad[0], "x:2: ") {
		t.Errorf("%q", bad)
	}
	if got := fingerprintLines(cardio()); got != idNice+" "+cardio().Peers[0].Fingerprint+"\n"+idLyon+" "+lyon.Fingerprint+"\n" {
		t.Errorf("%s", got)
	}
	if lines, bad := parseVouched("x", []byte(fingerprintLines(cardio()))); len(lines) != 2 || len(bad) != 0 {
		t.Error("a list that is handed on is not read")
	}
}
