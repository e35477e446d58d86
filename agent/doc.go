// Package agent runs one component's agent: a single loop that owns all state, the stores in the state folder, and the control API.
//
// # The loop
//
// Announcements (from the topic and from syncs), edits of the trust list, changed files, members that come and go, expiries and
// retries all go down channels to one goroutine. Nothing else changes state. After what may change anything that is in force the
// loop evaluates the whole state anew (trust.Evaluate) and commits; after everything it publishes an immutable api.Snapshot.
// Whatever waited in the inbox is taken in before one commit. What was heard or imported (announcements/, imported/) is durable
// before that.
//
// # The commit
//
// One order for everything, each step durable before the next and idempotent:
//
//  1. trust.ini: an edit with all its pins, pins that move to a key that was approved ahead, the pins that the operator left out,
//     or those that [trust] accept_changes takes over
//  2. approved/<peer id>.card: what is in force now
//  3. certificates/ and proposals/: what was heard of approved identities, and what is ours
//  4. of the default set and then of each confirmed one: our certificate for a number in it (certificates/), who its parties are
//     (parties/), and players/current, or players/sets/<name>/current: a fresh folder, swapped in by one rename; unlinked if the
//     members make no set. Of named sets that are not confirmed any more the copies of the own key are removed; what runs wrote stays
//  5. the rows of Fed-BioMed's registry, written and removed in one write
//  6. the cards of who is no longer approved are removed: until then such a card tells that its row and files may have to go
//  7. our own proposals of sets, where half of their life is over; expiry.told; log.head; then the snapshot
//
// Lines in log.jsonl, and trust.seen, are written during the commit, each after what it tells of.
//
// A crash at any point leaves a state from which the same commit, run at the next start or edit, arrives at the same end. A step
// that fails leaves what it would have replaced in force, is a warning in the snapshot, and is tried again after 250 ms, 500 ms, …
// up to a minute. Steps 4 and 5 do not wait for each other: MP-SPDZ and Fed-BioMed each keep the newest that could be written.
//
// # Decisions
//
// Trust makes one decision, Approve several approvals, each of an announcement as it was shown or of the key to come that it tells:
// all, in one commit, or none. What was edited by hand meanwhile is taken over first, and what cannot be read is not written over.
// Decisions by command are refused before a federation is joined, and make no state folder.
//
// # The state folder
//
// One per component, 0700; all files in it are 0600 but where [players] group says otherwise.
//
//	identity.key              the agent's Ed25519 key, made at the first start
//	trust.ini                 the operator's list (package trust), unless [trust] list puts it elsewhere
//	announcements/<id>.card   the newest announcement heard of an identity, and our own, in armour
//	approved/<id>.card        the announcement in force of an approved identity; replaced only by a newer one that fits its pins,
//	                          which move with an approval, a key that was approved ahead, or what accept_changes takes over
//	imported/<id>.card        what came of an identity by file, while nothing later was heard of it
//	sequence                  the last sequence given out, when a live one that was not ours was met, since when the identity is ours, and
//	                          when an agent ended because of a clone
//	records                   a number that our records other than announcements do not pass for a minute
//	certificates/<id>[.<set>].card  the certificate that an identity issued for its number in a set: ours, and of approved identities
//	proposals/<id>.<set>.card the newest that an identity proposed as a named set, likewise
//	sets/<set>.card           a proposal as the operator confirmed it; replaced only by another confirmation
//	parties/<rendering>       who the parties of player files with certificates for numbers are
//	players/                  the player files; current leads to those in force
//	registry.intent           both versions of the database while it is rewritten
//	registry.backup           the database as it was before the last write
//	registry.written          the last write that was carried out, until the component writes over it
//	addresses.json            where accepted peers were reached, to be dialled at the next start
//	next.pem                  the key and certificate that are staged to follow, in one file (package config)
//	expiry.told               of which certificates it was told that they end, and how many days before
//	port                      the port that was listened on, if none is configured
//	log.jsonl                 what happened; each line carries its number and the SHA-256 of the line before
//	log-<number>.jsonl        what log.jsonl was until that line
//	log.head                  the number and SHA-256 of the last line
//	notify.json               what the operator was told (package notify)
//	trust.seen                the trust list all of whose lines the log has
//	authorities.seen          SHA-256 of the authorities that the log knows as set, one a line
//	agent.lock                held by a running agent, and by a command that writes here without one
//	socket                    the path of the running agent's control socket
//
// An agent whose agent.lock is no longer at its path, because somebody removed or replaced the state folder, ends at the next look
// (every 15 s) with an error, and leaves alone what another agent has put there meanwhile: the socket that it removes is the one
// that it made.
//
// File names are made of identities as this program encodes them, never of text that a peer sent. announcements/ is bounded with
// the table: what the table evicts or what lapses loses its card, unless the list names the identity. imported/ is the operator's
// to bound. So the sequence floors of listed identities survive a restart with their cards, those of others as long as their
// cards or the process do.
//
// Player files and rows that somebody else damaged are found every 15 s, and before a roll call is made or answered and a card
// exported; player files before each decision by command besides. They are written anew; the event players-mended names the files.
// A registry that cannot be read, or lacks a row, is a warning that makes status answer no. What the snapshot warns of is logged
// once when it appears.
//
// # Fed-BioMed's registry
//
// A row belongs to whom it names. That of an approved component is brought to the values in force, and that of a revoked one, or
// with a revoked key, removed, whoever wrote it. Rows of whom the list does not know, or denies, are the operator's: they are shown
// (by-hand) and left alone. What somebody else does to rows that were brought about, Fed-BioMed's own commands most likely, is put
// right within the watch's moment, at the latest after 15 s; the event registry-mended names them, and a warning of that code stays
// for an hour.
//
// Where [fedbiomed] registry is off the table is read and never written: what stands there is told to others and judged as ever.
//
// Registry reads the table now and says of each row whose it is and what is wrong with it; with Sync a commit comes first that
// takes nothing for known. Without an agent the stores do both, a sync under agent.lock.
//
// # Who has registered whom
//
// A view (exchange.View) tells what stands on this site's disk: of the default set and the registry, and of each named set. It is
// sealed anew when that changes, at most once a second, and when a roll call is heard. Player files that are damaged, or rendered
// for another port or key than now, do not stand until they are written; and while a fault of this site keeps it from every run
// (faults, pairFault), no set is in force, as far as others are told: files without a set, of ourselves alone if no others stand.
// Views, calls and what is fetched of views' contents live in memory. A view counts if the list approves its author and it, or one
// before it of the same author and set, answers a call that was heard here within the last minute: what is said later is true
// later. Who asks (Call, Ready) has a call made unless the last one is younger than 11 s by the wall clock, or nobody is approved
// whose answer would count; waits up to 3 s for those that are connected or have answered within the last minute, 1 s for others
// (3 s for all in its own first minute, when nobody can have answered before), and calls those alone that are silent. For Ready an
// answer counts only if it is one to that very call, or to a later one: what was said before may be so no more. A named set that
// is confirmed here no more is told for another minute, as one that is not; so is one whose confirmation cannot be read at the
// start. A call that is heard once more keeps its time, displaces no newer one, and after a minute is ignored. A stranger's call
// that was taken is one by right once its author is approved here: it is answered, and no other is made so soon. A view is told
// after readers can see what is behind it. What others say is looked at in an immutable sight, of which matrix and readiness are
// functions.
//
// # Certificates for numbers
//
// A plain party issues itself a certificate for its number in each set, with the key that the others approved, as soon as it has
// approved all of the set's members itself, and puts player files in force once it holds one of every member that is for the same
// plan (order, endpoints, keys), the number that the set gives and the approved key. One of another key, or in a record of another
// component, is refused and named with both keys. Meanwhile a former set whose members are all approved as they stand in it stays
// in force, over a restart too. A named set whose player files in force are of another order or other members than were
// confirmed last is shown as not in force, with why: nobody reads a party number of what was confirmed before.
//
// # Cards
//
// Import takes the cards of files over, all or none: each must open, be of this federation, timely, no identity's that the list
// bars, not our own, and not older than what was seen of its identity, unless it says the same (it is passed over then). Each is
// made durable in imported/, which protects it: it is not evicted, and told to nobody. One that cannot be stored takes back those
// before it; a crash among them leaves some imported, which approves nothing, and the next import finishes. From there on it is
// what was heard last of that identity, over restarts too, until a later announcement is heard: then its file goes, after that one
// is durable. After a crash between the two the later one counts. A card that ran out goes as what was heard does, unless the list
// names its identity; a file there that cannot be read stays, and is a warning. The certificates for numbers in a card are held
// like heard ones.
//
// Export numbers and seals an announcement that lives at most as long as the certificate, then one for the network above it, and
// only then gives the card away, with the present view of the default set, its members, and the own certificate for a number there
// is. Without an agent it does the same in the stores, under agent.lock, and makes the identity if there is none.
//
// What a card says of whom its site has registered is shown with its day, and is no answer: readiness is a no (by-card) for whoever
// cannot be asked. Where all others of a set take part by card, the stores say so as an agent would.
//
// # Authorities
//
// [trust] authorities are read at the start, and whenever their files or the setting change; they are each site's own, and no peer
// learns of them. A plain party's certificate that an authority signed can be approved, and stand in a set, only while this site
// names the whole chain; for sets with certificates for numbers, which need none, that holds too. Until then no policy takes such a
// certificate over, and no key that was approved ahead comes with one (trust.Held.Unsigned). Once a chain is not named any more,
// the next commit takes such sets out of force, whatever else is wrong with the configuration, and a start that is refused because
// of it does the same (untrust). Files that cannot be used leave those last read in force, as a warning of the configuration.
//
// # The own announcement
//
// It is made from the component's files, sealed anew only when one of its values changes or less than half of its week remains, and
// otherwise published as it is stored, after a restart too. When the certificate's key changes while the agent runs, the former
// key endorses the new one; likewise where it changed before the start and `cert generate` kept the former key.
//
// An announcement in our own name that is later than ours and that this process did not make is gone past: ours is sealed anew,
// above it. One issued before this process started, whatever its values, is a leftover of the past: the state folder is an older
// copy. One issued since may come from a live other: a second of that kind within 24 h, over restarts too, is a clone, and Run
// returns a *CloneError. (The design pages called any later one with other values a clone; but that is what others tell of a
// component whose port was changed before its state folder was restored.) More than a few leftovers in one process count as live:
// they come from a machine whose clock is behind.
//
// Certificates for numbers and proposals in our own name go the same way, where they are later than ours, were issued since this
// process started and have a number above what the file records said then; those of one moment count once. Views and calls do not
// come back to their author. So a copy whose values are the same is met when both issue something, or renew their announcements.
//
// A missing identity.key is an error where this state folder has announced before. A site that was set up anew hears its own former
// identity for up to a week: whoever claims our component or our certificate key and announced it before our identity was made is
// shown as former, which is no conflict, though nothing of it is ever used.
//
// A pair that is staged to follow (config.StagePair) is announced by its key's hash, and what becomes of it is noticed as any
// change of the files is. Others' keys to come that are approved ahead (trust.ini: next) are followed in the commit's step 1: the
// pins move to the key that was approved, and an approval that its own site took back goes. Both are durable before the approved
// card is replaced; until then the former one stays in force. Rows of a view say of each component whether its key to come is
// approved ahead here, and who asks counts them (approvedAhead) and is told when the newest roll call was heard.
//
// Certificates that end (our own, the staged one, approved ones) are logged 60, 30, 7 and 1 days before, each once: first the line,
// then expiry.told. A death between the two is made good by the line, which is the last one then.
//
// # Another address
//
// Advertise, for `fbpeer dev --lan`, has a component with a loopback address announced at an address of its machine, until it is
// told otherwise or the agent ends. The configuration is not touched, and one that is changed to another address beats it.
//
// # The operator's files
//
// trust.ini, the component's configuration, fbpeer.ini, certificate, key, the staged pair, the authorities, federation file and
// database are watched through their folders, and looked at every 15 s besides. The component's own files are read once all of them
// have been left alone for two seconds: what Fed-BioMed writes in several steps (key, certificate, configuration, each emptied
// first) is one announcement, and what cannot be used meanwhile is no fault. What cannot be used after that (a list that does not
// parse, a port that is none, a key that is not the certificate's) leaves the present state in force and is a warning; at the start
// it is a *config.Error. A missing list, or one without a section, is such an error where approved cards exist: going on without it
// would forget what was approved and what was revoked. The loop takes the list over once the file has been left alone for a second
// (an edit by command takes it as it is), and keeps the approved card of an entry that was removed by hand for an hour, or until
// the next start: putting the text back restores what was in force. Another component's id in the configuration ends Run with a
// *config.Error that names both. Settings of network and folders take effect at the next start; the warning restart-needed names
// them.
//
// # Policies
//
// What trust.Evaluation.Takeovers names is written into trust.ini as an approval is, with approved_by = policy, and the commit goes
// on from there; the event "policy" has the former values, and the warning accepted-by-policy stays for a day (from approved_at, so
// over a restart too, where the log alone knows the former values). What the agent writes into the list by itself (keys approved
// ahead, empty pins, policies) takes turns until nothing is left, and a list that is being edited by hand comes first. Changes that
// are only reported (label, policy, expiry) are kept for a day in memory, for by the next evaluation they are none any more.
//
// # The log
//
// Lines are appended in the loop, or under agent.lock, and synced one by one. Before a line, a log.jsonl of 8 MiB or more is
// renamed to log-<number of its last line>.jsonl; after the commit's last line log.head is replaced. trust.seen is replaced as soon
// as the lines about a list are written, and not before: a line that could not be is owed, and comes before the next one. The first
// 1024 are; the event left-out counts those after them. A crash leaves a torn last line, or a head or list that is behind; the next
// start mends each: the line after a torn one carries the hash of the last whole line, a newline and the torn bytes, and is the
// event log-cut. A head that knows more lines than there are, or another last line, is the event log-damaged: numbers go on after
// the head's, so that the gap shows for ever. A list that is not trust.seen's gives the records that its edits would have given, by
// whom the list names where it notes a newer approval (trust.Attribute). Those that the last lines tell already, which carry that
// list's SHA-256, are not told again. Authorities are compared with authorities.seen at a start and when they change: first the
// line, then the file; after a crash in between the line comes again. A write that fails has the end of the log read again before
// the next. docs/log.md has the format, the events and what a verification proves.
//
// Who decided is the user at the other end of the socket, as the kernel knows it (SO_PEERCRED, LOCAL_PEERCRED); what a request says
// is used where it does not. VerifyLog and LogReader take no lock, and read beside a running agent.
//
// # Being told
//
// Package notify runs the operator's command beside the loop: it is given each snapshot, and what happened only once. A command
// that is not there, or that fails, is the warning notify.
//
// # The control API
//
// HTTP and JSON (package api) over a Unix socket, 0600, in $XDG_RUNTIME_DIR/fbpeer or in fbpeer-<uid> beneath the system's
// temporary folder; that folder must be ours and closed to others. Its name is a hash of the state folder's path. Dial reaches a
// running agent, Open also the stores: the same core, without a network, reads what stands on disk (no lock, nothing created), or
// takes agent.lock for one change and its commit: a decision, a card that goes out or comes in, a sync of the registry. Root
// reaches the agent of the user whose state folder it is, and is refused an edit of the stores of another.
//
// # Errors
//
// *config.Error for what is wrong with the operator's own files, also while the agent runs, and for locks that somebody holds;
// *api.Error for a request that was refused, whichever; ErrNotRunning; *CloneError (which is ErrClone). Others are of the system,
// or a fault in fbpeer itself.
package agent
