package api

import "time"

// States of a row of Fed-BioMed's party registry.
const (
	RowOurs     = "ours"     // approved here, and as approved
	RowOutdated = "outdated" // approved here, but the row holds other values than those in force
	RowByHand   = "by-hand"  // nobody approved that component here
	RowRevoked  = "revoked"  // of a component, or with a certificate's key, that was revoked here
	RowOwn      = "own"      // of this component itself: Fed-BioMed never reads it
)

// RegistryRow is one row as it stands in the database. Its texts are whatever somebody wrote there: escape them where they are shown.
type RegistryRow struct {
	Document    string     `json:"document"`
	Component   string     `json:"component"`
	Alias       string     `json:"alias,omitempty"`
	Kind        string     `json:"kind"`
	IP          string     `json:"ip"`
	Port        string     `json:"port"`
	State       string     `json:"state"`
	Certificate string     `json:"certificate,omitempty"` // SHA-256; absent where the row holds none that can be used
	KeySHA256   string     `json:"key_sha256,omitempty"`
	Subject     string     `json:"subject,omitempty"`
	NotBefore   *time.Time `json:"not_before,omitempty"`
	NotAfter    *time.Time `json:"not_after,omitempty"`
	Unusable    string     `json:"unusable,omitempty"` // why the certificate cannot be used
	Changes     []Change   `json:"changes,omitempty"`  // outdated: Old stands there, New is in force; fields address, port, certificate, key
}

// Registry is Fed-BioMed's party registry as it stands, beside what the trust list makes of it. OK is the same as no obstacles.
type Registry struct {
	Component string        `json:"component"`
	Database  string        `json:"database"`
	Rows      []RegistryRow `json:"rows"`
	OK        bool          `json:"ok"`
	Obstacles []Obstacle    `json:"obstacles"`
	Warnings  []Warning     `json:"warnings,omitempty"`
	// After a sync: the components whose rows were written and removed by it.
	Written []string `json:"written,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Fault   *Warning `json:"fault,omitempty"` // the table could not be read, or not be written
}

// RegistryRequest asks for the registry as it stands; with Sync, after it was brought up to date.
type RegistryRequest struct {
	Sync bool `json:"sync,omitempty"`
}

// Codes of the obstacles of a Registry, beside WarnNoDatabase and WarnRegistry.
const (
	ObstacleRowMissing     = "missing-row"             // approved, and it has no row
	ObstacleRowOutdated    = "outdated-row"            // other values than those in force
	ObstacleRowByHand      = "row-by-hand"             // of somebody whom nobody approved here
	ObstacleRowRevoked     = "revoked-row"             // of somebody who was revoked here
	ObstacleRowTwice       = "duplicate-row"           // another row of the same component
	ObstacleRowNameless    = "row-without-id"          // it names no component
	ObstacleRowCertificate = "row-certificate"         // one that MP-SPDZ must not be given, or that is none
	ObstacleRowExpired     = "row-certificate-expired" // out of its time
	ObstacleRowAddress     = "row-address"             // nobody can dial it
	ObstacleRowPort        = "row-port"                // no port
)

// Codes of the warnings of a Registry, beside WarnNotHeard.
const (
	WarnRowForm     = "row-form"                // the right values, not in the form that is written here
	WarnRowExpires  = "row-certificate-expires" // within 30 days
	WarnRegistryOff = "registry-off"            // [fedbiomed] registry = false: nobody keeps it current
)

// HandRow is a row of the registry that an operator wrote for a component that waits for approval.
type HandRow struct {
	Endpoint    string `json:"endpoint"`              // as it stands there
	Certificate string `json:"certificate,omitempty"` // SHA-256; absent where the row holds none that can be used
	// Same: that component announces this very certificate, and so proved that it holds its key.
	Same bool `json:"same_certificate"`
}
