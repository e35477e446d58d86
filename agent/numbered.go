package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// numberedOf is the certificate that an identity issued for its number in a set, ours too; nil: none is known.
func (k *core) numberedOf(id peer.ID, set string) *exchange.NumberedCertificate {
	return k.numbered[exchange.ID{Kind: exchange.KindCertificate, Peer: id, Set: set}]
}

// number gives the set with the certificates that its members issued for their numbers in it. base holds the approved ones: their keys
// are what a numbered one must be made with. Where one is missing or not as the set would have it, none says whose and why.
func (k *core) number(name string, base mpspdz.PartySet) (wanted, error) {
	plan := base.Plan()
	certificates := make([]*mpspdz.Certificate, base.Len())
	var lacks lacking
	for i, party := range base.Parties() {
		identity := k.identityOf(party.Component)
		issued := k.numberedOf(identity, name)
		switch {
		case issued == nil || issued.Component == party.Component && k.announcesAnew(identity, issued.Certificate.KeySHA256()):
			lacks.missing = append(lacks.missing, party.Component)
		case unfit(party, issued) != "":
			lacks.refused = append(lacks.refused, party.Component)
			lacks.why = append(lacks.why, "what "+party.Component+" announced as its numbered certificate is refused: "+unfit(party, issued))
		case issued.Number != i && (name == "" || issued.Plan == plan): // of another plan it may be of another's set of that name
			lacks.other = append(lacks.other, fmt.Sprintf("%s (its certificate names P%d, and this set gives it number %d)", party.Component, issued.Number, i))
		case issued.Plan != plan:
			lacks.missing = append(lacks.missing, party.Component)
		default:
			certificates[i] = issued.Certificate
		}
	}
	typed := name
	if set := k.confirmed[name]; set != nil {
		typed = k.typed(set.proposal)
	}
	if w := lacks.warning(typed, base.Len()); w != nil {
		byCard := func(component string) bool { _, is := k.imported[k.identityOf(component)]; return is }
		openly := func(component string) bool { return !byCard(component) }
		if slices.ContainsFunc(append(slices.Clone(lacks.missing), lacks.refused...), byCard) && !slices.ContainsFunc(lacks.refused, openly) {
			w.Cure = "a site that takes part by card tells it in its next one: fbpeer card export, there, once all parties are approved"
		}
		return wanted{none: w, wait: true}, nil
	}
	return formed(base.WithCertificates(certificates))
}

// announcesAnew says whether a key is what an identity announces now beside another one that is in force here: what it issued with that is
// no fault, and the change is told of the component itself.
func (k *core) announcesAnew(identity peer.ID, key mpspdz.Hash) bool {
	newest, held := k.newest[identity], k.approved[identity]
	return newest != nil && held != nil && newest.Certificate.KeySHA256() == key && held.Certificate.KeySHA256() != key
}

// unfit says why what an identity announced as its numbered certificate is not its party's, whatever the set: it is not of the key that was
// approved, or its record is another component's. Empty: it may be.
func unfit(party mpspdz.Party, issued *exchange.NumberedCertificate) string {
	if issued.Component != party.Component {
		return "it announces it as " + issued.Component + "'s"
	}
	if key, approved := issued.Certificate.KeySHA256(), party.Certificate.KeySHA256(); key != approved {
		return "it is of key " + keyShown(key) + ", and the certificate that is in force here of key " + keyShown(approved)
	}
	return ""
}

// keyShown is the begin of a key's fingerprint, enough to tell two apart that nobody made alike: "SHA256:q3CkqLbc…".
func keyShown(key mpspdz.Hash) string { return key.String()[:len("SHA256:")+8] + "…" }

// lacking is what keeps a set of numbered certificates from being made.
type lacking struct {
	missing []string // components of which none is known for this plan
	other   []string // that number themselves otherwise, with how
	refused []string // components whose announced one is not theirs
	why     []string // those again, with the reason
}

