package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/internal/durable"
)

// Names in the state folder (package comment).
const (
	fileIdentity  = config.IdentityFile
	fileSequence  = "sequence"
	fileLog       = "log.jsonl"
	fileLogHead   = "log.head"
	fileSeen      = "trust.seen"
	fileTrusted   = "authorities.seen"
	fileNotify    = "notify.json"
	fileAddresses = "addresses.json"
	filePort      = "port"
	fileSocket    = "socket"
	fileLock      = "agent.lock"
	fileIntent    = "registry.intent"
	dirHeard      = "announcements"
	dirApproved   = "approved"
	dirImported   = "imported"
	cardSuffix    = ".card"
)

// store is the state folder. Every change of it goes through do, so that a test can end it before any step.
type store struct {
	dir      string
	step     func(name string) error // nil but in tests
	logLimit int64                   // of a file of the log, in bytes; 0 but in tests: maxLogFile
}

func (s store) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

// do runs one step of a commit.
func (s store) do(name string, f func() error) error {
	if s.step != nil {
		if err := s.step(name); err != nil {
			return err
		}
	}
	return f()
}

// make makes the folders that a running agent needs, readable by its user alone.
func (s store) make() error {
	for _, dir := range []string{s.dir, s.path(dirHeard), s.path(dirApproved), s.path(dirImported), s.path(dirNumbered), s.path(dirProposals), s.path(dirConfirmed), s.path(dirParties)} {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return os.Chmod(s.dir, 0o700)
}

// write replaces a file of the state folder; only its owner may read it.
func (s store) write(path string, data []byte) error {
	return s.do("write "+filepath.Base(path), func() error { return durable.WriteFile(path, data, 0o600) })
}

// cardPath is made from an identity as we encode it (base58: letters and digits), never from text that a peer sent.
func (s store) cardPath(folder string, id peer.ID) string {
	return s.path(folder, id.String()+cardSuffix)
}

// writeCard stores an announcement, and beside it rival, if there is one: another of the same identity and sequence.
func (s store) writeCard(folder string, a, rival *exchange.Announcement) error {
	path := s.cardPath(folder, a.Peer)
	sealed := [][]byte{a.Sealed}
	if rival != nil {
		sealed = append(sealed, rival.Sealed)
	}
	card := exchange.Armour(sealed...)
	return s.do("card "+folder, func() error { return durable.WriteFile(path, card, 0o600) })
}

func (s store) removeCard(folder string, id peer.ID) error {
	path := s.cardPath(folder, id)
	return s.do("remove "+folder, func() error { return durable.Remove(path) })
}

// storedCard is a card of the state folder, with when it was written.
type storedCard struct {
	announcement *exchange.Announcement
	equivocal    bool // another of the same sequence lies beside it
	written      time.Time
}

// readCards reads a folder of cards. A missing folder is an empty one. problems holds what could not be used: a card of another
// federation, a damaged one, one under another identity's name.
func (s store) readCards(folder string, f exchange.Federation) (cards []storedCard, problems []error, err error) {
	entries, err := s.cards(folder)
	for _, entry := range entries {
		card, err := readCard(s.path(folder, entry.Name()), entry, f)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Join(folder, entry.Name()), err))
			continue
		}
		cards = append(cards, card)
	}
	return cards, problems, err
}

// cards lists the cards of a folder, but for temporary files that a crash left. A missing folder is an empty one.
func (s store) cards(folder string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(s.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return slices.DeleteFunc(entries, func(entry fs.DirEntry) bool {
		return strings.HasPrefix(entry.Name(), ".") || !strings.HasSuffix(entry.Name(), cardSuffix)
	}), err
}

// maxCardFile bounds what is read of a stored card: at most two sealed records in armour.
const maxCardFile = 4 * exchange.MaxSealed

// readCardFile reads a card of the state folder, of at most so many bytes, and says when it was written.
func readCardFile(path string, entry fs.DirEntry, most int) (data []byte, written time.Time, err error) {
	if !entry.Type().IsRegular() { // opening a pipe would wait for ever
		return nil, written, errors.New("not a regular file")
	}
	info, err := entry.Info()
	if err != nil {
		return nil, written, err
	}
	if info.Size() > int64(most) {
		return nil, written, fmt.Errorf("%d bytes are no card of ours", info.Size())
	}
	data, err = os.ReadFile(path)
	return data, info.ModTime().UTC(), err
}

// readSealed takes the sealed records out of a card of the state folder.
func readSealed(path string, entry fs.DirEntry) (records [][]byte, written time.Time, err error) {
	data, written, err := readCardFile(path, entry, maxCardFile)
	if err != nil {
		return nil, written, err
	}
	records, err = exchange.Dearmour(data)
	return records, written, err
}

func readCard(path string, entry fs.DirEntry, f exchange.Federation) (storedCard, error) {
	records, written, err := readSealed(path, entry)
	if err != nil {
		return storedCard{}, err
	}
	if len(records) > 2 {
		return storedCard{}, fmt.Errorf("%d records where one is expected", len(records))
	}
	var opened []*exchange.Announcement
	for _, record := range records {
		a, err := exchange.Open(record, f)
		if err != nil {
			return storedCard{}, err
		}
		if filepath.Base(path) != a.Peer.String()+cardSuffix {
			return storedCard{}, fmt.Errorf("holds an announcement of %s", a.Peer)
		}
		opened = append(opened, a)
	}
	if len(opened) == 2 && (opened[0].Sequence != opened[1].Sequence || opened[0].Hash == opened[1].Hash) {
		return storedCard{}, errors.New("two records that do not contradict each other")
	}
	return storedCard{announcement: opened[0], equivocal: len(opened) == 2, written: written}, nil
}

// hasApprovedCards says whether anything was ever approved here, without opening it.
func (s store) hasApprovedCards() bool {
	found, err := filepath.Glob(filepath.Join(escapeGlob(s.path(dirApproved)), "*"+cardSuffix))
	return err == nil && len(found) > 0
}

// escapeGlob keeps a folder's own name from being read as a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
