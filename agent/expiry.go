package agent

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"fbpeer/agent/api"
	"fbpeer/agent/notify"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// fileExpiry remembers of which certificates it was told that they end: a line for each, its SHA-256 and the days.
const fileExpiry = "expiry.told"

// maxExpiryTold bounds what is remembered of certificates that nobody uses any more.
const maxExpiryTold = 1024

// expiryDue is the number of days, one of notify.ExpiryDays, of which it is to be told now: the nearest one that has come, unless it was told
// already. Those that were passed over while no agent ran are not made up for. A clock that is set back or forth never repeats one.
func expiryDue(end, now time.Time, told []int) (days int, due bool) {
	days = notify.NearestDay(end, now)
	return days, days > 0 && !slices.Contains(told, days)
}

// expiring is a certificate whose end the operator should know of.
type expiring struct {
	certificate *mpspdz.Certificate
	component   string
	whose       string // in a text
	cure        string
}

// watched are the own certificate, the staged one, and those that are approved, each once.
func (k *core) watched() []expiring {
	own, cure := k.self.registration.Certificate, "make one that the others can approve ahead: fbpeer cert generate --next"
	if k.self.next != nil {
		cure = "use the staged one, once all have approved it ahead: fbpeer cert activate"
	}
	all := []expiring{{own, k.config.Component.ID, "this site", cure}}
	if k.self.next != nil {
		all = append(all, expiring{k.self.next, k.config.Component.ID, "the staged key of this site", "make another one: fbpeer cert generate --next --force"})
	}
	for _, component := range slices.Sorted(maps.Keys(k.evaluation.InForce)) {
		all = append(all, k.expiringOf(k.evaluation.InForce[component]))
	}
	return all
}

// expiringOf is the certificate of a peer that is in force.
func (k *core) expiringOf(a *exchange.Announcement) expiring {
	return expiring{a.Certificate, a.Component, k.called(a.Component), cureOfPeer(a, k.aheadOf(a.Component))}
}

// called is a component's alias if it has one.
func (k *core) called(component string) string { return cmp.Or(k.alias(component), component) }

// cureOfPeer is what can be done about a peer's certificate.
func cureOfPeer(a *exchange.Announcement, ahead mpspdz.Hash) string {
	switch {
	case !ahead.IsZero():
		return "its next key is approved ahead here: its site changes to it by fbpeer cert activate"
	case !a.Next.IsZero():
		return "its site has announced its next key: fbpeer trust approve " + a.Component
	}
	return "ask that site to prepare a new one: fbpeer cert generate --next"
}

// expiryText says when a certificate ends. It depends on nothing that passes, so that a line of the log can be known again.
func (e expiring) text() string {
	return fmt.Sprintf("the certificate %s of %s ends on %s", e.certificate.SHA256(), e.whose, e.certificate.NotAfter().UTC().Format(time.RFC3339))
}

// standing is the warning that stays until a certificate is replaced or has run out, from 60 days before its end on.
func (e expiring) standing(now time.Time) (api.Warning, bool) {
	end := e.certificate.NotAfter()
	if notify.NearestDay(end, now) == 0 || now.After(end) {
		return api.Warning{}, false
	}
	left := end.Sub(now)
	in := fmt.Sprintf("in %d days", int(left.Hours()/24))
	switch {
	case left < 24*time.Hour:
		in = "within a day"
	case left < 48*time.Hour:
		in = "in 1 day"
	}
	return api.Warning{Code: api.WarnCertificateExpires, Cure: e.cure, Certificate: e.certificate.SHA256().String(),
		Text: fmt.Sprintf("the MP-SPDZ certificate of %s ends %s, on %s: runs fail from then on", e.whose, in, end.UTC().Format(time.DateOnly))}, true
}

// tellExpiry logs each certificate that has come to one of notify.ExpiryDays, once for each, also over restarts and crashes: the line of the log
// comes first, and where a crash lost what is remembered of it, it is still the last one there.
func (k *core) tellExpiry(now time.Time) error {
	for _, e := range k.watched() {
		id := e.certificate.SHA256()
		days, due := expiryDue(e.certificate.NotAfter(), now, k.expiryTold[id])
		if !due {
			continue
		}
		record := trust.LogRecord{Event: trust.EventExpires, Component: e.component, Text: fmt.Sprintf("%s (notice of %d days)", e.text(), days)}
		if !k.logEndsWith(record, now) {
			k.record(record, now)
		}
		told := maps.Clone(k.expiryTold)
		told[id] = append(slices.Clone(told[id]), days)
		k.forgetTold(told)
		if err := k.store.write(k.store.path(fileExpiry), expiryFile(told)); err != nil {
			return err
		}
		k.expiryTold = told
	}
	return nil
}

// forgetTold drops what is remembered of certificates that are not watched any more, once there are too many.
func (k *core) forgetTold(told map[mpspdz.Hash][]int) {
	if len(told) <= maxExpiryTold {
		return
	}
	watched := map[mpspdz.Hash]bool{}
	for _, e := range k.watched() {
		watched[e.certificate.SHA256()] = true
	}
	maps.DeleteFunc(told, func(id mpspdz.Hash, _ []int) bool { return !watched[id] })
}

func expiryFile(told map[mpspdz.Hash][]int) []byte {
	var lines []string
	for id, days := range told {
		line := id.String()
		for _, d := range days {
			line += " " + strconv.Itoa(d)
		}
		lines = append(lines, line+"\n")
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}

// readExpiry reads what was told. A missing file is none; what cannot be read of it is told once more.
func (s store) readExpiry() (map[mpspdz.Hash][]int, error) {
	told := map[mpspdz.Hash][]int{}
	data, err := os.ReadFile(s.path(fileExpiry))
	if errors.Is(err, fs.ErrNotExist) {
		return told, nil
	}
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		id, err := mpspdz.ParseHash(words[0])
		if err != nil {
			continue
		}
		for _, word := range words[1:] {
			if d, err := strconv.Atoi(word); err == nil && slices.Contains(notify.ExpiryDays, d) {
				told[id] = append(told[id], d)
			}
		}
	}
	return told, err
}
