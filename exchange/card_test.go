package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

// cardOf is a card of a site with all that one may hold.
func cardOf(t testing.TB, s *site) Card {
	t.Helper()
	seal := func(r any) Opened { return sealedBy(t, s, r) }
	members := Members{Files: someMembers(3), Rows: someMembers(3)}
	view := View{Set: hashOf("set"), Files: MembersRoot(members.Files), Rows: MembersRoot(members.Rows), Members: 3, Sequence: 6, Issued: testNow}
	stamp := weekFrom(testNow)
	stamp.Expires = s.registration.Certificate.NotAfter()
	n := numbered()
	n.Certificate = numberedCertificate(s, n.Number, nil)
	return Card{Announcement: mustSeal(t, s, stamp), View: seal(view).(*View), Members: &members, Numbered: []*NumberedCertificate{seal(n).(*NumberedCertificate)}}
}

// otherSite has another identity and certificate than grammarSite.
func otherSite() *site {
	s := *grammarSite()
	return siteWithCertificate("bob", mpspdz.PlainParty, s.key, s.registration.Certificate.DER())
}

func encoded(cards []Card) string {
	var b strings.Builder
	for _, c := range cards {
		b.Write(c.Encode())
	}
	return b.String()
}

func TestCardsComeBack(t *testing.T) {
	one, two := cardOf(t, grammarSite()), cardOf(t, otherSite())
	bare := Card{Announcement: one.Announcement}
	noMembers := Card{Announcement: two.Announcement, View: two.View}
	for name, cards := range map[string][]Card{"all": {one}, "bare": {bare}, "two sites": {one, two}, "a view without members": {noMembers, one}} {
		text := "Dear colleagues,\n" + strings.ReplaceAll(encoded(cards), "\n", "\r\n") + "-- \nAlice\n"
		got, err := OpenCard([]byte(text), testFederation())
		if err != nil || encoded(got) != encoded(cards) {
			t.Errorf("%s: %v", name, err)
		}
		shown, federation, err := OpenAnyCard([]byte(text))
		if err != nil || encoded(shown) != encoded(cards) || federation != testFederation().ID() {
			t.Errorf("%s, of any federation: %v", name, err)
		}
	}
}

// What a later release adds, and what is of no use in a card, keeps nobody from reading the rest.
func TestCardsPassOverWhatIsOfNoUse(t *testing.T) {
	s := grammarSite()
	one := cardOf(t, s)
	later := s.sealAs("fbpeer-vouch", "/fbpeer/vouch", "fbpeer vouch 1\nfederation: "+testFederation().ID()+"\n")
	extra := Armour(later, sealedBy(t, s, fullView()).Record().Sealed, sealedBy(t, s, goodProposal()).Record().Sealed, sealedBy(t, s, goodCall()).Record().Sealed)
	got, err := OpenCard(append(one.Encode(), extra...), testFederation())
	if err != nil || encoded(got) != encoded([]Card{one}) {
		t.Errorf("%v", err)
	}
}

// refusedCard is a file that is no card, and what its refusal says.
type refusedCard struct{ card, text string }

