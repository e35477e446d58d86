package mpspdz

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxFolderFiles is how many certificates, keys and links a folder may have to be looked at: more than twice what a set of 255 has.
const maxFolderFiles = 2048

const (
	cureRewrite  = "write the player files anew: fbpeer players write --dir DIR"
	cureReadable = "give the user that runs MP-SPDZ permission to read it"
)

// certificateFile is a file that OpenSSL reads certificates from.
type certificateFile struct {
	path         string // slash-separated, relative to the folder
	shown        string // path, safe to print
	target       string // where it leads, if it is a symbolic link; safe to print
	certificates []folderCertificate
	fault        *Finding // why it was not read, or is broken; then there are no certificates
	other        string   // something else in it, named for people
	dangling     bool
}

// folderCertificate is one certificate as OpenSSL loads it, which also takes what our rules refuse.
type folderCertificate struct {
	hash    Hash
	good    *Certificate      // nil: a rule refuses it
	refused *CertificateError // that rule
	issuer  *Authority        // where it is an authority's that keeps their rules
	subject string            // safe to print; "" if it cannot be read
	link    string            // its subject hash, "" if its subject cannot be read
}

// list reads the names in Player-Data and every certificate there. It reports false if there is nothing to look at.
func (f *folder) list() bool {
	f.certificates = map[int]*certificateFile{}
	info, err := fs.Stat(f.fsys, PlayerData)
	if err == nil && !info.IsDir() || errors.Is(err, fs.ErrNotExist) {
		cure := cureRewrite
		if _, err := fs.Stat(f.fsys, "P0.pem"); err == nil {
			cure = "give the folder in which " + PlayerData + " stands"
		}
		f.fail(FolderNoPlayerData, PlayerData, "there is no folder "+PlayerData, cure)
		return false
	}
	var names []string
	if err == nil {
		names, err = trustNames(f.fsys)
	}
	if err != nil {
		f.fail(FolderUnreadable, PlayerData, "it cannot be read: "+cause(err), cureReadable)
		return false
	}
	if len(names) > maxFolderFiles {
		f.fail(FolderTooMany, PlayerData, fmt.Sprintf("there are more than %d certificates, keys and hash links: none was looked at",
			maxFolderFiles), "remove what is of no party")
		return false
	}
	f.names = names
	for _, name := range names {
		f.take(name)
	}
	if len(f.strayKeys) > 0 {
		f.warn(FolderStrayKey, whereAll(f.strayKeys), "a private key that MP-SPDZ never reads, by its name: "+fileList(f.strayKeys), "move it away")
	}
	slices.SortFunc(f.links, func(a, b *certificateFile) int {
		hashA, a2 := linkName(path.Base(a.path))
		hashB, b2 := linkName(path.Base(b.path))
		return cmp.Or(strings.Compare(hashA, hashB), cmp.Compare(a2, b2))
	})
	return true
}

