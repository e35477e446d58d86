package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"fbpeer/agent/api"
	"fbpeer/exchange"
	"fbpeer/trust"
)

// exportCard makes this component's card, and a new announcement of its own above it, so that whoever hears us goes by that. seen is the
// highest sequence of ours that was validly seen. The card leaves only after both are numbered and stored.
func (k *core) exportCard(r api.ExportRequest, seen uint64, now time.Time) (api.Card, error) {
	expires, fault := k.cardExpires(r, now)
	if fault != nil {
		return api.Card{}, fault
	}
	if err := k.makeIdentity(); err != nil {
		return api.Card{}, err
	}
	a, err := k.sealUntil(expires, seen, now)
	if err != nil {
		return api.Card{}, err
	}
	if err := k.seal(a.Sequence, now); err != nil {
		return api.Card{}, err
	}
	card := exchange.Card{Announcement: a}
	view, members := k.viewOf("", &k.players)
	if card.View, err = k.sealView(view, now); err != nil {
		return api.Card{}, err
	}
	card.Members = &members
	if card.Numbered, err = k.numberedForCard(expires, now); err != nil {
		return api.Card{}, err
	}
	k.views.stale = true // the next view that is told is numbered above this one
	k.record(trust.LogRecord{Event: trust.EventExported, Component: a.Component, Peer: a.Peer.String(), Fingerprint: a.Fingerprint().String(),
		Text: "a card, of " + a.Endpoint.String() + ", that lives until " + expires.Format(time.RFC3339)}, now)
	return api.Card{Federation: k.federation.Name(), Peer: DescribeCard(card, now), Card: string(card.Encode()), Issued: a.Issued, Expires: a.Expires}, nil
}

// cardExpires is how long a card lives: at most as long as the certificate.
func (k *core) cardExpires(r api.ExportRequest, now time.Time) (time.Time, *api.Error) {
	certificate := k.self.registration.Certificate
	end := certificate.NotAfter().UTC()
	if err := certificate.CheckTime(now); err != nil {
		return end, refused("fbpeer cert generate --force makes a new one", "this component's certificate is of no use now: %v", err)
	}
	if r.Expires == nil {
		return end, nil
	}
	expires := r.Expires.UTC().Truncate(time.Second)
	switch {
	case expires.After(end):
		return end, refused("leave --valid out: it then lives as long as the certificate", "a card cannot outlive the certificate, which ends on %s", end.Format(time.RFC3339))
	case expires.Sub(now) < time.Second:
		return end, refused("give a later time", "%s has passed already", expires.Format(time.RFC3339))
	}
	return expires, nil
}

// numberedForCard seals the certificate that this party issued for its number in the default set for a card, and anew for the others.
func (k *core) numberedForCard(expires, now time.Time) ([]*exchange.NumberedCertificate, error) {
	issued := k.numberedOf(k.self.id, "")
	if !k.config.PerParty || issued == nil || issued.Certificate.CheckTime(now) != nil {
		return nil, nil
	}
	record := exchange.NumberedCertificate{Component: issued.Component, Plan: issued.Plan, Number: issued.Number, Certificate: issued.Certificate, Issued: now, Expires: expires}
	if end := issued.Certificate.NotAfter(); end.Before(expires) {
		record.Expires = end
	}
	forCard, err := k.sealNumbered(record, now)
	if err != nil {
		return nil, err
	}
	record.Expires = now.Add(exchange.DefaultLifetime)
	return []*exchange.NumberedCertificate{forCard}, k.tellNumbered(record, now)
}

// incoming is a card that is to be imported.
type incoming struct {
	file    string
	card    exchange.Card
	outcome string
}

// openCards reads the files of a request: all of them, or none. Opening costs signatures, so a running agent does it beside its loop.
func openCards(r api.ImportRequest, f exchange.Federation) ([]incoming, *api.Error) {
	var all []incoming
	var faults []string
	hint := ""
	const again = "ask for it again, as an attachment: what mail changed cannot be mended"
	for _, file := range r.Files {
		cards, err := exchange.OpenCard(file.Text, f)
		var refusal *exchange.Refusal
		switch {
		case errors.As(err, &refusal) && refusal.Code == exchange.CodeFederation:
			// A line that mail changed may look like another federation: only a signature says that it is one.
			of := ""
			if _, federation, err := exchange.OpenAnyCard(file.Text); err == nil {
				of = " (it is of " + federation + ", joined here is " + f.ID() + ")"
			} else if !errors.As(err, &refusal) || refusal.Code != exchange.CodeFederation {
				faults, hint = append(faults, file.Name+": "+err.Error()), again
				break
			}
			faults = append(faults, file.Name+": is a card of another federation than "+f.Name()+of)
			hint = "ask that site which federation it has joined: fbpeer federation show"
		case errors.As(err, &refusal) && refusal.Code == exchange.CodeNewerVersion:
			faults = append(faults, file.Name+": needs a newer fbpeer")
		case err != nil:
			faults = append(faults, file.Name+": "+err.Error())
			hint = again
		}
		for _, card := range cards {
			all = append(all, incoming{file: file.Name, card: card})
		}
	}
	if len(faults) == 0 && len(all) == 0 {
		return nil, &api.Error{Code: api.CodeRequest, Text: "no card is named"}
	}
	return all, asFault(faults, hint)
}

