// Package notify tells a person what matters: it looks at what an agent publishes, and runs the operator's command.
//
// # What is told
//
// Look makes events of a snapshot: somebody waits for a decision (pending), an approved component announces other values
// (changed), somebody else claims to be one (conflict), and the warnings that a person must act on, with their text and cure.
// Such an event holds as long as its cause does: it is told once, and again only if the cause went away and came back; a warning
// counts as gone when it has been away for ten minutes. What is settled before it was told is not told.
//
// A change is another one when what is held back of it is (trust.Change.Held), whatever is reported with it. Its cure is that of its
// reasons: of one that also changes the component's id, the cure of that, since approving does not settle it.
//
// A certificate that ends within 60 days (certificate-expires) is told again within 30, 7 and 1: NearestDay is that rule, for
// the agent too. A key to come (next-key) is told for each key, and what a policy took over (accepted-by-policy) for each time.
// A text that does not name its component has the name put before it.
//
// Which codes are told is decided for each (a test holds the list complete). Routine is not, nor what strangers could multiply:
// values that components which wait have in common stand in the text of pending, and a claim is told once, by its conflict.
//
// Beside them there are events that happen once: a change that was told is settled, player files were mended, another machine
// runs with our identity.
//
// # When
//
// Box decides, and knows no clock. What comes within 3 s goes in one call. Five calls may follow each other, then there is one a
// minute with all that waits; of calls in which there is nothing but pending components, which strangers can make without end,
// three, then one in ten minutes. A call holds at most 50 events, the most severe first, and says how many there are. A command
// that fails is tried again after 10 s, 20 s, … up to 10 minutes, with whatever waits by then.
//
// # Over a restart
//
// notify.json in the state folder holds the keys of what was told and still holds, and what happened and was not told yet, at
// most 64 of those. It is written after a delivery and when something happened. Whatever else waited is seen again at the start,
// so that nothing is lost; a crash between a delivery and the file tells it twice. A file that cannot be read counts as empty.
//
// # The command
//
// Its words come from the configuration; no shell sees them. It runs in a session of its own without a terminal, in /, with
// PATH, HOME, USER and LANG of the agent, and FBPEER_EVENT, FBPEER_EVENT_COMPONENT, FBPEER_FEDERATION, FBPEER_COUNT and
// FBPEER_SUMMARY; a Message as one JSON object and a newline is its standard input. Only exit code 0 within 30 s is a delivery.
// With any failure its process group is killed, so that attempts do not pile up; what a command that ends well left in the
// background stays. The last 4 KiB that it printed are kept, escaped. Texts in a message are escaped by the agent and cut to
// 1,000 bytes.
package notify
