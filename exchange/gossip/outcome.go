package gossip

import (
	"errors"

	pubsub "github.com/libp2p/go-libp2p-pubsub"

	"fbpeer/exchange"
)

// Reasons that exchange does not know, because they depend on how a record came or on this agent's list.
const (
	CodeAuthor exchange.Code = "author" // published by another than the identity that it is about, or not what was asked for
	CodeBarred exchange.Code = "barred" // denied or revoked here
	CodeRate   exchange.Code = "rate"   // too many or too large in too short a time
	CodePanic  exchange.Code = "panic"  // a fault of ours, recovered
)

// Outcome is the one switch: what becomes of a record with this result of Open, Table.Check and the bounds. Rejected is what every
// honest agent of any clock and list refuses. Ignored is what is known, superseded, wrong in time, of a version or kind newer than this
// release, of an identity that is not known, over a bound, or barred here. The rest is accepted, whether or not we trust it.
//
// An equivocation is accepted: everybody has to see both records, to warn of them and to hold the same one (the smaller hash). Only
// the identity itself can make one, within its bounds.
func Outcome(err error) pubsub.ValidationResult {
	if err == nil {
		return pubsub.ValidationAccept
	}
	var r *exchange.Refusal
	if !errors.As(err, &r) {
		return pubsub.ValidationIgnore
	}
	switch r.Code {
	case exchange.CodeTooLarge, exchange.CodeMalformed, exchange.CodeSignature, exchange.CodeFederation, exchange.CodeField,
		exchange.CodeCertificate, exchange.CodeProof, exchange.CodeEndorsement, CodeAuthor:
		return pubsub.ValidationReject
	case exchange.CodeEquivocation:
		return pubsub.ValidationAccept
	}
	return pubsub.ValidationIgnore
}

func refuse(code exchange.Code, of exchange.ID, text string) error {
	return &exchange.Refusal{Code: code, Kind: of.Kind, Peer: of.Peer, Err: errors.New(text)}
}