// asFault is one error of all that keeps cards from being imported; nil: nothing does.
func asFault(faults []string, hint string) *api.Error {
	if len(faults) == 0 {
		return nil
	}
	return refused(hint, "nothing was imported: %s", strings.Join(faults, "; "))
}

// judgeCards says of each card what an import would do. floor gives the highest sequence that was validly seen of an identity. Nothing is
// changed.
func (k *core) judgeCards(all []incoming, floor func(peer.ID) uint64, now time.Time) *api.Error {
	var faults []string
	hint := ""
	first, held := map[peer.ID]incoming{}, k.held()
	for i, in := range all {
		a := in.card.Announcement
		other, twice := first[a.Peer]
		switch {
		case twice && other.card.Announcement.Hash == a.Hash:
			all[i].outcome = api.CardHeld
			continue
		case twice:
			faults = append(faults, fmt.Sprintf("%s and %s: two announcements of %s by one identity", other.file, in.file, a.Component))
			hint = "import the newer one alone: fbpeer card show FILE says when each was issued"
			continue
		}
		first[a.Peer] = in
		outcome, fault := k.judgeCard(a, held, floor(a.Peer), now)
		if fault != nil {
			faults, hint = append(faults, in.file+": "+fault.Text), fault.Hint
		}
		all[i].outcome = outcome
	}
	return asFault(faults, hint)
}

// judgeCard is pure but for what the core holds.
func (k *core) judgeCard(a *exchange.Announcement, present trust.Held, floor uint64, now time.Time) (outcome string, fault *api.Error) {
	held := k.newest[a.Peer]
	for _, known := range []*exchange.Announcement{held, k.approved[a.Peer]} {
		if known != nil {
			floor = max(floor, known.Sequence)
		}
	}
	if a.Peer == k.self.id {
		return "", refused("give it to the other sites", "is this component's own card")
	}
	if d := trust.Decide(k.list, present, a, now); d.Verdict == trust.VerdictRevoked || d.Verdict == trust.VerdictDenied {
		return "", refused("if that was a mistake: fbpeer trust forget "+a.Component+"@"+a.Peer.String(), "%s is %s: %s", a.Component, d.Verdict, sentences(d.Reasons))
	}
	if held != nil && held.Hash == a.Hash {
		return api.CardHeld, nil
	}
	if fault := untimely(a, now); fault != nil {
		return "", fault
	}
	switch {
	case held != nil && held.Sequence == a.Sequence:
		return "", refused("ask that site: two machines may run with one identity", "%s has signed another announcement with the same number, which is held here", a.Component)
	case a.Sequence >= floor:
		return api.CardImported, nil
	case held != nil && sameHeld(held, a):
		return api.CardOlder, nil
	case held != nil:
		return "", refused("ask that site for a new card: fbpeer card export", "%s has announced other values since: this card was issued on %s, and what is held here on %s",
			a.Component, a.Issued.Format(time.RFC3339), held.Issued.Format(time.RFC3339))
	}
	return "", refused("ask that site for a new card: fbpeer card export", "a later announcement of %s was seen than this card, which was issued on %s", a.Component, a.Issued.Format(time.RFC3339))
}

// untimely says why a card is of no use now.
func untimely(a *exchange.Announcement, now time.Time) *api.Error {
	var refusal *exchange.Refusal
	if !errors.As(a.Record().CheckCard(now), &refusal) {
		return nil
	}
	const again = "ask that site for a new one: fbpeer card export"
	switch refusal.Code {
	case exchange.CodeExpired:
		return refused(again, "the card of %s has run out: it lived until %s", a.Component, a.Expires.Format(time.RFC3339))
	case exchange.CodeAhead:
		return refused("compare the clocks of both machines", "the card of %s was issued on %s, which this machine's clock has not reached", a.Component, a.Issued.Format(time.RFC3339))
	}
	return refused(again, "%v", refusal)
}

// importCards takes the cards over that judgeCards found new: all, or, where one cannot be stored, none. They are durable then.
func (k *core) importCards(all []incoming, by string, now time.Time) *api.Error {
	var done []incoming
	for _, in := range all {
		if in.outcome != api.CardImported {
			continue
		}
		if err := k.store.writeImported(in.card); err != nil {
			k.takeBack(done)
			return &api.Error{Code: api.CodeFailed, Text: "a card could not be stored, nothing was imported: " + err.Error()}
		}
		done = append(done, in)
	}
	for _, in := range done {
		a := in.card.Announcement
		k.adopt(in.card, now.UTC())
		k.takeNumbered(in.card)
		if err := k.store.removeCard(dirHeard, a.Peer); err != nil {
			k.options.Log.Warn().Err(err).Msg("an announcement that a card has overtaken could not be removed")
		}
		k.record(trust.LogRecord{Event: trust.EventImported, Component: a.Component, Peer: a.Peer.String(), Fingerprint: a.Fingerprint().String(), By: by,
			Text: "a card, of " + a.Endpoint.String() + ", issued " + a.Issued.Format(time.RFC3339)}, now)
	}
	return nil
}

