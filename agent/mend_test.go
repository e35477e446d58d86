package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"fbpeer/agent/api"
)

func TestDamagedPlayerFilesAreMended(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	b.approve(b.others[1])
	k := b.open()
	k.settle(b.now)
	current := filepath.Join(b.offline.config.PlayersDir, "current")
	whole := tree(t, current+"/")
	data := filepath.Join(current, "Player-Data")
	for what, damage := range map[string]func() error{
		"a changed file": func() error { return os.WriteFile(filepath.Join(data, "P0.pem"), []byte("x"), 0o600) },
		"a deleted file": func() error { return os.Remove(filepath.Join(data, "P1.pem")) },
		"another mode":   func() error { return os.Chmod(filepath.Join(data, "P0.pem"), 0o666) },
		"one too many":   func() error { return os.WriteFile(filepath.Join(data, "P7.pem"), nil, 0o600) },
		"no link":        func() error { return os.Remove(current) },
		"a folder gone":  func() error { return os.RemoveAll(data) },
	} {
		var log bytes.Buffer
		k.options.Log = zerolog.New(&log)
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		k.settle(b.now) // a commit of something else does not look
		k.mendPlayers(b.now)
		if !strings.Contains(log.String(), "players-mended") || !strings.Contains(log.String(), `"warn"`) {
			t.Errorf("%s: nothing is said: %s", what, log.String())
		}
		k.settle(b.now)
		if got := tree(t, current+"/"); got != whole {
			t.Errorf("%s: not mended:\n%s\nwant\n%s", what, got, whole)
		}
		if k.mendPlayers(b.now); !k.players.checked {
			t.Errorf("%s: the mended files count as damaged", what)
		}
	}
}

// Whatever happens to the database while the agent runs, status says so or the rows come back.
func TestDatabaseAtRunTime(t *testing.T) {
	b := newBench(t)
	b.hearAll()
	b.approve(b.others[0])
	k := b.open()
	k.settle(b.now)
	database, id := b.offline.config.Component.Database, b.others[0].config.Component.ID
	whole, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	look := func() api.Snapshot {
		k.registry.look()
		k.settle(b.now)
		return b.shown(k)
	}
	for what, damage := range map[string]func() error{
		"garbage": func() error { return os.WriteFile(database, []byte(`{"Certificates": [`), 0o600) },
		"deleted": func() error { return os.Remove(database) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		named := false
		for _, w := range look().Warnings {
			named = named || w.Error && w.Cure != "" && strings.Contains(w.Text, database)
		}
		if !named {
			t.Errorf("%s: %v", what, b.shown(k).Warnings)
		}
		if err := os.WriteFile(database, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		if s := look(); len(s.Warnings) > 0 || s.Rows != 1 {
			t.Errorf("%s, put back: %v", what, s.Warnings)
		}
	}
	without := strings.Replace(string(whole), id, "NODE_other", 1)
	if err := os.WriteFile(database, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := b.snapshot(); !warned(s.Warnings, api.WarnRegistry) {
		t.Errorf("a row that is missing: %v", s.Warnings)
	}
	if s := look(); s.Rows != 1 || rows(t, database)[id] == "" {
		t.Errorf("the row does not come back: %v", s.Warnings)
	}
}

func TestProblemsAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	logger := zerolog.New(&log)
	present := []api.Warning{{Code: api.WarnTrustList, Text: "garbage in line 1", Cure: "correct it", Error: true}, {Code: api.WarnRestored, Text: "an older copy"}}
	said := told{}
	for range 3 {
		said.tell(logger, present)
	}
	if got := log.String(); strings.Count(got, "\n") != 2 || strings.Count(got, `"level":"error"`) != 1 || strings.Count(got, `"level":"warn"`) != 1 {
		t.Errorf("three times the same: %s", got)
	}
	said.tell(logger, nil)
	log.Reset()
	said.tell(logger, present)
	if strings.Count(log.String(), "\n") != 2 {
		t.Errorf("they came back: %q", log.String())
	}
}
