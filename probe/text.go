package probe

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"fbpeer/mpspdz"
)

// speaker puts results into words: one plain sentence, and what to do at whose site.
type speaker struct {
	set  mpspdz.PartySet
	name func(component string) string
	own  int           // at whose site this is read
	free time.Duration // after that all may open their ports at once
}

// of is what a party is called.
func (s speaker) of(party int) string {
	id := s.set.Parties()[party].Component
	if s.name != nil {
		return s.name(id)
	}
	return id
}

// operator says who must do what follows: nobody has to be named at one's own site.
func (s speaker) operator(party int) string {
	if party == s.own {
		return ""
	}
	return s.of(party) + "'s operator: "
}

// advertised is the port that others dial.
func (s speaker) advertised(party int) uint16 { return s.set.Parties()[party].Endpoint.Port() }

// say says what From found at an endpoint, for everything but OK.
func (s speaker) say(r result, from int, at mpspdz.Endpoint) (text, cure string) {
	f, t, through := s.of(from), s.of(r.to), fmt.Sprintf("port %d through", s.advertised(r.to))
	switch r.code {
	case Unresolved:
		return fmt.Sprintf("the host name %s does not resolve at %s", at.Host(), f),
			s.operator(from) + "make it resolve (DNS or /etc/hosts), or " + s.operator(r.to) + "announce an IPv4 address"
	case Refused:
		return fmt.Sprintf("nothing listens at %s, though %s has opened its port (the agent itself is connected)", at, t),
			s.operator(r.to) + "the firewall or the container does not let " + through
	case Timeout:
		if r.how == howSilent {
			return fmt.Sprintf("%s takes connections and then says nothing", at),
				s.operator(r.to) + "look what stands at that address before MP-SPDZ (a proxy, a tunnel with a smaller MTU)"
		}
		if r.how == howNoLine {
			return fmt.Sprintf("what answers at %s makes a handshake as %s and then says nothing", at, t),
				"ask again in 30 s; if it stays so, " + s.operator(r.to) + "look what answers there, and at fbpeer log"
		}
		return fmt.Sprintf("no answer from %s: packets are dropped on the way", at),
			s.operator(r.to) + "let " + through + " the firewall; or " + s.operator(from) + "let it out"
	case NotOpened:
		return fmt.Sprintf("%s had had its one handshake with %s already", f, t), "ask again in 30 s"
	case UnknownCertificate, NameRefused, Expired, WrongParty:
		return s.sayCertificate(r, from, at)
	}
	return s.sayFailed(r, from, at)
}

// sayCertificate is for verdicts: those of From on To, and with howThere or howAlert those of To on From.
func (s speaker) sayCertificate(r result, from int, at mpspdz.Endpoint) (text, cure string) {
	judging, judged := from, r.to
	if r.how == howThere || r.how == howAlert {
		judging, judged = r.to, from
	}
	by, whose := s.of(judging), s.of(judged)
	switch r.code {
	case UnknownCertificate:
		text = fmt.Sprintf("the player files of %s do not have the certificate that %s presents", by, whose)
		if r.how == howOther {
			text = fmt.Sprintf("another program answers at %s, with a certificate that the player files of %s do not have", at, by)
		}
		return text, s.operator(judging) + "fbpeer status, and approve what waits; fbpeer players check says if files were changed"
	case NameRefused:
		if r.how == howAlert {
			return fmt.Sprintf("what answers at %s refuses the certificate of %s as bad, as OpenSSL does for a wrong name or one not valid yet",
				at, whose), s.cureName(judged)
		}
		return fmt.Sprintf("%s does not accept the certificate of %s as that of %s", by, whose, mpspdz.PartyName(judged)), s.cureName(judged)
	case Expired:
		return fmt.Sprintf("the certificate of %s is out of its time at %s", whose, by),
			s.operator(judged) + "make a new certificate; if it is good yet, " + s.operator(judging) + "set the clock right"
	}
	return s.sayWrongParty(r, from, at, judging)
}

func (s speaker) cureName(party int) string {
	cure := s.operator(party) + "make one with the party's name (certificates = per-party)"
	if !isPlain(s.set) {
		cure = s.operator(party) + "make one as Fed-BioMed does: certificate generate -f"
	}
	return cure + "; the present one " + s.set.Parties()[party].Certificate.WorksWith()
}

