package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"fbpeer/mpspdz"
)

// files is what a folder of player files holds, read as a run would read it.
type files struct {
	set     mpspdz.PartySet
	number  int // the own one
	own     tls.Certificate
	trusted map[mpspdz.Hash]*mpspdz.Certificate // by SHA-256: what has a hash link
	signers mpspdz.Authorities                  // that have one, all of them set by the operator
	ips     []mpspdz.Endpoint                   // the ip file, by party number
}

// readFiles reads a folder. The error says which file is wrong, by its path in the folder, and is safe to print.
func readFiles(folder fs.FS, s Site) (*files, error) {
	number := s.Set.Number(s.Component)
	if number < 0 {
		return nil, mpspdz.ErrNotMember
	}
	f := &files{set: s.Set, number: number}
	var err error
	if f.own, err = readOwn(folder, number); err != nil {
		return nil, err
	}
	if f.trusted, f.signers, err = readTrusted(folder, s.Authorities); err != nil {
		return nil, err
	}
	if f.ips, err = readIPs(folder, s.Set.Len()); err != nil {
		return nil, err
	}
	if port := f.ips[number].Port(); port != s.BindPort {
		return nil, fmt.Errorf("%s lets MP-SPDZ bind port %d, not %d", mpspdz.IPFile, port, s.BindPort)
	}
	return f, nil
}

func readOwn(folder fs.FS, number int) (tls.Certificate, error) {
	name := path.Join(mpspdz.PlayerData, mpspdz.PartyName(number))
	certPEM, err := read(folder, name+".pem")
	if err != nil {
		return tls.Certificate{}, err
	}
	certificate, err := mpspdz.ParseLeafPEM(certPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.pem: %w", name, err)
	}
	keyPEM, err := read(folder, name+".key")
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := mpspdz.ParsePrivateKeyPEM(keyPEM)
	if err == nil {
		err = mpspdz.CheckKeyPair(certificate, key)
	}
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s.key: %w", name, err)
	}
	return tls.Certificate{Certificate: [][]byte{certificate.DER()}, PrivateKey: key}, nil
}

// readTrusted reads the hash links as OpenSSL does: <hash>.0, .1 and so on up to the first that is missing, of which those count whose
// subject has that hash. One that could make further certificates is an error, as nothing that is shown here would hold, unless it is that
// of an authority that the operator set.
func readTrusted(folder fs.FS, set mpspdz.Authorities) (map[mpspdz.Hash]*mpspdz.Certificate, mpspdz.Authorities, error) {
	none := mpspdz.Authorities{}
	entries, err := fs.ReadDir(folder, mpspdz.PlayerData)
	if err != nil {
		return nil, none, plain(mpspdz.PlayerData, err)
	}
	var signers []*mpspdz.Authority
	trusted := map[mpspdz.Hash]*mpspdz.Certificate{}
	for _, entry := range entries {
		hash, first := strings.CutSuffix(entry.Name(), ".0")
		if !first || len(hash) != 8 || !mpspdz.Trusts(path.Join(mpspdz.PlayerData, entry.Name())) {
			continue
		}
		for k := 0; ; k++ {
			name := path.Join(mpspdz.PlayerData, hash+"."+strconv.Itoa(k))
			data, err := read(folder, name)
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				return nil, none, err
			}
			if a := set.Find(data); a != nil {
				if a.SubjectHash() == hash {
					signers = append(signers, a)
				}
				continue
			}
			certificate, err := mpspdz.ParseLeafPEM(data)
			if err != nil {
				return nil, none, fmt.Errorf("%s: %w", name, err)
			}
			if certificate.SubjectHash() == hash {
				trusted[certificate.SHA256()] = certificate
			}
		}
	}
	found, err := mpspdz.NewAuthorities(signers)
	return trusted, found, err
}

// readIPs reads the ip file, which must have one line for each party.
func readIPs(folder fs.FS, parties int) ([]mpspdz.Endpoint, error) {
	data, err := read(folder, mpspdz.IPFile)
	if err != nil {
		return nil, err
	}
	lines := slices.Collect(strings.Lines(string(data)))
	if len(lines) != parties {
		return nil, fmt.Errorf("%s has %d lines for %d parties", mpspdz.IPFile, len(lines), parties)
	}
	ips := make([]mpspdz.Endpoint, len(lines))
	for i, line := range lines {
		if ips[i], err = mpspdz.ParseEndpoint(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", mpspdz.IPFile, i+1, err)
		}
	}
	return ips, nil
}

func read(folder fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(folder, name)
	return data, plain(name, err)
}

// plain leaves out where the folder lies: others read it.
func plain(name string, err error) error {
	var where *fs.PathError
	if errors.As(err, &where) {
		return fmt.Errorf("%s: %w", name, where.Err)
	}
	return err
}
