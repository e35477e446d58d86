// Package trust decides what a site believes: it reads and edits the operator's list (trust.ini), and says of every announcement
// whether it is accepted, and if not, why. It is pure: no clock, no disk, no network; bytes and times come in, values go out.
//
// # trust.ini
//
// INI text of dialect Ours (package internal/inidoc). Sections are of three kinds; names and ids are compared exactly:
//
//	[NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05]
//	status      = approved | denied | revoked
//	alias       = nice                      letters, digits, . _ -, at most 64; one component's alone, and no listed component's id
//	role        = node                      researcher, node or party
//	peer_id     = 12D3KooW…                 the identity (libp2p, Ed25519)
//	key         = SHA256:…                  of the MP-SPDZ public key (SubjectPublicKeyInfo, DER)
//	endpoint    = 10.221.0.2:14001
//	certificate = SHA256:…                  of the certificate, DER
//	approved_at = 2026-11-22T10:15:00Z
//	approved_by = alice@hospital-a
//	note        = verified by telephone
//	next        = SHA256:…                  the key that is approved ahead, to follow key
//	next_approved_at, next_approved_by      as approved_at and approved_by
//
//	[peer 12D3KooX…]                        an identity, barred
//	status      = denied | revoked
//	component   = NODE_…                    what it claimed to be
//	decided_at  = 2026-11-22T10:15:00Z
//	decided_by  = alice@hospital-a
//	note        = …
//
//	[key SHA256:…]                          an MP-SPDZ public key, barred whoever announces it
//	status      = denied | revoked
//	component, peer_id, decided_at, decided_by, note
//
// Only status is required, and for an approved component peer_id, key and role: without them the list would approve the first comer,
// so it is refused. An approved section without endpoint or certificate takes them from that identity's first announcement
// (Evaluation.Pins), and from then on they are pinned. A denied or revoked component section bars its peer_id and its key; one that
// names neither bars every identity that claims the component. next is not the present key, and counts only of an approved component.
// Anything else is an error with file and line: an unknown key or
// status, a section that stands twice, two component sections with one peer_id or alias, a value that is not what its key holds.
//
// # Decisions
//
// Decide gives the strongest verdict that applies: revoked, denied, conflict, changed, accepted, pending; an announcement that is not the
// newest of its identity is superseded, unless it is revoked or denied.
//
//   - revoked, denied: the list bars the identity, the certificate's key, or the component. Only the announced key counts: the key that
//     was approved ahead is accepted although the present one, its predecessor, is barred.
//   - conflict: another identity claims an approved component's id, key, endpoint or certificate subject (in OpenSSL's canonical form;
//     two subjects may be equal where both certificates carry key ids, and different ones), or our own. An approved component
//     whose announcement is what the list pins is not a conflict with another approved one, but a clash: both keep their values and
//     the set of parties cannot be formed.
//   - changed: an approved identity announces another component, role, endpoint, certificate or key than is pinned.
//   - accepted: an approved identity announces what is pinned, or the same but for a certificate with the key that is approved ahead
//     (Entry.Next): then the pins are to be moved (Evaluation.Following), and what is pinned stays in force until they are.
//   - pending: the list does not know the identity.
//
// What is in force for an approved component is the newer of its approved card and its newest announcement that fits every pin. So a change, an
// expiry, a conflict or a restart never takes the approved values away; only the list does. An identity that sealed two payloads with
// one sequence (equivocation) puts nothing new in force, and a plain MP-SPDZ party never enters a Fed-BioMed component's set, nor the
// other way round (wrong-kind).
//
// An approved component that announces which key will follow (next) stays accepted: the warning next-key says that there is something to
// decide. An approval ahead ends where its own site takes that key back or the list bars it (Evaluation.Lapsed), and with a revocation.
//
// An approved identity whose key is barred in a section [key …] has nothing in force until another key of it is approved, or one that was
// approved ahead comes: that one is followed as if its predecessor were not barred. Meanwhile its id and its pins stay its own, and who
// else claims them is a conflict. What such a key endorses counts as not endorsed.
//
// # Policies
//
// Held.Policy says which changes of an approved identity are taken over without asking: Evaluation.Takeovers has those that it
// covers as a whole, that contradict nobody, whose former values are in force, and whose announcement and certificate are valid
// now. A certificate of an authority that this site has not set (Held.Unsigned) is not among them, nor does a key that was
// approved ahead come with one: it stays a change. They are written with List.Approve, approved_by = policy; then the list says
// what is in force, as after an approval by hand. No identity, component id or role is ever among them.
//
// # Codes
//
// Reason codes are stable (the constants Code…). Each held change, each conflict and each warning has one, a text with its consequence, and
// mostly a cure. Texts are escaped: nothing that a peer sent reaches them as it came. The other side of a conflict is told in
// Evaluation.Claimed, apart from the decisions: nothing depends on what strangers announce.
//
// # The log
//
// log.jsonl is a chain: each line, a LogRecord as one JSON object, carries its number, from 1, and the SHA-256 of the line before without
// its newline (of no bytes for the first). Bytes between the last record and this one that are no record, what a crash left of a line, count
// with it: previous is then the SHA-256 of the last record's line, a newline, and those bytes. Lines of before numbers have none, and
// count from 1; a torn one among them is followed by the hash of its own bytes alone. LogVerifier reads a log of any size in bounded
// memory and says of each defect where and what it is; Compare makes the records of an edited list.
package trust
