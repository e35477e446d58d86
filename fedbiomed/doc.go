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
// secure_aggregation and force_secure_aggregation (1, yes, true, on and their opposites, in any case). Ids begin with NODE_ or
// RESEARCHER_, in upper or lower case, and component must agree. Relative paths are relative to the configuration's folder; a
// certificate or key that is not there is looked for below the root, as Fed-BioMed's documentation has it.
//
// The environment wins, as it does in Fed-BioMed: MPSPDZ_IP, MPSPDZ_PORT, MPSPDZ_CERTIFICATE_KEY, MPSPDZ_CERTIFICATE_PEM,
// SECURE_AGGREGATION and FORCE_SECURE_AGGREGATION. Fed-BioMed's documentation spells the first two MPSDPZ_IP and MPSDPZ_PORT,
// which no release reads: they are honoured with a warning, and refused where they contradict the right spelling.
//
// The environment of the component itself is another process's: Component.Running tells where it differs.
//
// What is wrong with a configuration is an *Error with file, section, key, value and cure.
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
// would never see a file that replaced it. A document that became shorter is filled up with blanks, never cut off. Writing only
// what differs makes it rare that the component and we write at once.
//
// # Beside a component that writes
//
// TinyDB takes no lock. It writes its document from the beginning, syncs, and truncates the file to that document's length. So:
//
//   - A read that meets the component's write half done is repeated.
//   - A file that changed in the last 20 ms is not written yet; a component that never rests is waited for 50 ms.
//   - What was written is read again, at once and 60 ms later. If the component wrote a whole document meanwhile, ours is merged
//     into it anew. If its truncation fell on our document, and the file is exactly what that leaves, our document is written again
//     (a shorter document of the component over ours stays, and what is left of ours behind it is blanked).
//   - A truncation that comes later still is mended by the next Update or Rows of the same Registry. In between, the component
//     meets invalid JSON.
//   - The last good content before each write stands in registry.backup, beside the intent. The error about a database that is
//     broken in any other way names it as the cure, and the file is not touched.
//
// What cannot be excluded from outside: a document that the component writes between our last comparison and our one write,
// microseconds later, is lost; the component reads before it writes, so rows that we write between the two are lost until the
// next Update sees that they are missing; and a component that reads within our write meets torn JSON.
//
// A database that TinyDB did not write (an array, a table that is a list, document ids that are not integers, a byte order mark,
// invalid JSON, a key twice) is a *DatabaseError and stays as it is. One that does not exist yet is ErrNoDatabase: Fed-BioMed
// makes it, and a file made by us in its place could have the wrong owner.
package fedbiomed