// refusedCards are files with one fault each, and a card of another federation.
func refusedCards(t testing.TB) (cases map[string]refusedCard, elsewhere string) {
	s, other := grammarSite(), otherSite()
	one, two := cardOf(t, s), cardOf(t, other)
	bare := func(c Card) string { return string(Card{Announcement: c.Announcement}.Encode()) }
	armour := func(o Opened) string { return string(Armour(o.Record().Sealed)) }
	members := func(m Members) string {
		var b bytes.Buffer
		labelMembers.armour(&b, m.Encode())
		return b.String()
	}
	later := string(Armour(other.sealAs("fbpeer-vouch", "/fbpeer/vouch", "fbpeer vouch 1\nfederation: "+testFederation().ID()+"\n")))
	foreign := strings.Repeat("a", 32)
	elsewhere = string(Armour(s.sealPayload(strings.Replace(payloadOf(t, one.Announcement.Sealed), testFederation().ID(), foreign, 1))))
	return map[string]refusedCard{
		"nothing":                              {"", "no announcement"},
		"a view alone":                         {armour(one.View), "begins with an announcement"},
		"a later kind alone":                   {later, "newer-version"},
		"another's view":                       {bare(one) + armour(two.View), "is signed by"},
		"another's certificate":                {bare(one) + armour(two.Numbered[0]), "is signed by"},
		"a later kind of another":              {bare(one) + later, "is signed by"},
		"a view after the next announcement":   {bare(one) + bare(two) + armour(one.View), "is signed by"},
		"two views":                            {bare(one) + armour(one.View) + armour(one.View), "second view"},
		"two certificates for one set":         {bare(one) + armour(one.Numbered[0]) + armour(one.Numbered[0]), "second certificate"},
		"members without a view":               {bare(one) + members(*one.Members), "follow no view"},
		"members before anything":              {members(*one.Members) + bare(one), "follow no view"},
		"members twice":                        {bare(one) + armour(one.View) + members(*one.Members) + members(*one.Members), "follow no view"},
		"other members":                        {bare(one) + armour(one.View) + members(Members{Files: someMembers(2)}), "not those of the view"},
		"members that are none":                {bare(one) + armour(one.View) + strings.Replace(members(*one.Members), "BEGIN FBPEER MEMBERS-----\nAAM", "BEGIN FBPEER MEMBERS-----\n/AM", 1), "not members"},
		"another federation":                   {elsewhere, "another federation"},
		"another federation behind a good one": {bare(two) + elsewhere, "another federation"},
		"too large a record":                   {string(Armour(make([]byte, MaxSealed+1))), "larger than"},
		"damaged members":                      {bare(one) + "----- FBPEER members\n", "damaged"},
		"too large":                            {strings.Repeat("x", MaxCard+1), "at most"},
	}, elsewhere
}

func TestCardRefuses(t *testing.T) {
	cases, elsewhere := refusedCards(t)
	for name, c := range cases {
		_, err := OpenCard([]byte(c.card), testFederation())
		if err == nil || !strings.Contains(err.Error(), c.text) || strings.ContainsAny(err.Error(), "\n\r\x1b") {
			t.Errorf("%s: %v, want %q", name, err, c.text)
		}
	}
	_, err := OpenCard([]byte(elsewhere), testFederation())
	wantRefusal(t, err, CodeFederation)
	if _, _, err := OpenAnyCard([]byte(elsewhere)); err == nil {
		t.Error("a proof of one federation counts in another")
	}
	if _, _, err := OpenAnyCard([]byte(cases["another federation behind a good one"].card)); err == nil {
		t.Error("one card of two federations opens")
	}
}

// No change of one byte makes a card that says something else: what still opens is the card as it was.
func TestMangledCardsSayNothingElse(t *testing.T) {
	one := cardOf(t, grammarSite())
	card := one.Encode()
	opened := 0
	mangle := func(name string, changed []byte) {
		got, err := OpenCard(changed, testFederation())
		if err != nil {
			return
		}
		opened++
		if encoded(got) != string(card) {
			t.Errorf("%s: another card opens", name)
		}
	}
	for i := range card {
		for _, v := range []byte{card[i] ^ 1, card[i] ^ 0x20, '\n', '-', 'A', '='} {
			if v != card[i] {
				changed := bytes.Clone(card)
				changed[i] = v
				mangle(fmt.Sprintf("byte %d set to %#x", i, v), changed)
			}
		}
		mangle(fmt.Sprintf("byte %d left out", i), slices.Delete(bytes.Clone(card), i, i+1))
		mangle(fmt.Sprintf("byte %d twice", i), slices.Insert(bytes.Clone(card), i, card[i]))
	}
	if opened > 20 { // an empty line between two blocks, the last line's end
		t.Errorf("%d changes open", opened)
	}
}

