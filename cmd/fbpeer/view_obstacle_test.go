package main

import (
	"strings"
	"testing"
)

// An id in a path is part of what is typed: only ids elsewhere in a cure are shortened.
func TestPathsStayWhole(t *testing.T) {
	v := viewOf(four())
	id := v.ids[0]
	whole := "/srv/var/fbpeer/" + id + "/registry.backup over /srv/var/db_" + id + ".json"
	cure := "copy " + whole + "; then fbpeer trust approve " + id
	for name, got := range map[string]string{"typeable": v.typeable(cure), "renamed": v.renamed(cure)} {
		if !strings.Contains(got, whole) || strings.HasSuffix(got, id) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