// trustNames are the names in Player-Data that Trusts counts, sorted; one more than maxFolderFiles at most. Preprocessing may stand
// there too, in any amount.
func trustNames(fsys fs.FS) ([]string, error) {
	file, err := fsys.Open(PlayerData)
	if err != nil {
		return nil, err
	}
	defer file.Close() // it was only read
	dir, ok := file.(fs.ReadDirFile)
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: PlayerData, Err: errors.ErrUnsupported}
	}
	var names []string
	for len(names) <= maxFolderFiles {
		entries, err := dir.ReadDir(maxFolderFiles)
		for _, entry := range entries {
			if Trusts(path.Join(PlayerData, entry.Name())) {
				names = append(names, entry.Name())
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names[:min(len(names), maxFolderFiles+1)], nil
}

// take puts a file where the checks look for it.
func (f *folder) take(name string) {
	extension := path.Ext(name)
	number, isParty := playerNumber(name, extension)
	switch {
	case extension == ".key" && isParty:
		f.keys = append(f.keys, number)
		slices.Sort(f.keys)
	case extension == ".key":
		f.strayKeys = append(f.strayKeys, escape(name, ""))
	case extension == ".pem" && isParty:
		f.certificates[number] = readCertificateFile(f.fsys, path.Join(PlayerData, name))
	case extension == ".pem":
		f.others = append(f.others, readCertificateFile(f.fsys, path.Join(PlayerData, name)))
	case strings.HasPrefix(extension, ".r"):
		f.warn(FolderRevocation, path.Join(PlayerData, name), "a list of revoked certificates, and MP-SPDZ reads none",
			"remove the revoked party's certificate and its hash link")
	default:
		f.links = append(f.links, readCertificateFile(f.fsys, path.Join(PlayerData, name)))
	}
}

// playerNumber reads P<j> and the extension; the number has no leading zero, and no more digits than any party's.
func playerNumber(name, extension string) (int, bool) {
	digits, found := strings.CutPrefix(strings.TrimSuffix(name, extension), "P")
	number, err := strconv.ParseUint(digits, 10, 16)
	return int(number), found && err == nil && PartyName(int(number)) == "P"+digits
}

// linkName splits a hash link's name into its hash and its number.
func linkName(name string) (hash string, number int) {
	hash, digits, _ := strings.Cut(name, ".")
	n, err := strconv.Atoi(digits)
	if err != nil || strconv.Itoa(n) != digits {
		n = maxFolderFiles // OpenSSL does not count so far
	}
	return hash, n
}

// readCertificateFile reads what OpenSSL would load from a file.
func readCertificateFile(fsys fs.FS, name string) *certificateFile {
	file := &certificateFile{path: name, shown: escape(name, "")}
	if info, err := fs.Lstat(fsys, name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if target, err := fs.ReadLink(fsys, name); err == nil {
			file.target = short(target)
		}
	}
	data, fault := readRegular(fsys, name, maxPEM)
	if fault != nil {
		file.fault = fault
		_, err := fs.Stat(fsys, name)
		file.dangling = file.target != "" && errors.Is(err, fs.ErrNotExist)
		return file
	}
	blocks, err := readPEM(data, cureBOM, cureDER,
		"put a certificate there, one PEM block")
	if err != nil {
		file.fault = certificateFault(file.shown, err)
		return file
	}
	for _, block := range blocks {
		switch block.Type {
		case pemCertificate, "X509 CERTIFICATE", "TRUSTED CERTIFICATE": // the names that OpenSSL looks for
			file.certificates = append(file.certificates, readFolderCertificate(block.Bytes))
		default:
			file.other = aBlock(block)
		}
	}
	if len(file.certificates) == 0 {
		file.fault = certificateFault(file.shown, &CertificateError{RuleNotPEM, "the file holds no certificate, but " + file.other,
			"put a certificate there, one PEM block"})
	}
	return file
}

// certificateFault is an error about a whole file.
func certificateFault(where string, err error) *Finding {
	finding := &Finding{Code: FolderBad, Error: true, Where: where, Text: err.Error()}
	var bad *CertificateError
	if errors.As(err, &bad) {
		finding.Cure = bad.Cure
	}
	return finding
}

// readFolderCertificate applies the rules. What they refuse is read by Go's own parser, as far as it goes.
func readFolderCertificate(der []byte) folderCertificate {
	c, err := ParseLeaf(der)
	if err == nil {
		return folderCertificate{hash: c.hash, good: c, subject: c.Subject(), link: c.SubjectHash()}
	}
	read := folderCertificate{hash: sha256.Sum256(der)}
	if !errors.As(err, &read.refused) {
		read.refused = &CertificateError{RuleMalformed, err.Error(), cureNew}
	}
	if a, err := parseAuthority(der); err == nil {
		read.issuer = a
	}
	if parsed, err := x509.ParseCertificate(der); err == nil {
		if subject, err := readName(parsed.RawSubject); err == nil {
			read.subject, read.link = subject.String(), subjectHash(subject.canonical())
		}
	}
	return read
}

// called names a certificate for people.
func (c folderCertificate) called() string {
	if c.subject == "" {
		return "a certificate whose subject cannot be read, " + c.hash.String()
	}
	return c.subject
}

// readRegular reads a regular file of at most limit bytes, through links. Nothing else is opened: opening a pipe would wait. (Who could
// put one there between the look and the opening could as well stop us.)
func readRegular(fsys fs.FS, name string, limit int) ([]byte, *Finding) {
	fault := func(code, text, cure string) *Finding {
		return &Finding{Code: code, Error: true, Where: escape(name, ""), Text: text, Cure: cure}
	}
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, fault(FolderUnreadable, "it cannot be read: "+cause(err), cureReadable)
	case !info.Mode().IsRegular():
		return nil, fault(FolderOddFile, "it is no file, but "+kindOf(info.Mode()), "remove it; "+cureRewrite)
	case info.Size() > int64(limit):
		return nil, fault(FolderTooLarge, fmt.Sprintf("it has %d bytes: at most %d are read", info.Size(), limit), cureRewrite)
	}
	file, err := fsys.Open(name)
	if err != nil {
		return nil, fault(FolderUnreadable, "it cannot be read: "+cause(err), cureReadable)
	}
	defer file.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, int64(limit)+1))
	switch {
	case err != nil:
		return nil, fault(FolderUnreadable, "it cannot be read: "+cause(err), cureReadable)
	case len(data) > limit:
		return nil, fault(FolderTooLarge, fmt.Sprintf("it has more than %d bytes", limit), cureRewrite)
	}
	return data, nil
}

// cause is an error without the path, which the finding names.
func cause(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return escape(err.Error(), "")
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
