package mpspdz

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Own is what only this site knows.
type Own struct {
	Component string
	KeyPEM    []byte // the private key of the set's certificate for Component; its one block is written, not what stands around it
	BindPort  uint16 // what the program binds; everybody else's copy has the advertised port

	// Authorities are those that the operator set. Only what some party of a set needs is written.
	Authorities Authorities
}

// File is one rendered file.
type File struct {
	Path   string      // relative, slash-separated
	Data   []byte      // nil for a symlink
	Mode   fs.FileMode // permissions; with fs.ModeSymlink for a symlink
	Target string      // if not empty, this is a symlink (a hash link), and where it points, relative to its own folder
}

// Names in a folder of player files.
const (
	PlayerData = "Player-Data"  // the folder of certificates, key and hash links
	IPFile     = "ip_addresses" // the ip file, for MP-SPDZ's -ip

	modePublic  = fs.FileMode(0o644)
	modePrivate = fs.FileMode(0o600)
	modeLink    = fs.ModeSymlink | 0o777
)

// ErrNotMember: the component to render for is not in the set.
var ErrNotMember = errors.New("not a member of the party set")

// Arguments are what MP-SPDZ is started with in the folder of a rendered set, by party own of n.
func Arguments(own, n int) string { return fmt.Sprintf("-p %d -N %d -ip %s", own, n, IPFile) }

// Render gives the folder of player files of one party, sorted by path: Player-Data/P<j>.pem for every j, Player-Data/P<i>.key
// (0600), Player-Data/authority-<n>.pem for each authority that some party's certificate needs, the hash links, and ip_addresses. It
// depends on its arguments alone. The errors: ErrNotMember, an *EndpointError for the bound port, a *CertificateError for the key, a
// *SetError for an authority.
func Render(set PartySet, own Own) ([]File, error) {
	number := set.Number(own.Component)
	if number < 0 {
		return nil, fmt.Errorf("%s: %w", quote(own.Component), ErrNotMember)
	}
	if own.BindPort == 0 {
		return nil, &EndpointError{"0", reasonPort}
	}
	key, keyPEM, err := readPrivateKey(own.KeyPEM)
	if err != nil {
		return nil, err
	}
	if err := CheckKeyPair(set.parties[number].Certificate, key); err != nil {
		return nil, err
	}
	authorities, err := set.Authorities(own.Authorities)
	if err != nil {
		return nil, err
	}
	files := []File{
		{Path: playerFile(number, ".key"), Data: keyPEM, Mode: modePrivate},
		{Path: IPFile, Data: ipFile(set, number, own.BindPort), Mode: modePublic},
	}
	for j, p := range set.parties {
		files = append(files, File{Path: playerFile(j, ".pem"), Data: p.Certificate.PEM(), Mode: modePublic})
	}
	hashes := make(map[string]string, set.Len()+len(authorities)) // by the name of what a link leads to
	for j, p := range set.parties {
		hashes[PartyName(j)+".pem"] = p.Certificate.SubjectHash()
	}
	for n, a := range authorities {
		name := fmt.Sprintf("authority-%d.pem", n)
		hashes[name] = a.SubjectHash()
		files = append(files, File{Path: path.Join(PlayerData, name), Data: a.PEM(), Mode: modePublic})
	}
	files = append(files, hashLinks(hashes)...)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

func playerFile(party int, extension string) string {
	return path.Join(PlayerData, PartyName(party)+extension)
}

// ipFile is one "host:port" and a newline for each party, and nothing else: MP-SPDZ takes anything more for a party. The own
// line has the port to bind; MP-SPDZ does not use its host.
func ipFile(set PartySet, own int, bindPort uint16) []byte {
	var b strings.Builder
	for j, p := range set.parties {
		e := p.Endpoint
		if j == own {
			e.port = bindPort
		}
		b.WriteString(e.String() + "\n")
	}
	return []byte(b.String())
}

// hashLinks are what openssl rehash makes: <hash>.<k> to each certificate's file, k counting up in the order of the files' names.
func hashLinks(hashes map[string]string) []File {
	var links []File
	taken := make(map[string]int, len(hashes))
	for _, target := range slices.Sorted(maps.Keys(hashes)) {
		hash := hashes[target]
		link := fmt.Sprintf("%s.%d", hash, taken[hash])
		taken[hash]++
		links = append(links, File{Path: path.Join(PlayerData, link), Mode: modeLink, Target: target})
	}
	return links
}

// RenderedName is the name of the folder for these files: the lower-case hex SHA-256 over their paths, modes, targets and
// bytes, in the encoding of the package comment.
func RenderedName(files []File) string {
	h := sha256.New()
	h.Write([]byte("fbpeer-player-files-v1\x00"))
	writeLength(h, len(files))
	for _, f := range files {
		writeField(h, []byte(f.Path))
		writeLength(h, int(f.Mode))
		writeField(h, []byte(f.Target))
		writeField(h, f.Data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// IsRenderedName says whether a folder has a name that RenderedName gives.
func IsRenderedName(name string) bool {
	h, err := hex.DecodeString(name)
	return err == nil && len(h) == sha256.Size && hex.EncodeToString(h) == name
}
