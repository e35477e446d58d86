package api

import "time"

// ProbeRequest asks for handshakes with the real MP-SPDZ ports of a set; Components restricts it to pairs with one of these (ids).
type ProbeRequest struct {
	Set        SetSelector `json:"set"`
	Components []string    `json:"components,omitempty"`
}

// Results of one direction of a probe. The code of an Obstacle of a probe is one of them, or no-set where no set is in force.
const (
	ProbeOK                 = "ok"
	ProbeUnresolved         = "unresolved"          // the host name does not resolve
	ProbeRefused            = "refused"             // nothing listens there
	ProbeTimeout            = "timeout"             // no answer: packets are dropped on the way
	ProbeBusy               = "busy"                // the port is in use by a running computation, or was until a minute ago
	ProbeNotOpened          = "not-opened"          // that agent does not open the port: switched off, not accepted there, another set, or asked too often
	ProbeUnknownCertificate = "unknown-certificate" // one side does not have the other's certificate
	ProbeNameRefused        = "name-refused"        // the certificate is not accepted under that party's number
	ProbeExpired            = "expired"             // a certificate is out of its time
	ProbeWrongParty         = "wrong-party"         // another party answered at that address
	ProbeNoAgent            = "no-agent"            // the agent cannot be asked: not connected
	ProbeFailed             = "failed"              // anything else, in Text
)

// ProbeCell is one direction: From dialled To.
type ProbeCell struct {
	From     string    `json:"from"`
	To       string    `json:"to"`
	Endpoint string    `json:"endpoint,omitempty"` // that From dialled
	Result   string    `json:"result"`
	Millis   int64     `json:"milliseconds,omitempty"` // TCP and TLS, for ok
	At       time.Time `json:"at"`
	Age      int64     `json:"age_seconds,omitempty"` // of a result that was there already
	Text     string    `json:"text,omitempty"`
	Cure     string    `json:"cure,omitempty"`
	Warnings []Warning `json:"warnings,omitempty"` // what the other generation of MP-SPDZ would refuse
}

// Probe is the answer: every direction that was asked for. OK is the same as no obstacles.
type Probe struct {
	OK        bool        `json:"ok"`
	Obstacles []Obstacle  `json:"obstacles"`
	Cells     []ProbeCell `json:"cells"`
	Parties   []SetParty  `json:"parties"`
}
