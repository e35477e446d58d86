package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	nameA = strings.Repeat("a", 64)
	nameB = strings.Repeat("b", 64)
	nameC = strings.Repeat("c", 64)
	nameD = strings.Repeat("d", 64)
	nameE = strings.Repeat("e", 64)
)

func filesA() []File {
	return []File{
		{Path: "ip_addresses", Data: []byte("a:14000\n"), Mode: 0o644},
		{Path: "Player-Data/P0.pem", Data: []byte("certificate a"), Mode: 0o644},
		{Path: "Player-Data/P0.key", Data: []byte("key a"), Mode: 0o600},
		{Path: "Player-Data/deep/empty", Mode: 0o640},
		{Path: "Player-Data/1a2b3c4d.0", Target: "P0.pem"},
	}
}

func filesB() []File {
	files := filesA()
	for i := range files {
		files[i].Data = bytes.ReplaceAll(files[i].Data, []byte("a"), []byte("b"))
	}
	return files
}

// wantFolder says whether dir holds exactly files, by its own reading of the disk.
func wantFolder(t *testing.T, dir string, files []File, dirMode fs.FileMode) {
	t.Helper()
	left := map[string]File{}
	for _, f := range files {
		left[f.Path] = f
	}
	err := filepath.WalkDir(dir+"/", func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			wantMode(t, at, dirMode|fs.ModeDir)
			return nil
		}
		relative := strings.TrimPrefix(at, dir+"/")
		f, ok := left[relative]
		delete(left, relative)
		switch {
		case !ok:
			t.Errorf("%s: unexpected", relative)
		case f.Target != "":
			if target, err := os.Readlink(at); target != f.Target {
				t.Errorf("%s: leads to %q (%v)", relative, target, err)
			}
		default:
			wantMode(t, at, f.Mode)
			if !bytes.Equal(mustRead(t, at), f.Data) {
				t.Errorf("%s: other content", relative)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for relative := range left {
		t.Errorf("%s: missing", relative)
	}
}

func swap(t testing.TB, parent, name string, files []File, keep int) {
	t.Helper()
	if err := SwapFolder(parent, name, files, nil, 0o750, keep); err != nil {
		t.Fatal(err)
	}
}

func current(t *testing.T, parent string) string {
	t.Helper()
	target, err := os.Readlink(filepath.Join(parent, "current"))
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestSwapFolder(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	parent := filepath.Join(t.TempDir(), "state", "players")
	swap(t, parent, nameA, filesA(), 3)
	wantNames(t, parent, nameA, "current")
	wantMode(t, parent, 0o750|fs.ModeDir)
	wantFolder(t, filepath.Join(parent, "current"), filesA(), 0o750)
	swap(t, parent, nameB, filesB(), 3)
	wantNames(t, parent, nameA, nameB, "current")
	wantFolder(t, filepath.Join(parent, nameA), filesA(), 0o750)
	wantFolder(t, filepath.Join(parent, "current"), filesB(), 0o750)

	for range 2 {
		if err := UnlinkFolder(parent); err != nil {
			t.Fatal(err)
		}
		wantNames(t, parent, nameA, nameB)
	}
	if err := UnlinkFolder(filepath.Join(parent, "missing")); err != nil {
		t.Errorf("no parent: %v", err)
	}
}

// A parent that passes its group on, and folders that do too.
func TestSwapFolderGroup(t *testing.T) {
	const mode = 0o750 | fs.ModeSetgid
	parent := t.TempDir()
	if err := os.Chmod(parent, mode); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := SwapFolder(parent, nameA, filesA(), nil, mode, 3); err != nil {
			t.Fatal(err)
		}
		wantFolder(t, filepath.Join(parent, nameA), filesA(), mode)
	}
	swap(t, parent, nameB, filesB(), 3) // 0750 means without it
	wantFolder(t, filepath.Join(parent, nameB), filesB(), 0o750)
}

// A folder that is there and equal is taken as it is: a program that runs from it sees no change.
func TestSwapFolderReuses(t *testing.T) {
	parent := t.TempDir()
	swap(t, parent, nameA, filesA(), 3)
	inode := func() os.FileInfo {
		info, err := os.Stat(filepath.Join(parent, nameA, "Player-Data", "P0.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	first := inode()
	swap(t, parent, nameB, filesB(), 3)
	swap(t, parent, nameA, filesA(), 3)
	swap(t, parent, nameA, filesA(), 3)
	if !os.SameFile(first, inode()) {
		t.Error("it was built again")
	}
	if got := current(t, parent); got != nameA {
		t.Errorf("current leads to %s", got)
	}
}

// Whatever somebody did to a folder, it is built anew, and what was open in the changed one stays as it was.
func TestSwapFolderRebuilds(t *testing.T) {
	in := func(parts ...string) string { return filepath.Join(parts...) }
	for name, tamper := range map[string]func(dir string) error{
		"other content":  func(dir string) error { return os.WriteFile(in(dir, "Player-Data", "P0.pem"), []byte("x"), 0o644) },
		"same length":    func(dir string) error { return os.WriteFile(in(dir, "ip_addresses"), []byte("b:14000\n"), 0o644) },
		"missing file":   func(dir string) error { return os.Remove(in(dir, "ip_addresses")) },
		"missing folder": func(dir string) error { return os.RemoveAll(in(dir, "Player-Data", "deep")) },
		"extra file":     func(dir string) error { return os.WriteFile(in(dir, "Player-Data", "P7.pem"), nil, 0o644) },
		"extra folder":   func(dir string) error { return os.Mkdir(in(dir, "Player-Data", "old"), 0o750) },
		"file mode":      func(dir string) error { return os.Chmod(in(dir, "Player-Data", "P0.key"), 0o644) },
		"folder mode":    func(dir string) error { return os.Chmod(in(dir, "Player-Data"), 0o777) },
		"own mode":       func(dir string) error { return os.Chmod(dir, 0o755) },
		"link elsewhere": func(dir string) error {
			link := in(dir, "Player-Data", "1a2b3c4d.0")
			return errors.Join(os.Remove(link), os.Symlink("P1.pem", link))
		},
		"link for a file": func(dir string) error {
			return errors.Join(os.Rename(in(dir, "ip_addresses"), dir+"-ip"), os.Symlink(dir+"-ip", in(dir, "ip_addresses")))
		},
		"file for a link": func(dir string) error {
			link := in(dir, "Player-Data", "1a2b3c4d.0")
			return errors.Join(os.Remove(link), os.WriteFile(link, []byte("certificate a"), 0o644))
		},
		"link for the folder": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+"-moved"), os.Symlink(dir+"-moved", dir))
		},
		"file for the folder": func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) },
		"gone":                os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			swap(t, parent, nameA, filesA(), 3)
			open, err := os.Open(filepath.Join(parent, nameA, "Player-Data", "P0.key"))
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()
			if err := tamper(filepath.Join(parent, nameA)); err != nil {
				t.Fatal(err)
			}
			swap(t, parent, nameA, filesA(), 3)
			wantFolder(t, filepath.Join(parent, "current"), filesA(), 0o750)
			if got := current(t, parent); got != nameA {
				t.Errorf("current leads to %s", got)
			}
			got := make([]byte, 10)
			if n, _ := open.ReadAt(got, 0); string(got[:n]) != "key a" {
				t.Errorf("what was open holds %q", got[:n])
			}
			entries, err := filepath.Glob(filepath.Join(parent, ".tmp-*"))
			if err != nil || len(entries) > 0 {
				t.Errorf("left over: %q (%v)", entries, err)
			}
		})
	}
}

