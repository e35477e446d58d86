package mpspdz_test

import (
	"errors"
	"strings"
	"testing"

	"fbpeer/mpspdz"
)

func TestCheckSetName(t *testing.T) {
	for name, good := range map[string]bool{
		"cardio": true, "a": true, "7": true, "Trial-2.b_3": true, strings.Repeat("x", 32): true, "currents": true, "Default": true,
		"": false, strings.Repeat("x", 33): false, "current": false, "default": false, ".": false, "..": false, ".x": false, "-x": false,
		"_x": false, "a/b": false, "a b": false, "a,b": false, "a\n": false, "é": false, "a\x1b[2J": false, "a:b": false,
	} {
		err := mpspdz.CheckSetName(name)
		var bad *mpspdz.SetNameError
		if (err == nil) != good || err != nil && (!errors.As(err, &bad) || bad.Value != name) {
			t.Errorf("CheckSetName(%q) is %v", name, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("not safe to print: %q", err)
		}
	}
}
