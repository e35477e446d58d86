package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fbpeer/agent/api"
)

// Where the registry is not kept by fbpeer, what stands in it counts all the same: nobody is ready before the operator has
// registered the others, and the screen says so. The file is never written.
func TestReadyWhereTheRegistryIsNotKept(t *testing.T) {
	s := newScene(t)
	pass := s.passing()
	c := s.config(s.files[1])
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.State, "fbpeer.ini"), []byte("[fedbiomed]\nregistry = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sites := three(s)
	approveAll(sites...)
	res, n1, n2 := sites[0], sites[1], sites[2]
	id := func(x *site) string { return x.config.Component.ID }
	told := func(w string) bool {
		return strings.Contains(w, "certificate register") && strings.Contains(w, "registry = true")
	}
	seen := n1.wait("what to do", func(s api.Snapshot) bool { return warned(s.Warnings, api.WarnRegistry) })
	if !slices.ContainsFunc(seen.Warnings, func(w api.Warning) bool { return told(w.Cure) && strings.Contains(w.Text, id(res)) }) || seen.Rows != 0 {
		t.Errorf("%d rows, %+v", seen.Rows, seen.Warnings)
	}
	lacking := func(r api.Ready) bool {
		return codes(r) == "missing missing" && r.Obstacles[0].Component == id(n1) && r.Obstacles[1].Component == id(n1)
	}
	res.ready("n1 has no rows", api.SetSelector{}, lacking)
	if r := n1.asks(api.SetSelector{}); !strings.Contains(codes(r), api.ObstacleNotWritten) || !slices.ContainsFunc(r.Obstacles, func(o api.Obstacle) bool { return told(o.Cure) }) {
		t.Errorf("at the site itself: %+v", r)
	}
	if data, err := os.ReadFile(c.Component.Database); err == nil && len(rows(t, c.Component.Database)) > 0 {
		t.Errorf("written: %s", data)
	}

	registerByHand(t, c.Component.Database, handRowOf(s.outsider(s.files[0])), handRowOf(s.outsider(s.files[2])))
	byHand, err := os.ReadFile(c.Component.Database)
	if err != nil {
		t.Fatal(err)
	}
	pass(callEvery)
	for _, x := range []*site{res, n1, n2} {
		x.ready("registered by hand", api.SetSelector{}, isReady)
	}
	wrong := handRowOf(s.outsider(s.files[2]))
	wrong.Port = 14999
	registerByHand(t, c.Component.Database, handRowOf(s.outsider(s.files[0])), wrong)
	pass(callEvery)
	res.ready("n1 has another port of n2", api.SetSelector{}, func(r api.Ready) bool {
		return codes(r) == api.ObstacleOutdated && r.Obstacles[0].Component == id(n1) && r.Obstacles[0].Of == id(n2)
	})
	if err := os.WriteFile(c.Component.Database, byHand, 0o644); err != nil {
		t.Fatal(err)
	}
	pass(callEvery)
	res.ready("it is right again", api.SetSelector{}, isReady)
	if data, err := os.ReadFile(c.Component.Database); err != nil || string(data) != string(byHand) {
		t.Errorf("written: %s, %v", data, err)
	}
}
