package probe

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"fbpeer/mpspdz"
)

const (
	// lately is how long a computation is said to have run after it ended; Linux keeps a TIME_WAIT as long.
	lately = time.Minute

	// partySuffix ends the name of every program of MP-SPDZ's that is a party: shamir-party.x.
	partySuffix = "-party.x"

	maxWalk = 20000 // entries of a folder that are looked at
)

// portHeld says whether the kernel has a TCP socket on a local port, in whatever state: a listener, a connection of a computation, or the
// TIME_WAIT of one that ended up to a minute ago. Our own connections leave none.
func portHeld(proc string, port uint16) bool {
	for _, name := range []string{"tcp", "tcp6"} {
		table, err := os.ReadFile(filepath.Join(proc, "net", name))
		if err == nil && tableHolds(string(table), port) { // without such a table, binding says whether it is in use
			return true
		}
	}
	return false
}

// tableHolds reads the second field of each line, ADDRESS:PORT in hexadecimal.
func tableHolds(table string, port uint16) bool {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		_, local, found := strings.Cut(fields[1], ":")
		if n, err := strconv.ParseUint(local, 16, 16); found && err == nil && uint16(n) == port {
			return true
		}
	}
	return false
}

// ran says whether MP-SPDZ runs here, or did within the last minute, by processes and by what a run writes.
func (o *Opener) ran(folder string, port uint16) bool {
	within := []string{folder}
	if o.c.Players != "" {
		if players, err := filepath.EvalSymlinks(o.c.Players); err == nil {
			within = append(within, players)
		}
	}
	return slices.ContainsFunc(processes(o.c.Proc), func(p process) bool { return p.isParty(port, within) }) ||
		wroteLately(os.DirFS(folder), o.c.Now())
}

// process is what /proc says of one.
type process struct {
	arguments []string // with the program's name
	program   string   // the file that runs; empty if it is not known
	dir       string   // where it works; empty if it is not known
}

// processes reads all of them. One that ends meanwhile, or that is not ours to look at, is left out or has empty fields: of another user's
// only the arguments can be read, and where /proc is mounted with hidepid nothing.
func processes(proc string) []process {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var all []process
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue
		}
		dir := filepath.Join(proc, entry.Name())
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || len(line) == 0 { // gone, or one of the kernel's
			continue
		}
		p := process{arguments: strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")}
		if program, err := os.Readlink(filepath.Join(dir, "exe")); err == nil {
			p.program = strings.TrimSuffix(program, " (deleted)")
		}
		if work, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil {
			p.dir = work
		}
		all = append(all, p)
	}
	return all
}

// isParty says whether the process is an MP-SPDZ party that has to do with the port, or with files in one of the folders. Whose it is does not
// matter: a group may read the player files. A shell that stands in such a folder is none. A debugger's or shell's arguments may name the
// program: they count too.
func (p process) isParty(port uint16, within []string) bool {
	named := func(argument string) bool { return strings.Contains(argument+" ", partySuffix+" ") }
	if !strings.HasSuffix(p.program, partySuffix) && !slices.ContainsFunc(p.arguments, named) {
		return false
	}
	inside := func(name string) bool {
		return slices.ContainsFunc(within, func(folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") })
	}
	if inside(p.dir) {
		return true
	}
	for _, argument := range p.arguments {
		for word := range strings.FieldsFuncSeq(argument, func(r rune) bool { return r == ' ' || r == '=' }) {
			if word == strconv.Itoa(int(port)) || inside(p.resolve(word)) {
				return true
			}
		}
	}
	return false
}

// resolve gives the file that an argument names, links followed as far as there are any; empty if it is not known from where it is named.
func (p process) resolve(name string) string {
	if !path.IsAbs(name) {
		if p.dir == "" {
			return ""
		}
		name = path.Join(p.dir, name)
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		return real
	}
	return path.Clean(name)
}

// wroteLately says whether a run wrote something in a folder of player files within the last minute. A time that lies ahead by more than
// that says nothing.
func wroteLately(folder fs.FS, now time.Time) bool {
	found, seen := false, 0
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if seen++; seen > maxWalk {
			return fs.SkipAll
		}
		if err != nil || !entry.Type().IsRegular() || !writtenByRun(name) {
			return nil // what cannot be read says nothing
		}
		info, err := entry.Info()
		if err == nil && now.Sub(info.ModTime()).Abs() < lately {
			found = true
			return fs.SkipAll
		}
		return nil
	})
	return found && err == nil
}

// writtenByRun says whether a file in a folder of player files is one that a run writes: outputs, preprocessing, persistent shares, logs;
// not our own files, inputs, and compiled programs, which are there before.
func writtenByRun(name string) bool {
	return !mpspdz.Trusts(name) && !strings.Contains(path.Base(name), "Input-") && !strings.HasPrefix(name, "Programs/")
}
