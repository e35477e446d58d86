package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"fbpeer/internal/durable"
	"fbpeer/mpspdz"
)

// firstPort is MP-SPDZ's port of a party that names none, as Fed-BioMed counts.
const firstPort = 14000

// CreateParty makes a plain MP-SPDZ party in root, which is made if it is missing: <id>.key (0600), <id>.pem and an fbpeer.ini with
// every setting and a comment on each. ip "" means localhost, port 0 means 14000. Nothing is ever overwritten; fbpeer.ini is written last.
// It returns the fbpeer.ini's absolute path. Errors about the arguments, and files in the way, are *Error.
func CreateParty(random io.Reader, root, id, ip string, port uint16, now time.Time) (string, error) {
	if ip == "" {
		ip = "localhost"
	}
	if port == 0 {
		port = firstPort
	}
	endpoint, err := checkParty(id, ip, port)
	if err != nil {
		return "", err
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", err
	}
	ini := filepath.Join(root, fileName)
	if _, err := os.Lstat(ini); err == nil {
		return "", faultf("give another --root, one folder for each party", "%s: it is there already, and nothing is overwritten: %w", ini, fs.ErrExist)
	}
	certificate, key, err := mpspdz.NewPartyCertificate(random, id, now)
	if err != nil {
		return "", err
	}
	if err := durable.MkdirAll(root, 0o755); err != nil {
		return "", own(root, err)
	}
	var made []string
	for _, file := range []struct {
		path string
		data []byte
		perm fs.FileMode
	}{
		{filepath.Join(root, id+".key"), key, 0o600},
		{filepath.Join(root, id+".pem"), certificate, 0o644},
		{ini, partyFile(id, endpoint, id+".pem", id+".key"), 0o644},
	} {
		if err := createFile(file.path, file.data, file.perm); err != nil {
			for _, path := range made {
				err = errors.Join(err, os.Remove(path))
			}
			return "", err
		}
		made = append(made, file.path)
	}
	return ini, nil
}

// checkParty checks who and where a plain party is.
func checkParty(id, ip string, port uint16) (mpspdz.Endpoint, error) {
	if err := checkPlainID(id); err != nil {
		return mpspdz.Endpoint{}, &Error{Err: err, Hint: "choose a plain name, as in alice"}
	}
	endpoint, err := mpspdz.NewEndpoint(ip, port)
	if err != nil {
		return mpspdz.Endpoint{}, &Error{Err: err, Hint: "give --ip an IPv4 address or a host name"}
	}
	return endpoint, nil
}

// partyFile is a plain party's fbpeer.ini; the paths are relative to it, or absolute.
func partyFile(id string, endpoint mpspdz.Endpoint, certificate, key string) []byte {
	return writeFile(plainOnly, "; fbpeer.ini of a plain MP-SPDZ party. Every value but those of [component] is the default.\n", map[string]string{
		"component.id":          id,
		"component.ip":          endpoint.Host(),
		"component.port":        strconv.Itoa(int(endpoint.Port())),
		"component.certificate": certificate,
		"component.private_key": key,
	})
}

// writeFile lays out an fbpeer.ini with all settings of everyone and of one kind of component.
func writeFile(audience kind, header string, values map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString(header)
	section := ""
	for _, d := range definitions() {
		if d.audience != everyone && d.audience != audience {
			continue
		}
		if d.section != section {
			section = d.section
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		text, ok := values[d.section+"."+d.key]
		if !ok {
			text = d.value
		}
		fmt.Fprintf(&b, "; %s\n%s =", d.about, d.key)
		if text != "" {
			b.WriteString(" " + text)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}
