package probe

import (
	"time"

	"fbpeer/mpspdz"
)

// Code is the result of one direction. The texts are those of the control API.
type Code string

// The codes.
const (
	OK                 Code = "ok"
	Unresolved         Code = "unresolved"          // the host name does not resolve
	Refused            Code = "refused"             // nothing listens there
	Timeout            Code = "timeout"             // no answer
	Busy               Code = "busy"                // the port is in use by a running computation, or was until a minute ago
	NotOpened          Code = "not-opened"          // the agent does not open the port: off, not accepted there, another set, asked too often
	UnknownCertificate Code = "unknown-certificate" // one side does not have the other's certificate
	NameRefused        Code = "name-refused"        // a certificate is not accepted under its party's number
	Expired            Code = "expired"             // a certificate is out of its time
	WrongParty         Code = "wrong-party"         // another party answered at that address
	NoAgent            Code = "no-agent"            // the agent cannot be asked
	Failed             Code = "failed"              // anything else
)

// Cell is the result of one direction: From dialled To. All texts are safe to print, whoever sent them.
type Cell struct {
	From, To string          // components
	Endpoint mpspdz.Endpoint // that From dialled, or would have
	Code     Code
	Took     time.Duration // TCP and TLS, for OK
	At       time.Time     // when it was found, by this site's clock
	Age      time.Duration // of a result that was there already; 0 for one of this round
	Text     string        // one plain sentence; empty for OK
	Cure     string        // what to do, and at whose site; empty for OK
	Warnings []Warning
}

// Warning is something that does not stand in the way of this set's MP-SPDZ, but of the other generation's.
type Warning struct{ Code, Text, Cure string }

// The codes of warnings.
const (
	WarnNameNew = "name-new" // MP-SPDZ from 0.4.1 would refuse the certificate's name
	WarnNameOld = "name-old" // MP-SPDZ up to 0.4.0 would
)
