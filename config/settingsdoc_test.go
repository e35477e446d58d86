package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSettingsPage: docs/settings.md lists every setting that fbpeer.ini may have, in the order of a written file, with its section, its
// default and its variable, and none besides.
func TestSettingsPage(t *testing.T) {
	page, err := os.ReadFile("../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	row := regexp.MustCompile("^\\| `([^`]+)` \\|([^|]*)\\|[^|]*\\|([^|]*)\\|")
	for _, line := range strings.Split(string(page), "\n") {
		if cells := row.FindStringSubmatch(line); cells != nil {
			got = append(got, cells[1]+" "+strings.TrimSpace(cells[2])+" "+strings.TrimSpace(cells[3]))
		}
	}
	var want []string
	section := ""
	for _, d := range definitions() {
		if d.section != section {
			section = d.section
			want = append(want, "["+section+"]  ")
		}
		want = append(want, d.key+" "+pageDefault(d)+" `FBPEER_"+strings.ToUpper(d.section+"_"+d.key)+"`")
	}
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("row %d of the page is %q, and should be %q", i+1, g, w)
		}
	}
}

// pageDefault is how the page shows a default. Settings of [component] have none but the label: a component is what it is.
func pageDefault(d definition) string {
	switch {
	case d.value != "":
		return "`" + d.value + "`"
	case d.section == "component" && d.key != "label":
		return ""
	}
	return "empty"
}
