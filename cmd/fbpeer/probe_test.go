package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"fbpeer/agent"
	"fbpeer/agent/api"
)

func TestProbe(t *testing.T) {
	good := probed()
	good.OK, good.Obstacles = true, nil
	for i := range good.Cells {
		good.Cells[i].Result = api.ProbeOK
	}
	tests := []struct {
		name       string
		components []string
		answer     api.Probe
		err        error
		code       int
		says       string
		asked      []string
	}{
		{name: "all", answer: good, says: "6 of 6 directions are ok."},
		{name: "refused", answer: probed(), code: exitAnswerNo, says: "REFUSED"},
		{name: "of one", components: []string{"nice", idNice, "NODE_f4"}, answer: good, says: "ok", asked: []string{idNice, idLyon}},
		{name: "of an unknown one", components: []string{"toulouse"}, code: exitFailed, says: "toulouse"},
		{name: "no agent", err: agent.ErrNotRunning, code: exitNotRunning, says: "no agent"},
		{name: "no set", answer: api.Probe{Obstacles: []api.Obstacle{{Code: api.ObstacleNoSet, Text: "a set needs three", Cure: "fbpeer trust pending"}}},
			code: exitAnswerNo, says: "not ready:\n  this site  a set needs three  fbpeer trust pending\n"},
		{name: "nothing", answer: api.Probe{OK: true}, says: "There was nothing to probe."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, stdout, stderr := testApp("", false)
			control := &fakeAgent{probe: tt.answer, err: tt.err}
			err := a.probeIn(t.Context(), control, cardio(), selection{}, tt.components)
			text := stdout.String()
			if text == "" && err != nil {
				text = err.Error()
			}
			if code, _ := outcome(err); code != tt.code || !strings.Contains(text, tt.says) || stderr.Len() > 0 {
				t.Errorf("exit %d, said %q", code, text)
			}
			if tt.asked != nil && (len(control.probed) != 1 || !slices.Equal(control.probed[0].Components, tt.asked)) {
				t.Errorf("asked for %+v", control.probed)
			}
		})
	}
}

func TestProbeJSON(t *testing.T) {
	for _, answer := range []api.Probe{probed(), {OK: true}} {
		a, stdout, _ := testApp("", false)
		a.json, a.terminal = true, true
		_ = a.probeIn(t.Context(), &fakeAgent{probe: answer}, cardio(), selection{}, nil)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(stdout.Bytes(), &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ok", "obstacles", "cells", "parties"} {
			if fields[name] == nil || string(fields[name]) == "null" {
				t.Errorf("probe --json lacks %s: %s", name, stdout)
			}
		}
	}
}

// TestProbeScreensFit: from two parties to the largest set, no line is wider than a screen, and the answer stays readable.
func TestProbeScreensFit(t *testing.T) {
	for _, n := range []int{2, 5, 8, 12, 60} {
		for _, worst := range []bool{false, true} {
			p := probedMany(n)
			for i := range p.Cells {
				if worst {
					p.Cells[i].Result = api.ProbeUnknownCertificate
				}
			}
			text := viewOf(crowd(n)).probeScreen(crowd(n), p)
			if !fits(text) {
				t.Errorf("%d parties: too wide:\n%s", n, text)
			}
			if lines := strings.Count(text, "\n"); lines > 120 {
				t.Errorf("%d parties: %d lines", n, lines)
			}
		}
	}
}

// TestProbeWords: every result has a word of its own.
func TestProbeWords(t *testing.T) {
	seen := map[string]bool{}
	for result, word := range probeWords {
		if seen[word] || word == "" || strings.Contains(word, " ") {
			t.Errorf("%s: %q", result, word)
		}
		seen[word] = true
	}
}

// TestProbeAge: results that were there already say how old they are, and warnings are told once.
func TestProbeAge(t *testing.T) {
	p := probed()
	for i := range p.Cells {
		p.Cells[i].Age = int64(i)
		p.Cells[i].Warnings = []api.Warning{{Code: "new-rule", Text: "MP-SPDZ from 0.4.1 on refuses the name *"}}
	}
	text := viewOf(cardio()).probeScreen(cardio(), p)
	if !strings.Contains(text, "the oldest result is from 5 s ago") || strings.Count(text, "refuses the name") != 1 ||
		!strings.Contains(text, "warning: nice, NODE_f4dd…, this site: MP-SPDZ from") {
		t.Errorf("said\n%s", text)
	}
}

// Where the table has nothing to say, as all is well and it would be too wide, no empty line stands for it.
func TestProbeScreenWithoutATable(t *testing.T) {
	p := api.Probe{OK: true}
	for from := range 12 {
		for to := range 12 {
			if from != to {
				p.Cells = append(p.Cells, api.ProbeCell{From: fmt.Sprintf("a-party-with-a-name-%02d", from), To: fmt.Sprintf("a-party-with-a-name-%02d", to), Result: api.ProbeOK})
			}
		}
	}
	if screen := viewOf(api.Snapshot{}).probeScreen(api.Snapshot{}, p); screen != "132 of 132 directions are ok.\n" {
		t.Errorf("%q", screen)
	}
}