// takeBack restores what lay in the place of cards that were stored.
func (k *core) takeBack(done []incoming) {
	for _, in := range done {
		id := in.card.Announcement.Peer
		err := k.store.removeCard(dirImported, id)
		if former, ok := k.imported[id]; ok {
			err = k.store.writeImported(former)
		}
		if err != nil {
			k.options.Log.Warn().Err(err).Msg("a card of an import that failed could not be removed")
		}
	}
}

// putImported gives a table what was imported.
func (k *core) putImported(t *exchange.Table, all []incoming, now time.Time) {
	for _, in := range all {
		if in.outcome != api.CardImported {
			continue
		}
		records := []exchange.Record{k.row(in.card.Announcement)}
		for _, n := range in.card.Numbered {
			records = append(records, k.row(n))
		}
		for _, r := range records {
			if _, err := t.Put(r, "", true, now); err != nil {
				k.options.Log.Debug().Err(err).Msg("a record of an imported card in the table")
			}
		}
	}
}

// importResult is the answer, from the snapshot after the import.
func (k *core) importResult(all []incoming, done outcome, s api.Snapshot) api.ImportResult {
	result := api.ImportResult{Outcome: k.outcome(done, s)}
	for _, in := range all {
		id := in.card.Announcement.Peer.String()
		for _, p := range s.Peers {
			if p.PeerID == id {
				result.Cards = append(result.Cards, api.Imported{File: in.file, Outcome: in.outcome, Peer: p})
			}
		}
	}
	return result
}

// Export makes a card, and publishes an announcement above it.
func (a *Agent) Export(ctx context.Context, r api.ExportRequest) (api.Card, error) {
	return inLoop(ctx, a, func(ctx context.Context, l *loop) (api.Card, error) {
		now := l.options.Now()
		l.lookAtOwn(now)
		before := l.core.self.announcement
		card, err := l.core.exportCard(r, l.core.ownFloor(l.table), now)
		if l.core.self.announcement != before { // even where no card came of it
			l.putOwn(now)
			l.tell(ctx)
		}
		return card, err
	})
}

// Import takes cards over.
func (a *Agent) Import(ctx context.Context, r api.ImportRequest) (api.ImportResult, error) {
	if fault := checkBy(r.By, ""); fault != nil {
		return api.ImportResult{}, fault
	}
	all, fault := openCards(r, a.core.federation)
	if fault != nil {
		return api.ImportResult{}, fault
	}
	return inLoop(ctx, a, func(_ context.Context, l *loop) (api.ImportResult, error) {
		now := l.options.Now()
		floor := func(id peer.ID) uint64 { return l.table.Floor(exchange.ID{Kind: exchange.KindAnnouncement, Peer: id}) }
		if fault := l.core.judgeCards(all, floor, now); fault != nil {
			return api.ImportResult{}, fault
		}
		if fault := l.core.importCards(all, r.By, now); fault != nil {
			return api.ImportResult{}, fault
		}
		l.core.putImported(l.table, all, now)
		done := l.settle()
		return l.core.importResult(all, done, l.publish(l.network())), nil
	})
}

// Export makes a card from the stores.
func (o *offline) Export(ctx context.Context, r api.ExportRequest) (api.Card, error) {
	return locking(ctx, o, func(running Controller) (api.Card, error) { return running.Export(ctx, r) },
		func() (api.Card, error) { return o.export(r) })
}

func (o *offline) export(r api.ExportRequest) (api.Card, error) {
	k, err := o.loadToWrite()
	if err != nil {
		return api.Card{}, err
	}
	k.look()
	return k.exportCard(r, k.self.sequence.last, o.options.Now())
}

// Import takes cards into the stores, with the same commit as a running agent.
func (o *offline) Import(ctx context.Context, r api.ImportRequest) (api.ImportResult, error) {
	if fault := checkBy(r.By, ""); fault != nil {
		return api.ImportResult{}, fault
	}
	return locking(ctx, o, func(running Controller) (api.ImportResult, error) { return running.Import(ctx, r) },
		func() (api.ImportResult, error) { return decideStored(o, importing(r)) })
}

// importing takes cards into the stores.
func importing(r api.ImportRequest) decision[api.ImportResult] {
	var all []incoming
	return decision[api.ImportResult]{
		do: func(k *core, now time.Time) (outcome, *api.Error) {
			var fault *api.Error
			if all, fault = openCards(r, k.federation); fault != nil {
				return outcome{}, fault
			}
			if fault := k.judgeCards(all, func(peer.ID) uint64 { return 0 }, now); fault != nil {
				return outcome{}, fault
			}
			if fault := k.importCards(all, r.By, now); fault != nil {
				return outcome{}, fault
			}
			return k.settle(now), nil
		},
		answer: func(k *core, done outcome, s api.Snapshot) api.ImportResult { return k.importResult(all, done, s) },
	}
}
