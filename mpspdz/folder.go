package mpspdz

import (
	"io/fs"
	"slices"
	"time"
)

// Finding is one thing that is wrong, or worth a thought, in a folder of player files. Every text is safe to print.
type Finding struct {
	Code      string // one of the Folder constants, or of a certificate's Rule constants
	Error     bool   // a run would fail, compute with the wrong party or let a stranger in; otherwise it is a warning
	Where     string // the file, relative and slash-separated, or file:line
	Component string // whose value it is about, as far as the expected set says so
	Text      string // what was found
	Cure      string // what mends it
}

// CheckFolder says what would fail or be unsafe in any folder that MP-SPDZ may be started from, whoever wrote it: Player-Data and
// ip_addresses are judged as MP-SPDZ and OpenSSL read them. With expected, the set in force, it also says where the folder differs
// from it. own is whom the folder is for and what MP-SPDZ binds there; zero values are not known, and its key is not needed. Only
// regular files are opened, and little is read of each. Errors come first, then by subject; the order depends on the arguments alone.
func CheckFolder(fsys fs.FS, expected *PartySet, own Own, now time.Time) []Finding {
	f := &folder{fsys: fsys, expected: expected, own: own, now: now, number: unknownParty}
	f.readIPFile()
	listed := f.list()
	f.checkWritable()
	f.countParties()
	if listed {
		f.checkKeys()
	}
	f.checkIPFile()
	if listed {
		f.checkFiles()
		f.checkNames()
		f.checkDuplicates()
		f.checkTrusted()
		f.checkLinked()
		f.checkSigners()
	}
	if expected != nil {
		f.checkOwnNumber()
		f.checkLines()
		f.checkSetCertificates()
		f.cureFromSet()
	}
	slices.SortStableFunc(f.findings, ErrorsFirst)
	return f.findings
}

// ErrorsFirst compares two findings to sort them (stably): errors before warnings.
func ErrorsFirst(a, b Finding) int {
	switch {
	case a.Error == b.Error:
		return 0
	case a.Error:
		return -1
	}
	return 1
}