func (s speaker) sayWrongParty(r result, from int, at mpspdz.Endpoint, judging int) (text, cure string) {
	check := s.operator(judging) + "compare the addresses (fbpeer players show) with those of each site, " +
		"and look for exchanged lines (fbpeer players check)"
	switch {
	case judging != from:
		return fmt.Sprintf("%s does not know the certificate of %s as that of a party of the set, though its player files have it",
			s.of(judging), s.of(from)), s.operator(judging) + "fbpeer players check"
	case r.party == nobody:
		return fmt.Sprintf("what answers at %s has a certificate that the player files of %s have, and that is no party's",
			at, s.of(from)), s.operator(from) + "take it out: fbpeer players check names it"
	case r.party == from:
		return fmt.Sprintf("%s itself answers at %s, where %s should", s.of(from), at, s.of(r.to)), check
	}
	return fmt.Sprintf("%s answers at %s, where %s should", s.of(r.party), at, s.of(r.to)), check
}

func (s speaker) sayFailed(r result, from int, at mpspdz.Endpoint) (text, cure string) {
	leads := fmt.Sprintf("%slook where %s leads: the port that MP-SPDZ binds must be behind it", s.operator(r.to), at)
	switch r.how {
	case howThere:
		return fmt.Sprintf("%s cannot use the certificate of %s", s.of(r.to), s.of(from)), s.cureName(from)
	case howAlert:
		return fmt.Sprintf("what answers at %s broke off the handshake", at), leads
	case howOther:
		return fmt.Sprintf("another program answers at %s, with the certificate of %s", at, s.of(r.to)), leads
	case howNotTLS:
		return fmt.Sprintf("another program answers at %s, which speaks no TLS", at), leads
	case howClosed:
		return fmt.Sprintf("%s takes connections and closes them: what forwards there has nothing behind it", at), leads
	case howNoLine:
		return fmt.Sprintf("what answers at %s makes a handshake as %s and then closes the connection without a word", at, s.of(r.to)),
			"ask again in 30 s; if it stays so, " + s.operator(r.to) + "look what answers there, and at fbpeer log"
	case howRoute:
		return fmt.Sprintf("no route leads from %s to %s", s.of(from), at), s.operator(from) + "look at the routes and firewalls on the way"
	case howLate:
		return fmt.Sprintf("%s had no time left for %s before that port was closed", s.of(from), s.of(r.to)), "ask for this one alone, in 30 s"
	}
	return fmt.Sprintf("the handshake of %s with %s failed", s.of(from), at), "fbpeer log, at both sites"
}

// absent says why a party was not there to be dialled, or did not dial.
func (s speaker) absent(a answer, party int) (code Code, text, cure string) {
	p := s.of(party)
	switch a.status {
	case statusInUse:
		return Busy, fmt.Sprintf("%s has its port in use, or had it until a minute ago", p),
			"wait until the computation there has ended, and a minute; if there is none, " + s.operator(party) + "find what has the port: ss -tanp"
	case statusRan:
		return Busy, fmt.Sprintf("at %s MP-SPDZ runs, or did until a minute ago", p), "wait until the computation there has ended, and a minute"
	case statusOff:
		return NotOpened, p + " does not open its port for a probe ([probe] answer = off)", s.operator(party) + "[probe] answer = on"
	case statusOtherSet:
		return NotOpened, fmt.Sprintf("%s has another set in force (%s, here %s)", p, short(a.digest), short(s.set.Digest())),
			"fbpeer ready says what differs, and who must do what"
	case statusNotAccepted:
		return NotOpened, p + " has not approved this site", s.operator(party) + "fbpeer trust approve " + s.set.Parties()[s.own].Component
	case statusNoSet:
		return NotOpened, p + " has no such set in force", "fbpeer ready says what is missing"
	case statusNotConnected:
		return NoAgent, "the agent of " + p + " is not connected", s.operator(party) + "fbpeer run; if it runs there, give one of the two sites the other's address (fbpeer id) in [agent] bootstrap"
	case statusNoAnswer:
		return NoAgent, "the agent of " + p + " did not answer", s.operator(party) + "fbpeer status, and the agent's log"
	case statusFailed:
		cure = s.operator(party) + "fbpeer status, fbpeer players check"
		if a.left > 0 {
			cure += "; then ask again, in " + seconds(a.left) + " at the earliest"
		}
		return Failed, fmt.Sprintf("%s cannot open its port: %s", p, shown(a.detail)), cure
	}
	return s.again(a, party)
}

// again is for a port that was open a moment ago.
func (s speaker) again(a answer, party int) (code Code, text, cure string) {
	return NotOpened, s.of(party) + " opened its port less than 30 s ago, for others or for another set", "ask again in " + seconds(max(a.left, s.free))
}

// seconds rounds up.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(max(d, 0).Seconds()))) + " s" }

// short is a digest as status shows it.
func short(digest mpspdz.Hash) string { return fmt.Sprintf("%x", digest[:4]) }

// shown makes foreign text safe to print: what is not ASCII, or no character that can be seen, becomes \x1b or \u202e.
func shown(s string) string {
	quoted := strconv.QuoteToASCII(s)
	return quoted[1 : len(quoted)-1]
}
