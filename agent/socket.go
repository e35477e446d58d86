package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"fbpeer/config"
	"fbpeer/internal/durable"
)

// maxSocketPath is the longest path that every system takes for a socket (macOS: 103 bytes).
const maxSocketPath = 103

// socketPath is where the agent of this state folder listens: a short name in a folder that only we can enter.
func socketPath(c *config.Config) (string, error) {
	state := sha256.Sum256([]byte(c.State))
	name := hex.EncodeToString(state[:8]) + ".sock"
	getenv := c.Selector.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	private := "fbpeer-" + strconv.Itoa(os.Geteuid())
	folders := []string{filepath.Join(os.TempDir(), private), filepath.Join("/tmp", private)}
	if runtime := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		folders = append([]string{filepath.Join(runtime, "fbpeer")}, folders...)
	}
	var problems []error
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if len(path) > maxSocketPath {
			problems = append(problems, fmt.Errorf("%s: longer than the %d bytes that a socket may have", path, maxSocketPath))
			continue
		}
		err := privateFolder(folder)
		if err == nil {
			return path, nil
		}
		problems = append(problems, err)
	}
	return "", &config.Error{Err: fmt.Errorf("no private folder for the agent's socket: %w", errors.Join(problems...)),
		Hint: "set XDG_RUNTIME_DIR or TMPDIR to a short folder of your own"}
}

// privateFolder makes folder if it is missing (its parent must be there), and refuses one that others could write to or that is not
// ours: whoever owns it could put a socket of his own there.
func privateFolder(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return checkPrivate(folder, os.Geteuid())
}

// checkPrivate says whether folder is a real folder that belongs to one of these users and that nobody else can enter.
func checkPrivate(folder string, owners ...int) error {
	info, err := os.Lstat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s: not a folder", folder)
	case !ok || !slices.Contains(owners, int(owner.Uid)):
		return fmt.Errorf("%s: belongs to another user", folder)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%s: others can enter it: chmod 700 %s", folder, folder)
	}
	return nil
}

// listen opens the control socket and names it in the state folder. It is called under the agent's lock, so that a socket that is
// there already is a dead agent's.
func listen(c *config.Config, s store) (*controlSocket, error) {
	path, err := socketPath(c)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by its path alone: what is there by then may be another agent's
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(path))
	}
	made, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	socket := &controlSocket{UnixListener: l, path: path, made: made}
	if err := s.write(s.path(fileSocket), []byte(path+"\n")); err != nil {
		return nil, errors.Join(err, socket.remove(), l.Close())
	}
	return socket, nil
}

// controlSocket listens, and knows which file it made.
type controlSocket struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

// remove takes the socket out of its folder, if the one there is the one that was made here: where the state folder was removed under a
// running agent, another agent of the same folder has put its own there. The time is compared too, for an inode may be given out again.
func (s *controlSocket) remove() error {
	there, err := os.Lstat(s.path)
	if err != nil || !os.SameFile(there, s.made) || !there.ModTime().Equal(s.made.ModTime()) {
		return nil
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// unlisten takes the socket's name away.
func (s store) unlisten() error { return durable.Remove(s.path(fileSocket)) }
