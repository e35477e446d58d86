package trust

// Codes of reasons. They are stable: `peers --json` has them, and the operators' scripts go by them.
const (
	// Of a verdict.
	CodeApproved       = "approved"
	CodeNotApproved    = "not-approved"
	CodeSuperseded     = "superseded"
	CodeNeverAnnounced = "never-announced" // the list pins what nobody has announced
	CodeApprovedAhead  = "approved-ahead"  // its key is another one, which was approved before it was used

	// Of a change that is held back, one for each field.
	CodeComponentChanged    = "component-changed"
	CodeRoleChanged         = "role-changed"
	CodeAddressChanged      = "address-changed"
	CodePortChanged         = "port-changed"
	CodeCertificateReissued = "certificate-reissued" // for the same key
	CodeKeyEndorsed         = "key-endorsed"         // another key and its certificate; the pinned key vouches for it
	CodeKeyReplaced         = "key-replaced"         // another key, for which the pinned one does not vouch
	CodeBeyondPolicy        = "beyond-policy"        // [trust] accept_changes covers a part of it, so that all of it is held

	// Of a change that is reported only.
	CodeLabelChanged  = "label-changed"
	CodePolicyChanged = "policy-changed" // of secure aggregation
	CodeEndsSooner    = "expiry-changed" // the announcement ends sooner than the one before
	CodeNextKey       = "next-key"       // the component tells which key will follow, and that one is not approved ahead

	// Of a conflict: another identity claims what is approved, or ours.
	CodeClaimsComponent    = "claims-component"
	CodeClaimsKey          = "claims-key"
	CodeClaimsEndpoint     = "claims-endpoint"
	CodeClaimsSubject      = "claims-subject"
	CodeClaimsOwnComponent = "claims-own-component"
	CodeClaimsOwnKey       = "claims-own-key"
	CodeClaimsOwnEndpoint  = "claims-own-endpoint"
	CodeClaimsOwnSubject   = "claims-own-subject"

	// The other side of it: told of the approved component, and of ourselves (Evaluation.Claimed).
	CodeComponentClaimed = "component-claimed"
	CodeKeyClaimed       = "key-claimed"
	CodeEndpointClaimed  = "endpoint-claimed"
	CodeSubjectClaimed   = "subject-claimed"

	// Of a bar.
	CodeIdentityRevoked  = "identity-revoked"
	CodeKeyRevoked       = "key-revoked"
	CodeComponentRevoked = "component-revoked"
	CodeIdentityDenied   = "identity-denied"
	CodeKeyDenied        = "key-denied"
	CodeComponentDenied  = "component-denied"

	// Warnings whatever the verdict is.
	CodeAnnouncementExpired    = "announcement-expired"
	CodeCertificateExpired     = "certificate-expired"
	CodeCertificateNotYetValid = "certificate-not-yet-valid"
	CodeEquivocation           = "equivocation"
	CodeWrongKind              = "wrong-kind"
	CodeSecondResearcher       = "second-researcher"
	CodeClash                  = "clash" // two approved components cannot be in one set
	CodeContested              = "contested"
	CodeKeyShared              = "key-shared" // with another component that waits for approval
	CodeEndpointShared         = "endpoint-shared"
	CodeSubjectShared          = "subject-shared"
)

// verdictOnly are the reasons that say no more than the state does: everything else is also a warning.
var verdictOnly = map[string]bool{
	CodeApproved: true, CodeApprovedAhead: true, CodeNotApproved: true, CodeSuperseded: true, CodeIdentityRevoked: true, CodeKeyRevoked: true,
	CodeComponentRevoked: true, CodeIdentityDenied: true, CodeKeyDenied: true, CodeComponentDenied: true,
}
