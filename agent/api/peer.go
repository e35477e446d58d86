package api

import "time"

// States of a peer. The strongest that holds counts, in the order of this list.
const (
	StateRevoked  = "revoked"  // was approved, and no longer is
	StateDenied   = "denied"   // refused by the operator
	StateConflict = "conflict" // claims an approved component's id, subject, key or endpoint with another identity
	StateChanged  = "changed"  // approved, but it now announces something else: the approved values stay in force
	StateAccepted = "accepted" // approved, and what is in force is what it announces
	StatePending  = "pending"  // heard, never approved
	StateFormer   = "former"   // an identity that this component had before it was set up anew: never used, and no reason for alarm
)

// Codes of warnings about a peer or about the agent itself.
const (
	WarnAnnouncementExpired = "announcement-expired"
	WarnCertificateExpired  = "certificate-expired"
	WarnPlaceUnknown        = "place-unknown"      // one of us has a loopback address, and it is heard only through others
	WarnLoopbackElsewhere   = "loopback-elsewhere" // a loopback address and a connection from another machine
	WarnEphemeralPort       = "ephemeral-port"
	WarnUnknownAuthority    = "unknown-authority"   // its certificate is signed by an authority that is not set here
	WarnSignedByAuthority   = "signed-by-authority" // by one that is: told where it is decided on
	WarnAuthorityInForce    = "authority-in-force"  // player files in force trust an authority
	WarnWrongKind           = "wrong-kind"          // a plain party beside Fed-BioMed components, or the other way round
	WarnNotHeard            = "not-heard"           // approved by the list, but nothing that matches its pins was heard
	WarnNoDatabase          = "no-database"         // the component's own database does not exist yet: waited for
	WarnRegistry            = "registry"            // the database could not be read or written
	WarnRegistryMended      = "registry-mended"     // somebody else removed or changed rows: they were put right
	WarnPlayers             = "players"             // the player files could not be written
	WarnLog                 = "log"                 // the log's end is not as it was written
	WarnNotify              = "notify"              // the notification command fails
	WarnStore               = "store"               // the state folder could not be read or written
	WarnTrustList           = "trust-list"          // trust.ini cannot be used as it is: the list in force stays
	WarnConfiguration       = "configuration"       // the configuration cannot be used as it is now: the registration in force stays
	WarnSetting             = "setting"             // works, but perhaps not as meant
	WarnEnvironment         = "environment"         // the component itself runs with another environment than the agent
	WarnRestartNeeded       = "restart-needed"      // a setting changed that takes effect at the next start
	WarnNoFederation        = "no-federation"
	WarnDiscovery           = "discovery"
	WarnClock               = "clock"
	WarnNewerVersion        = "newer-version"
	WarnClone               = "clone"              // another machine announced with our identity, and this agent ended because of it
	WarnTakenOver           = "accepted-by-policy" // a change was taken over without asking, in the last day
	WarnRestored            = "restored"           // the network knew a later announcement of ours: the state is an older copy
	WarnFormerIdentity      = "former-identity"
	WarnNotWritten          = "not-written"
	WarnWaitingCertificates = "waiting-certificate" // members have not issued their certificates for a set yet
	WarnConfirmedSet        = "confirmed-set"       // the confirmation of a named set cannot be read
	WarnUnconfirmed         = "unconfirmed"         // a named set is not confirmed here
	WarnPartyMissing        = "party-missing"       // [players] parties names somebody who is not approved
	WarnSecaggForced        = "secagg-forced"       // nodes refuse an experiment without secure aggregation; told to the researcher
	WarnSecaggOff           = "secagg-off"          // nodes refuse one with it
	WarnNextKey             = "next-key"            // announces which key will follow, to be approved ahead; nothing changes by it
	WarnStaged              = "staged-key"          // the own staged key cannot be used
	WarnCertificateExpires  = "certificate-expires" // a certificate ends within 60 days
	WarnSecaggContradiction = "secagg-contradiction"
	WarnNotYetValid         = "certificate-not-yet-valid"
	WarnEquivocation        = "equivocation"      // two announcements of one identity with one number
	WarnClash               = "clash"             // two approved components cannot be in one set
	WarnSecondResearcher    = "second-researcher" // nor two researchers
)

// Warning is something a person should know; Code is stable.
type Warning struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Cure string `json:"cure,omitempty"`
	// Error: status exits 3 because of it.
	Error bool `json:"error,omitempty"`
	// Certificate is the SHA-256 of the certificate that a WarnCertificateExpires is about: in use, or staged to follow.
	Certificate string `json:"certificate,omitempty"`
}

