package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"fbpeer/mpspdz"
)

func TestTableHolds(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:36B0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1606 1
   1: 0100007F:9C40 0100007F:36B1 01 00000000:00000000 00:00000000 00000000     0        0 1607 1
   2: 0100007F:36B2 0100007F:9C41 06 00000000:00000000 03:00001770 00000000     0        0 0 3
`
	for port, want := range map[uint16]bool{14000: true, 40000: true, 14001: false, 14002: true, 0: false} {
		if got := tableHolds(table, port); got != want {
			t.Errorf("port %d: %v", port, got)
		}
	}
	if !tableHolds("   0: 00000000000000000000000000000000:36B0 00000000000000000000000000000000:0000 0A\n", 14000) {
		t.Error("a line of tcp6 is not read")
	}
}

func TestIsParty(t *testing.T) {
	dir := t.TempDir()
	current := filepath.Join(dir, "current")
	if err := os.Symlink("files", current); err != nil {
		t.Fatal(err)
	}
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, mpspdz.IPFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	within := []string{files}
	// What the agent finds from where it works itself is not what another process names.
	t.Chdir(dir)
	if err := os.Symlink(filepath.Join(files, mpspdz.IPFile), "ips"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		p    process
		want bool
	}{
		{"works in the folder", process{[]string{"/opt/shamir-party.x", "-p", "1"}, "/opt/shamir-party.x", files}, true},
		{"works below it", process{[]string{"shamir-party.x"}, "", filepath.Join(files, "Player-Data")}, true},
		{"works elsewhere", process{[]string{"shamir-party.x", "-p", "1"}, "/opt/shamir-party.x", "/opt"}, false},
		{"in a folder with such a name", process{[]string{"shamir-party.x"}, "", files + "2"}, false},
		{"names the ip file", process{[]string{"shamir-party.x", "-ip", filepath.Join(current, mpspdz.IPFile)}, "", "/opt"}, true},
		{"names it in one word", process{[]string{"shamir-party.x", "--ip-file-name=" + filepath.Join(current, mpspdz.IPFile)}, "", "/opt"}, true},
		{"names it from where it is", process{[]string{"mascot-party.x", "-ip", "../current/ip_addresses"}, "", filepath.Join(dir, "elsewhere")}, true},
		{"names the port", process{[]string{"shamir-party.x", "--my-port", "14001"}, "", "/opt"}, true},
		{"names another port", process{[]string{"shamir-party.x", "--my-port", "14002"}, "", "/opt"}, false},
		{"by its executable", process{[]string{"party"}, "/opt/malicious-shamir-party.x", files}, true},
		{"under a debugger", process{[]string{"gdb", "--args", "./shamir-party.x", "-p", "1"}, "/usr/bin/gdb", files}, true},
		{"by a shell", process{[]string{"sh", "-c", "cd players && ./shamir-party.x -p 1"}, "/bin/dash", files}, true},
		// Of another user's process /proc shows the arguments alone.
		{"another user's that names the ip file", process{[]string{"shamir-party.x", "-ip", filepath.Join(current, mpspdz.IPFile)}, "", ""}, true},
		{"another user's that names the port", process{[]string{"./shamir-party.x", "-pn", "14001"}, "", ""}, true},
		{"another user's in an unknown folder", process{[]string{"shamir-party.x", "-ip", "ips", "-p", "1"}, "", ""}, false},
		{"another user's elsewhere", process{[]string{"shamir-party.x", "-ip", "/opt/ip_addresses"}, "", ""}, false},
		{"a shell that stands there", process{[]string{"bash"}, "/bin/bash", files}, false},
		{"an editor of a source", process{[]string{"vi", "shamir-party.xyz"}, "/bin/vi", files}, false},
	} {
		if got := test.p.isParty(14001, within); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestProcesses reads a /proc of our own, and the real one.
func TestProcesses(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(proc, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := plain3(t)
	site := s.site(0)
	rendering, err := filepath.EvalSymlinks(site.Folder)
	if err != nil {
		t.Fatal(err)
	}
	write("uptime", "1 1")
	write("7/cmdline", "") // one of the kernel's
	write("8/comm", "gone")
	write("9/cmdline", "/opt/shamir-party.x\x00-p\x000\x00")
	if err := os.Symlink("/opt/shamir-party.x (deleted)", filepath.Join(proc, "9/exe")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(rendering, filepath.Join(proc, "9/cwd")); err != nil {
		t.Fatal(err)
	}
	all := processes(proc)
	if len(all) != 1 || all[0].program != "/opt/shamir-party.x" || all[0].dir != rendering || len(all[0].arguments) != 3 {
		t.Errorf("%+v", all)
	}
	a := s.agentWith(site, Config{Proc: proc})
	if p := mustJoin(t, a); p.status != statusRan {
		t.Errorf("status %d", p.status)
	}
	// The same party in an older rendering of the same [players] dir.
	older := t.TempDir()
	b := s.agentWith(s.site(0), Config{Proc: proc, Players: filepath.Dir(rendering)})
	if p := mustJoin(t, b); p.status != statusRan {
		t.Errorf("below [players] dir: status %d", p.status)
	}
	c := s.agentWith(s.site(0), Config{Proc: proc, Players: older})
	if p := mustJoin(t, c); p.status != statusOpen {
		t.Errorf("a party in another folder: status %d", p.status)
	}
	// One of another user, who may read the player files: nothing of it can be read but its arguments.
	write("10/cmdline", "/opt/shamir-party.x\x00-p\x001\x00-ip\x00"+filepath.Join(older, "current", mpspdz.IPFile)+"\x00")
	d := s.agentWith(s.site(2), Config{Proc: proc, Players: older})
	if p := mustJoin(t, d); p.status != statusRan {
		t.Errorf("another user's: status %d", p.status)
	}

	write("net/tcp6", fmt.Sprintf("  sl  local_address\n   0: 00000000000000000000000000000000:%04X 0:0 06\n", s.ports[1]))
	e := s.agentWith(s.site(1), Config{Proc: proc})
	if p := mustJoin(t, e); p.status != statusInUse {
		t.Errorf("in the kernel's table: status %d", p.status)
	}
	if real := processes("/proc"); len(real) > 0 && strings.Join(real[0].arguments, "") == "" {
		t.Errorf("/proc: %+v", real[0])
	}
	if processes(filepath.Join(proc, "nowhere")) != nil || portHeld(filepath.Join(proc, "nowhere"), 1) {
		t.Error("something in a /proc that is not there")
	}
}

func TestWroteLately(t *testing.T) {
	now := time.Now()
	for name, want := range map[string]bool{
		"Player-Data/Binary-Output-P0-0":      true,
		"Player-Data/3-p-128/Triples-p-P0-T0": true,
		"Persistence/Transactions-P0.data":    true,
		"log.txt":                             true,
		"Player-Data/P0.pem":                  false,
		"Player-Data/0a1b2c3d.0":              false,
		"ip_addresses":                        false,
		"Player-Data/Input-P0-0":              false,
		"Player-Data/Private-Input-0":         false,
		"Programs/Bytecode/tutorial-0.bc":     false,
	} {
		for age, late := range map[time.Duration]bool{time.Second: true, 59 * time.Second: true, 61 * time.Second: false, -time.Hour: false} {
			folder := fstest.MapFS{name: {ModTime: now.Add(-age)}, "Player-Data/P1.pem": {ModTime: now}}
			if got := wroteLately(folder, now); got != (want && late) {
				t.Errorf("%s, %v ago: %v", name, age, got)
			}
		}
	}
}
