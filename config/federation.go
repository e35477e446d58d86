package config

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fbpeer/exchange"
	"fbpeer/internal/durable"
	"fbpeer/internal/inidoc"
)

// federationSuffix ends the names of federation files.
const federationSuffix = ".federation"

// brokenHint is the cure for a federation file that does not parse.
const brokenHint = "get the file again from whoever made it with `fbpeer federation create`, and put it in place of this one"

// federationHeader tells whoever opens the file what it is.
const federationHeader = `; A federation file of fbpeer. Whoever holds it can reach the members' agents and hear what they announce:
; hand it to each site by a private channel, keep it readable by its owner only, and never commit it.
; It is not the trust: each operator approves each component.
`

// ParseFederation reads a federation file's bytes; file is its name for errors, which are *Error.
func ParseFederation(file string, data []byte) (f exchange.Federation, bootstrap []string, err error) {
	doc, err := inidoc.Parse(file, data, inidoc.Ours)
	if err != nil {
		return f, nil, withoutLine(file, err)
	}
	known := []string{"name", "secret", "bootstrap", "development"}
	for _, section := range doc.Sections() {
		if section != "federation" {
			return f, nil, faultf("it may need a newer fbpeer; else "+brokenHint, "%s:%d: [%s]: no such section in a federation file",
				file, doc.Line(section, ""), section)
		}
	}
	if !doc.Has("federation") {
		return f, nil, faultf(brokenHint, "%s: not a federation file: there is no [federation]", file)
	}
	for _, key := range doc.Keys("federation") {
		if !slices.Contains(known, key) {
			return f, nil, faultf("it may need a newer fbpeer; else "+brokenHint, "%s:%d: [federation] %s: no such key in a federation file",
				file, doc.Line("federation", key), key)
		}
	}
	at := func(key string) string {
		return fmt.Sprintf("%s:%d: [federation] %s", file, doc.Line("federation", key), key)
	}
	values := map[string]string{}
	for _, key := range known {
		values[key], _ = doc.Get("federation", key)
		if values[key] == "" && (key == "name" || key == "secret") {
			return f, nil, faultf(brokenHint, "%s: [federation] %s: the key is missing or empty", file, key)
		}
	}
	secret, err := decodeSecret(values["secret"])
	if err != nil {
		return f, nil, faultf(brokenHint, "%s: %w", at("secret"), err)
	}
	if bootstrap, err = addresses(values["bootstrap"]); err != nil {
		return f, nil, faultf(addressHint, "%s: %w", at("bootstrap"), err)
	}
	if d := values["development"]; d != "" && d != "true" && d != "false" {
		return f, nil, faultf("write true or false", "%s: %q is neither true nor false", at("development"), d)
	}
	if f, err = exchange.NewFederation(values["name"], secret, values["development"] == "true"); err != nil {
		return f, nil, faultf(brokenHint, "%s: %w", at("name"), err)
	}
	return f, bootstrap, nil
}

// withoutLine says where a federation file does not parse, but not what stands there: it may be the secret.
func withoutLine(file string, err error) error {
	var at *inidoc.Error
	if !errors.As(err, &at) || at.Line == 0 {
		return faultf(brokenHint, "%s: it cannot be read as INI", file)
	}
	return faultf(brokenHint, "%s:%d: this line cannot be read (it is not shown, as it may hold the secret)", file, at.Line)
}

// decodeSecret takes 32 bytes in base64 or hexadecimal, and never repeats them in an error.
func decodeSecret(text string) ([]byte, error) {
	if secret, err := hex.DecodeString(text); err == nil && len(secret) == exchange.SecretSize {
		return secret, nil
	}
	secret, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(secret) != exchange.SecretSize {
		return nil, fmt.Errorf("not %d bytes in base64 or hexadecimal", exchange.SecretSize)
	}
	return secret, nil
}