func TestSwapFolderKilled(t *testing.T) {
	for name, setup := range map[string]func(t *testing.T, dir, _ string){
		"after another": func(t *testing.T, dir, _ string) {
			swap(t, dir, nameC, filesA(), 3)
			swap(t, dir, nameD, filesA(), 3)
			swap(t, dir, nameA, filesA(), 3)
		},
		"over a changed one in force": func(t *testing.T, dir, _ string) {
			swap(t, dir, nameA, filesA(), 3)
			swap(t, dir, nameB, filesB(), 3)
			mustWrite(t, filepath.Join(dir, nameB, "extra"), nil, 0o600)
		},
		"over the copy of a run killed while it replaced a changed one": func(t *testing.T, dir, _ string) {
			swap(t, dir, nameA, filesA(), 3)
			swap(t, dir, nameB, filesB(), 3)
			const copied = leftoverPrefix + "1"
			err := errors.Join(os.Rename(filepath.Join(dir, nameB), filepath.Join(dir, copied)),
				os.Remove(filepath.Join(dir, "current")), os.Symlink(copied, filepath.Join(dir, "current")))
			if err != nil {
				t.Fatal(err)
			}
		},
		"over a changed one": func(t *testing.T, dir, _ string) {
			swap(t, dir, nameB, filesB(), 3)
			swap(t, dir, nameA, filesA(), 3)
			mustWrite(t, filepath.Join(dir, nameB, "extra"), nil, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inForceChanged := strings.HasSuffix(name, "in force")
			killedAtEveryStep(t, "swap", setup, func(t *testing.T, dir, diedAt string) {
				var whole []File
				switch target := current(t, dir); {
				case target == nameA:
					whole = filesA()
				case target == nameB || strings.HasPrefix(target, ".tmp-"):
					whole = filesB()
				default:
					t.Fatalf("died at %q: current leads to %s", diedAt, target)
				}
				if _, err := os.Stat(filepath.Join(dir, "current", "extra")); inForceChanged && err == nil && diedAt != "" {
					whole = append(whole, File{Path: "extra", Mode: 0o600}) // not yet replaced
				}
				wantFolder(t, filepath.Join(dir, "current"), whole, 0o750)
				swap(t, dir, nameB, filesB(), 2) // the next start
				wantFolder(t, filepath.Join(dir, "current"), filesB(), 0o750)
				wantNames(t, dir, nameA, nameB, "current")
				if t.Failed() {
					t.Fatalf("died at %q", diedAt)
				}
			})
		})
	}
}

