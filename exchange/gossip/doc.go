// Package gossip carries sealed records between the members of a federation: a GossipSub topic for what is new, a protocol between
// two for what a member missed, since gossip keeps nothing, one for the members that a view stands for, and one for a call to a single
// member. What it accepts goes to Config.Deliver; it stores nothing itself, it reads the caller's exchange.Table.
//
// # Topic
//
// The topic is /fbpeer/1/<federation id>. A message's data is one sealed record (at most 16 KiB), its signed author the record's
// identity: everybody publishes only what is their own, other people's records travel by sync. Messages are always signed, published to all
// neighbours at once (flood publish), never with peer exchange; only this topic can be subscribed to. A whole RPC is at most 64 KiB.
//
// Outcome is the one switch of what becomes of a record of any kind: accepted (delivered and passed on, whether or not we trust it),
// ignored, or rejected.
//
// Views and calls travel on the topic alone. Everybody answers a call, so one in 10 seconds is accepted of the callers that are trusted
// here and of our own together, one in 10 seconds of all other callers together, and of each caller what its own bound allows: nobody who
// is not trusted can keep the others from calling. What is beyond is ignored, and Publish sends no call of our own that comes too soon;
// one of a trusted caller is delivered nevertheless, as Passed (at most 16 wait for that), since others may have accepted it.
//
// Whatever is not an announcement is ignored while that of its identity is not in the table.
//
// # Sync: /fbpeer/1/sync
//
// One stream is one exchange between the dialer D and the listener L, 10 seconds long at most. A frame is an unsigned varint (at most
// 3 bytes) with the length of the body, and the body. Integers are big-endian. A longer frame than allowed, or anything that does not
// parse, ends the exchange.
//
//	D → L  hello     version (1 byte: 1), flags (1 byte), clock (8 bytes, Unix time in ms), digest of D's table (32 bytes), and with
//	                 flag 2 the digest of L's table at the end of the last exchange that left nothing to be asked for either way, D's
//	                 own being the same now as then (32 bytes). At most 256 bytes. Flag 1 asks for peer records. Later versions
//	                 append; unknown flags and what follows the known fields are ignored
//	L → D  answer    1 byte, no frame: 0 the tables are equal; 1 they differ as they did (flag 2 only); 2 they differ
//	L → D  peers     frame, only with flag 1
//	D → L  peers     frame, only with flag 1
//	                 … the end, unless the answer is 2
//	L → D  table     frame
//	D → L  table     frame
//	D → L  want      frame: indices into L's table, 2 bytes each, ascending
//	L → D  records   one frame for each index, in order: the sealed record, or empty if it is withheld
//	L → D  want      frame: indices into D's table
//	D → L  records
//
// A table (at most 512 KiB) is a sequence of entries: kind, peer id and set (each 1 byte of length and its bytes), sequence (8 bytes),
// hash (32 bytes). Entries ascend strictly by kind, peer id, set, compared as bytes; at most 4,096. Its digest is exchange.Digest of the
// same. Kinds that a member does not know are compared but not asked for, and of an identity whose announcement is not in our table nothing
// else is: once that is stored, there is another exchange.
//
// A peers frame (at most 64 KiB, 32 records) is a sequence of signed peer records (libp2p's record.Envelope of a peer.PeerRecord), each
// after its length (2 bytes). Only records of accepted or directly connected members are handed on. The receiver verifies them, keeps at
// most 8 TCP addresses of each, and drops loopback, link-local and multicast ones.
//
// Announcements of an MP-SPDZ key that the list bars (Config.BarredKey) are ignored whoever makes them, on the topic too, and those that
// are held are withheld here (Config.Withheld), while their identities are listened to: they may make another key.
//
// Records of barred identities (denied or revoked here) are in the table, but asked for them the answer is "withheld"; we do not
// ask for theirs. What came from a neighbour once, whether it was stored, refused or withheld, is not asked of it again on that connection,
// except what a rate bound held up, and until Unbarred. A record may be newer than the one asked for, never another's.
//
// A record that is of another kind, identity or set than the one asked for ends the exchange. Records from a sync pass the same checks and
// bounds as those from the topic.
//
// Exchanges run when a connection has been identified (the side that dialled at once, the other 1 to 2 s later, which is usually one
// byte), every SyncEvery with one random neighbour, with 3 random neighbours 100 to 300 ms after Stored, and, if an exchange showed
// something that we lack, with another random neighbour 1 to 2 s later, at most 8 times until something is stored: the one who had it may
// have used up its share, or not answer.
//
// # Members: /fbpeer/1/members
//
// A view holds the roots of two lists, and this protocol the lists: one stream, one question of D, one answer of L, in frames as above,
// 5 seconds long at most.
//
//	D → L  question  version (1 byte: 1), hops (1 byte), the author's peer id behind its length (2 bytes), hash of the view (32 bytes). At
//	                 most 256 bytes; what a later version appends is ignored
//	L → D  answer    exchange.Members as encoded, at most 200,708 bytes; or empty: not held
//
// L answers from what it holds (Config.Members). If it does not hold it, hops is not 0 and the author is known, it asks the author if
// connected, otherwise up to 3 random neighbours but D, with one hop less (of 3 at most); the next one when the last one has no answer, or
// none within a second. The first question has 2 hops. D refuses what does not have the roots of its view, and so does L if it holds that
// view. Barred members get no answer, and none is given about barred authors.
//
// # Calls to one member: /fbpeer/1/call
//
// To whoever did not answer, a call is made alone. D sends one frame, a sealed call of at most 512 bytes, its own or one that it heard
// (Remind). L checks it as one from the topic, whenever the last one came, and delivers it if it is L's own or its author is trusted; other
// calls are dropped. Of a trusted neighbour 3 at once and one in 10 s are taken, of all together 16 at once and 2 a second, of other
// neighbours none.
//
// # Bounds
//
// Per forwarding neighbour 2,048 records and 8 MiB at once, refilled by 50 records and 256 KiB a second; per origin 16 records and 64 KiB
// at once, refilled by 1 record in 5 s and 4 KiB a second, for announcements, proposals and numbered certificates each; 32 views at once,
// refilled by 1 a second; 3 calls at once, refilled by 1 in 5 s. The forwarder pays for everything it brings, the origin only for what
// would be accepted, so that nobody can use up somebody else's, and only once for a record that comes several ways before it is stored. Of
// a neighbour 4 syncs a second (16 at once) and 16 questions for members (512 at once) are answered, at the same time 4 syncs of one and 32
// of all, and 16 questions or calls of one and 128 of all.
//
// Each bound counts 4,096 strangers at the same time; who was idle longest makes room for another. Trusted ones are always counted apart.
// A bound that bites is counted in Stats and logged once per peer; calls that come too close upon each other are only counted.
//
// Nothing that a peer sends makes a goroutine panic: what nevertheless does is recovered, logged and counted as ignored or ends the
// exchange.
package gossip