// warning says whose certificates a set of so many parties waits for; nil: it has all. name is what to type of a named one.
func (l lacking) warning(name string, parties int) *api.Warning {
	others := "that site has"
	if len(l.missing) > 1 {
		others = "those sites have"
	}
	w := &api.Warning{Code: api.WarnWaitingCertificates,
		Cure: fmt.Sprintf("%s once %s approved the same %d parties, no more and no fewer, under [players] certificates = per-party", comesByItself, others, parties)}
	if name != "" {
		w.Cure = fmt.Sprintf("%s once %s confirmed it (fbpeer set confirm %s, there), under [players] certificates = per-party", comesByItself, others, name)
	}
	waiting := ""
	switch {
	case len(l.missing) == 1:
		waiting = "waiting for the numbered certificate of " + l.missing[0] + " in this set"
	case len(l.missing) > 1:
		waiting = "waiting for the numbered certificates of these in this set: " + strings.Join(l.missing, ", ")
	}
	switch {
	case len(l.refused) > 0:
		w.Text = strings.Join(l.why, "; ")
		if waiting != "" {
			w.Text += "; " + waiting
		}
		w.Cure = "fbpeer show " + l.refused[0] + " tells if its key has changed: approve that, or ask its operator, who starts the agent again; " +
			"as long as it goes on, it may be an attack"
	case len(l.other) > 0:
		w.Text = "the parties number themselves otherwise: " + strings.Join(append(l.other, l.missing...), ", ")
	case waiting != "":
		w.Text = waiting
	default:
		return nil
	}
	return w
}

// identityOf is the approved identity of a component, or our own.
func (k *core) identityOf(component string) peer.ID {
	if component == k.config.Component.ID {
		return k.self.id
	}
	entry, _ := k.list.Entry(component)
	return entry.Peer
}

// issue makes the own certificate for a number in a set, if the one that was issued last is for another plan, number or key, or its record
// has lived half of its life. The certificate itself stays as long as number and key do, so that a renewal changes no player files, but for
// an own certificate that was renewed with the same key: then it is issued anew, once, and ends with that one.
func (k *core) issue(name string, base mpspdz.PartySet, now time.Time) error {
	number, plan := base.Number(k.config.Component.ID), base.Plan()
	own := k.self.registration.Certificate
	old := k.numberedOf(k.self.id, name)
	same := old != nil && old.Number == number && old.Certificate.KeySHA256() == own.KeySHA256() && old.Certificate.CheckTime(now) == nil &&
		!own.NotAfter().After(old.Certificate.NotAfter())
	if same && old.Plan == plan && now.Before(renewAt(old.Issued, old.Expires)) {
		return nil
	}
	record := exchange.NumberedCertificate{Component: k.config.Component.ID, SetName: name, Plan: plan, Number: number,
		Issued: now, Expires: now.Add(exchange.DefaultLifetime)}
	var err error
	if same {
		record.Certificate = old.Certificate
	} else if record.Certificate, err = mpspdz.NewNumberedCertificate(k.options.Random, k.self.pair.Key, k.config.Component.ID, number, own.NotAfter(), now); err != nil {
		return err
	}
	if err := k.tellNumbered(record, now); err != nil {
		return err
	}
	if !same {
		k.record(trust.LogRecord{Event: trust.EventIssued, Component: k.config.Component.ID, Peer: k.self.id.String(),
			Text: fmt.Sprintf("issued certificate %s for party %d", record.Certificate.SHA256(), number) + ofSet(name)}, now)
	}
	return nil
}

// sealNumbered numbers and seals the certificate that this party issued for its number in a set.
func (k *core) sealNumbered(record exchange.NumberedCertificate, now time.Time) (made *exchange.NumberedCertificate, err error) {
	if record.Sequence, err = k.nextRecord(now); err != nil {
		return nil, err
	}
	return exchange.SealNumberedCertificate(k.federation, record, k.self.key)
}

// tellNumbered seals it, stores and holds it, and has it told to the others.
func (k *core) tellNumbered(record exchange.NumberedCertificate, now time.Time) error {
	made, err := k.sealNumbered(record, now)
	if err != nil {
		return err
	}
	if err := k.store.writeRecord(made); err != nil {
		return err
	}
	k.numbered[made.Record().ID] = made
	k.outbox = append(k.outbox, made)
	return nil
}

// ofSet names a set in a text.
func ofSet(name string) string {
	if name == "" {
		return ""
	}
	return " of the set " + name
}

// stands says whether all parties of a set are still approved as they stand in it: the same endpoint and key, and no authority that is not
// set here any more.
func (k *core) stands(set mpspdz.PartySet, inForce map[string]*exchange.Announcement) bool {
	for _, party := range set.Parties() {
		r := k.self.registration
		if party.Component != k.config.Component.ID {
			a := inForce[party.Component]
			if a == nil {
				return false
			}
			r = a.Registration
		}
		if r.Endpoint != party.Endpoint || r.Certificate.KeySHA256() != party.Certificate.KeySHA256() {
			return false
		}
	}
	_, err := set.Authorities(k.authorities)
	return set.Len() > 0 && err == nil
}
