// Package fedbiomed reads and makes the files of Fed-BioMed 4.2 to 5.3, the releases that use MP-SPDZ: a component's
// configuration, the components of a root, and the party registry in a component's database. What it says of Fed-BioMed was
// established by running v5.2.0's own code.
//
// # A root
//
//	<root>/etc/config_researcher.ini                           one configuration per component (Python configparser)
//	<root>/etc/config-n1.ini, …
//	<root>/etc/certs/cert_<id>/MPSPDZ_certificate.{key,pem}    its MP-SPDZ key and certificate
//	<root>/etc/port_increment                                  the last MP-SPDZ port given out, decimal, no newline
//	<root>/var/db_<id>.json                                    its database (TinyDB); 0 bytes when new
//
// The root is the parent of the folder that holds a configuration. Fed-BioMed's own commands read every etc/*.ini, so nothing of
// ours is ever written into etc/, except by Create, which makes what Fed-BioMed would have made. Create alone writes
// configurations, and only new ones.
//
// # A configuration
//
// Load reads [default] id, component and db, [mpspdz] private_key, public_key, mpspdz_ip and mpspdz_port, and of a node [security]
// secure_aggregation and force_secure_aggregation (1, yes, true, on and their opposites, in any case, as configparser has it; t and f
// too, as Fed-BioMed has it). Ids begin with NODE_ or RESEARCHER_, in upper or lower case, and component must agree. Relative paths are
// relative to the configuration's folder; a certificate or key that is not there is looked for below the root, as Fed-BioMed's
// documentation has it.
//
// The environment wins, as it does in Fed-BioMed: MPSPDZ_IP, MPSPDZ_PORT, MPSPDZ_CERTIFICATE_KEY, MPSPDZ_CERTIFICATE_PEM,
// SECURE_AGGREGATION and FORCE_SECURE_AGGREGATION. Fed-BioMed's documentation spells the first two MPSDPZ_IP and MPSDPZ_PORT,
// which no release reads: they are honoured with a warning, and refused where they contradict the right spelling.
//
// The environment of the component itself is another process's: Component.Running tells where it differs.
//
// What is wrong with a configuration is an *Error with file, section, key, value and cure. A missing key is named with the release
// that brought it (releases.go has the list), and a configuration of 5.4 or later, or of 4.1 or earlier, is told as such. What 4.2 did
// not have yet (db, the two switches) is taken as that release took it.
//
// # The registry
//
// Fed-BioMed looks parties up in the table Certificates of its own database:
//
//	{"SecaggBiprime": {…}, "Certificates": {"1": {"certificate": "-----BEGIN…", "party_id": "NODE_…",
//	"component": "NODE", "ip": "10.0.0.2", "port": 14001}}}
//
// Registry changes rows of that table and nothing else. The file is never parsed into values and written again: rows that change
// are spliced into the bytes that stand there, as Python's json.dumps would write them, so integers of any size and every other
// byte survive. It is rewritten in place (package durable, "Rewriting in place"), because a running component keeps it open and
// would never see a file that replaced it. A document that became shorter is filled up with blanks, never cut off.
//
// # Beside a component that writes
//
// TinyDB takes no lock. It reads the whole file, writes its whole document from the beginning in one call, syncs, and truncates the
// file to that document's length. So:
//
//   - A read that meets the component's write half done is repeated.
//   - A file that changed in the last 20 ms is not written yet; a component that never rests is waited for 50 ms.
//   - Directly before our one write the file is read again. If it changed, its rows are merged anew.
//   - What was written is read again, at once and 60 ms later. If the component wrote a whole document meanwhile, ours is merged
//     into it anew. If its truncation fell on our document, and the file is exactly what that leaves, our document is written again
//     (a shorter document of the component over ours stays, and what is left of ours behind it is blanked).
//   - A truncation that comes later still, as on a disk whose fsync takes longer than 60 ms, is mended by the next Update or Rows, in
//     this run or a later one. In between, the component meets invalid JSON, and raises.
//
// Three files beside each other in the agent's state make that possible after a kill -9 at any point, too. registry.intent holds both
// documents from before the write until after the second look; Recover puts the old one back if the write was broken off, and
// completes the new one if the component cut it off. registry.written is the last intent that was carried out, until the component
// puts a document of its own in place of ours. registry.backup is the last good content before a write, for a person: the error about a
// database that is broken in any other way names it as the cure, and the file is not touched.
//
// TestInterleavings plays ten thousand random interleavings of these steps with a model of TinyDB 4.7 that was proved against
// recordings of it; no row of either is lost, with our last comparison and our write as one step.
//
// # What cannot be excluded from outside
//
//   - A document that the component writes between our last comparison and our write is lost. That window is about 10 µs with 3
//     parties and 100 µs with 255 (BenchmarkRewrite, BenchmarkUpdateOneOf255; two cores, ext4): beside a component that writes once a
//     second, one of our writes in a hundred thousand, or in ten thousand. Writing only what differs keeps our writes rare.
//   - The component reads before it writes. Rows that we write between the two, and that it writes over after our second look, are
//     lost until the next Update sees that they are missing.
//   - A component that reads within our write, of about the same length, meets a mixture of the old and the new document: invalid JSON
//     as a rule, but where the border falls inside a value behind a row that changed its length, one that parses. So it is with a
//     write that was killed half-way, until Recover puts it right.
//
// A database that TinyDB did not write (an array, a table that is a list, document ids that are not integers, a byte order mark,
// invalid JSON, a key twice) is a *DatabaseError and stays as it is. One that does not exist yet is ErrNoDatabase: Fed-BioMed
// makes it, and a file made by us in its place could have the wrong owner.
package fedbiomed
