package api

// Actions of a TrustRequest.
const (
	ActionApprove = "approve"
	ActionDeny    = "deny"
	ActionRevoke  = "revoke"
	ActionForget  = "forget"
)

// TrustRequest edits the trust list. Component and PeerID name exactly one identity: prefixes and aliases are resolved against a
// Snapshot by whoever asks. A revocation, and its being forgotten, may name an MP-SPDZ public key instead.
type TrustRequest struct {
	Action       string `json:"action"`
	Component    string `json:"component"`
	PeerID       string `json:"peer_id"`
	Key          string `json:"key,omitempty"`          // revoke, forget: "SHA256:…" of an MP-SPDZ public key; then PeerID is empty
	Alias        string `json:"alias,omitempty"`        // approve: a name of the operator's own; empty keeps the present one
	Announcement string `json:"announcement,omitempty"` // approve: hash of the announcement that was shown
	Next         string `json:"next,omitempty"`         // approve: the key to come that was shown; nothing but that is approved then
	Replace      bool   `json:"replace,omitempty"`      // approve a new identity for a known component, and revoke the old one in the same commit
	By           string `json:"by"`                     // user@host
	Note         string `json:"note,omitempty"`
}

// Outcome is what came of a request that changed who is approved, after files and rows are written. Warnings names what could not be
// written yet and is tried again.
type Outcome struct {
	Set      *Set      `json:"set,omitempty"`
	NoSet    *Warning  `json:"no_set,omitempty"`
	Waiting  *Warning  `json:"waiting,omitempty"` // why Set is a former one
	Rows     []string  `json:"rows,omitempty"`    // components whose registry row was written or removed
	Warnings []Warning `json:"warnings,omitempty"`
}

// TrustResult answers a TrustRequest.
type TrustResult struct {
	Peer Peer `json:"peer"`
	Outcome
}

// Codes of an Error.
const (
	CodeOvertaken = "overtaken" // an announcement with another held value came meanwhile; Peer is the new one
	CodeUnknown   = "unknown"   // nothing is known of that identity
	CodeRefused   = "refused"   // not allowed as asked; Hint says how
	CodeUnset     = "unset"     // one's own configuration lacks what it is about
	CodeFailed    = "failed"    // a write failed; nothing was changed
	CodeRequest   = "request"   // the request itself is malformed
)

// Error is why a request was not done, over the socket and from the stores.
type Error struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	Peer *Peer  `json:"peer,omitempty"`
}

func (e *Error) Error() string { return e.Text }