// CreateFederation writes a new federation file, mode 0600, with a secret of 32 bytes from random. What is there is never
// overwritten. Errors about the arguments are *Error.
func CreateFederation(random io.Reader, path, name string, bootstrap []string, development bool) error {
	secret := make([]byte, exchange.SecretSize)
	if _, err := io.ReadFull(random, secret); err != nil {
		return err
	}
	if _, err := exchange.NewFederation(name, secret, development); err != nil {
		return &Error{Err: err, Hint: "choose a short name, as in cardio"}
	}
	if _, err := addresses(strings.Join(bootstrap, ",")); err != nil {
		return faultf(addressHint, "bootstrap: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(federationHeader)
	fmt.Fprintf(&b, "[federation]\nname = %s\nsecret = %s\n", name, base64.StdEncoding.EncodeToString(secret))
	b.WriteString("; agents that new ones dial first, where mDNS does not reach: host, host:port or multiaddress (comma-separated)\n")
	b.WriteString(strings.TrimRight("bootstrap = "+strings.Join(bootstrap, ", "), " ") + "\n")
	if development {
		b.WriteString("; made by `fbpeer dev`: `fbpeer run` refuses it\ndevelopment = true\n")
	}
	return createFile(path, b.Bytes(), 0o600)
}

// createFile writes a file that must not be there yet.
func createFile(path string, data []byte, perm fs.FileMode) error {
	err := durable.CreateFile(path, data, perm)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return faultf("choose another name, or move the file away", "%s: it is there already, and nothing is overwritten: %w", path, fs.ErrExist)
	case errors.Is(err, fs.ErrPermission):
		return unwritable(path, err)
	}
	return unreadable(path, err, "make the folder first")
}

// readFederation finds the federation file and takes its addresses.
func (l *loader) readFederation() error {
	v := l.get("federation", "file")
	if v.text != "" {
		l.c.Federation = v.path("")
	} else if err := l.joinedFederation(); err != nil || l.c.Federation == "" {
		return err
	}
	l.watch(l.c.Federation)
	shown := l.short(l.c.Federation)
	data, err := os.ReadFile(l.c.Federation)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // LoadFederation says so; `join` may be about to put it there
	}
	if err != nil {
		return unreadable(shown, err, "")
	}
	if info, err := os.Stat(l.c.Federation); err == nil && info.Mode().Perm()&0o077 != 0 {
		l.warn("%s: others on this machine can read the federation's secret: chmod 600 %[1]s", shown)
	}
	_, bootstrap, err := ParseFederation(shown, data)
	if err != nil {
		return err
	}
	for _, address := range l.c.Bootstrap {
		if !slices.Contains(bootstrap, address) {
			bootstrap = append(bootstrap, address)
		}
	}
	l.c.Bootstrap = bootstrap
	return nil
}

// joinedFederation looks for the only federation file in the state folder, or, beneath var/fbpeer-dev, above it.
func (l *loader) joinedFederation() error {
	folders := []string{l.c.State}
	if above := filepath.Dir(l.c.State); filepath.Base(above) == devFolder {
		folders = append(folders, above)
	}
	for _, folder := range folders {
		files, err := federationFiles(folder)
		if err != nil {
			return own(l.short(folder), err)
		}
		switch len(files) {
		case 0:
			continue
		case 1:
			l.c.Federation = files[0]
			return nil
		}
		for i := range files {
			files[i] = l.short(files[i])
		}
		return faultf("name one with --federation, or remove the other", "several federation files: %s", strings.Join(files, ", "))
	}
	return nil
}

// federationFiles lists *.federation in a folder that may not exist, in byte order.
func federationFiles(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, federationSuffix) && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(folder, name))
		}
	}
	return files, nil
}

// LoadFederation reads the federation file. No federation joined, and every fault of the file, is an *Error.
func (c *Config) LoadFederation() (exchange.Federation, error) {
	const hint = "take the federation's file with `fbpeer join FILE`; `fbpeer federation create NAME` makes the first one"
	if c.Federation == "" {
		return exchange.Federation{}, faultf(hint, "%s has joined no federation", c.Component.ID)
	}
	data, err := os.ReadFile(c.Federation)
	if err != nil {
		return exchange.Federation{}, unreadable(c.short(c.Federation), err, hint)
	}
	f, _, err := ParseFederation(c.short(c.Federation), data)
	return f, err
}
