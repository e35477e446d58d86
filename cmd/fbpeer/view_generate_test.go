package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"fbpeer/agent/api"
)

// generateScreens are those of `cert generate`.
func generateScreens() map[string]string {
	v := viewOf(four())
	held := func(h holders) string { return v.replacingPair(idRes, h) }
	made := generatedJSON{Component: idRes, certificateJSON: shownCertificate(idRes, false), Holders: holders{Others: 3},
		Files: certFilesJSON{
			Certificate: api.Setting{Value: "etc/certs/cert_" + idRes + "/MPSPDZ_certificate.pem"},
			PrivateKey:  api.Setting{Value: "etc/certs/cert_" + idRes + "/MPSPDZ_certificate.key"},
			Former:      []string{"MPSPDZ_certificate.pem.old"}},
		Announced: true, Fingerprint: hash('r'), Words: cardio().Self.Words}
	alone := made
	alone.Announced, alone.Holders, alone.Files.Former = false, holders{Unknown: "no agent is running"}, nil
	return map[string]string{
		"cert-held":              held(holders{Others: 4, Holding: []string{idNice, idLyon}, Silent: []string{idParis}}),
		"cert-held-unknown":      held(holders{Unknown: "no agent is running"}),
		"cert-held-nobody":       held(holders{}),
		"cert-generated":         v.generatedScreen(made),
		"cert-generated-offline": viewAs(four()).generatedScreen(alone),
	}
}

func TestGenerateScreens(t *testing.T) {
	for name, screen := range generateScreens() {
		for line := range strings.SplitSeq(screen, "\n") {
			if displayWidth(line) > columns {
				t.Errorf("%s: %d columns: %s", name, displayWidth(line), line)
			}
		}
	}
	// An agent that runs and says nothing is not told to be started.
	mute := generatedJSON{Component: idRes, certificateJSON: shownCertificate(idRes, false), Holders: holders{Unknown: "the agent does not answer"}, running: true}
	if screen := viewOf(four()).generatedScreen(mute); strings.Contains(screen, "fbpeer run") || !strings.Contains(screen, "see its log") {
		t.Error(screen)
	}
	many := viewOf(crowd(30)).replacingPair("PARTY", holdersOf(answered(crowd(30))))
	if strings.Count(many, "PARTY_") > maxListed || !strings.Contains(many, "29 other members") {
		t.Error(many)
	}
	const evil = "\x1b[2J\nforged"
	for _, r := range viewOf(hostile()).replacingPair(evil, holders{Others: 2, Holding: []string{evil}, Silent: []string{evil}}) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%q reached the terminal", r)
		}
	}
}

// TestHoldersOf: who says so holds it as it is, under dev too, where nobody has to ask; who is old, or has not approved, does not; who did
// not answer is not counted, nor what a card said.
func TestHoldersOf(t *testing.T) {
	row := func(component, state string) api.MatrixRow {
		return api.MatrixRow{Component: component, Cells: []api.Cell{{Of: idLyon, State: api.CellNo}, {Of: idRes, State: state}}}
	}
	answers, card := row(idNice, api.CellOK), row("b", api.CellOK)
	answers.Age, card.Card = pointer(int64(1)), &noon
	s := cardio()
	s.Matrix = &api.Matrix{Rows: []api.MatrixRow{
		row(idRes, api.CellOK), answers, row(idLyon, api.CellOld), row(idParis, api.CellNo),
		row("a", api.CellNew), card, row("c", api.CellUnknown),
		{Component: "d"}, row("e", api.CellOK),
	}}
	h := holdersOf(s)
	if h.Others != 8 || !slices.Equal(h.Holding, []string{idNice, "e"}) || !slices.Equal(h.Silent, []string{"b", "c", "d"}) || h.Unknown != "" {
		t.Errorf("%+v", h)
	}
	s.Matrix = nil
	if h := holdersOf(s); h.Unknown == "" || h.Holding == nil || h.Silent == nil {
		t.Errorf("%+v", h)
	}
}

// TestTakenOver waits for the agent to announce the new certificate, and no longer than it may.
func TestTakenOver(t *testing.T) {
	before, after := cardio(), cardio()
	after.Self.Certificate = &api.Certificate{SHA256: "SHA256:new"}
	agent := &fakeAgent{snapshots: []api.Snapshot{before, before, after}}
	if self := takenOver(t.Context(), agent, "SHA256:new"); self.Component != idRes {
		t.Errorf("%+v", self)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
	defer cancel()
	if self := takenOver(ctx, &fakeAgent{snapshots: []api.Snapshot{before}}, "SHA256:new"); self.Certificate != nil {
		t.Errorf("%+v", self)
	}
}
