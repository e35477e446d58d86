package notify

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fbpeer/agent/api"
)

// accepted is a snapshot with one accepted peer, and what is wrong with it.
func accepted(warnings ...api.Warning) api.Snapshot {
	return api.Snapshot{Peers: []api.Peer{{State: api.StateAccepted, PeerID: "p", Component: "NODE_1", Alias: "nice", Warnings: warnings}}}
}

func TestLook(t *testing.T) {
	reason := []api.Warning{{Code: "r", Text: "The reason."}}
	for name, test := range map[string]struct {
		s    api.Snapshot
		want string
	}{
		"nothing":          {api.Snapshot{}, ""},
		"accepted":         {api.Snapshot{Peers: []api.Peer{{State: api.StateAccepted}}}, ""},
		"pending":          {api.Snapshot{Peers: []api.Peer{{State: api.StatePending, PeerID: "p", Component: "c", Reasons: reason, Label: "L"}}}, "pending"},
		"changed":          {api.Snapshot{Peers: []api.Peer{{State: api.StateChanged, PeerID: "p", Changes: []api.Change{{Field: "port", New: "2"}}}}}, "changed"},
		"conflict":         {api.Snapshot{Peers: []api.Peer{{State: api.StateConflict, PeerID: "p"}}}, "conflict"},
		"denied and so on": {api.Snapshot{Peers: []api.Peer{{State: api.StateDenied, PeerID: "p"}, {State: api.StateRevoked, PeerID: "q"}, {State: api.StateFormer, PeerID: "r"}}}, ""},
		"run out":          {accepted(api.Warning{Code: api.WarnCertificateExpired}), "certificate-expired"},
		"a signer unknown": {accepted(api.Warning{Code: api.WarnUnknownAuthority}), "unknown-authority"},
		"strangers that contradict each other": {api.Snapshot{Peers: []api.Peer{{State: api.StatePending, PeerID: "p", Warnings: []api.Warning{
			{Code: "contested"}, {Code: "key-shared"}, {Code: "endpoint-shared"}, {Code: "subject-shared"}, {Code: api.WarnSecondResearcher}}}}}, "pending"},
		"strangers that claim what is accepted": {accepted(api.Warning{Code: "component-claimed"}, api.Warning{Code: "key-claimed"}, api.Warning{Code: "endpoint-claimed"}), ""},
		"routine":                               {api.Snapshot{Warnings: []api.Warning{{Code: api.WarnSetting}, {Code: api.WarnDiscovery}, {Code: api.WarnNotify}, {Code: api.WarnNoDatabase}}}, ""},
		"failed writes":                         {api.Snapshot{Warnings: []api.Warning{{Code: api.WarnPlayers}, {Code: api.WarnRegistry}, {Code: api.WarnRegistry}}}, "players registry"},
		"of ourselves":                          {api.Snapshot{Self: api.Peer{Warnings: []api.Warning{{Code: api.WarnLoopbackElsewhere}}}}, "loopback-elsewhere"},
	} {
		var got []string
		for _, e := range Look(test.s, start) {
			got = append(got, e.Code)
			if e.key == "" || e.Severity == "" || e.Time != start {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %q, want %q", name, text, test.want)
		}
	}
	one := Look(api.Snapshot{Peers: []api.Peer{{State: api.StatePending, PeerID: "p", Component: "c", Reasons: reason, Label: "L"}}}, start)[0]
	if one.Text != `The reason. It claims to be "L".` || one.Cure != "fbpeer trust pending" {
		t.Errorf("%+v", one)
	}
	moved := Look(api.Snapshot{Peers: []api.Peer{{State: api.StateChanged, PeerID: "p", Component: "c", Reasons: []api.Warning{{Code: "key-endorsed", Cure: "approve it"},
		{Code: "component-changed", Cure: "forget it first"}}}}}, start)[0]
	if moved.Cure != "forget it first" {
		t.Errorf("another id is settled by %q", moved.Cure)
	}
	for want, reasons := range map[string][]api.Warning{
		"approve it": {{Code: "r"}, {Code: "port-changed", Cure: "approve it"}, {Code: "beyond-policy", Cure: "another"}},
		"fbpeer trust approve c, or fbpeer trust revoke c": {{Code: "r"}},
	} {
		if got := Look(api.Snapshot{Peers: []api.Peer{{State: api.StateChanged, PeerID: "p", Component: "c", Reasons: reasons}}}, start)[0]; got.Cure != want {
			t.Errorf("a change is settled by %q, want %q", got.Cure, want)
		}
	}
	long := Look(api.Snapshot{Warnings: []api.Warning{{Code: api.WarnPlayers, Text: strings.Repeat("é", maxText)}}}, start)[0]
	if len(long.Text) > maxText+len("…") || !strings.HasSuffix(long.Text, "é…") {
		t.Errorf("%d bytes", len(long.Text))
	}
}

// The end of a certificate is told as the warning of it says, of ourselves, of what is staged and of peers; again when a nearer one of the
// days has come, and not because the text counts down.
func TestLookAtCertificates(t *testing.T) {
	const day = 24 * time.Hour
	ends := func(sha256, text string) api.Warning {
		return api.Warning{Code: api.WarnCertificateExpires, Certificate: sha256, Text: text, Cure: "cure of " + sha256}
	}
	at := func(sha256 string, left time.Duration) *api.Certificate {
		return &api.Certificate{SHA256: sha256, NotAfter: start.Add(left)}
	}
	look := func(days int, now time.Time) []Event {
		text := " ends in " + strconv.Itoa(days) + " days"
		s := accepted(ends("theirs", "the certificate of nice"+text))
		s.Peers[0].Certificate = at("theirs", 31*day)
		s.Self = api.Peer{PeerID: "self", Component: "NODE_0", Certificate: at("own", 31*day), Next: &api.NextKey{Certificate: at("staged", 32*day)},
			Warnings: []api.Warning{ends("own", "the certificate of this site"+text), ends("staged", "the staged key"+text)}}
		return Look(s, now)
	}
	keys := func(events []Event) (all []string) {
		for _, e := range events {
			all = append(all, e.key)
		}
		return all
	}
	first := look(31, start)
	want := []string{"the certificate of nice ends in 31 days; cure of theirs", "the certificate of this site ends in 31 days; cure of own",
		"the staged key ends in 31 days; cure of staged"}
	for i, e := range first {
		if got := e.Text + "; " + e.Cure; len(first) != len(want) || got != want[i] || e.Code != api.WarnCertificateExpires || e.Severity != Warning {
			t.Errorf("%+v", e)
		}
	}
	if got := keys(look(30, start.Add(day-time.Second))); !slices.Equal(got, keys(first)) {
		t.Errorf("told again before another of the days: %q", got)
	}
	if got := strings.Join(keys(look(30, start.Add(day))), ", "); got != "expires 30 p theirs, expires 30 self own, expires 60 self staged" {
		t.Errorf("30 days before: %s", got)
	}
	if got := Look(api.Snapshot{Self: api.Peer{Certificate: at("own", day)}}, start); len(got) != 0 {
		t.Errorf("without a warning: %+v", got)
	}
	for days, want := range map[int]int{61: 0, 60: 60, 31: 60, 30: 30, 7: 7, 2: 7, 1: 1, 0: 1, -1: 1} {
		if got := NearestDay(start.AddDate(0, 0, days), start); got != want {
			t.Errorf("%d days before the end: %d", days, got)
		}
	}
}

// Another key to come is told anew, another change that waits (whatever else is reported with it), and so is another change that a policy
// took over; the same one, worded otherwise after a restart, is not.
func TestLookAgain(t *testing.T) {
	next := func(key string) Event {
		s := accepted(api.Warning{Code: api.WarnNextKey, Text: "nice (NODE_1) announces " + key})
		s.Peers[0].Next = &api.NextKey{KeySHA256: key}
		return Look(s, start)[0]
	}
	first, again, other := next("a").key, next("a").key, next("b").key
	if first != again || first == other {
		t.Errorf("keys to come: %q, %q, %q", first, again, other)
	}
	changed := func(changes ...api.Change) string {
		return Look(api.Snapshot{Peers: []api.Peer{{State: api.StateChanged, PeerID: "p", Component: "NODE_1", Changes: changes}}}, start)[0].key
	}
	waits := changed(api.Change{Field: "port", New: "2"}, api.Change{Field: "expiry", New: "Monday"})
	if again := changed(api.Change{Field: "port", New: "2"}, api.Change{Field: "expiry", New: "Tuesday"}, api.Change{Field: "label", New: "L"}); again != waits {
		t.Errorf("a change is told again for what holds nothing back: %q, then %q", waits, again)
	}
	if other := changed(api.Change{Field: "port", New: "3"}); other == waits {
		t.Error("another change is not told")
	}
	taken := func(at time.Time, text string) Event {
		s := accepted(api.Warning{Code: api.WarnTakenOver, Text: text})
		s.Peers[0].ApprovedAt = &at
		return Look(s, start)[0]
	}
	one := taken(start, "port 1 -> 2: taken over")
	if again := taken(start, "a change: taken over"); again.key != one.key || one.Severity != Info || one.Text != "nice: port 1 -> 2: taken over" {
		t.Errorf("%+v, %+v", one, again)
	}
	if other := taken(start.Add(time.Second), "port 2 -> 3: taken over"); other.key == one.key {
		t.Error("another change that was taken over is not told")
	}
}

// A text that names its component, or the alias, is not named once more.
func TestLookNames(t *testing.T) {
	for text, want := range map[string]string{
		"announces localhost":             "nice: announces localhost",
		"NODE_1 announces localhost":      "NODE_1 announces localhost",
		"nice (NODE_1) announces":         "nice (NODE_1) announces",
		"the certificate of nice":         "the certificate of nice",
		"approved beside NODE_1.":         "approved beside NODE_1.",
		"the nicest of NODE_12, not-nice": "nice: the nicest of NODE_12, not-nice",
	} {
		if got := Look(accepted(api.Warning{Code: api.WarnWrongKind, Text: text}), start)[0].Text; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// untold are the codes of warnings and reasons that nobody is called for.
var untold = map[string][]string{
	"told by pending, of which they are the text, once the second of the two waits": {"contested", "key-shared", "endpoint-shared", "subject-shared",
		"not-approved", "signed-by-authority"},
	"told by conflict, and strangers can make any number of them": {"claims-component", "claims-key", "claims-endpoint", "claims-subject",
		"claims-own-component", "claims-own-key", "claims-own-endpoint", "claims-own-subject",
		"component-claimed", "key-claimed", "endpoint-claimed", "subject-claimed"},
	"told by changed": {"component-changed", "role-changed", "address-changed", "port-changed", "certificate-reissued", "key-endorsed",
		"key-replaced", "beyond-policy"},
	"reported only: nothing waits for anybody": {"label-changed", "policy-changed", "expiry-changed", "secagg-forced", "secagg-off", "secagg-contradiction"},
	"what the operator did": {"approved", "approved-ahead", "superseded", "identity-revoked", "key-revoked", "component-revoked", "identity-denied",
		"key-denied", "component-denied", "former-identity", "authority-in-force", "setting", "restart-needed", "no-federation", "registry-off",
		"ephemeral-port", "party-missing", "unconfirmed", "never-announced", "not-heard"},
	"waits, and goes on by itself":   {"no-database", "not-written", "waiting-certificate", "place-unknown", "discovery"},
	"told when it happened":          {"clone"},
	"of the command itself":          {"notify"},
	"of fbpeer registry check alone": {"row-form", "row-certificate-expires"},
}

// TestEveryCodeIsDecided: a new code of a warning or of a reason is either told or not, and what is told stands in the documentation.
func TestEveryCodeIsDecided(t *testing.T) {
	var not []string
	for _, codes := range untold {
		not = append(not, codes...)
	}
	known := map[string]bool{}
	for _, names := range []map[string]string{constants(t, "../api", "Warn"), constants(t, "../../trust", "Code")} {
		if len(names) < 40 {
			t.Fatalf("only %d codes were found", len(names))
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			code := names[name]
			known[code] = true
			if slices.Contains(told, code) == slices.Contains(not, code) {
				t.Errorf("%s (%s): decide whether it is told (event.go) or not (here)", name, code)
			}
		}
	}
	page := read(t, "../../docs/notify.md")
	for _, code := range slices.Concat(told, not) {
		if !known[code] {
			t.Errorf("%s is no code any more", code)
		}
		if slices.Contains(told, code) && !strings.Contains(page, "`"+code+"`") {
			t.Errorf("docs/notify.md does not tell of %s", code)
		}
	}
}

// constants are the string constants of a folder whose names begin so, by name.
func constants(t *testing.T, dir, prefix string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, prefix) {
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					all[spec.Names[0].Name], err = strconv.Unquote(literal.Value)
				}
			}
			return err == nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
