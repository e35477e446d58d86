package trust

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/exchange"
	"fbpeer/mpspdz"
)

// Status of a section of trust.ini. The empty Status says nothing.
type Status string

// The statuses.
const (
	Approved Status = "approved"
	Denied   Status = "denied"
	Revoked  Status = "revoked"
)

// stronger gives the one of two statuses that counts: revoked before denied before approved.
func stronger(a, b Status) Status {
	for _, s := range []Status{Revoked, Denied, Approved} {
		if a == s || b == s {
			return s
		}
	}
	return ""
}

// Entry is one component's section. Approved needs Peer, Key and Role; a zero Endpoint or Certificate is pinned from that identity's
// first announcement. Denied and revoked ones may leave everything out.
type Entry struct {
	Component   string
	Status      Status
	Alias       string
	Role        mpspdz.Role
	Peer        peer.ID
	Key         mpspdz.Hash // SHA-256 of the SubjectPublicKeyInfo
	Endpoint    mpspdz.Endpoint
	Certificate mpspdz.Hash // SHA-256 of the DER
	ApprovedAt  time.Time   // zero: not stated
	ApprovedBy  string
	Note        string
	Next        mpspdz.Hash // SHA-256 of the public key that is approved ahead, to follow Key; zero: none
	NextAt      time.Time   // when; zero: not stated
	NextBy      string
	Line        int // of the section, 0 if not from a file
}

// name is how a text calls the component.
func (e Entry) name() string {
	if e.Alias != "" {
		return fmt.Sprintf("%s (%s)", e.Alias, e.Component)
	}
	return e.Component
}

// fits says whether an announcement is what the entry pins; zero pins fit anything.
func (e Entry) fits(a *exchange.Announcement) bool {
	return e.Peer == a.Peer && e.Component == a.Component && e.Role == a.Role && e.Key == a.Certificate.KeySHA256() &&
		(e.Endpoint.IsZero() || e.Endpoint == a.Endpoint) &&
		(e.Certificate.IsZero() || e.Certificate == a.Certificate.SHA256())
}

const maxAlias = 64

// CheckAlias says why a text cannot be an alias: it is typed on a command line in the place of a component id, and COMPONENT@PEERID
// must stay apart from it.
func CheckAlias(alias string) error {
	bad := alias == "" || len(alias) > maxAlias || strings.ContainsFunc(alias, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	})
	if bad || alias[0] == '-' {
		return fmt.Errorf("%q is not an alias: letters, digits, '.', '_' and '-', at most %d bytes, not beginning with '-'", alias, maxAlias)
	}
	if upper := strings.ToUpper(alias); strings.HasPrefix(upper, "NODE_") || strings.HasPrefix(upper, "RESEARCHER_") {
		return fmt.Errorf("%q is not an alias: it looks like a component's id", alias)
	}
	return nil
}

// checkText: what a person writes into the list is one line that a terminal shows as it is.
func checkText(text string) error {
	for _, r := range text {
		if !unicode.IsGraphic(r) {
			return fmt.Errorf("%q is not one line of printable text (%U)", text, r)
		}
	}
	if strings.TrimSpace(text) != text {
		return fmt.Errorf("%q begins or ends with a blank", text)
	}
	return nil
}
