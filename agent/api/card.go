package api

import "time"

// ExportRequest asks for this component's card.
type ExportRequest struct {
	Expires *time.Time `json:"expires,omitempty"` // absent: when the certificate ends
}

// Card is what a site hands over by file.
type Card struct {
	Federation string    `json:"federation"` // its name
	Peer       Peer      `json:"peer"`       // as the receivers will see it
	Card       string    `json:"card"`       // the blocks, without text around
	Issued     time.Time `json:"issued"`
	Expires    time.Time `json:"expires"`
}

// CardFile is a file of cards as it was read. Name is what the operator called it.
type CardFile struct {
	Name string `json:"name"`
	Text []byte `json:"text"`
}

// ImportRequest asks for cards to be taken over: all, or none.
type ImportRequest struct {
	Files []CardFile `json:"files"`
	By    string     `json:"by"` // user@host
}

// What became of an imported card.
const (
	CardImported = "imported" // taken over
	CardHeld     = "held"     // that very announcement is held already
	CardOlder    = "older"    // a later announcement with the same values is held, and stays
)

// Imported is one card of an ImportRequest.
type Imported struct {
	File    string `json:"file"`
	Outcome string `json:"outcome"`
	Peer    Peer   `json:"peer"` // as it stands now
}

// ImportResult answers an ImportRequest.
type ImportResult struct {
	Cards []Imported `json:"cards"`
	Outcome
}

// ByCard is how an announcement came that nobody told over the network.
type ByCard struct {
	Imported *time.Time `json:"imported,omitempty"` // absent: it was only looked at
	View     *CardView  `json:"view,omitempty"`
}

// CardView is what a site said in its card of whom it has registered. Nobody can ask whether that is still so.
type CardView struct {
	Issued  time.Time `json:"issued"`
	Set     string    `json:"set,omitempty"` // digest of the set in force there
	Members int       `json:"members"`       // how many it has registered, itself among them
	// Registered are the other components that it has registered, with whatever values; absent: the card does not list them.
	Registered []string `json:"registered,omitempty"`
}

// ApproveRequest approves several announcements: all, or none.
type ApproveRequest struct {
	Approvals []Approval `json:"approvals"`
	By        string     `json:"by"` // user@host
	Note      string     `json:"note,omitempty"`
}

// Approval names one announcement as it was shown. With Next, the SHA-256 of the key that it tells to follow, that key alone is approved, ahead.
type Approval struct {
	Component    string `json:"component"`
	PeerID       string `json:"peer_id"`
	Announcement string `json:"announcement"`
	Next         string `json:"next,omitempty"`
}

// ApproveResult answers an ApproveRequest, once for all of them.
type ApproveResult struct {
	Approved []Peer `json:"approved"`
	Outcome
}
