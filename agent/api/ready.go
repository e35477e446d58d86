package api

// Obstacle is something because of which the answer is no, and who must do what. Code is stable.
type Obstacle struct {
	Code      string `json:"code"`
	Component string `json:"component,omitempty"` // whose site must do something, or is to blame
	Of        string `json:"of,omitempty"`        // the other component that it is about
	Text      string `json:"text"`
	Cure      string `json:"cure,omitempty"`
}

// Codes of the obstacles of Ready.
const (
	ObstacleNoSet        = "no-set"              // the set cannot be formed here
	ObstacleNotHeard     = "not-heard"           // a named component is not known here
	ObstaclePending      = "pending"             // it waits for this site's decision
	ObstacleChanged      = "changed"             // its announced change waits for this site's decision
	ObstacleConflict     = "conflict"            // somebody else claims to be it
	ObstacleBarred       = "barred"              // denied or revoked here
	ObstacleNotWritten   = "not-written"         // player files or rows could not be written here
	ObstacleFilesChanged = "files-changed"       // somebody changed our player files; they are written anew
	ObstacleNoAnswer     = "no-answer"           // it did not answer the roll call
	ObstacleByCard       = "by-card"             // it takes part by card: nobody can ask it
	ObstacleMissing      = "missing"             // Component has not registered Of
	ObstacleOutdated     = "outdated"            // Component has other values of Of
	ObstacleOtherSet     = "other-set"           // Component's set is not ours
	ObstacleUnconfirmed  = "unconfirmed"         // Component has not confirmed the named set
	ObstacleCertificates = "waiting-certificate" // Component has not issued its certificate for this set
	ObstacleExpires      = "certificate-expires" // a certificate ends within a day, or has ended
	ObstacleSecaggOff    = "secagg-off"          // a node that refuses every experiment with secure aggregation
	ObstacleAuthority    = "unknown-authority"   // a certificate in the set is signed by an authority that is not set here
	ObstacleStale        = "announcement-expired"
	ObstacleWarning      = "warning" // an error that status shows
)

// Ready is the answer to whether a run may start. OK is the same as no obstacles.
type Ready struct {
	OK        bool       `json:"ok"`
	Obstacles []Obstacle `json:"obstacles"`
	Parties   []SetParty `json:"parties,omitempty"` // the set that was asked for, as this site has it
	Digest    string     `json:"digest,omitempty"`
	Agree     int        `json:"agree"` // how many of them (ourselves included) say the same values in the same order
}