// A run leaves its own files in the folder that it runs in: they must survive the agent's next start, unless they could change whom
// the next run trusts.
func TestSwapFolderKeepsWhatDoesNotMatter(t *testing.T) {
	parent := t.TempDir()
	matters := func(path string) bool { return strings.HasSuffix(path, ".pem") }
	again := func() {
		t.Helper()
		if err := SwapFolder(parent, nameA, filesA(), matters, 0o750, 3); err != nil {
			t.Fatal(err)
		}
	}
	again()
	inForce := filepath.Join(parent, "current")
	if err := os.Mkdir(filepath.Join(inForce, "output"), 0o700); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(inForce, "output", "result")
	mustWrite(t, output, []byte("42"), 0o600)
	again()
	if got := mustRead(t, output); string(got) != "42" {
		t.Errorf("the output of a run is now %q", got)
	}
	mustWrite(t, filepath.Join(inForce, "output", "P7.pem"), []byte("a stranger"), 0o600)
	again()
	wantFolder(t, inForce, filesA(), 0o750)
}

// Every call that fails leaves a whole folder in force; nothing keeps the next attempt from working.
func TestSwapFolderFails(t *testing.T) {
	for n := 1; ; n++ {
		parent := t.TempDir()
		swap(t, parent, nameA, filesA(), 3)
		d, failed := failingAt(n)
		err := d.swapFolder(parent, nameB, filesB(), nil, 0o750, 1)
		if !*failed {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if !errors.Is(err, errInjected) {
			t.Errorf("step %d: %v", n, err)
		}
		whole := filesA()
		if current(t, parent) == nameB {
			whole = filesB()
		}
		wantFolder(t, filepath.Join(parent, "current"), whole, 0o750)
		swap(t, parent, nameB, filesB(), 1)
		wantFolder(t, filepath.Join(parent, "current"), filesB(), 0o750)
		wantNames(t, parent, nameB, "current")
	}
}

func TestSwapFolderKeeps(t *testing.T) {
	parent := t.TempDir()
	theirs := []string{"notes", strings.Repeat("A", 64), strings.Repeat("a", 63)} // an operator's own folders
	for _, name := range theirs {
		if err := os.Mkdir(filepath.Join(parent, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		name string
		keep int
		want []string
	}{
		{nameA, 3, []string{nameA}},
		{nameB, 3, []string{nameA, nameB}},
		{nameC, 3, []string{nameA, nameB, nameC}},
		{nameA, 3, []string{nameA, nameB, nameC}},
		{nameD, 3, []string{nameA, nameC, nameD}}, // a was in force a moment ago, though it was built first
		{nameE, 3, []string{nameA, nameD, nameE}},
		{nameE, 2, []string{nameD, nameE}},
		{nameE, 0, []string{nameE}},
		{nameB, 1, []string{nameB}},
	} {
		swap(t, parent, step.name, filesA(), step.keep)
		wantNames(t, parent, slices.Concat(step.want, theirs, []string{"current"})...)
	}
}

// The folder that was in force a moment ago stays, whatever the clock did.
func TestSwapFolderKeepsThePreviousOne(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{nameA, nameB} {
		swap(t, parent, name, filesA(), 3)
		tomorrow := time.Now().Add(24 * time.Hour)
		if err := os.Chtimes(filepath.Join(parent, name), tomorrow, tomorrow); err != nil {
			t.Fatal(err)
		}
	}
	swap(t, parent, nameC, filesA(), 3)
	swap(t, parent, nameD, filesA(), 2)
	wantNames(t, parent, nameC, nameD, "current")
}

func TestSwapFolderRefuses(t *testing.T) {
	good := []File{{Path: "f", Mode: 0o600}}
	for name, c := range map[string]struct {
		folder  string
		files   []File
		dirMode fs.FileMode
	}{
		"name short":       {"abc", good, 0o700},
		"name upward":      {"../" + nameA[3:], good, 0o700},
		"name upper case":  {strings.Repeat("A", 64), good, 0o700},
		"name empty":       {"", good, 0o700},
		"folder mode":      {nameA, good, 0o500},
		"folder mode bits": {nameA, good, 0o700 | fs.ModeSticky},
		"file mode bits":   {nameA, []File{{Path: "f", Mode: 0o600 | fs.ModeSetuid}}, 0o700},
		"upward":           {nameA, []File{{Path: "../f"}}, 0o700},
		"absolute":         {nameA, []File{{Path: "/f"}}, 0o700},
		"not clean":        {nameA, []File{{Path: "a//f"}}, 0o700},
		"hidden upward":    {nameA, []File{{Path: "a/../../f"}}, 0o700},
		"itself":           {nameA, []File{{Path: "."}}, 0o700},
		"empty":            {nameA, []File{{Path: ""}}, 0o700},
		"twice":            {nameA, []File{{Path: "f"}, {Path: "f"}}, 0o700},
		"file and folder":  {nameA, []File{{Path: "f/g"}, {Path: "f"}}, 0o700},
		"link upward":      {nameA, []File{{Path: "a/l", Target: "../../f"}}, 0o700},
		"link absolute":    {nameA, []File{{Path: "l", Target: "/etc/passwd"}}, 0o700},
		"link with data":   {nameA, []File{{Path: "l", Target: "f", Data: []byte("x")}}, 0o700},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := SwapFolder(filepath.Join(dir, "players"), c.folder, c.files, nil, c.dirMode, 3); err == nil {
				t.Error("taken")
			}
			wantNames(t, dir) // refused before anything is made
		})
	}
}

func TestSwapFolderCurrentNotOurs(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"folder":           func(path string) error { return os.Mkdir(path, 0o700) },
		"link elsewhere":   func(path string) error { return os.Symlink("/srv/release-7", path) },
		"link to a folder": func(path string) error { return os.Symlink("release-7", path) },
		"link upward":      func(path string) error { return os.Symlink("../"+nameA, path) },
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			if err := put(filepath.Join(parent, "current")); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(filepath.Join(parent, "current"))
			if err != nil {
				t.Fatal(err)
			}
			if err := SwapFolder(parent, nameA, filesA(), nil, 0o750, 3); err == nil || !strings.Contains(err.Error(), "move it away") {
				t.Errorf("SwapFolder: %v", err)
			}
			if err := UnlinkFolder(parent); err == nil || !strings.Contains(err.Error(), "move it away") {
				t.Errorf("UnlinkFolder: %v", err)
			}
			wantNames(t, parent, "current")
			if after, err := os.Lstat(filepath.Join(parent, "current")); err != nil || !os.SameFile(before, after) {
				t.Errorf("it was replaced (%v)", err)
			}
		})
	}
}

// Player files of 3 and of 255 parties: a certificate of the size of an RSA-2048 one and a hash link each, a key, the ip file.
func BenchmarkSwapFolder(b *testing.B) {
	for _, parties := range []int{3, 255} {
		b.Run(fmt.Sprint(parties), func(b *testing.B) {
			parent := b.TempDir()
			files := []File{
				{Path: "ip_addresses", Data: bytes.Repeat([]byte("10.0.0.1:14000\n"), parties), Mode: 0o644},
				{Path: "Player-Data/P0.key", Data: bytes.Repeat([]byte("k"), 1704), Mode: 0o600},
			}
			for party := range parties {
				pem := fmt.Sprintf("P%d.pem", party)
				files = append(files,
					File{Path: "Player-Data/" + pem, Data: bytes.Repeat([]byte("c"), 1172), Mode: 0o644},
					File{Path: fmt.Sprintf("Player-Data/%08x.0", party), Target: pem})
			}
			i := 0
			for b.Loop() {
				swap(b, parent, fmt.Sprintf("%064x", i), files, 3)
				i++
			}
		})
	}
}
