// Package probe checks before a run that the members of a party set reach each other's real MP-SPDZ ports and accept each other there.
//
// # A round
//
// Each member opens the port that MP-SPDZ binds, on all IPv4 addresses, with the player files in force: its own certificate and key, and
// as trust what has a hash link. Each dials the others at the addresses in its own ip file, never at one from a request, and both sides
// do what MP-SPDZ does: TCP, then TLS 1.2, in which both present and demand a certificate. MP-SPDZ's party that dials is the TLS client.
// The result of each direction is a [Code]; [Cell] has it with what a person should know and do.
//
// Whom a member judges, it judges as OpenSSL would with that folder: is the certificate trusted (it has a hash link of its subject, byte by
// byte; or it was signed by an authority that the operator set and that has one, with all above it: nobody else that has one can issue
// another, which mpspdz.ParseLeaf sees to), is it in time, may it be used, is it that of the party who should be there, and is it accepted
// under that party's number: by MP-SPDZ's old rule for names in a Fed-BioMed set, by the new one in a plain set. What the other rule says
// is a [Warning].
//
// An agent never breaks off TLS because of a certificate. When TLS stands, each side sends its verdict on the other as one line,
//
//	fbpeer-probe/1 CODE\n
//
// CODE being ok, unknown-certificate, name-refused, expired, wrong-party, not-opened (a second handshake) or failed, and nothing else
// passes. So both know both verdicts, and a program that is no agent is told apart, since it sends no such line. Alerts of such a program
// are read as openssl means them.
//
// # What keeps a computation safe
//
// A port at which a real MP-SPDZ listens must never be dialled: it takes the first eight bytes for a length, which those of TLS make more
// memory than there is, and ends. Therefore a member dials only whom the coordinator names, and the coordinator names only members who said
// that their agent has opened the port. Who cannot open it still dials. Nobody dials on after its own opening's end, or after 5 s, whatever
// a coordinator says, nor when no coordinator is left: the port that was an agent's may be a computation's then.
//
// The port is not opened where something has it: a TCP socket on it in whatever state (Linux keeps the last one of a computation for 60 s), or
// an error in binding it. Nor where MP-SPDZ ran within the last minute: a process that is an MP-SPDZ party (its program's name ends in
// -party.x) and works in the folder, or names it or the port; or a file in the folder that a run writes, changed in the last minute. What /proc
// does not show is not seen: of another user's process it shows the arguments alone, not where it works. Our own connections end by a reset, so
// that they leave nothing that would look like a computation.
//
// A party that starts while the port is open finds it busy and binds it a second later, as MP-SPDZ does of itself. A party of another site that
// starts then and dials the open port fails at once, instead of waiting a minute.
//
// # Openings
//
// An [Opener] opens one agent's port, for 5 s at most, or until the last of those who asked for it has its answer, and begins at most one
// opening in 30 s. Who asks while it is open shares it, and each member is dialled once in it; who asks later, for the same set, gets what
// was found, with its age. An attempt that failed is not made again with the same files for as long: who asks meanwhile is told the same.
// Each member has one handshake with an open port; a stranger's is refused and uses up none. A handshake takes 3 s at most. What answer = off
// in the section probe refuses are others' probes; one's own still dials.
//
// # Streams
//
// The protocol /fbpeer/1/probe has one stream from the coordinator C ([Coordinate]) to each member M ([Serve]) for a round, 15 s at most.
// A frame is two bytes of length and the body. Integers are big-endian, times are 4 bytes of milliseconds, at most 60,000, text is UTF-8
// after one byte of its length. Anything that does not parse ends the stream. docs/probe.md has the layouts.
//
//	C → M  request  the name of the set and its digest. M opens its port if it has the same set in force
//	M → C  answer   open, and for how long; in use, or MP-SPDZ ran; or why M takes no part. If M's opening is over, M's row follows at once
//	                … the end, unless M takes part and its opening is not over
//	C → M  go       when all have answered, or after 2 s: the members to dial, each with the time for which its port is open yet
//	M → C  row      when M has dialled them (16 at a time, each 3 s at most): what M found in this opening, for whomever
//	C      closes   when C has all rows. Until then M's port stays open, as others may be dialling it
//
// A row counts for the directions from the member that sent it. Numbers of parties are those of the set, which is the same on both sides. The
// only text of a peer that reaches a Cell is an answer's or a row's detail, at most 120 bytes, with everything but printable ASCII escaped.
//
// No panic leaves a goroutine, and none outlives its context.
package probe