// The codes of findings. They are stable. Whether each is an error stands behind it; "either" depends on what it leads to.
const (
	FolderNoPlayerData = "no-player-data"    // error: there is no folder Player-Data
	FolderTooMany      = "too-many-files"    // error: more certificates, keys and links than any set has; none was looked at
	FolderUnreadable   = "unreadable"        // either: no permission, or the disk failed
	FolderOddFile      = "odd-file"          // either: a folder, pipe, device or socket where a file belongs
	FolderTooLarge     = "too-large"         // either: a file that no certificate, key or ip file can be
	FolderNoKey        = "no-key"            // error: no P<i>.key, so it is no party's folder
	FolderSeveralKeys  = "several-keys"      // error: keys of several parties
	FolderBadKey       = "bad-key"           // error: a private key that MP-SPDZ cannot use
	FolderKeyMismatch  = "key-mismatch"      // error: P<i>.key is not the key of P<i>.pem
	FolderKeyReadable  = "key-readable"      // warning: everybody on the machine may use the key
	FolderWritable     = "writable"          // error: everybody on the machine may change what a run trusts, or the ip file
	FolderStrayKey     = "stray-key"         // warning: a key that MP-SPDZ never reads
	FolderMissing      = "no-certificate"    // error: no P<j>.pem
	FolderBad          = "bad-certificate"   // error: a certificate that breaks a rule of the package comment
	FolderCanIssue     = "can-issue"         // error: a certificate whose holder can make one as any party
	FolderSeveral      = "several"           // warning: more than one certificate in P<j>.pem
	FolderOtherBlock   = "other-block"       // warning: something else beside the certificate
	FolderExpired      = "expired"           // error
	FolderNotYetValid  = "not-yet-valid"     // error
	FolderExpiresSoon  = "expires-soon"      // warning: within a day
	FolderSurplus      = "surplus"           // warning: a certificate of no party, not trusted as things stand
	FolderStranger     = "stranger"          // error: a certificate of no party, and trusted
	FolderAuthority    = "authority"         // warning: an authority's certificate that the operator set, and trusted
	FolderWrongNumber  = "wrong-number"      // error: party j's certificate is not accepted as P<j>
	FolderMembership   = "membership-only"   // warning: it is accepted as P<j> and as others: it proves membership, not which party
	FolderNewRefuses   = "new-refuses"       // warning: MP-SPDZ from 0.4.1 refuses the name
	FolderOldRefuses   = "old-refuses"       // either: MP-SPDZ up to 0.4.0 refuses the name; Fed-BioMed uses that
	FolderSameKey      = "same-key"          // error: two parties with one key
	FolderSameSubject  = "same-subject"      // error: two certificates of which OpenSSL finds one only
	FolderNotLinked    = "not-linked"        // error, for the own certificate a warning: no hash link, so nobody finds it
	FolderDangling     = "dangling-link"     // warning: a hash link that leads nowhere
	FolderWrongHash    = "wrong-hash"        // warning: a hash link of another subject than the certificate's
	FolderUnreached    = "unreached-link"    // warning: OpenSSL stops before this hash link
	FolderRevocation   = "revocation-list"   // warning: MP-SPDZ reads none
	FolderNoIPFile     = "no-ip-file"        // error
	FolderIPMany       = "ip-too-many"       // error: more than 255 parties
	FolderIPBOM        = "ip-bom"            // error: a byte order mark
	FolderIPBlank      = "ip-blank"          // error: a line of white space, which is a party
	FolderIPSkipped    = "ip-skipped"        // warning: an empty line or a comment, which is none
	FolderIPSpace      = "ip-space"          // error: white space that becomes part of the host
	FolderIPv6         = "ip-v6"             // error
	FolderIPHost       = "ip-host"           // error, in the own line a warning: no host that others could dial
	FolderIPNoPort     = "ip-no-port"        // warning: MP-SPDZ takes 5000 and the party's number
	FolderIPPort       = "ip-port"           // error: no port, or one that MP-SPDZ reads as another
	FolderIPRest       = "ip-rest"           // warning: text after the port, which MP-SPDZ does not read
	FolderIPEphemeral  = "ip-ephemeral"      // warning: a port that may be busy
	FolderIPLoopback   = "ip-loopback"       // error, in the own line a warning: localhost beside other hosts
	FolderIPDuplicate  = "ip-duplicate"      // error, if one is the own a warning: one endpoint twice
	FolderPartyCount   = "party-count"       // error: the ip file has another number of parties than the set
	FolderWrongOrder   = "wrong-order"       // error: a line or a certificate stands in another party's place
	FolderEndpoint     = "other-endpoint"    // error: a line that is not the address in force
	FolderBindPort     = "wrong-bind-port"   // error: the own line has not the port to bind
	FolderCertificate  = "other-certificate" // error: not the certificate in force
	FolderOwnNumber    = "wrong-own-number"  // error: the folder is of another party than the component is
	FolderSymlink      = "symbolic-link"     // error, of Foreign: Player-Data or the ip file is a symbolic link
	FolderForeign      = "foreign"           // error, of Foreign: a file that does not belong to the set, or that writing it would destroy
)

// unknownParty stands where nobody said which party.
const unknownParty = -1

// folder is what CheckFolder has read and found so far.
type folder struct {
	fsys     fs.FS
	expected *PartySet
	own      Own
	now      time.Time
	findings []Finding

	ip      ipLines
	number  int // the party whose folder it is, by its key; else by the expected set; else unknownParty
	parties int // how many there are: expected, else by the ip file, else by the certificates

	certificates map[int]*certificateFile // P<j>.pem
	others       []*certificateFile       // other files *.pem, sorted by name
	links        []*certificateFile       // <hash>.<k>, sorted by hash and number
	keys         []int                    // of the files P<i>.key, ascending
	strayKeys    []string                 // names of other files *.key, safe to print
	names        []string                 // of all of these, as they stand in Player-Data
}

func (f *folder) add(finding Finding) { f.findings = append(f.findings, finding) }

// fail adds an error about a file.
func (f *folder) fail(code, where, text, cure string) {
	f.add(Finding{Code: code, Error: true, Where: where, Text: text, Cure: cure})
}

// warn adds a warning about a file.
func (f *folder) warn(code, where, text, cure string) {
	f.add(Finding{Code: code, Where: where, Text: text, Cure: cure})
}

// countParties says how many parties a run from this folder has.
func (f *folder) countParties() {
	switch {
	case f.expected != nil:
		f.parties = f.expected.Len()
	case f.ip.parties() > 0:
		f.parties = f.ip.parties()
	default:
		for j := range f.certificates {
			f.parties = max(f.parties, j+1)
		}
	}
	f.parties = min(f.parties, MaxParties)
}

// component is party j's id in the expected set, or nothing.
func (f *folder) component(j int) string {
	if f.expected == nil || j < 0 || j >= f.expected.Len() {
		return ""
	}
	return f.expected.parties[j].Component
}
