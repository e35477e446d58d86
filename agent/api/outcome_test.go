package api

import (
	"encoding/json"
	"testing"
)

// What came of a request stands beside what it was about, in this order: scripts read it there.
func TestOutcomeInJSON(t *testing.T) {
	o := Outcome{Set: &Set{Digest: "d"}, NoSet: &Warning{Code: "n"}, Rows: []string{"r"}, Warnings: []Warning{{Code: "w"}}}
	const tail = `"set":{"digest":"d","parties":null,"dir":"","party":0,"command":"","written":"0001-01-01T00:00:00Z"},` +
		`"no_set":{"code":"n","text":""},"rows":["r"],"warnings":[{"code":"w","text":""}]}`
	const peer = `{"component":"c","role":"","peer_id":""}`
	for want, answer := range map[string]any{
		`{"peer":` + peer + `,` + tail:                                         TrustResult{Peer{Component: "c"}, o},
		`{"peer":` + peer + `}`:                                                TrustResult{Peer: Peer{Component: "c"}},
		`{"approved":[` + peer + `],` + tail:                                   ApproveResult{[]Peer{{Component: "c"}}, o},
		`{"cards":[{"file":"f","outcome":"held","peer":` + peer + `}],` + tail: ImportResult{[]Imported{{"f", CardHeld, Peer{Component: "c"}}}, o},
	} {
		if got, err := json.Marshal(answer); err != nil || string(got) != want {
			t.Errorf("%T: %s, %v\nwant %s", answer, got, err, want)
		}
	}
}
