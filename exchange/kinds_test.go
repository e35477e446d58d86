package exchange

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"fbpeer/mpspdz"
)

const longestSetName = "thirty-two.characters_long-Name1"

func hashOf(s string) mpspdz.Hash { return sha256.Sum256([]byte(s)) }

// numberedCertificate proves one number with the key of a site.
func numberedCertificate(s *site, number int, change func(*x509.Certificate)) *mpspdz.Certificate {
	template := partyTemplate("alice")
	template.Subject = pkix.Name{CommonName: fmt.Sprint("P", number), Organization: []string{"alice"}}
	template.DNSNames = []string{template.Subject.CommonName}
	if change != nil {
		change(template)
	}
	c, err := mpspdz.ParseCertificate(selfSigned(s.key, template))
	if err != nil {
		panic(err)
	}
	return c
}

// The records of the kinds that are not announcements, with every field that they may have together.

func fullView() View {
	return View{SetName: longestSetName, Proposal: hashOf("proposal"), Set: hashOf("set"), Files: hashOf("files"), Members: MaxMembers,
		Call: CallID{15: 1}, Sequence: 1<<64 - 1, Issued: testNow}
}

func defaultView() View {
	return View{Set: hashOf("set"), Files: hashOf("files"), Rows: hashOf("rows"), Members: 3, Call: CallID{1}, Sequence: 5, Issued: testNow}
}

func goodCall() Call { return Call{ID: CallID{1, 2, 3}, Sequence: 5, Issued: testNow} }

func goodProposal() Proposal {
	return Proposal{SetName: "trial-7", Members: []string{"RESEARCHER_1", nodeID, "NODE_2"}, Sequence: 5, Issued: testNow, Expires: testNow.Add(MaxLifetime)}
}

// numbered is party 2's; its certificate is made once.
var numbered = sync.OnceValue(func() NumberedCertificate {
	return NumberedCertificate{Component: "alice", SetName: "trial-7", Plan: hashOf("plan"), Number: 2, Certificate: numberedCertificate(grammarSite(), 2, nil),
		Sequence: 5, Issued: testNow, Expires: testNow.Add(DefaultLifetime)}
})

// sealedOf seals a record of any kind but announcements.
func sealedOf(t testing.TB, r any) Opened {
	t.Helper()
	return sealedBy(t, grammarSite(), r)
}

