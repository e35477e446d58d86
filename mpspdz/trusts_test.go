package mpspdz

import "testing"

func TestTrusts(t *testing.T) {
	for name, want := range map[string]bool{
		"ip_addresses":                       true,
		"Player-Data/P0.pem":                 true,
		"Player-Data/P7.pem":                 true,
		"Player-Data/P1.old.pem":             true,
		"Player-Data/P2.key":                 true,
		"Player-Data/71cd6d29.0":             true,
		"Player-Data/71cd6d29.12":            true,
		"Player-Data/71cd6d29.r0":            true,
		"Player-Data":                        false,
		"Player-Data/Input-P0-0":             false,
		"Player-Data/2-p-128/Params-Data":    false,
		"Player-Data/3-MSp-128/P1.pem":       false, // MP-SPDZ looks in Player-Data itself only
		"Player-Data/Public-Output-P0-0.bin": false,
		"Programs/Bytecode/tutorial-0.bc":    false,
		"P0.pem":                             false,
	} {
		if Trusts(name) != want {
			t.Errorf("Trusts(%q) is %v", name, !want)
		}
	}
}