func TestCheckCard(t *testing.T) {
	a := cardOf(t, grammarSite()).Announcement
	for name, c := range map[string]struct {
		at   time.Time
		code Code
	}{
		"now":                {testNow, ""},
		"after a year":       {testNow.AddDate(1, 0, 0), ""},
		"expired":            {a.Expires, CodeExpired},
		"ahead of the clock": {testNow.Add(-time.Hour), CodeAhead},
	} {
		if err := a.Record().CheckCard(c.at); codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What came by card is held and never told, however short it lives.
func TestTableTellsNobodyOfCards(t *testing.T) {
	table := NewTable(Bounds{})
	short := mustSeal(t, grammarSite(), weekFrom(testNow)).Record()
	if !short.Travels() {
		t.Fatal("an ordinary announcement does not travel")
	}
	short.Card = true
	long := cardOf(t, otherSite()).Announcement.Record()
	for _, r := range []Record{short, long} {
		if _, err := table.Put(r, "", true, testNow); err != nil {
			t.Fatal(err)
		}
		if held, ok := table.Get(r.ID); !ok || held.Travels() {
			t.Error("it is not held, or it travels")
		}
	}
	if got := table.Entries(testNow); len(got) != 0 {
		t.Errorf("told: %v", got)
	}
}

// TestCardVectors reads the files of testdata/cards, whose text in front of the blocks says what to expect (docs/announcement.md, "Test
// vectors").
func TestCardVectors(t *testing.T) {
	const dir = "testdata/cards"
	if *update {
		writeCardVectors(t, dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 15 {
		t.Fatalf("%d vectors, %v", len(entries), err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		cards, err := OpenCard(data, testFederation())
		want, _, _ := strings.Cut(string(data), "\n")
		if got := "expect: " + describeCards(cards, err); got != want {
			t.Errorf("%s: %s, want %s (%v)", entry.Name(), got, want, err)
		}
	}
}

// describeCards is what a vector expects: of each site, its component and whom it has registered.
func describeCards(cards []Card, err error) string {
	if err != nil {
		return "refused"
	}
	text := "ok"
	for _, c := range cards {
		text += " " + c.Announcement.Component
		if c.Members != nil {
			for _, m := range c.Members.Rows {
				text += "," + m.Component
			}
		}
		for _, n := range c.Numbered {
			text += fmt.Sprintf(",P%d", n.Number)
		}
	}
	return text
}

// writeCardVectors writes those that are missing, with new keys.
func writeCardVectors(t *testing.T, dir string) {
	one, two := cardOf(t, grammarSite()), cardOf(t, otherSite())
	all := map[string]string{
		"ok.card":         string(one.Encode()),
		"ok-crlf.card":    strings.ReplaceAll(string(one.Encode()), "\n", "\r\n"),
		"ok-bare.card":    string(Card{Announcement: one.Announcement}.Encode()),
		"ok-two.card":     encoded([]Card{one, two}),
		"ok-between.card": string(one.Encode()) + "\nand\n-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n" + string(two.Encode()) + "-- \nAlice",
	}
	cases, _ := refusedCards(t)
	for name, c := range cases {
		if len(c.card) < 64<<10 && c.card != "" {
			all["refused-"+strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "")+".card"] = c.card
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, card := range all {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		expect := "refused"
		if !strings.HasPrefix(name, "refused-") {
			expect = describeCards(OpenCard([]byte(card), testFederation()))
		}
		if err := os.WriteFile(path, []byte("expect: "+expect+"\n"+card), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzOpenCard: whatever a file holds, it opens or is refused with one line; what opens, written again, opens to the same; and it is all of
// one federation, each part its announcer's own.
func FuzzOpenCard(f *testing.F) {
	one, two := cardOf(f, grammarSite()), cardOf(f, otherSite())
	f.Add(one.Encode())
	f.Add([]byte("text\n" + encoded([]Card{{Announcement: one.Announcement}, two}) + "text"))
	f.Add(bytes.ReplaceAll(two.Encode(), []byte("\n"), []byte("\r\n")))
	f.Add([]byte("-----BEGIN FBPEER MEMBERS-----\nAAAAAA==\n-----END FBPEER MEMBERS-----\n"))
	entries, err := os.ReadDir("testdata/cards")
	if err != nil {
		f.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join("testdata/cards", entry.Name()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, card []byte) {
		cards, err := OpenCard(card, testFederation())
		if _, _, anyErr := OpenAnyCard(card); err == nil && anyErr != nil {
			t.Fatalf("opens in its federation, and not in any: %v", anyErr)
		}
		if err != nil {
			var where *CardError
			var refusal *Refusal
			if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") || errors.As(err, &where) == errors.As(err, &refusal) && where != nil {
				t.Fatalf("%q", err.Error())
			}
			return
		}
		again, err := OpenCard([]byte(encoded(cards)), testFederation())
		if err != nil || encoded(again) != encoded(cards) {
			t.Fatalf("written again: %v", err)
		}
		for _, c := range cards {
			_, federation, err := OpenAnyCard([]byte(encoded([]Card{c})))
			if err != nil || federation != testFederation().ID() || c.View != nil && c.View.Peer != c.Announcement.Peer {
				t.Fatal("a card of two")
			}
		}
	})
}
