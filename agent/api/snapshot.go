package api

import "time"

// SetParty is a line of the set in force.
type SetParty struct {
	Party     int    `json:"party"`
	Component string `json:"component"`
	Alias     string `json:"alias,omitempty"`
	Endpoint  string `json:"endpoint"`
}

// Set is the party set in force: its player files stand in Dir.
type Set struct {
	Digest  string     `json:"digest"`          // the same at every site that holds the same set
	Words   []string   `json:"words,omitempty"` // its first 88 bits, to be read out
	Parties []SetParty `json:"parties"`
	Dir     string     `json:"dir"`     // …/players/current: `cd -P` into it before a run
	Party   int        `json:"party"`   // own number
	Command string     `json:"command"` // arguments for MP-SPDZ, to be run in Dir
	Written time.Time  `json:"written"`
}

// What a row's component has registered of another.
const (
	CellOK      = "ok"      // registered with the present values
	CellOld     = "old"     // registered with other values
	CellNo      = "no"      // not registered
	CellNew     = "new"     // waits for approval
	CellUnknown = "unknown" // not heard
)

// Cell is what a row's component has registered of Of.
type Cell struct {
	Of    string `json:"of"`
	State string `json:"state"`
	Ahead bool   `json:"ahead,omitempty"` // it has also approved ahead the key that Of will change to
}

// MatrixRow is what one component has registered of the others.
type MatrixRow struct {
	Component string `json:"component"`
	Cells     []Cell `json:"cells"`
	Set       string `json:"set,omitempty"`         // digest of the set in force there
	Age       *int64 `json:"age_seconds,omitempty"` // since it answered a roll call; absent: it did not, and its cells are unknown
	// Card is when the card was issued that the row is of: its component takes part by file, and the cells are as of then.
	Card *time.Time `json:"card,omitempty"`
}

// Matrix says who has registered whom. It shows mistakes, not lies: each row is what its component says of itself.
type Matrix struct {
	Rows []MatrixRow `json:"rows"`
}

// BarredKey is an MP-SPDZ public key that the list bars, whoever announces it.
type BarredKey struct {
	Key       string `json:"key"`                 // "SHA256:…"
	State     string `json:"state,omitempty"`     // denied or revoked; empty in the answer to forget: not barred any more
	Component string `json:"component,omitempty"` // whose it was, if the list says so
}

// Snapshot is all that the reading commands show. It is immutable once published.
type Snapshot struct {
	Federation string      `json:"federation"` // its name; empty: none joined yet
	Self       Peer        `json:"self"`
	Peers      []Peer      `json:"peers"` // by the state's weight (the order of the State constants), then component, then peer id
	Set        *Set        `json:"set,omitempty"`
	NoSet      *Warning    `json:"no_set,omitempty"`  // why no set is in force
	Waiting    *Warning    `json:"waiting,omitempty"` // what the set that is to follow Set waits for: ready answers no meanwhile
	Sets       []NamedSet  `json:"sets,omitempty"`    // proposed for experiments, by name
	Matrix     *Matrix     `json:"matrix,omitempty"`
	Keys       []BarredKey `json:"keys,omitempty"`     // MP-SPDZ public keys that sections of their own bar, in the list's order
	Warnings   []Warning   `json:"warnings,omitempty"` // of the agent itself
	Connected  int         `json:"connected"`          // members connected now
	Members    int         `json:"members"`            // identities known, ourselves among them, denied and revoked ones not
	LastChange time.Time   `json:"last_change"`        // zero: nothing changed since the start
	Running    bool        `json:"running"`            // from a running agent, not from the stores
	State      string      `json:"state_dir"`
	Rows       int         `json:"rows"`             // rows of ours that stand in the Fed-BioMed registry
	Listen     []string    `json:"listen,omitempty"` // multiaddresses with /p2p/, for others' bootstrap
}
