package fedbiomed

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// partyOf is a fixture's component as its peers would announce it.
func partyOf(t testing.TB, root, file string) mpspdz.Party {
	t.Helper()
	c, err := Load(filepath.Join(root, "etc", file), env())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(c.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := mpspdz.ParseCertificatePEM(data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(certificate.PEM(), data) {
		t.Fatalf("%s: Fed-BioMed's own file is not the canonical PEM", c.Certificate)
	}
	return mpspdz.Party{Component: c.ID, Role: c.Role, Endpoint: c.Endpoint, Certificate: certificate}
}

// TestRegisterFixture registers each component's two others, and compares with what certificate-dev-setup of v5.2.0 wrote: equal
// to the byte but for the port, which is a number here. The file keeps its inode: a component that has it open sees the rows.
func TestRegisterFixture(t *testing.T) {
	root := copyClone(t)
	researcher, n1, n2 := partyOf(t, root, "config_researcher.ini"), partyOf(t, root, "config-n1.ini"), partyOf(t, root, "config-n2.ini")
	for id, others := range map[string][]mpspdz.Party{
		researcherID: {n1, n2}, node1ID: {researcher, n2}, node2ID: {researcher, n1},
	} {
		name := "db_" + id + ".json"
		want, err := os.ReadFile(filepath.Join("testdata", "registered", "var", name))
		if err != nil {
			t.Fatal(err)
		}
		for port := 14000; port < 14003; port++ {
			want = bytes.ReplaceAll(want, fmt.Appendf(nil, `"port": "%d"`, port), fmt.Appendf(nil, `"port": %d`, port))
		}
		path := filepath.Join(root, "var", name)
		held, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		before := inode(t, path)
		registry := OpenRegistry(path, filepath.Join(root, "registry.intent"))
		changed, err := registry.Update(inFixtureOrder(string(want), others), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(changed) != 2 {
			t.Errorf("changed %v", changed)
		}
		got, err := io.ReadAll(io.NewSectionReader(held, 0, 1<<20))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
		if inode(t, path) != before {
			t.Error("the file was replaced: the component would not see it")
		}
		if changed, err := registry.Update(others, nil); err != nil || changed != nil {
			t.Errorf("a second update changed %v (%v)", changed, err)
		}
		// And back: everything is as before, with the empty table that TinyDB leaves.
		if _, err := registry.Update(nil, []string{others[0].Component, others[1].Component}); err != nil {
			t.Fatal(err)
		}
		got, err = os.ReadFile(path)
		fixture, fixtureErr := os.ReadFile(filepath.Join("testdata", "clone", "var", name))
		if err := errors.Join(err, fixtureErr); err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(string(fixture), "}") + `, "Certificates": {}}`; strings.TrimRight(string(got), " ") != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// inFixtureOrder puts the parties in the order in which Fed-BioMed's command found them.
func inFixtureOrder(want string, parties []mpspdz.Party) []mpspdz.Party {
	if strings.Index(want, `"party_id": "`+parties[0].Component) > strings.Index(want, `"party_id": "`+parties[1].Component) {
		return []mpspdz.Party{parties[1], parties[0]}
	}
	return parties
}

func inode(t testing.TB, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// TestRegisteredAlready: what certificate-dev-setup wrote says the same, ports as strings and all, so nothing is written.
func TestRegisteredAlready(t *testing.T) {
	root := copyClone(t)
	path := filepath.Join("testdata", "registered", "var", "db_"+node1ID+".json")
	registry := OpenRegistry(path, "/nowhere/registry.intent") // a write would fail
	others := []mpspdz.Party{partyOf(t, root, "config_researcher.ini"), partyOf(t, root, "config-n2.ini")}
	if changed, err := registry.Update(others, []string{"NODE_gone"}); err != nil || changed != nil {
		t.Errorf("changed %v (%v)", changed, err)
	}
	rows, err := registry.Rows()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	want := Row{DocID: "2", Component: node2ID, Kind: "NODE", IP: "localhost", Port: "14002", Certificate: string(others[1].Certificate.PEM())}
	if rows[1] != want {
		t.Errorf("got %v, want %v", rows[1], want)
	}
}

func TestRegistryRefuses(t *testing.T) {
	root := copyClone(t)
	n1 := partyOf(t, root, "config-n1.ini")
	path := filepath.Join(root, "var", "db.json")
	registry := OpenRegistry(path, filepath.Join(root, "registry.intent"))
	registry.wait = func(time.Duration) {}

	if _, err := registry.Rows(); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := registry.Update([]mpspdz.Party{n1}, nil); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("missing file: %v", err)
	}

	write(t, path, `{"Certificates": [1]}`)
	_, err := registry.Update([]mpspdz.Party{n1}, nil)
	var e *DatabaseError
	if !errors.As(err, &e) || e.Error() != path+`: not a database of TinyDB: table "Certificates" is not an object` ||
		e.Cure != "nothing was written: restore the file from a backup, or move it away and let Fed-BioMed make a new one" {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != `{"Certificates": [1]}` {
		t.Errorf("the file is now %s (%v)", data, err)
	}

	write(t, path, "{}")
	_, err = OpenRegistry(path, filepath.Join(root, "gone", "registry.intent")).Update([]mpspdz.Party{n1}, nil)
	if !errors.Is(err, os.ErrNotExist) || errors.Is(err, ErrNoDatabase) {
		t.Errorf("no folder for the intent, not for the database: %v", err)
	}
	if _, err := OpenRegistry(root, "").Rows(); !errors.As(err, &e) || e.Error() != root+": is a directory" ||
		e.Cure != "nothing was written: see that [default] db names the component's database" {
		t.Errorf("a folder: %v", err)
	}

	plain := n1
	plain.Role = mpspdz.PlainParty
	if _, err := registry.Update([]mpspdz.Party{plain}, nil); err == nil {
		t.Error("a plain party was registered")
	}
}

// TestTornRead: a read that meets the component's write half done is repeated, a bounded number of times.
func TestTornRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.json")
	whole := readFixture(t, "registered")
	write(t, path, string(whole[:700]))
	registry := OpenRegistry(path, "")
	waits := 0
	registry.wait = func(time.Duration) {
		if waits++; waits == 3 {
			write(t, path, string(whole))
		}
	}
	if rows, err := registry.Rows(); err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	write(t, path, string(whole[:700]))
	var e *DatabaseError
	if _, err := registry.Rows(); !errors.As(err, &e) {
		t.Errorf("got %v", err)
	}
	if want := 3 + reads - 1; waits != want {
		t.Errorf("waited %d times, want %d", waits, want)
	}
}

// TestComponentWritesMeanwhile: a row that the component inserts between our reading and our writing is kept.
func TestComponentWritesMeanwhile(t *testing.T) {
	root := copyClone(t)
	n1 := partyOf(t, root, "config-n1.ini")
	path := filepath.Join(root, "db.json")
	write(t, path, "{}")
	registry := OpenRegistry(path, filepath.Join(root, "registry.intent"))
	calls, rewrite := 0, registry.rewrite
	registry.rewrite = func(old, new []byte) error {
		if calls++; calls == 1 {
			write(t, path, `{"Datasets": {"1": {"n": 1}}}`)
		}
		return rewrite(old, new)
	}
	if changed, err := registry.Update([]mpspdz.Party{n1}, nil); err != nil || len(changed) != 1 {
		t.Fatal(changed, err)
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(data), `{"Datasets": {"1": {"n": 1}}, "Certificates": {"1": {`) {
		t.Errorf("%s (%v)", data, err)
	}

	write(t, path, "{}")
	registry.rewrite = func(old, new []byte) error {
		write(t, path, fmt.Sprintf(`{"Datasets": {"%d": {}}}`, calls))
		calls++
		return rewrite(old, new)
	}
	var e *DatabaseError
	if _, err := registry.Update([]mpspdz.Party{n1}, nil); !errors.As(err, &e) || !errors.Is(err, durable.ErrChanged) {
		t.Errorf("got %v", err)
	}
	if calls != 2+rewrites {
		t.Errorf("%d tries", calls-2)
	}
}

// TestRecover: a write that a crash tore is undone; a file that somebody changed after it is left alone and reported.
func TestRecover(t *testing.T) {
	dir := t.TempDir()
	path, intent := filepath.Join(dir, "db.json"), filepath.Join(dir, "registry.intent")
	registry := OpenRegistry(path, intent)
	if text, err := registry.Recover(); err != nil || text != "" {
		t.Error(text, err)
	}
	old, new := `{"Certificates": {}, "T": {}}`, `{"Certificates": {"1": {}}, "T": {}}`
	b := fmt.Appendf(nil, "fbpeer-intent-v1 %d %d %d\n%s%s%s", len(path), len(old), len(new), path, old, new)
	sum := sha256.Sum256(b)
	b = append(b, sum[:]...)

	write(t, intent, string(b))
	write(t, path, new[:20]+old[20:])
	if text, err := registry.Recover(); err != nil || text != path+": an interrupted write was undone" {
		t.Error(text, err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != old {
		t.Errorf("%s (%v)", data, err)
	}

	write(t, intent, string(b))
	write(t, path, `{"T": {"1": {}}}`)
	text, err := registry.Recover()
	if want := path + ": others changed it after an interrupted write, so it was left alone; what it held before is in " + intent + ".left"; err != nil || text != want {
		t.Error(text, err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != `{"T": {"1": {}}}` {
		t.Errorf("%s (%v)", data, err)
	}
}

// TestOneWriteOf255: a registry of 255 parties is brought up to date for one of them with one write.
func TestOneWriteOf255(t *testing.T) {
	path, parties := bigDatabase(t)
	registry := OpenRegistry(path, path+".intent")
	registry.wait = func(time.Duration) {}
	writes := 0
	registry.file.Disk.Step = func(call string) error {
		if call == "pwrite" || call == "ftruncate" {
			writes++
		}
		return nil
	}
	moved := parties[100]
	moved.Endpoint = endpoint(t, 20000)
	parties[100] = moved
	if changed, err := registry.Update(parties, nil); err != nil || len(changed) != 1 || changed[0] != moved.Component || writes != 1 {
		t.Errorf("changed %v with %d writes (%v)", changed, writes, err)
	}
	if changed, err := registry.Update(parties, nil); err != nil || changed != nil || writes != 1 {
		t.Errorf("again: changed %v, %d writes in all (%v)", changed, writes, err)
	}
}

// BenchmarkUpdateOneOf255 brings 255 parties up to date of which one has changed, with all that is written to disk. ns/op is until Update
// returns, of which
//
//	ms-wait/op     is waited on purpose: the second look, 60 ms after the write, and for a component that writes (here nobody does)
//	ms-work/op     is everything else: reading, comparing, splicing, writing, syncing
//	ms-row/op      is from the call until the row stands in the database, where Fed-BioMed finds it; part of ms-work
//	ms-disk/op     is the disk's share of ms-work: backup, intent and database written and synced, and the folder three times
//	writes/op      counts the writes of the database
//	µs-window/op   is from the beginning of the last comparison to that of the write: what the component writes in it is lost
//	µs-write/op    is the write: who reads in it may meet a mixture
func BenchmarkUpdateOneOf255(b *testing.B) {
	path, parties := bigDatabase(b)
	registry := OpenRegistry(path, path+".intent")
	var waited, row time.Duration
	spent, writes := map[string]time.Duration{}, 0
	call, since, begun := "", time.Now(), time.Now()
	registry.wait = func(d time.Duration) {
		start := time.Now()
		time.Sleep(d) // what the writer itself waits, for real, so that it can be told from its work
		waited += time.Since(start)
		since = since.Add(time.Since(start))
	}
	registry.file.Disk.Step = func(next string) error {
		now := time.Now()
		spent[call] += now.Sub(since)
		if call == "pwrite" {
			row += now.Sub(begun)
			writes++
		}
		call, since = next, now
		return nil
	}
	moved := [2]mpspdz.Endpoint{endpoint(b, 20000), parties[100].Endpoint}
	time.Sleep(2 * quiet) // nobody has written it just now
	n := 0
	for ; b.Loop(); n++ {
		parties[100].Endpoint = moved[n%2]
		begun = time.Now()
		call, since = "", begun
		if changed, err := registry.Update(parties, nil); err != nil || len(changed) != 1 {
			b.Fatal(changed, err)
		}
	}
	disk := time.Duration(0)
	for call, time := range spent {
		if call != "" && call != "pread" && call != "pwrite" {
			disk += time
		}
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(n) }
	b.ReportMetric(ms(waited), "ms-wait/op")
	b.ReportMetric(ms(b.Elapsed()-waited), "ms-work/op")
	b.ReportMetric(ms(row), "ms-row/op")
	b.ReportMetric(ms(disk), "ms-disk/op")
	b.ReportMetric(float64(writes)/float64(n), "writes/op")
	b.ReportMetric(ms(spent["pread"])*1000, "µs-window/op")
	b.ReportMetric(ms(spent["pwrite"])*1000, "µs-write/op")
}

// BenchmarkSplice is the part of that which is ours.
func BenchmarkSplice(b *testing.B) {
	path, parties := bigDatabase(b)
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	changed := newParty(parties[100])
	changed.port = "20000"
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		db, err := parseDatabase(data)
		if err != nil {
			b.Fatal(err)
		}
		if _, changed := db.splice([]party{changed}, nil); len(changed) != 1 {
			b.Fatal(changed)
		}
	}
}

func endpoint(b testing.TB, port uint16) mpspdz.Endpoint {
	e, err := mpspdz.NewEndpoint("10.0.0.2", port)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// bigDatabase has 255 rows and the fixture's biprime.
func bigDatabase(b testing.TB) (path string, parties []mpspdz.Party) {
	pem, _, err := mpspdz.NewFedbiomedCertificate(rand.Reader, node1ID, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	certificate, err := mpspdz.ParseCertificatePEM(pem)
	if err != nil {
		b.Fatal(err)
	}
	for i := range mpspdz.MaxParties {
		parties = append(parties, mpspdz.Party{Component: fmt.Sprintf("NODE_%d", i), Role: mpspdz.Node,
			Endpoint: endpoint(b, uint16(14000+i)), Certificate: certificate})
	}
	path = filepath.Join(b.TempDir(), "db.json")
	write(b, path, string(readFixture(b, "clone")))
	registry := OpenRegistry(path, path+".intent")
	registry.wait = func(time.Duration) {}
	if changed, err := registry.Update(parties, nil); err != nil || len(changed) != len(parties) {
		b.Fatal(len(changed), err)
	}
	rows, err := OpenRegistry(path, "").Rows()
	if err != nil || len(rows) != len(parties) || !reflect.DeepEqual(rows[254].Port, "14254") {
		b.Fatal(len(rows), err)
	}
	return path, parties
}
