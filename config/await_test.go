package config

import (
	"fmt"
	"path/filepath"
	"testing"
)

func TestAwaited(t *testing.T) {
	root := oneComponent(t)
	empty := t.TempDir()
	write(t, filepath.Join(root, "site", "fbpeer.ini"), "[component]\nconfig = ../etc/config-n9.ini\n")
	write(t, filepath.Join(root, "here", "fbpeer.ini"), "[component]\nconfig = ../etc/config-n1.ini\n")
	for _, test := range []struct {
		name     string
		selector Selector
		env      []string
		want     string
	}{
		{"there, by its name", Selector{Component: "config-n1.ini"}, nil, "[]"},
		{"there, by its path", Selector{Component: "etc/config-n1.ini"}, nil, "[]"},
		{"not there, by its name", Selector{Component: "config-n9.ini"}, nil, "[etc/config-n9.ini config-n9.ini]"},
		{"not there, by its path", Selector{Component: "etc/config-n9.ini"}, nil, "[etc/config-n9.ini]"},
		{"not there, by the environment", Selector{}, []string{"FBPEER_COMPONENT", "config-n9.ini"}, "[etc/config-n9.ini config-n9.ini]"},
		{"not there, and no folder either", Selector{Component: "config-n1.ini", WorkDir: empty}, nil, "[etc/config-n1.ini config-n1.ini]"},
		{"named by nobody", Selector{WorkDir: empty}, nil, "[]"},
		{"an fbpeer.ini", Selector{Config: "nowhere/fbpeer.ini"}, nil, "[nowhere/fbpeer.ini]"},
		{"what an fbpeer.ini names", Selector{Config: "site/fbpeer.ini"}, nil, "[etc/config-n9.ini]"},
		{"what an fbpeer.ini names is there", Selector{Config: "here/fbpeer.ini"}, nil, "[]"},
		{"a state folder", Selector{State: "var/fbpeer/NODE_x"}, nil, "[]"},
		{"two at once", Selector{Component: "config-n9.ini", Config: "nowhere"}, nil, "[]"},
	} {
		s := test.selector
		s.Getenv = env(test.env...)
		if s.WorkDir == "" {
			s.WorkDir = root
		}
		if got := fmt.Sprint(s.Awaited()); got != test.want {
			t.Errorf("%s: %s", test.name, got)
		}
	}
}
