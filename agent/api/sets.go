package api

import "time"

// SetSelector names a party set: Name a confirmed set, else Parties some of the accepted components (ids or aliases, the own one added),
// else the default set, which [players] parties and the trust list make. IDs says that Parties are ids and no aliases: a stranger may
// announce an alias as its id, so that a name which the asker has resolved must not be resolved again.
type SetSelector struct {
	Name    string   `json:"name,omitempty"`
	Parties []string `json:"parties,omitempty"`
	IDs     bool     `json:"ids,omitempty"`
}

// PartySet is a whole set, for who writes or checks a folder of player files.
type PartySet struct {
	Digest   string  `json:"digest"`
	Parties  []Party `json:"parties"`   // in party order
	Party    int     `json:"party"`     // own number
	BindPort int     `json:"bind_port"` // what MP-SPDZ binds here
}

// Party is one member of a PartySet, with all that its player files hold.
type Party struct {
	SetParty
	Role        string `json:"role"`
	Certificate string `json:"certificate"` // PEM, as P<i>.pem holds it
}

// States of a named set.
const (
	SetProposed  = "proposed"  // waits for this site's confirmation
	SetConfirmed = "confirmed" // confirmed here as it is proposed now
	SetChanged   = "changed"   // confirmed here, but its proposer has changed it since: the confirmed one stays in force
	SetWithdrawn = "withdrawn" // its proposer has taken it back
)

// NamedSet is a party set that somebody proposed for an experiment.
type NamedSet struct {
	Name      string    `json:"name"`
	Proposer  string    `json:"proposer"` // component
	PeerID    string    `json:"peer_id"`  // of the proposer
	State     string    `json:"state"`
	Members   []string  `json:"members"`            // components in party order; of a changed one, those confirmed here
	Proposed  []string  `json:"proposed,omitempty"` // of a changed one: what is proposed now
	Hash      string    `json:"hash"`               // of the proposal, to be confirmed
	Issued    time.Time `json:"issued"`
	Confirmed []string  `json:"confirmed,omitempty"` // members that have confirmed it as it is proposed now and answered lately
	Member    bool      `json:"member"`              // whether this component is one of Members
	Set       *Set      `json:"set,omitempty"`       // in force here, of the members that are confirmed, in that order
	NoSet     *Warning  `json:"no_set,omitempty"`    // why none is in force here, or not the order that is confirmed, but a former one
	Waiting   *Warning  `json:"waiting,omitempty"`   // beside Set: why its values are former ones, as of a member that has changed
}

// Actions of a SetRequest.
const (
	ActionPropose  = "propose"
	ActionConfirm  = "confirm"
	ActionWithdraw = "withdraw"
)

// SetRequest proposes, confirms or withdraws a named set.
type SetRequest struct {
	Action  string   `json:"action"`
	Name    string   `json:"name"`
	Parties []string `json:"parties,omitempty"` // propose: component ids in party order, no aliases
	PeerID  string   `json:"peer_id,omitempty"` // the proposer's: confirm; withdraw, if only that one's is meant
	Hash    string   `json:"hash,omitempty"`    // confirm: of the proposal that was shown
	By      string   `json:"by"`                // user@host
}

// SetResult answers after the set's player files are written, or says why they are not yet; where they could not be, there is an error.
type SetResult struct {
	Set NamedSet `json:"set"`
}
