package trust

// Events of a log. docs/log.md says what each line of it holds.
const (
	// What was heard.
	EventHeard    = "heard"    // somebody whom the list does not know
	EventChanged  = "changed"  // an approved component announces other values: held back
	EventSettled  = "settled"  // nothing of it is held back any more
	EventReported = "reported" // other values that are not held back: label, policy, expiry
	EventPolicy   = "policy"   // a change that [trust] accept_changes took over
	EventConflict = "conflict" // another identity claims what an approved component, or ours, has
	EventFormer   = "former"   // an identity that this component had before it was set up anew
	EventLeftOut  = "left-out" // lines beyond a limit: about strangers, or decisions while the log could not be written

	// What was decided.
	EventApproved  = "approved"
	EventDenied    = "denied"
	EventRevoked   = "revoked"
	EventForgotten = "forgotten"
	EventEdited    = "edited" // another value of an entry that changes nothing in force: alias, note, who approved it and when, a key to come taken back
	EventPinned    = "pinned" // what the operator left open, from the identity's first announcement

	// Keys that follow, and certificates that end.
	EventNextKey       = "next-key"       // an approved component announces a key to come that is not approved ahead
	EventApprovedAhead = "approved-ahead" // it is
	EventFollowed      = "followed"       // it is in use: the pins moved to it
	EventNextWithdrawn = "next-withdrawn" // its site took it back, and so is the approval
	EventExpires       = "expires"        // 60, 30, 7 and 1 days before

	// Cards, and whose signatures count.
	EventExported    = "exported"    // a card of ours
	EventImported    = "imported"    // somebody's card
	EventAuthorities = "authorities" // which certificate authorities are trusted

	// What was written.
	EventWritten       = "written"        // player files put in force, or taken out of it
	EventRowWritten    = "row-written"    // of Fed-BioMed's party registry
	EventRowRemoved    = "row-removed"    // likewise
	EventRecovered     = "recovered"      // a registry's write that a crash interrupted
	EventPlayersMended = "players-mended" // somebody else had changed player files
	EventRowsMended    = "registry-mended"

	// Ourselves.
	EventOwn    = "own"    // our own announcement
	EventIssued = "issued" // our own certificate for a party number
	EventClone  = "clone"  // another machine announces with our identity

	// Named party sets.
	EventSetProposed  = "set-proposed"
	EventSetConfirmed = "set-confirmed"
	EventSetWithdrawn = "set-withdrawn"
	EventSetDropped   = "set-dropped"

	// The log itself.
	EventLogCut     = "log-cut"     // a line was cut off by a crash
	EventLogDamaged = "log-damaged" // its end is not as the head says: lines are missing, or were changed
)
