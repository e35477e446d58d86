// Package mpspdz is what MP-SPDZ accepts: addresses, certificates, the order of parties, and the files of a run.
//
// Everything here is a pure function of its arguments; nothing is read or written. It was established with the real program in two
// builds: old (v0.3.4, and up to 0.4.0, which Fed-BioMed 4.2 to 5.3 uses) and new (from 0.4.1), which check a peer's name in
// two ways. Each check stands here because MP-SPDZ makes it too late, without a clear word, or not at all.
//
// # Endpoints
//
// An [Endpoint] is "host:port", the host an IPv4 address or a host name. MP-SPDZ cannot express IPv6, splits at the first ':',
// takes ports modulo 65536, and makes a party of every line: so nothing becomes an Endpoint that could be read in another way.
//
// # Certificates
//
// Every certificate in a party's folder is a trust root to OpenSSL, whatever its file is called. A peer whose certificate can
// issue could make itself a certificate as any other party. So [ParseCertificate] accepts X.509 v3 only, and refuses
//   - basicConstraints with CA:TRUE, keyUsage with keyCertSign or cRLSign, any Netscape certificate type, proxyCertInfo
//   - critical extensions that OpenSSL does not know, duplicate extensions, malformed extensions, unique ids
//   - extendedKeyUsage without both serverAuth and clientAuth, with which MP-SPDZ's handshakes fail
//   - keys other than RSA of 2048 to 8192 bits with an odd exponent from 3 to 2^31-1, ECDSA P-256 and Ed25519
//   - more than 512 DNS names: each is looked at wherever names are judged
//   - more than 8 KiB; anything before, between or after its parts that strict DER has no place for
//   - a certificate that names another issuer or another authority key than itself, or a signature of another kind of key; but
//     [ParseLeaf], for plain parties, takes another issuer
//
// Go's parser alone would not do: it overlooks parts that OpenSSL reads (see der.go), so the structure is read strictly first.
// Cheap checks come first; nothing is computed with a key outside the limits. Time is apart ([Certificate.CheckTime]), and so is
// the certificate's own signature ([Certificate.CheckSelfSigned]).
//
// A [CertificateError] has a stable Rule, what was found, and a cure. All texts are safe to print: foreign bytes are escaped.
//
// # Names
//
// MP-SPDZ checks party i's certificate for the host name P<i>. [Certificate.NameOld] and [Certificate.NameNew] say what the two
// builds answer. Fed-BioMed's own certificates (CN '*') pass the old check as any party and the new one never: they prove
// membership, not identity. [Certificate.ProvesNumber] is true of a certificate that is one party's and nobody else's on both builds,
// and that has at most 16 DNS names and 16 common names;
// [NewNumberedCertificate] makes one, once the number in an agreed set is known.
//
// # Authorities
//
// A leaf that an authority signed is worth nothing to OpenSSL by itself, and with that authority in the folder anybody is let in whom it ever
// signed. So an [Authority] enters only by an operator's setting, and a folder only where some party needs it. [ParseAuthorities] reads a file
// strictly: X.509 v3, CA:TRUE, a keyUsage with keyCertSign if there is one, an extendedKeyUsage with serverAuth and clientAuth if there is one,
// no name constraints, no critical extension that OpenSSL does not know, none twice, the keys of leaves, valid now, a root's own signature;
// at most 16 certificates, and nothing else in it. [Authorities.Chain] follows a leaf to a root as OpenSSL does (names in canonical form, key
// identifiers where both have them, path lengths), and verifies every signature, none of them with SHA-1. [PartySet.Authorities] gives
// those that a set needs, and refuses one in which OpenSSL could look for a signature at the wrong certificate. They are no part of a set's digest:
// each site trusts its own.
//
// # Hash links
//
// OpenSSL finds a certificate in a folder by the hash of its subject in canonical form: the sets of the name encoded anew and
// joined, strings as UTF-8, ASCII letters lower-cased, white space trimmed and collapsed; of its SHA-1 the first four bytes as
// a little-endian number, eight hex digits, and ".0", ".1", … for certificates with one hash. Two certificates of one subject
// clash unless both have key identifiers, and different ones ([SubjectClash]).
//
// # Party sets
//
// A wrong order of parties gives a wrong result without any error. So a [PartySet] is ordered by rule (the researcher, then by
// id in byte order) and never by arrival, and two sites compare its Digest, the SHA-256 of
//
//	"fbpeer-party-set-v1" 00
//	uint32 number of parties
//	for each party, in order:
//	    uint32 length, component id
//	    uint32 length, advertised endpoint as "host:port"
//	    uint32 length, certificate in DER
//
// with big-endian numbers. [NewPartySet] refuses members that cannot run together with a [SetError]. Only a named set of plain parties,
// which its members have seen and confirmed, has its proposer's order ([NewOrderedPartySet]).
//
// The numbered certificates can be made only when the order is agreed, so the parties first compare [PartySet.Plan], the SHA-256 of
//
//	"fbpeer-party-plan-v1" 00
//	uint32 number of parties
//	for each party, in order:
//	    uint32 length, component id
//	    uint32 length, advertised endpoint as "host:port"
//	    SHA-256 of the certificate's SubjectPublicKeyInfo, 32 bytes
//
// # Player files
//
// [Render] gives one party's folder: Player-Data/P<j>.pem for every party, Player-Data/P<i>.key, Player-Data/authority-<n>.pem
// for each authority that the set needs, in the order of their SHA-256, the hash links of all certificates, and ip_addresses,
// whose own line has the port to bind. [RenderedName] names the folder by the SHA-256 of
//
//	"fbpeer-player-files-v1" 00
//	uint32 number of files
//	for each file, in order:
//	    uint32 length, path
//	    uint32 mode (Go's fs.FileMode)
//	    uint32 length, target of the symlink, else empty
//	    uint32 length, bytes
//
// # Any folder
//
// [CheckFolder] judges a folder that MP-SPDZ may be started from, whoever wrote it, by what the two programs do with it.
//
// MP-SPDZ makes a party of every line of the ip file that is not empty and does not begin with '#', white space alone included. It
// splits a line at its first ':'; what stands before is the host, with every space and byte order mark; behind it, it reads one number
// as C++ reads an int, leaves what follows, and takes the number modulo 65536. A line without ':' has the port 5000 and the party's
// number. Of the own line it uses the port alone, to bind it. It reads P<i>.pem, whose first certificate is its own, and P<i>.key.
//
// OpenSSL trusts whatever it finds by hash: <hash>.0, <hash>.1 and so on up to the first that is missing or loads nothing, with every
// certificate in each file. The names P<j>.pem of the others mean nothing to it; they are what the operator means. So a certificate that
// a hash link leads to, and that is the first in no party's P<j>.pem, belongs to somebody whom nobody meant to let in, unless it is that of
// an authority that the operator set.
//
// Whoever may write into the folder, Player-Data or one of those files decides all of that: that others than owner and group may is an
// error.
//
// [Foreign] tells what of that kind stands in a folder into which a set is about to be written.
package mpspdz
