// Package exchange is the format of what agents say to each other, and the table of what they heard. It knows no
// network, no clock and no disk; package gossip carries the records. docs/announcement.md and docs/records.md specify the formats
// byte by byte, for other implementations too, and testdata/vectors holds examples of all that is accepted and refused.
//
// # Announcement
//
// One signed record carries one component's registration: its id and role, its MP-SPDZ endpoint and certificate, and
// what else its site says. The same bytes travel on the topic, lie on disk and are mailed in a card (Armour, Dearmour).
// Outermost is a libp2p envelope, signed by the component's Ed25519 identity; in it a payload of text lines:
//
//	fbpeer announcement 1
//	federation: mfzwizltoq3tknzuojxwk4tfnzsa2bdi
//	component: NODE_f4ddb0d4-0b78-4f20-ab59-3d7db4765f05
//	role: node
//	label: Hospital of Nice
//	endpoint: 10.0.0.2:14001
//	secagg: optional
//	certificate: MIIDAjCCAeqgAwIBAgI…
//	next: SHA256:…
//	sequence: 1795342500000
//	issued: 2026-11-22T10:15:00Z
//	expires: 2026-11-29T10:15:00Z
//	endorsement-key: MIIBIjANBgkqhkiG9w0…
//	endorsement: kL3…
//	proof: Vh5…
//
// label, next and the endorsement's two lines are optional, secagg is a node's alone. There is one accepted form: Open
// refuses bytes that Seal would not have written for the same meaning, so nobody but the signer can make a second
// record out of a first.
//
// The envelope's signature is the identity's; the proof is the certificate's key's, over the peer id and everything
// above the proof. Together they say: this identity and this key are one component's. That it is the right component is
// for people to say (Fingerprint) and for package trust to hold.
//
// # Other kinds
//
// A view (View) says what an agent has registered of others, as hashes; the members behind them are fetched when they differ from what
// is expected. A call (Call) makes everybody seal their views anew. A proposal (Proposal, of the kind "set") names a party set, and a
// numbered certificate (NumberedCertificate, "certificate") is a party's for its number in one. They are written, sealed and opened as
// announcements are, by one mechanism: each kind says which lines it has (format) and what they mean (content). The identity alone signs
// them.
//
//	fbpeer view 1
//	federation: mfzwizltoq3tknzuojxwk4tfnzsa2bdi
//	set: SHA256:…
//	files: SHA256:…
//	rows: SHA256:…
//	members: 3
//	call: 2yR5…
//	sequence: 1795342500001
//	issued: 2026-11-22T10:15:00Z
//
// # Cards
//
// A Card is one site's part of a file: its announcement, and what follows of the same identity. OpenCard reads it, all or nothing, and
// Encode writes it; text around is passed over. What came by card is held in a Table, and told to nobody (Record.Card, Travels).
//
// # What is checked where
//
// The Seal functions and OpenRecord check everything that never changes; what OpenRecord refuses, every honest agent refuses, so
// a forwarder may be blamed for it. A party's certificate that an authority signed is taken, as nobody here can verify that
// signature: it is for each site's own settings to say what it is worth. A researcher's or node's is refused. The one exception
// is CodeNewerVersion, of a version or kind that an agent of a later release reads. Table checks what depends on time and
// history: known, superseded, expired, ahead of the clock, of an identity whose announcement is not held. Every refusal is a
// *Refusal with a stable Code.
//
// # Federation
//
// Federation derives from the federation file's name and secret what members share: the private network's key, the id
// in topics and records, the mDNS service name. The name itself is never on the wire.
package exchange
