package agent

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fbpeer/agent/api"
	"fbpeer/config"
	"fbpeer/exchange"
	"fbpeer/mpspdz"
	"fbpeer/trust"
)

// chained is what the authorities that are set here make of one certificate.
type chained struct {
	chain []*mpspdz.Authority
	err   error // of mpspdz.Authorities.Chain
}

// maxChains bounds what is remembered of certificates that anybody may announce.
const maxChains = 4096

// signers says who signed a certificate, up to a root. It is remembered: the answer costs a signature's verification.
func (k *core) signers(c *mpspdz.Certificate) ([]*mpspdz.Authority, error) {
	if !c.CASigned() {
		return nil, nil
	}
	known, ok := k.chains[c.SHA256()]
	if !ok {
		if len(k.chains) >= maxChains {
			clear(k.chains)
		}
		known.chain, known.err = k.authorities.Chain(c)
		k.chains[c.SHA256()] = known
	}
	return known.chain, known.err
}

// setAuthorities takes over the authorities that the operator's files hold now. What follows is the next commit's.
func (k *core) setAuthorities(now time.Time, as mpspdz.Authorities) {
	if as.Equal(k.authorities) {
		return
	}
	k.authorities = as
	clear(k.chains)
	if err := k.openLog(now); err != nil { // it is told when the log can be opened
		k.options.Log.Error().Err(err).Str("event", trust.EventAuthorities).Msg("the log cannot be written")
		return
	}
	k.tellAuthorities(now)
}

// tellAuthorities records which authorities are set where the log does not know it, at a start too. First the line, then authorities.seen,
// which says what the log knows: after a crash in between it is told again.
func (k *core) tellAuthorities(now time.Time) {
	if !k.chain.known { // a line before could not be written: the next look at the log's end tells it
		return
	}
	if k.trusted == nil {
		known, err := os.ReadFile(k.store.path(fileTrusted))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			k.options.Log.Error().Err(err).Msg("which authorities the log knows cannot be told")
			return
		}
		k.trusted = append([]byte{}, known...)
	}
	all := k.authorities.All()
	lines := make([]string, 0, len(all))
	for _, a := range all {
		lines = append(lines, a.SHA256().String()+"\n")
	}
	slices.Sort(lines)
	present := []byte(strings.Join(lines, ""))
	if bytes.Equal(present, k.trusted) {
		return
	}
	r := trust.LogRecord{Event: trust.EventAuthorities, Text: "no authorities are set any more"}
	if len(all) > 0 {
		r.Text = "authorities set: " + authoritiesText(all)
	}
	err := k.appendLog(r, now)
	if err == nil {
		k.tell(r, now)
		k.changed = now
		err = k.store.write(k.store.path(fileTrusted), present)
	}
	if err != nil {
		k.options.Log.Error().Err(err).Str("event", r.Event).Msg("the log cannot be written")
		return
	}
	k.trusted = present
}

// authoritiesText names authorities, sorted.
func authoritiesText(all []*mpspdz.Authority) string {
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = a.Subject()
	}
	slices.Sort(names)
	return strings.Join(names, " and ")
}

// signedSet passes a set on if this site has set the authorities of all its members: whatever was approved, nobody else's is in a set.
func (k *core) signedSet(set mpspdz.PartySet, err error) (mpspdz.PartySet, error) {
	if err == nil {
		_, err = set.Authorities(k.authorities)
	}
	if err != nil {
		return mpspdz.PartySet{}, err
	}
	return set, nil
}

// untrust takes all player files out of force where an agent cannot start because its own certificate needs an authority that is not set any
// more: what stands there may trust that one, and no commit will come that writes it anew. err is why it cannot start.
func untrust(c *config.Config, s store, err error) error {
	var rule *mpspdz.CertificateError
	if !errors.As(err, &rule) || rule.Rule != mpspdz.RuleAuthority {
		return err
	}
	root := escapeGlob(c.PlayersDir)
	all := func(string) bool { return true }
	return errors.Join(err, s.unlinkPlayers(root, all), s.unlinkPlayers(filepath.Join(root, "sets", "*"), all))
}

// unknownAuthority refuses the approval of a certificate of an authority that is not set here.
func (k *core) unknownAuthority(a *exchange.Announcement) *api.Error {
	if !k.sameKind(a) {
		return nil // that is refused for another reason
	}
	_, err := k.signers(a.Certificate)
	var rule *mpspdz.CertificateError
	if !errors.As(err, &rule) {
		return nil
	}
	return refused(mpspdz.CureAuthority+". Where that authority stands in player files, "+mpspdz.AuthorityDanger,
		"%s cannot be approved with this certificate: %s", a.Component, rule.Detail)
}

// signerWarning is about who signed the certificate that an operator decides on, or has decided on.
func (k *core) signerWarning(a *exchange.Announcement, decided bool) (w api.Warning, warn bool) {
	if a == nil || !a.Certificate.CASigned() || !k.sameKind(a) {
		return w, false
	}
	chain, err := k.signers(a.Certificate)
	var rule *mpspdz.CertificateError
	switch {
	case errors.As(err, &rule):
		return api.Warning{Code: api.WarnUnknownAuthority, Cure: mpspdz.CureAuthority,
			Text: "its certificate is not self-signed: " + rule.Detail + ". It cannot be approved, nor stand in a set"}, true
	case decided: // what is in force is told of the set
		return w, false
	}
	return api.Warning{Code: api.WarnSignedByAuthority,
		Text: "its certificate was signed by " + mpspdz.ChainShown(chain) + ". Where that authority stands in player files (certificates = own), " +
			mpspdz.AuthorityDanger,
		Cure: "ask that site for a self-signed certificate, or keep to [players] certificates = per-party"}, true
}

// authoritiesInForce warns while an authority stands in player files that are in force.
func (k *core) authoritiesInForce() []api.Warning {
	var all []*mpspdz.Authority
	for _, p := range k.sets() {
		for _, a := range p.signers {
			if p.inForce() && !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []api.Warning{{Code: api.WarnAuthorityInForce,
		Text: "the player files in force trust " + authoritiesText(all) + ", as [trust] authorities says: " + mpspdz.AuthorityDanger,
		Cure: "[players] certificates = per-party, at all sites, or self-signed certificates need no authority"}}
}