// sealedBy is sealedOf for another site.
func sealedBy(t testing.TB, s *site, r any) Opened {
	t.Helper()
	var opened Opened
	var err error
	f, key := testFederation(), s.keys().Identity
	switch r := r.(type) {
	case View:
		opened, err = SealView(f, r, key)
	case Call:
		opened, err = SealCall(f, r, key)
	case Proposal:
		opened, err = SealProposal(f, r, key)
	case NumberedCertificate:
		opened, err = SealNumberedCertificate(f, r, key)
	default:
		t.Fatalf("%T is no record", r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func goodRecords() map[string]any {
	withdrawn, card, ofDefault := goodProposal(), numbered(), numbered()
	withdrawn.Members = nil
	card.Expires = testNow.AddDate(4, 0, 0)
	ofDefault.SetName = ""
	return map[string]any{
		"view-named-set": fullView(), "view-default-set": defaultView(), "view-nothing": View{Sequence: 1, Issued: testNow},
		"call": goodCall(), "set": goodProposal(), "set-withdrawn": withdrawn,
		"certificate": numbered(), "certificate-default-set": ofDefault, "certificate-card": card,
	}
}

func TestKindsSealAndOpen(t *testing.T) {
	for name, r := range goodRecords() {
		opened := sealedOf(t, r)
		row := opened.Record()
		again, err := OpenRecord(row.Sealed, testFederation())
		if err != nil || !reflect.DeepEqual(again, opened) {
			t.Errorf("%s: opened again it is %+v, %v", name, again, err)
		}
		if row.Peer != grammarSite().peer() || row.Hash != sha256.Sum256([]byte(payloadOf(t, row.Sealed))) {
			t.Errorf("%s: row %+v", name, row)
		}
		// What was sealed comes out again.
		v := reflect.ValueOf(opened).Elem()
		for _, ignored := range []string{"Peer", "Hash", "Sealed"} {
			v.FieldByName(ignored).SetZero()
		}
		if !reflect.DeepEqual(v.Interface(), r) {
			t.Errorf("%s: sealed\n%+v, opened\n%+v", name, r, v.Interface())
		}
		if _, err := Open(row.Sealed, testFederation()); codeOf(err) != CodeKind {
			t.Errorf("%s opens as an announcement: %v", name, err)
		}
	}
	a := mustSeal(t, grammarSite(), weekFrom(testNow))
	if r, err := OpenRecord(a.Sealed, testFederation()); err != nil || !reflect.DeepEqual(r, Opened(a)) {
		t.Errorf("an announcement opens as %+v, %v", r, err)
	}
}

// TestCardsHoldEveryKind: the sender's announcement first, then what else it tells.
func TestCardsHoldEveryKind(t *testing.T) {
	records := []Opened{mustSeal(t, grammarSite(), weekFrom(testNow)), sealedOf(t, defaultView()), sealedOf(t, goodProposal())}
	var sealed [][]byte
	for _, r := range records {
		sealed = append(sealed, r.Record().Sealed)
	}
	got, err := Dearmour(Armour(sealed...))
	if err != nil || len(got) != len(records) {
		t.Fatalf("%d records, %v", len(got), err)
	}
	for i, r := range records {
		if again, err := OpenRecord(got[i], testFederation()); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("record %d opens as %+v, %v", i, again, err)
		}
	}
}

func TestRows(t *testing.T) {
	at := func(d time.Duration) time.Time { return testNow.Add(d) }
	for name, want := range map[string]struct {
		kind    Kind
		set     string
		expires time.Time
		timed   bool // by a certificate
	}{
		"view-named-set":          {KindView, longestSetName, at(24 * time.Hour), false},
		"view-default-set":        {KindView, "", at(24 * time.Hour), false},
		"call":                    {KindCall, "", at(5 * time.Minute), false},
		"set":                     {KindSet, "trial-7", at(MaxLifetime), false},
		"certificate":             {KindCertificate, "trial-7", at(DefaultLifetime), true},
		"certificate-default-set": {KindCertificate, "", at(DefaultLifetime), true},
	} {
		r := sealedOf(t, goodRecords()[name]).Record()
		if r.Kind != want.kind || r.Set != want.set || !r.Expires.Equal(want.expires) || !r.Issued.Equal(testNow) || r.NotAfter.IsZero() == want.timed {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestLargestRecords: the longest values that are allowed fit.
func TestLargestRecords(t *testing.T) {
	view := fullView()
	view.Issued = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	withoutName := defaultView()
	withoutName.Sequence, withoutName.Members = view.Sequence, MaxMembers
	call := Call{ID: CallID{1}, Sequence: 1<<64 - 1, Issued: view.Issued}
	for _, r := range []any{view, withoutName} {
		if n := len(sealedOf(t, r).Record().Sealed); n > 512 {
			t.Errorf("a view of %d bytes", n)
		}
	}
	if n := len(sealedOf(t, call).Record().Sealed); n > 512 {
		t.Errorf("a call of %d bytes", n)
	}
	most := largestProposal()
	if n := len(sealedOf(t, most).Record().Sealed); n > MaxSealed {
		t.Errorf("a proposal of %d bytes", n)
	}
	most.Members[254] += "y"
	if _, err := SealProposal(testFederation(), most, grammarSite().keys().Identity); codeOf(err) != CodeField {
		t.Errorf("12 KiB and a byte of members: %v", err)
	}
}

// sealRefused seals a record that must not be, and gives the refusal's field.
func sealRefused(t *testing.T, name string, code Code, r any) string {
	t.Helper()
	f, key := testFederation(), grammarSite().keys().Identity
	var err error
	switch r := r.(type) {
	case View:
		_, err = SealView(f, r, key)
	case Call:
		_, err = SealCall(f, r, key)
	case Proposal:
		_, err = SealProposal(f, r, key)
	case NumberedCertificate:
		_, err = SealNumberedCertificate(f, r, key)
	}
	if codeOf(err) != code {
		t.Errorf("%s: %v", name, err)
		return ""
	}
	return wantRefusal(t, err, code).Field
}

func TestSealKindsRefuses(t *testing.T) {
	view := func(change func(*View)) View { v := defaultView(); change(&v); return v }
	proposal := func(change func(*Proposal)) Proposal { p := goodProposal(); change(&p); return p }
	certificate := func(change func(*NumberedCertificate)) NumberedCertificate { c := numbered(); change(&c); return c }
	for name, c := range map[string]struct {
		r     any
		field string
	}{
		"a set name that adds a line":  {view(func(v *View) { v.SetName, v.Rows = "x\nset: y", mpspdz.Hash{} }), "set-name"},
		"a reserved set name":          {proposal(func(p *Proposal) { p.SetName = "current" }), "set-name"},
		"no set name":                  {proposal(func(p *Proposal) { p.SetName = "" }), "set-name"},
		"a proposal of no set":         {view(func(v *View) { v.Proposal = hashOf("x") }), "proposal"},
		"rows of a named set":          {view(func(v *View) { v.SetName = "x" }), "rows"},
		"no members of some files":     {view(func(v *View) { v.Members = 0 }), "members"},
		"members of nothing":           {View{Members: 1, Sequence: 1, Issued: testNow}, "members"},
		"too many members":             {view(func(v *View) { v.Members = MaxMembers + 1 }), "members"},
		"fewer members than none":      {view(func(v *View) { v.Members = -1 }), "members"},
		"view's sequence 0":            {view(func(v *View) { v.Sequence = 0 }), "sequence"},
		"view before 1970":             {view(func(v *View) { v.Issued = time.Unix(-1, 0) }), "issued"},
		"call without id":              {Call{Sequence: 1, Issued: testNow}, "call"},
		"call's sequence 0":            {Call{ID: CallID{1}, Issued: testNow}, "sequence"},
		"one member":                   {proposal(func(p *Proposal) { p.Members = p.Members[:1] }), "members"},
		"256 members":                  {proposal(func(p *Proposal) { p.Members = make([]string, 256) }), "members"},
		"a member twice":               {proposal(func(p *Proposal) { p.Members = []string{"a", "b", "a"} }), "members"},
		"a member that adds a member":  {proposal(func(p *Proposal) { p.Members = []string{"a", "b,c"} }), "members"},
		"a member that adds a line":    {proposal(func(p *Proposal) { p.Members = []string{"a", "b\nx"} }), "members"},
		"an empty member":              {proposal(func(p *Proposal) { p.Members = []string{"a", ""} }), "members"},
		"a proposal of a year":         {proposal(func(p *Proposal) { p.Expires = testNow.AddDate(1, 0, 0) }), "expires"},
		"a proposal without life":      {proposal(func(p *Proposal) { p.Expires = testNow }), "expires"},
		"a component that adds a line": {certificate(func(c *NumberedCertificate) { c.Component = "a\nset-name: b" }), "component"},
		"certificate's set name":       {certificate(func(c *NumberedCertificate) { c.SetName = "../x" }), "set-name"},
		"no plan":                      {certificate(func(c *NumberedCertificate) { c.Plan = mpspdz.Hash{} }), "plan"},
		"number 255":                   {certificate(func(c *NumberedCertificate) { c.Number = 255 }), "number"},
		"number -1":                    {certificate(func(c *NumberedCertificate) { c.Number = -1 }), "number"},
		"no certificate":               {certificate(func(c *NumberedCertificate) { c.Certificate = nil }), "certificate"},
		"longer than its certificate":  {certificate(func(c *NumberedCertificate) { c.Expires = testNow.AddDate(6, 0, 0) }), "expires"},
	} {
		if got := sealRefused(t, name, CodeField, c.r); got != c.field {
			t.Errorf("%s: refused for %q", name, got)
		}
	}
	for name, c := range map[string]NumberedCertificate{
		"another number":      certificate(func(c *NumberedCertificate) { c.Number = 3 }),
		"every number":        certificate(func(c *NumberedCertificate) { c.Certificate = sharedParty().registration.Certificate }),
		"no number":           certificate(func(c *NumberedCertificate) { c.Certificate = grammarSite().registration.Certificate }),
		"another's signature": certificate(func(c *NumberedCertificate) { c.Certificate = forgedSignature(c.Certificate) }),
	} {
		sealRefused(t, name, CodeCertificate, c)
	}
	if _, err := SealView(Federation{}, defaultView(), grammarSite().keys().Identity); err == nil {
		t.Error("sealed without a federation")
	}
	if _, err := SealView(testFederation(), defaultView(), nil); err == nil {
		t.Error("sealed without an identity")
	}
}

// forgedSignature is a certificate with one bit of its own signature changed.
func forgedSignature(c *mpspdz.Certificate) *mpspdz.Certificate {
	der := bytes.Clone(c.DER())
	der[len(der)-1] ^= 1
	forged, err := mpspdz.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return forged
}

func TestCallID(t *testing.T) {
	parse := func(s string) (CallID, error) { return (&values{fieldCall: s}).call() }
	var id CallID
	if _, err := rand.Read(id[:]); err != nil {
		t.Fatal(err)
	}
	if got, err := parse(id.String()); err != nil || got != id || len(id.String()) != 22 || id.IsZero() || !(CallID{}).IsZero() {
		t.Errorf("%s comes back as %s, %v", id, got, err)
	}
	for _, s := range []string{"", id.String()[1:], id.String() + "A", id.String() + "==", strings.Repeat("A", 21) + "B", id.String()[:21] + "\n", "\n" + id.String(), strings.Repeat("_", 22)} {
		if got, err := parse(s); err == nil {
			t.Errorf("%q is read as %s", s, got)
		}
	}
}