// Change is one field that a peer announces otherwise than what is in force. Field is one of address, port, certificate, key,
// identity, component, role, label, policy, expiry.
type Change struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// Certificate is an MP-SPDZ certificate as people and scripts compare it.
type Certificate struct {
	SHA256     string    `json:"sha256"`     // of the DER
	BLAKE2b128 string    `json:"blake2b128"` // of the PEM file, hexadecimal: what MP-SPDZ prints as Signature
	KeySHA256  string    `json:"key_sha256"` // of the SubjectPublicKeyInfo, DER
	Subject    string    `json:"subject"`
	Issuer     string    `json:"issuer,omitempty"` // the authority that signed it; absent for a self-signed one
	NotBefore  time.Time `json:"not_before"`
	NotAfter   time.Time `json:"not_after"`
	KeyType    string    `json:"key_type,omitempty"`   // "RSA-2048"
	WorksWith  string    `json:"works_with,omitempty"` // one phrase: which MP-SPDZ accepts its name
}

// Peer is one identity. For an approved one the values are those in force, Changes is what it announces instead; Label, Secagg,
// Announcement, Sequence, Issued and Expires are always the newest announcement's.
type Peer struct {
	Component    string       `json:"component"`
	Alias        string       `json:"alias,omitempty"`
	Label        string       `json:"label,omitempty"` // claimed
	Role         string       `json:"role"`
	Party        *int         `json:"party,omitempty"` // number in the set in force
	State        string       `json:"state,omitempty"`
	PeerID       string       `json:"peer_id"`
	Fingerprint  string       `json:"fingerprint,omitempty"`
	Words        []string     `json:"words,omitempty"`
	Endpoint     string       `json:"endpoint,omitempty"` // host:port
	Secagg       string       `json:"secagg,omitempty"`
	Certificate  *Certificate `json:"certificate,omitempty"`
	Announcement string       `json:"announcement,omitempty"` // hash of the newest one
	Sequence     uint64       `json:"sequence,omitempty"`
	Issued       *time.Time   `json:"issued,omitempty"`
	Expires      *time.Time   `json:"expires,omitempty"`
	LastHeard    *time.Time   `json:"last_heard,omitempty"`
	Connected    *bool        `json:"connected,omitempty"` // only from a running agent
	Changes      []Change     `json:"changes,omitempty"`
	Warnings     []Warning    `json:"warnings,omitempty"`
	// Beyond the contract of the command line:
	From       string     `json:"from,omitempty"` // remote address of the live connection, or the peer id of who forwarded it
	Via        string     `json:"via,omitempty"`  // mdns, bootstrap, known, exchange, inbound
	ApprovedAt *time.Time `json:"approved_at,omitempty"`
	ApprovedBy string     `json:"approved_by,omitempty"`
	Reasons    []Warning  `json:"reasons,omitempty"`    // why it is in this state
	Announced  *Announced `json:"announced,omitempty"`  // what an approval would approve, where that differs from what is in force
	Sources    []Setting  `json:"sources,omitempty"`    // self only: every value and where it came from
	Registered *bool      `json:"registered,omitempty"` // its row stands in our Fed-BioMed registry with the values in force
	ByHand     *HandRow   `json:"by_hand,omitempty"`    // pending only: an operator registered that component by hand
	ByCard     *ByCard    `json:"by_card,omitempty"`    // its newest announcement came by file
	Next       *NextKey   `json:"next,omitempty"`       // self: what is staged; of an approved peer: what it announces, or is approved ahead
}

// NextKey is the MP-SPDZ key that will follow the present one.
type NextKey struct {
	KeySHA256   string     `json:"key_sha256"`            // of the SubjectPublicKeyInfo, DER
	Fingerprint string     `json:"fingerprint,omitempty"` // of identity and KeySHA256: another one than the key has once it is in use
	Words       []string   `json:"words,omitempty"`
	Approved    bool       `json:"approved,omitempty"` // of a peer: approved ahead here
	ApprovedAt  *time.Time `json:"approved_at,omitempty"`
	ApprovedBy  string     `json:"approved_by,omitempty"`
	ApprovedKey string     `json:"approved_key_sha256,omitempty"` // of a peer: another key than this one is approved ahead here
	Barred      string     `json:"barred,omitempty"`              // of a peer: the key is denied or revoked here, and cannot be approved
	// Of self only:
	Certificate *Certificate `json:"certificate,omitempty"`
	Ahead       *Ahead       `json:"ahead,omitempty"`
}

// Ahead says which of the components that are approved here have approved the own key to come ahead.
type Ahead struct {
	Approved []string `json:"approved"`
	Waiting  []string `json:"waiting"`
	Unknown  []string `json:"unknown"` // did not answer the last roll call
	// Asked is when the last roll call was heard here: no answer need be newer. Absent: none was.
	Asked *time.Time `json:"asked,omitempty"`
}

// Announced is what an approval of a changed or conflicting peer is about.
type Announced struct {
	Component   string      `json:"component"`
	Role        string      `json:"role"`
	Endpoint    string      `json:"endpoint"`
	Certificate Certificate `json:"certificate"`
	Fingerprint string      `json:"fingerprint"`
	Words       []string    `json:"words"`
	Hash        string      `json:"hash"`
	Issued      time.Time   `json:"issued"`
}

// Setting is a value of the own configuration and where it came from.
type Setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}
